"""Recipe: model, teacher, task, steps, measures, exporters and seed as plain data, YAML <-> object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import yaml

from llamita.core.checked import as_seed
from llamita.core.errors import UserError, did_you_mean, require
from llamita.core.exporter import Exporter
from llamita.core.measure import Measure
from llamita.core.plain import plain_settings
from llamita.core.recipe_file import read_yaml
from llamita.core.recipe_task import named, plain_task
from llamita.core.registry import build, class_of, entries, name_of, settings_of
from llamita.core.step import Step

KEYS = ("model", "ask", "teacher", "task", "steps", "measures", "exporters", "measure_each", "beside", "seed")
CALLED = {Step: "apply(model, run)", Measure: "measure(engine, task, run)", Exporter: "export(model, run)"}
"""How a method is called without a recipe."""
EXAMPLES = {"steps": "{prune.depth: {keep: 4}}", "measures": "measure.quality", "exporters": "export.onnx"}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What to do to which model; the same recipe, data, machine and versions give the same bytes."""

    model: str
    """A folder, Hub id, .gguf file, `config:FAMILY:SIZE` or the short name of a packaged model."""
    ask: Mapping[str, Any] | None = None
    """How the model is asked for labels it was never taught: prompt, words, few_shot, shots, calibrate, prior, per_token; {} for
    the usual question. Such a model is not changed: it is measured, or teaches."""
    teacher: str | Recipe | None = None
    """A model as in `model`, another recipe that makes it, or none."""
    task: Mapping[str, Any] = field(default_factory=dict)
    """{"classify": {settings of the task: data files, columns, labels ...}}"""
    steps: Sequence[Step] = ()
    measures: Sequence[Measure] = ()
    exporters: Sequence[Exporter] = ()
    measure_each: bool = False
    """Whether the report has a row for the model as it came and after each step, too."""
    beside: Mapping[str, Sequence[Step]] = field(default_factory=dict)
    """Other ways from the same model with the same teacher, by name: {"another order": [steps]}. Each is carried out, exported
    and measured as the recipe's own, and has its rows in the report; none is delivered."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Make it plain data throughout, so that its file reads back to an equal one, however it was made."""
        require(isinstance(self.model, str | PathLike), f"'model' must name a model, got {self.model!r}")
        require(
            isinstance(self.teacher, str | PathLike | Recipe | None),
            f"'teacher' must name a model or hold a recipe, got {self.teacher!r}",
        )
        made: dict[str, Any] = {
            "model": fspath(self.model),
            "teacher": fspath(self.teacher) if isinstance(self.teacher, PathLike) else self.teacher,
            "ask": _asking(self.ask),
            "task": plain_task(self.task),
            "seed": as_seed("'seed'", self.seed),
        }
        for key, kind in (("steps", Step), ("measures", Measure), ("exporters", Exporter)):
            made[key] = _objects(getattr(self, key), key, kind)
        made["beside"] = _ways(self.beside)
        shorts = [name_of(exporter) for exporter in made["exporters"]]
        require(
            len(set(shorts)) == len(shorts),
            f"exporters: each stands once, since its folder has its name; got {', '.join(shorts)}",
        )
        if isinstance(self.teacher, Recipe):
            made["teacher"] = _teaching(self.teacher, made["seed"])
        for key in ("steps", "exporters", "teacher", "beside"):
            require(
                self.ask is None or not getattr(self, key),
                f"a model that is asked is not changed; leave out {key}, or let it teach another",
            )
        require(isinstance(self.measure_each, bool), f"'measure_each' must be true or false, got {self.measure_each!r}")
        for key, value in made.items():
            object.__setattr__(self, key, value)

    def __repr__(self) -> str:
        """The model and what is done to it, in a line; `to_yaml` tells all."""
        methods = map(name_of, (*self.steps, *self.measures, *self.exporters))
        return f"<Recipe of {self.model!r}: {', '.join(methods) or 'nothing to do'}>"

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `from_dict` reads back to an equal recipe."""
        data: dict[str, Any] = {"model": self.model}
        if self.ask is not None:
            data["ask"] = dict(self.ask)
        if self.teacher is not None:
            data["teacher"] = self.teacher if isinstance(self.teacher, str) else self.teacher.to_dict()
        if isinstance(self.teacher, Recipe):
            del data["teacher"]["seed"]  # it is this recipe's
        if self.task:
            data["task"] = {k: dict(v) for k, v in self.task.items()}
        for key in ("steps", "measures", "exporters"):
            if methods := getattr(self, key):
                data[key] = _named_plainly(methods)
        if self.measure_each:
            data["measure_each"] = True
        if self.beside:
            data["beside"] = {name: _named_plainly(steps) for name, steps in self.beside.items()}
        return {**data, "seed": self.seed}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], where: str = "recipe") -> Recipe:
        """Build a recipe from plain data; what is unknown or missing is refused with its name."""
        try:
            return cls._read(data)
        except UserError as error:
            raise UserError(f"{where}: {error}") from None

    @classmethod
    def _read(cls, data: Any) -> Recipe:
        if not isinstance(data, Mapping):
            given = "nothing" if data is None else repr(data)[:60]
            raise UserError(f"expected keys {', '.join(KEYS)}, got {given}")
        for key in data:
            if key not in KEYS:
                raise UserError(f"unknown key {key!r}.{did_you_mean(str(key), KEYS)} Keys: {', '.join(KEYS)}.")
        teacher, task, beside = data.get("teacher"), data.get("task"), data.get("beside") or {}
        if isinstance(teacher, Mapping):
            teacher = {"seed": data.get("seed", 0), **teacher}
        return cls(
            model=data.get("model"),  # type: ignore[arg-type]  # pyrefly: ignore
            ask=data.get("ask"),
            teacher=cls.from_dict(teacher, "teacher") if isinstance(teacher, Mapping) else teacher,
            task={} if task is None else task,
            steps=_methods(data, "steps", "step"),
            measures=_methods(data, "measures", "measure"),
            exporters=_methods(data, "exporters", "exporter"),
            measure_each=data.get("measure_each", False),
            beside={name: _methods(beside, name, "step") for name in beside} if isinstance(beside, Mapping) else beside,
            seed=data.get("seed", 0),
        )

    def to_yaml(self) -> str:
        """The file that `from_yaml` reads back.

        Raises:
            UserError: it holds what no file can, such as a DataFrame.
        """
        try:
            return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True)
        except yaml.representer.RepresenterError as error:
            what = type(error.args[-1]).__name__
            raise UserError(
                f"a recipe holds plain data, got a {what}; give a file, or lists: (texts, labels)"
            ) from None

    @classmethod
    def from_yaml(cls, path: str | Path) -> Recipe:
        """Read a recipe's file; its errors are those of `read_yaml` and of `from_dict`."""
        return cls.from_dict(read_yaml(path), str(path))


