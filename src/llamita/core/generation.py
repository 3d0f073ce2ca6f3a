"""Text from a torch model: prompts of any lengths together, padded on the left, with the answers each would have alone."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from transformers import GenerationConfig
from transformers.generation import BaseStreamer

from llamita.core.chat import stop_ids
from llamita.core.encoding import batches_of_like_length
from llamita.core.errors import UserError, require

if TYPE_CHECKING:
    from llamita.core.decoding import Decoding
    from llamita.core.model import Model

TOKENS_PER_BATCH = 4096


class _Heard(BaseStreamer):
    """Hands on each new token."""

    def __init__(self, heard: Callable[[int], None]):
        self.heard, self.asked = heard, False

    def put(self, value: Any) -> None:
        if self.asked:
            self.heard(int(value.flatten()[0]))
        self.asked = True  # the prompt comes first

    def end(self) -> None:
        pass


def generated(
    model: Model, prompts: Sequence[Sequence[int]], how: Decoding, heard: Callable[[int], None] | None = None
) -> list[list[int]]:
    """What follows each prompt; a drawn reply is drawn as if its prompt were alone.

    Raises:
        UserError: an empty prompt, one without room for an answer, or several that somebody listens to.
    """
    require(heard is None or len(prompts) == 1, "one prompt at a time can be listened to")
    require(all(len(ids) for ids in prompts), "a prompt must not be empty")
    room = [model.max_length - len(ids) for ids in prompts]
    if (least := min(room, default=1)) < 1:
        taken, which = model.max_length - least, room.index(least) + 1
        require(len(prompts) > 1, f"the prompt takes {taken} of the model's {model.max_length} tokens; shorten it")
        raise UserError(f"prompt {which} takes {taken} of the model's {model.max_length} tokens; shorten it")
    stops = stop_ids(model.module, model.tokenizer)
    found: list[list[int]] = [[] for _ in prompts]
    budget = 1 if how.temperature else TOKENS_PER_BATCH
    waiting = batches_of_like_length([len(ids) + how.max_tokens for ids in prompts], budget)
    while waiting:
        rows = waiting.pop()
        new = min(how.max_tokens, *(room[i] for i in rows))
        config = _config(model, how, stops, new)
        for i, ids in zip(rows, _batch(model, [prompts[i] for i in rows], config, how.seed, heard), strict=True):
            end = next((at for at, token in enumerate(ids) if token in stops), len(ids))
            found[i] = ids[:end]
            if end == new < min(how.max_tokens, room[i]):
                waiting.append([i])  # a longer prompt took its room: once more, alone
    return found


def _config(model: Model, how: Decoding, stops: Sequence[int], new: int) -> GenerationConfig:
    """Ours alone: what a model's folder says of penalties and sampling isn't what was asked for."""
    drawn = {"temperature": how.temperature, "top_p": how.top_p, "top_k": 0} if how.temperature else {}
    return GenerationConfig(
        max_new_tokens=new, do_sample=bool(how.temperature), eos_token_id=list(stops) or None,
        pad_token_id=model.module.config.pad_token_id, bos_token_id=model.module.config.bos_token_id, **drawn,
    )  # fmt: skip


@contextmanager
def own_settings_aside(module: Any) -> Generator[None]:
    """Without the settings of the model's folder, which Transformers takes for all that a config leaves open."""
    kept, module.generation_config = module.generation_config, GenerationConfig()
    try:
        yield
    finally:
        module.generation_config = kept


def _batch(
    model: Model,
    prompts: Sequence[Sequence[int]],
    config: GenerationConfig,
    seed: int,
    heard: Callable[[int], None] | None,
) -> list[list[int]]:
    width = max(map(len, prompts))
    ids = torch.full((len(prompts), width), model.module.config.pad_token_id)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.as_tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    device = model.device
    cards = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cards), model.reading():
        torch.manual_seed(seed)
        module: Any = model.module
        with own_settings_aside(module):
            out = module.generate(
                input_ids=ids.to(device), attention_mask=mask.to(device), generation_config=config,
                streamer=_Heard(heard) if heard else None,
            )  # fmt: skip
    return out[:, width:].tolist()
