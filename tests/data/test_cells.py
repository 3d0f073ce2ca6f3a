"""Cells become text in one way; what is none is refused with its place."""

from __future__ import annotations

import math
from typing import Any

import pytest

from llamita.data.cells import cell_text, label_text, plain, rows_text
from llamita.data.faults import BadRow
from llamita.data.rows import MISSING


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (math.nan, ""),
        (1.0, "1"),
        (1.5, "1.5"),
        (True, "true"),
        (0, "0"),
        ("很好", "很好"),
        (" a ", " a "),
        ("好".encode(), "好"),
    ],
)
def test_a_value_as_text(value: Any, text: str):
    assert plain(value) == text
    assert cell_text("a.jsonl", 3, value, "text") == text


@pytest.mark.parametrize(
    ("value", "said", "kind"),
    [
        (MISSING, "this object has no 'text', which others have", "key"),
        ({"a": 1}, "'text' holds an object; name what is meant in it: --columns text=text.a", "cell"),
        ({}, "'text' must be one text or number, got a dict", "cell"),
        (["a"], "'text' must be one text or number, got a list", "cell"),
        ("half \ud83d", "'text' holds half a character", "cell"),
        (b"\xff", "'text' holds bytes that are not UTF-8; write this column as text", "cell"),
    ],
)
def test_what_is_no_text_is_refused_with_its_place(value: Any, said: str, kind: str):
    with pytest.raises(BadRow, match=said) as caught:
        cell_text("a.jsonl", 3, value, "text")
    assert caught.value.kind == kind
    assert "a.jsonl" in str(caught.value)


def test_a_list_of_labels_is_joined_and_each_is_checked():
    assert label_text("a.jsonl", 1, 2.0, "label") == "2"
    assert label_text("a.jsonl", 1, ["good", 1.0], "label") == label_text("a.jsonl", 1, ("good", 1), "label")
    with pytest.raises(BadRow, match="got a list"):
        label_text("a.jsonl", 1, [["deep"]], "label")


def test_rows_are_counted_in_words():
    assert [rows_text(n) for n in (0, 1, 1178)] == ["0 rows", "1 row", "1,178 rows"]
