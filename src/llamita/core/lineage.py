"""The lineage of a saved model: the steps that made it, in a file beside its weights."""

from __future__ import annotations

import json
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
