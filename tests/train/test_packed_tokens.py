"""Dialogues side by side in a row give the logits, the loss and the gradient of dialogues in rows of their own."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.families import FAMILIES
from tests.talks import chat_model, talk, uneven_task
from tests.train.kill import apply_until_done, checkpoint_often, saved_bytes

from llamita.core.architecture import architecture_named
from llamita.core.context import Run
from llamita.core.model import Model
from llamita.data.dialogues import written
from llamita.learn.finetune import Finetune
from llamita.train.accumulation import num_parts
from llamita.train.dialogues import TEMPLATES, dialogue_examples
from llamita.train.examples import BatchSource
from llamita.train.language import LanguageLoss, TokenExamples, Tokens
from llamita.train.language_loss import NO_TARGET
from llamita.train.layout import lay_out
from llamita.train.packed import arranged
from llamita.train.packed_tokens import PackedTokens, side_by_side
from llamita.train.room import PASSING, SHARE, fixed_bytes, kept_bytes

CAUSAL = [family for family in FAMILIES if architecture_named(family).is_decoder_only]
TALKS = [
    talk("is the film funny", "it is warm and funny", "and the plot?", "thin, but moving. 很好"),
    talk("dull?", "no"),
    talk("name all that is wrong with it", "the acting, the plot and the end " * 4),
    talk("a film " * 20, "long"),
    talk("好", "好"),
    talk("short?", "yes", "good?", "yes", "moving?", "no"),
    talk("one more", "one of the best films of the year"),
]


def examples_of(model: Model) -> TokenExamples:
    return dialogue_examples(model, [written(one) for one in TALKS], None)[0]


def losses_of(
    model: Model, source: BatchSource, batches: list[np.ndarray]
) -> tuple[list[float], dict[str, torch.Tensor]]:
    """The loss of each batch, and the gradient of their sum."""
    model.module.zero_grad()
    found = []
    for indices in batches:
        batch = source.batch(model, indices)
        outputs = source.outputs(model.module, batch["inputs"])
        loss = LanguageLoss(smoothing=0.1)(outputs, batch["inputs"], batch["targets"])["loss"]
        loss.backward()
        found.append(float(loss.detach()))
    gradients = {name: p.grad.clone() for name, p in model.module.named_parameters() if p.grad is not None}
    return found, gradients


@pytest.mark.parametrize("family", CAUSAL)
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_losses_and_gradients_are_those_of_dialogues_in_rows_of_their_own(family: str, attention: str) -> None:
    """The loss means over the answers' tokens of the batch, wherever they stand; rows may be longer than the model reads."""
    model = chat_model(TEMPLATES["plain"], family)
    model.module.set_attn_implementation(attention)
    model.module.eval()
    examples = examples_of(model)
    batches = [np.arange(7), np.array([1]), np.array([4, 3, 2, 0])]
    plain, gradients = losses_of(model, examples, batches)
    packed, of_packed = losses_of(model, PackedTokens(examples=examples), batches)
    assert packed == pytest.approx(plain, rel=1e-5)
    assert set(of_packed) == set(gradients)
    for name, gradient in gradients.items():
        torch.testing.assert_close(of_packed[name], gradient, atol=2e-5, rtol=1e-4, msg=lambda m, n=name: f"{n}: {m}")


def test_logits_at_each_token_are_those_of_the_dialogue_alone() -> None:
    """In a row that is longer than the positions the model has learned."""
    model = chat_model(TEMPLATES["plain"], "gpt2")
    model.module.eval()
    rows = [*examples_of(model).rows] * 2
    joined = side_by_side(rows)
    assert len(joined.ids) > model.module.config.n_positions
    source = TokenExamples(rows=[joined], lengths=[len(joined.ids)])
    with torch.no_grad():
        states = source.outputs(model.module, source.batch(model, np.arange(1))["inputs"]).states[0]
        start = 0
        for row in rows:
            alone = model.module.base_model(torch.as_tensor(row.ids)[None]).last_hidden_state[0]
            torch.testing.assert_close(states[start : start + len(alone)], alone, atol=1e-4, rtol=1e-4)
            start += len(alone)


def test_nothing_is_foretold_across_a_border() -> None:
    """Dialogues whose first and last tokens are targets, 5 6 7 and 8 9, and what comes after one of them: another, or padding."""
    model = chat_model()
    none = NO_TARGET
    first = Tokens(np.array([5, 6, 7]), np.array([5, none, 7]))
    second, third = Tokens(np.array([8, 9]), np.array([8, 9])), Tokens(np.array([4] * 6), np.array([none] * 5 + [4]))
    source = PackedTokens(examples=TokenExamples(rows=[first, second, third], lengths=[3, 2, 6]))
    joined = side_by_side([first, second])
    assert [array.tolist() for array in (joined.ids, joined.targets, joined.segments)] == [
        [5, 6, 7, 8, 9], [5, none, 7, 8, 9], [0, 0, 0, 1, 1],
    ]  # fmt: skip
    batch = source.batch(model, np.arange(3))
    pad = model.module.config.pad_token_id
    assert batch["inputs"]["input_ids"].tolist() == [[4, 4, 4, 4, 4, 4, 5, 6, 7, 8, 9]]
    assert batch["targets"]["tokens"].tolist() == [[none] * 4 + [4] + [none] * 2 + [7, none, 9, none]]
    two = PackedTokens(examples=TokenExamples(rows=[first, second, first], lengths=[3, 2, 3]))
    batch = two.batch(model, np.arange(3))
    assert batch["inputs"]["input_ids"].tolist() == [[5, 6, 7, 8, 9], [5, 6, 7, pad, pad]]
    assert batch["targets"]["tokens"].tolist() == [[none, 7, none, 9, none], [none, 7, none, none, none]]


