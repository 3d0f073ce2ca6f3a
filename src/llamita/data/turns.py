"""A row of dialogues as its messages: who said what, turn by turn, checked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llamita.core.chat import joined_parts
from llamita.core.errors import did_you_mean
from llamita.data.cells import cell_text
from llamita.data.faults import BadRow
from llamita.data.rows import MISSING

ROLES = ("system", "user", "assistant")
OTHER_NAMES = {
    "human": "user", "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant", "ai": "assistant", "model": "assistant",
    "developer": "system", "用户": "user", "助手": "assistant", "系统": "system",
}  # fmt: skip
KEYS = {"role": ("role", "from"), "content": ("content", "value")}
"""What a message's parts are called."""
BOTH = (("human", "assistant"), ("user", "assistant"), ("question", "answer"))
"""Keys of an object that holds a question and its answer, in the place of two messages."""
WANTED = 'a list such as [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]'

Message = dict[str, str]
"""`role` and `content`."""


def dialogue_of(name: str, line: int, row: Mapping[str, Any], columns: Mapping[str, str]) -> tuple[list[Message], bool]:
    """A row's messages, and whether a user's last turn was left out."""
    held = {role: row[column] for role, column in columns.items()}
    if "messages" in columns:
        turns = _messages(name, line, held["messages"], columns["messages"])
    else:
        turns = _asked_and_answered(name, line, held, columns)
    if system := _optional(name, line, held.get("system"), columns.get("system", "")):
        first = {"role": "system", "content": system}
        turns = turns if turns[0] == first else [first, *turns]
    _check_turns(name, line, turns)
    return (turns[:-1], True) if turns[-1]["role"] == "user" else (turns, False)


def _asked_and_answered(name: str, line: int, held: Mapping[str, Any], columns: Mapping[str, str]) -> list[Message]:
    """The turns before, the question with what belongs to it, and the answer; either may be a list of messages too."""
    before = held.get("history")
    nothing = before is None or before is MISSING or (isinstance(before, (str, list, tuple)) and not len(before))
    turns = [] if nothing else _messages(name, line, before, columns["history"])
    for role, side in (("prompt", "user"), ("answer", "assistant")):
        value, column = held[role], columns[role]
        whole = isinstance(value, (list, tuple))
        said = (
            _messages(name, line, value, column)
            if whole
            else [{"role": side, "content": _said(name, line, value, column)}]
        )
        if role == "prompt" and (more := _optional(name, line, held.get("input"), columns.get("input", ""))):
            said[-1]["content"] += f"\n\n{more}"
        turns += said
    return turns


def _optional(name: str, line: int, value: Any, column: str) -> str:
    """A cell that may be missing or empty."""
    return "" if value is None or value is MISSING else cell_text(name, line, value, column).strip()


def _messages(name: str, line: int, value: Any, column: str) -> list[Message]:
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            raise BadRow(name, line, f"{column!r} is not JSON; it must be {WANTED}", kind="dialogue") from None
    if not isinstance(value, (list, tuple)) or not value:
        what = "nothing" if value is MISSING or value is None else f"an empty {type(value).__name__}"
        what = f"a {type(value).__name__}" if value and value is not MISSING else what
        raise BadRow(name, line, f"{column!r} must be {WANTED}, got {what}", kind="dialogue")
    return [_message(name, line, at, one) for at, one in enumerate(_one_by_one(value), 1)]


def _one_by_one(value: Sequence[Any]) -> Iterator[Any]:
    """Messages; of a question and its answer in one place, two."""
    for one in value:
        keys = next((pair for pair in BOTH if isinstance(one, Mapping) and set(pair) <= set(one)), None)
        both = [one[key] for key in keys] if keys else one
        if isinstance(both, (list, tuple)) and len(both) == 2:
            yield from ({"role": role, "content": said} for role, said in zip(("user", "assistant"), both, strict=True))
        else:
            yield one


def _message(name: str, line: int, at: int, value: Any) -> Message:
    found = {}
    for part, keys in KEYS.items():
        key = next((key for key in keys if isinstance(value, Mapping) and key in value), None)
        if key is None:
            raise BadRow(
                name, line, f"message {at} has no {part!r}; a message has a role and a content", kind="dialogue"
            )
        found[part] = value[key]
    role = str(found["role"]).strip().lower()
    role = OTHER_NAMES.get(role, role)
    if role not in ROLES:
        what = f"message {at} has the role {role!r}; roles are {', '.join(ROLES)}.{did_you_mean(role, ROLES)}"
        raise BadRow(name, line, what, kind="dialogue_role")
    return {"role": role, "content": _said(name, line, found["content"], f"message {at}")}


def _said(name: str, line: int, value: Any, what: str) -> str:
    """A text without the white space around it, which would join with the template's."""
    value = joined_parts(value)
    text = "" if value is None else cell_text(name, line, value, what).strip()
    if not text:
        raise BadRow(name, line, f"{what} is empty; fill it in or take the dialogue out", kind="dialogue_empty")
    return text


def _check_turns(name: str, line: int, turns: Sequence[Message]) -> None:
    """After a system message, if there is one, user and assistant take turns, and there is an answer."""
    roles = [turn["role"] for turn in turns]
    start = 1 if roles[0] == "system" else 0
    for at, role in enumerate(roles[start:], start):
        wanted = ("user", "assistant")[(at - start) % 2]
        if role != wanted:
            again = at > start and roles[at - 1] == role
            what = f"messages {at} and {at + 1} are both the {role}'s" if again else f"message {at + 1} is the {role}'s"
            what += f"; here {wanted} must speak: user and assistant take turns, the user first"
            raise BadRow(name, line, what, kind="dialogue_turns")
    if "assistant" not in roles:
        raise BadRow(name, line, "no message of the assistant; there is nothing to learn", kind="dialogue_answer")
