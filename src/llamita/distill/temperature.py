"""Calibration to a teacher: the one temperature that brings a student's probabilities nearest to the teacher's.

Temperature scaling (Guo et al. 2017, https://arxiv.org/abs/1706.04599) with the teacher's probabilities on the select split in
place of labels. Where the teacher itself gave the labels, fitting to those would make a student as sure as it agrees with the
teacher, and not as sure as the teacher is. It is put into the last linear map; the predicted labels stay as they are.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from llamita.core.errors import UserError, require
from llamita.core.scaling import HOTTEST, fit_temperature, mean_surprise
from llamita.core.step import Step
from llamita.core.task import require_head, require_labels

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.model import Model

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Temperature(Step):
    """Fit the student's confidence to the teacher's on the select split."""

    needs_teacher: ClassVar[bool] = True

    highest: float = HOTTEST
    """Bound of the temperature, > 1: it stays between 1/highest and highest."""

    def __post_init__(self) -> None:
        require(self.highest > 1, f"highest must be > 1, got {self.highest:g}")

    def apply(self, model: Model, run: Run) -> Model:
        from llamita.core.architecture import scale_head
        from llamita.core.engine import softmax
        from llamita.train.teacher import teacher_logits

        if run.task is None or not len(run.task.select):
            raise UserError("distill.temperature needs a select split; let the task cut one off (select > 0)")
        require_labels(run.task, "distill.temperature")
        require(
            run.task.answers.task == "classify",
            "distill.temperature is for texts with one label each; take learn.calibrate",
        )
        require_head(run.task, model, "distill.temperature")
        model = run.task.fit_head(model)
        logits = model.text_logits(run.task.select.texts)
        wanted = softmax(teacher_logits(run, run.task.select)).astype("float64")
        temperature = fit_temperature(logits, wanted, self.highest)
        before, after = (mean_surprise(logits, wanted, sharpness) for sharpness in (1.0, 1 / temperature))
        log.info("temperature %.3f: surprise at the teacher on select %.4f -> %.4f nats", temperature, before, after)
        count = logits.shape[1]
        scale_head(model.module, np.full(count, 1 / temperature), np.zeros(count))
        model.changed()
        return model
