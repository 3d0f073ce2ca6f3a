"""How tokens are chosen is checked where it is said."""

from __future__ import annotations

import pytest

from llamita.core.decoding import Decoding
from llamita.core.errors import UserError


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"max_tokens": 0}, "max_tokens must be >= 1, got 0"),
        ({"temperature": -1.0}, "temperature must be >= 0, got -1"),
        ({"temperature": 1.0, "top_p": 0.0}, "top_p must be in"),
        ({"top_p": 0.5}, "top_p goes with a temperature"),
    ],
)
def test_impossible_ways_are_refused(settings: dict, told: str) -> None:
    with pytest.raises(UserError, match=told):
        Decoding(**settings)
