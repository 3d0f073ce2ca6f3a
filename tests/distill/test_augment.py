"""Changed copies of texts: parts of what was there, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from tests.families import TRAINING_TEXTS

from llamita.core.registry import build
from llamita.core.task import Split
from llamita.distill._augment import augmented, part_of, without_words


@pytest.mark.parametrize("text", TRAINING_TEXTS)
def test_a_part_is_a_piece_of_the_text_and_shorter(text: str) -> None:
    for seed in range(20):
        part = part_of(text, np.random.default_rng(seed))
        assert part in text
        assert 0 < len(part) < len(text)


def test_clauses_are_cut_at_their_borders() -> None:
    text = "dull, lifeless; far too long."
    whole = {"dull,", "lifeless;", "far too long.", "dull, lifeless;", "lifeless; far too long."}
    assert {part_of(text, np.random.default_rng(seed)) for seed in range(60)} == whole


@pytest.mark.parametrize("text", TRAINING_TEXTS)
def test_leaving_out_words_keeps_the_order_of_the_rest(text: str) -> None:
    for seed in range(20):
        changed = without_words(text, np.random.default_rng(seed))
        assert 0 < len(changed) < len(text)
        letters = iter(text)
        assert all(char in letters for char in changed)


@pytest.mark.parametrize("text", ["", "word", "好", "..."])
def test_a_text_with_nothing_to_spare_stays(text: str) -> None:
    random = np.random.default_rng(0)
    assert part_of(text, random) == text
    assert without_words(text, random) == text


def test_copies_are_new_unlabelled_and_the_same_for_the_same_seed() -> None:
    split = Split(texts=TRAINING_TEXTS, labels=tuple(i % 2 for i in range(len(TRAINING_TEXTS))))
    copies = augmented(split, 3, seed=1)
    assert copies.labels == ()
    assert len(set(copies.texts) | set(split.texts)) == len(copies) + len(split)
    assert len(copies) > 2 * len(split)
    assert copies.texts == augmented(split, 3, seed=1).texts
    assert copies.texts != augmented(split, 3, seed=2).texts
    assert augmented(split, 1, seed=1).texts == copies.texts[: len(augmented(split, 1, seed=1))]


def test_a_clause_that_is_a_text_of_another_split_is_left_out() -> None:
    split = Split(texts=("Dull, lifeless; far too long.", "Dull, lifeless; far too long!"))
    assert "far too long." in augmented(split, 20, seed=0).texts
    apart = augmented(split, 20, seed=0, apart=["Far too long"]).texts
    assert set(augmented(split, 20, seed=0).texts) - set(apart) == {"far too long.", "far too long!"}


@pytest.mark.parametrize("method", ["distill.logits", "distill.hidden"])
def test_where_copies_are_made_the_stage_depends_on_the_splits_they_keep_away_from(method: str) -> None:
    assert build(method, {"augment": 1}).avoids == ("select", "test")
    assert build(method).avoids == ()


def test_of_a_pair_one_text_is_changed() -> None:
    pair = ("it is raining hard today", "the streets are wet and cold")
    for copy in augmented(Split(texts=(pair,)), 5, seed=0).texts:
        assert (copy[0] == pair[0]) != (copy[1] == pair[1])
