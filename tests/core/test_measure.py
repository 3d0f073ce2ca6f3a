"""Findings are plain data; predictions stand in the order of the task's labels."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from tests.engines import BagOfWords

from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.core.measure import Finding, Measure, ask, labelled_split
from llamita.core.task import Split
from llamita.tasks.classify import Classify

FINDING = Finding(
    name="quality.accuracy", value=0.5, unit="share", interval=(0.25, 0.75), better="higher", n=2,
    detail={"confusion": [[1, 0], [1, 0]]}, rows=({"text": "很好"}, {"text": "b", "pair": "c"}),
)  # fmt: skip


def test_a_finding_comes_back_equal_from_json() -> None:
    again = Finding.from_dict(json.loads(json.dumps(FINDING.to_dict())))
    assert again == FINDING
    assert isinstance(again.interval, tuple)
    assert isinstance(again.rows, tuple)


def test_a_finding_without_interval_rows_or_value_comes_back_too() -> None:
    bare = Finding(name="cost.peak_memory_bytes", value=None, reason="no way to read it")
    assert Finding.from_dict({"name": bare.name, "value": None, "reason": bare.reason}) == bare
    assert Finding.from_dict(bare.to_dict()) == bare


def test_the_columns_stand_in_the_order_of_the_tasks_labels() -> None:
    engine = BagOfWords({"bad": (3, 0, 0), "good": (0, 0, 2)}, labels=("NEG", "other", "pos"))
    texts = ["good", "bad", ""]
    found = ask(engine, Classify(labels=("pos", "neg", "Other")), texts).probabilities
    np.testing.assert_array_equal(found, engine.scores(texts)[:, [2, 0, 1]])
    assert found.argmax(axis=1)[:2].tolist() == [0, 1]


@pytest.mark.parametrize("labels", [("pos", "neg", "other"), ("pos",), ("good", "bad")])
def test_an_engine_of_other_labels_is_refused_with_both_and_a_remedy(labels: tuple[str, ...]) -> None:
    engine = BagOfWords({"x": (1, 0)}, labels=("pos", "neg"), name="light")
    with pytest.raises(UserError) as told:
        ask(engine, Classify(labels=labels), ["x"])
    line = str(told.value)
    assert line.startswith(f"light answers with the labels pos, neg, the data has {', '.join(labels)}; fine-tune it")
    assert engine.calls == 0


def test_the_runs_split_is_measured_and_refused_without_labels(tmp_path: Path) -> None:
    select, test = Split(texts=("a",), labels=(0,)), Split(texts=("b",), labels=(1,))
    task = Classify(labels=("no", "yes"), select=select, test=test, unlabelled=Split(texts=("c",)))
    run = Run(folder=tmp_path, task=task)
    assert labelled_split(task, run) is test
    assert labelled_split(task, replace(run, split="select")) is select
    for name in ("unlabelled", "train"):
        with pytest.raises(UserError, match=f"the {name} split has no labelled example.*give labelled data for it"):
            labelled_split(task, replace(run, split=name))  # type: ignore[arg-type]


def test_a_measure_must_measure_and_its_settings_stay() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Idle(Measure):
        pass

    @dataclass(frozen=True, kw_only=True)
    class Count(Measure):
        words: int = 1

        def measure(self, engine: object, task: object, run: object, reference: object = None) -> list[Finding]:
            return []

    with pytest.raises(TypeError, match=r"abstract method.*measure"):
        Idle()  # type: ignore[abstract]
    with pytest.raises(FrozenInstanceError):
        Count(words=2).words = 3  # type: ignore[misc]
    with pytest.raises(TypeError, match="positional"):
        Count(2)  # type: ignore[misc]


def test_a_language_model_is_not_asked_for_labels_whatever_its_config_says():
    from tests.train.test_language import language_model
    from tests.train.tiny import LABELS, tiny_task

    model = language_model("bert")
    assert tuple(model.module.config.id2label.values()) == LABELS
    with pytest.raises(UserError, match="has no head for labels"):
        ask(model, tiny_task(4), ("a film",))


def test_a_measure_takes_an_opened_model_a_task_and_a_run(tmp_path: Path) -> None:
    from llamita.measure.quality import Quality

    light, run = BagOfWords({"good": (0, 9)}), Run(folder=tmp_path)
    task = Classify(labels=light.labels, test=Split(texts=("good", "bad"), labels=(1, 0)))
    for given, said in (
        (("light", task, run), "measure.quality measures an opened model, got 'light'; open it first"),
        ((light, task, run, "teacher"), "measures an opened model, got 'teacher'"),
        ((light, (["good"], ["positive"]), run), "measures on a task, got tuple"),
        ((light, task, None), "needs a Run, got NoneType"),
    ):
        with pytest.raises(UserError, match=said):
            Quality().measure(*given)  # type: ignore[arg-type]
    assert Quality().measure(light, task, run, reference=light)
