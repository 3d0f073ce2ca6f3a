"""Rows of tokens that are targets, such as dialogues, several to a row: each is read, and foretold, as if it stood alone.

Nothing is foretold across a border: neither does a row see what stands before it, nor is its first token a target of the last
one's. The loss is a mean over a batch's targets, so it doesn't matter which row they stand in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.train.examples import rows_part
from llamita.train.language import TokenExamples, Tokens
from llamita.train.layout import lay_out

if TYPE_CHECKING:
    from torch import Tensor, nn

    from llamita.core.model import Model
    from llamita.train.language import LanguageOutputs


@dataclass(frozen=True, kw_only=True)
class PackedTokens:
    """Rows of which a batch has some side by side; each is whole, and by itself in its segment."""

    examples: TokenExamples
    widest: int = 0
    """Tokens of a row at most, where memory is short of more; 0: no limit."""

    @property
    def lengths(self) -> list[int]:
        return self.examples.lengths

    @property
    def digest(self) -> str:
        return self.examples.digest

    def batch(self, model: Model, indices: np.ndarray) -> dict[str, Any]:
        held = [self.examples.rows[int(i)] for i in indices]
        joined = [side_by_side([held[i] for i in row]) for row in lay_out([len(one.ids) for one in held], self.widest)]
        source = TokenExamples(rows=joined, lengths=[len(row.ids) for row in joined])
        return source.batch(model, np.arange(len(joined)))

    def outputs(self, module: nn.Module, inputs: Mapping[str, Any], **extra: Any) -> LanguageOutputs:
        return self.examples.outputs(module, inputs, **extra)

    def part(self, inputs: Mapping[str, Tensor], rank: int, ranks: int) -> tuple[dict[str, Tensor], slice]:
        """Some of the rows, as they are laid out: targets stand beside tokens, so a part of both is the same."""
        return rows_part(inputs, rank, ranks)


def side_by_side(rows: Sequence[Tokens]) -> Tokens:
    """One row of several that are one document each; the segments number them."""
    ids = np.concatenate([row.ids for row in rows])
    targets = np.concatenate([row.targets for row in rows])
    return Tokens(ids, targets, np.repeat(np.arange(len(rows)), [len(row.ids) for row in rows]))
