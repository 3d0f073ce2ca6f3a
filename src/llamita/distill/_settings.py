"""What the steps with a teacher check of their fields, and which layers learn from which; no torch needed."""

from __future__ import annotations

import re
from typing import Any

from llamita.core.errors import UserError, require

Pairs = tuple[tuple[int, int], ...]
"""(layer of the student, layer of the teacher), both counted from 1."""


APART = ("select", "test")
"""Splits from which changed copies of the training texts keep away."""


def check_teaching(step: Any) -> None:
    """Refuse impossible values of the fields that all steps with a teacher have."""
    require(step.temperature > 0, f"temperature must be > 0, got {step.temperature:g}")
    require(0 <= step.alpha <= 1, f"alpha must be in [0, 1], got {step.alpha:g}")
    require(step.augment >= 0, f"augment must be >= 0, got {step.augment}")


def parse_pairs(layers: str) -> Pairs | None:
    """The pairs that "2:10,4:20" spells out; None for the named maps."""
    if layers in ("uniform", "last"):
        return None
    if not re.fullmatch(r"\s*\d+\s*:\s*\d+\s*(,\s*\d+\s*:\s*\d+\s*)*", layers):
        raise UserError(f"layers must be uniform, last or pairs such as 2:10,4:20 (student:teacher), got {layers!r}")
    pairs = tuple((int(ours), int(theirs)) for ours, theirs in (pair.split(":") for pair in layers.split(",")))
    require(len({ours for ours, _ in pairs}) == len(pairs), f"layers names a layer of the student twice: {layers!r}")
    return pairs


def layer_pairs(layers: str, student: int, teacher: int) -> Pairs:
    """Who learns from whom.

    Args:
        layers: uniform: layer i of s learns from layer i*t/s of t, rounded; last: from the last s layers; or pairs.
        student: number of the student's layers.
        teacher: number of the teacher's layers.
    """
    pairs = parse_pairs(layers)
    if pairs is None and layers == "uniform":
        return tuple((i, max(1, round(i * teacher / student))) for i in range(1, student + 1))
    if pairs is None:
        require(
            student <= teacher,
            f"layers=last needs a teacher of at least {student} layers, it has {teacher}; use uniform",
        )
        return tuple((i, teacher - student + i) for i in range(1, student + 1))
    for ours, theirs in pairs:
        require(1 <= ours <= student, f"the student's layers are 1 to {student}, layers names {ours}")
        require(1 <= theirs <= teacher, f"the teacher's layers are 1 to {teacher}, layers names {theirs}")
    return pairs
