"""Colours tell how strongly a word spoke, and for which side; Chinese has no spaces between words."""

import pytest

from llamita.explain._colours import coloured, mixed, strengths


def test_the_strongest_word_is_full_and_where_none_is_strong_all_are_pale() -> None:
    assert [share for *_, share in strengths(("a", "b"), (2.0, -1.0))] == [1.0, -0.5]
    assert [share for *_, share in strengths(("a", "b"), (0.01, -0.02))] == pytest.approx([0.1, -0.2])
    assert strengths((), ()) == []


def test_blue_is_for_orange_against_and_nothing_is_white() -> None:
    assert (mixed(1), mixed(-1), mixed(0)) == ("140,190,255", "255,180,95", "255,255,255")
    assert mixed(0.5) == "198,222,255"


def test_words_stand_apart_but_for_chinese_and_are_no_markup() -> None:
    assert coloured(("<b>", "film"), (1.0, 0.0)).count("</span> ") == 2
    assert "&lt;b&gt;" in coloured(("<b>", "film"), (1.0, 0.0))
    assert "</span><span" in coloured(("很", "好"), (1.0, 0.5))
