"""A smaller module made by the stock constructor from a smaller config: what stands in memory is what reloads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from llamita.core.architecture import submodule

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

    from llamita.core.model import Model


def rebuild(model: Model, config: PretrainedConfig, state: Mapping[str, Tensor]) -> Model:
    """Put a fresh module of this config and state into the model; weights are moved, not copied."""
    old = model.module
    with torch.device("meta"):
        module = type(old)(config)
    module.load_state_dict(dict(state), strict=True, assign=True)
    _carry_buffers(old, module)
    module.tie_weights()
    if hasattr(old, "generation_config"):
        module.generation_config = old.generation_config
    for name, parameter in module.named_parameters():
        if parameter.is_meta:
            raise RuntimeError(f"{name} got no weights when {type(old).__name__} was rebuilt")
    model.module = module.eval()
    model.changed()
    return model


def _carry_buffers(old: PreTrainedModel, new: PreTrainedModel) -> None:
    """Buffers that aren't saved (rotary frequencies, position ids) come from the old module; shapes don't change."""
    known = dict(old.named_buffers())
    for name, buffer in list(new.named_buffers()):
        if not buffer.is_meta:
            continue
        owner, _, leaf = name.rpartition(".")
        persistent = leaf not in submodule(new, owner)._non_persistent_buffers_set
        submodule(new, owner).register_buffer(leaf, known[name], persistent=persistent)


def base_prefix(module: PreTrainedModel) -> str:
    """What stands before the base model's names in the state dict: "bert." or nothing."""
    return "" if module.base_model is module else f"{module.base_model_prefix}."


def output_columns(linear: Any, weight: Tensor) -> Tensor:
    """The weight as [out, in], whichever way the module stores it."""
    return weight if isinstance(linear, nn.Linear) else weight.T


def slice_outputs(linear: Any, kept: Tensor) -> dict[str, Tensor]:
    """Weight and bias of a linear map with these outputs only."""
    axis = 0 if isinstance(linear, nn.Linear) else 1
    cut = {"weight": _pick(linear.weight, axis, kept)}
    if linear.bias is not None:
        cut["bias"] = _pick(linear.bias, 0, kept)
    return cut


def slice_inputs(linear: Any, kept: Tensor) -> dict[str, Tensor]:
    """Weight of a linear map with these inputs only."""
    axis = 1 if isinstance(linear, nn.Linear) else 0
    return {"weight": _pick(linear.weight, axis, kept)}


def _pick(tensor: Tensor, axis: int, kept: Tensor) -> Tensor:
    return tensor.detach().index_select(axis, kept.to(tensor.device)).contiguous()
