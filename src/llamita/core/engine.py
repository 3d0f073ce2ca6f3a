"""Engine: what a torch Model and every opened Artifact share, so that each measure runs unchanged on both."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, Literal

import numpy as np

from llamita.core.answers import Answers, OneLabel
from llamita.core.answers import softmax as softmax
from llamita.core.chat import prompt_ids
from llamita.core.checked import as_python
from llamita.core.conformal import threshold_of
from llamita.core.decoding import Decoding
from llamita.core.encoding import TextEncoder, usual_batch
from llamita.core.errors import UserError, require
from llamita.core.prediction import Prediction as Prediction
from llamita.core.prediction import Predictions
from llamita.core.task import Text, is_text, parts_of

Capability = Literal["scores", "gradients", "hidden_states", "attentions", "generation"]

LONE_HALF = re.compile("[\ud800-\udfff]")
"""Half of a character beyond 16 bits: no text, which a tokenizer refuses."""


class Engine(ABC):
    """Texts in, probabilities out; owns its tokenizer."""

    name: str
    labels: tuple[str, ...]
    """In the order of the logits."""
    answers: Answers = OneLabel()
    """How its logits become probabilities and labels."""
    encoder: TextEncoder
    capabilities: frozenset[Capability]
    """What it can do; a measure that needs more says so instead of a number."""
    batch_tokens: int = usual_batch("cpu")
    """Tokens of a batch where nobody names another number, padding counted."""
    is_asked: bool = False
    """Whether it was never taught its labels and is asked for them, so that `calibrate` can't fit it."""

    def __repr__(self) -> str:
        """Its name and labels, so that a notebook shows what was opened."""
        name, labels = getattr(self, "name", "unnamed"), getattr(self, "labels", ())
        return f"<{type(self).__name__} {name!r}: {', '.join(labels) or 'no labels'}>"

    @property
    @abstractmethod
    def size_bytes(self) -> int:
        """Bytes of the weights and tokenizer as they stand on disk (of the tensors, when not yet saved)."""

    @property
    @abstractmethod
    def num_parameters(self) -> int:
        """Parameters, tied ones counted once."""

    @abstractmethod
    def logits(self, token_ids: np.ndarray, mask: np.ndarray, type_ids: np.ndarray | None = None) -> np.ndarray:
        """Logits for one padded batch.

        Args:
            token_ids: int64 [batch, length].
            mask: int64 [batch, length], 1 for real tokens.
            type_ids: int64 [batch, length] segment ids, or None for zeros.

        Returns:
            float32 [batch, labels].
        """

    def text_logits(self, texts: Sequence[Text], tokens_per_batch: int | None = None) -> np.ndarray:
        """Logits for texts, float32 [texts, labels]; batches hold texts of like length and the order is kept.

        Args:
            tokens_per_batch: the most that a batch holds, padding counted; `batch_tokens` when left out.
        """
        _require_head(self)
        out = np.zeros((len(texts), len(self.labels)), dtype=np.float32)
        for indices, batch in self.encoder.batches(texts, tokens_per_batch or self.batch_tokens):
            out[indices] = self.logits(batch.token_ids, batch.mask, batch.type_ids)
        return out

    def scores(self, texts: Iterable[Text], tokens_per_batch: int | None = None) -> np.ndarray:
        """Probabilities of the labels, float32 [texts, labels].

        Raises:
            UserError: a bare string, a table or a dict, or an item that is no text, as for `classify`; some probabilities are no
                numbers, of which no measure and no label would mean anything.
        """
        logits = self.text_logits(listed_texts(texts, "scores"), tokens_per_batch)
        _require_choice(self, logits.shape[1])
        found = self.answers.probabilities(logits)
        lost = int(np.isnan(found).any(axis=1).sum())
        require(
            not lost,
            f"{self.name} answers {lost} of {len(found)} texts with no numbers (NaN): its weights are damaged, or its training"
            " diverged; take another copy, or train it again with a lower --learning-rate",
        )
        return found

    def num_cut(self, texts: Sequence[Text]) -> int:
        """How many of these texts are read in part."""
        return self.encoder.num_cut(texts)

    def classify(
        self,
        texts: Iterable[Text],
        tokens_per_batch: int | None = None,
        *,
        coverage: float | None = None,
        labelled: Any = None,
    ) -> Predictions:
        """The likeliest label of each text, with its probability and those of the others.

        Args:
            coverage: in (0, 1); the labels of a prediction are then a set that holds the right one this often, as those of
                `llamita predict --coverage` are.
            labelled: with a coverage: some hundreds of labelled texts that the engine didn't learn from, as a file, a table or
                (texts, labels); what a calibrated model keeps when left out.

        Raises:
            UserError: a bare string, a table or a dict, whose characters, columns or keys would be taken for texts; an item that
                is no text; a coverage of a model that keeps nothing to draw sets from; labelled texts without a coverage, or pairs
                for single texts.
        """
        listed = listed_texts(texts, "classify")
        require(
            coverage is not None or labelled is None,
            "labelled is what sets of labels are drawn from; say how often they shall hold the right one: coverage=0.9",
        )
        threshold = None if coverage is None else threshold_of(self, labelled, coverage, listed)
        found, scores = [], self.scores(listed, tokens_per_batch)
        for text, row, chosen in zip(listed, scores, self.answers.chosen(scores), strict=True):
            best = int(row.argmax())
            probabilities = dict(zip(self.labels, map(float, row), strict=True))
            inside = np.flatnonzero(chosen)
            if threshold is not None:
                inside = [i for i in np.argsort(-row, kind="stable") if row[i] >= threshold]
            given = tuple(self.labels[i] for i in inside)
            found.append(
                Prediction(
                    label=self.labels[best],
                    confidence=float(row[best]),
                    probabilities=probabilities,
                    labels=given,
                    text=text,
                )
            )
        return Predictions(found)

    def generate(
        self, prompts: Sequence[Sequence[int]], how: Decoding | None = None, heard: Callable[[int], None] | None = None
    ) -> list[list[int]]:
        """What follows each prompt, as token ids without those that end it.

        Args:
            prompts: token ids.
            how: greedy and at most 256 tokens when left out.
            heard: is told each token of a single prompt as it comes.

        Raises:
            UserError: the engine has no "generation" among its capabilities.
        """
        raise UserError(f"{self.name} writes no text; take a causal language model such as smollm2")

    def chat(self, messages: Sequence[Mapping[str, str]], how: Decoding | None = None) -> str:
        """The assistant's answer to a dialogue, by the model's own chat template.

        Args:
            messages: such as [{"role": "user", "content": "Hello"}], the first perhaps of the role system.

        Raises:
            UserError: it writes no text, or has no chat template.
        """
        example = 'chat takes messages such as [{"role": "user", "content": "Hello"}]'
        require(not isinstance(messages, str) and bool(messages), example)
        require(all(isinstance(one, Mapping) and {"role", "content"} <= set(one) for one in messages), example)
        return self.chat_all([messages], how)[0]

    def chat_all(self, dialogues: Sequence[Sequence[Mapping[str, str]]], how: Decoding | None = None) -> list[str]:
        """The answers to several dialogues, each as if it were alone.

        Raises:
            UserError: it writes no text, has no chat template, or a dialogue leaves no room for an answer.
        """
        if "generation" not in self.capabilities:
            raise UserError(f"{self.name} writes no text; take a causal language model such as smollm2")
        tokenizer: Any = self.tokenizer  # type: ignore[attr-defined]  # pyrefly: ignore
        found = self.generate([prompt_ids(tokenizer, messages) for messages in dialogues], how)
        return [tokenizer.decode(ids, skip_special_tokens=True).strip() for ids in found]


