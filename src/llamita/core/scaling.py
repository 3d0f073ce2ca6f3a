"""Maps that make probabilities as sure as they are right: one temperature, or a scale and a shift for each label.

Temperature and vector scaling: Guo et al. 2017, https://arxiv.org/abs/1706.04599.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Int

HOTTEST = 20.0


def _expected(values: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """Each row's value at its gold label, or its mean under gold probabilities [n, labels]."""
    return values[np.arange(len(gold)), gold] if gold.ndim == 1 else (values * gold).sum(axis=1)


def mean_surprise(logits: Float[np.ndarray, "n labels"], gold: np.ndarray, sharpness: float) -> float:
    """Negative log-likelihood of the gold labels, in nats, with the logits multiplied by the sharpness.

    Args:
        gold: Labels, int [n], or probabilities of the labels, [n, labels].
    """
    scaled = logits.astype(np.float64) * sharpness
    top = scaled.max(axis=1, keepdims=True)
    log_total = np.log(np.exp(scaled - top).sum(axis=1)) + top[:, 0]
    return float((log_total - _expected(scaled, gold)).mean())


def surprise_slope(logits: Float[np.ndarray, "n labels"], gold: np.ndarray, sharpness: float) -> float:
    """Derivative of `mean_surprise` by the sharpness: what the model expects of its logits minus what it got."""
    wide = logits.astype(np.float64)
    scaled = wide * sharpness
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    expected = (powers * wide).sum(axis=1) / powers.sum(axis=1)
    return float((expected - _expected(wide, gold)).mean())


def fit_temperature(logits: Float[np.ndarray, "n labels"], gold: np.ndarray, highest: float = HOTTEST) -> float:
    """The temperature of the least surprise, within its bounds; gold as for `mean_surprise`.

    The surprise is convex in the sharpness 1/T, so its slope changes sign once; bisection finds where.
    """
    low, high = 1 / highest, highest
    if surprise_slope(logits, gold, low) >= 0:
        return 1 / low
    if surprise_slope(logits, gold, high) <= 0:
        return 1 / high
    for _ in range(60):
        middle = (low * high) ** 0.5
        if surprise_slope(logits, gold, middle) > 0:
            high = middle
        else:
            low = middle
    return 1 / (low * high) ** 0.5


def fit_vector(
    logits: Float[np.ndarray, "n labels"], gold: Int[np.ndarray, "n"], highest: float = HOTTEST
) -> tuple[Float[np.ndarray, "labels"], Float[np.ndarray, "labels"]]:
    """The scales and shifts of the labels' logits of the least surprise; shifts sum to 0, scales are in [0, highest].

    A ridge of one text's weight holds them at the best temperature and no shift, so that few texts move them little.
    """
    from scipy.optimize import minimize

    n, labels = logits.shape
    wide = logits.astype(np.float64)
    start = 1 / fit_temperature(logits, gold, highest)
    hits = np.zeros((n, labels))
    hits[np.arange(n), gold] = 1

    def surprise(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        scale, shift = parameters[:labels], parameters[labels:]
        scaled = wide * scale + shift
        top = scaled.max(axis=1, keepdims=True)
        powers = np.exp(scaled - top)
        total = powers.sum(axis=1, keepdims=True)
        away = np.concatenate([scale / start - 1, shift])
        value = (np.log(total[:, 0]) + top[:, 0] - scaled[np.arange(n), gold]).mean() + 0.5 * (away**2).sum() / n
        wrong = (powers / total - hits) / n
        slope = np.concatenate([(wrong * wide).sum(axis=0), wrong.sum(axis=0)])
        return float(value), slope + np.concatenate([away[:labels] / start, away[labels:]]) / n

    first = np.concatenate([np.full(labels, start), np.zeros(labels)])
    bounds = [(0.0, highest)] * labels + [(None, None)] * labels
    found = minimize(surprise, first, jac=True, method="L-BFGS-B", bounds=bounds).x
    return found[:labels], found[labels:] - found[labels:].mean()
