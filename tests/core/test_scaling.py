"""Temperature and vector scaling find what logits were made with, by hand and beside a general minimiser."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from llamita.core.answers import AnyLabels, OneLabel, sigmoid, softmax
from llamita.core.conformal import threshold_among
from llamita.core.scaling import (
    FOLDS,
    MOST_HELD_OUT,
    best_thresholds,
    fit_common,
    fit_curve,
    fit_curves,
    fit_scales,
    fit_temperature,
    fit_vector,
    held_out,
    mean_surprise,
    refitted,
    surprise_slope,
    thresholds_like,
    with_a_text_more,
)


def test_the_temperature_by_hand() -> None:
    """Always sure with log-odds 2, right 3 times in 4: log-odds should be ln 3."""
    logits = np.array([[2.0, 0.0]] * 4)
    assert fit_temperature(logits, np.array([0, 0, 0, 1])) == pytest.approx(2 / np.log(3), rel=1e-6)


def test_it_finds_the_temperature_that_logits_were_made_with() -> None:
    random = np.random.default_rng(0)
    true = random.normal(size=(20000, 4)) * 2
    gold = (true + random.gumbel(size=true.shape)).argmax(axis=1)
    assert fit_temperature(true * 2.5, gold) == pytest.approx(2.5, rel=0.03)
    assert fit_temperature(true * 0.4, gold) == pytest.approx(0.4, rel=0.03)


def test_it_agrees_with_a_general_minimiser() -> None:
    random = np.random.default_rng(1)
    logits, gold = random.normal(size=(300, 3)) * 3, random.integers(3, size=300)
    logits[np.arange(300), gold] += 2
    slow = minimize_scalar(lambda t: mean_surprise(logits, gold, 1 / t), bounds=(0.05, 20), method="bounded")
    assert fit_temperature(logits, gold) == pytest.approx(slow.x, rel=1e-3)


def test_the_slope_is_the_derivative_of_the_surprise() -> None:
    random = np.random.default_rng(2)
    logits, gold = random.normal(size=(50, 3)), random.integers(3, size=50)
    numeric = (mean_surprise(logits, gold, 0.7 + 1e-5) - mean_surprise(logits, gold, 0.7 - 1e-5)) / 2e-5
    assert surprise_slope(logits, gold, 0.7) == pytest.approx(numeric, abs=1e-6)


def test_the_bounds_hold_without_a_mistake_and_without_a_hit() -> None:
    logits = np.array([[3.0, 0.0], [0.0, 3.0]])
    assert fit_temperature(logits, np.array([0, 1]), 10) == pytest.approx(0.1)
    assert fit_temperature(logits, np.array([1, 0]), 10) == pytest.approx(10.0)
    assert fit_temperature(np.zeros((3, 2)), np.array([0, 1, 0]), 10) > 0


def test_few_texts_without_a_mistake_ask_for_no_certainty() -> None:
    """Sure with log-odds 3, right in all of n texts: as sure as Laplace's rule would be, not without bounds."""
    for n in (5, 30):
        logits = np.array([[3.0, 0.0]] * n)
        (scale, _), _ = fit_scales("temperature", logits, np.zeros(n, dtype=int))
        sure = 1 / (1 + np.exp(-3 * scale))
        assert sure == pytest.approx(1 - (1 / (1 + np.exp(3))) / (n + 1))
        assert scale < 3


def test_many_texts_make_one_more_of_no_weight() -> None:
    random = np.random.default_rng(6)
    true = random.normal(size=(4000, 3))
    gold = (true + random.gumbel(size=true.shape)).argmax(axis=1)
    np.testing.assert_allclose(with_a_text_more(2 * true, gold).sum(axis=1), 1)
    scale, _ = fit_scales("temperature", 2 * true, gold)
    assert scale[0] == pytest.approx(1 / fit_temperature(2 * true, gold), rel=1e-3)


def test_a_vector_finds_the_scales_and_shifts_that_logits_were_made_with() -> None:
    random = np.random.default_rng(3)
    true = random.normal(size=(40000, 3)) * 2
    gold = (true + random.gumbel(size=true.shape)).argmax(axis=1)
    scale, shift = np.array([0.5, 1.0, 2.0]), np.array([1.0, -0.5, -0.5])
    found_scale, found_shift = fit_vector((true - shift) / scale, gold)
    np.testing.assert_allclose(found_scale, scale, rtol=0.05)
    np.testing.assert_allclose(found_shift, shift, atol=0.06)


