"""The command that repeats a number says all that the number depends on."""

from __future__ import annotations

import argparse

from llamita._cli.measured import rest


def test_how_a_model_was_asked_is_part_of_the_command():
    args = argparse.Namespace(
        task="multilabel", labels={"good": "good", "0": "bad"}, prompt="{text} Is it so?", few_shot="shown.csv", shots=4,
        calibrate=None, precision="auto", threads=None, seed=3,
    )  # fmt: skip
    assert " ".join(rest(args)) == (
        "--task multilabel --labels good,0=bad --prompt {text} Is it so? --few-shot shown.csv --shots 4"
        " --precision auto --seed 3"
    )


def test_what_was_not_said_is_left_to_the_defaults():
    assert rest(argparse.Namespace(task="classify", threads=2)) == ["--threads", "2"]
