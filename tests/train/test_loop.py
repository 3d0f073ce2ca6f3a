"""The loop's own promises: weight decay, clipping, dropout, metrics."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.families import tiny_model
from tests.train.tiny import LABELS, tiny_run, tiny_task
from torch import nn

from llamita.core.errors import UserError
from llamita.learn.finetune import Finetune
from llamita.tasks.classify import Classify
from llamita.train.batches import training_batches
from llamita.train.examples import Examples, encode
from llamita.train.keeper import make_optimizer
from llamita.train.loop import fit
from llamita.train.losses import cross_entropy
from llamita.train.settings import LoopSettings


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
    assert all(set(line) == {"step", "loss", "half", "learning_rate", "tokens", "useful_tokens"} for line in lines)
    assert lines[-1]["useful_tokens"] == 2 * sum(examples.lengths)
    held = [max(examples.lengths[i] for i in batch) * len(batch) for batch in batches]
    assert [line["tokens"] for line in lines] == [sum(held[:3]), sum(held[:6]), sum(held)]
    assert all(line["half"] == pytest.approx(line["loss"] / 2) for line in lines)
    assert not model.module.training
    assert model.module.config.use_cache in (True, None)


def test_checkpoints_are_spaced_by_the_tokens_of_the_texts_however_they_are_laid_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packed, short and long texts share a batch, and none of them is as wide as the longest."""
    heard: list[float] = []

    def steps(module: object, tokens: float, device: str) -> int:
        heard.append(tokens)
        return 99

    monkeypatch.setattr("llamita.train.loop.steps_between_checkpoints", steps)
    task, model = tiny_task(16), tiny_model("bert", labels=LABELS)
    for packing in ("on", "off"):
        Finetune(epochs=1, batch_size=8, packing=packing).apply(model, tiny_run(tmp_path / packing, task))
    assert heard == [sum(len(ids) for ids, _ in encode(model, task.train.texts, task)) / 2] * 2


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


@pytest.mark.parametrize("other", ["labels", "texts", "settings"])
def test_in_a_folder_where_another_training_stood_nothing_of_it_is_taken_up(
    other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llamita.train.loop.steps_between_checkpoints", lambda *_: 2)
    step, task = Finetune(epochs=1, batch_size=16, precision="fp32", learning_rate=1e-2), tiny_task(64)

    def trained(folder: str, step: Finetune, task: Classify) -> np.ndarray:
        model = step.apply(tiny_model("bert", labels=LABELS), tiny_run(tmp_path / folder, task))
        return model.text_logits(task.test.texts[:8])

    trained("first", step, task)
    assert list((tmp_path / "first" / "checkpoints").glob("step-*.pt"))
    train = task.train
    if other == "labels":
        task = replace(task, train=replace(train, labels=tuple(1 - label for label in train.labels)))
    elif other == "texts":
        swapped = tuple(text.replace("film", "plot") for text in train.texts)
        task = replace(task, train=replace(train, texts=swapped))
    else:
        step = replace(step, label_smoothing=0.4)
    np.testing.assert_array_equal(trained("first", step, task), trained("fresh", step, task))
