"""Shares by hand: letters among tokens, and counted answers."""

from __future__ import annotations

import math

import pytest

from llamita.tasks._letters import content, counted, first_tokens, letter_shares


def logs(**shares: float) -> list[tuple[str, float]]:
    return [(token.replace("_", " "), math.log(share)) for token, share in shares.items()]


def test_variants_of_a_letter_are_added_up() -> None:
    assert letter_shares(logs(A=0.5, _A=0.1, B=0.4), 2) == pytest.approx([0.6, 0.4])


def test_a_letter_that_is_missing_gets_no_more_than_the_least_of_those_seen() -> None:
    shares = letter_shares(logs(A=0.9, x=0.05), 2)
    assert shares == pytest.approx([0.9 / 0.95, 0.05 / 0.95])
    shares = letter_shares(logs(A=0.9, x=0.09), 2)
    assert shares == pytest.approx([0.9 / 0.91, 0.01 / 0.91])


def test_a_token_that_a_server_rules_out_with_minus_9999_is_unlikely_and_no_failure() -> None:
    shares = letter_shares([("A", 0.0), ("B", -9999.0)], 2)
    assert shares is not None
    assert shares == pytest.approx([1.0, 1e-9])
    assert all(math.isfinite(math.log(share)) for share in shares)


def test_no_letter_is_no_answer() -> None:
    assert letter_shares(logs(Sure=0.9, C=0.1), 2) is None
    assert counted([None, None], 2) is None


def test_each_answer_counts_one_and_one_more_is_shared() -> None:
    assert counted([0, 0, 1, None, 0], 2) == pytest.approx([3.5 / 5, 1.5 / 5])


@pytest.mark.parametrize(
    "broken", [{}, {"logprobs": None}, {"logprobs": {"content": []}}, {"logprobs": {"content": [{}]}}]
)
def test_what_is_not_told_is_nothing(broken: dict) -> None:
    assert first_tokens(broken) == []
    assert content(broken) == ""
