"""Texts without labels become a light model: who labelled, who checked, and what is agreement only is said plainly."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import jsonschema
import numpy as np
import pytest
import torch
import yaml
from tests.brief import be_brief
from tests.families import tiny_model
from tests.sentiments import GOOD, sentences, write_csv
from tests.tasks.servers import Fake, served

from llamita.cli import main
from llamita.core.architecture import head_linear
from llamita.core.errors import UserError
from llamita.core.hardware import use_bf16
from llamita.core.report import SCHEMA_FILE
from llamita.core.store import Store
from llamita.data.read import read_table
from llamita.goals import Goals
from llamita.labeller import TIMED, seconds_a_text
from llamita.lighten import lighten
from llamita.pages.report import first_line
from llamita.run import open_engine
from llamita.tasks.recorded import open_folder
from llamita.unlabelled import unlabelled_texts
from llamita.workshop import Workshop

LABELS = ("negative", "positive")
ROWS = sentences(420)


def opinion(question: str) -> dict[str, float]:
    """B is positive; this teacher is wrong on every text about the camera, and too sure."""
    text = question.removeprefix("Text: ")
    positive = any(word in text for word in GOOD) != ("camera" in text)
    return {"B": 0.97, "A": 0.02} if positive else {"A": 0.97, "B": 0.02}


@pytest.fixture(scope="module", autouse=True)
def _brief():
    with pytest.MonkeyPatch.context() as patch:
        be_brief(patch)
        yield


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Texts, hand labels, and a student."""
    folder = tmp_path_factory.mktemp("unlabelled")
    (folder / "texts.txt").write_text("\n".join(text for text, _ in ROWS[:300]) + "\n", encoding="utf-8")
    write_csv(folder / "audit.csv", ROWS[270:420])  # thirty of them stand among the texts
    tiny_model("bert", layers=2).save(folder / "student")
    classifier = tiny_model("bert", labels=("Positive", "Negative"), layers=2)
    logits = classifier.text_logits([text for text, _ in ROWS[:300]])
    with torch.no_grad():  # of random weights, but each label for half of the texts
        head_linear(classifier.module).bias[1] += float(np.median(logits[:, 0] - logits[:, 1]))
    classifier.folder = None
    classifier.save(folder / "classifier")
    return folder


@pytest.fixture(scope="module")
def settings(place):
    return {
        "data": str(place / "texts.txt"), "labels": LABELS, "keep": 0.1, "minutes": 0.2,
        "students": [str(place / "student")], "threads": 1,
    }  # fmt: skip


@pytest.fixture(scope="module")
def checked(place, settings):
    """One finished run with a server as teacher and hand labels; the server is gone afterwards."""
    with served(Fake(answer=opinion)) as fake:
        url = f"{fake.url}#large-one"
        report = lighten(url, **settings, audit=str(place / "audit.csv"), out=place / "checked")
        return place / "checked", report, fake, url


@pytest.fixture(scope="module")
def unchecked(place, settings):
    """One finished run with a classifier as teacher and nobody to check it."""
    return place / "unchecked", lighten(str(place / "classifier"), **settings, out=place / "unchecked")


def test_every_text_is_asked_once(checked):
    _, _, fake, _ = checked
    texts = fake.texts
    assert len(set(texts)) == len(texts) == 421  # and a neutral one, to find out how


def test_teacher_and_student_are_measured_on_hand_labels_that_nothing_learned_from(checked):
    out, report, _, _ = checked
    told = report.task["labelled_by"]
    fitted = {text for text, _ in ROWS[270:420]} - _column(out / "measuring.csv")
    bare = {text for text, _ in ROWS[:300]}
    assert fitted & bare
    assert (told["calibrating"], told["measuring"], told["texts"]) == (50, 100, 300 - len(fitted & bare))
    assert _column(out / "labelled.csv") == bare - fitted
    with (out / "measuring.csv").open(encoding="utf-8") as stream:
        measured = {row["text"]: row["label"] for row in csv.DictReader(stream)}
    assert measured.items() <= dict(ROWS[270:420]).items()
    teacher = report.subject("teacher").finding("quality.accuracy")
    wrong = sum("camera" in text for text in measured)
    assert teacher.value == pytest.approx(1 - wrong / 100)
    assert report.subject("light").finding("quality.accuracy").n == 100
    learned = report.task["sizes"]["train"] + report.task["sizes"]["select"]
    assert learned == len(bare - fitted - measured.keys())


