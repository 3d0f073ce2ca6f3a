"""A run's folder: what is delivered is whole, and log.txt tells what happened when."""

import json
import shlex
from contextlib import suppress
from dataclasses import replace

import pytest
import torch
from tests.families import tiny_model
from tests.sentiments import sentences, write_csv
from transformers import AutoModel, AutoModelForSequenceClassification

from llamita.cli import main
from llamita.core.answers import OneLabel
from llamita.core.errors import UserError
from llamita.core.model import Model
from llamita.core.recipe import Recipe
from llamita.core.registry import build
from llamita.core.scaling import fit_curves
from llamita.explain.occlusion import occlude
from llamita.run import at_work, deliver, execute, load, open_engine
from llamita.workshop import Stage, open_task


def test_delivering_replaces_what_stood_there_as_a_whole(tmp_path):
    made, out = tmp_path / "made", tmp_path / "out"
    made.mkdir()
    (made / "model.bin").write_text("new")
    for name in ("metrics.jsonl", "room.json"):
        (made / name).write_text("of training")
    out.mkdir()
    (out / "old.bin").write_text("old")
    (tmp_path / ".out.part").mkdir()
    (tmp_path / ".out.part" / "half").write_text("of a killed run")
    deliver(Stage(key="k", folder=made, name="m"), out)
    assert {path.name for path in out.iterdir()} == {"model.bin"}
    assert {path.name for path in tmp_path.iterdir()} == {"made", "out"}


