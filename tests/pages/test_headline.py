"""The first line is plain about gains, losses, chance, and what was not measured."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.pages.sample_reports import comparison_report

from llamita.core.measure import Finding
from llamita.core.report import Report, Subject
from llamita.pages._headline import headline
from llamita.pages.strings import words, words_for

MINUS = "\u2212"


def line(bought: tuple | None, cost: tuple | None, language: str = "en") -> str:
    findings = [
        Finding(name=f"headline.{name}", value=told[0], interval=told[1], unit="share", n=872)
        for name, told in (("teacher_bought", bought), ("compression_cost", cost))
        if told
    ]
    accuracy = Finding(name="quality.accuracy", value=0.88, interval=(0.86, 0.9), n=872)
    subjects = (
        Subject(name="t", role="teacher", findings=(replace(accuracy, value=0.9),)),
        Subject(name="l", role="light", findings=(accuracy, *findings)),
    )
    return headline(Report(title="x", task={}, subjects=subjects), words(language)).replace(MINUS, "-")


@pytest.mark.parametrize(
    ("bought", "cost", "said"),
    [
        ((0.003, (-0.011, 0.017)), (0.008, (-0.004, 0.02)), "The teacher bought nothing measurable: +0.3 points [-1.1, +1.7]; compression cost 0.8 points [-0.4, +2.0] of accuracy, not distinguishable from none (n = 872)."),  # noqa: E501
        ((0.021, (0.004, 0.038)), (0.02, (0.005, 0.035)), "The teacher bought +2.1 points [+0.4, +3.8] of accuracy; compression cost 2.0 points [+0.5, +3.5] of accuracy (n = 872)."),  # noqa: E501
        ((-0.02, (-0.03, -0.01)), (-0.01, (-0.02, -0.001)), "The teacher did harm: -2.0 points [-3.0, -1.0] of accuracy; compression cost nothing: the light model is ahead by 1.0 points [+0.1, +2.0] (n = 872)."),  # noqa: E501
        ((0.0, (-0.01, 0.01)), (-0.002, (-0.01, 0.01)), "The teacher bought nothing measurable: 0.0 points [-1.0, +1.0]; compression cost nothing measurable: -0.2 points [-1.0, +1.0] (n = 872)."),  # noqa: E501
    ],
)  # fmt: skip
def test_the_first_line_says_what_the_intervals_allow(bought: tuple, cost: tuple, said: str) -> None:
    assert line(bought, cost) == said


def test_without_a_student_of_its_own_the_line_says_that_the_gain_was_not_measured() -> None:
    said = line(None, None)
    assert "What the teacher bought was not measured (no student without a teacher was trained)" in said
    assert (
        "compression cost 2.0 points of accuracy (no interval: the two were not compared text by text) (n = 872)."
        in said
    )


def test_the_line_is_chinese_on_a_chinese_page() -> None:
    assert line((0.003, (-0.011, 0.017)), (0.02, (0.005, 0.035)), "zh").startswith(
        "教师模型没有带来可测的收益：+0.3 个百分点 [-1.1, +1.7]；压缩损失了"
    )


def test_compared_models_each_have_a_sentence() -> None:
    said = headline(comparison_report(), words("en")).replace(MINUS, "-")
    assert "light-a/onnx can't be told from teacher-folder in accuracy: -0.4 points [-1.8, +1.0] (n = 872)." in said
    assert "light-b/onnx loses 9.0 points [6.0, 12.0] of accuracy to teacher-folder (n = 872)." in said


def asked(*, checked: bool, language: str = "en") -> str:
    """The first line where a teacher that was asked gave the labels."""
    accuracy = Finding(name="quality.accuracy", value=0.88, interval=(0.83, 0.92), n=133)
    cost = Finding(name="headline.compression_cost", value=0.02, interval=(-0.01, 0.05), unit="share", n=133)
    theirs = (replace(accuracy, value=0.9, interval=(0.85, 0.94)),) if checked else ()
    subjects = (
        Subject(name="t", role="teacher", findings=theirs),
        Subject(name="l", role="light", findings=(accuracy, cost)),
    )
    report = Report(title="x", task={"labelled_by": {"teacher": "Big", "checked": checked}}, subjects=subjects)
    return headline(report, words_for(report, language)).replace(MINUS, "-").replace("\u00a0", " ")


def test_where_a_teacher_gave_the_labels_the_line_says_how_good_both_are_or_that_nobody_knows() -> None:
    assert asked(checked=True) == (
        "Big is right on 90.0 % [85.0, 94.0] of the hand-labelled texts, the light model on 88.0 % [83.0, 92.0]:"
        " -2.0 points [-5.0, +1.0] between them (n = 133)."
    )
    assert asked(checked=False) == (
        "Nobody checked the teacher's labels: the light model gives its answer on 88.0 % [83.0, 92.0] of texts it hasn't seen"
        " (n = 133); whether Big is right isn't known."
    )
    assert "无人核对" in asked(checked=False, language="zh")


def test_scores_are_called_agreement_only_where_nobody_checked() -> None:
    def row(task: dict) -> str:
        return words_for(Report(title="x", task=task, subjects=()), "en")["row_accuracy"]

    assert row({}) == row({"labelled_by": {"checked": True}}) == "Accuracy"
    assert row({"labelled_by": {"checked": False}}) == "Same answer as the teacher (nobody checked)"


def test_without_an_interval_nothing_is_lost_or_bought_below_zero() -> None:
    found = Finding(name="quality.accuracy", value=0.9, n=9)
    subjects = (
        Subject(name="t", role="teacher", findings=(replace(found, value=0.88),)),
        Subject(name="l", role="light", findings=(found,)),
        Subject(name="s", role="student_alone", findings=(replace(found, value=0.95),)),
    )
    said = headline(Report(title="x", task={}, subjects=subjects), words("en")).replace(MINUS, "-")
    assert "The teacher did harm: -5.0 points of accuracy (no interval" in said
    assert "compression cost nothing: the light model is ahead by 2.0 points (no interval" in said


def test_nothing_is_called_accurate_or_right_where_nobody_checked() -> None:
    for language, forbidden in (("en", ("ccuracy", "right:", "had right")), ("zh", ("准确率", "答对"))):
        report = Report(title="x", task={"labelled_by": {"checked": False}}, subjects=())
        shown = words_for(report, language)
        for key in (
            "row_accuracy",
            "row_loss",
            "goal_keep",
            "examples_count",
            "lost",
            "others",
            "tile_accuracy",
            "noise_text",
        ):
            assert not any(word in shown[key] for word in forbidden), key


def test_a_twin_that_was_cut_from_the_teacher_is_not_called_a_student_without_one() -> None:
    loaded, learned = (
        {"step": "load", "settings": {"model": "big"}},
        {"step": "learn.finetune", "settings": {"epochs": 1}},
    )
    bought = Finding(name="headline.teacher_bought", value=0.02, interval=(0.01, 0.03), unit="share", n=100)

    def said(base: tuple[dict, ...]) -> tuple[str, str]:
        report = Report(
            title="x", task={},
            subjects=(
                Subject(name="t", role="teacher", lineage=(loaded, learned)),
                Subject(name="s", role="student_alone", lineage=(*base, {"step": "prune.depth"})),
                Subject(name="l", role="light", findings=(bought,)),
            ),
        )  # fmt: skip
        shown = words_for(report, "en")
        return headline(report, shown), shown["role_student_alone"]

    cut, other = said((loaded, learned)), said((loaded | {"settings": {"model": "small"}}, learned))
    assert cut[0].startswith("Learning from the teacher's probabilities, not from the labels alone, bought +2.0 points")
    assert cut[1] == "Cut from the teacher, labels alone"
    assert other[0].startswith("The teacher bought +2.0 points")
    assert other[1] == "Student without teacher"
