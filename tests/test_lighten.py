"""lighten, whole, on a tiny teacher: what it delivers runs, reloads, is judged, and resumes."""

import json
import shlex
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from tests.brief import be_brief
from tests.families import tiny_model
from tests.sentiments import sentences, write_csv

from llamita import proof
from llamita.cli import main
from llamita.core.alone import alone_in
from llamita.core.errors import UserError
from llamita.core.model import Model
from llamita.core.report import SCHEMA_FILE
from llamita.lighten import lighten
from llamita.measure.cost import Cost
from llamita.run import open_engine

TIMED = dict(proof.FAIR)
"""How what is delivered and the teacher in torch are timed when a run isn't brief."""


@pytest.fixture(scope="module", autouse=True)
def _brief():
    with pytest.MonkeyPatch.context() as patch:
        be_brief(patch, memory=True)
        yield


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """The arguments of one small run."""
    folder = tmp_path_factory.mktemp("lighten")
    rows = sentences(360)
    tiny_model("bert", labels=("a", "b", "c"), layers=3).save(folder / "teacher")
    return {
        "model": str(folder / "teacher"), "data": str(write_csv(folder / "train.csv", rows[:280])),
        "test": str(write_csv(folder / "test.csv", rows[280:])), "keep": 0.5, "max_size": 2_000_000, "minutes": 0.2,
        "students": [], "threads": 1,
    }  # fmt: skip


@pytest.fixture(scope="module")
def made(job, tmp_path_factory):
    """One finished run: its folder and report."""
    out = tmp_path_factory.mktemp("made") / "run"
    return out, lighten(**job, out=out)


def test_the_folder_explains_itself(made):
    out, report = made
    for name in (
        "recipe.yaml",
        "plan.json",
        "candidates.json",
        "report.html",
        "report.json",
        "report.md",
        "light/README.md",
    ):
        assert (out / name).is_file(), name
    jsonschema.validate(json.loads((out / "report.json").read_text()), json.loads(SCHEMA_FILE.read_text()))
    assert {s.role for s in report.subjects} == {"teacher", "teacher_int8", "student_alone", "linear", "light"}
    assert [g.name for g in report.goals] == ["keep", "max_size"]
    assert sum(c["chosen"] for c in report.candidates) == 1


def test_the_linear_baseline_stands_beside_and_runs(made, job):
    out, report = made
    engine = open_engine(out / "linear")
    shown = report.subject("linear")
    assert engine.size_bytes == shown.finding("cost.size_bytes").value
    assert shown.finding("cost.peak_memory_bytes").value > 0
    rows = shown.finding("quality.accuracy").rows
    predicted = [engine.labels[i] for i in engine.scores([row["text"] for row in rows]).argmax(1)]
    assert predicted == [row["predicted"] for row in rows]
    assert "--data" in shown.finding("quality.accuracy").command


