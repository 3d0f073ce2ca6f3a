"""Replies: the same together as alone, the same again, and ended where the model ends them."""

from __future__ import annotations

import pytest
import torch
from tests.families import tiny_model
from transformers import AutoModelForCausalLM

from llamita.core.decoding import Decoding
from llamita.core.errors import UserError
from llamita.core.model import Model

PROMPTS = ("a", "the plot is thin and the acting is worse", "好 film")


def writer(family: str) -> Model:
    source = tiny_model(family)
    torch.manual_seed(2)
    module = AutoModelForCausalLM.from_config(source.module.config, dtype=torch.float32)
    return Model(module, source.tokenizer, name=f"tiny {family}")


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "gemma3_text", "mistral", "gpt2"])
def test_replies_together_are_those_one_by_one(family: str) -> None:
    model = writer(family)
    prompts = [model.tokenizer(text)["input_ids"] for text in PROMPTS]
    how = Decoding(max_tokens=12)
    together = model.generate(prompts, how)
    assert together == [model.generate([ids], how)[0] for ids in prompts]
    slow = list(prompts[1])
    for _ in range(len(together[1])):
        slow.append(int(model.module(torch.tensor([slow])).logits[0, -1].argmax()))
    assert together[1] == slow[len(prompts[1]) :]


def test_a_drawn_reply_is_that_of_its_seed_whatever_stands_beside_it() -> None:
    model = writer("llama")
    prompts = [model.tokenizer(text)["input_ids"] for text in PROMPTS]
    how = Decoding(max_tokens=12, temperature=1.5, top_p=0.95, seed=3)
    state = torch.random.get_rng_state()
    first = model.generate(prompts, how)
    assert first == model.generate(prompts, how)
    assert first[2] == model.generate(prompts[2:], how)[0]
    assert first != model.generate(prompts, Decoding(max_tokens=12, temperature=1.5, top_p=0.95, seed=4))
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize(
    "settings", [{"repetition_penalty": 3.0}, {"no_repeat_ngram_size": 1}, {"num_beams": 4}, {"suppress_tokens": [5, 6]},
                 {"max_time": 1e-9}],
)  # fmt: skip
def test_what_the_models_folder_says_of_sampling_is_not_what_was_asked_for(settings: dict) -> None:
    model = writer("llama")
    ids = model.tokenizer("a warm and funny film")["input_ids"]
    how = Decoding(max_tokens=12)
    plain = model.generate([ids], how)
    model.module.generation_config.update(**settings)
    assert model.generate([ids], how) == plain
    assert all(getattr(model.module.generation_config, name) == value for name, value in settings.items())


def test_a_long_prompt_takes_no_room_of_others_and_one_too_long_is_named() -> None:
    model = writer("llama")
    short, long = model.tokenizer("a")["input_ids"], [5] * (model.max_length - 3)
    how = Decoding(max_tokens=12)
    alone = [model.generate([ids], how)[0] for ids in (short, long, [*short, 7])]
    assert model.generate([short, long, [*short, 7]], how) == alone
    assert len(alone[1]) <= 3 < len(alone[0])
    with pytest.raises(UserError, match=rf"prompt 2 takes {model.max_length} of the model's {model.max_length} tokens"):
        model.generate([short, [5] * model.max_length], how)


def test_each_token_is_heard_and_the_model_ends_its_reply() -> None:
    model = writer("llama")
    ids = model.tokenizer("a warm and funny film")["input_ids"]
    heard: list[int] = []
    (plain,) = model.generate([ids], Decoding(max_tokens=8), heard.append)
    assert heard == plain
    model.module.config.eos_token_id = plain[3]
    model.module.generation_config.eos_token_id = plain[3]
    (ended,) = model.generate([ids], Decoding(max_tokens=8))
    assert ended == plain[: plain.index(plain[3])]


def test_only_language_models_write() -> None:
    assert "generation" in writer("llama").capabilities
    classifier = tiny_model("bert")
    assert "generation" not in classifier.capabilities
    with pytest.raises(UserError, match="tiny bert writes no text; take a causal language model such as smollm2"):
        classifier.chat([{"role": "user", "content": "hello"}])
    with pytest.raises(UserError, match="the model has no chat template"):
        writer("llama").chat([{"role": "user", "content": "hello"}])
    with pytest.raises(UserError, match="chat takes messages such as"):
        writer("llama").chat("hello")  # type: ignore[arg-type]


def test_a_prompt_that_leaves_no_room_is_refused() -> None:
    model = writer("llama")
    with pytest.raises(UserError, match="the prompt takes 500 of the model's 128 tokens; shorten it"):
        model.generate([[5] * 500])
