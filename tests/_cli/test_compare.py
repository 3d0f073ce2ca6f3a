"""compare puts models side by side, with a page, and says what it lacks."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import torch
from tests.families import tiny_model

from llamita.cli import main


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name, family in (("teacher", "bert"), ("light", "distilbert")):
        tiny_model(family, labels=("bad", "good")).save(tmp_path / name)
    rows = [
        f"a {word} film number {i},{label}" for i in range(6) for word, label in (("warm", "good"), ("dull", "bad"))
    ]
    (tmp_path / "test.csv").write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path


def test_models_stand_side_by_side_on_the_same_texts(place: Path, capsys: pytest.CaptureFixture[str]):
    words = [
        "compare",
        str(place / "teacher"),
        str(place / "light"),
        "--data",
        str(place / "test.csv"),
        "--threads",
        "1",
    ]
    assert main([*words, "--out", str(place / "page"), "--json"]) == 0, capsys.readouterr().err
    told = json.loads(capsys.readouterr().out)
    assert [one["model"] for one in told] == [str(place / "teacher"), str(place / "light")]
    first, second = ({f["name"]: f for f in one["findings"]} for one in told)
    assert first["quality.accuracy"]["n"] == second["quality.accuracy"]["n"] == 12
    assert "agreement.same_label" in second
    assert "agreement.same_label" not in first
    page = (place / "page" / "report.html").read_text(encoding="utf-8")
    assert 'id="table"' in page
    assert main([*words, "--out", str(place / "page"), "--redact"]) == 0
    assert "a warm film number 3" not in (place / "page" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["llamita lighten --data reviews.csv", None])
def test_a_runs_folder_is_never_written_over(command: str | None, place: Path, capsys: pytest.CaptureFixture[str]):
    run = place / "run"
    tiny_model("bert", labels=("bad", "good")).save(run / "light")
    (run / "log.txt").write_text("a run's log", encoding="utf-8")
    (run / "light" / "README.md").write_text("its card", encoding="utf-8")
    if command:
        (run / "report.json").write_text(json.dumps({"command": command}), encoding="utf-8")
    before = {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}
    words = ["compare", str(place / "teacher"), str(run / "light"), "--data", str(place / "test.csv")]
    assert main([*words, "--out", str(run)]) == 2
    assert "holds other files and no earlier comparison; choose another folder" in capsys.readouterr().err
    assert {file: file.read_bytes() for file in run.rglob("*") if file.is_file()} == before


def test_every_number_carries_the_command_that_repeats_it(place: Path, capsys: pytest.CaptureFixture[str]):
    teacher, light, data = (str(place / name) for name in ("teacher", "light", "test.csv"))
    end = ["--threads", "1", "--seed", "0"]
    assert main(["compare", teacher, light, "--data", data, "--columns", "text=text", *end, "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)[1]["findings"]
    assert all(f["command"] for f in findings)
    same = next(f for f in findings if f["name"] == "agreement.same_label")
    words = ["measure", "agreement", light, "--data", data, "--columns", "text=text", "--against", teacher]
    assert same["command"] == shlex.join(["llamita", *words, "--precision", "fp32", *end])
    for name in ("agreement.same_label", "quality.accuracy", "calibration.ece", "cost.size_bytes"):
        before = next(f for f in findings if f["name"] == name)
        assert main([*shlex.split(before["command"])[1:], "--json"]) == 0
        again = {f["name"]: f["value"] for f in json.loads(capsys.readouterr().out)["findings"]}
        assert again[name] == before["value"]


def test_language_models_are_held_against_each_other_text_by_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    from tests.train.test_language import language_model

    for scale, name in ((1.0, "teacher"), (3.0, "light")):
        model = language_model("llama")
        with torch.no_grad():
            model.module.get_output_embeddings().weight.mul_(scale)
        model.save(tmp_path / name)
    (tmp_path / "rows.csv").write_text("text\n" + "".join(f"a warm film {i}\n" for i in range(12)), encoding="utf-8")
    teacher, light, data = (str(tmp_path / name) for name in ("teacher", "light", "rows.csv"))
    end = ["--data", data, "--task", "language", "--threads", "1"]
    assert main(["compare", teacher, light, teacher, *end, "--json"]) == 0
    found = [{f["name"]: f for f in one["findings"]} for one in json.loads(capsys.readouterr().out)]
    bits = [one["quality.bits_per_byte"]["value"] for one in found]
    lost = [one["quality.bits_lost_to_reference"] for one in found[1:]]
    assert "quality.bits_lost_to_reference" not in found[0]
    assert [one["value"] for one in lost] == pytest.approx([bits[1] - bits[0], 0.0])
    assert abs(bits[1] - bits[0]) > 0.01
    assert lost[0]["interval"][0] <= lost[0]["value"] <= lost[0]["interval"][1]
    assert (lost[0]["n"], lost[0]["detail"]["per"]) == (12, "byte")
    assert main([*shlex.split(lost[0]["command"])[1:], "--json"]) == 0
    again = {f["name"]: f for f in json.loads(capsys.readouterr().out)["findings"]}
    assert again["quality.bits_lost_to_reference"]["value"] == lost[0]["value"]
    for others in ([light], [light, teacher]):
        capsys.readouterr()
        out = tmp_path / f"page{len(others)}"
        assert main(["compare", teacher, *others, *end, "--out", str(out)]) == 0
        page = (out / "report.md").read_text(encoding="utf-8")
        assert "Bits lost to the teacher" in page
        said = page.splitlines()[2]
        assert "light loses" in said or "light is ahead of" in said
        assert "not measured" not in said
    assert main(["compare", teacher, light, *end, "--cost"]) == 2
    assert "--cost times a classifier; leave it out with --task language" in capsys.readouterr().err


def test_dialogues_are_compared_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    from tests.talks import chat_model

    for scale, name in ((1.0, "teacher"), (3.0, "light")):
        model = chat_model()
        with torch.no_grad():
            model.module.get_output_embeddings().weight.mul_(scale)
        model.save(tmp_path / name)
    lines = [json.dumps({"prompt": f"number {i}", "completion": "a warm film"}) for i in range(4)]
    (tmp_path / "talks.jsonl").write_text("\n".join(lines), encoding="utf-8")
    words = [str(tmp_path / "teacher"), str(tmp_path / "light"), "--data", str(tmp_path / "talks.jsonl")]
    assert main(["compare", *words, "--task", "chat", "--json"]) == 0
    theirs, ours = ({f["name"]: f for f in one["findings"]} for one in json.loads(capsys.readouterr().out))
    lost = ours["quality.bits_lost_to_reference"]
    assert lost["value"] == pytest.approx(
        ours["quality.bits_per_byte"]["value"] - theirs["quality.bits_per_byte"]["value"]
    )
    evaluate = ["evaluate", words[1], "--against", words[0], *words[2:], "--task", "chat", "--json"]
    assert main([*evaluate, "--fail-if", "bits_lost_to_reference>99"]) == 0
    again = {f["name"]: f for f in json.loads(capsys.readouterr().out)["findings"]}
    assert again["quality.bits_lost_to_reference"]["value"] == lost["value"]


def test_one_model_is_nothing_to_compare(place: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["compare", str(place / "teacher"), "--data", str(place / "test.csv")]) == 2
    assert "give a TEACHER and at least one LIGHT model" in capsys.readouterr().err


def test_a_model_that_is_not_there_is_told_before_anything_is_measured(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("llamita._cli.compare.open_classifier", lambda *_: pytest.fail("a model was opened"))
    words = ["compare", str(place / "teacher"), str(place / "light"), str(place / "lihgt")]
    assert main([*words, "--data", str(place / "test.csv")]) == 2
    assert "lihgt" in capsys.readouterr().err
