"""What a page says in plain sentences: when the cheapest rival will do, and what of long texts was read."""

import pytest

from llamita.goals import Goals, Measured
from llamita.remarks import linear_is_enough, texts_cut


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
    ],
)
def test_tf_idf_is_named_where_it_would_do(linear: Measured, goals: Goals, says: str) -> None:
    notes = linear_is_enough(linear, LIGHT, goals, 0.89)
    assert len(notes) == bool(says)
    if says:
        assert notes[0].startswith(f"TF-IDF with a linear model {says}: on the 400 texts")
        assert f"{100 * linear.score:.1f} %, the light model 88.0 %" in notes[0]
        assert "linear/" in notes[0]


@pytest.mark.parametrize(("share", "said"), [(0.02, False), (0.87, True)])
def test_texts_read_in_part_are_told_where_they_are_more_than_a_few(share: float, said: bool) -> None:
    assert bool(texts_cut({"max_length": 96, "cut_share": share})) == said
