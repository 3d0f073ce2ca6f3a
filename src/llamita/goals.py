"""Goals and the choice: which measured candidates are on the front, and which one to take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, log

from llamita.core.checked import as_python
from llamita.core.errors import require
from llamita.core.measure import Finding
from llamita.core.report import Goal


@dataclass(frozen=True, kw_only=True)
class Goals:
    """What the deployable folder must satisfy; None: no wish."""

    keep: float | None = 0.99
    """Share of the teacher's accuracy."""
    max_size: int | None = None
    """Bytes of the deployable folder, tokenizer and labels included."""
    max_latency: float | None = None
    """Milliseconds, p95, batch 1, string in, probabilities out, on the user's texts."""

    def __post_init__(self) -> None:
        for name, example in (("keep", "0.99"), ("max_size", "20_000_000 bytes"), ("max_latency", "5 ms")):
            value = as_python(getattr(self, name))
            object.__setattr__(self, name, value)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            require(value is None or number, f"{name} must be a number such as {example}, or None, got {value!r}")
        require(
            self.keep is None or 0 < self.keep <= 1.5, f"keep must be in (0, 1.5], got {self.keep}; 0.99 keeps 99 %"
        )
        require(self.max_size is None or self.max_size > 0, f"max-size must be more than 0 bytes, got {self.max_size}")
        require(
            self.max_latency is None or self.max_latency > 0,
            f"max-latency must be more than 0 ms, got {self.max_latency}",
        )


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A candidate after its short recovery, as the choice sees it; scores are on `select`."""

    name: str
    score: float
    """What the task is judged by, such as accuracy, in [0, 1]."""
    nll: float
    """Nats a text of what surprises it: minus the log of the probability of its label, or KL to a teacher that gave the labels."""
    n: int
    """Texts."""
    size_bytes: int
    """Of the exported folder."""
    latency_ms: float
    """The 95th percentile of single texts."""

    @property
    def standard_error(self) -> float:
        """Of the accuracy."""
        return (max(self.score * (1 - self.score), 1e-9) / max(self.n, 1)) ** 0.5


def on_front(candidates: Sequence[Measured]) -> list[bool]:
    """Whether no other candidate is at least as good in score, size and latency and better in one."""

    def dominates(a: Measured, b: Measured) -> bool:
        no_worse = a.score >= b.score and a.size_bytes <= b.size_bytes and a.latency_ms <= b.latency_ms
        better = a.score > b.score or a.size_bytes < b.size_bytes or a.latency_ms < b.latency_ms
        return no_worse and better

    return [not any(dominates(other, one) for other in candidates) for one in candidates]


def excess(candidate: Measured, goals: Goals, teacher_score: float) -> float:
    """By what factor, as a logarithm summed over goals, the candidate misses; 0 when it meets all of them."""
    total = 0.0
    if goals.max_size is not None:
        total += max(0.0, log(candidate.size_bytes / goals.max_size))
    if goals.max_latency is not None:
        total += max(0.0, log(candidate.latency_ms / goals.max_latency))
    if goals.keep is not None and teacher_score > 0:
        total += max(0.0, log(goals.keep * teacher_score / max(candidate.score, 1e-9)))
    return total


def choose(candidates: Sequence[Measured], goals: Goals, teacher_score: float) -> int:
    """Index of the candidate to distil fully.

    Size and latency don't change with training, so they are hard limits. Within them: with a limit given, the best score,
    ties within one standard error going to the largest, which a full training favours; with no limit, the smallest that keeps
    what was asked (less one standard error, since a full distillation follows), else the best score. Of several about as large
    (`LIKE_SIZE`) the one that is least surprised by the labels.
    When nothing is within the limits, the one that misses all goals, the score's among them, by the least.
    """
    limits = Goals(keep=None, max_size=goals.max_size, max_latency=goals.max_latency)
    within = [i for i, c in enumerate(candidates) if excess(c, limits, teacher_score) == 0]
    if not within:
        return min(
            range(len(candidates)), key=lambda i: (excess(candidates[i], goals, teacher_score), candidates[i].nll)
        )
    no_limits = goals.max_size is None and goals.max_latency is None
    if no_limits and goals.keep is not None:
        target = goals.keep * teacher_score
        kept = [i for i in within if candidates[i].score + candidates[i].standard_error >= target]
        if kept:
            return _surest_of_size(candidates, kept, min(candidates[i].size_bytes for i in kept))
    best = max(within, key=lambda i: candidates[i].score)
    near = [i for i in within if candidates[i].score >= candidates[best].score - candidates[best].standard_error]
    return _surest_of_size(candidates, near, max(candidates[i].size_bytes for i in near))


LIKE_SIZE = 0.05
"""Sizes that differ by less are alike: shapes are cut to fill the same limit, and a thousandth more of it says nothing."""


def _surest_of_size(candidates: Sequence[Measured], among: Sequence[int], size: int) -> int:
    """Of those about so large the one that is least surprised by the labels."""
    alike = [i for i in among if abs(candidates[i].size_bytes - size) <= LIKE_SIZE * size]
    return min(alike, key=lambda i: candidates[i].nll)


def outdoes(one: Measured, other: Measured) -> bool:
    """Whether one of the same shape is to be taken instead: clearly more accurate, or as accurate and less surprised."""
    clearly = one.score > other.score + other.standard_error
    return clearly or (one.score >= other.score and one.nll < other.nll)


def alone_meets(one: Measured, other: Measured, goals: Goals, teacher_score: float) -> bool:
    """Whether one meets every goal and the other doesn't."""
    return excess(one, goals, teacher_score) == 0 < excess(other, goals, teacher_score)


