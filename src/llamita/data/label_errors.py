"""Labels that are probably wrong, by confident learning.

Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels", 2021,
https://arxiv.org/abs/1911.00068. The counting and ranking is cleanlab's; what it needs, the probabilities of each label for
texts that a model has not learnt from, comes from folds of logistic regression on several views of the texts: TF-IDF, and the
inner states of frozen language models. Their logarithms are averaged, each at the share that makes the labels likeliest.
"""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.core.errors import UserError, require
from llamita.core.task import parts_of
from llamita.data.cells import rows_text
from llamita.data.finding import DataFinding, found_in, shortened
from llamita.data.label_sets import JOINT, parts
from llamita.data.table import Table
from llamita.data.text import are_chinese

if TYPE_CHECKING:
    from llamita.core.model import Model

log = logging.getLogger(__name__)
FOLDS = 5
FEWEST = 2 * FOLDS
"""Rows a label must have to be judged."""
STRENGTHS = {"words": (1.0, 3.0, 10.0), "states": (0.0003, 0.001, 0.003, 0.01)}
"""Inverse strengths of the penalty that are tried, the best chosen by the likelihood of the labels as they stand."""
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
"""Of a view that is added to better ones."""
SHOWN = 80
"""Characters of a doubtful row's text that are told with it."""
LAYERS = (0.5, 0.75, 1.0)
"""Which layers' states are joined, as shares of the depth: the middle knows tone, the last topic."""


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """A row whose label is probably wrong."""

    row: int
    label: str
    likely: str
    """The label that the models think right."""
    own: float
    """Probability of the label it has."""
    other: float
    """Probability of the likely one."""


def label_errors(table: Table, models: Sequence[Model] = (), *, seed: int = 0) -> tuple[list[Suspect], float]:
    """Rows that confident learning takes for wrongly labelled, the surest first; the share of labels the models agree with.

    Where a text may have any labels, each of them is judged by itself: whether the text has it.

    Args:
        models: Whose inner states are views of the texts beside TF-IDF.

    Raises:
        UserError: no labels, too few rows, or cleanlab is missing.
    """
    if table.labels is not None and table.several:
        return _of_any_labels(table, models, seed)
    rows = judged_rows(table)
    part = table.take(rows)
    assert part.labels is not None
    names = sorted(set(part.labels))
    gold = np.array([names.index(label) for label in part.labels])
    probabilities = out_of_fold(views_of(part, models), gold, seed=seed)
    suspects = [
        Suspect(
            row=rows[i], label=names[gold[i]], likely=names[int(probabilities[i].argmax())],
            own=float(probabilities[i, gold[i]]), other=float(probabilities[i].max()),
        )
        for i in doubtful(gold, probabilities)
    ]  # fmt: skip
    return suspects, float((probabilities.argmax(1) == gold).mean())


def _of_any_labels(table: Table, models: Sequence[Model], seed: int) -> tuple[list[Suspect], float]:
    """The same of texts with any labels; a row is told once, with the label that is doubted most."""
    sets = [frozenset(parts(cell)) for cell in table.labels or ()]
    counts = Counter(label for labels in sets for label in labels)
    names = sorted(label for label, n in counts.items() if FEWEST <= n <= len(table) - FEWEST)
    require(
        bool(names),
        f"{table.source}: label errors are sought in labels that {FEWEST} rows or more have, and as many lack",
    )
    views, found, agreed = views_of(table, models), dict[int, Suspect](), []
    for name in names:
        gold = np.array([name in labels for labels in sets]).astype(int)
        probabilities = out_of_fold(views, gold, seed=seed)
        agreed.append(float((probabilities.argmax(1) == gold).mean()))
        for i in doubtful(gold, probabilities):
            own, other = float(probabilities[i, gold[i]]), float(probabilities[i, 1 - gold[i]])
            label, likely = (JOINT.join(sorted(labels)) for labels in (sets[i], sets[i] ^ {name}))
            if i not in found or other > found[i].other:
                found[i] = Suspect(row=i, label=label, likely=likely, own=own, other=other)
    return sorted(found.values(), key=lambda one: (-one.other, one.row)), float(np.mean(agreed))


def judged_rows(table: Table) -> list[int]:
    """Rows whose label has enough rows to be learnt in every fold.

    Raises:
        UserError: fewer than two such labels.
    """
    if table.labels is None:
        raise UserError(f"{table.source} has no labels to doubt; name their column: --columns label=COLUMN")
    counts = Counter(label for label in table.labels if label.strip())
    kept = {label for label, n in counts.items() if n >= FEWEST}
    require(
        len(kept) > 1,
        f"{table.source}: label errors are sought in two labels of {FEWEST} rows or more each, got"
        f" {', '.join(f'{label!r} ({n})' for label, n in sorted(counts.items())[:5])}",
    )
    return [i for i, label in enumerate(table.labels) if label in kept]


