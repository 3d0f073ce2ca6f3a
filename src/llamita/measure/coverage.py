"""Conformal coverage: whether sets of labels hold the right ones as often as promised, and how large they are.

The sets are those of Sadinle, Lei & Wasserman 2019, https://arxiv.org/abs/1609.00451, and of Angelopoulos et al. 2022,
https://arxiv.org/abs/2208.02814, where a text has any labels, as `core/conformal.py` makes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from llamita.core.conformal import (
    Held,
    are_too_few,
    coverage_bounds,
    kept_conformity,
    label_sets,
    marks_of,
    of_labels,
    threshold_among,
)
from llamita.core.errors import UserError, require
from llamita.core.measure import Finding, Measure, ask, labelled_split
from llamita.core.statistics import Interval, bootstrap_interval, wilson_interval

if TYPE_CHECKING:
    from llamita.core.answers import Answers
    from llamita.core.context import Run
    from llamita.core.engine import Engine
    from llamita.core.task import Task

FEWEST = 40


@dataclass(frozen=True, kw_only=True)
class Coverage(Measure):
    """Threshold from one half of the texts, drawn by the seed; coverage, set size and abstention on the other."""

    compares: ClassVar[bool] = False

    promised: float = 0.9
    """Share of the texts whose set is to hold the right label, in (0, 1); where a text has any, of its labels."""
    kept: bool = False
    """By the sets that a calibrated model gives without labelled texts, over all texts."""

    def __post_init__(self) -> None:
        require(0 < self.promised < 1, f"promised must be in (0, 1), got {self.promised:g}")

    def measure(self, engine: Engine, task: Task, run: Run, reference: Engine | None = None) -> list[Finding]:
        split = labelled_split(task, run)
        require(
            not (self.kept and engine.is_asked and not engine.answers.conformity),
            f"--kept is about a calibrated model, and {engine.name} keeps nothing that sets could be drawn from; leave it out:"
            " half of the texts then draw the sets of the others",
        )
        kept = kept_conformity(engine) if self.kept else ()
        has = marks_of(task.gold(split), len(task.labels))
        if (labelled := int(has.any(axis=1).sum())) < FEWEST and not kept:
            raise UserError(f"coverage needs {FEWEST} labelled texts or more, got {labelled}")
        said = ask(engine, task, split.texts)
        order, half = np.random.default_rng(run.seed).permutation(len(has)), len(has) // 2
        measured = order[half:] if not kept else np.arange(len(has))
        drawn_from = kept or of_labels(said.probabilities[order[:half]], has[order[:half]])
        if are_too_few(len(drawn_from), self.promised):
            return self._no_promise(len(drawn_from))
        told = said.probabilities[measured]
        return coverage_findings(told, has[measured], said.answers, drawn_from, self.promised)

    def _no_promise(self, number: int) -> list[Finding]:
        why = f"{number} texts are too few to promise {self.promised:g}: every set would hold every label"
        names = ("coverage.share", "coverage.set_size", "coverage.unsure")
        return [Finding(name=name, value=None, reason=why) for name in names]


def coverage_findings(
    probabilities: np.ndarray, has: np.ndarray, answers: Answers, conformity: Held, promised: float
) -> list[Finding]:
    """Findings for probabilities and marks of the true labels [texts, labels], under a threshold from other texts.

    Unsure is a text whose set isn't just what it is answered.
    """
    threshold = threshold_among(conformity, promised)
    sets, given = label_sets(probabilities, threshold), answers.chosen(probabilities)
    n, sizes, labelled = len(has), sets.sum(axis=1), has.any(axis=1)
    held = (sets & has)[labelled].sum(axis=1) / has[labelled].sum(axis=1)
    unsure = (sets != given).any(axis=1)
    sure = ~unsure
    detail = {
        "promised": promised, "bounds": coverage_bounds(conformity, max(1, len(held)), promised), "threshold": threshold,
        "n_threshold": len(conformity), "sizes": {str(size): int((sizes == size).sum()) for size in np.unique(sizes)},
        "accuracy_when_sure": float((given == has)[sure].all(axis=1).mean()) if sure.any() else None,
    }  # fmt: skip
    return [
        Finding(
            name="coverage.share", value=float(held.mean()) if len(held) else None, unit="share",
            interval=_interval(held), better="higher", n=len(held), detail=detail,
            reason="" if len(held) else "none of the texts has a label",
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


def _interval(held: np.ndarray) -> Interval | None:
    """Of the mean share of a text's labels: Wilson's where each is held or not, else a bootstrap."""
    if not len(held):
        return None
    if ((held == 0) | (held == 1)).all():
        return wilson_interval(int(held.sum()), len(held))
    return bootstrap_interval(held)
