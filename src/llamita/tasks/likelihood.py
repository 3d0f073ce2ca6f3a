"""Label likelihood: a causal model that was never taught the labels chooses among them by how likely it finds their words.

P(y|x) = exp f(x, y) / sum over y' of exp f(x, y'), where f is the log-probability of the label's words after the prompt, over
their number of tokens, less what the model says after an empty text (Brown et al. 2020, https://arxiv.org/abs/2005.14165;
Zhao et al. 2021, https://arxiv.org/abs/2102.09690). One pass gives all labels of a batch of texts: the labels' words stand
behind the text side by side, each seeing the text and itself alone, and what all prompts begin with is computed once.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import DynamicCache

from llamita.core.checked import Checked
from llamita.core.encoding import batches_of_like_length
from llamita.core.errors import UserError, require
from llamita.core.task import parts_of
from llamita.tasks import _side_by_side as side_by_side
from llamita.tasks._running import puts_a_space, tokens_alone, tokens_within
from llamita.tasks._untrained import Untrained
from llamita.tasks.wording import asks_in_chinese, bare, require_places, words_of
from llamita.train.language_loss import chunk_size

if TYPE_CHECKING:
    from torch import Tensor

    from llamita.core.model import Model
    from llamita.core.task import Text

FAMILIES = ("llama", "qwen2", "qwen3", "gemma3_text", "mistral", "gpt2")
"""Model types whose labels were tested to come from one pass as they do one by one; others scale or cap their answers, or look
only at what is near, in ways of their own."""
HELD = 4
"""How many times as many tokens a batch may hold as are computed in it."""
EMPTY = ("", "N/A", "[MASK]")
"""Texts that say nothing; what the model answers to them is what it would answer anyway."""


@dataclass(frozen=True, kw_only=True)
class Prompt(Checked):
    """How the model is asked, and how its answers are read."""

    start: str = "Labels: {labels}.\n\n"
    """Before everything; {labels} are the labels' words with commas between."""
    text: str = "Text: {text}\nLabel:"
    """Asks for a text's label; of a pair {text} is the first and {pair} the second."""
    answer: str = " {label}"
    """How an answer follows."""
    comma: str = ", "
    """Stands between the labels' words."""
    between: str = "\n\n"
    """After an example's answer."""
    per_token: bool = True
    """Divide a label's log-probability by its tokens, so that long names aren't at a disadvantage."""
    prior: bool = True
    """Take off what the model answers to an empty text."""

    def __post_init__(self) -> None:
        require_places(self.text)
        require("{label}" in self.answer, f"the answer must say where the label goes: {{label}}; got {self.answer!r}")

    def around(self, pair: bool) -> tuple[str, str, str]:
        """What stands before the text, between the two of a pair, and after."""
        before, after = self.text.split("{text}", 1)
        if "{pair}" in self.text and not pair:
            raise UserError("the prompt names a {pair}, but the text is a single one")
        if not pair:
            return before, "", after
        if "{pair}" not in after:
            return before, "\n", after
        middle, after = after.split("{pair}", 1)
        return before, middle, after


CHINESE = Prompt(start="标签：{labels}。\n\n", text="文本：{text}\n标签：", answer="{label}", comma="、")


def usual_prompt(text: str | None, *, chinese: bool) -> Prompt:
    """How a model is asked in a language; with a text of the user's own where there is one."""
    usual = CHINESE if chinese else Prompt()
    return usual if text is None else replace(usual, text=text)


def _require_tested(model: Model) -> None:
    """Refuse a model that predicts no words, or of a family whose answers were never compared."""
    if model.module.get_output_embeddings() is None or not type(model.module).__name__.endswith(("LM", "LMHeadModel")):
        raise UserError(
            f"{model.name or 'the model'} is a {type(model.module).__name__}, which predicts no words to come; label"
            " likelihood takes a causal language model such as smollm2"
        )
    family = model.module.config.model_type
    require(
        family in FAMILIES and not getattr(model.module.config, "final_logit_softcapping", None),
        f"label likelihood was tested on {', '.join(FAMILIES)}, not on {family!r} as this model is",
    )


