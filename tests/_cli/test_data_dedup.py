"""data dedup: one row of each text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.files import table


def test_dedup_keeps_one_row_of_each_text_and_says_what_it_dropped(place: Path, said: Callable[..., str]):
    long = "the committee considered withdrawing from the city on Wednesday after two members had been taken"
    lines = ["text,label", "One.,a", "one,a", "two,a", "TWO,b", f"{long},a", f"{long} hostage,a", "three,b"]
    table(place, "copies.csv", *lines[1:])
    out = said("data", "dedup", "copies.csv", "--out", "new.csv", "--near", "0")
    assert "written: new.csv, 4 rows; 3 rows dropped, all rows of a text with different labels among them" in out
    said("data", "dedup", "copies.csv", "--out", "near.csv")
    assert (place / "near.csv").read_text(encoding="utf-8").splitlines() == [
        "text,label",
        "One.,a",
        f"{long},a",
        "three,b",
    ]


def test_traditional_and_simplified_copies_are_one_text(place: Path, said: Callable[..., str]):
    pytest.importorskip("opencc")
    table(place, "zh.csv", "这部电影很好看,a", "這部電影很好看,a", "服务太差,b")
    assert "2 rows; 1 row dropped" in said("data", "dedup", "zh.csv", "--out", "new.csv")


def test_texts_inside_objects_are_compared(place: Path, said: Callable[..., str], refused: Callable[..., str]) -> None:
    rows = [
        json.dumps({"review": {"text": text}, "meta": {"label": "a"}}) for text in ("one film", "one film", "two films")
    ]
    (place / "n.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    said("data", "dedup", "n.jsonl", "--columns", "text=review.text,label=meta.label", "--out", "once.jsonl")
    assert len((place / "once.jsonl").read_text(encoding="utf-8").splitlines()) == 2
    columns = ("--columns", "text=review.text,label=meta.label")
    assert "stands inside objects" in refused("data", "check", "n.jsonl", *columns, "--fix", "clean.jsonl")


def test_copies_whose_labels_have_one_name_agree(place: Path, said: Callable[..., str], refused: Callable[..., str]):
    table(place, "stars.csv", "one,4", "one,5", "two,1")
    assert "1 row; 2 rows dropped" in said("data", "dedup", "stars.csv", "--out", "codes.csv")
    names = ("--label-names", "1=bad,4=good,5=good")
    assert "2 rows; 1 row dropped" in said("data", "dedup", "stars.csv", "--out", "new.csv", *names)
    assert (place / "new.csv").read_text(encoding="utf-8").splitlines() == ["text,label", "one,4", "two,1"]
    asked = ("data", "dedup", "stars.csv", "--columns", "label=none", "--out", "none.csv", *names)
    assert "stars.csv has no labels that --label-names could name" in refused(*asked)
