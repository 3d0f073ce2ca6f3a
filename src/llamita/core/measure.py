"""Measure: Engine x Task -> Findings; quality, cost, calibration, agreement, explanations, attacks are all measures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from llamita.core.answers import Answers, OneLabel
from llamita.core.checked import Checked, told
from llamita.core.errors import UserError, require
from llamita.core.task import label_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamita.core.context import Run
    from llamita.core.engine import Engine
    from llamita.core.task import Split, Task, Text


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One measured number with what is needed to judge it."""

    name: str
    """Dotted and stable, e.g. "quality.accuracy"."""
    value: float | None
    """None when the engine can't do what was asked; `reason` then says why."""
    unit: str = ""
    """"share", "ms", "bytes", "nats", "1/s" ..., empty for a plain number."""
    interval: tuple[float, float] | None = None
    """95 % interval, in the same unit."""
    better: Literal["higher", "lower", "none"] = "none"
    """Which way is better; none: neither."""
    n: int = 0
    """How many examples, calls or rounds the value rests on."""
    detail: dict[str, Any] = field(default_factory=dict)
    """What a table or picture needs beyond the number (JSON-able): confusion matrix, curve, per-class table."""
    rows: tuple[dict[str, Any], ...] = ()
    """One JSON-able dict per example; what quotes a text stands under a key that `Report.redacted` leaves out, as "text"."""
    reason: str = ""
    """Why there is no value."""
    command: str = ""
    """The command line that repeats it."""

    def __repr__(self) -> str:
        """The number and what it takes to judge it; rows and detail would fill the screen."""
        if self.value is None:
            return f"<Finding {self.name}: no value, {self.reason or 'no reason given'}>"
        unit = f" {self.unit}" if self.unit else ""
        interval = f" [{self.interval[0]:.4g}, {self.interval[1]:.4g}]" if self.interval else ""
        return f"<Finding {self.name}: {self.value:.4g}{unit}{interval}, n = {self.n:,}>"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Finding:
        interval = data.get("interval")
        fields: dict[str, Any] = {**data, "interval": tuple(interval) if interval else None}
        fields["rows"] = tuple(data.get("rows", ()))
        return cls(**fields)


@dataclass(frozen=True, kw_only=True)
class Measure(Checked, ABC):
    """A measurement; its fields are its settings."""

    compares: ClassVar[bool] = True
    """Whether it holds a model against a reference, where there is one."""

    def __init_subclass__(cls, **named: Any) -> None:
        """Put a check of what is given before the class's own `measure`."""
        super().__init_subclass__(**named)
        if "measure" in cls.__dict__:
            cls.measure = _of_opened(cls.__dict__["measure"])  # type: ignore[method-assign]

    @abstractmethod
    def measure(self, engine: Engine, task: Task, run: Run, reference: Engine | None = None) -> list[Finding]:
        """Measure `engine` on the task's test split (or the one the run names); `reference` is the teacher, if any."""


def _of_opened(measure: Callable[..., list[Finding]]) -> Callable[..., list[Finding]]:
    @wraps(measure)
    def checked_and_measured(
        self: Any, engine: Engine, task: Task, run: Run, reference: Engine | None = None
    ) -> list[Finding]:
        from llamita.core.context import Run
        from llamita.core.engine import Engine
        from llamita.core.task import Task

        name = told(type(self))
        for one in (engine, *(() if reference is None else (reference,))):
            given = repr(one) if isinstance(one, str) else type(one).__name__
            require(
                isinstance(one, Engine),
                f"{name} measures an opened model, got {given}; open it first: llamita.load('folder or name')",
            )
        require(
            isinstance(task, Task),
            f"{name} measures on a task, got {type(task).__name__}; open one first: open_task(test='test.csv')",
        )
        Run.require_given(run, name)
        return measure(self, engine, task, run, reference)

    return checked_and_measured


@dataclass(frozen=True, kw_only=True)
class Said:
    """What an engine says of texts, in the order of the task's labels."""

    probabilities: np.ndarray
    """[texts, labels]"""
    answers: Answers
    """How the engine goes on from them."""

    @property
    def chosen(self) -> np.ndarray:
        """The labels each text is given, bool [texts, labels]."""
        return self.answers.chosen(self.probabilities)

    def tally(self, gold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Hits and weights of each text, float64 [texts] both; see `Answers.tally`."""
        return self.answers.tally(self.chosen, gold)

    def right(self, gold: np.ndarray) -> np.ndarray:
        """Whether a text's answer is right as a whole, bool [texts]."""
        return self.answers.right(self.chosen, gold)


def ask(engine: Engine, task: Task, texts: Sequence[Text]) -> Said:
    """What an engine says; refused when it has other labels, or gives one where the task has any, or the other way round."""
    order = order_for(engine, task)
    return Said(probabilities=engine.scores(texts)[:, order], answers=engine.answers.in_order(order))


def tallies(findings: Sequence[Finding]) -> tuple[np.ndarray, np.ndarray]:
    """Hits and weights of the test examples, float64 [texts] both, in the order of the split: of one label a text, whether it is
    right, and 1."""
    rows = next(f.rows for f in findings if f.rows)
    right = [(row.get("hits", float(row["label"] == row["predicted"])), row.get("weight", 1.0)) for row in rows]
    return tuple(np.array(right, dtype=np.float64).T)


def order_for(engine: Engine, task: Task) -> list[int]:
    """For each of the task's labels its place among the engine's; refused as by `ask`."""
    if not engine.labels:
        raise UserError(f"{engine.name} has no head for labels; fine-tune it on this data")
    order = label_order(engine.labels, task.labels)
    if order is None:
        raise UserError(
            f"{engine.name} answers with the labels {', '.join(engine.labels)}, the data has {', '.join(task.labels)};"
            " fine-tune it on this data, or say which are the same: --label-names 0=bad,1=good"
        )
    if engine.answers.task != task.answers.task:
        kinds = {True: "one label a text", False: "any labels a text"}
        one = engine.answers.task == OneLabel.task
        raise UserError(
            f"{engine.name} gives {kinds[one]}, the data has {kinds[not one]}; fine-tune it on this data, or name the task:"
            f" --task {engine.answers.task}"
        )
    return order


def labelled_split(task: Task, run: Run) -> Split:
    """The split that `run.split` names; refused when it has no labelled example."""
    split = task.split(run.split)
    if not split.is_labelled:
        raise UserError(f"the {run.split} split has no labelled example to measure on; give labelled data for it")
    return split
