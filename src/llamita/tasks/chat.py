"""Dialogues: the model answers as the assistant did, scored by how likely it finds answers it never saw."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.core.errors import UserError, require
from llamita.core.measure import Finding
from llamita.core.statistics import percentile_interval, ratio_of_sums, resampled_sums
from llamita.core.task import Split, Task
from llamita.data.dialogues import messages_of, read_dialogues
from llamita.tasks.splits import cut, described, is_share, openable, without

if TYPE_CHECKING:
    from llamita.core.answers import Answers
    from llamita.core.engine import Engine
    from llamita.core.model import Model
    from llamita.train.language import TokenExamples

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Chat(Task):
    """Answer in dialogues; a split's texts are dialogues as `data.dialogues.written` writes them."""

    def fit_head(self, model: Model) -> Model:
        """Nothing is added to a causal language model with a chat template; any other is refused.

        Its own generation settings end a reply where the template ends one, so that stock code stops there too.
        """
        from llamita.core.chat import stop_ids
        from llamita.train.dialogues import give_template

        give_template(model, None)
        model.module.generation_config.eos_token_id = stop_ids(model.module, model.tokenizer)
        return model

    def examples(self, model: Model, split: Split, max_length: int | None) -> TokenExamples:
        """Training rows whose targets are the assistant's answers."""
        from llamita.train.dialogues import dialogue_examples

        limits = [limit for limit in (max_length, self.max_length) if limit]
        found, left_out = dialogue_examples(model, split.texts, min(limits, default=None))
        if left_out:
            log.warning("warning: %d dialogues have no answer that fits into max_length and are left out", left_out)
        return found

    def measured(self, engine: Engine, split: Split) -> list[Finding]:
        """Bits per byte and perplexity of the answers, with intervals over dialogues."""
        from llamita.core.model import Model
        from llamita.train.dialogues import answer_nats, answered_all

        engine = getattr(engine, "engine", engine)
        if not isinstance(engine, Model) or "generation" not in engine.capabilities:
            return [_unmeasured(f"{engine.name} writes no answers; chat takes a causal language model")]
        self.fit_head(engine)
        every = answered_all(engine, split.texts, self.max_length)
        places, found = [i for i, one in enumerate(every) if one.spans], [one for one in every if one.spans]
        if not found:
            return [_unmeasured("no dialogue has an answer that fits into max_length")]
        tokens = np.array([sum(end - start for start, end in one.spans) for one in found])
        sizes = np.array([sum(one.bytes) for one in found])
        return scored(answer_nats(engine, found), tokens, sizes, len(split), places)

    def score(self, predictions: np.ndarray, split: Split, answers: Answers | None = None) -> list[Finding]:
        """Refused: dialogues have no labels."""
        raise UserError(
            "dialogues have no labels to score; measure them with: llamita evaluate MODEL --task chat --data FILE"
        )

    def describe(self) -> dict[str, Any]:
        """Sizes, answers and sources."""
        named = {name: self.split(name) for name in ("train", "select", "test")}
        answers = {
            name: sum(m["role"] == "assistant" for text in split.texts for m in messages_of(str(text)))
            for name, split in named.items()
        }
        return {"task": "chat", "answers": answers, **described(self, *named)}


def _unmeasured(reason: str) -> Finding:
    return Finding(name="quality.bits_per_byte", value=None, unit="bits", better="lower", reason=reason)


def scored(nats: np.ndarray, tokens: np.ndarray, sizes: np.ndarray, asked: int, places: Sequence[int]) -> list[Finding]:
    """Findings of the dialogues' summed nats, tokens and bytes.

    Args:
        asked: dialogues there were; those without an answer that fits aren't counted.
        places: where those that are counted stand among them.
    """
    bits, n = nats / math.log(2), len(nats)
    sums = resampled_sums(np.stack([bits, sizes, nats, tokens], axis=1)) if n > 1 else None
    of_bytes = None if sums is None else percentile_interval(sums[:, 0] / sums[:, 1])
    of_tokens = None if sums is None else percentile_interval(np.exp(sums[:, 2] / sums[:, 3]))
    detail = {"tokens": int(tokens.sum()), "bytes": int(sizes.sum()), "dialogues": asked, "left_out": asked - n}
    rows = tuple(
        {"index": i, "nats": float(one), "tokens": int(t), "bytes": int(size)}
        for i, one, t, size in zip(places, nats, tokens, sizes, strict=True)
    )
    return [
        Finding(
            name="quality.bits_per_byte", value=ratio_of_sums(bits, sizes), unit="bits", interval=of_bytes, better="lower", n=n,
            detail=detail, rows=rows,
        ),
        Finding(
            name="quality.perplexity", value=math.exp(ratio_of_sums(nats, tokens)), interval=of_tokens, better="lower", n=n,
        ),
    ]  # fmt: skip


def open_task(
    *,
    train: Any = None,
    test: Any = None,
    unlabelled: Any = None,
    columns: Mapping[str, str] | None = None,
    labels: str | Sequence[str] | None = None,
    select: Any = 0.1,
    seed: int = 0,
    max_length: int | None = None,
) -> Chat:
    """Read dialogues and cut the splits.

    Args:
        train: a file, or anything `read_dialogues` takes; may be left out to measure a finished model on `test`.
        test: when left out, a tenth of the training dialogues is cut off for it, and where it is [] none is.
        select: share of the training dialogues cut off for early stopping, or dialogues of their own for it.
        max_length: tokens a dialogue is cut to, after the last answer that fits; what the model allows when left out.
    """
    require(labels is None, "dialogues have no labels; leave labels out")
    require(unlabelled is None, "dialogues are their own labels; leave unlabelled out")
    seed, max_length = openable(train, test, select, seed, max_length)
    untested = isinstance(test, list) and not test
    given = {"train": train, "test": None if untested else test}
    splits = {name: _split_of(data, columns) for name, data in given.items() if data is not None}
    notes: list[str] = []
    learned, tested = splits.get("train", Split(texts=())), splits.get("test", Split(texts=()))
    if test is None:
        learned, tested = _portion(learned, 0.1, seed + 1)
        tested = replace(tested, source="")  # its file has the training dialogues too
        notes.append(f"no test data given: {len(tested)} of the training dialogues were cut off as the test split")
    learned, leaked = without(learned, tested)
    if leaked:
        notes.append(f"Left out of training, since the test split has them too: {leaked} of the training dialogues")
    require(
        train is None or bool(learned.texts), "no dialogue is left to train on; give more of them, or other test data"
    )
    if is_share(select):
        learned, chosen = _portion(learned, select, seed) if learned.texts else (learned, Split(texts=()))
    else:
        chosen, _ = without(_split_of(select, columns), tested)
        learned, _ = without(learned, chosen)
        require(
            bool(learned.texts), "every training text also stands in the select split; give other texts for choices"
        )
    for note in notes:
        log.info(note)
    return Chat(train=learned, select=chosen, test=tested, max_length=max_length, notes=tuple(notes))


def _split_of(data: Any, columns: Mapping[str, str] | None) -> Split:
    table = read_dialogues(data, columns=columns)
    return Split(texts=tuple(table.texts), source=table.source)


def _portion(split: Split, share: float, seed: int) -> tuple[Split, Split]:
    """What is left and what was cut off, copies of a dialogue on one side."""
    alike = Split(texts=split.texts, labels=(0,) * len(split), source=split.source)
    left, off = cut(alike, share, seed)
    return (Split(texts=left.texts, source=split.source), Split(texts=off.texts, source=split.source))
