"""One lighten run: teacher, candidates, choice, full distillation, export, proof; each stage is made once."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from llamita.candidates import UNBOUNDED, Shape
from llamita.core import processes
from llamita.core.errors import UserError
from llamita.core.recipe import Recipe
from llamita.core.registry import build
from llamita.core.report import Report
from llamita.core.statistics import wilson_interval
from llamita.core.step import Step
from llamita.core.whole import write_whole
from llamita.effort import shapes_of
from llamita.goals import Goals, Measured, alone_meets, choose, on_front, outdoes
from llamita.proof import LinearBaseline, Models, measured, prove, score_name, value
from llamita.remarks import alone_is_better, linear_is_enough, texts_cut
from llamita.run import deliver
from llamita.subjects import calibrated_again
from llamita.workshop import Stage, Workshop

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A candidate after its short recovery."""

    shape: Shape
    stage: Stage
    artifact: Stage
    measured: Measured


@dataclass(frozen=True, kw_only=True)
class Job:
    """One lighten run: the shop it works in, the goals it works for, and the plan it follows."""

    shop: Workshop
    goals: Goals
    model: str
    plan: dict[str, Any]
    redact: bool = False
    """Whether light/ is to be handed on without words of the texts, which a linear model consists of: it is not delivered then."""
    given: Stage | None = None
    """A teacher that gave the labels itself, as its recorded answers; students are then chosen by how near they come to it."""

    def carry_out(self, folder: Path, teacher_floor: float | None) -> Report:
        """Teacher, candidates, choice, full distillation, export, proof; each stage is made once."""
        teacher = self.teacher()
        if teacher_floor is not None and self.given is None:
            self.require_hope(teacher, teacher_floor)
        tried = self.try_all(teacher)
        linear = LinearBaseline.fit(self.shop, self.given)
        score = value(self.shop.measure(teacher, [build("quality")], split="select"), score_name(self.shop))
        chosen = tried[choose([t.measured for t in tried], self.goals, score or 0.0)]
        log.info("chosen: %s", chosen.shape.name)
        distilled, alone = self.train_fully(chosen.shape, teacher)
        exported = {
            "distilled": self.shop.export(distilled, chosen.shape.exporter),
            "alone": self.shop.export(alone, chosen.shape.exporter_of_its_twin),
        }
        if self.given is None:
            exported["int8"] = self.shop.export(teacher, build("export.onnx", {"max_divergence": UNBOUNDED}))
        ends = [measured(self.shop, exported[name], name, self.given) for name in ("distilled", "alone")]
        taught = not outdoes(ends[1], ends[0])
        student = ends[not taught]
        models = Models(
            teacher=teacher, distilled=distilled, alone=alone, taught=taught, exported=exported, linear=linear,
            linear_taken=not self.redact and alone_meets(linear.measured, student, self.goals, score or 0.0),
            cut=chosen.shape.body.student == "teacher", recorded=self.given is not None,
        )  # fmt: skip
        put(models, folder)
        rows = self.table(tried, chosen, models)
        write_whole(folder / "candidates.json", json.dumps(rows, ensure_ascii=False, indent=1))
        write_whole(folder / "recipe.yaml", self.recipe(chosen.shape, taught).to_yaml())
        report = prove(self.shop, models, self.goals, rows, teacher_floor)
        first = () if taught else (alone_is_better(ends, models.recorded),)
        taken = models.linear_taken
        enough = linear_is_enough(linear.measured, student, self.goals, score or 0.0, taken=taken)
        return replace(report, notes=(*enough, *first, *texts_cut(self.plan), *report.notes))

    def teacher(self) -> Stage:
        """The teacher, fine-tuned on the user's labels unless it has a head for them."""
        if self.given is not None:
            return self.given
        start = self.shop.start(self.model)
        if self.plan["teacher_is_trained"]:
            return start
        return self.shop.chain(start, self.teacher_steps())

    def require_hope(self, teacher: Stage, floor: float) -> None:
        """Stop before the long part where `select` leaves no doubt that the teacher is below its floor.

        Raises:
            UserError: the interval of its score there lies below.
        """
        score = next(
            f for f in self.shop.measure(teacher, [build("quality")], split="select") if f.name == score_name(self.shop)
        )
        if score.interval is not None and score.interval[1] < floor:
            raise UserError(
                f"the teacher reaches {100 * (score.value or 0.0):.1f} % of the {score.n} texts set aside for choosing, at most"
                f" {100 * score.interval[1]:.1f} % by its interval, and {100 * floor:.1f} % are asked of it on the test split"
            )

    def teacher_steps(self) -> tuple[Step, ...]:
        """How the teacher is fine-tuned by the plan."""
        schedule = self.plan["teacher"]
        return (build("finetune", {"epochs": schedule["epochs"], "freeze": schedule["freeze"]}), *self.thresholds())

    def thresholds(self) -> tuple[Step, ...]:
        """Where a text has any labels, all that are compared have thresholds fitted on select, or none would be alike."""
        assert self.shop.task is not None
        return (build("calibrate"),) if self.shop.task.answers.task == "multilabel" else ()

    def base(self, shape: Shape, teacher: Stage) -> Stage:
        """What a shape is cut from."""
        return teacher if shape.body.student == "teacher" else self.shop.start(shape.body.student)

    def first_lesson(self, shape: Shape, *, taught: bool) -> tuple[Step, ...]:
        """What a student learns uncut, so that pruning sees what matters for the task; a cut teacher knows it already."""
        if shape.body.student == "teacher" or not shape.pruning():
            return ()
        return (self.lesson(self.plan["first_epochs"], taught=taught),)

    def lesson(self, passes: float, *, taught: bool) -> Step:
        """So many passes over the texts; where the teacher can label changed copies in time, half of the texts are such.

        By the labels alone as many steps go over the texts that have some.
        """
        looks = self.plan.get("looks", 1)  # texts that the teacher labels, too, for each that has labels
        if not taught:
            return build("finetune", {"epochs": round(passes * looks, 3)})
        copies = self.plan["augment"]
        settings = {"epochs": round(passes * looks / (looks + copies), 3), "augment": copies}
        return build("distill.logits", settings | ({"alpha": 1.0} if self.given is not None else {}))

    def try_all(self, teacher: Stage) -> list[Tried]:
        """Every candidate; one that rounding ruins is left out.

        Raises:
            UserError: none is left.
        """
        tried: list[Tried] = []
        refused: list[str] = []
        for shape in shapes_of(self.plan):
            try:
                tried.append(self.try_out(shape, teacher))
            except UserError as error:
                log.warning("%s is left out: %s", shape.name, error)
                refused.append(f"{shape.name}: {error}")
        if not tried:
            raise UserError(f"no candidate could be exported. {refused[0]}")
        return tried

    def try_out(self, shape: Shape, teacher: Stage) -> Tried:
        """Prune, recover briefly, export, and measure on `select`."""
        steps = (*self.lessons(shape, self.plan["brief_epochs"], taught=True), *self.thresholds())
        stage = self.chain(shape, steps, teacher)
        artifact = self.shop.export(stage, shape.exporter)
        seen = measured(self.shop, artifact, shape.name, self.given)
        return Tried(shape=shape, stage=stage, artifact=artifact, measured=seen)

    def train_fully(self, shape: Shape, teacher: Stage) -> tuple[Stage, Stage]:
        """The shape taught by the teacher, and the same shape taught by the labels alone for as many steps."""
        return (
            self.chain(shape, self.last_steps(shape, taught=True), teacher),
            self.chain(shape, self.last_steps(shape, taught=False), teacher),
        )

    def chain(self, shape: Shape, steps: Sequence[Step], teacher: Stage) -> Stage:
        """The steps from what a shape is cut from, as `llamita run` carries out the recipe: what is calibrated and then cut is
        calibrated anew."""
        before = self.teacher_steps() if shape.body.student == "teacher" and not self.plan["teacher_is_trained"] else ()
        again = calibrated_again((*before, *steps))[len(before) :]
        return self.shop.chain(self.base(shape, teacher), again, teacher)

    def last_steps(self, shape: Shape, *, taught: bool) -> tuple[Step, ...]:
        """From what a shape is cut from to what is exported."""
        hand = self.plan.get("calibrating")
        as_the_teacher = taught and self.given is not None and not hand
        how: dict[str, Any] = {"labelled": hand} if hand else {"sets": False} if self.given is not None else {}
        last = build("distill.temperature") if as_the_teacher else build("calibrate", how)
        return (*self.lessons(shape, self.plan["full_epochs"], taught=taught), last)

    def lessons(self, shape: Shape, passes: float, *, taught: bool) -> tuple[Step, ...]:
        """First lesson, pruning, and so many passes after it."""
        first = self.first_lesson(shape, taught=taught)
        return (*first, *shape.pruning(), self.lesson(passes, taught=taught))

    def recipe(self, shape: Shape, taught: bool) -> Recipe:
        """The delivered path as a recipe that `llamita run` repeats."""
        steps = self.last_steps(shape, taught=taught)
        measures = ("quality", "calibration", "agreement", *(("cost",) if self.given is None else ()))
        trained = () if self.plan["teacher_is_trained"] else self.teacher_steps()
        teacher = Recipe(model=self.model, steps=trained, seed=self.shop.seed)
        return Recipe(
            model=self.model if shape.body.student == "teacher" else shape.body.student,
            teacher=teacher, task=self.plan["task"], seed=self.shop.seed,
            exporters=(shape.exporter if taught else shape.exporter_of_its_twin,),
            steps=(*trained, *steps) if shape.body.student == "teacher" else steps,
            measures=tuple(build(name) for name in measures),
        )  # fmt: skip

    def table(self, tried: Sequence[Tried], chosen: Tried, models: Models) -> list[dict[str, Any]]:
        """All candidates as the page shows them, the linear baseline among them."""
        linear, taken = models.linear, None if models.linear_taken else chosen.shape
        seen = [*(t.measured for t in tried), linear.measured]
        fronts = on_front(seen)
        accuracy = score_name(self.shop) == "quality.accuracy"
        rows = []
        for i, one in enumerate(seen):
            shape = tried[i].shape if i < len(tried) else None
            rows.append(
                {
                    "name": one.name, "student": shape.body.student if shape else "linear", "score": one.score, "n": one.n,
                    "interval": wilson_interval(round(one.score * one.n), one.n) if accuracy else None,
                    "size_bytes": one.size_bytes,
                    "latency_ms": one.latency_ms, "nll": one.nll, "on_front": fronts[i], "chosen": shape is taken,
                    "layers": shape.layers if shape else None, "ffn": shape.neurons if shape else None,
                    "kv_heads": shape.groups or None if shape else None,
                    "vocabulary": shape.pieces if shape else None, "bits": shape.bits if shape else None,
                    "parameters": shape.parameters if shape else linear.parameters,
                    "path": str(tried[i].stage.folder) if shape else "", "note": "" if shape else "stands in linear/",
                }
            )  # fmt: skip
        return rows


def put(models: Models, folder: Path) -> None:
    """What is delivered into light/, and what it was held against beside it: linear/, or student/ where linear is delivered."""
    student = folder / ("student" if models.linear_taken else "light")
    deliver(models.student, student)
    deliver(models.exported_student, student / "onnx")
    deliver(models.linear.artifact, folder / "linear")
    if models.linear_taken:
        deliver(models.linear.artifact, folder / "light")
    elif processes.is_first():
        shutil.rmtree(folder / "student", ignore_errors=True)
