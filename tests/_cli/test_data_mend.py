"""data check --fix: the mended copy and what was set aside."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

from llamita.data.read import read_table


def table(place: Path, name: str, *rows: str) -> None:
    """A file of texts and labels."""
    (place / name).write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")


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
    assert "stands in the test data" in (place / "clean.aside.csv").read_text(encoding="utf-8")


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
    assert aside == [("4", "broken | row | good"), ("5", "NULL"), ("7", "café")]
