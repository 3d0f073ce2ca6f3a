"""Tables of texts."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from llamita.core.errors import UserError
from llamita.data.read import read_chunks, read_table
from llamita.data.table import Table, merged, one_of_all, part_labels


def table(source: str, labels: list[str] | None) -> Table:
    number = 2 if labels is None else len(labels)
    return Table(
        texts=[f"{source} {i}" for i in range(number)], labels=labels, lines=list(range(2, number + 2)),
        columns={"text": "t"} | ({} if labels is None else {"label": "l"}), source=source,
    )  # fmt: skip


def test_rows_of_several_files_keep_their_file_and_line() -> None:
    whole = one_of_all([table("a.csv", ["x", "y"]), table("b.csv", ["y"])], "*.csv")
    assert (whole.source, whole.labels) == ("*.csv", ["x", "y", "y"])
    assert [whole.place(i) for i in range(3)] == ["a.csv:2", "a.csv:3", "b.csv:2"]
    assert whole.take([2, 0]).place(0) == "b.csv:2"


def test_rows_that_are_taken_keep_the_further_columns() -> None:
    whole = replace(table("a.csv", ["x", "y"]), kept=[{"id": 1}, {"id": 2}])
    assert whole.take([1]) == replace(whole, texts=["a.csv 1"], labels=["y"], lines=[3], kept=[{"id": 2}])


def test_a_file_without_labels_beside_one_with_them_is_refused() -> None:
    with pytest.raises(UserError, match=r"b\.csv has no labels, but a\.csv has"):
        one_of_all([table("a.csv", ["x"]), table("b.csv", None)], "*.csv")


def test_where_one_file_has_lists_of_labels_all_texts_may_have_any() -> None:
    lists = table("b.jsonl", ["x|y"])
    lists.several, lists.columns = True, {"text": "text", "labels": "label"}
    whole = one_of_all([table("a.jsonl", ["x"]), lists], "*.jsonl")
    assert (whole.several, whole.labels, whole.columns) == (True, ["x", "x|y"], lists.columns)


def test_the_rarest_label_of_a_row_with_several() -> None:
    several = table("a.csv", ["x;y", "x", "", "x; z "])
    part_labels(several, ";")
    assert several.columns == {"text": "t", "labels": "l", "separator": ";"}
    assert several.rarest_labels() == ["y", "x", "", "z"]


def test_a_table_shows_what_it_is_and_none_of_its_rows() -> None:
    table = Table(texts=["secret"] * 2, labels=None, lines=[2, 3], columns={"text": "review"}, source="a.csv")
    assert repr(table) == "<Table: 2 rows of a.csv; text = review>"


def test_chunks_of_a_source_become_one_table() -> None:
    chunks = [replace(table("a.csv", ["x", ""]), lines=[i, i + 1]) for i in (2, 4)]
    chunks[1] = replace(chunks[1], several=True, columns={"text": "t", "labels": "l"})
    whole = merged(iter(chunks))
    assert (whole.texts, whole.labels) == ([*chunks[0].texts, *chunks[1].texts], ["x", "", "x", ""])
    assert (whole.lines, whole.several, whole.columns, whole.files) == ([2, 3, 4, 5], True, chunks[1].columns, None)
    bare = merged(chunks, texts=False)
    assert (bare.texts, list(bare.lines), bare.labels) == ([], whole.lines, whole.labels)
    assert merged([table("a.csv", None)]).labels is None


def test_a_file_is_read_in_chunks_as_it_is_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"text": f"film {i}", "tags": "good" if i < 7 else ["good", "long"]} for i in range(12)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    whole = read_table(tmp_path / "a.jsonl")
    monkeypatch.setattr("llamita.data.read.read_chunks", partial(read_chunks, size=3))
    assert read_table(tmp_path / "a.jsonl") == whole
    assert (whole.several, whole.labels) == (True, ["good"] * 7 + ["good|long"] * 5)
