"""Plain data, as a file holds it: what Python gives becomes texts, numbers, lists and dicts, or is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llamita.core.checked import as_python
from llamita.core.errors import UserError, require

DATA = ("train", "select", "test", "unlabelled", "few_shot", "calibrate")
"""Settings of a task, and of how a model is asked, that name data."""


def plain_data(value: Any) -> Any:
    """The value as a file holds it; what none holds stays as it is."""
    value = as_python(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (tuple, list)):
        return [plain_data(v) for v in value]
    if isinstance(value, Mapping):
        return {plain_data(k): plain_data(v) for k, v in value.items()}
    return value


def plain_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a task, or of how a model is asked, as a file holds them.

    Raises:
        UserError: they hold what no file can, such as a DataFrame.
    """
    found = {key: rows_of(value) if key in DATA and _is_labelled(value) else value for key, value in settings.items()}
    found = plain_data(found)
    for value in found.values():
        require(
            value is None or isinstance(value, str | int | float | list | dict),
            f"a recipe holds plain data, got a {type(value).__name__}; give a file, or lists: (texts, labels)",
        )
    return found


def _is_labelled(value: Any) -> bool:
    """Whether it is (texts, labels)."""
    return isinstance(value, tuple) and len(value) == 2 and not any(isinstance(one, str | Mapping) for one in value)


def rows_of(pair: Any) -> list[dict[str, Any]]:
    """Texts and labels side by side: lists of both would be pairs of texts where they are read from a file."""
    from llamita.core.task import as_columns, is_text

    texts, labels = (list(plain_data(part)) for part in pair)
    if len(texts) != len(labels):
        raise UserError(f"{len(texts)} texts but {len(labels)} labels; each text needs one")
    for number, text in enumerate(texts, 1):
        require(is_text(text), f"item {number} of the list must be a text or a pair of texts, got {str(text)[:60]!r}")
    parts = map(as_columns, texts)
    return [{**part, "label": label} for part, label in zip(parts, labels, strict=True)]
