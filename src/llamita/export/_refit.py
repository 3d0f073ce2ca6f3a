"""What was fitted to a calibrated model, fitted anew to the file of fewer bits that was made of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.core.answers import read_answers
from llamita.core.scaling import refitted, sharpness_like
from llamita.core.task import label_order

if TYPE_CHECKING:
    from llamita.core.answers import Answers
    from llamita.core.model import Model
    from llamita.core.task import Task, Text

    Reader = Callable[[Sequence[Text]], np.ndarray]

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Refit:
    """What was fitted to the file."""

    answers: Answers
    """Curves, thresholds and what sets are drawn from, labels in the artifact's order."""
    sharpness: float = 1.0
    """What the file's logits are to be multiplied by."""


def fitted_again(described: dict[str, Any], model: Model, task: Task | None, logits_of: Reader) -> Refit | None:
    """Where there are labelled texts set aside to fit on: curves and thresholds, and of a calibrated model without curves a
    temperature; None where there is nothing to fit, or other texts were named for it.

    The temperature is the file's over the model's own, which few texts don't hold at 1: what the texts asked for once isn't
    asked for again, and a file that answers as the model does stays as it is. So it is with thresholds, which give each label to
    as many texts as the model's do.

    Args:
        described: the artifact's labels and answers.
        logits_of: what the file answers [texts, labels], labels in the artifact's order.
    """
    calibration, answers = calibration_of(model), read_answers(described["answers"])
    warmed = calibration is not None and not answers.curves
    if not (answers.is_fitted or warmed) or task is None or not task.select.is_labelled:
        return None
    order = label_order(described["labels"], task.labels)
    if order is None or answers.task != task.answers.task or (calibration or {}).get("labelled"):
        return None
    back = [order.index(i) for i in range(len(order))]
    logits, gold, sharpness = logits_of(task.select.texts)[:, order], task.gold(task.select), 1.0
    limited = bool(getattr(answers, "thresholds", ()))
    own = model.text_logits(task.select.texts)[:, order] if warmed or limited else logits
    if warmed:
        sharpness = sharpness_like(logits, own, gold)
        log.info(
            "the exported file's temperature is fitted again on the %d texts of select: %.3f",
            len(task.select), 1 / sharpness,
        )  # fmt: skip
        logits = logits * np.float32(sharpness)
    if answers.curves or limited:
        log.info("curves and thresholds are fitted to the exported file on the %d texts of select", len(task.select))
    method = (calibration or {}).get("method", "temperature")
    found = refitted(answers.in_order(order), logits, gold, method, calibrated=own).in_order(back)
    return Refit(answers=found, sharpness=sharpness)


def calibration_of(model: Model) -> dict[str, Any] | None:
    """The settings of the model's last calibration; None where there was none."""
    steps = [entry.get("settings") or {} for entry in model.lineage if entry["step"] == "learn.calibrate"]
    return steps[-1] if steps else None


def scale_logits(file: Path, factor: float) -> None:
    """Multiply what a written graph returns."""
    import onnx_ir as ir

    from llamita.export._graph import add_constant, write

    model = ir.load(file)
    graph, logits = model.graph, model.graph.outputs[0]
    product = ir.node("Mul", [logits, add_constant(graph, np.array(factor, dtype=np.float32), "sharpness")])
    scaled = product.outputs[0]
    scaled.type, scaled.shape = logits.type, logits.shape
    graph.append(product)
    graph.outputs[0] = scaled
    logits.name, scaled.name = "unscaled", logits.name
    part = file.parent / "scaled"
    part.mkdir()
    for written in write(model, part / file.name):
        os.replace(written, file.with_name(written.name))
    part.rmdir()
