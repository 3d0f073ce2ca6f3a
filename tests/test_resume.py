"""SIGKILL at any moment; the same command goes on and ends with the bytes of an undisturbed run."""

import hashlib
import os
import random
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


def command(recipe, out):
    return [sys.executable, "-m", "llamita", "run", str(recipe), "--out", str(out), "--threads", "1"]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX signal")
def test_killed_runs_end_with_the_bytes_of_an_undisturbed_one(recipe, tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    began = time.monotonic()
    subprocess.run(command(recipe, tmp_path / "calm"), check=True, env=environment, capture_output=True)
    whole = time.monotonic() - began
    draw = random.Random(7)
    for share in (0.3, 0.5, 0.7, draw.uniform(0.4, 0.9), draw.uniform(0.6, 0.95)):
        process = subprocess.Popen(
            command(recipe, tmp_path / "killed"), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(timeout=share * whole)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    subprocess.run(command(recipe, tmp_path / "killed"), check=True, env=environment, capture_output=True)
    assert digest(tmp_path / "killed" / "light") == digest(tmp_path / "calm" / "light")
