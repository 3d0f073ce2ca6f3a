"""Which tokens of a dialogue are learned: the assistant's, after exactly what it is given at prediction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.talks import LAST_ONLY, MARKED, TALK, chat_model, talk
from tokenizers.processors import TemplateProcessing

from llamita.core.chat import end_of_turn, rendered, token_ids
from llamita.core.errors import UserError
from llamita.data.dialogues import written
from llamita.train.dialogues import TEMPLATES, answer_nats, answered, answered_all, give_template
from llamita.train.language_loss import NO_TARGET


@pytest.mark.parametrize("template", [MARKED, TEMPLATES["plain"]])
def test_a_token_is_learned_if_it_is_the_assistants(template: str) -> None:
    """The slow way: tokenise what stands before and after each answer, one by one."""
    tokenizer = chat_model(template).tokenizer
    found = answered(tokenizer, TALK, end_of_turn(tokenizer))
    wanted = np.full(len(found.ids), NO_TARGET)
    for i in (1, 3):
        start = len(token_ids(tokenizer, rendered(tokenizer, TALK[:i], ask=True)))
        answer = token_ids(tokenizer, rendered(tokenizer, TALK[:i], ask=True) + TALK[i]["content"])
        end = len(answer) + 1
        wanted[start:end] = found.ids[start:end]
        assert found.ids[end - 1] == tokenizer.eos_token_id
    assert found.tokens.targets.tolist() == wanted.tolist()
    assert found.bytes == (len("it is warm and funny"), len("thin, but moving. 很好".encode()))


def test_the_learned_tokens_are_those_a_template_marks_itself() -> None:
    tokenizer = chat_model().tokenizer
    found = answered(tokenizer, TALK, end_of_turn(tokenizer))
    marked = tokenizer.apply_chat_template(TALK, return_dict=True, return_assistant_tokens_mask=True)
    assert found.ids == marked["input_ids"]
    assert (found.tokens.targets != NO_TARGET).astype(int).tolist() == marked["assistant_masks"]


@pytest.mark.parametrize("family", ["llama", "qwen2", "gemma3_text", "mistral"])
def test_what_is_asked_at_prediction_are_the_tokens_before_the_answer_in_training(family: str) -> None:
    model = chat_model(TEMPLATES["plain"], family)
    heard: list[Any] = []
    model.generate = lambda prompts, how=None, heard_by=None: heard.extend(prompts) or [[]]  # type: ignore[method-assign]
    found = answered(model.tokenizer, TALK, end_of_turn(model.tokenizer))
    for i, (start, _) in zip((1, 3), found.spans, strict=True):
        model.chat(TALK[:i])
        assert heard[-1] == found.ids[:start]


@pytest.mark.parametrize("begins", [True, False])
def test_a_dialogue_begins_as_the_tokenizer_begins_a_text(begins: bool) -> None:
    model = chat_model(None)
    tokenizer = model.tokenizer
    if begins:
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single="<|startoftext|> $A",
            special_tokens=[("<|startoftext|>", tokenizer.convert_tokens_to_ids("<|startoftext|>"))],
        )
        tokenizer.bos_token = "<|startoftext|>"
    give_template(model, "plain")
    first = tokenizer("User:")["input_ids"]
    assert (first[0] == tokenizer.bos_token_id) is begins
    found = answered(tokenizer, TALK, end_of_turn(tokenizer))
    assert found.ids[: len(first)] == first
    assert found.ids.count(tokenizer.convert_tokens_to_ids("<|startoftext|>")) == int(begins)
    heard: list[Any] = []
    model.generate = lambda prompts, how=None, heard_by=None: heard.extend(prompts) or [[]]  # type: ignore[method-assign]
    model.chat(TALK[:1])
    assert heard[0] == found.ids[: found.spans[0][0]]
    give_template(model, "plain")  # the same again is no other


def test_a_template_that_ends_the_dialogue_with_another_token_than_a_turn_is_learned_turn_by_turn() -> None:
    template = (
        "{% for m in messages %}<|startoftext|>{{ m['role'] }}\n{{ m['content'] }}<|turn|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|startoftext|>assistant\n{% else %}{{ eos_token }}{% endif %}"
    )
    tokenizer = chat_model(template).tokenizer
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|turn|>"]})
    turn = tokenizer.convert_tokens_to_ids("<|turn|>")
    found = answered(tokenizer, TALK, end_of_turn(tokenizer))
    learned = [tokenizer.decode(found.ids[start:end]) for start, end in found.spans]
    assert [text.replace(" ", "") for text in learned] == [
        TALK[i]["content"].replace(" ", "") + "<|turn|>" for i in (1, 3)
    ]
    assert all(found.ids[end - 1] == turn for _, end in found.spans)


def test_a_template_that_rewrites_earlier_turns_is_refused_and_not_shifted() -> None:
    tokenizer = chat_model(LAST_ONLY).tokenizer
    answered(tokenizer, TALK[:2], end_of_turn(tokenizer))
    with pytest.raises(UserError, match="the chat template rewrites earlier turns: what stands before answer 1"):
        answered(tokenizer, TALK, end_of_turn(tokenizer))


def test_a_template_that_leaves_it_to_the_model_to_open_its_turn_is_refused() -> None:
    unopened = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}<|endoftext|>{% endfor %}"
    with pytest.raises(
        UserError, match="writes '<assistant>' before an answer, which the model would have to say itself"
    ):
        answered_all(chat_model(unopened), [written(TALK)], None)
    bare = "{% for m in messages %}{{ ' ' + m['content'] + (']' if m['role'] == 'user' else eos_token) }}{% endfor %}"
    assert answered_all(chat_model(bare), [written(TALK[:2])], None)[0].spans


def test_a_template_whose_answers_join_the_prompt_is_refused() -> None:
    joined = TEMPLATES["plain"].replace(":\\n'", ": '")
    tokenizer = chat_model(joined).tokenizer
    with pytest.raises(UserError, match="what stands before answer 1 is not what the model would be given"):
        answered(tokenizer, TALK, end_of_turn(tokenizer))


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma3_text"])
def test_an_answers_likelihood_is_that_of_its_tokens_one_by_one(family: str) -> None:
    model = chat_model(TEMPLATES["plain"], family)
    texts = [written(TALK), written(talk("dull?", "no"))]
    found = answered_all(model, texts, None)
    slow = []
    for one in found:
        logits = model.module(torch.tensor([one.ids])).logits[0].log_softmax(-1).detach()
        places = [at for start, end in one.spans for at in range(start, end)]
        slow.append(-sum(float(logits[at - 1, one.ids[at]]) for at in places))
    np.testing.assert_allclose(answer_nats(model, found), slow, rtol=1e-5)


def test_a_dialogue_is_cut_after_the_last_answer_that_fits() -> None:
    tokenizer = chat_model().tokenizer
    whole = answered(tokenizer, TALK, end_of_turn(tokenizer))
    first = whole.cut(len(whole.ids) - 3)
    assert first.spans == whole.spans[:1]
    assert len(first.ids) == whole.spans[0][1]
    assert whole.cut(3).spans == ()
