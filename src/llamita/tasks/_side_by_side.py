"""A batch of questions with the tokens of all labels side by side behind each, every label seeing the question and itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A batch: questions padded on the right, then the labels' tokens but the last of each, side by side."""

    token_ids: Tensor
    """int64 [texts, width]."""
    positions: Tensor
    """int64 [texts, width]."""
    seen: Tensor
    """bool [texts, width, prefix + width]: which tokens a token sees."""
    asked: Tensor
    """int64 [texts, 1 + label tokens]: where the next token's probabilities are read, the question's end first."""

    def mask(self, dtype: torch.dtype, window: int | None) -> Tensor:
        """What is added to attention scores [texts, 1, width, prefix + width]; beyond a window nothing is seen."""
        seen, zero = self.seen, torch.zeros((), dtype=dtype)
        if window is not None:
            prefix = torch.arange(seen.shape[2] - seen.shape[1]).expand(len(seen), -1)
            places = torch.cat([prefix, self.positions], dim=1)
            seen = seen & (self.positions[:, :, None] - places[:, None] < window)
        return torch.where(seen, zero, torch.finfo(dtype).min)[:, None]


def layout(questions: Sequence[list[int]], labels: Sequence[list[int]], prefix: int, pad: int) -> Layout:
    """How questions and the labels' token ids are put side by side, behind a prefix of so many tokens."""
    lengths = torch.tensor([len(question) for question in questions])
    longest = int(lengths.max())
    fed = [ids[:-1] for ids in labels]
    flat = torch.tensor([i for ids in fed for i in ids], dtype=torch.long)
    owner = torch.tensor([label for label, ids in enumerate(fed) for _ in ids], dtype=torch.long)
    depth = torch.tensor([place for ids in fed for place in range(len(ids))], dtype=torch.long)
    count, width = len(questions), longest + len(flat)
    token_ids = torch.full((count, width), pad)
    for row, question in enumerate(questions):
        token_ids[row, : len(question)] = torch.tensor(question)
    token_ids[:, longest:] = flat
    positions = torch.arange(longest).expand(count, -1)
    positions = prefix + torch.cat([positions, lengths[:, None] + depth], dim=1)
    seen = torch.zeros(count, width, prefix + width, dtype=torch.bool)
    seen[:, :, :prefix] = True
    places = torch.arange(longest)
    seen[:, :longest, prefix : prefix + longest] = places[:, None] >= places
    seen[:, longest:, prefix : prefix + longest] = (places < lengths[:, None])[:, None]
    seen[:, longest:, prefix + longest :] = (owner[:, None] == owner) & (depth[:, None] >= depth)
    asked = torch.cat([lengths[:, None] - 1, (longest + torch.arange(len(flat))).expand(count, -1)], dim=1)
    return Layout(token_ids=token_ids, positions=positions, seen=seen, asked=asked)


def summed(log_shares: Tensor, labels: Sequence[list[int]]) -> Tensor:
    """Log-probabilities of each label's tokens, summed [texts, labels]; the first is read at the question's end."""
    sums, start = [], 1
    for ids in labels:
        places = [0, *range(start, start + len(ids) - 1)]
        sums.append(log_shares[:, places, ids].sum(dim=1))
        start += len(ids) - 1
    return torch.stack(sums, dim=1)
