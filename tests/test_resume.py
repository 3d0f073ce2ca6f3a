"""SIGKILL at any moment; the same command goes on and ends with the bytes of an undisturbed run."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from tests.families import tiny_model
from tests.sentiments import sentences, write_csv

from llamita.core.architecture import head_linear
from llamita.tasks.classify import Classify


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


@pytest.fixture
def unlabelled(tmp_path):
    """`llamita lighten` on texts that a classifier labels, with hand labels."""
    rows = sentences(240)
    tiny_model("bert", layers=2).save(tmp_path / "student")
    known = Classify.from_lists([text for text, _ in rows], [label for _, label in rows], select=0)
    teacher = tiny_model("bert", labels=known.labels)
    with torch.no_grad():  # of random weights, but each label for half of the texts
        logits = teacher.text_logits(known.train.texts)
        head_linear(teacher.module).bias[1] += float(np.median(logits[:, 0] - logits[:, 1]))
    teacher.save(tmp_path / "teacher")
    (tmp_path / "texts.txt").write_text("".join(f"{text}\n" for text, _ in rows[:160]), encoding="utf-8")
    audit = write_csv(tmp_path / "audit.csv", rows[160:])
    files = ["--data", str(tmp_path / "texts.txt"), "--audit", str(audit), "--labels", ",".join(known.labels)]
    goals = ["--keep", "0.5", "--minutes", "0.2", "--students", str(tmp_path / "student")]
    return lambda out: ["lighten", str(tmp_path / "teacher"), *files, *goals, "--out", str(out)]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX signal")
@pytest.mark.parametrize(
    ("verb", "shares"),
    [("run", [0.1, 0.35, 0.02, 0.25]), ("lighten", [0.2, 0.03, 0.31, 0.17]), ("unlabelled", [0.15, 0.4])],
)
def test_killed_runs_end_with_the_bytes_of_an_undisturbed_one(verb, shares, request, tmp_path):
    out = tmp_path / "out"
    words = [*request.getfixturevalue(verb)(out), "--threads", "1"]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.killed", json.dumps(shares), str(out), *words], cwd=Path(__file__).parents[1],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
    assert json.loads(ran.stdout.splitlines()[-1]) == [0, *[-signal.SIGKILL] * len(shares), 0], ran.stdout
    calm = digest(out.with_name("out-calm") / "light")
    assert calm
    assert digest(out / "light") == calm
