"""Language itself: documents without labels, and how well a model foresees those it never saw, in bits per byte."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.core.errors import UserError, require
from llamita.core.measure import Finding
from llamita.core.statistics import ratio_of_sums, ratio_of_sums_interval
from llamita.core.task import Split, Task
from llamita.data.copies import Seen, quickly_looked_through
from llamita.data.documents import read_documents
from llamita.data.portion import share_of_each
from llamita.data.text import reading_key
from llamita.tasks.splits import described, is_share, openable, rows_apart, without

if TYPE_CHECKING:
    from llamita.core.answers import Answers
    from llamita.core.engine import Engine
    from llamita.core.model import Model

log = logging.getLogger(__name__)
TEST_SHARE = 0.05


@dataclass(frozen=True, kw_only=True)
class Language(Task):
    """Foresee the next token, or a masked one."""

    def fit_head(self, model: Model) -> Model:
        """The model with a language-model head: its own, or one that is tied to its embeddings or fresh."""
        from llamita.train.language_head import with_language_head

        return with_language_head(model)

    def score(self, predictions: np.ndarray, split: Split, answers: Answers | None = None) -> list[Finding]:
        raise UserError("the task language has no labels to score; its measure is bits per byte (measure quality)")

    def measured(self, engine: Engine, split: Split) -> list[Finding]:
        """Bits per byte, and perplexity per token, over the documents of a split.

        Of a masked model it is the surprise at masked tokens alone, of an encoder-decoder that at texts it sees with gaps; both
        are no measures of whole texts, and are named so.
        """
        from llamita.tasks._surprise import surprises, why_not

        require(len(split) > 0, "there is no document to measure on; give some with --test")
        if reason := why_not(engine):
            return [Finding(name="quality.bits_per_byte", value=None, unit="bits", better="lower", n=0, reason=reason)]
        found = surprises(engine, split.texts)
        lengths = np.array([len(str(text).encode()) for text in split.texts], dtype=np.float64)
        rows = tuple(
            {"index": i, "text": str(text)[:200], "nats": float(nats), "tokens": int(tokens), "bytes": int(size)}
            for i, (text, nats, tokens, size) in enumerate(
                zip(split.texts, found.nats, found.tokens, lengths, strict=True)
            )
        )
        if not found.tokens.sum():
            reason = "no token of these texts can be asked for"
            return [Finding(name="quality.bits_per_byte", value=None, unit="bits", better="lower", n=0, reason=reason)]
        per_token = ratio_finding("quality.perplexity", found.nats, found.tokens, np.exp, "per token", n=len(split))
        if found.masked:
            what = {"masked": "tokens masked at random", "denoising": "tokens of texts with spans masked at random"}
            detail = {"of": f"{what[found.kind]} ({found.masked:.0%}), the same for every model with this tokenizer"}
            return [replace(per_token, name=f"quality.{found.kind}_perplexity", detail=detail, rows=rows)]
        bits = ratio_finding(
            "quality.bits_per_byte", found.nats, lengths, lambda x: x / np.log(2), "bits", n=len(split)
        )
        return [
            replace(bits, detail={"bytes": int(lengths.sum()), "tokens": int(found.tokens.sum())}, rows=rows),
            per_token,
        ]

    def describe(self) -> dict[str, Any]:
        """Sizes and sources."""
        return {"task": "language", "label_counts": {}, **described(self, "train", "select", "test")}


def ratio_finding(name: str, over: np.ndarray, under: np.ndarray, shown: Any, unit: str, *, n: int) -> Finding:
    """A ratio of sums over documents, with a bootstrap interval over documents; lower is better."""
    whole = float(shown(ratio_of_sums(over, under)))
    ends = ratio_of_sums_interval(over, under) if n > 1 else None
    interval = None if ends is None else (float(shown(ends[0])), float(shown(ends[1])))
    return Finding(name=name, value=whole, unit=unit, interval=interval, better="lower", n=n)


def open_task(
    *, train: Any = None, test: Any = None, unlabelled: Any = None, columns: Mapping[str, str] | None = None,
    labels: Sequence[str] | None = None, select: Any = 0.0, seed: int = 0, max_length: int | None = None,
) -> Language:  # fmt: skip
    """Read documents; see `read_documents`.

    Args:
        test: documents that nothing learns from; a twentieth of the training documents is cut off when left out.
        unlabelled: more documents to learn from.
        labels: none; documents have no labels.
        select: share cut off for choices, or documents of their own for them.
    """
    require(not labels, "the task language has no labels; leave them out")
    other = next((role for role in columns or {} if role not in ("text", "pair")), None)
    require(other is None, f"the task language reads texts and no labels; columns names text or pair, got {other!r}")
    cut = isinstance(max_length, int) and max_length > 0
    require(not cut, "a document goes on in the next row; set learn.pretrain's window, not max_length")
    seed, max_length = openable(train, test, select, seed, max_length)
    read = [read_documents(given, columns) for given in (train, unlabelled) if given is not None]
    texts = tuple(text for one in read for text in one.texts)
    weights = tuple(weight for one in read for weight in one.weights)
    learn = Split(texts=texts, source=read[0].source if read else "")
    notes: list[str] = []
    if test is not None:
        held = read_documents(test, columns)
        measured = Split(texts=held.texts, source=held.source)
    else:
        order = np.random.default_rng([seed, 1]).permutation(len(texts))
        number = max(1, round(TEST_SHARE * len(texts)))
        require(number < len(texts), "one document can't be cut in two parts; give more, or a --test file")
        measured = replace(learn.take(sorted(order[:number].tolist())), source="")
        notes.append(f"no test data given: {number} of {len(texts)} documents were cut off as the test split")
        rest = sorted(order[number:].tolist())
        learn, weights = learn.take(rest), tuple(weights[i] for i in rest)
    kept, weights = _without(learn, weights, measured, notes)
    if is_share(select):
        rows = sorted(share_of_each(kept.texts, [0] * len(kept), select, seed)) if select else []
        held_back = set(rows)
        chosen, left = kept.take(rows), [i for i in range(len(kept)) if i not in held_back]
    else:
        own = read_documents(select, columns)
        chosen, _ = without(Split(texts=own.texts, source=own.source), measured)
        left = rows_apart(kept.texts, chosen.texts)
        require(bool(left), "every training text also stands in the select split; give other texts for choices")
    for note in notes:
        log.info(note)
    return Language(
        train=kept.take(left), select=chosen, test=measured,
        weights=tuple(weights[i] for i in left) if set(weights) - {1.0} else (),
        max_length=max_length, notes=tuple(notes), columns=columns,
    )  # fmt: skip


def _without(split: Split, weights: Sequence[float], other: Split, notes: list[str]) -> tuple[Split, tuple[float, ...]]:
    """The documents that are no copies of the other split's, with their weights; near copies too, among not too many."""
    near = quickly_looked_through(split.texts, other.texts)
    known = Seen.of(other.texts, near=near, key=reading_key)
    kinds = [known.copy_kind(text, remember=False) for text in split.texts]
    if leaked := len(kinds) - kinds.count(""):
        nearly = kinds.count("near copies")
        notes.append(f"Left out, since the test split has them: {leaked} of the training documents ({nearly} nearly)")
    if not near:
        notes.append("near copies of test documents were not looked for among so many")
    kept = [i for i, kind in enumerate(kinds) if not kind]
    return split.take(kept), tuple(weights[i] for i in kept)
