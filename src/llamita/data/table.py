"""A table of texts: what every source of data becomes."""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from collections.abc import Iterable, MutableSequence, Sequence
from dataclasses import dataclass, replace
from typing import Any

from llamita.core.errors import UserError, require
from llamita.core.task import Text
from llamita.data.label_sets import joined, parts


@dataclass(kw_only=True)
class Table:
    """Texts in the order of their source."""

    texts: Sequence[Text]
    labels: list[str] | None
    """Label names as text, one per text; None when the source has none."""
    lines: MutableSequence[int]
    """1-based line of each row in its file; 1-based position where there are no lines."""
    columns: dict[str, str]
    """Which column was read as text, pair and label; labels and separator where a text has any."""
    source: str
    """What the user named: a file, a folder, a pattern; or what else the texts came from."""
    files: list[str] | None = None
    """Each row's file where the source is more than one."""
    several: bool = False
    """Whether a text has any labels: their names stand in one string with | between, an empty one for none."""
    kept: list[dict[str, Any]] | None = None
    """Of each row the further columns that were asked for, as the source has them."""

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        """How many rows and from where; all of them would fill the screen."""
        roles = ", ".join(f"{role} = {column}" for role, column in self.columns.items())
        return f"<Table: {len(self):,} rows of {self.source}; {roles}>"

    @property
    def label_column(self) -> str:
        """The column of the labels; empty where there is none."""
        return self.columns.get("label", self.columns.get("labels", ""))

    def place(self, index: int) -> str:
        """A row's file and line."""
        return f"{self.files[index] if self.files else self.source}:{self.lines[index]}"

    def compared_labels(self) -> list[str] | None:
        """Each row's label, of several in one order, so that two rows with the same ones have the same."""
        if not self.several or self.labels is None:
            return self.labels
        return ["|".join(sorted(parts(cell))) for cell in self.labels]

    def rarest_labels(self) -> list[str]:
        """Each row's label; of several the rarest, so that a draw by these has rows of all; empty where there is none."""
        if not self.several:
            return self.labels or [""] * len(self)
        counts: Counter[str] = Counter()
        for cell, number in Counter(self.labels).items():
            counts.update(dict.fromkeys(parts(cell), number))
        found = {
            cell: min(parts(cell), key=lambda one: (counts[one], one), default="") for cell in set(self.labels or ())
        }
        return [found[cell] for cell in self.labels or ()]

    def take(self, indices: Sequence[int]) -> Table:
        """The rows at these indices, in the order given."""
        return replace(
            self,
            texts=[self.texts[i] for i in indices],
            labels=None if self.labels is None else [self.labels[i] for i in indices],
            lines=[self.lines[i] for i in indices],
            files=None if self.files is None else [self.files[i] for i in indices],
            kept=None if self.kept is None else [self.kept[i] for i in indices],
        )


def refuse_bare_list(table: Table) -> None:
    """Say how labels are given beside a list from Python, which has no columns to name."""
    require(
        table.source != "list" or table.labels is not None,
        "a list of texts or pairs of texts has no labels; pass them beside it: (texts, labels)",
    )


def part_labels(table: Table, separator: str) -> None:
    """Read the labels as names with this between."""
    assert table.labels is not None
    take_labels(table, (cell.split(separator) for cell in table.labels))
    table.columns["separator"] = separator


def require_kind(table: Table, *, pairs: bool) -> None:
    """Refuse single texts beside data of pairs, and the other way round."""
    strange = next((i for i, text in enumerate(table.texts) if isinstance(text, str) == pairs), None)
    if strange is not None and pairs:
        raise UserError(
            f"{table.place(strange)}: a single text, but the data has pairs; give pairs, or name their columns:"
            " text=COLUMN,pair=COLUMN"
        )
    if strange is not None:
        raise UserError(
            f"{table.place(strange)}: a pair of texts, but the data has single ones; give such, or name their column: text=COLUMN"
        )


def take_labels(table: Table, names: Iterable[Sequence[str]]) -> None:
    """Give each text any number of labels."""
    table.labels = [sys.intern(joined(table.place(i), of)) for i, of in enumerate(names)]
    table.several = True
    if "label" in table.columns:
        table.columns["labels"] = table.columns.pop("label")


def merged(chunks: Iterable[Table], *, texts: bool = True) -> Table:
    """Chunks of one source as one table; without its texts where somebody gives it others."""
    held, labels, files = list[Text](), list[str](), list[str]()
    lines: MutableSequence[int] = [] if texts else array("q")
    shown: Table | None = None
    for chunk in chunks:
        if shown is None or (chunk.several and not shown.several):
            shown = chunk
        held += chunk.texts if texts else ()
        labels += map(sys.intern, chunk.labels or ())
        lines.extend(chunk.lines)
        files += chunk.files or ()
    assert shown is not None
    kept = None if shown.labels is None else labels
    return replace(shown, texts=held, labels=kept, lines=lines, files=files or None)


def one_of_all(tables: Sequence[Table], source: Any) -> Table:
    """One table of all; a row's file is kept where there are several."""
    first = tables[0]
    if len(tables) == 1:
        return first
    labelled = [table for table in tables if table.labels is not None]
    if labelled and len(labelled) < len(tables):
        bare = next(table for table in tables if table.labels is None)
        raise UserError(f"{bare.source} has no labels, but {labelled[0].source} has; read them apart")
    several = any(table.several for table in tables)
    named = next(table.columns for table in tables if table.several == several)
    return Table(
        texts=[text for table in tables for text in table.texts],
        labels=[label for table in tables for label in table.labels or ()] if labelled else None,
        lines=[line for table in tables for line in table.lines], columns=named, source=str(source),
        files=[table.source for table in tables for _ in table.texts], several=several,
    )  # fmt: skip
