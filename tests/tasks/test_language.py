"""Bits per byte are what a slow, obvious count gives, each token with what stands before it, on documents set aside."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tests.families import TRAINING_TEXTS, tiny_model
from tests.train.test_language import language_model

from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.data import copies
from llamita.measure.quality import Quality
from llamita.tasks import _surprise
from llamita.tasks._surprise import first_token, surprises
from llamita.tasks.language import open_task

TEXTS = list(TRAINING_TEXTS)


def test_bits_per_byte_by_hand(tmp_path) -> None:
    model = language_model("llama")
    task = open_task(train=TEXTS[:10], test=TEXTS[10:])
    nats = 0.0
    for text in TEXTS[10:]:
        ids = [first_token(model), *model.tokenizer(text, add_special_tokens=False)["input_ids"]]
        with torch.no_grad():
            shares = model.module(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
        nats -= float(sum(shares[i, token] for i, token in enumerate(ids[1:])))
    size = sum(len(text.encode()) for text in TEXTS[10:])
    bits, perplexity = Quality().measure(model, task, Run(folder=tmp_path))
    assert bits.name == "quality.bits_per_byte"
    assert bits.value == pytest.approx(nats / math.log(2) / size, rel=1e-4)
    assert bits.n == 4
    assert bits.detail["bytes"] == size
    assert bits.interval is not None
    assert bits.interval[0] < bits.value < bits.interval[1]
    assert perplexity.value == pytest.approx(math.exp(nats / bits.detail["tokens"]), rel=1e-4)


def test_a_long_document_goes_through_windows_and_each_token_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = language_model("llama")
    text = " ".join(TEXTS[:8])
    whole = surprises(model, [text])
    monkeypatch.setattr("llamita.train.gaps.WINDOW", 32)
    parts = surprises(model, [text])
    assert parts.tokens.tolist() == whole.tokens.tolist()
    assert parts.nats[0] != whole.nats[0]
    windows = _surprise._causal(model, text, 0)
    seen = np.concatenate([targets[targets >= 0] for _, targets in windows])
    assert seen.tolist() == model.tokenizer(text, add_special_tokens=False)["input_ids"]
    for ids, targets in windows[1:]:
        assert int((targets >= 0).argmax()) >= len(ids) - 16 - 1, "half a window stands before"


@pytest.mark.parametrize(
    ("family", "name", "of"),
    [("bert", "masked", "tokens masked at random"), ("bart", "denoising", "texts with spans masked at random")],
)
def test_what_is_hidden_from_a_model_is_the_same_each_time(family: str, name: str, of: str, tmp_path) -> None:
    model = language_model(family)
    task = open_task(train=TEXTS[:10], test=TEXTS[10:])
    (one,) = Quality().measure(model, task, Run(folder=tmp_path))
    assert one.name == f"quality.{name}_perplexity"
    assert of in one.detail["of"]
    assert one.value > 0.5 * len(model.tokenizer), "fresh weights know nothing"
    assert Quality().measure(model, task, Run(folder=tmp_path))[0].value == one.value


def test_copies_of_a_document_never_stand_on_both_sides() -> None:
    texts = [f"{TEXTS[i % 5]} number {i % 5}" for i in range(50)] + [f"{TEXTS[0]} said {i} times" for i in range(50)]
    task = open_task(train=texts, test=["held back"], select=0.2)
    assert task.select.texts
    assert not set(task.train.texts) & set(task.select.texts)


@pytest.mark.parametrize("seed", range(5))
def test_of_a_short_text_one_token_is_masked_at_least(seed: int) -> None:
    assert surprises(language_model("bert"), ["a", "fine film"], seed).tokens.min() >= 1


def test_what_predicts_no_text_says_why(tmp_path) -> None:
    task = open_task(train=TEXTS[:10], test=TEXTS[10:])
    (found,) = Quality().measure(tiny_model("bert"), task, Run(folder=tmp_path))
    assert found.value is None
    assert "predicts no tokens" in found.reason


def test_documents_are_cut_once_and_none_that_is_tested_is_learned() -> None:
    task = open_task(train=[*TEXTS, *(f"{text} again" for text in TEXTS)], select=0.1, seed=3)
    parts = [set(split.texts) for split in (task.train, task.select, task.test)]
    assert sum(map(len, parts)) == 28
    assert len(task.test) == 1
    assert not parts[0] & parts[1]
    assert not (parts[0] | parts[1]) & parts[2]
    leaking = open_task(train=TEXTS, test=[TEXTS[3].upper()])
    assert TEXTS[3] not in leaking.train.texts
    assert "the test split has them" in leaking.notes[0]


def test_near_copies_of_what_is_tested_are_not_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    story = " ".join(TEXTS[:6])
    given = {"train": [*TEXTS[6:], story.replace("a", "an", 1)], "test": [story]}
    task = open_task(**given)
    assert list(task.train.texts) == TEXTS[6:]
    assert task.notes == ("Left out, since the test split has them: 1 of the training documents (1 nearly)",)
    monkeypatch.setattr(copies, "MANY_CHARACTERS", 10)
    many = open_task(**given)
    assert len(many.train) == len(TEXTS) - 5
    assert many.notes == ("near copies of test documents were not looked for among so many",)


def test_what_is_tested_is_not_learned_in_other_characters() -> None:
    pytest.importorskip("opencc")
    task = open_task(train=["酒店的服务很好，房间干净。", "旅館很遠，價格太貴。"], test=["酒店的服務很好，房間乾淨。"])
    assert task.train.texts == ("旅館很遠，價格太貴。",)


def test_weights_follow_their_documents_and_change_the_address(tmp_path) -> None:
    (tmp_path / "a.txt").write_text(TEXTS[0], encoding="utf-8")
    (tmp_path / "b.txt").write_text(TEXTS[1], encoding="utf-8")
    sources = {str(tmp_path / "a.txt"): 2.0, str(tmp_path / "b.txt"): 1.0}
    task = open_task(train=sources, test=TEXTS[5:])
    assert task.weights == (2.0, 1.0)
    even = open_task(train=list(sources), test=TEXTS[5:])
    assert even.weights == ()
    assert even.training_fingerprint != task.training_fingerprint


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"train": TEXTS, "labels": ("a", "b")}, "has no labels"), ({}, "no data given"),
        ({"train": ["only one"]}, "can't be cut in two"), ({"train": TEXTS, "select": 0.7}, "select must be in"),
        ({"train": TEXTS, "max_length": 0}, "max_length must be a whole number from 1 on, got 0"),
    ],
)  # fmt: skip
def test_what_can_not_be_opened_is_refused(given: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        open_task(**given)


def test_documents_for_choices_may_be_given() -> None:
    task = open_task(train=TEXTS[:8], test=TEXTS[8:10], select=[TEXTS[0], TEXTS[9], TEXTS[11]])
    assert task.select.texts == (TEXTS[0], TEXTS[11])
    assert list(task.train.texts) == TEXTS[1:8]


@pytest.mark.parametrize("role", ["label", "labels", "names", "separator"])
def test_columns_that_say_something_of_labels_are_refused(role: str) -> None:
    with pytest.raises(UserError, match=f"reads texts and no labels; columns names text or pair, got '{role}'"):
        open_task(train=TEXTS, columns={"text": "body", role: "a"})
