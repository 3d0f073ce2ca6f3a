"""Rows that can't be read are noted with their lines and the others are read; without a list for them the first is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from llamita.core.errors import UserError
from llamita.data.check import faults_found
from llamita.data.faults import BadRow, Faults, note, raw_row
from llamita.data.read import read_table

BROKEN = (
    b'text,label\nfirst,good\n"open,bad\nsecond "with" quotes,bad\na,b,c\ncaf\xc3\xa9,good\ncaf\xe9,bad\nn\x00ul,good\n,\n'
    b"third,\nlast,bad\n"
)


def broken(folder: Path) -> str:
    (folder / "broken.csv").write_bytes(BROKEN)
    return str(folder / "broken.csv")


def test_all_broken_rows_are_noted_and_all_others_read(tmp_path: Path) -> None:
    faults: Faults = []
    table = read_table(broken(tmp_path), faults=faults)
    assert sorted((fault.line, fault.kind) for fault in faults) == [
        (3, "quote"), (5, "fields"), (7, "bytes"), (8, "nul"), (9, "empty_row")
    ]  # fmt: skip
    assert table.texts == ["first", 'second "with" quotes', "café", "café", "nul", "third", "last"]
    assert table.lines == [2, 4, 6, 7, 8, 10, 11]


def test_without_a_list_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"broken.csv:7: byte 77"):
        read_table(broken(tmp_path))


def test_broken_lines_of_jsonl_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    lines = ['{"text": "a", "label": "x"}', '{"text": ', '{"text": ["b"], "label": "x"}', '{"label": "y"}', "7"]
    file.write_text("\n".join([*lines, '{"text": "c", "label": "y"}']))
    faults: Faults = []
    assert read_table(str(file), faults=faults).texts == ["a", "c"]
    assert sorted((fault.line, fault.kind) for fault in faults) == [(2, "json"), (3, "cell"), (4, "key"), (5, "json")]


def test_a_file_wholly_in_another_encoding_is_refused_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "gbk.csv").write_bytes("text,label\n很好,好评\n很差,差评\n".encode("gb18030"))
    with pytest.raises(UserError, match=r"it looks like GB18030\. Convert it"):
        read_table(str(tmp_path / "gbk.csv"), faults=[])


def test_where_no_row_can_be_read_the_first_fault_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,label\na,b,c\nd,e,f\n")
    with pytest.raises(UserError, match=r"t.csv:2: 3 fields where the header has 2"):
        read_table(str(tmp_path / "t.csv"), faults=[])


def test_faults_of_a_kind_are_one_finding_with_all_lines() -> None:
    faults = [BadRow("t.csv", line, "3 fields; quote them", kind="fields", raw="a,b") for line in (4, 9)]
    (found,) = faults_found(faults)
    assert (found.severity, found.line, found.lines, found.count) == ("error", 4, (4, 9), 2)
    assert (found.message, found.remedy) == ("2 rows such as this: 3 fields", "quote them")


def test_a_fault_is_raised_where_none_are_collected() -> None:
    fault = BadRow("t.csv", 3, "no; do", kind="json")
    with pytest.raises(BadRow, match=r"t\.csv:3: no; do"):
        note(None, fault)
    kept: Faults = []
    note(kept, fault)
    assert kept == [fault]
    assert raw_row(["a", "b", "c", "d"], ["好", None, object(), [3]]) == '{"a": "好", "b": null, "d": [3]}'
