"""Temperature scaling: fitted rightly, folded into the head, and the labels stay."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.families import FAMILIES, tiny_model
from tests.train.tiny import tiny_run, tiny_task
from transformers import AutoModelForSequenceClassification

from llamita.core.architecture import head_linear
from llamita.core.errors import UserError
from llamita.core.model import Model
from llamita.core.scaling import fit_temperature, mean_surprise
from llamita.core.task import Split
from llamita.learn.calibrate import Calibrate


@pytest.mark.parametrize("family", FAMILIES)
def test_stock_code_gives_calibrated_probabilities_and_the_same_labels(family: str, tmp_path: Path) -> None:
    task, model = tiny_task(8), tiny_model(family)
    first = model.text_logits(task.select.texts)
    with torch.no_grad():
        head_linear(model.module).weight.mul_(8.0 / float(np.abs(first[:, 0] - first[:, 1]).mean()))
    before = model.text_logits(task.select.texts)
    wrong = np.random.default_rng(0).random(len(before)) < 0.2
    gold = np.where(wrong, before.argmin(axis=1), before.argmax(axis=1))
    task = dataclasses.replace(task, select=dataclasses.replace(task.select, labels=tuple(gold.tolist())))
    model = Calibrate().apply(model, tiny_run(tmp_path, task))
    after = model.text_logits(task.select.texts)
    assert mean_surprise(after, gold, 1.0) < mean_surprise(before, gold, 1.0) - 0.01
    clear = np.abs(before[:, 0] - before[:, 1]) > 1e-3
    np.testing.assert_array_equal(before.argmax(axis=1)[clear], after.argmax(axis=1)[clear])
    assert fit_temperature(after, gold) == pytest.approx(1.0, abs=0.01)
    model.save(tmp_path / "saved")
    stock = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved")
    loaded = Model(stock, model.tokenizer)
    np.testing.assert_allclose(loaded.text_logits(task.select.texts), after, atol=1e-5)


def test_no_select_split_and_silly_bounds_are_refused(tmp_path: Path) -> None:
    blind = dataclasses.replace(tiny_task(8), select=Split(texts=()))
    with pytest.raises(UserError, match=r"learn\.calibrate needs a select split"):
        Calibrate().apply(tiny_model("bert"), tiny_run(tmp_path, blind))
    with pytest.raises(UserError, match=r"highest must be > 1, got 0.5"):
        Calibrate(highest=0.5)


def test_a_vector_goes_into_a_head_with_bias_and_is_refused_by_one_without(tmp_path: Path) -> None:
    task = tiny_task(200)
    model = tiny_model("bert", labels=task.labels)
    before = model.text_logits(task.select.texts)
    made = Calibrate(method="vector").apply(model, tiny_run(tmp_path, task))
    scale, shift = Calibrate(method="vector").fitted(before, np.asarray(task.select.labels))
    np.testing.assert_allclose(made.text_logits(task.select.texts), before * scale + shift, atol=1e-4)
    with pytest.raises(UserError, match="no bias to hold the shifts; take method temperature"):
        Calibrate(method="vector").apply(tiny_model("llama", labels=task.labels), tiny_run(tmp_path, task))
    with pytest.raises(UserError, match="method must be one of temperature, vector, got 'isotonic'"):
        Calibrate(method="isotonic")  # type: ignore[arg-type]


def test_a_file_of_labels_takes_the_place_of_select(tmp_path: Path) -> None:
    task, file = tiny_task(8), tmp_path / "hand.csv"
    texts = task.test.texts[:60]
    model = tiny_model("bert", labels=task.labels)
    with torch.no_grad():
        head_linear(model.module).weight.mul_(30.0)
    before = model.text_logits(texts)
    gold = np.random.default_rng(0).integers(2, size=60)
    file.write_text("text,label\n" + "".join(f"{t},{task.labels[g]}\n" for t, g in zip(texts, gold, strict=True)))
    made = Calibrate(labelled=str(file)).apply(model, tiny_run(tmp_path / "run", task))
    np.testing.assert_allclose(made.text_logits(texts), before / fit_temperature(before, gold), atol=1e-4)
    file.write_text("text,label\na film,strange\n")
    with pytest.raises(UserError, match=r"hand\.csv:2: label 'strange' is none of negative, positive"):
        Calibrate(labelled=str(file)).apply(model, tiny_run(tmp_path / "run", task))
