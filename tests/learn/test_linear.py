"""The linear baseline is an engine like any other, and a good one of its kind."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from tests.train.tiny import accuracy, tiny_run, tiny_task

from llamita.core.errors import UserError
from llamita.core.task import Split
from llamita.learn.linear import fit_linear
from llamita.measure.quality import Quality
from llamita.workshop import open_engine


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


def test_size_counts_weights_and_vocabulary(tmp_path: Path) -> None:
    engine = fit_linear(tiny_task(100))
    features = engine.weights.shape[1]
    assert engine.num_parameters == 3 * features + 2
    unsaved = engine.size_bytes
    assert unsaved > 4 * engine.num_parameters + 2 * features
    engine.save(tmp_path)
    assert engine.size_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert unsaved < engine.size_bytes < 2 * unsaved + 2000


def test_what_is_saved_opens_as_an_artifact_and_says_the_same(tmp_path: Path) -> None:
    engine, texts = fit_linear(tiny_task(100)), ["a warm film", "", "Nothing of THIS!", "好"]
    engine.save(tmp_path / "linear")
    opened = open_engine(tmp_path / "linear")
    assert opened.labels == engine.labels
    assert opened.num_parameters == engine.num_parameters
    np.testing.assert_array_equal(opened.scores(texts), engine.scores(texts))
    engine.save(tmp_path / "again")
    for path in (tmp_path / "linear").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


@pytest.mark.parametrize("damage", ["missing", "cut", "other shape", "other module"])
def test_a_damaged_folder_is_refused_in_one_line(damage: str, tmp_path: Path) -> None:
    fit_linear(tiny_task(60)).save(tmp_path)
    if damage == "missing":
        (tmp_path / "terms.json").unlink()
    elif damage == "cut":
        numbers = tmp_path / "linear.safetensors"
        numbers.write_bytes(numbers.read_bytes()[:100])
    elif damage == "other shape":
        (tmp_path / "terms.json").write_text(json.dumps([["one", "two"]]))
    else:
        about = json.loads((tmp_path / "artifact.json").read_text())
        (tmp_path / "artifact.json").write_text(json.dumps(about | {"exporter": "learn.nothing"}))
    with pytest.raises(UserError) as raised:
        open_engine(tmp_path)
    assert "again" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_it_knows_which_words_it_knows() -> None:
    engine = fit_linear(tiny_task(100))
    known = next(text for text in tiny_task(100).train.texts)
    assert engine.encoder.unknown_share([known]) == 0
    assert engine.encoder.unknown_share(["这部电影 很好"]) == 1


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


def test_texts_without_words_are_refused() -> None:
    task = tiny_task(30)
    empty = Split(texts=("…", "、"), labels=(0, 1))
    with pytest.raises(UserError, match="finds no words in the training texts"):
        fit_linear(dataclasses.replace(task, train=empty, select=empty))
