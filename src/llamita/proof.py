"""The proof: everything a run delivers is measured once on the test split, beside its honest baselines."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from llamita.core.errors import UserError
from llamita.core.hardware import cpu_name, machine, of_device, versions
from llamita.core.measure import Finding, tallies
from llamita.core.registry import build, settings_of
from llamita.core.report import Report, Subject
from llamita.core.statistics import paired_ratio_difference
from llamita.core.store import address
from llamita.goals import Goals, Measured, judge, with_intervals
from llamita.measure.cost import Cost, cost_ratios, cost_side_by_side
from llamita.remarks import remarks
from llamita.subjects import exported_lineage, lineage_of, subject
from llamita.workshop import EXPORTERS, Stage, Workshop, made_by

log = logging.getLogger(__name__)
LINEAR = "TF-IDF + linear"
QUICK = {"calls": 100, "rounds": 1, "throughput_texts": 64, "memory": False}
"""How a candidate is timed while choosing."""
FAIR = {"throughput_texts": 256}
"""How what is delivered, its twin, the teacher's int8 and the linear model are timed, taking turns, and so is the teacher in fp32
torch beside the light model: a single batch would mix short and long texts, and make fewer a second."""


def value(findings: Sequence[Finding], name: str) -> float | None:
    """The value of the finding of this name."""
    return next((f.value for f in findings if f.name == name), None)


def score_name(shop: Workshop) -> str:
    """The finding that the task is judged by."""
    assert shop.task is not None
    return shop.task.answers.score_name


@dataclass(frozen=True, kw_only=True)
class LinearBaseline:
    """TF-IDF with a linear model: what costs next to nothing."""

    artifact: Stage
    measured: Measured
    """On `select`."""
    parameters: int

    @classmethod
    def fit(cls, shop: Workshop, recorded: Stage | None = None) -> LinearBaseline:
        """Train it on the training texts, choose its strength on `select`, save it, and time it; see `measured`."""
        from llamita.learn.linear import fit_linear

        assert shop.task is not None
        key = address(
            {
                "fit": "learn.linear",
                "data": shop.task.training_fingerprint,
                "seed": shop.seed,
                "made by": made_by(("llamita", "scikit-learn")),
            }
        )

        def make(folder: Path) -> None:
            fit_linear(shop.task, seed=shop.seed).save(folder / "artifact")

        folder = shop.store.stage(key, "learn.linear", make) / "artifact"
        artifact = Stage(key=key, folder=folder, name=LINEAR)
        return cls(
            artifact=artifact, measured=measured(shop, artifact, LINEAR, recorded),
            parameters=shop.open(artifact).num_parameters,
        )  # fmt: skip


def measured(shop: Workshop, artifact: Stage, name: str, recorded: Stage | None = None) -> Measured:
    """An artifact as the choice sees it, on `select`.

    Args:
        recorded: The teacher where it gave the labels of `select` itself: what surprises is then its probabilities, not the
            labels that follow from them.
    """
    found = shop.measure(artifact, [build("quality"), build("calibration"), build("cost", QUICK)], split="select")
    surprise = value(found, "calibration.nll")
    if recorded is not None:
        surprise = value(
            shop.measure(artifact, [build("agreement")], split="select", reference=recorded), "agreement.kl"
        )
    accuracy = next(f for f in found if f.name == score_name(shop))
    seen = Measured(
        name=name, score=accuracy.value or 0.0, n=accuracy.n, nll=surprise or 0.0,
        size_bytes=int(value(found, "cost.size_bytes") or 0), latency_ms=value(found, "cost.latency_p95_ms") or 0.0,
    )  # fmt: skip
    log.info("%s: %.1f %% on select, %.1f MB, %.1f ms", name, 100 * seen.score, seen.size_bytes / 1e6, seen.latency_ms)
    return seen


@dataclass(frozen=True, kw_only=True)
class Models:
    """What is measured at the end."""

    teacher: Stage
    distilled: Stage
    alone: Stage
    """The distilled model's shape, taught by the labels alone."""
    taught: bool
    """Whether the distilled one is the better student, not the one that learned alone."""
    exported: dict[str, Stage]
    """Artifacts: distilled, alone, and int8 (the teacher's best plain int8) where the teacher is a model here."""
    linear: LinearBaseline
    linear_taken: bool = False
    """Whether the linear model is delivered, since it alone meets the goals."""
    cut: bool = False
    """Whether the shape is cut from the teacher."""
    recorded: bool = False
    """Whether the teacher is what it once said of these texts, and gave the labels itself."""

    @property
    def student(self) -> Stage:
        """The better of the two that learned."""
        return self.distilled if self.taught else self.alone

    @property
    def exported_student(self) -> Stage:
        """Its artifact."""
        return self.exported["distilled" if self.taught else "alone"]

    @property
    def light(self) -> Stage:
        """The artifact that is delivered."""
        return self.linear.artifact if self.linear_taken else self.exported_student

    @property
    def rival(self) -> Stage:
        """The other of the two: the linear model, or the student that it is delivered for."""
        return self.exported_student if self.linear_taken else self.linear.artifact


