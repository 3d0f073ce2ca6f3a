"""Calibration error, its chance floor, Brier score and log loss against values worked out by hand."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from tests.engines import BagOfWords

from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.core.measure import Finding
from llamita.core.task import Split
from llamita.measure.calibration import Calibration, calibration_findings
from llamita.tasks.classify import Classify

LN3 = math.log(3)
ENGINE = BagOfWords({"good": (0, LN3), "bad": (LN3, 0), "great": (0, 2 * LN3)})
"""Three to one for good and for bad, nine to one for great, even for anything else."""
TASK = Classify(labels=("negative", "positive"), test=Split(texts=("good", "bad", "great", "bad"), labels=(1, 0, 0, 1)))


def two_labels(*positive: float) -> np.ndarray:
    return np.array([[1 - p, p] for p in positive])


def random_answers(n: int, labels: int, sharpness: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and labels drawn from them before they are sharpened."""
    generator = np.random.default_rng(n + labels)
    honest = generator.dirichlet(np.ones(labels), n)
    truth = (generator.random((n, 1)) > honest.cumsum(axis=1)).sum(axis=1)
    sharp = honest**sharpness
    return sharp / sharp.sum(axis=1, keepdims=True), truth


def values(findings: list[Finding]) -> list[float]:
    return [f.value for f in findings if f.value is not None]


def test_four_answers_worked_by_hand() -> None:
    ece, brier, nll = calibration_findings(two_labels(0.1, 0.8, 0.6, 0.7), np.array([0, 0, 1, 1]), bins=5)
    assert ece.value == pytest.approx((0.1 + abs(0.3 - 0.8) + 0.4) / 4)
    assert brier.value == pytest.approx(2 * (0.1**2 + 0.8**2 + 0.4**2 + 0.3**2) / 4)
    assert nll.value == pytest.approx(-math.log(0.9 * 0.2 * 0.6 * 0.7) / 4)
    assert (ece.detail["accuracy"], ece.detail["mean_confidence"]) == (0.75, pytest.approx(0.75))
    assert [(b["n"], b["accuracy"]) for b in ece.detail["bins"]] == [(0, None), (0, None), (1, 1.0), (2, 0.5), (1, 1.0)]
    assert [f.name for f in (ece, brier, nll)] == ["calibration.ece", "calibration.brier", "calibration.nll"]
    assert {f.better for f in (ece, brier, nll)} == {"lower"}
    assert {f.n for f in (ece, brier, nll)} == {4}


@pytest.mark.parametrize(("labels", "bins"), [(2, 15), (3, 10), (7, 15), (3, 1)])
def test_random_answers_agree_with_a_slow_obvious_version(labels: int, bins: int) -> None:
    probabilities, truth = random_answers(300, labels, sharpness=2.0)
    gaps = [0.0] * bins
    squares = logs = 0.0
    for row, label in zip(probabilities.tolist(), truth.tolist(), strict=True):
        confidence = max(row)
        for b in range(bins):
            if b / bins < confidence <= (b + 1) / bins:
                gaps[b] += (row.index(confidence) == label) - confidence
        squares += sum((p - (i == label)) ** 2 for i, p in enumerate(row))
        logs -= math.log(row[label])
    expected = [sum(abs(gap) for gap in gaps) / 300, squares / 300, logs / 300]
    assert values(calibration_findings(probabilities, truth, bins)) == pytest.approx(expected)
    assert values(calibration_findings(probabilities.astype(np.float32), truth, bins)) == pytest.approx(
        expected, abs=1e-5
    )


def test_the_bins_in_the_picture_give_the_number() -> None:
    probabilities, truth = random_answers(500, 3, sharpness=3.0)
    ece = calibration_findings(probabilities, truth)[0]
    filled = [b for b in ece.detail["bins"] if b["n"]]
    assert len(ece.detail["bins"]) == 15
    assert sum(b["n"] for b in filled) == 500
    assert ece.value == pytest.approx(sum(b["n"] * abs(b["accuracy"] - b["confidence"]) for b in filled) / 500)
    assert all(b["low"] < b["confidence"] <= b["high"] for b in filled)


def test_one_bin_compares_accuracy_with_mean_confidence() -> None:
    ece = calibration_findings(two_labels(0.9, 0.8, 0.7, 0.6), np.array([1, 1, 1, 0]), bins=1)[0]
    assert ece.value == pytest.approx(0.0)
    ece = calibration_findings(two_labels(0.9, 0.8, 0.7, 0.6), np.array([0, 0, 0, 1]), bins=1)[0]
    assert ece.value == pytest.approx(0.5)


