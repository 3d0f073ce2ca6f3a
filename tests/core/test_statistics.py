from __future__ import annotations

import math

import numpy as np
import pytest

from llamita.core import statistics as stats


def test_paired_bootstrap_agrees_with_a_slow_loop() -> None:
    generator = np.random.default_rng(0)
    theirs = generator.random(150) < 0.9
    ours = np.where(generator.random(150) < 0.1, ~theirs, theirs)
    found = stats.paired_bootstrap_difference(ours, theirs, resamples=8000)
    slow = []
    for _ in range(3000):
        drawn = generator.integers(0, 150, 150)
        slow.append(ours[drawn].mean() - theirs[drawn].mean())
    assert found.value == pytest.approx(ours.mean() - theirs.mean())
    assert found.interval == pytest.approx(np.quantile(slow, [0.025, 0.975]), abs=0.008)


def test_a_pairing_narrows_the_interval() -> None:
    generator = np.random.default_rng(1)
    theirs = generator.random(500) < 0.85
    ours = np.where(generator.random(500) < 0.03, ~theirs, theirs)
    paired = stats.paired_bootstrap_difference(ours, theirs).interval
    shuffled = stats.paired_bootstrap_difference(generator.permutation(ours), theirs).interval
    assert paired is not None
    assert shuffled is not None
    assert paired[1] - paired[0] < (shuffled[1] - shuffled[0]) / 2


def test_no_differing_pair_does_not_claim_certainty() -> None:
    found = stats.paired_bootstrap_difference(np.ones(100), np.ones(100))
    assert found.value == 0
    assert found.interval == pytest.approx((-0.037, 0.037), abs=0.001)


@pytest.mark.parametrize(("lost", "certain"), [(1, False), (4, False), (5, False), (6, True), (9, True)])
def test_a_few_pairs_lost_are_a_loss_where_the_exact_test_says_so(lost: int, certain: bool) -> None:
    theirs, ours = np.ones(200), np.r_[np.zeros(lost), np.ones(200 - lost)]
    found = stats.paired_bootstrap_difference(ours, theirs)
    assert found.interval is not None
    assert found.interval[0] < found.value < found.interval[1] or found.value == found.interval[1]
    assert (found.interval[1] < 0) == certain == (stats.mcnemar_p(0, lost) < 0.05)


def test_pairs_that_all_differ_alike_do_not_claim_certainty() -> None:
    for n in (1, 2, 20):
        found = stats.paired_bootstrap_difference(np.zeros(n), np.ones(n))
        assert found.value == -1
        assert found.interval is not None
        assert found.interval[0] == -1
        assert found.interval[1] > -0.95


def test_values_that_are_all_alike_have_no_interval() -> None:
    assert stats.bootstrap_interval(np.zeros(50)) is None


def test_few_mistakes_have_the_interval_of_few_mistakes() -> None:
    generator = np.random.default_rng(5)
    covered = [stats.share_interval(generator.random(60) < 0.97, resamples=400) for _ in range(400)]
    assert np.mean([low <= 0.97 <= high for low, high in covered if low is not None]) > 0.92
    assert stats.share_interval(np.arange(100) > 2) == stats.wilson_interval(97, 100)


@pytest.mark.parametrize("share", [0.7, 0.9])
def test_bootstrap_intervals_cover_the_truth_about_as_often_as_they_say(share: float) -> None:
    generator = np.random.default_rng(2)
    covered = 0
    for seed in range(400):
        interval = stats.share_interval(generator.random(200) < share, resamples=800, seed=seed)
        assert interval is not None
        covered += interval[0] <= share <= interval[1]
    assert 0.91 <= covered / 400 <= 0.98


def test_counted_and_drawn_bootstraps_agree() -> None:
    values = np.random.default_rng(0).random(300) < 0.8
    nearly = values + np.linspace(0, 1e-9, 300)
    assert stats.bootstrap_interval(values, 6000) == pytest.approx(stats.bootstrap_interval(nearly, 6000), abs=0.006)


