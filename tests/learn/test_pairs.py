"""Pairs are drawn as the paper weighs them, of sets of labels as far as they share them, and batches hold each label alike."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from llamita.learn._pairs import WITHOUT, can_teach, pair_batches, pair_loss, places_of

HALF = math.sqrt(0.5)
SETS = np.array([[1, 0], [1, 1], [0, 1], [0, 0], [0, 0]])
"""Texts of {a}, {a, b}, {b}, and two without a label."""


def one_hot(labels: list[int]) -> np.ndarray:
    return np.eye(max(labels) + 1, dtype=np.int64)[labels]


def test_pair_loss_by_hand() -> None:
    embedded = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0]])
    assert pair_loss(embedded, torch.tensor([0, 0, 1])) == pytest.approx(0.0)
    assert pair_loss(embedded, torch.tensor([0, 1, 1])) == pytest.approx((1 + (1 + 0) / 2) / 2)


def test_pair_loss_is_that_of_each_pair_alone() -> None:
    embedded, gold = torch.randn(9, 5), torch.tensor([0, 0, 1, 2, 1, 0, 2, 2, 2])
    gaps: dict[bool, list[float]] = {True: [], False: []}
    for i, j in itertools.combinations(range(9), 2):
        cosine = float(torch.cosine_similarity(embedded[i], embedded[j], dim=0))
        gaps[bool(gold[i] == gold[j])].append((cosine - float(gold[i] == gold[j])) ** 2)
    expected = (np.mean(gaps[True]) + np.mean(gaps[False])) / 2
    assert float(pair_loss(embedded, gold)) == pytest.approx(expected, abs=1e-6)


def test_pairs_of_sets_by_hand() -> None:
    """{a} and {a, b} want a cosine of sqrt(1/2), texts without a label 0 to the others and nothing of one another."""
    gold = torch.as_tensor(SETS)
    fulfilled = torch.tensor([[2.0, 0, 0], [1, 1, 0], [0, 3, 0], [0, 0, 1], [0, 0, -1]])
    assert float(pair_loss(fulfilled, gold)) == pytest.approx(0.0, abs=1e-12)
    bare_like_a = torch.tensor([[2.0, 0, 0], [1, 1, 0], [0, 3, 0], [1, 0, 0], [1, 0, 0]])
    assert float(pair_loss(bare_like_a, gold)) == pytest.approx((0 + 2 * (1 + 0.5 + 0) / 7) / 2)
    all_alike = torch.ones(5, 3)
    assert float(pair_loss(all_alike, gold)) == pytest.approx(((1 - HALF) ** 2 + 1) / 2, abs=1e-6)


def test_of_three_labels_the_share_of_two_sets_is_the_cosine_of_their_marks() -> None:
    gold = torch.tensor([[1, 1, 1, 0], [0, 1, 1, 1]])
    assert float(pair_loss(torch.tensor([[1.0, 0], [0, 1]]), gold)) == pytest.approx((2 / 3) ** 2)
    assert float(pair_loss(torch.tensor([[1.0, 0], [1, 0]]), gold[:, 1:])) == pytest.approx((1 - 2 / math.sqrt(6)) ** 2)


def test_sets_of_one_label_give_the_pairs_and_batches_of_labels_to_the_bit() -> None:
    random = np.random.default_rng(0)
    for seed in range(5):
        labels = random.integers(0, 5, 30).tolist()
        embedded = torch.randn(30, 7, generator=torch.Generator().manual_seed(seed))
        alone, sets = (pair_loss(embedded, torch.as_tensor(gold)) for gold in (np.array(labels), one_hot(labels)))
        assert torch.equal(alone, sets)
        ours, theirs = (pair_batches(g, batch_size=9, epochs=3, seed=seed) for g in (labels, one_hot(labels)))
        assert [b.tolist() for b in ours] == [b.tolist() for b in theirs]


def test_batches_of_one_label_a_text_stay_what_they_were() -> None:
    batches = pair_batches([0, 0, 0, 0, 1, 1, 1, 2], batch_size=6, epochs=2, seed=0)
    assert [b.tolist() for b in batches] == [[7, 3, 2, 4, 5], [6, 4, 7, 1, 0], [0, 2, 7, 6, 5], [7, 5, 6, 1, 3]]


def test_batches_hold_each_label_alike_and_no_text_twice() -> None:
    labels = [0] * 20 + [1] * 5 + [2]
    batches = pair_batches(labels, batch_size=12, epochs=4, seed=3)
    for batch in batches:
        assert len(set(batch.tolist())) == len(batch)
        assert np.bincount(np.asarray(labels)[batch], minlength=3).tolist() == [4, 4, 1]
    met = np.bincount(np.concatenate(batches), minlength=len(labels))
    assert met[:20].max() - met[:20].min() <= 1
    assert sum(met) >= 4 * len(labels)
    assert all(
        (a == b).all() for a, b in zip(batches, pair_batches(labels, batch_size=12, epochs=4, seed=3), strict=True)
    )
    assert any(
        (a != b).any() for a, b in zip(batches, pair_batches(labels, batch_size=12, epochs=4, seed=4), strict=True)
    )


def test_of_many_labels_a_batch_holds_a_part_with_two_texts_each() -> None:
    labels = [label for label in range(30) for _ in range(4)]
    batches = pair_batches(labels, batch_size=8, epochs=5, seed=0)
    for batch in batches:
        assert sorted(np.bincount(np.asarray(labels)[batch]).tolist())[-5:] == [0, 2, 2, 2, 2]
    assert {labels[i] for batch in batches for i in batch} == set(range(30))


def test_a_text_of_several_labels_counts_for_each_and_those_without_are_one_kind_more() -> None:
    gold = np.concatenate([SETS[[0]].repeat(9, axis=0), SETS[[1]].repeat(9, axis=0), SETS[[2]].repeat(9, axis=0)])
    gold = np.concatenate([gold, np.zeros((5, 2), dtype=np.int64)])
    assert {kind: len(where) for kind, where in places_of(gold).items()} == {WITHOUT: 5, 0: 18, 1: 18}
    batches = pair_batches(gold, batch_size=12, epochs=6, seed=1)
    for batch in batches:
        assert len(set(batch.tolist())) == len(batch) <= 12
        assert gold[batch].sum(axis=0).min() >= 4
        assert (~gold[batch].any(axis=1)).sum() == 4
    met = np.bincount(np.concatenate(batches), minlength=len(gold))
    assert met.min() >= 3
    assert sum(met) >= 6 * len(gold)


def test_any_texts_that_can_teach_give_batches_with_pairs_that_count() -> None:
    random = np.random.default_rng(5)
    seen = 0
    for seed in range(300):
        shape = (int(random.integers(2, 12)), int(random.integers(1, 6)))
        gold = (random.random(shape) < random.random()).astype(np.int64)
        shared = gold @ gold.T
        some = gold.any(axis=1)
        pairs = list(itertools.combinations(range(len(gold)), 2))
        alike = any(shared[i, j] for i, j in pairs)
        apart = any(not shared[i, j] and (some[i] or some[j]) for i, j in pairs)
        assert can_teach(gold) == (alike and apart)
        if not can_teach(gold):
            continue
        seen += 1
        for batch in pair_batches(gold, batch_size=4, epochs=2, seed=seed):
            assert torch.isfinite(pair_loss(torch.ones(len(batch), 2), torch.as_tensor(gold[batch])))
    assert seen > 100


@pytest.mark.parametrize(("labels", "answer"), [([0, 0, 0], False), ([0, 1], False), ([0, 1, 1], True)])
def test_labels_teach_where_two_texts_share_one_and_two_do_not(labels: list[int], answer: bool) -> None:
    assert can_teach(np.array(labels)) == can_teach(one_hot(labels)) == answer
