"""Each text is answered by a model that learned from others, and the model is afterwards as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from tests.train.tiny import tiny_run, tiny_task
from torch import nn

from llamita.core.context import Run
from llamita.core.task import Split
from llamita.learn._unseen import even_parts, unseen_answers
from llamita.tasks.multilabel import MultiLabel


class Pupil:
    """Stands in for a model: knows the texts it learned from, and says how many they were."""

    labels = ("a", "b", "c")

    def __init__(self) -> None:
        self.module = nn.Linear(1, 1)
        self.learned: tuple[str, ...] = ()
        self.folders: list[Path] = []

    def learn(self, split: Split, run: Run) -> None:
        self.learned = split.texts
        self.folders.append(run.folder)
        with torch.no_grad():
            self.module.weight.fill_(9.0)

    def text_logits(self, texts: list[str]) -> np.ndarray:
        assert not set(texts) & set(self.learned)
        return np.full((len(texts), 3), float(len(self.learned)), dtype=np.float32)

    def changed(self) -> None:
        self.learned = ()


def test_every_text_stands_in_one_part_and_labels_are_spread_evenly() -> None:
    labels = np.array([0] * 9 + [1] * 6 + [2])
    parts = even_parts(labels, 4, 5)
    assert sorted(np.concatenate(parts).tolist()) == list(range(16))
    counts = np.array([np.bincount(labels[part], minlength=3) for part in parts])
    assert (counts.max(axis=0) - counts.min(axis=0) <= 1).all()
    assert [a.tolist() for a in parts] == [b.tolist() for b in even_parts(labels, 4, 5)]
    assert [a.tolist() for a in parts] != [b.tolist() for b in even_parts(labels, 4, 6)]
    assert len(even_parts(labels[:3], 4, 5)) == 3


def test_each_text_is_answered_by_a_model_that_learned_from_others_but_one_alone_with_its_label(
    tmp_path: Path,
) -> None:
    pupil, labels = Pupil(), (0, 0, 0, 0, 1, 1, 1, 2)
    weights = pupil.module.weight.detach().clone()
    split = Split(texts=tuple("abcdefgh"), labels=labels)
    logits, gold = unseen_answers(pupil, split, 3, tiny_run(tmp_path, tiny_task(8)), pupil.learn)  # type: ignore[arg-type]
    assert sorted(gold.tolist()) == [0, 0, 0, 0, 1, 1, 1]
    assert logits.shape == (7, 3)
    assert set(logits.ravel().tolist()) <= {5.0, 6.0}
    assert len(set(pupil.folders)) == 3
    assert torch.equal(pupil.module.weight, weights)


def test_of_any_labels_a_text_is_answered_where_the_others_have_all_of_its_labels(tmp_path: Path) -> None:
    pupil = Pupil()
    sets = ((0,), (0,), (0, 1), (1,), (1,), (), (), (0, 2))
    task = MultiLabel(labels=pupil.labels, train=Split(texts=tuple("abcdefgh"), label_sets=sets))
    logits, gold = unseen_answers(pupil, task.train, 3, tiny_run(tmp_path, task), pupil.learn)  # type: ignore[arg-type]
    assert logits.shape == gold.shape == (7, 3)
    assert sorted(map(tuple, gold.tolist())) == sorted(
        [(1, 0, 0)] * 2 + [(1, 1, 0)] + [(0, 1, 0)] * 2 + [(0, 0, 0)] * 2
    )


def test_parts_that_leave_nothing_to_learn_from_are_passed_over(tmp_path: Path) -> None:
    pupil = Pupil()
    split = Split(texts=tuple("abcd"), labels=(0, 0, 1, 1))
    logits, gold = unseen_answers(pupil, split, 2, tiny_run(tmp_path, tiny_task(8)), pupil.learn)  # type: ignore[arg-type]
    assert (logits.shape, gold.tolist(), pupil.folders) == ((0, 3), [], [])


def test_no_further_part_is_answered_once_there_are_plenty(tmp_path: Path) -> None:
    pupil = Pupil()
    split = Split(texts=tuple(map(str, range(500))), labels=(0, 1) * 250)
    _, gold = unseen_answers(pupil, split, 4, tiny_run(tmp_path, tiny_task(8)), pupil.learn)  # type: ignore[arg-type]
    assert (len(gold), len(pupil.folders)) == (250, 2)


def test_a_copy_of_a_text_is_no_text_to_learn_from_while_it_is_answered(tmp_path) -> None:
    texts = [f"text number {i}" for i in range(12)]
    split = Split(texts=(*texts, *(text.upper() for text in texts)), labels=(0, 1) * 12)
    learned: list[set[str]] = []
    answered: list[set[str]] = []

    class Pupil:
        labels = ("negative", "positive")
        module = torch.nn.Linear(1, 1)

        def text_logits(self, asked):
            answered.append({text.lower() for text in asked})
            return np.zeros((len(asked), 2), dtype=np.float32)

        def changed(self) -> None:
            pass

    def learn(part, run) -> None:
        learned.append({text.lower() for text in part.texts})

    logits, gold = unseen_answers(Pupil(), split, 4, tiny_run(tmp_path, tiny_task(8)), learn)  # type: ignore[arg-type]
    assert len(logits) == len(gold) > 12
    assert all(seen and not seen & asked for seen, asked in zip(learned, answered, strict=True))
