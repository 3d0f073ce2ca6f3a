"""Sets hold the right label as often as promised, within what chance allows, however bad the model."""

import numpy as np
import pytest
from scipy.stats import betabinom

from llamita.core.conformal import coverage_bounds, label_sets, set_threshold
from llamita.core.errors import UserError


def made(n: int, labels: int, skill: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a model that is too sure, and labels."""
    random = np.random.default_rng(seed)
    gold = random.integers(labels, size=n)
    logits = random.normal(size=(n, labels)) * 3
    logits[np.arange(n), gold] += skill
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True), gold


def test_the_threshold_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    gold = np.array([0, 0, 1, 1])
    assert set_threshold(probabilities, gold, 0.6) == 0.7  # the third of .9 .8 .7 .4
    assert set_threshold(probabilities, gold, 0.8) == 0.4
    assert set_threshold(probabilities, gold, 0.81) == 0.0  # five texts would be needed
    hundred = np.linspace(1, 0, 99)
    assert set_threshold(np.stack([hundred, 1 - hundred], 1), np.zeros(99, int), 0.55) == hundred[54]
    assert label_sets(probabilities, 0.4).tolist() == [[True, False], [True, False], [False, True], [True, True]]


@pytest.mark.parametrize("skill", [0.0, 2.0, 5.0])
@pytest.mark.parametrize("promised", [0.8, 0.9, 0.95])
def test_coverage_is_as_promised_over_many_draws(skill: float, promised: float) -> None:
    shares, within = [], 0
    for seed in range(200):
        probabilities, gold = made(400, 4, skill, seed)
        threshold = set_threshold(probabilities[:200], gold[:200], promised)
        share = label_sets(probabilities[200:], threshold)[np.arange(200), gold[200:]].mean()
        low, high = coverage_bounds(200, 200, promised)
        shares.append(share)
        within += low <= share <= high
    assert np.mean(shares) == pytest.approx(promised, abs=0.012)
    assert within >= 180


def test_bounds_are_those_of_the_beta_binomial() -> None:
    exact = betabinom(300, np.ceil(201 * 0.9), 201 - np.ceil(201 * 0.9))
    np.testing.assert_allclose(coverage_bounds(200, 300, 0.9), exact.ppf([0.025, 0.975]) / 300, atol=0.006)
    assert coverage_bounds(5, 100, 0.9) == (1.0, 1.0)


@pytest.mark.parametrize("coverage", [0, 1, 1.5])
def test_a_promise_is_a_share(coverage: float) -> None:
    with pytest.raises(UserError, match="coverage must be in"):
        set_threshold(np.ones((1, 1)), np.zeros(1, int), coverage)


def test_a_promise_in_quotes_is_shown_as_it_was_given() -> None:
    with pytest.raises(UserError, match=r"coverage must be in \(0, 1\), got '0\.9'; 0\.9 is right"):
        set_threshold(np.ones((1, 1)), np.zeros(1, int), "0.9")  # type: ignore[arg-type]
