"""Effort fits the minutes where it can, and never goes below what a student needs."""

from __future__ import annotations

from dataclasses import replace

from tests.test_candidates import BODY

from llamita.effort import EFFORTS, FIRST, Pace, shapes_of, student_effort
from llamita.goals import Goals

PACE = Pace(train=1e-4, score=3e-5, tokens=200_000, parameters=6 * BODY.layer)
TEACHER = replace(BODY, student="teacher")


def effort(rest: float, *students: str) -> dict:
    bodies = [TEACHER, *(replace(BODY, student=name) for name in students)]
    return student_effort(bodies, {body.student: PACE for body in bodies}, Goals(max_size=12_000_000), rest)


def test_more_minutes_give_more_candidates_and_longer_lessons():
    scarce, ample = effort(0, "minilm"), effort(1e9, "minilm")
    assert len(ample["shapes"]) == EFFORTS[0][0] > len(scarce["shapes"])
    assert ample["full_epochs"] == EFFORTS[0][2] > scarce["full_epochs"]


def test_what_is_planned_fits_where_something_fits():
    for rest in (300, 600, 1200, 2400):
        plan = effort(rest, "minilm")
        needed = plan["brief_seconds"] + plan["full_seconds"]
        assert needed <= rest or plan["full_epochs"] == effort(0, "minilm")["full_epochs"]


def test_beside_a_slow_teacher_more_candidates_are_tried_while_they_cost_little():
    bodies = [TEACHER, replace(BODY, student="minilm")]
    paces = {"teacher": PACE, "minilm": PACE}

    def number(spent: float) -> int:
        return len(student_effort(bodies, paces, Goals(max_size=12_000_000), 0, spent)["shapes"])

    least, most = number(0), number(1e6)
    assert (least, most) == (2, 4)
    found = [number(spent) for spent in range(0, 2000, 100)]
    assert found == sorted(found)
    plan = student_effort(bodies, paces, Goals(max_size=12_000_000), 0, 1e6)
    assert plan["full_epochs"] == effort(0, "minilm")["full_epochs"]
    assert sum(shape["body"]["student"] == "minilm" for shape in plan["shapes"]) == 3


def test_another_student_always_gets_three_passes_and_a_cut_teacher_may_do_with_one():
    assert effort(0, "minilm")["full_epochs"] == 3
    assert effort(0)["full_epochs"] == 1


def test_the_first_lesson_is_paid_once_for_all_candidates_of_a_student():
    plan = effort(0, "minilm")
    alone = sum(
        PACE.training_seconds(plan["brief_epochs"]) * s.body_parameters / PACE.parameters + 14 for s in shapes_of(plan)
    )
    assert plan["brief_seconds"] == alone + PACE.training_seconds(FIRST)


def test_where_the_teacher_is_no_student_all_candidates_are_the_others():
    body = replace(BODY, student="minilm")
    plan = student_effort([body], {"minilm": PACE}, Goals(max_size=12_000_000), 0)
    names = [shape["name"] for shape in plan["shapes"]]
    assert len(names) == len(set(names)) == EFFORTS[-3][0]
    assert {shape["body"]["student"] for shape in plan["shapes"]} == {"minilm"}
    assert plan["full_epochs"] == 3
