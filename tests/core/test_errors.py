"""What the user can put right, and the nearest name."""

from __future__ import annotations

import pytest

from llamita.core.errors import UserError, did_you_mean, first_line, require


def test_a_users_mistake_is_a_wrong_value() -> None:
    with pytest.raises(ValueError, match="keep must be at least 1"):
        raise UserError("keep must be at least 1")


@pytest.mark.parametrize(
    ("given", "near"), [("prune.dpeth", "prune.depth"), ("width", "prune.width"), ("learn.finetun", "learn.finetune")]
)
def test_the_nearest_name_is_offered(given: str, near: str) -> None:
    known = ("learn.finetune", "prune.depth", "prune.width")
    assert did_you_mean(given, known) == f" Did you mean {near!r}?"


def test_names_come_from_anything_that_can_be_gone_through() -> None:
    assert did_you_mean("modle", {"model": 1, "seed": 2}) == " Did you mean 'model'?"
    assert did_you_mean("modle", (name for name in ("seed", "model"))) == " Did you mean 'model'?"


def test_nothing_is_offered_where_nothing_is_near() -> None:
    assert did_you_mean("xyz", ["prune.depth"]) == ""
    assert did_you_mean("depth", []) == ""
    assert did_you_mean("", ["depth"]) == ""


def test_a_claim_that_fails_is_raised_word_by_word() -> None:
    require(True, "unsaid")
    with pytest.raises(UserError) as told:
        require(False, "epochs must be > 0, got 0")
    assert str(told.value) == "epochs must be > 0, got 0"


def test_the_first_line_of_an_error_is_never_nothing() -> None:
    assert first_line(ValueError("\n one \ntwo")) == "one "
    assert first_line(EOFError()) == "EOFError"
