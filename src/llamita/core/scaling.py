"""Maps that make probabilities as sure as they are right: one temperature; a scale and a shift, or a curve, for each label.

Temperature and vector scaling: Guo et al. 2017, https://arxiv.org/abs/1706.04599; isotonic curves: Zadrozny & Elkan 2002,
https://doi.org/10.1145/775047.775151. And the thresholds from which labels are given, where a text may have any.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from llamita.core.answers import Answers, AnyLabels, Curve, OneLabel, softmax
from llamita.core.conformal import of_labels

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float, Int

HOTTEST = 20.0


def _expected(values: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """Each row's value at its gold label, or its mean under gold probabilities [n, labels]."""
    return values[np.arange(len(gold)), gold] if gold.ndim == 1 else (values * gold).sum(axis=1)


def mean_surprise(logits: Float[np.ndarray, "n labels"], gold: np.ndarray, sharpness: float) -> float:
    """Negative log-likelihood of the gold labels, in nats, with the logits multiplied by the sharpness.

    Args:
        gold: Labels, int [n], or probabilities of the labels, [n, labels].
    """
    scaled = logits.astype(np.float64) * sharpness
    top = scaled.max(axis=1, keepdims=True)
    log_total = np.log(np.exp(scaled - top).sum(axis=1)) + top[:, 0]
    return float((log_total - _expected(scaled, gold)).mean())


def surprise_slope(logits: Float[np.ndarray, "n labels"], gold: np.ndarray, sharpness: float) -> float:
    """Derivative of `mean_surprise` by the sharpness: what the model expects of its logits minus what it got."""
    wide = logits.astype(np.float64)
    scaled = wide * sharpness
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    expected = (powers * wide).sum(axis=1) / powers.sum(axis=1)
    return float((expected - _expected(wide, gold)).mean())


def fit_temperature(logits: Float[np.ndarray, "n labels"], gold: np.ndarray, highest: float = HOTTEST) -> float:
    """The temperature of the least surprise, within its bounds; gold as for `mean_surprise`.

    The surprise is convex in the sharpness 1/T, so its slope changes sign once; bisection finds where.
    """
    low, high = 1 / highest, highest
    if surprise_slope(logits, gold, low) >= 0:
        return 1 / low
    if surprise_slope(logits, gold, high) <= 0:
        return 1 / high
    for _ in range(60):
        middle = (low * high) ** 0.5
        if surprise_slope(logits, gold, middle) > 0:
            high = middle
        else:
            low = middle
    return 1 / (low * high) ** 0.5


def with_a_text_more(
    logits: Float[np.ndarray, "n labels"], gold: Int[np.ndarray, "n"]
) -> Float[np.ndarray, "n labels"]:
    """Gold labels mixed with the model's own claim as with one text more: (n gold + claim) / (n + 1).

    Where few texts hold no mistake the labels alone would ask for certainty.
    """
    n = len(gold)
    return (n * np.eye(logits.shape[1])[gold] + softmax(logits, np.float64)) / (n + 1)


