"""An engine in front of another has its tokenizer and its size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tests.engines import BagOfWords

from llamita.core.delegating import Delegating
from llamita.core.engine import Engine
from llamita.core.task import Text


class Doubled(Delegating[Engine]):
    """Twice as sure."""

    capabilities = frozenset({"scores"})

    def __init__(self, engine: Engine):
        self.engine, self.labels, self.name = engine, engine.labels, engine.name

    def logits(self, token_ids: np.ndarray, mask: np.ndarray, type_ids: np.ndarray | None = None) -> np.ndarray:
        return 2 * self.engine.logits(token_ids, mask, type_ids)

    def text_logits(self, texts: Sequence[Text], tokens_per_batch: int = 4096) -> np.ndarray:
        return 2 * self.engine.text_logits(texts, tokens_per_batch)


def test_size_and_tokenizer_are_those_of_the_engine_behind() -> None:
    behind = BagOfWords({"good": (0.0, 1.0), "bad": (1.0, 0.0)})
    front = Doubled(behind)
    assert front.encoder is behind.encoder
    assert (front.size_bytes, front.num_parameters) == (behind.size_bytes, behind.num_parameters)
    assert front.scores(["good"]).max() > behind.scores(["good"]).max()
