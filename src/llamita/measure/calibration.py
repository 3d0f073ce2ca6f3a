"""Whether confidences can be believed: calibration error over its chance floor, Brier score and log loss.

Guo et al. 2017 (https://arxiv.org/abs/1706.04599): 15 bins of equal width over the confidence of the answer. Since even
a perfectly calibrated classifier shows an error on few examples, the floor that chance alone gives stands beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from llamita.core.errors import require
from llamita.core.measure import Finding, Measure, labelled_split, predict
from llamita.core.statistics import (
    ECE_BINS,
    bootstrap_interval,
    brier_scores,
    calibration_error_floor,
    expected_calibration_error,
    negative_log_likelihoods,
    reliability_bins,
)

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.engine import Engine
    from llamita.core.task import Task


@dataclass(frozen=True, kw_only=True)
class Calibration(Measure):
    """Calibration error with its floor and reliability bins, Brier score, negative log-likelihood."""

    bins: int = ECE_BINS
    """Bins of equal width over [0, 1]; at least 1."""

    def __post_init__(self) -> None:
        require(self.bins >= 1, f"bins must be at least 1, got {self.bins}")

    def measure(self, engine: Engine, task: Task, run: Run, reference: Engine | None = None) -> list[Finding]:
        split = labelled_split(task, run)
        return calibration_findings(predict(engine, task, split.texts), np.asarray(split.labels), self.bins)


def calibration_findings(probabilities: np.ndarray, labels: np.ndarray, bins: int = ECE_BINS) -> list[Finding]:
    """The three findings for probabilities [examples, labels] and true labels [examples]."""
    confidence, right = probabilities.max(axis=1).astype(np.float64), probabilities.argmax(axis=1) == labels
    error, floor = expected_calibration_error(confidence, right, bins), calibration_error_floor(confidence, bins)
    detail = {
        "floor": floor.value, "floor_interval": floor.interval, "above_floor": max(0.0, error - floor.value),
        "bins": reliability_bins(confidence, right, bins),
        "mean_confidence": float(confidence.mean()), "accuracy": float(right.mean()),
    }  # fmt: skip
    brier, nll = brier_scores(probabilities, labels), negative_log_likelihoods(probabilities, labels)
    n = len(labels)
    return [
        Finding(name="calibration.ece", value=error, unit="share", better="lower", n=n, detail=detail),
        Finding(
            name="calibration.brier", value=float(brier.mean()), interval=bootstrap_interval(brier), better="lower", n=n
        ),
        Finding(
            name="calibration.nll", value=float(nll.mean()), unit="nats", interval=bootstrap_interval(nll),
            better="lower", n=n,
        ),
    ]  # fmt: skip
