"""A tokenizer trained on the user's own texts: BPE or Unigram over bytes, as stock code loads it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from llamita.core.errors import require

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

log = logging.getLogger(__name__)
KINDS = ("keep", "bpe", "unigram")


def trained_tokenizer(
    texts: Sequence[str], kind: str, pieces: int, *, framed: bool, max_length: int
) -> PreTrainedTokenizerFast:
    """Train one and tell how many characters a piece has.

    Args:
        kind: bpe (Sennrich et al. 2016) or unigram (Kudo 2018); both over bytes, so that nothing is ever unknown.
        pieces: size of the vocabulary, special tokens included.
        framed: whether texts stand between <s> and </s>, as encoders read them.
    """
    from tokenizers import processors
    from transformers import PreTrainedTokenizerFast

    from llamita.core.random_weights import byte_level_bpe

    require(pieces >= 300, f"a vocabulary must have 300 pieces or more (256 are bytes), got {pieces}")
    backend = byte_level_bpe(texts, pieces) if kind == "bpe" else _unigram(texts, pieces)
    if framed:
        frame = processors.TemplateProcessing(
            single="<s> $A </s>", pair="<s> $A </s> $B:1 </s>:1",
            special_tokens=[(name, backend.token_to_id(name)) for name in ("<s>", "</s>")],
        )  # fmt: skip
        backend.post_processor = frame
    made = PreTrainedTokenizerFast(
        tokenizer_object=backend, model_max_length=max_length, bos_token="<s>", pad_token="<pad>", eos_token="</s>",
        unk_token="<unk>", mask_token="<mask>", cls_token="<s>", sep_token="</s>",
    )  # fmt: skip
    sample = texts[: max(1, min(len(texts), 200))]
    told = sum(map(len, sample)) / max(
        1, sum(len(ids) for ids in made(list(sample), add_special_tokens=False, verbose=False)["input_ids"])
    )
    log.info("tokenizer: %s pieces, %.2f characters a piece", f"{len(made):,}", told)
    return made


def _unigram(texts: Sequence[str], pieces: int) -> Tokenizer:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    from llamita.core.random_weights import SPECIAL_TOKENS

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.UnigramTrainer(
        vocab_size=pieces, special_tokens=list(SPECIAL_TOKENS), show_progress=False, unk_token="<unk>",
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