def test_auto_packs_dialogues_as_it_packs_texts_and_off_does_not(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, run = chat_model(), Run(folder=Path("none"))
    examples = examples_of(model)
    even = TokenExamples(rows=[examples.rows[0]] * 9, lengths=[examples.lengths[0]] * 9)
    step = SimpleNamespace(batch_size=7, epochs=2.0, max_tokens=999, packing="auto")
    with caplog.at_level(logging.INFO, "llamita"):
        assert arranged(step, model, even, run)[0] is even
        source, batches, at_once = arranged(step, model, examples, run)
        assert isinstance(source, PackedTokens)
        assert at_once == 0
        assert sorted(int(i) for batch in batches for i in batch) == sorted([*range(7)] * 2)
        with monkeypatch.context() as patch:
            patch.setattr("llamita.train.packed.packing_gain", lambda *_: 0.99)
            assert arranged(step, model, examples, run)[0] is examples
        step.packing = "off"
        assert arranged(step, model, examples, run)[0] is examples
        step.packing = "on"
        assert isinstance(arranged(step, model, even, run)[0], PackedTokens)
    padded = 1 - sum(examples.lengths) / (7 * max(examples.lengths))
    assert f"texts are packed into rows; in batches of like length padding would be {100 * padded:.1f} %" in caplog.text


def test_the_parts_of_a_packed_batch_keep_what_the_search_has_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows may be wider than the longest dialogue, and attention, which is nearly all of so narrow a model, keeps the square."""
    model = chat_model()
    sizes = np.random.default_rng(0).integers(3, 100, size=60).tolist()
    rows = [Tokens(np.full(size, 5), np.full(size, 5)) for size in sizes]
    examples = TokenExamples(rows=rows, lengths=sizes)
    one, outputs = kept_bytes(model, PackedTokens(examples=examples), [int(np.argmax(sizes))], bf16=False)
    step = SimpleNamespace(batch_size=99, epochs=1.0, max_tokens=0, packing="on", precision="fp32")
    for fit in (1, 3, 6):
        room = PASSING * one * fit
        memory = int((fixed_bytes(model.module) + room + 99 * outputs) / SHARE) + 9
        monkeypatch.setattr("llamita.train.room.memory_bytes", lambda memory=memory: memory)
        run = Run(folder=tmp_path / str(fit))
        run.folder.mkdir()
        source, (batch,), at_once = arranged(step, model, examples, run)
        assert len(batch) == len(examples.lengths), "the batch that was asked for"
        inputs, held = source.batch(model, batch)["inputs"], []
        number = num_parts(inputs, at_once)
        for place in range(number):
            part = source.part(inputs, place, number)[0]
            alone = SimpleNamespace(
                lengths=source.lengths, outputs=source.outputs, batch=lambda *_, part=part: {"inputs": part, "targets": {}}
            )  # fmt: skip
            held.append(kept_bytes(model, alone, [0], bf16=False)[0])
        assert max(held) <= room
        assert max(held) >= 0.5 * one * fit


def test_a_packed_training_on_dialogues_that_is_killed_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint_often(monkeypatch, 2)
    step = Finetune(epochs=2, batch_size=8, packing="on", learning_rate=1e-3, max_tokens=200)
    ends = []
    for name, kills in (("plain", []), ("killed", [3, 4])):
        run = Run(folder=tmp_path / name, task=uneven_task(24), seed=0)
        model, _ = apply_until_done(step, lambda: chat_model(TEMPLATES["plain"], "gpt2"), run, kills, monkeypatch)
        ends.append((saved_bytes(model, tmp_path / f"{name}-saved"), (tmp_path / name / "metrics.jsonl").read_bytes()))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("ranks", [2, 3])
def test_the_parts_of_several_processes_are_the_batch(ranks: int) -> None:
    model = chat_model()
    model.module.eval()
    source, loss = PackedTokens(examples=examples_of(model)), LanguageLoss()
    whole = source.batch(model, np.arange(7))
    with torch.no_grad():
        wanted = loss(source.outputs(model.module, whole["inputs"]), whole["inputs"], whole["targets"])["loss"]
        total, count = 0.0, 0
        for rank in range(ranks):
            own, rows = source.part(whole["inputs"], rank, ranks)
            targets = {name: value[rows] for name, value in whole["targets"].items()}
            if rows.start == rows.stop:
                continue
            here = int(loss.counted(own, targets))
            total += float(loss(source.outputs(model.module, own), own, targets)["loss"]) * here
            count += here
    assert total / count == pytest.approx(float(wanted), rel=1e-5)
    assert len(whole["inputs"]["input_ids"]) == len(lay_out(source.lengths)) > 1
