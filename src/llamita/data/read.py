"""Texts and labels from a file, a Python list, a pandas table or a dataset: always the same Table."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from llamita.core.errors import UserError
from llamita.data.cells import plain, rows_text
from llamita.data.chunks import CHUNK, Reading, chunks_of
from llamita.data.columns import NAMES, NO_LABEL
from llamita.data.decode import encoding_of_one, text_lines
from llamita.data.faults import Faults
from llamita.data.files import PIPED, STDIN, Labelled, files_of, without_plain_text
from llamita.data.hub import hub_dataset, is_hub_id
from llamita.data.label_names import rename_labels
from llamita.data.label_sets import are_flags, likely_separator, named_separator, parts, refuse_flags, written_lists
from llamita.data.objects import rows_of
from llamita.data.opening import open_rows
from llamita.data.table import Table, merged, one_of_all, part_labels, refuse_bare_list, take_labels

logger = logging.getLogger(__name__)


def read_table(
    source: Any, *, columns: Mapping[str, str] | None = None, encoding: str | None = None, labelled: bool | None = None,
    faults: Faults | None = None, one_label: bool = False,
) -> Table:  # fmt: skip
    """Read everything.

    Args:
        source: A path (CSV, TSV, JSONL, JSON, Parquet, plain text; also packed as .gz or .zst), a folder or pattern of
            such files, a folder with a folder of .txt files for each label, "-" for standard input; a data set of the Hub
            (owner/name, owner/name:split, owner/name:config:split); a list of texts, pairs or dicts, `(texts, labels)`,
            a pandas DataFrame or the dict that its `to_json` and `to_dict` make, a pyarrow.Table, a datasets.Dataset, a
            generator of texts or dicts; or a Table, which is handed back.
        columns: Which column is what, such as {"text": "review", "label": "stars"}; the rest is guessed. Of texts with any
            labels {"labels": "tags"}, with {"separator": ";"} where it can't be guessed, or {"labels": "toxic,insult"} for
            columns of 0 and 1. {"label": "none"} says that no column holds labels, {"names": {"0": "bad", "1": "good"}} what
            the labels are called.
        encoding: Of a file that is not UTF-8.
        labelled: True refuses a source without labels, False leaves its labels unread, None takes what is there.
        faults: Collects rows that can't be read, and lets empty labels pass; without it the first such row is refused.
        one_label: A cell is one label, whatever it looks like, as for a model that gives a text one.
    """
    if isinstance(source, Table):
        return source
    chunks = read_chunks(source, columns=columns, encoding=encoding, labelled=labelled, faults=faults)
    table = one_of_all([merged(own) for _, own in groupby(chunks, key=lambda chunk: chunk.source)], source)
    if faults and not len(table):
        raise faults[0]
    finish(table, Reading(columns=columns, labelled=labelled, faults=faults, one_label=one_label))
    logger.info(
        "%s: %s; %s", table.source, rows_text(len(table)), ", ".join(f"{k} = {v}" for k, v in table.columns.items())
    )
    return table


def read_beside(
    source: Any, *, columns: Mapping[str, str] | None = None, encoding: str | None = None, one_label: bool = False
) -> Table:
    """Labelled texts beside those that `columns` is about, which hold for them too where they have such columns."""
    columns = without_no_label(columns)
    path = Path(source).expanduser() if isinstance(source, (str, Path)) else None
    if columns and path and path.is_file():
        names = open_rows(path, encoding).names
        wanted = [columns[role] for role in columns if role not in ("separator", NAMES)]
        if not all(
            name in names or name.split(".")[0] in names or set(name.split(",")) <= set(names) for name in wanted
        ):
            logger.info("%s has other columns than --columns names; they are guessed", source)
            columns = {NAMES: columns[NAMES]} if NAMES in columns else None
    return read_table(source, columns=columns, encoding=encoding, labelled=True, one_label=one_label)


def without_no_label(columns: Mapping[str, str] | None) -> dict[str, str] | None:
    """What is named for texts that have labels, even where others have none."""
    return {role: name for role, name in (columns or {}).items() if (role, name) != ("label", NO_LABEL)} or None


def finish(table: Table, how: Reading) -> None:
    """Judge all labels together: all empty ones are none; single empty ones are refused, unless a text may have any labels."""
    if table.labels is not None and not table.several and not table.columns.get("separator"):
        _take_lists(table, how)
    if table.labels is not None and not table.several and "labels" in table.columns:
        part_labels(table, table.columns.get("separator") or named_separator(table.labels))
    if table.labels is not None and not any(table.labels) and not table.several:
        table.labels = None
        table.columns.pop("label")
    if table.labels is not None and not table.several and (found := likely_separator(table.labels)):
        if how.one_label:
            logger.info("%s: labels look like several with %s between; labels=COLUMN says so", table.source, found)
        else:
            part_labels(table, found)
    if table.several and are_flags(table.labels or ()):
        refuse_flags(table.place(0), parts((table.labels or [""])[0]))
    _check_labels(table, how.labelled, how.faults)
    if how.names:
        rename_labels(table, how.names)


def _take_lists(table: Table, how: Reading) -> None:
    """Labels that a column of text holds as lists written out, as pandas writes them, are several; one named as one is left."""
    lists = written_lists(table.labels or ())
    if lists is not None and how.one_label:
        logger.info("%s: labels look like lists of several; labels=COLUMN says so", table.source)
    elif lists is not None:
        take_labels(table, [list(map(plain, of)) for of in lists])


def read_chunks(
    source: Any, *, columns: Mapping[str, str] | None = None, encoding: str | None = None, labelled: bool | None = None,
    size: int = CHUNK, faults: Faults | None = None, keep: Sequence[str] = (),
) -> Iterator[Table]:  # fmt: skip
    """Read `size` rows at a time, so that a file of any size fits; arguments as for `read_table`.

    `keep` names further columns, which each table then has in `kept`.
    Files of a folder or pattern come one after the other, each chunk from one file; the first one's columns hold for all.
    """
    how = Reading(columns=columns, labelled=labelled, faults=faults, keep=keep)
    if not isinstance(source, (str, Path)) or not str(source):
        yield from chunks_of(*rows_of(source), how, size)
        return
    if is_hub_id(str(source)):
        yield from chunks_of(str(source), rows_of(hub_dataset(str(source)))[1], how, size)
        return
    files = files_of(str(source))
    if isinstance(files, Labelled):
        if how.columns:
            raise UserError(f"{source} has a folder for each label and no columns; leave --columns out")
        if keep:
            raise UserError(f"{source} has a folder for each label and no columns; leave --keep out")
        yield from _labelled_chunks(files, encoding, labelled, size)
        return
    paths = without_plain_text(str(source), files)
    for path in paths:
        name = str(PIPED if path == STDIN else path)
        own = encoding_of_one(path, encoding) if len(paths) > 1 else encoding
        rows = open_rows(path, own, empty_rows=labelled is False, faults=faults)
        for table in chunks_of(name, rows, how, size):
            how = replace(
                how, columns=table.columns | ({"label": NO_LABEL} if how.no_label else {}),
                keep=tuple(table.kept[0]) if table.kept else how.keep,
            )  # fmt: skip
            yield table


def _labelled_chunks(found: Labelled, encoding: str | None, labelled: bool | None, size: int) -> Iterator[Table]:
    """Texts of a folder that has a folder for each label; a file is one text."""
    for start in range(0, len(found.files), size):
        part = found.files[start : start + size]
        yield Table(
            texts=["".join(text_lines(path, encoding_of_one(path, encoding))).strip("\r\n") for path, _ in part],
            labels=None if labelled is False else [label for _, label in part], lines=[1] * len(part),
            columns={"text": "the file"} | ({} if labelled is False else {"label": "its folder"}), source=str(found.folder),
            files=[str(path) for path, _ in part],
        )  # fmt: skip


def _check_labels(table: Table, labelled: bool | None, faults: Faults | None) -> None:
    if table.labels is None:
        if labelled:
            refuse_bare_list(table)
            raise UserError(f"{table.source} has no labels; add a label column, or name it: --columns label=COLUMN")
        return
    if faults is not None or table.several:
        return
    empty = [i for i, label in enumerate(table.labels) if not label.strip()]
    if empty:
        more = f" (and {len(empty) - 1} more)" if len(empty) > 1 else ""
        raise UserError(
            f"{table.place(empty[0])}: the label is empty{more}; fill it in, or move these rows to a"
            " file of unlabelled texts"
        )
