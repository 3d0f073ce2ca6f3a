"""A fresh head begins with the body's own states, or with their mean where stock code can be made to read it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.families import FAMILIES, tiny_model
from tests.train.tiny import tiny_run, tiny_task
from tokenizers import processors
from transformers import AutoModel, AutoModelForSequenceClassification

from llamita.core.architecture import head_linear
from llamita.core.model import Model
from llamita.learn._pooling import FIRST_TOKEN, SIZE, WEIGHT, embeddings, read_mean, straighten
from llamita.learn.contrastive import Contrastive

TEXTS = ("the acting is worse than the writing", "a", "dull, lifeless and far too long; nothing in it works")


def bare(family: str) -> Model:
    """A body with a fresh head."""
    model = tiny_model(family)
    torch.manual_seed(1)
    return tiny_task(8).fit_head(Model(AutoModel.from_config(model.module.config), model.tokenizer, name="bare"))


def states(model: Model, text: str) -> torch.Tensor:
    """What the last layer gives [tokens, width]."""
    ids = torch.tensor([model.encoder.encode([text])[0][0]])
    with torch.no_grad():
        return model.module.base_model(input_ids=ids).last_hidden_state[0]


@pytest.mark.parametrize("family", ["bert", "roberta", "mpnet", "bart"])
def test_a_straightened_head_reads_the_bodys_own_states(family: str) -> None:
    model = bare(family)
    straighten(model.module)
    for text, read in zip(TEXTS, embeddings(model, TEXTS), strict=True):
        own = states(model, text)[-1 if family == "bart" else 0]
        np.testing.assert_allclose(read, own.tanh(), atol=1e-5)


@pytest.mark.parametrize("family", ["bert", "roberta", "xlm-roberta"])
def test_one_more_layer_brings_the_mean_to_the_first_token(family: str) -> None:
    model = bare(family)
    straighten(model.module)
    expected = []
    for text in TEXTS:
        own = states(model, text)
        mixed = WEIGHT * own.mean(dim=0) + own[0]
        expected.append((SIZE * torch.nn.functional.layer_norm(mixed, mixed.shape)).tanh().numpy())
    assert read_mean(model.module)
    np.testing.assert_allclose(embeddings(model, TEXTS), expected, atol=1e-5)


def test_modernbert_is_told_to_take_the_mean(tmp_path: Path) -> None:
    model = bare("modernbert")
    depth = model.module.config.num_hidden_layers
    before = embeddings(model, TEXTS)
    assert read_mean(model.module)
    assert model.module.config.num_hidden_layers == depth
    assert np.abs(embeddings(model, TEXTS) - before).max() > 1e-3


def test_of_a_decoder_whose_tokenizer_ends_texts_with_the_padding_token_the_token_before_is_read() -> None:
    model = tiny_model("llama")
    pad = model.tokenizer.pad_token
    model.tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {pad}", pair=f"$A $B {pad}", special_tokens=[(pad, model.tokenizer.pad_token_id)]
    )
    assert all(ids[-1] == model.tokenizer.pad_token_id for ids, _ in model.encoder.encode(TEXTS))
    found = embeddings(model, [*TEXTS, ""]) @ head_linear(model.module).weight.detach().numpy().T
    np.testing.assert_allclose(found, model.text_logits([*TEXTS, ""]), atol=1e-5)


def test_other_families_read_what_they_read() -> None:
    for family in set(FAMILIES) - {*FIRST_TOKEN, "modernbert"}:
        model = bare(family)
        before = model.text_logits(TEXTS)
        assert not read_mean(model.module)
        np.testing.assert_array_equal(model.text_logits(TEXTS), before)


@pytest.mark.parametrize("family", [*FIRST_TOKEN, "modernbert", "llama", "bart"])
def test_a_body_is_taught_into_a_stock_folder(family: str, tmp_path: Path) -> None:
    task, model = tiny_task(16), bare(family)
    body = Model(model.module.base_model, model.tokenizer, name="body")
    depth = len(list(body.module.state_dict()))
    made = Contrastive(epochs=2, batch_size=8, learning_rate=1e-3, folds=0).apply(
        body, tiny_run(tmp_path / "run", task)
    )
    assert (len(list(made.module.base_model.state_dict())) > depth) == (family in FIRST_TOKEN)
    made.save(tmp_path / "saved")
    stock = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved")
    again = Model(stock, made.tokenizer)
    texts = task.test.texts[:9]
    np.testing.assert_allclose(again.text_logits(texts), made.text_logits(texts), atol=1e-5)
    assert head_linear(stock).out_features == 2


def test_stock_pooling_leaves_the_depth_and_a_head_with_these_labels_stays(tmp_path: Path) -> None:
    task = tiny_task(16)
    quick = Contrastive(epochs=1, batch_size=8, pooling="stock", folds=0)
    assert quick.apply(bare("bert"), tiny_run(tmp_path / "a", task)).module.config.num_hidden_layers == 2
    known = tiny_model("bert", labels=task.labels)
    pooler = known.module.bert.pooler.dense.weight.clone()
    made = Contrastive(epochs=0.01, learning_rate=1e-9, folds=0).apply(known, tiny_run(tmp_path / "b", task))
    assert made.module.config.num_hidden_layers == 2
    torch.testing.assert_close(made.module.bert.pooler.dense.weight, pooler, atol=1e-5, rtol=0)
