from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.engines import BagOfWords

from llamita.core.context import Run
from llamita.core.task import Split
from llamita.measure.agreement import Agreement, cascade, cascade_curve, divergence
from llamita.tasks.classify import Classify

GENERATOR = np.random.default_rng(0)
LABELS = GENERATOR.integers(0, 2, 400)


def answers(skill: float) -> np.ndarray:
    """Probabilities that lean to the true label, more so with more skill."""
    lean = GENERATOR.normal(skill, 1, 400)
    right = 1 / (1 + np.exp(-lean))
    return np.where(np.eye(2, dtype=bool)[LABELS], right[:, None], 1 - right[:, None])


OURS, THEIRS = answers(1.0), answers(2.0)


def test_the_cascades_ends_are_the_light_model_and_the_teacher() -> None:
    curve = cascade_curve(OURS, THEIRS, LABELS, np.linspace(0, 1, 21))
    assert (curve[0]["teacher_share"], curve[-1]["teacher_share"]) == (0, 1)
    assert curve[0]["accuracy"] == (OURS.argmax(1) == LABELS).mean()
    assert curve[-1]["accuracy"] == (THEIRS.argmax(1) == LABELS).mean()


def test_each_point_follows_its_threshold() -> None:
    for point in cascade_curve(OURS, THEIRS, LABELS, np.linspace(0, 1, 11)):
        asks = OURS.max(axis=1) < point["threshold"]
        hits = [(THEIRS if ask else OURS)[i].argmax() == LABELS[i] for i, ask in enumerate(asks)]
        assert point["teacher_share"] == asks.mean()
        assert point["accuracy"] == np.mean(hits)


def test_asking_the_teacher_when_unsure_beats_asking_at_random() -> None:
    (right, _), _, asked = cascade(OURS, THEIRS, LABELS, 0.3)
    light, teacher = ((p.argmax(1) == LABELS).mean() for p in (OURS, THEIRS))
    assert asked == pytest.approx(0.3)
    assert right.mean() > light + 0.3 * (teacher - light) + 0.02


def test_tied_confidences_ask_no_more_than_the_share() -> None:
    flat = np.full((10, 2), 0.5)
    assert cascade(flat, flat, np.zeros(10, dtype=int), 0.5)[2] == 0
    assert [p["teacher_share"] for p in cascade_curve(flat, flat, np.zeros(10, dtype=int), np.linspace(0, 1, 5))] == [
        0,
        1,
    ]


def test_divergence_of_equal_answers_is_nothing() -> None:
    assert divergence(OURS, OURS).value == 0
    found = divergence(OURS, THEIRS)
    assert found.value == pytest.approx(float((THEIRS * np.log(THEIRS / OURS)).sum(axis=1).mean()), rel=1e-6)


def test_lost_and_won_examples_are_told_with_both_answers(tmp_path: Path) -> None:
    light = BagOfWords({"好": (0, 2), "good": (0, 1)}, bias=(0.5, 0))
    teacher = BagOfWords({"fine": (0, 3), "good": (0, 1)}, bias=(0.5, 0), name="teacher")
    split = Split(texts=("good", "fine", ("好", "书")), labels=(1, 1, 1))
    task = Classify(labels=("negative", "positive"), test=split)
    same, kl, curve = Agreement().measure(light, task, Run(folder=tmp_path), teacher)
    assert same.value == pytest.approx(1 / 3)
    assert [(row["kind"], row["text"]) for row in same.rows] == [("lost", "fine"), ("won", "好")]
    assert same.rows[0]["reference_predicted"] == "positive"
    assert same.rows[1]["pair"] == "书"
    json.dumps([f.to_dict() for f in (same, kl, curve)], allow_nan=False)


def test_without_a_reference_each_number_is_missing_with_its_reason(tmp_path: Path) -> None:
    task = Classify(labels=("a", "b"), test=Split(texts=("x",), labels=(0,)))
    found = Agreement().measure(BagOfWords({"x": (1, 0)}, ("a", "b")), task, Run(folder=tmp_path))
    assert all(f.value is None and "no reference" in f.reason for f in found)
    assert len(found) == 3
