"""SIGKILL at any moment; the same command goes on and ends with the bytes of an undisturbed run."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time

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


DRAW = random.Random(7)
MOMENTS = (0.3, 0.5, 0.7, DRAW.uniform(0.4, 0.9), DRAW.uniform(0.6, 0.95))
"""Shares of an undisturbed run's time after which it is killed."""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX signal")
@pytest.mark.parametrize(("verb", "moments"), [("run", MOMENTS), ("lighten", MOMENTS), ("unlabelled", MOMENTS[1:3])])
def test_killed_runs_end_with_the_bytes_of_an_undisturbed_one(verb, moments, request, tmp_path):
    arguments = request.getfixturevalue(verb)
    out = tmp_path / "out"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def start():
        words = [sys.executable, "-m", "llamita", *arguments(out), "--threads", "1"]
        return subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def finish():
        process = start()
        told, _ = process.communicate()
        assert process.returncode == 0, told
        return digest(out / "light")

    began = time.monotonic()
    calm = finish()
    whole = time.monotonic() - began
    plan = (out / "plan.json").read_bytes() if (out / "plan.json").exists() else None
    shutil.rmtree(out)
    if plan is not None:
        out.mkdir()
        (out / "plan.json").write_bytes(plan)
    for share in moments:
        process = start()
        try:
            process.communicate(timeout=share * whole)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
    assert finish() == calm
