"""Conformal sets: the labels that a text may have, right with a stated probability whatever the model.

Split conformal prediction with the score 1 - p(label): Vovk et al. 2005; Sadinle, Lei & Wasserman 2019,
https://arxiv.org/abs/1609.00451, whose sets are the smallest on average. The promise holds for texts of the kind of those that
the threshold was taken from, on average over draws of both.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.core.answers import Answers, OneLabel
from llamita.core.checked import is_number
from llamita.core.errors import require
from llamita.core.statistics import Interval, percentile_interval

if TYPE_CHECKING:
    from llamita.core.engine import Engine
    from llamita.core.task import Text

log = logging.getLogger(__name__)


def require_one_label(answers: Answers) -> None:
    """Refuse models that answer with any labels, whose labels are no alternatives of which a set holds the right one."""
    require(
        answers.task == OneLabel.task,
        "coverage is for one label a text; where a text has any labels, calibrate gives each label a threshold of its own",
    )


def threshold_of(engine: Engine, labelled: Any, coverage: float, texts: Sequence[Text] = ()) -> float:
    """The least probability of a label in an engine's sets; says so where the texts that it is drawn from are too few.

    Args:
        labelled: A file, a table or (texts, labels), which the engine wasn't fitted to; None for what it keeps of the texts that
            it was calibrated on.
        texts: Some of those that get the sets; labelled ones must be single texts or pairs as they are.

    Raises:
        UserError: texts with any labels, labels that the engine doesn't have, texts of another kind, nothing to draw from, or a
            coverage that isn't in (0, 1).
    """
    require_one_label(engine.answers)
    conformity = _conformity_of(engine, labelled, texts)
    threshold = threshold_among(conformity, coverage)
    if are_too_few(len(conformity), coverage):
        log.warning(
            "warning: %d labelled texts are too few to promise %g; every set holds every label",
            len(conformity),
            coverage,
        )
    return threshold


def _conformity_of(engine: Engine, labelled: Any, texts: Sequence[Text]) -> np.ndarray:
    """Of labelled texts the probability that the engine gives their label."""
    from llamita.core.registry import module_of

    if labelled is None:
        return kept_conformity(engine)
    task = module_of("tasks.classify").open_known(labelled, engine.labels, beside=texts)
    require_one_label(task.answers)
    return _of_label(engine.scores(task.test.texts), np.asarray(task.test.labels))


def kept_conformity(engine: Engine) -> np.ndarray:
    """What a calibrated engine keeps to draw sets from: of texts [n] the probability of their label.

    Raises:
        UserError: it keeps nothing.
    """
    kept = getattr(engine.answers, "conformity", ())
    require(
        bool(kept),
        f"{engine.name} keeps nothing that sets could be drawn from; calibrate it (llamita calibrate), or give some hundreds of"
        " labelled texts (labelled)",
    )
    return np.asarray(kept)


def _of_label(probabilities: np.ndarray, gold: np.ndarray) -> np.ndarray:
    return probabilities[np.arange(len(gold)), gold]


def set_threshold(probabilities: np.ndarray, gold: np.ndarray, coverage: float) -> float:
    """The least probability a label must have to be in a set, so that sets hold the right label this often.

    Args:
        probabilities: [texts, labels], of labelled texts that the model wasn't fitted to.
        gold: int [texts], their labels.
        coverage: in (0, 1).

    Returns:
        0 where the texts are too few to promise this much: then every label is in every set.
    """
    return threshold_among(_of_label(probabilities, gold), coverage)


def threshold_among(conformity: np.ndarray, coverage: float) -> float:
    """`set_threshold` of the probabilities of the right labels [texts] alone."""
    inside = is_number(coverage) and 0 < coverage < 1
    require(inside, f"coverage must be in (0, 1), got {coverage!r}; 0.9 is right for nine texts in ten")
    n = len(conformity)
    if are_too_few(n, coverage):
        return 0.0
    return float(np.sort(conformity)[::-1][_rank(n, coverage) - 1])


def are_too_few(n: int, coverage: float) -> bool:
    """Whether so many texts promise so much only with every label in every set."""
    return _rank(n, coverage) > n


def _rank(n: int, coverage: float) -> int:
    """How many of n texts, from the surest on, a threshold must let pass; the least rounding must not add one."""
    return math.ceil((n + 1) * coverage - 1e-9)


def label_sets(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    """Which labels are in each text's set, bool [texts, labels]; a set may be empty, or hold several."""
    return probabilities >= threshold


def coverage_bounds(n_threshold: int, n_measured: int, coverage: float) -> Interval:
    """Between what shares the coverage on so many texts lies, 95 times in 100, when the promise holds.

    The coverage of a threshold from n texts is Beta(k, n + 1 - k), k = ceil((n + 1) coverage), so the right sets among
    others are beta-binomial (Vovk 2012, https://arxiv.org/abs/1209.2673).
    """
    if are_too_few(n_threshold, coverage):
        return (1.0, 1.0)
    rank = _rank(n_threshold, coverage)
    generator = np.random.default_rng(0)
    true = generator.beta(rank, n_threshold + 1 - rank, size=20_000)
    return percentile_interval(generator.binomial(n_measured, true) / n_measured)
