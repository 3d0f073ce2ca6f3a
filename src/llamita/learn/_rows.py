"""From documents to the rows a language model trains on, all epochs long: a pure function of documents, settings and seed.

Each epoch reads the documents in a new order, one after the other through windows of a fixed length; what stands in a window
together is told apart by its segment. Noise is drawn when a row is asked for, from (seed, row), so that every epoch masks
other tokens and a resumed training sees the same.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from llamita.train.language import Tokens
from llamita.train.noise import Frame, infilled, masked

if TYPE_CHECKING:
    from llamita.core.model import Model
    from llamita.data.corpus import Corpus

PHASES = ((0.0, 0.25, 4), (0.25, 0.5, 2), (0.5, 1.0, 1))
"""Where windows grow: from which share of what is read to which, and the part of a window's length that they have."""


class Piece(NamedTuple):
    """Part of a document."""

    document: int
    start: int
    end: int


class Plan(Sequence[tuple[Piece, ...]]):
    """The pieces of each row, 24 bytes a piece."""

    def __init__(self) -> None:
        self._pieces, self._ends = array("q"), array("q", [0])
        self._order: list[np.ndarray] = []
        self._rows = 0
        self.borders: list[int] = []
        """At which row each section ends: an epoch, and within it a phase of windows that grow."""

    def add(self, rows: Iterable[Sequence[Piece]], draws: np.random.Generator) -> None:
        """A section: rows that follow those there are, in an order that is drawn."""
        for row in rows:
            for piece in row:
                self._pieces.extend(piece)
            self._ends.append(len(self._pieces) // 3)
        made = len(self._ends) - 1 - self._rows
        self._order.append(self._rows + draws.permutation(made))
        self._rows += made
        self.borders.append(self._rows)

    @cached_property
    def order(self) -> np.ndarray:
        return np.concatenate([np.zeros(0, np.int64), *self._order])

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, row: int) -> tuple[Piece, ...]:  # type: ignore[override]
        at = int(self.order[row])
        held = self._pieces[3 * self._ends[at] : 3 * self._ends[at + 1]]
        return tuple(Piece(*held[i : i + 3]) for i in range(0, len(held), 3))


