"""The largest batch is found from what a text keeps, and found once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.families import FAMILIES, tiny_model
from tests.train.kill import apply_until_done, checkpoint_often, saved_bytes
from tests.train.tiny import LABELS, tiny_run, tiny_task

from llamita.core.errors import UserError
from llamita.core.step import Step
from llamita.learn.finetune import Finetune
from llamita.learn.pretrain import Pretrain
from llamita.train import room
from llamita.train.examples import Examples
from llamita.train.room import PASSING, SHARE, fixed_bytes, kept_bytes, tokens_that_fit


def of_lengths(*lengths: int) -> Examples:
    return Examples(encoded=[([5] * length, [0] * length) for length in lengths])


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_kept_grows_with_the_rows_and_faster_than_the_length(family: str) -> None:
    model = tiny_model(family)
    end = model.module.config.eos_token_id if family == "bart" else 5
    examples = Examples(encoded=[([5] * (length - 1) + [end], [0] * length) for length in (8, 32, 64)])
    short, long, longest = (kept_bytes(model, examples, [i], bf16=False)[0] for i in range(3))
    assert 4 * short < long * 1.2
    assert 2 * long < longest < 4 * long
    assert not model.module.training


def test_a_loss_of_hidden_states_keeps_them_and_is_counted() -> None:
    model, examples = tiny_model("bert"), of_lengths(8, 40)
    width = model.module.config.hidden_size
    target = torch.zeros(1, 40, width)

    def of_states(outputs: Any, inputs: Any, targets: Any) -> Any:
        return {"loss": ((outputs.hidden_states[1] - target) ** 2).mean()}

    plain = kept_bytes(model, examples, [1], bf16=False)[0]
    assert kept_bytes(model, examples, [1], bf16=False, of_states=of_states)[0] >= plain + 4 * target.numel()


def test_half_the_memory_is_filled_and_the_number_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, examples = tiny_model("bert"), of_lengths(8, 40)
    kept = kept_bytes(model, examples, [1], bf16=False)[0]
    memory = int((fixed_bytes(model.module) + PASSING * kept * 7.5) / SHARE)
    monkeypatch.setattr("llamita.train.room.memory_bytes", lambda: memory)
    run = tiny_run(tmp_path, tiny_task(8))
    assert tokens_that_fit(model, examples, run, "fp32") == 7 * 40
    monkeypatch.setattr("llamita.train.room.memory_bytes", lambda: 2 * memory)
    assert tokens_that_fit(model, examples, run, "fp32") == 7 * 40
    assert json.loads((tmp_path / "room.json").read_text())["max_tokens"] == 280


def test_of_a_gpu_what_is_free_counts_and_what_torch_holds_there_already(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (300, 1000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 50)
    assert room._memory("cuda") == 350


def test_shared_out_the_weights_take_their_part_but_once_in_a_training_they_are_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = tiny_model("bert").module
    whole, weights = fixed_bytes(module), 4 * sum(p.numel() for p in module.parameters())
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    for processes, expected in ((2, whole // 2), (8, weights)):
        monkeypatch.setenv("WORLD_SIZE", str(processes))
        assert fixed_bytes(module) == expected


def test_a_text_that_never_fits_is_refused_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llamita.train.room.memory_bytes", lambda: 1000)
    with pytest.raises(UserError, match=r"a text of 40 tokens needs .* set max_length .*below 40"):
        tokens_that_fit(tiny_model("bert"), of_lengths(8, 40), tiny_run(tmp_path, tiny_task(8)), "fp32")


@pytest.mark.parametrize(
    ("step", "memory"),
    [
        (Finetune(epochs=1, batch_size=16, max_tokens=0, packing="off"), 60_000_000),
        (Pretrain(epochs=8, batch_size=99, max_tokens=0, window=16, copies="keep", filtered=False), 24_000_000),
    ],
)
def test_a_training_killed_and_resumed_with_less_memory_keeps_its_batches(
    step: Step, memory: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint_often(monkeypatch, 2)
    task = tiny_task(48)
    found = iter([memory, memory, 20_000_000])
    monkeypatch.setattr("llamita.train.room.memory_bytes", lambda: next(found))
    ends = []
    for name, kills in (("plain", []), ("killed", [2])):
        run = tiny_run(tmp_path / name, task)
        model, _ = apply_until_done(step, lambda: tiny_model("bert", labels=LABELS), run, kills, monkeypatch)
        ends.append(saved_bytes(model, tmp_path / name / "saved"))
    assert ends[0] == ends[1]


def test_a_batch_beyond_memory_stays_the_batch_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Steps and losses are those of a machine with more memory, to rounding."""
    caplog.set_level("INFO", "llamita")
    how = {"max_tokens": 0, "dropout": False, "precision": "fp32", "learning_rate": 1e-3}
    for step, few in (
        (Finetune(epochs=2, batch_size=12, packing="off", **how), 5),
        (Finetune(epochs=2, batch_size=12, packing="on", **how), 5),
        (Pretrain(epochs=2, batch_size=9, window=16, copies="keep", filtered=False, **how), 4),
    ):
        curves = []
        for rows in (10**6, few):
            with monkeypatch.context() as patch:
                room_for(patch, rows)
                run = tiny_run(tmp_path / f"{type(step).__name__}-{getattr(step, 'packing', '')}-{rows}", tiny_task(30))
                step.apply(tiny_model("bert", labels=LABELS), run)
            lines = (run.folder / "metrics.jsonl").read_text().splitlines()
            curves.append([json.loads(line) for line in lines])
        assert len(curves[0]) == len(curves[1]) > 3
        for large, small in zip(*curves, strict=True):
            assert small == pytest.approx(large, rel=2e-5)
    assert "tokens fit in memory; larger ones are computed in parts" in caplog.text


def room_for(patch: pytest.MonkeyPatch, rows: int) -> None:
    """Let so many of the longest rows fit beside the outputs of their batch."""
    real = room.kept_bytes

    def memory() -> int:
        return int((found["fixed"] + 1 + PASSING * found["kept"] * rows + found["outputs"]) / SHARE)

    def kept(model: Any, *given: Any, **named: Any) -> tuple[int, int]:
        one, of_loss = real(model, *given, **named)
        found.update(fixed=fixed_bytes(model.module), kept=one, outputs=12 * of_loss)
        return one, of_loss

    found: dict[str, int] = {}
    patch.setattr("llamita.train.room.kept_bytes", kept)
    patch.setattr("llamita.train.room.memory_bytes", memory)


def test_outputs_of_a_batch_that_memory_cannot_hold_are_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, examples = tiny_model("bert"), of_lengths(8, 40)
    kept = kept_bytes(model, examples, [1], bf16=False)[0]
    memory = int((fixed_bytes(model.module) + 2 * PASSING * kept) / SHARE)
    monkeypatch.setattr("llamita.train.room.memory_bytes", lambda: memory)
    run = tiny_run(tmp_path, tiny_task(8))
    with pytest.raises(
        UserError, match=r"a batch of 10000000 texts needs .* even in parts, .*; take a smaller batch_size"
    ):
        tokens_that_fit(model, examples, run, "fp32", batch_size=10**7)
    assert tokens_that_fit(model, examples, run, "fp32", batch_size=30) == 40
