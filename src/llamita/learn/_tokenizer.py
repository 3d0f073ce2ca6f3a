"""A tokenizer trained on the user's own texts: BPE or Unigram over bytes, as stock code loads it."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from llamita.core import processes
from llamita.core.errors import require
from llamita.core.whole import write_whole

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    from llamita.core.model import Model

log = logging.getLogger(__name__)
KINDS = ("keep", "bpe", "unigram")
LONGEST_WORD = 1 << 20
"""Bytes of what stands between spaces, as far as it teaches a Unigram tokenizer."""


def kept_tokenizer(
    folder: Path, texts: Callable[[], Sequence[str]], kind: str, pieces: int, *, framed: bool, max_length: int
) -> PreTrainedTokenizerFast:
    """The tokenizer that a folder keeps of these texts and settings; the first process trains it, once, and all read it.

    Args:
        texts: asked for in the first process alone.
        kind: bpe (Sennrich et al. 2016, https://arxiv.org/abs/1508.07909) or unigram (Kudo 2018,
            https://arxiv.org/abs/1804.10959); both over bytes, so that nothing is ever unknown.
        pieces: size of the vocabulary, special tokens included.
        framed: whether texts stand between <s> and </s>, as encoders read them.

    Raises:
        UserError: too few pieces for the bytes.
    """
    from tokenizers import Tokenizer

    name, learned = "", texts() if processes.is_first() else ()
    if processes.is_first():
        name = f"tokenizer-{_digest(learned, kind, pieces, framed)[:16]}.json"
        if not (folder / name).exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(folder / name, _trained(learned, kind, pieces, framed=framed).to_str())
    name = processes.agreed(name)
    made = _wrapped(Tokenizer.from_str((folder / name).read_text(encoding="utf-8")), max_length)
    if processes.is_first():
        log.info("tokenizer: %s pieces, %.2f characters a piece", f"{len(made):,}", _characters_a_piece(made, learned))
    return made


def give_tokenizer(model: Model, tokenizer: PreTrainedTokenizerFast) -> None:
    """Put a tokenizer in the place of the model's own, and embeddings for its pieces, drawn as the family draws them."""
    import torch

    model.tokenizer = tokenizer
    config = model.module.config
    for name, token in (("bos", "<s>"), ("pad", "<pad>"), ("eos", "</s>")):
        setattr(config, f"{name}_token_id", model.tokenizer.convert_tokens_to_ids(token))
        if generation := getattr(model.module, "generation_config", None):
            setattr(generation, f"{name}_token_id", getattr(config, f"{name}_token_id"))
    if config.is_encoder_decoder:
        config.decoder_start_token_id = config.eos_token_id
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model.module.resize_token_embeddings(len(model.tokenizer), mean_resizing=False)
        spread = getattr(config, "initializer_range", None) or 0.02
        tokens_in, tokens_out = model.module.get_input_embeddings(), model.module.get_output_embeddings()
        torch.nn.init.normal_(tokens_in.weight, std=spread)
        if tokens_in.padding_idx is not None:
            tokens_in.padding_idx = config.pad_token_id  # a row of this number gets no gradient
        if tokens_out is not None and tokens_out.weight is not tokens_in.weight:
            torch.nn.init.normal_(tokens_out.weight, std=spread)
        if (bias := getattr(tokens_out, "bias", None)) is not None:
            torch.nn.init.zeros_(bias)
    model.changed()


def _digest(texts: Sequence[str], *how: object) -> str:
    """Of what a tokenizer is a function of."""
    found = hashlib.sha256(repr(how).encode())
    for text in texts:
        found.update(text.encode("utf-8", "surrogatepass") + b"\x1e")
    return found.hexdigest()


def _trained(texts: Sequence[str], kind: str, pieces: int, *, framed: bool) -> Tokenizer:
    """A pure function of the texts and the settings."""
    from tokenizers import processors

    from llamita.core.random_weights import byte_level_bpe

    require(pieces >= 300, f"a vocabulary must have 300 pieces or more (256 are bytes), got {pieces}")
    backend = byte_level_bpe(texts, pieces) if kind == "bpe" else _unigram(texts, pieces)
    if framed:
        backend.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>", pair="<s> $A </s> $B:1 </s>:1",
            special_tokens=[(name, backend.token_to_id(name)) for name in ("<s>", "</s>")],
        )  # fmt: skip
    return backend


def _wrapped(backend: Tokenizer, max_length: int) -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=backend, model_max_length=max_length, bos_token="<s>", pad_token="<pad>", eos_token="</s>",
        unk_token="<unk>", mask_token="<mask>", cls_token="<s>", sep_token="</s>",
    )  # fmt: skip


def _characters_a_piece(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> float:
    sample = list(texts[: max(1, min(len(texts), 200))])
    found = tokenizer(sample, add_special_tokens=False, verbose=False)["input_ids"]
    return sum(map(len, sample)) / max(1, sum(map(len, found)))


def _unigram(texts: Sequence[str], pieces: int) -> Tokenizer:
    """Trained by sentencepiece on sorted word counts in one thread: the trainer of tokenizers sums in the random order of its
    hash maps, so that no two trainings of it end alike."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    from llamita.core.random_weights import SPECIAL_TOKENS

    words = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    counts = Counter(words.alphabet())  # so that every byte is a piece
    for text in texts:
        counts.update(word for word, _ in words.pre_tokenize_str(text))
    found = _unigram_pieces(counts, pieces - len(SPECIAL_TOKENS))
    unknown = SPECIAL_TOKENS.index("<unk>")
    tokenizer = Tokenizer(models.Unigram([*((name, 0.0) for name in SPECIAL_TOKENS), *found], unknown, False))
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _unigram_pieces(counts: Counter[str], number: int) -> list[tuple[str, float]]:
    """At most so many pieces of these words, with the logarithm of each one's probability."""
    import sentencepiece

    stream = BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(f"{word}\t{count}" for word, count in sorted(counts.items())), input_format="tsv",
        model_writer=stream, model_type="unigram", vocab_size=number + 1, hard_vocab_limit=False, character_coverage=1.0,
        normalization_rule_name="identity", add_dummy_prefix=False, remove_extra_whitespaces=False, split_by_whitespace=False,
        split_by_unicode_script=False, split_by_number=False, unk_id=0, bos_id=-1, eos_id=-1, pad_id=-1,
        max_sentence_length=LONGEST_WORD, num_threads=1, minloglevel=2,
    )  # fmt: skip
    made = sentencepiece.SentencePieceProcessor(model_proto=stream.getvalue())
    return [(made.id_to_piece(i), made.get_score(i)) for i in range(1, made.get_piece_size())]  # without its <unk>
