"""Rows to a Parquet file: each column gets the one type that holds all its values, which is known when the last row has come."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from llamita.core.errors import UserError, require
from llamita.data.cells import json_value, plain
from llamita.data.on_disk import TextsOnDisk
from llamita.data.rows import MISSING, Row

ROWS = 10_000
"""Rows of a group in the file; so many are in memory at once."""
EXACT, LONG = 1 << 53, 1 << 63
"""Whole numbers below the first are also exact as broken ones, those below the second are int64."""


def write_parquet(part: Path, names: Sequence[str], rows: Iterable[Row], source: str) -> int:
    """Write the rows and return their number; they wait in a temporary file until the columns' types are known.

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
    waiting = TextsOnDisk(_told(names, rows, source, kinds))
    schema = _schema(names, kinds)
    with parquet.ParquetWriter(part, schema) as writer:
        for batch in _batches(waiting, schema):
            writer.write_batch(batch)
    return len(waiting)


def fits_a_column(value: Any) -> bool:
    """Whether it is a single value or a list of texts."""
    return all(isinstance(one, str) for one in value) if isinstance(value, list) else not isinstance(value, dict)


def _told(names: Sequence[str], rows: Iterable[Row], source: str, kinds: list[set[str]]) -> Iterator[str]:
    """The values of each row as JSON; what kinds each column has is noted on the way."""
    for number, values in rows:
        held = [None if v is MISSING else json_value(source, number, v, n) for v, n in zip(values, names, strict=True)]
        for value, name, found in zip(held, names, kinds, strict=True):
            require(
                fits_a_column(value),
                f"{source}:{number}: {name!r} holds values of several kinds, which a Parquet column can't; write .jsonl",
            )
            if value is not None:
                found.add(_kind(value))
        yield json.dumps(held, ensure_ascii=False)


def _kind(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > EXACT:
        return "long" if abs(value) < LONG else "str"
    return type(value).__name__


def _schema(names: Sequence[str], kinds: Sequence[set[str]]) -> Any:
    import pyarrow

    def of(found: set[str], name: str) -> Any:
        require(
            "list" not in found or len(found) == 1,
            f"{name!r} holds lists in some rows and single values in others; write .jsonl",
        )
        allowed = [
            ({"int", "long"}, pyarrow.int64()), ({"int", "float"}, pyarrow.float64()), ({"bool"}, pyarrow.bool_()),
            ({"list"}, pyarrow.list_(pyarrow.string())),
        ]  # fmt: skip
        return next((kind for those, kind in allowed if found and found <= those), pyarrow.string())

    return pyarrow.schema([(name, of(found, name)) for name, found in zip(names, kinds, strict=True)])


def _batches(waiting: TextsOnDisk, schema: Any) -> Iterator[Any]:
    import pyarrow

    rows = map(json.loads, waiting)
    texts = [pyarrow.types.is_string(field.type) for field in schema]
    while held := list(islice(rows, ROWS)):
        columns = [
            [plain(value) if text and value is not None else value for value in column]
            for column, text in zip(zip(*held, strict=True), texts, strict=True)
        ]
        arrays = [pyarrow.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)]
        yield pyarrow.record_batch(arrays, schema=schema)
