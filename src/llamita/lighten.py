"""lighten: goals -> candidates -> recipes -> the front -> the choice -> the light model and its page."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from llamita.candidates import Shape
from llamita.core.errors import UserError, require
from llamita.core.recipe import Recipe
from llamita.core.registry import build
from llamita.core.report import Report, write_whole
from llamita.core.statistics import wilson_interval
from llamita.core.step import Step
from llamita.core.store import Store
from llamita.data.check import check
from llamita.data.copies import LIKENESS, quickly_looked_through
from llamita.data.files import stem_of
from llamita.data.read import Table, read_table
from llamita.data.text import han_share
from llamita.effort import shapes_of
from llamita.goals import Goals, Measured, choose, on_front, outdoes
from llamita.plan import save_plan, settle, stored_plan, tell
from llamita.proof import LinearBaseline, Models, alone_is_better, linear_is_enough, measured, prove, value
from llamita.run import deliver, finish, logged
from llamita.workshop import Stage, Workshop, open_task, set_threads

log = logging.getLogger(__name__)


def lighten(
    model: str | None = None,
    *,
    data: Any,
    test: Any = None,
    unlabelled: Any = None,
    labels: str | Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    task: str = "classify",
    keep: float | None = 0.99,
    max_size: int | None = None,
    max_latency: float | None = None,
    threads: int | None = None,
    minutes: float = 15,
    out: str | Path | None = None,
    seed: int = 0,
    redact: bool = False,
    language: str = "en",
    students: Sequence[str] | None = None,
    teacher_floor: float | None = None,
    command: str = "",
) -> Report:
    """Make a light model of a large one on the user's texts, and prove it.

    Args:
        model: the teacher; chosen by the language of the texts when left out.
        data: labelled training texts: a file or anything `read_table` takes.
        test: labelled texts touched once, at the end; a tenth of the training texts when left out.
        keep: share of the teacher's accuracy to keep.
        max_size: bytes of the deployable folder.
        max_latency: milliseconds, p95, batch 1, string in, probabilities out.
        minutes: about how long the run may take; the plan is fitted to it.
        out: folder of the run; the same call in the same folder goes on where it stopped.
        students: models besides the teacher that students are cut from; packaged encoders when left out.
        teacher_floor: accuracy on the test split under which the run fails.

    Raises:
        UserError: for data, goals or a machine that can't do it.
    """
    goals = Goals(keep=keep, max_size=max_size, max_latency=max_latency)
    require(task == "classify", f"lighten can do the task 'classify', got {task!r}")
    require(minutes > 0, f"minutes must be more than 0, got {minutes:g}")
    settings: dict[str, Any] = {"train": data, "test": test, "unlabelled": unlabelled, "columns": columns}
    given = {key: one for key, one in {**settings, "labels": labels, "seed": seed}.items() if one is not None}
    tables, doubts = checked(data, test, unlabelled, columns)
    opened = open_task({task: given | tables})
    folder = Path(out or default_folder(data))
    shop = Workshop(
        store=Store(folder=folder / "stages"), task=opened, threads=set_threads(threads), seed=seed, columns=columns
    )
    model = model or default_teacher(opened.train.texts)
    plan = planned(shop, folder, model, students, goals, minutes)
    plan["task"] = {task: plain(given) | {"max_length": plan["max_length"]}}
    with logged(folder):
        tell(plan, folder)
        shop = replace(shop, task=replace(opened, max_length=plan["max_length"]))  # pyrefly: ignore
        report = Job(shop=shop, goals=goals, model=model, plan=plan).carry_out(folder, teacher_floor)
        again = command or (f"llamita run {folder / 'recipe.yaml'} --out AGAIN" if opened.train.source else "")
        report = replace(report, command=again, data_findings=tuple(doubts))
        finish(report, folder, redact=redact, language=language)
    return report


def planned(
    shop: Workshop, folder: Path, model: str, students: Sequence[str] | None, goals: Goals, minutes: float
) -> dict[str, Any]:
    """The plan that stands in the folder for the same question, or a new one, which is put there."""
    assert shop.task is not None
    asked = {
        "model": model, "goals": asdict(goals), "minutes": minutes, "threads": shop.threads, "seed": shop.seed,
        "students": list(students) if students is not None else None,
        "data": shop.task.training_fingerprint, "test": shop.task.test.fingerprint,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    plan = stored_plan(folder, asked)
    if plan is None:
        log.info("timing the models on your texts")
        plan = {"asked": asked, **settle(shop, model, students, goals, minutes)}
        save_plan(plan, folder)
    return plan


def checked(
    data: Any, test: Any, unlabelled: Any, columns: Mapping[str, str] | None
) -> tuple[dict[str, Table], list[dict[str, Any]]]:
    """Read and check the data; what spoils a model is refused, texts shared by the splits are left out of training."""
    given = {"train": data, "test": test, "unlabelled": unlabelled}
    tables = {name: read_table(source, columns=columns) for name, source in given.items() if source is not None}
    quick = quickly_looked_through(*(table.texts for table in tables.values()))
    if not quick:
        log.info("near copies are not looked for in so much text; `llamita data check --near %g` does", LIKENESS)
    found = check(
        tables["train"], tables.get("test"), tables.get("unlabelled"), allow_leakage=True,
        likeness=LIKENESS if quick else None,
    )  # fmt: skip
    for doubt in found:
        if doubt.severity == "error":
            where = f"{doubt.file}:{doubt.line}" if doubt.line else doubt.file
            raise UserError(f"{where}: {doubt.message}; {doubt.remedy}")
        log.info("%s: %s", doubt.severity, doubt.message)
    return tables, [doubt.to_dict() for doubt in found]


def default_folder(data: Any) -> str:
    """Where a run goes when nothing is said: light- and the name of the file, folder or pattern without its endings."""
    stem = stem_of(Path(data).expanduser()) if isinstance(data, (str, Path)) else "model"
    kept = re.sub(r"[^\w.-]+", "", stem).strip("-.")
    return f"light-{kept or 'data'}"


def data_name(data: Any) -> str:
    """The file's name, or a word for data that came from Python."""
    return str(data) if isinstance(data, (str, Path)) else "DATA"


def plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Task settings as a recipe can hold them."""
    return {key: data_name(v) if key in ("train", "test", "unlabelled") else v for key, v in settings.items()}


def default_teacher(texts: Sequence[Any]) -> str:
    """The packaged teacher for the language of the texts; for Chinese there is none, so one must be named."""
    if han_share("".join(t if isinstance(t, str) else t[0] for t in texts[:500])) > 0.2:
        raise UserError(
            "the texts are Chinese and no packaged teacher reads Chinese; name one: llamita lighten MODEL …"
        )
    return "smollm2"


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

    def carry_out(self, folder: Path, teacher_floor: float | None) -> Report:
        """Teacher, candidates, choice, full distillation, export, proof; each stage is made once."""
        teacher = self.teacher()
        tried = self.try_all(teacher)
        linear = LinearBaseline.fit(self.shop)
        score = value(self.shop.measure(teacher, [build("quality")], split="select"), "quality.accuracy")
        chosen = tried[choose([t.measured for t in tried], self.goals, score or 0.0)]
        log.info("chosen: %s", chosen.shape.name)
        distilled, alone = self.train_fully(chosen.shape, teacher)
        export = chosen.shape.exporter
        exported = {
            "distilled": self.shop.export(distilled, export), "alone": self.shop.export(alone, export),
            "int8": self.shop.export(teacher, build("export.onnx")),
        }  # fmt: skip
        ends = [measured(self.shop, exported[name], name) for name in ("distilled", "alone")]
        taught = not outdoes(ends[1], ends[0])
        deliver(distilled if taught else alone, folder / "light")
        deliver(exported[ends[not taught].name], folder / "light" / "onnx")
        deliver(linear.artifact, folder / "linear")
        rows = self.table(tried, chosen, linear)
        write_whole(folder / "candidates.json", json.dumps(rows, ensure_ascii=False, indent=1))
        write_whole(folder / "recipe.yaml", self.recipe(chosen.shape, taught).to_yaml())
        models = Models(
            teacher=teacher, distilled=distilled, alone=alone, taught=taught, exported=exported, linear=linear
        )
        report = prove(self.shop, models, self.goals, rows, teacher_floor)
        first = () if taught else (alone_is_better(ends),)
        enough = linear_is_enough(linear.measured, ends[not taught], self.goals, score or 0.0)
        return replace(report, notes=(*enough, *first, *report.notes))

    def teacher(self) -> Stage:
        """The teacher, fine-tuned on the user's labels unless it has a head for them."""
        start = self.shop.start(self.model)
        if self.plan["teacher_is_trained"]:
            return start
        return self.shop.chain(start, self.teacher_steps())

    def teacher_steps(self) -> tuple[Step, ...]:
        schedule = self.plan["teacher"]
        return (build("finetune", {"epochs": schedule["epochs"], "freeze": schedule["freeze"]}),)

    def base(self, shape: Shape, teacher: Stage) -> Stage:
        """What a shape is cut from."""
        return teacher if shape.body.student == "teacher" else self.shop.start(shape.body.student)

    def first_lesson(self, shape: Shape, *, taught: bool) -> tuple[Step, ...]:
        """What a student learns uncut, so that pruning sees what matters for the task; a cut teacher knows it already."""
        if shape.body.student == "teacher" or not shape.pruning():
            return ()
        return (self.lesson(self.plan["first_epochs"], taught=taught),)

    def lesson(self, passes: float, *, taught: bool) -> Step:
        """So many passes over the texts; where the teacher can label changed copies in time, half of the texts are such."""
        if not taught:
            return build("finetune", {"epochs": passes})
        copies = self.plan["augment"]
        return build("distill.logits", {"epochs": round(passes / (1 + copies), 3), "augment": copies})

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
        stage = self.shop.chain(
            self.base(shape, teacher), self.lessons(shape, self.plan["brief_epochs"], taught=True), teacher
        )
        artifact = self.shop.export(stage, shape.exporter)
        seen = measured(self.shop, artifact, shape.name)
        return Tried(shape=shape, stage=stage, artifact=artifact, measured=seen)

    def train_fully(self, shape: Shape, teacher: Stage) -> tuple[Stage, Stage]:
        """The shape taught by the teacher, and the same shape taught by the labels alone for as many steps."""
        base = self.base(shape, teacher)
        return (
            self.shop.chain(base, self.last_steps(shape, taught=True), teacher),
            self.shop.chain(base, self.last_steps(shape, taught=False)),
        )

    def last_steps(self, shape: Shape, *, taught: bool) -> tuple[Step, ...]:
        """From what a shape is cut from to what is exported."""
        return (*self.lessons(shape, self.plan["full_epochs"], taught=taught), build("calibrate"))

    def lessons(self, shape: Shape, passes: float, *, taught: bool) -> tuple[Step, ...]:
        """First lesson, pruning, and so many passes after it."""
        first = self.first_lesson(shape, taught=taught)
        return (*first, *shape.pruning(), self.lesson(passes, taught=taught))

    def recipe(self, shape: Shape, taught: bool) -> Recipe:
        """The delivered path as a recipe that `llamita run` repeats."""
        steps = self.last_steps(shape, taught=taught)
        trained = () if self.plan["teacher_is_trained"] else self.teacher_steps()
        teacher = Recipe(model=self.model, steps=trained, seed=self.shop.seed)
        return Recipe(
            model=self.model if shape.body.student == "teacher" else shape.body.student,
            teacher=teacher, task=self.plan["task"], exporters=(shape.exporter,), seed=self.shop.seed,
            steps=(*trained, *steps) if shape.body.student == "teacher" else steps,
            measures=tuple(build(name) for name in ("quality", "calibration", "agreement", "cost")),
        )  # fmt: skip

    def table(self, tried: Sequence[Tried], chosen: Tried, linear: LinearBaseline) -> list[dict[str, Any]]:
        """All candidates as the page shows them, the linear baseline among them."""
        seen = [*(t.measured for t in tried), linear.measured]
        fronts = on_front(seen)
        rows = []
        for i, one in enumerate(seen):
            shape = tried[i].shape if i < len(tried) else None
            rows.append(
                {
                    "name": one.name, "student": shape.body.student if shape else "linear", "score": one.score, "n": one.n,
                    "interval": wilson_interval(round(one.score * one.n), one.n), "size_bytes": one.size_bytes,
                    "latency_ms": one.latency_ms, "nll": one.nll, "on_front": fronts[i], "chosen": shape is chosen.shape,
                    "layers": shape.layers if shape else None, "ffn": shape.neurons if shape else None,
                    "vocabulary": shape.pieces if shape else None, "bits": shape.bits if shape else None,
                    "parameters": shape.parameters if shape else linear.parameters,
                    "path": str(tried[i].stage.folder) if shape else "", "note": "" if shape else "stands in linear/",
                }
            )  # fmt: skip
        return rows


class _CallableModule(ModuleType):
    """`llamita.lighten` is both this module and the public function."""

    def __call__(self, *args: Any, **kwargs: Any) -> Report:
        return lighten(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
