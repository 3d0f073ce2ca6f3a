"""Dialogues as tokens by the model's own chat template: what is asked, and which tokens are the assistant's to say.

The tokens before an answer are those that the same template gives at prediction, and this is checked answer by answer: a
template that rewrites earlier turns, or a tokenizer that joins an answer with what stands before it, is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.core.chat import end_of_turn, prompt_ids, rendered, token_ids
from llamita.core.encoding import batches_of_like_length
from llamita.core.errors import UserError, require
from llamita.data.dialogues import messages_of
from llamita.train.frame import framing
from llamita.train.language import TokenExamples, Tokens, summed_nats
from llamita.train.language_loss import NO_TARGET

if TYPE_CHECKING:
    from llamita.core.model import Model

TEMPLATES = {
    "plain": "{% for message in messages %}{{ message['role'].capitalize() + ':\\n' + message['content'] }}"
    "{{ eos_token + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:\\n' }}{% endif %}",
}
"""Templates for models that came without one; answers end with the tokenizer's own end token, and begin on a line
of their own: after a space their first word would be another token than in the prompt. Where the tokenizer begins texts with
its bos token, so does the dialogue."""


def give_template(model: Model, template: str | None) -> None:
    """Put a template, by name or by file, into the tokenizer of a model that has none.

    Raises:
        UserError: it has one, it has none and none is given, or it predicts no text.
    """
    tokenizer = model.tokenizer
    if model.module.get_output_embeddings() is None or model.module.config.is_encoder_decoder:
        raise UserError(
            f"{model.name or 'the model'} is a {type(model.module).__name__}, which writes no answers; chat takes a causal"
            " language model such as smollm2"
        )
    if template is None:
        known = ", ".join(TEMPLATES)
        require(
            bool(tokenizer.chat_template),
            f"{model.name or 'the model'} has no chat template; name one: --chat-template {known}, or a Jinja file",
        )
        return
    wanted = named_template(tokenizer, template) if template in TEMPLATES else _from_file(template)
    require(
        not tokenizer.chat_template or tokenizer.chat_template == wanted,
        f"{model.name or 'the model'} has a chat template of its own; leave --chat-template out",
    )
    require(tokenizer.eos_token is not None, "the tokenizer has no end token (eos_token), which must end an answer")
    tokenizer.chat_template = wanted


def named_template(tokenizer: Any, name: str) -> str:
    """The template of a name for this tokenizer: what a template writes is tokenised without further special tokens."""
    begins = tokenizer.bos_token_id is not None and tokenizer.bos_token_id in framing(tokenizer)[0]
    return ("{{ bos_token }}" if begins else "") + TEMPLATES[name]


def _from_file(template: str) -> str:
    path = Path(template).expanduser()
    if not path.is_file():
        raise UserError(
            f"chat_template must be {', '.join(TEMPLATES)} or a file with a Jinja template, got {template!r}"
        )
    return path.read_text(encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A dialogue's tokens, and where the assistant's answers stand among them."""

    ids: list[int]
    spans: tuple[tuple[int, int], ...]
    """First and last+1 place of each answer, the token that ends the turn with it."""
    bytes: tuple[int, ...]
    """UTF-8 bytes of each answer's text."""

    @property
    def tokens(self) -> Tokens:
        """A training row: the answers are its targets."""
        ids = np.asarray(self.ids, dtype=np.int64)
        targets = np.full_like(ids, NO_TARGET)
        for start, end in self.spans:
            targets[start:end] = ids[start:end]
        return Tokens(ids, targets)

    def cut(self, length: int) -> Answered:
        """The first answers that fit whole into so many tokens."""
        fit = [i for i, (_, end) in enumerate(self.spans) if end <= length]
        last = self.spans[fit[-1]][1] if fit else 0
        return Answered(
            ids=self.ids[:last], spans=tuple(self.spans[i] for i in fit), bytes=tuple(self.bytes[i] for i in fit)
        )


