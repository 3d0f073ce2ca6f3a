"""The special tokens around a text, as a tokenizer puts them there, or as a language model without any needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamita.core.architecture import architecture_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from llamita.core.model import Model


def framing(tokenizer: PreTrainedTokenizerFast) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What the tokenizer puts before a text and behind it."""
    whole = tokenizer("a")["input_ids"]
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    start = next(i for i in range(len(whole)) if whole[i : i + len(bare)] == bare)
    return tuple(whole[:start]), tuple(whole[start + len(bare) :])


def document_frame(model: Model) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What a document begins and ends with; a decoder's has both, so that it learns to foresee its first token and its end."""
    before, after = framing(model.tokenizer)
    if not architecture_of(model.module).is_decoder_only:
        return before, after
    tokenizer = model.tokenizer
    first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    last = tokenizer.eos_token_id
    return before or (() if first is None else (first,)), after or (() if last is None else (last,))