def require_choice(engine: Engine) -> None:
    """Refuse a model that has no labels to choose from.

    Raises:
        UserError: it has no head for labels, or one output, as rerankers have.
    """
    _require_head(engine)
    _require_choice(engine, len(engine.labels))


def _require_head(engine: Engine) -> None:
    require(bool(engine.labels), f"{engine.name} has no head for labels; fine-tune it on labelled texts")


def _require_choice(engine: Engine, outputs: int) -> None:
    require(
        outputs > 1 or engine.answers.task != OneLabel.task,
        f"{engine.name} has one output, a score and no choice between labels; fine-tune it on labelled texts",
    )


def is_headed(engine: Engine) -> bool:
    """Whether it classifies into labels of its own; what is exported does."""
    module = getattr(engine, "module", None)
    return module is None or type(module).__name__.endswith("ForSequenceClassification")


def listed_texts(texts: Any, verb: str) -> list[Text]:
    """The texts one by one, once each is known to be one.

    Raises:
        UserError: no list, or one with something else in it, told by its number.
    """
    require(not isinstance(texts, str), f"{verb} takes a list of texts, got one text; put it in a list: [text]")
    kind = type(texts).__name__
    if hasattr(texts, "columns") or hasattr(texts, "column_names"):
        raise UserError(f"{verb} takes a list of texts, got a {kind}; name its column of texts: {verb}(data['text'])")
    if isinstance(texts, (Mapping, Set)) or not isinstance(texts, Iterable):
        raise UserError(f"{verb} takes a list of texts, got {kind}; give the texts themselves, in order: [text, …]")
    listed = list(as_python(texts))
    for number, text in enumerate(listed, 1):
        if not is_text(text):
            raise UserError(f"item {number} of the list must be a text or a pair of texts, got {str(text)[:60]!r}")
        if any(LONE_HALF.search(part) for part in parts_of(text)):
            raise UserError(f"item {number} of the list holds half a character (a lone surrogate); take it out")
    return listed
