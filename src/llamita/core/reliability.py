"""Reliability of confidences: how often answers are right in bins of like confidence, and the calibration error over them."""

from __future__ import annotations

from typing import Any

import numpy as np

from llamita.core.statistics import Estimate, percentile_interval

ECE_BINS = 15
SIMULATIONS = 1000


def bin_of(confidence: np.ndarray, bins: int = ECE_BINS) -> np.ndarray:
    """Index of the equal-width bin (low, high] each confidence falls into, int64 [texts]; 0 falls into the first."""
    return np.clip(np.ceil(np.asarray(confidence, dtype=np.float64) * bins).astype(int) - 1, 0, bins - 1)


def reliability_bins(confidence: np.ndarray, right: np.ndarray, bins: int = ECE_BINS) -> list[dict[str, Any]]:
    """Per bin: low, high, n, mean confidence and accuracy (both None where the bin is empty)."""
    place = bin_of(confidence, bins)
    n = np.bincount(place, minlength=bins)
    confident = np.bincount(place, weights=confidence, minlength=bins)
    hits = np.bincount(place, weights=np.asarray(right, dtype=np.float64), minlength=bins)
    return [
        {
            "low": b / bins, "high": (b + 1) / bins, "n": int(n[b]),
            "confidence": float(confident[b] / n[b]) if n[b] else None,
            "accuracy": float(hits[b] / n[b]) if n[b] else None,
        }
        for b in range(bins)
    ]  # fmt: skip


def expected_calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = ECE_BINS) -> float:
    """Mean gap between confidence and accuracy over equal-width bins, weighted by their examples.

    Guo et al. 2017, https://arxiv.org/abs/1706.04599.

    Args:
        confidence: in [0, 1], [texts].
        right: whether each answer is [texts].
    """
    gap = np.asarray(right, dtype=np.float64) - np.asarray(confidence, dtype=np.float64)
    return float(np.abs(np.bincount(bin_of(confidence, bins), weights=gap, minlength=bins)).sum() / len(gap))


def calibration_error_floor(confidence: np.ndarray, bins: int = ECE_BINS) -> Estimate:
    """The calibration error a perfectly calibrated classifier with these confidences shows by chance.

    Each simulation draws every answer right with the probability its confidence claims.

    Returns:
        The mean over simulations and their middle 95 %.
    """
    confidence = np.asarray(confidence, dtype=np.float64)
    order = np.argsort(bin_of(confidence, bins), kind="stable")
    sorted_confidence, place = confidence[order], bin_of(confidence, bins)[order]
    starts = np.flatnonzero(np.r_[True, place[1:] != place[:-1]])
    generator = np.random.default_rng(0)
    rows = max(1, 2_000_000 // len(confidence))
    errors = []
    for start in range(0, SIMULATIONS, rows):
        drawn = generator.random((min(rows, SIMULATIONS - start), len(confidence))) < sorted_confidence
        gaps = np.add.reduceat(drawn - sorted_confidence, starts, axis=1)
        errors.append(np.abs(gaps).sum(axis=1) / len(confidence))
    draws = np.concatenate(errors)
    return Estimate(float(draws.mean()), percentile_interval(draws))
