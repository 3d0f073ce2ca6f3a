"""Which parameters a fine-tuning trains: the upper layers alone, or low-rank matrices beside the weights."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torch import nn

from llamita.core.architecture import layer_lists
from llamita.core.errors import require

if TYPE_CHECKING:
    from transformers import PreTrainedModel

AFTER_LAYERS = re.compile(r"(pooler|norm|ln_f|final_norm)\.")
"""Beginnings of the names of parameters of a base model that work on what the last layer gives."""


@contextmanager
def frozen_below(module: PreTrainedModel, share: float) -> Generator[None]:
    """Keep the embeddings and this share of the layers, counted from below, as they are; nothing at share 0."""
    with frozen(lower_parameters(module, share) if share else []):
        yield


@contextmanager
def frozen(parameters: Iterable[nn.Parameter]) -> Generator[None]:
    """Keep these as they are; afterwards those learn again that did before."""
    held = [parameter for parameter in parameters if parameter.requires_grad]
    for parameter in held:
        parameter.requires_grad = False
    try:
        yield
    finally:
        for parameter in held:
            parameter.requires_grad = True


def share_below(module: PreTrainedModel, top: int) -> float:
    """The share of the layers that lies below the top ones."""
    count = sum(len(stack) for stack in layer_lists(module))
    require(top <= count, f"top_layers must be at most {count}, as many as the model has, got {top}")
    return 1 - top / count


def lower_parameters(module: PreTrainedModel, share: float) -> list[nn.Parameter]:
    """Parameters of the embeddings and of the lower share of the layers (BART: the encoder lies below the decoder)."""
    layers = [layer for stack in layer_lists(module) for layer in stack]
    inside = {id(p) for layer in layers for p in layer.parameters()}
    lower = [p for layer in layers[: round(share * len(layers))] for p in layer.parameters()]
    outside = [(name, p) for name, p in module.base_model.named_parameters() if id(p) not in inside]
    return [p for name, p in outside if not AFTER_LAYERS.match(name)] + lower


def add_lora(module: PreTrainedModel, rank: int, *, dora: bool = False) -> Any:
    """Put LoRA matrices beside every linear map of the unfrozen layers; pooler and head, if it is for labels, train in full.

    With DoRA a map's weight is m (W + BA) / |W + BA|, the norms being those of its rows: m is learned beside B and A.
    """
    from peft import LoraConfig, get_peft_model
    from transformers.pytorch_utils import Conv1D

    names = {id(part): name for name, part in module.named_modules()}
    maps = [part for stack in layer_lists(module) for layer in stack for part in layer.modules()]
    maps = [part for part in maps if isinstance(part, (nn.Linear, Conv1D)) and part.weight.requires_grad]
    require(
        bool(maps),
        "lora_rank has no layer to work on, for freeze or top_layers leaves none; free some, or leave it out",
    )
    config = LoraConfig(
        r=rank, lora_alpha=2 * rank, lora_dropout=0.05, bias="none", target_modules=[names[id(part)] for part in maps],
        fan_in_fan_out=any(isinstance(part, Conv1D) for part in maps), use_dora=dora,
    )  # fmt: skip
    tokens_out = module.get_output_embeddings()
    kept = [module.base_model, *([tokens_out] if tokens_out is not None else [])]
    base = {id(p) for part in kept for p in part.parameters()}
    pooler = getattr(module.base_model, "pooler", None)
    in_full = [p for p in module.parameters() if id(p) not in base] + (list(pooler.parameters()) if pooler else [])
    adapted = get_peft_model(module, config)
    for parameter in in_full:
        parameter.requires_grad = True
    return adapted


def merge_lora(adapted: Any) -> PreTrainedModel:
    """The stock module with the low-rank matrices added into its weights."""
    module = adapted.merge_and_unload()
    for parameter in module.parameters():
        parameter.requires_grad = True
    return module