def doubtful(gold: np.ndarray, probabilities: np.ndarray) -> list[int]:
    """Rows that the confident joint counts as wrong, the surest first (prune by noise rate, ranked by normalised margin)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from cleanlab.filter import find_label_issues
    except ImportError:
        raise UserError("--label-errors needs cleanlab: pip install 'llamita[train]'") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = find_label_issues(
            gold, probabilities, filter_by="prune_by_noise_rate", return_indices_ranked_by="normalized_margin", n_jobs=1
        )
    return [int(i) for i in found]


def views_of(table: Table, models: Sequence[Model] = ()) -> dict[str, Any]:
    """Features of the texts, a matrix with a row for each: TF-IDF, and the states of each model."""
    texts = [" ".join(parts_of(text)) for text in table.texts]
    views: dict[str, Any] = {"words": _tfidf(texts)}
    for number, model in enumerate(models):
        from llamita.data.states import mean_states

        views[f"states {number} {model.name}"] = _standardised(mean_states(model, table.texts, LAYERS))
    return views


def _tfidf(texts: Sequence[str]) -> Any:
    """Words and characters; of Chinese texts characters up to triples."""
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer

    least = 2 if len(texts) > 1000 else 1
    more = {"sublinear_tf": True, "max_features": 200_000, "dtype": np.float32, "min_df": least}
    if are_chinese(texts[:500]):
        return TfidfVectorizer(analyzer="char", ngram_range=(1, 3), **more).fit_transform(texts)
    words = TfidfVectorizer(analyzer="word", ngram_range=(1, 2), token_pattern=r"\b\w+\b|[!?]", **more)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), **more)
    return hstack([words.fit_transform(texts), characters.fit_transform(texts)], format="csr")


def _standardised(states: np.ndarray) -> np.ndarray:
    return (states - states.mean(0)) / (states.std(0) + 1e-6)


def out_of_fold(views: dict[str, Any], gold: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Probabilities of the labels, float64 [rows, labels], for each row by models that have not seen its label.

    Which words there are and how states spread is counted over all texts; labels are what may not be seen.
    """
    from llamita.core.engine import softmax

    chosen = []
    for name, features in views.items():
        tried = [_of_view(features, gold, strength, seed) for strength in STRENGTHS[name.split()[0]]]
        best = max(tried, key=lambda logs: _likelihood(logs, gold))
        log.info("%s: %.1f %% agree with their labels out of fold", name, 100 * (best.argmax(1) == gold).mean())
        chosen.append(best)
    return softmax(pooled(chosen, gold))


def pooled(logs: Sequence[np.ndarray], gold: np.ndarray) -> np.ndarray:
    """One logarithm of probabilities of all, added in one after the other at the share that makes the labels likeliest.

    A view that knows little gets no share; the few shares are fitted to thousands of labels, so that they overfit nothing.
    """
    ranked = sorted(logs, key=lambda one: -_likelihood(one, gold))
    total = ranked[0]
    for view in ranked[1:]:
        total = max(
            ((1 - share) * total + share * view for share in SHARES), key=lambda joined: _likelihood(joined, gold)
        )
    return total


def _likelihood(logs: np.ndarray, gold: np.ndarray) -> float:
    """Mean log-likelihood of the labels as they stand."""
    norm = np.logaddexp.reduce(logs, axis=1)
    return float((logs[np.arange(len(gold)), gold] - norm).mean())


def _of_view(features: Any, gold: np.ndarray, strength: float, seed: int) -> np.ndarray:
    """Logarithms of out-of-fold probabilities by one view."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    logs = np.zeros((len(gold), int(gold.max()) + 1))
    for seen, held in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(gold[:, None], gold):
        fitted = LogisticRegression(C=strength, max_iter=500).fit(features[seen], gold[seen])
        logs[held] = np.log(np.maximum(fitted.predict_proba(features[held]), 1e-6))
    return logs


def suspects_found(table: Table, suspects: Sequence[Suspect], agreement: float) -> list[DataFinding]:
    """One finding of all suspects, the surest first; none where there are none."""
    if not suspects:
        return []
    first = suspects[0]
    message = (
        f"{rows_text(len(suspects))} whose label may be wrong (surest: {first.label!r}, likely {first.likely!r} with"
        f" {100 * first.other:.0f} %), by models that are right for {100 * agreement:.0f} % of the labels they haven't seen"
    )
    remedy = (
        "read them in this order, set right what is wrong, stop where most are only hard; a better --model doubts fewer"
    )
    rows = [suspect.row for suspect in suspects]
    finding = found_in(table, rows, "label_error", "warning", message, remedy, suspects=_written(table, suspects))
    return [finding]


def _written(table: Table, suspects: Sequence[Suspect]) -> tuple[dict[str, Any], ...]:
    return tuple(
        {
            "file": table.files[s.row] if table.files else table.source, "line": table.lines[s.row], "label": s.label,
            "likely": s.likely, "probability": round(s.own, 4), "probability_of_likely": round(s.other, 4),
            "text": shortened(table.texts[s.row], SHOWN),
        }
        for s in suspects
    )  # fmt: skip
