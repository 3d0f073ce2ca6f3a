"""A question shows labels and examples as a conversation, in one language, and reads an answer by its letter or its words."""

from __future__ import annotations

import pytest

from llamita.core.errors import UserError
from llamita.tasks._question import Question

LABELS = ("bad", "fine")


def test_examples_are_shown_as_a_conversation_and_pairs_as_two_texts() -> None:
    question = Question(LABELS, examples=[("awful", "bad")], words={"fine": "good"})
    sent = question.messages(("one", "other"))
    assert [m["role"] for m in sent] == ["system", "user", "assistant", "user"]
    assert sent[2]["content"] == "A"
    assert "B. good" in sent[0]["content"]
    assert sent[-1]["content"] == "Text: one\nSecond text: other\n\nWhich label fits the two?"
    assert question.messages((" one", "other \n")) == sent


def test_the_question_is_chinese_where_words_or_examples_are() -> None:
    words = {"bad": "差评", "fine": "好评"}
    for question in (
        Question(LABELS, words=words),
        Question(LABELS, examples=[("房间很脏", "bad")]),
        Question(LABELS, chinese=True),
    ):
        sent = question.messages("早餐不错")
        assert "标签：\nA. " in sent[0]["content"]
        assert sent[-1]["content"] == "文本：早餐不错\n\n哪个标签合适？"
    sent = Question(LABELS, words=words, chinese=False).messages("早餐不错")
    assert sent[-1]["content"] == "Text: 早餐不错\n\nWhich label fits?"


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("B", 1),
        (" (a).\n", None),
        ("**A**", 0),
        ("B. good", 1),
        ("Bad", 0),
        ("GOOD", 1),
        ("C", None),
        ("", None),
        (" .", None),
    ],
)
def test_an_answer_names_a_label_by_its_letter_or_its_words(answer: str, label: int | None) -> None:
    assert Question(LABELS, words={"fine": "good"}).named(answer) == label


def test_words_that_two_labels_share_name_neither() -> None:
    assert Question(LABELS, words={"bad": "so", "fine": "so"}).named("so") is None


def test_labels_without_letters_and_prompts_without_a_place_are_refused() -> None:
    with pytest.raises(UserError, match="chooses among 2 to 26 labels, got 1"):
        Question(("one",))
    with pytest.raises(UserError, match="the prompt must say where the text goes"):
        Question(LABELS, prompt="Which?")


@pytest.mark.parametrize(
    ("labels", "answer", "named"),
    [
        (("python", "java", "ruby", "C++"), "C++", 3),
        (("news", "sports", "travel", "food", "finance", "E-commerce"), "E-commerce", 5),
        (tuple("abcdefghi"), "I think the label is B", None),
        (("bad", "good"), "A clear case of B", None),
        (("bad", "good"), "B", 1), (("bad", "good"), "**B**", 1), (("bad", "good"), "B. good", 1), (("bad", "good"), "B) good", 1),
        (("坏", "好"), "B。好", 1), (("坏", "好"), "好", 1),
    ],
)  # fmt: skip
def test_words_go_before_letters_and_a_letter_stands_alone(
    labels: tuple[str, ...], answer: str, named: int | None
) -> None:
    assert Question(labels).named(answer) == named
