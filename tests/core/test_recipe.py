"""Recipes are plain data and refuse what they don't know."""

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
    ],
)
def test_mistakes_are_named(change, message):
    with pytest.raises(UserError, match=message):
        Recipe.from_dict({**DATA, **change})


def test_the_recipe_of_the_how_to_page_can_be_read(tmp_path: Path):
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "recipes.md").read_text(encoding="utf-8")
    (tmp_path / "recipe.yaml").write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    recipe = Recipe.from_yaml(tmp_path / "recipe.yaml")
    assert [name_of(step) for step in recipe.steps][1] == "prune.vocabulary"
