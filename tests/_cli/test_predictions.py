"""Predictions come back from CSV as they were, and stand in line in a table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

from rich.cells import cell_len
from tests.families import tiny_model

from llamita._cli.predictions import beside


def test_a_text_with_commas_quotes_and_line_ends_comes_back_from_csv_as_it_was(model: Path, said: Callable[..., str]):
    text = 'a, "b"\nand c'
    rows = list(csv.DictReader(io.StringIO(said("predict", model, text, "d"))))
    assert [row["text"] for row in rows] == [text, "d"]


def test_a_carriage_return_in_a_text_or_label_is_read_again(tmp_path: Path, said: Callable[..., str]):
    from llamita.data.read import read_table

    tiny_model("bert", labels=("good\rone", "bad\rone")).save(tmp_path / "m")
    (tmp_path / "t.jsonl").write_text(json.dumps({"text": "a\rb"}) + "\n", encoding="utf-8")
    said("predict", tmp_path / "m", "--file", tmp_path / "t.jsonl", "--out", tmp_path / "p.csv")
    table = read_table(tmp_path / "p.csv")
    assert table.texts == ["a\rb"]
    assert table.labels is not None
    assert table.labels[0] in ("good\rone", "bad\rone")


def test_a_label_of_two_lines_or_of_hundreds_of_characters_keeps_the_table_a_line_a_text(
    tmp_path: Path, said: Callable[..., str]
):
    tiny_model("bert", labels=("x" * 300, "two\nlines")).save(tmp_path / "m")
    lines = said("predict", tmp_path / "m", "a", "b c", "好", "--format", "table").splitlines()
    assert len(lines) == 3
    assert all(line.startswith(("x" * 300 + "  ", "two lines" + " " * 33)) for line in lines)


def test_a_table_has_one_line_a_text_with_label_and_percent(model: Path, said: Callable[..., str]):
    words = ("a warm\n  film", "很失望")
    answers = [json.loads(line) for line in said("predict", model, *words, "--format", "jsonl").splitlines()]
    lines = said("predict", model, *words, "--format", "table").splitlines()
    assert [line.split() for line in lines] == [
        [answer["label"], f"{100 * answer['confidence']:.1f}", "%", *answer["text"].split()] for answer in answers
    ]
    assert said("predict", model, "a", "--pair", "b", "--format", "table").endswith("%  a | b\n")


def test_labels_of_wide_characters_line_up(tmp_path: Path, said: Callable[..., str]):
    tiny_model("bert", labels=("好", "negative")).save(tmp_path / "m")
    lines = said("predict", tmp_path / "m", "a", "b c", "好", "--format", "table").splitlines()
    assert len({cell_len(line.split("%")[0]) for line in lines}) == 1


def test_what_is_kept_takes_a_free_name_and_nan_is_nothing() -> None:
    kept = {"label": "x", "label_given": "y", "v": float("nan"), "probability_a": 1}
    assert beside(kept) == {"label_given_given": "x", "label_given": "y", "v": None, "probability_a_given": 1}
