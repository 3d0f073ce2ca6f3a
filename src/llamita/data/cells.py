"""Cells of a table as text: labels, numbers and nothing; what is no text is refused with its place."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from llamita.data.faults import BadRow
from llamita.data.label_sets import joined
from llamita.data.rows import MISSING

WHOLE = re.compile(r"(-?\d+)\.0+")
"""A whole number as a table of floats writes it."""


def label_text(name: str, number: int, value: Any, column: str) -> str:
    """A label as text, without the white space at its ends; a list is joined."""
    if isinstance(value, (list, tuple)):
        return joined(f"{name}:{number}", [cell_text(name, number, label, column) for label in value])
    return cell_text(name, number, value, column).strip()


def cell_text(name: str, number: int, value: Any, column: str) -> str:
    """A cell as text; what is no text is refused with the name and line of its source."""
    if value is MISSING:
        raise BadRow(name, number, f"this object has no {column!r}, which others have", kind="key")
    if isinstance(value, (Mapping, list, tuple, set)):
        what = f"{column!r} must be one text or number, got a {type(value).__name__}"
        if isinstance(value, Mapping) and value:
            what = f"{column!r} holds an object; name what is meant in it: --columns text={column}.{next(iter(value))}"
        raise BadRow(name, number, what, kind="cell")
    try:
        text = value.decode("utf-8") if isinstance(value, bytes) else plain(value)
    except UnicodeDecodeError:
        what = f"{column!r} holds bytes that are not UTF-8; write this column as text"
        raise BadRow(name, number, what, kind="cell") from None
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        what = f"{column!r} holds half a character (a lone surrogate); delete it or write it whole"
        raise BadRow(name, number, what, kind="cell")
    return text


def plain(value: Any) -> str:
    """A value as text: nothing and NaN are empty, 1.0 is 1, true is true; bytes are UTF-8."""
    if (
        value is None
        or (isinstance(value, float) and math.isnan(value))
        or type(value).__name__ in ("NAType", "NaTType")
    ):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def plain_form(label: str) -> str:
    """A label out of a text file as it would be read from typed data (see `plain`): 5.0 is 5, and True is true."""
    number = WHOLE.fullmatch(label)
    return number[1] if number else label.lower() if label in ("True", "False") else label


def json_value(source: str, number: int, value: Any, name: str) -> Any:
    """Numbers, truth values, nothing and nested values stay what they are; NaN is nothing; all else is text."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (list, tuple)):
        return [json_value(source, number, one, name) for one in value]
    if isinstance(value, dict):
        return {str(key): json_value(source, number, one, name) for key, one in value.items()}
    return cell_text(source, number, value, name)


def rows_text(number: int) -> str:
    """ "1 row" or "1,178 rows"."""
    return "1 row" if number == 1 else f"{number:,} rows"