def test_the_table_bootstrap_agrees_with_resampled_examples() -> None:
    from llamita.tasks.classify import macro_f1

    generator = np.random.default_rng(0)
    truth = generator.integers(0, 3, 200)
    guess = np.where(generator.random(200) < 0.8, truth, generator.integers(0, 3, 200))

    def table(rows: np.ndarray) -> np.ndarray:
        counts = np.zeros((3, 3), dtype=int)
        np.add.at(counts, (truth[rows], guess[rows]), 1)
        return counts

    slow = [macro_f1(table(generator.integers(0, 200, 200))[None])[0] for _ in range(2000)]
    found = stats.bootstrap_table(table(np.arange(200)), macro_f1, resamples=4000)
    assert found == pytest.approx(np.quantile(slow, [0.025, 0.975]), abs=0.008)


def test_the_table_bootstrap_is_the_same_in_slices_and_draws_no_cell_that_is_empty(monkeypatch: pytest.MonkeyPatch):
    counts, seen = np.diag([40, 30, 0, 20]), []
    counts[0, 1] = 5

    def share(tables: np.ndarray) -> np.ndarray:
        seen.append(len(tables))
        assert not tables[:, counts == 0].any()
        return np.trace(tables, axis1=1, axis2=2) / tables.sum(axis=(1, 2))

    whole = stats.bootstrap_table(counts, share)
    monkeypatch.setattr(stats, "MOST_CELLS", 16 * 300)
    assert stats.bootstrap_table(counts, share) == whole
    assert seen == [2000, *[300] * 6, 200]


def test_same_seed_same_interval() -> None:
    values = np.random.default_rng(0).random(50)
    assert stats.bootstrap_interval(values, seed=4) == stats.bootstrap_interval(values, seed=4)
    assert stats.bootstrap_interval(values, seed=4) != stats.bootstrap_interval(values, seed=5)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"), [(10, 10, 0.7225, 1.0), (0, 10, 0.0, 0.2775), (50, 100, 0.4038, 0.5962)]
)
def test_wilson_matches_published_values(hits: int, n: int, low: float, high: float) -> None:
    assert stats.wilson_interval(hits, n) == pytest.approx((low, high), abs=1e-4)


def test_mcnemar_matches_the_binomial_worked_by_hand() -> None:
    assert stats.mcnemar_p(1, 8) == pytest.approx(2 * (1 + 9) / 2**9)
    assert stats.mcnemar_p(5, 5) == 1.0
    assert stats.mcnemar_p(0, 0) == 1.0


def test_a_ratio_of_rounds_covers_the_truth_with_five_rounds() -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(1000):
        noise = np.exp(generator.normal(0, 0.1, (2, 5)))
        interval = stats.ratio_interval(8 * noise[0], noise[1]).interval
        assert interval is not None
        covered += interval[0] <= 8 <= interval[1]
    assert 0.93 <= covered / 1000 <= 0.97


def test_a_ratio_of_one_round_has_no_interval() -> None:
    assert stats.ratio_interval(np.array([6.0]), np.array([2.0])) == (pytest.approx(3.0), None)


def test_a_labels_scores_by_hand_and_none_where_nothing_was_given_or_true() -> None:
    assert stats.label_scores(3, 4, 6) == {"precision": 0.75, "recall": 0.5, "f1": 0.6, "n": 6}
    assert stats.label_scores(0, 0, 2) == {"precision": None, "recall": 0.0, "f1": 0.0, "n": 2}
    assert stats.label_scores(0, 0, 0) == {"precision": None, "recall": None, "f1": None, "n": 0}


def test_divergence_brier_and_loss_match_hand_worked_numbers() -> None:
    p, q = np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]])
    assert stats.kl_divergences(p, q)[0] == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(2 / 3))
    assert stats.kl_divergences(p, p)[0] == 0
    assert stats.brier_scores(q, np.array([0]))[0] == pytest.approx(0.75**2 + 0.75**2)
    assert stats.negative_log_likelihoods(q, np.array([0]))[0] == pytest.approx(math.log(4))