def prove(
    shop: Workshop, models: Models, goals: Goals, candidates: Sequence[dict[str, Any]], teacher_floor: float | None
) -> Report:
    """Measure everything on the test split and judge the goals.

    Raises:
        UserError: when the teacher is below the floor asked for.
    """
    assert shop.task is not None
    teacher, alone = models.teacher, models.exported["alone"]
    light, int8 = models.light, models.exported.get("int8")
    score, sure = build("quality"), build("calibration")
    of_teacher = shop.measure(teacher, [score, sure])
    accuracy = value(of_teacher, score_name(shop)) or 0.0
    _require_floor(accuracy, teacher_floor)
    stages = {"light": light, **({"int8": int8} if int8 else {}), "alone": alone, "rival": models.rival}
    timed = timed_in_turns(shop, stages)
    of_alone = (*shop.measure(alone, [score, sure]), *timed["alone"], *against_int8(timed, "alone"))
    of_light = shop.measure(light, [score, sure, build("agreement")], reference=teacher)
    costs, of_teacher_too = _costs_and_reasons(shop, models, light, timed)
    of_distilled = shop.measure(models.exported["distilled"], [score])
    headline = headlines(of_teacher, of_alone, of_distilled, of_light)
    of_light = (*of_light, *costs, *headline)
    names = (
        f"{teacher.name} (torch)",
        "the light shape, labels alone" if models.cut else "the light shape, no teacher",
    )
    if models.recorded:
        names = (teacher.name, "the light shape, taught by its answers alone")
    subjects = (
        subject(teacher, "teacher", (*of_teacher, *of_teacher_too), lineage_of(teacher), names[0]),
        *((_int8_subject(shop, models, timed["int8"]),) if int8 else ()),
        subject(alone, "student_alone", of_alone, exported_lineage(models.alone, alone), names[1]),
        _rival(shop, models, timed),
        subject(light, "light", of_light, *_told_of_light(models)),
    )
    judged = judge(
        goals, score=value(of_light, score_name(shop)) or 0.0, teacher_score=accuracy,
        size_bytes=int(value(of_light, "cost.size_bytes") or 0), latency_ms=value(of_light, "cost.latency_p95_ms"),
    )  # fmt: skip
    latency = next((f for f in of_light if f.name == "cost.latency_p95_ms"), None)
    return Report(
        title=f"{teacher.name} made light", task=shop.task.describe(), subjects=subjects,
        goals=with_intervals(judged, headline[1], latency, accuracy),
        candidates=tuple(candidates), machine=machine() | {"threads": shop.threads} | of_device(shop.device),
        versions=versions(), seed=shop.seed, notes=remarks(shop.task, shop.device, candidates, subjects),
    )  # fmt: skip


def _rival(shop: Workshop, models: Models, timed: Mapping[str, tuple[Finding, ...]]) -> Subject:
    """The linear model; where that is delivered, the student that it was taken for."""
    rival = models.rival
    sure = shop.measure(rival, [build("quality"), build("calibration")])
    found = (*sure, *timed["rival"], *against_int8(timed, "rival"))
    if models.linear_taken:
        return subject(rival, "model", found, exported_lineage(models.student, rival), "the best student")
    return subject(rival, "linear", found)


def _told_of_light(models: Models) -> tuple[Sequence[dict[str, Any]], str]:
    """Lineage and name of what is delivered."""
    if models.linear_taken:
        return (), LINEAR
    return exported_lineage(models.student, models.exported_student), "light"


