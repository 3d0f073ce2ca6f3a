"""Noise that language models learn to see through: masked tokens, and spans of text that one mask stands for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from llamita.train.language_loss import NO_TARGET

MASKED, RANDOM = 0.8, 0.9
"""Of the tokens to be foreseen as many are masked, and up to here replaced by another; the rest stays (Devlin et al. 2019,
https://arxiv.org/abs/1810.04805)."""
SPAN = 3.0
"""Mean length of a masked span (Lewis et al. 2020, https://arxiv.org/abs/1910.13461)."""


class Frame(NamedTuple):
    """Special tokens of a tokenizer."""

    before: tuple[int, ...]
    """What a document begins with."""
    after: tuple[int, ...]
    mask: int
    """-1 where nothing is masked."""
    free: int
    """Ids below are never drawn at random; special ones mostly."""
    size: int
    """Of the vocabulary."""
    each_piece: bool = True
    """Whether they stand around each piece of a document, as encoders read texts; a decoder would learn ends that are none."""


def masked(ids: np.ndarray, frame: Frame, share: float, draws: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Ids with noise, and targets where there is some, int64 [tokens] both; `NO_TARGET` elsewhere.

    Args:
        ids: of a framed piece [tokens].
        share: of the tokens that become targets; of these most are masked, some others, some as they were (BERT, Devlin et al.
            2018, https://arxiv.org/abs/1810.04805).
    """
    chosen = (draws.random(len(ids)) < share) & ~np.isin(ids, [*frame.before, *frame.after])
    kind = draws.random(len(ids))
    noisy = np.where(chosen & (kind < MASKED), frame.mask, ids)
    other = draws.integers(frame.free, frame.size, len(ids))
    noisy = np.where(chosen & (kind >= MASKED) & (kind < RANDOM), other, noisy)
    return noisy.astype(np.int64), np.where(chosen, ids, NO_TARGET)


def infilled(ids: np.ndarray, frame: Frame, share: float, draws: np.random.Generator) -> np.ndarray:
    """Ids, int64 and fewer than before, in which spans of about three tokens, a share of all, are one mask each.

    Text infilling of BART, but no span is empty: there a mask may also stand where nothing is missing.
    """
    hidden = np.zeros(len(ids), dtype=bool)
    inner = slice(len(frame.before), len(ids) - len(frame.after))
    hidden[inner] = hidden_spans(len(ids[inner]), share, draws)
    return collapsed(ids, hidden, frame.mask)


def hidden_spans(number: int, share: float, draws: np.random.Generator) -> np.ndarray:
    """Which of so many tokens are hidden, bool [number]: spans of about three, a share of all."""
    hidden = np.zeros(number, dtype=bool)
    wanted = round(share * number)
    while hidden.sum() < wanted:
        size = max(1, min(int(draws.poisson(SPAN)), wanted - int(hidden.sum())))
        start = int(draws.integers(0, number))
        hidden[start : start + size] = True
    return hidden


def collapsed(ids: np.ndarray, hidden: np.ndarray, mask: int) -> np.ndarray:
    """Ids, int64, in which one mask stands for each run of hidden tokens."""
    first = hidden & ~np.concatenate([[False], hidden[:-1]])
    return np.where(first, mask, ids)[~hidden | first].astype(np.int64)
