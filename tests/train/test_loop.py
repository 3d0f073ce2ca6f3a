"""The loop's own promises: schedule, weight decay, checkpoints, metrics."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.families import tiny_model
from tests.train.tiny import tiny_run, tiny_task
from torch import nn

from llamita.core.errors import UserError
from llamita.train.batches import training_batches
from llamita.train.checkpoint import Checkpoints
from llamita.train.examples import Examples, encode
from llamita.train.loop import fit, make_optimizer
from llamita.train.losses import cross_entropy
from llamita.train.pace import default_learning_rate, rate_share, steps_between_checkpoints
from llamita.train.settings import LoopSettings


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_the_rate_rises_then_falls_to_nothing() -> None:
    shares = [rate_share(step, 20, 0.2, "linear") for step in range(21)]
    assert shares[:4] == [0.2, 0.4, 0.6, 0.8]
    assert shares[4] == 1.0
    assert shares[12] == pytest.approx(0.5)
    assert shares[20] == 0.0
    assert rate_share(12, 20, 0.2, "cosine") == pytest.approx(0.5)
    assert rate_share(19, 20, 0.0, "constant") == 1.0
    assert rate_share(0, 1, 0.0, "linear") == 1.0


def test_norms_and_biases_have_no_weight_decay_and_the_losses_own_parts_learn_faster() -> None:
    parameters = {
        "module.dense.weight": nn.Parameter(torch.ones(2, 2)), "module.norm.weight": nn.Parameter(torch.ones(2)),
        "loss.projection.weight": nn.Parameter(torch.ones(2, 2)),
    }  # fmt: skip
    optimizer = make_optimizer(parameters, LoopSettings(learning_rate=0.1, weight_decay=0.5))
    assert [(group["lr"], group["weight_decay"]) for group in optimizer.param_groups] == [
        (0.1, 0.5),
        (0.1, 0.0),
        (1.0, 0.5),
    ]


def test_one_step_is_adamw_on_the_clipped_gradient(tmp_path: Path) -> None:
    task, model = tiny_task(8), tiny_model("bert")
    for part in model.module.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    encoded = encode(model, task.train.texts, task)
    gold = np.asarray(task.train.labels)
    weight = model.module.classifier.weight
    before = weight.detach().clone()
    batch = model.encoder.pad(encoded)
    outputs = model.module(**model.inputs(batch.token_ids, batch.mask, batch.type_ids))
    cross_entropy(outputs.logits, torch.as_tensor(gold)).backward()
    norm = torch.nn.utils.get_total_norm([p.grad for p in model.module.parameters() if p.grad is not None])
    gradient = weight.grad / max(1.0, norm.item() / 0.01)
    model.module.zero_grad(set_to_none=True)
    settings = LoopSettings(learning_rate=0.1, weight_decay=0.1, warmup=0.0, precision="fp32", clip=0.01)
    fit(
        model, Examples(encoded=encoded, targets={"gold": gold}), [np.arange(8)],
        lambda outputs, inputs, targets: {"loss": cross_entropy(outputs.logits, targets["gold"])}, settings,
        tiny_run(tmp_path, task),
    )  # fmt: skip
    expected = before * (1 - 0.1 * 0.1) - 0.1 * gradient / (gradient.abs() + 1e-8)
    torch.testing.assert_close(weight.detach(), expected, atol=1e-4, rtol=1e-4)


def test_metrics_hold_every_step_once_and_no_clock(tmp_path: Path) -> None:
    task, model = tiny_task(32), tiny_model("bert")
    examples = Examples(encoded=encode(model, task.train.texts, task), targets={"gold": np.asarray(task.train.labels)})
    batches = training_batches(examples.lengths, batch_size=8, epochs=2, seed=0)

    def loss(outputs: object, inputs: object, targets: dict) -> dict:
        value = cross_entropy(outputs.logits, targets["gold"])  # type: ignore[attr-defined]
        return {"loss": value, "half": value / 2}

    fit(model, examples, batches, loss, LoopSettings(learning_rate=1e-3, log_every=3), tiny_run(tmp_path, task))
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [3, 6, 8]
    assert all(set(line) == {"step", "loss", "half", "learning_rate"} for line in lines)
    assert all(line["half"] == pytest.approx(line["loss"] / 2) for line in lines)
    assert not model.module.training
    assert model.module.config.use_cache in (True, None)


def test_without_dropout_the_module_trains_as_it_predicts(tmp_path: Path) -> None:
    task = tiny_task(8)

    def first_loss(dropout: bool) -> float:
        model = tiny_model("bert")
        encoded = encode(model, task.train.texts, task)
        for part in model.module.modules():
            if isinstance(part, nn.Dropout):
                part.p = 0.5
        examples = Examples(encoded=encoded, targets={"gold": np.asarray(task.train.labels)})
        settings = LoopSettings(learning_rate=1e-3, dropout=dropout, precision="fp32")
        losses: list[float] = []

        def loss(outputs: object, inputs: object, targets: dict) -> dict:
            value = cross_entropy(outputs.logits, targets["gold"])  # type: ignore[attr-defined]
            losses.append(value.item())
            return {"loss": value}

        batch = model.encoder.pad(encoded)
        logits = model.module(**model.inputs(batch.token_ids, batch.mask, batch.type_ids)).logits
        expected = cross_entropy(logits, torch.as_tensor(np.asarray(task.train.labels))).item()
        fit(model, examples, [np.arange(8)], loss, settings, tiny_run(tmp_path / str(dropout), task))
        return abs(losses[0] - expected)

    assert first_loss(dropout=False) < 1e-5
    assert first_loss(dropout=True) > 1e-5


def test_nothing_to_train_is_refused(tmp_path: Path) -> None:
    task, model = tiny_task(8), tiny_model("bert")
    model.module.requires_grad_(False)
    examples = Examples(encoded=encode(model, task.train.texts, task))
    with pytest.raises(UserError, match="nothing to train"):
        fit(model, examples, [np.arange(2)], lambda *_: {}, LoopSettings(learning_rate=1e-3), tiny_run(tmp_path, task))


def test_an_unreadable_checkpoint_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    checkpoints = Checkpoints(folder=tmp_path, key="a")
    checkpoints.save(5, {"parameters": {"w": torch.ones(2)}})
    (tmp_path / "step-00000009.pt").write_bytes(b"PK\x03\x04 not a checkpoint")
    state = checkpoints.load()
    assert state is not None
    assert state["step"] == 5
    assert "can't be read" in caplog.text


def test_only_the_last_checkpoint_is_kept_and_another_key_drops_it(tmp_path: Path) -> None:
    checkpoints = Checkpoints(folder=tmp_path, key="a")
    for step in (1, 2, 3):
        checkpoints.save(step, {})
    assert [path.name for path in tmp_path.glob("*.pt")] == ["step-00000003.pt"]
    assert Checkpoints(folder=tmp_path, key="a").load() is not None
    assert Checkpoints(folder=tmp_path, key="b").load() is None


def test_a_checkpoint_with_code_in_it_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "ran",))

    checkpoints = Checkpoints(folder=tmp_path, key="a")
    torch.save({"format": 1, "step": 1, "evil": Evil()}, tmp_path / "step-00000001.pt")
    assert checkpoints.load() is None
    assert not (tmp_path / "ran").exists()


def test_larger_models_and_frozen_parts_change_the_steps_between_checkpoints() -> None:
    model = tiny_model("bert")
    few = steps_between_checkpoints(model.module, 1e6, "cpu")
    assert steps_between_checkpoints(model.module, 1e3, "cpu") > few >= 1
    model.module.bert.requires_grad_(False)
    assert steps_between_checkpoints(model.module, 1e6, "cpu") > few


def test_the_learning_rate_falls_with_size() -> None:
    small = tiny_model("bert")
    assert default_learning_rate(small) == 3e-4
    assert default_learning_rate(small, lora=True) == pytest.approx(3e-3)


def test_a_text_without_tokens_can_be_trained_on() -> None:
    task = tiny_task(4)
    assert encode(tiny_model("llama"), ["", "the film"], task)[0] == ([tiny_model("llama").encoder.pad_id], [0])


def test_the_shortest_limit_cuts() -> None:
    model, task = tiny_model("bert"), tiny_task(4)
    long = "the film " * 300
    assert len(encode(model, [long], task)[0][0]) == model.max_length
    assert len(encode(model, [long], task, 7)[0][0]) == 7
