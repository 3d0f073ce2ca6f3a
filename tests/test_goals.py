"""The choice follows the goals."""

import pytest

from llamita.core.errors import UserError
from llamita.goals import Goals, Measured, choose, judge, on_front, outdoes


def candidate(name, score, megabytes, latency, nll=0.3):
    return Measured(name=name, score=score, nll=nll, n=700, size_bytes=int(megabytes * 1e6), latency_ms=latency)


LARGE = candidate("large", 0.90, 30, 6.0, nll=0.25)
MIDDLE = candidate("middle", 0.885, 11, 2.5, nll=0.29)
SMALL = candidate("small", 0.84, 4, 0.9, nll=0.38)
ALL = (LARGE, MIDDLE, SMALL)


@pytest.mark.parametrize(
    ("goals", "chosen"),
    [
        (Goals(keep=0.99), LARGE),
        (Goals(keep=0.96), MIDDLE),
        (Goals(keep=0.99, max_size=12_000_000), MIDDLE),
        (Goals(keep=None, max_latency=1.0), SMALL),
        (Goals(keep=0.9), SMALL),
    ],
)
def test_another_set_of_goals_gives_another_choice(goals, chosen):
    assert ALL[choose(ALL, goals, teacher_score=0.915)] is chosen


def test_nothing_within_the_limits_gives_the_nearest():
    assert ALL[choose(ALL, Goals(keep=0.99, max_size=1_000_000), 0.9)] is SMALL
    assert ALL[choose(ALL, Goals(keep=0.99, max_size=3_900_000, max_latency=0.5), 0.9)] is SMALL


def test_a_near_tie_in_accuracy_goes_to_the_larger_one():
    small = candidate("small", 0.886, 8, 2.5)
    assert ALL[choose((*ALL, small), Goals(keep=0.9, max_size=12_000_000), 0.9)] is MIDDLE


def test_the_student_alone_must_be_clearly_better_or_surer():
    taught = candidate("taught", 0.88, 10, 2.5, nll=0.30)
    assert not outdoes(candidate("alone", 0.881, 10, 2.5, nll=0.36), taught)
    assert outdoes(candidate("alone", 0.881, 10, 2.5, nll=0.29), taught)
    assert outdoes(candidate("alone", 0.92, 10, 2.5, nll=0.36), taught)
    assert not outdoes(candidate("alone", 0.87, 10, 2.5, nll=0.20), taught)


def test_the_front_holds_what_nothing_dominates():
    worse = candidate("worse", 0.83, 5, 1.0)
    assert on_front((*ALL, worse)) == [True, True, True, False]
    assert on_front((MIDDLE, MIDDLE)) == [True, True]


def test_a_missed_goal_says_what_to_relax():
    missed = judge(
        Goals(keep=0.99, max_size=10_000_000, max_latency=5),
        score=0.85,
        teacher_score=0.9,
        size_bytes=12_000_000,
        latency_ms=3,
    )
    assert [(g.name, g.met) for g in missed] == [("keep", False), ("max_size", False), ("max_latency", True)]
    assert "--keep 0.944" in missed[0].advice
    assert "12.0MB" in missed[1].advice
    assert not missed[2].advice


@pytest.mark.parametrize("bad", [{"max_size": "5MB"}, {"max_latency": "5ms"}, {"keep": "0.99"}, {"keep": True}])
def test_goals_that_are_no_numbers_are_refused_by_name(bad):
    with pytest.raises(UserError, match=f"{next(iter(bad))} must be a number such as"):
        Goals(**bad)


@pytest.mark.parametrize("bad", [{"keep": 0}, {"keep": -1.0}, {"max_size": 0}, {"max_latency": -2}])
def test_goals_that_make_no_sense_are_refused(bad):
    with pytest.raises(UserError, match="must be"):
        Goals(**bad)