def test_a_vector_is_no_worse_than_a_temperature_where_it_is_fitted_and_few_texts_move_it_little() -> None:
    random = np.random.default_rng(4)
    logits, gold = random.normal(size=(200, 4)), random.integers(4, size=200)
    logits[np.arange(200), gold] += 1
    scale, shift = fit_vector(logits, gold)
    one = 1 / fit_temperature(logits, gold)
    assert mean_surprise(logits * scale + shift, gold, 1) <= mean_surprise(logits, gold, one) + 1e-9
    scale, shift = fit_vector(logits[:2], gold[:2])
    assert np.abs(shift).max() < 1.5
    assert shift.sum() == pytest.approx(0, abs=1e-9)


def test_labels_that_are_commoner_than_the_model_thinks_are_shifted_up() -> None:
    logits, gold = np.zeros((1000, 2)), np.array([0] * 900 + [1] * 100)
    _, shift = fit_vector(logits, gold)
    assert shift[0] - shift[1] == pytest.approx(np.log(9), rel=0.02)


def test_an_isotonic_curve_by_hand() -> None:
    claimed, true = np.array([0.1, 0.2, 0.4, 0.6, 0.8]), np.array([0, 1, 0, 1, 1])
    x, y = fit_curve(claimed, true)
    pooled = np.array([0, 0.5, 0.5, 1, 1])  # pool adjacent violators: the second and the third are out of order
    np.testing.assert_allclose(np.interp(claimed, x, y), (5 * pooled + claimed) / 6)
    assert (x[0], x[-1]) == (0.0, 1.0)
    assert y[0] == pytest.approx(0)
    assert y[-1] == pytest.approx(1)


def test_a_curve_rises_strictly_and_pools_as_a_slow_one() -> None:
    generator = np.random.default_rng(0)
    claimed = generator.random(300)
    true = (generator.random(300) < claimed**3).astype(int)
    x, y = fit_curve(claimed, true)
    assert (np.diff(y) > 0).all()
    order = np.argsort(claimed)
    blocks: list[list[float]] = []
    for value in true[order].tolist():
        blocks.append([value, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] >= blocks[-1][0] / blocks[-1][1]:
            last = blocks.pop()
            blocks[-1] = [blocks[-1][0] + last[0], blocks[-1][1] + last[1]]
    slow = np.concatenate([np.full(int(size), total / size) for total, size in blocks])
    np.testing.assert_allclose(np.interp(claimed[order], x, y), (300 * slow + claimed[order]) / 301, atol=1e-9)


def test_isotonic_mends_what_a_temperature_cannot() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(4000, 1)) * 2
    truth = 1 / (1 + np.exp(-np.where(logits[:, 0] > 0, 0.3, 3.0) * logits[:, 0]))
    gold = (generator.random(4000) < truth).astype(int)
    both = np.concatenate([np.zeros_like(logits), logits], axis=1)
    curved = OneLabel(curves=fit_curves(OneLabel().probabilities(both[:2000]), gold[:2000]))
    cooled = both / fit_temperature(both[:2000], gold[:2000])
    ours = curved.surprise(curved.probabilities(both[2000:]), gold[2000:]).mean()
    assert ours < mean_surprise(cooled[2000:], gold[2000:], 1.0) - 0.01


def test_thresholds_of_the_best_f1_agree_with_trying_all() -> None:
    generator = np.random.default_rng(0)
    gold = (generator.random((200, 2)) < [0.1, 0.6]).astype(int)
    probabilities = np.clip(0.3 * gold + generator.random((200, 2)) * 0.6, 0, 1).round(2)

    def f1(label: int, limit: float) -> float:
        given = probabilities[:, label] >= limit
        return 2 * (given & (gold[:, label] == 1)).sum() / (given.sum() + gold[:, label].sum())

    for label, limit in enumerate(best_thresholds(probabilities, gold)):
        assert f1(label, limit) == max(f1(label, tried) for tried in np.linspace(0, 1, 401))
        assert limit not in probabilities[:, label]


def test_a_label_with_few_texts_keeps_the_threshold_of_a_half() -> None:
    assert best_thresholds(np.array([[0.1], [0.2], [0.9]]), np.array([[1], [0], [0]])) == (0.5,)


