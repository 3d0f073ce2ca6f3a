"""Models of random weights from a family and a size, with a byte-level tokenizer trained on the shipped word counts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    PretrainedConfig,
    PreTrainedTokenizerFast,
)

from llamita.core.architecture import Architecture, architecture_named, shape_settings
from llamita.core.errors import UserError
from llamita.core.frequent import LANGUAGES, frequent_words

if TYPE_CHECKING:
    from llamita.core.model import Model

SPECIAL_TOKENS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
LABELS = ("first", "second")
"""Not the default names: a config leaves those out when saved, and BART's then reads three labels."""
PIECES, LEAST_PIECES, MOST_PIECES = 8192, 300, 1_000_000
MAX_LENGTH = 512
HEAD_SIZE = 32
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def build_random_model(address: str) -> Model:
    """The model of an address such as "llama:10m" or "llama:10m:4000": FAMILY:SIZE or FAMILY:SIZE:PIECES.

    SIZE is about its number of parameters as a language model, PIECES the size of its vocabulary.
    """
    from llamita.core.model import Model

    family, _, rest = address.partition(":")
    size, _, given = rest.partition(":")
    pieces = parse_pieces(given, address) if given else PIECES
    architecture = architecture_named(family)
    config = _nearest_config(architecture, parse_size(size, address), pieces)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32)
    lineage = ({"step": "load", "settings": {"model": f"config:{address}"}},)
    return Model(module, _tokenizer(architecture, pieces), lineage=lineage, name=f"config:{address}")


def parse_size(size: str, address: str) -> int:
    """Read "300k", "10m" or "1.5b" as a number of parameters.

    Raises:
        UserError: it is none, or not in [100k, 100b].
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([kmb])", size.lower())
    number = float(found[1]) * {"k": 1e3, "m": 1e6, "b": 1e9}[found[2]] if found else 0
    if not 1e5 <= number <= 1e11:
        raise UserError(f"config:{address}: the size must be parameters such as 300k, 10m or 1.5b, got {size!r}")
    return int(number)


def parse_pieces(given: str, address: str) -> int:
    """Read the size of a vocabulary.

    Raises:
        UserError: it is no number, or too small or large for one.
    """
    if not given.isdecimal() or not LEAST_PIECES <= int(given) <= MOST_PIECES:
        raise UserError(
            f"config:{address}: the vocabulary must be {LEAST_PIECES} to {MOST_PIECES} pieces, got {given!r}"
        )
    return int(given)


FAR_BEYOND = 1.5
"""Odd numbers of heads can't share keys and values, so the parameters go up and down; the search ends well above the target."""


def _nearest_config(architecture: Architecture, target: int, pieces: int) -> PretrainedConfig:
    """Widen until the parameters are nearest the target; depth grows with the square root of the width."""
    # a decoder's head for language is a matrix of its own, as large as the embeddings
    counted = AutoModelForCausalLM if architecture.is_decoder_only else AutoModelForSequenceClassification
    best: tuple[int, PretrainedConfig] | None = None
    for heads in range(1, 512):
        config = _config(architecture, heads, pieces)
        with torch.device("meta"):
            count = sum(p.numel() for p in counted.from_config(config).parameters())
        if best is None or abs(count - target) < best[0]:
            best = (abs(count - target), config)
        if count > FAR_BEYOND * target:
            break
    assert best is not None
    return best[1]


def _config(architecture: Architecture, heads: int, pieces: int) -> PretrainedConfig:
    family, hidden = architecture.family, HEAD_SIZE * heads
    shape = shape_settings(
        architecture, hidden=hidden, layers=max(2, round(1.5 * heads**0.5)), heads=heads, ffn=4 * hidden
    )
    if architecture.num_key_value_heads and heads % 2:
        shape[architecture.num_key_value_heads] = heads
    bos, pad, eos = range(3)
    special: dict[str, Any] = {"bos_token_id": bos, "pad_token_id": pad, "eos_token_id": eos}
    if family == "modernbert":
        special |= {"cls_token_id": bos, "sep_token_id": eos}
    if family == "bart":
        special |= {"decoder_start_token_id": eos, "forced_eos_token_id": eos}
    offset = pad + 1 if architecture.positions_start_after_padding else 0
    return AutoConfig.for_model(
        family, **shape, **special, **{architecture.positions: MAX_LENGTH + offset}, vocab_size=pieces,
        id2label=dict(enumerate(LABELS)), label2id={name: i for i, name in enumerate(LABELS)},
        problem_type="single_label_classification",
    )  # fmt: skip


def _tokenizer(architecture: Architecture, pieces: int) -> PreTrainedTokenizerFast:
    backend = Tokenizer.from_str(_trained_backend(pieces))
    if not architecture.is_decoder_only:
        backend.post_processor = processors.Sequence(
            [
                processors.ByteLevel(trim_offsets=True),
                processors.TemplateProcessing(
                    single="<s> $A </s>", pair="<s> $A </s> $B:1 </s>:1", special_tokens=[("<s>", 0), ("</s>", 2)]
                ),
            ]
        )
    names = ["input_ids", "token_type_ids", "attention_mask"] if architecture.family == "bert" else None
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, model_max_length=MAX_LENGTH, bos_token="<s>", pad_token="<pad>", eos_token="</s>",
        unk_token="<unk>", mask_token="<mask>", cls_token="<s>", sep_token="</s>",
        **({"model_input_names": names} if names else {}),
    )  # fmt: skip


@cache
def _trained_backend(pieces: int) -> str:
    """A byte-level BPE of at most so many pieces over the shipped lists; the training is deterministic."""
    return byte_level_bpe(_weighted_words(), pieces).to_str()


def byte_level_bpe(texts: Sequence[str], pieces: int) -> Tokenizer:
    """Train a tokenizer that knows every byte; `SPECIAL_TOKENS` come first and count among the pieces."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=pieces, special_tokens=list(SPECIAL_TOKENS), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _weighted_words() -> list[str]:
    """Frequent words, each repeated by the square root of its count."""
    spaced = {"en": " {}", "zh": "{}"}
    return [
        spaced[language].format(word)
        for language in LANGUAGES
        for word, count in frequent_words(language)[:8000]
        for _ in range(max(1, round(count**0.5)))
    ]
