"""Distillation of hidden states: who learns from whom, what is compared, and that the projection is gone in the end."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.distill.teachers import good_teacher
from tests.families import tiny_model
from tests.train.kill import apply_until_done, checkpoint_often, saved_bytes
from tests.train.tiny import accuracy, tiny_run, tiny_task

from llamita.core.architecture import layer_lists
from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.core.model import Model
from llamita.core.registry import build
from llamita.distill._settings import layer_pairs
from llamita.distill._states import HiddenLoss, PooledColumn, TokenColumn
from llamita.distill.hidden import Hidden
from llamita.train.teacher import States

FAST = {"epochs": 4.0, "learning_rate": 4e-3, "batch_size": 8}


def taught_run(folder: Path, task: object) -> Run:
    return tiny_run(folder, task, teacher=good_teacher(), cache=folder.parent / "cache")  # type: ignore[arg-type]


def test_layer_maps_by_hand() -> None:
    assert layer_pairs("uniform", 3, 12) == ((1, 4), (2, 8), (3, 12))
    assert layer_pairs("uniform", 6, 30)[0] == (1, 5)
    assert layer_pairs("uniform", 4, 2) == ((1, 1), (2, 1), (3, 2), (4, 2))
    assert layer_pairs("last", 2, 5) == ((1, 4), (2, 5))
    assert layer_pairs("1:3, 2:5", 2, 5) == ((1, 3), (2, 5))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("first", "layers must be uniform, last or pairs"),
        ("1:2,1:3", "names a layer of the student twice"),
        ("3:1", "the student's layers are 1 to 2, layers names 3"),
        ("1:9", "the teacher's layers are 1 to 5, layers names 9"),
    ],
)
def test_impossible_layer_maps_are_refused(layers: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        layer_pairs(layers, 2, 5)
    if message.startswith("layers must"):
        with pytest.raises(UserError, match=message):
            Hidden(layers=layers)
    with pytest.raises(UserError, match="layers=last needs a teacher of at least 6 layers"):
        layer_pairs("last", 6, 5)


def test_the_distance_by_hand() -> None:
    loss = HiddenLoss([1], (2, 2), Hidden())
    with torch.no_grad():
        loss.projections[0].weight.copy_(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
        loss.projections[0].bias.zero_()
    states = [torch.zeros(1, 3, 2), torch.tensor([[[1.0, 2.0], [3.0, 4.0], [9.0, 9.0]]])]
    mask = torch.tensor([[1, 1, 0]])
    pooled = torch.tensor([[[3.0, 0.0]]])
    assert loss.distance(states, mask, pooled).item() == pytest.approx((0.0 + 4.0) / 2)
    by_token = torch.tensor([[[[2.0, 1.0]], [[4.0, 1.0]], [[0.0, 0.0]]]])
    assert loss.distance(states, mask, by_token).item() == pytest.approx((0.0 + (0.0 + 4.0) / 2) / 2)


def test_columns_find_the_rows_of_each_example_across_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).normal(size=(10, 2, 3)).astype(np.float16)
    monkeypatch.setattr("llamita.train.teacher.ROWS", 3)
    states = States(chunks=(rows[:4], rows[4:]))
    center, scale = states.center_and_scale
    np.testing.assert_allclose(center, rows.mean(axis=0, dtype=np.float64), atol=1e-6)
    np.testing.assert_allclose(scale, rows.std(axis=0, dtype=np.float64), rtol=1e-5)
    expected = (rows.astype(np.float32) - center) / scale
    pooled = PooledColumn(states=states)[np.array([7, 0, 3])]
    np.testing.assert_array_equal(pooled, expected[[7, 0, 3]])
    tokens = TokenColumn(states=states, starts=np.array([0, 1, 4, 6, 10]))[np.array([3, 0])]
    assert tokens.shape == (2, 4, 2, 3)
    np.testing.assert_array_equal(tokens[0], expected[6:10])
    np.testing.assert_array_equal(tokens[1, :1], expected[:1])
    assert not tokens[1, 1:].any()


@pytest.mark.parametrize("settings", [{}, {"distance": "cosine"}, {"layers": "last"}, {"layers": "2:4"}])
def test_a_bert_student_follows_a_llama_teacher(settings: dict, tmp_path: Path) -> None:
    task = tiny_task(200, noise=0.35)
    student = Hidden(**FAST, alpha=1.0, **settings).apply(tiny_model("bert"), taught_run(tmp_path / "run", task))
    assert accuracy(student, task.test) > 0.8
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert np.mean([line["hidden"] for line in lines[-3:]]) < 0.9 * lines[0]["hidden"]


def test_token_states_teach_where_they_outweigh_the_logits(tmp_path: Path) -> None:
    task = tiny_task(120)
    step = Hidden(**FAST, hidden_weight=1000.0, positions="tokens")
    step.apply(tiny_model("llama"), taught_run(tmp_path / "run", task))
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["hidden"] < 0.6 * lines[0]["hidden"]


def test_tokens_are_compared_where_the_tokenizers_cut_alike_and_means_where_not(tmp_path: Path) -> None:
    task = tiny_task(24)
    cached = tmp_path / "cache" / "teacher"
    for family, axes in (("bert", 24), ("llama", None)):
        before = set(cached.glob("*.npy"))
        Hidden(epochs=1, batch_size=8).apply(tiny_model(family), taught_run(tmp_path / family, task))
        (states,) = [a for a in map(np.load, set(cached.glob("*.npy")) - before) if a.ndim == 3]
        tokens = sum(len(ids) for ids, _ in tiny_model("llama").encoder.encode(task.train.texts))
        assert len(states) == (axes or tokens)


def test_token_by_token_needs_tokenizers_that_cut_alike(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match="positions=tokens needs a teacher and a student whose tokenizers cut the texts alike"
    ):
        Hidden(**FAST, positions="tokens").apply(tiny_model("bert"), taught_run(tmp_path / "run", tiny_task(16)))


@pytest.mark.parametrize("family", ["bert", "llama"])
def test_a_killed_distillation_ends_with_the_bytes_of_an_undisturbed_one(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint_often(monkeypatch, 5)
    task, step = tiny_task(40), Hidden(**FAST)
    plain, steps = apply_until_done(step, lambda: tiny_model(family), taught_run(tmp_path / "a", task), [], monkeypatch)
    run, kills = taught_run(tmp_path / "b", task), [7, 0, 12]
    model, attempts = apply_until_done(step, lambda: tiny_model(family), run, kills, monkeypatch)
    assert saved_bytes(model, tmp_path / "c") == saved_bytes(plain, tmp_path / "d")
    assert attempts < steps + 15


def test_the_projection_is_in_the_checkpoint_and_not_in_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint_often(monkeypatch, 2)
    task, student = tiny_task(32), tiny_model("bert")
    names = set(student.module.state_dict())
    student = Hidden(epochs=1, batch_size=8).apply(student, taught_run(tmp_path / "run", task))
    assert set(student.module.state_dict()) == names
    (path,) = (tmp_path / "run" / "checkpoints").glob("step-*.pt")
    assert "loss.projections.0.weight" in torch.load(path, weights_only=True)["parameters"]
    student.save(tmp_path / "saved")
    np.testing.assert_allclose(
        Model.load(tmp_path / "saved").text_logits(task.test.texts[:4]),
        student.text_logits(task.test.texts[:4]),
        atol=1e-5,
    )


def test_a_bart_student_learns_in_its_decoder(tmp_path: Path) -> None:
    task = tiny_task(16)
    student = tiny_model("bart")
    decoder = [part for part in layer_lists(student.module)[1].modules() if isinstance(part, torch.nn.Linear)]
    before = [linear.weight.detach().clone() for linear in decoder]
    Hidden(epochs=1, batch_size=8).apply(student, taught_run(tmp_path / "run", task))
    assert not any(torch.equal(old, linear.weight) for old, linear in zip(before, decoder, strict=True))
    tiny_model("bart", layers=4, seed=1).save(tmp_path / "teacher")
    other = dataclasses.replace(taught_run(tmp_path / "other", task), teacher=tmp_path / "teacher")
    Hidden(epochs=1, batch_size=8).apply(tiny_model("bert"), other)
    assert json.loads((tmp_path / "other" / "metrics.jsonl").read_text().splitlines()[-1])["hidden"] > 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_weight": 0.0}, "hidden_weight must be > 0, got 0"),
        ({"positions": "some"}, "positions must be one of auto, tokens, pooled, got 'some'"),
        ({"distance": "l1"}, "distance must be one of mse, cosine, got 'l1'"),
        ({"alpha": -0.1}, r"alpha must be in \[0, 1\], got -0.1"),
    ],
)
def test_impossible_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build("hidden", settings)
