"""Rows of every format, each with the line where it starts, and what is no table."""

from __future__ import annotations

import csv
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from tests.files import written

from llamita.core.errors import UserError
from llamita.data.decode import LONGEST_LINE
from llamita.data.delimited import delimited_rows
from llamita.data.faults import Faults
from llamita.data.opening import open_rows


def table(folder: Path, name: str, content: str) -> tuple[tuple[str, ...], list[tuple[int, tuple[Any, ...]]]]:
    """Names, and rows with their lines."""
    found = open_rows(written(folder, name, content))
    return found.names, [(line, tuple(values)) for line, values in found.rows]


def test_a_row_stands_where_its_first_line_stands(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", '\n\n text , label\n"two\r\nlines",x\n\n"a ""b"", c",y\r\n,\nlast,z')
    found = open_rows(path)
    assert (found.names, found.first_line, found.headed) == (("text", "label"), 3, True)
    assert list(found.rows) == [
        (4, ["two\r\nlines", "x"]), (7, ['a "b", c', "y"]), (9, ["last", "z"]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "text,label\na; b,1\n"),
        ("a.csv", "text;label\na; b;1\n".replace("a; b", '"a; b"')),
        ("a.csv", "text\tlabel\na; b\t1\n"),
        ("A.CSV", 'text,label\n"a; b","1"\n'),
        ("a.tsv", "text\tlabel\na; b\t1\n"),
        ("a.tab", "text\tlabel\r\na; b\t1\r\n"),
        ("a.jsonl", '{"text": "a; b", "label": "1"}\n'),
        ("a.ndjson", '\n{"text": "a; b", "label": "1"}'),
        ("a.json", '[{"text": "a; b", "label": "1"}]'),
        ("a.json", '{"data": [{"text": "a; b", "label": "1"}], "version": 2}'),
        ("a.json", '{"text": ["a; b"], "label": ["1"]}'),
    ],
)
def test_every_way_to_write_a_table_gives_its_names_and_values(tmp_path: Path, name: str, content: str) -> None:
    names, rows = table(tmp_path, name, content)
    assert names == ("text", "label")
    assert [values for _, values in rows] == [("a; b", "1")]


def test_a_tab_separated_file_without_quoting_keeps_its_quotes(tmp_path: Path) -> None:
    content = 'text\tlabel\n"Hello" he said\tgood\nan inch is 1"\tbad\n"all ""of"" it"\tbad\n"\tbad\n'
    assert [values[0] for _, values in table(tmp_path, "a.tsv", content)[1]] == [
        '"Hello" he said', 'an inch is 1"', 'all "of" it', '"',
    ]  # fmt: skip


def test_a_tab_separated_file_with_tabs_in_quotes_is_read_as_quoted(tmp_path: Path) -> None:
    content = 'text\tlabel\n"one\ttwo"\tgood\n"two\nlines"\tbad\nplain\tgood\n'
    assert table(tmp_path, "a.tsv", content)[1] == [
        (2, ("one\ttwo", "good")), (3, ("two\nlines", "bad")), (5, ("plain", "good")),
    ]  # fmt: skip


def test_plain_text_is_one_text_a_line_whatever_it_holds(tmp_path: Path) -> None:
    found = open_rows(written(tmp_path, "a.txt", 'one, "two\r\n\r\n  three\ttabs \n'))
    assert (found.names, found.headed) == (("text",), False)
    assert list(found.rows) == [(1, ('one, "two',)), (3, ("  three\ttabs ",))]


def test_a_table_that_a_spreadsheet_saved_as_text_is_not_read_as_texts(tmp_path: Path) -> None:
    path = written(tmp_path, "a.txt", "评论\t标签\n很好\t好评\n\n很差\t差评\n")
    with pytest.raises(
        UserError, match=r"a\.txt: every line has 2 parts with tabs between, as a table has; name it \.tsv"
    ):
        open_rows(path)