def test_the_floor_of_four_even_guesses_is_that_of_four_coins() -> None:
    ece = calibration_findings(two_labels(0.5, 0.5, 0.5, 0.5), np.array([0, 0, 1, 1]))[0]
    assert ece.value == 0
    assert ece.detail["floor"] == pytest.approx((2 * 1 * 2 + 2 * 4 * 1) / 16 / 4, abs=0.01)
    assert ece.detail["floor_interval"] == (0.0, 0.5)
    assert ece.detail["above_floor"] == 0


def test_certain_answers_have_no_floor() -> None:
    ece = calibration_findings(two_labels(1, 1, 1, 0), np.array([1, 1, 0, 0]))[0]
    assert ece.value == ece.detail["above_floor"] == 0.25
    assert (ece.detail["floor"], ece.detail["floor_interval"]) == (0.0, (0.0, 0.0))


def test_a_perfectly_calibrated_model_stays_at_its_floor() -> None:
    shown, inside, floor = [], 0, 0.0
    for size in range(400, 460):
        ece = calibration_findings(*random_answers(size, 3))[0]
        assert ece.value is not None
        low, high = ece.detail["floor_interval"]
        shown.append(ece.value)
        inside += low <= ece.value <= high
        floor += ece.detail["floor"] / 60
    assert inside >= 54, "the middle 95 % hold far fewer"
    assert np.mean(shown) == pytest.approx(floor, rel=0.1)


def test_an_over_confident_model_stands_above_its_floor() -> None:
    ece = calibration_findings(*random_answers(400, 3, sharpness=4.0))[0]
    assert ece.value is not None
    assert ece.value > 3 * ece.detail["floor_interval"][1]
    assert ece.detail["above_floor"] == pytest.approx(ece.value - ece.detail["floor"])


def test_a_certain_error_costs_the_log_loss_a_bounded_amount() -> None:
    nll = calibration_findings(two_labels(1, 0.5), np.array([0, 0]))[2]
    assert nll.value == pytest.approx((12 * math.log(10) + math.log(2)) / 2)


def test_intervals_hold_their_value_and_narrow_with_more_examples() -> None:
    widths = []
    for n in (100, 6400):
        for finding in calibration_findings(*random_answers(n, 3))[1:]:
            assert finding.interval is not None
            low, high = finding.interval
            assert low < finding.value < high
            widths.append(high - low)
    assert widths[0] / widths[2] == pytest.approx(8, rel=0.3)
    assert widths[1] / widths[3] == pytest.approx(8, rel=0.3)


def test_an_engine_is_measured_by_the_answers_to_the_test_texts(tmp_path: Path) -> None:
    ece, brier, nll = Calibration().measure(ENGINE, TASK, Run(folder=tmp_path))
    assert ece.value == pytest.approx((abs(2 - 3 * 0.75) + 0.9) / 4)
    assert brier.value == pytest.approx(2 * (0.25**2 + 0.25**2 + 0.9**2 + 0.75**2) / 4)
    assert nll.value == pytest.approx(-math.log(0.75 * 0.75 * 0.1 * 0.25) / 4)
    json.dumps([f.to_dict() for f in (ece, brier, nll)], allow_nan=False)


def test_the_number_of_bins_is_the_measures_own(tmp_path: Path) -> None:
    ece = Calibration(bins=1).measure(ENGINE, TASK, Run(folder=tmp_path))[0]
    assert ece.value == pytest.approx((3 * 0.75 + 0.9) / 4 - 0.5)
    assert len(ece.detail["bins"]) == 1


def test_labels_in_another_order_change_nothing(tmp_path: Path) -> None:
    turned = BagOfWords({"good": (LN3, 0), "bad": (0, LN3), "great": (2 * LN3, 0)}, ("Positive", "Negative"))
    ours, theirs = (Calibration().measure(engine, TASK, Run(folder=tmp_path)) for engine in (ENGINE, turned))
    assert values(ours) == pytest.approx(values(theirs))


def test_the_split_the_run_names_is_measured(tmp_path: Path) -> None:
    task = dataclasses.replace(TASK, select=Split(texts=("great",), labels=(1,)))
    nll = Calibration().measure(ENGINE, task, Run(folder=tmp_path, split="select"))[2]
    assert (nll.value, nll.n) == (pytest.approx(-math.log(0.9)), 1)
    with pytest.raises(UserError, match="the train split has no labelled example"):
        Calibration().measure(ENGINE, task, Run(folder=tmp_path, split="train"))
