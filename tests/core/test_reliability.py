from __future__ import annotations

import numpy as np
import pytest

from llamita.core.reliability import bin_of, calibration_error_floor, expected_calibration_error, reliability_bins


def test_calibration_error_of_hand_filled_bins() -> None:
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55])
    right = np.array([1, 1, 1, 0, 0, 1])
    assert expected_calibration_error(confidence, right) == pytest.approx((4 * 0.2 + 2 * 0.05) / 6)
    bins = reliability_bins(confidence, right)
    assert [b["n"] for b in bins if b["n"]] == [2, 4]
    assert bins[14]["accuracy"] == 0.75
    assert bins[0]["confidence"] is None


def test_bins_are_open_below_and_closed_above() -> None:
    assert bin_of(np.array([0.0, 0.2, 0.2000001, 1.0]), 5).tolist() == [0, 0, 1, 4]


def test_the_floor_is_what_a_calibrated_classifier_shows() -> None:
    generator = np.random.default_rng(3)
    confidence = generator.beta(8, 1, 872) / 2 + 0.5
    floor = calibration_error_floor(confidence)
    shown = [expected_calibration_error(confidence, generator.random(872) < confidence) for _ in range(400)]
    assert floor.value == pytest.approx(np.mean(shown), abs=0.001)
    assert floor.interval is not None
    assert floor.interval[0] < np.median(shown) < floor.interval[1]


def test_the_floor_falls_with_more_examples() -> None:
    few, many = (calibration_error_floor(np.linspace(0.5, 1, n)).value for n in (100, 10_000))
    assert many < few / 5
