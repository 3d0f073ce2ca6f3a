"""Rows of JSON: their lines, and the columns that objects with different keys make."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.files import written

from llamita.core.errors import UserError
from llamita.data.opening import open_rows
from llamita.data.read import read_table
from llamita.data.rows import MISSING


def table(folder: Path, name: str, content: str) -> tuple[tuple[str, ...], list[tuple[int, tuple[Any, ...]]]]:
    """Names, and rows with their lines."""
    found = open_rows(written(folder, name, content))
    return found.names, [(line, tuple(values)) for line, values in found.rows]


def test_a_json_list_knows_its_lines(tmp_path: Path) -> None:
    content = '\n[\n {"text": "a"},\n {"text": "] ,\\n["}, {"text":\n "c"}\n,\n\n{"text": "好"} ]'
    assert table(tmp_path, "a.json", content)[1] == [(3, ("a",)), (4, ("] ,\n[",)), (4, ("c",)), (8, ("好",))]


def test_json_strings_are_texts_without_a_header(tmp_path: Path) -> None:
    for name, content in (("a.json", '["a",\n"b"]'), ("a.jsonl", '"a"\n"b"\n')):
        found = open_rows(written(tmp_path, name, content))
        assert (found.names, found.headed) == (("text",), False)
        assert list(found.rows) == [(1, ("a",)), (2, ("b",))]


def test_keys_that_most_objects_have_are_columns_where_the_first_one_lacks_them(tmp_path: Path) -> None:
    lines = [{"id": 1, "text": "a"}, *({"id": i, "text": f"text {i}", "label": "x"} for i in range(2, 6)), {"odd": 1}]
    content = "\n".join(map(json.dumps, lines))
    names, rows = table(tmp_path, "a.jsonl", content)
    assert names == ("id", "text", "label")
    assert rows[0] == (1, (1, "a", MISSING))
    assert rows[-1] == (6, (MISSING, MISSING, MISSING))
    with pytest.raises(UserError, match=r"a\.jsonl:1: .*label"):
        read_table(str(tmp_path / "a.jsonl"), labelled=True)


def test_objects_have_the_keys_of_the_first_one(tmp_path: Path) -> None:
    content = '{"text": "a", "label": null}\n\n{"label": 2.5, "more": [], "text": "b"}\n{"text": "c"}\n'
    names, rows = table(tmp_path, "a.jsonl", content)
    assert names == ("text", "label")
    assert rows == [(1, ("a", None)), (3, ("b", 2.5)), (4, ("c", MISSING))]
