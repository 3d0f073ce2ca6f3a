"""The word and the flag that decide which other flags a command has."""

from __future__ import annotations

import pytest

from llamita._cli.methods import chosen_method, methods_help, methods_of, taken_out
from llamita.core.errors import UserError


def test_a_rooms_methods_are_listed_and_one_is_chosen() -> None:
    assert {"depth", "width", "vocabulary"} <= set(methods_of("prune"))
    assert chosen_method(["depth", "model"], "prune", "llamita prune").name == "prune.depth"
    assert "  depth " in methods_help("prune", "llamita prune METHOD MODEL")
    with pytest.raises(UserError, match=r"llamita prune takes one of: .*, got 'dept'\. Did you mean 'depth'"):
        chosen_method(["dept"], "prune", "llamita prune")
    with pytest.raises(UserError, match=r"llamita prune takes one of: [^']*\.$"):
        chosen_method(["--keep"], "prune", "llamita prune")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["m", "--to", "onnx", "--out", "d"], ("onnx", ["m", "--out", "d"])),
        (["m", "--to=onnx"], ("onnx", ["m"])),
        (["m", "--", "--to", "x"], ("first", ["m", "--", "--to", "x"])),
        (["m"], ("first", ["m"])),
    ],
)
def test_a_flag_is_taken_out_wherever_it_stands_before_the_bare_words(
    words: list[str], found: tuple[str, list[str]]
) -> None:
    assert taken_out(words, "--to", "first") == found


def test_a_flag_without_its_value_is_refused() -> None:
    with pytest.raises(UserError, match="--to needs a value, such as --to onnx"):
        taken_out(["m", "--to", "--out"], "--to", "onnx")
