"""The honest baseline: TF-IDF over words and characters with logistic regression, tuned on the select split.

One label against the rest by liblinear, which is quick; the strength of the penalty and what is counted are chosen by the
likelihood of the labels of select, which is steadier than accuracy on a few hundred texts. It is saved as an artifact that
NumPy alone runs, so that it can be taken where it is enough.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from llamita.core.answers import Answers, AnyLabels, OneLabel, read_answers
from llamita.core.encoding import TextEncoder
from llamita.core.engine import Engine
from llamita.core.errors import UserError
from llamita.core.exporter import ARTIFACT_FILE, Artifact
from llamita.core.scaling import best_thresholds
from llamita.data.text import are_chinese
from llamita.learn._tfidf import View

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from llamita.core.task import Task, Text

log = logging.getLogger(__name__)

STRENGTHS = (1.0, 3.0, 10.0, 30.0)
"""Inverse strengths of the penalty that are tried."""
WORDS: dict[str, Any] = {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"\b\w+\b|[!?]"}
CHARACTERS: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (2, 5), "min_df": 2}
CHINESE: dict[str, Any] = {"analyzer": "char", "ngram_range": (1, 3)}
VIEWS: dict[str, Sequence[dict[str, Any]]] = {"words": (WORDS,), "words and characters": (WORDS, CHARACTERS)}
"""What is counted, each tried; of Chinese texts, whose words have no spaces, single characters up to triples instead."""
MAX_FEATURES = 200_000
"""Of each kind, the most frequent ones."""
TERMS_FILE, NUMBERS_FILE = "terms.json", "linear.safetensors"


class LinearEngine(Engine):
    """Logistic regression on TF-IDF counts; it reads texts, not token ids."""

    capabilities = frozenset({"scores"})

    def __init__(
        self,
        views: Sequence[View],
        weights: np.ndarray,
        bias: np.ndarray,
        labels: Sequence[str],
        answers: Answers | None = None,
    ):
        """Weights are float32 [labels, features], the features of one view after those of the other; bias float32 [labels]."""
        self.views, self.weights, self.bias = tuple(views), weights, bias
        self.labels = tuple(labels)
        self.answers = answers or OneLabel()
        self.name = "TF-IDF + linear"
        self.encoder = _encoder(self.views[0])
        self.folder: Path | None = None

    @property
    def num_parameters(self) -> int:
        """Weights of every class, biases, and the inverse document frequencies."""
        return int(self.weights.size + self.bias.size + self.weights.shape[1])

    @property
    def size_bytes(self) -> int:
        """Of the folder; before it is saved, of the float32 numbers and the n-grams as UTF-8 with a byte between them."""
        if self.folder is not None:
            return Artifact(folder=self.folder, exporter="learn.linear").size_bytes
        return 4 * self.num_parameters + sum(len(term.encode()) + 1 for view in self.views for term in view.terms)

    def logits(self, token_ids: np.ndarray, mask: np.ndarray, type_ids: np.ndarray | None = None) -> np.ndarray:
        raise UserError("the linear baseline reads texts, not token ids; call text_logits or scores")

    def text_logits(self, texts: Sequence[Text], tokens_per_batch: int | None = None) -> np.ndarray:
        out = np.tile(self.bias.astype(np.float32), (len(texts), 1))
        for row, text in enumerate(_joined(texts)):
            start = 0
            for view in self.views:
                indices, values = view.features(text)
                out[row] += self.weights[:, start + indices] @ values
                start += len(view.terms)
        return out

    def save(self, folder: str | Path) -> None:
        """Write the artifact's files: what is counted, the n-grams, the numbers."""
        from safetensors.numpy import save

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        views = [
            {"analyzer": v.analyzer, "ngram_range": v.ngram_range, "token_pattern": v.token_pattern} for v in self.views
        ]
        about = {
            "exporter": "learn.linear", "name": self.name, "labels": self.labels, "parameters": self.num_parameters,
            "views": views, "answers": self.answers.to_dict(),
        }  # fmt: skip
        _write_json(folder / TERMS_FILE, [view.terms for view in self.views])
        idf = np.concatenate([view.idf for view in self.views])
        (folder / NUMBERS_FILE).write_bytes(save({"weights": self.weights, "bias": self.bias, "idf": idf}))
        _write_json(folder / ARTIFACT_FILE, about)
        self.folder = folder


