"""The workshop: opens models and artifacts, and makes each stage once - steps, exports, measures."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from llamita.core import processes
from llamita.core.command import command_of
from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.core.exporter import Exporter
from llamita.core.hardware import cpu_name, of_device, version_of
from llamita.core.measure import Finding, Measure
from llamita.core.opening import open_engine, refuse_server, set_threads
from llamita.core.registry import module_of, name_of, settings_of
from llamita.core.reload import check_reload
from llamita.core.remembering import Remembering
from llamita.core.sources import Source, content_digest, fingerprint, locate
from llamita.core.step import Step
from llamita.core.store import Store, address
from llamita.core.whole import write_whole
from llamita.data.files import format_of
from llamita.data.write import write_split

if TYPE_CHECKING:
    from llamita.core.engine import Engine
    from llamita.core.model import Model
    from llamita.core.task import Task

log = logging.getLogger(__name__)
COST = "measure.cost"
MAKERS = ("llamita", "torch", "transformers")
"""Packages whose other version makes another stage."""
EXPORTERS = (*MAKERS, "onnx", "onnxscript", "onnxruntime")
TRAINING = ("learn.", "distill.")
"""Rooms whose steps several processes carry out together."""


def made_by(packages: Sequence[str] = MAKERS) -> list[str]:
    """Versions of what makes a stage, as a part of its address."""
    return [version_of(name) for name in packages]


def open_task(task: Mapping[str, Any]) -> Task:
    """The task a recipe names, with its data read and split.

    Raises:
        UserError: more or fewer than one task, no such task, or data that can't be read.
    """
    if len(task) != 1:
        raise UserError("a recipe's task is one entry such as {classify: {train: reviews.csv}}")
    name, settings = next(iter(task.items()))
    return module_of(f"tasks.{name}" if "." not in name else name).open_task(**settings)


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """Applies steps, exporters and measures inside one store, each once."""

    store: Store
    task: Task | None
    threads: int
    seed: int = 0
    device: str = "cpu"
    """Where models learn and teachers answer; costs and exports are the CPU's."""
    compile: Literal["auto", "on", "off"] = "auto"
    """Whether layers are compiled for a training."""
    track: str = ""
    columns: Mapping[str, str] | None = None
    """How the user named the columns; for the commands that repeat a measure."""

    def with_test_file(self, file: Path) -> Workshop:
        """The same, its test split in a file of its own, so that commands can name it; one that has a file keeps it."""
        if self.task is None or not self.task.test.is_labelled:
            return self
        source = self.task.test.source
        if source and Path(source).exists():
            return self
        columns = write_split(file, self.task.test, self.task.labels) if processes.is_first() else {}
        task = replace(self.task, test=replace(self.task.test, source=str(file)))
        return replace(self, task=task, columns=columns)

    def start(self, model: str) -> Stage:
        """Stage zero: the model as it came, addressed by the bytes of its files."""
        source = locate(model)
        key = address({"load": fingerprint(source), "name": source.name, "made by": made_by()})
        if source.kind in ("folder", "artifact"):
            assert source.path is not None
            if source.kind == "artifact":
                refuse_server(source.path)
            return Stage(key=key, folder=source.path, name=source.name, base=source.base)

        def make(folder: Path) -> None:
            self._load(source).save(folder)

        return Stage(key=key, folder=self.store.stage(key, "load", make), name=source.name, base=source.base)

    def ask(self, model: str, how: Mapping[str, Any], columns: Mapping[str, str] | None = None) -> Stage:
        """A model that has no head for the task's labels, as a folder that says how it is asked for them.

        Raises:
            UserError: there are no labels, or the model can't be asked so.
        """
        from llamita.tasks.recipe_ask import asking_for

        if self.task is None:
            raise UserError("asking a model needs the labels and a test file; name them with 'task:' in the recipe")
        asking, calibrating = asking_for(self.task, model, how, self.seed, columns)
        by = calibrating.fingerprint if calibrating else ""
        key = address({"ask": asking.told, "at": asking.place, "calibrated by": by, "made by": made_by()})

        def make(folder: Path) -> None:
            asking.save(folder, calibrating, self.threads)

        return Stage(key=key, folder=self.store.stage(key, "ask", make), name=asking.name, base=asking.base)

    def apply(self, stage: Stage, step: Step, teacher: Stage | None = None) -> Stage:
        """The stage after a step: found by its address, or made, saved and checked against what it loads to.

        Raises:
            UserError: the step needs a teacher or data, and there is none.
        """
        if step.needs_teacher and teacher is None:
            raise UserError(f"{name_of(step)} needs a teacher; name one with --teacher or 'teacher:' in the recipe")
        if step.needs_data and self.task is None:
            raise UserError(f"{name_of(step)} needs data; name it with --data or 'task:' in the recipe")
        key = self.address_of(stage, step, teacher)
        name = name_of(step)

        def make(folder: Path) -> None:
            began = time.perf_counter()
            model = step.apply(self.load(stage), self.run(folder, teacher))
            if not processes.is_first():
                return
            model.save(folder)
            check_reload(model, folder, self.task)
            write_whole(folder / "seconds.txt", f"{time.perf_counter() - began:.1f}\n")

        short = name.replace("learn.", "")
        made = self.store.stage(key, short, make, together=name.startswith(TRAINING))
        return Stage(key=key, folder=made, name=stage.name, base=stage.base)

    def chain(self, start: Stage, steps: Sequence[Step], teacher: Stage | None = None) -> Stage:
        """The stage after all the steps, in order."""
        for step in steps:
            log.info("%s: %s", start.name, name_of(step))
            start = self.apply(start, step, teacher)
        return start

    def address_of(self, stage: Stage, step: Step, teacher: Stage | None) -> str:
        """Settings, inputs, data and versions decide; the test split doesn't count, unless something is kept away from it."""
        parts: dict[str, Any] = {
            "step": name_of(step),
            "settings": {k: one for k, one in settings_of(step).items() if not (step.files and k in step.names_files)},
            "model": stage.key,
            "seed": self.seed,
            "made by": made_by(),
        } | of_device(self.device)
        if step.needs_data and self.task is not None:
            parts["data"] = self.task.training_fingerprint
        if step.needs_teacher and teacher is not None:
            parts["teacher"] = teacher.key
        if step.avoids and self.task is not None:
            parts["avoids"] = [self.task.split(name).fingerprint for name in step.avoids]
        if step.files:
            paths = [Path(file).expanduser() for file in step.files]
            parts["files"] = [[content_digest(path), format_of(path)] for path in paths]
            parts["weights"] = list(step.file_weights)
            parts["columns"] = dict((self.task.columns if self.task else None) or {})
        return address(parts)

    def export(self, stage: Stage, exporter: Exporter) -> Stage:
        """The artifact of a stage, verified by the exporter against the model."""
        parts: dict[str, Any] = {
            "export": name_of(exporter), "settings": settings_of(exporter), "model": stage.key,
            "made by": made_by(EXPORTERS),
        }  # fmt: skip
        if self.task is not None:
            parts["data"] = self.task.training_fingerprint
        key = address(parts)

        def make(folder: Path) -> None:
            exporter.export(self.load(stage, "cpu"), self.run(folder / "artifact"))

        folder = self.store.stage(key, name_of(exporter), make) / "artifact"
        return Stage(key=key, folder=folder, name=stage.name, base=stage.base)

    def measure(
        self, stage: Stage, measures: Sequence[Measure], *, split: str = "test", reference: Stage | None = None
    ) -> tuple[Finding, ...]:
        """Findings of a stage's engine, each measure taken once and kept."""
        found: list[Finding] = []
        for measure in measures:
            key = self._measure_key(measure, stage.key, split, reference)

            def take(measure: Measure = measure) -> list[Finding]:
                assert self.task is not None
                timed = name_of(measure) == COST or not self.task.labels
                engines = [self.open(s) if timed else self.remember(s) for s in (stage, reference) if s is not None]
                return self._take(measure, engines, split)

            command = self.command(measure, stage, split, reference)
            found += [replace(f, command=command) for f in self._record(key, measure, take)]
        return tuple(found)

    def command(self, measure: Measure, stage: Stage, split: str, reference: Stage | None) -> str:
        """The command line that takes this measure again; nothing where the texts stand in no file of their own."""
        assert self.task is not None
        texts = self.task.split(split).source
        if split != "test" or not texts or not Path(texts).exists():
            return ""
        models = [str(one.folder) for one in (stage, reference) if one is not None]
        rest = ["--precision", "auto"] if name_of(measure) != COST else []
        rest += ["--threads", str(self.threads), "--seed", str(self.seed)]
        if (task := self.task.describe()["task"]) in ("language", "chat"):
            rest = ["--task", task, *rest]
        return command_of(measure, models, texts, self.columns, rest)

    def _measure_key(self, measure: Measure, engine: str, split: str, reference: Stage | None) -> str:
        if self.task is None:
            raise UserError("measuring needs data; name it with --data or 'task:' in the recipe")
        parts = {
            "measure": name_of(measure), "settings": settings_of(measure), "engine": engine, "split": split,
            "labels": list(self.task.labels), "seed": self.seed, "data": self.task.split(split).fingerprint,
            "length": self.task.max_length, "threads": self.threads, "reference": reference.key if reference else "",
            "made by": made_by(EXPORTERS),
            **({"machine": cpu_name()} if name_of(measure) == COST else of_device(self.device)),
        }  # fmt: skip
        return address(parts)

    def _take(self, measure: Measure, engines: Sequence[Engine], split: str) -> list[Finding]:
        assert self.task is not None
        log.info("measuring %s of %s", name_of(measure), engines[0].name)
        run = replace(self.run(self.store.folder), split=split)  # type: ignore[arg-type]
        return measure.measure(engines[0], self.task, run, *engines[1:])

    def _record(self, key: str, measure: Measure, take: Callable[[], list[Finding]]) -> list[Finding]:
        name = f"findings-{name_of(measure).split('.')[1]}"
        return [Finding.from_dict(f) for f in self.store.record(key, name, lambda: [f.to_dict() for f in take()])]

    def remember(self, stage: Stage) -> Engine:
        """The stage's engine with its scores kept on disk, for measures that ask what it says and not how fast.

        A torch model answers in bf16 where the machine is fast at it, as it was trained and as it taught.
        """
        where = "-".join([stage.key, str(self.threads), *made_by(EXPORTERS), *of_device(self.device).values()])
        return Remembering(lambda: self.open(stage, "auto"), self.store.cache / "scores", where, stage.name)

    def open(self, stage: Stage, precision: str = "fp32") -> Engine:
        """The engine of a stage, on this workshop's threads and device."""
        engine = open_engine(
            stage.folder, threads=self.threads, device=self.device, precision=precision, of_this_run=True
        )
        engine.name = stage.name
        return engine

    def load(self, stage: Stage, device: str | None = None) -> Model:
        """The live model of a stage."""
        source = locate(stage.folder)
        model = self._load(replace(source, base=source.base or stage.base), device)
        model.name = stage.name
        return model

    def run(self, folder: Path, teacher: Stage | None = None) -> Run:
        folder.mkdir(parents=True, exist_ok=True)
        return Run(
            folder=folder, task=self.task, teacher=teacher.folder if teacher else None, cache=self.store.cache,
            device=self.device, threads=self.threads, seed=self.seed, track=self.track,
            compile=self.compile,
        )  # fmt: skip

    def _load(self, source: Source, device: str | None = None) -> Model:
        from llamita.core.model import Model

        set_threads(self.threads)
        return Model.load(source, device=device or self.device)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A model or artifact on disk and its address."""

    key: str
    folder: Path
    name: str
    base: str = ""
    """Hub id of the model it began as, for model cards."""

    @property
    def seconds(self) -> float | None:
        """What making it took, where it was written down."""
        file = self.folder / "seconds.txt"
        return float(file.read_text()) if file.exists() else None
