"""Recipe: model, teacher, task, steps, measures, exporters and seed as plain data, YAML <-> object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from llamita.core.errors import UserError, did_you_mean
from llamita.core.exporter import Exporter
from llamita.core.measure import Measure
from llamita.core.registry import build, name_of, settings_of
from llamita.core.step import Step

KEYS = ("model", "ask", "teacher", "task", "steps", "measures", "exporters", "measure_each", "seed")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What to do to which model; the same recipe, data, machine and versions give the same bytes."""

    model: str
    """A folder, Hub id, .gguf file, `config:FAMILY:SIZE` or the short name of a packaged model."""
    ask: Mapping[str, Any] | None = None
    """How the model is asked for labels it was never taught: prompt, words, few_shot, shots, calibrate; {} for the usual question.
    Such a model is not changed: it is measured, or teaches."""
    teacher: str | Recipe | None = None
    task: Mapping[str, Any] = field(default_factory=dict)
    """{"classify": {settings of the task: data files, columns, labels ...}}"""
    steps: tuple[Step, ...] = ()
    measures: tuple[Measure, ...] = ()
    exporters: tuple[Exporter, ...] = ()
    measure_each: bool = False
    """Whether the report has a row for the model as it came and after each step, too."""
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `from_dict` reads back to an equal recipe."""
        data: dict[str, Any] = {"model": self.model}
        if self.ask is not None:
            data["ask"] = dict(self.ask)
        if self.teacher is not None:
            data["teacher"] = self.teacher if isinstance(self.teacher, str) else self.teacher.to_dict()
        if self.task:
            data["task"] = {k: dict(v) for k, v in self.task.items()}
        for key in ("steps", "measures", "exporters"):
            methods = getattr(self, key)
            if methods:
                data[key] = [{name_of(m): settings} if (settings := settings_of(m)) else name_of(m) for m in methods]
        if self.measure_each:
            data["measure_each"] = True
        return {**data, "seed": self.seed}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], where: str = "recipe") -> Recipe:
        """Build a recipe from plain data; what is unknown or missing is refused with its name."""
        if not isinstance(data, Mapping):
            raise UserError(f"{where}: expected keys {', '.join(KEYS)}, got {type(data).__name__}")
        for key in data:
            if key not in KEYS:
                raise UserError(f"{where}: unknown key {key!r}.{did_you_mean(str(key), KEYS)} Keys: {', '.join(KEYS)}.")
        if not isinstance(data.get("model"), str):
            raise UserError(f"{where}: 'model' must name a model, got {data.get('model')!r}")
        teacher = data.get("teacher")
        task = data.get("task") or {}
        ask = data.get("ask")
        if ask is not None and not isinstance(ask, Mapping):
            raise UserError(
                f"{where}: 'ask' must say how the model is asked, such as {{}} or {{prompt: ...}}, got {ask!r}"
            )
        for key in ("steps", "exporters", "teacher"):
            if ask is not None and data.get(key):
                raise UserError(
                    f"{where}: a model that is asked is not changed; leave out {key}, or let it teach another"
                )
        return cls(
            model=data["model"],
            ask=ask,
            teacher=cls.from_dict(teacher, f"{where}: teacher") if isinstance(teacher, Mapping) else teacher,
            task={task: {}} if isinstance(task, str) else task,
            steps=_methods(data, "steps", "step", where),
            measures=_methods(data, "measures", "measure", where),
            exporters=_methods(data, "exporters", "exporter", where),
            measure_each=bool(data.get("measure_each", False)),
            seed=int(data.get("seed", 0)),
        )

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True)

    @classmethod
    def from_yaml(cls, path: Path) -> Recipe:
        try:
            data = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"no recipe file {path}") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: not a YAML file: {' '.join(str(error).split())}") from None
        return cls.from_dict(data, str(path))


def _methods(data: Mapping[str, Any], key: str, kind: str, where: str) -> tuple[Any, ...]:
    methods = []
    for item in data.get(key) or ():
        name, settings = (item, {}) if isinstance(item, str) else next(iter(item.items()))
        try:
            methods.append(build(name, settings or {}, kind))
        except UserError as error:
            raise UserError(f"{where}: {key}: {error}") from None
    return tuple(methods)
