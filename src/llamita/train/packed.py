"""Labelled examples packed into rows: texts laid out without waste, and heads that read each text of a row by itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from llamita.core import processes
from llamita.core.architecture import architecture_of
from llamita.core.errors import require
from llamita.train.batches import mixed_batches, padded_share, training_batches
from llamita.train.examples import BatchSource, Examples, Outputs
from llamita.train.language import TokenExamples
from llamita.train.layout import attention_cost, lay_out, packing_gain
from llamita.train.packed_tokens import PackedTokens
from llamita.train.packing import PADDING, packed_inputs
from llamita.train.room import tokens_that_fit

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from transformers import PreTrainedModel

    from llamita.core.context import Run
    from llamita.core.model import Model

log = logging.getLogger(__name__)

CANNOT_PACK = {"bart": "its decoder reads the encoder's tokens by a mask of its own"}
"""Families whose texts can't share a row, and why."""
PAYS_FROM = 0.1
"""Share of padding from which packing may be taken; below it masks cost more than padding does (docs/log.md)."""


@dataclass(frozen=True, kw_only=True)
class PackedExamples:
    """Examples whose batches hold several texts a row; the loss sees them as if each had its own.

    `attention_mask` in the inputs is that of the texts, [texts, longest]: it is what losses count with.
    """

    examples: Examples
    widest: int = 0
    """Tokens of a row at most, where memory is short of more; 0: no limit."""

    @property
    def lengths(self) -> list[int]:
        return self.examples.lengths

    def used_ids(self) -> np.ndarray:
        return self.examples.used_ids()

    def batch(self, model: Model, indices: np.ndarray) -> dict[str, Any]:
        rows = lay_out([len(self.examples.encoded[i][0]) for i in indices], self.widest)
        order = np.asarray([i for row in rows for i in row])
        encoded = [self.examples.encoded[i] for i in indices[order]]
        sizes = [len(row) for row in rows]
        packed = _packed_arrays(encoded, sizes, model.encoder.pad_id)
        inputs = {name: torch.as_tensor(value).to(model.device) for name, value in packed.items()}
        if not model.uses_type_ids:
            del inputs["token_type_ids"]
        return {"inputs": inputs, "targets": self.examples.targets_of(model, indices[order])}

    def outputs(self, module: nn.Module, inputs: Mapping[str, Any], **extra: Any) -> Any:
        """The module's outputs with the texts along the first axis: logits [texts, labels], states [texts, longest, width]."""
        stock: Any = module
        ids = inputs["input_ids"]
        named = packed_inputs(stock, ids, inputs["segment_ids"])
        if "token_type_ids" in inputs:
            named["token_type_ids"] = inputs["token_type_ids"]
        found = stock.base_model(input_ids=ids, **named, **extra)
        mask, place = inputs["attention_mask"], inputs["places"]
        logits = head_logits(stock, _texts(found.last_hidden_state, place), _texts(ids, place), mask)
        states = getattr(found, "hidden_states", None)
        return Outputs(logits=logits, hidden_states=states and tuple(_texts(state, place) for state in states))

    def part(self, inputs: Mapping[str, Tensor], rank: int, ranks: int) -> tuple[dict[str, Tensor], slice]:
        """What one of several processes computes: some of the rows, and which texts of the batch those are."""
        held = inputs["segment_ids"].amax(dim=1) + 1  # segments are numbered along the batch
        rows = len(held)
        first, last = rank * rows // ranks, (rank + 1) * rows // ranks
        low, high = (0 if row == 0 else int(held[row - 1]) for row in (first, last))
        if first == last:
            first, last, low, high = 0, 1, 0, 0
        own = slice(low, high) if high > low else slice(0, int(held[0]))
        kept = {name: inputs[name][first:last] for name in inputs if name not in ("attention_mask", "places")}
        kept["segment_ids"] = torch.where(kept["segment_ids"] == PADDING, PADDING, kept["segment_ids"] - own.start)
        kept["attention_mask"] = inputs["attention_mask"][own]
        kept["places"] = inputs["places"][own] - first * inputs["input_ids"].shape[1]
        return kept, slice(low, high)


