"""Rows of JSON: objects one a line, a list of them, or as pandas writes a table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from llamita.core.errors import UserError
from llamita.data.columns import LABELS, TEXTS, known_form
from llamita.data.faults import BadRow, Faults, note
from llamita.data.rows import MISSING, Row, Rows

LOOKED_AT = 200
"""Objects by whose keys the columns are known."""


def object_lines(
    path: Path, lines: Iterable[str], again: Callable[[], Generator[str]] | None, every_key: bool | Sequence[str],
    faults: Faults | None,
) -> Rows:  # fmt: skip
    """Objects one a line; where every key is wanted all are read for their keys first."""
    more: Iterable[str] = ()
    if every_key is True and again is not None:
        found = _json_lines(path, again(), None if faults is None else [])
        more = _keys(record for _, record in found)
    elif isinstance(every_key, Sequence):
        more = every_key
    return _records(path, _json_lines(path, lines, faults), more, faults)


def common_keys(objects: Sequence[Any]) -> tuple[str, ...]:
    """Those of the first object and those that half of them have, as they come."""
    counts = Counter(_keys(objects))
    return tuple(key for key, number in counts.items() if key in map(str, objects[0]) or 2 * number >= len(objects))


def _keys(records: Iterable[Any]) -> Iterator[str]:
    return (str(key) for record in records if isinstance(record, Mapping) for key in record)


def _json_lines(path: Path, lines: Iterable[str], faults: Faults | None) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line, object_pairs_hook=_each_key_once)
        except _KeyTwice as error:
            what = f"the key {error.key!r} stands twice in one object; leave one out"
            note(faults, BadRow(path, number, what, kind="json", raw=line.rstrip("\r\n")))
        except (ValueError, RecursionError) as error:
            what = f"not JSON ({error}); each line holds one object such as {EXAMPLE}"
            note(faults, BadRow(path, number, what, kind="json", raw=line.rstrip("\r\n")))


EXAMPLE = '{"text": "…", "label": "…"}'


class _KeyTwice(ValueError):
    """An object has this key twice, of which one would be lost."""

    def __init__(self, key: str):
        super().__init__(key)
        self.key = key


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, whose keys must differ."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _KeyTwice(next(key for key in found if keys.count(key) > 1))
    return found


def json_rows(path: Path, lines: Iterable[str], every_key: bool | Sequence[str], faults: Faults | None) -> Rows:
    """The rows of a JSON file: a list of objects, one under "data", a list for each column, or what pandas writes.

    Raises:
        UserError: not JSON, or none of these.
    """
    text = "".join(lines)
    try:
        data = json.loads(text, object_pairs_hook=_each_key_once)
    except _KeyTwice as error:
        raise UserError(f"{path}: the key {error.key!r} stands twice in one object; leave one out") from None
    except json.JSONDecodeError as error:
        hint = " One object a line? Then name the file .jsonl." if error.msg == "Extra data" else ""
        raise UserError(f"{path}:{error.lineno}: not JSON: {error.msg} at column {error.colno}.{hint}") from None
    except ValueError as error:
        raise UserError(f"{path}: not JSON: {error}") from None
    except RecursionError:
        raise UserError(f"{path}: nested too deeply; expected a list of objects such as [{EXAMPLE}]") from None
    if isinstance(data, Mapping) and isinstance(data.get("data"), list):
        data = data["data"]
        return _records(path, enumerate(data, 1), _keys(data) if every_key else (), faults)
    if isinstance(data, Mapping) and (written := as_pandas_writes(data)) is not None:
        return written
    if isinstance(data, Mapping) and data and all(isinstance(v, list) for v in data.values()):
        if len({len(v) for v in data.values()}) > 1:
            raise UserError(
                f"{path}: its columns have different lengths: {', '.join(f'{k} {len(v)}' for k, v in data.items())}"
            )
        names = tuple(str(k) for k in data)
        return Rows(names=names, rows=enumerate(zip(*data.values(), strict=True), 1))
    if not isinstance(data, list):
        raise UserError(f"{path}: expected a list of objects such as [{EXAMPLE}], got {type(data).__name__}")
    return _records(path, zip(_starts(text), data, strict=True), _keys(data) if every_key else (), faults)


def as_pandas_writes(data: Mapping[Any, Any]) -> Rows | None:
    """Rows of a dict of dicts as `DataFrame.to_json` and `to_dict` make it, a column or a row each; None of any other.

    Rows are told from columns by their numbers, or, where the index has names, by columns that are called what texts or labels are.
    """
    inner = list(data.values())
    if not inner or not all(isinstance(one, Mapping) and one and list(one) == list(inner[0]) for one in inner):
        return None
    by_row, by_column = (all(str(key).isdecimal() for key in keys) for keys in (data, inner[0]))
    if not (by_row or by_column):
        by_column, by_row = (
            any(known_form(str(key)) in (*TEXTS, *LABELS) for key in keys) for keys in (data, inner[0])
        )
    if by_row == by_column:
        return None
    if by_row:
        return Rows(names=tuple(map(str, inner[0])), rows=enumerate((list(one.values()) for one in inner), 1))
    return Rows(names=tuple(map(str, data)), rows=enumerate(zip(*(one.values() for one in inner), strict=True), 1))


def _starts(text: str) -> Iterator[int]:
    """The line where each item of a JSON list begins."""
    decoder, at, line, seen = json.JSONDecoder(), text.index("[") + 1, 1, 0
    while True:
        while text[at] in " \t\r\n,":
            at += 1
        if text[at] == "]":
            return
        line += text.count("\n", seen, at)
        seen = at
        yield line
        at = decoder.raw_decode(text, at)[1]


def _records(path: Path, records: Iterable[tuple[int, Any]], more: Iterable[str], faults: Faults | None) -> Rows:
    """Objects with the keys of the first one and those that most of the next ones have, and more of them."""
    records = iter(records)
    start = list(islice(records, LOOKED_AT))
    if not start:
        raise UserError(f"{path} holds no rows")
    first = start[0]
    if not isinstance(first[1], Mapping) or not first[1]:
        if isinstance(first[1], str):
            return Rows(names=("text",), rows=((n, (r,)) for n, r in chain(start, records)), headed=False)
        raise UserError(f"{path}:{first[0]}: expected an object such as {EXAMPLE}, got {type(first[1]).__name__}")
    own = common_keys([record for _, record in start])
    names = tuple(dict.fromkeys(chain(own, more)))

    def values() -> Iterator[Row]:
        for number, record in chain(start, records):
            if not isinstance(record, Mapping):
                what = f"expected an object such as {EXAMPLE}, got {type(record).__name__}"
                note(faults, BadRow(path, number, what, kind="json", raw=str(record)))
                continue
            yield number, [record.get(name, MISSING) for name in names]

    return Rows(names=names, rows=values(), first_line=first[0], added=len(names) - len(own))
