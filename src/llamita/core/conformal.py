"""Conformal sets: the labels that a text may have, the right ones among them as often as promised whatever the model.

Where each text has one label, split conformal prediction with the score 1 - p(label): Vovk et al. 2005; Sadinle, Lei &
Wasserman 2019, https://arxiv.org/abs/1609.00451, whose sets are the smallest on average. Where it has any, conformal risk control
(Angelopoulos et al. 2022, https://arxiv.org/abs/2208.02814) of the share of a text's labels that its set lacks, over texts that
have some; with one label each the two are the same. The promise holds for texts of the kind of those that the threshold was taken
from, on average over draws of both.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.core.checked import is_number
from llamita.core.errors import require
from llamita.core.statistics import Interval, percentile_interval

if TYPE_CHECKING:
    from llamita.core.engine import Engine
    from llamita.core.task import Text

log = logging.getLogger(__name__)
Held = Sequence[Sequence[float]]
"""Of texts that have labels, the probabilities that a model gives these."""
ROUNDING = 1e-9
"""The least rounding must not let one text fewer pass, nor ask for one more."""


def threshold_of(engine: Engine, labelled: Any, coverage: float, texts: Sequence[Text] = ()) -> float:
    """The least probability of a label in an engine's sets; says so where the texts that it is drawn from are too few.

    Args:
        labelled: A file, a table or (texts, labels), which the engine wasn't fitted to; None for what it keeps of the texts that
            it was calibrated on.
        texts: Some of those that get the sets; labelled ones must be single texts or pairs as they are.

    Raises:
        UserError: labels that the engine doesn't have, texts of another kind, nothing to draw from, or a coverage that isn't in
            (0, 1).
    """
    conformity = _conformity_of(engine, labelled, texts)
    threshold = threshold_among(conformity, coverage)
    if are_too_few(len(conformity), coverage):
        log.warning(
            "warning: %d labelled texts are too few to promise %g; every set holds every label",
            len(conformity),
            coverage,
        )
    return threshold


def _conformity_of(engine: Engine, labelled: Any, texts: Sequence[Text]) -> Held:
    """Of labelled texts the probabilities that the engine gives their labels."""
    from llamita.core.registry import module_of

    if labelled is None:
        return kept_conformity(engine)
    task = module_of(f"tasks.{engine.answers.task}").open_known(labelled, engine.labels, beside=texts)
    found = of_labels(engine.scores(task.test.texts), task.gold(task.test))
    require(
        bool(found), f"{task.test.source or 'labelled'}: no text has a label, and sets are drawn from texts that do"
    )
    return found


def kept_conformity(engine: Engine) -> Held:
    """What a calibrated engine keeps to draw sets from: of texts the probabilities of their labels.

    Raises:
        UserError: it keeps nothing.
    """
    kept = engine.answers.conformity
    require(
        bool(kept) or not engine.is_asked,
        f"{engine.name}: a model that is asked for labels keeps nothing that sets could be drawn from; give some hundreds of"
        " labelled texts (labelled)",
    )
    require(
        bool(kept),
        f"{engine.name} keeps nothing that sets could be drawn from; calibrate it (llamita calibrate), or give some hundreds of"
        " labelled texts (labelled)",
    )
    return kept


def marks_of(gold: np.ndarray, num_labels: int) -> np.ndarray:
    """Which labels texts have, bool [texts, labels], of one for each [texts] or of marks [texts, labels]."""
    return gold.astype(bool) if gold.ndim == 2 else np.arange(num_labels) == gold[:, None]


def of_labels(probabilities: np.ndarray, gold: np.ndarray) -> Held:
    """Of each text that has labels their probabilities, rising; gold is int [texts], or marks [texts, labels]."""
    has = marks_of(gold, probabilities.shape[1])
    return [sorted(map(float, row[own])) for row, own in zip(probabilities, has, strict=True) if own.any()]


def set_threshold(probabilities: np.ndarray, gold: np.ndarray, coverage: float) -> float:
    """The least probability a label must have to be in a set, so that sets hold this share of a text's labels on average.

    Args:
        probabilities: [texts, labels], of labelled texts that the model wasn't fitted to.
        gold: int [texts], their labels, or marks [texts, labels].
        coverage: in (0, 1).

    Returns:
        0 where the texts are too few to promise this much: then every label is in every set.
    """
    return threshold_among(of_labels(probabilities, gold), coverage)


def threshold_among(conformity: Held, coverage: float) -> float:
    """`set_threshold` of what `of_labels` gives: the highest at which the mean lost share, of n texts and one more that is lost
    whole, stays below 1 - coverage.
    """
    inside = is_number(coverage) and 0 < coverage < 1
    require(inside, f"coverage must be in (0, 1), got {coverage!r}; 0.9 is right for nine texts in ten")
    n = len(conformity)
    if are_too_few(n, coverage):
        return 0.0
    pairs = sorted((p, 1 / len(own)) for own in conformity for p in own)
    lost = np.cumsum([0.0, *(weight for _, weight in pairs[:-1])])  # where this label is the least that a set takes
    allowed = np.flatnonzero(lost <= (n + 1) * (1 - coverage) - 1 + ROUNDING)
    return pairs[int(allowed[-1])][0]


def are_too_few(n: int, coverage: float) -> bool:
    """Whether so many texts promise so much only with every label in every set."""
    return _rank(n, coverage) > n


def _rank(n: int, coverage: float) -> int:
    """How many of n texts with one label each, from the surest on, a threshold must let pass."""
    return math.ceil((n + 1) * coverage - ROUNDING)


def label_sets(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    """Which labels are in each text's set, bool [texts, labels]; a set may be empty, or hold several."""
    return probabilities >= threshold


def coverage_bounds(conformity: Held, n_measured: int, coverage: float) -> Interval:
    """Between what shares the coverage on so many texts lies, 95 times in 100, when the promise holds.

    With one label each, the coverage of a threshold from n texts is Beta(k, n + 1 - k), k = ceil((n + 1) coverage), so the right
    sets among others are beta-binomial (Vovk 2012, https://arxiv.org/abs/1209.2673). With any labels the mean share that is held
    is taken for normal, around the promise, with the spread that the shares of these texts have.
    """
    n = len(conformity)
    if are_too_few(n, coverage):
        return (1.0, 1.0)
    if any(len(own) > 1 for own in conformity):
        threshold = threshold_among(conformity, coverage)
        shares = np.array([np.mean(np.asarray(own) >= threshold) for own in conformity])
        around = 1.96 * float(shares.std()) * math.sqrt(1 / n + 1 / max(1, n_measured))
        return (max(0.0, coverage - around), min(1.0, coverage + around))
    rank = _rank(n, coverage)
    generator = np.random.default_rng(0)
    true = generator.beta(rank, n + 1 - rank, size=20_000)
    return percentile_interval(generator.binomial(n_measured, true) / n_measured)
