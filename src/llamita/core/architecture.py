"""Which modules are layers, attention, FFN and head in each model family: one declarative table, and what reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from llamita.core.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from llamita.core.model import Model


@dataclass(frozen=True, kw_only=True)
class Attention:
    """Linear maps of one attention block, as paths inside its layer."""

    query: str = ""
    key: str = ""
    value: str = ""
    fused: str = ""
    """Instead of the three: one map that makes query, key and value."""
    output: str

    @property
    def maps(self) -> tuple[str, ...]:
        """Paths of all of them."""
        return tuple(filter(None, (self.query, self.key, self.value, self.fused, self.output)))


@dataclass(frozen=True, kw_only=True)
class FeedForward:
    """Linear maps of one FFN, as paths inside its layer."""

    inputs: tuple[str, ...]
    """Maps into the neurons: one, or gate and value."""
    output: str
    parts: int = 1
    """How many blocks of neurons one input map makes: 2 when it holds value and gate side by side."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack of like layers and the config fields that describe it."""

    layers: str
    """Path of the module list inside the base model."""
    attention: tuple[Attention, ...]
    ffn: FeedForward
    depth: str = "num_hidden_layers"
    """Config field that counts the layers, as the two below count neurons and heads."""
    ffn_size: str = "intermediate_size"
    num_heads: str = "num_attention_heads"


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One family: its stacks, its config fields, and what a stock config of it can't describe."""

    family: str
    """`config.model_type`."""
    stacks: tuple[Stack, ...]
    head: str
    """Path of the last linear map of the sequence-classification head."""
    hidden_size: str = "hidden_size"
    positions: str = "max_position_embeddings"
    num_key_value_heads: str | None = None
    """Config field that counts key-value heads, where they may be fewer than the heads."""
    head_size: str | None = None
    """Config field with the size of a head; without it the size is hidden / heads, and heads can't be pruned."""
    per_layer: tuple[str, ...] = ()
    """Config lists with one entry a layer."""
    first_layer_differs: bool = False
    """The first layer has modules of its own and must stay first."""
    positions_start_after_padding: bool = False
    """Positions are counted from the padding id + 1, so that this id must not change."""
    is_decoder_only: bool = False


def _llama_like(family: str, *, per_layer: tuple[str, ...] = ()) -> Architecture:
    attention = Attention(
        query="self_attn.q_proj", key="self_attn.k_proj", value="self_attn.v_proj", output="self_attn.o_proj"
    )
    ffn = FeedForward(inputs=("mlp.gate_proj", "mlp.up_proj"), output="mlp.down_proj")
    return Architecture(
        family=family, stacks=(Stack(layers="layers", attention=(attention,), ffn=ffn),), head="score",
        num_key_value_heads="num_key_value_heads", head_size="head_dim", per_layer=per_layer, is_decoder_only=True,
    )  # fmt: skip


def _bert_like(family: str, *, head: str = "classifier.out_proj", attention: Attention | None = None) -> Architecture:
    bert = Attention(
        query="attention.self.query", key="attention.self.key", value="attention.self.value",
        output="attention.output.dense",
    )  # fmt: skip
    ffn = FeedForward(inputs=("intermediate.dense",), output="output.dense")
    stack = Stack(layers="encoder.layer", attention=(attention or bert,), ffn=ffn)
    return Architecture(family=family, stacks=(stack,), head=head, positions_start_after_padding=family != "bert")


def _bart_stack(side: str, blocks: tuple[str, ...]) -> Stack:
    return Stack(
        layers=f"{side}.layers",
        attention=tuple(
            Attention(query=f"{b}.q_proj", key=f"{b}.k_proj", value=f"{b}.v_proj", output=f"{b}.out_proj")
            for b in blocks
        ),
        ffn=FeedForward(inputs=("fc1",), output="fc2"),
        depth=f"{side}_layers", ffn_size=f"{side}_ffn_dim", num_heads=f"{side}_attention_heads",
    )  # fmt: skip


_MPNET_ATTENTION = Attention(
    query="attention.attn.q", key="attention.attn.k", value="attention.attn.v", output="attention.attn.o"
)
_GPT2_STACK = Stack(
    layers="h", attention=(Attention(fused="attn.c_attn", output="attn.c_proj"),),
    ffn=FeedForward(inputs=("mlp.c_fc",), output="mlp.c_proj"), depth="n_layer", ffn_size="n_inner", num_heads="n_head",
)  # fmt: skip
_DISTILBERT_STACK = Stack(
    layers="transformer.layer",
    attention=(
        Attention(
            query="attention.q_lin", key="attention.k_lin", value="attention.v_lin", output="attention.out_lin"
        ),
    ),
    ffn=FeedForward(inputs=("ffn.lin1",), output="ffn.lin2"),
    depth="n_layers", ffn_size="hidden_dim", num_heads="n_heads",
)  # fmt: skip
_MODERNBERT_STACK = Stack(
    layers="layers", attention=(Attention(fused="attn.Wqkv", output="attn.Wo"),),
    ffn=FeedForward(inputs=("mlp.Wi",), output="mlp.Wo", parts=2),
)  # fmt: skip

