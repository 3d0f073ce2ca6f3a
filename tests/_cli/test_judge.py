"""Verbs that measure: what they find agrees with the answers, and gates are checked before anything is measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from llamita.cli import main


def test_gates_on_what_will_not_be_measured_are_refused_at_once(place: Path, model: Path, refused: Callable[..., str]):
    data = ("--data", "good.csv")
    line = refused("evaluate", "no-model-is-opened", *data, "--fail-if", "latency_p50_ms>12")
    assert "no value 'latency_p50_ms'. It needs --cost." in line
    assert "needs --against TEACHER" in refused("evaluate", model, *data, "--fail-if", "kl>0.1")
    assert "Values: accuracy" in refused("evaluate", model, *data, "--fail-if", "acuracy<1")
    assert "Values: clean, noise, fall" in refused("attack", model, *data, "--fail-if", "accuracy<0.9")


@pytest.mark.parametrize("gate", ["quality.foo<0.9", "quality.micro_f1<0.9", "micro_f1<0.9", "explain.occlusion<1"])
def test_a_gate_on_what_the_model_has_no_value_of_is_refused_before_measuring(
    gate: str, place: Path, model: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("llamita._cli.judge.measured", lambda *_: pytest.fail("measured first"))
    name = gate.split("<")[0]
    line = refused("evaluate", model, "--data", "good.csv", "--fail-if", gate)
    assert f"--fail-if: `llamita evaluate` as given has no value {name!r}." in line
    assert "quality.accuracy" in line if "." in name else "Values: accuracy, macro_f1," in line
    assert "no value" in refused("measure", "quality", model, "--data", "good.csv", "--fail-if", gate)


def test_a_gate_may_name_the_other_models_own_value(place: Path, model: Path, said: Callable[..., str]):
    words = ("attack", model, "--data", "good.csv", "--against", model)
    said(*words, "--fail-if", "attack.reference_noise<0", "--fail-if", "reference_fall>1")


def test_an_attack_shows_clean_texts_the_fall_and_the_other_model(place: Path, model: Path, said: Callable[..., str]):
    table = said("attack", model, "--data", "good.csv", "--against", model, "--fail-if", "fall>1")
    rows = [line.split("  ")[0].strip() for line in table.splitlines() if "accuracy" in line or "fall" in line]
    assert rows == ["accuracy, texts as they are", "accuracy under noise", "fall"]
    line = next(line for line in table.splitlines() if "accuracy under noise" in line)
    assert line.count("[") == 2


def test_a_model_that_knows_none_of_the_words_says_so(place: Path, model: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["predict", str(model), "a warm film"]) == 0
    assert "doesn't know" not in capsys.readouterr().err
    assert main(["predict", str(model), "ЖЖЖ ЖЖЖЖ"]) == 0
    assert "the model doesn't know 100 % of the tokens here" in capsys.readouterr().err
    assert main(["explain", str(model), "ЖЖЖ ЖЖЖЖ"]) == 0
    assert "doesn't know" in capsys.readouterr().err


def test_measure_without_a_method_lists_them(said: Callable[..., str]):
    assert "calibration" in said("measure", "--help")
    assert "usage: llamita measure METHOD" in said("measure", "--help")


def test_evaluate_agrees_with_predict_and_judges_its_gates(place: Path, model: Path, said: Callable[..., str]):
    answers = said("predict", model, "--file", "good.csv", "--format", "jsonl").splitlines()
    truth = [line.split(",")[1] for line in (place / "good.csv").read_text(encoding="utf-8").splitlines()[1:]]
    right = sum(json.loads(answer)["label"] == label for answer, label in zip(answers, truth, strict=True))
    found = json.loads(said("evaluate", model, "--data", "good.csv", "--json"))
    by_name = {finding["name"]: finding for finding in found["findings"]}
    assert by_name["quality.accuracy"]["value"] == right / 40
    assert by_name["quality.accuracy"]["n"] == 40
    assert by_name["cost.parameters"]["value"] > 0
    assert "rows" not in by_name["quality.accuracy"]
    measured = f"llamita measure quality {model} --data good.csv --precision fp32 --seed 0"
    assert by_name["quality.accuracy"]["command"] == measured
    assert all(finding["command"] for finding in found["findings"])
    assert "accuracy" in said("evaluate", model, "--data", "good.csv", "--fail-if", "accuracy<0")
    missed = said(
        "evaluate", model, "--data", "good.csv", "--fail-if", "accuracy<=1", "--fail-if", "size_bytes>9e9", code=1
    )
    assert "missed: accuracy<=1" in missed
    assert "size_bytes" not in missed.split("missed:")[1]


def test_evaluate_reads_labels_that_differ_in_case(place: Path, model: Path, said: Callable[..., str]):
    content = (place / "good.csv").read_text(encoding="utf-8")
    (place / "upper.csv").write_text(content.replace("positive", "Positive"), encoding="utf-8")
    accuracy = [
        json.loads(said("measure", "quality", model, "--data", name, "--json"))["findings"][0]["value"]
        for name in ("good.csv", "upper.csv")
    ]
    assert accuracy[0] == accuracy[1]


def test_a_model_agrees_with_itself(place: Path, model: Path, said: Callable[..., str]):
    found = json.loads(said("measure", "agreement", model, "--against", model, "--data", "good.csv", "--json"))
    assert {f["name"]: f["value"] for f in found["findings"]}["agreement.same_label"] == 1.0


def test_a_language_model_is_measured_on_documents_and_what_needs_labels_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.train.test_language import language_model

    language_model("llama").save(tmp_path / "model")
    (tmp_path / "texts.txt").write_text("a warm and funny film\n\n很好看的电影，值得一看。\n", encoding="utf-8")
    (tmp_path / "rows.csv").write_text("text\na warm film\nand a dull one\n", encoding="utf-8")
    words = [str(tmp_path / "model"), "--task", "language", "--threads", "1", "--data"]
    for verb in (["measure", "quality"], ["evaluate"]):
        assert main([*verb, *words, str(tmp_path / "rows.csv"), "--json"]) == 0
        named = {row["name"]: row for row in json.loads(capsys.readouterr().out)["findings"]}
        assert named["quality.bits_per_byte"]["n"] == 2
        assert 0 < named["quality.bits_per_byte"]["value"] < 40
    assert main(["measure", "quality", *words, str(tmp_path / "texts.txt")]) == 0
    assert "bits" in capsys.readouterr().out
    for verb in (["measure", "calibration"], ["measure", "cost"], ["attack"]):
        assert main([*verb, *words, str(tmp_path / "rows.csv")]) == 2
        assert (
            "of --task language there are: llamita measure quality, llamita measure samples" in capsys.readouterr().err
        )
    assert main(["evaluate", *words, str(tmp_path / "rows.csv"), "--against", str(tmp_path / "model"), "--json"]) == 0
    named = {row["name"]: row for row in json.loads(capsys.readouterr().out)["findings"]}
    assert named["quality.bits_lost_to_reference"]["value"] == 0


def test_what_is_about_labels_is_refused_of_documents_and_dialogues(
    place: Path, model: Path, refused: Callable[..., str]
):
    for verb in (("evaluate",), ("measure", "quality")):
        for flag in (
            ("--prompt", "{text}?"),
            ("--few-shot", "nowhere.csv"),
            ("--calibrate", "nowhere.csv"),
            ("--no-prior",),
        ):
            line = refused(*verb, model, "--data", "good.csv", "--task", "language", *flag)
            assert f"{flag[0]} doesn't go with --task language; leave it out" in line
    assert "--prompt doesn't go with --task chat" in refused(
        "measure", "quality", model, "--data", "good.csv", "--task", "chat", "--prompt", "{text}?"
    )


def test_a_measure_of_one_model_takes_no_other(model: Path, refused: Callable[..., str]):
    for name in ("calibration", "coverage"):
        line = refused("measure", name, model, "--data", "good.csv", "--against", model)
        assert f"llamita measure {name} is about one model; leave --against out" in line
