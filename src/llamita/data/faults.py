"""Rows that can't be read: refused where texts are used, noted and left out where all of them are wanted at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from llamita.core.errors import UserError


class BadRow(UserError):
    """One line of a file that can't be read as it stands."""

    def __init__(self, path: Path | str, line: int, what: str, *, kind: str, raw: str | None = None):
        """`what` says what is wrong and, after a semicolon, what to do; `raw` is the row where it had to be left out."""
        super().__init__(f"{path}:{line}: {what}")
        self.file, self.line, self.kind, self.raw = str(path), line, kind, raw
        self.message, _, self.remedy = what.partition("; ")


Faults = list[BadRow]
"""Filled while rows are read; where it is None the first fault is raised."""


def note(faults: Faults | None, fault: BadRow) -> None:
    """Remember a fault, or raise it where faults aren't collected."""
    if faults is None:
        raise fault from None
    faults.append(fault)


def raw_row(values: Sequence[object]) -> str:
    """A row's fields as a line for the file of what was set aside."""
    return " | ".join("" if value is None or type(value) is object else str(value) for value in values)
