"""The rows of a recipe's report: the way there, other ways beside it, and what is exported."""

from pathlib import Path
from typing import Any

import pytest
from tests.families import tiny_model
from tests.sentiments import sentences, write_csv

from llamita.core.errors import UserError
from llamita.core.recipe import Recipe
from llamita.core.registry import build
from llamita.run import execute
from llamita.subjects import calibrated_again

LEARN, CUT = {"finetune": {"epochs": 0.5}}, {"prune.depth": {"keep": 1}}


def tiny_recipe(folder: Path, **more: Any) -> Recipe:
    """Of a tiny BERT and sixty sentences, thirty more to measure by."""
    tiny_model("bert").save(folder / "model")
    rows = sentences(90)
    train, test = write_csv(folder / "train.csv", rows[:60]), write_csv(folder / "test.csv", rows[60:])
    task = {"classify": {"train": str(train), "test": str(test)}}
    return Recipe.from_dict({"model": str(folder / "model"), "task": task, "measures": ["quality"], **more})


def test_what_follows_a_calibration_is_calibrated_anew_unless_it_trains_on():
    isotonic, cut, learn = (
        build("calibrate", {"method": "isotonic"}),
        build("prune.depth", {"keep": 1}),
        build("finetune"),
    )
    assert calibrated_again(()) == ()
    assert calibrated_again((learn, cut, isotonic)) == (learn, cut, isotonic)
    assert calibrated_again((isotonic, cut)) == (isotonic, cut, isotonic)
    assert calibrated_again((isotonic, cut, cut)) == (isotonic, cut, isotonic, cut, isotonic)
    assert calibrated_again((isotonic, cut, learn)) == (isotonic, cut, learn, isotonic)
    other = build("calibrate")
    assert calibrated_again((isotonic, cut, other)) == (isotonic, cut, other)
    assert calibrated_again((isotonic, other, cut)) == (isotonic, other, cut, other)


def test_another_way_is_exported_and_measured_beside_the_recipe_and_not_delivered(tmp_path: Path) -> None:
    recipe = tiny_recipe(
        tmp_path, steps=[LEARN], beside={"cut first": [CUT, LEARN]}, exporters=[{"export.onnx": {"precision": "fp32"}}]
    )
    report = execute(recipe, tmp_path / "out", threads=1)
    told = [(one.role, one.name) for one in report.subjects]
    assert told == [("model", "cut first"), ("model", "cut first, onnx"), ("model", "model"), ("light", "model, onnx")]
    ways = {one.name: [made["step"] for made in one.lineage] for one in report.subjects}
    assert ways["cut first"] == ["load", "prune.depth", "learn.finetune"]
    assert ways["cut first, onnx"][-1] == "export.onnx"
    assert ways["model, onnx"] == ["load", "learn.finetune", "export.onnx"]
    assert all(one.score is not None for one in report.subjects)
    assert "cut first, onnx" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    delivered = (tmp_path / "out" / "light" / "lineage.json").read_text(encoding="utf-8")
    assert "prune.depth" not in delivered
    assert Recipe.from_yaml(tmp_path / "out" / "recipe.yaml") == recipe


def test_each_row_on_the_way_has_a_name_of_its_own_which_says_the_step_that_made_it(tmp_path: Path) -> None:
    recipe = tiny_recipe(tmp_path, steps=[LEARN, LEARN, "calibrate", CUT], measure_each=True)
    report = execute(recipe, tmp_path / "out", threads=1, language="zh")
    after = {one.name: one.lineage[-1]["step"] for one in report.subjects if one.name != "as it came"}
    assert after == {
        "after learn.finetune (1)": "learn.finetune", "after learn.finetune (2)": "learn.finetune",
        "after learn.calibrate (3)": "learn.calibrate", "after prune.depth": "prune.depth",
        "after learn.calibrate (5)": "learn.calibrate",
    }  # fmt: skip
    page = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "原始模型" in page
    assert "prune.depth 之后" in page
    assert "as it came" not in page


def test_another_way_that_fails_is_named_after_the_recipe_s_own_is_delivered(tmp_path: Path) -> None:
    export = {"export.onnx": {"precision": "fp32"}}
    recipe = tiny_recipe(tmp_path, beside={"cut too far": [{"prune.depth": {"keep": 99}}]}, exporters=[export])
    with pytest.raises(UserError, match=r"^beside: cut too far: prune\.depth: keep must be"):
        execute(recipe, tmp_path / "out", threads=1)
    assert (tmp_path / "out" / "light" / "config.json").exists()
    assert (tmp_path / "out" / "light" / "onnx" / "model.onnx").exists()
