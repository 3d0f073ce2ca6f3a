"""Arithmetic of one token, counted by hand."""

from __future__ import annotations

import pytest
from tests.families import tiny_model

from llamita.core.flops import attention_width, flops_per_token

HIDDEN, FFN, LABELS = 32, 64, 2


def test_flops_of_a_tiny_bert_match_a_hand_count() -> None:
    model = tiny_model("bert", layers=2)
    layer = 4 * (HIDDEN * HIDDEN + HIDDEN) + 2 * HIDDEN * FFN + FFN + HIDDEN + 4 * HIDDEN
    others = 2 * HIDDEN + HIDDEN * HIDDEN + HIDDEN + HIDDEN * LABELS + LABELS
    assert flops_per_token(model) == 2 * (2 * layer + others)


def test_flops_of_a_tiny_llama_match_a_hand_count() -> None:
    model = tiny_model("llama", layers=3)
    layer = 2 * HIDDEN * HIDDEN + 2 * HIDDEN * HIDDEN // 2 + 3 * HIDDEN * FFN + 2 * HIDDEN
    assert flops_per_token(model) == 2 * (3 * layer + HIDDEN + HIDDEN * LABELS)


@pytest.mark.parametrize("family", ["llama", "gpt2", "bart"])
def test_a_larger_vocabulary_costs_nothing_a_token(family: str) -> None:
    model = tiny_model(family)
    before, parameters = flops_per_token(model), model.num_parameters
    model.module.resize_token_embeddings(len(model.tokenizer) + 100, mean_resizing=False)
    assert model.num_parameters == parameters + 100 * HIDDEN
    assert flops_per_token(model) == before


@pytest.mark.parametrize("family", ["bert", "llama", "gpt2", "distilbert", "modernbert"])
def test_attention_is_as_wide_as_its_layers_heads_and_head_size(family: str) -> None:
    assert attention_width(tiny_model(family, layers=3)) == 3 * 4 * 8


def test_heads_wider_than_their_share_of_the_hidden_size_count_in_full() -> None:
    model = tiny_model("gemma3_text", layers=2)
    model.module.config.head_dim = 24
    assert attention_width(model) == 2 * 4 * 24


def test_cross_attention_counts_as_a_second_one() -> None:
    model = tiny_model("bart", layers=2)
    model.module.config.decoder_layers = 3
    assert attention_width(model) == (2 + 2 * 3) * HIDDEN
