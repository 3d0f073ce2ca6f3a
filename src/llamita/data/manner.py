"""How texts are written, case, spaces and marks: a test file that was prepared in another way measures another task."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from llamita.core.task import parts_of
from llamita.data.finding import DataFinding, found_in
from llamita.data.lengths import ENDS
from llamita.data.table import Table
from llamita.data.text import is_traditional

SMALLEST, APART = 50, 0.5
"""Texts that both files need; and by how much the shares of texts with a sign must differ."""
FULL_WIDTH = re.compile("[０-９Ａ-Ｚａ-ｚ]")
PARTED = re.compile(r"\w [.,!?](?: |$)")
SIGNS = {
    "edges": "texts that begin or end with white space",
    "lower": "texts without a capital letter",
    "parted": "texts with a space before a full stop or comma",
    "open": "texts without a mark at their end",
    "lines": "texts of several lines",
    "wide": "texts with full-width letters or digits",
    "traditional": "texts in traditional characters",
}
HAVE: dict[str, Callable[[str], bool]] = {
    "edges": lambda text: text != text.strip(),
    "lower": lambda text: text == text.lower() != text.upper(),
    "parted": lambda text: PARTED.search(text) is not None,
    "open": lambda text: text.rstrip()[-1:] not in ENDS,
    "lines": lambda text: "\n" in text.strip(),
    "wide": lambda text: FULL_WIDTH.search(text) is not None,
    "traditional": is_traditional,
}
"""Whether a text has the sign."""


def written_otherwise(train: Table, test: Table) -> Iterator[DataFinding]:
    """Signs that most texts of one file have, and far fewer of the other."""
    if min(len(train), len(test)) < SMALLEST:
        return
    for name, have in HAVE.items():
        ours, theirs = ([any(map(have, parts_of(text))) for text in table.texts] for table in (train, test))
        known, tested = sum(ours) / len(ours), sum(theirs) / len(theirs)
        if abs(known - tested) < APART:
            continue
        rows = [i for i, has in enumerate(theirs) if has == (tested > known)]
        message = f"{SIGNS[name]}: {100 * tested:.0f} % of the test data, {100 * known:.0f} % of the training data"
        remedy = "write both as users will, or the score is that of another kind of text"
        yield found_in(test, rows, "manner", "info", message, remedy)
