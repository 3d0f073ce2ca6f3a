"""The labeller: a model that was never taught these labels here, opened as a classifier, whatever kind of model it is."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.core.engine import Engine
from llamita.core.errors import UserError, require
from llamita.core.sources import fingerprint, locate
from llamita.core.task import label_order
from llamita.data.portion import proportional
from llamita.data.text import text_key
from llamita.tasks.asking import Shots, ask, is_headed
from llamita.tasks.endpoint import EndpointEngine, is_endpoint
from llamita.tasks.inference import InferenceEngine
from llamita.workshop import open_engine

if TYPE_CHECKING:
    from llamita.core.encoding import TextEncoder
    from llamita.core.task import Text
    from llamita.data.read import Table

log = logging.getLogger(__name__)

SHOTS = 8
"""Examples shown, where there are so many."""


@dataclass(frozen=True, kw_only=True)
class Asking:
    """Which model is asked, and how."""

    model: str
    """A causal language model, a classifier that has these labels, a model of inference, or a server's http://HOST/v1#MODEL."""
    labels: tuple[str, ...]
    words: Mapping[str, str] = field(default_factory=dict)
    """What is said for a label, where its name doesn't say it."""
    prompt: str | None = None
    """The question; {text} is the text, {pair} the second of two."""
    examples: tuple[tuple[Text, str], ...] = ()
    """Texts with their labels, shown before each question."""
    seed: int = 0

    @cached_property
    def told(self) -> dict[str, Any]:
        """Plain data that decides the answers."""
        source = self.model if is_endpoint(self.model) else fingerprint(locate(self.model))
        return {
            "model": source, "labels": list(self.labels), "words": dict(self.words), "prompt": self.prompt,
            "examples": [[list(text) if isinstance(text, tuple) else text, label] for text, label in self.examples],
            "seed": self.seed,
        }  # fmt: skip

    def open(self, cache: Path, threads: int) -> Engine:
        """The model as an engine whose labels are these, in this order.

        Raises:
            UserError: it can't be asked, or has other labels of its own.
        """
        if is_endpoint(self.model):
            return EndpointEngine(
                self.model, self.labels, words=self.words, prompt=self.prompt, examples=self.examples,
                cache=cache / "endpoint",
            )  # fmt: skip
        engine = open_engine(self.model, threads=threads, precision="auto")
        order = label_order(engine.labels, self.labels) if is_headed(engine) else None
        if order is not None:
            mute = [name for name, given in (("--prompt", self.prompt), ("--few-shot", self.examples)) if given]
            require(
                not mute, f"{mute[0] if mute else ''} is for asking a model; {engine.name} has a head for these labels"
            )
            return Reordered(engine, self.labels, order)
        shown = None
        if self.examples:
            texts, labels = zip(*self.examples, strict=True)
            shown = Shots(data=(list(texts), list(labels)), number=len(texts), seed=self.seed)
        return ask(engine, self.labels, words=self.words, prompt=self.prompt, examples=shown)

    def way(self, engine: Engine) -> str:
        """How the engine's probabilities come about, in words."""
        shown = f", {len(self.examples)} examples shown" if self.examples else ", no examples shown"
        if isinstance(engine, EndpointEngine):
            return engine.way + shown
        kinds: dict[type, str] = {
            Reordered: "its own head",
            InferenceEngine: "inference: which label's sentence a text entails",
        }
        return kinds.get(type(engine), f"label likelihood{shown}")


class Reordered(Engine):
    """An engine with its labels named and ordered as the task has them."""

    capabilities = frozenset({"scores"})

    def __init__(self, engine: Engine, labels: Sequence[str], order: Sequence[int]):
        """The order gives for each label its place among the engine's."""
        self.engine, self.labels, self.order, self.name = engine, tuple(labels), list(order), engine.name

    @property
    def encoder(self) -> TextEncoder:  # pyrefly: ignore
        return self.engine.encoder

    @property
    def size_bytes(self) -> int:
        return self.engine.size_bytes

    @property
    def num_parameters(self) -> int:
        return self.engine.num_parameters

    def logits(self, token_ids: np.ndarray, mask: np.ndarray, type_ids: np.ndarray | None = None) -> np.ndarray:
        return self.engine.logits(token_ids, mask, type_ids)[:, self.order]

    def text_logits(self, texts: Sequence[Text], tokens_per_batch: int = 4096) -> np.ndarray:
        return self.engine.text_logits(texts, tokens_per_batch)[:, self.order]


def examples_of(table: Table, labels: Sequence[str], shots: int, hidden: Sequence[Text], seed: int) -> tuple[Any, ...]:
    """So many examples, each label as often, none of which is among the hidden texts that measure.

    Raises:
        UserError: a label that isn't asked for, or nothing left to show.
    """
    assert table.labels is not None
    strange = next((i for i, label in enumerate(table.labels) if label not in labels), None)
    if strange is not None:
        known = ", ".join(labels)
        raise UserError(f"{table.place(strange)}: label {table.labels[strange]!r} is not among --labels ({known})")
    known_texts = {text_key(text) for text in hidden}
    rest = [i for i, text in enumerate(table.texts) if text_key(text) not in known_texts]
    require(
        bool(rest), f"{table.source}: all its texts are hand labels too (--audit, --test); show others with --few-shot"
    )
    free = [table.labels[i] for i in rest]
    taken = proportional(free, min(shots, len(rest)), seed, balanced=True)
    order = np.random.default_rng(seed).permutation(taken)
    return tuple((table.texts[rest[i]], table.labels[rest[i]]) for i in order)


def pace_of(teacher: Engine, texts: Sequence[Text], threads: int) -> list[dict[str, Any]]:
    """A short measurement of what a text costs the teacher, kept with its answers."""
    from llamita.measure.cost import Cost, cost_side_by_side

    cost = Cost(calls=20, rounds=2, throughput_texts=16, seconds=8.0, memory=False)
    found = cost_side_by_side({"teacher": teacher}, texts, cost=cost, threads=threads, seed=0)["teacher"]
    return [finding.to_dict() for finding in found]
