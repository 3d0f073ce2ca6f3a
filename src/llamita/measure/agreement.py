"""How far the light model answers as the reference does, where they part, and what asking both in turn would give.

The cascade "light first, teacher when unsure" is FrugalGPT's (Chen et al. 2023, https://arxiv.org/abs/2305.05176). Its
thresholds stand at fixed quantiles of the light model's confidence, so that no threshold is chosen by the labels it is
scored on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from llamita.core.errors import require
from llamita.core.measure import Finding, Measure, labelled_split, predict
from llamita.core.statistics import bootstrap_interval, kl_divergences, share_interval

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.engine import Engine
    from llamita.core.task import Split, Task

NAMES: dict[str, Literal["higher", "lower"]] = {
    "agreement.same_label": "higher", "agreement.kl": "lower", "agreement.cascade": "higher",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Agreement(Measure):
    """Share of equal answers, KL(reference || light), the examples lost and won, and the cascade's curve."""

    share: float = 0.1
    """Share of calls that reach the reference, for which the cascade's accuracy is told; in [0, 1]."""
    points: int = 21
    """Points of the curve, evenly spread over the share of calls; at least 2."""

    def __post_init__(self) -> None:
        require(0 <= self.share <= 1, f"share must be in [0, 1], got {self.share:g}")
        require(self.points >= 2, f"points must be at least 2, got {self.points}")

    def measure(self, engine: Engine, task: Task, run: Run, reference: Engine | None = None) -> list[Finding]:
        if reference is None:
            reason = "there is no reference to agree with"
            return [Finding(name=name, value=None, better=better, reason=reason) for name, better in NAMES.items()]
        split = labelled_split(task, run)
        ours, theirs = predict(engine, task, split.texts), predict(reference, task, split.texts)
        return [
            same_label(ours, theirs, task, split),
            divergence(ours, theirs),
            self._cascade(ours, theirs, np.asarray(split.labels)),
        ]

    def _cascade(self, ours: np.ndarray, theirs: np.ndarray, labels: np.ndarray) -> Finding:
        shares = np.linspace(0, 1, self.points)
        right, _, asked = cascade(ours, theirs, labels, self.share)
        return Finding(
            name="agreement.cascade", value=float(right.mean()), unit="share", interval=share_interval(right),
            better="higher", n=len(labels),
            detail={
                "share": self.share, "teacher_share": asked,
                "curve": cascade_curve(ours, theirs, labels, shares),
                "thresholds": "at quantiles of the light model's confidence on these texts, none tuned on their labels",
            },
        )  # fmt: skip


def same_label(ours: np.ndarray, theirs: np.ndarray, task: Task, split: Split) -> Finding:
    """Share of equal answers; rows: the examples that only one of the two got right."""
    labels, we, they = np.asarray(split.labels), ours.argmax(axis=1), theirs.argmax(axis=1)
    kinds = {"lost": (they == labels) & (we != labels), "won": (we == labels) & (they != labels)}
    rows = [
        _row(kind, int(i), (ours, theirs), task, split) for kind, which in kinds.items() for i in np.flatnonzero(which)
    ]
    return Finding(
        name="agreement.same_label", value=float((we == they).mean()), unit="share",
        interval=share_interval(we == they), better="higher", n=len(split), rows=tuple(rows),
        detail={kind: int(which.sum()) for kind, which in kinds.items()},
    )  # fmt: skip


def _row(kind: str, index: int, both: tuple[np.ndarray, np.ndarray], task: Task, split: Split) -> dict[str, Any]:
    text, (ours, theirs) = split.texts[index], (probabilities[index] for probabilities in both)
    parts = {"text": text} if isinstance(text, str) else {"text": text[0], "pair": text[1]}
    return {
        "index": index, "kind": kind, **parts, "label": task.labels[split.labels[index]],
        "predicted": task.labels[int(ours.argmax())], "confidence": round(float(ours.max()), 6),
        "reference_predicted": task.labels[int(theirs.argmax())],
        "reference_confidence": round(float(theirs.max()), 6),
    }  # fmt: skip


def divergence(ours: np.ndarray, theirs: np.ndarray) -> Finding:
    """Mean KL(reference || light) over the examples, and its quantiles."""
    values = kl_divergences(theirs, ours)
    quantiles = {f"p{q}": float(np.quantile(values, q / 100)) for q in (50, 90, 99)}
    return Finding(
        name="agreement.kl", value=float(values.mean()), unit="nats", interval=bootstrap_interval(values),
        better="lower", n=len(values), detail=quantiles,
    )  # fmt: skip


def cascade(ours: np.ndarray, theirs: np.ndarray, labels: np.ndarray, share: float) -> tuple[np.ndarray, float, float]:
    """The light model answers when its confidence is at least the threshold, else the reference does.

    Returns:
        Which examples come out right [examples], the threshold, and the share of calls that reach the reference:
        at most `share` where confidences are tied.
    """
    confidence = ours.max(axis=1)
    ranked = np.sort(confidence)
    count = round(share * len(ranked))
    threshold = ranked[count] if count < len(ranked) else np.nextafter(ranked[-1], np.inf)
    asks = confidence < threshold
    answers = np.where(asks, theirs.argmax(axis=1), ours.argmax(axis=1))
    return answers == labels, float(threshold), float(asks.mean())


def cascade_curve(
    ours: np.ndarray, theirs: np.ndarray, labels: np.ndarray, shares: np.ndarray
) -> list[dict[str, float]]:
    """Threshold, share of calls that reach the reference, and accuracy, for each share asked for."""
    curve: list[dict[str, float]] = []
    for share in shares:
        right, threshold, asked = cascade(ours, theirs, labels, float(share))
        point = {"threshold": threshold, "teacher_share": asked, "accuracy": float(right.mean())}
        if not curve or asked > curve[-1]["teacher_share"]:
            curve.append(point)
    return curve
