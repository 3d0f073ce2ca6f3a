"""SIGKILL at any moment; the same command goes on and ends with the bytes of an undisturbed run."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
import yaml
from tests.families import tiny_model
from tests.sentiments import sentences, write_csv


def digest(folder):
    """Hash of every delivered file."""
    skipped = ("README.md",)
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name not in skipped
    }


@pytest.fixture
def recipe(tmp_path):
    """Fine-tuned teacher, pruned and distilled student, export."""
    rows = sentences(400)
    tiny_model("bert", labels=("a", "b", "c"), layers=3).save(tmp_path / "teacher")
    data = write_csv(tmp_path / "train.csv", rows[:320])
    test = write_csv(tmp_path / "test.csv", rows[320:])
    plain = {
        "model": str(tmp_path / "teacher"),
        "teacher": {"model": str(tmp_path / "teacher"), "steps": [{"finetune": {"epochs": 4}}]},
        "task": {"classify": {"train": str(data), "test": str(test)}},
        "steps": [{"prune.depth": {"keep": 2}}, {"distill.logits": {"epochs": 6}}, "calibrate"],
        "measures": ["quality"], "exporters": ["export.onnx"],
    }  # fmt: skip
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(plain), encoding="utf-8")
    return tmp_path / "recipe.yaml"


@pytest.fixture
def run(recipe):
    """`llamita run` on the recipe."""
    return lambda out: ["run", str(recipe), "--out", str(out)]


@pytest.fixture
def lighten(tmp_path):
    """`llamita lighten` on a tiny teacher, without other students."""
    rows = sentences(360)
    tiny_model("bert", labels=("a", "b", "c"), layers=3).save(tmp_path / "teacher")
    train, test = write_csv(tmp_path / "train.csv", rows[:280]), write_csv(tmp_path / "test.csv", rows[280:])
    files = ["--data", str(train), "--test", str(test)]
    goals = ["--keep", "0.5", "--max-size", "2MB", "--minutes", "0.2", "--students", "none"]
    return lambda out: ["lighten", str(tmp_path / "teacher"), *files, *goals, "--out", str(out)]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX signal")
@pytest.mark.parametrize("verb", ["run", "lighten"])
def test_killed_runs_end_with_the_bytes_of_an_undisturbed_one(verb, request, tmp_path):
    arguments = request.getfixturevalue(verb)
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def start(out):
        words = [sys.executable, "-m", "llamita", *arguments(out), "--threads", "1"]
        return subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def finish(out):
        process = start(out)
        told, _ = process.communicate()
        assert process.returncode == 0, told

    began = time.monotonic()
    finish(calm)
    whole = time.monotonic() - began
    if (calm / "plan.json").exists():
        killed.mkdir()
        shutil.copy(calm / "plan.json", killed / "plan.json")
    draw = random.Random(7)
    for share in (0.3, 0.5, 0.7, draw.uniform(0.4, 0.9), draw.uniform(0.6, 0.95)):
        process = start(killed)
        try:
            process.communicate(timeout=share * whole)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
    finish(killed)
    assert digest(killed / "light") == digest(calm / "light")
