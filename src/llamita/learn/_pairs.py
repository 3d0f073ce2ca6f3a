"""Pairs of texts that learning from few texts draws together or apart, and the batches in which they meet.

Where a text has any labels, the cosine of two texts' embeddings shall be that of their marks (0 or 1 for each label): 1 of equal
sets, 0 of sets that share none, sqrt(1/2) of {a, b} and {a}. SetFit's sampler (`ContrastiveDataset.generate_multilabel_pairs`)
takes 1 wherever a label is shared; then {a, b} should lie where {a} does and where {b} does, and {a} and {b} at a right angle,
which no embeddings fulfil. Those of the marks do: the marks themselves. With one label a text the two are the same.

A text without labels is drawn away from all that have some. Of two texts without any nobody says that they are alike, nor that
they differ: SetFit draws them apart, here such a pair doesn't count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from jaxtyping import Float, Int
    from torch import Tensor

WITHOUT = -1
"""Stands for texts without a label, where batches take as many of each."""


def places_of(gold: Sequence[int] | np.ndarray) -> dict[int, Int[np.ndarray, "places"]]:
    """Where each label that occurs stands; texts without one are one more kind.

    Args:
        gold: the labels' indices [n]; or, where a text has any labels, 0 and 1 [n, labels].
    """
    gold = np.asarray(gold)
    if gold.ndim == 1:
        return {int(label): np.flatnonzero(gold == label) for label in np.unique(gold)}
    columns = {WITHOUT: ~gold.any(axis=1)} | {label: gold[:, label] == 1 for label in range(gold.shape[1])}
    return {label: np.flatnonzero(has) for label, has in columns.items() if has.any()}


def can_teach(gold: np.ndarray) -> bool:
    """Whether there are pairs of both kinds: two texts that share a label, and two that share none; gold as for `places_of`."""
    if gold.ndim == 1:
        counts = np.unique(gold, return_counts=True)[1]
        return len(counts) >= 2 and int(counts.max()) >= 2
    sets = np.unique(gold, axis=0)
    some = sets[sets.any(axis=1)].astype(np.float32)
    apart = len(some) > 0 and (len(some) < len(sets) or bool((some @ some.T == 0).any()))
    return apart and int(gold.sum(axis=0).max()) >= 2


def pair_batches(
    gold: Sequence[int] | np.ndarray, *, batch_size: int, epochs: float, seed: int
) -> list[Int[np.ndarray, "texts"]]:
    """Indices of texts, batch by batch: as many of each label, two at least, so that both kinds of pairs are in each.

    Of more labels than fit, a random part stands in a batch. No text stands twice in one, and one of several labels counts for
    each of them; then a batch may lack one kind of pairs, never both. Each label's texts are used up before they come again.

    Args:
        gold: as for `places_of`.
    """
    random = np.random.default_rng([seed, 0])
    places = places_of(gold)
    each, queues = max(2, batch_size // len(places)), {label: list[int]() for label in places}
    batches = []
    left = round(epochs * len(gold))
    while left > 0:
        batch: list[int] = []
        drawn = 0
        for label in random.permutation(list(places)):
            more = _next(queues[int(label)], places[int(label)], each, random, set(batch))
            batch += more
            drawn += bool(more)
            if drawn == max(2, batch_size // each):
                break
        batches.append(np.asarray(batch))
        left -= len(batch)
    return batches


def _next(
    queue: list[int], places: np.ndarray, each: int, random: np.random.Generator, present: Collection[int]
) -> list[int]:
    """What a batch lacks of a label, or all there are, off its queue, which is filled anew when it runs out."""
    queue[:] = [i for i in queue if i not in present]
    absent = sum(int(i) not in present for i in places)
    number = max(0, min(each - (len(places) - absent), absent))
    taken, queue[:] = queue[:number], queue[number:]
    if len(taken) < number:
        again = [int(i) for i in random.permutation(places)]
        fresh = [i for i in again if i not in taken and i not in present]
        missing = number - len(taken)
        taken, queue[:] = taken + fresh[:missing], [i for i in again if i not in fresh[:missing]]
    return taken


def pair_loss(embedded: Float[Tensor, "texts width"], gold: Int[Tensor, "..."]) -> Float[Tensor, ""]:
    """Mean squared distance of the cosines of all pairs from that of their marks, which is 1 of the same label and 0 of another;
    pairs that share a label and those that share none are each half of it.

    Args:
        gold: the labels' indices [texts]; or, where a text has any labels, 0 and 1 [texts, labels].
    """
    import torch

    unit = torch.nn.functional.normalize(embedded.float(), dim=-1)
    cosine = unit @ unit.T
    upper = torch.ones_like(cosine, dtype=torch.bool).triu(1)
    if gold.ndim == 1:
        wanted = (gold[:, None] == gold[None, :]).float()
    else:
        marks = torch.nn.functional.normalize(gold.float(), dim=-1)  # of no labels 0
        wanted = marks @ marks.T
        upper &= gold.any(dim=1)[:, None] | gold.any(dim=1)[None, :]
    alike = wanted > 0
    parts = [
        (kind * (wanted - cosine).square()).sum() / kind.sum() for kind in (alike & upper, ~alike & upper) if kind.any()
    ]
    return torch.stack(parts).mean()
