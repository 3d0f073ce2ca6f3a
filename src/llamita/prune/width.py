"""Drop FFN neurons and groups of attention heads that add least to what a layer puts out.

Follows the activation-based importance of Muralidharan et al. 2024, "Compact Language Models via Pruning and Knowledge
Distillation" (Minitron), https://arxiv.org/abs/2407.14679: one forward pass over calibration texts, scores averaged
over tokens, the same width in every layer. Unlike there, a neuron's activation is weighted by the norm of its outgoing
weights, in the spirit of Sun et al. 2023 (Wanda), https://arxiv.org/abs/2306.11695: its score is the mean length of the
vector it adds. A group (a key-value head with the query heads that read it) is scored the same way, through the output
projection.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from llamita.core.architecture import Architecture, Stack, architecture_of, layer_lists, submodule
from llamita.core.errors import UserError, require
from llamita.core.step import Step
from llamita.prune._calibration import Calibration, training_sample, watching
from llamita.prune._rebuild import base_prefix, output_columns, rebuild, slice_inputs, slice_outputs

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from transformers import PretrainedConfig, PreTrainedModel

    from llamita.core.context import Run
    from llamita.core.model import Model

MULTIPLE = 8


@dataclass(frozen=True, kw_only=True)
class Width(Step):
    """Keep this much of every layer's width."""

    ffn: float = 1.0
    """FFN neurons that stay in each layer: a share in (0, 1], rounded to a multiple of 8, or their number."""
    heads: int | None = None
    """Key-value heads that stay in each layer, with the query heads that read them; none given: all stay."""
    sample: int = 128
    """Training texts that neurons and heads are judged by, at least 1."""

    def __post_init__(self) -> None:
        whole = self.ffn <= 1 or float(self.ffn).is_integer()
        require(
            self.ffn > 0 and whole, f"prune.width: ffn must be a share in (0, 1] or a number of neurons, got {self.ffn}"
        )
        require(self.heads is None or self.heads >= 1, f"prune.width: heads must be at least 1, got {self.heads}")
        require(self.sample >= 1, f"prune.width: sample must be at least 1 text, got {self.sample}")

    def apply(self, model: Model, run: Run) -> Model:
        module = model.module
        architecture = architecture_of(module)
        sizes = [neurons_kept(self.ffn, ffn_size(module, i)) for i in range(len(architecture.stacks))]
        groups = groups_kept(self.heads, architecture, module.config)
        if groups is None and all(size == ffn_size(module, i) for i, size in enumerate(sizes)):
            run.log.info("prune.width: nothing to drop")
            return model
        sample = training_sample(run, model, self.sample, "prune.width")
        scores = measure_width(model, sample.texts, groups is not None, run.task.max_length if run.task else None)
        run.log.info("prune.width: FFN %s neurons, key-value heads %s", sizes, groups or "all")
        return keep_width(model, scores, sizes, groups)


def ffn_size(module: PreTrainedModel, stack: int) -> int:
    """FFN neurons in a layer of this stack."""
    output = submodule(layer_lists(module)[stack][0], architecture_of(module).stacks[stack].ffn.output)
    return output_columns(output, output.weight).shape[1]


def neurons_kept(wanted: float, size: int) -> int:
    """A number of neurons from a share or a number; shares give a multiple of 8, where there are as many.

    Raises:
        UserError: more than the layer has.
    """
    if wanted > size:
        raise UserError(f"prune.width: ffn must be in (0, 1] or at most this model's {size} neurons, got {wanted:g}")
    if wanted > 1 or wanted == size:
        return int(wanted)
    return size if wanted == 1 else min(size, max(MULTIPLE, round(wanted * size / MULTIPLE) * MULTIPLE))