def judge(
    goals: Goals, *, score: float, teacher_score: float, size_bytes: int, latency_ms: float | None
) -> tuple[Goal, ...]:
    """Each goal, met or missed, with what to relax; what is advised would have been met."""
    found = []
    if goals.keep is not None:
        share = score / teacher_score if teacher_score > 0 else None
        less = int((share or 0.0) * 1000) / 1000
        advice = f"--keep {less}, or more --minutes" if less else "more --minutes"
        enough = score >= goals.keep * teacher_score - ROUNDING
        found.append(_goal("keep", goals.keep, "share", share, enough, advice))
    if goals.max_size is not None:
        advice = f"--max-size {_tenths_above(size_bytes / 1e6)}MB"
        found.append(_goal("max_size", goals.max_size, "bytes", size_bytes, size_bytes <= goals.max_size, advice))
    if goals.max_latency is not None and latency_ms is not None:
        advice = f"--max-latency {_tenths_above(latency_ms * 1.05)}ms, or more --threads"
        found.append(_goal("max_latency", goals.max_latency, "ms", latency_ms, latency_ms <= goals.max_latency, advice))
    return tuple(found)


def with_intervals(
    goals: Sequence[Goal], loss: Finding, latency: Finding | None, teacher_score: float
) -> tuple[Goal, ...]:
    """The goals, and between what bounds lies what was reached.

    Args:
        loss: the teacher's score minus the light model's, over the same texts.
    """
    known = {"max_latency": (latency.interval, latency.n)} if latency is not None else {}
    if loss.interval is not None and teacher_score > 0:
        low, high = (1 - bound / teacher_score for bound in loss.interval[::-1])
        known["keep"] = ((low, high), loss.n)
    return tuple(
        replace(goal, interval=known[goal.name][0], n=known[goal.name][1]) if goal.name in known else goal
        for goal in goals
    )


ROUNDING = 1e-9
"""By how much a score that is exactly what was asked for may come out lower: 0.99 x 0.8 is a little more than 0.792."""


def _goal(name: str, limit: float, unit: str, value: float | None, met: bool, advice: str) -> Goal:
    return Goal(name=name, limit=limit, unit=unit, value=value, met=met, advice="" if met else f"relax it: {advice}")


def _tenths_above(value: float) -> str:
    """The next tenth that isn't below."""
    return f"{ceil(value * 10 - ROUNDING) / 10:.1f}"
