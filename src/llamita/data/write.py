"""Rows to a file - CSV, TSV, JSONL or plain text in UTF-8, or Parquet, by its ending - whole or not at all."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, Any

from llamita.core.errors import UserError, require
from llamita.core.task import Split, parts_of
from llamita.core.whole import whole_file
from llamita.data.cells import cell_text, json_value
from llamita.data.label_sets import JOINT, likely_separator, written_lists
from llamita.data.parquet import write_parquet
from llamita.data.rows import MISSING, Row

FORMATS = (".csv", ".tsv", ".jsonl", ".parquet", ".txt")
Writer = Callable[[int, Sequence[Any]], None]
"""Writes the values of a row, whose line in its source stands before them."""


def write_rows(out: Path, names: Sequence[str], rows: Iterable[Row], source: str) -> int:
    """Write the rows and return their number.

    Args:
        out: Ends with .csv, .tsv, .jsonl, .parquet, or .txt for a single column.
        names: Of the columns; a key that an object lacks is an empty cell, or is left out of the object again.
        source: What the rows came from, for messages.

    Raises:
        UserError: the ending, the names, a value that the format can't hold, or Parquet without pyarrow.
    """
    suffix = out.suffix.lower()
    require(suffix in FORMATS, f"{out}: must end with {', '.join(FORMATS)}, got {suffix!r}")
    require(suffix != ".txt" or len(names) == 1, f"{out}: .txt holds one column, got {len(names)} ({', '.join(names)})")
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        what = "have no name" if not twice else f"are named {twice!r}"
        raise UserError(f"{source}: two columns {what}; give each a name of its own in the first line")
    written = 0
    if suffix == ".parquet":
        with whole_file(out) as part:
            return write_parquet(part, names, rows, source)
    with whole_file(out) as part, part.open("w", encoding="utf-8", newline="") as stream:
        write = _WRITERS[suffix](stream, names, source)
        for number, values in rows:
            write(number, values)
            written += 1
    return written


def write_split(file: Path, split: Split, labels: Sequence[str]) -> dict[str, str]:
    """Write a labelled split with columns text, pair where it has pairs, and label or labels.

    Returns:
        What `read_table` must be told of the columns to read it again.
    """
    pairs = bool(len(split)) and not isinstance(split.texts[0], str)
    several = bool(split.label_sets)
    told = [[labels[i] for i in of] for of in split.label_sets] or [[labels[i]] for i in split.labels]
    names = ("text", *(("pair",) if pairs else ()), "labels" if several else "label")
    rows = [
        (line, [*parts_of(text), JOINT.join(of)])
        for line, (text, of) in enumerate(zip(split.texts, told, strict=True), 1)
    ]
    write_rows(file, names, rows, split.source)
    if several:
        return {"separator": JOINT}
    cells = [cell for _, (*_, cell) in rows]
    return {"label": "label"} if likely_separator(cells) or written_lists(cells) else {}


def row_writer(stream: IO[str], delimiter: str = ",") -> Callable[[Sequence[Any]], None]:
    """Writes a row of a delimited table, so that it can be read again."""
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
    # The module quotes no carriage return that isn't in the line's end, and then can't read the file again.
    careful = csv.writer(stream, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)

    def write(cells: Sequence[Any]) -> None:
        (careful if any(isinstance(cell, str) and "\r" in cell for cell in cells) else writer).writerow(cells)

    return write


def _table(stream: IO[str], names: Sequence[str], source: str, delimiter: str = ",") -> Writer:
    write_row = row_writer(stream, delimiter)
    write_row(names)

    def write(number: int, values: Sequence[Any]) -> None:
        held = [None if value is MISSING else value for value in values]
        nested = next((name for name, value in zip(names, held, strict=True) if isinstance(value, (list, dict))), None)
        if nested is not None:
            raise UserError(
                f"{source}:{number}: {nested!r} holds several values, which a table's cell can't; write .jsonl"
            )
        write_row([cell_text(source, number, value, name) for name, value in zip(names, held, strict=True)])

    return write


def _tabs(stream: IO[str], names: Sequence[str], source: str) -> Writer:
    return _table(stream, names, source, "\t")


def _objects(stream: IO[str], names: Sequence[str], source: str) -> Writer:
    def write(number: int, values: Sequence[Any]) -> None:
        held = [(name, value) for name, value in zip(names, values, strict=True) if value is not MISSING]
        record = {name: json_value(source, number, value, name) for name, value in held}
        stream.write(json.dumps(record, ensure_ascii=False) + "\n")

    return write


def _lines(stream: IO[str], names: Sequence[str], source: str) -> Writer:
    def write(number: int, values: Sequence[Any]) -> None:
        stream.write(" ".join(cell_text(source, number, values[0], names[0]).splitlines()) + "\n")

    return write


_WRITERS = {".csv": _table, ".tsv": _tabs, ".jsonl": _objects, ".txt": _lines}
