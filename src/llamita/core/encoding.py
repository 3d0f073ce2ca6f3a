"""Texts to padded token ids, with the Rust tokenizer alone: the same ids for the torch model and for every artifact."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from llamita.core.errors import require
from llamita.core.task import Text

log = logging.getLogger(__name__)
MOSTLY = 0.5
"""Share of unknown tokens from which a model is none for these texts."""
SEEN = 1024
"""Texts by which that is told."""
Encoded = tuple[list[int], list[int]]
"""Token ids and segment ids of one text."""


def untrimmed(tokenizer: Tokenizer) -> Tokenizer:
    """A copy that neither cuts nor pads."""
    copied = Tokenizer.from_str(tokenizer.to_str())
    copied.no_truncation()
    copied.no_padding()
    return copied


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A padded batch; int64 arrays of shape [batch, length]."""

    token_ids: np.ndarray
    mask: np.ndarray
    """1 where a token stands, 0 where it is padding."""
    type_ids: np.ndarray
    """Segment ids: 1 for the second text of a pair."""


@dataclass(frozen=True, kw_only=True)
class TextEncoder:
    """A fast tokenizer with the length it cuts to and the id it pads with (always on the right)."""

    tokenizer: Tokenizer
    pad_id: int
    max_length: int
    """Tokens, special ones among them."""
    direction: str = "right"
    """Where longer texts are cut, right or left."""

    @classmethod
    def from_file(cls, path: Path, *, pad_id: int, max_length: int) -> TextEncoder:
        """The encoder of a tokenizer.json."""
        tokenizer = Tokenizer.from_file(str(path))
        direction = (tokenizer.truncation or {}).get("direction", "right")
        return cls(tokenizer=tokenizer, pad_id=pad_id, max_length=max_length, direction=direction).cut()

    def cut(self, max_length: int | None = None, *, premise_only: bool = False) -> TextEncoder:
        """A copy whose tokenizer truncates (of pairs the longest first, or the first alone) and does not pad.

        Args:
            max_length: tokens it cuts to from now on; as many as before when left out.

        Raises:
            UserError: so few that the special tokens leave no room for a text.
        """
        length = self.max_length if max_length is None else max_length
        tokenizer = Tokenizer.from_str(self.tokenizer.to_str())
        special = tokenizer.num_special_tokens_to_add(is_pair=False)
        require(length > special, f"max_length must be more than {special}, what the special tokens take, got {length}")
        tokenizer.no_padding()
        strategy = "only_first" if premise_only else "longest_first"
        tokenizer.enable_truncation(max_length=length, strategy=strategy, direction=self.direction)
        return replace(self, tokenizer=tokenizer, max_length=length)

    def encode(self, texts: Sequence[Text]) -> list[Encoded]:
        """Token ids and segment ids of each text, cut to `max_length` and not padded."""
        return [(e.ids, e.type_ids) for e in self.tokenizer.encode_batch(list(texts))]

    def num_cut(self, texts: Sequence[Text]) -> int:
        """How many of these texts are longer than what is read; those of a few bytes can't be."""
        sizes = (len((text if isinstance(text, str) else "".join(text)).encode()) for text in texts)
        long = [text for text, size in zip(texts, sizes, strict=True) if 2 * size > self.max_length]
        return sum(bool(e.overflowing) for e in self.tokenizer.encode_batch(long)) if long else 0

    def unknown_share(self, texts: Sequence[Text]) -> float:
        """Share of the tokens of these texts that stand for what the tokenizer doesn't know; 0 for one that knows bytes."""
        name = getattr(self.tokenizer.model, "unk_token", None)
        unknown = self.tokenizer.token_to_id(name) if name else None
        rows = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        ids = [i for row in rows for i in row.ids]
        return sum(i == unknown for i in ids) / len(ids) if ids and unknown is not None else 0.0

    def warn_of_unknown(self, texts: Sequence[Text]) -> bool:
        """Say so when most of these texts is unknown, as Chinese is to an English model."""
        share = self.unknown_share(texts[:SEEN])
        if share > MOSTLY:
            log.warning(
                "warning: the model doesn't know %.0f %% of the tokens here; is it a model for this language?",
                100 * share,
            )
        return share > MOSTLY

    def pad(self, encoded: Sequence[Encoded]) -> Batch:
        """Pad to the longest of the batch (an empty text becomes one padding token that counts)."""
        width = max(1, max(len(ids) for ids, _ in encoded))
        token_ids = np.full((len(encoded), width), self.pad_id, dtype=np.int64)
        mask, type_ids = np.zeros_like(token_ids), np.zeros_like(token_ids)
        for row, (ids, types) in enumerate(encoded):
            token_ids[row, : len(ids)] = ids
            type_ids[row, : len(ids)] = types
            mask[row, : max(1, len(ids))] = 1
        return Batch(token_ids=token_ids, mask=mask, type_ids=type_ids)

    def batches(self, texts: Sequence[Text], tokens_per_batch: int) -> Iterator[tuple[list[int], Batch]]:
        """Padded batches of texts of like length, each with the places of its texts."""
        encoded = self.encode(texts)
        for places in batches_of_like_length([len(ids) for ids, _ in encoded], tokens_per_batch):
            yield places, self.pad([encoded[i] for i in places])


def usual_batch(device: str) -> int:
    """Tokens of a batch that is only read: on a CPU few enough to stay in its caches, which takes 0.5 to 0.8 of the
    time of four times as many (docs/log.md)."""
    return 1024 if device == "cpu" else 4096


def batches_of_like_length(lengths: Sequence[int], tokens_per_batch: int) -> list[list[int]]:
    """Indices sorted by length (longest first) and cut so that a padded batch holds at most so many tokens."""
    batches: list[list[int]] = []
    current: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        width = max(1, lengths[current[0]]) if current else 1
        if current and width * (len(current) + 1) > tokens_per_batch:
            batches.append(current)
            current = []
        current.append(index)
    if current:
        batches.append(current)
    return batches
