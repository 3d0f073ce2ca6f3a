"""What is no running text, or stands there already, is left out by reason."""

from __future__ import annotations

import pytest

from llamita.core.errors import UserError
from llamita.data.clean import dropped_documents, fault_of, fewest_characters

GOOD = "The hotel was clean and the breakfast was good, but the staff were rude to us."


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GOOD, ""), ("酒店很干净，服务态度也很好，下次还会再来，早餐也不错。", ""), ("short", "too short"), ("好", "too short"),
        ("=-=-=-=-=-=-=-=- ******* ======= ------- |||||||| a b c d", "mostly marks"),
        ("Home\nLogin\nHome\nLogin\nHome\nLogin\nHome\nLogin and some more words", "repeated lines"),
        ("a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g h i j k l m n o p", "no words"),
    ],
)  # fmt: skip
def test_the_reason_is_named(text: str, reason: str) -> None:
    assert fault_of(text) == reason


@pytest.mark.parametrize(
    "text",
    [
        "ภาพยนตร์เรื่องนี้ดีมากและสนุกมากจริงๆ ฉันชอบเนื้อเรื่องของมันมากที่สุดเลย",
        "ဒီရုပ်ရှင်က အရမ်းကောင်းတယ်၊ ဇာတ်လမ်းကို ကြိုက်တယ်။",
        "ភាពយន្តនេះល្អណាស់ ខ្ញុំចូលចិត្តរឿងរបស់វា។",
        "ఈ సినిమా చాలా బాగుంది, దాని కథ నాకు నచ్చింది.",
        "このえいがはとてもおもしろくてすきです。またみたいとおもいます。",
        "הַסֶּרֶט הַזֶּה טוֹב מְאוֹד, וְאָהַבְתִּי אֶת הָעֲלִילָה שֶׁלּוֹ.",
    ],
)
def test_scripts_of_vowel_signs_and_without_spaces_are_running_text(text: str) -> None:
    assert fault_of(text) == ""


def test_each_document_is_left_out_once_and_the_first_copy_stays() -> None:
    texts = [
        GOOD,
        GOOD.upper(),
        "short",
        GOOD.replace("rude", "rudest"),
        "Another text altogether, about a long film and its plot.",
    ]
    assert dropped_documents(texts) == {"too short": [2], "copies": [1], "near copies": [3]}
    assert dropped_documents(texts, copies="exact", filtered=False) == {"copies": [1]}
    assert dropped_documents(texts, copies="keep", filtered=False) == {}
    with pytest.raises(UserError, match="copies must be one of"):
        dropped_documents(texts, copies="some")


def test_where_sentences_are_documents_short_ones_stay() -> None:
    sentences = ["I am here.", "Where is the station?", "He laughed.", "你好吗？", "我去火车站。"]
    assert dropped_documents(sentences) == {}
    assert fewest_characters([*sentences, GOOD]) == 1
    assert fewest_characters([GOOD, GOOD, "short"]) == 20


def test_a_copy_of_what_is_left_out_anyway_stays() -> None:
    marked = "*** --- *** --- hello world this is nice ~~~ ~~~ --- *** --- ***"
    assert dropped_documents([marked, "Hello world, this is nice", GOOD, GOOD + GOOD], copies="exact") == {
        "mostly marks": [0]
    }


def test_near_copies_of_very_many_characters_are_looked_for_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [GOOD, GOOD.replace("rude", "rudest"), GOOD.upper()]
    monkeypatch.setattr("llamita.data.copies.MANY_CHARACTERS", 100)
    assert dropped_documents(texts) == {"copies": [2]}
    assert dropped_documents(texts, copies="near") == {"copies": [2], "near copies": [1]}