ARCHITECTURES: dict[str, Architecture] = {
    known.family: known
    for known in (
        _llama_like("llama"),
        _llama_like("mistral"),
        _llama_like("qwen2", per_layer=("layer_types",)),
        _llama_like("qwen3", per_layer=("layer_types",)),
        _llama_like("gemma3_text", per_layer=("layer_types",)),
        Architecture(
            family="gpt2", stacks=(_GPT2_STACK,), head="score", hidden_size="n_embd", positions="n_positions",
            is_decoder_only=True,
        ),
        _bert_like("bert", head="classifier"),
        _bert_like("roberta"),
        _bert_like("xlm-roberta"),
        _bert_like("mpnet", attention=_MPNET_ATTENTION),
        Architecture(family="distilbert", stacks=(_DISTILBERT_STACK,), head="classifier", hidden_size="dim"),
        Architecture(
            family="modernbert", stacks=(_MODERNBERT_STACK,), head="classifier", per_layer=("layer_types",),
            first_layer_differs=True,
        ),
        Architecture(
            family="bart", hidden_size="d_model", head="classification_head.out_proj",
            stacks=(_bart_stack("encoder", ("self_attn",)), _bart_stack("decoder", ("self_attn", "encoder_attn"))),
        ),
    )
}  # fmt: skip
"""A family stands here only if depth, width, vocabulary, save/load and export tests pass on its tiny config."""


def architecture_of(module: PreTrainedModel) -> Architecture:
    """The table's entry for a module, or one line that says how to add it."""
    return architecture_named(module.config.model_type)


def architecture_named(family: str) -> Architecture:
    """The table's entry of this `model_type`.

    Raises:
        UserError: it is not in the table.
    """
    if family in ARCHITECTURES:
        return ARCHITECTURES[family]
    raise UserError(
        f"the family {family!r} is not in the table of architectures.{did_you_mean(family, ARCHITECTURES)} Known:"
        f" {', '.join(ARCHITECTURES)}. To add it, describe it in llamita/core/architecture.py and in tests/families.py;"
        " it may stay once its tests pass."
    )


def layer_lists(module: PreTrainedModel) -> tuple[nn.ModuleList, ...]:
    """The layers of each stack, in the order of the table (BART: encoder, decoder)."""
    return tuple(submodule(module.base_model, stack.layers) for stack in architecture_of(module).stacks)  # pyrefly: ignore


def layers(module: PreTrainedModel) -> nn.ModuleList:
    """The layers of a model with one stack; of BART those of the decoder, whose last one feeds the head."""
    return layer_lists(module)[-1]


def submodule(module: nn.Module, path: str) -> Any:
    """The module at a dotted path."""
    return module.get_submodule(path)


def head_linear(module: PreTrainedModel) -> nn.Linear:
    """The last linear map of the classification head: what turns features into logits.

    Raises:
        UserError: the model has none.
    """
    path = architecture_of(module).head
    try:
        found = submodule(module, path)
    except AttributeError:
        found = None
    if not isinstance(found, nn.Linear):
        raise UserError(
            f"{type(module).__name__} has no classification head at {path!r}; give it one with the task's `fit_head`"
        )
    return found


def scale_head(module: PreTrainedModel, scale: np.ndarray, shift: np.ndarray) -> None:
    """Multiply each label's logit by its scale and add its shift, in the head's own numbers.

    Raises:
        UserError: there are shifts, and the head has no bias to hold them.
    """
    linear = head_linear(module)
    if shift.any() and linear.bias is None:
        raise UserError("this model's head has no bias to hold the shifts; take method temperature or isotonic")
    with torch.no_grad():
        factor = torch.as_tensor(scale, dtype=linear.weight.dtype, device=linear.weight.device)
        linear.weight.mul_(factor[:, None])
        if linear.bias is not None:
            linear.bias.mul_(factor).add_(torch.as_tensor(shift, dtype=factor.dtype, device=factor.device))


def shape_settings(architecture: Architecture, *, hidden: int, layers: int, heads: int, ffn: int) -> dict[str, Any]:
    """Config fields of a model of this shape, under the names of the family."""
    settings: dict[str, Any] = {architecture.hidden_size: hidden}
    for stack in architecture.stacks:
        settings |= {stack.depth: layers, stack.num_heads: heads, stack.ffn_size: ffn}
    if architecture.num_key_value_heads:
        settings[architecture.num_key_value_heads] = max(1, heads // 2)
    if architecture.head_size and architecture.family != "qwen2":
        settings[architecture.head_size] = hidden // heads
    return settings


def random_model(address: str) -> Model:
    """A model of random weights and a small real tokenizer, such as "llama:10m"; the same for the same address."""
    from llamita.core.random_weights import build_random_model

    return build_random_model(address)
