"""How often the model is right: the task's scores, and what was lost to the reference on the same examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from llamita.core.measure import Finding, Measure, labelled_split, predict
from llamita.core.statistics import mcnemar_p, paired_bootstrap_difference

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.engine import Engine
    from llamita.core.task import Task


@dataclass(frozen=True, kw_only=True)
class Quality(Measure):
    """Accuracy and macro-F1 with intervals, per-class table, confusion matrix, paired loss to the reference."""

    def measure(self, engine: Engine, task: Task, run: Run, reference: Engine | None = None) -> list[Finding]:
        split = labelled_split(task, run)
        ours = predict(engine, task, split.texts)
        findings = task.score(ours, split)
        if reference is not None:
            findings.append(loss_to_reference(ours, predict(reference, task, split.texts), np.asarray(split.labels)))
        return findings


def loss_to_reference(ours: np.ndarray, theirs: np.ndarray, labels: np.ndarray) -> Finding:
    """The reference's accuracy minus ours over the same examples: above zero, something was lost.

    Args:
        ours: probabilities [examples, labels].
        theirs: the reference's, likewise.
        labels: [examples].
    """
    we, they = ours.argmax(axis=1) == labels, theirs.argmax(axis=1) == labels
    difference = paired_bootstrap_difference(they, we)
    lost, won = int((they & ~we).sum()), int((we & ~they).sum())
    return Finding(
        name="quality.loss_to_reference", value=difference.value, unit="share", interval=difference.interval,
        better="lower", n=len(labels),
        detail={
            "accuracy": float(we.mean()), "reference_accuracy": float(they.mean()),
            "kept": float(we.mean() / they.mean()) if they.any() else None,
            "lost": lost, "won": won, "mcnemar_p": mcnemar_p(won, lost),
        },
    )  # fmt: skip
