"""How surprised a language model is at texts: each token with what stands before it, through windows that overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from llamita.core.engine import Engine
    from llamita.core.model import Model
    from llamita.core.task import Text

ROWS_TOKENS = 4096


class Surprise(NamedTuple):
    """Per text: summed surprise, and over how many tokens."""

    nats: np.ndarray
    """Float [texts]."""
    tokens: np.ndarray
    """Float [texts]."""
    masked: float
    """The share of tokens that were masked; 0: every token of every text counts."""
    kind: str = "causal"
    """causal, masked, or denoising: then all tokens count, each foreseen from those before it and from the text with gaps."""


def why_not(engine: Engine) -> str:
    """Why an engine can't say how surprised it is at a text; empty if it can."""
    from llamita.core.model import Model
    from llamita.train.language_head import has_language_head, objective_of

    if not isinstance(engine, Model) or not has_language_head(engine.module):
        return f"{engine.name or 'the model'} predicts no tokens; this is for language models in a Hugging Face folder"
    if objective_of(engine.module) == "denoising" and engine.tokenizer.mask_token_id is None:
        return "an encoder-decoder gives no probability to a text alone, and without a mask token it can't be asked to mend one"
    return ""


def surprises(model: Any, texts: Sequence[Text], seed: int = 0) -> Surprise:
    """Surprise of a model at texts; see `why_not`.

    A causal model begins each with its first token (or its separator) and sees, for each token, at least half a window before
    it; a masked model foresees tokens that are masked at random; an encoder-decoder a text whose spans are masked at random.
    """
    from llamita.train.gaps import SHARES
    from llamita.train.language_head import objective_of

    kind = objective_of(model.module)
    windows = {"causal": _causal, "masked": _masked, "denoising": _with_gaps}[kind]
    counted: list[tuple[int, np.ndarray, np.ndarray]] = []
    for place, text in enumerate(texts):
        counted += [(place, ids, targets) for ids, targets in windows(model, str(text), seed + place)]
    nats, tokens = np.zeros(len(texts)), np.zeros(len(texts))
    for place, total, number in _measured(model, counted):
        nats[place] += total
        tokens[place] += number
    return Surprise(nats, tokens, SHARES.get(kind, 0.0), kind)


def first_token(model: Model) -> int | None:
    """What stands before a text: the last of what documents begin with in training."""
    from llamita.train.frame import document_frame

    return next(iter(document_frame(model)[0][-1:]), None)


def _causal(model: Model, text: str, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Windows of ids with the targets that count in each; every token counts once, in the window where it sees most."""
    from llamita.train.gaps import WINDOW
    from llamita.train.language_loss import NO_TARGET

    first = first_token(model)
    ids = np.array(
        [
            *([first] if first is not None else []),
            *model.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"],
        ]
    )
    width = min(WINDOW, model.max_length)
    step = max(1, width // 2)
    found, done = [], 1
    for start in range(0, max(1, len(ids) - 1), step):
        part = ids[start : start + width]
        targets = np.where(np.arange(start, start + len(part)) >= done, part, NO_TARGET)
        found.append((part, targets))
        done = start + len(part)
        if done >= len(ids):
            break
    return found


def _masked(model: Model, text: str, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Windows in which tokens are masked, with what is hidden as targets."""
    from llamita.train.gaps import framed, with_gaps
    from llamita.train.language_loss import NO_TARGET

    windows = framed(model, text)
    seen = zip(windows, with_gaps(model, windows, seed), strict=True)
    return [(given, np.where(hidden, whole, NO_TARGET)) for whole, (given, hidden) in seen]


def _with_gaps(model: Model, text: str, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Windows with gaps, and what stands there without."""
    from llamita.train.gaps import framed, with_gaps

    windows = framed(model, text)
    return [(given, whole) for whole, (given, _) in zip(windows, with_gaps(model, windows, seed), strict=True)]


def _measured(model: Model, counted: Sequence[tuple[int, np.ndarray, np.ndarray]]) -> list[tuple[int, float, int]]:
    """The text, summed surprise and number of targets of each window."""
    from llamita.core.encoding import batches_of_like_length
    from llamita.train.language import TokenExamples, Tokens, summed_nats

    lengths = [len(ids) for _, ids, _ in counted]
    source = TokenExamples(rows=[Tokens(ids, targets) for _, ids, targets in counted], lengths=lengths)
    found = []
    model.module.eval()
    for rows in batches_of_like_length(lengths, ROWS_TOKENS):
        sums, counts = summed_nats(model, source, rows)
        found += [(counted[row][0], float(sums[i]), int(counts[i])) for i, row in enumerate(rows)]
    return found
