"""ONNX export: parity in every family, the choice between kinds of int8, nothing left by a failure, no torch to read."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.families import FAMILIES, TRAINING_TEXTS, tiny_model
from tests.train.tiny import reviews, several_task, tiny_task

from llamita.core.answers import AnyLabels, OneLabel
from llamita.core.context import Run
from llamita.core.engine import softmax
from llamita.core.errors import UserError
from llamita.core.model import Model
from llamita.core.registry import build
from llamita.core.scaling import fit_curves
from llamita.export import _check as check
from llamita.export.onnx import Onnx, OnnxEngine, open_folder
from llamita.learn.calibrate import Calibrate

TEXTS = [*TRAINING_TEXTS, "fine", "", "酒店", "a long text, " * 20]


def exported(model: Model, folder: Path, **settings: object) -> OnnxEngine:
    task = tiny_task(80) if settings.pop("with_task", False) else None
    artifact = Onnx(**settings).export(model, Run(folder=folder, task=task, threads=1))
    return open_folder(artifact.folder, threads=1)


def file_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bert") / "onnx"
    exported(tiny_model("bert", labels=("bad", "so so", "很好")), folder)
    return folder


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_gives_its_models_answers_in_fp32_and_int8_with_padding(family: str, tmp_path: Path) -> None:
    model = tiny_model(family)
    before = model.logits(*padded(model))
    engine = exported(model, tmp_path / "onnx", tolerance=2e-5)
    assert np.abs(engine.logits(*padded(model)) - before).max() < 0.25
    found = check.compare(model.text_logits(TEXTS), engine.text_logits(TEXTS))
    assert found.kl < 0.005
    assert found.same_label >= 1 - 1 / len(TEXTS)  # random weights decide nothing firmly
    np.testing.assert_array_equal(model.logits(*padded(model)), before)
    about = json.loads((tmp_path / "onnx" / "artifact.json").read_text(encoding="utf-8"))
    assert about["precision"].startswith("int8")
    assert set(about["considered"]) == {"int8-dynamic", "int8-weights"}


def padded(model: Model) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    batch = model.encoder.pad(model.encoder.encode(TRAINING_TEXTS[:5]))
    assert (batch.mask == 0).any()
    return batch.token_ids, batch.mask, batch.type_ids


@pytest.mark.parametrize(
    ("family", "precision"),
    [("llama", "int8-dynamic"), ("bert", "int8-static"), ("bert", "int8-dynamic"), ("bert", "int8-weights")],
)
def test_a_text_is_answered_alike_alone_and_beside_longer_ones(family: str, precision: str, tmp_path: Path) -> None:
    engine = exported(tiny_model(family), tmp_path / "onnx", precision=precision, with_task=True)
    together = engine.text_logits(TEXTS, tokens_per_batch=10_000)
    alone = np.concatenate([engine.text_logits([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_fp32_equals_the_model_to_rounding(family: str, tmp_path: Path) -> None:
    model = tiny_model(family)
    engine = exported(model, tmp_path / "onnx", precision="fp32")
    np.testing.assert_allclose(engine.text_logits(TEXTS), model.text_logits(TEXTS), atol=1e-5)
    assert (tmp_path / "onnx" / "model.onnx").exists()


@pytest.mark.parametrize("precision", ["int8-static", "int8-dynamic", "int8-weights"])
def test_two_exports_have_the_same_bytes(precision: str, tmp_path: Path) -> None:
    for name in ("first", "second"):
        exported(tiny_model("distilbert"), tmp_path / name, precision=precision, with_task=True)
    first, second = (file_bytes(tmp_path / name) for name in ("first", "second"))
    assert first == second
    assert set(first) == {"model_quantized.onnx", "tokenizer.json", "config.json", "artifact.json"}
    assert str(tmp_path).encode() not in b"".join(first.values())


def test_weights_take_seven_bits_where_int8_sums_overflow_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(name: str, **settings: object) -> dict[str, bytes]:
        exported(tiny_model("bert"), tmp_path / name, precision="int8-dynamic", **settings)
        return file_bytes(tmp_path / name)

    eight, seven = made("eight", reduce_range=False), made("seven", reduce_range=True)
    assert eight["model_quantized.onnx"] != seven["model_quantized.onnx"]
    for features, expected in ((("avx2",), seven), (("avx2", "avx512_vnni"), eight), ((), eight)):
        monkeypatch.setattr("llamita.core.hardware.cpu_features", lambda features=features: features)
        found = made("-".join(("as", *features)))
        assert found["model_quantized.onnx"] == expected["model_quantized.onnx"], features


def test_a_larger_model_takes_about_a_byte_a_parameter(tmp_path: Path) -> None:
    from llamita.core.architecture import random_model

    model = random_model("bert:3m")
    engine = exported(model, tmp_path / "onnx", precision="int8-weights")
    graph = (tmp_path / "onnx" / "model_quantized.onnx").stat().st_size
    assert graph < 1.12 * model.num_parameters
    assert engine.num_parameters == model.num_parameters
    assert engine.size_bytes == sum(len(content) for content in file_bytes(tmp_path / "onnx").values())


def test_the_folder_predicts_without_torch_or_transformers(bert: Path) -> None:
    code = f"""
        import sys
        class Absent:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] in ("torch", "transformers", "onnx", "onnx_ir", "onnxscript", "scipy", "sklearn"):
                    raise ModuleNotFoundError(name)
        sys.meta_path.insert(0, Absent())
        from pathlib import Path
        from llamita.export.onnx import open_folder
        engine = open_folder(Path({str(bert)!r}))
        print(engine.labels, engine.scores(["a warm and funny film"]).sum())
    """
    out = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, capture_output=True, text=True)
    assert "很好" in out.stdout
    assert "1.0" in out.stdout


def test_labels_and_limits_travel_with_the_folder(bert: Path) -> None:
    engine = open_folder(bert)
    assert engine.labels == ("bad", "so so", "很好")
    assert engine.capabilities == {"scores"}
    assert engine.flops_per_token > 0
    config = json.loads((bert / "config.json").read_text(encoding="utf-8"))
    assert config["id2label"] == {"0": "bad", "1": "so so", "2": "很好"}
    longest = engine.encoder.encode(["word " * 1000])[0][0]
    assert len(longest) == engine.about["max_length"] == 128


def test_text_pairs_keep_their_segments(tmp_path: Path) -> None:
    model = tiny_model("bert")
    pairs = [(TRAINING_TEXTS[0], TRAINING_TEXTS[3]), (TRAINING_TEXTS[5], "no")]
    engine = exported(model, tmp_path / "onnx", precision="fp32")
    np.testing.assert_allclose(engine.text_logits(pairs), model.text_logits(pairs), atol=1e-5)
    flat = [" ".join(pair) for pair in pairs]
    assert np.abs(engine.text_logits(flat) - engine.text_logits(pairs)).max() > 1e-3


def test_a_graph_that_differs_from_its_model_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="differs from its model"):
        exported(tiny_model("bert"), tmp_path / "onnx", tolerance=1e-12)
    assert list(tmp_path.iterdir()) == []


def test_an_int8_that_diverges_too_much_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nats"):
        exported(tiny_model("bert"), tmp_path / "onnx", precision="int8-weights", max_divergence=1e-12)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        exported(tiny_model("bert"), tmp_path / "onnx")
    assert (tmp_path / "onnx" / "mine.txt").read_text() == "mine"


def test_static_ranges_need_training_texts(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="training texts"):
        exported(tiny_model("bert"), tmp_path / "onnx", precision="int8-static")
    assert list(tmp_path.iterdir()) == []


def test_with_training_texts_auto_considers_three_kinds_and_says_what_it_found(tmp_path: Path) -> None:
    engine = exported(tiny_model("bert"), tmp_path / "onnx", with_task=True)
    considered = engine.about["considered"]
    assert list(considered) == ["int8-static", "int8-dynamic", "int8-weights"]
    assert all(0 <= found["kl"] < 0.05 and found["n"] >= 32 for found in considered.values())


def test_auto_keeps_the_fastest_that_is_as_good_as_exact_else_the_most_exact() -> None:
    def made(kl: float, same: float = 1.0, n: int = 100) -> check.Comparison:
        return check.Comparison(kl=kl, same_label=same, largest_difference=0, n=n)

    auto = Onnx()
    assert (
        auto.better({"int8-static": made(0.004), "int8-dynamic": made(0.001), "int8-weights": made(0)}) == "int8-static"
    )
    assert (
        auto.better({"int8-static": made(0.02), "int8-dynamic": made(0.004), "int8-weights": made(0)}) == "int8-dynamic"
    )
    assert auto.better({"int8-dynamic": made(0.001, 0.98), "int8-weights": made(0.0005)}) == "int8-weights"
    assert auto.better({"int8-dynamic": made(0.001, 62 / 63, 63), "int8-weights": made(0)}) == "int8-dynamic"
    assert auto.better({"int8-dynamic": made(0.001, 61 / 63, 63), "int8-weights": made(0)}) == "int8-weights"
    assert auto.better({"int8-dynamic": made(0.02), "int8-weights": made(0.03)}) == "int8-dynamic"
    assert auto.better({"int8-static": made(0.019, 0.97), "int8-weights": made(0.01, 0.975)}) == "int8-static"
    assert auto.better({"int8-static": made(0.021, 0.97), "int8-weights": made(0.01, 0.97)}) == "int8-weights"
    assert auto.better({"int8-static": made(0.051), "int8-weights": made(0.049)}) == "int8-weights"


def test_activations_of_very_different_tokens_are_rounded_apart(tmp_path: Path) -> None:
    """One token a thousand times the others: a scale for all would round the others to nothing."""
    model = tiny_model("llama")
    with torch.no_grad():
        model.module.model.embed_tokens.weight[model.encoder.encode([TRAINING_TEXTS[0]])[0][0][0]] *= 1000
    engine = exported(model, tmp_path / "onnx", precision="int8-dynamic", max_divergence=1.0)
    assert engine.about["considered"]["int8-dynamic"]["kl"] < 0.01


@pytest.mark.parametrize(
    "settings",
    [
        {"precision": "int4"}, {"max_divergence": 0.0}, {"tolerance": -1.0},
        {"reduce_range": True, "precision": "int8-weights"}, {"reduce_range": False, "precision": "fp32"},
    ],
)  # fmt: skip
def test_a_setting_out_of_range_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(UserError, match=next(iter(settings))):
        build("export.onnx", settings)


def test_a_model_without_labels_is_refused(tmp_path: Path) -> None:
    from transformers import AutoModel

    model = tiny_model("bert")
    model.module = AutoModel.from_config(model.module.config)
    with pytest.raises(UserError, match="classifier"):
        Onnx().export(model, Run(folder=tmp_path / "onnx"))


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model_quantized.onnx", None), ("model_quantized.onnx", b"not a graph"), ("tokenizer.json", None),
        ("tokenizer.json", b"{}"), ("artifact.json", None), ("artifact.json", b"{"), ("artifact.json", b"[]"),
        ("artifact.json", b'{"exporter": "export.onnx"}'),
    ],
)  # fmt: skip
def test_a_damaged_folder_gives_one_line(file: str, content: bytes | None, bert: Path, tmp_path: Path) -> None:
    folder = tmp_path / "onnx"
    shutil.copytree(bert, folder)
    (folder / file).unlink() if content is None else (folder / file).write_bytes(content)
    with pytest.raises(UserError) as caught:
        open_folder(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_graph_outside_of_the_folder_is_not_opened(bert: Path, tmp_path: Path) -> None:
    folder = tmp_path / "onnx"
    shutil.copytree(bert, folder)
    about = json.loads((folder / "artifact.json").read_text(encoding="utf-8"))
    for place in (str(bert / about["file"]), f"../onnx/{about['file']}"):
        (folder / "artifact.json").write_text(json.dumps(about | {"file": place}), encoding="utf-8")
        with pytest.raises(UserError, match="which stands elsewhere"):
            open_folder(folder)


def test_a_file_cut_short_gives_one_line(bert: Path, tmp_path: Path) -> None:
    folder = tmp_path / "onnx"
    shutil.copytree(bert, folder)
    graph = folder / "model_quantized.onnx"
    graph.write_bytes(graph.read_bytes()[:5000])
    with pytest.raises(UserError, match="damaged"):
        open_folder(folder)


def test_curves_go_along_and_are_fitted_anew_to_what_was_kept(tmp_path: Path) -> None:
    task = dataclasses.replace(tiny_task(80), select=reviews(150, 5))
    run = Run(folder=tmp_path / "onnx", task=task, threads=1)
    model = Calibrate(method="isotonic").apply(tiny_model("bert", labels=task.labels), run)
    engine = open_folder(Onnx().export(model, run).folder, threads=1)
    logits, gold = engine.text_logits(task.select.texts), task.gold(task.select)
    assert engine.answers.curves == fit_curves(softmax(logits), gold) != model.answers.curves
    alone = Onnx().export(model, Run(folder=tmp_path / "alone", threads=1))
    assert open_folder(alone.folder, threads=1).answers == model.answers


def test_curves_of_hand_labels_stay_as_they_were_fitted(tmp_path: Path) -> None:
    task, hand = dataclasses.replace(tiny_task(80), select=reviews(150, 5)), tmp_path / "hand.csv"
    others = reviews(60, 9)
    rows = [f"{text},{task.labels[label]}" for text, label in zip(others.texts, others.labels, strict=True)]
    hand.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    step = Calibrate(method="isotonic", labelled=str(hand))
    run = Run(folder=tmp_path / "onnx", task=task, threads=1)
    model = step.apply(tiny_model("bert", labels=task.labels), run)
    engine = open_folder(Onnx(precision="int8-dynamic").export(model, run).folder, threads=1)
    assert engine.answers == model.answers


def test_texts_with_any_labels_are_answered_by_sigmoid_and_thresholds(tmp_path: Path) -> None:
    model = several_task(8).fit_head(tiny_model("bert"))
    model.answer(AnyLabels(thresholds=(0.1, 0.1)))
    engine = exported(model, tmp_path / "onnx", precision="fp32")
    assert engine.answers == model.answers
    np.testing.assert_allclose(engine.scores(TEXTS), model.scores(TEXTS), atol=1e-3)
    config = json.loads((tmp_path / "onnx" / "config.json").read_text(encoding="utf-8"))
    assert config["problem_type"] == "multi_label_classification"


def test_a_folder_of_an_earlier_version_gives_one_label(tmp_path: Path, bert: Path) -> None:
    old = shutil.copytree(bert, tmp_path / "old")
    about = json.loads((old / "artifact.json").read_text(encoding="utf-8"))
    del about["answers"]
    (old / "artifact.json").write_text(json.dumps(about), encoding="utf-8")
    assert open_folder(old, threads=1).answers == OneLabel()