def test_scales_of_any_labels_are_those_of_choices_of_two() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(4000, 2)) * 3
    gold = (generator.random((4000, 2)) < 1 / (1 + np.exp(-logits / 3))).astype(int)
    scale, shift = fit_scales("temperature", logits, gold)
    assert scale == pytest.approx([1 / 3, 1 / 3], rel=0.15)
    assert not shift.any()
    answers = AnyLabels()
    shifted = (generator.random((4000, 2)) < 1 / (1 + np.exp(-logits - [0, 2]))).astype(int)
    scale, shift = fit_scales("vector", logits, shifted)
    before, after = (
        answers.surprise(answers.probabilities(x), shifted).mean() for x in (logits, logits * scale + shift)
    )
    assert after < before - 0.1
    assert shift[1] == pytest.approx(2, abs=0.5)


def test_one_scale_and_shift_for_all_labels_finds_what_logits_were_made_with_and_few_texts_move_it_little() -> None:
    random = np.random.default_rng(3)
    true = random.normal(size=(20_000, 3)) * 2 - 1
    gold = (random.random(true.shape) < sigmoid(true)).astype(np.int64)
    scale, shift = fit_common((true - 0.8) / 2.5, gold)
    np.testing.assert_allclose(scale, [2.5] * 3, rtol=0.05)
    np.testing.assert_allclose(shift, [0.8] * 3, atol=0.05)
    few = fit_common(np.array([[3.0, -3.0]]), np.array([[0, 1]]))[1]
    assert abs(few).max() < 2


def test_refitting_keeps_the_kind_and_a_threshold_that_was_set_for_all() -> None:
    generator = np.random.default_rng(0)
    logits, gold = generator.normal(size=(100, 2)), generator.integers(0, 2, (100, 2))
    assert refitted(AnyLabels(), logits, gold) == AnyLabels()
    assert refitted(AnyLabels(thresholds=(0.3, 0.3)), logits, gold, calibrated=logits + 1).thresholds == (0.3, 0.3)
    model = AnyLabels(thresholds=(0.3, 0.4), curves=(((0.0, 1.0), (0.0, 1.0)),) * 2)
    fitted = refitted(model, logits, gold, calibrated=logits + 1)
    assert fitted.curves == fit_curves(AnyLabels().probabilities(logits), gold)
    marks = [one.chosen(one.probabilities(x)).sum(axis=0) for one, x in ((model, logits + 1), (fitted, logits))]
    assert abs(marks[0] - marks[1]).max() <= 1, "curves have ties"


def test_thresholds_of_a_stand_in_give_each_label_to_as_many_texts_and_stay_near_the_models() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(40, 3)) * 2
    gold = (logits > 0).astype(int)
    gold[:, 2] = 0
    model, limits = 1 / (1 + np.exp(-logits)), (0.7, 0.2, 0.5)
    assert thresholds_like(model, model, limits, gold) == limits, "what answers as the model does"
    noisy = 1 / (1 + np.exp(-(logits - 0.5)))
    found = thresholds_like(noisy, model, limits, gold)
    assert ((noisy >= found).sum(axis=0) == (model >= limits).sum(axis=0))[:2].all()
    assert found[0] < 0.7
    assert found[1] < 0.2
    assert found[2] == 0.5, "too few texts have it"
    for label in range(2):
        nearer = np.linspace(found[label] + 0.011, limits[label], 50)
        given = (noisy[:, label] >= nearer[:, None]).sum(axis=1)
        assert (given < (model[:, label] >= limits[label]).sum()).all(), "no nearer one does"


def test_thresholds_where_texts_are_equal_give_a_label_to_nearly_as_many() -> None:
    gold = np.ones((6, 1), dtype=int)
    model = np.array([[0.9], [0.8], [0.7], [0.6], [0.2], [0.1]])
    equal = np.array([[0.9], [0.5], [0.5], [0.5], [0.5], [0.1]])
    (limit,) = thresholds_like(equal, model, (0.65,), gold)
    assert (equal >= limit).sum() in (1, 5)
    assert thresholds_like(np.full((6, 1), 0.4), model, (0.05,), gold) == (0.05,)
    assert thresholds_like(np.full((6, 1), 0.4), model, (0.3,), gold) == (0.3,)
    (none,) = thresholds_like(np.full((6, 1), 0.97), model, (0.95,), gold)
    assert none > 0.97


def test_gold_probabilities_that_are_sure_are_labels() -> None:
    random = np.random.default_rng(5)
    logits, gold = random.normal(size=(60, 3)) * 2, random.integers(3, size=60)
    assert fit_temperature(logits, np.eye(3)[gold]) == pytest.approx(fit_temperature(logits, gold))
    assert mean_surprise(logits, np.eye(3)[gold], 0.7) == pytest.approx(mean_surprise(logits, gold, 0.7))


