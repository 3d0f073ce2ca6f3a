"""Copies of a text: the same letters and digits, or nearly the same by their character n-grams.

Near copies are sought with MinHash (Broder, "On the resemblance and containment of documents", 1997) and
locality-sensitive hashing, by datasketch; each pair it proposes is then compared exactly, so that none is a false alarm.
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from llamita.core.errors import require
from llamita.core.task import Text, parts_of
from llamita.data.text import han_share, text_key

SHINGLE, CHINESE_SHINGLE = 5, 3
"""Characters of an n-gram."""
SHORTEST, CHINESE_SHORTEST = 30, 15
"""Characters a text must have to be nearly like another; of shorter ones a letter or two decide what they say."""
LIKENESS, MANY_CHARACTERS = 0.8, 5_000_000
"""How alike near copies are where nothing is said, and beyond how many characters they are only looked for when asked: the
n-grams of so many take about half a gigabyte and half a minute."""
HASHES = 128
"""Of each text; more find more of the pairs that are just as alike as asked."""
DOUBT = 0.2
"""By how much hashes may miss the likeness of two texts, five times their spread: pairs further off aren't compared exactly."""


def same_texts(texts: Sequence[Text], key: Callable[[Text], str] = text_key) -> list[list[int]]:
    """Groups of indices whose texts are copies, in order; single texts are left out."""
    groups: dict[str, list[int]] = defaultdict(list)
    for index, text in enumerate(texts):
        groups[key(text)].append(index)
    return [rows for rows in groups.values() if len(rows) > 1]


def quickly_looked_through(*tables: Sequence[Text]) -> bool:
    """Whether near copies can be looked for without being asked."""
    return sum(len(part) for texts in tables for text in texts for part in parts_of(text)) <= MANY_CHARACTERS


def near_pairs(
    texts: Sequence[Text], likeness: float = LIKENESS, key: Callable[[Text], str] = text_key
) -> list[tuple[int, int]]:
    """Pairs of texts, each the first of its copies, that are near copies of one another; the earlier one first.

    Args:
        likeness: least share of character n-grams that two texts have in common (Jaccard), in (0, 1].
        key: what two copies have in common.
    """
    require(0 < likeness <= 1, f"likeness must be in (0, 1], got {likeness:g}")
    first: dict[str, int] = {}
    for index, text in enumerate(texts):
        first.setdefault(key(text), index)
    shingles = {index: parts for written, index in first.items() if (parts := _shingles(written))}
    pairs = []
    for one, other in _proposed(shingles, likeness):
        common = len(shingles[one] & shingles[other])
        if common >= likeness * (len(shingles[one]) + len(shingles[other]) - common):
            pairs.append((min(one, other), max(one, other)))
    return sorted(pairs)


def _shingles(key: str) -> frozenset[str]:
    """The n-grams of a text's key; none of a short one."""
    chinese = han_share(key) > 0.5
    size, shortest = (CHINESE_SHINGLE, CHINESE_SHORTEST) if chinese else (SHINGLE, SHORTEST)
    return (
        frozenset(sys.intern(key[i : i + size]) for i in range(len(key) - size + 1))
        if len(key) >= shortest
        else frozenset()
    )


def _proposed(shingles: dict[int, frozenset[str]], likeness: float) -> Iterable[tuple[Any, int]]:
    """Pairs that are probably as alike as asked; those that are less alike by a bit are proposed too."""
    from datasketch import MinHashLSH

    index, sketches = MinHashLSH(threshold=max(0.05, likeness - 0.25), num_perm=HASHES), _Sketches()
    rows = list(shingles)
    for place, row in enumerate(rows):
        hashed = _hashed(shingles[row])
        near = index.query(hashed)
        yield from ((rows[other], row) for other in sketches.alike(hashed, near, likeness - DOUBT))
        index.insert(place, hashed)
        sketches.add(hashed)


class _Sketches:
    """The hashes of texts in one array, so that one text is compared with thousands at once."""

    def __init__(self) -> None:
        self._held = np.zeros((64, HASHES), np.uint32)
        self._number = 0

    def add(self, hashed: Any) -> None:
        if self._number == len(self._held):
            self._held = np.concatenate([self._held, np.zeros_like(self._held)])
        self._held[self._number] = hashed.hashvalues
        self._number += 1

    def alike(self, hashed: Any, places: Sequence[Any], least: float) -> list[int]:
        """Those of the places whose hashes say that so many n-grams are common."""
        rows = np.asarray(places, dtype=np.int64)
        common = (self._held[rows] == hashed.hashvalues.astype(np.uint32)).mean(axis=1)
        return rows[common >= least].tolist()


def _hashed(parts: frozenset[str]) -> Any:
    from datasketch import MinHash

    hashed = MinHash(num_perm=HASHES, seed=1)
    hashed.update_batch([part.encode() for part in sorted(parts)])
    return hashed


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
    texts: Sequence[Text], labels: Sequence[str] | None, likeness: float = LIKENESS,
    key: Callable[[Text], str] = text_key,
) -> set[int]:  # fmt: skip
    """Rows that are a near copy of an earlier row that stays and has the same label.

    Near copies of different labels all stay: a word such as "not" may be the difference.
    """
    alike: dict[int, list[int]] = defaultdict(list)
    for one, other in near_pairs(texts, likeness, key):
        alike[other].append(one)
    dropped: set[int] = set()
    for row in sorted(alike):
        if any(one not in dropped and (labels is None or labels[one] == labels[row]) for one in alike[row]):
            dropped.add(row)
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
        self._sketches, self._number = _Sketches(), 0
        self._index: Any = None
        if near:
            from datasketch import MinHashLSH

            self._index = MinHashLSH(threshold=max(0.05, likeness - 0.25), num_perm=HASHES)

    def copy_kind(self, text: Text, *, remember: bool = True) -> str:
        """ "copies" or "near copies" of a text met before; else nothing, and the text counts as met if it is remembered.

        Near copies are judged by `HASHES` hashes, which tell the common n-grams to within 0.04 or so.
        """
        if not self._keys and not remember:
            return ""
        key = self.key(text)
        digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if digest in self._keys:
            return "copies"
        if remember:
            self._keys.add(digest)
        if self._index is None or not (parts := _shingles(key)):
            return ""
        hashed = _hashed(parts)
        if self._sketches.alike(hashed, self._index.query(hashed), self.likeness):
            return "near copies"
        if remember:
            self._index.insert(self._number, hashed)
            self._sketches.add(hashed)
            self._number += 1
        return ""

    @classmethod
    def of(cls, texts: Iterable[Text], *, near: bool, key: Callable[[Text], str] = text_key) -> Seen:
        """All of these, met already."""
        seen = cls(near=near, key=key)
        for text in texts:
            seen.copy_kind(text)
        return seen
