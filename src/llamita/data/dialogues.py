"""Dialogues from a file or from Python: who said what, turn by turn, checked as it is read."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from llamita.core.errors import UserError, did_you_mean
from llamita.data.cells import rows_text
from llamita.data.faults import BadRow, Faults, note
from llamita.data.files import PIPED, STDIN, Labelled, files_of, one_file, without_plain_text
from llamita.data.hub import hub_dataset, is_hub_id
from llamita.data.objects import rows_of
from llamita.data.opening import open_rows
from llamita.data.rows import MISSING, Row, Rows
from llamita.data.table import Table
from llamita.data.turns import Message, dialogue_of

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
    return _read(_name(source), _tables(source, faults), columns, faults)


def dialogues_with_rows(
    file: str, *, columns: Mapping[str, str] | None = None, encoding: str | None = None
) -> tuple[Table, tuple[str, ...], Sequence[Row]]:
    """One file of dialogues, or standard input, as a Table of what is said and as it stands: its columns, and its rows.

    Raises:
        UserError: a folder or a pattern, beside what `read_dialogues` refuses.
    """
    rows = rows_of(hub_dataset(file))[1] if is_hub_id(file) else open_rows(one_file(file), encoding, every_key=True)
    held = list(rows.rows)
    name = _name(file)
    table = _read(name, [(name, replace(rows, rows=iter(held)))], columns, None)
    return as_said(table), rows.names, held


def as_said(table: Table) -> Table:
    """Of dialogues what is said in them; as one text each they are JSON, whose marks and words nobody wrote."""
    if not {"messages", "prompt"} & set(table.columns):
        return table
    return replace(table, texts=["\n".join(one["content"] for one in messages_of(str(text))) for text in table.texts])


def _read(
    source: str, tables: Iterable[tuple[str, Rows]], columns: Mapping[str, str] | None, faults: Faults | None
) -> Table:
    texts: list[str] = []
    files: list[str] = []
    table = Table(texts=texts, labels=None, lines=[], columns={}, source=source)
    unanswered = 0
    for name, rows in tables:
        first = next(rows.rows, None)
        if first is None:
            raise UserError(f"{name}: no dialogues in it; add at least one")
        table.columns = roles_of(rows.names, columns, name)
        for number, values in _chained(first, rows.rows):
            try:
                turns, cut = dialogue_of(name, number, dict(zip(rows.names, values, strict=True)), table.columns)
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
        yield str(PIPED if path == STDIN else path), open_rows(path, every_key=True, faults=faults)


def _chained(first: Row, rest: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rest
