"""Predictions come back from CSV as they were, and stand in line in a table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

from rich.cells import cell_len
from tests.families import tiny_model


def test_a_text_with_commas_quotes_and_line_ends_comes_back_from_csv_as_it_was(model: Path, said: Callable[..., str]):
    text = 'a, "b"\nand c'
    rows = list(csv.DictReader(io.StringIO(said("predict", model, text, "d"))))
    assert [row["text"] for row in rows] == [text, "d"]


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
