"""Texts on a stream: one a line, in the encoding that is named, none where there is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest


def texts_of(lines: str) -> list[str]:
    """The texts in predictions as JSONL."""
    return [json.loads(line)["text"] for line in lines.splitlines()]


def test_standard_input_is_one_text_a_line_and_blank_lines_are_none(
    model: Path, said: Callable[..., str], piped: Callable[[bytes], None], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("llamita._cli.given_texts.CHUNK", 2)
    for words in ([], ["-"]):
        piped("\ufeffone\r\n\n two \n很好\nfour\n".encode())
        assert texts_of(said("predict", model, *words, "--format", "jsonl")) == ["one", " two ", "很好", "four"]


@pytest.mark.parametrize("given", [b"", b"\n\r\n\n"])
def test_a_standard_input_without_a_text_is_refused(
    given: bytes, model: Path, refused: Callable[..., str], piped: Callable[[bytes], None]
):
    piped(given)
    assert "no text came in on stdin; give one a line" in refused("predict", model, "--out", "p.csv")


def test_a_standard_input_in_another_encoding_is_refused_with_its_line_and_read_where_it_is_named(
    model: Path, refused: Callable[..., str], said: Callable[..., str], piped: Callable[[bytes], None]
):
    given = b"fine\n" + "很好的酒店".encode("gb18030") + b"\n"
    piped(given)
    line = refused("predict", model)
    assert "stdin:2: byte 5 " in line
    assert "Add --encoding GB18030" in line
    piped(given)
    words = ("--encoding", "gb18030", "--format", "jsonl")
    assert texts_of(said("predict", model, *words)) == ["fine", "很好的酒店"]


def test_a_table_that_is_piped_in_as_lines_is_told(model: Path, piped, said, caplog) -> None:
    for text, told in (("text,label\na,b\n", True), ("a comment, and a review of it\n", False), ("review\n", False)):
        caplog.clear()
        piped(text.encode())
        said("predict", model, "--format", "csv")
        assert ("looks like the head of a table" in caplog.text) == told
