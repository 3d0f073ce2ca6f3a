"""data check: what the doctor prints and counts, and when it exits with 1."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.files import table
from tests.sentiments import sentences


def test_the_doctor_of_data_tells_lines_and_sets_the_exit_code(place: Path, said: Callable[..., str]):
    (place / "test.csv").write_text("text,label\nA warm film 0,positive\nnew,negative\n", encoding="utf-8")
    text = said("data", "check", "good.csv", "--test", "test.csv", code=1)
    assert "error: good.csv:2: 1 row whose text also stands in test.csv (first: its line 2)" in text
    said("data", "check", "good.csv", "--test", "test.csv", "--allow-leakage")
    found = json.loads(said("data", "check", "good.csv", "--json"))
    assert found == {"rows": {"train": 40}, "findings": []}


def test_a_clean_table_is_told_in_two_lines(place: Path, said: Callable[..., str]):
    line, verdict = said("data", "check", "good.csv").splitlines()
    assert line == "train: good.csv, 40 rows; text = text, label = label; labels: positive 20, negative 20"
    assert verdict == "nothing found"


def test_in_chinese_the_files_are_named_in_chinese(place: Path, said: Callable[..., str]):
    line = said("data", "check", "good.csv", "--language", "zh").splitlines()[0]
    assert line.startswith("训练集：good.csv，40 行")


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
    assert text.endswith("0 errors, 2 other findings\n")
    assert "2 labels with fewer than 10 rows: 'bad' (2), 'good' (1); add rows" in text
    assert "more than 8 tokens" not in said("data", "check", "long.csv", "--model", model, "--max-length", "8")
    line = refused("data", "check", "long.csv", "--max-length", "6")
    assert "--max-length counts tokens; name the model that makes them: --model MODEL" in line


def test_all_broken_rows_are_told_at_once_with_their_lines(place: Path, said: Callable[..., str]):
    table(place, "broken.csv", "one,good", "two,bad,more", "three,bad", '"four,good', "five,good", "six")
    text = said("data", "check", "broken.csv", code=1)
    assert (
        "error: broken.csv:3: 2 rows such as this: 3 fields where the header has 2 (text, label) [lines 3, 7]; put"
        in text
    )
    assert 'error: broken.csv:5: a quote (") opens in this row and never closes; close it' in text
    assert text.startswith("train: broken.csv, 3 rows; ")


def test_the_findings_can_be_a_page_in_either_language(
    place: Path, said: Callable[..., str], refused: Callable[..., str]
):
    table(place, "one.csv", "a,good", "b,bad", ",good")
    said("data", "check", "one.csv", "--html", "page.html")
    assert "Empty texts" in (place / "page.html").read_text(encoding="utf-8")
    said("data", "check", "one.csv", "--html", "zh.html", "--language", "zh")
    assert "空文本" in (place / "zh.html").read_text(encoding="utf-8")
    assert "a page's name ends with .html" in refused("data", "check", "one.csv", "--html", "page.txt")


def test_label_errors_are_listed_with_line_likely_label_and_how_sure(
    place: Path, said: Callable[..., str], monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("cleanlab")
    monkeypatch.setattr("llamita._cli.data_check._default_models", list)
    rows = [f"{text},{label}" for text, label in sentences(200)]
    rows[6] = rows[6].replace("positive", "negative")
    table(place, "train.csv", *rows)
    text = said("data", "check", "train.csv", "--near", "0", "--label-errors")
    assert "warning: train.csv:8: " in text
    (doubt,) = (line for line in text.splitlines() if line.startswith("  train.csv:8: 'negative', likely 'positive' ("))
    assert f" %): {sentences(200)[6][0][:60]}" in doubt
    found = json.loads(said("data", "check", "train.csv", "--near", "0", "--label-errors", "--json"))["findings"]
    suspect = next(f for f in found if f["kind"] == "label_error")["suspects"][0]
    assert (suspect["line"], suspect["label"], suspect["likely"]) == (8, "negative", "positive")
    assert suspect["text"].startswith(sentences(200)[6][0][:60])


def test_how_several_labels_stand_can_be_said(place: Path, said: Callable[..., str]):
    table(place, "tags.csv", "a fine film,x/y", "another one,x", "a third film,y/z")
    line = said("data", "check", "tags.csv", "--label-separator", "/").splitlines()[0]
    assert line.endswith("separator = /; labels: x 2, y 2, z 1")


def test_an_encoding_is_for_those_of_several_files_that_are_not_utf8(place: Path, said: Callable[..., str]):
    rows = "".join(
        f"第{i}家酒店的房间很{word},{label}\n" for i in range(12) for word, label in (("好", "好评"), ("差", "差评"))
    )
    (place / "旧.csv").write_bytes(f"评论,标签\n{rows}".encode("gb18030"))
    (place / "新.csv").write_bytes("评论,标签\n早餐丰富可口,好评\n前台态度恶劣,差评\n".encode())
    for train, test in (("旧.csv", "新.csv"), ("新.csv", "旧.csv")):
        found = said("data", "check", train, "--test", test, "--encoding", "gb18030", "--fix", f"fixed-{train}")
        assert "2 rows; text = 评论, label = 标签" in found
        assert "好评" in (place / f"fixed-{train}").read_text(encoding="utf-8")


def test_texts_for_choices_are_checked_against_training_and_test(place: Path, said: Callable[..., str]) -> None:
    rows = [f"the film number {i} was {'warm' if i % 2 else 'dull'},{'pos' if i % 2 else 'neg'}\n" for i in range(30)]
    for name, part in (("train", rows[:20]), ("val", [*rows[18:25], "odd,nge\n"]), ("test", rows[24:])):
        (place / f"{name}.csv").write_text("text,label\n" + "".join(part), encoding="utf-8")
    out = said("data", "check", "train.csv", "--select", "val.csv", "--test", "test.csv", "--fix", "clean.csv", code=1)
    assert "select: val.csv, 8 rows" in out
    assert "val.csv:9: label 'nge' stands in 1 row of val.csv but nowhere in train.csv" in out
    assert "train.csv:20: 2 rows whose text also stands in val.csv (first: its line 2)" in out
    assert "val.csv:8: 1 row whose text also stands in test.csv" in out
    assert len((place / "clean.csv").read_text(encoding="utf-8").splitlines()) == 19


def test_near_copies_are_looked_for_between_all_splits(place: Path, said: Callable[..., str]):
    texts = [f"{chr(97 + i) * 9} a film of number {i * 7919} that nobody saw in {chr(122 - i) * 9}" for i in range(24)]
    rows = [f"{text},{'good' if i % 2 else 'bad'}" for i, text in enumerate(texts)]
    table(place, "train.csv", *rows[:16])
    table(place, "val.csv", *rows[16:20], rows[3].replace(",", " indeed,"))
    table(place, "test.csv", *rows[20:], rows[17].replace(",", " indeed,"))
    found = said("data", "check", "train.csv", "--select", "val.csv", "--test", "test.csv")
    assert (
        "train.csv:5: 1 row that say nearly what a text of val.csv says (first: much like line 6 of val.csv)" in found
    )
    assert (
        "val.csv:3: 1 row that say nearly what a text of test.csv says (first: much like line 6 of test.csv)" in found
    )
    assert "train.csv:3" not in found


def test_labels_are_counted_and_compared_by_their_names(
    place: Path, said: Callable[..., str], refused: Callable[..., str]
) -> None:
    rows = "".join(f"a warm film number {i},{i % 5 + 1}\n" for i in range(40))
    (place / "stars.csv").write_text(f"text,label\n{rows}", encoding="utf-8")
    (place / "test.csv").write_text("text,label\nsomething else,good\nquite new,bad\n", encoding="utf-8")
    check, names = ("data", "check", "stars.csv", "--test", "test.csv"), "1=bad,2=bad,3=bad,4=good,5=good"
    assert "label 'good' stands in 1 row of test.csv but nowhere" in said(*check, code=1)
    told = said(*check, "--label-names", names, "--near", "0")
    assert "labels: bad 24, good 16" in told
    assert "nowhere" not in told
    assert "leave --label-names out, or --fix" in refused(*check, "--label-names", names, "--fix", "new.csv")
    bare = ("--columns", "label=none", "--label-names", names)
    assert "has no labels that --label-names could name" in refused("data", "check", "stars.csv", *bare)
