"""What the labels of a table are called: 0=negative,1=positive turns codes into names, and several codes into one name."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, Sequence

from llamita.core.command import quoted
from llamita.core.errors import UserError, did_you_mean
from llamita.data.label_sets import joined, parts, written_names
from llamita.data.table import Table

logger = logging.getLogger(__name__)


def parsed(text: str) -> dict[str, str]:
    """ "0=negative,1=positive" as a mapping; in double quotes a name may hold a comma or an equals sign,
    and double quotes that are doubled.

    Raises:
        UserError: it isn't one, or gives a label two names.
    """
    found: dict[str, str] = {}
    for part in re.findall(r'(?:"[^"]*"|[^",，])+', text):
        sides = [_unquoted(side.strip()) for side in re.findall(r'(?:"[^"]*"|[^"=＝])+', part)]
        if len(sides) != 2 or not all(sides):
            raise UserError(
                f"names of labels must look like 0=negative,1=positive, got {text!r}; a name with an equals sign or a comma"
                ' stands in double quotes: "a=b"=good'
            )
        if found.setdefault(sides[0], sides[1]) != sides[1]:
            raise UserError(f"label {sides[0]!r} is given two names, {found[sides[0]]!r} and {sides[1]!r}")
    if not found:
        raise UserError(f"names of labels must look like 0=negative,1=positive, got {text!r}")
    return found


def _unquoted(name: str) -> str:
    whole = re.fullmatch(r'"((?:[^"]|"")*)"', name)
    return (whole[1].replace('""', '"') if whole else name).strip()


def _named(label: str, names: Mapping[str, str]) -> str | None:
    """What a label is called, if it has a name; 1.0 is 1, and True is true."""
    forms = (label, label.removesuffix(".0"), label.lower() if label in ("True", "False") else label)
    return next((names[form] for form in forms if form in names), None)


def rename_labels(table: Table, told: str) -> None:
    """Give the labels their names; those that have none keep what they are called.

    Labels that are names all of them already stay, unless each is also one that is given another name (0=1,1=0).

    Raises:
        UserError: none of these labels is in the table, and not all of its labels have the names already.
    """
    if table.labels is None:
        return
    names = parsed(told)
    here = {label for cell in set(table.labels) for label in (parts(cell) if table.several else [cell]) if label}
    found = {label: _named(label, names) for label in here}
    bare = sorted(label for label, name in found.items() if name is None)
    if here <= set(names.values()) and (bare or not here):
        return
    if len(bare) == len(here):
        some = ", ".join(bare[:20])
        raise UserError(f"{table.source}: none of {', '.join(names)} is a label here; labels are {some}")
    if left := [label for label in bare if label not in names.values()]:
        logger.info("%s: labels without another name stay as they are: %s", table.source, ", ".join(left[:20]))
    known = {label: label if name is None else name for label, name in found.items()}
    if table.several:
        renamed = {
            cell: joined(table.source, [known[label] for label in parts(cell)]) if cell else cell
            for cell in set(table.labels)
        }
    else:
        renamed = known | {"": ""}
    table.labels = [sys.intern(renamed[label]) for label in table.labels]


def nothing_to_name(source: object) -> UserError:
    """Says that names of labels were given where there are no labels."""
    return UserError(
        f"{source} has no labels that --label-names could name; leave it out, or name their column: --columns label=COLUMN"
    )


def stranger(place: str, label: str, known: Sequence[str]) -> UserError:
    """Says that the model has no such label, and how to say that the data has other words for the same labels."""
    other = f" If it is another word for one, say for which: --label-names {quoted(written_names({label: 'NAME'}))}"
    return UserError(
        f"{place}: label {label!r} is none of the model's labels ({', '.join(known[:20])}).{did_you_mean(label, known) or other}"
    )
