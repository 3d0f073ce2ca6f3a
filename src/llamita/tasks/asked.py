"""A model that was never taught these labels, opened as a classifier, whatever kind of model it is; its folder says how it is
asked, and holds no weights of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.core.answers import OneLabel
from llamita.core.delegating import Delegating
from llamita.core.engine import Engine, is_headed
from llamita.core.errors import UserError, require
from llamita.core.exporter import ARTIFACT_FILE
from llamita.core.opening import open_engine
from llamita.core.sources import fingerprint, locate
from llamita.core.task import Split, label_order
from llamita.core.whole import write_whole
from llamita.tasks._requests import named_endpoint
from llamita.tasks._untrained import Untrained
from llamita.tasks.asking import Shots, ask
from llamita.tasks.endpoint import EndpointEngine, is_endpoint
from llamita.tasks.inference import InferenceEngine
from llamita.tasks.wording import asks_in_chinese, words_of

if TYPE_CHECKING:
    from llamita.core.task import Text


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
    chinese: bool | None = None
    """Whether it is asked in Chinese; None: where the labels' words, the question or the examples are."""
    prior: bool | None = None
    """Whether what the model answers to an empty text is taken off; None: of language models it is."""
    per_token: bool | None = None
    """Whether a label's log-probability is divided by its tokens; None: it is."""

    def __post_init__(self) -> None:
        said = [*words_of(self.labels, self.words).values(), self.prompt or ""]
        if self.chinese is None:
            object.__setattr__(self, "chinese", asks_in_chinese(said, (text for text, _ in self.examples)))

    @cached_property
    def told(self) -> dict[str, Any]:
        """Plain data that decides the answers."""
        source = named_endpoint(self.model) if is_endpoint(self.model) else fingerprint(locate(self.model))
        return {
            "model": source, "labels": list(self.labels), "words": dict(self.words), "prompt": self.prompt,
            "examples": [[list(text) if isinstance(text, tuple) else text, label] for text, label in self.examples],
            "seed": self.seed, **({"chinese": True} if self.chinese else {}), **self.read,
        }  # fmt: skip

    @property
    def read(self) -> dict[str, bool]:
        """How the answers are read, as far as it was said."""
        said = {"prior": self.prior, "per_token": self.per_token}
        return {name: given for name, given in said.items() if given is not None}

    def open(self, cache: Path, threads: int | None, device: str | None = None) -> Engine:
        """The model as an engine whose labels are these, in this order.

        Raises:
            UserError: it can't be asked, or has other labels of its own.
        """
        if is_endpoint(self.model):
            require(
                not self.read,
                f"{', '.join(self.read)} can't be set for a server, whose answers come as they are; leave it out",
            )
            return EndpointEngine(
                self.model, self.labels, words=self.words, prompt=self.prompt, examples=self.examples,
                chinese=self.chinese, cache=cache / "endpoint",
            )  # fmt: skip
        engine = open_engine(self.model, threads=threads, device=device, precision="auto")
        order = label_order(engine.labels, self.labels) if is_headed(engine) else None
        if order is not None:
            require(
                engine.answers.task == OneLabel.task,
                f"{engine.name} gives a text any of its labels; a teacher that is asked gives one",
            )
            mute = [name for name, given in (("--prompt", self.prompt), ("--few-shot", self.examples)) if given]
            mute += [f"--{name.replace('_', '-')}" for name in self.read]
            require(
                not mute, f"{mute[0] if mute else ''} is for asking a model; {engine.name} has a head for these labels"
            )
            return Reordered(engine, self.labels, order)
        shown = None
        if self.examples:
            texts, labels = zip(*self.examples, strict=True)
            shown = Shots(data=(list(texts), list(labels)), number=len(texts), seed=self.seed)
        prompt: Any = self.prompt
        if not is_headed(engine):
            from llamita.tasks.likelihood import usual_prompt

            prompt = usual_prompt(self.prompt, chinese=bool(self.chinese))
        return ask(
            engine,
            self.labels,
            words=self.words,
            prompt=prompt,
            examples=shown,
            prior=self.prior,
            per_token=self.per_token,
        )

    @property
    def place(self) -> str:
        """The model as a folder names it that may be opened from anywhere."""
        local = Path(self.model).expanduser()
        return str(local.resolve()) if local.exists() else self.model

    @property
    def name(self) -> str:
        """A short title for reports."""
        return f"{self.model if is_endpoint(self.model) else locate(self.model).name}, asked"

    @property
    def base(self) -> str:
        """Hub id of the model that is asked, if it has one."""
        return "" if is_endpoint(self.model) else locate(self.model).base

    def save(self, folder: Path, calibrating: Split | None, threads: int | None) -> None:
        """Write the folder that `open_folder` reads, fitted to hand labels where there are some.

        Raises:
            UserError: the model can't be asked, or not calibrated.
        """
        engine = self.open(folder, threads)
        fitted = None
        if calibrating is not None:
            if not isinstance(engine, Untrained):
                raise UserError(
                    f"calibrate is for language models and models of inference that are asked here; {engine.name} is none"
                )
            engine.calibrate(calibrating.texts, [self.labels[label] for label in calibrating.labels])
            fitted = {"scale": [float(x) for x in engine.scale], "shift": [float(x) for x in engine.shift]}
        about = {
            "exporter": "tasks.asked", "model": self.place, "of": self.told["model"],
            **{key: self.told[key] for key in ("labels", "words", "prompt", "examples", "seed")},
            "chinese": self.chinese, "fitted": fitted, **self.read,
        }  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / ARTIFACT_FILE, json.dumps(about, ensure_ascii=False, indent=1) + "\n")

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


class Reordered(Delegating[Engine]):
    """An engine with its labels named and ordered as the task has them."""

    capabilities = frozenset({"scores"})

    def __init__(self, engine: Engine, labels: Sequence[str], order: Sequence[int]):
        """The order gives for each label its place among the engine's."""
        self.engine, self.labels, self.order, self.name = engine, tuple(labels), list(order), engine.name

    def logits(self, token_ids: np.ndarray, mask: np.ndarray, type_ids: np.ndarray | None = None) -> np.ndarray:
        return self._reordered(self.engine.logits(token_ids, mask, type_ids))

    def text_logits(self, texts: Sequence[Text], tokens_per_batch: int | None = None) -> np.ndarray:
        return self._reordered(self.engine.text_logits(texts, tokens_per_batch))

    def _reordered(self, logits: np.ndarray) -> np.ndarray:
        """Logits that have gone through the curves of a calibrated head, which nobody asks for behind this."""
        answers = self.engine.answers
        return (answers.logits_of(answers.probabilities(logits)) if answers.curves else logits)[:, self.order]


def open_folder(folder: Path, *, threads: int | None = None) -> Engine:
    """Open the model that a folder says how to ask.

    Raises:
        UserError: the file is damaged, or the model isn't there any more.
    """
    file = Path(folder) / ARTIFACT_FILE
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        asking = Asking(
            model=about["model"], labels=tuple(about["labels"]), words=about["words"], prompt=about["prompt"],
            examples=tuple((tuple(text) if isinstance(text, list) else text, label) for text, label in about["examples"]),
            seed=about["seed"], chinese=about.get("chinese", False), prior=about.get("prior"), per_token=about.get("per_token"),
        )  # fmt: skip
        fitted = about["fitted"]
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{file} is damaged; run the recipe again") from None
    engine = asking.open(Path(folder), threads)
    if fitted is not None:
        assert isinstance(engine, Untrained)
        engine.scale, engine.shift = np.array(fitted["scale"]), np.array(fitted["shift"])
    return engine
