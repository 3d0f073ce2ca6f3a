"""The honest baseline: TF-IDF over words and characters with logistic regression, tuned on the select split.

One label against the rest by liblinear, which is quick; the strength of the penalty and what is counted are chosen by the
likelihood of the labels of select, which is steadier than accuracy on a few hundred texts.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers

from llamita.core.encoding import TextEncoder
from llamita.core.engine import Engine, softmax
from llamita.core.errors import UserError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from llamita.core.task import Task, Text

log = logging.getLogger(__name__)

STRENGTHS = (1.0, 3.0, 10.0, 30.0)
"""Inverse strengths of the penalty that are tried."""
WORDS: dict[str, Any] = {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b|[!?]"}
CHARACTERS: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (2, 5), "min_df": 2}
CHINESE: dict[str, Any] = {"analyzer": "char", "ngram_range": (1, 3)}
VIEWS: dict[str, Sequence[dict[str, Any]]] = {"words": (WORDS,), "words and characters": (WORDS, CHARACTERS)}
"""What is counted, each tried; of Chinese texts, whose words have no spaces, single characters up to triples instead."""
MAX_FEATURES = 200_000
"""Of each kind, the most frequent ones."""


class LinearEngine(Engine):
    """Logistic regression on TF-IDF counts; it reads texts, not token ids."""

    capabilities = frozenset({"scores"})

    def __init__(self, vectorizers: Sequence[Any], weights: np.ndarray, bias: np.ndarray, labels: tuple[str, ...]):
        self.vectorizers, self.weights, self.bias = vectorizers, weights, bias
        self.labels = labels
        self.name = "TF-IDF + linear"
        vocabulary = {"[UNK]": 0}
        tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()  # type: ignore[assignment]
        self.encoder = TextEncoder(tokenizer=tokenizer, pad_id=0, max_length=1 << 20).cut()

    @property
    def num_parameters(self) -> int:
        """Weights that are not 0 by their class, biases, and the inverse document frequencies."""
        return int(self.weights.size + self.bias.size + self.weights.shape[1])

    @property
    def size_bytes(self) -> int:
        """Float32 numbers and the vocabulary as UTF-8 with a byte between terms: what a plain file of it would take."""
        terms = sum(len(term.encode()) + 1 for part in self.vectorizers for term in part.vocabulary_)
        return 4 * self.num_parameters + terms

    def logits(self, token_ids: np.ndarray, mask: np.ndarray, type_ids: np.ndarray | None = None) -> np.ndarray:
        raise UserError("the linear baseline reads texts, not token ids; call text_logits or scores")

    def text_logits(self, texts: Sequence[Text], tokens_per_batch: int = 4096) -> np.ndarray:
        if not len(texts):
            return np.zeros((0, len(self.labels)), dtype=np.float32)
        counts = _features(self.vectorizers, texts)
        return np.asarray(counts @ self.weights.T + self.bias, dtype=np.float32)


def fit_linear(task: Task, seed: int = 0) -> LinearEngine:
    """The best of these baselines by likelihood on select, fitted on the training split (both are left as they are).

    Raises:
        UserError: when there are no labelled training texts, or only one label occurs.
    """
    if not len(task.train) or len(set(task.train.labels)) < 2:
        raise UserError("the linear baseline needs labelled training texts of two labels or more")
    judged = task.select if len(task.select) else task.train
    gold = np.asarray(judged.labels)
    best: tuple[float, LinearEngine] | None = None
    for name, settings in _views(task).items():
        vectorizers = _fit_vectorizers(settings, task.train.texts)
        features, unseen = _features(vectorizers, task.train.texts), _features(vectorizers, judged.texts)
        for strength in STRENGTHS:
            weights, bias = _fit_weights(features, np.asarray(task.train.labels), len(task.labels), strength, seed)
            score = _likelihood(softmax(np.asarray(unseen @ weights.T + bias)), gold)
            log.debug("%s, C=%g: %.4f", name, strength, score)
            if best is None or score > best[0]:
                best = (score, LinearEngine(vectorizers, weights, bias, task.labels))
    assert best is not None
    return best[1]


def _views(task: Task) -> dict[str, Sequence[dict[str, Any]]]:
    sample = " ".join(t if isinstance(t, str) else " ".join(t) for t in task.train.texts[:500])
    chinese = sum("㐀" <= char <= "鿿" for char in sample) > 0.2 * len(sample.replace(" ", ""))
    return {"Chinese characters": (CHINESE,)} if chinese else VIEWS


def _fit_vectorizers(settings: Sequence[dict[str, Any]], texts: Sequence[Text]) -> list[Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    joined = _joined(texts)
    return [TfidfVectorizer(sublinear_tf=True, max_features=MAX_FEATURES, **s).fit(joined) for s in settings]


def _features(vectorizers: Sequence[Any], texts: Sequence[Text]) -> csr_matrix:
    from scipy.sparse import hstack

    return hstack([part.transform(_joined(texts)) for part in vectorizers], format="csr")  # pyrefly: ignore


def _joined(texts: Sequence[Text]) -> list[str]:
    """Of a pair both texts, one after the other."""
    return [text if isinstance(text, str) else " ".join(text) for text in texts]


def _fit_weights(
    features: csr_matrix, gold: np.ndarray, num_labels: int, strength: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Weights and biases, a row for each label that is told from all others; one that never occurs is never chosen."""
    from sklearn.linear_model import LogisticRegression

    weights = np.zeros((num_labels, features.shape[1]), dtype=np.float32)
    bias = np.full(num_labels, -30.0, dtype=np.float32)
    present = np.unique(gold)
    for label in present[:1] if len(present) == 2 else present:
        machine = LogisticRegression(C=strength, solver="liblinear", random_state=seed).fit(features, gold == label)
        weights[label], bias[label] = machine.coef_[0], machine.intercept_[0]
    if len(present) == 2:
        one, other = present
        weights[other], bias[other] = -weights[one] / 2, -bias[one] / 2
        weights[one], bias[one] = weights[one] / 2, bias[one] / 2
    return weights, bias


def _likelihood(scores: np.ndarray, gold: np.ndarray) -> float:
    """Mean logarithm of the probability of the right label."""
    return float(np.log(np.maximum(scores[np.arange(len(gold)), gold], 1e-9)).mean())