def test_every_candidate_and_the_result_give_stock_code_the_same_scores(made):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

    out, report = made
    text = "the film is good and the plot is warm"
    for folder in (*(c["path"] for c in report.candidates if c["path"]), str(out / "light")):
        ours = Model.load(folder)
        stock = AutoModelForSequenceClassification.from_pretrained(folder)
        logits = stock(**AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")).logits.detach().numpy()
        np.testing.assert_allclose(logits, ours.text_logits([text]), atol=1e-5)
        answer = pipeline("text-classification", folder, top_k=None)([text])[0]
        scores = dict(zip(ours.labels, ours.scores([text])[0], strict=True))
        assert {a["label"]: pytest.approx(a["score"], abs=1e-5) for a in answer} == scores


def test_the_run_folder_opens_as_its_artifact(made):
    out, report = made
    engine = open_engine(out)
    assert type(engine).__name__ == "OnnxEngine"
    assert engine.labels == ("negative", "positive")
    light = report.subject("light")
    assert engine.size_bytes == light.finding("cost.size_bytes").value
    assert np.allclose(engine.scores(["the film is good"]).sum(), 1)


def test_a_measured_number_carries_the_command_that_repeats_it(made, job, capsys):
    _, report = made
    light = report.subject("light")
    accuracy = light.finding("quality.accuracy")
    words = shlex.split(accuracy.command)
    assert words[:3] == ["llamita", "measure", "quality"]
    assert words[4:6] == ["--data", job["test"]]
    assert main([*words[1:], "--json"]) == 0
    told = {f["name"]: f["value"] for f in json.loads(capsys.readouterr().out)["findings"]}
    assert told["quality.accuracy"] == accuracy.value
    ratio = light.finding("cost.size_ratio")
    assert shlex.split(ratio.command)[6] == "--against"
    reasons = light.finding("explain.same_reasons")
    assert main([*shlex.split(reasons.command)[1:], "--json"]) == 0
    told = {f["name"]: f["value"] for f in json.loads(capsys.readouterr().out)["findings"]}
    assert told["explain.same_reasons"] == pytest.approx(reasons.value)


def test_texts_a_second_are_of_several_batches_of_like_length():
    cost = Cost(**TIMED)
    assert cost.throughput_texts >= 4 * cost.batch, "one batch alone mixes all lengths"


def test_the_same_call_again_makes_nothing_anew(made, job):
    out, first = made
    stages = sorted(p.name for p in (out / "stages").iterdir())
    again = lighten(**job, out=out)
    assert sorted(p.name for p in (out / "stages").iterdir()) == stages
    assert again.subject("light").findings == first.subject("light").findings


def test_the_student_alone_is_delivered_where_it_is_better(made, job, tmp_path, monkeypatch):
    out, _ = made
    shutil.copytree(out, tmp_path / "run")
    module = sys.modules["llamita.job"]
    monkeypatch.setattr(module, "outdoes", lambda one, other: one.name == "alone")
    report = lighten(**job, out=tmp_path / "run")
    light, alone = report.subject("light"), report.subject("student_alone")
    assert light.finding("quality.accuracy").value == alone.finding("quality.accuracy").value
    assert [step["step"] for step in light.lineage][-3:] == ["learn.finetune", "learn.calibrate", "export.onnx"]
    assert report.notes[0].startswith("TF-IDF with a linear model")
    assert report.notes[1].startswith("The light model learned from the labels alone")
    assert "distill" not in (tmp_path / "run" / "recipe.yaml").read_text()
    delivered, made_alone = tmp_path / "run" / "light" / "model.safetensors", Path(alone.path)
    assert made_alone.is_dir()
    of_alone = delivered.read_bytes()
    monkeypatch.setattr(module, "outdoes", lambda one, other: False)
    lighten(**job, out=tmp_path / "run")
    assert delivered.read_bytes() != of_alone
    assert "distill" in (tmp_path / "run" / "recipe.yaml").read_text()


def test_the_linear_model_is_delivered_where_it_alone_meets_the_goals(made, job, tmp_path, monkeypatch):
    out, first = made
    run = tmp_path / "run"
    shutil.copytree(out, run)
    module = sys.modules["llamita.job"]
    monkeypatch.setattr(module, "alone_meets", lambda *_: True)
    report = lighten(**job, out=run)
    light, student = report.subject("light"), report.subject("model")
    assert (light.name, report.subject("linear"), student.name) == ("TF-IDF + linear", None, "the best student")
    assert light.finding("quality.accuracy").value == first.subject("linear").finding("quality.accuracy").value
    assert student.finding("quality.accuracy").value == first.subject("light").finding("quality.accuracy").value
    assert light.finding("explain.same_reasons").value is not None
    assert [c["student"] for c in report.candidates if c["chosen"]] == ["linear"]
    assert type(open_engine(run)).__name__ == "LinearEngine"
    assert open_engine(run / "light").labels == ("negative", "positive")
    assert (run / "student" / "onnx" / "artifact.json").is_file()
    card = (run / "light" / "README.md").read_text(encoding="utf-8")
    assert "llamita predict light" in card
    assert "AutoModel" not in card
    assert "from transformers" not in card
    assert "library_name: llamita" in card
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "the best student" in page
    assert "from transformers import pipeline" not in page
    lighten(**job, out=run, redact=True)
    assert not (run / "student").exists()
    assert not (run / "light" / "terms.json").exists(), "words of the texts"
    assert type(open_engine(run)).__name__ == "OnnxEngine"


def test_a_candidate_that_rounding_ruins_is_left_out(made, job, tmp_path, monkeypatch, caplog):
    from llamita.core.errors import UserError
    from llamita.lighten import Job

    out, first = made
    assert len(first.candidates) > 2  # one of them the linear baseline
    shutil.copytree(out, tmp_path / "run")
    whole, refused = Job.try_out, first.candidates[0]["name"]

    def ruined(self, shape, teacher):
        if shape.name == refused:
            raise UserError("int8 moves the model's probabilities")
        return whole(self, shape, teacher)

    monkeypatch.setattr(Job, "try_out", ruined)
    report = lighten(**job, out=tmp_path / "run")
    assert refused not in [c["name"] for c in report.candidates]
    assert sum(c["chosen"] for c in report.candidates) == 1
    assert f"{refused} is left out: int8 moves" in caplog.text

    def never(self, shape, teacher):
        raise UserError("int8 moves the model's probabilities")

    monkeypatch.setattr(Job, "try_out", never)
    with pytest.raises(UserError, match="no candidate could be exported"):
        lighten(**job, out=tmp_path / "run")


def test_too_few_texts_to_learn_from_are_refused(job, tmp_path):
    few = str(write_csv(tmp_path / "few.csv", sentences(39)))
    with pytest.raises(UserError, match=r"few\.csv has 39 texts; a student needs 40 or more"):
        lighten(**job | {"data": few}, out=tmp_path / "run")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"data": None}, "no data given"),
        ({"max_size": "5MB"}, "max_size must be a number such as"),
        ({"minutes": "ten"}, "minutes must be a number more than 0, got 'ten'"),
        ({"threads": -1}, "threads must be a whole number from 1 on, got -1"),
        ({"seed": 1.5}, "seed must be a whole number from 0 on, got 1.5"),
        ({"columns": "text=review"}, "columns must be a dict such as"),
        ({"labels": 5}, "labels must be names"),
        ({"labels": {"good", "bad"}}, "labels must be names in order"),
        ({"students": [3]}, "students must be a list of models"),
        (
            {"model": object()},
            r"lighten takes a model's folder or name, got object; save it first: model.save\('folder'\)",
        ),
        ({"out": 3}, "out must be a folder, got 3"),
        ({"teacher_floor": "high"}, "teacher_floor must be a share from 0 to 1, got 'high'"),
        ({"students": "minilm"}, r"students must be a list of models, such as \['minilm'\]"),
        ({"language": "fr"}, "language must be one of en, zh, got 'fr'"),
    ],
)
def test_a_wrong_kind_of_argument_is_refused_in_python_before_any_work(wrong, said, tmp_path):
    with pytest.raises(UserError, match=said):
        lighten(**{"data": "missing.csv", "out": tmp_path / "run"} | wrong)
    assert not (tmp_path / "run").exists()


