"""data: its verbs, standard input, and that nothing is written over."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.files import table


def piped(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_without_a_verb_it_lists_the_verbs(said: Callable[..., str], refused: Callable[..., str]):
    text = said("data", "--help")
    assert text == said("data", code=2)
    assert text.startswith("usage: llamita data VERB FILE")
    assert all(f"\n  {verb} " in text for verb in ("check", "convert", "split", "dedup", "sample"))
    assert "llamita data takes check, convert, split, dedup, sample, got 'chek'. Did you mean 'check'?" in refused(
        "data", "chek"
    )


def test_standard_input_is_read_once_and_whole(place: Path, said: Callable[..., str], monkeypatch: pytest.MonkeyPatch):
    rows = "text,label\n" + "".join(f"text number {i},{'ab'[i % 2]}\n" for i in range(20))
    piped(monkeypatch, rows)
    assert "written: once.csv, 20 rows; 0 rows dropped" in said(
        "data", "dedup", "-", "--near", "0", "--out", "once.csv"
    )
    assert (place / "once.csv").read_text(encoding="utf-8") == rows
    piped(monkeypatch, rows)
    assert "18 rows\nwritten: parts/test.csv, 2 rows" in said("data", "split", "-", "--out", "parts")
    piped(monkeypatch, rows)
    assert "6 rows" in said("data", "sample", "-", "--rows", "6", "--out", "six.csv")


def test_nothing_is_written_over_and_nothing_half(place: Path, said: Callable[..., str], refused: Callable[..., str]):
    table(place, "x.aside.csv", "one,a", "two,b", ",a")
    before = (place / "x.aside.csv").read_bytes()
    assert "--fix x.aside.csv exists already" in refused("data", "check", "x.aside.csv", "--fix", "x.csv")
    assert (place / "x.aside.csv").read_bytes() == before
    (place / "l.csv").write_text("line,text,label\n1,one,a\n2,,b\n3,three,b\n", encoding="utf-8")
    said("data", "check", "l.csv", "--fix", "m.csv")
    assert (place / "m.aside.csv").read_text(encoding="utf-8").splitlines()[0] == "line_,reason,line,text,label"
    (place / "t.txt").write_text("one\none\ntwo\n", encoding="utf-8")
    said("data", "check", "t.txt", "--fix", "u.txt")
    assert (place / "u.txt").read_text(encoding="utf-8") == "one\ntwo\n"
    assert (place / "u.aside.csv").is_file()
    assert "takes one file, not a pattern" in refused("data", "dedup", "*.csv", "--out", "new.csv")
    assert "--fix mends one file" in refused("data", "check", "-", "--fix", "new.csv")
    (place / "n.jsonl").write_text('{"text": "a", "label": "x"}\n{"text": "b"}\n' * 9, encoding="utf-8")
    refused("data", "split", "n.jsonl", "--out", "halves")
    assert not (place / "halves").exists()
    assert "whole number" in refused("data", "sample", "good.csv", "--rows", "4", "--seed", "-1", "--out", "s.csv")
