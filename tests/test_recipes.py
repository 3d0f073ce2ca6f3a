"""Each recipe goes through, from its file to an exported folder, on a tiny model and a few texts."""

from __future__ import annotations

import csv
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.tasks.test_likelihood import causal

from llamita.cli import main

ROOT = Path(__file__).parents[1]
WORDS = {
    "en": (("good fine lovely warm", "film song book day"), ("bad dull poor cold", "film song book day"),
           ("plain usual common even", "film song book day")),
    "zh": (("好棒赞喜", "书店剧菜"), ("差烂糟坏", "书店剧菜"), ("平常一般", "书店剧菜")),
}  # fmt: skip


def write_rows(file: Path, language: str, labels: list[str], parity: int) -> None:
    """Sixteen texts a label; those of even and of odd parity share none."""
    rows = []
    for label, (heads, tails) in zip(labels, WORDS[language], strict=False):
        one, other = (heads.split(), tails.split()) if language == "en" else (heads, tails)
        joined = " " if language == "en" else ""
        pairs = [
            joined.join(("" if language == "zh" else "a", a, b, mark)) for a in one for b in other for mark in "1234"
        ]
        rows += [(text, label) for i, text in enumerate(pairs) if i % 4 == parity or i % 4 == parity + 2]
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("text", "label"), *rows])


ASKING = ("zero-shot", "unlabelled")
HAND = ("teacher.ask.calibrate", "steps.3.labelled")


def test_every_recipe_is_known_here():
    assert set(ASKING) < {file.stem for file in (ROOT / "recipes").glob("*.yaml")}


@pytest.mark.parametrize("name", ASKING)
def test_a_recipe_that_asks_goes_through(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    causal("llama").save(tmp_path / "asked")
    for part, parity in (("hand", 0), ("test", 1)):
        write_rows(tmp_path / f"{part}.csv", "en", ["positive", "negative"], parity)
    (tmp_path / "texts.txt").write_text("".join(f"a good film {i}\n" for i in range(24)), encoding="utf-8")
    who = "model" if name == "zero-shot" else "teacher.model"
    words = [f"{who}={tmp_path / 'asked'}", f"task.classify.test={tmp_path / 'test.csv'}", "measures=[measure.quality]"]
    if name == "unlabelled":
        words += ["model=config:bert:300k", f"task.classify.unlabelled={tmp_path / 'texts.txt'}", "steps.0.epochs=1"]
        words += ["steps.2.epochs=1", *(f"{key}={tmp_path / 'hand.csv'}" for key in HAND)]
    command = ["run", str(ROOT / "recipes" / f"{name}.yaml"), *words, "--out", str(tmp_path / "out"), "--threads", "1"]
    assert main(command) == 0, capsys.readouterr().err
    folder = tmp_path / "out" / "light"
    assert main(["predict", str(folder if name == "zero-shot" else folder / "onnx"), "good film"]) == 0
    assert "positive" in capsys.readouterr().out


LEARNING = [file for file in sorted((ROOT / "recipes").glob("*.yaml")) if file.stem not in ASKING]


@pytest.mark.parametrize("file", LEARNING, ids=lambda path: path.stem)
def test_a_recipe_goes_through(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    recipe = yaml.safe_load(file.read_text(encoding="utf-8"))
    labels = recipe["task"]["classify"].get("labels", ["positive", "negative"])
    language = "zh" if file.stem.endswith("-zh") else "en"
    for name, parity in (("train", 0), ("test", 1)):
        write_rows(tmp_path / f"{name}.csv", language, labels, parity)
    words = [f"task.classify.{name}={tmp_path / name}.csv" for name in ("train", "test")]
    words += ["model=config:bert:300k", *(["teacher.model=config:bert:300k"] if "teacher" in recipe else [])]
    chains = {"steps": recipe["steps"], "teacher.steps": recipe.get("teacher", {}).get("steps", [])}
    for place, chain in (
        chains | {f"beside.{name}": steps for name, steps in recipe.get("beside", {}).items()}
    ).items():
        for i, step in enumerate(chain):
            settings = next(iter(step.values())) if isinstance(step, dict) else {}
            words += [f"{place}.{i}.epochs=1"] if "epochs" in settings or step == "learn.contrastive" else []
            words += [f"{place}.{i}.keep=1"] if "prune.depth" in step else []
    words += ["measures=[measure.quality]", "task.classify.select=0.2"] if file.stem != "few-shot" else ["measures=[]"]
    code = main(["run", str(file), *words, "--out", str(tmp_path / "out"), "--threads", "1"])
    assert code == 0, capsys.readouterr().err
    assert main(["predict", str(tmp_path / "out" / "light" / "onnx"), "好" if language == "zh" else "good film"]) == 0
    assert any(label in capsys.readouterr().out for label in labels)


@pytest.mark.parametrize("file", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_vocabulary_of_a_fixed_size_lets_rare_words_split_whatever_the_texts(file: Path):
    recipe = yaml.safe_load(file.read_text(encoding="utf-8"))
    steps = [*recipe.get("steps", []), *(recipe.get("teacher") or {}).get("steps", [])]
    steps += [step for way in recipe.get("beside", {}).values() for step in way]
    cuts = [step["prune.vocabulary"] for step in steps if isinstance(step, dict) and "prune.vocabulary" in step]
    assert all(cut["every_text"] is False for cut in cuts if "keep" in cut)


def test_phrases_of_a_tree_have_their_labels_and_those_at_odds_are_left_out():
    spec = importlib.util.spec_from_file_location("phrases_of_trees", ROOT / "tools" / "phrases_of_trees.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    trees = ["(3 (2 It) (4 (2 's) (4 good)))", "(1 (3 It) (1 bad))"]
    assert tool.table(trees, sentences=False) == {
        "'s": "neutral", "good": "positive", "'s good": "positive", "It 's good": "positive", "bad": "negative",
        "It bad": "negative",
    }  # fmt: skip
    assert tool.table(trees, sentences=True) == {"It 's good": "positive", "It bad": "negative"}


def test_trees_that_are_not_there_are_one_line(tmp_path: Path):
    tool = ROOT / "tools" / "phrases_of_trees.py"
    for trees in (tmp_path / "none.txt", tmp_path):
        command = [sys.executable, str(tool), str(trees), "--out", str(tmp_path / "phrases.csv")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"phrases_of_trees.py: can't open {trees}: ")
        assert done.returncode == 2
    assert not (tmp_path / "phrases.csv").exists()
