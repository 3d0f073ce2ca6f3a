"""What each label counts in a loss: alike, by how rare it is, or as the user says."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from llamita.core.errors import UserError, did_you_mean

if TYPE_CHECKING:
    import numpy as np

    from llamita.core.task import Split, Task


PART = re.compile(r"(.+?)[=＝]\s*([^=＝,，]*?)\s*(?:[,，]|$)", re.DOTALL)
"""A label and what it counts, also with marks of full width; a label may hold commas and equals signs."""


def parse_weights(text: str) -> dict[str, float]:
    """The labels and weights that "rare=3,common=1" spells out."""
    found: dict[str, float] = {}
    at = 0
    for part in PART.finditer(text):
        label, weight = part[1].strip(), _number(part[2])
        if part.start() > at or not label or label in found or not 0 <= weight < math.inf:
            break
        found[label], at = weight, part.end()
    if not found or at < len(text) or text.endswith((",", "，")):
        raise UserError(f"class_weights must be none, balanced, or such as rare=3,common=1, got {text!r}")
    return found


def _number(text: str) -> float:
    """What the text says; NaN where it is no number."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def weights_of(text: str, task: Task, split: Split) -> np.ndarray | None:
    """The labels' weights in the task's order, float32 [labels]; None where all count alike."""
    import numpy as np

    from llamita.train.losses import losses_of

    if text == "none":
        return None
    if text == "balanced":
        return losses_of(task).balanced(task.gold(split), len(task.labels))
    given = parse_weights(text)
    _require_known(given, task.labels)
    return np.array([given.get(label, 1.0) for label in task.labels], dtype=np.float32)


def _require_known(given: dict[str, float], labels: Sequence[str]) -> None:
    for label in given:
        if label not in labels:
            raise UserError(
                f"class_weights names {label!r}, which is none of the labels ({', '.join(labels)})."
                f"{did_you_mean(label, labels)}"
            )
