"""Hand labels beside texts without labels: which of them calibrate a teacher, and which measure it and its student."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from llamita.core.errors import require
from llamita.core.task import Split
from llamita.data.portion import share_of_each
from llamita.data.read import read_beside
from llamita.data.table import Table, require_kind
from llamita.tasks.splits import without
from llamita.workshop import open_task

log = logging.getLogger(__name__)
CALIBRATING = 1 / 3
"""Share of the hand labels that calibrates the teacher."""
FEWEST = 20
"""Hand labels under which nothing can be said."""


def read_hand_labels(
    audit: Any, test: Any, labels: Sequence[str], columns: Mapping[str, str] | None, seed: int, *, pairs: bool
) -> tuple[Split, Split]:
    """Hand labels that calibrate, and those that measure: labelled texts for testing measure and all others calibrate;
    without them a third calibrates and the rest measures.

    Args:
        pairs: Whether the texts that are to be labelled are pairs.

    Raises:
        UserError: too few of them, a label that isn't asked for, several labels a text, or pairs beside single texts.
    """
    empty = Split(texts=())
    splits = [
        open_task({"classify": {"test": read_labelled(given, columns, pairs=pairs), "labels": labels}}).test
        if given is not None else empty
        for given in (audit, test)
    ]  # fmt: skip
    require(
        audit is None or len(splits[0]) >= FEWEST,
        f"{splits[0].source}: {len(splits[0])} hand labels are too few to say anything; label {FEWEST} texts or more",
    )
    if test is not None or audit is None:
        calibrating, both = without(splits[0], splits[1])
        if both:
            log.info("%d hand labels also stand in the test texts and measure only", both)
        return calibrating, splits[1]
    hand = splits[0]
    first = share_of_each(hand.texts, hand.labels, CALIBRATING, seed)
    taken = set(first)
    return hand.take(first), hand.take([i for i in range(len(hand)) if i not in taken])


def read_labelled(given: Any, columns: Mapping[str, str] | None, *, pairs: bool) -> Table:
    """Texts with one label each, pairs or single ones as those that are to be labelled.

    Raises:
        UserError: other labels, or other texts.
    """
    table = read_beside(given, columns=columns)
    require(
        not table.several,
        f"{table.source}: a text has several labels, but a teacher is asked for one; give texts with one label each",
    )
    require_kind(table, pairs=pairs)
    return table
