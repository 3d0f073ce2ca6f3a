"""The linear baseline is an engine like any other, and a good one of its kind."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from tests.train.tiny import accuracy, tiny_run, tiny_task

from llamita.core.errors import UserError
from llamita.core.task import Split
from llamita.learn.linear import fit_linear
from llamita.measure.quality import Quality


def test_it_learns_what_single_words_tell() -> None:
    task = tiny_task(300)
    assert accuracy(fit_linear(task), task.test) > 0.95


def test_it_learns_chinese_without_spaces() -> None:
    good, bad = ("很干净", "非常好", "推荐购买"), ("太小", "很失望", "不好吃")
    texts = [f"这家酒店{good[i % 3] if i % 2 else bad[i % 3]}，第{i}次来" for i in range(60)]
    train = Split(texts=tuple(texts), labels=tuple(i % 2 for i in range(60)))
    task = dataclasses.replace(tiny_task(8), train=train, select=train)
    engine = fit_linear(task)
    assert accuracy(engine, Split(texts=("早餐不好吃", "服务非常好"), labels=(0, 1))) == 1.0


def test_probabilities_are_the_logistic_of_its_logits() -> None:
    engine = fit_linear(tiny_task(100))
    logits, scores = engine.text_logits(["a warm film"]), engine.scores(["a warm film"])
    odds = 1 / (1 + np.exp(-(logits[0, 1] - logits[0, 0])))
    assert scores[0, 1] == pytest.approx(odds, abs=1e-6)


def test_a_label_that_never_occurs_is_never_chosen() -> None:
    task = tiny_task(90)
    labels = tuple(label if i % 3 else 3 for i, label in enumerate(task.train.labels))
    train = dataclasses.replace(task.train, labels=labels)
    task = dataclasses.replace(task, labels=("negative", "positive", "never", "other"), train=train)
    scores = fit_linear(task).scores(task.test.texts)
    assert scores.shape == (200, 4)
    assert scores[:, 2].max() < 1e-3


def test_size_counts_weights_and_vocabulary() -> None:
    engine = fit_linear(tiny_task(100))
    features = engine.weights.shape[1]
    assert engine.num_parameters == 3 * features + 2
    assert engine.size_bytes > 4 * engine.num_parameters + 2 * features


def test_it_runs_under_a_measure_and_reads_pairs(tmp_path: Path) -> None:
    task = tiny_task(100)
    findings = {f.name: f for f in Quality().measure(fit_linear(task), task, tiny_run(tmp_path, task))}
    value = findings["quality.accuracy"].value
    assert value is not None
    assert value > 0.8
    pairs = tuple((text, "and more") for text in task.train.texts)
    paired = dataclasses.replace(task, train=dataclasses.replace(task.train, texts=pairs))
    assert fit_linear(paired).scores([("a warm film", "and more")]).shape == (1, 2)


def test_token_ids_and_missing_labels_are_refused() -> None:
    task = tiny_task(30)
    with pytest.raises(UserError, match="reads texts, not token ids"):
        fit_linear(task).logits(np.zeros((1, 2), np.int64), np.ones((1, 2), np.int64))
    alone = dataclasses.replace(task, train=Split(texts=("a", "b"), labels=(1, 1)))
    with pytest.raises(UserError, match="two labels or more"):
        fit_linear(alone)
