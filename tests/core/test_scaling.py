"""Temperature and vector scaling find what logits were made with, by hand and beside a general minimiser."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from llamita.core.scaling import fit_temperature, fit_vector, mean_surprise, surprise_slope


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


def test_a_vector_finds_the_scales_and_shifts_that_logits_were_made_with() -> None:
    random = np.random.default_rng(3)
    true = random.normal(size=(40000, 3)) * 2
    gold = (true + random.gumbel(size=true.shape)).argmax(axis=1)
    scale, shift = np.array([0.5, 1.0, 2.0]), np.array([1.0, -0.5, -0.5])
    found_scale, found_shift = fit_vector((true - shift) / scale, gold)
    np.testing.assert_allclose(found_scale, scale, rtol=0.05)
    np.testing.assert_allclose(found_shift, shift, atol=0.06)


def test_a_vector_is_no_worse_than_a_temperature_where_it_is_fitted_and_few_texts_move_it_little() -> None:
    random = np.random.default_rng(4)
    logits, gold = random.normal(size=(200, 4)), random.integers(4, size=200)
    logits[np.arange(200), gold] += 1
    scale, shift = fit_vector(logits, gold)
    one = 1 / fit_temperature(logits, gold)
    assert mean_surprise(logits * scale + shift, gold, 1) <= mean_surprise(logits, gold, one) + 1e-9
    scale, shift = fit_vector(logits[:2], gold[:2])
    assert np.abs(shift).max() < 1.5
    assert shift.sum() == pytest.approx(0, abs=1e-9)


def test_labels_that_are_commoner_than_the_model_thinks_are_shifted_up() -> None:
    logits, gold = np.zeros((1000, 2)), np.array([0] * 900 + [1] * 100)
    _, shift = fit_vector(logits, gold)
    assert shift[0] - shift[1] == pytest.approx(np.log(9), rel=0.02)


def test_gold_probabilities_that_are_sure_are_labels() -> None:
    random = np.random.default_rng(5)
    logits, gold = random.normal(size=(60, 3)) * 2, random.integers(3, size=60)
    assert fit_temperature(logits, np.eye(3)[gold]) == pytest.approx(fit_temperature(logits, gold))
    assert mean_surprise(logits, np.eye(3)[gold], 0.7) == pytest.approx(mean_surprise(logits, gold, 0.7))


def test_the_temperature_of_a_teachers_probabilities_is_found_exactly() -> None:
    logits = np.random.default_rng(6).normal(size=(40, 3)) * 2
    powers = np.exp(logits / 1.7)
    assert fit_temperature(logits, powers / powers.sum(axis=1, keepdims=True)) == pytest.approx(1.7, rel=1e-6)
