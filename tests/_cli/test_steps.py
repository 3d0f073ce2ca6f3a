"""Single steps: one method on one model, a new folder with its lineage, and nothing else left behind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from llamita._cli.models import stages_beside
from llamita.cli import main
from llamita.core.alone import alone_in
from llamita.core.errors import UserError
from llamita.core.registry import entries
from llamita.learn import contrastive
from llamita.prune.depth import Depth

CUT = ("prune", "depth", "--keep", "1", "--data", "good.csv")


def lineage(folder: Path) -> list[dict[str, object]]:
    """The steps that a model's folder tells."""
    return json.loads((folder / "lineage.json").read_text(encoding="utf-8"))


def test_a_step_writes_a_model_that_predicts_and_leaves_no_scratch(place: Path, model: Path, said: Callable[..., str]):
    assert "written: cut" in said("prune", "depth", model, "--keep", "1", "--data", "good.csv", "--out", "cut")
    assert lineage(place / "cut")[-1]["step"] == "prune.depth"
    assert lineage(place / "cut")[-1]["settings"]["keep"] == 1
    assert sorted(p.name for p in place.iterdir()) == ["cut", "good.csv"]
    assert said("predict", "cut", "a text").startswith("text,label")


def test_a_method_of_learn_is_a_verb_and_goes_on_where_another_step_ended(
    place: Path, model: Path, said: Callable[..., str]
):
    said(*CUT, model, "--out", "new/folders/cut")
    told = said("calibrate", "new/folders/cut", "--data", "good.csv", "--out", "new/folders/sure")
    steps = [step["step"] for step in lineage(place / "new/folders/sure")]
    assert steps == ["load", "prune.depth", "learn.calibrate"]
    size = sum(file.stat().st_size for file in (place / "new/folders/sure").iterdir())
    assert told.endswith(f"written: {Path('new/folders/sure')} ({size / 1000:.3g} kB)\n")
    assert "texts that were not trained on" in told
    assert re.search(r"before +after", told), "the scores of both"
    assert sorted(p.name for p in (place / "new/folders").iterdir()) == ["cut", "sure"]


def test_a_second_step_into_the_same_folder_is_refused_and_spoils_nothing(
    place: Path, model: Path, refused: Callable[..., str], said: Callable[..., str]
):
    with alone_in(place / ".cut.stages"):
        (place / ".cut.stages" / "half").mkdir()
        assert "another process is at work in cut; wait until it ends" in refused(*CUT, model, "--out", "cut")
        assert (place / ".cut.stages" / "half").is_dir()
    said(*CUT, model, "--out", "cut")
    assert sorted(p.name for p in place.iterdir()) == ["cut", "good.csv"]


def test_a_folder_that_was_filled_meanwhile_is_not_replaced(place: Path):
    (place / "cut").mkdir()
    (place / "cut" / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match="cut exists already"), stages_beside(place / "cut", resumable=True):
        pass
    assert not (place / ".cut.stages").exists()


def test_a_teacher_is_refused_where_the_method_has_no_use_for_it(place: Path, model: Path, refused: Callable[..., str]):
    line = refused(*CUT, model, "--teacher", model, "--out", "out")
    assert "--teacher: prune.depth learns from no teacher; leave it out" in line


def test_a_student_learns_from_the_teacher_that_is_named(
    place: Path, model: Path, said: Callable[..., str], refused: Callable[..., str]
):
    words = ("distill", "logits", model, "--data", "good.csv", "--out", "student")
    assert "distill.logits needs a teacher; name one with --teacher" in refused(*words)
    assert [path.name for path in place.iterdir()] == ["good.csv"]
    said(*words, "--teacher", model, "--epochs", "1")
    assert lineage(place / "student")[-1]["step"] == "distill.logits"


