"""Copies of a text: the same letters and digits, or nearly the same by their character n-grams.

Near copies are sought with MinHash (Broder, "On the resemblance and containment of documents", 1997) and
locality-sensitive hashing, by datasketch; each pair it proposes is then compared exactly, so that none is a false alarm.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from llamita.core.errors import require
from llamita.core.task import Text, parts_of
from llamita.data.on_disk import TextsOnDisk
from llamita.data.sketches import Sketches, hashed, shingles
from llamita.data.text import text_key

LIKENESS, MANY_CHARACTERS = 0.8, 5_000_000
"""How alike near copies are where nothing is said, and beyond how many characters they are only looked for when asked: so
many take half a minute."""
HELD_SHINGLES = 5_000_000
"""N-grams that are held, 8 bytes each; those of further texts are made again from the text for each comparison."""
DOUBT = 0.2
"""By how much hashes may miss the likeness of two texts, five times their spread: pairs further off aren't compared exactly."""


def first_copies(texts: Iterable[Text], key: Callable[[Text], str] = text_key) -> np.ndarray:
    """For each text the index of the first one that is the same, its own where it is the first: int64 [texts].

    Only hashes are held.
    """
    digests = bytearray()
    for text in texts:
        digests += _digest(key(text))  # join would hold an object for each
    halves = np.frombuffer(digests, np.uint64).reshape(-1, 2)
    order = np.lexsort((halves[:, 1], halves[:, 0]))  # stable, so that of copies the first comes first
    new = np.ones(len(order), bool)
    new[1:] = (halves[order[1:]] != halves[order[:-1]]).any(axis=1)
    first = np.empty(len(order), np.int64)
    first[order] = order[new][np.cumsum(new) - 1]
    return first


def _digest(key: str) -> bytes:
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def same_texts(texts: Iterable[Text], key: Callable[[Text], str] = text_key) -> list[list[int]]:
    """Groups of indices whose texts are copies, in order; single texts are left out."""
    first = first_copies(texts, key)
    repeated = np.flatnonzero(np.bincount(first, minlength=len(first))[first] > 1)
    order = repeated[np.argsort(first[repeated], kind="stable")]
    ends = np.flatnonzero(np.diff(first[order])) + 1
    return [rows.tolist() for rows in np.split(order, ends) if len(rows)]


def quickly_looked_through(*tables: Iterable[Text]) -> bool:
    """Whether near copies can be looked for without being asked."""
    left = MANY_CHARACTERS
    for text in chain(*tables):
        left -= sum(map(len, parts_of(text)))
        if left < 0:
            return False
    return True


def near_pairs(
    texts: Iterable[Text], likeness: float = LIKENESS, key: Callable[[Text], str] = text_key
) -> list[tuple[int, int]]:
    """Pairs of texts, each the first of its copies, that are near copies of one another; the earlier one first.

    Args:
        likeness: least share of character n-grams that two texts have in common (Jaccard), in (0, 1].
        key: what two copies have in common.
    """
    met, pairs = _Met(likeness, key), []
    for row, text in enumerate(texts):
        if (sketch := met.sketched(text)) is not None:
            pairs += [(met.rows[place], row) for place in met.proposed(sketch) if met.is_near(place, sketch)]
            met.add(row, sketch)
    return sorted(pairs)


def near_ones(
    texts: Iterable[Text], others: Iterable[Text], likeness: float = LIKENESS, key: Callable[[Text], str] = text_key
) -> list[int]:
    """Places of texts, each the first of its copies, that are near copies of one of the others, and no copies of one.

    Texts aren't compared with one another; of many that are all alike, each is compared with few of the others.
    """
    met = _Met(likeness, key)
    for row, text in enumerate(others):
        if (sketch := met.sketched(text)) is not None:
            met.add(row, sketch)
    found = []
    for row, text in enumerate(texts):
        sketch = met.sketched(text)
        if sketch is not None and any(met.is_near(place, sketch) for place in met.proposed(sketch)):
            found.append(row)
    return found


def near_groups(texts: Iterable[Text], likeness: float = LIKENESS, key: Callable[[Text], str] = text_key) -> np.ndarray:
    """For each text the index of the first one that it is a copy or a near copy of, be it by way of others: int64 [texts]."""
    kept = list(texts) if iter(texts) is texts else texts
    head = first_copies(kept, key)

    def first_of(row: int) -> int:
        while head[row] != row:
            head[row] = head[head[row]]
            row = int(head[row])
        return row

    for one, other in near_pairs(kept, likeness, key):
        low, high = sorted((first_of(one), first_of(other)))
        head[high] = low
    return np.fromiter(map(first_of, range(len(head))), np.int64, len(head))


def _numbers_of(parts: Iterable[str]) -> np.ndarray:
    """N-grams as numbers of 64 bits, which two different ones don't share in any number of texts there is."""
    return np.fromiter(map(hash, parts), np.int64)


@dataclass(frozen=True, kw_only=True)
class _Sketch:
    """What is compared of a text."""

    key: str
    numbers: np.ndarray
    """Of its n-grams."""
    hashed: Any


