"""The command that repeats a measure names what differs from the defaults, and nothing else."""

from __future__ import annotations

import os

import pytest

from llamita.core.command import command_of, data_words, quoted
from llamita.core.registry import build


def test_only_settings_that_differ_are_named() -> None:
    plain = command_of(build("measure.quality"), ["light"], "test.csv", None, ["--seed", "0"])
    assert plain == "llamita measure quality light --data test.csv --seed 0"
    cost = command_of(build("measure.cost", {"calls": 7, "memory": False}), ["light", "big"], "a b.csv", {}, [])
    assert cost == "llamita measure cost light --data 'a b.csv' --against big --calls 7 --no-memory"


def test_a_measure_without_a_verb_has_no_command() -> None:
    assert command_of(build("measure.samples"), ["light"], "test.csv", None, []) == ""


def test_columns_and_the_separator_are_named_as_the_user_did() -> None:
    words = data_words("evaluate", "light", "t.csv", {"text": "review", "labels": "tags", "separator": ";"})
    assert words[5:] == ["--columns", "text=review,labels=tags", "--label-separator", ";"]


def test_a_name_in_a_command_that_is_shown_is_one_word() -> None:
    assert [quoted(name) for name in ("light-评论", "my model/导出", "评论(2).csv")] == [
        "light-评论", '"my model/导出"', '"评论(2).csv"',
    ]  # fmt: skip


@pytest.mark.skipif(os.name != "posix", reason="about the shells of POSIX")
@pytest.mark.parametrize("name", ["$(touch owned) a.csv", "`touch owned`.csv", 'a" ; touch owned ".csv', "a\\b!c"])
def test_a_shell_carries_nothing_out_of_a_name(name: str) -> None:
    assert quoted(name) == f"'{name}'"
