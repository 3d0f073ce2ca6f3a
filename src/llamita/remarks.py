"""Remarks: the plain sentences that stand above a report's numbers, where a reader would draw the wrong conclusion without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llamita.core.hardware import has_fast_bf16
from llamita.core.measure import tallies
from llamita.core.report import Subject
from llamita.core.statistics import paired_ratio_difference
from llamita.goals import Goals, Measured, alone_meets, excess, on_front
from llamita.measure.quality import one_answer
from llamita.pages import format as write
from llamita.plan import MANY_CUT

if TYPE_CHECKING:
    from llamita.core.task import Task


def alone_is_better(ends: Sequence[Measured], recorded: bool = False) -> str:
    """Why the student without a teacher is delivered; the distilled one comes first."""
    kind = "KL to the teacher" if recorded else "NLL"
    distilled, alone = (f"{write.percent(end.score)} % ({kind} {end.nll:.3f})" for end in ends)
    if recorded:
        return (
            f"The light model learned from the teacher's answers and not from its probabilities: on the {ends[0].n} texts set"
            f" aside for choosing it agrees with the teacher in {alone}, the same shape taught by probabilities in {distilled}."
        )
    return (
        f"The light model learned from the labels alone: on the {ends[0].n} texts set aside for choosing it reaches {alone},"
        f" the same shape taught by the teacher {distilled}."
    )


def linear_is_enough(
    linear: Measured, light: Measured, goals: Goals, teacher_score: float, *, taken: bool = False
) -> tuple[str, ...]:
    """Says so where TF-IDF would do: it meets every goal, or nothing speaks for the light model; scores are on `select`.

    Args:
        taken: It is what is delivered.
    """
    if taken:
        return (_linear_is_taken(linear, light),)
    better = on_front([linear, light]) == [True, False]
    if not better and excess(linear, goals, teacher_score) > 0:
        return ()
    short = alone_meets(linear, light, goals, teacher_score)
    said = "is enough here" if better else f"meets every goal{', which the light model does not' if short else ' too'}"
    note = (
        f"TF-IDF with a linear model {said}: on the {linear.n} texts set aside for choosing it reaches"
        f" {write.percent(linear.score)} %, the light model {write.percent(light.score)} %; it takes {_cost(linear)}, the light"
        f" model {_cost(light)}."
        " It stands in linear/ and runs the same way."
    )
    return (note,)


def _linear_is_taken(linear: Measured, student: Measured) -> str:
    return (
        "TF-IDF with a linear model is delivered, since it alone meets every goal: on the"
        f" {linear.n} texts set aside for choosing it reaches {write.percent(linear.score)} % in {_cost(linear)}, the best student"
        f" {write.percent(student.score)} % in {_cost(student)}. The student stands in student/, and recipe.yaml makes it."
    )


def _cost(one: Measured) -> str:
    """Its bytes and milliseconds."""
    return f"{write.size(one.size_bytes)} / {write.milliseconds(one.latency_ms)}"


def texts_cut(plan: Mapping[str, Any]) -> tuple[str, ...]:
    """Says so where more than a few texts are read in part."""
    if plan.get("cut_share", 0.0) <= MANY_CUT:
        return ()
    cut = (
        f"Of each text the first {plan['max_length']} tokens are read, and {100 * plan['cut_share']:.0f} % of the training texts"
        " are longer: the minutes asked for allow no more. A longer run (--minutes) reads more of them."
    )
    return (cut,)


def rivals_ahead(subjects: Sequence[Subject]) -> tuple[str, ...]:
    """Says so where a rival of the light model scores higher on the test split, and by how much over the same texts."""
    found = []
    light = next(s for s in subjects if s.role == "light")
    for other in subjects:
        ours, theirs = light.score, other.score
        if other.role not in ("student_alone", "linear", "model") or ours is None or theirs is None:
            continue
        if ours.value is None or theirs.value is None or theirs.value <= ours.value:
            continue
        ahead = paired_ratio_difference(tallies([theirs]), tallies([ours]))
        interval = write.bracket(ahead.interval, write.points)
        found.append(
            f"On the test split {other.name} scores higher: {write.percent(theirs.value)} against {write.percent(ours.value)} %,"
            f" by {write.points(ahead.value, sign=False)} points {interval} (n = {ours.n:,})."
        )
    return tuple(found)


def remarks(
    task: Task, device: str, candidates: Sequence[dict[str, Any]], subjects: Sequence[Subject]
) -> tuple[str, ...]:
    """What a reader must know of the data, the machine, the rivals and the choice."""
    found = list(task.describe().get("notes", ()))
    if has_fast_bf16(device):
        found.append("The teacher's answers were computed in bf16, as it was trained; its timings are of fp32 torch.")
    if device != "cpu":
        found.append(f"Models learned and the teacher answered on {device}; latency and throughput are the CPU's.")
    found += [said for one in subjects if (said := one_answer(one.name, one.findings))]
    found += rivals_ahead(subjects)
    return (*found, *off_the_front(candidates))


def off_the_front(candidates: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Says so where others did at least as well as the chosen candidate in its short recovery, and why they weren't taken."""

    def no_worse(one: Mapping[str, Any]) -> bool:
        return one["score"] >= chosen["score"] and all(one[k] <= chosen[k] for k in ("size_bytes", "latency_ms"))

    chosen = next(c for c in candidates if c["chosen"])
    ahead = [] if chosen["on_front"] else [c for c in candidates if c is not chosen and no_worse(c)]
    linear = [c["name"] for c in ahead if c["student"] == "linear"]
    others = [c["name"] for c in ahead if c["student"] != "linear"]
    found = []
    if linear:
        found.append(
            f"{linear[0]} did no worse than the chosen candidate after its short recovery, in no more bytes and no more time: a"
            " linear model can't be distilled and isn't chosen; it stands in linear/."
        )
    if others:
        found.append(
            f"{', '.join(others)} did no worse than the chosen candidate after the short recoveries, in no more bytes and no more"
            " time: of scores within one standard error the largest model is taken, which a full training favours."
        )
    return tuple(found)
