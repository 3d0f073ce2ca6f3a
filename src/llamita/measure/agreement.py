"""How far the light model answers as the reference does, where they part, and what asking both in turn would give.

The cascade "light first, teacher when unsure" is FrugalGPT's (Chen et al. 2023, https://arxiv.org/abs/2305.05176). Its
thresholds stand at fixed quantiles of the light model's confidence, so that no threshold is chosen by the labels it is
scored on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from llamita.core.answers import Answers, OneLabel, told
from llamita.core.errors import require
from llamita.core.measure import Finding, Measure, Said, ask, labelled_split
from llamita.core.statistics import bootstrap_interval, ratio_of_sums, ratio_of_sums_interval, share_interval
from llamita.core.task import as_columns

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.engine import Engine
    from llamita.core.task import Split, Task

BOTH: tuple[Answers, Answers] = (OneLabel(), OneLabel())
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
        ours, theirs = ask(engine, task, split.texts), ask(reference, task, split.texts)
        return [
            same_label(ours, theirs, task, split),
            divergence(ours.probabilities, theirs.probabilities, ours.answers),
            self._cascade(ours, theirs, task.gold(split)),
        ]

    def _cascade(self, ours: Said, theirs: Said, gold: np.ndarray) -> Finding:
        shares = np.linspace(0, 1, self.points)
        both = (ours.answers, theirs.answers)
        (hits, weights), _, asked = cascade(ours.probabilities, theirs.probabilities, gold, self.share, both)
        return Finding(
            name="agreement.cascade", value=ratio_of_sums(hits, weights), unit="share",
            interval=ratio_of_sums_interval(hits, weights), better="higher", n=len(gold),
            detail={
                "share": self.share, "teacher_share": asked, "score": ours.answers.score_name,
                "curve": cascade_curve(ours.probabilities, theirs.probabilities, gold, shares, both),
                "thresholds": "at quantiles of the light model's confidence on these texts, none tuned on their labels",
            },
        )  # fmt: skip


def same_label(ours: Said, theirs: Said, task: Task, split: Split) -> Finding:
    """Share of equal answers; rows: the examples that only one of the two got right."""
    gold = task.gold(split)
    we, they = ours.right(gold), theirs.right(gold)
    same = (ours.chosen == theirs.chosen).all(axis=1)
    kinds = {"lost": they & ~we, "won": we & ~they}
    rows = [
        _row(kind, int(i), (ours, theirs), task, split) for kind, which in kinds.items() for i in np.flatnonzero(which)
    ]
    return Finding(
        name="agreement.same_label", value=float(same.mean()), unit="share", interval=share_interval(same),
        better="higher", n=len(split), rows=tuple(rows), detail={kind: int(which.sum()) for kind, which in kinds.items()},
    )  # fmt: skip


def _row(kind: str, index: int, both: tuple[Said, Said], task: Task, split: Split) -> dict[str, Any]:
    text, (ours, theirs) = split.texts[index], both
    sure, sure_there = (float(one.answers.confidence(one.probabilities[[index]])[0]) for one in both)
    return {
        "index": index, "kind": kind, **as_columns(text), "label": task.told_gold(split, index),
        "predicted": told(ours.chosen[index], task.labels), "confidence": round(sure, 6),
        "reference_predicted": told(theirs.chosen[index], task.labels), "reference_confidence": round(sure_there, 6),
    }  # fmt: skip


def divergence(ours: np.ndarray, theirs: np.ndarray, answers: Answers = BOTH[0]) -> Finding:
    """Mean KL(reference || light) over the examples, and its quantiles."""
    values = answers.divergences(theirs, ours)
    quantiles = {f"p{q}": float(np.quantile(values, q / 100)) for q in (50, 90, 99)}
    return Finding(
        name="agreement.kl", value=float(values.mean()), unit="nats", interval=bootstrap_interval(values),
        better="lower", n=len(values), detail=quantiles,
    )  # fmt: skip


def cascade(
    ours: np.ndarray, theirs: np.ndarray, gold: np.ndarray, share: float, answers: tuple[Answers, Answers] = BOTH
) -> tuple[tuple[np.ndarray, np.ndarray], float, float]:
    """The light model answers when its confidence is at least the threshold, else the reference does.

    Args:
        ours: probabilities of the light model [texts, labels].
        theirs: those of the reference, likewise.
        gold: true labels, as `Answers.gold` gives them.
        share: of the texts, at most so many reach the reference, in [0, 1].
        answers: how the two go on from their probabilities.

    Returns:
        Hits and weights of the examples [texts], the threshold, and the share of calls that reach the reference: at most `share`
        where confidences are tied.
    """
    confidence = answers[0].confidence(ours)
    ranked = np.sort(confidence)
    count = round(share * len(ranked))
    threshold = ranked[count] if count < len(ranked) else np.nextafter(ranked[-1], np.inf)
    asks = confidence < threshold
    chosen = np.where(asks[:, None], answers[1].chosen(theirs), answers[0].chosen(ours))
    return answers[0].tally(chosen, gold), float(threshold), float(asks.mean())


def cascade_curve(
    ours: np.ndarray,
    theirs: np.ndarray,
    gold: np.ndarray,
    shares: np.ndarray,
    answers: tuple[Answers, Answers] = BOTH,
) -> list[dict[str, float]]:
    """Threshold, share of calls that reach the reference, and the score (as "accuracy"), for each share asked for."""
    curve: list[dict[str, float]] = []
    for share in shares:
        tally, threshold, asked = cascade(ours, theirs, gold, float(share), answers)
        point = {"threshold": threshold, "teacher_share": asked, "accuracy": ratio_of_sums(*tally)}
        if not curve or asked > curve[-1]["teacher_share"]:
            curve.append(point)
    return curve
