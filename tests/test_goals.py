"""The choice follows the goals."""

import pytest

from llamita.core.errors import UserError
from llamita.core.measure import Finding
from llamita.goals import Goals, Measured, alone_meets, choose, excess, judge, on_front, outdoes, with_intervals


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


def test_the_nearest_counts_what_is_kept_of_the_score_too():
    poor, good = candidate("poor", 0.70, 21.0, 2.0), candidate("good", 0.92, 21.1, 2.0)
    assert choose((poor, good), Goals(keep=0.99, max_size=20_000_000), 0.93) == 1


def test_a_near_tie_in_accuracy_goes_to_the_larger_one():
    small = candidate("small", 0.886, 8, 2.5)
    assert ALL[choose((*ALL, small), Goals(keep=0.9, max_size=12_000_000), 0.9)] is MIDDLE


@pytest.mark.parametrize("goals", [Goals(keep=0.9, max_size=12_000_000), Goals(keep=0.9)])
def test_among_those_about_as_large_the_surest_is_taken_and_not_the_one_of_a_thousandth_more(goals):
    deep = candidate("6 layers", 0.866, 11.69, 2.3, nll=0.318)
    wide = candidate("5 layers, more pieces", 0.855, 11.71, 2.0, nll=0.340)
    assert choose((wide, deep), goals, 0.9) == 1
    assert choose((deep, wide), goals, 0.9) == 0
    assert choose((deep, candidate("4 layers", 0.855, 11.0, 2.0, nll=0.2)), Goals(max_size=12_000_000), 0.9) == 0


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


def test_what_is_advised_would_have_been_met():
    goals = Goals(keep=None, max_size=12_000_000, max_latency=0.4)
    size, latency = judge(goals, score=0.9, teacher_score=0.9, size_bytes=12_040_000, latency_ms=0.42)
    assert "--max-size 12.1MB" in size.advice
    assert "--max-latency 0.5ms" in latency.advice
    goals = Goals(keep=None, max_size=30_000, max_latency=0.01)
    tiny = judge(goals, score=1, teacher_score=1, size_bytes=40_000, latency_ms=0.02)
    assert ["0.1MB" in tiny[0].advice, "0.1ms" in tiny[1].advice] == [True, True]


def test_a_score_exactly_as_asked_is_kept():
    for light, teacher in ((198, 200), (792, 800), (99, 100), (693, 700)):
        (goal,) = judge(Goals(keep=0.99), score=light / 1000, teacher_score=teacher / 1000, size_bytes=1, latency_ms=1)
        assert goal.met, (light, teacher)
        assert goal.value == pytest.approx(0.99)


@pytest.mark.parametrize("score", [0.0, 0.5])
def test_beside_a_teacher_that_is_never_right_nothing_can_be_lost(score):
    (goal,) = judge(Goals(keep=0.99), score=score, teacher_score=0.0, size_bytes=1, latency_ms=1)
    assert (goal.met, goal.value) == (True, None)
    assert choose(ALL, Goals(keep=0.99), teacher_score=0.0) in range(3)
    assert excess(SMALL, Goals(keep=0.99), teacher_score=0.0) == 0


def test_what_is_kept_has_the_interval_of_what_was_lost():
    loss = Finding(name="headline.compression_cost", value=0.01, interval=(-0.009, 0.027), n=500)
    latency = Finding(name="cost.latency_p95_ms", value=3.0, interval=(2.9, 3.4), n=480)
    judged = judge(Goals(max_size=9, max_latency=3), score=0.89, teacher_score=0.9, size_bytes=8, latency_ms=3.0)
    keep, size, speed = with_intervals(judged, loss, latency, 0.9)
    assert keep.interval == pytest.approx((0.97, 1.01))
    assert keep.interval[0] < keep.value < keep.interval[1]
    assert (keep.n, speed.interval, speed.n) == (500, (2.9, 3.4), 480)
    assert (size.interval, size.n) == (None, 0)


def test_a_model_that_is_never_right_is_not_advised_to_keep_nothing():
    (goal,) = judge(Goals(keep=0.99), score=0.0, teacher_score=0.9, size_bytes=1, latency_ms=1)
    assert goal.advice == "relax it: more --minutes"


@pytest.mark.parametrize("bad", [{"max_size": "5MB"}, {"max_latency": "5ms"}, {"keep": "0.99"}, {"keep": True}])
def test_goals_that_are_no_numbers_are_refused_by_name(bad):
    with pytest.raises(UserError, match=f"{next(iter(bad))} must be a number such as"):
        Goals(**bad)


@pytest.mark.parametrize("bad", [{"keep": 0}, {"keep": -1.0}, {"max_size": 0}, {"max_latency": -2}])
def test_goals_that_make_no_sense_are_refused(bad):
    with pytest.raises(UserError, match="must be"):
        Goals(**bad)


def test_one_alone_meets_the_goals_only_where_the_other_misses_one():
    goals = Goals(keep=0.96, max_size=12_000_000)
    assert alone_meets(MIDDLE, LARGE, goals, 0.915)
    assert not alone_meets(LARGE, MIDDLE, goals, 0.915)
    assert not alone_meets(MIDDLE, LARGE, Goals(keep=0.96), 0.915), "both do"
    assert not alone_meets(SMALL, LARGE, goals, 0.915), "neither does"
