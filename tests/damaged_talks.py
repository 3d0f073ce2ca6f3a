"""Puts named kinds of damage into dialogues, and says which kind of finding tells each: for tests and bench/damage.py."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

Messages = list[dict[str, str]]
TALK_DAMAGES: dict[str, tuple[str, Callable[[Messages], object]]] = {
    "messages that are a text": ("dialogue", lambda talk: talk[0]["content"]),
    "a message without its content": ("dialogue", lambda talk: [{"role": "user"}, *talk[1:]]),
    "a misspelt role": ("dialogue_role", lambda talk: [{**talk[0], "role": "uesr"}, *talk[1:]]),
    "an empty message": ("dialogue_empty", lambda talk: [talk[0], {**talk[1], "content": " \u3000"}]),
    "two messages of one person": ("dialogue_turns", lambda talk: [talk[0], talk[0], talk[1]]),
    "no answer": ("dialogue_answer", lambda talk: talk[:1]),
}
"""By name: the kind, and what is written in place of the messages."""
APART = 7
"""Lines from one damage to the next."""


def write_talks(file: Path, texts: Sequence[str], names: Sequence[str]) -> dict[str, int]:
    """Dialogues of a question and an answer as JSONL with these kinds of damage; the line of each."""
    talks: list[object] = [
        [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
        for asked, said in zip(texts[::2], texts[1::2], strict=False)
    ]
    lines = {name: 2 + APART * at for at, name in enumerate(names)}
    for name, line in lines.items():
        talks[line - 1] = TALK_DAMAGES[name][1](talks[line - 1])  # type: ignore[arg-type]
    rows = (json.dumps({"messages": talk}, ensure_ascii=False) + "\n" for talk in talks)
    file.write_text("".join(rows), encoding="utf-8")
    return lines


def talks_found(file: Path) -> dict[str, set[int]]:
    """Of each kind that `data check` finds in dialogues the lines."""
    from llamita.data.check import check, faults_found
    from llamita.data.dialogues import read_dialogues

    faults: list = []
    table = read_dialogues(str(file), faults=faults)
    lines: dict[str, set[int]] = {}
    for found in [*check(table), *faults_found(faults)]:
        lines.setdefault(found.kind, set()).update([table.lines[i] for i in found.rows] or found.lines)
    return lines
