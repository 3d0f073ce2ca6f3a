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
    rows = [f"a film number {i},label {i}" for i in range(9)]
    (place / "single.csv").write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    assert "each label has a single text, so that none can be cut" in refused(
        "data", "split", "single.csv", "--out", "new"
    )
    assert "test.csv, 1 row" in said("data", "split", "single.csv", "--columns", "label=none", "--out", "unlabelled")
    assert "--test must be in (0, 1), got 0" in refused("data", "split", "all.csv", "--test", "0", "--out", "new")
    assert not (place / "new").exists()


def test_parquet_is_split_into_parquet_or_jsonl_where_a_column_cannot_hold_it(place: Path, said: Callable[..., str]):
    import pyarrow
    from pyarrow import parquet

    labels = [["good"], [], ["good", "long"]] * 10
    parquet.write_table(
        pyarrow.table({"text": [f"film {i}" for i in range(30)], "tags": labels}), place / "all.parquet"
    )
    assert "written: parts/test.parquet, 3 rows" in said("data", "split", "all.parquet", "--out", "parts")
    assert "labels = tags" in said("data", "check", "parts/train.parquet")
    for name, nested in (("objects", [[{"a": i}] for i in range(30)]), ("numbers", [[i] for i in range(30)])):
        parquet.write_table(
            pyarrow.table({"text": [f"film {i}" for i in range(30)], "notes": nested}), place / f"{name}.parquet"
        )
        assert f"written: {name}/test.jsonl, 3 rows" in said("data", "split", f"{name}.parquet", "--out", name)


def test_near_copies_of_a_text_stay_on_one_side(place: Path, said: Callable[..., str], refused: Callable[..., str]):
    texts = [f"{chr(97 + i) * 9} a film of number {i * 7919} that nobody saw in {chr(122 - i) * 9}" for i in range(24)]
    rows = [f"{text}{end},{'good' if i % 2 else 'bad'}" for i, text in enumerate(texts) for end in ("", " indeed")]
    (place / "all.csv").write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    for near, apart in (("0.8", False), ("0", True)):
        said("data", "split", "all.csv", "--test", "0.25", "--near", near, "--out", f"parts{near}")
        checked = said("data", "check", f"parts{near}/train.csv", "--test", f"parts{near}/test.csv")
        assert ("say nearly what a text of" in checked) == apart
    alike = [f"{texts[i]} indeed {end},{'good' if i else 'bad'}" for i in (0, 1) for end in "abcd"]
    (place / "alike.csv").write_text("text,label\n" + "\n".join(alike) + "\n", encoding="utf-8")
    assert "near copies of one another are all a label has" in refused("data", "split", "alike.csv", "--out", "none")
