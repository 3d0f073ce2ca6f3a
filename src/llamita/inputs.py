"""What a run is given: its data, read and checked, the folder it goes to, and the teacher that fits its language."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llamita.core.checked import is_number
from llamita.core.errors import UserError, require
from llamita.core.sources import locate
from llamita.data.check import check
from llamita.data.copies import LIKENESS, quickly_looked_through
from llamita.data.files import stem_of
from llamita.data.read import read_table, without_no_label
from llamita.data.table import Table
from llamita.data.text import are_chinese

log = logging.getLogger(__name__)


def checked(
    data: Any, test: Any, unlabelled: Any, columns: Mapping[str, str] | None, select: Any = None
) -> tuple[dict[str, Table], list[dict[str, Any]]]:
    """Read and check the data; what spoils a model is refused, texts shared by the splits are left out of training."""
    given = {"train": data, "test": test, "unlabelled": unlabelled, "select": select}
    how: dict[str, Any] = {
        "train": {"columns": columns}, "test": {"columns": without_no_label(columns)},
        "unlabelled": {"columns": columns, "labelled": False}, "select": {"columns": without_no_label(columns)},
    }  # fmt: skip
    tables = {name: read_table(source, **how[name]) for name, source in given.items() if source is not None}
    quick = quickly_looked_through(*(table.texts for table in tables.values()))
    if not quick:
        log.info("near copies are not looked for in so much text; `llamita data check --near %g` does", LIKENESS)
    found = check(
        tables["train"], tables.get("test"), tables.get("unlabelled"), allow_leakage=True,
        likeness=LIKENESS if quick else None, select=tables.get("select"),
    )  # fmt: skip
    for doubt in found:
        if doubt.severity == "error":
            where = f"{doubt.file}:{doubt.line}" if doubt.line else doubt.file
            raise UserError(f"{where}: {doubt.message}; {doubt.remedy}")
        log.info("%s: %s", doubt.severity, doubt.message)
    return tables, [doubt.to_dict() for doubt in found]


def default_folder(data: Any) -> str:
    """Where a run goes when nothing is said: light- and the name of the file, folder or pattern without its endings."""
    stem = stem_of(Path(data).expanduser()) if isinstance(data, (str, Path)) else "model"
    kept = re.sub(r"[^\w.-]+", "", stem).strip("-.")
    return f"light-{kept or 'data'}"


def data_name(data: Any) -> str:
    """The file's name, or a word for data that came from Python."""
    return str(data) if isinstance(data, (str, Path)) else "DATA"


def as_recipe_holds(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Task settings as a recipe can hold them."""
    named = ("train", "test", "unlabelled", "select")
    return {key: data_name(v) if key in named and not is_number(v) else v for key, v in settings.items()}


def default_teacher(texts: Sequence[Any]) -> str:
    """The packaged teacher for the language of the texts; for Chinese there is none, so one must be named.

    Raises:
        UserError: there is none, or it isn't installed; nothing is fetched that nobody named.
    """
    if are_chinese(texts[:500]):
        raise UserError(
            "the texts are Chinese and no packaged teacher reads Chinese; name one: llamita lighten MODEL …"
        )
    require(
        locate("smollm2").path is not None,
        "no model is named, and smollm2, the usual teacher, isn't installed; name one: llamita lighten MODEL …, or install it:"
        " docs/how-to/install.md",
    )
    return "smollm2"
