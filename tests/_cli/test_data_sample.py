"""data sample: in proportion, and again the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest


def test_a_sample_is_drawn_in_proportion_and_again_the_same(
    place: Path, said: Callable[..., str], refused: Callable[..., str]
):
    said("data", "sample", "good.csv", "--rows", "12", "--out", "a.jsonl")
    said("data", "sample", "good.csv", "--rows", "12", "--out", "b.jsonl")
    assert (place / "a.jsonl").read_bytes() == (place / "b.jsonl").read_bytes()
    records = [json.loads(line) for line in (place / "a.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sorted(record["label"] for record in records) == ["negative"] * 6 + ["positive"] * 6
    assert "1 to 40 rows, as many as there are, got 41" in refused(
        "data", "sample", "good.csv", "--rows", "41", "--out", "c.csv"
    )


def test_a_balance_that_cannot_be_is_told(place: Path, said: Callable[..., str], caplog: pytest.LogCaptureFixture):
    rows = [*(f"text {i},good" for i in range(30)), "one,bad", "two,bad"]
    (place / "uneven.csv").write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    said("data", "sample", "uneven.csv", "--rows", "10", "--balanced", "--out", "few.csv")
    assert "bad has only 2 rows, fewer than the 5 of each label" in caplog.text
    assert "(4 rows are the most that can be balanced)" in caplog.text
    caplog.clear()
    said("data", "sample", "uneven.csv", "--rows", "4", "--balanced", "--out", "four.csv")
    assert caplog.text == ""


def test_a_balance_is_of_the_names_that_labels_have(place: Path, said: Callable[..., str]):
    rows = "".join(f"text {i},{i % 5 + 1}\n" for i in range(20))
    (place / "stars.csv").write_text(f"text,label\n{rows}", encoding="utf-8")
    names = ("--label-names", "1=bad,2=bad,3=bad,4=bad,5=good")
    said("data", "sample", "stars.csv", "--rows", 8, "--balanced", "--out", "few.csv", *names)
    drawn = (place / "few.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert sum(row.endswith(",5") for row in drawn) == 4
