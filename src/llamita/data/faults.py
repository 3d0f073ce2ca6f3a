"""Rows that can't be read: refused where texts are used, noted and left out where all of them are wanted at once."""

from __future__ import annotations

import json
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


def raw_row(names: Sequence[str], values: Sequence[object]) -> str:
    """A row as an object in JSON, for the file of what was set aside; keys it lacks are left out."""
    held = {name: value for name, value in zip(names, values, strict=True) if type(value) is not object}
    return json.dumps(held, ensure_ascii=False, default=str)