def _teaching(teacher: Recipe, seed: int) -> Recipe:
    """A teacher's recipe, which has the task and the seed of the whole.

    Raises:
        UserError: it names others, or what is measured and exported of it.
    """
    given = [key for key in ("task", "measures", "exporters", "measure_each", "beside") if getattr(teacher, key)]
    require(
        not given,
        f"teacher: {', '.join(given)} can't be set for it: it learns the recipe's task and is measured with the model",
    )
    require(
        teacher.seed in (0, seed), f"teacher: its seed is the recipe's, {seed}, got {teacher.seed}; leave it out there"
    )
    return replace(teacher, seed=seed)


def _asking(given: Any) -> dict[str, Any] | None:
    """How a model is asked, as plain data."""
    require(
        given is None or isinstance(given, Mapping),
        f"'ask' must say how the model is asked, such as {{}} or {{prompt: ...}}, got {given!r}",
    )
    return None if given is None else plain_settings(given)


def _objects(given: Any, key: str, kind: type) -> tuple[Any, ...]:
    """The methods of a list, each an object of its kind."""
    listed = isinstance(given, list | tuple)
    strange = [one for one in given if not isinstance(one, kind)] if listed else [given]
    require(
        not strange,
        f"{key} of a Recipe are objects in a list, got {(strange or [None])[0]!r}; Recipe.from_dict makes them of names and"
        " settings",
    )
    for one in given:
        name, verb = name_of(one), CALLED[kind]
        require(
            name in entries() and class_of(name) is type(one),
            f"{key}: {type(one).__name__} stands in {name!r}; a recipe and the stages it leaves name a method by its file in"
            f" llamita's tree, so put it there, or call it yourself: .{verb}",
        )
    return tuple(given)


def _ways(given: Any) -> dict[str, tuple[Step, ...]]:
    """Lists of steps by name."""
    known = isinstance(given, Mapping) and all(isinstance(name, str) and name.strip() for name in given)
    require(
        known, f"'beside' must be lists of steps by name, such as {{another order: [learn.finetune]}}, got {given!r}"
    )
    return {name: _objects(steps, f"beside: {name}", Step) for name, steps in given.items()}


def _named_plainly(methods: Sequence[Any]) -> list[Any]:
    """Each method as its name, or {name: settings}."""
    return [{name_of(m): settings} if (settings := settings_of(m)) else name_of(m) for m in methods]


def _methods(data: Mapping[str, Any], key: str, kind: str) -> tuple[Any, ...]:
    """The methods of a list such as [learn.finetune, {prune.depth: {keep: 4}}]."""
    given = data.get(key)
    if given is not None and not isinstance(given, list | tuple):
        raise UserError(f"{key!r} must be a list such as [{_example(key)}], got {given!r}")
    methods = []
    for item in given or ():
        name, settings = named(item)
        if name is None:
            raise UserError(
                f"{key}: a method is a name or {{name: {{setting: value}}}}, such as {_example(key)}; got {item!r}"
            )
        try:
            methods.append(build(name, settings, kind))
        except UserError as error:
            raise UserError(f"{key}: {error}") from None
    return tuple(methods)


def _example(key: str) -> str:
    return EXAMPLES.get(key, EXAMPLES["steps"])
