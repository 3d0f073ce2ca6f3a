"""A document begins and ends in training as it is measured, whatever the family's tokenizer puts around a text."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.families import FAMILIES, tiny_model
from tests.train.test_language import language_model

from llamita.core.architecture import architecture_of
from llamita.learn._rows import Windows
from llamita.tasks._surprise import surprises
from llamita.train.frame import document_frame, framing, masking_frame

TEXTS = ("a warm and funny film that never loses its way", "", "酒店很干净，服务态度也很好")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_text_in_its_frame_is_what_the_tokenizer_makes_of_it(family: str):
    tokenizer = language_model(family).tokenizer
    before, after = framing(tokenizer)
    for text in TEXTS:
        bare = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert [*before, *bare, *after] == tokenizer(text)["input_ids"]


def test_a_decoder_learns_what_it_begins_with_and_only_real_ends():
    model = language_model("llama")
    frame = masking_frame(model, masking=False)
    assert (frame.before, frame.after) == ((model.tokenizer.bos_token_id,), (model.tokenizer.eos_token_id,))
    documents = [np.arange(10, 10 + size) for size in (3, 200, 17)]
    rows = Windows(
        documents=documents, weights=[1.0] * 3, frame=frame, length=32, epochs=1.0, objective="causal", masked=0.15,
    )  # fmt: skip
    ids = np.concatenate([rows[i].ids for i in range(len(rows))])
    assert (ids == frame.before[0]).sum() == (ids == frame.after[0]).sum() == 3
    assert [len(rows[i].ids) for i in range(len(rows))] == rows.lengths
    assert max(rows.lengths) <= 32


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "bart"])
def test_every_family_can_be_measured_and_a_decoder_as_stock_code_would(family: str):
    model = language_model(family)
    found = surprises(model, TEXTS)
    assert found.tokens[0] > 0
    if not architecture_of(model.module).is_decoder_only:
        assert 0 < found.masked < 1
        return
    for text, nats, tokens in zip(TEXTS, found.nats, found.tokens, strict=True):
        before = document_frame(model)[0]
        ids = torch.tensor([[*before[-1:], *model.tokenizer(text, add_special_tokens=False)["input_ids"]]])
        assert tokens == ids.shape[1] - 1
        if tokens:
            with torch.inference_mode():
                plain = model.module(input_ids=ids, labels=ids).loss
            assert nats / tokens == pytest.approx(float(plain), rel=1e-4)


def test_a_long_text_is_measured_whole_with_half_a_window_before_each_token():
    model = language_model("llama")  # 130 positions
    text = "a warm and funny film that never loses its way " * 30
    ids = [model.tokenizer.bos_token_id, *model.tokenizer(text, add_special_tokens=False)["input_ids"]]
    found = surprises(model, [text])
    assert found.tokens[0] == len(ids) - 1 > 260
    width = model.max_length
    slow, done = 0.0, 1
    for start in range(0, len(ids), width // 2):
        part = torch.tensor([ids[start : start + width]])
        with torch.inference_mode():
            logs = model.module(input_ids=part).logits.log_softmax(dim=-1)[0]
        for place in range(max(done - start, 1), part.shape[1]):
            slow -= float(logs[place - 1, ids[start + place]])
        done = start + part.shape[1]
        if done >= len(ids):
            break
    assert found.nats[0] == pytest.approx(slow, rel=1e-4)


def test_special_tokens_stand_where_the_model_has_them() -> None:
    bert, llama = tiny_model("bert"), tiny_model("llama")
    frame = masking_frame(bert, masking=True)
    assert (frame.before, frame.after) == ((bert.tokenizer.cls_token_id,), (bert.tokenizer.sep_token_id,))
    assert masking_frame(llama, masking=False).after == (llama.tokenizer.eos_token_id,)
