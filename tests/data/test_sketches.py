"""Hashes tell how alike two texts are, within what chance leaves open."""

from __future__ import annotations

from llamita.data.sketches import Sketches, hashed, shingles


def test_n_grams_are_shorter_in_chinese_and_short_texts_have_none() -> None:
    assert shingles("abcdefghij" * 3) == {("abcdefghij" * 2)[i : i + 5] for i in range(10)}
    assert shingles("a" * 29) == frozenset()
    assert shingles("这家酒店的位置非常好离地铁近") == frozenset()
    assert {len(gram) for gram in shingles("这家酒店的位置非常好离地铁站近")} == {3}


def test_those_that_share_enough_are_found_and_others_not() -> None:
    words = [f"word{i}" for i in range(200)]
    texts = ["".join(words[i : i + 100]) for i in (0, 2, 9, 100)]
    held = Sketches(0.8)
    assert held.alike(hashed(shingles(texts[0])), 0.8) == []
    for text in texts:
        held.add(hashed(shingles(text)))
    grams = [shingles(text) for text in texts]
    likeness = [len(grams[0] & other) / len(grams[0] | other) for other in grams]
    assert likeness[0] == 1 > likeness[1] > 0.9 > likeness[2] > 0.8 > 0.5 > likeness[3]
    assert sorted(held.alike(hashed(grams[0]), 0.7)) == [0, 1, 2]
    assert held.alike(hashed(grams[0]), 0.999) == [0]


def test_many_texts_are_held() -> None:
    held = Sketches(0.8)
    sketches = [hashed(shingles(f"{i * i} is the square of {i}, a number like others of its kind")) for i in range(150)]
    for sketch in sketches:
        held.add(sketch)
    assert all(i in held.alike(sketch, 1.0) for i, sketch in enumerate(sketches))