def test_a_parquet_file_of_many_batches_is_read_in_order(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    texts = [f"文本 {i}" for i in range(2500)]
    parquet.write_table(arrow.table({"text": texts, "stars": range(2500)}), tmp_path / "a.parquet", row_group_size=700)
    found = open_rows(tmp_path / "a.parquet")
    assert found.names == ("text", "stars")
    assert list(found.rows) == [(i + 1, [text, i]) for i, text in enumerate(texts)]


def test_a_named_encoding_is_used(tmp_path: Path) -> None:
    for name, content in (("a.csv", "text\n很好\n"), ("a.jsonl", '{"text": "很好"}'), ("a.json", '[{"text": "很好"}]')):
        found = open_rows(written(tmp_path, name, content.encode("gb18030")), "gb18030")
        assert [values[0] for _, values in found.rows] == ["很好"]


def test_rows_are_read_as_they_are_asked_for(tmp_path: Path) -> None:
    rows = open_rows(written(tmp_path, "a.csv", "text,label\n" + "a,b\n" * 5000 + "a,b,c\n")).rows
    assert [next(rows)[0] for _ in range(5000)][-1] == 5001
    with pytest.raises(UserError, match=r"a\.csv:5002: 3 fields where the header has 2 \(text, label\)"):
        next(rows)


def test_reading_leaves_the_csv_modules_limit_alone(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    rows = open_rows(written(tmp_path, "a.csv", f'text,label\n{"x" * 200_000},1\n"open,0\n')).rows
    assert len(next(rows)[1][0]) == 200_000
    assert csv.field_size_limit() == before
    with pytest.raises(UserError, match="never closes"):
        next(rows)
    assert csv.field_size_limit() == before


REFUSED = {
    "blank": ("a.csv", "\n\n \n", "holds only blank lines"),
    "duplicate column": ("a.csv", "\ntext,label, text\na,b,c\n", r"a\.csv:2: two columns are named 'text'"),
    "no header": ("a.csv", f"{'a fine film ' * 6},good\n", r"a\.csv:1: no header: the first row looks like data"),
    "too many fields": (
        "a.csv",
        "text,label\na,b\na, b,good\n",
        r"a\.csv:3: 3 fields .* texts that hold ',' in double",
    ),
    "too few fields": ("a.csv", "text;label\na;b\nc\n", r"a\.csv:3: 1 fields .* texts that hold ';' in double"),
    "a tab too many": ("a.tsv", "text\tlabel\na\tb\tc\n", r"a\.tsv:2: 3 fields .* texts that hold 'tab' in double"),
    "unclosed quote": ("a.csv", 'text,label\na,b\n"open,bad\nmore,good\n', r"a\.csv:3: a quote .* never closes"),
    "text after a quote": ("a.csv", 'text,label\n"so" he said,bad\n', r"a\.csv:2: text after a closing quote; put"),
    "late after a quote": (
        "a.csv",
        'text,label\n"so\n\n" he,bad\n',
        r"a\.csv:2: text after .* \(the row runs to line 4\)",
    ),
    "endless field": (
        "a.csv",
        'text,label\na,b\n"' + ("x" * 99 + "\n") * (LONGEST_LINE // 100 + 1) + '",b\n',
        r"a\.csv:3: a field longer than 1,000,000 characters; a closing quote is missing",
    ),
    "no JSON line": ("a.jsonl", '{"text": "a"}\n\n{"text": \n', r"a\.jsonl:3: not JSON"),
    "JSON lines of numbers": ("a.jsonl", "7\n", r"a\.jsonl:1: expected an object such as .* got int"),
    "a list among JSON lines": ("a.jsonl", '{"text": "a"}\n["b"]\n', r"a\.jsonl:2: expected an object .* got list"),
    "a key twice": (
        "a.jsonl",
        '{"text": "a", "text": "b"}\n',
        r"a\.jsonl:1: the key 'text' stands twice in one object; leave one out",
    ),
    "a key twice in a list": ("a.json", '[{"text": "a", "text": "b"}]', r"a\.json: the key 'text' stands twice in one"),
    "a number of 5,000 digits": (
        "a.jsonl",
        f'{{"text": "a", "id": {"9" * 5000}}}\n',
        r"a\.jsonl:1: not JSON \(Exceeds",
    ),
    "a number of 5,000 digits in a list": ("a.json", f'[{{"id": {"9" * 5000}}}]', r"a\.json: not JSON: Exceeds"),
    "empty object": ("a.jsonl", "{}\n", r"a\.jsonl:1: expected an object such as"),
    "only blank JSON lines": ("a.jsonl", "\n \n", "holds no rows"),
    "broken JSON": ("a.json", '[{"text": "a"},\n {"text"}]', r"a\.json:2: not JSON: .* at column 9\.$"),
    "JSON lines under .json": ("a.json", '{"text": "a"}\n{"text": "b"}', r"a\.json:2: .*Then name the file \.jsonl"),
    "a number": ("a.json", "7", "expected a list of objects such as .* got int"),
    "an object": ("a.json", '{"text": "a"}', "expected a list of objects such as .* got dict"),
    "empty list": ("a.json", " [ ] ", "holds no rows"),
    "uneven columns": ("a.json", '{"text": ["a"], "label": ["x", "y"]}', "different lengths: text 1, label 2"),
    "deep JSON": ("a.json", "[" * 200_000, "nested too deeply"),
    "a deep JSON line": ("a.jsonl", '{"text": "a"}\n' + "[" * 200_000, r"a\.jsonl:2: not JSON"),
    "no Parquet": ("a.parquet", "text,label\na,b\n", "is not a Parquet file"),
    "a spreadsheet": ("a.XLSX", "PK", r"can't read \.xlsx; allowed: \.csv, .*\. Save the sheet as CSV"),
    "another ending": ("a.pdf", "%PDF", r"can't read \.pdf; allowed: [^ ]*csv.*\.txt, also packed as \.gz or \.zst\.$"),
    "no ending": ("table", "text\na\n", "can't read a file without an ending"),
    "empty": ("a.csv", "", r"is empty \(0 bytes\)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_table_is_refused_with_its_line(tmp_path: Path, case: str) -> None:
    name, content, message = REFUSED[case]
    with pytest.raises(UserError, match=message):
        list(open_rows(written(tmp_path, name, content)).rows)


def test_what_python_writes_as_csv_comes_back(tmp_path: Path) -> None:
    hard = ['"', '""', "a,b", "a\tb;c", "two\nlines", "crlf\r\ninside", " spaces ", "'", "\\", "中文，标点", "=1+1", ""]
    rows = [[text, f"{i},{json.dumps(text)}"] for i, text in enumerate(hard)]
    for name, delimiter in (("a.csv", ","), ("b.csv", ";"), ("a.tsv", "\t")):
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream, delimiter=delimiter).writerows([["text", "label"], *rows])
        assert [values for _, values in open_rows(tmp_path / name).rows] == rows, name


def test_two_columns_of_one_name_in_parquet_are_refused(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = [arrow.array(["a"]), arrow.array(["b"])]
    parquet.write_table(arrow.Table.from_arrays(columns, names=["text", "text"]), tmp_path / "a.parquet")
    with pytest.raises(UserError, match=r"a\.parquet: two columns are named 'text'; rename one"):
        open_rows(tmp_path / "a.parquet")


def test_a_parquet_file_is_not_packed_again(tmp_path: Path) -> None:
    (tmp_path / "a.parquet.gz").write_bytes(b"x")
    with pytest.raises(UserError, match="a Parquet file is packed already; unpack it"):
        open_rows(tmp_path / "a.parquet.gz")


TABBED = ('says "so\tx\n', '"Hello" he said\tgood\n', '"whole"\tbad\n', "plain\tgood\n")


@pytest.mark.parametrize("last", ["plain\tx\n", '"one\ttwo"\tx\n', "a\tb\tc\n", "\t\n", "\n"])
def test_a_table_with_tabs_is_read_in_a_stream_as_it_is_read_whole(tmp_path: Path, last: str) -> None:
    lines = ["text\tlabel\n", *(TABBED[i % 4] for i in range(3000)), last, "end\tx\n"]
    faults: tuple[Faults, Faults] = ([], [])
    streamed = open_rows(written(tmp_path, "a.tsv", "".join(lines)), faults=faults[0])
    _, _, whole = delimited_rows(tmp_path / "a.tsv", iter(lines), tabs=True, faults=faults[1])
    assert [(line, list(values)) for line, values in streamed.rows] == [(line, list(values)) for line, values in whole]
    assert [(f.line, f.kind, f.raw) for f in faults[0]] == [(f.line, f.kind, f.raw) for f in faults[1]]


def test_a_long_table_with_tabs_is_not_held(tmp_path: Path) -> None:
    path = written(tmp_path, "a.tsv", "text\tlabel\n" + '"So" he said, again and again\tgood\n' * 50_000)
    tracemalloc.start()
    try:
        assert sum(1 for _ in open_rows(path).rows) == 50_000
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_damaged_parquet_file_is_one_line(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    texts = [f"a text about the number {i * 7919}" for i in range(5000)]
    parquet.write_table(pyarrow.table({"text": texts}), tmp_path / "a.parquet")
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    data[200:2000] = b"\xff" * 1800
    (tmp_path / "a.parquet").write_bytes(bytes(data))
    with pytest.raises(UserError, match=r"a\.parquet is damaged: .*; copy or make it again"):
        list(open_rows(tmp_path / "a.parquet").rows)
