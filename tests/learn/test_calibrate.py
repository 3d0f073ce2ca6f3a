"""Temperature scaling: fitted rightly, folded into the head, and the labels stay."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from tests.families import FAMILIES, tiny_model
from tests.train.tiny import tiny_run, tiny_task
from transformers import AutoModelForSequenceClassification

from llamita.core.architecture import head_linear
from llamita.core.errors import UserError
from llamita.core.model import Model
from llamita.core.task import Split
from llamita.learn.calibrate import Calibrate, fit_temperature, mean_surprise, surprise_slope


def test_the_temperature_by_hand() -> None:
    """Always sure with log-odds 2, right 3 times in 4: log-odds should be ln 3."""
    logits = np.array([[2.0, 0.0]] * 4)
    assert fit_temperature(logits, np.array([0, 0, 0, 1])) == pytest.approx(2 / np.log(3), rel=1e-6)


def test_it_finds_the_temperature_that_logits_were_made_with() -> None:
    random = np.random.default_rng(0)
    true = random.normal(size=(20000, 4)) * 2
    gold = (true + random.gumbel(size=true.shape)).argmax(axis=1)
    assert fit_temperature(true * 2.5, gold) == pytest.approx(2.5, rel=0.03)
    assert fit_temperature(true * 0.4, gold) == pytest.approx(0.4, rel=0.03)


def test_it_agrees_with_a_general_minimiser() -> None:
    random = np.random.default_rng(1)
    logits, gold = random.normal(size=(300, 3)) * 3, random.integers(3, size=300)
    logits[np.arange(300), gold] += 2
    slow = minimize_scalar(lambda t: mean_surprise(logits, gold, 1 / t), bounds=(0.05, 20), method="bounded")
    assert fit_temperature(logits, gold) == pytest.approx(slow.x, rel=1e-3)


def test_the_slope_is_the_derivative_of_the_surprise() -> None:
    random = np.random.default_rng(2)
    logits, gold = random.normal(size=(50, 3)), random.integers(3, size=50)
    numeric = (mean_surprise(logits, gold, 0.7 + 1e-5) - mean_surprise(logits, gold, 0.7 - 1e-5)) / 2e-5
    assert surprise_slope(logits, gold, 0.7) == pytest.approx(numeric, abs=1e-6)


def test_the_bounds_hold_without_a_mistake_and_without_a_hit() -> None:
    logits = np.array([[3.0, 0.0], [0.0, 3.0]])
    assert fit_temperature(logits, np.array([0, 1]), 10) == pytest.approx(0.1)
    assert fit_temperature(logits, np.array([1, 0]), 10) == pytest.approx(10.0)
    assert fit_temperature(np.zeros((3, 2)), np.array([0, 1, 0]), 10) > 0


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