@dataclass(frozen=True, kw_only=True)
class Windows:
    """All rows of a training in the order they are trained, made when asked for."""

    documents: Sequence[np.ndarray]
    """Token ids of each, without special tokens."""
    weights: Sequence[float]
    """How often each is read in an epoch, on average. Of neighbours of one weight, a source, an epoch reads exactly their share:
    of a hundred documents of 1.3 each once, and thirty of them twice; of any source at least one."""
    frame: Frame
    length: int
    """Tokens of a window."""
    epochs: float
    objective: str
    """causal, masked, denoising or mixed."""
    masked: float
    """Share of the tokens to be foreseen, where some are masked."""
    packed: bool = True
    """Whether documents share windows."""
    growing: bool = False
    """Whether windows begin with a quarter of the length."""
    seed: int = 0
    tokenizer: str = ""
    """Digest of what made the ids."""

    def __len__(self) -> int:
        return len(self.plan)

    @cached_property
    def digest(self) -> str:
        """What the rows depend on, with a sample of the documents: a checkpoint is of these alone."""
        how = (self.frame, self.length, self.epochs, self.objective, self.masked, self.packed, self.growing, self.seed)
        found = hashlib.sha256(f"{how!r} {len(self.documents)} {self.tokenizer}".encode())
        for place in np.linspace(0, len(self.documents) - 1, min(len(self.documents), DOCUMENTS_TOLD)).astype(int):
            found.update(np.asarray(self.documents[place], dtype="<i4").tobytes() + b"|")
        return found.hexdigest()

    @cached_property
    def plan(self) -> Plan:
        """The pieces of each row."""
        plan = Plan()
        for section, (documents, length) in enumerate(self._sections()):
            plan.add(self._fill(documents, length), np.random.default_rng([self.seed, 4, section]))
        return plan

    def _sections(self) -> Iterator[tuple[np.ndarray, int]]:
        """What is read one after the other, each in windows of a length: epochs, cut where windows grow."""
        orders = list(self._orders())
        whole, ends = np.concatenate(orders), np.cumsum([len(order) for order in orders])
        for first, last, share in PHASES if self.growing else ((0.0, 1.0, 1),):
            start, end = round(first * len(whole)), round(last * len(whole))
            for part in np.split(whole[start:end], ends[(ends > start) & (ends < end)] - start):
                yield part, min(self.length, max(16, self.length // share))

    def _orders(self) -> Iterator[np.ndarray]:
        """The documents of each epoch; of a last, broken one a random part."""
        epoch = 0
        while self.epochs > epoch:
            order = self._order(np.random.default_rng([self.seed, 0, epoch]))
            yield order[: max(1, round(min(1.0, self.epochs - epoch) * len(order)))]
            epoch += 1

    def _order(self, draws: np.random.Generator) -> np.ndarray:
        """The documents of an epoch: by the whole part of their weight all of a source, by the rest some that are drawn."""
        weights = np.asarray(self.weights, dtype=np.float64)
        times = np.floor(weights).astype(int)
        for source in np.split(np.arange(len(weights)), np.flatnonzero(np.diff(weights)) + 1):
            rest = round(float(weights[source[0]] % 1) * len(source))
            often = times[source[0]] > 0
            times[draws.choice(source, rest if often else max(1, rest), replace=False)] += 1
        return draws.permutation(np.repeat(np.arange(len(weights)), times))

    def _fill(self, order: np.ndarray, length: int) -> Iterator[tuple[Piece, ...]]:
        """Windows of pieces; a document that doesn't fit goes on in the next one, as a piece of its own."""
        cost = len(self.frame.before) + len(self.frame.after)
        held: list[Piece] = []
        free = length
        for document in map(int, order):
            start, size = 0, len(self.documents[document])
            while start < size:
                end = min(size, start + free - cost)
                held.append(Piece(document, start, end))
                free -= self._size(held[-1])
                start = end
                if free < cost + LEAST_PIECE or not self.packed:
                    yield tuple(held)
                    held, free = [], length
        if held:
            yield tuple(held)

    @cached_property
    def lengths(self) -> list[int]:
        """Tokens of each row before noise, which may shorten it."""
        return [sum(map(self._size, row)) for row in self.plan]

    def _around(self, piece: Piece) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The special tokens before and behind a piece."""
        frame, size = self.frame, len(self.documents[piece.document])
        before = frame.before if frame.each_piece or piece.start == 0 else ()
        return before, frame.after if frame.each_piece or piece.end == size else ()

    def _size(self, piece: Piece) -> int:
        before, after = self._around(piece)
        return len(before) + piece.end - piece.start + len(after)

    def __getitem__(self, row: int) -> Tokens:
        parts = [self._piece(piece) for piece in self.plan[row]]
        ids = np.concatenate(parts)
        segments = np.repeat(np.arange(len(parts)), [len(part) for part in parts]) if self.packed else None
        draws = np.random.default_rng([self.seed, 3, row])
        if self.objective == "causal" or (self.objective == "mixed" and draws.random() < 0.5):
            return Tokens(ids, ids.copy(), segments)
        if self.objective == "denoising":
            return Tokens(infilled(ids, self.frame, self.masked, draws), ids)
        noisy, targets = masked(ids, self.frame, self.masked, draws)
        return Tokens(noisy, targets, segments, self.objective == "mixed")

    def _piece(self, piece: Piece) -> np.ndarray:
        """Its ids in their frame."""
        before, after = self._around(piece)
        ids = np.asarray(self.documents[piece.document][piece.start : piece.end], dtype=np.int64)
        return np.concatenate([np.array(before, np.int64), ids, np.array(after, np.int64)])


DOCUMENTS_TOLD = 2000
"""How many of the documents a checkpoint's key is made of, at most."""
LEAST_PIECE = 8
"""Tokens of a document for which a window isn't closed yet."""


class Joined(Sequence[np.ndarray]):
    """Documents in memory, and after them those of a corpus."""

    def __init__(self, held: Sequence[np.ndarray], more: Corpus):
        self.held, self.more = held, more

    def __len__(self) -> int:
        return len(self.held) + len(self.more)

    def __getitem__(self, index: int) -> np.ndarray:  # type: ignore[override]
        return self.held[index] if index < len(self.held) else self.more[index - len(self.held)]


def encoded(model: Model, texts: list[str]) -> list[np.ndarray]:
    """Ids of each document without special tokens."""
    model.tokenizer.backend_tokenizer.no_truncation()
    model.tokenizer.backend_tokenizer.no_padding()
    found = []
    for start in range(0, len(texts), 512):
        rows = model.tokenizer.backend_tokenizer.encode_batch(texts[start : start + 512], add_special_tokens=False)
        found += [np.array(row.ids, dtype=np.int32) for row in rows]
    return found
