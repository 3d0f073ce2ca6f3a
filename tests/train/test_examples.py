"""Examples become padded batches with their targets beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.families import tiny_model
from tests.train.tiny import tiny_task

from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.core.task import Split
from llamita.train.examples import BatchSet, Examples, encode, labelled_split


def test_a_text_without_tokens_can_be_trained_on() -> None:
    task = tiny_task(4)
    assert encode(tiny_model("llama"), ["", "the film"], task)[0] == ([tiny_model("llama").encoder.pad_id], [0])


def test_the_shortest_limit_cuts() -> None:
    model, task = tiny_model("bert"), tiny_task(4)
    long = "the film " * 300
    assert len(encode(model, [long], task)[0][0]) == model.max_length
    assert len(encode(model, [long], task, 7)[0][0]) == 7
    short = replace(task, max_length=9)
    assert [len(encode(model, [long], short, limit)[0][0]) for limit in (None, 7, 50)] == [9, 7, 9]
    assert len(encode(model, [long], None, 10_000)[0][0]) == model.max_length


def test_cutting_for_training_leaves_the_models_own_encoder_alone() -> None:
    model = tiny_model("bert")
    before = model.encoder.encode(["the film is of the year"])
    encode(model, ["the film is of the year"], None, 4)
    assert model.encoder.encode(["the film is of the year"]) == before
    assert len(before[0][0]) > 4


def test_a_batch_is_padded_to_its_longest_text_and_targets_follow_their_texts() -> None:
    model = tiny_model("bert")
    encoded = [([5, 6, 7], [0, 0, 1]), ([8], [0]), ([9, 10], [0, 0])]
    targets = {"gold": np.array([4, 5, 6]), "logits": np.arange(6.0).reshape(3, 2)}
    examples = Examples(encoded=encoded, targets=targets)
    items = BatchSet(model, examples, [np.array([2, 0]), np.array([1])])
    assert examples.lengths == [3, 1, 2]
    assert len(items) == 2
    inputs = {name: value.tolist() for name, value in items[0]["inputs"].items()}
    pad = model.encoder.pad_id
    assert inputs == {
        "input_ids": [[9, 10, pad], [5, 6, 7]],
        "attention_mask": [[1, 1, 0], [1, 1, 1]],
        "token_type_ids": [[0, 0, 0], [0, 0, 1]],
    }
    assert items[0]["targets"]["gold"].tolist() == [6, 4]
    assert items[0]["targets"]["logits"].tolist() == [[4, 5], [0, 1]]
    assert items[1]["inputs"]["input_ids"].tolist() == [[8]]


def test_a_model_without_segments_is_given_none() -> None:
    items = BatchSet(tiny_model("llama"), Examples(encoded=[([5], [0])]), [np.array([0])])
    assert set(items[0]["inputs"]) == {"input_ids", "attention_mask"}
    assert items[0]["targets"] == {}


def test_a_step_without_training_texts_says_what_it_needs(tmp_path: Path) -> None:
    task = tiny_task(4)
    assert labelled_split(Run(folder=tmp_path, task=task), "learn.finetune") is task.train
    for missing in (None, replace(task, train=task.train.take([]))):
        with pytest.raises(UserError, match=r"^distill.logits needs labelled training texts; give a task with"):
            labelled_split(Run(folder=tmp_path, task=missing), "distill.logits")
    bare = replace(task, train=Split(texts=task.train.texts))
    with pytest.raises(UserError, match=r"^learn.finetune needs labelled training texts; these have no labels"):
        labelled_split(Run(folder=tmp_path, task=bare), "learn.finetune")