def groups_kept(wanted: int | None, architecture: Architecture, config: PretrainedConfig) -> int | None:
    """The number of key-value heads to keep, or None for all.

    Raises:
        UserError: a stock config can't describe a model with so many.
    """
    if wanted is None:
        return None
    if architecture.head_size is None or architecture.num_key_value_heads is None:
        raise UserError(
            f"prune.width: heads of {architecture.family} can't be dropped, as its config has no size of a head (it is"
            " hidden / heads) and the result wouldn't load again; leave out heads and set ffn"
        )
    possible = _groups_accepted(config, architecture)
    present = possible[-1]
    if wanted not in possible:
        allowed = ", ".join(map(str, possible))
        raise UserError(f"prune.width: heads must be one of {allowed} for this model (it has {present}), got {wanted}")
    return None if wanted == present else wanted


def groups_possible(module: PreTrainedModel) -> tuple[int, ...]:
    """The numbers of key-value heads that may stay, the last all of them; none where a stock config can't describe fewer."""
    architecture = architecture_of(module)
    if architecture.head_size is None or architecture.num_key_value_heads is None:
        return ()
    return _groups_accepted(module.config, architecture)


def _groups_accepted(config: PretrainedConfig, architecture: Architecture) -> tuple[int, ...]:
    present = getattr(config, architecture.num_key_value_heads or "")
    return tuple(n for n in range(1, present + 1) if n == present or config_accepts(config, architecture, n))


def config_accepts(config: PretrainedConfig, architecture: Architecture, groups: int) -> bool:
    """Whether the stock config stands with so many key-value heads (some want hidden to be a multiple of heads)."""
    try:
        check = getattr(with_groups(config, architecture, groups), "validate_architecture", lambda: None)
        check()
    except ValueError:
        return False
    return True


