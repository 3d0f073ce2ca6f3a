"""Batches of a whole training: a pure function that reads each example once an epoch."""

from __future__ import annotations

import numpy as np
import pytest

from llamita.train.batches import POOL, batches_in_order, mixed_batches, padded_share, training_batches

LENGTHS = np.random.default_rng(0).integers(1, 60, size=211).tolist()


def flat(batches: list[np.ndarray]) -> list[tuple[int, ...]]:
    return [tuple(batch.tolist()) for batch in batches]


def test_each_example_stands_once_in_each_epoch() -> None:
    batches = training_batches(LENGTHS, batch_size=8, epochs=3, seed=0)
    per_epoch = len(batches) // 3
    for epoch in range(3):
        part = np.concatenate(batches[epoch * per_epoch : (epoch + 1) * per_epoch])
        assert sorted(part.tolist()) == list(range(211))


def test_the_same_seed_gives_the_same_batches_and_another_one_others() -> None:
    first = training_batches(LENGTHS, batch_size=8, epochs=2, seed=3)
    np.random.default_rng().random(5)
    assert flat(first) == flat(training_batches(LENGTHS, batch_size=8, epochs=2, seed=3))
    assert flat(first) != flat(training_batches(LENGTHS, batch_size=8, epochs=2, seed=4))


def test_epochs_differ_in_order() -> None:
    batches = flat(training_batches(LENGTHS, batch_size=8, epochs=2, seed=0))
    assert batches[: len(batches) // 2] != batches[len(batches) // 2 :]


def test_more_epochs_only_add_batches_at_the_end() -> None:
    two = flat(training_batches(LENGTHS, batch_size=8, epochs=2, seed=0))
    assert flat(training_batches(LENGTHS, batch_size=8, epochs=3, seed=0))[: len(two)] == two


@pytest.mark.parametrize("epochs", [0.25, 1.5])
def test_a_broken_epoch_takes_its_share_of_different_examples(epochs: float) -> None:
    batches = training_batches(LENGTHS, batch_size=8, epochs=epochs, seed=0)
    counts = np.bincount(np.concatenate(batches), minlength=211)
    assert counts.sum() == round(epochs * 211)
    assert set(counts.tolist()) == ({0, 1} if epochs < 1 else {1, 2})


def test_no_padded_batch_holds_more_tokens_than_allowed() -> None:
    lengths = [*LENGTHS, 500]
    batches = training_batches(lengths, batch_size=16, epochs=1, seed=0, max_tokens=200)
    for batch in batches:
        width = max(lengths[i] for i in batch)
        assert len(batch) * width <= 200 or len(batch) == 1
    assert sorted(np.concatenate(batches).tolist()) == list(range(212))


def test_texts_of_like_length_stand_together() -> None:
    def padding(batches: list[np.ndarray]) -> float:
        lengths = np.asarray(LENGTHS)
        return sum(int(lengths[b].max()) * len(b) for b in batches) / sum(int(lengths[b].sum()) for b in batches)

    batches = training_batches(LENGTHS, batch_size=8, epochs=1, seed=0)
    order = np.random.default_rng(0).permutation(211)
    assert padding(batches) < 1.15 < 1.5 < padding([order[i : i + 8] for i in range(0, 211, 8)])


def test_rows_in_order_are_bounded_by_their_own_tokens_where_padding_is_not_computed() -> None:
    lengths = [4 + i % 5 if i % 5 else 150 for i in range(200)]
    found = batches_in_order(lengths, batch_size=200, max_tokens=700, padded=False)
    assert np.concatenate(found).tolist() == list(range(200))
    held = [sum(lengths[i] for i in batch) for batch in found]
    assert max(held) <= 700
    assert min(held[:-1]) > 700 - 150
    assert padded_share(lengths, found) > 0.5, "short and long ones stand together"


def test_rows_in_order_keep_to_the_tokens_that_a_batch_may_hold() -> None:
    lengths = [10, 10, 20, 20, 20, 50, 120, 10]
    found = batches_in_order(lengths, batch_size=4, max_tokens=60)
    assert [batch.tolist() for batch in found] == [[0, 1, 2], [3, 4], [5], [6], [7]]
    assert batches_in_order([], batch_size=4) == []


def test_the_least_part_of_an_epoch_is_one_example() -> None:
    for arrange in (training_batches, mixed_batches):
        assert [len(batch) for batch in arrange([5] * 40, batch_size=8, epochs=0.01, seed=0)] == [1]


def test_no_example_gives_no_batch() -> None:
    assert training_batches([], batch_size=8, epochs=2, seed=0) == []


def test_a_batch_bounded_by_tokens_is_drawn_from_fifty_of_its_kind() -> None:
    lengths = np.random.default_rng(1).integers(1, 60, size=5000)
    batches = training_batches(lengths.tolist(), batch_size=4096, epochs=1, seed=0, max_tokens=300)
    place = np.empty(5000, dtype=int)
    place[np.random.default_rng([0, 0]).permutation(5000)] = np.arange(5000)
    pool = POOL * int(300 / lengths.mean())
    assert 5000 / pool > 8
    assert all(len(set((place[batch] // pool).tolist())) == 1 for batch in batches)
    assert sorted(np.concatenate(batches).tolist()) == list(range(5000))
