"""What a page says in plain sentences: when the cheapest rival will do, and what of long texts was read."""

from dataclasses import replace

import pytest

from llamita.core.measure import Finding
from llamita.core.messages import translated
from llamita.core.report import Subject
from llamita.goals import Goals, Measured
from llamita.remarks import linear_is_enough, off_the_front, rivals_ahead, texts_cut


def seen(score: float, size: int, latency: float) -> Measured:
    return Measured(name="one", score=score, nll=0.3, n=400, size_bytes=size, latency_ms=latency)


LIGHT = seen(0.88, 12_000_000, 5.0)
GOALS = Goals(keep=0.98, max_size=12_000_000)


@pytest.mark.parametrize(
    ("linear", "goals", "says"),
    [
        (seen(0.88, 3_000_000, 0.5), GOALS, "is enough here"),
        (seen(0.88, 3_000_000, 6.0), GOALS, "meets every goal too"),
        (seen(0.875, 3_000_000, 0.5), GOALS, "meets every goal too"),
        (seen(0.86, 3_000_000, 0.5), GOALS, ""),
        (seen(0.80, 3_000_000, 0.5), Goals(keep=None, max_size=12_000_000), "meets every goal too"),
        (seen(0.88, 13_000_000, 6.0), GOALS, ""),
        (
            seen(0.875, 3_000_000, 0.5),
            replace(GOALS, max_latency=1.0),
            "meets every goal, which the light model does not",
        ),
    ],
)
def test_tf_idf_is_named_where_it_would_do(linear: Measured, goals: Goals, says: str) -> None:
    notes = linear_is_enough(linear, LIGHT, goals, 0.89)
    assert len(notes) == bool(says)
    if says:
        assert notes[0].startswith(f"TF-IDF with a linear model {says}: on the 400 texts")
        assert f"{100 * linear.score:.1f} %, the light model 88.0 %" in notes[0]
        assert "linear/" in notes[0]
        assert "在 linear/ 中" in translated(notes[0], "zh")


def test_a_linear_model_that_is_delivered_is_told_with_what_it_was_taken_for() -> None:
    (note,) = linear_is_enough(seen(0.875, 3_000_000, 0.5), LIGHT, replace(GOALS, max_latency=1.0), 0.89, taken=True)
    assert "is delivered, since it alone meets every goal" in note
    assert "87.5 %" in note
    assert "the best student 88.0 %" in note
    assert "在 student/ 中" in translated(note, "zh")


@pytest.mark.parametrize(("share", "said"), [(0.02, False), (0.87, True)])
def test_texts_read_in_part_are_told_where_they_are_more_than_a_few(share: float, said: bool) -> None:
    assert bool(texts_cut({"max_length": 96, "cut_share": share})) == said


def scored(role: str, right: int, of: int = 400) -> Subject:
    rows = tuple({"index": i, "label": "a", "predicted": "a" if i < right else "b"} for i in range(of))
    score = Finding(name="quality.accuracy", value=right / of, unit="share", n=of, rows=rows)
    return Subject(name=role, role=role, findings=(score,))


def test_a_rival_ahead_is_told_with_by_how_much_and_how_surely() -> None:
    subjects = [scored("teacher", 390), scored("student_alone", 363), scored("linear", 340), scored("light", 360)]
    (note,) = rivals_ahead(subjects)
    assert note == (
        "On the test split student_alone scores higher: 90.8 against 90.0 %, by 0.8 points [−0.3, +1.8] (n = 400)."
    )
    assert translated(note, "zh").startswith("在测试集上 student_alone 得分更高：90.8 % 对 90.0 %，相差 0.8 个百分点")
    assert rivals_ahead([scored("linear", 360), scored("light", 360)]) == ()


def test_who_did_no_worse_than_the_chosen_candidate_is_named_with_why_it_was_not_taken() -> None:
    def row(name: str, student: str, score: float, size: int) -> dict:
        return {
            "name": name,
            "student": student,
            "score": score,
            "size_bytes": size,
            "latency_ms": 2.0,
            "chosen": False,
        }

    chosen = row("minilm · 6 layers", "minilm", 0.88, 12) | {"chosen": True, "on_front": False}
    small, linear = row("minilm · 3 layers", "minilm", 0.885, 8), row("TF-IDF + linear", "linear", 0.88, 3)
    larger = row("teacher · 2 layers", "teacher", 0.90, 40)
    about_linear, about_small = off_the_front([chosen, small, linear, larger])
    assert about_linear.startswith("TF-IDF + linear did no worse")
    assert "stands in linear/" in about_linear
    assert about_small.startswith("minilm · 3 layers did no worse")
    assert "one standard error" in about_small
    assert off_the_front([chosen | {"on_front": True}, larger]) == ()
    assert "linear/" in translated(about_linear, "zh")
    assert "no worse" not in translated(about_small, "zh")
