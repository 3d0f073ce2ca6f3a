"""data check --fix: the mended copy and what was set aside."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.files import table

from llamita.cli import main
from llamita.data.read import read_table


def test_fix_writes_a_mended_copy_and_what_it_set_aside(
    place: Path, said: Callable[..., str], refused: Callable[..., str]
):
    lines = [
        "id,text,label",
        "1,one,a",
        "2,,a",
        "3,One!,a",
        *(f"{i},text {i},{'A' if i == 9 else 'ab'[i % 2]}" for i in range(4, 30)),
    ]
    (place / "raw.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    said("data", "check", "raw.csv", "--fix", "new.csv")
    assert (place / "new.csv").read_text(encoding="utf-8").splitlines() == [
        line.replace(",A", ",a") for line in lines if line[:2] not in ("2,", "3,")
    ]
    assert (place / "new.aside.csv").read_text(encoding="utf-8").splitlines() == [
        "line,reason,id,text,label", "3,empty text,2,,a", "4,repeats an earlier text,3,One!,a",
    ]  # fmt: skip
    assert "nothing found" in said("data", "check", "new.csv", "--fix", "again.csv")
    assert not (place / "again.aside.csv").exists()
    assert "--fix new.csv exists already" in refused("data", "check", "raw.csv", "--fix", "new.csv")


def test_a_text_that_leaks_once_it_is_read_rightly_is_set_aside(place: Path, said: Callable[..., str]):
    table(place, "train.csv", f"{'un café très bon'.encode().decode('latin-1')},a", "another,b", "third,a")
    table(place, "test.csv", "un café très bon,a", "else,b")
    said("data", "check", "train.csv", "--test", "test.csv", "--fix", "clean.csv")
    assert "stands in another split" in (place / "clean.aside.csv").read_text(encoding="utf-8")


def test_rows_that_cannot_be_read_are_set_aside_and_texts_cleaned(place: Path, said: Callable[..., str]):
    rows = [
        "text,label",
        "a <b>fine</b> day,good",
        "won\u200bderful,bad",
        "broken,row,good",
        "NULL,bad",
        "caf\u00e9,good",
    ]
    (place / "dirty.csv").write_bytes("\n".join(rows).encode() + b"\ncaf\xe9,bad\nlast,bad\n")
    said("data", "check", "dirty.csv", "--fix", "clean.csv", code=1)
    assert read_table("clean.csv").texts == ["a fine day", "wonderful", "café", "last"]
    with (place / "clean.aside.csv").open(encoding="utf-8", newline="") as stream:
        aside = [(row["line"], row["text"]) for row in csv.DictReader(stream)]
    assert aside == [("4", "broken,row,good"), ("5", "NULL"), ("7", "café")]


def test_rows_that_are_set_aside_stand_there_as_they_stood_in_the_file(place: Path, said: Callable[..., str]):
    table(place, "t.csv", "fine,a", "good, but long, I think,pos", '"so ""it"" is",b,c', "other,b")
    said("data", "check", "t.csv", "--fix", "clean.csv", code=1)
    with (place / "clean.aside.csv").open(encoding="utf-8", newline="") as stream:
        assert [row["text"] for row in csv.DictReader(stream)] == ["good, but long, I think,pos", '"so ""it"" is",b,c']
    lines = ['{"text": "one film", "label": "a"}', '{"label": "a"}', '{"text": "two films", "label": "b", "note": [1]}']
    (place / "t.jsonl").write_text("\n".join(lines), encoding="utf-8")
    said("data", "check", "t.jsonl", "--fix", "clean.jsonl", code=1)
    (aside,) = (json.loads(line) for line in (place / "clean.aside.jsonl").read_text(encoding="utf-8").splitlines())
    assert (aside["line"], aside["text"]) == (2, '{"label": "a"}')
    kept = (place / "clean.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in kept] == [json.loads(lines[0]), json.loads(lines[2])]


def test_entities_that_spell_a_text_are_no_number_and_are_read(place: Path, said: Callable[..., str]):
    table(place, "t.csv", "&#20320;&#22909;,a", "another,b")
    assert "only a number" not in said("data", "check", "t.csv", "--fix", "clean.csv")
    assert read_table("clean.csv").texts == ["你好", "another"]


def test_findings_are_printed_even_where_mending_stops(place: Path, capsys: pytest.CaptureFixture[str]):
    table(place, "t.csv", "NULL,a", "another,b")
    (place / "t.csv").write_text("text,label,\nNULL,a,\nanother,b,\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("llamita._cli.data_check.write_mended", lambda *_: 1 / 0)
        main(["data", "check", "t.csv", "--fix", "clean.csv"])
    assert "a word for nothing" in capsys.readouterr().out


def test_a_stray_byte_in_a_row_that_is_lost_sets_no_other_row_aside(place: Path, said: Callable[..., str]):
    rows = [b"text,label", b"good one here,pos", b"bad caf\xe9, really,neg", "酒店很好,pos".encode(), b"fine,neg"]
    (place / "b.csv").write_bytes(b"\n".join(rows) + b"\n")
    said("data", "check", "b.csv", "--fix", "mended.csv", code=1)
    assert (place / "mended.csv").read_text(encoding="utf-8").splitlines()[1:] == [
        "good one here,pos",
        "酒店很好,pos",
        "fine,neg",
    ]


def test_of_several_rows_in_a_line_none_is_taken_for_another(
    place: Path, refused: Callable[..., str], said: Callable[..., str]
):
    good = [{"text": f"good text number {i}", "label": "xy"[i % 2]} for i in range(6)]
    (place / "a.json").write_text(json.dumps([*good[:3], {"label": "y"}, *good[3:]]), encoding="utf-8")
    line = refused("data", "check", "a.json", "--fix", "mended.jsonl")
    assert "a.json:1: several rows in one line, some of which can't be read; write it with a row a line first" in line
    (place / "whole.json").write_text(json.dumps(good), encoding="utf-8")
    said("data", "check", "whole.json", "--fix", "mended.jsonl")
    assert len((place / "mended.jsonl").read_text(encoding="utf-8").splitlines()) == 6
