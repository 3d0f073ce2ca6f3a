"""A fast tokenizer's JSON with fewer pieces: WordPiece, BPE (by bytes, or with byte fallback) and Unigram."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from llamita.core.errors import UserError

BYTE_PIECE = re.compile(r"<0x[0-9A-F]{2}>")
PLACEHOLDER = re.compile(r"unused|reserved", re.IGNORECASE)


@dataclass(frozen=True)
class Pieces:
    """What a `tokenizer.json` holds, as the pruning of its vocabulary needs to see it."""

    data: dict[str, Any]

    def __post_init__(self) -> None:
        model = self.data["model"]
        if self.kind not in ("WordPiece", "BPE", "Unigram"):
            raise UserError(
                f"prune.vocabulary knows WordPiece, BPE and Unigram tokenizers, but this one is {self.kind}; leave it out"
            )
        if self.kind == "BPE" and (model.get("continuing_subword_prefix") or model.get("end_of_word_suffix")):
            raise UserError(
                "prune.vocabulary knows BPE by bytes or with byte fallback, but this tokenizer marks the parts of a word"
                " by a prefix or suffix; leave it out"
            )

    @property
    def kind(self) -> str:
        """BPE, Unigram, WordPiece …"""
        return self.data["model"]["type"]

    @cached_property
    def base(self) -> dict[int, str]:
        """Pieces of the model by id, added tokens apart."""
        vocabulary = self.data["model"]["vocab"]
        if self.kind == "Unigram":
            return {i: piece for i, (piece, _) in enumerate(vocabulary)}
        return {i: piece for piece, i in vocabulary.items()}

    @cached_property
    def added(self) -> dict[int, str]:
        """Added tokens by id."""
        return {token["id"]: token["content"] for token in self.data["added_tokens"]}

    @cached_property
    def ids(self) -> dict[str, int]:
        """Every piece and added token to its id."""
        return {piece: i for i, piece in (self.base | self.added).items()}

    @cached_property
    def ranks(self) -> dict[tuple[str, str], int]:
        """BPE: merges by their order."""
        merges = self.data["model"].get("merges", ())
        pairs = (tuple(m.split(" ", 1)) if isinstance(m, str) else tuple(m) for m in merges)
        return {pair: rank for rank, pair in enumerate(pairs)}  # pyrefly: ignore

    @property
    def unknown(self) -> int | None:
        """Id that stands for what is no piece."""
        model = self.data["model"]
        return model.get("unk_id") if self.kind == "Unigram" else self.ids.get(model.get("unk_token") or "")

    @property
    def template(self) -> set[int]:
        """Ids that the tokenizer puts around every text, a prompt among them."""
        processor = self.data.get("post_processor") or {}
        parts = processor.get("processors", [processor])
        tokens = [token for part in parts for token in dict(part.get("special_tokens") or {}).values()]
        return {i for token in tokens for i in token["ids"]}

    def specials(self) -> set[int]:
        """Added tokens that are no mere placeholders, those of the template, and the unknown one."""
        named = {i for i, text in self.added.items() if not PLACEHOLDER.search(text)} | self.template
        return named | ({self.unknown} if self.unknown is not None else set())

    def alphabet(self) -> set[int]:
        """Pieces without which a text that had none would get unknown ones: single characters, bytes.

        A character that is no piece by itself keeps every piece it is in. Of a Unigram model the piece of the lowest
        score stays, because the score of the unknown is taken from it.
        """
        split = {i: self.characters(piece) for i, piece in self.base.items() if i not in self.added}
        singles = {parts[0] for parts in split.values() if len(parts) == 1}
        kept = {i for i, parts in split.items() if len(parts) == 1 or BYTE_PIECE.fullmatch(self.base[i])}
        if self.kind != "BPE":
            kept |= {i for i, parts in split.items() if not singles.issuperset(parts)}
        if self.kind == "Unigram":
            scores = [score for _, score in self.data["model"]["vocab"]]
            kept.add(scores.index(min(scores)))
        return kept

    def characters(self, piece: str) -> list[str]:
        """A piece as single characters, marked as the tokenizer marks them inside a word."""
        if self.kind != "WordPiece":
            return list(piece)
        prefix = self.data["model"]["continuing_subword_prefix"]
        if piece.startswith(prefix) and len(piece) > len(prefix):
            return [prefix + letter for letter in piece[len(prefix) :]]
        return [piece[0], *(prefix + letter for letter in piece[1:])] if piece else [""]

    def on_the_way(self, piece: str) -> list[str]:
        """BPE: pieces that merging makes before this one, in order; nothing for other models and for whole pieces.

        Inside the span of a piece merging goes the same way whatever stands around it, so that these are enough.
        """
        if self.kind != "BPE" or len(piece) < 2:
            return []
        symbols, made = list(piece), []
        while len(symbols) > 1:
            ranked = [(self.ranks.get(pair, len(self.ranks)), i) for i, pair in enumerate(pairwise(symbols))]
            rank, i = min(ranked)
            if rank == len(self.ranks):
                return []
            symbols[i : i + 2] = [symbols[i] + symbols[i + 1]]
            made.append(symbols[i])
        return made[:-1]


def cut_tokenizer(pieces: Pieces, kept: Collection[int]) -> tuple[dict[str, Any], list[int]]:
    """The tokenizer's JSON with these ids only, and the old id of each new one.

    Pieces keep their order; added tokens that are no pieces of the model follow them.
    """
    wanted = set(kept)
    order = sorted(wanted & pieces.base.keys()) + sorted(wanted & pieces.added.keys() - pieces.base.keys())
    new = {old: i for i, old in enumerate(order)}
    data = dict(pieces.data)
    data["model"] = _cut_model(pieces, [i for i in order if i in pieces.base], new)
    data["added_tokens"] = [t | {"id": new[t["id"]]} for t in data["added_tokens"] if t["id"] in new]
    data["added_tokens"].sort(key=lambda token: token["id"])
    data["post_processor"] = _renumber(data.get("post_processor"), new)
    data["truncation"] = data["padding"] = None
    return data, order


def _cut_model(pieces: Pieces, order: list[int], new: dict[int, int]) -> dict[str, Any]:
    model = dict(pieces.data["model"])
    if pieces.kind == "Unigram":
        vocabulary = model["vocab"]
        model["vocab"] = [vocabulary[i] for i in order]
        if model.get("unk_id") is not None:
            model["unk_id"] = new[model["unk_id"]]
        return model
    model["vocab"] = {pieces.base[i]: new[i] for i in order}
    if pieces.kind == "BPE":
        known = model["vocab"]
        model["merges"] = [[a, b] for a, b in pieces.ranks if a in known and b in known and a + b in known]
    return model


def _renumber(processor: dict[str, Any] | None, new: dict[int, int]) -> dict[str, Any] | None:
    """A post-processor whose special tokens have their new ids."""
    if processor is None:
        return None
    changed = dict(processor)
    if changed["type"] == "Sequence":
        changed["processors"] = [_renumber(part, new) for part in changed["processors"]]
    elif changed["type"] == "TemplateProcessing":
        changed["special_tokens"] = {
            name: token | {"ids": [new[i] for i in token["ids"]]} for name, token in changed["special_tokens"].items()
        }
    elif changed["type"] in ("BertProcessing", "RobertaProcessing"):
        changed |= {side: [changed[side][0], new[changed[side][1]]] for side in ("sep", "cls")}
    return changed


def in_order(pieces: Pieces, first: Iterable[int], then: Iterable[int]) -> list[int]:
    """Ids, each once and after the pieces that merging makes on the way to it, so that every beginning holds together."""
    placed: dict[int, None] = {}
    for group in (first, then):
        for i in group:
            for part in pieces.on_the_way(pieces.base.get(i, "")) if i not in placed else ():
                placed.setdefault(pieces.ids[part])
            placed.setdefault(i)
    return list(placed)
