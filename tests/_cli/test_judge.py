"""Verbs that measure: gates are checked before anything is measured, an attack shows what it did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from llamita.cli import main


def test_gates_on_what_will_not_be_measured_are_refused_at_once(place: Path, model: Path, refused: Callable[..., str]):
    data = ("--data", "good.csv")
    line = refused("evaluate", "no-model-is-opened", *data, "--fail-if", "latency_p50_ms>12")
    assert "no value 'latency_p50_ms'. It needs --cost." in line
    assert "needs --against TEACHER" in refused("evaluate", model, *data, "--fail-if", "kl>0.1")
    assert "Values: accuracy" in refused("evaluate", model, *data, "--fail-if", "acuracy<1")
    assert "Values: clean, noise, fall" in refused("attack", model, *data, "--fail-if", "accuracy<0.9")


def test_an_attack_shows_clean_texts_the_fall_and_the_other_model(place: Path, model: Path, said: Callable[..., str]):
    table = said("attack", model, "--data", "good.csv", "--against", model, "--fail-if", "fall>1")
    rows = [line.split("  ")[0].strip() for line in table.splitlines() if "accuracy" in line or "fall" in line]
    assert rows == ["accuracy, texts as they are", "accuracy under noise", "fall"]
    line = next(line for line in table.splitlines() if "accuracy under noise" in line)
    assert line.count("[") == 2


def test_a_model_that_knows_none_of_the_words_says_so(place: Path, model: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["predict", str(model), "a warm film"]) == 0
    assert "doesn't know" not in capsys.readouterr().err
    assert main(["predict", str(model), "ЖЖЖ ЖЖЖЖ"]) == 0
    assert "the model doesn't know 100 % of the tokens here" in capsys.readouterr().err
    assert main(["explain", str(model), "ЖЖЖ ЖЖЖЖ"]) == 0
    assert "doesn't know" in capsys.readouterr().err


def test_measure_without_a_method_lists_them(said: Callable[..., str]):
    assert "calibration" in said("measure", "--help")
    assert "usage: llamita measure METHOD" in said("measure", "--help")
