"""What a causal language model writes by itself, and how much of it is new: distinct-n (Li et al. 2016, section 5).

The share of different n-grams among all n-grams of the samples, https://arxiv.org/abs/1510.03055; a model that goes round in
circles is far below one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from llamita.core.errors import require
from llamita.core.measure import Finding, Measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamita.core.context import Run
    from llamita.core.decoding import Decoding
    from llamita.core.engine import Engine
    from llamita.core.task import Task

NAME = "samples.distinct"


@dataclass(frozen=True, kw_only=True)
class Samples(Measure):
    """Texts that begin where a document begins, each token drawn as the model finds it likely."""

    compares: ClassVar[bool] = False

    number: int = 3
    """Texts, >= 1."""
    tokens: int = 80
    """Most tokens of a text, >= 1."""
    temperature: float = 0.8
    """1: as the model finds them likely; lower: likelier ones; 0: the likeliest, one text."""
    top_p: float = 0.95
    """Only the likeliest tokens that hold this share together, in (0, 1]."""
    grams: int = 3
    """Tokens of an n-gram, >= 1."""

    def __post_init__(self) -> None:
        for name in ("number", "tokens", "grams"):
            require(getattr(self, name) >= 1, f"{name} must be >= 1, got {getattr(self, name)}")
        self._drawn(0)
        require(self.number == 1 or self.temperature > 0, "without a temperature all texts are the same; take number 1")

    def measure(self, engine: Engine, task: Task, run: Run, reference: Engine | None = None) -> list[Finding]:
        from llamita.core.generation import generated
        from llamita.core.model import Model
        from llamita.train.frame import document_frame
        from llamita.train.language_head import objective_of

        if not isinstance(engine, Model) or objective_of(engine.module) != "causal":
            return [Finding(name=NAME, value=None, unit="share", reason="it isn't a causal language model in PyTorch")]
        begun = list(document_frame(engine)[0]) or engine.tokenizer("The")["input_ids"][:1]
        written = [generated(engine, [begun], self._drawn(run.seed + i))[0] for i in range(self.number)]
        texts = [engine.tokenizer.decode(ids, skip_special_tokens=True).strip() for ids in written]
        share = distinct(written, self.grams)
        return [
            Finding(
                name=NAME, value=share, unit="share", better="none", n=len(written),
                detail={"grams": self.grams, "temperature": self.temperature, "top_p": self.top_p},
                rows=tuple({"index": i, "text": text} for i, text in enumerate(texts)),
                reason="" if share is not None else f"no text has {self.grams} tokens",
            )
        ]  # fmt: skip

    def _drawn(self, seed: int) -> Decoding:
        from llamita.core.decoding import Decoding

        top_p = self.top_p if self.temperature else 1.0
        return Decoding(max_tokens=self.tokens, temperature=self.temperature, top_p=top_p, seed=seed)


def distinct(rows: Sequence[Sequence[int]], grams: int) -> float | None:
    """Different n-grams among all n-grams of these rows of tokens, in (0, 1]; None where there is none."""
    found = [tuple(row[i : i + grams]) for row in rows for i in range(len(row) - grams + 1)]
    return len(set(found)) / len(found) if found else None
