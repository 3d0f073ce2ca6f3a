"""Texts of which tokens are hidden, the same ones for whoever has this tokenizer: to be foreseen, or shown as they are filled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from llamita.core.errors import require
from llamita.train.frame import framing
from llamita.train.language_head import objective_of
from llamita.train.noise import collapsed, hidden_spans

if TYPE_CHECKING:
    from llamita.core.model import Model

WINDOW = 512
"""Tokens that a model sees at once, if it can see so many."""
SHARES = {"masked": 0.15, "denoising": 0.3}
"""Of the tokens that are hidden, by how the model learns language: as BERT's training and as BART's have it."""
SEEDS = {"masked": 7, "denoising": 8}


def framed(model: Model, text: str) -> list[np.ndarray]:
    """Windows of ids, each begun and ended as documents are in training."""
    ids = model.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    before, after = framing(model.tokenizer)
    room = min(WINDOW, model.max_length) - len(before) - len(after)
    return [np.array([*before, *ids[start : start + room], *after]) for start in range(0, len(ids), room)]


def with_gaps(model: Model, windows: list[np.ndarray], seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each window as the model sees it, and which of its tokens are hidden there, bool [tokens].

    A masked model sees a mask for each hidden token, an encoder-decoder one for each span of them.

    Raises:
        UserError: the tokenizer has no mask token.
    """
    kind, tokenizer = objective_of(model.module), model.tokenizer
    require(tokenizer.mask_token_id is not None, "the tokenizer has no mask token; a masked language model needs one")
    draws = np.random.default_rng([seed, SEEDS[kind]])
    before, after = map(len, framing(tokenizer))
    found = []
    for whole in windows:
        hidden = np.zeros(len(whole), dtype=bool)
        if kind == "denoising":
            inner = slice(before, len(whole) - after)
            hidden[inner] = hidden_spans(len(whole[inner]), SHARES[kind], draws)
            found.append((collapsed(whole, hidden, int(tokenizer.mask_token_id)), hidden))
            continue
        free = ~np.isin(whole, tokenizer.all_special_ids)
        hidden = free & (draws.random(len(whole)) < SHARES[kind])
        if free.any() and not hidden.any():  # a short text has one, or it would count as foreseen
            hidden[draws.choice(np.flatnonzero(free))] = True
        found.append((np.where(hidden, tokenizer.mask_token_id, whole), hidden))
    return found
