"""data split: every column stays, no text on both sides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def test_a_split_keeps_every_column_and_shares_no_text(
    place: Path, said: Callable[..., str], refused: Callable[..., str]
):
    rows = [f"{i},a film number {i % 50},{'good' if i % 2 else 'bad'}" for i in range(100)]
    (place / "all.csv").write_text("id,text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    out = said("data", "split", "all.csv", "--test", "0.2", "--out", "parts")
    assert "written: parts/train.csv, 80 rows\nwritten: parts/test.csv, 20 rows" in out
    parts = [(place / "parts" / name).read_text(encoding="utf-8").splitlines() for name in ("train.csv", "test.csv")]
    assert {part[0] for part in parts} == {"id,text,label"}
    assert sorted(parts[0][1:] + parts[1][1:]) == sorted(rows)
    checked = said("data", "check", "parts/train.csv", "--test", "parts/test.csv")
    assert "0 errors" in checked
    assert "also stands in" not in checked
    assert "exists already" in refused("data", "split", "all.csv", "--out", "parts")
    assert "--test must be in (0, 1), got 0" in refused("data", "split", "all.csv", "--test", "0", "--out", "new")
    assert not (place / "new").exists()
