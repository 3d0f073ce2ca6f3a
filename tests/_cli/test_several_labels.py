"""Texts with any labels, from the file to the exported folder, by the commands a user types."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

from tests.families import tiny_model
from tests.sentiments import sentences


def tagged(path: Path, rows: int = 60) -> Path:
    tags = ("warm", "warm;long", "", "long")
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("text", "tags"))
        writer.writerows((text, tags[i % 4]) for i, (text, _) in enumerate(sentences(rows)))
    return path


def test_the_whole_way(model: Path, place: Path, said: Callable[..., str]) -> None:
    data = tagged(place / "t.csv")
    said(
        "finetune",
        model,
        "--data",
        data,
        "--epochs",
        0.5,
        "--class-weights",
        "warm=2",
        "--focal-gamma",
        1,
        "--out",
        "m",
    )
    said("calibrate", "m", "--data", data, "--method", "isotonic", "--out", "c")
    assert json.loads((place / "c" / "answers.json").read_text())["thresholds"]
    said("export", "c", "--data", data, "--precision", "fp32", "--out", "x")
    found = json.loads(said("evaluate", "x", "--data", data, "--against", "c", "--json"))["findings"]
    assert found[0]["name"] == "quality.micro_f1"
    assert {"quality.exact_match", "quality.loss_to_reference", "agreement.same_label"} <= {f["name"] for f in found}
    said("evaluate", "x", "--data", data, "--fail-if", "micro_f1<1.1", code=1)
    said("attack", "x", "--data", data)
    assert said("explain", "x", "the film is warm").strip()
    lines = said("predict", "x", "--file", data, "--columns", "text=text", "--format", "jsonl").splitlines()
    first = json.loads(lines[0])
    assert set(first) == {"text", "labels", "probabilities"}
    header, row = said("predict", "x", "a warm film", "--format", "csv").splitlines()
    assert header == "text,labels,probability_long,probability_warm"
    assert row.startswith("a warm film,")


def test_columns_of_0_and_1_by_flag_and_by_role(model: Path, place: Path, said: Callable[..., str]) -> None:
    rows = "".join(f"{text},{i % 2},{i // 2 % 2}\n" for i, (text, _) in enumerate(sentences(40)))
    (place / "t.csv").write_text(f"comment,toxic,insult\n{rows}", encoding="utf-8")
    columns = ("--columns", "text=comment", "--label-columns", "toxic,insult")
    said("finetune", model, "--data", "t.csv", *columns, "--epochs", 0.2, "--out", "m")
    said("evaluate", "m", "--data", "t.csv", "--columns", "text=comment,labels=toxic,insult")


def test_sets_are_drawn_from_labelled_texts_and_data_of_the_other_kind_are_one_line(
    model: Path, place: Path, refused: Callable[..., str], said
) -> None:
    data = tagged(place / "t.csv")
    assert "the labels look like several a text, and the model gives one" in refused("evaluate", model, "--data", data)
    said("finetune", model, "--data", data, "--epochs", 0.2, "--out", "m")
    assert json.loads(said("predict", "m", "x", "--coverage", 0.5, "--labelled", data, "--format", "jsonl"))["labels"]
    assert "is none of the model's labels (long, warm). If it is another word" in refused(
        "evaluate", "m", "--data", "good.csv"
    )


def test_a_model_of_one_label_learns_any_labels_of_the_same_names(
    place: Path, said: Callable[..., str], refused: Callable[..., str]
) -> None:
    tiny_model("bert", labels=("long", "warm")).save(place / "one")
    out = said("finetune", "one", "--data", tagged(place / "t.csv"), "--epochs", 0.2, "--out", "several")
    assert "after" in out
    assert "before" not in out
    body = (place / "t.csv").read_text(encoding="utf-8")
    (place / "loud.csv").write_text(body.replace("warm", "Warm").replace("long", "LONG"), encoding="utf-8")
    assert "micro" in said("evaluate", "several", "--data", "loud.csv").lower()
