"""Dialogues: which tokens are learned, what a model is asked, and how answers it never saw are scored."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from tests.families import tiny_model
from tests.talks import TALK, chat_model, chat_task, talk

from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.core.model import Model
from llamita.learn.finetune import Finetune
from llamita.measure.quality import Quality
from llamita.tasks.chat import open_task, scored
from llamita.train.dialogues import TEMPLATES


def test_models_without_a_template_or_words_are_refused_and_a_named_one_is_saved(tmp_path: Path) -> None:
    run = Run(folder=tmp_path / "run", task=chat_task(8), seed=0)
    with pytest.raises(UserError, match="tiny has no chat template; name one: --chat-template plain, or a Jinja file"):
        Finetune(epochs=1).apply(chat_model(None), run)
    with pytest.raises(UserError, match="tiny has a chat template of its own; leave --chat-template out"):
        Finetune(epochs=1, chat_template="plain").apply(chat_model(), run)
    with pytest.raises(UserError, match="which writes no answers; chat takes a causal language model"):
        Finetune(epochs=1).apply(tiny_model("bert"), run)
    model = Finetune(epochs=1, batch_size=4, chat_template="plain").apply(chat_model(None), run)
    model.save(tmp_path / "saved")
    again = Model.load(tmp_path / "saved")
    assert again.tokenizer.chat_template == TEMPLATES["plain"]
    assert again.chat(TALK[:1]) == model.chat(TALK[:1])


@pytest.mark.parametrize(
    "settings",
    [{}, {"lora_rank": 4, "dora": True}, {"top_layers": 1}, {"packing": "on"}],
    ids=["full", "dora", "top", "packed"],
)
def test_it_learns_to_answer(settings: dict, tmp_path: Path) -> None:
    task, model = chat_task(40), chat_model()
    before = task.measured(model, task.test)[0].value
    step = Finetune(epochs=6, batch_size=8, learning_rate=1e-2, early_stopping=4, evaluations=4, **settings)
    model = step.apply(model, Run(folder=tmp_path, task=task, seed=0))
    after = task.measured(model, task.test)[0].value
    assert before is not None
    assert after is not None
    assert after < before / 2
    if not settings:
        assert model.chat(talk("number 3")) == "a warm film"


def test_settings_about_labels_are_refused_of_dialogues_and_the_other_way_round(tmp_path: Path) -> None:
    from tests.train.tiny import tiny_run, tiny_task

    run = Run(folder=tmp_path, task=chat_task(8), seed=0)
    for settings in ({"class_weights": "balanced"}, {"focal_gamma": 2.0}):
        with pytest.raises(UserError, match=next(iter(settings))):
            Finetune(**settings).apply(chat_model(), run)
    with pytest.raises(UserError, match="chat_template is about dialogues"):
        Finetune(chat_template="plain").apply(tiny_model("bert"), tiny_run(tmp_path, tiny_task(8)))


def test_bits_per_byte_and_perplexity_by_hand() -> None:
    """Two dialogues: 8 bits for 4 bytes and 2 tokens, 4 bits for 2 bytes and 1: 2 bits a byte, 2^4 a token."""
    nats = np.array([8.0, 4.0]) * math.log(2)
    bits, perplexity = scored(nats, np.array([2, 1]), np.array([4, 2]), 3, [0, 2])
    assert bits.value == pytest.approx(2.0)
    assert bits.interval == pytest.approx((2.0, 2.0))
    assert perplexity.value == pytest.approx(16.0)
    assert (bits.n, bits.detail["left_out"]) == (2, 1)


def test_quality_measures_dialogues_and_says_why_a_classifier_has_no_value(tmp_path: Path) -> None:
    task = chat_task()
    run = Run(folder=tmp_path, task=task, split="test")
    found = Quality().measure(chat_model(), task, run)
    assert [one.name for one in found] == ["quality.bits_per_byte", "quality.perplexity"]
    (none,) = Quality().measure(tiny_model("bert"), task, run)
    assert none.value is None
    assert "writes no answers" in none.reason


def test_splits_share_no_dialogue() -> None:
    talks = [talk(f"question number {i}", f"answer {i}") for i in range(30)]
    task = open_task(train=talks, test=talks[:3])
    assert (len(task.train), len(task.select), len(task.test)) == (24, 3, 3)
    assert not set(task.train.texts) & set(task.test.texts)
    cut = open_task(train=talks)
    assert len(cut.test) == 3
    assert dataclasses.replace(cut, train=cut.select).training_fingerprint != cut.training_fingerprint


def test_tables_of_pandas_are_read_and_an_empty_list_of_test_data_cuts_none_off() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"prompt": [f"question {i}?" for i in range(12)], "completion": ["an answer"] * 12})
    task = open_task(train=frame[:8], test=frame[8:])
    assert (len(task.train) + len(task.select), len(task.test)) == (8, 4)
    assert len(open_task(train=frame[:8], test=[]).test) == 0


def test_dialogues_for_choices_may_be_given() -> None:
    talks = [talk(f"question number {i}", f"answer {i}") for i in range(12)]
    task = open_task(train=talks[:8], test=talks[8:10], select=talks[7:])
    assert (len(task.train), len(task.select), len(task.test)) == (7, 3, 2)
    with pytest.raises(UserError, match="every training text also stands in the select split"):
        open_task(train=talks[:4], test=[], select=talks)


def test_dialogues_that_are_cut_off_for_testing_name_no_file_that_holds_the_others(tmp_path: Path) -> None:
    file = tmp_path / "talks.jsonl"
    lines = [json.dumps({"messages": talk(f"question {i}", f"answer {i}")}) for i in range(20)]
    file.write_text("\n".join(lines), encoding="utf-8")
    assert open_task(train=str(file)).test.source == ""
