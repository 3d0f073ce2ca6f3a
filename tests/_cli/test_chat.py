"""Answers come as text, never half a character, and a dialogue can be forgotten."""

from __future__ import annotations

import io

import pytest
from tests.tasks.test_chat import chat_model

from llamita._cli.chat import Shown, Talk
from llamita.core.decoding import Decoding


def test_half_a_character_waits_for_its_other_half() -> None:
    tokenizer = chat_model().tokenizer
    pieces: list[str] = []
    shown = Shown(tokenizer, pieces.append)
    for token in tokenizer("很好 film", add_special_tokens=False)["input_ids"]:
        shown.hear(token)
    assert "".join(pieces) + shown.rest() == "很好 film"
    assert not any("\ufffd" in piece for piece in pieces)


def test_a_pipe_is_answered_line_by_line_and_reset_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("你好\n/reset\n/nothing\n"))
    talk = Talk(chat_model(), Decoding(max_tokens=3), [{"role": "system", "content": "be brief"}])
    assert talk.go_on() == 0
    assert [one["role"] for one in talk.messages] == ["system"]
