"""A plan is told before the start, and says so when it takes longer than asked."""

import shutil
from collections import namedtuple
from dataclasses import replace
from importlib import metadata
from typing import Any

import pytest
from tests.families import tiny_model
from tests.sentiments import sentences

from llamita.candidates import Shape
from llamita.core.architecture import layer_lists
from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.core.store import Store
from llamita.effort import Pace
from llamita.goals import Goals
from llamita.job import Job
from llamita.plan import body_of, installed_students, settle, tell
from llamita.workshop import Workshop, open_task


@pytest.mark.parametrize(("minutes", "said"), [(15, True), (45, False)])
def test_a_plan_much_longer_than_asked_says_so(minutes: float, said: bool, tmp_path, caplog):
    parts = [{"what": "teacher: fine-tuning", "minutes": 30.0}, {"what": "exports", "minutes": 20.0}]
    tell({"asked": {"minutes": minutes}, "estimate": parts, "memory_bytes": 1, "disk_bytes": 1}, tmp_path)
    assert ("longer than the 15 minutes asked for" in caplog.text) == said
    assert ("most of it goes to: teacher: fine-tuning" in caplog.text) == said


@pytest.mark.parametrize("family", ["llama", "qwen3", "gemma3_text", "bert", "bart", "gpt2"])
def test_a_shape_has_as_many_parameters_as_the_model_that_is_cut_to_it(family: str, tmp_path):
    model = tiny_model(family, labels=("negative", "positive"))
    task = open_task({"classify": {"train": tuple(zip(*sentences(40), strict=True)), "test": []}})
    body = body_of(model, "teacher", task)
    assert bool(body.groups) == (family in ("llama", "qwen3", "gemma3_text"))
    whole = Shape(body=body, layers=body.layers, neurons=body.neurons, pieces=body.pieces)
    cut = replace(whole, neurons=body.neurons // 2, groups=next(iter(body.groups), 0))
    before = model.num_parameters
    for step in cut.pruning():
        model = step.apply(model, Run(folder=tmp_path, task=task))
    stacks = len(layer_lists(model.module))
    lost = stacks * (whole.parameters - cut.parameters)
    assert before - model.num_parameters == pytest.approx(lost, rel=0.02), "but for biases, which stay with the output"


@pytest.mark.parametrize(("share", "said"), [(0.02, False), (0.87, True)])
def test_a_plan_that_reads_texts_in_part_says_so(share: float, said: bool, tmp_path, caplog):
    plan = {"estimate": [], "memory_bytes": 1, "disk_bytes": 1, "max_length": 96, "cut_share": share}
    tell(plan, tmp_path)
    assert ("the first 96 tokens are read, and 87 % of the texts are longer" in caplog.text) == said


def test_what_the_run_has_written_already_is_no_disk_it_needs(tmp_path, monkeypatch):
    plan = {"estimate": [], "memory_bytes": 1, "disk_bytes": 5000}
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10_000, 6_000, 4_000))
    with pytest.raises(UserError, match=r"0\.0 GB free but the run needs about 0.0 GB; make room"):
        tell(plan, tmp_path)
    (tmp_path / "stages" / "one").mkdir(parents=True)
    (tmp_path / "stages" / "one" / "weights").write_bytes(b"0" * 1500)
    tell(plan, tmp_path)


def test_texts_that_the_teacher_labels_are_in_the_plan_and_the_twin_takes_as_many_steps(tmp_path, monkeypatch):
    tiny_model("bert", labels=("negative", "positive")).save(tmp_path / "teacher")
    tiny_model("bert").save(tmp_path / "student")
    paces: list[Any] = []

    def pace(model, task, max_length):
        paces.append(Pace(train=3e-3, score=1e-3, tokens=1000, parameters=10_000))
        return paces[-1]

    monkeypatch.setattr("llamita.plan.take_pace", pace)
    rows = sentences(300)
    train, more = rows[:100], [text for text, _ in rows[100:]]
    plans = []
    for unlabelled in (None, more):
        task = open_task({"classify": {"train": tuple(zip(*train, strict=True)), "unlabelled": unlabelled, "test": []}})
        shop = Workshop(store=Store(folder=tmp_path / "stages"), task=task, threads=1)
        plans.append(settle(shop, str(tmp_path / "teacher"), [str(tmp_path / "student")], Goals(), 15))
    alone, wider = plans
    looks = 1 + len(more) / 90
    assert (alone["looks"], wider["looks"]) == (1, pytest.approx(looks, rel=0.02))
    assert alone["augment"] == wider["augment"] == 1
    seconds = [60 * plan["estimate"][1]["minutes"] for plan in plans]
    assert seconds == pytest.approx([1.9, wider["looks"] + 0.9], abs=0.5)
    assert wider["timings"]["teacher"]["tokens"] == round(1000 * wider["looks"])
    taught, twin = (Job(shop=shop, goals=Goals(), model="", plan=wider).lesson(4.0, taught=t) for t in (True, False))
    texts = len(task.train) + len(task.unlabelled)
    steps = taught.epochs * (texts + taught.augment * len(task.train)), twin.epochs * len(task.train)
    assert steps == (pytest.approx(4 * texts, rel=0.01),) * 2


def test_a_student_that_nobody_named_is_not_fetched(monkeypatch, caplog):
    def missing(_):
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "files", missing)
    caplog.set_level("INFO", logger="llamita")
    assert installed_students() == ()
    assert "minilm isn't installed and is left out" in caplog.text