def test_few_texts_are_all_learned_from_and_more_are_cut_as_ever(
    place: Path,
    model: Path,
    said: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    learned: list[int] = []
    pairs = contrastive.pair_batches
    monkeypatch.setattr(
        contrastive, "pair_batches", lambda gold, **more: learned.append(len(gold)) or pairs(gold, **more)
    )
    said("contrastive", model, "--data", "good.csv", "--epochs", "1", "--folds", "0", "--out", "few")
    assert learned == [40]
    assert lineage(place / "few")[-1]["step"] == "learn.contrastive"
    assert said("predict", "few", "a text").startswith("text,label")
    said("contrastive", model, "--data", "good.csv", "--test", "good.csv", "--epochs", "1", "--out", "other", code=2)


def test_few_texts_may_have_any_number_of_labels(place: Path, model: Path, said: Callable[..., str]):
    cells = ("warm", "long", "warm|long", "")
    rows = [f"a {cell.replace('|', ' and ') or 'plain'} film {i},{cell}" for i in range(4) for cell in cells]
    (place / "tags.csv").write_text("text,labels\n" + "\n".join(rows) + "\n", encoding="utf-8")
    said("contrastive", model, "--data", "tags.csv", "--epochs", "1", "--folds", "2", "--out", "few")
    config = json.loads((place / "few/config.json").read_text(encoding="utf-8"))
    assert config["problem_type"] == "multi_label_classification"
    assert len(json.loads((place / "few/answers.json").read_text(encoding="utf-8"))["thresholds"]) == 2
    assert said("predict", "few", "a text").startswith("text,labels")


def test_the_help_of_a_folder_of_steps_lists_its_methods(said: Callable[..., str]):
    for room in ("prune", "distill"):
        text = said(room, "--help")
        assert text.startswith(f"usage: llamita {room} METHOD MODEL … --out DIR\n")
        listed = {line.split()[0] for line in text.splitlines() if line.startswith("  ")}
        assert listed == {name.split(".")[1] for name in entries() if name.startswith(f"{room}.")}


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("prune",), "llamita prune takes a method: depth, vocabulary, width. See `llamita list prune`."),
        (("prune", "dept", "m"), "width, got 'dept'. Did you mean 'depth'?"),
        (("prune", "--keep", "1"), "width, got '--keep'."),
        (("prune", "depth", "m", "--out", "cut"), "give --keep. See `llamita prune depth --help`."),
        (("prune", "depth", "m", "--keep", "1"), "give --out."),
        (("prune", "depth", "m", "--keep", "0", "--out", "cut"), "keep must be"),
        (("prune", "depth", "m", "--keep", "one", "--out", "cut"), "keep must be int, got 'one'"),
        (("finetune", "m", "--epoch", "1", "--out", "cut"), "no flag '--epoch'. Did you mean '--epochs'?"),
        ((*CUT, "m", "--out", "good.csv"), "--out good.csv is a file; name a folder"),
        ((*CUT, "m", "--out", "cut"), "no model 'm'"),
        ((*CUT, "m", "--columns", "text=review", "--out", "cut"), "no column 'review'. Columns: text, label."),
        (("finetune", "m", "--unlabelled", "good.csv", "--out", "cut"), "--unlabelled goes with --data FILE"),
        (("finetune", "m", "--label-names", "0=a", "--out", "cut"), "--label-names goes with --data FILE"),
        (("finetune", "m", "--labels", "a,b", "--out", "cut"), "--labels goes with --data FILE"),
    ],
)
def test_a_step_that_can_not_be_is_refused_and_leaves_no_folder(
    words: tuple[str, ...], part: str, place: Path, refused: Callable[..., str]
):
    assert part in refused(*words)
    assert [path.name for path in place.iterdir()] == ["good.csv"]


def test_a_step_that_learns_is_refused_without_data(place: Path, model: Path, refused: Callable[..., str]):
    assert "learn.finetune needs data; name it with --data" in refused("finetune", model, "--out", "tuned")
    assert [path.name for path in place.iterdir()] == ["good.csv"]


def test_a_step_that_was_stopped_goes_on_where_it_stopped(
    place: Path, model: Path, said: Callable[..., str], monkeypatch: pytest.MonkeyPatch
):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("llamita.run.deliver", stop)
        assert main([*CUT, str(model), "--out", "cut"]) == 130
    assert not (place / "cut").exists()
    monkeypatch.setattr(Depth, "apply", stop)
    said(*CUT, model, "--out", "cut")
    assert sorted(p.name for p in place.iterdir()) == ["cut", "good.csv"]


