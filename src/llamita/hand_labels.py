"""Hand labels beside texts without labels: which of them calibrate a teacher, and which measure it and its student."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llamita.core.task import Split
from llamita.data.portion import share_of_each
from llamita.data.read import read_table
from llamita.workshop import open_task

CALIBRATING = 1 / 3
"""Share of the hand labels that calibrates the teacher."""


def read_hand_labels(
    audit: Any, test: Any, labels: Sequence[str], columns: Mapping[str, str] | None, seed: int
) -> tuple[Split, Split]:
    """Hand labels that calibrate, and those that measure: labelled texts for testing measure and all others calibrate;
    without them a third calibrates and the rest measures.

    Raises:
        UserError: a label that isn't asked for.
    """
    empty = Split(texts=())
    splits = [
        open_task({"classify": {"test": read_table(given, columns=columns, labelled=True), "labels": labels}}).test
        if given is not None else empty
        for given in (audit, test)
    ]  # fmt: skip
    if test is not None or audit is None:
        return splits[0], splits[1]
    hand = splits[0]
    first = share_of_each(hand.texts, hand.labels, CALIBRATING, seed)
    taken = set(first)
    return hand.take(first), hand.take([i for i in range(len(hand)) if i not in taken])