class LikelihoodEngine(Untrained["Model"]):
    """A causal language model as a classifier, without training."""

    def __init__(
        self,
        model: Model,
        labels: Sequence[str],
        *,
        words: Mapping[str, str] | None = None,
        prompt: Prompt | None = None,
        examples: Sequence[tuple[Text, str]] = (),
    ):
        """Wrap a causal model.

        Args:
            words: What is said for a label, where its name doesn't say it: {"1": "good"}.
            prompt: None: the usual one, in Chinese where the labels' words or the examples are.
            examples: Texts with their labels, shown before each question.

        Raises:
            UserError: the model predicts no words, or two labels are said alike.
        """
        _require_tested(model)
        require(not isinstance(labels, str), f"labels must be a list of names, got one text: {labels!r}")
        self.words = words_of(labels, words)
        require(len(labels) >= 2, f"a classifier needs two labels or more, got {', '.join(labels) or 'none'}")
        chinese = asks_in_chinese(self.words.values(), (text for text, _ in examples))
        self.engine, self.prompt = model, prompt or usual_prompt(None, chinese=chinese)
        self.labels = tuple(labels)
        self.name = f"{model.name}, asked"
        self._ids = [self._tokens(self.prompt.answer.replace("{label}", self.words[label])) for label in labels]
        require(all(self._ids), "a label's words must not be empty")
        if len({tuple(ids) for ids in self._ids}) < len(labels):
            raise UserError(f"two labels are said alike: {', '.join(self.words.values())}")
        self._prefix = self._start(examples)
        self.takes_prior = self.prompt.prior
        self.scale, self.shift = np.ones(len(labels)), np.zeros(len(labels))

    def logits(self, token_ids: np.ndarray, mask: np.ndarray, type_ids: np.ndarray | None = None) -> np.ndarray:
        raise UserError("label likelihood puts texts into a prompt; call text_logits or scores")

    def judged(self, texts: Sequence[Text], tokens_per_batch: int) -> np.ndarray:
        return self._likelihoods([self._question(text) for text in texts], tokens_per_batch)

    def judged_empty(self) -> np.ndarray:
        pairs = "{pair}" in self.prompt.text
        return self._likelihoods([self._question((text, text) if pairs else text) for text in EMPTY], self.batch_tokens)

    def _tokens(self, text: str) -> list[int]:
        """Token ids of a text that other text stands before."""
        tokenizer = self.engine.tokenizer
        return tokens_within(tokenizer, text) if self._takes_care else tokens_alone(tokenizer, text)

    @cached_property
    def _takes_care(self) -> bool:
        """Whether the tokenizer reads a text that begins otherwise than one that goes on."""
        return puts_a_space(self.engine.tokenizer)

    def _start(self, examples: Sequence[tuple[Text, str]]) -> list[int]:
        """Token ids that all questions begin with."""
        first = [i for i in self.engine.tokenizer("a")["input_ids"][:1] if i in self.engine.tokenizer.all_special_ids]
        said = self.prompt.start.replace("{labels}", self.prompt.comma.join(self.words.values()))
        ids = [*first, *tokens_alone(self.engine.tokenizer, said)]
        self._begun = bool(said)
        for text, label in examples:
            answer = self.prompt.answer.replace("{label}", self.words[label])
            ids += [*self._question(text), *self._tokens(answer + self.prompt.between)]
            self._begun = True
        asked = sum(len(self._tokens(part)) for part in self.prompt.around("{pair}" in self.prompt.text))
        room = self.engine.max_length - len(ids) - asked - self._longest - 1
        require(
            room > 0,
            f"prompt and examples take {len(ids) + asked} of the model's {self.engine.max_length} tokens; show fewer examples, or"
            " shorten them",
        )
        return ids

    @property
    def _longest(self) -> int:
        return max(map(len, self._ids))

    def num_cut(self, texts: Sequence[Text]) -> int:
        return sum(len(self._question(text)) < len(self._question(text, whole=True)) for text in texts)

    def _question(self, text: Text, *, whole: bool = False) -> list[int]:
        """Token ids that ask for a text's label; the text is cut so that prompt and answer fit.

        A space before a text belongs to its first word, as the model has read words; alone it would be a strange token.
        """
        parts = self.prompt.around(not isinstance(text, str))
        texts = parts_of(bare(text))
        pieces = [
            piece
            for part, said in zip(parts, texts, strict=False)
            for piece in (part.removesuffix(" "), " " * part.endswith(" ") + said)
        ]
        *told, last = self._in_a_row([*pieces, parts[-1]])
        around, inside = [*told[::2], last], told[1::2]
        taken = len(getattr(self, "_prefix", ())) + sum(map(len, around)) + self._longest
        room = max(1, self.engine.max_length - taken)
        while not whole and sum(map(len, inside)) > room:
            longest = max(inside, key=len)
            del longest[-max(1, (sum(map(len, inside)) - room) // 2) :]
        between = [i for ids, said in zip(around, inside, strict=False) for i in (*ids, *said)]
        return [*between, *around[-1]] or [self.engine.tokenizer.eos_token_id]

    def _in_a_row(self, pieces: Sequence[str]) -> list[list[int]]:
        """Token ids of each of the pieces, the first of which may be what the model reads first."""
        first = None if self._begun else next((place for place, piece in enumerate(pieces) if piece), None)
        return [
            tokens_alone(self.engine.tokenizer, piece) if place == first else self._tokens(piece)
            for place, piece in enumerate(pieces)
        ]

    def _likelihoods(self, questions: Sequence[list[int]], tokens_per_batch: int) -> np.ndarray:
        """f(x, y) without the prior's part, float32 [texts, labels]."""
        out = np.zeros((len(questions), len(self.labels)), dtype=np.float32)
        answers = sum(len(ids) - 1 for ids in self._ids)
        # what stands before all questions isn't computed again, but its keys and values are held for each row
        held = [max(len(ids) + answers, (len(self._prefix) + len(ids) + answers) // HELD) for ids in questions]
        for rows in batches_of_like_length(held, tokens_per_batch):
            out[rows] = self._batch([questions[i] for i in rows])
        if self.prompt.per_token:
            out /= np.array([len(ids) for ids in self._ids], dtype=np.float32)
        return out

    def _batch(self, questions: Sequence[list[int]]) -> np.ndarray:
        """Summed log-probabilities of each label's tokens after each question, float32 [texts, labels]."""
        device = self.engine.device
        with self.engine.reading():
            layout = side_by_side.layout(questions, self._ids, len(self._prefix), self.encoder.pad_id)
            cache = copy.deepcopy(self._prefix_cache)
            if cache is not None:
                cache.batch_repeat_interleave(len(questions))
            hidden = self._forward(
                layout.token_ids, cache, position_ids=layout.positions.to(device),
                attention_mask=self._masks(layout),
            )  # fmt: skip
            rows = torch.arange(len(questions), device=device)[:, None]
            chosen = hidden[rows, layout.asked.to(device)]
            wanted = sorted({i for ids in self._ids for i in ids})
            log_shares = torch.cat([self._log_shares(part, wanted) for part in self._parts(chosen)], dim=1)
            places = {token: place for place, token in enumerate(wanted)}
            return side_by_side.summed(log_shares, [[places[i] for i in ids] for ids in self._ids]).numpy()

    def _parts(self, states: torch.Tensor) -> Sequence[torch.Tensor]:
        """States [texts, places, width] in parts, of whose logits over the vocabulary no more stand in memory than in training."""
        at_once = chunk_size(self.engine.module.get_output_embeddings().weight.shape[0]) // len(states)
        return states.split(max(1, at_once), dim=1)

    def _log_shares(self, states: torch.Tensor, wanted: Sequence[int]) -> torch.Tensor:
        """Log-probabilities of these tokens, float32 [texts, places, tokens] on the CPU."""
        logits = self.engine.module.get_output_embeddings()(states).float()
        return (logits[..., list(wanted)] - logits.logsumexp(-1, keepdim=True)).cpu()

    @cached_property
    def _prefix_cache(self) -> DynamicCache | None:
        """Keys and values of what all questions begin with; None where that is nothing."""
        if not self._prefix:
            return None
        cache = DynamicCache()
        self._forward(torch.tensor([self._prefix]), cache)
        return cache

    def _masks(self, layout: side_by_side.Layout) -> Any:
        """What each kind of layer adds to attention scores; a dict where some layers see all and others don't."""
        config, dtype = self.engine.module.config, next(self.engine.module.parameters()).dtype
        window = getattr(config, "sliding_window", None)
        kinds = getattr(config, "layer_types", None) or ["sliding_attention" if window else "full_attention"]
        made = {
            kind: layout.mask(dtype, window if kind == "sliding_attention" else None).to(self.engine.device)
            for kind in dict.fromkeys(kinds)
        }
        return made if len(made) > 1 else next(iter(made.values()))

    def _forward(self, token_ids: Tensor, cache: DynamicCache | None, **more: Any) -> Tensor:
        """Hidden states [texts, width, hidden]; the cache grows by the tokens."""
        body = self.engine.module.base_model
        named = "cache" if "cache" in inspect.signature(body.forward).parameters else "past_key_values"
        given = {"use_cache": cache is not None, **({named: cache} if cache is not None else {})}
        return body(input_ids=token_ids.to(self.engine.device), **given, **more).last_hidden_state
