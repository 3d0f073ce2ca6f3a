"""Recipes are plain data and refuse what they don't know."""

from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from llamita.core.errors import UserError
from llamita.core.recipe import Recipe
from llamita.core.registry import name_of

DATA = {
    "model": "minilm",
    "teacher": {"model": "smollm2", "steps": [{"finetune": {"epochs": 1}}], "seed": 3},
    "task": {"classify": {"train": "a.csv"}},
    "steps": [{"prune.depth": {"keep": 4}}, "distill.logits"],
    "measures": ["quality"],
    "exporters": ["export.onnx"],
    "seed": 3,
}


def test_a_recipe_survives_yaml(tmp_path):
    recipe = Recipe.from_dict(DATA)
    file = tmp_path / "recipe.yaml"
    file.write_text(recipe.to_yaml(), encoding="utf-8")
    assert Recipe.from_yaml(file) == recipe
    assert yaml.safe_load(recipe.to_yaml())["teacher"]["model"] == "smollm2"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"modle": "x"}, "Did you mean 'model'"),
        ({"model": 7}, "must name a model"),
        ({"steps": ["prune.dpeth"]}, "Did you mean 'prune.depth'"),
        ({"steps": [{"prune.depth": {"kep": 4}}]}, "Did you mean 'keep'"),
        ({"steps": [{"prune.depth": {"keep": "many"}}]}, "keep must be int"),
        ({"steps": ["export.onnx"]}, "steps: no step 'export.onnx'; a recipe has it under 'exporters'"),
        ({"exporters": ["finetune"]}, "no exporter 'finetune'; a recipe has it under 'steps'"),
    ],
)
def test_mistakes_are_named(change, message):
    with pytest.raises(UserError, match=message):
        Recipe.from_dict({**DATA, **change})


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


def test_the_recipe_of_the_how_to_page_can_be_read(tmp_path: Path):
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "recipes.md").read_text(encoding="utf-8")
    (tmp_path / "recipe.yaml").write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    recipe = Recipe.from_yaml(tmp_path / "recipe.yaml")
    assert [name_of(step) for step in recipe.steps][1] == "prune.vocabulary"


def test_from_python_a_recipe_of_names_or_of_what_no_file_holds_is_refused(tmp_path: Path) -> None:
    import pandas

    from llamita.run import execute

    with pytest.raises(UserError, match=r"steps of a Recipe are objects, got 'finetune'; Recipe.from_dict makes them"):
        Recipe(model="minilm", steps=("finetune",))  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"execute takes a Recipe, got dict; Recipe.from_dict makes one"):
        execute(DATA, tmp_path / "run")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="a recipe holds plain data, got a DataFrame; give a file, or lists"):
        Recipe(model="minilm", task={"classify": {"train": pandas.DataFrame({"text": ["a"]})}}).to_yaml()
