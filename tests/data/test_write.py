"""What is written reads back as it was, or is refused with its line."""

import json
import math
from datetime import date
from pathlib import Path

import pytest

from llamita.core.errors import UserError
from llamita.core.task import Split
from llamita.data.opening import open_rows
from llamita.data.read import read_table
from llamita.data.rows import MISSING
from llamita.data.write import write_rows, write_split

TEXTS = ['a "quoted", text', "two\nlines", "tab\there", "很好；", "", "'", '"opened']


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_texts_come_back_as_they_were(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"new{suffix}"
    rows = [(i, (text, "ab"[i % 2])) for i, text in enumerate(TEXTS)]
    assert write_rows(out, ("text", "label"), rows, "memory") == len(TEXTS)
    table = read_table(out)
    assert table.texts == TEXTS
    assert table.labels == ["a", "b", "a", "b", "a", "b", "a"]
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_one_column_of_tabs_keeps_its_line_ends(tmp_path: Path) -> None:
    texts = ["two\nlines", 'a "quoted" one', "plain"]
    write_rows(tmp_path / "one.tsv", ("text",), [(i, (text,)) for i, text in enumerate(texts)], "memory")
    assert read_table(tmp_path / "one.tsv").texts == texts


def test_plain_text_has_a_text_a_line(tmp_path: Path) -> None:
    assert write_rows(tmp_path / "a.txt", ("text",), [(1, ("two\nlines",)), (2, ("很好",))], "memory") == 2
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "two lines\n很好\n"
    with pytest.raises(UserError, match=r"holds one column, got 2 \(text, label\)"):
        write_rows(tmp_path / "b.txt", ("text", "label"), [], "memory")


VALUES = (True, 1.0, math.nan, None, 2.5, 3, date(2024, 5, 6))


def test_a_table_writes_values_as_they_are_read(tmp_path: Path) -> None:
    names = [f"c{i}" for i in range(len(VALUES))]
    write_rows(tmp_path / "a.csv", names, [(1, VALUES)], "memory")
    assert (tmp_path / "a.csv").read_text().splitlines()[1] == "true,1,,,2.5,3,2024-05-06"
    with pytest.raises(
        UserError, match=r"memory:9: 'c' holds several values, which a table's cell can't; write \.jsonl"
    ):
        write_rows(tmp_path / "b.csv", ("c",), [(9, (["x"],))], "memory")


def test_objects_keep_numbers_and_nested_values_and_know_no_nan(tmp_path: Path) -> None:
    names = [*(f"c{i}" for i in range(len(VALUES))), "nested"]
    write_rows(tmp_path / "a.jsonl", names, [(1, (*VALUES, {"a": [1, math.nan]}))], "memory")
    line = (tmp_path / "a.jsonl").read_text()
    assert "NaN" not in line
    assert list(json.loads(line).values()) == [True, 1.0, None, None, 2.5, 3, "2024-05-06", {"a": [1, None]}]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_what_no_file_can_hold_is_refused_and_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(UserError, match=r"memory:7: .*lone surrogate"):
        write_rows(tmp_path / f"a{suffix}", ("text",), [(6, ("fine",)), (7, ("\ud83d",))], "memory")
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_an_object_lacks_is_an_empty_cell_or_left_out_again(tmp_path: Path) -> None:
    rows = [(1, ("a", MISSING)), (2, (MISSING, 1))]
    for name, written in (("a.csv", "text,note\na,\n,1\n"), ("a.jsonl", '{"text": "a"}\n{"note": 1}\n')):
        write_rows(tmp_path / name, ("text", "note"), rows, "memory")
        assert (tmp_path / name).read_text(encoding="utf-8") == written


@pytest.mark.parametrize("names", [("a", "a"), ("", "b", "")])
def test_columns_of_one_name_are_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(UserError, match=r"two columns (have no name|are named 'a')"):
        write_rows(tmp_path / "a.jsonl", names, [], "memory")


def test_a_table_from_parquet_with_dates_becomes_objects(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"text": ["a"], "when": [date(2024, 5, 6)]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    rows = open_rows(tmp_path / "a.parquet")
    write_rows(tmp_path / "a.jsonl", rows.names, rows.rows, "a.parquet")
    assert json.loads((tmp_path / "a.jsonl").read_text()) == {"text": "a", "when": "2024-05-06"}


def test_a_lone_carriage_return_is_read_back(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    write_rows(out, ("text", "label"), [(1, ["one\rtwo", "x"]), (2, ["three", "y"])], "here")
    assert read_table(out).texts == ["one\rtwo", "three"]


@pytest.mark.parametrize("texts", [("one, two", "a\nb"), (("one", "two"), ("a", 'b"'))])
@pytest.mark.parametrize("several", [True, False])
def test_a_split_is_read_again_as_it_was(texts, several, tmp_path):
    labels = {"label_sets": ((0, 1), ())} if several else {"labels": (1, 0)}
    columns = write_split(tmp_path / "test.csv", Split(texts=texts, **labels), ("bad", "good"))
    table = read_table(str(tmp_path / "test.csv"), columns=columns)
    assert tuple(table.texts) == texts
    assert table.labels == (["bad|good", ""] if several else ["good", "bad"])
    assert table.several is several


def test_labels_that_look_like_several_are_read_again_as_they_were(tmp_path: Path) -> None:
    split = Split(texts=("x", "y", "z"), labels=(2, 0, 1))
    columns = write_split(tmp_path / "test.csv", split, ("a", "b", "a;b"))
    assert read_table(tmp_path / "test.csv", columns=columns).labels == ["a;b", "a", "b"]
