"""Sketches of texts: hashes of their character n-grams, by which those that are probably alike are found among many.

MinHash (Broder, "On the resemblance and containment of documents", 1997, https://doi.org/10.1109/SEQUEN.1997.666900) with
locality-sensitive hashing, by datasketch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from llamita.data.text import han_share

SHINGLE, CHINESE_SHINGLE = 5, 3
"""Characters of an n-gram."""
SHORTEST, CHINESE_SHORTEST = 30, 15
"""Characters a text must have to be nearly like another; of shorter ones a letter or two decide what they say."""
HASHES = 128
"""Of each text; more find more of the pairs that are just as alike as asked."""


def shingles(key: str) -> frozenset[str]:
    """The n-grams of a text's key; none of a short one."""
    chinese = han_share(key) > 0.5
    size, shortest = (CHINESE_SHINGLE, CHINESE_SHORTEST) if chinese else (SHINGLE, SHORTEST)
    return frozenset(key[i : i + size] for i in range(len(key) - size + 1)) if len(key) >= shortest else frozenset()


def hashed(parts: frozenset[str]) -> Any:
    """The MinHash of n-grams, the same in every process."""
    from datasketch import MinHash

    sketch = MinHash(num_perm=HASHES, seed=1)
    sketch.update_batch([part.encode() for part in parts])
    return sketch


class Sketches:
    """The hashes of texts, by which some are proposed, in one array, so that one text is compared with thousands at once."""

    def __init__(self, likeness: float) -> None:
        from datasketch import MinHashLSH

        self._index = MinHashLSH(threshold=max(0.05, likeness - 0.25), num_perm=HASHES)
        self._held = np.zeros((64, HASHES), np.uint32)
        self._number = 0

    def add(self, hashed: Any) -> None:
        if self._number == len(self._held):
            self._held = np.concatenate([self._held, np.zeros_like(self._held)])
        self._held[self._number] = hashed.hashvalues
        self._index.insert(self._number, hashed)
        self._number += 1

    def alike(self, hashed: Any, least: float) -> list[int]:
        """Those whose hashes say that so many n-grams are common."""
        rows = np.asarray(self._index.query(hashed), dtype=np.int64)
        common = (self._held[rows] == hashed.hashvalues.astype(np.uint32)).mean(axis=1)
        return rows[common >= least].tolist()
