"""A bag-of-words engine whose every number can be worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from llamita.core.encoding import TextEncoder
from llamita.core.engine import Engine


class BagOfWords(Engine):
    """The logits of a text are the sum of its words' weights; Chinese characters are words.

    Args:
        weights: {word: weight of each label}; other words weigh nothing.
    """

    capabilities = frozenset({"scores"})

    def __init__(
        self,
        weights: Mapping[str, Sequence[float]],
        labels: Sequence[str] = ("negative", "positive"),
        *,
        bias: Sequence[float] | None = None,
        name: str = "bag of words",
        max_length: int = 512,
    ):
        self.name = name
        self.labels = tuple(labels)
        vocabulary = {"[PAD]": 0, "[UNK]": 1} | {word: i for i, word in enumerate(weights, 2)}
        tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        self.encoder = TextEncoder(tokenizer=tokenizer, pad_id=0, max_length=max_length).cut()
        nothing = [0.0] * len(self.labels)
        self.table = np.array([nothing, nothing, *weights.values()], dtype=np.float32)
        self.bias = np.array(bias or nothing, dtype=np.float32)
        self.calls = 0

    @property
    def size_bytes(self) -> int:
        return self.table.nbytes

    @property
    def num_parameters(self) -> int:
        return self.table.size

    def logits(self, token_ids: np.ndarray, mask: np.ndarray, type_ids: np.ndarray | None = None) -> np.ndarray:
        self.calls += 1
        return (self.table[token_ids] * mask[:, :, None]).sum(axis=1) + self.bias
