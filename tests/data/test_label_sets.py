from __future__ import annotations

import json
from pathlib import Path

import pytest

from llamita.core.errors import UserError
from llamita.data.label_sets import likely_separator, parts, written_lists
from llamita.data.read import read_table


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("separator", ["|", ";", ",", " | "])
def test_a_separator_is_guessed_from_labels_that_occur_in_several_cells(separator: str, tmp_path: Path) -> None:
    cells = ["a", f"b{separator}a", "", f"c{separator}b", "c"]
    lines = "".join(f'text {i},"{cell}"\n' for i, cell in enumerate(cells))
    table = read_table(write(tmp_path / "t.csv", f"text,tags\n{lines}"))
    assert table.several
    assert table.labels == ["a", "b|a", "", "c|b", "c"]
    assert table.columns == {"text": "text", "labels": "tags", "separator": separator.strip()}


@pytest.mark.parametrize(
    "cells",
    [
        ["Movies, TV", "Books", "Movies, TV", "Games"],
        ["New York, NY", "Albany, NY", "Boston, MA", "New York, NY"],
        ["yes, surely", "yes", "no", "yes, surely"],
        ["4,5", "3,5", "4", "5"],
        ["good", "bad", "good", "bad"],
        [],
    ],
)
def test_labels_that_only_hold_a_comma_stay_whole(cells: list[str]) -> None:
    assert likely_separator(cells) is None


def test_known_labels_settle_what_a_separator_is() -> None:
    assert likely_separator(["0,1", "1"], known=("0", "1")) == ","
    assert likely_separator(["0,2", "1"], known=("0", "1")) is None


def test_who_names_one_label_a_text_is_believed(tmp_path: Path) -> None:
    file = write(tmp_path / "t.csv", "text,tags\nx,a;b\ny,a\nz,b\n")
    assert read_table(file).several
    table = read_table(file, columns={"label": "tags"})
    assert (table.several, table.labels) == (False, ["a;b", "a", "b"])


def test_columns_of_0_and_1_are_labels(tmp_path: Path) -> None:
    file = write(tmp_path / "t.csv", "comment,toxic,insult,id\nyou there,1,0,7\nhello,0,0,8\nyou fool,1.0,true,9\n")
    table = read_table(file, columns={"text": "comment", "labels": "toxic,insult"})
    assert table.labels == ["toxic", "", "toxic|insult"]
    assert [parts(cell) for cell in table.labels] == [("toxic",), (), ("toxic", "insult")]
    with pytest.raises(UserError, match=r"t.csv:2: 'id' must be 0 or 1, got '7'"):
        read_table(file, columns={"text": "comment", "labels": "toxic,id"})
    with pytest.raises(UserError, match=r"no column 'insults'. Did you mean 'insult'"):
        read_table(file, columns={"text": "comment", "labels": "toxic,insults"})


def test_lists_are_labels_in_jsonl_parquet_and_python(tmp_path: Path) -> None:
    rows = [{"text": "x", "topics": ["b", "a"]}, {"text": "y", "topics": []}, {"text": "z", "topics": ["a", "a"]}]
    lines = "\n".join(json.dumps(row) for row in rows)
    wanted = ["b|a", "", "a"]
    assert read_table(write(tmp_path / "t.jsonl", lines)).labels == wanted
    assert read_table(rows).labels == wanted
    assert read_table((["x", "y", "z"], [["b", "a"], [], ["a"]])).labels == wanted
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").labels == wanted


@pytest.mark.parametrize(
    "cells",
    [
        ['["b", "a"]', "[]", '["it\'s"]', ""],
        ["['b', 'a']", "[]", '["it\'s"]', ""],
        ["['b' 'a']", "[]", '["it\'s"]', ""],
        ["('b', 'a')", "()", '("it\'s",)', ""],
    ],
)
def test_lists_that_a_table_holds_as_text_are_labels(cells: list[str], tmp_path: Path) -> None:
    lines = [json.dumps({"text": f"text {i}", "topics": cell}) for i, cell in enumerate(cells)]
    file = write(tmp_path / "t.jsonl", "\n".join(lines))
    table = read_table(file)
    assert (table.several, table.labels) == (True, ["b|a", "", "it's", ""])
    assert table.columns == {"text": "text", "labels": "topics"}
    assert read_table(file, columns={"labels": "topics"}).labels == table.labels


def test_numbers_in_lists_are_labels_and_other_brackets_are_names(tmp_path: Path) -> None:
    assert written_lists(["[0, 3]", "[3]"]) == written_lists(["[0 3]", "[3]"]) == [[0, 3], [3]]
    assert written_lists(["[sports]", "[news]"]) is None
    assert written_lists(['["a"]', "b"]) is None
    assert written_lists(["", ""]) is None
    file = write(tmp_path / "t.csv", "text,tag\nx,['a']\ny,['b']\nz,['a']\nw,\"['a','b']\"\n")
    table = read_table(file, columns={"label": "tag"})
    assert (table.several, table.labels) == (False, ["['a']", "['b']", "['a']", "['a','b']"])


@pytest.mark.parametrize("cell", ["[0, 1, 0]", '"0, 1, 1"', '"true,false,true"'])
def test_0_and_1_for_each_label_are_no_names(cell: str, tmp_path: Path) -> None:
    file = write(tmp_path / "t.jsonl", f'{{"text": "x", "labels": {cell}}}\n')
    with pytest.raises(UserError, match=r"t.jsonl:1: '.*' are 0 and 1 for each label, not names; write the names"):
        read_table(file, columns={"labels": "labels"})


def test_all_texts_may_lack_labels_where_the_user_says_there_may_be_any(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "t.csv", "text,tags\nx,\ny,\n"), columns={"labels": "tags"})
    assert (table.several, table.labels) == (True, ["", ""])


def test_a_label_that_holds_the_joint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"t.jsonl:1: the label 'a\|b' holds '\|', which stands between labels"):
        read_table(write(tmp_path / "t.jsonl", '{"text": "x", "labels": ["a|b", "c"]}\n'))


def test_several_files_are_read_alike(tmp_path: Path) -> None:
    write(tmp_path / "1.csv", "text,tags\nx,a;b\ny,a\n")
    write(tmp_path / "2.csv", "text,tags\nz,b;a\nw,\n")
    table = read_table(tmp_path, columns={"text": "text", "labels": "tags"})
    assert table.labels == ["a|b", "a", "b|a", ""]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"label": "tags", "labels": "tags"}, "give label=COLUMN for one label a text, or labels=COLUMN for any"),
        ({"labels": "a,a"}, "label columns must be two different ones or more"),
        ({"labels": "a,b", "separator": ";"}, "a separator is for a column of names"),
    ],
)
def test_contradictions_are_refused(columns: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        read_table(write(tmp_path / "t.csv", "text,tags,a,b\nx,a;b,1,0\n"), columns=columns)


@pytest.mark.parametrize("rows", [[[1, 0], [0, 1]], [[0, 1], [0, 1]], [[True, False], [False, True]]])
def test_a_mark_for_each_of_two_labels_is_refused_too_though_no_mark_stands_twice_in_a_row(
    rows: list[list[int]],
) -> None:
    with pytest.raises(UserError, match=r"texts and labels:1: '.*' are 0 and 1 for each label, not names"):
        read_table((["a", "b"], rows))
    assert read_table((["a", "b", "c"], [[0, 1], [1], []])).labels == ["0|1", "1", ""]
