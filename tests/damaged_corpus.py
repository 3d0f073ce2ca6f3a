"""A table of texts and labels that can be damaged row by row, and where each row stands in its file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

Lines = list["Row"]


@dataclass(eq=False)
class Row:
    """One row; `raw` are its bytes in the file where they aren't those of a CSV row."""

    text: str
    label: str
    raw: bytes | None = None


@dataclass
class Corpus:
    """Training and test rows, and how they are written."""

    train: Lines
    test: Lines
    free: Lines = field(default_factory=list)
    """Rows that no damage has touched yet."""
    header: str = "text,label"
    test_header: str = "text,label"
    encoding: str = "utf-8"
    form: str = "csv"
    """What the training file is: csv, or jsonl."""

    @classmethod
    def of(cls, train: Sequence[tuple[str, str]], test: Sequence[tuple[str, str]]) -> Corpus:
        rows = [Row(*pair) for pair in train]
        return cls(train=rows, test=[Row(*pair) for pair in test], free=[r for r in rows if len(r.text) > 40][::3])

    def pick(self, longest: int = 400) -> Row:
        """An untouched row of some length."""
        row = next(r for r in self.free if len(r.text) <= longest)
        self.free.remove(row)
        return row

    def write(self, folder: Path) -> tuple[Path, Path]:
        """The training and the test file."""
        train, test = folder / f"train.{self.form}", folder / "test.csv"
        head = self.header.encode(self.encoding) + "\n".encode(self.encoding) if self.header else b""
        train.write_bytes(head + b"".join(self._line(row) for row in self.train))
        test.write_bytes(f"{self.test_header}\n".encode() + b"".join(_csv(row).encode() for row in self.test))
        return train, test

    def _line(self, row: Row) -> bytes:
        if row.raw is not None:
            return row.raw + b"\n"
        return (json_line(row) + "\n").encode() if self.form == "jsonl" else _csv(row).encode(self.encoding, "replace")

    def lines(self, rows: Lines) -> list[int]:
        """Where these rows stand, in training or, where they are none of its, in test."""
        first = 1 + bool(self.header)
        places = {id(row): i + 2 for i, row in enumerate(self.test)} | {
            id(row): i + first for i, row in enumerate(self.train)
        }
        return [places[id(row)] for row in rows]


def _csv(row: Row) -> str:
    """A row of a table; a text of several cells has tabs between them."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow([*row.text.split(PARTED), row.label])
    return stream.getvalue()


PARTED = "\x1f"
"""Stands between the two texts of a pair."""


def json_line(row: Row) -> str:
    return json.dumps({"text": row.text, "label": row.label}, ensure_ascii=False)
