"""What the labels of a table are called: 0=negative,1=positive turns codes into names, and several codes into one name."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence

from llamita.core.command import quoted
from llamita.core.errors import UserError, did_you_mean
from llamita.data.cells import plain_form
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


def _called(labels: Collection[str], names: Mapping[str, str]) -> dict[str, str | None]:
    """What labels are called, if they have a name: their own, else that of the same number or truth value, 5.0 for 5."""
    by_form = dict[str, set[str]]()
    for given, name in names.items():
        by_form.setdefault(plain_form(given), set()).add(name)
    of_form = {form: next(iter(called)) for form, called in by_form.items() if len(called) == 1}
    return {label: names.get(label, of_form.get(plain_form(label))) for label in labels}


def _are_one(label: str, other: str) -> bool:
    return plain_form(label) == plain_form(other)


def written_twice(labels: Iterable[str]) -> str:
    """Says so where two labels are one number, or one truth value, written in two ways; nothing where none are."""
    by_form = dict[str, list[str]]()
    for label in sorted(labels):
        by_form.setdefault(plain_form(label), []).append(label)
    alike = next((of for of in by_form.values() if len(of) > 1), None)
    if alike is None:
        return ""
    told = quoted(written_names({alike[1]: alike[0]}))
    return f"{alike[0]!r} and {alike[1]!r} are two labels as they are written; if one is meant: --label-names {told}"


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
    found = _called(here, names)
    bare = sorted(label for label, name in found.items() if name is None)
    if shared := [
        label for label in sorted(here & names.keys()) for other in here - names.keys() if _are_one(label, other)
    ]:
        logger.info(
            "%s: %s stands there in two ways, which get one name: %s", table.source, shared[0], names[shared[0]]
        )
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
