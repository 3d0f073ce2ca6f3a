"""A file that would lose something, or take more memory than there is, is refused in a line that names it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from llamita.core.errors import UserError
from llamita.core.recipe import Recipe


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected keys model, .* got nothing"),
        ("- a\n", r"got \['a'\]"),
        (
            "model: minilm\nsteps: [finetune]\nsteps: []\n",
            "the key 'steps' stands in line 2 and in line 3; leave one out",
        ),
        ("model: minilm\ntask:\n  classify: {train: a.csv, train: b.csv}\n", "the key 'train' stands in line 3"),
    ],
)
def test_a_file_that_would_lose_something_is_refused_by_its_name(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=f"recipe.yaml: .*{message}"):
        Recipe.from_yaml(tmp_path / "recipe.yaml")


BOMB = "\n".join(["a: &a [x, x, x, x, x, x, x, x, x, x]", *(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]" for before, name in pairwise("abcdefghij")
)])  # fmt: skip
"""A few hundred bytes that stand for ten thousand million parts."""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, r"recipe.yaml: its names for parts \(&a, \*a\) stand for [\d,]+ parts"),
        (f"steps: {BOMB.partition(' ')[2]}", "names for parts"),
        ("model: " + "[" * 5000, "too deep to be read"),
        ("teacher: &t {model: a, teacher: *t}", "recipe.yaml"),
    ],
)
def test_a_small_file_takes_no_great_memory(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message) as error:
        Recipe.from_yaml(tmp_path / "recipe.yaml")
    assert len(str(error.value)) < 500


def test_a_recipe_may_repeat_a_part_by_its_anchor(tmp_path: Path) -> None:
    text = "model: minilm\nsteps: [{finetune: &s {epochs: 1}}, {finetune: {<<: *s, epochs: 2}}]\n"
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    assert [step.epochs for step in Recipe.from_yaml(tmp_path / "recipe.yaml").steps] == [1, 2]


def test_no_file_is_refused_by_what_was_given(tmp_path: Path) -> None:
    for given in (tmp_path, tmp_path / "none.yaml", None):
        with pytest.raises(UserError, match="no recipe file"):
            Recipe.from_yaml(given)  # type: ignore[arg-type]
