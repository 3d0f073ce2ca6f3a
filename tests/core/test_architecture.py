from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.families import FAMILIES, TRAINING_TEXTS, tiny_model
from transformers import AutoConfig, AutoModel

from llamita.core.architecture import (
    ARCHITECTURES,
    architecture_named,
    architecture_of,
    head_linear,
    layer_lists,
    layers,
    submodule,
)
from llamita.core.errors import UserError
from llamita.core.frequent import LANGUAGES, frequent_words, sample_sentences
from llamita.core.model import Model


@pytest.mark.parametrize("family", FAMILIES)
def test_the_table_names_modules_and_config_fields_that_exist(family):
    module = tiny_model(family, layers=3).module
    architecture = architecture_of(module)
    for stack, layer_list in zip(architecture.stacks, layer_lists(module), strict=True):
        assert getattr(module.config, stack.depth) == len(layer_list) == 3
        assert getattr(module.config, stack.num_heads) == 4
        assert getattr(module.config, stack.ffn_size) == 64
        for layer in layer_list:
            for path in (*stack.ffn.inputs, stack.ffn.output):
                assert submodule(layer, path).weight.ndim == 2
            for attention in stack.attention:
                parts = (attention.fused,) if attention.fused else (attention.query, attention.key, attention.value)
                for path in (*parts, attention.output):
                    assert submodule(layer, path).weight.ndim == 2
    for name in architecture.per_layer:
        assert len(getattr(module.config, name)) == 3


@pytest.mark.parametrize("family", FAMILIES)
def test_the_head_ends_in_the_linear_map_that_the_table_names(family):
    model = tiny_model(family, labels=("a", "b", "c"))
    before = model.text_logits(TRAINING_TEXTS[:2])
    with torch.no_grad():
        head_linear(model.module).weight.mul_(2)
        if head_linear(model.module).bias is not None:
            head_linear(model.module).bias.mul_(2)
    np.testing.assert_allclose(model.text_logits(TRAINING_TEXTS[:2]), 2 * before, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_saved_model_reloads_with_equal_logits(family, tmp_path):
    model = tiny_model(family)
    model.save(tmp_path / "saved")
    again = Model.load(tmp_path / "saved")
    np.testing.assert_allclose(again.text_logits(TRAINING_TEXTS), model.text_logits(TRAINING_TEXTS), rtol=0, atol=1e-6)


def test_the_layers_of_bart_are_those_that_feed_its_head():
    module = tiny_model("bart").module
    assert layers(module) is module.model.decoder.layers
    assert [len(stack) for stack in layer_lists(module)] == [2, 2]


def test_a_model_without_a_head_is_told_how_to_get_one():
    module = AutoModel.from_config(tiny_model("bert").module.config)
    with pytest.raises(UserError, match="no classification head at 'classifier'"):
        head_linear(module)


def test_an_unknown_family_is_refused_with_the_way_to_add_it():
    module = AutoModel.from_config(
        AutoConfig.for_model(
            "albert", vocab_size=20, embedding_size=8, hidden_size=8, intermediate_size=8, num_attention_heads=1
        )
    )
    with pytest.raises(UserError, match=r"'albert' is not in the table.*To add it, describe it in"):
        architecture_of(module)
    with pytest.raises(UserError, match="Did you mean 'llama'"):
        architecture_named("lama")


def test_the_table_lists_just_the_families_that_are_tested():
    assert set(ARCHITECTURES) == set(FAMILIES)


def test_frequent_words_are_ranked_and_the_sample_was_not_counted():
    for language, common in zip(LANGUAGES, ("the", "的"), strict=True):
        counts = [n for _, n in frequent_words(language)]
        assert counts == sorted(counts, reverse=True)
        assert len(counts) > 30_000
        assert common in [word for word, _ in frequent_words(language)[:5]]
        assert len(set(sample_sentences(language))) == 400
