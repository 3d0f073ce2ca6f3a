"""The batches of a whole training as one list, a pure function of lengths, settings and seed: to resume is to skip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

POOL = 50
"""Batches' worth of shuffled examples that are sorted by length together: little padding, yet well mixed. Where tokens bound a
batch, so many batches of the mean length."""


def training_batches(
    lengths: Sequence[int], *, batch_size: int, epochs: float, seed: int, max_tokens: int = 0
) -> list[np.ndarray]:
    """Indices of examples, batch by batch, over all epochs; a batch holds texts of like length.

    Args:
        lengths: tokens of each example.
        batch_size: most examples a batch holds.
        epochs: passes over the examples; of a last, broken epoch a random part is taken.
        seed: what shuffles.
        max_tokens: most tokens a padded batch holds (a longer example stands alone); 0 for no limit.
    """
    batches: list[np.ndarray] = []
    for order, random in _shuffled(len(lengths), epochs, seed):
        batches += _epoch(order, np.asarray(lengths), batch_size, max_tokens, random)
    return batches


def mixed_batches(
    lengths: Sequence[int], *, batch_size: int, epochs: float, seed: int, max_tokens: int = 0
) -> list[np.ndarray]:
    """The same for texts that share rows: each batch is a random part of the examples, whatever their lengths."""
    batches: list[np.ndarray] = []
    for order, _ in _shuffled(len(lengths), epochs, seed):
        held, tokens = [], 0
        for i in order:
            if held and (len(held) == batch_size or (max_tokens and tokens + lengths[i] > max_tokens)):
                batches.append(np.asarray(held))
                held, tokens = [], 0
            held.append(i)
            tokens += lengths[i]
        batches.append(np.asarray(held))
    return batches


def batches_in_order(
    lengths: Sequence[int], *, batch_size: int, max_tokens: int = 0, padded: bool = True
) -> list[np.ndarray]:
    """Batches of rows as they follow one another.

    Args:
        max_tokens: most tokens of a batch (a longer row stands alone); 0 for no limit.
        padded: whether padding counts among them.
    """
    starts, widest, tokens = [0], 0, 0
    for place, length in enumerate(lengths):
        widest, held, tokens = max(widest, length), place - starts[-1], tokens + length
        taken = widest * (held + 1) if padded else tokens
        if held == batch_size or (held and max_tokens and taken > max_tokens):
            starts.append(place)
            widest = tokens = length
    return np.split(np.arange(len(lengths)), starts[1:]) if len(lengths) else []


def _shuffled(number: int, epochs: float, seed: int) -> Iterator[tuple[np.ndarray, np.random.Generator]]:
    """The examples of each epoch in its order, and what goes on drawing; a part of an epoch is at least one."""
    left, epoch = max(min(1, number), round(epochs * number)), 0
    while left > 0:
        random = np.random.default_rng([seed, epoch])
        order = random.permutation(number)[:left]
        yield order, random
        left -= len(order)
        epoch += 1


def padded_share(lengths: Sequence[int], batches: Sequence[np.ndarray]) -> float:
    """Share of the tokens that is padding where each text of a batch has its own row."""
    sizes = np.asarray(lengths)
    held = sum(int(sizes[batch].max()) * len(batch) for batch in batches)
    return 1 - sum(int(sizes[batch].sum()) for batch in batches) / held if held else 0.0


def _epoch(
    order: np.ndarray, lengths: np.ndarray, batch_size: int, max_tokens: int, random: np.random.Generator
) -> list[np.ndarray]:
    batches = []
    held = batch_size
    if max_tokens and len(order):
        held = min(batch_size, max(1, int(max_tokens / max(1.0, float(lengths[order].mean())))))
    for start in range(0, len(order), held * POOL):
        pool = order[start : start + held * POOL]
        pool = pool[np.argsort(-lengths[pool], kind="stable")]
        batches += _cut(pool, lengths, batch_size, max_tokens)
    return [batches[i] for i in random.permutation(len(batches))]


def _cut(pool: np.ndarray, lengths: np.ndarray, batch_size: int, max_tokens: int) -> list[np.ndarray]:
    """Cut examples sorted by falling length, so that the first of each batch is its width."""
    batches, start = [], 0
    while start < len(pool):
        size = batch_size
        if max_tokens:
            size = min(size, max(1, max_tokens // max(1, int(lengths[pool[start]]))))
        batches.append(pool[start : start + size])
        start += size
    return batches
