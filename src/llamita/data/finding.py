"""What the data doctor finds: a kind, a place, what it is and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from llamita.core.task import Text, parts_of
from llamita.data.table import Table

SHOWN_LINES = 10
Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, kw_only=True)
class DataFinding:
    """One thing found in the data."""

    kind: str
    """What it is, in a word that a program can count on; docs/how-to/check-data.md lists them."""
    severity: Severity
    file: str
    line: int | None
    """Where it is first seen."""
    message: str
    remedy: str
    count: int = 1
    lines: tuple[int, ...] = ()
    """The first lines it is seen in."""
    rows: tuple[int, ...] = ()
    """All rows of its table it is seen in, numbered from 0."""
    given: str = ""
    """A label that is written wrongly."""
    meant: str = ""
    """How it is written elsewhere, where there is no doubt."""
    quotes: tuple[str, ...] = ()
    """What the message quotes of the texts, so that it can be left out."""
    suspects: tuple[dict[str, Any], ...] = ()
    """Of each row whose label is in doubt: file, line, label, likely label and their probabilities."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, without what only mending needs."""
        left_out = ("rows", "given", "meant", *(name for name in ("quotes", "suspects") if not getattr(self, name)))
        return {key: value for key, value in asdict(self).items() if key not in left_out}


def found_in(
    table: Table, rows: Sequence[int], kind: str, severity: Severity, message: str, remedy: str, **more: Any
) -> DataFinding:
    """A finding about these rows of a table."""
    file = table.files[rows[0]] if table.files and rows else table.source
    here = [i for i in rows if table.files is None or table.files[i] == file]
    lines = tuple(table.lines[i] for i in here[:SHOWN_LINES])
    return DataFinding(
        kind=kind, severity=severity, file=file, line=lines[0] if lines else None, lines=lines,
        message=message, remedy=remedy, count=len(rows), rows=tuple(rows), **more,
    )  # fmt: skip


def place(table: Table, row: int) -> str:
    """A row as other findings name it: its line, and its file where there are several."""
    return table.place(row) if table.files else f"line {table.lines[row]}"


def shortened(text: Text, most: int = 40) -> str:
    """The beginning of a text on one line, for a message."""
    written = " ".join(" | ".join(parts_of(text)).split())
    return written if len(written) <= most else written[: most - 1] + "…"
