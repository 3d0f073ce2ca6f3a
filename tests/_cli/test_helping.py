"""--help in the language spoken, wrapped by the columns of a terminal."""

from __future__ import annotations

import re

import pytest

from llamita._cli.helping import width_of, wrapped
from llamita.cli import VERBS, main
from llamita.core.registry import entries

ENGLISH = re.compile(r"(?:\b[a-z']{2,},? ){3}[a-z']{2,}")
"""Four words in a row that aren't names."""


def _commands() -> list[list[str]]:
    verbs = [[verb, "quality"] if verb == "measure" else [verb] for verb in VERBS if verb != "data"]
    tables = [["data", verb] for verb in ("check", "convert", "split", "dedup", "sample")]
    steps = [e.name.removeprefix("learn.").split(".") for e in entries().values() if e.kind == "step"]
    return [[], ["data"], ["measure"], ["prune"], *verbs, *tables, *steps]


@pytest.mark.parametrize("words", _commands(), ids=" ".join)
def test_help_in_chinese_has_no_english_sentence_and_names_the_same_flags(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "100")
    assert main([*words, "--help"]) == 0
    english = capsys.readouterr().out
    assert main(["--language", "zh", *words, "--help"]) == 0
    chinese = capsys.readouterr().out
    assert chinese.startswith("用法：llamita")
    assert english.startswith("usage: llamita")
    assert re.search(ENGLISH, " ".join(english.split()))
    assert not re.findall(ENGLISH, re.sub(r"llamita [a-z]+ [\w ]+", "", " ".join(chinese.split())))
    flags = re.compile(r"(?m)^  (?:-h, )?(--[\w-]+)")
    assert flags.findall(chinese) == flags.findall(english)


def test_a_chinese_character_takes_two_columns_and_keeps_the_marks_behind_it():
    assert wrapped("一二三四，五", 8) == ["一二三", "四，五"]
    assert wrapped("一二 abc 三四", 8) == ["一二 abc", "三四"]


def test_english_is_wrapped_between_words_and_a_word_that_is_longer_stands_alone():
    assert wrapped("one two  three\nfour", 9) == ["one two", "three", "four"]
    assert wrapped("a verylongword b", 6) == ["a", "verylongword", "b"]
    assert wrapped("", 6) == [""]


def test_no_line_is_wider_than_asked():
    text = "文本截断到的词元数（与 --model 一起用）；none：按任务或模型所允许，in one word 八九十。" * 3
    lines = wrapped(text, 30)
    assert max(map(width_of, lines)) <= 30
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