def with_groups(config: PretrainedConfig, architecture: Architecture, groups: int) -> PretrainedConfig:
    """A copy of the config with so many key-value heads and the same size of a head."""
    assert architecture.head_size is not None
    assert architecture.num_key_value_heads is not None
    changed = copy.deepcopy(config)
    heads_name = architecture.stacks[0].num_heads
    heads, key_value_heads = getattr(config, heads_name), getattr(config, architecture.num_key_value_heads)
    setattr(changed, architecture.head_size, head_size(config, architecture))
    setattr(changed, heads_name, heads // key_value_heads * groups)
    setattr(changed, architecture.num_key_value_heads, groups)
    return changed


def head_size(config: PretrainedConfig, architecture: Architecture) -> int:
    """Features of one attention head."""
    named = getattr(config, architecture.head_size or "", None)
    return named or getattr(config, architecture.hidden_size) // getattr(config, architecture.stacks[0].num_heads)


def neuron_contribution(
    activations: Float[Tensor, "tokens neurons"], weight: Float[Tensor, "out neurons"]
) -> Float[Tensor, "neurons"]:
    """Sum over tokens of the length of the vector that each neuron adds: |activation| times its outgoing norm."""
    return activations.abs().sum(0) * weight.norm(dim=0)


def group_contribution(
    activations: Float[Tensor, "tokens inputs"], weight: Float[Tensor, "out inputs"], groups: int
) -> Float[Tensor, "groups"]:
    """Sum over tokens of the length of the vector that each of so many equal slices of the inputs adds."""
    slices = zip(activations.chunk(groups, dim=1), weight.chunk(groups, dim=1), strict=True)
    return torch.stack([(part @ columns.T).norm(dim=1).sum() for part, columns in slices])


def keep_largest(scores: Float[Tensor, "units"], count: int) -> Int[Tensor, "count"]:
    """Indices of the largest scores, in order; of equal ones the earlier."""
    return scores.argsort(descending=True, stable=True)[:count].sort().values


@dataclass(frozen=True, kw_only=True)
class WidthScores:
    """Scores by stack and layer."""

    neurons: list[list[Tensor]]
    """Of each layer float64 [neurons]."""
    groups: list[list[Tensor]]
    """Of each layer float64 [groups of heads]; none where heads stay."""


def measure_width(model: Model, texts: Sequence[Any], with_heads: bool, max_length: int | None = None) -> WidthScores:
    """Run the texts through the model and score every neuron, and every group of heads if asked."""
    module, architecture = model.module, architecture_of(model.module)
    calibration = Calibration(model, texts, max_length)
    groups = getattr(module.config, architecture.num_key_value_heads or "", 1)
    found = WidthScores(neurons=[], groups=[])
    hooks: list[tuple[nn.Module, Callable[[Tensor, Tensor], None]]] = []

    def add(total: Tensor, score: Callable[[Tensor, Tensor], Tensor], linear: Any, states: Tensor, _: Tensor) -> None:
        weight = output_columns(linear, linear.weight.detach()).float()
        total += score(calibration.tokens(states), weight).cpu().double()  # Apple's GPUs know no float64

    for stack, layers in zip(architecture.stacks, layer_lists(module), strict=True):
        found.neurons.append([])
        found.groups.append([])
        for layer in layers:
            output = submodule(layer, stack.ffn.output)
            size = output_columns(output, output.weight).shape[1]
            found.neurons[-1].append(torch.zeros(size, dtype=torch.float64))
            hooks.append((output, partial(add, found.neurons[-1][-1], neuron_contribution, output)))
            if with_heads:
                output = submodule(layer, stack.attention[0].output)
                found.groups[-1].append(torch.zeros(groups, dtype=torch.float64))
                score = partial(group_contribution, groups=groups)
                hooks.append((output, partial(add, found.groups[-1][-1], score, output)))
    with watching(hooks):
        calibration.run()
    return found


def keep_width(model: Model, scores: WidthScores, sizes: Sequence[int], groups: int | None) -> Model:
    """The model with the best neurons (and groups) of each layer, and a config that says so."""
    module, architecture = model.module, architecture_of(model.module)
    config = copy.deepcopy(module.config) if groups is None else with_groups(module.config, architecture, groups)
    state = module.state_dict()
    for s, (stack, layers) in enumerate(zip(architecture.stacks, layer_lists(module), strict=True)):
        for i, layer in enumerate(layers):
            cut = sliced_ffn(layer, stack, keep_largest(scores.neurons[s][i], sizes[s]))
            if groups is not None:
                kept = keep_largest(scores.groups[s][i], groups)
                cut |= sliced_attention(layer, stack, kept, head_size(config, architecture))
            state |= {f"{base_prefix(module)}{stack.layers}.{i}.{name}": tensor for name, tensor in cut.items()}
        setattr(config, stack.ffn_size, sizes[s])
    return rebuild(model, config, state)


def sliced_ffn(layer: nn.Module, stack: Stack, kept: Int[Tensor, "kept"]) -> dict[str, Tensor]:
    """The FFN's tensors with these neurons, by their names inside the layer."""
    output = submodule(layer, stack.ffn.output)
    size = output_columns(output, output.weight).shape[1]
    rows = torch.cat([kept + part * size for part in range(stack.ffn.parts)])
    cut = {f"{stack.ffn.output}.{name}": tensor for name, tensor in slice_inputs(output, kept).items()}
    for path in stack.ffn.inputs:
        cut |= {f"{path}.{name}": tensor for name, tensor in slice_outputs(submodule(layer, path), rows).items()}
    return cut


def sliced_attention(layer: nn.Module, stack: Stack, kept: Int[Tensor, "kept"], size: int) -> dict[str, Tensor]:
    """The attention's tensors with these key-value heads and the query heads that read them."""
    attention = stack.attention[0]
    key = submodule(layer, attention.key)
    queries_per_group = submodule(layer, attention.query).out_features // key.out_features
    small, large = spans(kept, size), spans(kept, size * queries_per_group)
    cut = {f"{attention.output}.weight": slice_inputs(submodule(layer, attention.output), large)["weight"]}
    for path, rows in ((attention.query, large), (attention.key, small), (attention.value, small)):
        cut |= {f"{path}.{name}": tensor for name, tensor in slice_outputs(submodule(layer, path), rows).items()}
    return cut


def spans(kept: Int[Tensor, "kept"], size: int) -> Int[Tensor, "rows"]:
    """Rows of these blocks, each of so many rows."""
    return (kept[:, None] * size + torch.arange(size, device=kept.device)).reshape(-1)
