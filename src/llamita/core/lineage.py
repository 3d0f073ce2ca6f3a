"""The lineage of a saved model: the steps that made it, in a file beside its weights."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llamita.core.errors import UserError

LINEAGE_FILE = "lineage.json"
NUMBERS = ("parameters", "size_bytes", "seconds")


def read_lineage(folder: Path) -> tuple[dict[str, Any], ...]:
    """The steps by which a folder's model was made; none where nothing tells.

    Raises:
        UserError: the file isn't one of ours, or damaged.
    """
    file = folder / LINEAGE_FILE
    if not file.exists():
        return ()
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(map(_is_step, found)):
        raise UserError(f"{folder}/lineage.json is damaged; remove it, or take another copy of the model")
    return tuple(found)


def _is_step(one: Any) -> bool:
    """Whether it is what a step writes down of itself."""
    if not isinstance(one, dict) or not isinstance(one.get("step"), str):
        return False
    numbers = all(isinstance(one.get(name), int | float | None) for name in NUMBERS)
    return numbers and isinstance(one.get("settings", {}), dict)


def is_fresh(lineage: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a model has random weights: it was named as config:FAMILY:SIZE and nothing has trained it yet."""
    trained = any(str(entry["step"]).startswith(("learn.", "distill.")) for entry in lineage)
    return _named(lineage).startswith("config:") and not trained


def named_pieces(lineage: Sequence[Mapping[str, Any]]) -> int | None:
    """The PIECES of a fresh model's name, config:FAMILY:SIZE:PIECES."""
    named = _named(lineage).split(":") if is_fresh(lineage) else []
    return int(named[3]) if len(named) > 3 else None


def _named(lineage: Sequence[Mapping[str, Any]]) -> str:
    """What the first model was called."""
    return str(lineage[0]["settings"].get("model", "")) if lineage else ""
