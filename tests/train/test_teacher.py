"""The teacher's cache: what it says is right, is computed once, and survives a kill."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.families import FAMILIES, tiny_model
from tests.train.tiny import several_task, tiny_run, tiny_task

from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.core.model import Model
from llamita.core.task import Split
from llamita.train import teacher as module
from llamita.train.losses import hidden_states_of
from llamita.train.teacher import States, Teacher, teacher_logits


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr("llamita.core.hardware.has_fast_bf16", lambda device: False)
    monkeypatch.setattr(module, "CHUNK", 16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("teacher")
    tiny_model("llama").save(place)
    return place


@pytest.fixture
def run(tmp_path: Path, folder: Path) -> Run:
    return tiny_run(tmp_path / "run", tiny_task(40), teacher=folder, cache=tmp_path / "cache")


def forbid_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the teacher was loaded")

    monkeypatch.setattr(Model, "load", refuse)


def test_cached_logits_are_the_teachers_own(run: Run, folder: Path) -> None:
    assert run.task is not None
    found = teacher_logits(run, run.task.train)
    np.testing.assert_allclose(found, Model.load(folder).text_logits(run.task.train.texts), atol=1e-5)


@pytest.mark.parametrize("of_one", [True, False])
def test_a_teacher_that_curves_follow_teaches_its_calibrated_probabilities(of_one: bool, tmp_path: Path) -> None:
    task = tiny_task(8) if of_one else several_task(8)
    model = task.fit_head(tiny_model("bert", labels=task.labels[::-1] if of_one else ("x", "y")))
    curve = ((0.0, 0.4, 0.6, 1.0), (0.05, 0.1, 0.7, 0.8))
    model.answer(dataclasses.replace(model.answers, curves=(curve, ((0.0, 1.0), (0.2, 0.9)))))
    model.save(tmp_path / "teacher")
    run = tiny_run(tmp_path / "run", task, teacher=tmp_path / "teacher")
    found = teacher_logits(run, task.train)
    wanted = model.scores(task.train.texts)
    np.testing.assert_allclose(task.answers.probabilities(found), wanted, atol=1e-5)
    assert np.abs(task.answers.probabilities(model.text_logits(task.train.texts)) - wanted).max() > 0.05
    (tmp_path / "teacher" / "answers.json").unlink()
    np.testing.assert_allclose(teacher_logits(run, task.train), model.text_logits(task.train.texts), atol=1e-5)


def test_a_second_reading_does_not_load_the_teacher(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run.task is not None
    first = teacher_logits(run, run.task.train)
    forbid_loading(monkeypatch)
    other = dataclasses.replace(run, folder=run.folder / "elsewhere")
    np.testing.assert_array_equal(teacher_logits(other, run.task.train), first)
    with pytest.raises(AssertionError, match="was loaded"):
        teacher_logits(run, Split(texts=("a new text",)))


def test_a_kill_loses_one_chunk_at_most(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run.task is not None
    whole = teacher_logits(dataclasses.replace(run, cache=run.folder / "other"), run.task.train)
    plain, calls = np.save, []

    def save(stream: object, array: np.ndarray, **how: bool) -> None:
        calls.append(1)
        if len(calls) == 3:
            stream.write(b"half")  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        plain(stream, array, **how)

    monkeypatch.setattr(np, "save", save)
    with pytest.raises(KeyboardInterrupt):
        teacher_logits(run, run.task.train)
    np.testing.assert_array_equal(teacher_logits(run, run.task.train), whole)
    assert len(calls) == 4, "chunks already written were computed again"


def test_another_teacher_or_length_is_not_taken_from_the_cache(run: Run, tmp_path: Path) -> None:
    assert run.task is not None
    first = teacher_logits(run, run.task.train)
    tiny_model("llama", seed=1).save(tmp_path / "other")
    assert not np.allclose(teacher_logits(dataclasses.replace(run, teacher=tmp_path / "other"), run.task.train), first)
    assert not np.allclose(teacher_logits(run, run.task.train, max_length=3), first)


def test_answers_of_other_versions_are_not_taken_from_the_cache(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run.task is not None
    teacher_logits(run, run.task.train)
    monkeypatch.setattr("llamita.train.teacher.version_of", lambda package: "9.9")
    forbid_loading(monkeypatch)
    with pytest.raises(AssertionError):
        teacher_logits(run, run.task.train)


def test_columns_stand_in_the_order_of_the_tasks_labels(run: Run, tmp_path: Path) -> None:
    assert run.task is not None
    turned = tiny_model("llama", labels=("positive", "negative"))
    turned.save(tmp_path / "turned")
    found = teacher_logits(dataclasses.replace(run, teacher=tmp_path / "turned"), run.task.train)
    np.testing.assert_allclose(found[:, ::-1], turned.text_logits(run.task.train.texts), atol=1e-5)


def test_a_teacher_of_other_labels_or_none_is_refused(run: Run, tmp_path: Path) -> None:
    assert run.task is not None
    tiny_model("llama", labels=("cat", "dog")).save(tmp_path / "pets")
    with pytest.raises(UserError, match="the teacher's labels are cat, dog, the task's negative, positive"):
        teacher_logits(dataclasses.replace(run, teacher=tmp_path / "pets"), run.task.train)
    with pytest.raises(UserError, match="distillation needs a teacher"):
        teacher_logits(dataclasses.replace(run, teacher=None), run.task.train)


@pytest.mark.parametrize("family", FAMILIES)
def test_states_are_those_of_each_text_alone(family: str, tmp_path: Path) -> None:
    model = tiny_model(family)
    model.save(tmp_path / "teacher")
    run = tiny_run(tmp_path / "run", tiny_task(20), teacher=tmp_path / "teacher", cache=tmp_path / "cache")
    assert run.task is not None
    pooled = Teacher(run=run).states([run.task.train], (1, 2), by_token=False)
    by_token = Teacher(run=run).states([run.task.train], (1, 2), by_token=True)
    first = 0
    for place, text in enumerate(run.task.train.texts):
        batch = model.encoder.pad(model.encoder.encode([text]))
        with torch.inference_mode():
            inputs = model.inputs(batch.token_ids, batch.mask, batch.type_ids)
            states = hidden_states_of(model.module(**inputs, output_hidden_states=True))
        expected = torch.stack([states[1][0], states[2][0]], dim=1).numpy()
        last = first + len(expected)
        np.testing.assert_allclose(raw(by_token, first, last), expected, atol=2e-2, rtol=2e-2)
        np.testing.assert_allclose(raw(pooled, place, place + 1)[0], expected.mean(axis=0), atol=2e-2, rtol=2e-2)
        first = last
    assert by_token.starts[-1] == first


def raw(states: States, first: int, last: int) -> np.ndarray:
    center, scale = states.center_and_scale
    return states.rows(first, last) * scale + center


def test_rows_have_a_mean_of_zero_and_a_spread_of_one(run: Run) -> None:
    assert run.task is not None
    states = Teacher(run=run).states([run.task.train, run.task.select], (2,), by_token=False)
    rows = np.concatenate([states.rows(i, i + 1) for i in range(80)])
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(rows.std(axis=0), 1, atol=1e-2)


def test_an_artifact_teaches_by_its_logits_whatever_the_length_a_text_is_cut_to(tmp_path: Path) -> None:
    from llamita.tasks.recorded import recorded

    task = tiny_task(40)
    table = recorded(tiny_model("llama"), task.train.texts, np.random.default_rng(0).normal(size=(40, 2)))
    table.save(tmp_path / "answers")
    run = tiny_run(tmp_path / "run", task, teacher=tmp_path / "answers", cache=tmp_path / "cache")
    order = [table.labels.index(label) for label in task.labels]
    expected = table.text_logits(task.train.texts)[:, order]
    np.testing.assert_array_equal(teacher_logits(run, task.train), expected)
    files = sorted((tmp_path / "cache").rglob("*.npy"))
    np.testing.assert_array_equal(teacher_logits(run, task.train, max_length=5), expected)
    assert sorted((tmp_path / "cache").rglob("*.npy")) == files
