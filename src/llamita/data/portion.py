"""Which rows to take: a share of each label for a split, or so many rows in the proportions of the whole."""

from __future__ import annotations

import logging
from array import array
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from llamita.core.errors import UserError
from llamita.core.task import Text
from llamita.data.copies import first_copies, near_groups
from llamita.data.text import reading_key

log = logging.getLogger(__name__)


def share_of_each(
    texts: Iterable[Text], labels: Sequence[int], share: float, seed: int, *, likeness: float | None = None
) -> list[int]:
    """Indices, rising, of this share of each label's texts, at least one where it has two; copies of a text stay together.

    Args:
        likeness: Near copies that are so much alike stay together, too.
    """
    first = first_copies(texts, reading_key) if likeness is None else near_groups(texts, likeness, reading_key)
    heads = np.flatnonzero(first == np.arange(len(first)))
    strata = np.asarray(labels, np.int64)[heads]
    generator = np.random.default_rng(seed)
    taken = np.zeros(len(first), bool)
    by_label = np.argsort(strata, kind="stable")
    for of_label in np.split(heads[by_label], np.flatnonzero(np.diff(strata[by_label])) + 1):
        order = generator.permutation(len(of_label))
        size = max(0, min(len(of_label) - 1, max(1, round(share * len(of_label))))) if share else 0
        taken[of_label[order[:size]]] = True
    return np.flatnonzero(taken[first]).tolist()


def proportional(labels: Sequence[Hashable], number: int, seed: int, *, balanced: bool = False) -> list[int]:
    """Indices, rising, of so many rows, the labels in the proportions of the whole, or as many of each.

    Raises:
        UserError: more rows are asked for than there are.
    """
    if not 1 <= number <= len(labels):
        raise UserError(f"a sample must have 1 to {len(labels):,} rows, as many as there are, got {number:,}")
    places: dict[Hashable, array[int]] = defaultdict(lambda: array("q"))
    for index, label in enumerate(labels):
        places[label].append(index)
    available = {label: len(rows) for label, rows in places.items()}
    short = {label: n for label, n in available.items() if balanced and n < number // len(available)}
    if short:
        label = min(short, key=lambda one: short[one])
        log.warning(
            "warning: %s has only %d rows, fewer than the %d of each label that were asked for; the others make up the rest"
            " (%d rows are the most that can be balanced)",
            label, short[label], number // len(available), short[label] * len(available),
        )  # fmt: skip
    sizes = _sizes(available, number, balanced)
    generator = np.random.default_rng(seed)
    taken = [generator.permutation(np.asarray(rows))[: sizes[label]] for label, rows in places.items()]
    return np.sort(np.concatenate(taken)).tolist()


def _sizes(available: dict[Hashable, int], number: int, balanced: bool) -> Counter[Hashable]:
    """Rows of each label, whole numbers that add up to the number; the largest remainders are rounded up."""
    if balanced:
        sizes: Counter[Hashable] = Counter()
        while (rest := number - sizes.total()) > 0:
            open_labels = [label for label in available if sizes[label] < available[label]]
            each = max(1, rest // len(open_labels))
            for label in open_labels[: rest if rest < len(open_labels) else None]:
                sizes[label] += min(each, available[label] - sizes[label])
        return sizes
    whole = sum(available.values())
    exact = {label: number * count / whole for label, count in available.items()}
    sizes = Counter({label: int(share) for label, share in exact.items()})
    by_remainder = sorted(exact, key=lambda label: sizes[label] - exact[label])
    for label in by_remainder[: number - sizes.total()]:
        sizes[label] += 1
    return sizes
