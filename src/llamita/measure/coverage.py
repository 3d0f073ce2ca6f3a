"""Conformal coverage: whether sets of labels hold the right one as often as promised, and how large they are.

The sets are those of Sadinle, Lei & Wasserman 2019, https://arxiv.org/abs/1609.00451, as `core/conformal.py` makes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from llamita.core.conformal import (
    are_too_few,
    coverage_bounds,
    kept_conformity,
    label_sets,
    require_one_label,
    set_threshold,
    threshold_of,
)
from llamita.core.errors import UserError, require
from llamita.core.measure import Finding, Measure, labelled_split, predict
from llamita.core.statistics import bootstrap_interval, wilson_interval

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.engine import Engine
    from llamita.core.task import Split, Task

FEWEST = 40


@dataclass(frozen=True, kw_only=True)
class Coverage(Measure):
    """Threshold from one half of the texts, drawn by the seed; coverage, set size and abstention on the other."""

    compares: ClassVar[bool] = False

    promised: float = 0.9
    """Share of the texts whose set is to hold the right label, in (0, 1)."""
    kept: bool = False
    """By the sets that a calibrated model gives without labelled texts, over all texts."""

    def __post_init__(self) -> None:
        require(0 < self.promised < 1, f"promised must be in (0, 1), got {self.promised:g}")

    def measure(self, engine: Engine, task: Task, run: Run, reference: Engine | None = None) -> list[Finding]:
        split = labelled_split(task, run)
        require_one_label(task.answers)
        if self.kept:
            return self._of_kept(engine, task, split)
        if len(split) < FEWEST:
            raise UserError(f"coverage needs {FEWEST} labelled texts or more, got {len(split)}")
        probabilities, gold = predict(engine, task, split.texts), np.asarray(split.labels)
        order = np.random.default_rng(run.seed).permutation(len(gold))
        fitted, measured = order[: len(gold) // 2], order[len(gold) // 2 :]
        threshold = set_threshold(probabilities[fitted], gold[fitted], self.promised)
        if are_too_few(len(fitted), self.promised):
            return self._no_promise(len(fitted))
        return coverage_findings(probabilities[measured], gold[measured], threshold, len(fitted), self.promised)

    def _of_kept(self, engine: Engine, task: Task, split: Split) -> list[Finding]:
        """The sets that the engine gives by itself, on all the texts."""
        number = len(kept_conformity(engine))
        if are_too_few(number, self.promised):
            return self._no_promise(number)
        probabilities, threshold = predict(engine, task, split.texts), threshold_of(engine, None, self.promised)
        return coverage_findings(probabilities, np.asarray(split.labels), threshold, number, self.promised)

    def _no_promise(self, number: int) -> list[Finding]:
        why = f"{number} texts are too few to promise {self.promised:g}: every set would hold every label"
        names = ("coverage.share", "coverage.set_size", "coverage.unsure")
        return [Finding(name=name, value=None, reason=why) for name in names]


def coverage_findings(
    probabilities: np.ndarray, gold: np.ndarray, threshold: float, n_threshold: int, promised: float
) -> list[Finding]:
    """Findings for probabilities [texts, labels] and true labels [texts] under a threshold from other texts."""
    sets = label_sets(probabilities, threshold)
    n, sizes = len(gold), sets.sum(axis=1)
    right, unsure = sets[np.arange(n), gold], sizes != 1
    detail = {
        "promised": promised, "bounds": coverage_bounds(n_threshold, n, promised), "threshold": threshold,
        "n_threshold": n_threshold, "sizes": {str(size): int((sizes == size).sum()) for size in np.unique(sizes)},
        "accuracy_when_sure": float(right[~unsure].mean()) if (~unsure).any() else None,
    }  # fmt: skip
    return [
        Finding(
            name="coverage.share", value=float(right.mean()), unit="share", interval=wilson_interval(int(right.sum()), n),
            better="higher", n=n, detail=detail,
        ),
        Finding(
            name="coverage.set_size", value=float(sizes.mean()), interval=bootstrap_interval(sizes.astype(float)),
            better="lower", n=n,
        ),
        Finding(
            name="coverage.unsure", value=float(unsure.mean()), unit="share",
            interval=wilson_interval(int(unsure.sum()), n), better="lower", n=n,
        ),
    ]  # fmt: skip