def _require_floor(accuracy: float, floor: float | None) -> None:
    if floor is not None and accuracy < floor:
        raise UserError(
            f"the teacher reaches {100 * accuracy:.1f} % on the test split, less than the {100 * floor:.1f} % asked for"
        )


def _costs_and_reasons(
    shop: Workshop, models: Models, light: Stage, timed: Mapping[str, tuple[Finding, ...]]
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """What the light model costs, beside int8 and the teacher in torch, and why it answers so; and what the teacher costs."""
    costs, of_teacher = (*timed["light"], *against_int8(timed, "light")), ()
    if not models.recorded:
        against_torch = shop.measure(light, [build("cost", FAIR)], reference=models.teacher)
        of_teacher = mirrored(against_torch)
        costs += tuple(replace(f, name=f"{f.name}_to_torch") for f in against_torch if f.name.endswith("_ratio"))
    reasons = [build("explain.occlusion"), build("attack.noise")]
    costs += shop.measure(light, reasons, reference=None if models.recorded else models.teacher)
    return costs, of_teacher


def against_int8(timed: Mapping[str, tuple[Finding, ...]], name: str) -> tuple[Finding, ...]:
    """How many times lighter and faster than the teacher's int8, which took turns with it."""
    if "int8" not in timed:
        return ()
    return tuple(
        replace(f, detail=f.detail | {"reference_role": "teacher_int8"}, command=timed[name][0].command)
        for f in cost_ratios(timed[name], timed["int8"])
    )


def _int8_subject(shop: Workshop, models: Models, costs: Sequence[Finding]) -> Subject:
    teacher, int8 = models.teacher, models.exported["int8"]
    found = shop.measure(int8, [build("quality"), build("calibration")], reference=teacher)
    name = f"{teacher.name} (best plain int8)"
    return subject(int8, "teacher_int8", (*found, *costs), exported_lineage(teacher, int8), name)


def headlines(
    teacher: Sequence[Finding], alone: Sequence[Finding], distilled: Sequence[Finding], light: Sequence[Finding]
) -> tuple[Finding, ...]:
    """What the teacher bought and what the compression cost, as paired differences of the score."""
    n = len(tallies(light)[0])

    def difference(name: str, better: Literal["higher", "lower"], pair: Sequence[Sequence[Finding]]) -> Finding:
        found = paired_ratio_difference(tallies(pair[0]), tallies(pair[1]))
        return Finding(
            name=f"headline.{name}", value=found.value, unit="share", interval=found.interval, better=better, n=n
        )

    return (
        difference("teacher_bought", "higher", (distilled, alone)),
        difference("compression_cost", "lower", (teacher, light)),
    )


def timed_in_turns(shop: Workshop, stages: Mapping[str, Stage]) -> dict[str, tuple[Finding, ...]]:
    """Costs of artifacts that took turns in one process, so that a slow minute of the machine meets all alike."""
    assert shop.task is not None
    cost = Cost(**FAIR)
    different = {stage.key: stage for stage in stages.values()}
    parts = {
        "measure": "measure.cost in turns", "settings": settings_of(cost), "engines": list(different), "seed": shop.seed,
        "data": shop.task.test.fingerprint, "threads": shop.threads, "machine": cpu_name(),
        "made by": made_by(EXPORTERS),
    }  # fmt: skip

    def take() -> dict[str, Any]:
        log.info("timing %s in turns", ", ".join(stages))
        engines = {key: shop.open(stage) for key, stage in different.items()}
        found = cost_side_by_side(engines, shop.task.test.texts, cost=cost, threads=shop.threads, seed=shop.seed)
        return {key: [f.to_dict() for f in findings] for key, findings in found.items()}

    found = shop.store.record(address(parts), "findings-cost", take)
    made = {}
    for name, stage in stages.items():
        other = next((one for one in different.values() if one.key != stage.key), None)
        command = shop.command(cost, stage, "test", other)
        made[name] = tuple(replace(Finding.from_dict(f), command=command) for f in found[stage.key])
    return made


def mirrored(costs: Sequence[Finding]) -> tuple[Finding, ...]:
    """The reference's own costs, which a cost measure with a reference took in the same alternating rounds."""
    prefix = "cost.reference_"
    return tuple(
        Finding.from_dict(f.to_dict() | {"name": f"cost.{f.name.removeprefix(prefix)}"})
        for f in costs
        if f.name.startswith(prefix)
    )