def test_a_setting_that_only_the_model_refuses_leaves_nothing_not_even_new_folders(
    place: Path, model: Path, refused: Callable[..., str]
):
    words = ("prune", "depth", model, "--keep", "7", "--data", "good.csv", "--out", "new/folders/cut")
    assert "keep" in refused(*words)
    assert [path.name for path in place.iterdir()] == ["good.csv"]


@pytest.mark.parametrize("verb", ["finetune", "contrastive", "calibrate"])
def test_steps_that_learn_from_labels_take_no_other_texts(verb: str, model: Path, refused: Callable[..., str]):
    line = refused(verb, model, "--data", "good.csv", "--unlabelled", "good.csv", "--out", "new")
    assert "a step that learns from labels reads no other texts; leave --unlabelled out" in line


def test_texts_for_choices_are_a_file_or_a_share(
    place: Path, model: Path, said: Callable[..., str], refused: Callable[..., str], caplog: pytest.LogCaptureFixture
):
    lines = (place / "good.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (place / "choices.csv").write_text("".join([lines[0], *lines[-8:]]), encoding="utf-8")
    words = ("finetune", model, "--data", "good.csv", "--test", "good.csv", "--epochs", "1", "--early-stopping", "1")
    assert "give other test data" in refused(*words, "--select", "choices.csv", "--out", "no")
    rest = ("finetune", model, "--data", "good.csv", "--epochs", "1")
    said(*rest, "--select", "choices.csv", "--out", "chosen")
    assert "since the select split has them too: 7 of the training texts" in caplog.text
    assert "select must be in [0, 0.5]" in refused(*rest, "--select", "0.7", "--out", "no")
    assert "--select goes with --data" in refused(
        "prune", "depth", model, "--keep", "1", "--select", "0.2", "--out", "no"
    )
    few = ("contrastive", model, "--data", "good.csv", "--select", "choices.csv", "--out", "no")
    assert "leave --select out" in refused(*few)


def test_what_calibrating_changed_is_shown_and_a_model_of_one_answer_told(
    place: Path, model: Path, said: Callable[..., str], caplog: pytest.LogCaptureFixture
):
    out = said(
        "calibrate", model, "--data", "good.csv", "--test", "good.csv", "--select", "0.2", "--out", "same", code=2
    )
    rows = [
        f"{text} {i},{label}"
        for i in range(12)
        for text, label in (("a warm film", "positive"), ("a dull one", "negative"))
    ]
    (place / "held.csv").write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    out = said("calibrate", model, "--data", "good.csv", "--test", "held.csv", "--out", "sure")
    assert "negative log-likelihood" in out
    assert "calibration error" in out
    said(
        "finetune",
        model,
        "--data",
        "good.csv",
        "--test",
        "held.csv",
        "--epochs",
        "0.01",
        "--freeze",
        "1",
        "--out",
        "same",
    )
    assert "gives every text the label" in caplog.text


def test_a_calibrated_model_that_is_cut_is_calibrated_anew(place: Path, model: Path, said: Callable[..., str]):
    said("calibrate", model, "--method", "vector", "--data", "good.csv", "--out", "sure")
    said(*CUT, "sure", "--out", "cut")
    assert [step["step"] for step in lineage(place / "cut")] == [
        "load",
        "learn.calibrate",
        "prune.depth",
        "learn.calibrate",
    ]
    assert lineage(place / "cut")[-1]["settings"] == lineage(place / "sure")[-1]["settings"]


def test_the_losses_of_a_training_stand_beside_what_it_made(place: Path, model: Path, said: Callable[..., str]):
    said("finetune", model, "--data", "good.csv", "--epochs", "0.01", "--out", "tuned")
    lines = [json.loads(line) for line in (place / "tuned" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))
    assert all(line["loss"] > 0 for line in lines)
    said("prune", "depth", "tuned", "--keep", "1", "--data", "good.csv", "--out", "cut")
    assert not (place / "cut" / "metrics.jsonl").exists(), "they are of the other's weights"
