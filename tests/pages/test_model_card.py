"""The model card: metadata the Hub reads, numbers with intervals, snippets that run."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from tests.pages.sample_reports import SENTENCES, chinese_report, english_report

from llamita.core.answers import AnyLabels, OneLabel
from llamita.core.report import Report, Subject
from llamita.pages._snippets import job_of, onnxruntime_lines, places, snippets
from llamita.pages._view import lineage
from llamita.pages.model_card import language_of, write_card
from llamita.pages.strings import words


def card(report, folder: Path) -> tuple[dict, str]:
    folder.mkdir(exist_ok=True)
    write_card(report, folder)
    _, front, body = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front), body


def test_the_front_matter_has_what_the_hub_reads(tmp_path: Path) -> None:
    front, _ = card(english_report(), tmp_path / "light")
    assert front["base_model"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert front["pipeline_tag"] == "text-classification"
    assert front["language"] == ["en"]
    assert {"llamita", "pruned", "distilled"} <= set(front["tags"])
    (result,) = front["model-index"][0]["results"]
    assert result["task"]["type"] == "text-classification"
    assert {"name", "type", "split"} <= set(result["dataset"])
    accuracy = english_report().subject("light").finding("quality.accuracy")
    assert [m["type"] for m in result["metrics"]] == ["accuracy", "f1"]
    assert abs(result["metrics"][0]["value"] - accuracy.value) < 1e-6
    assert f"n = {accuracy.n}" in result["metrics"][0]["name"]


@pytest.mark.parametrize("name", ["config:bert:300k", "my-teacher", "model.q8"])
def test_what_has_no_hub_id_is_no_base_model(name: str, tmp_path: Path) -> None:
    light = Subject(name="light", role="light", lineage=({"step": "load", "settings": {"model": name}},))
    front, _ = card(Report(title="x", task={}, subjects=(light,)), tmp_path / "light")
    assert "base_model" not in front


def test_the_card_says_how_to_use_it_its_numbers_and_limits_and_no_text_of_the_users(tmp_path: Path) -> None:
    _, body = card(english_report(), tmp_path / "light")
    for heading in ("## How to use it", "## Numbers", "## How it was made", "## Limits"):
        assert heading in body
    assert "The teacher bought nothing measurable" in body
    assert not any(sentence in body for sentence, _ in SENTENCES)


def test_the_card_tells_how_the_delivered_model_was_made_not_the_teacher_nor_another_way(tmp_path: Path) -> None:
    def made(name: str, role: str, step: str) -> Subject:
        return Subject(name=name, role=role, lineage=({"step": "load", "settings": {"model": name}}, {"step": step}))

    rows = (
        made("teacher", "teacher", "learn.finetune"),
        made("another order", "model", "prune.width"),
        made("after prune.depth", "model", "prune.depth"),
    )
    report = Report(title="x", task={}, subjects=rows)
    _, body = card(report, tmp_path / "light")
    told = [step for step in ("prune.depth", "learn.finetune", "prune.width") if f"{step} |" in body]
    assert told == ["prune.depth"]
    first, *_ = lineage(report, words("en"))
    assert first["name"] == "after prune.depth"


def test_the_cards_lines_go_through_the_curves_of_the_folder_beside_it(tmp_path: Path) -> None:
    (tmp_path / "light" / "onnx").mkdir(parents=True)
    file = tmp_path / "light" / "onnx" / "artifact.json"
    for curves, said in (([], False), ([[[0, 1], [0, 1]]] * 2, True)):
        file.write_text(json.dumps({"labels": ["a", "b"], "answers": {"curves": curves}}))
        _, body = card(english_report(), tmp_path / "light")
        assert ("np.interp" in body) == said


def test_the_card_says_where_its_lines_are_run_from(tmp_path: Path) -> None:
    _, body = card(english_report(), tmp_path / "light_films")
    assert r"are run from the folder it lies in and call it “light\_films”" in body
    assert "'light_films'" in body


def test_labels_with_markup_stay_text(tmp_path: Path) -> None:
    front, body = card(chinese_report(), tmp_path / "light")
    assert "财经&lt;b&gt;" in body
    assert front["model-index"][0]["name"] == "e5 → 轻量模型，thucnews.csv <script>"


def test_the_language_is_told_from_the_texts_and_left_out_when_unsure() -> None:
    assert language_of(chinese_report()) == "zh"
    assert language_of(english_report()) == "en"
    assert language_of(english_report().redacted()) == ""


def test_snippets_name_the_folders_that_lie_beside_the_page(tmp_path: Path) -> None:
    artifact = tmp_path / "light" / "onnx"
    artifact.mkdir(parents=True)
    (artifact / "artifact.json").write_text('{"exporter": "export.onnx"}')
    (tmp_path / "light" / "config.json").write_text("{}")
    told = dict(snippets(english_report(), words("en"), tmp_path))
    assert f"llamita predict {artifact.as_posix()} " in told["Command line"]
    assert repr(artifact.as_posix()) in told["onnxruntime alone, without llamita"]
    place = (tmp_path / "light").as_posix()
    assert f'pipeline("text-classification", {place!r}, truncation=True)' in told["Transformers"]


def test_no_way_is_shown_to_run_what_it_can_not_run(tmp_path: Path) -> None:
    """A linear model has no graph, one that is asked no weights; llamita itself opens both."""
    for place, exporter in (("linear", "learn.linear"), ("light", "tasks.asked")):
        (tmp_path / place).mkdir()
        (tmp_path / place / "artifact.json").write_text(json.dumps({"exporter": exporter}))
    report = english_report()
    linear = replace(report.subjects[-1], role="light", path=str(tmp_path / "linear"))
    for folder, opened in ((None, "linear"), (tmp_path, "light")):
        told = dict(snippets(replace(report, subjects=(linear,)), words("en"), folder))
        assert list(told) == ["Command line", "Python"]
        assert (tmp_path / opened).as_posix() in told["Command line"]


def test_of_a_runs_folder_what_it_delivers_is_shown(tmp_path: Path) -> None:
    graph = tmp_path / "run" / "light" / "onnx"
    graph.mkdir(parents=True)
    (graph / "artifact.json").write_text('{"exporter": "export.onnx"}')
    (graph.parent / "config.json").write_text("{}")
    assert places(None, str(tmp_path / "run")) == (graph.parent.as_posix(), graph.as_posix())
    assert places(None, "owner/name") == ("owner/name", "")


@pytest.mark.parametrize(
    ("task", "said"),
    [("classify", "{'bad': 0.119, 'good': 0.881}\n"), ("multilabel", "[('bad', 0.5), ('good', 0.881)]\n")],
)
def test_the_onnxruntime_snippet_runs_and_gives_probabilities(task: str, said: str, tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "good": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "length"])
    table = numpy_helper.from_array(np.array([[2.0, 0.0], [0.0, 2.0]], dtype=np.float32), "table")
    axis = numpy_helper.from_array(np.array([1], dtype=np.int64), "axis")
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["picked"]),
        helper.make_node("ReduceSum", ["picked", "axis"], ["logits"], keepdims=0),
    ]
    out = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])
    graph = helper.make_graph(nodes, "g", [ids], [out], [table, axis])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "model.onnx"
    )
    about = {"labels": ["bad", "good"], "file": "model.onnx", "max_length": 8, "inputs": ["input_ids"]}
    about["answers"] = {"thresholds": [0.4, 0.6]}
    (tmp_path / "artifact.json").write_text(json.dumps(about))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(
            onnxruntime_lines(Report(title="x", task={"task": task}, subjects=()), str(tmp_path), "good", curves=False),
            {},
        )
    assert printed.getvalue() == said

    halved = about["answers"] | {"curves": [[[0.0, 1.0], [0.0, 0.5]], [[0.0, 1.0], [0.0, 0.5]]]}
    (tmp_path / "artifact.json").write_text(json.dumps(about | {"answers": halved}))
    lines = onnxruntime_lines(Report(title="x", task={"task": task}, subjects=()), str(tmp_path), "good", curves=True)
    curved = io.StringIO()
    with contextlib.redirect_stdout(curved):
        exec(lines, {})
    assert curved.getvalue() == (said if task == "classify" else "[]\n")


def test_a_model_of_any_labels_is_not_said_to_give_one(tmp_path: Path) -> None:
    report = replace(english_report(), task=english_report().task | {"task": "multilabel"})
    _, body = card(report, tmp_path / "light")
    assert "any of the 2 labels above, or none" in body
    assert "top_k=None" in body
    assert "one of the" not in body


def test_the_card_follows_the_language_of_the_pages(tmp_path: Path) -> None:
    write_card(chinese_report(), tmp_path, "zh")
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    for heading in ("## 用法", "## 指标", "## 局限"):
        assert heading in text
    body = text.split("---\n", 2)[2]
    assert not any(heading in body for heading in ("## How", "## Numbers", "## Limits", "Labels:"))


def test_of_pairs_every_way_to_run_gives_both_texts(tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors", "onnx/model.onnx", "onnx/artifact.json"):
        (tmp_path / "light" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "light" / name).write_text('{"exporter": "export.onnx"}', encoding="utf-8")
    report = english_report()
    report = replace(report, task={**report.task, "pairs": True})
    told = dict(snippets(report, words("en"), tmp_path))
    text = words("en")["run_text"]
    assert len(told) == 4
    assert all(code.count(text) == 2 for code in told.values())


def test_a_model_of_dialogues_talks(tmp_path: Path) -> None:
    (tmp_path / "light").mkdir()
    (tmp_path / "light" / "config.json").write_text("{}", encoding="utf-8")
    report = english_report()
    report = replace(report, task={**report.task, "task": "chat"})
    assert job_of(report) == "text-generation"
    told = "".join(code for _, code in snippets(report, words("en"), tmp_path))
    assert "llamita chat" in told
    assert '"role": "user"' in told


def test_stock_lines_say_what_of_a_calibration_they_leave_out(tmp_path: Path) -> None:
    folder = tmp_path / "light"
    folder.mkdir()
    (folder / "config.json").write_text(
        json.dumps({"id2label": {"0": "negative", "1": "posi\ntive"}}), encoding="utf-8"
    )
    curve = ((0.0, 1.0), (0.1, 0.9))
    kinds = {
        "plain": (OneLabel(conformity=((0.5,),)), False, ""),
        "curves": (OneLabel(curves=(curve, curve)), True, ""),
        "limits": (
            AnyLabels(thresholds=(0.25, 0.5)),
            False,
            "is given from its threshold on: negative 0.250, posi tive 0.500",
        ),
        "halves": (AnyLabels(thresholds=(0.5, 0.5)), False, ""),
    }
    for name, (answers, curves, limits) in kinds.items():
        (folder / "answers.json").write_text(json.dumps(answers.to_dict()), encoding="utf-8")
        _, body = card(english_report(), folder)
        assert ("# without the calibrating curves of answers.json" in body) == curves, name
        assert (limits in body) if limits else ("threshold on" not in body), name
