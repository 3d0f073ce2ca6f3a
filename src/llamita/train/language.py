"""Training on tokens: sequences with a target for each token, for causal, masked and encoder-decoder language models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from llamita.core.architecture import architecture_of
from llamita.core.errors import UserError, require
from llamita.train.examples import rows_part
from llamita.train.groups import groups_of_like_length, is_shared_out, lengths_of_sides, states_in_groups
from llamita.train.language_loss import NO_TARGET, chunk_size, token_loss
from llamita.train.packing import PADDING, block_mask, packed_inputs

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from llamita.core.model import Model


class Tokens(NamedTuple):
    """One row; int64 arrays of one length each."""

    ids: np.ndarray
    targets: np.ndarray
    """What stands at each place if the model is to predict it, else `NO_TARGET`; of an encoder-decoder the decoder's tokens."""
    segments: np.ndarray | None = None
    """Which document each token belongs to, from 0; none: the row is one document."""
    both_ways: bool = False
    """Whether a decoder sees what comes after a token too: such rows have masked tokens (Charpentier & Samuel 2024,
    https://arxiv.org/abs/2410.24159), each predicted, as always in a decoder, at the place before it."""


class Head(NamedTuple):
    """What makes tokens of a body's states."""

    transform: Callable[[Tensor], Tensor]
    """From the body's states to those the last linear map reads."""
    weight: Tensor
    bias: Tensor | None
    cap: float | None


class LanguageOutputs(NamedTuple):
    """What the loss takes: states [rows, length, width] of the body, and the head."""

    states: Tensor
    head: Head
    narrow: torch.dtype | None = None
    """What the head's products are computed in, where it isn't the states' own: autocast's, as the body's were."""

    def read(self, wanted: Tensor) -> Tensor:
        """The states that the last linear map reads, [wanted, width]."""
        device = self.states.device.type
        with torch.autocast(device, self.narrow or torch.bfloat16, enabled=self.narrow is not None):
            found = self.head.transform(self.states[wanted])
        return found if self.narrow is None else found.to(self.narrow)


@dataclass(frozen=True, kw_only=True)
class TokenExamples:
    """Rows of tokens; documents that share a row see themselves alone. `rows` may make a row when it is asked for."""

    rows: Sequence[Tokens]
    lengths: list[int]
    """Tokens of each row."""

    @property
    def digest(self) -> str:
        """What rows that are made when they are asked for depend on, where they say so."""
        return getattr(self.rows, "digest", "")

    def batch(self, model: Model, indices: np.ndarray) -> dict[str, Any]:
        rows = [self.rows[int(i)] for i in indices]
        module, pad = model.module, model.module.config.pad_token_id
        ids = _padded([row.ids for row in rows], pad)
        inputs = {"input_ids": ids, "attention_mask": _padded([np.ones_like(row.ids) for row in rows], 0)}
        targets = _padded([row.targets for row in rows], NO_TARGET)
        if any(row.segments is not None for row in rows):
            given = [np.zeros_like(row.ids) if row.segments is None else row.segments for row in rows]
            inputs["segment_ids"] = _padded(given, PADDING)
        if any(row.both_ways for row in rows):
            require(architecture_of(module).is_decoder_only, "both_ways is for decoders; others see both ways anyway")
            inputs["both_ways"] = np.array([row.both_ways for row in rows])
        if module.config.is_encoder_decoder:
            start = np.full((len(rows), 1), module.config.decoder_start_token_id)
            inputs["decoder_input_ids"] = np.hstack([start, np.where(targets == NO_TARGET, pad, targets)[:, :-1]])
        elif architecture_of(module).is_decoder_only:
            targets = _of_the_next(targets, inputs.get("segment_ids"))
        wanted = {"tokens": targets}
        if "both_ways" in inputs:
            wanted["weights"] = _weights(targets, inputs["both_ways"])
        inputs = {name: torch.as_tensor(value).to(model.device) for name, value in inputs.items()}
        return {"inputs": inputs, "targets": {name: torch.as_tensor(v).to(model.device) for name, v in wanted.items()}}

    def outputs(self, module: nn.Module, inputs: Mapping[str, Any], **extra: Any) -> LanguageOutputs:
        stock: Any = module
        given = dict(inputs)
        segments, both_ways = given.pop("segment_ids", None), given.pop("both_ways", None)
        if both_ways is not None:
            segments = torch.where(given["attention_mask"] > 0, 0, PADDING) if segments is None else segments
        if segments is not None:
            require(not stock.config.is_encoder_decoder, "documents can't share a row of an encoder-decoder")
            given |= packed_inputs(stock, given["input_ids"], segments)
        if both_ways is not None:
            given["attention_mask"] = _opened(given["attention_mask"], segments, both_ways)
        alike = bool(extra) or segments is not None or is_shared_out(stock)
        lengths = {} if alike else lengths_of_sides(given, stock.config.pad_token_id)
        if groups := groups_of_like_length(lengths):
            states = states_in_groups(stock.base_model, given, lengths, groups)
        else:
            states = stock.base_model(**given, **extra).last_hidden_state
        device = states.device.type
        narrow = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
        return LanguageOutputs(states, head_of(stock), narrow)

    def part(self, inputs: Mapping[str, Tensor], rank: int, ranks: int) -> tuple[dict[str, Tensor], slice]:
        return rows_part(inputs, rank, ranks)


