"""Texts of a label come together, the head is logistic regression, and the folder is stock."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.families import FAMILIES, tiny_model
from tests.train.tiny import LABELS, accuracy, reviews, several_task, tags, tiny_run, tiny_task
from transformers import AutoModelForSequenceClassification

from llamita.core.answers import AnyLabels
from llamita.core.architecture import head_linear
from llamita.core.errors import UserError
from llamita.core.model import Model
from llamita.core.scaling import mean_surprise
from llamita.core.task import Split
from llamita.learn._pairs import pair_loss
from llamita.learn._pooling import embeddings
from llamita.learn.contrastive import Contrastive, fit_regression
from llamita.tasks.classify import Classify
from llamita.tasks.multilabel import MultiLabel

QUICK = Contrastive(epochs=2, batch_size=8, learning_rate=1e-3, folds=0)


def test_regression_is_sklearns_and_a_label_without_texts_is_never_chosen() -> None:
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(0)
    embedded, gold = random.normal(size=(30, 6)).astype(np.float32), random.integers(0, 3, 30)
    length = np.linalg.norm(embedded, axis=1).mean()
    for present in (gold, gold % 2):
        weights, bias = fit_regression(embedded, present, 4, 1.0, with_bias=True)
        logits = embedded @ weights.T + bias
        expected = LogisticRegression(max_iter=5000).fit(embedded / length, present).predict_proba(embedded / length)
        powers = np.exp(logits)
        shares = powers / powers.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(shares[:, : expected.shape[1]], expected, atol=1e-4)
        assert (logits.argmax(axis=1) != 3).all()


def test_of_any_labels_each_has_a_regression_of_its_own_and_one_without_texts_is_never_given() -> None:
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(0)
    embedded, gold = random.normal(size=(30, 6)).astype(np.float32), random.integers(0, 2, (30, 3))
    gold[:, 2] = 0
    length = np.linalg.norm(embedded, axis=1).mean()
    weights, bias = fit_regression(embedded, gold, 3, 2.0, with_bias=True)
    found = AnyLabels().probabilities(embedded @ weights.T + bias)
    for label in (0, 1):
        one = LogisticRegression(C=2.0, max_iter=5000).fit(embedded / length, gold[:, label])
        np.testing.assert_allclose(found[:, label], one.predict_proba(embedded / length)[:, 1], atol=1e-5)
    assert found[:, 2].max() < 1e-9
    weights, bias = fit_regression(embedded, gold[:, :2], 2, 1.0, with_bias=False)
    assert not (weights == 0).all(axis=1).any()


@pytest.mark.parametrize(
    ("family", "make"),
    [*((family, tiny_task) for family in FAMILIES), ("llama", several_task), ("bert", several_task)],
)
def test_what_the_head_reads_gives_its_logits_and_the_folder_is_stock(
    family: str, make: Callable[[int], Classify | MultiLabel], tmp_path: Path
) -> None:
    task = make(16)
    model = QUICK.apply(tiny_model(family, labels=("x", "y", "z")), tiny_run(tmp_path / "run", task))
    assert model.labels == task.labels
    texts = task.test.texts[:9]
    linear = head_linear(model.module)
    bias = 0 if linear.bias is None else linear.bias.detach().numpy()
    read = embeddings(model, texts, tokens_per_batch=60)
    np.testing.assert_allclose(read @ linear.weight.detach().numpy().T + bias, model.text_logits(texts), atol=1e-4)
    model.save(tmp_path / "saved")
    stock = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved")
    assert stock.config.problem_type == task.answers.problem_type
    again = Model(stock, model.tokenizer)
    np.testing.assert_allclose(again.text_logits(texts), model.text_logits(texts), atol=1e-5)
    assert all(p.requires_grad for p in model.module.parameters())


def test_texts_of_a_label_come_together_and_few_teach_more_than_a_frozen_body_has(tmp_path: Path) -> None:
    few = reviews(32, 1)
    task = dataclasses.replace(tiny_task(8), train=few)
    step = Contrastive(epochs=30, batch_size=16, learning_rate=3e-3, dropout=False, folds=0)
    frozen = dataclasses.replace(step, epochs=0.01, learning_rate=1e-9)
    models = {
        name: one.apply(tiny_model("bert", labels=("a", "b", "c")), tiny_run(tmp_path / name, task))
        for name, one in (("trained", step), ("frozen", frozen))
    }
    gold = torch.as_tensor(few.labels)
    losses = {name: float(pair_loss(torch.as_tensor(embeddings(m, few.texts)), gold)) for name, m in models.items()}
    assert losses["trained"] < 0.2 * losses["frozen"]
    assert accuracy(models["trained"], task.test) > accuracy(models["frozen"], task.test) + 0.1


def micro_f1(model: Model, split: Split, gold: np.ndarray) -> float:
    hits, weights = model.answers.tally(model.answers.chosen(model.scores(split.texts)), gold)
    return float(hits.sum() / weights.sum())


def test_of_any_labels_texts_that_share_some_come_together_and_teach_more_than_a_frozen_body_has(
    tmp_path: Path,
) -> None:
    task = dataclasses.replace(several_task(8), train=tags(40, 1))
    step = Contrastive(epochs=30, batch_size=16, learning_rate=3e-3, dropout=False, folds=0)
    frozen = dataclasses.replace(step, epochs=0.01, learning_rate=1e-9)
    models = {
        name: one.apply(tiny_model("bert", labels=("a", "b", "c")), tiny_run(tmp_path / name, task))
        for name, one in (("trained", step), ("frozen", frozen))
    }
    gold = torch.as_tensor(task.gold(task.train))
    losses = {
        name: float(pair_loss(torch.as_tensor(embeddings(m, task.train.texts)), gold)) for name, m in models.items()
    }
    assert losses["trained"] < 0.2 * losses["frozen"]
    scores = {name: micro_f1(model, task.test, task.gold(task.test)) for name, model in models.items()}
    assert scores["trained"] > scores["frozen"] + 0.1


@pytest.mark.parametrize(("family", "shifts"), [("bert", True), ("llama", False)])
def test_of_any_labels_unseen_answers_give_one_shift_where_a_head_can_hold_it_and_thresholds(
    family: str, shifts: bool, tmp_path: Path
) -> None:
    task = dataclasses.replace(several_task(8), train=tags(40, 1))
    careful = Contrastive(epochs=10, batch_size=16, learning_rate=3e-3, dropout=False, folds=0)
    plain, fitted = (
        step.apply(tiny_model(family, labels=("a", "b", "c")), tiny_run(tmp_path / str(step.folds), task))
        for step in (careful, dataclasses.replace(careful, folds=4))
    )
    assert plain.answers == AnyLabels()
    assert isinstance(fitted.answers, AnyLabels)
    assert len(set(fitted.answers.thresholds)) == 2
    before, after = (model.text_logits(task.test.texts) for model in (plain, fitted))
    scale, shift = np.polyfit(before.ravel(), after.ravel(), 1)
    np.testing.assert_allclose(after, scale * before + shift, atol=1e-3)
    assert abs(scale - 1) > 0.05
    assert (abs(shift) > 1e-3) == shifts
    fitted.save(tmp_path / "saved")
    assert Model.load(tmp_path / "saved").answers == fitted.answers


def test_a_temperature_by_texts_not_learned_from_makes_it_as_sure_as_it_is_right(tmp_path: Path) -> None:
    task = dataclasses.replace(tiny_task(8), train=reviews(32, 1))
    careful = Contrastive(epochs=20, batch_size=16, learning_rate=3e-3, dropout=False, folds=0)
    plain, fitted = (
        step.apply(tiny_model("bert", labels=("a", "b", "c")), tiny_run(tmp_path / str(step.folds), task))
        for step in (careful, dataclasses.replace(careful, folds=4))
    )
    texts, gold = task.test.texts, np.asarray(task.test.labels)
    before, after = plain.text_logits(texts), fitted.text_logits(texts)
    sharpness = float((after * before).sum() / (before * before).sum())
    assert abs(sharpness - 1) > 0.05
    np.testing.assert_allclose(after, sharpness * before, atol=1e-4)
    assert mean_surprise(after, gold, 1.0) < mean_surprise(before, gold, 1.0)


def test_too_few_texts_for_a_temperature_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    task = dataclasses.replace(tiny_task(8), train=Split(texts=tuple("abcdef"), labels=(0, 0, 0, 1, 1, 1)))
    dataclasses.replace(QUICK, folds=3).apply(tiny_model("bert"), tiny_run(tmp_path, task))
    assert "probabilities stay careful: 6 texts could be answered" in caplog.text


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    task = tiny_task(16)
    found = [
        QUICK.apply(tiny_model("mpnet", labels=("a", "b", "c")), tiny_run(tmp_path / str(i), task, seed=seed))
        for i, seed in enumerate((0, 0, 1))
    ]
    first, same, other = (model.text_logits(task.test.texts[:4]) for model in found)
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 1e-4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 3}, "batch_size must be >= 4, two texts of two labels, got 3"),
        ({"epochs": 0}, "epochs must be > 0, got 0"),
        ({"freeze": 2}, r"freeze must be in \[0, 1\], got 2"),
        ({"pooling": "max"}, "pooling must be auto or stock, got 'max'"),
        ({"strength": 0}, "strength must be > 0, got 0"),
        ({"folds": 1}, "folds must be 0 or >= 2, got 1"),
    ],
)
def test_silly_settings_are_refused(change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Contrastive(**change)


def test_a_label_without_texts_wants_a_head_with_a_bias(tmp_path: Path) -> None:
    task = dataclasses.replace(tiny_task(16), labels=(*LABELS, "never"))
    with pytest.raises(UserError, match="no training text has the label never, and this model's head has no bias"):
        QUICK.apply(tiny_model("llama", labels=task.labels), tiny_run(tmp_path / "a", task))
    made = dataclasses.replace(QUICK, epochs=0.5).apply(
        tiny_model("bert", labels=task.labels), tiny_run(tmp_path / "b", task)
    )
    assert made.scores(task.test.texts[:9])[:, 2].max() < 1e-9


@pytest.mark.parametrize("labels", [(0, 0, 0), (0, 1)])
def test_data_without_both_kinds_of_pairs_are_refused(labels: tuple[int, ...], tmp_path: Path) -> None:
    task = dataclasses.replace(tiny_task(8), train=Split(texts=tuple("abc"[: len(labels)]), labels=labels))
    with pytest.raises(UserError, match="texts that share none apart; give two of each kind"):
        QUICK.apply(tiny_model("bert"), tiny_run(tmp_path, task))
