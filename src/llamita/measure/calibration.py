"""Whether confidences can be believed: calibration error over its chance floor, Brier score and log loss.

Guo et al. 2017 (https://arxiv.org/abs/1706.04599): 15 bins of equal width over the confidence of the answer. Since even
a perfectly calibrated classifier shows an error on few examples, the floor that chance alone gives stands beside it. Where
a text may have any labels, each label's probability is held against whether the text has it, over all labels and one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from llamita.core.answers import Answers, OneLabel
from llamita.core.errors import require
from llamita.core.measure import Finding, Measure, ask, labelled_split
from llamita.core.reliability import ECE_BINS, calibration_error_floor, expected_calibration_error, reliability_bins
from llamita.core.statistics import bootstrap_interval

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.engine import Engine
    from llamita.core.task import Task


@dataclass(frozen=True, kw_only=True)
class Calibration(Measure):
    """Calibration error with its floor and reliability bins, Brier score, negative log-likelihood."""

    compares: ClassVar[bool] = False

    bins: int = ECE_BINS
    """Bins of equal width over [0, 1]; at least 1."""

    def __post_init__(self) -> None:
        require(self.bins >= 1, f"bins must be at least 1, got {self.bins}")

    def measure(self, engine: Engine, task: Task, run: Run, reference: Engine | None = None) -> list[Finding]:
        split = labelled_split(task, run)
        found = ask(engine, task, split.texts)
        return calibration_findings(found.probabilities, task.gold(split), self.bins, found.answers, task.labels)


def calibration_findings(
    probabilities: np.ndarray,
    gold: np.ndarray,
    bins: int = ECE_BINS,
    answers: Answers | None = None,
    names: Sequence[str] = (),
) -> list[Finding]:
    """The three findings for probabilities [examples, labels] and the truth as the task's `gold` gives it."""
    answers = answers or OneLabel()
    claimed, true = answers.decisions(probabilities, gold)
    confidence, right = claimed.ravel(), true.ravel()
    error, floor = expected_calibration_error(confidence, right, bins), calibration_error_floor(confidence, bins)
    detail: dict[str, Any] = {
        "floor": floor.value, "floor_interval": floor.interval, "above_floor": max(0.0, error - floor.value),
        "bins": reliability_bins(confidence, right, bins),
        "mean_confidence": float(confidence.mean()), "accuracy": float(right.mean()),
    }  # fmt: skip
    if claimed.ndim == 2:
        detail["per_label"] = {name: _of_label(claimed[:, i], true[:, i], bins) for i, name in enumerate(names)}
    brier, nll = answers.brier(probabilities, gold), answers.surprise(probabilities, gold)
    n = len(gold)
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


def _of_label(claimed: np.ndarray, true: np.ndarray, bins: int) -> dict[str, float]:
    """A label's own error and floor, over all texts."""
    error, floor = expected_calibration_error(claimed, true, bins), calibration_error_floor(claimed, bins).value
    return {"ece": error, "floor": floor, "above_floor": max(0.0, error - floor), "share": float(true.mean())}
