"""Parquet files that read back as they were, in columns of the type that holds every value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llamita.core.errors import UserError
from llamita.data import parquet as written
from llamita.data.opening import open_rows
from llamita.data.rows import MISSING
from llamita.data.write import write_rows

pytest.importorskip("pyarrow")


def column(values: list[Any], folder: Path) -> tuple[str, list[Any]]:
    """The type of a column in its file, and its values as they are read again."""
    from pyarrow.parquet import read_schema

    out = folder / "a.parquet"
    assert write_rows(out, ("c",), [(i, (value,)) for i, value in enumerate(values, 1)], "memory") == len(values)
    assert [path.name for path in folder.iterdir()] == ["a.parquet"]
    return str(read_schema(out).field("c").type), [row[0] for _, row in open_rows(out).rows]


@pytest.mark.parametrize(
    ("values", "kind", "read"),
    [
        (["很好", "", "two\nlines"], "string", ["很好", "", "two\nlines"]),
        ([1, 2, MISSING], "int64", [1, 2, None]),
        ([1, 2.5, float("nan")], "double", [1.0, 2.5, None]),
        ([True, None], "bool", [True, None]),
        ([True, 1], "string", ["true", "1"]),
        ([3, "three"], "string", ["3", "three"]),
        ([1, 1 << 63], "string", ["1", str(1 << 63)]),
        ([1, (1 << 60) + 1], "int64", [1, (1 << 60) + 1]),
        ([0.5, (1 << 60) + 1], "string", ["0.5", str((1 << 60) + 1)]),
        ([["a", "b"], []], "list<element: string>", [["a", "b"], []]),
        ([None, None], "string", [None, None]),
        ([], "string", []),
    ],
)
def test_a_column_has_the_type_that_holds_every_value(values: list[Any], kind: str, read: list[Any], tmp_path: Path):
    assert column(values, tmp_path) == (kind, read)


def test_a_type_that_only_a_late_row_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(written, "ROWS", 4)
    assert column([*range(9), "ten"], tmp_path) == ("string", [*map(str, range(9)), "ten"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a", {"b": 1}], r"memory:2: 'c' holds values of several kinds.*; write \.jsonl"),
        ([[1, 2]], r"memory:1: 'c' holds values of several kinds"),
        ([["a"], "a"], r"'c' holds lists in some rows and single values in others; write \.jsonl"),
        (["\ud83d"], r"memory:1: .*lone surrogate"),
    ],
)
def test_what_a_column_can_not_hold_is_refused_and_leaves_nothing(values: list[Any], message: str, tmp_path: Path):
    with pytest.raises(UserError, match=message):
        column(values, tmp_path)
    assert list(tmp_path.iterdir()) == []
