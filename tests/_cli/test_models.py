"""What a verb is named: models that classify, test data in their labels, places to write to."""

from __future__ import annotations

import csv
import json
import os
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
import transformers
from tests.engines import BagOfWords
from tests.families import tiny_model

from llamita._cli import models
from llamita.cli import main
from llamita.core.errors import UserError
from llamita.core.task import Task
from llamita.run import at_work
from llamita.tasks.recorded import recorded


def saved(tmp_path_factory: pytest.TempPathFactory, family: str, kind: str) -> Path:
    """The folder of a tiny model of this Transformers class."""
    made = tiny_model(family)
    made.module = getattr(transformers, kind).from_config(made.module.config)
    folder = tmp_path_factory.mktemp("models") / family
    made.save(folder)
    return folder


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model without a head."""
    return saved(tmp_path_factory, "bert", "AutoModel")


@pytest.fixture(scope="module")
def talker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model that knows no labels."""
    return saved(tmp_path_factory, "llama", "AutoModelForCausalLM")


@pytest.fixture(scope="module")
def judge_of_inference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny classifier of entailment."""
    folder = tmp_path_factory.mktemp("models") / "inference"
    tiny_model("bert", labels=("entailment", "neutral", "contradiction")).save(folder)
    return folder


def test_a_model_without_a_head_is_refused_with_the_command_that_gives_it_one(bare: Path, refused: Callable[..., str]):
    for words in (["predict", bare, "a text"], ["evaluate", bare, "--data", "good.csv"], ["explain", bare, "a text"]):
        assert f"{bare} has no head for labels; give it one: llamita finetune {bare}" in refused(*words)


def test_a_language_model_is_asked_where_labels_are_named(place: Path, talker: Path, said: Callable[..., str]):
    asked = ("--labels", "positive,negative", "--few-shot", "good.csv", "--shots", "2")
    out = said("predict", talker, "a warm film", "很失望", *asked, "--format", "jsonl")
    answers = [json.loads(line) for line in out.splitlines()]
    assert all(list(answer["probabilities"]) == ["positive", "negative"] for answer in answers)
    other = said("predict", talker, "a warm film", "--labels", "positive,negative", "--prompt", "{text} It was")
    assert (
        other.splitlines()[1] != said("predict", talker, "a warm film", "--labels", "positive,negative").splitlines()[1]
    )
    write_csv(place / "others.csv", "unlike")
    others = ("--labels", "positive,negative", "--few-shot", "others.csv", "--shots", "2")
    assert "accuracy" in said("evaluate", talker, "--data", "good.csv", *others)
    assert "warm" in said("explain", talker, "a warm film", "--labels", "positive,negative")


def test_recorded_answers_are_measured_and_give_their_own_as_a_model_does(place: Path, said: Callable[..., str]):
    with (place / "good.csv").open(newline="", encoding="utf-8") as stream:
        texts = [row["text"] for row in csv.DictReader(stream)]
    teacher = BagOfWords({"warm": (0, 2), "dull": (2, 0)})
    recorded(teacher, texts, teacher.text_logits(texts)).save(place / "teacher")
    assert "accuracy" in said("evaluate", "teacher", "--data", "good.csv")
    assert "accuracy" in said("measure", "quality", "teacher", "--data", "good.csv")
    assert "positive" in said("predict", "teacher", texts[0])


def write_csv(file: Path, start: str, more: Sequence[str] = ()) -> None:
    rows = [f"{start} {i},{('positive', 'negative')[i % 2]}" for i in range(12)]
    file.write_text("\n".join(["text,label", *rows, *more, ""]), encoding="utf-8")


def test_texts_that_measure_are_neither_shown_nor_calibrate_and_those_shown_do_not_calibrate(
    place: Path, talker: Path, refused: Callable[..., str], capsys: pytest.CaptureFixture[str]
):
    write_csv(place / "hand.csv", "text")
    write_csv(place / "mixed.csv", "other", ["text 0,positive", "text 1!,negative"])
    asked = ["evaluate", str(talker), "--data", "hand.csv", "--labels", "positive,negative", "--threads", "1"]
    assert main([*asked, "--few-shot", "mixed.csv", "--shots", "2", "--calibrate", "mixed.csv"]) == 0
    told = capsys.readouterr().err
    assert "mixed.csv: the model is measured on 2 rows, which are not shown" in told
    assert "mixed.csv: 4 rows are shown or measured and don't calibrate" in told
    assert "hand.csv: the model is measured on all its texts" in refused(*asked, "--few-shot", "hand.csv")
    assert "hand.csv: all its texts are shown or measured" in refused(*asked, "--calibrate", "hand.csv")


def test_what_is_said_for_a_label_may_be_another_word(place: Path, talker: Path, said: Callable[..., str]):
    named = said("predict", talker, "a film", "--labels", "good,bad").splitlines()[1].split(",")
    numbered = said("predict", talker, "a film", "--labels", "1=good,0=bad").splitlines()[1].split(",")
    assert numbered[2:] == named[2:]
    assert {named[1], numbered[1]} in ({"good", "1"}, {"bad", "0"})


def test_a_model_of_inference_is_asked_for_other_labels(
    place: Path, judge_of_inference: Path, talker: Path, said: Callable[..., str], refused: Callable[..., str]
):
    asked = ("--labels", "1=films,0=hotels")
    out = said("predict", judge_of_inference, "a warm film", "很失望", *asked, "--format", "jsonl")
    answers = [json.loads(line) for line in out.splitlines()]
    assert all(list(answer["probabilities"]) == ["1", "0"] for answer in answers)
    assert all(sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-4) for answer in answers)
    several = said("predict", judge_of_inference, "a warm film", *asked, "--multi-label", "--format", "jsonl")
    likely = json.loads(several)
    assert likely["labels"] == sorted(
        (label for label, p in likely["probabilities"].items() if p >= 0.5),
        key=lambda one: -likely["probabilities"][one],
    )
    other = said("predict", judge_of_inference, "a warm film", *asked, "--prompt", "It praises {label}.")
    assert other.splitlines()[1] != said("predict", judge_of_inference, "a warm film", *asked).splitlines()[1]
    labels = ("--labels", "positive,negative")
    write_csv(place / "others.csv", "unlike")
    fitted = said("evaluate", judge_of_inference, "--data", "good.csv", *labels, "--calibrate", "others.csv")
    assert "accuracy" in fitted
    assert "warm" in said("explain", judge_of_inference, "a warm film", *labels)
    assert "entailment" in said("predict", judge_of_inference, "a film", "--pair", "a movie")
    wrong = refused("predict", judge_of_inference, "a", *labels, "--few-shot", "good.csv")
    assert "a model of inference reads none" in wrong
    assert "--multi-label is for models of inference" in refused("predict", talker, "a", *labels, "--multi-label")
    assert "--multi-label is about asking" in refused("predict", judge_of_inference, "a", "--multi-label")
    sets = (*labels, "--multi-label", "--coverage", "0.9", "--labelled", "good.csv", "--format", "jsonl")
    drawn = json.loads(said("predict", judge_of_inference, "a", *sets))
    least = min(drawn["probabilities"][label] for label in drawn["labels"])
    assert set(drawn["labels"]) == {label for label, p in drawn["probabilities"].items() if p >= least}


def test_asking_that_makes_no_sense_is_refused(place: Path, talker: Path, model: Path, refused: Callable[..., str]):
    assert "ask it for some (--labels good,bad), or give it one" in refused("predict", talker, "a")
    assert "has labels of its own: " in refused("predict", model, "a", "--labels", "a,b")
    assert "--prompt is about asking a model for labels" in refused("predict", talker, "a", "--prompt", "{text}?")
    assert "--shots says how many examples" in refused("predict", talker, "a", "--labels", "a,b", "--shots", "2")
    assert "two labels or more, got good" in refused("predict", talker, "a", "--labels", "good")
    words = ("predict", talker, "a", "--labels", "good,bad", "--few-shot", "good.csv")
    assert "good.csv:2: label 'positive' is none of good, bad" in refused(*words)
    assert "{text}" in refused("predict", talker, "a", "--labels", "good,bad", "--prompt", "What is it?")


def task_of(folder: Path, labels: tuple[str, ...], *rows: str) -> Task:
    """The test data of these rows for an engine with these labels."""
    (folder / "test.csv").write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    args = Namespace(data=str(folder / "test.csv"), columns=None, task="classify")
    return models.test_task(args, BagOfWords({"a": [0.0] * len(labels)}, labels))


def test_the_models_order_of_labels_stands_whatever_comes_first_in_the_data(tmp_path: Path):
    task = task_of(tmp_path, ("negative", "neutral", "positive"), "a,positive", "b,negative")
    assert task.labels == ("negative", "neutral", "positive")
    assert task.test.labels == (2, 0)


def test_labels_are_written_as_the_data_writes_them(tmp_path: Path):
    task = task_of(tmp_path, ("negative", "positive"), "a,POSITIVE", "b,Negative")
    assert task.labels == ("Negative", "POSITIVE")
    assert task.test.labels == (1, 0)


def test_a_number_means_the_label_of_that_number(tmp_path: Path):
    assert task_of(tmp_path, ("LABEL_0", "LABEL_1"), "a,1", "b,0").test.labels == (1, 0)
    assert task_of(tmp_path, ("0", "1"), "a,1", "b,0").test.labels == (1, 0)


def test_labels_that_differ_in_case_alone_are_told_apart(tmp_path: Path):
    assert task_of(tmp_path, ("us", "US"), "a,US", "b,us").test.labels == (1, 0)


def test_a_label_the_model_does_not_know_is_told_with_its_line_and_the_nearest(tmp_path: Path):
    with pytest.raises(UserError) as caught:
        task_of(tmp_path, ("negative", "positive"), "a,positive", '"b\nb",negative', "c,postive")
    assert "test.csv:5: label 'postive' is none of the model's labels (negative, positive)." in str(caught.value)
    assert "Did you mean 'positive'?" in str(caught.value)
    with pytest.raises(UserError, match="label '2' is none of"):
        task_of(tmp_path, ("LABEL_0", "LABEL_1"), "a,2")


def test_a_measure_gets_the_seed_and_threads_and_leaves_nothing_behind():
    seen = []

    def fail():
        with models.scratch_run(Namespace(threads=3, seed=7)) as run:
            (run.folder / "left.txt").write_text("x", encoding="utf-8")
            seen.append(run)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (seen[0].threads, seen[0].seed, seen[0].split) == (3, 7, "test")
    assert not seen[0].folder.exists()


def test_a_new_folder_may_exist_if_it_is_empty(tmp_path: Path):
    assert models.new_folder(str(tmp_path)) == tmp_path
    (tmp_path / ".hidden").touch()
    with pytest.raises(UserError, match="isn't empty"):
        models.new_folder(str(tmp_path))


@pytest.mark.parametrize("begun", ["plan.json", "report.json", "stages/"])
def test_a_run_goes_on_in_the_folder_where_it_began(begun: str, tmp_path: Path):
    (tmp_path / "other.txt").touch()
    with pytest.raises(UserError, match="no run of llamita"):
        models.run_folder(str(tmp_path))
    (tmp_path / begun).mkdir() if begun.endswith("/") else (tmp_path / begun).touch()
    assert models.run_folder(str(tmp_path)) == tmp_path


@pytest.mark.parametrize("mine", ["recipe.yaml", "log.txt", "test.csv", "light/"])
def test_a_folder_of_the_users_own_is_no_run_whatever_its_files_are_called(mine: str, tmp_path: Path):
    (tmp_path / mine).mkdir() if mine.endswith("/") else (tmp_path / mine).touch()
    with pytest.raises(UserError, match="no run of llamita"):
        models.run_folder(str(tmp_path))
    (tmp_path / mine).rename(tmp_path / ".hidden")
    (tmp_path / "audit.csv").touch()
    assert models.run_folder(str(tmp_path)) == tmp_path


def test_a_run_is_known_from_its_first_moment_wherever_its_stages_are(tmp_path: Path):
    with suppress(ZeroDivisionError), at_work(tmp_path / "out", tmp_path / "shared"):
        (tmp_path / "out" / "test.csv").touch()
        assert models.run_folder(str(tmp_path / "out")) == tmp_path / "out"
    assert models.run_folder(str(tmp_path / "out")) == tmp_path / "out"


def test_folders_that_lead_to_a_new_one_are_not_made_before_the_work(place: Path):
    assert models.new_folder("a/b/c") == Path("a/b/c")
    assert models.run_folder("a/b/c") == Path("a/b/c")
    assert not (place / "a").exists()


def test_a_file_high_above_a_new_folder_is_named(place: Path):
    with pytest.raises(UserError, match=r"good\.csv is a file, not a folder"):
        models.new_folder("good.csv/a/b")


def test_a_tilde_is_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    assert models.new_file("~/p.csv") == tmp_path / "p.csv"
    assert models.new_folder("~/out") == models.run_folder("~/out") == tmp_path / "out"


def test_a_read_only_folder_is_refused_before_the_work(
    place: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("llamita._cli.models.os.access", lambda *_: False)
    assert "is read-only" in refused("lighten", "--data", "good.csv", "--out", "out")
    assert "is read-only" in refused("predict", "smollm2", "a text", "--out", "p.csv")


def test_texts_of_every_script_pass_and_control_characters_that_no_model_reads_do_not():
    texts = ["很好的酒店", "naïve", "😀", " \t\n", ""]
    assert models.checked_texts(texts) == texts
    with pytest.raises(UserError, match="NUL"):
        models.checked_texts(["fine", "a\0b"])


@pytest.mark.skipif(os.name != "posix", reason="Windows asks for rights to make links")
def test_a_link_named_as_out_stays_one_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    for target in ("big", "to-be-made"):
        (tmp_path / "out").symlink_to(tmp_path / target)
        assert models.new_folder(str(tmp_path / "out")) == (tmp_path / target).resolve()
        assert models.run_folder(str(tmp_path / "out")) == (tmp_path / target).resolve()
        (tmp_path / "out").unlink()
    (tmp_path / "file").write_text("x")
    (tmp_path / "out").symlink_to(tmp_path / "file")
    with pytest.raises(UserError, match="is a file; name a folder"):
        models.new_folder(str(tmp_path / "out"))
