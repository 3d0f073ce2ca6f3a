"""Calibration: a temperature, a scale and a shift for each label, or a curve for each, that make a model as sure as it is right.

Temperature and vector: Guo et al. 2017, https://arxiv.org/abs/1706.04599. They are fitted on the select split by the likelihood
of its labels and then put into the last linear map, so that stock code gives calibrated probabilities. A temperature leaves
the predicted labels as they are; shifts may change them, which helps where the labels are as common in use as in select and
the model thinks otherwise.
Isotonic: Zadrozny & Elkan 2002, https://doi.org/10.1145/775047.775151: for each label a rising curve from its probability to
how often it was right, one against the rest, then scaled to sum 1; the fit is scikit-learn's. The curves stand in answers.json
beside the weights, and in an exported folder: our engines apply them, stock code gives the scores without. Unlike the
paper we draw the curve between its steps, and mix in the model's own probability with the weight of one text, so that
nothing is held impossible and labels of one step keep their order.
What conformal sets of labels are drawn from (`core/conformal.py`) is kept in the same places.
Where a text has any labels, each label is a question of its own (vector: Platt 1999), and a threshold for each is fitted, too.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from llamita.core.answers import AnyLabels
from llamita.core.errors import UserError, require
from llamita.core.scaling import HOTTEST, best_thresholds, fit_curves, fit_scales, held_out
from llamita.core.step import Step
from llamita.core.task import Split, require_head, require_labels
from llamita.data.cells import rows_text
from llamita.data.label_names import stranger
from llamita.data.read import read_beside
from llamita.data.table import require_kind
from llamita.data.text import reading_key

if TYPE_CHECKING:
    from llamita.core.answers import Answers
    from llamita.core.context import Run
    from llamita.core.model import Model
    from llamita.core.task import Task

log = logging.getLogger(__name__)
METHODS = ("temperature", "vector", "isotonic")
ENOUGH = 600
"""Texts below which curves were worse than a temperature on the data sets of docs/log.md."""


@dataclass(frozen=True, kw_only=True)
class Calibrate(Step):
    """Fit probabilities to the select split."""

    names_files: ClassVar[tuple[str, ...]] = ("labelled",)

    method: Literal["temperature", "vector", "isotonic"] = "temperature"
    """One number for all labels; a scale and a shift for each; or a rising curve for each, which wants a thousand texts or
    more."""
    highest: float = HOTTEST
    """Bound of the temperature, > 1: it stays between 1/highest and highest, also where select holds no mistake. The same
    bound from above for the scales; of no use to isotonic."""
    threshold: float | None = None
    """Where a text has any labels, the probability from which it is given one, in (0, 1); none: for each label the one with
    the best F1 on select."""
    sets: bool = True
    """Keep what `predict --coverage` draws sets of labels from: the probability of each right label of these texts, by maps
    fitted to the other texts. Of no use where their labels are a teacher's and the sets shall hold the true one."""
    labelled: str | None = None
    """A file of labelled texts to fit to instead of the select split, whose labels may be a teacher's; those of the
    test split are left out."""

    @property
    def files(self) -> tuple[str, ...]:
        return () if self.labelled is None else (self.labelled,)

    @property
    def avoids(self) -> tuple[str, ...]:
        """A file may hold texts that measure, which are left out."""
        return () if self.labelled is None else ("test",)

    def __post_init__(self) -> None:
        require(self.method in METHODS, f"method must be one of {', '.join(METHODS)}, got {self.method!r}")
        require(self.highest > 1, f"highest must be > 1, got {self.highest:g}")
        require(
            self.highest == HOTTEST or self.method != "isotonic",
            "highest bounds a temperature or scales, and isotonic has none; leave it out",
        )
        limit = self.threshold
        require(limit is None or 0 < limit < 1, f"threshold must be in (0, 1), got {limit}")

    def apply(self, model: Model, run: Run) -> Model:
        from llamita.core.architecture import scale_head

        task = run.task
        if task is None:
            raise UserError("learn.calibrate needs data; name it with --data or 'task:' in the recipe")
        require_labels(task, "learn.calibrate")
        if self.threshold is not None and task.answers.task != AnyLabels.task:
            raise UserError("threshold is for texts with any labels; here each has one, and the likeliest is given")
        split = self.split_of(task)
        require_head(task, model, "learn.calibrate")
        model = task.fit_head(model)
        model.answer(task.answers)
        raw, gold = model.text_logits(split.texts), task.gold(split)
        logits = raw
        before = surprise(model.answers, logits, gold)
        if self.method == "isotonic":
            told = "isotonic"
            if len(gold) < ENOUGH:
                log.warning(
                    "warning: curves want a thousand texts or more, and follow the chance of %d; a temperature is surer of so few",
                    len(gold),
                )
            curves = fit_curves(task.answers.probabilities(logits), gold)
            model.answer(replace(task.answers, curves=curves))
        else:
            scale, shift = fit_scales(self.method, logits, gold, self.highest)
            told = in_words(scale, shift, model.labels)
            if self.method == "temperature" and not 1.01 / self.highest < scale[0] < self.highest / 1.01:
                log.warning(
                    "warning: the temperature is at its bound (--highest %g): the %d texts that it is fitted to don't settle it;"
                    " give more", self.highest, len(split),
                )  # fmt: skip
            scale_head(model.module, scale, shift)
            logits = logits * scale + shift
        if self.sets:
            model.answer(replace(model.answers, conformity=held_out(self.method, raw, gold, self.highest)))
        after = surprise(model.answers, logits, gold)
        log.info("%s: surprise on %s %.4f -> %.4f nats", told, self.labelled or "select", before, after)
        if isinstance(model.answers, AnyLabels):
            probabilities = model.answers.probabilities(logits)
            fixed = (self.threshold,) * len(model.labels) if self.threshold is not None else None
            give_thresholds(model, fixed or best_thresholds(probabilities, gold))
        return model

    def split_of(self, task: Task) -> Split:
        """What is fitted to.

        Raises:
            UserError: there is no such text besides those that measure, a label that isn't the task's, or single texts where the
                task has pairs.
        """
        if self.labelled is None:
            require(
                bool(len(task.select)), "learn.calibrate needs a select split; let the task cut one off (select > 0)"
            )
            return task.select
        if task.answers.task == AnyLabels.task:
            raise UserError("labelled is for texts with one label; texts with any labels are calibrated on select")
        table = read_beside(self.labelled, columns=task.columns, one_label=True)
        names = table.labels or []
        strange = next((i for i, name in enumerate(names) if name not in task.labels), None)
        if strange is not None:
            raise stranger(table.place(strange), names[strange], task.labels)
        known = [split.texts[0] for split in (task.select, task.train, task.test) if split.texts]
        if known:
            require_kind(table, pairs=not isinstance(known[0], str))
        measured = {reading_key(text) for text in task.test.texts}
        left = [i for i, text in enumerate(table.texts) if reading_key(text) not in measured]
        require(bool(left), f"{table.source}: all its texts stand in the test split; calibrate with others")
        if len(left) < len(table):
            number = rows_text(len(table) - len(left))
            log.warning("warning: %s: %s stand in the test split and don't calibrate", table.source, number)
        labels = tuple(task.labels.index(names[i]) for i in left)
        return Split(texts=tuple(table.texts[i] for i in left), labels=labels, source=str(table.source))


def give_thresholds(model: Model, limits: Sequence[float]) -> None:
    """Set from which probability a text is given each label, and tell."""
    answers = model.answers
    assert isinstance(answers, AnyLabels)
    model.answer(replace(answers, thresholds=tuple(limits)))
    named = zip(model.labels, limits, strict=True)
    log.info("thresholds: %s", ", ".join(f"{name} {limit:.2f}" for name, limit in named))


def surprise(answers: Answers, logits: np.ndarray, gold: np.ndarray) -> float:
    """Mean surprise of the gold labels, in nats a text."""
    return float(answers.surprise(answers.probabilities(logits), gold).mean())


def in_words(scale: np.ndarray, shift: np.ndarray, labels: Sequence[str]) -> str:
    """What was fitted."""
    if not shift.any():
        return f"temperature {1 / scale[0]:.3f}"
    return "vector " + ", ".join(f"{name} ×{a:.2f} {b:+.2f}" for name, a, b in zip(labels, scale, shift, strict=True))
