"""The special tokens around a text, as a tokenizer puts them there, or as a language model without any needs them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from llamita.core.architecture import architecture_of
from llamita.core.errors import require

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from llamita.core.model import Model
    from llamita.train.noise import Frame


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
    last, ends = tokenizer.eos_token_id, () if ends_with_words(tokenizer) else after
    return before or (() if first is None else (first,)), ends or (() if last is None else (last,))


def ends_with_words(tokenizer: PreTrainedTokenizerFast) -> bool:
    """Whether it puts words behind every text, as the prompt of a decoder that is a classifier."""
    return not set(framing(tokenizer)[1]) <= set(tokenizer.all_special_ids)


def with_frame(
    old: PreTrainedTokenizerFast, before: Sequence[int], between: Sequence[int], after: Sequence[int]
) -> PreTrainedTokenizerFast:
    """The tokenizer with these ids around every text, and between two of a pair."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    state = json.loads(old.backend_tokenizer.to_str())
    names = {i: old.convert_ids_to_tokens(i) for i in (*before, *between, *after)}
    first, middle, last = (
        [{"SpecialToken": {"id": names[i], "type_id": 0}} for i in ids] for ids in (before, between, after)
    )
    text, pair = {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}
    state["post_processor"] = {
        "type": "TemplateProcessing", "single": [*first, text, *last], "pair": [*first, text, *middle, pair, *last],
        "special_tokens": {name: {"id": name, "ids": [i], "tokens": [name]} for i, name in names.items()},
    }  # fmt: skip
    specials = {key: token for key, token in old.special_tokens_map.items() if isinstance(token, str)}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(state)), model_max_length=old.model_max_length,
        model_input_names=list(old.model_input_names), padding_side="right", **specials,
    )  # fmt: skip


def masking_frame(model: Model, *, masking: bool) -> Frame:
    """Special tokens as this model has them: an encoder's stand around each piece, a decoder's around whole documents."""
    from llamita.train.noise import Frame

    tokenizer = model.tokenizer
    require(
        not masking or tokenizer.mask_token_id is not None,
        "the tokenizer has no mask token, which this objective needs; take objective causal, or train a tokenizer (bpe)",
    )
    before, after = document_frame(model)
    special = [i for i in tokenizer.all_special_ids if i < 1000]
    size = model.module.get_input_embeddings().num_embeddings
    mask = -1 if tokenizer.mask_token_id is None else tokenizer.mask_token_id
    each = not architecture_of(model.module).is_decoder_only
    return Frame(before, after, mask, max(special, default=-1) + 1, min(size, len(tokenizer)), each)
