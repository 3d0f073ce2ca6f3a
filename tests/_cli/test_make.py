"""Verbs that make models: flags reach the work behind them, and what came of it is told with an exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from llamita.core.errors import UserError
from llamita.core.measure import Finding
from llamita.core.report import Goal, Report, Subject

GOALS = (
    Goal(name="max_size", limit=2e7, unit="bytes", value=1e7, met=True),
    Goal(name="keep", limit=0.99, unit="share", value=0.95, met=False, advice="relax it: --keep 0.95"),
    Goal(name="max_latency", limit=5.0, unit="ms", value=None, met=False),
)


@pytest.fixture
def ends_with(monkeypatch: pytest.MonkeyPatch) -> Callable[[Report], dict[str, object]]:
    """Let the work behind `lighten` and `demo` end with this report at once; hands back what it will be given."""

    def prepare(report: Report) -> dict[str, object]:
        given: dict[str, object] = {}

        def lighten(model: str | None, **settings: object) -> Report:
            given.update(settings, model=model)
            return report

        monkeypatch.setattr(import_module("llamita.lighten"), "lighten", lighten)
        return given

    return prepare


def reported(*subjects: Subject, goals: tuple[Goal, ...] = ()) -> Report:
    return Report(title="light", task={}, subjects=subjects, goals=goals)


def test_lighten_hands_its_flags_to_the_function_and_tells_missed_goals(
    place: Path, said: Callable[..., str], ends_with: Callable[[Report], dict[str, object]]
):
    given = ends_with(reported(goals=GOALS))
    words = ["lighten", "--data", "good.csv", "--max-size", "20MB", "--max-latency", "5ms", "--labels", "a,b"]
    text = said(*words, "--columns", "text=text,label=label", "--redact", "--language", "zh", code=1)
    assert given["max_size"] == 20_000_000
    assert given["max_latency"] == 5.0
    assert given["labels"] == ("a", "b")
    assert given["columns"] == {"text": "text", "label": "label"}
    assert (given["model"], given["out"], given["redact"], given["language"]) == (None, Path("light-good"), True, "zh")
    assert "目标 max-size 20 MB：达成，实际 10 MB。" in text
    assert "目标 keep 99.0 %：未达成，实际 95.0 %。 可放宽：--keep 0.95。" in text
    text = said(*words, "--redact", code=1)
    assert "goal max-size 20 MB: met, 10 MB." in text
    assert "goal keep 99.0 %: missed, 95.0 %. relax it: --keep 0.95." in text
    assert "goal max-latency 5 ms: missed, not measured.\n" in text


def test_a_goal_missed_by_little_is_not_told_as_reached_and_has_its_interval(
    place: Path, said: Callable[..., str], ends_with: Callable[[Report], dict[str, object]]
):
    missed = Goal(name="keep", limit=0.99, unit="share", value=0.9896, met=False, interval=(0.97, 1.01), n=500)
    over = Goal(name="max_size", limit=12e6, unit="bytes", value=12_004_000, met=False)
    ends_with(reported(goals=(missed, over)))
    text = said("lighten", "--data", "good.csv", code=1)
    assert "goal keep 99.00 %: missed, 98.96 % [97.0, 101.0]." in text
    assert "goal max-size 12 MB: missed, 12.004 MB." in text


def test_goals_that_are_met_are_exit_code_0_in_print_and_in_json(
    place: Path, said: Callable[..., str], ends_with: Callable[[Report], dict[str, object]]
):
    ends_with(reported(goals=GOALS[:1]))
    words = ("lighten", "--data", "good.csv", "--out", "mine")
    text = said(*words)
    assert text.splitlines()[-2:] == [f"model: {Path('mine/light')}", f"page:  {Path('mine/report.html')}"]
    found = json.loads(said(*words, "--json"))
    assert [Path(found[key]) for key in ("out", "light", "report")] == [
        Path("mine"), Path("mine/light"), Path("mine/report.html"),
    ]  # fmt: skip
    assert [(goal["name"], goal["value"], goal["met"]) for goal in found["goals"]] == [("max_size", 1e7, True)]
    ends_with(reported(goals=GOALS))
    assert json.loads(said(*words, "--json", code=1))["goals"][2]["value"] is None


def test_the_table_shows_the_models_and_not_the_candidates(
    place: Path, said: Callable[..., str], ends_with: Callable[[Report], dict[str, object]]
):
    found = (Finding(name="quality.accuracy", value=0.5, unit="share"), Finding(name="calibration.ece", value=0.1))
    subjects = [Subject(name=f"a {role}", role=role, findings=found) for role in ("model", "candidate", "linear")]
    ends_with(reported(*subjects, Subject(name="unmeasured", role="light")))
    text = said("lighten", "--data", "good.csv")
    assert "a model" in text
    assert "50.0 %" in text
    assert not any(part in text for part in ("a candidate", "a linear", "unmeasured", "ECE"))


def test_the_command_that_is_kept_can_be_given_again(
    place: Path, said: Callable[..., str], ends_with: Callable[[Report], dict[str, object]]
):
    given = ends_with(reported())
    said("lighten", "--data", "good.csv", "--columns", "text=my review", "--students", "none")
    assert given["command"] == "llamita lighten --data good.csv --columns 'text=my review' --students none"
    assert given["students"] == ()


def test_the_demo_finds_its_data_or_says_so(
    place: Path, said: Callable[..., str], refused: Callable[..., str],
    ends_with: Callable[[Report], dict[str, object]], monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    given = ends_with(reported())
    data = place / "examples" / "data"
    data.mkdir(parents=True)
    for name in ("sst2_train.csv", "sst2_validation.csv"):
        (data / name).write_text("text,label\na,b\n", encoding="utf-8")
    said("demo", "--minutes", "3")
    assert given["data"] == str(data / "sst2_train.csv")
    assert (given["minutes"], given["out"]) == (3.0, Path("demo-light"))
    (data / "sst2_train.csv").unlink()
    monkeypatch.setattr("llamita.__file__", str(place / "site" / "llamita" / "__init__.py"))
    assert "use your own texts: llamita lighten --data FILE" in refused("demo")


@pytest.fixture
def recipe(place: Path, model: Path) -> dict[str, object]:
    """A recipe of one step in recipe.yaml."""
    plain = {
        "model": str(model),
        "task": {"classify": {"train": "good.csv"}},
        "steps": [{"prune.depth": {"keep": 2}}],
    }
    (place / "recipe.yaml").write_text(yaml.safe_dump(plain), encoding="utf-8")
    return plain


def test_a_recipe_is_carried_out_with_its_overrides_in_the_stages_that_are_named(
    place: Path, recipe: dict[str, object], said: Callable[..., str]
):
    words = ("run", "recipe.yaml", "seed=3", "--out", "out", "--stages", "shared", "steps.0.keep=1", "--json")
    assert Path(json.loads(said(*words))["light"]) == Path("out/light")
    *_, step = json.loads((place / "out" / "light" / "lineage.json").read_text(encoding="utf-8"))
    assert (step["step"], step["settings"]["keep"]) == ("prune.depth", 1)
    assert yaml.safe_load((place / "out" / "recipe.yaml").read_text(encoding="utf-8"))["seed"] == 3
    assert len(list((place / "shared").glob("*-prune.depth"))) == 1
    assert not (place / "out" / "stages").exists()
    assert yaml.safe_load((place / "recipe.yaml").read_text(encoding="utf-8")) == recipe


def test_an_artifact_tells_its_precision_and_size_and_predicts(place: Path, model: Path, said: Callable[..., str]):
    text = said("export", model, "--precision", "fp32", "--out", "new/light")
    size = sum(file.stat().st_size for file in (place / "new" / "light").rglob("*") if file.is_file())
    assert f"written: {Path('new/light')} (fp32, {size / 1000:.3g} kB). Try it: llamita predict" in text
    assert [path.name for path in (place / "new").iterdir()] == ["light"]
    answers = [json.loads(said("predict", m, "a warm film", "--format", "jsonl")) for m in (model, "new/light")]
    assert answers[0]["probabilities"] == pytest.approx(answers[1]["probabilities"], abs=1e-4)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("lighten", "--data", "good.csv", "--language", "fr"), "--language: invalid choice: 'fr'"),
        (("lighten", "--data", "good.csv", "--students", "a,,b"), "--students must be different names"),
        (("lighten", "--data", "good.csv", "--out", "mine"), "--out mine holds other files and no run of llamita"),
        (("demo", "--keep", "0.9"), "no flag '--keep'"),
        (("run", "recipe.yaml"), "give --out"),
        (("run", "mine", "--out", "out"), "mine is a folder; name a recipe (.yaml) in it"),
        (("run", "recipe.yaml", "--out", "mine"), "--out mine holds other files and no run of llamita"),
        (("run", "recipe.yaml", "--out", "out", "steps.0.kep=1"), "Did you mean 'keep'?"),
        (("export", "m", "--to", "onx", "--out", "out"), "--to takes onnx, got 'onx'. Did you mean 'onnx'?"),
        (("export", "m", "--precision", "int9", "--out", "out"), "precision must be one of auto, fp32,"),
        (("export", "m", "--out", "mine"), "--out mine exists already and isn't empty"),
        (("export", "m", "--data", "god.csv", "--out", "out"), "Did you mean 'good.csv'?"),
        (("export", "m", "--out", "out"), "no model 'm'"),
    ],
)
def test_what_can_not_be_made_is_refused_and_leaves_what_stood_there(
    words: tuple[str, ...], part: str, place: Path, recipe: dict[str, object], refused: Callable[..., str]
):
    (place / "mine").mkdir()
    (place / "mine" / "thesis.txt").write_text("precious", encoding="utf-8")
    assert part in refused(*words)
    assert sorted(path.name for path in place.iterdir()) == ["good.csv", "mine", "recipe.yaml"]


def test_a_flag_that_decides_the_others_needs_its_value(place: Path, model: Path, refused: Callable[..., str]):
    assert "--to needs a value, such as --to onnx" in refused("export", model, "--out", "new", "--to")
    assert "--method needs a value, such as --method occlusion" in refused("explain", model, "a", "--method")
    assert "--label-names goes with --data" in refused("export", model, "--label-names", "0=a", "--out", "new")
    assert "--columns goes with --data FILE" in refused("export", model, "--columns", "text=a", "--out", "new")


def test_an_export_cuts_select_as_the_training_did(
    place: Path, model: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
):
    asked: list[dict[str, object]] = []

    def opened(task: dict[str, dict[str, object]]) -> None:
        asked.append(task["classify"])
        raise UserError("enough")

    monkeypatch.setattr("llamita.workshop.open_task", opened)
    refused("export", model, "--data", "good.csv", "--test", "test.csv", "--seed", "3", "--out", "new")
    assert asked == [{"train": "good.csv", "test": "test.csv", "seed": 3}]
    assert "--test goes with --data FILE" in refused("export", model, "--test", "test.csv", "--out", "new")


def test_what_goes_with_texts_without_labels_reaches_the_function(
    place: Path, said: Callable[..., str], refused: Callable[..., str],
    ends_with: Callable[[Report], dict[str, object]],
):  # fmt: skip
    given = ends_with(reported())
    (place / "texts.txt").write_text("a film\nb film\n", encoding="utf-8")
    words = ("lighten", "http://h/v1#m", "--data", "texts.txt")
    flags = ("--prompt", "Say: {text}\\nWhat?", "--few-shot", "good.csv", "--shots", "4", "--audit", "good.csv")
    said(*words, "--labels", "1=good,0=bad", *flags)
    assert given["labels"] == {"1": "good", "0": "bad"}
    assert (given["prompt"], given["few_shot"], given["shots"]) == ("Say: {text}\nWhat?", "good.csv", 4)
    assert (given["audit"], given["model"]) == ("good.csv", "http://h/v1#m")
    assert "name their file: --few-shot FILE" in refused(*words, "--labels", "a,b", "--shots", "4")
    assert "--audit ask needs the labels to choose from" in refused(*words, "--audit", "ask")


def test_where_nobody_checked_the_printed_score_is_called_agreement(
    place: Path, said: Callable[..., str], ends_with: Callable[[Report], dict[str, object]]
):
    score = (Finding(name="quality.accuracy", value=0.5, unit="share", n=10),)
    about = {"labelled_by": {"teacher": "big", "checked": False}}
    subjects = (Subject(name="light", role="light", findings=score), Subject(name="big", role="teacher"))
    ends_with(Report(title="light", task=about, subjects=subjects))
    text = said("lighten", "--data", "good.csv")
    assert "agreement with the teacher" in text
    assert "Nobody checked the teacher's labels" in text
    assert "accuracy" not in text.casefold()
