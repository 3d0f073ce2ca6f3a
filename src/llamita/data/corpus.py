"""A corpus that need not fit in memory: documents read in a stream, cleaned, turned into token ids once, and mapped from disk.

A corpus stands in a folder that is named by what its files hold, the tokenizer and the settings; it is renamed when it is whole.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from llamita.core import processes
from llamita.core.encoding import untrimmed
from llamita.core.errors import UserError, require
from llamita.core.sources import content_digest
from llamita.core.store import address
from llamita.data.clean import COPIES, SAMPLE, fault_of, fewest_characters
from llamita.data.copies import MANY_CHARACTERS, Seen
from llamita.data.decode import text_lines
from llamita.data.documents import document_files, gathered
from llamita.data.files import STDIN, format_of
from llamita.data.read import read_chunks
from llamita.data.text import reading_key, text_key

if TYPE_CHECKING:
    from tokenizers import Tokenizer

log = logging.getLogger(__name__)
BATCH = 256
"""Documents that are tokenised together."""
FORMAT = 4
SAMPLE_CHARACTERS = 20_000_000
"""Of a corpus, spread over its sources, that a tokenizer is trained on."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Files that are read one after the other, and how often an epoch reads a document of theirs, on average."""

    name: str
    files: tuple[Path, ...]
    weight: float = 1.0
    """> 0; 1: once."""


@dataclass(frozen=True, kw_only=True)
class Cleaning:
    """What is left out of a corpus."""

    copies: str = "auto"
    """near, exact or keep; near takes 3 kB of memory a document; auto: near, of more than five million bytes exact."""
    filtered: bool = True
    """Whether documents that are no running text are left out."""
    unseen: tuple[str, ...] = field(default=(), repr=False)
    """Texts that nothing may learn from, nor from copies of theirs; near copies count where they are looked for."""
    known: tuple[str, ...] = field(default=(), repr=False)
    """Texts that are learned from besides, so that copies of theirs are left out as well."""

    def __post_init__(self) -> None:
        require(self.copies in COPIES, f"copies must be one of {', '.join(COPIES)}, got {self.copies!r}")

    @property
    def told(self) -> dict[str, object]:
        """What a stored corpus must have been cleaned by."""
        known = self.known if self.copies != "keep" else ()
        return {
            "copies": self.copies, "filtered": self.filtered, "unseen": _digest(self.unseen), "known": _digest(known),
        }  # fmt: skip


def _digest(texts: Sequence[str]) -> str:
    return hashlib.sha256("\x1e".join(sorted(map(text_key, texts))).encode("utf-8", "surrogatepass")).hexdigest()


def parse_sources(named: str) -> tuple[Source, ...]:
    """Sources as a command names them: NAME or NAME=WEIGHT, with commas between; a name is a file, folder or pattern.

    Raises:
        UserError: a name without files, or a weight that is none.
    """
    found: dict[str, Source] = {}
    for word in filter(None, (part.strip() for part in named.split(","))):
        name, sign, text = word.rpartition("=")
        if not sign or Path(word).expanduser().exists():
            name, text = word, "1"
        try:
            weight = float(text)
        except ValueError:
            weight = -1.0
        require(0 < weight < 100, f"{word}: what follows = is a weight in (0, 100), got {text!r}")
        require(name not in found, f"the corpus names {name} twice; give it a weight: {name}=2")
        paths = tuple(document_files(name))
        if missing := next((path for path in paths if path == STDIN or not path.is_file()), None):
            raise UserError(f"no file {missing}; a corpus is of files, which are read more than once")
        found[name] = Source(name=name, files=paths, weight=weight)
    require(bool(found), "the corpus is empty; name files or folders, with commas between")
    return tuple(found.values())


def documents_in(source: Source, columns: Mapping[str, str] | None = None) -> Iterator[str]:
    """The documents of a source, one at a time."""
    for path in source.files:
        if format_of(path) == ".txt":
            yield from gathered(text_lines(path))
        else:
            for table in read_chunks(str(path), columns=columns, labelled=False):
                yield from (text if isinstance(text, str) else "\n".join(text) for text in table.texts)


def sampled(
    sources: Sequence[Source], unseen: Sequence[str] = (), columns: Mapping[str, str] | None = None
) -> list[str]:
    """The first documents of every source, `SAMPLE_CHARACTERS` in all, shared by weight: for a tokenizer to learn from.

    Copies of texts that nothing may learn from are left out.
    """
    hidden = Seen.of(unseen, near=False, key=reading_key)
    texts: list[str] = []
    whole = sum(source.weight for source in sources)
    for source in sources:
        left = SAMPLE_CHARACTERS * source.weight / whole
        for text in documents_in(source, columns):
            if hidden.copy_kind(text, remember=False):
                continue
            texts.append(text)
            left -= len(text)
            if left <= 0:
                break
    return texts