@dataclass(frozen=True, kw_only=True)
class LanguageLoss:
    """Mean cross-entropy, in nats, of the tokens that are to be predicted.

    Of a batch with causal rows and rows read both ways: the mean of each kind's tokens, by the kind's share of the rows. In
    GPT-BERT a process has rows of one kind, and the processes' means are averaged; one mean over all tokens would give masked
    rows, which have few targets, a small part of it.
    """

    smoothing: float = 0.0

    def __call__(
        self, outputs: LanguageOutputs, inputs: Mapping[str, Any], targets: Mapping[str, Any]
    ) -> dict[str, Tensor]:
        """Only the tokens with a target go through the head."""
        wanted = targets["tokens"] != NO_TARGET
        if "weights" not in targets:
            return {"loss": self._mean(outputs, targets["tokens"], wanted)}
        weights = targets["weights"] * wanted.sum(dim=1)
        loss = torch.zeros((), device=weights.device)
        for rows in (inputs["both_ways"], ~inputs["both_ways"]):
            loss = loss + self._mean(outputs, targets["tokens"], wanted & rows[:, None]) * weights[rows].sum()
        return {"loss": loss / weights.sum().clamp(min=torch.finfo(weights.dtype).tiny)}

    def _mean(self, outputs: LanguageOutputs, tokens: Tensor, wanted: Tensor) -> Tensor:
        head = outputs.head
        return token_loss(
            outputs.read(wanted), head.weight, tokens[wanted], bias=head.bias, smoothing=self.smoothing, cap=head.cap
        )

    def counted(self, inputs: Mapping[str, Any], targets: Mapping[str, Any]) -> Tensor:
        """Tokens with a target, each by its weight."""
        counts = (targets["tokens"] != NO_TARGET).sum(dim=1)
        return (counts * targets["weights"] if "weights" in targets else counts).sum()


def head_of(module: PreTrainedModel) -> Head:
    """The language-model head of any family, in two parts: before the last linear map, and that map.

    Raises:
        UserError: the model has none.
    """
    parts: Any = module
    last = parts.get_output_embeddings()
    if last is None:
        raise UserError(f"a {type(module).__name__} predicts no tokens; take a model with a language-model head")
    family = architecture_of(module).family
    transform: Callable[[Tensor], Tensor]
    if not hasattr(parts, "lm_head") and family == "bert":
        transform = parts.cls.predictions.transform
    elif family in ("roberta", "xlm-roberta", "mpnet"):
        inner = parts.lm_head
        transform = lambda states: inner.layer_norm(functional.gelu(inner.dense(states)))  # noqa: E731
    elif family == "distilbert":
        transform = lambda states: parts.vocab_layer_norm(parts.activation(parts.vocab_transform(states)))  # noqa: E731
    elif family == "modernbert":
        transform = parts.head
    else:
        transform = lambda states: states  # noqa: E731
    bias = getattr(last, "bias", None)
    if bias is None:  # BART's stands beside the map, and is no parameter
        bias = parts.final_logits_bias[0] if hasattr(parts, "final_logits_bias") else None
    return Head(transform, last.weight, bias, getattr(module.config, "final_logit_softcapping", None))


def summed_nats(model: Model, source: TokenExamples, rows: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """How surprising the targets of each row are, summed in nats, float64 [rows], and how many there are, int64 [rows]."""
    batch = source.batch(model, np.asarray(rows))
    targets = batch["targets"]["tokens"]
    wanted = targets != NO_TARGET
    with model.reading():
        outputs = source.outputs(model.module, batch["inputs"])
        nats = _nats_of(outputs.head, outputs.head.transform(outputs.states[wanted]), targets[wanted]).cpu()
    owners = wanted.nonzero()[:, 0].cpu()
    sums = torch.zeros(len(rows), dtype=torch.float64).index_add_(0, owners, nats.double())
    return sums.numpy(), torch.bincount(owners, minlength=len(rows)).numpy()


def _nats_of(head: Head, states: Tensor, targets: Tensor) -> Tensor:
    """Of each target after the states that the last linear map reads; logits stand in memory for a chunk of tokens at a time."""
    found = torch.empty(len(targets), device=targets.device)
    for start in range(0, len(targets), chunk_size(len(head.weight))):
        part = slice(start, start + chunk_size(len(head.weight)))
        logits = functional.linear(states[part], head.weight, head.bias).float()
        logits = head.cap * torch.tanh(logits / head.cap) if head.cap else logits
        found[part] = functional.cross_entropy(logits, targets[part], reduction="none")
    return found


def _padded(rows: Sequence[np.ndarray], fill: int) -> np.ndarray:
    """int64 [rows, longest]."""
    whole = np.full((len(rows), max(map(len, rows))), fill, dtype=np.int64)
    for place, row in enumerate(rows):
        whole[place, : len(row)] = row
    return whole


def _of_the_next(targets: np.ndarray, segments: np.ndarray | None) -> np.ndarray:
    """At each place the target of the next one, unless that begins another document."""
    moved = np.full_like(targets, NO_TARGET)
    moved[:, :-1] = targets[:, 1:]
    if segments is not None:
        moved[:, :-1][segments[:, 1:] != segments[:, :-1]] = NO_TARGET
    return moved


def _weights(targets: np.ndarray, both_ways: np.ndarray) -> np.ndarray:
    """What a target of each row counts, float32 [rows]: each kind of row by its share of those with targets, 1 on average."""
    counts = (targets != NO_TARGET).sum(axis=1)
    asked, weights = counts > 0, np.zeros(len(targets), dtype=np.float32)
    for rows in (asked & both_ways, asked & ~both_ways):
        if rows.any():
            weights[rows] = rows.sum() / asked.sum() * counts.sum() / counts[rows].sum()
    return weights


def _opened(mask: Any, segments: Tensor, both_ways: Tensor) -> Any:
    """The mask with what comes after made visible in these rows; a dict where kinds of layers have masks of their own."""
    if isinstance(mask, dict):
        return {kind: _opened(one, segments, both_ways) for kind, one in mask.items()}
    return torch.where(both_ways[:, None, None, None], block_mask(segments), mask)
