"""Classification without training: a causal language model or a model of inference is asked for any labels."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.core.checked import Checked
from llamita.core.engine import Engine, is_headed
from llamita.core.errors import UserError, require
from llamita.data.cells import rows_text
from llamita.data.portion import proportional
from llamita.data.read import read_table
from llamita.data.table import require_kind
from llamita.tasks.inference import Hypothesis, InferenceEngine
from llamita.tasks.splits import listed_names, rows_apart
from llamita.tasks.wording import asks_in_chinese, words_of

if TYPE_CHECKING:
    from llamita.core.task import Text
    from llamita.data.table import Table
    from llamita.tasks.likelihood import LikelihoodEngine, Prompt

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Shots(Checked):
    """Labelled texts, some of which are shown to a language model before each question."""

    data: Any
    """A file, or whatever `read_table` takes."""
    number: int = 8
    """How many are shown, each label as often."""
    seed: int = 0

    def __post_init__(self) -> None:
        require(self.number >= 0, f"the number of shots must be >= 0, got {self.number}")

    def drawn(self, labels: Sequence[str], measured: Sequence[Text] = ()) -> list[tuple[Text, str]]:
        """The texts that are shown, with their labels, in the order they are.

        Args:
            measured: Texts that the model is measured on, none of which is shown.

        Raises:
            UserError: a label that is none of these, single texts where the model is measured on pairs, or no text left to show.
        """
        if not self.number:
            return []
        table = read_table(self.data, labelled=True, one_label=True)
        assert table.labels is not None
        _require_known(table, labels)
        if measured:
            require_kind(table, pairs=not isinstance(measured[0], str))
        rest = rows_apart(table.texts, measured)
        if len(rest) < len(table):
            require(bool(rest), f"{table.source}: the model is measured on all its texts; show others (--few-shot)")
            left_out = rows_text(len(table) - len(rest))
            log.warning("warning: %s: the model is measured on %s, which are not shown", table.source, left_out)
            table = table.take(rest)
            assert table.labels is not None
        shown = mixed(table, self.number, self.seed)
        unshown = [label for label in labels if label not in {given for _, given in shown}]
        if unshown:
            log.warning(
                "warning: no example of %s is shown, which the model will hardly answer; give one of each label",
                ", ".join(map(repr, unshown)),
            )
        return shown


def mixed(table: Table, number: int, seed: int) -> list[tuple[Text, str]]:
    """So many texts with their labels, or all, each label as often, in an order drawn by the seed."""
    assert table.labels is not None
    taken = proportional(table.labels, min(number, len(table)), seed, balanced=True)
    order = np.random.default_rng(seed).permutation(taken)
    return [(table.texts[i], table.labels[i]) for i in order]


def ask(
    model: Engine,
    labels: Sequence[str] | Mapping[str, str],
    *,
    words: Mapping[str, str] | None = None,
    prompt: str | Prompt | Hypothesis | None = None,
    examples: Any = None,
    calibrate: Any = None,
    measured: Sequence[Text] = (),
    prior: bool | None = None,
    per_token: bool | None = None,
) -> LikelihoodEngine | InferenceEngine:
    """A model as a classifier into any labels, without training.

    A causal language model says which label's words are likeliest after the text; a model of natural language inference, also an
    exported one, says which label's sentence the text entails.

    Args:
        labels: Their names in the order wanted, or what is said for each: {"1": "good", "0": "bad"}.
        words: What is said for a label, where its name doesn't say it: {"1": "good"}.
        prompt: How it is asked. A language model: a text with {text}, and for pairs {pair}, or a `Prompt`; a model of inference:
            a sentence with {label}, or a `Hypothesis`. None: the usual one, in Chinese where the labels' words are, and for a
            language model also where the examples or the texts to calibrate on are.
        examples: `Shots`, or labelled texts of which 8 are shown first; for language models.
        calibrate: Labelled texts that the probabilities are fitted to; those that are shown are left out.
        measured: Texts that the model will be measured on; none of them is shown or calibrates.
        prior: Whether what the model answers to an empty text is taken off. None: as `prompt` says, so for language models alone.
        per_token: Whether a label's log-probability is divided by its tokens, for language models. None: as `prompt` says.

    Raises:
        UserError: for a model of another kind, labels, or examples that it can't be asked with.
    """
    require(
        not isinstance(model, str | PathLike),
        f"ask takes an opened model, got {str(model)!r}; open it first: llamita.load({str(model)!r})",
    )
    require(isinstance(model, Engine), f"ask takes an opened model, such as llamita.load('smollm2'), got {model!r}")
    require(not isinstance(labels, str), f"labels must be a list of names, got one text: {labels!r}")
    if isinstance(labels, Mapping):
        require(words is None, "labels say their words already; leave words out")
        labels, words = list(labels), labels
    labels = listed_names(labels) or []
    shown: list[tuple[Text, str]] = []
    if examples is not None and not is_headed(model):
        shown = (examples if isinstance(examples, Shots) else Shots(data=examples)).drawn(labels, measured)
    fitted = None
    if calibrate is not None:
        known = read_table(calibrate, labelled=True, one_label=True)
        fitted = calibrating_texts(known, labels, [*measured, *(text for text, _ in shown)])
    read: dict[str, Any] = {
        name: given for name, given in (("prior", prior), ("per_token", per_token)) if given is not None
    }
    if is_headed(model):
        engine = _by_inference(model, labels, words, _hypothesis(prompt, read), examples)
    else:
        texts = [*(text for text, _ in shown), *(fitted.texts if fitted else ())]
        engine = _by_likelihood(model, labels, words, _prompt(prompt, labels, words, texts, read), shown)
    if fitted is not None:
        engine.calibrate(fitted.texts, fitted.labels or ())
    return engine


def calibrating_texts(table: Table, labels: Sequence[str], others: Sequence[Text]) -> Table:
    """The labelled texts that calibrate: none that is shown or measures.

    Raises:
        UserError: a label that isn't asked for, single texts where the others are pairs, or nothing left.
    """
    assert table.labels is not None
    _require_known(table, labels)
    if others:
        require_kind(table, pairs=not isinstance(others[0], str))
    rest = rows_apart(table.texts, others)
    require(
        bool(rest),
        f"{table.source}: all its texts are shown or measured; calibrate with others (--calibrate)",
    )
    if len(rest) < len(table):
        left_out = rows_text(len(table) - len(rest))
        log.warning("warning: %s: %s are shown or measured and don't calibrate", table.source, left_out)
    return table.take(rest)


def _prompt(
    prompt: Any, labels: Sequence[str], words: Mapping[str, str] | None, texts: Sequence[Text], read: Mapping[str, Any]
) -> Prompt:
    """How a language model is asked, in the language of the labels' words, the question or the texts."""
    from llamita.tasks.likelihood import usual_prompt

    require(
        not isinstance(prompt, Hypothesis),
        "a Hypothesis is for models of inference; ask a language model with a Prompt",
    )
    if prompt is None or isinstance(prompt, str):
        said = [*words_of(labels, words).values(), prompt or ""]
        prompt = usual_prompt(prompt, chinese=asks_in_chinese(said, texts))
    return replace(prompt, **read) if read else prompt


