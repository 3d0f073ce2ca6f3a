"""Samples are drawn as asked, the same each time, and counted by their n-grams."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.engines import BagOfWords
from tests.train.test_language import language_model
from tokenizers.normalizers import Replace

from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.core.task import Split
from llamita.measure.samples import Samples, distinct, fill, in_place
from llamita.tasks.language import open_task

TASK = open_task(train=["one text to learn from", "another text"], test=["a third one"])


def test_distinct_by_hand() -> None:
    assert distinct([[1, 2, 3, 1, 2, 3], [1, 2]], 2) == pytest.approx(3 / 6)  # 12 23 31 12 23 and 12: 12, 23, 31
    assert distinct([[7, 7, 7, 7]], 3) == pytest.approx(1 / 2)
    assert distinct([[1, 2]], 3) is None


def test_texts_are_drawn_the_same_each_time_and_differ_among_themselves(tmp_path: Path) -> None:
    model = language_model("llama")
    run = Run(folder=tmp_path, task=TASK, seed=3)
    (one,), (again,) = (Samples(tokens=12, temperature=1.0).measure(model, TASK, run) for _ in range(2))
    assert one == again
    texts = [row["text"] for row in one.rows]
    assert len(set(texts)) == one.n == 3
    assert 0 < one.value <= 1
    (other,) = Samples(tokens=12, temperature=1.0).measure(model, TASK, Run(folder=tmp_path, task=TASK, seed=4))
    assert other.rows[:2] == tuple({"index": i, "text": texts[i + 1]} for i in range(2)), "seed after seed"


def test_without_a_temperature_there_is_one_text(tmp_path: Path) -> None:
    (one,) = Samples(tokens=5, temperature=0, number=1).measure(language_model("llama"), TASK, Run(folder=tmp_path))
    assert one.n == 1
    with pytest.raises(UserError, match="all texts are the same; take number 1"):
        Samples(temperature=0)
    with pytest.raises(UserError, match="tokens must be >= 1, got 0"):
        Samples(tokens=0)


def test_what_writes_nothing_says_so(tmp_path: Path) -> None:
    (found,) = Samples().measure(BagOfWords({}), TASK, Run(folder=tmp_path))
    assert found.value is None
    assert "isn't a language model in PyTorch" in found.reason


def test_ids_in_place_by_hand() -> None:
    assert in_place([1, 2, 3, 4, 5], [1, 9, 3, 4, 5]).tolist() == [True, False, True, True, True]
    assert in_place([1, 2, 3, 4], [2, 3, 7, 7, 4]).tolist() == [False, True, True, True]
    assert in_place([1, 2], []).tolist() == [False, False]


@pytest.mark.parametrize("family", ["bert", "bart"])
def test_a_model_that_fills_gaps_shows_how(family: str, tmp_path: Path) -> None:
    texts = ["the cat sat on the mat and the dog ran after it all day long", "a second text of a few words more"]
    task = open_task(train=["one text to learn from", "another text"], test=texts)
    model = language_model(family)
    run = Run(folder=tmp_path, task=task)
    (one,), (again,) = (Samples(number=5).measure(model, task, run) for _ in range(2))
    assert one == again
    assert one.name == "samples.filled"
    assert [row["index"] for row in one.rows] == [0, 1]
    assert all(model.tokenizer.mask_token in row["given"] for row in one.rows)
    assert one.n > 1
    assert 0 <= one.value <= 1
    short = Samples(number=1, tokens=4).measure(model, task, run)[0].rows[0]
    assert len(short["given"]) < len(texts[short["index"]])


def test_a_masked_model_fills_with_its_likeliest_token_and_leaves_the_rest() -> None:
    model = language_model("bert")
    mask = model.tokenizer.mask_token_id
    given = np.array(model.tokenizer("the cat sat")["input_ids"])
    given[2] = mask
    filled = fill(model, given, most=10)
    assert [a for i, a in enumerate(filled) if i != 2] == [a for i, a in enumerate(given.tolist()) if i != 2]
    with torch.inference_mode():
        logits = model.module(input_ids=torch.as_tensor(given)[None]).logits[0, 2].numpy()
    logits[model.tokenizer.all_special_ids] = -np.inf
    assert filled[2] == logits.argmax()


def test_where_nothing_can_be_hidden_the_reason_stands_there(tmp_path: Path) -> None:
    model, none = language_model("bert"), dataclasses.replace(TASK, test=Split(texts=()))
    (found,) = Samples().measure(model, none, Run(folder=tmp_path))
    assert (found.value, found.reason) == (None, "there is no test text")
    model.tokenizer.mask_token = None
    (found,) = Samples().measure(model, TASK, Run(folder=tmp_path))
    assert (found.value, found.reason) == (None, "its tokenizer has no mask token")


def test_a_text_of_which_the_tokenizer_leaves_nothing_is_passed_over(tmp_path: Path) -> None:
    model = language_model("bert")
    model.tokenizer.backend_tokenizer.normalizer = Replace("?", "")
    task = open_task(train=["one text to learn from", "another text"], test=["???", "the cat sat on the mat"])
    (found,) = Samples(number=2).measure(model, task, Run(folder=tmp_path))
    assert [row["index"] for row in found.rows] == [1]
    nothing = open_task(train=["one text to learn from", "another text"], test=["???"])
    assert Samples().measure(model, nothing, Run(folder=tmp_path))[0].reason == "there is no test text"


def test_an_encoder_decoder_writes_no_more_than_it_has_positions_for(tmp_path: Path) -> None:
    model = language_model("bart")
    task = open_task(train=["one text to learn from", "another text"], test=["the cat sat on the mat " * 200])
    model.module.config.forced_eos_token_id = model.module.generation_config.eos_token_id = (
        None  # it never ends by itself
    )
    (found,) = Samples(number=1, tokens=10_000).measure(model, task, Run(folder=tmp_path))
    assert found.n > 1


def test_a_masked_token_found_in_the_place_of_another_is_not_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = language_model("bert")
    task = open_task(train=["one text to learn from", "another text"], test=["the cat sat on a mat"])
    ids = model.tokenizer(task.test.texts[0])["input_ids"]
    hidden = np.isin(np.arange(len(ids)), [1, 2])
    given = np.where(hidden, model.tokenizer.mask_token_id, ids)
    monkeypatch.setattr("llamita.train.gaps.with_gaps", lambda *_: [(given, hidden)])
    late = [ids[0], ids[3], ids[1], *ids[3:]]
    monkeypatch.setattr("llamita.measure.samples.fill", lambda *_, **__: late)
    (found,) = Samples(number=1).measure(model, task, Run(folder=tmp_path))
    assert (found.value, found.n) == (0, 2)


def test_what_an_encoder_decoders_folder_says_of_repetitions_is_not_asked() -> None:
    model = language_model("bart")
    given = np.array(model.tokenizer("the cat sat on the mat")["input_ids"])
    given[3] = model.tokenizer.mask_token_id
    filled = fill(model, given, most=20)
    model.module.generation_config.update(no_repeat_ngram_size=1, forced_bos_token_id=0, num_beams=4)
    assert fill(model, given, most=20) == filled
