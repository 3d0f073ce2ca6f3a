"""Recipes are plain data and refuse what they don't know."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import yaml

from llamita.core.errors import UserError
from llamita.core.measure import Finding, Measure
from llamita.core.recipe import Recipe
from llamita.core.registry import build, name_of
from llamita.tasks.classify import open_task as open_classify
from llamita.workshop import open_task

DATA = {
    "model": "minilm",
    "teacher": {"model": "smollm2", "steps": [{"finetune": {"epochs": 1}}], "seed": 3},
    "task": {"classify": {"train": "a.csv"}},
    "steps": [{"prune.depth": {"keep": 4}}, "distill.logits"],
    "measures": ["quality"],
    "exporters": ["export.onnx"],
    "seed": 3,
}


def test_a_teacher_has_the_recipes_seed_and_task_and_no_other():
    recipe = Recipe.from_dict(DATA)
    assert isinstance(recipe.teacher, Recipe)
    assert recipe.teacher.seed == 3
    assert "seed" not in recipe.to_dict()["teacher"]
    assert Recipe.from_dict({**DATA, "seed": 5, "teacher": {"model": "smollm2"}}).teacher.seed == 5
    for more, said in (
        ({"seed": 4}, "teacher: its seed is the recipe's, 3, got 4"),
        ({"task": {"classify": {"train": "other.csv"}}}, "teacher: task can't be set for it"),
        ({"measures": ["quality"], "exporters": ["export.onnx"]}, "teacher: measures, exporters can't be set for it"),
    ):
        with pytest.raises(UserError, match=said):
            Recipe.from_dict({**DATA, "teacher": {**DATA["teacher"], **more}})


def test_two_exports_under_one_name_are_refused():
    exporters = [{"export.onnx": {"precision": "fp32"}}, {"export.onnx": {"bits": 4}}]
    with pytest.raises(UserError, match=r"exporters: each stands once, .* got export.onnx, export.onnx"):
        Recipe.from_dict({**DATA, "exporters": exporters})


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


def test_the_recipe_of_the_how_to_page_can_be_read(tmp_path: Path):
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "recipes.md").read_text(encoding="utf-8")
    (tmp_path / "recipe.yaml").write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    recipe = Recipe.from_yaml(tmp_path / "recipe.yaml")
    assert [name_of(step) for step in recipe.steps][1] == "prune.vocabulary"


def test_from_python_a_recipe_of_names_or_of_what_no_file_holds_is_refused(tmp_path: Path) -> None:
    from llamita.run import execute

    with pytest.raises(UserError, match=r"execute takes a Recipe, got dict; Recipe.from_dict makes one"):
        execute(DATA, tmp_path / "run")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"steps": ("finetune",)},
            "steps of a Recipe are objects in a list, got 'finetune'; Recipe.from_dict makes them of",
        ),
        ({"steps": build("calibrate")}, "steps of a Recipe are objects in a list, got Calibrate"),
        ({"model": 3}, "'model' must name a model, got 3"),
        ({"teacher": 3}, "'teacher' must name a model or hold a recipe, got 3"),
        ({"ask": "x"}, "'ask' must say how the model is asked, .* got 'x'"),
        ({"seed": "3"}, "'seed' must be a whole number from 0 on, got '3'"),
        ({"measure_each": 1}, "'measure_each' must be true or false, got 1"),
        ({"beside": 3}, "'beside' must be lists of steps by name, such as .*, got 3"),
        ({"beside": {" ": ()}}, "'beside' must be lists of steps by name"),
        ({"beside": {"cut": ["finetune"]}}, "beside: cut of a Recipe are objects in a list, got 'finetune'"),
        ({"task": 3}, "'task' must be one entry such as .*, got 3"),
        (
            {"task": {"classify": {"trian": "a.csv"}}},
            "task: tasks.classify has no setting 'trian'. Did you mean 'train'",
        ),
        ({"task": {"classify": {"train": (["a"], [])}}}, "task: 1 texts but 0 labels; each text needs one"),
        (
            {"task": {"classify": {"train": pandas.DataFrame({"text": ["a"]})}}},
            "task: a recipe holds plain data, got a DataFrame; give a file, or lists",
        ),
    ],
)
def test_made_in_python_a_recipe_is_checked_like_one_of_a_file(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Recipe(**{"model": "minilm", **given})


def test_lists_in_a_recipe_are_kept_so_that_its_file_opens_the_same_task(tmp_path: Path) -> None:
    texts, labels = [f"text {i}" for i in range(40)], [0, 1] * 20
    pairs = [(text, "and a pair") for text in texts]
    for train in (
        (texts, labels),
        (np.array(texts), np.array(labels)),
        (pandas.Series(texts), pandas.Series(labels, dtype="Int64")),
        (pairs, labels),
        (texts[:2], labels[:2]),
    ):
        recipe = Recipe(
            model=Path("minilm"), task={"classify": {"train": train, "test": [], "labels": ("0", "1"), "seed": np.int64(3)}},  # type: ignore[arg-type]
            steps=[build("calibrate")], seed=np.int64(3),  # type: ignore[arg-type]
        )  # fmt: skip
        (tmp_path / "recipe.yaml").write_text(recipe.to_yaml(), encoding="utf-8")
        again = Recipe.from_yaml(str(tmp_path / "recipe.yaml"))
        assert again == recipe == pickle.loads(pickle.dumps(recipe)) == copy.deepcopy(recipe)
        assert open_task(again.task).train == open_task(recipe.task).train
        given = open_classify(train=train, test=[], labels=["0", "1"], seed=3)
        assert open_task(again.task).training_fingerprint == given.training_fingerprint


def test_examples_for_a_model_that_is_asked_are_kept_as_rows() -> None:
    asked = Recipe(model="m", ask={"few_shot": (["a", "b"], ["x", "y"]), "shots": np.int64(2)})
    rows = [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]
    assert asked == Recipe.from_dict(yaml.safe_load(asked.to_yaml()))
    assert asked.ask == {"few_shot": rows, "shots": 2}


def test_a_recipe_shows_itself_in_a_line_however_many_texts_it_holds() -> None:
    recipe = Recipe.from_dict({**DATA, "task": {"classify": {"train": (["a text"] * 999, ["x"] * 999)}}})
    assert repr(recipe) == "<Recipe of 'minilm': prune.depth, distill.logits, measure.quality, export.onnx>"


def test_sources_of_documents_keep_their_weights(tmp_path: Path) -> None:
    recipe = Recipe(model="m", task={"language": {"train": {"books": 1.0, "web.jsonl": np.float64(0.5)}}})
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml(), encoding="utf-8")
    assert Recipe.from_yaml(tmp_path / "recipe.yaml") == recipe
    assert recipe.task["language"]["train"] == {"books": 1.0, "web.jsonl": 0.5}


def test_a_recipe_stays_what_it_was_when_the_lists_it_was_made_of_change() -> None:
    train, settings = (["a", "b"], ["x", "y"]), {"epochs": 1}
    recipe = Recipe.from_dict({"model": "m", "task": {"classify": {"train": train}}, "steps": [{"finetune": settings}]})
    before = recipe.to_yaml()
    train[0].append("c")
    settings["epochs"] = 2
    assert recipe.to_yaml() == before


def test_a_method_that_stands_in_no_file_of_the_tree_is_refused_before_anything_is_trained() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Mean(Measure):
        def measure(self, engine: Any, task: Any, run: Any, reference: Any = None) -> list[Finding]:
            return []

    with pytest.raises(UserError, match=r"measures: Mean stands in '.*test_recipe'; .* call it yourself: \.measure\("):
        Recipe(model="m", measures=[Mean()])