class _Met:
    """Texts among which those nearly like another one are found: 3 kB of hashes each are held, the texts stand on disk."""

    def __init__(self, likeness: float, key: Callable[[Text], str]):
        require(0 < likeness <= 1, f"likeness must be in (0, 1], got {likeness:g}")
        self.likeness, self.key = likeness, key
        self.rows = array("q")
        """Of each place the number under which the text was added."""
        self._digests: set[bytes] = set()
        self._sketches, self._keys = Sketches(likeness), TextsOnDisk()
        self._held: dict[int, np.ndarray] = {}
        self._room = HELD_SHINGLES

    def sketched(self, text: Text) -> _Sketch | None:
        """None of a copy of a text that was sketched before, and of one too short to be nearly like another."""
        key = self.key(text)
        digest = _digest(key)
        if digest in self._digests:
            return None
        self._digests.add(digest)
        parts = shingles(key)
        return _Sketch(key=key, numbers=_numbers_of(parts), hashed=hashed(parts)) if parts else None

    def add(self, row: int, sketch: _Sketch) -> None:
        """Let a text be found from now on."""
        self._sketches.add(sketch.hashed)
        self._keys.append(sketch.key)
        self._room -= len(sketch.numbers)
        if self._room >= 0:
            self._held[len(self.rows)] = sketch.numbers
        self.rows.append(row)

    def proposed(self, sketch: _Sketch) -> list[int]:
        """Places of texts that are probably as alike as asked; those that are less alike by a bit are proposed too."""
        return self._sketches.alike(sketch.hashed, self.likeness - DOUBT)

    def is_near(self, place: int, sketch: _Sketch) -> bool:
        """Whether the text at a place is as alike as asked, by its n-grams themselves."""
        other = self._held.get(place)
        if other is None:
            other = _numbers_of(shingles(self._keys[place]))
        common = len(np.intersect1d(other, sketch.numbers, assume_unique=True))
        return common >= self.likeness * (len(other) + len(sketch.numbers) - common)


def kept_of(groups: Iterable[Sequence[int]], labels: Sequence[str] | None) -> tuple[set[int], int]:
    """Which rows of groups of copies to drop, and how many groups had no label that most of their rows agree on.

    The first row of the commonest label stays; where two labels are as common nothing of the group stays, since one is wrong.
    """
    dropped: set[int] = set()
    undecided = 0
    for rows in groups:
        counts = Counter(labels[i] for i in rows).most_common(2) if labels else [("", len(rows))]
        if len(counts) > 1 and counts[0][1] == counts[1][1]:
            undecided += 1
            dropped.update(rows)
            continue
        stays = next(i for i in rows if not labels or labels[i] == counts[0][0])
        dropped.update(i for i in rows if i != stays)
    return dropped, undecided


def repeated_nearly(
    texts: Iterable[Text], labels: Sequence[str] | None, likeness: float = LIKENESS,
    key: Callable[[Text], str] = text_key,
) -> set[int]:  # fmt: skip
    """Rows that are a near copy of an earlier row that stays and has the same label.

    Near copies of different labels all stay: a word such as "not" may be the difference.
    """
    met, dropped = _Met(likeness, key), set()
    for row, text in enumerate(texts):
        if (sketch := met.sketched(text)) is None:
            continue
        places = (p for p in met.proposed(sketch) if labels is None or labels[met.rows[p]] == labels[row])
        if any(met.is_near(place, sketch) for place in places):
            dropped.add(row)
        else:
            met.add(row, sketch)
    return dropped


class Seen:
    """Texts met so far in a stream: it holds their hashes, about 100 bytes a text and 3 kB where near copies count."""

    def __init__(self, *, near: bool, likeness: float = LIKENESS, key: Callable[[Text], str] = text_key):
        """Begin with none.

        Args:
            key: what two copies have in common.
        """
        require(0 < likeness <= 1, f"likeness must be in (0, 1], got {likeness:g}")
        self.likeness, self.key = likeness, key
        self._keys: set[bytes] = set()
        self._sketches = Sketches(likeness) if near else None

    def copy_kind(self, text: Text, *, remember: bool = True) -> str:
        """ "copies" or "near copies" of a text met before; else nothing, and the text counts as met if it is remembered.

        Near copies are judged by hashes, which tell the common n-grams to within 0.04 or so.
        """
        if not self._keys and not remember:
            return ""
        key = self.key(text)
        digest = _digest(key)
        if digest in self._keys:
            return "copies"
        if remember:
            self._keys.add(digest)
        if self._sketches is None or not (parts := shingles(key)):
            return ""
        sketch = hashed(parts)
        if self._sketches.alike(sketch, self.likeness):
            return "near copies"
        if remember:
            self._sketches.add(sketch)
        return ""

    @classmethod
    def of(cls, texts: Iterable[Text], *, near: bool, key: Callable[[Text], str] = text_key) -> Seen:
        """All of these, met already."""
        seen = cls(near=near, key=key)
        for text in texts:
            seen._meet(text)
        return seen

    def _meet(self, text: Text) -> None:
        """Remember a text, also one that is nearly another: what is near to it needn't be near to the other."""
        key = self.key(text)
        if (digest := _digest(key)) in self._keys:
            return
        self._keys.add(digest)
        if self._sketches is not None and (parts := shingles(key)):
            self._sketches.add(hashed(parts))
