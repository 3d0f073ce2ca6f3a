"""What was fitted to a calibrated model, fitted anew to the file of fewer bits that was made of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.core.answers import read_answers
from llamita.core.scaling import refitted, sharpness_like
from llamita.core.task import label_order

if TYPE_CHECKING:
    from llamita.core.answers import Answers
    from llamita.core.task import Task, Text

    Reader = Callable[[Sequence[Text]], np.ndarray]

log = logging.getLogger(__name__)


def fitted_again(
    file: Path,
    described: dict[str, Any],
    task: Task | None,
    logits_of: Reader,
    *,
    calibrated: Reader | None,
) -> Answers:
    """Where there are labelled texts set aside to fit on: curves and thresholds, and of a calibrated model without curves a
    temperature, which goes into the graph.

    The temperature is the file's over the model's own, which few texts don't hold at 1: what the texts asked for once isn't
    asked for again, and a file that answers as the model does stays as it is.

    Args:
        described: the artifact's labels and answers.
        logits_of: what the file answers [texts, labels], labels in the artifact's order.
        calibrated: what the model answers, where its probabilities were fitted to `select`.
    """
    answers, labels = read_answers(described["answers"]), described["labels"]
    warmed = calibrated is not None and not answers.curves
    if not (answers.is_fitted or warmed) or task is None or not task.select.is_labelled:
        return answers
    order = label_order(labels, task.labels)
    if order is None or answers.task != task.answers.task:
        return answers
    back = [order.index(i) for i in range(len(order))]
    logits, gold = logits_of(task.select.texts)[:, order], task.gold(task.select)
    if warmed and calibrated is not None:
        sharpness = sharpness_like(logits, calibrated(task.select.texts)[:, order], gold)
        log.info(
            "the exported file's temperature is fitted again on the %d texts of select: %.3f",
            len(task.select), 1 / sharpness,
        )  # fmt: skip
        scale_logits(file, sharpness)
        logits = logits * sharpness
    if answers.curves or getattr(answers, "thresholds", ()):
        log.info("curves and thresholds are fitted to the exported file on the %d texts of select", len(task.select))
    return refitted(answers.in_order(order), logits, gold).in_order(back)


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
