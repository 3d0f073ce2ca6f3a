"""Calibration: a temperature, or a scale and a shift for each label, that make a classifier as sure as it is right.

Guo et al. 2017, https://arxiv.org/abs/1706.04599. They are fitted on the select split by the likelihood of its labels and then
put into the last linear map, so that stock code gives calibrated probabilities. A temperature leaves the predicted labels as
they are; shifts may change them, which helps where the labels are as common in use as in select and the model thinks otherwise.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from llamita.core.errors import UserError, require
from llamita.core.scaling import HOTTEST, fit_temperature, fit_vector, mean_surprise
from llamita.core.step import Step
from llamita.data.read import read_table

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.model import Model
    from llamita.core.task import Task, Text

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Calibrate(Step):
    """Fit probabilities to the select split."""

    method: Literal["temperature", "vector"] = "temperature"
    """One number for all labels, or a scale and a shift for each."""
    highest: float = HOTTEST
    """Bound of the temperature, > 1: it stays between 1/highest and highest, also where select holds no mistake. The same
    bound from above for the scales."""

    labelled: str | None = None
    """A file of labelled texts to fit to instead of the select split, whose labels may be a teacher's."""

    def __post_init__(self) -> None:
        methods = ("temperature", "vector")
        require(self.method in methods, f"method must be one of {', '.join(methods)}, got {self.method!r}")
        require(self.highest > 1, f"highest must be > 1, got {self.highest:g}")

    def apply(self, model: Model, run: Run) -> Model:
        from llamita.core.architecture import scale_head

        if run.task is None:
            raise UserError("learn.calibrate needs data; name it with --data or 'task:' in the recipe")
        texts, gold = self.texts_and_labels(run.task)
        model = run.task.fit_head(model)
        logits = model.text_logits(texts)
        scale, shift = self.fitted(logits, gold)
        before, after = mean_surprise(logits, gold, 1.0), mean_surprise(logits * scale + shift, gold, 1.0)
        log.info(
            "%s: surprise on %s %.4f -> %.4f nats",
            told(scale, shift, model.labels),
            self.labelled or "select",
            before,
            after,
        )
        scale_head(model.module, scale, shift)
        model.folder = None
        return model

    def texts_and_labels(self, task: Task) -> tuple[Sequence[Text], np.ndarray]:
        """What is fitted to.

        Raises:
            UserError: there is no such text, or a label that isn't the task's.
        """
        if self.labelled is None:
            require(
                bool(len(task.select)), "learn.calibrate needs a select split; let the task cut one off (select > 0)"
            )
            return task.select.texts, np.asarray(task.select.labels)
        table = read_table(self.labelled, labelled=True)
        names = table.labels or []
        strange = next((i for i, name in enumerate(names) if name not in task.labels), None)
        if strange is not None:
            raise UserError(f"{table.place(strange)}: label {names[strange]!r} is none of {', '.join(task.labels)}")
        return table.texts, np.array([task.labels.index(name) for name in names])

    def fitted(self, logits: np.ndarray, gold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A scale and a shift for each label."""
        if self.method == "vector":
            return fit_vector(logits, gold, self.highest)
        labels = logits.shape[1]
        return np.full(labels, 1 / fit_temperature(logits, gold, self.highest)), np.zeros(labels)


def told(scale: np.ndarray, shift: np.ndarray, labels: Sequence[str]) -> str:
    """What was fitted, in words."""
    if not shift.any():
        return f"temperature {1 / scale[0]:.3f}"
    return "vector " + ", ".join(f"{name} ×{a:.2f} {b:+.2f}" for name, a, b in zip(labels, scale, shift, strict=True))
