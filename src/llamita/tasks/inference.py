"""Labels by inference: a model of natural language inference says how far a text entails "This text is about LABEL."

Yin et al. 2019, https://arxiv.org/abs/1909.00161. The text is the premise and each label, put into a template, a hypothesis;
P(y|x) is the softmax over the labels of the entailment logit, or, where several labels may hold, each label's entailment
against its contradiction alone. Any sequence classifier with an entailment label will do, exported folders too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from llamita.core.answers import AnyLabels, OneLabel
from llamita.core.checked import Checked
from llamita.core.engine import Engine
from llamita.core.errors import RefusedText, UserError, require
from llamita.core.task import Text
from llamita.tasks._untrained import Untrained
from llamita.tasks.wording import asks_in_chinese, bare, words_of

ENGLISH, CHINESE = "This text is about {label}.", "这段文字是关于{label}的。"
ENTAILMENT, CONTRADICTION = ("entail", "蕴含", "蕴涵"), ("contradict", "矛盾")
"""How names of these relations begin, in any case; "not_entailment" is neither."""
EMPTY = ("", "N/A", "...")
"""Premises that say nothing; what the model answers to them it would answer anyway."""


@dataclass(frozen=True, kw_only=True)
class Hypothesis(Checked):
    """How a label becomes a sentence that a text may entail, and how the answers are read."""

    text: str | None = None
    """The sentence, with {label} for the label's words; none: one in English, or in Chinese where the words are Chinese."""
    multi_label: bool = False
    """Whether a text may have several labels or none: each is judged alone, entailment against contradiction."""
    prior: bool = False
    """Take off what the model answers to an empty text."""

    def __post_init__(self) -> None:
        require(
            self.text is None or "{label}" in self.text,
            f"the hypothesis must say where the label goes: {{label}}; got {self.text!r}",
        )
        require(
            not (self.multi_label and self.prior), "prior is for labels that exclude each other, not for multi_label"
        )

    def sentence(self, words: str, others: Sequence[str] = ()) -> str:
        """The hypothesis of one label; the others tell the language where no text is given."""
        return (self.text or (CHINESE if asks_in_chinese([words, *others]) else ENGLISH)).replace("{label}", words)


def inference_places(engine: Engine) -> tuple[int, int] | None:
    """Where among an engine's logits entailment and its opposite stand; None for a model of something else."""
    named = list(engine.labels)
    config = getattr(getattr(engine, "module", None), "config", None)
    for names in (named, _by_number(getattr(config, "label2id", None), len(named))):
        entails = [i for i, name in enumerate(names) if name.strip().casefold().startswith(ENTAILMENT)]
        against = [i for i, name in enumerate(names) if name.strip().casefold().startswith(CONTRADICTION)]
        if len(names) == 2 and not against and len(entails) == 1:
            against = [1 - entails[0]]
        if len(entails) == 1 and len(against) == 1:
            return entails[0], against[0]
    return None


def _by_number(label2id: Mapping[str, int] | None, count: int) -> list[str]:
    """Names in the order of their numbers, where a config's two tables differ: the one may say 0, 1, 2."""
    ranked = sorted((label2id or {}).items(), key=lambda item: item[1])
    return [name for name, _ in ranked] if [i for _, i in ranked] == list(range(count)) else []


class InferenceEngine(Untrained[Engine]):
    """A model of natural language inference as a classifier of any labels, without training."""

    def __init__(
        self,
        model: Engine,
        labels: Sequence[str],
        *,
        words: Mapping[str, str] | None = None,
        hypothesis: Hypothesis | None = None,
    ):
        """Wrap a classifier whose labels name an entailment.

        Args:
            words: What is said for a label, where its name doesn't say it: {"1": "good"}.

        Raises:
            UserError: the model judges no entailment, or two labels are said alike.
        """
        places = inference_places(model)
        if places is None:
            raise UserError(
                f"{model.name or 'the model'} has labels of its own: {', '.join(model.labels[:20])}; none is an"
                " entailment, so it can't be asked for others. Name a model of inference (entailment, contradiction) or a"
                " causal language model such as smollm2"
            )
        self.engine, self.hypothesis = model, hypothesis or Hypothesis()
        self.entailment, self.contradiction = places
        self.labels = tuple(labels)
        self.answers = AnyLabels() if self.multi_label else OneLabel()
        self.name = f"{model.name}, by inference"
        said = list(words_of(labels, words).values())
        self.sentences = [self.hypothesis.sentence(one, said) for one in said]
        least = 1 if self.multi_label else 2
        require(len(labels) >= least, f"a classifier needs two labels or more, got {', '.join(labels) or 'none'}")
        require(len(set(said)) == len(said), f"two labels are said alike: {', '.join(said)}")
        self.takes_prior = self.hypothesis.prior
        self.scale, self.shift = np.ones(len(labels)), np.zeros(len(labels))
        self._pairs = model.encoder.cut(premise_only=True)
        self._require_room()

    @property
    def multi_label(self) -> bool:
        """Whether probabilities stand each for itself and need not sum to 1."""
        return self.hypothesis.multi_label

    def logits(self, token_ids: np.ndarray, mask: np.ndarray, type_ids: np.ndarray | None = None) -> np.ndarray:
        raise UserError("labels by inference put texts beside hypotheses; call text_logits or scores")

    def num_cut(self, texts: Sequence[Text]) -> int:
        longest = max(self.sentences, key=len)
        return self._pairs.num_cut([(str(bare(text)), longest) for text in texts])

    def judged_empty(self) -> np.ndarray:
        return self.judged(EMPTY, self.batch_tokens)

    def judged(self, texts: Sequence[Text], tokens_per_batch: int) -> np.ndarray:
        """The entailment logit of each hypothesis after each text, less that of contradiction where labels stand alone."""
        for index, text in enumerate(texts):
            if not isinstance(text, str):
                raise RefusedText(
                    f"labels by inference are for single texts, got a pair: {str(text)[:60]}; name the column of one:"
                    " text=COLUMN", index,
                )  # fmt: skip
        pairs = [(bare(text), sentence) for text in texts for sentence in self.sentences]
        out = np.zeros(len(pairs), dtype=np.float32)
        for rows, batch in self._pairs.batches(pairs, tokens_per_batch):  # type: ignore[arg-type]
            logits = self.engine.logits(batch.token_ids, batch.mask, batch.type_ids)
            out[rows] = logits[:, self.entailment]
            if self.multi_label:
                out[rows] -= logits[:, self.contradiction]
        return out.reshape(len(texts), len(self.labels))

    def _require_room(self) -> None:
        """Refuse a hypothesis that leaves the text no token, since only the text is ever cut."""
        alone = self._pairs.tokenizer
        longest = max(len(alone.encode(one, add_special_tokens=False).ids) for one in self.sentences)
        room = self._pairs.max_length - alone.num_special_tokens_to_add(is_pair=True) - longest
        require(
            room > 0,
            f"a hypothesis takes {longest} of the model's {self._pairs.max_length} tokens and leaves no room for the text;"
            " shorten it",
        )
