"""What a model is asked with."""

from __future__ import annotations

import pytest

from llamita.core.errors import UserError
from llamita.tasks.wording import asks_in_chinese, require_places, words_of


def test_it_is_asked_in_the_language_of_labels_or_texts() -> None:
    assert asks_in_chinese(["好", "坏"])
    assert asks_in_chinese(["good", "bad"], ["房间很干净", ("早餐", "不错")])
    assert not asks_in_chinese(["good", "bad"], ["a warm film"])


def test_a_prompt_names_the_text_before_its_pair() -> None:
    require_places("{text} or {pair}?")
    for prompt, said in (
        ("Well?", "where the text goes"),
        ("{pair} {text}", "before {pair}"),
        ("{text}\nIs {text} good?", "must name {text} once"),
        ("{text} {pair} {pair}", "must name {pair} once"),
    ):
        with pytest.raises(UserError, match=said):
            require_places(prompt)


def test_each_label_has_words() -> None:
    assert words_of(["1", "0"], {1: "good"}) == {"1": "good", "0": "0"}
    for words, said in (
        ({"2": "x"}, "words are given for 2"),
        ({"1": " "}, "must not be empty"),
        (["x"], "must be a dict"),
    ):
        with pytest.raises(UserError, match=said):
            words_of(["1"], words)  # type: ignore[arg-type]
