"""Texts that read the same have one key, others have not."""

from __future__ import annotations

import unicodedata

import pytest

from llamita.core.task import Text
from llamita.data.text import are_chinese, text_key


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Straße", "STRASSE"),
        ("ﬁne ﬁlm", "fine film"),
        ("５００元", "500元"),
        ("ＡＢＣ", "abc"),
        ("don't", "don’t"),
        ("well - known", "well-known"),
        ("“很好！”", "很好"),
        ("很　好", "很好"),
        ("ｶﾞ", "ガ"),
        ("a\u00adb\u200bc", "abc"),
        (" :-) ", ":-)"),
        ("", " \n"),
        (("Good film.", "YES"), ("good film", "yes!")),
    ],
)
def test_writing_that_reads_the_same_has_one_key(first: Text, second: Text) -> None:
    assert text_key(first) == text_key(second)


@pytest.mark.parametrize("text", ["déjà vu", "Ångström", "naïve Übung", "が好き"])
def test_composed_and_decomposed_letters_have_one_key(text: str) -> None:
    composed, decomposed = unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)
    assert composed != decomposed
    assert text_key(composed) == text_key(decomposed)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a film of 1 star", "a film of 10 stars"),
        ("resume", "resumé"),
        ("很好", "狠好"),
        ("अच्छा", "अच्छी"),
        ("มา", "ม้า"),
        ("後", "后"),
        ("👍", "👎"),
        ("!", "?"),
        ("", "."),
        (("a", "b"), ("b", "a")),
        (("ab", "c"), ("a", "bc")),
        (("a", ""), ("", "a")),
        (("a", ""), "a"),
    ],
)
def test_texts_that_read_differently_have_keys_of_their_own(first: Text, second: Text) -> None:
    assert text_key(first) != text_key(second)


def test_marks_and_spaces_anywhere_change_nothing() -> None:
    words = ["The", "2nd", "film", "很好", "déjà"]
    for mark in (" ", "  ", ", ", "。", "—", "\t", "…\n", "🙂"):
        assert text_key(mark + mark.join(words) + mark) == text_key("".join(words)), mark


def test_texts_are_chinese_from_a_fifth_on_whatever_is_a_pairs_first() -> None:
    assert are_chinese(["很好 ok", ("no", "很好的酒店")])
    assert are_chinese([("a", "很好")])
    assert not are_chinese(["a film named 很好"])
    assert not are_chinese([])