def test_a_run_without_texts_to_choose_by_is_refused_before_any_work(tmp_path):
    texts, labels = [f"a text {word} {i}" for i in range(30) for word in ("warm", "dull")], ["good", "bad"] * 30
    with pytest.raises(UserError, match="lighten chooses and calibrates on the select split, and there is none"):
        lighten("config:bert:300k", data=(texts, labels), select=0, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_second_run_in_the_same_folder_is_refused_before_any_work(tmp_path):
    texts, labels = [f"a text {word} {i}" for i in range(30) for word in ("warm", "dull")], ["good", "bad"] * 30
    with (
        alone_in(tmp_path / "run" / "stages"),
        pytest.raises(UserError, match=r"another process is at work in \S*run; wait until it ends"),
    ):
        lighten("config:bert:300k", data=(texts, labels), out=tmp_path / "run")
    assert not (tmp_path / "run" / "plan.json").exists()


def test_a_model_or_student_that_is_not_there_is_told_before_anything_is_timed_and_leaves_no_folder(
    job, tmp_path, monkeypatch
):
    monkeypatch.setattr("llamita.plan.take_pace", lambda *a, **k: pytest.fail("timed"))
    for wrong in ({"model": "nosuch"}, {"students": ["nosuch"]}):
        with pytest.raises(UserError, match="nosuch"):
            lighten(**job | wrong, out=tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_a_teacher_that_is_surely_below_its_floor_ends_the_run_before_candidates_are_tried(
    made, job, tmp_path, monkeypatch
):
    shutil.copytree(made[0], tmp_path / "run")
    monkeypatch.setattr(sys.modules["llamita.job"].Job, "try_all", lambda *a: pytest.fail("tried"))
    with pytest.raises(
        UserError, match=r"the teacher reaches \d+\.\d % of the \d+ texts set aside .* 100\.0 % are asked"
    ):
        lighten(**job | {"teacher_floor": 1.0}, out=tmp_path / "run")


def test_a_file_is_no_folder_for_a_run(tmp_path, monkeypatch):
    (tmp_path / "out").write_text("x", encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    for out in (tmp_path / "out", "~/out"):
        with pytest.raises(UserError, match=r"out must be a folder; .*out is a file"):
            lighten(data="missing.csv", out=out)


def test_the_public_names_are_listed_before_any_is_imported_and_lighten_stays_the_function(monkeypatch):
    import inspect

    import llamita

    monkeypatch.delitem(vars(llamita), "lighten")
    assert {"lighten", "load", "Recipe"} <= set(dir(llamita))
    assert set(llamita.__all__) == {*llamita._PLACES, "__version__"}
    assert all(getattr(llamita, name) is not None for name in llamita.__all__)
    assert list(inspect.signature((llamita.lighten, llamita.lighten)[1]).parameters)[:2] == ["model", "data"]


def test_the_recipe_of_a_model_of_any_labels_makes_the_delivered_one_again(tmp_path):
    from llamita.core.recipe import Recipe
    from llamita.run import execute

    tiny_model("bert", layers=3).save(tmp_path / "model")
    train, chosen, tags = tmp_path / "train.csv", tmp_path / "choices.csv", ("warm", "warm;long", "", "long")
    rows = [f"{text},{tags[i % 4]}\n" for i, (text, _) in enumerate(sentences(160))]
    train.write_text("".join(["text,tags\n", *rows[:140]]))
    chosen.write_text("".join(["text,tags\n", *rows[140:]]))
    lighten(
        str(tmp_path / "model"), data=str(train), select=str(chosen), keep=None, max_size=60_000, minutes=0.2,
        students=[], threads=1, task="multilabel", out=tmp_path / "run",
    )  # fmt: skip
    recipe = Recipe.from_yaml(tmp_path / "run" / "recipe.yaml")
    assert sum("prune" in str(step) for step in recipe.to_dict()["steps"]) > 1
    assert recipe.task["multilabel"]["select"] == str(chosen)
    execute(replace(recipe, measures=()), tmp_path / "again", threads=1)
    student = (
        "student" if (tmp_path / "run" / "student").exists() else "light"
    )  # the linear model may alone be small enough
    made, again = (tmp_path / name / "model.safetensors" for name in (f"run/{student}", "again/light"))
    assert made.read_bytes() == again.read_bytes()