def _column(file):
    with file.open(encoding="utf-8") as stream:
        return {row["text"] for row in csv.DictReader(stream)}


def test_the_teacher_is_calibrated_by_hand_labels_and_shown_before_and_after(checked):
    out, report, _, _ = checked
    before, after = (report.subject(role).finding("calibration.nll").value for role in ("teacher_plain", "teacher"))
    assert after < before
    table = open_folder(out / "teacher")
    assert table.scale.max() < 1
    assert f"log loss {before:.3f} → {after:.3f}" in " ".join(report.notes)


def test_the_first_line_compares_both_by_hand_labels(checked):
    out, report, _, _ = checked
    line = first_line(report)
    assert line.startswith("large-one is right on ")
    assert line.endswith("between them (n = 100).")
    assert "the probabilities of the labels' letters" in report.notes[0]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Teacher, not calibrated" in page
    assert "Student of its answers alone" in page
    jsonschema.validate(json.loads((out / "report.json").read_text()), json.loads(SCHEMA_FILE.read_text()))


def test_the_same_call_again_asks_nobody_and_makes_nothing_anew(checked, place, settings):
    out, first, fake, url = checked
    stages = sorted(path.name for path in (out / "stages").iterdir())
    again = lighten(url, **settings, audit=str(place / "audit.csv"), out=out)
    assert sorted(path.name for path in (out / "stages").iterdir()) == stages
    assert again.subject("light").findings == first.subject("light").findings
    assert len(fake.texts) == 421


def test_the_recipe_repeats_the_delivered_model_without_the_server(checked, tmp_path):
    out, *_ = checked
    recipe = yaml.safe_load((out / "recipe.yaml").read_text(encoding="utf-8"))
    assert recipe["teacher"]["model"] == str(out / "teacher")
    assert main(["run", str(out / "recipe.yaml"), "--out", str(tmp_path / "again"), "--threads", "1"]) == 0
    ours, theirs = ((folder / "light" / "model.safetensors").read_bytes() for folder in (out, tmp_path / "again"))
    assert ours == theirs


def test_a_teacher_is_asked_in_the_language_of_the_texts(tmp_path):
    how = dict.fromkeys(("audit", "prompt", "few_shot", "shots", "columns"))
    told = {}
    for name, text in (("zh", "第 {} 家酒店的房间很干净"), ("en", "room {} was clean")):
        file = tmp_path / f"{name}.txt"
        file.write_text("\n".join(text.format(i) for i in range(60)), encoding="utf-8")
        tables = {"train": read_table(str(file))}
        told[name] = unlabelled_texts(tables, "good,bad", 0, model="config:llama:300k", asking=how).asking.chinese
    assert told == {"zh": True, "en": False}


def test_with_nobody_to_check_scores_are_agreement_and_the_page_says_so(unchecked):
    out, report = unchecked
    assert first_line(report).startswith("Nobody checked the teacher's labels: the light model gives its answer on ")
    assert any(note.startswith("Nobody checked the teacher") and "--keep is read so" in note for note in report.notes)
    assert report.subject("teacher").finding("quality.accuracy") is None
    light = report.subject("light")
    assert light.finding("quality.accuracy").value is not None
    assert light.finding("calibration.ece") is None
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Agrees with the teacher" in page
    assert ">Accuracy<" not in page
    card = (out / "light" / "README.md").read_text(encoding="utf-8")
    assert "model-index" not in card
    assert card.count("Nobody checked the teacher's labels") == 1


