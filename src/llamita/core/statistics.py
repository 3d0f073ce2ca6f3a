"""Intervals and paired comparison, with numpy alone; everything random is seeded."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

RESAMPLES = 2000
MOST_CELLS = 4_000_000
"""Of the tables that stand in memory at once, 8 bytes each."""
LEAST = 1e-12
"""What a probability counts as at least where its logarithm is taken."""
LEVEL = 0.95
Z = 1.959963984540054
"""Normal quantile of a two-sided 95 % interval."""

FEW = 10
"""Examples of the rarer kind (hits or misses; pairs that differ) below which a bootstrap of 0 and 1 is too narrow."""

_STUDENT = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Student's two-sided 95 % quantiles for 1 to 30 degrees of freedom."""

Interval = tuple[float, float]


class Estimate(NamedTuple):
    """A number with its 95 % interval."""

    value: float
    interval: Interval | None


def bootstrap_means(values: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """Means of resamples drawn with replacement, float64 [resamples].

    Where the values take few distinct ones (right or wrong), their counts in a resample are multinomial and are
    drawn at once.
    """
    values = np.asarray(values, dtype=np.float64)
    generator = np.random.default_rng(seed)
    distinct, counts = np.unique(values, return_counts=True)
    n = len(values)
    if len(distinct) <= 16:
        return generator.multinomial(n, counts / n, size=resamples) @ distinct / n
    rows = max(1, MOST_CELLS // n)
    chunks = [min(rows, resamples - start) for start in range(0, resamples, rows)]
    return np.concatenate([values[generator.integers(0, n, size=(size, n))].mean(axis=1) for size in chunks])


def percentile_interval(draws: np.ndarray) -> Interval:
    """The middle `LEVEL` of the draws."""
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def interval_of(draws: np.ndarray) -> Interval | None:
    """The middle of the draws; None where all are alike, which would claim certainty."""
    return None if np.ptp(draws) == 0 else percentile_interval(draws)


def bootstrap_interval(values: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> Interval | None:
    """Percentile bootstrap interval of the mean; None for fewer than two values, and where all are alike, which would claim
    certainty."""
    if len(values) < 2 or np.ptp(np.asarray(values, dtype=np.float64)) == 0:
        return None
    return percentile_interval(bootstrap_means(values, resamples, seed))


def share_interval(hits: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> Interval | None:
    """Interval of a share: bootstrap, or Wilson's where so few hit or miss that a bootstrap would claim too much."""
    hits = np.asarray(hits, dtype=bool)
    if len(hits) == 0:
        return None
    if min(hits.sum(), (~hits).sum()) < FEW:
        return wilson_interval(int(hits.sum()), len(hits))
    return bootstrap_interval(hits, resamples, seed)


def wilson_interval(hits: int, n: int) -> Interval:
    """Wilson's 95 % score interval of a share; sound where none or all of few examples hit.

    Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953.
    """
    share = hits / n
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap_table(
    counts: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], resamples: int = RESAMPLES, seed: int = 0
) -> Interval | None:
    """Interval of a statistic of a table of counts, such as macro-F1 of a confusion matrix.

    Resampling examples is resampling cells: the table of a resample is multinomial.

    Args:
        counts: integers of any shape.
        statistic: from [resamples, *shape] to [resamples].

    Returns:
        The interval; None when one cell holds everything, or every resample gives the same number.
    """
    n, flat, generator = int(counts.sum()), counts.ravel(), np.random.default_rng(seed)
    if n < 2:
        return None
    held, at_once, found = np.flatnonzero(flat), max(1, MOST_CELLS // counts.size), []
    for start in range(0, resamples, at_once):
        cells = np.zeros((min(at_once, resamples - start), counts.size), dtype=np.int64)
        cells[:, held] = generator.multinomial(n, flat[held] / n, size=len(cells))
        found.append(statistic(cells.reshape(len(cells), *counts.shape)))
    return interval_of(np.concatenate(found))


def paired_bootstrap_difference(
    ours: np.ndarray, theirs: np.ndarray, resamples: int = RESAMPLES, seed: int = 0
) -> Estimate:
    """Mean of ours minus theirs over the same examples; an example enters a resample with both its values.

    When no pair differs the interval is Wilson's for the share of differing pairs, to either side; when few do, that of
    `few_pairs_interval`.
    """
    difference = np.asarray(ours, dtype=np.float64) - np.asarray(theirs, dtype=np.float64)
    n, differing = len(difference), int(np.count_nonzero(difference))
    if not differing:
        unseen = wilson_interval(0, n)[1]
        return Estimate(0.0, (-unseen, unseen))
    value = float(difference.mean())
    whole = np.isin(difference, (-1, 0, 1)).all()
    if whole and (differing < FEW or np.ptp(difference) == 0):
        won = int((difference > 0).sum())
        return Estimate(value, few_pairs_interval(won, differing - won, n))
    return Estimate(value, bootstrap_interval(difference, resamples, seed))


def few_pairs_interval(won: int, lost: int, n: int) -> Interval:
    """95 % interval of (won - lost) / n for pairs of right or wrong: Wald's, after one pair more of each kind.

    Bonett & Price 2012, https://doi.org/10.3102/1076998611411915. A bootstrap would call four pairs lost and none won a
    certain loss, which chance alone gives in one case of eight.
    """
    up, down = (won + 1) / (n + 2), (lost + 1) / (n + 2)
    middle, half = up - down, Z * math.sqrt((up + down - (up - down) ** 2) / (n + 2))
    return max(-1.0, middle - half), min(1.0, middle + half)


def resampled_sums(table: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """Sums over the rows of resamples of a table's rows [texts, columns], float64 [resamples, columns]."""
    n = len(table)
    generator = np.random.default_rng(seed)
    rows = max(1, MOST_CELLS // n)
    parts = []
    for start in range(0, resamples, rows):
        size = min(rows, resamples - start)
        drawn = generator.integers(0, n, size=(size, n)) + n * np.arange(size)[:, None]
        parts.append(np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n) @ table.astype(np.float64))
    return np.concatenate(parts)


def paired_ratio_difference(ours: tuple[np.ndarray, np.ndarray], theirs: tuple[np.ndarray, np.ndarray]) -> Estimate:
    """Ratio of sums of ours minus that of theirs over the same examples, such as two micro-F1 scores.

    Args:
        ours: what is summed above and below the line, [examples] each.
        theirs: likewise.

    Returns:
        With the interval of `paired_bootstrap_difference`, which it is where every weight is 1.
    """
    if all((weights == 1).all() for _, weights in (ours, theirs)):
        return paired_bootstrap_difference(ours[0], theirs[0])
    both = np.stack([*ours, *theirs], axis=1)
    if (both[:, :2] == both[:, 2:]).all():
        unseen = wilson_interval(0, len(both))[1]
        return Estimate(0.0, (-unseen, unseen))
    value = ratio_of_sums(*ours) - ratio_of_sums(*theirs)
    if (both[:, :2] != both[:, 2:]).any(axis=1).sum() < FEW:
        weight = max(1.0, float(both[:, [1, 3]].mean()))  # as in few_pairs_interval
        both = np.concatenate([both, [[weight, weight, 0, weight], [0, weight, weight, weight]]])
    sums = resampled_sums(both)
    draws = sums[:, 0] / np.maximum(sums[:, 1], 1) - sums[:, 2] / np.maximum(sums[:, 3], 1)
    return Estimate(value, percentile_interval(draws))


def ratio_of_sums(hits: np.ndarray, weights: np.ndarray) -> float:
    """0 where nothing weighs."""
    return float(hits.sum() / max(weights.sum(), 1))


def ratio_of_sums_interval(hits: np.ndarray, weights: np.ndarray) -> Interval | None:
    """Of a ratio of sums over examples, each of which enters a resample with both; `share_interval` where all weigh 1 and are
    hit or missed, Wilson's over the examples where all or nothing is hit, and None where all have the same part of it, which
    would claim certainty."""
    if (weights == 1).all() and np.isin(hits, (0, 1)).all():
        return share_interval(hits == 1)
    if (hits == weights).all() or not hits.any():
        return wilson_interval(len(hits) if hits.any() else 0, len(hits))
    weighed = weights > 0
    if len(hits) < 2 or np.ptp(hits[weighed] / weights[weighed]) == 0:
        return None
    sums = resampled_sums(np.stack([hits, weights], axis=1))
    return percentile_interval(sums[:, 0] / np.maximum(sums[:, 1], 1))


def mcnemar_p(only_ours: int, only_theirs: int) -> float:
    """Exact two-sided McNemar test: how likely so uneven a split of the examples that only one got right; 1 where there are none.

    McNemar 1947, https://doi.org/10.1007/BF02295996, by the binomial distribution.
    """
    n, fewer = only_ours + only_theirs, min(only_ours, only_theirs)
    log_choose = [math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(fewer + 1)]
    return min(1.0, 2 * math.fsum(math.exp(value - n * math.log(2)) for value in log_choose))


def ratio_interval(above: np.ndarray, below: np.ndarray) -> Estimate:
    """Geometric mean of the ratios of paired rounds, with Student's interval of the mean log ratio.

    With five rounds a percentile bootstrap covers the truth only about four times in five; Student's interval holds
    its 95 %.
    """
    logs = np.log(np.asarray(above, dtype=np.float64) / np.asarray(below, dtype=np.float64))
    middle, n = float(logs.mean()), len(logs)
    if n < 2:
        return Estimate(math.exp(middle), None)
    quantile = _STUDENT[n - 2] if n <= 31 else 2.0
    half = quantile * float(logs.std(ddof=1)) / math.sqrt(n)
    return Estimate(math.exp(middle), (math.exp(middle - half), math.exp(middle + half)))


def mean_f1(hits: np.ndarray, occurred: np.ndarray) -> np.ndarray:
    """Mean F1 over the labels that occur as truth or as answer, float64 [resamples].

    Args:
        hits: of each label, [resamples, labels].
        occurred: how often it was true and how often it was given, added up, [resamples, labels].
    """
    f1 = np.divide(2.0 * hits, occurred, out=np.zeros(hits.shape), where=occurred > 0)
    return f1.sum(axis=1) / np.maximum(1, (occurred > 0).sum(axis=1))


def label_scores(hits: int, given: int, true: int) -> dict[str, float | int | None]:
    """Precision (None when never given), recall (None when never true), F1 and n of a label by its counts of examples."""
    return {
        "precision": hits / given if given else None, "recall": hits / true if true else None,
        "f1": 2 * hits / (given + true) if given + true else None, "n": true,
    }  # fmt: skip


def brier_scores(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Squared distance of each example's probabilities to the one-hot label, summed over labels: float64 [texts], 0 to 2.

    Brier 1950, https://doi.org/10.1175/1520-0493(1950)078%3C0001:VOFEIT%3E2.0.CO;2.

    Args:
        probabilities: [texts, labels].
        labels: indices of the true ones [texts].
    """
    return ((probabilities - np.eye(probabilities.shape[1])[labels]) ** 2).sum(axis=1)


def negative_log_likelihoods(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Minus the log of the true label's probability, in nats, float64 [texts]; a probability counts as `LEAST` at least.

    Args:
        probabilities: [texts, labels].
        labels: indices of the true ones [texts].
    """
    return -np.log(np.maximum(probabilities[np.arange(len(labels)), labels].astype(np.float64), LEAST))


def kl_divergences(reference: np.ndarray, ours: np.ndarray) -> np.ndarray:
    """KL(reference || ours) of probabilities [texts, labels], in nats, float64 [texts]; one counts as `LEAST` at least."""
    p, q = (np.maximum(np.asarray(x, dtype=np.float64), LEAST) for x in (reference, ours))
    return np.maximum((p * (np.log(p) - np.log(q))).sum(axis=1), 0.0)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Spearman's correlation, ties sharing their mean rank; None when either side is constant or shorter than two."""
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(np.corrcoef(_mean_ranks(first), _mean_ranks(second))[0, 1])


def _mean_ranks(values: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]
