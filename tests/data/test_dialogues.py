"""Dialogues are read from every form there is, and damage is told with file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llamita.core.errors import UserError
from llamita.data.dialogues import holds_dialogues, messages_of, read_dialogues, roles_of, written

HELLO = [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "你好！"}]


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "row",
    [
        {"messages": HELLO},
        {"conversations": [{"from": "human", "value": "你好"}, {"from": "gpt", "value": "你好！"}]},
        {"prompt": " 你好 ", "completion": "你好！\n"},
        {"instruction": "你好", "input": "", "output": "你好！"},
        {"question": "你好", "answer": "你好！", "id": 3},
        {"messages": [*HELLO, {"role": "user", "content": "再见"}]},
        {"messages": [{"role": "User", "content": "你好"}, {"role": "助手", "content": "你好！"}], "system": None},
        {
            "messages": [
                {"role": turn["role"], "content": [{"type": "text", "text": turn["content"]}]} for turn in HELLO
            ]
        },
        {"conversation": [{"human": "你好", "assistant": "你好！"}]},
        {"prompt": HELLO[:1], "completion": HELLO[1:]},
        {"query": "你好", "response": "你好！", "history": []},
    ],
)
def test_every_form_gives_the_same_dialogue(row: dict, tmp_path: Path) -> None:
    table = read_dialogues(lines(tmp_path / "d.jsonl", row))
    assert messages_of(str(table.texts[0])) == HELLO
    assert table.place(0).endswith("d.jsonl:1")
    assert read_dialogues([row]).texts == table.texts


def test_lists_csv_and_folders_are_read(tmp_path: Path) -> None:
    assert read_dialogues([HELLO]).texts == [written(HELLO)]
    (tmp_path / "q.csv").write_text("q,a,more\n你好,你好！,\nsum it up,short,a long text\n", encoding="utf-8")
    table = read_dialogues(tmp_path / "q.csv", columns={"prompt": "q", "answer": "a", "input": "more"})
    assert messages_of(str(table.texts[1]))[0]["content"] == "sum it up\n\na long text"
    (tmp_path / "d").mkdir()
    lines(tmp_path / "d" / "a.jsonl", {"messages": HELLO})
    lines(tmp_path / "d" / "b.jsonl", {"messages": HELLO})
    assert read_dialogues(tmp_path / "d").place(1).endswith("b.jsonl:1")


def test_damage_is_told_in_one_line_with_file_and_line(tmp_path: Path) -> None:
    file = lines(tmp_path / "d.jsonl", {"messages": HELLO}, {"messages": [HELLO[0]]})
    with pytest.raises(UserError) as error:
        read_dialogues(file)
    assert str(error.value) == f"{file}:2: no message of the assistant; there is nothing to learn"
    faults: list = []
    assert len(read_dialogues(file, faults=faults)) == 1
    assert [fault.line for fault in faults] == [2]


def test_columns_are_guessed_named_or_asked_for() -> None:
    assert roles_of(("id", "Prompt", "response"), None, "f") == {"prompt": "Prompt", "answer": "response"}
    assert roles_of(("talk",), {"messages": "talk"}, "f") == {"messages": "talk"}
    assert roles_of(("messages", "persona"), {"system": "persona"}, "f") == {
        "messages": "messages",
        "system": "persona",
    }
    assert roles_of(("prompt", "completion", "better"), {"answer": "better"}, "f") == {
        "prompt": "prompt",
        "answer": "better",
    }
    assert roles_of(("input", "output"), {"prompt": "input"}, "f") == {"prompt": "input", "answer": "output"}
    assert roles_of(("messages", "prompt", "response"), {"prompt": "prompt"}, "f") == {
        "prompt": "prompt",
        "answer": "response",
    }
    with pytest.raises(UserError, match="f: no dialogues: needs a column messages, or prompt and completion"):
        roles_of(("text", "label"), None, "f")
    with pytest.raises(UserError, match="no column role 'text'"):
        roles_of(("text",), {"text": "text"}, "f")
    with pytest.raises(UserError, match="f: no column 'mesages'"):
        roles_of(("messages",), {"messages": "mesages"}, "f")


def test_a_file_with_messages_is_known_and_any_other_is_not(tmp_path: Path) -> None:
    assert holds_dialogues(str(lines(tmp_path / "d.jsonl", {"messages": HELLO})))
    assert not holds_dialogues(str(lines(tmp_path / "t.jsonl", {"text": "x", "label": "y"})))
    assert not holds_dialogues(str(tmp_path / "none.jsonl"))


def test_a_system_message_that_the_first_dialogue_lacks_is_kept_of_the_others(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "d.jsonl", *({"messages": HELLO} for _ in range(8)), {"messages": HELLO, "system": "be brief"}
    )
    table = read_dialogues(str(path))
    assert [messages_of(str(text))[0]["role"] for text in table.texts] == ["user"] * 8 + ["system"]
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert read_dialogues(rows).texts == table.texts