def test_a_classifiers_head_labels_the_texts_whatever_the_order_and_case_of_its_labels(unchecked, place):
    out, _ = unchecked
    engine = open_engine(place / "classifier")
    engine.precision = "bf16" if use_bf16("auto") else "fp32"  # as it was asked
    with (out / "labelled.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    scores = engine.scores([row["text"] for row in rows])
    sure = scores.max(1) > 0.52  # in bf16 a text may say another thing by a hair, beside other texts
    assert sure.sum() > len(rows) / 3
    told = [engine.labels[i].casefold() for i in scores[sure].argmax(1)]
    assert told == [row["label"] for row, clear in zip(rows, sure, strict=True) if clear]
    np.testing.assert_allclose([float(row["confidence"]) for row in rows], scores.max(1), atol=0.01)


def test_without_hand_labels_the_student_is_no_surer_than_its_teacher(unchecked):
    out, report = unchecked
    if not any(note.startswith("The light model learned from the teacher's answers") for note in report.notes):
        assert report.subject("light").lineage[-2]["step"] == "distill.temperature"
        texts = [row["text"] for row in report.subject("light").finding("quality.accuracy").rows]
        sure = open_engine(out).scores(texts).max(1).mean()
        assert sure < report.task["labelled_by"]["mean_confidence"] + 0.02


ROWS_OF_PAIRS = ([("a", "b"), ("c", "d")], list(LABELS))
REFUSED = [
    (
        {"labels": None},
        "has no labels; name their column .* or the labels that a teacher shall give: --labels good,bad",
    ),
    ({"labels": "a,a"}, "labels must be two different names or more"),
    ({"students": []}, "need a student besides the teacher"),
    ({"labels": ("x", "y")}, "has labels of its own: Positive, Negative; none is an entailment"),
    ({"prompt": "Say: {text}"}, "--prompt is for asking a model"),
    ({"task": "multilabel"}, "a teacher is asked for one label each .*, got 'multilabel'"),
    ({"teacher_floor": 0.8}, "teacher_floor needs hand labels that the teacher is measured by"),
    ({"audit": ROWS_OF_PAIRS}, "a pair of texts, but the data has single ones"),
    ({"few_shot": ROWS_OF_PAIRS}, "a pair of texts, but the data has single ones"),
    ({"audit": tuple(map(list, zip(*ROWS[:290], strict=True)))}, "has 10 texts without hand labels to learn from"),
]


@pytest.mark.parametrize(("change", "said"), REFUSED)
def test_what_cannot_be_done_is_one_line(change, said, place, settings, tmp_path):
    with pytest.raises(UserError, match=said):
        lighten(str(place / "classifier"), **settings | change, out=tmp_path / "run")


@pytest.mark.parametrize(
    "more", [{"audit": "a.csv"}, {"prompt": "{text}"}, {"few_shot": "a.csv"}, {"labels": {"a": "b"}}]
)
def test_what_is_for_texts_without_labels_is_refused_beside_labels(more, place, tmp_path):
    with pytest.raises(UserError, match=r"is for texts without labels, but .* has a label column"):
        lighten(str(place / "classifier"), data=str(place / "audit.csv"), out=tmp_path / "run", **more)


def test_a_teacher_that_calls_everything_the_same_is_refused(place, settings, tmp_path):
    said = "large-one calls every text 'negative'; ask it otherwise"
    with served(Fake(answer=lambda _: {"A": 0.9, "B": 0.1})) as fake, pytest.raises(UserError, match=said):
        lighten(fake.url, **settings, out=tmp_path)


def test_a_plan_made_anew_takes_the_pace_of_asking_and_not_of_reading_kept_answers(place, settings, tmp_path):
    with served(Fake(answer=opinion)) as fake:
        asking = {"audit": None, "prompt": None, "few_shot": None, "shots": 8, "columns": None}
        tables = {"train": read_table(settings["data"])}
        bare = unlabelled_texts(tables, LABELS, 0, model=f"{fake.url}#large-one", asking=asking)
        assert bare is not None
        shop = Workshop(store=Store(folder=tmp_path / "stages"), task=None, threads=1)

        def pace(shop):
            return seconds_a_text(bare.asking, bare.table.texts, shop)

        first, number = pace(shop), len(fake.texts)
        assert (pace(shop), len(fake.texts)) == (first, number)
        bare.asking.open(shop.store.cache, 1).text_logits(bare.table.texts)
        number = len(fake.texts)
        pace(replace(shop, threads=2))
        assert len(fake.texts) >= number + TIMED + 2


def test_a_teacher_below_the_floor_by_hand_labels_fails(checked, place, settings):
    out, _, _, url = checked
    with pytest.raises(UserError, match=r"less than the 99\.9 % asked for"):
        lighten(url, **settings, audit=str(place / "audit.csv"), out=out, teacher_floor=0.999)


def test_a_plan_holds_none_of_the_texts_that_a_teacher_is_shown(place, settings):
    asking = {"audit": None, "prompt": None, "few_shot": str(place / "audit.csv"), "shots": 2, "columns": None}
    bare = unlabelled_texts(
        {"train": read_table(settings["data"])}, LABELS, 0, model=str(place / "classifier"), asking=asking
    )
    assert bare is not None
    (text, _), *_ = bare.asking.examples
    assert text not in json.dumps(bare.asked)
    assert text in json.dumps(bare.asking.told)


def test_a_hand_label_in_simplified_characters_keeps_its_traditional_twin_from_training(tmp_path):
    pytest.importorskip("opencc")
    texts = [f"第{i}間酒店的早餐還不錯" for i in range(90)]
    (tmp_path / "texts.txt").write_text("\n".join(texts), encoding="utf-8")
    write_csv(tmp_path / "audit.csv", [(f"第{i}间酒店的早餐还不错", LABELS[i % 2]) for i in range(24)])
    asking = {"audit": str(tmp_path / "audit.csv"), "prompt": None, "few_shot": None, "shots": 8, "columns": None}
    tables = {"train": read_table(str(tmp_path / "texts.txt"))}
    bare = unlabelled_texts(tables, LABELS, 0, model="config:llama:300k", asking=asking)
    assert bare is not None
    assert len(bare.rows(90)) == 90 - len(bare.calibrating) < 90


def test_names_of_labels_are_refused_where_no_text_has_any(tmp_path):
    (tmp_path / "texts.txt").write_text("\n".join(text for text, _ in ROWS[:300]), encoding="utf-8")
    asking = {"audit": None, "prompt": None, "few_shot": None, "shots": 8, "columns": {"names": "0=a"}}
    with pytest.raises(UserError, match="has no labels that --label-names could name; leave it out"):
        unlabelled_texts({"train": read_table(str(tmp_path / "texts.txt"))}, LABELS, 0, model="m", asking=asking)


def test_a_plan_counts_the_pieces_of_every_text_whatever_labels_the_teacher_will_give(tmp_path, monkeypatch):
    """The split is cut by the teacher's labels later: other texts than those of the plan are then kept for the test."""
    (tmp_path / "texts.txt").write_text("\n".join(text for text, _ in ROWS[:300]), encoding="utf-8")
    asking = {"audit": None, "prompt": None, "few_shot": None, "shots": 8, "columns": None}
    tables = {"train": read_table(str(tmp_path / "texts.txt"))}
    bare = unlabelled_texts(tables, LABELS, 0, model="config:llama:300k", asking=asking)
    tiny_model("bert").save(tmp_path / "student")
    counted = []
    monkeypatch.setattr("llamita.unlabelled.seconds_a_text", lambda *_: 1e-3)
    monkeypatch.setattr("llamita.plan.body_of", lambda model, student, task: counted.append(task) or 1 / 0)
    shop = Workshop(store=Store(folder=tmp_path / "stages"), task=None, threads=1)
    assert bare is not None
    with pytest.raises(ZeroDivisionError):
        bare.settle(shop, [str(tmp_path / "student")], Goals(), 15)
    (task,) = counted
    assert sorted([*task.train.texts, *task.select.texts]) == sorted(text for text, _ in ROWS[:300])


def test_a_packaged_student_that_doesnt_know_the_language_is_no_student(tmp_path, monkeypatch):
    texts = [f"第{i}间酒店的早餐还不错" for i in range(90)]
    (tmp_path / "texts.txt").write_text("\n".join(texts), encoding="utf-8")
    asking = {"audit": None, "prompt": None, "few_shot": None, "shots": 8, "columns": None}
    tables = {"train": read_table(str(tmp_path / "texts.txt"))}
    bare = unlabelled_texts(tables, LABELS, 0, model="config:llama:300k", asking=asking)
    tiny_model("bert").save(tmp_path / "english")
    monkeypatch.setattr("llamita.unlabelled.seconds_a_text", lambda *_: 1e-3)
    for place in ("llamita.plan", "llamita.unlabelled"):
        monkeypatch.setattr(f"{place}.installed_students", lambda: (str(tmp_path / "english"),))
    shop = Workshop(store=Store(folder=tmp_path / "stages"), task=None, threads=1)
    assert bare is not None
    with pytest.raises(UserError, match="no packaged student that is installed knows these texts' language"):
        bare.settle(shop, None, Goals(), 15)