def open_folder(folder: Path, *, threads: int | None = None) -> LinearEngine:
    """Open a saved baseline; it counts on one thread whatever is asked.

    Raises:
        UserError: a file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    folder = Path(folder)
    try:
        about = json.loads((folder / ARTIFACT_FILE).read_text(encoding="utf-8"))
        terms = json.loads((folder / TERMS_FILE).read_text(encoding="utf-8"))
        numbers = load_file(folder / NUMBERS_FILE)
        engine = _assembled(about, terms, numbers)
    except FileNotFoundError as error:
        raise UserError(
            f"{folder} is no whole export: {Path(error.filename or '').name} is missing; make it again"
        ) from None
    except (KeyError, TypeError, ValueError, SafetensorError) as error:
        raise UserError(f"{folder} is damaged ({type(error).__name__}: {error}); make it again") from None
    engine.folder = folder
    return engine


def _assembled(
    about: Mapping[str, Any], terms: Sequence[Sequence[str]], numbers: Mapping[str, np.ndarray]
) -> LinearEngine:
    ends = np.cumsum([len(part) for part in terms])
    views = [
        View(
            analyzer=view["analyzer"], ngram_range=tuple(view["ngram_range"]), token_pattern=view["token_pattern"],
            terms=tuple(part), idf=idf,
        )
        for view, part, idf in zip(about["views"], terms, np.split(numbers["idf"], ends[:-1]), strict=True)
    ]  # fmt: skip
    answers = read_answers(about["answers"]) if "answers" in about else OneLabel()
    if numbers["weights"].shape != (len(about["labels"]), ends[-1]):
        raise ValueError(f"weights of shape {numbers['weights'].shape} for {ends[-1]} n-grams")
    return LinearEngine(views, numbers["weights"], numbers["bias"], about["labels"], answers)


def _write_json(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def _encoder(view: View) -> TextEncoder:
    """The single words or characters that the view knows; for counting tokens and what is unknown."""
    single = [term for term in view.terms if not (" " in term if view.analyzer == "word" else len(term) > 1)]
    vocabulary = {"[UNK]": 0} | {term: i for i, term in enumerate(single, 1)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    pattern = view.token_pattern if view.analyzer == "word" else r"\S"
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    return TextEncoder(tokenizer=tokenizer, pad_id=0, max_length=1 << 20).cut()


def fit_linear(task: Task, seed: int = 0) -> LinearEngine:
    """The best of these baselines by likelihood on select, fitted on the training split (both are left as they are).

    Raises:
        UserError: when there are no labelled training texts, or only one label occurs.
    """
    if not len(task.train) or len(np.unique(task.gold(task.train), axis=0)) < 2:
        raise UserError("the linear baseline needs labelled training texts of two labels or more")
    judged = task.select if len(task.select) else task.train
    gold, answers = task.gold(judged), task.answers
    best: tuple[float, LinearEngine] | None = None
    texts, unseen = _joined(task.train.texts), _joined(judged.texts)
    for name, settings in _views(task).items():
        views = [view for one in settings if (view := View.fit(texts, one, MAX_FEATURES)) is not None]
        if not views:
            continue
        features, judged_features = _features(views, texts), _features(views, unseen)
        for strength in STRENGTHS:
            weights, bias = _fit_weights(features, task.gold(task.train), len(task.labels), strength, seed)
            found = answers.probabilities(np.asarray(judged_features @ weights.T + bias))
            score = -float(answers.surprise(found, gold).mean())
            log.debug("%s, C=%g: %.4f", name, strength, score)
            if best is None or score > best[0]:
                limits: Answers = answers
                if isinstance(answers, AnyLabels):
                    limits = replace(answers, thresholds=best_thresholds(found, gold))
                best = (score, LinearEngine(views, weights, bias, task.labels, limits))
    if best is None:
        raise UserError("the linear baseline finds no words in the training texts")
    return best[1]


def _views(task: Task) -> dict[str, Sequence[dict[str, Any]]]:
    return {"Chinese characters": (CHINESE,)} if are_chinese(task.train.texts[:500]) else VIEWS


def _features(views: Sequence[View], texts: Sequence[str]) -> csr_matrix:
    """TF-IDF values, float64 [texts, features]."""
    from scipy.sparse import csr_matrix, hstack

    parts = []
    for view in views:
        rows = [view.features(text) for text in texts]
        starts = np.cumsum([0, *(len(indices) for indices, _ in rows)])
        indices, values = (np.concatenate(part) for part in zip(*rows, strict=True))
        parts.append(csr_matrix((values, indices, starts), shape=(len(texts), len(view.terms))))
    return hstack(parts, format="csr")  # pyrefly: ignore


def _joined(texts: Sequence[Text]) -> list[str]:
    """Of a pair both texts, one after the other."""
    return [text if isinstance(text, str) else " ".join(text) for text in texts]


def _fit_weights(
    features: csr_matrix, gold: np.ndarray, num_labels: int, strength: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Weights and biases, a row for each label that is told from all others; one that never occurs is never chosen.

    Args:
        gold: indices [texts], or 0 and 1 [texts, labels].
    """
    from sklearn.linear_model import LogisticRegression

    weights = np.zeros((num_labels, features.shape[1]), dtype=np.float32)
    bias = np.full(num_labels, -30.0, dtype=np.float32)
    if gold.ndim == 2:
        bias[gold.all(axis=0)] = 30.0
        for label in np.flatnonzero(gold.any(axis=0) & ~gold.all(axis=0)):
            machine = LogisticRegression(C=strength, solver="liblinear", random_state=seed).fit(
                features, gold[:, label]
            )
            weights[label], bias[label] = machine.coef_[0], machine.intercept_[0]
        return weights, bias
    present = np.unique(gold)
    for label in present[:1] if len(present) == 2 else present:
        machine = LogisticRegression(C=strength, solver="liblinear", random_state=seed).fit(features, gold == label)
        weights[label], bias[label] = machine.coef_[0], machine.intercept_[0]
    if len(present) == 2:
        one, other = present
        weights[other], bias[other] = -weights[one] / 2, -bias[one] / 2
        weights[one], bias[one] = weights[one] / 2, bias[one] / 2
    return weights, bias
