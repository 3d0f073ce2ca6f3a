"""A row becomes messages whatever form it has, and what is no dialogue is refused with its place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llamita.core.errors import UserError
from llamita.data.dialogues import roles_of
from llamita.data.rows import MISSING
from llamita.data.turns import dialogue_of

HELLO = [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "你好！"}]
BEFORE = [{"role": "system", "content": "Be brief."}, *HELLO]
NEXT = [{"role": "user", "content": "再见"}, {"role": "assistant", "content": "再见！"}]


def read(row: dict[str, Any]) -> tuple[list[dict[str, str]], bool]:
    return dialogue_of("d.jsonl", 2, row, roles_of(tuple(row), None, "d.jsonl"))


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [*BEFORE, *NEXT], "system": "Be brief."},
        {"system": "Be brief. ", "conversations": [{"from": "human" if i % 2 == 0 else "gpt", "value": turn["content"]}
                                                   for i, turn in enumerate([*HELLO, *NEXT])]},
        {"instruction": "再见", "input": "", "output": "再见！", "system": "Be brief.", "history": [["你好", "你好！"]]},
        {"query": "再见", "response": "再见！", "system_prompt": "Be brief.", "history": HELLO},
        {"prompt": "再见", "completion": "再见！", "history": json.dumps(HELLO), "system": "Be brief."},
        {"prompt": [*HELLO, NEXT[0]], "completion": NEXT[1:], "history": MISSING, "system": "Be brief."},
    ],
)  # fmt: skip
def test_the_system_message_and_the_turns_before_may_stand_in_columns_of_their_own(row: dict[str, Any]) -> None:
    assert read(row) == ([*BEFORE, *NEXT], False)


def test_what_belongs_to_a_question_follows_it_and_a_last_question_is_left_out() -> None:
    turns, cut = read({"instruction": "sum it up", "input": "a long text", "output": "short"})
    assert (turns[0]["content"], cut) == ("sum it up\n\na long text", False)
    assert read({"messages": [*HELLO, NEXT[0]]}) == (HELLO, True)


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        (
            [{"role": "asistant", "content": "x"}],
            "message 1 has the role 'asistant'; roles are system, user, assistant",
        ),
        ([HELLO[0]], "no message of the assistant; there is nothing to learn"),
        ([HELLO[0], {"role": "assistant", "content": "  "}], "message 2 is empty"),
        ([HELLO[0], HELLO[0], HELLO[1]], "messages 1 and 2 are both the user's; here assistant must speak"),
        ([HELLO[1]], "message 1 is the assistant's; here user must speak"),
        ([*HELLO, {"role": "system", "content": "x"}], "message 3 is the system's; here user must speak"),
        ([{"content": "x"}], "message 1 has no 'role'; a message has a role and a content"),
        ([], "'messages' must be a list such as"),
        (None, "got nothing"),
        ("hello", "got a str"),
        ([{"role": "user", "content": ["x"]}], "must be one text or number, got a list"),
    ],
)
def test_what_is_no_dialogue_is_refused_with_its_place(messages: Any, told: str) -> None:
    with pytest.raises(UserError) as error:
        read({"messages": messages})
    assert str(error.value).startswith("d.jsonl:2: ")
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_two_system_messages_are_refused() -> None:
    with pytest.raises(UserError, match=r"d\.jsonl:2: message 2 is the system's; here user must speak"):
        read({"messages": BEFORE, "system": "Be long."})
