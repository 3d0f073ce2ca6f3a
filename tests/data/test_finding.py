"""A finding names its place and leaves out of plain data what only mending needs."""

from __future__ import annotations

from llamita.core.task import parts_of
from llamita.data.finding import found_in, place, shortened
from llamita.data.table import Table

TABLE = Table(texts=["a", "b", "c"], labels=None, lines=[2, 4, 7], columns={"text": "text"}, source="t.csv")


def test_a_finding_knows_file_first_line_and_number() -> None:
    found = found_in(TABLE, [1, 2], "empty", "warning", "two", "delete them")
    assert (found.file, found.line, found.lines, found.count, found.rows) == ("t.csv", 4, (4, 7), 2, (1, 2))
    assert set(found.to_dict()) == {"kind", "severity", "file", "line", "message", "remedy", "count", "lines"}


def test_of_several_files_the_row_names_its_own() -> None:
    many = Table(**{**TABLE.__dict__, "files": ["x.csv", "y.csv", "y.csv"]})
    assert found_in(many, [2], "empty", "info", "m", "r").file == "y.csv"
    assert (place(many, 2), place(TABLE, 2)) == ("y.csv:7", "line 7")


def test_texts_are_shortened_to_one_line() -> None:
    assert shortened("a\nb", 10) == "a b"
    assert shortened("x" * 50, 10) == "x" * 9 + "…"
    assert parts_of(("a", "b")) == ("a", "b")
