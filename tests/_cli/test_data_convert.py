"""data convert: conversions that keep every text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.files import table

from llamita.data.read import read_table

TEXTS = ["plain", 'a "quoted", one', "two\nlines", "a\ttab", " spaces ", "很好；不错", "", "- 1.0"]


def test_convert_makes_a_refused_file_readable(place: Path, said: Callable[..., str]):
    (place / "gbk.csv").write_bytes("text,label\n很好,好评\n很差,差评\n".encode("gb18030"))
    said("data", "check", "gbk.csv", code=2)
    said("data", "convert", "gbk.csv", "--encoding", "gb18030", "--out", "utf8.jsonl")
    assert json.loads((place / "utf8.jsonl").read_text(encoding="utf-8").splitlines()[0])["label"] == "好评"
    said("data", "check", "utf8.jsonl")


def test_rows_of_empty_cells_are_written_too(place: Path, said: Callable[..., str]):
    (place / "gaps.csv").write_text('text\na\n""\n\nb\n', encoding="utf-8")
    said("data", "convert", "gaps.csv", "--out", "gaps.jsonl")
    lines = (place / "gaps.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["a", "", "b"]


@pytest.mark.parametrize(
    "chain",
    [
        ("a.csv",),
        ("a.tsv",),
        ("a.jsonl",),
        ("a.tsv", "b.jsonl", "c.csv", "d.TSV"),
        ("a.parquet",),
        ("a.jsonl", "b.Parquet", "c.csv"),
    ],
)
def test_texts_survive_every_form(chain: tuple[str, ...], place: Path, said: Callable[..., str]):
    stream = io.StringIO()
    csv.writer(stream).writerows([("text", "label"), *((text, "xy"[i % 2]) for i, text in enumerate(TEXTS))])
    (place / "given.csv").write_text(stream.getvalue(), encoding="utf-8", newline="")
    last = "given.csv"
    for name in chain:
        assert said("data", "convert", last, "--out", name) == f"written: {name}, {len(TEXTS)} rows\n"
        last = name
    read = read_table(place / last)
    assert (read.texts, read.labels) == (TEXTS, list("xyxyxyxy"))
    assert not list(place.glob(".*"))


def test_what_is_written_is_utf_8_with_plain_line_ends(place: Path, said: Callable[..., str]):
    (place / "old.csv").write_bytes("text;label\r\n很好, 真的;好评\r\n".encode("utf-16"))
    said("data", "convert", "old.csv", "--encoding", "utf-16", "--out", "new.csv")
    assert (place / "new.csv").read_bytes() == 'text,label\n"很好, 真的",好评\n'.encode()
    said("data", "convert", "new.csv", "--out", "new.jsonl")
    assert (place / "new.jsonl").read_bytes() == '{"text": "很好, 真的", "label": "好评"}\n'.encode()
    (place / "old.txt").write_bytes("很好\r\n\r\n很差".encode("gb18030"))
    assert said("data", "convert", "old.txt", "--encoding", "gb18030", "--out", "new.txt").endswith("2 rows\n")
    assert (place / "new.txt").read_bytes() == "很好\n很差\n".encode()


def test_a_header_without_rows_becomes_a_header_without_rows(place: Path, said: Callable[..., str]):
    table(place, "head.csv")
    assert said("data", "convert", "head.csv", "--out", "head.tsv") == "written: head.tsv, 0 rows\n"
    assert (place / "head.tsv").read_text(encoding="utf-8") == "text\tlabel\n"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("good.csv",), "give --out"),
        (("good.csv", "--out", "new.xlsx"), "must end with .csv, .tsv, .jsonl, .parquet, .txt, got '.xlsx'"),
        (("good.csv", "--out", "new"), "got ''"),
        (("good.csv", "--out", "new.txt"), ".txt holds one column, got 2 (text, label)"),
        (("good.csv", "--out", "good.csv"), "--out good.csv exists already; choose another name"),
        (("good.csv", "--out", "nowhere/new.csv"), "there is no folder nowhere; make it first"),
        (("god.csv", "--out", "new.csv"), "no file god.csv. Did you mean 'good.csv'?"),
        (("good.csv", "--out", "new.csv", "--encoding", "utf-88"), "no encoding 'utf-88'"),
        (("cut.csv", "--out", "new.csv"), "cut.csv:3: 1 field"),
        (("latin.csv", "--out", "new.csv"), "latin.csv:3: byte 15 (0xe9) is not UTF-8; it looks like Latin-1"),
    ],
)
def test_a_conversion_that_can_not_be_leaves_no_file(
    words: tuple[str, ...], part: str, place: Path, refused: Callable[..., str]
):
    table(place, "cut.csv", "a,b", "c")
    (place / "latin.csv").write_bytes("text,label\na,b\né,b\n".encode("latin-1"))
    assert part in refused("data", "convert", *words)


def test_plain_text_becomes_a_table_and_one_column_plain_text(place: Path, said: Callable[..., str]):
    (place / "t.txt").write_text("one\ntwo, three\n", encoding="utf-8")
    assert "written: t.csv, 2 rows" in said("data", "convert", "t.txt", "--out", "t.csv")
    assert (place / "t.csv").read_text(encoding="utf-8") == 'text\none\n"two, three"\n'
    said("data", "convert", "t.csv", "--out", "again.txt")
    assert (place / "again.txt").read_bytes() == (place / "t.txt").read_bytes()


def test_keys_that_the_first_object_lacks_are_kept(place: Path, said: Callable[..., str]):
    lines = ['{"text": "a", "label": "x"}\n', '{"text": "b", "note": 1, "label": "y"}\n']
    (place / "k.jsonl").write_text("".join(lines), encoding="utf-8")
    said("data", "convert", "k.jsonl", "--out", "k.csv")
    assert (place / "k.csv").read_text(encoding="utf-8") == "text,label,note\na,x,\nb,y,1\n"
    for verb in ("convert", "dedup"):
        said("data", verb, "k.jsonl", "--out", f"{verb}.jsonl")
        kept = (place / f"{verb}.jsonl").read_text(encoding="utf-8").splitlines()
        assert [json.loads(line) for line in kept] == [json.loads(line) for line in lines]


def test_files_of_a_folder_or_pattern_become_one(place: Path, said: Callable[..., str], refused: Callable[..., str]):
    (place / "sh").mkdir()
    (place / "sh" / "a.csv").write_text("text,label\na,x\nb,y\n", encoding="utf-8")
    (place / "sh" / "b.csv").write_text("label,text\nx,c\n", encoding="utf-8")
    for label, text in (("x", "a"), ("y", "b\nc")):
        (place / "texts" / label).mkdir(parents=True)
        (place / "texts" / label / "1.txt").write_text(text + "\n", encoding="utf-8")
    for named, out in (("sh", "folder.csv"), ("sh/*.csv", "pattern.csv")):
        assert said("data", "convert", named, "--out", out) == f"written: {out}, 3 rows\n"
        assert (place / out).read_text(encoding="utf-8") == "text,label\na,x\nb,y\nc,x\n"
    said("data", "convert", "texts", "--out", "texts.csv")
    assert (place / "texts.csv").read_text(encoding="utf-8") == 'text,label\na,x\n"b\nc",y\n'
    for words in (("dedup",), ("sample", "--rows", "3")):
        said("data", words[0], "sh", *words[1:], "--out", f"{words[0]}.csv")
        assert (place / f"{words[0]}.csv").read_text(encoding="utf-8") == "text,label\na,x\nb,y\nc,x\n"
    assert "written: parts/test.jsonl, 1 row" in said("data", "split", "sh", "--test", "0.5", "--out", "parts")
    (place / "sh" / "c.csv").write_text("text\nd\n", encoding="utf-8")
    assert refused("data", "convert", "sh", "--out", "new.csv") == (
        "llamita: sh/c.csv: 'label' is a column of it or of sh/a.csv, but not of both; convert them apart"
    )
    assert "no file matches none/*.csv" in refused("data", "convert", "none/*.csv", "--out", "new.csv")
