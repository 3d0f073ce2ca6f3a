"""Dialogues and tiny models that answer."""

from __future__ import annotations

import torch
from tests.families import tiny_model
from transformers import AutoModelForCausalLM

from llamita.core.model import Model
from llamita.core.task import Split
from llamita.data.dialogues import written
from llamita.tasks.chat import Chat

MARKED = (
    "{% for m in messages %}{{ '<|startoftext|>' + m['role'] + '\\n' }}{% if m['role'] == 'assistant' %}"
    "{% generation %}{{ m['content'] + '<|endoftext|>' }}{% endgeneration %}{% else %}{{ m['content'] + '<|endoftext|>' }}"
    "{% endif %}{{ '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|startoftext|>assistant\\n' }}{% endif %}"
)
LAST_ONLY = (
    "{% for m in messages %}{{ m['role'] + ':\\n' }}{% if m['role'] == 'user' or loop.last %}{{ m['content'] }}{% endif %}"
    "{{ '<|endoftext|>' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant:\\n' }}{% endif %}"
)
"""Strips what the assistant said earlier."""


def talk(*said: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(said)]


TALK = talk("is the film funny", "it is warm and funny", "and the plot?", "thin, but moving. 很好")


def chat_model(template: str | None = MARKED, family: str = "llama") -> Model:
    source = tiny_model(family)
    torch.manual_seed(1)
    model = Model(
        AutoModelForCausalLM.from_config(source.module.config, dtype=torch.float32), source.tokenizer, name="tiny"
    )
    model.tokenizer.chat_template = template
    return model


def chat_task(n: int = 24) -> Chat:
    talks = [talk(f"number {i % 5}", "a warm film") for i in range(n)]
    texts = tuple(written(one) for one in talks)
    return Chat(train=Split(texts=texts), select=Split(texts=texts[:5]), test=Split(texts=texts[:5]))


def uneven_task(n: int) -> Chat:
    """Dialogues of few and of many tokens."""
    texts = tuple(written(talk(f"number {i % 5}", "a warm film " * (1 + 5 * (i % 3 == 0)))) for i in range(n))
    return Chat(train=Split(texts=texts), select=Split(texts=texts[:5]), test=Split(texts=texts[:5]))
