"""Which column is what: named by the user, or guessed from names and first rows, alike for every chunk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.files import written

from llamita.data.check import faults_found
from llamita.data.faults import Faults
from llamita.data.passes import read_with_rows
from llamita.data.read import read_chunks, read_table


def test_columns_are_guessed_by_name_then_by_content(tmp_path: Path):
    pair = written(tmp_path, "pair.csv", "premise,hypothesis,label,idx\na,b,yes,1\nc,d,no,2\n")
    assert read_table(pair).texts == [("a", "b"), ("c", "d")]
    rows = "".join(f"{i},a rather long text number {i},{'xy'[i % 2]}\n" for i in range(8))
    assert read_table(written(tmp_path, "odd.csv", f"nr,what they wrote,verdict\n{rows}")).columns == {
        "text": "what they wrote",
        "label": "verdict",
    }
    chinese = read_table(written(tmp_path, "zh.csv", "评论,标签\n很好,好评\n很差,差评\n"))
    assert chinese.columns == {"text": "评论", "label": "标签"}


def test_the_users_columns_go_first(tmp_path: Path):
    path = written(tmp_path, "a.csv", "text,review,stars\nid7,good film,5\nid8,bad film,1\n")
    table = read_table(path, columns={"text": "review", "label": "stars"})
    assert (table.texts, table.labels) == (["good film", "bad film"], ["5", "1"])
    assert read_table(path, columns={"text": "review"}, labelled=False).labels is None


def test_chunks_make_up_the_whole(tmp_path: Path):
    path = written(tmp_path, "a.csv", "text,label\n" + "".join(f"text {i},{i % 2}\n" for i in range(2500)))
    chunks = list(read_chunks(path, size=1000))
    assert [len(chunk) for chunk in chunks] == [1000, 1000, 500]
    assert [text for chunk in chunks for text in chunk.texts] == read_table(path).texts


def test_a_column_of_metadata_is_no_label_where_the_user_says_so(tmp_path: Path):
    rows = "".join(f"a film {i},{('web', 'app')[i % 2]}\n" for i in range(8))
    path = written(tmp_path, "source.csv", f"text,source\n{rows}")
    assert read_table(path).columns["label"] == "source"
    table = read_table(path, columns={"label": "none"})
    assert (table.labels, table.columns) == (None, {"text": "text"})
    assert read_with_rows(str(path), columns={"label": "none"})[0].labels is None
    written(tmp_path, "two.csv", f"text,source\n{rows}")
    assert read_table(tmp_path / "*.csv", columns={"label": "none"}).labels is None
    real = written(tmp_path, "real.jsonl", '{"text": "a", "none": "x"}\n{"text": "b", "none": "y"}\n')
    assert read_table(real, columns={"label": "none"}).labels == ["x", "y"]


def test_columns_are_not_looked_for_in_plain_text(tmp_path: Path):
    path = written(tmp_path, "more.txt", "a\nb\n")
    for columns in ({"text": "review", "label": "stars"}, {"text": "review"}, {"labels": "tags"}):
        assert read_table(path, columns=columns, labelled=False).texts == ["a", "b"]


def test_a_first_line_that_reads_like_a_text_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = written(tmp_path, "bare.csv", "good film\nbad film\nok\n")
    assert read_table(path).texts == ["bad film", "ok"]
    assert "bare.csv:1: the only column is called 'good film', which reads like a text" in caplog.text
    faults: list = []
    read_table(path, faults=faults)
    assert [(f.kind, f.severity, f.line) for f in faults_found(faults)] == [("header", "warning", 1)]
    caplog.clear()
    read_table(path, columns={"text": "good film"})
    read_table(written(tmp_path, "one.jsonl", '{"what they said": "a"}\n'))
    assert not caplog.records or "reads like" not in caplog.text


def test_of_several_rows_in_a_line_one_that_is_bad_shifts_no_flags(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"text": f"text {i}", "a": i % 2, "b": 1 - i % 2} for i in range(6)]
    rows.insert(2, {"a": 1, "b": 1})
    (tmp_path / "l.json").write_text(json.dumps(rows), encoding="utf-8")
    faults: Faults = []
    table = read_table(str(tmp_path / "l.json"), columns={"labels": "a,b"}, faults=faults)
    assert (len(faults), table.labels) == (1, ["b", "a"] * 3)
