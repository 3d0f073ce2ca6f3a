"""What the labels of a table are called: 0=negative,1=positive turns codes into names, and several codes into one name."""

from __future__ import annotations

import logging
import re
import sys

from llamita.core.errors import UserError
from llamita.data.label_sets import joined, parts
from llamita.data.table import Table

logger = logging.getLogger(__name__)


def parsed(text: str) -> dict[str, str]:
    """ "0=negative,1=positive" as a mapping; in double quotes a name may hold a comma or an equals sign.

    Raises:
        UserError: it isn't one, or gives a label two names.
    """
    found: dict[str, str] = {}
    for part in re.findall(r'(?:"[^"]*"|[^",，])+', text):
        sides = [side.strip().strip('"').strip() for side in re.findall(r'(?:"[^"]*"|[^"=＝])+', part)]
        if len(sides) != 2 or not all(sides):
            raise UserError(f"names of labels must look like 0=negative,1=positive, got {text!r}")
        if found.setdefault(sides[0], sides[1]) != sides[1]:
            raise UserError(f"label {sides[0]!r} is given two names, {found[sides[0]]!r} and {sides[1]!r}")
    if not found:
        raise UserError(f"names of labels must look like 0=negative,1=positive, got {text!r}")
    return found


def rename_labels(table: Table, told: str) -> None:
    """Give the labels their names; those that have none keep what they are called.

    Raises:
        UserError: none of these labels is in the table, and not all of its labels have the names already.
    """
    if table.labels is None:
        return
    names = parsed(told)
    here = {label for cell in set(table.labels) for label in (parts(cell) if table.several else [cell]) if label}
    known = {label: names.get(label, names.get(label.removesuffix(".0"), label)) for label in here}
    if here <= set(names.values()):
        return
    if all(known[label] == label for label in here):
        some = ", ".join(sorted(here)[:20])
        raise UserError(f"{table.source}: none of {', '.join(names)} is a label here; labels are {some}")
    if left := sorted(label for label in here - set(names.values()) if known[label] == label):
        logger.info("%s: labels without another name stay as they are: %s", table.source, ", ".join(left[:20]))
    if table.several:
        renamed = {
            cell: joined(table.source, [known[label] for label in parts(cell)]) if cell else cell
            for cell in set(table.labels)
        }
    else:
        renamed = known | {"": ""}
    table.labels = [sys.intern(renamed[label]) for label in table.labels]
