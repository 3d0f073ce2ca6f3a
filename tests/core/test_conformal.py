"""Sets hold the right label as often as promised, within what chance allows, however bad the model."""

import numpy as np
import pytest
from scipy.stats import betabinom

from llamita.core.conformal import (
    coverage_bounds,
    label_sets,
    marks_of,
    of_labels,
    set_threshold,
    threshold_among,
)
from llamita.core.errors import UserError


def halves(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of four labels that texts have by chance, and which they have; a third of the texts has none."""
    random = np.random.default_rng(seed)
    odds = random.normal(size=(n, 4)) * 1.5 - 1.0
    has = random.random(size=(n, 4)) < 1 / (1 + np.exp(-odds))
    has[random.random(n) < 0.2] = False
    return 1 / (1 + np.exp(-1.7 * odds)), has


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
        low, high = coverage_bounds([[0.5]] * 200, 200, promised)
        shares.append(share)
        within += low <= share <= high
    assert np.mean(shares) == pytest.approx(promised, abs=0.012)
    assert within >= 180


def test_bounds_are_those_of_the_beta_binomial() -> None:
    exact = betabinom(300, np.ceil(201 * 0.9), 201 - np.ceil(201 * 0.9))
    np.testing.assert_allclose(coverage_bounds([[0.5]] * 200, 300, 0.9), exact.ppf([0.025, 0.975]) / 300, atol=0.006)
    assert coverage_bounds([[0.5]] * 5, 100, 0.9) == (1.0, 1.0)


def test_of_any_labels_the_threshold_loses_as_large_a_share_as_is_allowed() -> None:
    """A slow version: every threshold in turn, with one text more that is lost whole."""
    probabilities, has = halves(60, 0)
    own = has.any(axis=1)
    n = int(own.sum())
    for promised in (0.6, 0.75, 0.9):
        best = 0.0
        for threshold in np.sort(probabilities[has]):
            lost = 1 - ((probabilities >= threshold) & has)[own].sum(axis=1) / has[own].sum(axis=1)
            if (lost.sum() + 1) / (n + 1) <= 1 - promised:
                best = threshold
        assert set_threshold(probabilities, has, promised) == pytest.approx(best)
    assert set_threshold(probabilities, has, 0.99) == 0.0


@pytest.mark.parametrize("promised", [0.7, 0.9])
def test_sets_of_any_labels_hold_the_share_that_is_promised(promised: float) -> None:
    shares, within = [], 0
    for seed in range(200):
        probabilities, has = halves(400, seed)
        kept = of_labels(probabilities[:200], has[:200])
        sets, own = label_sets(probabilities[200:], threshold_among(kept, promised)), has[200:]
        some = own.any(axis=1)
        shares.append(((sets & own)[some].sum(axis=1) / own[some].sum(axis=1)).mean())
        low, high = coverage_bounds(kept, int(some.sum()), promised)
        within += low <= shares[-1] <= high
    assert promised - 0.005 <= np.mean(shares) <= promised + 0.02
    assert within >= 180


def test_with_one_label_each_both_ways_are_the_same() -> None:
    probabilities, gold = made(150, 4, 2.0, 3)
    for promised in (0.5, 0.8, 0.9, 0.95):
        marks = marks_of(gold, 4)
        assert set_threshold(probabilities, gold, promised) == set_threshold(probabilities, marks, promised)


@pytest.mark.parametrize("coverage", [0, 1, 1.5])
def test_a_promise_is_a_share(coverage: float) -> None:
    with pytest.raises(UserError, match="coverage must be in"):
        set_threshold(np.ones((1, 1)), np.zeros(1, int), coverage)


def test_a_promise_in_quotes_is_shown_as_it_was_given() -> None:
    with pytest.raises(UserError, match=r"coverage must be in \(0, 1\), got '0\.9'; 0\.9 is right"):
        set_threshold(np.ones((1, 1)), np.zeros(1, int), "0.9")  # type: ignore[arg-type]