def answered(tokenizer: Any, messages: Sequence[Mapping[str, str]], stop: int) -> Answered:
    """A dialogue as the template writes it.

    Args:
        stop: the token that ends a turn.

    Raises:
        UserError: what stands before an answer isn't what the model is given at prediction.
    """
    text = rendered(tokenizer, messages)
    ids = token_ids(tokenizer, text)
    spans, sizes = [], []
    for i, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        asked = prompt_ids(tokenizer, messages[:i])
        so_far = _up_to(message["content"].strip(), rendered(tokenizer, messages[: i + 1]))
        if not text.startswith(so_far) or ids[: len(asked)] != asked:
            what = "rewrites earlier turns" if not text.startswith(so_far) else "gives other tokens once it is answered"
            raise UserError(
                f"the chat template {what}: what stands before answer {len(spans) + 1} is not what the model would be given"
                " to answer; train on dialogues of one answer, or name another template"
            )
        end = next((at for at in range(len(asked), len(ids)) if ids[at] == stop), None)
        require(end is not None, "the chat template doesn't end an answer with the token that ends the others")
        spans.append((len(asked), end + 1))  # type: ignore[operator]
        sizes.append(len(message["content"].encode("utf-8")))
    return Answered(ids=ids, spans=tuple(spans), bytes=tuple(sizes))


def _up_to(said: str, text: str) -> str:
    """A dialogue up to what was said last: behind it a template may write what ends the whole."""
    head, found, _ = text.rpartition(said) if said else ("", "", "")
    return head + found if found else text


def require_opening(tokenizer: Any) -> None:
    """Refuse a template that takes no notice of `add_generation_prompt`, where it writes whose turn it is before an answer."""
    asking, said = {"role": "user", "content": "asked"}, "what is said"
    asked = rendered(tokenizer, [asking])
    whole = rendered(tokenizer, [asking, {"role": "assistant", "content": said}])
    before = whole.removeprefix(asked).partition(said)[0].strip()
    require(
        not before or rendered(tokenizer, [asking], ask=True) != asked,
        f"the chat template writes {before!r} before an answer, which the model would have to say itself; let the template end"
        " with it if add_generation_prompt",
    )


def answered_all(model: Model, texts: Sequence[Any], max_length: int | None) -> list[Answered]:
    """Every dialogue's tokens, cut after the last answer that fits into the shortest of these limits and the model's own."""
    require_opening(model.tokenizer)
    stop = end_of_turn(model.tokenizer)
    limit = min(model.max_length, max_length or model.max_length)
    return [answered(model.tokenizer, messages_of(text), stop).cut(limit) for text in texts]


def dialogue_examples(model: Model, texts: Sequence[Any], max_length: int | None) -> tuple[TokenExamples, int]:
    """Training rows, and how many dialogues were left out since no answer of theirs fits.

    Raises:
        UserError: no answer of any fits.
    """
    found = answered_all(model, texts, max_length)
    rows = [one.tokens for one in found if one.spans]
    limit = min(model.max_length, max_length or model.max_length)
    require(
        bool(rows),
        f"no dialogue has an answer that ends within {limit} tokens; raise max_length, or take a model that reads longer texts",
    )
    return TokenExamples(rows=rows, lengths=[len(row.ids) for row in rows]), len(found) - len(rows)


def answer_nats(model: Model, dialogues: Sequence[Answered]) -> np.ndarray:
    """Negative log-likelihood of each dialogue's answers, their ends with them, float64 [dialogues]."""
    rows = [one.tokens for one in dialogues]
    lengths = [len(row.ids) for row in rows]
    source = TokenExamples(rows=rows, lengths=lengths)
    nats = np.zeros(len(rows))
    for indices in batches_of_like_length(lengths, 2048):
        nats[indices] = summed_nats(model, source, indices)[0]
    return nats
