"""Numbers on pages: nothing is rounded to what it isn't."""

from __future__ import annotations

import pytest

from llamita.pages import format as write


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (write.significant(1234.5), "1,234"), (write.significant(-0.01234), "−0.0123"), (write.significant(0), "0"),
        (write.significant(9.996), "10.0"),
        (write.percent(0.9996), "99.96"), (write.percent(1.0), "100.0"), (write.percent(0.0004), "0.04"),
        (write.points(-0.0001), "0.0"), (write.points(0.0123), "+1.2"), (write.below_one(0.9997), "0.9997"),
        (write.size(999_700_000), "1.00\u00a0GB"), (write.count(22_700_000), "22.7\u00a0M"), (write.ratio(11.73), "11.7×"),
        (write.duration(48), "48\u00a0s"), (write.duration(750), "12.5\u00a0min"), (write.duration(7200), "2.0\u00a0h"),
        (write.bracket((1.5, 2.5), write.milliseconds), "[1.50, 2.50]"), (write.bracket(None, str), ""),
        (write.markdown_text("a|b\n<c>"), "a\\|b &lt;c&gt;"),
    ],
)  # fmt: skip
def test_a_number_is_written(written: str, wanted: str) -> None:
    assert written == wanted


def test_a_missed_limit_has_the_digits_that_tell_it_from_what_was_reached() -> None:
    asked, reached = write.side_by_side(0.98, 0.97996, write.percent_sign, met=False)
    assert asked != reached
    assert write.side_by_side(0.98, None, write.percent_sign, met=False)[1] == write.DASH
    assert [write.percent_ticks([0.5, 0.505])(tick) for tick in (0.5, 0.505)] == ["50.0", "50.5"]
