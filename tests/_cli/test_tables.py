"""data: what the doctor of data prints and counts, and conversions that keep every text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from llamita.data.read import read_table


def table(place: Path, name: str, *rows: str) -> None:
    """A file of texts and labels."""
    (place / name).write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")


def test_the_doctor_of_data_tells_lines_and_sets_the_exit_code(place: Path, said: Callable[..., str]):
    (place / "test.csv").write_text("text,label\nA warm film 0,positive\nnew,negative\n", encoding="utf-8")
    text = said("data", "check", "good.csv", "--test", "test.csv", code=1)
    assert "error: good.csv:2: 1 row whose text also stands in test.csv (first: its line 2)" in text
    said("data", "check", "good.csv", "--test", "test.csv", "--allow-leakage")
    found = json.loads(said("data", "check", "good.csv", "--json"))
    assert found == {"rows": {"train": 40}, "findings": []}


def test_convert_makes_a_refused_file_readable(place: Path, said: Callable[..., str]):
    (place / "gbk.csv").write_bytes("text,label\n很好,好评\n很差,差评\n".encode("gb18030"))
    said("data", "check", "gbk.csv", code=2)
    said("data", "convert", "gbk.csv", "--encoding", "gb18030", "--out", "utf8.jsonl")
    assert json.loads((place / "utf8.jsonl").read_text(encoding="utf-8").splitlines()[0])["label"] == "好评"
    said("data", "check", "utf8.jsonl")


def test_without_a_verb_it_lists_the_verbs(said: Callable[..., str], refused: Callable[..., str]):
    text = said("data", "--help")
    assert text == said("data", code=2)
    assert text.startswith("usage: llamita data VERB FILE")
    assert all(f"\n  {verb} " in text for verb in ("check", "convert", "split", "dedup", "sample"))
    assert "llamita data takes check, convert, split, dedup, sample, got 'chek'. Did you mean 'check'?" in refused(
        "data", "chek"
    )


def test_a_clean_table_is_told_in_two_lines(place: Path, said: Callable[..., str]):
    line, verdict = said("data", "check", "good.csv").splitlines()
    assert line == "train: good.csv, 40 rows; text = text, label = label; labels: positive 20, negative 20"
    assert verdict == "nothing found"


def test_of_many_labels_the_six_largest_are_told_and_thousands_are_set_apart(place: Path, said: Callable[..., str]):
    sizes = (1200, 80, 70, 60, 50, 40, 30, 20)
    table(place, "many.csv", *(f"text {i} of {n},l{i}" for i, size in enumerate(sizes) for n in range(size)))
    line = said("data", "check", "many.csv").splitlines()[0]
    assert line.startswith("train: many.csv, 1,550 rows; ")
    assert line.endswith("labels: l0 1,200, l1 80, l2 70, l3 60, l4 50, l5 40 and 2 more")


def test_texts_without_labels_are_told_so_and_each_file_has_its_line(place: Path, said: Callable[..., str]):
    (place / "more.txt").write_text("one\n\ntwo\n", encoding="utf-8")
    assert said("data", "check", "more.txt").startswith("train: more.txt, 2 rows; text = text; no labels")
    table(place, "half.csv", "one,good", "two,")
    words = ("data", "check", "good.csv", "--unlabelled", "half.csv")
    assert "unlabelled: half.csv, 2 rows; text = text; no labels" in said(*words).splitlines()
    assert json.loads(said(*words, "--json"))["rows"] == {"train": 40, "unlabelled": 2}


def test_findings_have_place_and_remedy_and_are_counted(place: Path, said: Callable[..., str]):
    table(place, "one.csv", "a,good", "b,good", ",good")
    *_, error, warning, counted = said("data", "check", "one.csv", code=1).splitlines()
    assert error.startswith("error: one.csv:2: every row has the label 'good'; ")
    assert warning == "warning: one.csv:4: 1 row with an empty text; delete them or fill them in"
    assert counted == "1 error, 1 other finding"
    found = json.loads(said("data", "check", "one.csv", "--json", code=1))["findings"]
    assert [(f["severity"], f["line"]) for f in found] == [("error", 2), ("warning", 4)]


def test_a_named_column_is_read_in_every_file(place: Path, said: Callable[..., str]):
    for name, text in (("a.csv", "one"), ("b.csv", "two")):
        (place / name).write_text(f"stars,title,body\ngood,x,{text} 1\nbad,x,{text} 2\n", encoding="utf-8")
    words = ("data", "check", "a.csv", "--test", "b.csv", "--columns", "text=body,label=stars")
    lines = said(*words).splitlines()
    assert [line.split("; ")[1] for line in lines[:2]] == ["text = body, label = stars"] * 2


def test_long_texts_are_counted_in_the_models_tokens(
    place: Path, model: Path, said: Callable[..., str], refused: Callable[..., str]
):
    table(place, "long.csv", "a,good", "b b b b b b,bad", "c,bad")
    text = said("data", "check", "long.csv", "--model", model, "--max-length", "6")
    assert "warning: long.csv:3: 1 row (33.3 %) of more than 6 tokens" in text
    assert text.endswith("0 errors, 1 other finding\n")
    assert said("data", "check", "long.csv", "--model", model, "--max-length", "8").endswith("nothing found\n")
    line = refused("data", "check", "long.csv", "--max-length", "6")
    assert "--max-length counts tokens; name the model that makes them: --model MODEL" in line


TEXTS = ["plain", 'a "quoted", one', "two\nlines", "a\ttab", " spaces ", "很好；不错", "", "- 1.0"]


@pytest.mark.parametrize("chain", [("a.csv",), ("a.tsv",), ("a.jsonl",), ("a.tsv", "b.jsonl", "c.csv", "d.TSV")])
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
        (("good.csv", "--out", "new.xlsx"), "must end with .csv, .tsv, .jsonl, .txt, got '.xlsx'"),
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


def piped(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


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


def test_a_text_that_leaks_once_it_is_read_rightly_is_set_aside(place: Path, said: Callable[..., str]):
    table(place, "train.csv", f"{'un café très bon'.encode().decode('latin-1')},a", "another,b", "third,a")
    table(place, "test.csv", "un café très bon,a", "else,b")
    said("data", "check", "train.csv", "--test", "test.csv", "--fix", "clean.csv")
    assert "stands in the test data" in (place / "clean.aside.csv").read_text(encoding="utf-8")


def test_a_key_that_would_be_lost_is_refused(place: Path, refused: Callable[..., str]):
    (place / "k.jsonl").write_text(
        '{"text": "a", "label": "x"}\n{"text": "b", "label": "y", "note": 1}\n', encoding="utf-8"
    )
    assert "k.jsonl:2: this object has 'note'" in refused("data", "convert", "k.jsonl", "--out", "k.csv")
    assert "k.jsonl:2: this object has 'note'" in refused("data", "split", "k.jsonl", "--out", "parts")
    assert not (place / "k.csv").exists()
