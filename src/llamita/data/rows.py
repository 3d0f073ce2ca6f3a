"""What rows of a file are: values in columns, one row at a time, each with its line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llamita.core.errors import UserError

Row = tuple[int, Sequence[Any]]
"""1-based line where the row starts, and one value per column."""
MISSING = object()
"""Stands for a key that an object lacks."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """A table on its way in."""

    names: tuple[str, ...]
    """Of the columns; of objects the keys of the first one and of half of the next ones, then those that others add."""
    rows: Iterator[Row]
    first_line: int = 1
    """Where the names stand."""
    headed: bool = True
    """Whether the names come from the file."""
    in_a_line: bool = False
    """Whether they are a line of a delimited table, which may be a row in truth."""
    added: int = 0
    """How many of the names, the last ones, few objects have; texts and labels are not looked for in them."""


def require_different(source: Path | str, names: Sequence[str]) -> None:
    """Refuse two columns of one name, of which only one would be read."""
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise UserError(f"{source}: two columns are named {twice!r}; rename one")