def test_zero_probabilities_stay_finite() -> None:
    sure = np.array([[1.0, 0.0]])
    assert np.isfinite(stats.kl_divergences(sure, sure[:, ::-1])).all()
    assert np.isfinite(stats.negative_log_likelihoods(sure, np.array([1]))).all()


def test_rank_correlation_agrees_with_scipy_on_ties() -> None:
    from scipy.stats import spearmanr

    first, second = np.array([1, 2, 2, 5, 0]), np.array([3, 1, 4, 4, -1])
    assert stats.rank_correlation(first, second) == pytest.approx(spearmanr(first, second).statistic)
    assert stats.rank_correlation(first, np.ones(5)) is None


def test_a_ratio_of_sums_is_resampled_by_examples_and_is_a_share_where_all_weigh_1() -> None:
    generator = np.random.default_rng(0)
    weights = generator.integers(0, 5, 200).astype(float)
    hits = np.minimum(weights, generator.integers(0, 5, 200))
    low, high = stats.ratio_of_sums_interval(hits, weights) or (1, 0)
    assert low < stats.ratio_of_sums(hits, weights) < high
    drawn = [generator.integers(0, 200, 200) for _ in range(2000)]
    slow = np.quantile([hits[rows].sum() / weights[rows].sum() for rows in drawn], [0.025, 0.975])
    assert (low, high) == pytest.approx(slow, abs=0.01)
    right = generator.random(100) < 0.8
    assert stats.ratio_of_sums_interval(right.astype(float), np.ones(100)) == stats.share_interval(right)


def test_the_interval_of_nats_holds_their_mean_where_each_text_has_one_token() -> None:
    nats = np.random.default_rng(0).gamma(4.0, 1.0, 100)
    low, high = stats.ratio_of_sums_interval(nats, np.ones(100)) or (1, 0)
    assert low < nats.mean() < high < low + 2


def test_a_ratio_of_sums_claims_no_certainty_where_all_examples_are_hit_alike() -> None:
    weights = np.array([2.0, 4.0, 0.0, 6.0])
    assert stats.ratio_of_sums_interval(weights / 2, weights) is None


def test_sums_of_resamples_have_the_mean_of_the_table_and_need_no_memory_of_its_size() -> None:
    table = np.arange(3000).reshape(1000, 3)
    found = stats.resampled_sums(table, resamples=500)
    assert found.shape == (500, 3)
    np.testing.assert_allclose(found.mean(axis=0), table.sum(axis=0), rtol=0.01)
    assert (found[:, 2] - found[:, 0]).tolist() == [2000.0] * 500


def test_a_paired_ratio_is_the_paired_difference_where_all_weigh_1() -> None:
    generator = np.random.default_rng(1)
    ours, theirs, ones = *(generator.random((2, 150)) < 0.7).astype(float), np.ones(150)
    assert stats.paired_ratio_difference((ours, ones), (theirs, ones)) == stats.paired_bootstrap_difference(
        ours, theirs
    )
    same = stats.paired_ratio_difference((ours, 2 * ones), (ours, 2 * ones))
    assert same.value == 0
    better = stats.paired_ratio_difference((ours + 1, 2 * ones), (ours, 2 * ones))
    assert better.value == pytest.approx(0.5)
    assert better.interval == pytest.approx((0.5, 0.5))


@pytest.mark.parametrize(("lost", "certain"), [(1, False), (4, False), (6, True)])
def test_a_few_texts_of_several_labels_lost_are_a_loss_where_as_many_of_one_label_are(lost: int, certain: bool) -> None:
    weights = np.full(200, 4.0)
    ours = np.r_[np.zeros(lost), np.full(200 - lost, 4.0)]
    found = stats.paired_ratio_difference((ours, weights), (weights, weights))
    assert found.value == pytest.approx(-lost / 200)
    assert found.interval is not None
    assert found.interval[0] < found.value
    assert (found.interval[1] < 0) == certain
