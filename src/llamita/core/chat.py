"""The chat template: messages into the text and the tokens that a model is given, for training and prediction alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from llamita.core.errors import UserError, first_line, require

PROBE = "7q7"
"""Said in a dialogue by which a template is read; it stands in no name of a special token."""


def rendered(tokenizer: Any, messages: Sequence[Mapping[str, str]], *, ask: bool = False) -> str:
    """The messages as the tokenizer's template writes them; with `ask` the assistant's turn is begun.

    Raises:
        UserError: the template can't write them, or a message holds a token that parts turns.
    """
    if not tokenizer.chat_template:
        raise UserError("the model has no chat template; fine-tune it with one: llamita finetune MODEL --task chat …")
    messages = [{**one, "content": _content(number, one)} for number, one in enumerate(messages, 1)]
    text = _written(tokenizer, messages, ask)
    for token in _framing(tokenizer, tokenizer.chat_template):
        for number, message in enumerate(messages, 1):
            if token in message["content"]:
                raise UserError(
                    f"message {number} holds {token}, which the chat template puts between turns; take it out"
                )
    return text


def _content(number: int, message: Mapping[str, Any]) -> str:
    """What a message says; a list of parts that are all text is one text, as where dialogues are read."""
    content = joined_parts(message["content"])
    require(isinstance(content, str), f"message {number} must say a text, got {content!r}")
    return content


def joined_parts(content: Any) -> Any:
    """The text of parts as OpenAI writes them, where all are of the kind text; anything else as it is."""
    parts = content if isinstance(content, list | tuple) else ()
    return "".join(part["text"] for part in parts) if parts and all(map(_is_text, parts)) else content


def _is_text(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type") == "text" and isinstance(part.get("text"), str)


def _written(tokenizer: Any, messages: Sequence[Mapping[str, str]], ask: bool) -> str:
    try:
        return tokenizer.apply_chat_template(
            [dict(message) for message in messages], tokenize=False, add_generation_prompt=ask
        )
    except Exception as error:
        raise UserError(f"the model's chat template can't write this dialogue: {first_line(error)}") from None


@lru_cache(maxsize=4)
def _framing(tokenizer: Any, template: str) -> tuple[str, ...]:
    """The special tokens that the template writes around what is said; whoever says them would speak for the other."""
    said = [{"role": "user", "content": PROBE}, {"role": "assistant", "content": PROBE}]
    special = special_ids(tokenizer)
    ids = dict.fromkeys(token_ids(tokenizer, _written(tokenizer, said, ask=False)))
    return tuple(tokenizer.convert_ids_to_tokens(at) for at in ids if at in special)


def special_ids(tokenizer: Any) -> set[int]:
    """Ids of all special tokens, named or added."""
    added = {at for at, token in tokenizer.added_tokens_decoder.items() if token.special}
    return set(tokenizer.all_special_ids) | added


def token_ids(tokenizer: Any, text: str) -> list[int]:
    """Tokens of what a template wrote, which holds all special tokens already."""
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def prompt_ids(tokenizer: Any, messages: Sequence[Mapping[str, str]]) -> list[int]:
    """What the model is given to answer."""
    return token_ids(tokenizer, rendered(tokenizer, messages, ask=True))


def end_of_turn(tokenizer: Any) -> int:
    """The special token with which the template ends an answer, the first behind its text.

    Raises:
        UserError: it ends with none, so that nothing would end a reply.
    """
    messages = [{"role": "user", "content": PROBE}, {"role": "assistant", "content": PROBE}]
    behind = rendered(tokenizer, messages).rpartition(PROBE)[2]
    special = special_ids(tokenizer)
    found = next((at for at in token_ids(tokenizer, behind) if at in special), None)
    if found is None:
        raise UserError(
            "the model's chat template ends an answer with no special token, so that a reply would never end"
        )
    return found


def stop_ids(module: Any, tokenizer: Any) -> list[int]:
    """Tokens at which a reply ends: the template's, and those the model's own settings name."""
    named = [getattr(module.generation_config, "eos_token_id", None), module.config.eos_token_id]
    found = {end_of_turn(tokenizer)} if tokenizer.chat_template else set()
    for one in named:
        found |= set(one) if isinstance(one, (list, tuple)) else {one} if one is not None else set()
    return sorted(found)
