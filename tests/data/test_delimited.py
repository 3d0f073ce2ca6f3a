"""Tables are read by their delimiter, and a header that is none is refused with the way out."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from llamita.core.errors import UserError
from llamita.data.delimited import delimited_rows
from llamita.data.faults import Faults

HERE = Path("t.csv")


def read(text: str, *, tabs: bool = False) -> tuple[tuple[str, ...], int, list[tuple[int, list[str]]]]:
    names, line, rows = delimited_rows(HERE, iter(text.splitlines(keepends=True)), tabs=tabs)
    return names, line, [(number, list(values)) for number, values in rows]


def test_commas_semicolons_and_tabs_divide() -> None:
    for mark in ",;\t":
        assert read(f"text{mark}label\na b{mark}x\n")[2] == [(2, ["a b", "x"])]
    assert read('text\tlabel\nsays "so\tx\n', tabs=True)[2] == [(2, ['says "so', "x"])]


def test_a_quoted_text_may_span_lines_and_the_next_row_knows_its_line() -> None:
    assert read('text,label\n"a\nb",x\n\nc,y\n')[2] == [(2, ["a\nb", "x"]), (5, ["c", "y"])]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("text|label\na|x\n", "t.csv:1: the columns are divided by '|'; write the table with commas"),
        ("text^label\na^x\n", "divided by '\\^'"),
        (
            "评论，情感\n很好，好评\n",
            "t.csv:1: the columns are divided by '，', a mark of full width; put a half-width comma",
        ),
        ("text,text\na,b\n", "two columns are named 'text'"),
        ("\n\n", "holds only blank lines"),
        ("x" * 70 + ",good\na,b\n", "no header"),
    ],
)
def test_a_header_that_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read(text)


def test_predictions_of_long_labels_are_read_again() -> None:
    names = ("text", "label", f"probability_{'x' * 70}")
    assert read(f"{','.join(names)}\na,b,1\n")[0] == names


def test_tabs_where_commas_are_named_and_the_other_way_round() -> None:
    with pytest.raises(UserError, match="divided by ','"):
        read("text,label\na,x\n", tabs=True)


EMPTY = (
    ('text\na\n""\n\nb\n', False, [(2, ["a"]), (3, [""]), (5, ["b"])]),
    ("text,label\na,x\n,\n\n,,\nb,y\n", False, [(2, ["a", "x"]), (3, ["", ""]), (5, ["", ""]), (6, ["b", "y"])]),
    ("text\tlabel\na\tx\n\t\n  \n\nb\ty\n", True, [(2, ["a", "x"]), (3, ["", ""]), (6, ["b", "y"])]),
    ('text\na\n""\n\nb\n', True, [(2, ["a"]), (3, [""]), (5, ["b"])]),
)


@pytest.mark.parametrize(("text", "tabs", "rows"), EMPTY)
def test_a_row_of_empty_cells_keeps_its_place_where_places_matter(
    text: str, tabs: bool, rows: list[tuple[int, list[str]]]
) -> None:
    lines = text.splitlines(keepends=True)
    assert list(delimited_rows(HERE, iter(lines), tabs=tabs, empty_rows=True)[2]) == rows
    assert list(delimited_rows(HERE, iter(lines), tabs=tabs)[2]) == [row for row in rows if any(row[1])]


def test_an_empty_row_of_one_column_is_an_empty_text_and_of_several_a_fault() -> None:
    faults: Faults = []
    assert list(delimited_rows(HERE, iter(["text\n", '""\n']), tabs=False, faults=faults)[2]) == [(2, [""])]
    assert faults == []
    assert list(delimited_rows(HERE, iter(["text,label\n", ",\n"]), tabs=False, faults=faults)[2]) == []
    assert [fault.kind for fault in faults] == ["empty_row"]


@pytest.mark.parametrize("mark", [";", ",", "\t", "|"])
def test_the_line_that_tells_a_spreadsheet_the_mark_is_no_header(mark: str) -> None:
    names, line, rows = read(f"sep={mark}\r\ntext{mark}label\r\na b{mark}x\r\n")
    assert (names, line, rows) == (("text", "label"), 2, [(3, ["a b", "x"])])


def test_many_broken_rows_take_time_in_proportion() -> None:
    faults: Faults = []
    broken = [f'"good" film {i},x\n' for i in range(20_000)]
    _, _, rows = delimited_rows(HERE, iter(["text,label\n", *broken, "ok,y\n"]), tabs=False, faults=faults)
    start = time.process_time()
    assert [number for number, _ in rows] == [20_002]
    assert len(faults) == 20_000
    assert time.process_time() - start < 3


def test_a_long_name_beside_a_known_one_is_a_header() -> None:
    asked = "How satisfied were you with the service that you have received from us this year?"
    assert read(f"{asked},label\nvery,5\n")[0] == (asked, "label")


def test_a_space_behind_each_delimiter_belongs_to_it() -> None:
    assert read('text, label\n"good, warm", x\nplain, y\n')[2] == [(2, ["good, warm", "x"]), (3, ["plain", "y"])]
    assert read("text,label\n a, x\n")[2] == [(2, [" a", " x"])]
    assert read("text, label,other\n a, x,z\n")[2] == [(2, [" a", " x", "z"])]


def test_of_tabs_one_broken_line_does_not_make_quotes_divide_rows() -> None:
    lines = ['"Up" is warm\tx\n', 'so "\ty\n', '"Open\tx\n', "a broken line\n", 'closed" is\ty\n', '"whole"\tx\n']
    for copies in (1, 300):  # a small file, and one that is read anew
        faults: Faults = []
        table = ["text\tlabel\n", *lines * copies]
        rows = delimited_rows(
            HERE, iter(table), tabs=True, faults=faults, again=lambda table=table: (line for line in table)
        )[2]
        assert [values for _, values in rows][:5] == [
            ['"Up" is warm', "x"], ['so "', "y"], ['"Open', "x"], ['closed" is', "y"], ["whole", "x"]
        ]  # fmt: skip
        assert faults[0].line == 5
        assert len(faults) == copies


def test_of_tabs_quotes_divide_rows_where_more_are_whole_so() -> None:
    table = 'text\tlabel\n"a\nb"\tx\n"c\nd"\ty\none too many\tx\ty\n'
    faults: Faults = []
    rows = delimited_rows(HERE, iter(table.splitlines(keepends=True)), tabs=True, faults=faults)[2]
    assert [values for _, values in rows] == [["a\nb", "x"], ["c\nd", "y"]]


def test_of_tabs_a_tab_inside_a_quoted_line_makes_no_row() -> None:
    table = 'text\tlabel\n"first line\nsecond\tcell\nthird"\tpos\nfilm 0\tneg\nfilm 1\tneg\n'
    assert read(table, tabs=True)[2][0] == (2, ["first line\nsecond\tcell\nthird", "pos"])


def test_a_space_in_the_header_alone_leaves_quoted_words_in_texts() -> None:
    rows = read('label, text\npos, "Great" he said of it\nneg,"dull, it was"\n')[2]
    assert rows == [(2, ["pos", ' "Great" he said of it']), (3, ["neg", "dull, it was"])]
