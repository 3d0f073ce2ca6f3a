"""What a language model writes: a causal one by itself, others where tokens of a text are hidden.

Of what is written freely, the share of different n-grams among all n-grams, distinct-n (Li et al. 2016, section 5,
https://arxiv.org/abs/1510.03055): a model that goes round in circles is far below one. Of what is filled in, the share of the
hidden tokens that stand in their place again.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from llamita.core.errors import require
from llamita.core.measure import Finding, Measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from llamita.core.context import Run
    from llamita.core.decoding import Decoding
    from llamita.core.engine import Engine
    from llamita.core.model import Model
    from llamita.core.task import Task

NAME, FILLED = "samples.distinct", "samples.filled"


@dataclass(frozen=True, kw_only=True)
class Samples(Measure):
    """Texts that begin where a document begins, each token drawn as the model finds it likely; of a model that learned to fill
    gaps, beginnings of test texts in which it fills some, each with what it finds likeliest."""

    compares: ClassVar[bool] = False

    number: int = 3
    """Texts, >= 1."""
    tokens: int = 80
    """Most tokens of a text, >= 1. What follows is for texts written freely."""
    temperature: float = 0.8
    """1: as the model finds them likely; lower: likelier ones; 0: the likeliest, one text."""
    top_p: float = 0.95
    """Only the likeliest tokens that hold this share together, in (0, 1]."""
    grams: int = 3
    """Tokens of an n-gram, >= 1."""

    def __post_init__(self) -> None:
        for name in ("number", "tokens", "grams"):
            require(getattr(self, name) >= 1, f"{name} must be >= 1, got {getattr(self, name)}")
        self._drawn(0)
        require(self.number == 1 or self.temperature > 0, "without a temperature all texts are the same; take number 1")

    def measure(self, engine: Engine, task: Task, run: Run, reference: Engine | None = None) -> list[Finding]:
        from llamita.core.model import Model
        from llamita.train.language_head import has_language_head, objective_of

        if not isinstance(engine, Model) or not has_language_head(engine.module):
            return [Finding(name=NAME, value=None, unit="share", reason="it isn't a language model in PyTorch")]
        if objective_of(engine.module) != "causal":
            return [self._filled(engine, task, run.seed)]
        return [self._written(engine, run.seed)]

    def _written(self, model: Model, seed: int) -> Finding:
        """What a causal model writes by itself."""
        from llamita.core.generation import generated
        from llamita.train.frame import document_frame

        begun = list(document_frame(model)[0]) or model.tokenizer("The")["input_ids"][:1]
        written = [generated(model, [begun], self._drawn(seed + i))[0] for i in range(self.number)]
        texts = [model.tokenizer.decode(ids, skip_special_tokens=True).strip() for ids in written]
        share = distinct(written, self.grams)
        return Finding(
            name=NAME, value=share, unit="share", better="none", n=len(written),
            detail={"grams": self.grams, "temperature": self.temperature, "top_p": self.top_p},
            rows=tuple({"index": i, "text": text} for i, text in enumerate(texts)),
            reason="" if share is not None else f"no text has {self.grams} tokens",
        )  # fmt: skip

    def _filled(self, model: Model, task: Task, seed: int) -> Finding:
        """Beginnings of test texts with gaps, and how a masked model or an encoder-decoder fills them."""
        from llamita.train.frame import framing
        from llamita.train.gaps import framed, with_gaps
        from llamita.train.language_head import objective_of

        texts = [str(text) for text in task.test.texts if str(text).strip()]
        order = np.random.default_rng(seed).permutation(len(texts)).tolist()
        windows = ((i, framed(model, texts[i])) for i in order)
        drawn = dict(
            islice(((i, held[0]) for i, held in windows if held), self.number)
        )  # a tokenizer may leave nothing
        if not drawn or model.tokenizer.mask_token_id is None:
            reason = "there is no test text" if not drawn else "its tokenizer has no mask token"
            return Finding(name=FILLED, value=None, unit="share", reason=reason)
        before, after = map(len, framing(model.tokenizer))
        rows, right, number = [], 0, 0
        for i, whole in sorted(drawn.items()):
            ends = len(whole) - after
            whole = np.concatenate([whole[: min(ends, before + self.tokens)], whole[ends:]])
            ((given, hidden),) = with_gaps(model, [whole], seed + i)
            filled = fill(model, given, most=min(2 * len(whole), model.max_length - 1))
            masked = objective_of(model.module) == "masked"  # then each token has its place, which no other may take
            same = whole == np.asarray(filled) if masked else in_place(whole.tolist(), filled)
            right += int((same & hidden).sum())
            number += int(hidden.sum())
            shown = model.tokenizer.decode(given[before : len(given) - after]).strip()
            text = model.tokenizer.decode(filled, skip_special_tokens=True).strip()
            rows.append({"index": i, "given": shown, "text": text})
        return Finding(
            name=FILLED, value=right / number if number else None, unit="share", better="none", n=number, rows=tuple(rows),
            reason="" if number else "the texts are too short for a gap",
        )  # fmt: skip

    def _drawn(self, seed: int) -> Decoding:
        from llamita.core.decoding import Decoding

        top_p = self.top_p if self.temperature else 1.0
        return Decoding(max_tokens=self.tokens, temperature=self.temperature, top_p=top_p, seed=seed)


def distinct(rows: Sequence[Sequence[int]], grams: int) -> float | None:
    """Different n-grams among all n-grams of these rows of tokens, in (0, 1]; None where there is none."""
    found = [tuple(row[i : i + grams]) for row in rows for i in range(len(row) - grams + 1)]
    return len(set(found)) / len(found) if found else None


def fill(model: Model, given: np.ndarray, most: int) -> list[int]:
    """The ids of a text with gaps [tokens] as the model fills them, with what it finds likeliest.

    Args:
        most: tokens that an encoder-decoder may write.
    """
    import torch

    from llamita.train.language_head import objective_of

    mask = model.tokenizer.mask_token_id
    ids = torch.as_tensor(given, device=model.device)[None]
    model.module.eval()
    with torch.inference_mode():
        if objective_of(model.module) == "denoising":
            return _rewritten(model, ids, most)
        logits = model.module(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0]
        logits[:, model.tokenizer.all_special_ids] = -float("inf")
        likeliest = logits.argmax(dim=-1).cpu().numpy()
    return np.where(given == mask, likeliest, given).tolist()


def _rewritten(model: Model, ids: Tensor, most: int) -> list[int]:
    """What an encoder-decoder finds likeliest after ids [1, tokens], whatever its folder says of beams and repetitions."""
    import torch
    from transformers import GenerationConfig

    from llamita.core.generation import own_settings_aside

    module: Any = model.module
    named = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")
    marks = {name: getattr(module.config, name) for name in named}
    how = GenerationConfig(max_new_tokens=most, do_sample=False, num_beams=1, **marks)
    with own_settings_aside(module):
        return module.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=how)[0].tolist()


def in_place(whole: Sequence[int], written: Sequence[int]) -> np.ndarray:
    """Which ids of a sequence stand in another one in the same order, bool [ids]."""
    found = np.zeros(len(whole), dtype=bool)
    for start, _, size in SequenceMatcher(a=whole, b=written, autojunk=False).get_matching_blocks():
        found[start : start + size] = True
    return found
