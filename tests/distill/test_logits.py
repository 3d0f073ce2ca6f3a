"""Distillation of logits: a student learns from its teacher what noisy labels can't tell it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.distill.teachers import good_teacher
from tests.families import FAMILIES, tiny_model
from tests.train.kill import apply_until_done, checkpoint_often, saved_bytes
from tests.train.tiny import accuracy, several_task, tiny_run, tiny_task

from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.core.model import Model
from llamita.core.registry import build
from llamita.core.task import Split
from llamita.distill._examples import logits_loss
from llamita.distill.logits import Logits
from llamita.learn.finetune import Finetune
from llamita.train.examples import Examples

FAST = {"epochs": 4.0, "learning_rate": 4e-3, "batch_size": 8}


def taught_run(folder: Path, task: object, **more: object) -> Run:
    return tiny_run(folder, task, teacher=good_teacher(), cache=folder.parent / "cache", **more)  # type: ignore[arg-type]


def test_the_loss_by_hand() -> None:
    class Outputs:
        logits = torch.tensor([[0.0, 0.0], [0.0, 0.0]])

    teacher = torch.tensor([[2 * np.log(3.0), 0.0], [0.0, 0.0]])
    parts = logits_loss(Outputs, {"teacher": teacher, "gold": torch.tensor([0, -1])}, 2.0, 0.75)
    kl = 0.75 * np.log(1.5) + 0.25 * np.log(0.5)
    assert parts["teacher"].item() == pytest.approx(4 * kl / 2, abs=1e-6)
    assert parts["gold"].item() == pytest.approx(np.log(2), abs=1e-6)
    assert parts["loss"].item() == pytest.approx(0.75 * 4 * kl / 2 + 0.25 * np.log(2), abs=1e-6)


def test_a_bert_student_of_a_llama_teacher_beats_one_without_where_labels_are_noisy(tmp_path: Path) -> None:
    task = tiny_task(300, noise=0.35)
    alone = Finetune(**FAST).apply(tiny_model("bert"), tiny_run(tmp_path / "alone", task))
    taught = Logits(**FAST, alpha=1.0).apply(tiny_model("bert"), taught_run(tmp_path / "taught", task))
    assert accuracy(taught, task.test) > accuracy(alone, task.test) + 0.1
    assert accuracy(taught, task.test) > 0.85


def test_unlabelled_texts_alone_are_enough(tmp_path: Path) -> None:
    task = dataclasses.replace(tiny_task(8, unlabelled=400), train=Split(texts=()))
    student = Logits(**FAST).apply(tiny_model("bert"), taught_run(tmp_path / "run", task))
    assert accuracy(student, task.test) > 0.85
    with pytest.raises(UserError, match="distillation needs texts"):
        Logits(**FAST, use_unlabelled=False).apply(tiny_model("bert"), taught_run(tmp_path / "other", task))


def test_augmented_texts_are_read_by_the_teacher_and_learned(tmp_path: Path) -> None:
    task = tiny_task(60)
    plain = Logits(**FAST, alpha=1.0).apply(tiny_model("bert"), taught_run(tmp_path / "plain", task))
    more = Logits(**FAST, alpha=1.0, augment=4).apply(tiny_model("bert"), taught_run(tmp_path / "more", task))
    steps = {
        name: json.loads((tmp_path / name / "metrics.jsonl").read_text().splitlines()[-1])["step"]
        for name in ("plain", "more")
    }
    assert steps["more"] > 4 * steps["plain"]
    assert accuracy(more, task.test) > accuracy(plain, task.test)


def test_the_teacher_is_not_loaded_again_for_a_second_student(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, step = tiny_task(40, unlabelled=20), Logits(**FAST, augment=1)
    first = step.apply(tiny_model("bert"), taught_run(tmp_path / "a", task))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the teacher was loaded")

    monkeypatch.setattr(Model, "load", refuse)
    second = step.apply(tiny_model("bert"), taught_run(tmp_path / "b", task))
    assert saved_bytes(first, tmp_path / "c") == saved_bytes(second, tmp_path / "d")


def test_a_killed_distillation_ends_with_the_bytes_of_an_undisturbed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint_often(monkeypatch, 5)
    task, step = tiny_task(40, unlabelled=20), Logits(**FAST, augment=1)
    plain, steps = apply_until_done(step, lambda: tiny_model("bert"), taught_run(tmp_path / "a", task), [], monkeypatch)
    run, kills = taught_run(tmp_path / "b", task), [7, 0, 12]
    model, attempts = apply_until_done(step, lambda: tiny_model("bert"), run, kills, monkeypatch)
    assert saved_bytes(model, tmp_path / "c") == saved_bytes(plain, tmp_path / "d")
    assert attempts < steps + 15


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_can_be_taught_and_stays_stock(family: str, tmp_path: Path) -> None:
    task, student = tiny_task(16), tiny_model(family)
    kind = type(student.module)
    student = Logits(epochs=1, batch_size=8).apply(student, taught_run(tmp_path / "run", task))
    student.save(tmp_path / "saved")
    again = Model.load(tmp_path / "saved")
    assert type(again.module) is kind
    np.testing.assert_allclose(
        again.text_logits(task.test.texts[:4]), student.text_logits(task.test.texts[:4]), atol=1e-5
    )


def test_a_decoder_without_a_head_is_read_with_the_prompt_its_head_brings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []

    def keep_examples(model: Model, examples: Examples, *_: object) -> Model:
        given.append(examples)
        return model

    task, tiny = tiny_task(8), tiny_model("llama")
    run = taught_run(tmp_path / "run", task)
    monkeypatch.setattr("llamita.train.loop.fit", keep_examples)
    student = Logits(epochs=1, packing="off").apply(Model(tiny.module.base_model, tiny.tokenizer), run)
    assert type(student.module) is type(tiny.module)
    assert given[0].encoded == student.encoder.encode(task.train.texts)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0.0}, "temperature must be > 0, got 0"),
        ({"alpha": 1.5}, r"alpha must be in \[0, 1\], got 1.5"),
        ({"augment": -1}, "augment must be >= 0, got -1"),
        ({"epochs": 0.0}, "epochs must be > 0, got 0"),
    ],
)
def test_impossible_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build("logits", settings)


def test_labels_told_one_by_one_are_learned_from_texts_without_any(tmp_path: Path) -> None:
    task = several_task(300)
    teacher = Finetune(epochs=8, learning_rate=5e-3, batch_size=8).apply(
        tiny_model("bert", layers=3), tiny_run(tmp_path / "teacher", task)
    )
    teacher.save(tmp_path / "model")
    blind = dataclasses.replace(several_task(8, unlabelled=300), train=task.train.take(range(4)))
    run = tiny_run(tmp_path / "run", blind, teacher=tmp_path / "model")
    student = Logits(**{**FAST, "epochs": 8.0}).apply(tiny_model("bert"), run)
    known, learned = (task.score(m.scores(task.test.texts), task.test)[0].value for m in (teacher, student))
    assert known is not None
    assert learned is not None
    assert learned > 0.8 * known > 0.6


def test_a_teacher_of_one_label_is_refused_where_texts_have_any(tmp_path: Path) -> None:
    task = several_task(8)
    tiny_model("bert", labels=task.labels).save(tmp_path / "teacher")
    run = tiny_run(tmp_path / "run", task, teacher=tmp_path / "teacher")
    with pytest.raises(UserError, match="the teacher gives one label a text, the task has any labels a text"):
        Logits(**FAST).apply(tiny_model("bert"), run)