def _by_likelihood(
    model: Engine,
    labels: Sequence[str],
    words: Mapping[str, str] | None,
    prompt: Prompt,
    shown: Sequence[tuple[Text, str]],
) -> LikelihoodEngine:
    from llamita.tasks.likelihood import LikelihoodEngine

    return LikelihoodEngine(model, labels, words=words, prompt=prompt, examples=shown)  # type: ignore[arg-type]


def _hypothesis(prompt: Any, read: Mapping[str, Any]) -> Hypothesis | None:
    """How a model of inference is asked."""
    hypothesis = Hypothesis(text=prompt) if isinstance(prompt, str) else prompt
    require(
        hypothesis is None or isinstance(hypothesis, Hypothesis),
        "a Prompt is for language models; ask a model of inference with a Hypothesis",
    )
    require(
        "per_token" not in read,
        "per_token is about the tokens of a label's words, which a model of inference doesn't foresee; leave it out",
    )
    return replace(hypothesis or Hypothesis(), **read) if read else hypothesis


def _by_inference(
    model: Engine, labels: Sequence[str], words: Mapping[str, str] | None, hypothesis: Hypothesis | None, examples: Any
) -> InferenceEngine:
    engine = InferenceEngine(model, labels, words=words, hypothesis=hypothesis)
    require(
        examples is None,
        "examples are shown to language models, and a model of inference reads none; leave them out, or train on them",
    )
    return engine


def _require_known(table: Table, labels: Sequence[str]) -> None:
    """Refuse a label that isn't asked for, by its row."""
    given = table.labels or []
    strange = next((i for i, label in enumerate(given) if label not in labels), None)
    if strange is not None:
        raise UserError(f"{table.place(strange)}: label {given[strange]!r} is none of {', '.join(labels)}")
