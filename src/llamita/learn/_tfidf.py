"""TF-IDF over words or characters in NumPy alone, number for number what scikit-learn's TfidfVectorizer gives."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer

_SPACES = re.compile(r"\s\s+")


@dataclass(frozen=True, kw_only=True)
class View:
    """One way to look at a text: its known n-grams, 1 + log of their count, times idf, scaled to length 1."""

    analyzer: str
    """"word", "char" (across words), or "char_wb" (within each word and the spaces around it)."""
    ngram_range: tuple[int, int]
    """Shortest and longest n-gram."""
    token_pattern: str
    """Regular expression of a word; of no account for characters."""
    terms: tuple[str, ...]
    """The known n-grams in the order of the features."""
    idf: np.ndarray
    """float32 [terms]: inverse document frequencies."""

    @classmethod
    def fit(cls, texts: list[str], settings: Mapping[str, Any], max_features: int) -> View | None:
        """The most frequent n-grams of the texts and their inverse document frequencies, counted by scikit-learn; None of none."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        try:
            counted: TfidfVectorizer = TfidfVectorizer(sublinear_tf=True, max_features=max_features, **settings).fit(
                texts
            )
        except ValueError:  # no n-gram, or none common enough
            return None
        terms = sorted(counted.vocabulary_, key=counted.vocabulary_.__getitem__)
        pattern = settings.get("token_pattern", "")
        return cls(
            analyzer=settings["analyzer"], ngram_range=tuple(settings["ngram_range"]), token_pattern=pattern,
            terms=tuple(terms), idf=np.asarray(counted.idf_, dtype=np.float32),
        )  # fmt: skip

    @cached_property
    def places(self) -> dict[str, int]:
        """Each term's feature."""
        return {term: i for i, term in enumerate(self.terms)}

    @cached_property
    def _words(self) -> re.Pattern[str]:
        return re.compile(self.token_pattern)

    def features(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Indices and values of the features that are not 0, in rising order of the indices."""
        known = map(self.places.get, self._ngrams(text.lower()))
        counts = Counter(i for i in known if i is not None)
        indices = np.array(sorted(counts), dtype=np.int64)
        values = (1 + np.log([counts[i] for i in indices.tolist()])) * self.idf[indices]
        length = np.sqrt(np.square(values).sum())
        return indices, values / length if length else values

    def _ngrams(self, text: str) -> Iterator[str]:
        shortest, longest = self.ngram_range
        if self.analyzer == "word":
            words = self._words.findall(text)
            for n in range(shortest, longest + 1):
                yield from map(" ".join, zip(*(words[i:] for i in range(n)), strict=False))
        elif self.analyzer == "char":
            plain = _SPACES.sub(" ", text)
            yield from chain.from_iterable(_slices(plain, n) for n in range(shortest, longest + 1))
        else:
            for word in text.split():
                yield from _around(f" {word} ", shortest, longest)


def _slices(text: str, n: int) -> Iterator[str]:
    """All runs of n characters."""
    return (text[i : i + n] for i in range(len(text) - n + 1))


def _around(word: str, shortest: int, longest: int) -> Iterator[str]:
    """Runs of characters of a word with its spaces; one that is shorter than a length counts whole, once."""
    for n in range(shortest, longest + 1):
        if len(word) <= n:
            yield word
            return
        yield from _slices(word, n)