@dataclass(frozen=True, kw_only=True)
class Corpus(Sequence[np.ndarray]):
    """Token ids of each document, without special tokens, in a file that is mapped into memory.

    A document is a view of the file: its length and a part of it cost what they are, however long it is.
    """

    folder: Path

    @cached_property
    def about(self) -> dict[str, object]:
        """What was read and how, as it was written down beside the tokens."""
        return json.loads((self.folder / "about.json").read_text(encoding="utf-8"))

    @cached_property
    def tokens(self) -> np.ndarray:
        """All ids [tokens], one document after the other, each of 2 bytes or, of a large vocabulary, 4; read from the disk."""
        return np.memmap(self.folder / "tokens.bin", dtype=str(self.about["dtype"]), mode="r")

    @cached_property
    def starts(self) -> np.ndarray:
        """Where each document begins, and at last where the last one ends: int64 [documents + 1]."""
        return np.load(self.folder / "starts.npy", mmap_mode="r")

    @cached_property
    def weights(self) -> np.ndarray:
        """How often an epoch reads each document, on average; float32 [documents]."""
        return np.load(self.folder / "weights.npy", mmap_mode="r")

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, index: int) -> np.ndarray:  # type: ignore[override]
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.tokens[int(self.starts[index]) : int(self.starts[index + 1])]


def tokenizer_digest(tokenizer: Tokenizer) -> str:
    """Of all that decides which ids a whole text has."""
    return hashlib.sha256(untrimmed(tokenizer).to_str().encode()).hexdigest()


def tokenized(
    sources: Sequence[Source], tokenizer: Tokenizer, cache: Path, cleaning: Cleaning,
    columns: Mapping[str, str] | None = None,
) -> Corpus:  # fmt: skip
    """The corpus of these sources, made unless it is in the cache; of several processes the first makes it."""
    backend = untrimmed(tokenizer)
    parts = {
        "format": FORMAT, "tokenizer": tokenizer_digest(tokenizer), "columns": dict(columns or {}),
        "sources": [[[[content_digest(f), format_of(f)] for f in one.files], one.weight] for one in sources], **cleaning.told,
    }  # fmt: skip
    final = cache / "corpus" / address(parts)[:40]
    with processes.first_alone():
        if not final.is_dir():
            _make(final, sources, backend, cleaning, columns)
    return Corpus(folder=final)


def _make(
    final: Path, sources: Sequence[Source], tokenizer: Tokenizer, cleaning: Cleaning, columns: Mapping[str, str] | None
) -> None:
    """Write it under another name, which is changed when it is whole."""
    work = final.with_name(f".{final.name}.{os.getpid()}.part")
    work.mkdir(parents=True, exist_ok=True)
    try:
        _write(sources, tokenizer, work, cleaning, columns)
        os.replace(work, final)
    except OSError:
        if not final.is_dir():  # else another run was quicker
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write(
    sources: Sequence[Source], tokenizer: Tokenizer, folder: Path, cleaning: Cleaning, columns: Mapping[str, str] | None
) -> None:
    dtype = "<u2" if tokenizer.get_vocab_size() <= 1 << 16 else "<i4"
    starts, weights = array("q", [0]), array("f")
    size = sum(file.stat().st_size for source in sources for file in source.files)
    sifted = _Sifted(
        cleaning, near=cleaning.copies == "near" or (cleaning.copies == "auto" and size <= MANY_CHARACTERS)
    )
    with (folder / "tokens.bin").open("wb") as stream:
        for source in sources:
            kept = sifted(documents_in(source, columns))
            while batch := list(islice(kept, BATCH)):
                for row in tokenizer.encode_batch(batch, add_special_tokens=False):
                    np.asarray(row.ids, dtype=dtype).tofile(stream)
                    starts.append(starts[-1] + len(row.ids))
                    weights.append(source.weight)
    sifted.tell()
    require(
        starts[-1] > 0, "no document of the corpus is left to learn from; give more, or filtered=false and copies=keep"
    )
    np.save(folder / "starts.npy", np.frombuffer(starts, dtype=np.int64))
    np.save(folder / "weights.npy", np.frombuffer(weights, dtype=np.float32))
    about = {"dtype": dtype, "documents": len(weights), "tokens": starts[-1], "left_out": dict(sifted.counts)}
    (folder / "about.json").write_text(json.dumps(about) + "\n", encoding="utf-8")
    log.info("corpus: %s documents, %s tokens, in %s", f"{len(weights):,}", f"{starts[-1]:,}", folder.parent)


class _Sifted:
    """Lets through the documents worth learning from; counts the others by reason, with an example each."""

    def __init__(self, cleaning: Cleaning, *, near: bool):
        self.cleaning = cleaning
        self.seen = Seen.of(() if cleaning.copies == "keep" else cleaning.known, near=near)
        self.unseen = Seen.of(cleaning.unseen, near=near, key=reading_key)
        if cleaning.copies == "auto" and not near:
            log.info("near copies are not looked for among so many documents; copies=near does, in time and memory")
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self.read = 0

    def __call__(self, texts: Iterable[str]) -> Iterator[str]:
        """Those of one source, which says by its first documents how short one may be."""
        stream = iter(texts)
        first = list(islice(stream, SAMPLE))
        fewest = fewest_characters(first)
        for text in chain(first, stream):
            if not text.strip():
                continue
            self.read += 1
            if reason := self._reason(text, fewest):
                self.counts[reason] += 1
                self.examples.setdefault(reason, " ".join(text.split())[:60])
            else:
                yield text

    def _reason(self, text: str, fewest: int) -> str:
        if kind := self.unseen.copy_kind(text, remember=False):
            return f"{kind} of what is measured on"
        if self.cleaning.filtered and (fault := fault_of(text, fewest)):
            return fault
        return "" if self.cleaning.copies == "keep" else self.seen.copy_kind(text)

    def tell(self) -> None:
        for reason, number in self.counts.items():
            log.info(
                "left out: %s of %s documents (%s), such as %r",
                f"{number:,}",
                f"{self.read:,}",
                reason,
                self.examples[reason],
            )