def fit_vector(
    logits: Float[np.ndarray, "n labels"], gold: Int[np.ndarray, "n"], highest: float = HOTTEST
) -> tuple[Float[np.ndarray, "labels"], Float[np.ndarray, "labels"]]:
    """The scales and shifts of the labels' logits of the least surprise; shifts sum to 0, scales are in [0, highest].

    A ridge of one text's weight holds them at the best temperature and no shift, so that few texts move them little.
    """
    from scipy.optimize import minimize

    n, labels = logits.shape
    wide = logits.astype(np.float64)
    start = 1 / fit_temperature(logits, with_a_text_more(logits, gold), highest)
    hits = np.zeros((n, labels))
    hits[np.arange(n), gold] = 1

    def surprise(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        scale, shift = parameters[:labels], parameters[labels:]
        scaled = wide * scale + shift
        top = scaled.max(axis=1, keepdims=True)
        powers = np.exp(scaled - top)
        total = powers.sum(axis=1, keepdims=True)
        away = np.concatenate([scale / start - 1, shift])
        value = (np.log(total[:, 0]) + top[:, 0] - scaled[np.arange(n), gold]).mean() + 0.5 * (away**2).sum() / n
        wrong = (powers / total - hits) / n
        slope = np.concatenate([(wrong * wide).sum(axis=0), wrong.sum(axis=0)])
        return float(value), slope + np.concatenate([away[:labels] / start, away[labels:]]) / n

    first = np.concatenate([np.full(labels, start), np.zeros(labels)])
    bounds = [(0.0, highest)] * labels + [(None, None)] * labels
    found = minimize(surprise, first, jac=True, method="L-BFGS-B", bounds=bounds).x
    return found[:labels], found[labels:] - found[labels:].mean()


def fit_scales(
    method: str, logits: Float[np.ndarray, "n labels"], gold: np.ndarray, highest: float = HOTTEST
) -> tuple[Float[np.ndarray, "labels"], Float[np.ndarray, "labels"]]:
    """A scale and a shift for each label by "temperature" or "vector".

    Args:
        gold: the labels' indices [n]; or, where a text has any labels, 0 and 1 [n, labels]: then a label's logit is that of
            a choice between it and nothing.
    """
    labels = logits.shape[1]
    if gold.ndim == 1 and method == "vector":
        return fit_vector(logits, gold, highest)
    if method == "vector":
        each = [fit_vector(_choices(logits[:, i]), gold[:, i], highest) for i in range(labels)]
        return np.array([scale[1] for scale, _ in each]), np.array([shift[1] - shift[0] for _, shift in each])
    if gold.ndim == 2:
        logits, gold = _choices(logits.ravel()), gold.ravel()
    wanted = with_a_text_more(logits, gold)
    return np.full(labels, 1 / fit_temperature(logits, wanted, highest)), np.zeros(labels)


def fit_common(
    logits: Float[np.ndarray, "n labels"], gold: Int[np.ndarray, "n labels"], highest: float = HOTTEST
) -> tuple[Float[np.ndarray, "labels"], Float[np.ndarray, "labels"]]:
    """One scale and one shift for all labels, where a text has any: for texts too few to tell more; gold 0 and 1."""
    scale, shift = fit_vector(_choices(logits.ravel()), gold.ravel(), highest)
    labels = logits.shape[1]
    return np.full(labels, scale[1]), np.full(labels, shift[1] - shift[0])


def sharpness_like(
    logits: Float[np.ndarray, "n labels"], calibrated: Float[np.ndarray, "n labels"], gold: np.ndarray
) -> float:
    """What makes logits as sure as those of a calibrated model that they stand in for: both are fitted to the same, gold labels
    mixed with one text of the model's claim, and what these ask of the model itself is no fault of its stand-in.

    Args:
        gold: as for `fit_scales`.
    """
    if gold.ndim == 2:
        logits, calibrated, gold = _choices(logits.ravel()), _choices(calibrated.ravel()), gold.ravel()
    wanted = with_a_text_more(calibrated, gold)
    return fit_temperature(calibrated, wanted) / fit_temperature(logits, wanted)


def _choices(logits: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n two"]:
    return np.stack([np.zeros_like(logits), logits], axis=1)


def fit_curves(probabilities: Float[np.ndarray, "n labels"], gold: np.ndarray) -> tuple[Curve, ...]:
    """For each label a rising curve from its probability to how often the texts had it; gold as for `fit_scales`."""
    has = gold if gold.ndim == 2 else np.eye(probabilities.shape[1], dtype=np.int64)[gold]
    return tuple(fit_curve(probabilities[:, i], has[:, i]) for i in range(probabilities.shape[1]))


def fit_curve(claimed: Float[np.ndarray, "n"], true: Int[np.ndarray, "n"]) -> Curve:
    """Isotonic regression by scikit-learn, mixed with the claim itself as with one text more: (n curve + claim) / (n + 1)."""
    from sklearn.isotonic import IsotonicRegression

    n = len(claimed)
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(claimed.astype(np.float64), true)
    x, y = fitted.X_thresholds_, fitted.y_thresholds_
    if x[0] > 0:
        x, y = np.r_[0.0, x], np.r_[y[0], y]
    if x[-1] < 1:
        x, y = np.r_[x, 1.0], np.r_[y, y[-1]]
    return tuple(x.tolist()), tuple(((n * y + x) / (n + 1)).tolist())


FEWEST_WITH_LABEL = 5
"""Texts with a label below which its threshold stays at 0.5."""


def best_thresholds(
    probabilities: Float[np.ndarray, "n labels"], gold: Int[np.ndarray, "n labels"]
) -> tuple[float, ...]:
    """For each label the threshold of the best F1 on these texts; of equal ones the nearest to 0.5."""
    return tuple(_best_threshold(probabilities[:, i], gold[:, i]) for i in range(gold.shape[1]))


def _best_threshold(probability: Float[np.ndarray, "n"], has: Int[np.ndarray, "n"]) -> float:
    if has.sum() < FEWEST_WITH_LABEL:
        return 0.5
    order = np.argsort(-probability, kind="stable")
    ranked = probability[order].astype(np.float64)
    f1 = 2 * np.cumsum(has[order]) / (np.arange(1, len(has) + 1) + has.sum())
    below = np.r_[ranked[1:], 0.0]
    f1[ranked == below] = -1  # equal probabilities stand on one side
    middle = (ranked + below) / 2
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    return float(middle[best[np.argmin(np.abs(middle[best] - 0.5))]])


CLOSE = 0.01
"""How near a threshold that is moved may come to the probability of a text, where there is room."""


def thresholds_like(
    probabilities: Float[np.ndarray, "n labels"],
    calibrated: Float[np.ndarray, "n labels"],
    thresholds: tuple[float, ...],
    gold: Int[np.ndarray, "n labels"],
) -> tuple[float, ...]:
    """Thresholds that give each label to as many texts as a calibrated model does, each as near to the model's as that allows;
    one of a label that few texts have stays.

    Args:
        probabilities: those of what stands in for the model.
        calibrated: those of the model, whose thresholds are given.
    """
    given = (calibrated >= np.asarray(thresholds, dtype=np.float32)).sum(axis=0)
    return tuple(
        limit if gold[:, i].sum() < FEWEST_WITH_LABEL else _threshold_like(probabilities[:, i], int(given[i]), limit)
        for i, limit in enumerate(thresholds)
    )


def _threshold_like(probability: Float[np.ndarray, "n"], number: int, limit: float) -> float:
    """The threshold nearest to a limit that so many texts reach, or nearly so many, where some are equal."""
    ranked = np.sort(probability.astype(np.float64))[::-1]
    above, below = np.r_[1.0, ranked], np.r_[ranked, 0.0]  # of each number of texts: what the last has, and the next
    numbers = np.flatnonzero(np.r_[True, ranked[:-1] > ranked[1:], True])
    nearest = numbers[np.argmin(np.abs(numbers - number))]
    high, low = above[nearest], below[nearest]
    if low < limit <= high:
        return limit
    margin = min((high - low) / 2, CLOSE)
    return float(np.clip(limit, low + margin, high - margin))


def refitted(
    answers: Answers, logits: Float[np.ndarray, "n labels"], gold: np.ndarray, method: str = "temperature", *,
    calibrated: Float[np.ndarray, "n labels"] | None = None,
) -> Answers:  # fmt: skip
    """The same kind of curves and thresholds for other logits, as those of a file of fewer bits; a threshold set for all stays.

    Args:
        method: what the model was calibrated by, which texts that are kept for sets must not have settled for themselves.
        calibrated: the model's own logits, by which thresholds are held; they stay without.
    """
    own = answers
    if answers.curves:
        plain = replace(answers, curves=())
        answers = replace(answers, curves=fit_curves(plain.probabilities(logits), gold))
    if isinstance(answers, AnyLabels) and len(set(answers.thresholds)) > 1 and calibrated is not None:
        like = thresholds_like(answers.probabilities(logits), own.probabilities(calibrated), answers.thresholds, gold)
        answers = replace(answers, thresholds=like)
    if answers.conformity:
        answers = replace(answers, conformity=held_out("isotonic" if answers.curves else method, logits, gold))
    return answers


FOLDS = 5
MOST_HELD_OUT = 2000
"""Texts whose conformity a model keeps; more settle a threshold no better than it is used."""


def held_out(
    method: str, logits: Float[np.ndarray, "n labels"], gold: np.ndarray, highest: float = HOTTEST
) -> tuple[tuple[float, ...], ...]:
    """Of each text the probabilities of its labels by a map fitted to the others, in no order that tells of the texts.

    The texts are dealt into five folds, alike each time, and each fold's map is fitted to the other four: so all texts settle
    the map and none judges itself (cross-conformal prediction, Vovk 2015, https://arxiv.org/abs/1208.0806).

    Args:
        gold: Labels, int [n], or marks of any labels, int [n, labels]; texts without labels are left out.

    Returns:
        Of 2,000 texts at most; of none where there are fewer than two.
    """
    n = len(gold)
    if n < 2:
        return ()
    fold = np.random.default_rng(0).permutation(n) % FOLDS
    found = np.zeros(logits.shape)
    for number in np.unique(fold):
        rest, ours = fold != number, fold == number
        found[ours] = _mapped(method, logits[rest], gold[rest], highest)(logits[ours])
    drawn = np.random.default_rng(1).permutation(n)[:MOST_HELD_OUT]
    rounded = np.floor(found[drawn] * 1e6) / 1e6  # up, and the sets of a very sure model would be empty
    return tuple(sorted(tuple(own) for own in of_labels(rounded, gold[drawn])))


def _mapped(method: str, logits: np.ndarray, gold: np.ndarray, highest: float) -> Callable[[np.ndarray], np.ndarray]:
    """What gives probabilities of logits [n, labels], fitted to these."""
    plain = AnyLabels() if gold.ndim == 2 else OneLabel()
    if method == "isotonic":
        return replace(plain, curves=fit_curves(plain.probabilities(logits), gold)).probabilities
    scale, shift = fit_scales(method, logits, gold, highest)
    return lambda others: plain.probabilities(others * scale + shift)
