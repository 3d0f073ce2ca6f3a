"""The task's score on the select split, as training asks for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from llamita.core.errors import UserError
from llamita.core.task import MeasuresItself

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.model import Model


def select_score(model: Model, run: Run, *, bf16: bool) -> Callable[[], float]:
    """A function that gives the task's first finding on select for the model as it stands then; higher is better.

    Raises:
        UserError: there are no select texts.
    """
    task = run.task
    if task is None or not len(task.select):
        raise UserError("evaluations and early stopping need a select split; let the task cut one off (select > 0)")

    def judge() -> float:
        before, model.precision = model.precision, "bf16" if bf16 else "fp32"
        try:
            if isinstance(task, MeasuresItself):
                finding = task.measured(model, task.select)[0]
            else:
                finding = task.score(model.scores(task.select.texts), task.select, model.answers)[0]
        finally:
            model.precision = before
        if finding.value is None:
            raise UserError(
                f"training can't be judged, for it needs a score, but {finding.name} has none: {finding.reason}"
            )
        return -finding.value if finding.better == "lower" else finding.value

    return judge
