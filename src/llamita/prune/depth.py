"""Drop whole layers: those that change their input least, or those that the task misses least.

Block influence is Men et al. 2024, "ShortGPT: Layers in Large Language Models are More Redundant Than You Expect",
https://arxiv.org/abs/2403.03853: one minus the cosine between what goes into a layer and what comes out of it, averaged
over tokens. Here the tokens are those of the task's training texts, padding left out; scores are taken once, before
anything is dropped, as there. `greedy` drops one layer after another and takes the task's loss again each time.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from llamita.core.architecture import Architecture, architecture_of, layer_lists
from llamita.core.errors import UserError, did_you_mean, require
from llamita.core.step import Step
from llamita.core.task import label_order
from llamita.prune._calibration import Calibration, training_sample, watching
from llamita.prune._rebuild import base_prefix, rebuild
from llamita.train.losses import cross_entropy, losses_of

if TYPE_CHECKING:
    from jaxtyping import Float
    from transformers import PreTrainedModel

    from llamita.core.context import Run
    from llamita.core.model import Model
    from llamita.core.task import Split

METHODS = ("block_influence", "greedy")


@dataclass(frozen=True, kw_only=True)
class Depth(Step):
    """Keep this many layers."""

    keep: int
    """Layers that stay, at least 1; of a model with encoder and decoder, in each of the two."""
    method: str = "block_influence"
    """How layers are chosen: block_influence (no labels) or greedy (the task's loss; wants a trained head)."""
    sample: int = 128
    """Training texts that layers are judged by, at least 1."""

    def __post_init__(self) -> None:
        require(self.keep >= 1, f"prune.depth: keep must be at least 1 layer, got {self.keep}")
        require(self.sample >= 1, f"prune.depth: sample must be at least 1 text, got {self.sample}")
        require(
            self.method in METHODS,
            f"prune.depth: no method {self.method!r}.{did_you_mean(self.method, METHODS)} Known: {', '.join(METHODS)}.",
        )

    def apply(self, model: Model, run: Run) -> Model:
        module = model.module
        architecture = architecture_of(module)
        depths = [len(stack) for stack in layer_lists(module)]
        refuse_what_config_cannot_say(architecture, module, self.keep, max(depths))
        if all(depth <= self.keep for depth in depths):
            run.log.info("prune.depth: all %s layers stay", depths)
            return model
        choose = choose_by_influence if self.method == "block_influence" else choose_by_loss
        kept = choose(model, training_sample(run, model, self.sample, "prune.depth"), self.keep, run)
        run.log.info("prune.depth: layers kept %s of %s", kept, depths)
        return keep_layers(model, kept)


def refuse_what_config_cannot_say(architecture: Architecture, module: PreTrainedModel, keep: int, depth: int) -> None:
    """One line for a depth the model hasn't, or for weights that depend on a layer's place."""
    require(keep <= depth, f"prune.depth: keep must be in [1, {depth}] for this model, got {keep}")
    if architecture.family == "gpt2" and module.config.scale_attn_by_inverse_layer_idx:
        raise UserError(
            "prune.depth: this GPT-2 scales attention by the layer's place (scale_attn_by_inverse_layer_idx), which"
            " dropping layers would change; use prune.width or prune.vocabulary"
        )


def block_influence(
    before: Float[Tensor, "tokens hidden"], after: Float[Tensor, "tokens hidden"]
) -> Float[Tensor, "tokens"]:
    """One minus the cosine between each token's state before and after a layer."""
    return 1 - nn.functional.cosine_similarity(before, after, dim=-1)


def most_influential(scores: Sequence[float], keep: int, pinned: Sequence[int] = ()) -> list[int]:
    """Indices of the layers that stay, in order; of equal layers the earlier one, and the pinned ones in any case."""
    ranked = sorted(range(len(scores)), key=lambda i: (i not in pinned, -scores[i], i))
    return sorted(ranked[:keep])


def influences(model: Model, texts: Sequence[Any], max_length: int | None = None) -> list[list[float]]:
    """Mean block influence of every layer, by stack."""
    calibration = Calibration(model, texts, max_length)
    stacks = layer_lists(model.module)
    sums = [[torch.zeros((), dtype=torch.float64) for _ in stack] for stack in stacks]
    num_tokens = sum(int(batch.mask.sum()) for _, batch in calibration.batches)

    def add(stack: int, layer: int, before: Tensor, after: Tensor) -> None:
        score = block_influence(calibration.tokens(before), calibration.tokens(after))
        sums[stack][layer] += score.cpu().double().sum()

    hooks = [(layer, partial(add, s, i)) for s, stack in enumerate(stacks) for i, layer in enumerate(stack)]
    with watching(hooks):
        calibration.run()
    return [[float(total) / num_tokens for total in totals] for totals in sums]


def choose_by_influence(model: Model, sample: Split, keep: int, run: Run) -> list[list[int]]:
    """For each stack the layers to keep: those that change what passes through them most."""
    pinned = (0,) if architecture_of(model.module).first_layer_differs else ()
    scores = influences(model, sample.texts, run.task.max_length if run.task else None)
    for stack in scores:
        run.log.info("prune.depth: block influence %s", " ".join(f"{score:.4f}" for score in stack))
    return [most_influential(stack, keep, pinned) for stack in scores]


def choose_by_loss(model: Model, sample: Split, keep: int, run: Run) -> list[list[int]]:
    """The layers of each stack that stay when one after another is skipped whose absence leaves the least loss.

    Raises:
        UserError: texts without labels, or a head for others.
    """
    assert run.task is not None
    order = label_order(model.labels, run.task.labels)
    if not sample.is_labelled or order is None or model.answers.task != run.task.answers.task:
        raise UserError(
            "prune.depth: greedy needs labelled training texts and a head trained for their labels"
            f" ({', '.join(run.task.labels)}); fine-tune first, or use block_influence"
        )
    gold = run.task.gold(sample)
    calibration = Calibration(model, sample.texts, run.task.max_length)
    stacks = [list(stack) for stack in layer_lists(model.module)]
    first = 1 if architecture_of(model.module).first_layer_differs else 0
    kept = [list(range(len(stack))) for stack in stacks]
    while candidates := [(s, i) for s, stack in enumerate(kept) if len(stack) > keep for i in stack[first:]]:
        gone = [layer for s, stack in enumerate(stacks) for i, layer in enumerate(stack) if i not in kept[s]]
        losses = []
        for s, i in candidates:
            with skipped([*gone, stacks[s][i]]):
                losses.append(mean_loss(calibration, gold, losses_of(run.task).gold, order))
        best = int(np.argmin(losses))
        run.log.info("prune.depth: without layer %s the loss is %.4f", candidates[best], losses[best])
        kept[candidates[best][0]].remove(candidates[best][1])
    return kept


def mean_loss(
    calibration: Calibration, gold: np.ndarray, loss: Callable[..., Tensor] = cross_entropy,
    order: Sequence[int] | None = None,
) -> float:  # fmt: skip
    """The loss of the gold labels, in nats an example; `order` says where each label stands in the head, if elsewhere."""
    total = 0.0
    for indices, output in calibration.outputs():
        wanted = torch.as_tensor(np.asarray(gold)[indices], device=output.logits.device)
        logits = output.logits if order is None else output.logits[:, list(order)]
        total += len(indices) * float(loss(logits, wanted))
    return total / len(gold)


@contextmanager
def skipped(layers: Sequence[nn.Module]) -> Generator[None]:
    """These layers hand on what they are given."""

    def pass_on(_module: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
        return (inputs[0], *output[1:]) if isinstance(output, tuple) else inputs[0]

    handles = [layer.register_forward_hook(pass_on) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def keep_layers(model: Model, kept: Sequence[Sequence[int]]) -> Model:
    """The model with these layers of each stack, renumbered, and a config that says so."""
    module = model.module
    architecture = architecture_of(module)
    config = copy.deepcopy(module.config)
    state = module.state_dict()
    for stack, indices in zip(architecture.stacks, kept, strict=True):
        state = renumber(state, f"{base_prefix(module)}{stack.layers}.", indices)
        setattr(config, stack.depth, len(indices))
    for name in architecture.per_layer:
        if getattr(config, name, None):
            setattr(config, name, [getattr(config, name)[i] for i in kept[0]])
    return rebuild(model, config, state)


def renumber(state: dict[str, Tensor], prefix: str, kept: Sequence[int]) -> dict[str, Tensor]:
    """Drop the tensors of other layers under the prefix and count the kept ones from 0."""
    places = {str(old): str(new) for new, old in enumerate(kept)}
    renamed = {}
    for name, tensor in state.items():
        if not name.startswith(prefix):
            renamed[name] = tensor
            continue
        index, _, rest = name.removeprefix(prefix).partition(".")
        if index in places:
            renamed[f"{prefix}{places[index]}.{rest}"] = tensor
    return renamed