def test_a_folder_below_home_is_found_there(tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    tiny_model("bert", labels=("negative", "positive")).save(tmp_path / "model")
    recipe = Recipe(model=str(tmp_path / "model"), task={"classify": {"test": str(tmp_path / "test.csv")}})
    write_csv(tmp_path / "test.csv", sentences(40))
    execute(recipe, "~/run", stages="~/stages", threads=1)
    assert (tmp_path / "home" / "run" / "report.json").is_file()
    assert (tmp_path / "home" / "stages").is_dir()
    assert not (tmp_path / "~").exists()


def test_a_run_measures_reports_and_keeps_its_log(tmp_path):
    tiny_model("bert", labels=("negative", "positive")).save(tmp_path / "model")
    rows = sentences(160)
    train, test = write_csv(tmp_path / "train.csv", rows[:120]), write_csv(tmp_path / "test.csv", rows[120:])
    recipe = Recipe(
        model=str(tmp_path / "model"), task={"classify": {"train": str(train), "test": str(test)}},
        steps=(build("calibrate"),), measures=(build("quality"),),
    )  # fmt: skip
    report = execute(recipe, tmp_path / "out", threads=1)
    assert [s.role for s in report.subjects] == ["light"]
    assert {"recipe.yaml", "report.json", "report.html", "light", "log.txt"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }
    log = (tmp_path / "out" / "log.txt").read_text()
    assert "learn.calibrate" in log
    again = execute(recipe, tmp_path / "out", threads=1)
    assert again.subjects[0].findings == report.subjects[0].findings
    log = (tmp_path / "out" / "log.txt").read_text()
    assert "other settings" not in log
    execute(replace(recipe, seed=1), tmp_path / "out", threads=1)
    log = (tmp_path / "out" / "log.txt").read_text()
    assert "out was made with other settings: what they change is made anew, the rest is kept" in log


def test_a_run_that_can_not_end_is_refused_before_it_begins(tmp_path):
    recipe = Recipe(model="config:bert:300k")
    with pytest.raises(UserError, match="language must be one of en, zh, got 'fr'"):
        execute(recipe, tmp_path / "out", language="fr")
    with pytest.raises(UserError, match="out must be a folder, got None"):
        execute(recipe, None)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_a_run_and_an_opened_model_leave_the_process_as_it_was(tmp_path):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        load("config:bert:300k")
        execute(Recipe(model="config:bert:300k"), str(tmp_path / "out"), stages=str(tmp_path / "stages"), threads=1)
        assert torch.get_num_threads() == 3
        load("config:bert:300k", threads=2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert any((tmp_path / "stages").iterdir())


def test_a_recipe_that_cuts_a_calibrated_model_delivers_fitted_curves(tmp_path):
    tiny_model("bert").save(tmp_path / "model")
    train = write_csv(tmp_path / "train.csv", sentences(120))
    recipe = Recipe(
        model=str(tmp_path / "model"), task={"classify": {"train": str(train)}},
        steps=(build("calibrate", {"method": "isotonic"}), build("prune.depth", {"keep": 1})),
    )  # fmt: skip
    execute(recipe, tmp_path / "out", threads=1)
    steps = [entry["step"] for entry in json.loads((tmp_path / "out/light/lineage.json").read_text())]
    assert steps == ["load", "learn.calibrate", "prune.depth", "learn.calibrate"]
    light = Model.load(tmp_path / "out" / "light")
    task = open_task({"classify": {"train": str(train)}})
    assert light.answers.curves == fit_curves(
        OneLabel().probabilities(light.text_logits(task.select.texts)), task.gold(task.select)
    )


def test_a_run_of_texts_with_any_labels_makes_its_pages(tmp_path):
    tiny_model("bert").save(tmp_path / "model")
    train = tmp_path / "train.csv"
    tags = ("warm", "warm;long", "", "long")
    train.write_text("text,tags\n" + "".join(f"{text},{tags[i % 4]}\n" for i, (text, _) in enumerate(sentences(120))))
    recipe = Recipe(
        model=str(tmp_path / "model"), task={"classify": {"train": str(train)}}, measures=(build("quality"), build("calibration")),
        steps=(build("finetune", {"epochs": 0.5}), build("calibrate")), exporters=(build("export.onnx"),),
    )  # fmt: skip
    report = execute(recipe, tmp_path / "out", threads=1)
    light = report.subject("light")
    assert {"quality.micro_f1", "quality.exact_match", "calibration.ece"} <= {f.name for f in light.findings}
    assert report.task["task"] == "multilabel"
    assert (tmp_path / "out" / "report.html").stat().st_size > 1000
    card = (tmp_path / "out" / "light" / "README.md").read_text(encoding="utf-8")
    assert "micro" in card.lower()
    assert load(tmp_path / "out").answers.thresholds


@pytest.mark.parametrize("several", [False, True])
def test_a_test_split_that_was_cut_off_stands_in_a_file_that_the_commands_name(several, tmp_path, capsys):
    rows = sentences(160)
    labels = [[label, "all"] if several else label for _, label in rows]
    names = ("all", "negative", "positive") if several else ("negative", "positive")
    (tmp_path / "data.jsonl").write_text(
        "".join(
            json.dumps({"text": text, "label": label}) + "\n" for (text, _), label in zip(rows, labels, strict=True)
        ),
        encoding="utf-8",
    )
    kind = "multi_label_classification" if several else "single_label_classification"
    model = tiny_model("bert", labels=names)
    model.module.config.problem_type = kind
    model.save(tmp_path / "model")
    recipe = Recipe(
        model=str(tmp_path / "model"), task={"classify": {"train": str(tmp_path / "data.jsonl")}},
        measures=(build("measure.quality"),),
    )  # fmt: skip
    found = execute(recipe, tmp_path / "out", threads=1).subjects[0].findings[0]
    assert found.n == 16
    assert str(tmp_path / "out" / "test.csv") in found.command
    assert main([*shlex.split(found.command)[1:], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"][0]["value"] == pytest.approx(found.value)


def test_a_run_that_failed_after_work_keeps_its_folder_wherever_its_stages_are(tmp_path):
    for name, stages in (("own", tmp_path / "own" / "stages"), ("shared", tmp_path / "common")):
        with suppress(ZeroDivisionError), at_work(tmp_path / name, stages):
            (stages / "one").mkdir(parents=True)
            1 / 0  # noqa: B018
        assert (tmp_path / name).exists()
    with suppress(ZeroDivisionError), at_work(tmp_path / "nothing", tmp_path / "common"):
        1 / 0  # noqa: B018
    assert not (tmp_path / "nothing").exists()


def test_a_body_without_a_head_has_no_labels_and_says_so(tmp_path):
    model = tiny_model("bert")
    AutoModel.from_config(model.module.config).save_pretrained(tmp_path)
    model.tokenizer.save_pretrained(tmp_path)
    body = open_engine(str(tmp_path))
    assert body.labels == ()
    for ask in (body.classify, body.scores, lambda texts: occlude(texts[0], body)):
        with pytest.raises(UserError, match="has no head for labels; fine-tune it on labelled texts"):
            ask(["a warm film"])


def test_a_model_of_one_output_gives_no_labels(tmp_path):
    model = tiny_model("bert")
    config = model.module.config
    config.problem_type, config.num_labels = "regression", 1
    AutoModelForSequenceClassification.from_config(config).save_pretrained(tmp_path)
    model.tokenizer.save_pretrained(tmp_path)
    engine = open_engine(str(tmp_path))
    assert engine.text_logits(["a warm film"]).shape == (1, 1), "what is cut is compared by its outputs"
    for ask in (engine.classify, engine.scores, lambda texts: occlude(texts[0], engine)):
        with pytest.raises(UserError, match="has one output, a score and no choice between labels"):
            ask(["a warm film"])