def test_the_temperature_of_a_teachers_probabilities_is_found_exactly() -> None:
    logits = np.random.default_rng(6).normal(size=(40, 3)) * 2
    powers = np.exp(logits / 1.7)
    assert fit_temperature(logits, powers / powers.sum(axis=1, keepdims=True)) == pytest.approx(1.7, rel=1e-6)


@pytest.mark.parametrize("method", ["temperature", "vector", "isotonic"])
def test_no_text_judges_itself(method: str) -> None:
    logits, gold = _overconfident(200)
    found = np.array(held_out(method, logits, gold))[:, 0]
    fold = np.random.default_rng(0).permutation(200) % FOLDS
    slow = []
    for i in range(200):
        rest = fold != fold[i]
        if method == "isotonic":
            answers = OneLabel(curves=fit_curves(softmax(logits[rest]), gold[rest]))
            slow.append(answers.probabilities(logits[i : i + 1])[0, gold[i]])
        else:
            scale, shift = fit_scales(method, logits[rest], gold[rest])
            slow.append(softmax(logits[i : i + 1] * scale + shift)[0, gold[i]])
    np.testing.assert_allclose(found, np.sort(slow), atol=1e-6)


@pytest.mark.parametrize("method", ["temperature", "vector", "isotonic"])
def test_of_any_labels_no_text_judges_itself_and_those_without_are_left_out(method: str) -> None:
    random = np.random.default_rng(1)
    logits = random.normal(size=(150, 3)) * 2
    has = (random.random(size=(150, 3)) < sigmoid(logits - 1)).astype(np.int64)
    fold = np.random.default_rng(0).permutation(150) % FOLDS
    slow = []
    for i in np.flatnonzero(has.any(axis=1)):
        rest = fold != fold[i]
        if method == "isotonic":
            told = AnyLabels(curves=fit_curves(sigmoid(logits[rest]).astype(np.float32), has[rest]))
            row = told.probabilities(logits[[i]])[0]
        else:
            scale, shift = fit_scales(method, logits[rest], has[rest])
            row = sigmoid(logits[i] * scale + shift)
        slow.append(tuple(np.sort(row[has[i] == 1])))
    found = held_out(method, logits, has)
    assert len(found) == len(slow) < 150
    for one, other in zip(found, sorted(slow), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6)


def test_few_texts_keep_little_and_many_no_more_than_is_of_use() -> None:
    logits, gold = _overconfident(3000)
    assert held_out("temperature", logits[:1], gold[:1]) == ()
    assert len(held_out("temperature", logits[:3], gold[:3])) == 3
    assert len(held_out("temperature", logits, gold)) == MOST_HELD_OUT


def test_sets_drawn_from_what_is_kept_hold_the_label_as_often_as_promised() -> None:
    shares = []
    for seed in range(60):
        logits, gold = _overconfident(600, seed)
        scale, shift = fit_scales("temperature", logits[:300], gold[:300])
        threshold = threshold_among(held_out("temperature", logits[:300], gold[:300]), 0.9)
        new = softmax(logits[300:] * scale + shift)
        shares.append((new[np.arange(300), gold[300:]] >= threshold).mean())
    assert np.mean(shares) == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize("method", ["temperature", "vector", "isotonic"])
def test_a_very_sure_model_keeps_nothing_above_what_it_answers(method: str) -> None:
    """Rounded up to 1, what is kept would leave the sets of nearly all other texts empty."""
    random = np.random.default_rng(0)
    gold = random.integers(2, size=1200)
    logits = np.zeros((1200, 2), dtype=np.float32)
    logits[np.arange(1200), gold] = random.normal(9.5, 0.6, size=1200)
    threshold = threshold_among(held_out(method, logits[:600], gold[:600]), 0.8)
    if method == "isotonic":
        new = OneLabel(curves=fit_curves(softmax(logits[:600]), gold[:600])).probabilities(logits[600:])
    else:
        scale, shift = fit_scales(method, logits[:600], gold[:600])
        new = softmax(logits[600:] * scale + shift)
    assert (new[np.arange(600), gold[600:]] >= threshold).mean() >= 0.77


def _overconfident(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits of three labels that claim too much, and the labels."""
    random = np.random.default_rng(seed)
    gold = random.integers(3, size=n)
    logits = random.normal(size=(n, 3)) * 3
    logits[np.arange(n), gold] += 3
    return logits.astype(np.float32), gold
