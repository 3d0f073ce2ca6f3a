"""A split takes its share of every label and no text of the other side; a sample has the proportions of the whole."""

from collections import Counter

import numpy as np
import pytest

from llamita.core.errors import UserError
from llamita.data.portion import proportional, share_of_each

LABELS = [0] * 60 + [1] * 30 + [2] * 10


def test_a_share_of_each_label_is_cut_off_and_copies_stay_together() -> None:
    texts = [f"text {i % 50} {label}" for i, label in enumerate(LABELS)]
    taken = share_of_each(texts, LABELS, 0.2, seed=0)
    assert taken == sorted(set(taken))
    rest = [i for i in range(100) if i not in taken]
    assert not {texts[i] for i in taken} & {texts[i] for i in rest}
    different = Counter(int(text.split()[2]) for text in set(texts))
    assert Counter(int(text.split()[2]) for text in {texts[i] for i in taken}) == {
        label: round(0.2 * count) for label, count in different.items()
    }
    assert share_of_each(texts, LABELS, 0.2, seed=0) == taken != share_of_each(texts, LABELS, 0.2, seed=1)


def test_a_label_of_two_texts_gives_one_and_a_label_of_one_none() -> None:
    assert len(share_of_each(["a", "b"], [0, 0], 0.01, 0)) == 1
    assert share_of_each(["a", "b"], [0, 1], 0.5, 0) == []
    assert share_of_each(["a", "b"], [0, 0], 0, 0) == []


def test_a_share_is_what_a_look_at_all_texts_at_once_takes() -> None:
    generator = np.random.default_rng(5)
    texts = [f"Text {number}" for number in generator.integers(0, 300, 500)]
    labels = generator.integers(0, 7, 500).tolist()
    groups: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        groups.setdefault(text, []).append(row)
    draw, taken = np.random.default_rng(3), []
    for label in range(7):
        own = [rows for rows in groups.values() if labels[rows[0]] == label]
        taken += [row for place in draw.permutation(len(own))[: round(0.3 * len(own))] for row in own[place]]
    assert share_of_each(iter(texts), labels, 0.3, seed=3) == sorted(taken)
    assert share_of_each([], [], 0.3, 0) == []


@pytest.mark.parametrize(
    ("number", "balanced", "sizes"),
    [
        (10, False, {0: 6, 1: 3, 2: 1}),
        (7, False, {0: 4, 1: 2, 2: 1}),
        (100, False, {0: 60, 1: 30, 2: 10}),
        (9, True, {0: 3, 1: 3, 2: 3}),
        (50, True, {0: 20, 1: 20, 2: 10}),
        (2, True, {0: 1, 1: 1}),
        (100, True, {0: 60, 1: 30, 2: 10}),
    ],
)
def test_a_sample_has_its_proportions(number: int, balanced: bool, sizes: dict[int, int]) -> None:
    taken = proportional(LABELS, number, seed=3, balanced=balanced)
    assert taken == sorted(set(taken))
    assert Counter(LABELS[i] for i in taken) == sizes


@pytest.mark.parametrize("number", [0, 101])
def test_no_more_rows_than_there_are(number: int) -> None:
    with pytest.raises(UserError, match=f"1 to 100 rows, as many as there are, got {number}"):
        proportional(LABELS, number, 0)
