"""The order in which pieces of a vocabulary are worth keeping, and what each size would change in unseen texts."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from llamita.core.frequent import LANGUAGES, Language, frequent_words, sample_sentences
from llamita.core.task import Task, Text, parts_of
from llamita.prune._tokenizers import Pieces, in_order

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
LATIN_WORD = re.compile(r"[A-Za-z]+")
HAN_PER_WORD = 1.5
TEXTS_AT_ONCE = 4096
CURVE_POINTS = 12
CONTEXTS: dict[Language, tuple[tuple[str, float], ...]] = {
    "en": (("x ", 0.9), ("", 0.1)),
    "zh": (("，", 0.95), ("", 0.05)),
}
"""What stands before a listed word, and how often: most words follow a space or other text, some begin a text."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Every id, the most needed first; each beginning of the order is a vocabulary that holds together."""

    order: list[int]
    """Piece ids."""
    num_needed: int
    """Special tokens and the alphabet."""
    num_own: int
    """Further pieces of the user's texts, the most frequent first."""
    language_shares: dict[str, float]
    unseen: dict[str, Sequence[Text]]
    """Texts that the order of the curve didn't see, by where they are from."""
    places: dict[str, np.ndarray]
    """For each of those texts how many pieces must stay for it to keep all of its own."""

    def curve(self, chosen: int) -> list[dict[str, Any]]:
        """For a row of sizes, the chosen one among them, the share of unseen texts that get other pieces."""
        sizes = {*np.geomspace(max(1, self.num_needed), len(self.order), CURVE_POINTS).astype(int).tolist(), chosen}
        return [{"pieces": size, "changed": self.changed(size)} for size in sorted(sizes)]

    def changed(self, size: int) -> dict[str, float | None]:
        """The share of texts that get other pieces when so many are kept, by kind of text; None of a kind without texts."""
        return {name: float((needs > size).mean()) if len(needs) else None for name, needs in self.places.items()}


def rank_pieces(pieces: Pieces, tokenizer: Tokenizer, needed: Collection[int], task: Task | None) -> Ranking:
    """Rank all pieces: needed ones, then those of the user's texts, then frequent ones, then the rest.

    The curve is taken from a second order that has not seen the `select` split, or every tenth text where there is none.
    """
    seen, held_out = texts_of(task)
    shares = language_shares([*seen, *held_out])
    size = 1 + max(pieces.ids.values())
    seen_counts, held_out_ids = count(tokenizer, seen, size), encode(tokenizer, held_out)
    own_counts = seen_counts + count_ids(held_out_ids, size)
    first = in_order(pieces, sorted(set(needed) | pieces.specials() | pieces.alphabet()), [])
    general = by_count(general_scores(tokenizer, size, shares))
    rest = sorted(pieces.base.keys() - pieces.added.keys()) + sorted(pieces.added)
    own = by_count(own_counts)
    start = in_order(pieces, first, own)
    unseen: dict[str, Sequence[Text]] = {"own": held_out, **{name: sample_sentences(name) for name in LANGUAGES}}
    encoded = [held_out_ids, *(encode(tokenizer, unseen[name]) for name in LANGUAGES)]
    places = places_of(in_order(pieces, [*first, *by_count(seen_counts)], [*general, *rest]), size)
    return Ranking(
        order=in_order(pieces, start, [*general, *rest]),
        num_needed=len(first),
        num_own=len(start) - len(first),
        language_shares=shares,
        unseen=unseen,
        places={
            name: np.array([places[ids].max(initial=0) for ids in rows])
            for name, rows in zip(unseen, encoded, strict=True)
        },
    )


def texts_of(task: Task | None) -> tuple[list[Text], list[Text]]:
    """The user's texts for the curve's order, and those held out of it; the test split is not looked at."""
    if task is None:
        return [], []
    texts = [*task.train.texts, *task.unlabelled.texts]
    if len(task.select):
        return texts, list(task.select.texts)
    return [text for i, text in enumerate(texts) if i % 10], texts[::10]


def encode(tokenizer: Tokenizer, texts: Sequence[Text]) -> list[np.ndarray]:
    """Ids of each text, without special tokens."""
    rows = []
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        batch = tokenizer.encode_batch_fast(list(texts[start : start + TEXTS_AT_ONCE]), add_special_tokens=False)
        rows.extend(np.asarray(encoding.ids, dtype=np.int64) for encoding in batch)
    return rows


def count(tokenizer: Tokenizer, texts: Sequence[Text], size: int) -> np.ndarray:
    """How often each id occurs in the texts."""
    total = np.zeros(size, dtype=np.int64)
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        total += count_ids(encode(tokenizer, texts[start : start + TEXTS_AT_ONCE]), size)
    return total


def count_ids(rows: Sequence[np.ndarray], size: int) -> np.ndarray:
    """How often each id occurs, int64 [size]."""
    return np.bincount(np.concatenate(rows), minlength=size) if rows else np.zeros(size, dtype=np.int64)


def by_count(counts: np.ndarray) -> list[int]:
    """Ids that occur, the most frequent first; of equal ones the lower id."""
    order = np.argsort(-counts, kind="stable")
    return order[counts[order] > 0].tolist()


def places_of(order: Sequence[int], size: int) -> np.ndarray:
    """For each id how long a beginning of the order must be to hold it."""
    places = np.full(size, len(order) + 1, dtype=np.int64)
    places[np.asarray(order)] = np.arange(1, len(order) + 1)
    return places


def language_shares(texts: Sequence[Text]) -> dict[str, float]:
    """English and Chinese words as shares of both; without any texts, half and half."""
    parts = [part for text in texts for part in parts_of(text)]
    words = {
        "en": float(sum(len(LATIN_WORD.findall(part)) for part in parts)),
        "zh": sum(len(HAN.findall(part)) for part in parts) / HAN_PER_WORD,
    }
    total = sum(words.values())
    return {name: round(n / total, 6) if total else 0.5 for name, n in words.items()}


def general_scores(tokenizer: Tokenizer, size: int, shares: dict[str, float]) -> np.ndarray:
    """How often each id is expected in general text of these shares, by the shipped word counts."""
    total = np.zeros(size)
    for language in LANGUAGES:
        if not shares[language]:
            continue
        words = frequent_words(language)
        scores = np.zeros(size)
        for before, weight in CONTEXTS[language]:
            encodings = tokenizer.encode_batch([before + word for word, _ in words], add_special_tokens=False)
            for encoding, (_, n) in zip(encodings, words, strict=True):
                for i, (_, end) in zip(encoding.ids, encoding.offsets, strict=True):
                    scores[i] += weight * n * (end > min(len(before), 1))
        total += shares[language] * scores / scores.sum()
    return total
