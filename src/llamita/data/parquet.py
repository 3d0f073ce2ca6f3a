"""Rows to a Parquet file: each column gets the one type that holds all its values, which is known when the last row has come."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any

from llamita.core.errors import UserError
from llamita.data.cells import json_value, plain
from llamita.data.rows import MISSING, Row

ROWS = 10_000
"""Rows of a group in the file; so many are in memory at once."""
NUMBERS = ({"int"}, {"int", "float"}, {"float"})
INT64 = 1 << 63


def write_parquet(part: Path, names: Sequence[str], rows: Iterable[Row], source: str) -> int:
    """Write the rows and return their number; they wait as lines in a temporary file until the columns' types are known.

    Whole numbers, numbers, truth values and lists of texts stay what they are; a column of several kinds is text, as in a table.

    Raises:
        UserError: without pyarrow, or a nested value that isn't a list of texts, with its line.
    """
    try:
        from pyarrow import parquet
    except ImportError:
        raise UserError(
            "writing .parquet needs pyarrow: pip install 'llamita[train]' (or name a .csv or .jsonl)"
        ) from None
    kinds: list[set[str]] = [set() for _ in names]
    with tempfile.TemporaryFile("w+", encoding="utf-8", dir=part.parent) as waiting:
        written = _put_aside(waiting, names, rows, source, kinds)
        schema = _schema(names, kinds)
        with parquet.ParquetWriter(part, schema) as writer:
            for batch in _batches(waiting, schema):
                writer.write_batch(batch)
    return written


def _put_aside(waiting: IO[str], names: Sequence[str], rows: Iterable[Row], source: str, kinds: list[set[str]]) -> int:
    """Write the values as JSON, a row a line, and note what kinds each column has."""
    written = 0
    for number, values in rows:
        held = [None if v is MISSING else json_value(source, number, v, n) for v, n in zip(values, names, strict=True)]
        for value, name, found in zip(held, names, kinds, strict=True):
            if value is not None:
                found.add(_kind(value, f"{source}:{number}: {name!r}"))
        waiting.write(json.dumps(held, ensure_ascii=False) + "\n")
        written += 1
    return written


def _kind(value: Any, where: str) -> str:
    if isinstance(value, (list, dict)):
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise UserError(f"{where} holds values of several kinds, which a Parquet column can't; write .jsonl")
        return "list"
    return "str" if isinstance(value, int) and not -INT64 <= value < INT64 else type(value).__name__


def _schema(names: Sequence[str], kinds: Sequence[set[str]]) -> Any:
    import pyarrow

    def of(found: set[str], name: str) -> Any:
        if "list" in found and len(found) > 1:
            raise UserError(f"{name!r} holds lists in some rows and single values in others; write .jsonl")
        if found in NUMBERS:
            return pyarrow.int64() if found == {"int"} else pyarrow.float64()
        if found == {"bool"}:
            return pyarrow.bool_()
        return pyarrow.list_(pyarrow.string()) if found == {"list"} else pyarrow.string()

    return pyarrow.schema([(name, of(found, name)) for name, found in zip(names, kinds, strict=True)])


def _batches(waiting: IO[str], schema: Any) -> Iterator[Any]:
    import pyarrow

    waiting.seek(0)
    texts = [pyarrow.types.is_string(field.type) for field in schema]

    def cell(value: Any, text: bool) -> Any:
        return plain(value) if text and value is not None else value

    while lines := list(islice(waiting, ROWS)):
        rows = [json.loads(line) for line in lines]
        columns = [
            pyarrow.array([cell(row[i], text) for row in rows], type=field.type)
            for i, (field, text) in enumerate(zip(schema, texts, strict=True))
        ]
        yield pyarrow.record_batch(columns, schema=schema)
