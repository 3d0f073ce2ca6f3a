"""Texts with any number of labels: a column of names with a separator, lists, or a column of 0 and 1 for each label."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llamita.core.errors import UserError, did_you_mean

JOINT = "|"
"""Stands between the labels of a text in a Table, whatever stands there in the file."""
SEPARATORS = (JOINT, ";", ",")
"""What is guessed, the likeliest first."""
FLAGS = frozenset(("0", "1", "true", "false"))
"""What says of a label whether a text has it."""
UNDIVIDED = re.compile(r"(?<=['\"\d])\s+(?=['\"\d])")
"""Stands between the items of NumPy's arrays where they are written out."""
AT_HOME = 0.8
"""Share of the labels in cells of several that must occur in another cell, too, for a separator to be believed."""


@dataclass(frozen=True, kw_only=True)
class LabelForm:
    """How the user says that labels stand; nothing is said of most data."""

    columns: tuple[str, ...] = ()
    """One for each label, with 0 and 1 in it."""
    several: bool = False
    """Whether the label column may hold several."""
    separator: str | None = None


def label_form(columns: Mapping[str, str] | None, names: Sequence[str], where: str) -> tuple[dict[str, str], LabelForm]:
    """Take the roles `labels` and `separator` out of the user's columns; a single column of labels takes the role `label`."""
    given = dict(columns or {})
    separator, labels = given.pop("separator", None), given.pop("labels", None)
    if labels is None:
        return given, LabelForm(several=separator is not None, separator=separator)
    if "label" in given:
        raise UserError("give label=COLUMN for one label a text, or labels=COLUMN for any, not both")
    if labels in names:
        return {**given, "label": labels}, LabelForm(several=True, separator=separator)
    wanted = tuple(name.strip() for name in labels.split(","))
    for name in wanted:
        if name not in names:
            raise UserError(f"{where}: no column {name!r}.{did_you_mean(name, names)} Columns: {', '.join(names)}.")
    if len(wanted) < 2 or len(set(wanted)) < len(wanted):
        raise UserError(f"label columns must be two different ones or more, got {labels!r}")
    if separator is not None:
        raise UserError("a separator is for a column of names; columns of 0 and 1 have none")
    return given, LabelForm(columns=wanted, several=True)


def of_flags(place: str, cells: Sequence[str], names: Sequence[str]) -> str:
    """The names of the columns that say 1, joined."""
    said = []
    for cell, name in zip(cells, names, strict=True):
        value = cell.strip().lower().removesuffix(".0")
        if value not in ("0", "1", "true", "false", ""):
            raise UserError(f"{place}: {name!r} must be 0 or 1, got {cell[:40]!r}")
        said += [name] if value in ("1", "true") else []
    return joined(place, said)


def joined(place: str, labels: Sequence[str]) -> str:
    """Labels as a Table holds them."""
    given = [label.strip() for label in labels if label.strip()]
    found = dict.fromkeys(given)
    if len(found) < len(given) and FLAGS.issuperset(found):
        refuse_flags(place, given)
    odd = next((label for label in found if JOINT in label), None)
    if odd is not None:
        raise UserError(f"{place}: the label {odd!r} holds {JOINT!r}, which stands between labels; rename it")
    return JOINT.join(found)


def refuse_flags(place: str, given: Sequence[str]) -> None:
    """Say that 0 and 1 for each label name none."""
    raise UserError(
        f"{place}: {', '.join(given)[:40]!r} are 0 and 1 for each label, not names; write the names of a text's labels, or a"
        " column of 0 and 1 for each label and --columns labels=toxic,insult"
    )


def are_flags(cells: Sequence[str]) -> bool:
    """Whether every text has one 0 and one 1 for its labels, as where one of two labels is marked in each."""
    return bool(cells) and all(len(parts(cell)) == 2 and FLAGS.issuperset(parts(cell)) for cell in set(cells))


def parts(cell: str) -> tuple[str, ...]:
    """The labels that were joined."""
    return tuple(cell.split(JOINT)) if cell else ()


def likely_separator(cells: Sequence[str], known: Sequence[str] = ()) -> str | None:
    """What stands between labels, where most of those that share a cell are found in other cells as well.

    Args:
        known: labels; where they are given, a separator is believed that leaves no other.
    """
    counts = Counter(cells)
    for separator in SEPARATORS:
        split = {cell: [part.strip() for part in cell.split(separator)] for cell in counts}
        several = [names for names in split.values() if len(names) > 1]
        if not several:
            continue
        if known:
            if all(name in known for names in split.values() for name in names if name):
                return separator
            continue
        homes: dict[str, set[str]] = defaultdict(set)
        for cell, names in split.items():
            for name in names:
                homes[name].add(cell)
        shared = {name for names in several for name in names}
        numbers = separator == "," and all(name.replace(".", "").isdecimal() for name in shared)
        if "" in shared or numbers or max(map(len, shared)) > 40:
            continue
        if sum(len(homes[name]) > 1 for name in shared) >= AT_HOME * len(shared):
            return separator
    return None


def written_lists(cells: Sequence[str]) -> list[list[Any]] | None:
    """Each cell's labels where all that hold anything are lists written out: ["a", "b"], ['a', 'b'], ['a' 'b'] or [0, 3]."""
    if not any(cells) or not all(cell.strip()[:1] + cell.strip()[-1:] in ("", "[]", "()") for cell in cells):
        return None
    found = [_items(cell.strip()) for cell in cells]
    return None if None in found else found  # type: ignore[return-value]


def _items(cell: str) -> list[Any] | None:
    """The items of a list of texts or numbers that is written out; None where it is none."""
    try:
        items = json.loads(cell or "[]")
    except (ValueError, RecursionError):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)
                items = ast.literal_eval(UNDIVIDED.sub(", ", cell))
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
    known = isinstance(items, (list, tuple)) and all(isinstance(one, (str, int, float)) for one in items)
    return list(items) if known else None


def named_separator(cells: Sequence[str]) -> str:
    """What stands between the labels of a column that is said to hold several: the likely one, else any that occurs."""
    occurs = (separator for separator in SEPARATORS if any(separator in cell for cell in cells))
    return likely_separator(cells) or next(occurs, JOINT)


def written_names(names: Mapping[Any, Any]) -> str:
    """What labels are called, as a user writes it: 0=negative,1=positive; in quotes where a name holds a comma or equals sign;
    quotes in it are doubled then."""
    return ",".join(f"{_quoted(str(label))}={_quoted(str(name))}" for label, name in names.items())


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"' if re.search('[",，=＝]', name) else name
