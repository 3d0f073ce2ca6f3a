"""Dialogues from a file or from Python: who said what, turn by turn, checked as it is read."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from llamita.core.errors import UserError, did_you_mean
from llamita.data.cells import cell_text, rows_text
from llamita.data.faults import BadRow, Faults, note
from llamita.data.files import PIPED, STDIN, Labelled, files_of, without_plain_text
from llamita.data.hub import hub_dataset, is_hub_id
from llamita.data.objects import rows_of
from llamita.data.rows import MISSING, Row, Rows, open_rows
from llamita.data.table import Table

log = logging.getLogger(__name__)

TURNS = ("messages", "conversations", "conversation", "dialogue", "dialog", "对话")
"""Names of a column that holds a list of messages."""
PAIRS = (
    ("prompt", "completion"), ("prompt", "response"), ("instruction", "output"), ("instruction", "response"),
    ("question", "answer"), ("query", "response"), ("问题", "答案"), ("问题", "回答"), ("指令", "输出"),
)  # fmt: skip
"""Names of columns that hold a question and its answer."""
EXTRA = ("input", "context", "输入")
"""Columns whose text, where there is some, follows the instruction."""
BESIDE = {"system": ("system", "system_prompt", "系统"), "history": ("history", "历史")}
"""Columns with the system message, and with the turns before a question."""
COLUMN_ROLES = ("messages", "prompt", "input", "answer", *BESIDE)
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


def read_dialogues(source: Any, *, columns: Mapping[str, str] | None = None, faults: Faults | None = None) -> Table:
    """Dialogues as a Table whose texts are what `written` makes of them.

    A user's last turn that has no answer is left out.

    Args:
        source: A file, folder or pattern (JSONL, JSON, Parquet; CSV for questions and answers), a data set of the Hub, a list of
            dialogues or of dicts, a DataFrame or a Dataset.
        columns: {"messages": "talk"}, or {"prompt": "q", "answer": "a"} with "input" and "history" where there are such; "system"
            with either; guessed if left out.
        faults: Collects rows that can't be read; without it the first is refused.
    """
    if isinstance(source, Table):
        return source
    texts: list[str] = []
    files: list[str] = []
    table = Table(texts=texts, labels=None, lines=[], columns={}, source=_name(source))
    unanswered = 0
    for name, rows in _tables(source, faults):
        first = next(rows.rows, None)
        if first is None:
            raise UserError(f"{name}: no dialogues in it; add at least one")
        table.columns = roles_of(rows.names, columns, name)
        for number, values in _chained(first, rows.rows):
            try:
                turns, cut = _dialogue(name, number, dict(zip(rows.names, values, strict=True)), table.columns)
            except BadRow as fault:
                fault.raw = json.dumps([v for v in values if v is not MISSING], ensure_ascii=False, default=str)
                note(faults, fault)
                continue
            unanswered += cut
            texts.append(written(turns))
            table.lines.append(number)
            files.append(name)
    if len(set(files)) > 1:
        table.files = files
    if not table.texts:
        raise faults[0] if faults else UserError(f"{table.source}: no dialogues in it; add at least one")
    told = ", ".join(f"{role} = {column}" for role, column in table.columns.items())
    log.info("%s: %s; %s", table.source, rows_text(len(table)), told)
    if unanswered:
        log.info("%d dialogues end with a user's turn, which is left out", unanswered)
    return table


def written(messages: Sequence[Mapping[str, str]]) -> str:
    """A dialogue as one line of JSON, always the same for the same dialogue."""
    return json.dumps([{"role": m["role"], "content": m["content"]} for m in messages], ensure_ascii=False)


def messages_of(text: str) -> list[Message]:
    """What `written` wrote."""
    return json.loads(text)


def roles_of(names: Sequence[str], given: Mapping[str, str] | None, where: str) -> dict[str, str]:
    """Which column holds the messages, or the prompt, its input and the answer.

    Raises:
        UserError: no such columns.
    """
    for role, name in (given or {}).items():
        if role not in COLUMN_ROLES:
            raise UserError(
                f"no column role {role!r}; of dialogues they are messages, or prompt, input, history and answer; and system"
            )
        if name not in names:
            raise UserError(f"{where}: no column {name!r}.{did_you_mean(name, names)} Columns: {', '.join(names)}.")
    given = dict(given or {})
    if "messages" in given or {"prompt", "answer"} <= set(given):
        return given
    lowered = {name.strip().lower(): name for name in reversed(names)}
    known = {"messages": TURNS, "input": EXTRA, **BESIDE}
    first = {role: next((lowered[n] for n in among if n in lowered), None) for role, among in known.items()}
    found = {role: name for role, name in first.items() if name and name not in given.values()} | given
    if "messages" in found and set(given) <= {"system"}:
        return {role: found[role] for role in ("messages", "system") if role in found}
    found.pop("messages", None)
    for prompt, answer in PAIRS:
        asked, answered = given.get("prompt", lowered.get(prompt)), given.get("answer", lowered.get(answer))
        if asked and answered:
            return {"prompt": asked, **found, "answer": answered}
    raise UserError(
        f"{where}: no dialogues: needs a column messages, or prompt and completion, or instruction, input and output; or name"
        f" them: --columns prompt=COLUMN,answer=COLUMN. Columns: {', '.join(names)}."
    )


def holds_dialogues(file: str) -> bool:
    """Whether a file's first row has a list of messages; of what can't be opened so, False."""
    path = Path(file).expanduser()
    if not path.is_file():
        return False
    try:
        rows = open_rows(path)
        first = next(rows.rows, None)
    except UserError:
        return False
    held = dict(zip(rows.names, first[1], strict=True)) if first else {}
    return any(isinstance(held.get(name), list) for name in rows.names if name.strip().lower() in TURNS)


def _name(source: Any) -> str:
    if isinstance(source, (str, Path)):
        return str(PIPED if Path(source) == STDIN else source)
    return type(source).__name__ if not isinstance(source, (list, tuple)) else "list"


def _tables(source: Any, faults: Faults | None) -> Iterator[tuple[str, Rows]]:
    """Each file's name and rows."""
    if not isinstance(source, (str, Path)):
        plain = isinstance(source, (list, tuple)) and source and isinstance(source[0], (list, tuple))
        yield rows_of([{"messages": one} for one in source] if plain else source)
        return
    if is_hub_id(str(source)):
        yield str(source), rows_of(hub_dataset(str(source)))[1]
        return
    files = files_of(str(source))
    if isinstance(files, Labelled):
        raise UserError(f"{source} has a folder for each label and no dialogues; give JSONL with messages")
    for path in without_plain_text(str(source), files):
        yield str(PIPED if path == STDIN else path), open_rows(path, faults=faults)


def _chained(first: Row, rest: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rest


def _dialogue(name: str, line: int, row: Mapping[str, Any], columns: Mapping[str, str]) -> tuple[list[Message], bool]:
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
    if isinstance(value, (list, tuple)) and value and all(_is_text(part) for part in value):
        value = "".join(part["text"] for part in value)
    text = "" if value is None else cell_text(name, line, value, what).strip()
    if not text:
        raise BadRow(name, line, f"{what} is empty; fill it in or take the dialogue out", kind="dialogue_empty")
    return text


def _is_text(part: Any) -> bool:
    """Whether it is a part of a message as OpenAI writes them, of the kind text."""
    return isinstance(part, Mapping) and part.get("type") == "text" and isinstance(part.get("text"), str)


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
