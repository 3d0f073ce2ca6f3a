"""How a module is set while it trains: the same gradients, and everything as before afterwards."""

import pytest
import torch
from tests.families import tiny_model

from llamita.train.mode import LONGEST_EAGER, set_to_train


@pytest.mark.parametrize("family", ["llama", "bert", "bart"])
def test_gradients_are_those_of_fused_attention(family):
    module = tiny_model(family, labels=("a", "b")).module.eval()
    ids = torch.randint(5, 50, (3, 9), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    if family == "bart":  # it reads the one end of each text
        ids[ids == module.config.eos_token_id] = 4
        ids[:, -1] = module.config.eos_token_id
        mask[1, -1] = 1

    def gradients():
        module.zero_grad()
        module(input_ids=ids, attention_mask=mask).logits.square().sum().backward()
        return {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}

    before = gradients()
    with set_to_train(module, 9):
        assert module.config._attn_implementation == "eager"
        plain = gradients()
    assert module.config._attn_implementation == "sdpa"
    assert before.keys() == plain.keys()
    for name, gradient in before.items():
        torch.testing.assert_close(
            gradient, plain[name], atol=1e-4, rtol=1e-4, msg=lambda told, name=name: f"{name}: {told}"
        )


def test_long_texts_keep_the_fused_kernel_and_the_cache_comes_back():
    module = tiny_model("llama", labels=("a", "b")).module
    cache = module.config.use_cache
    with set_to_train(module, LONGEST_EAGER + 1):
        assert module.config._attn_implementation == "sdpa"
        assert not module.config.use_cache
    assert module.config.use_cache == cache