def _packed_arrays(encoded: Sequence[Any], sizes: Sequence[int], pad_id: int) -> dict[str, np.ndarray]:
    """Token ids, types and segments [rows, width]; mask and places [texts, longest], a place being row x width + column."""
    longest, ends = max(len(ids) for ids, _ in encoded), np.cumsum(sizes)
    width = max(sum(len(ids) for ids, _ in encoded[end - size : end]) for size, end in zip(sizes, ends, strict=True))
    token_ids = np.full((len(sizes), width), pad_id, dtype=np.int64)
    type_ids, segments = np.zeros_like(token_ids), np.full_like(token_ids, PADDING)
    mask = np.zeros((len(encoded), longest), dtype=np.int64)
    places = np.zeros_like(mask)
    for row, (size, end) in enumerate(zip(sizes, ends, strict=True)):
        at = 0
        for text in range(end - size, end):
            ids, types = encoded[text]
            here = slice(at, at + len(ids))
            token_ids[row, here], type_ids[row, here], segments[row, here] = ids, types, text
            mask[text, : len(ids)] = 1
            places[text] = row * width + np.minimum(at + np.arange(longest), at + len(ids) - 1)
            at += len(ids)
    return {
        "input_ids": token_ids, "token_type_ids": type_ids, "segment_ids": segments, "attention_mask": mask,
        "places": places,
    }  # fmt: skip


def _texts(packed: Tensor, places: Tensor) -> Tensor:
    """From rows [rows, width, …] to texts [texts, longest, …]; past its end a text repeats its last token."""
    return packed.flatten(0, 1)[places]


def head_logits(
    module: PreTrainedModel, states: Float[Tensor, "texts length width"], ids: Int[Tensor, "texts length"],
    mask: Int[Tensor, "texts length"],
) -> Float[Tensor, "texts labels"]:  # fmt: skip
    """What the stock head of the family says of the last layer's states of each text."""
    parts: Any = module
    family = architecture_of(module).family
    if architecture_of(module).is_decoder_only:
        counted = mask * (ids != module.config.pad_token_id)
        last = (counted * torch.arange(ids.shape[1], device=ids.device)).argmax(dim=1)
        return parts.score(states[torch.arange(len(states), device=ids.device), last])
    if family == "modernbert" and module.config.classifier_pooling == "mean":
        first = (states * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
    else:
        first = states[:, 0]
    heads: dict[str, Callable[[Tensor], Tensor]] = {
        "bert": lambda x: parts.classifier(parts.dropout(parts.base_model.pooler(x[:, None]))),
        "distilbert": lambda x: parts.classifier(parts.dropout(parts.pre_classifier(x).relu())),
        "modernbert": lambda x: parts.classifier(parts.drop(parts.head(x))),
    }
    return heads[family](first) if family in heads else parts.classifier(first[:, None])


def arranged(
    step: Any, model: Model, examples: Examples | TokenExamples, run: Run, *, of_states: Any = None
) -> tuple[BatchSource, list[np.ndarray], int]:
    """How a step's examples are put to the model, its batches, packed or of like length, and how many tokens are computed at once.

    Where `max_tokens` bounds a batch it is computed whole (0); where memory does, a batch is as large as was asked for, and
    computed in parts that fit.

    Args:
        step: has batch_size, epochs, max_tokens, packing and precision.
        model: what is trained.
        examples: the texts and their targets, or rows of tokens that are one document each.
        run: its seed shuffles.
        of_states: the loss, where it is one of hidden states, which it keeps in memory; of rows that are packed it keeps far
            more than a trial of one text tells.
    """
    reason = CANNOT_PACK.get(model.module.config.model_type)
    require(
        step.packing != "on" or reason is None,
        f"packing=on: texts of the family {model.module.config.model_type} can't share a row ({reason}); take auto",
    )
    untold = of_states is not None and not step.max_tokens and step.packing == "auto"
    packed = _packed(examples) if reason is None and step.packing != "off" and not untold else None
    size = step.batch_size
    fit = 0
    if not step.max_tokens:
        fit = tokens_that_fit(model, packed or examples, run, step.precision, of_states, batch_size=size)
        fit //= processes.num_processes()
    how = {"batch_size": size, "epochs": step.epochs, "seed": run.seed, "max_tokens": step.max_tokens}
    batches = training_batches(examples.lengths, **how)
    padded = padded_share(examples.lengths, batches)
    if packed is not None and (step.packing == "on" or padded >= PAYS_FROM):
        mixed = mixed_batches(examples.lengths, **how)
        if step.packing == "on" or packing_gain(examples.lengths, batches, mixed, attention_cost(model.module)) > 1:
            log.info("texts are packed into rows; in batches of like length padding would be %.1f %%", 100 * padded)
            widest = max(examples.lengths) if fit else 0  # of which the trial told what it takes
            return replace(packed, widest=widest), mixed, fit
    log.info("batches of like length: %.1f %% of the tokens are padding", 100 * padded)
    return examples, batches, fit


def _packed(examples: Examples | TokenExamples) -> PackedExamples | PackedTokens:
    """The same, several to a row."""
    return PackedTokens(examples=examples) if isinstance(examples, TokenExamples) else PackedExamples(examples=examples)
