"""FSDP2: each of several processes holds a share of weights, gradients and moments, and a layer is whole while it is at work.

What trains is a twin of the module, since `fully_shard` (Zhao et al. 2023, https://arxiv.org/abs/2304.11277) leaves hooks on
what it shares out: the twin begins with the very parameters of the module, the module is empty meanwhile, and in the end it
gets whole weights back. The loss is the root, so whatever it reads beside a layer's own pass (heads, small embeddings) is whole
then too.
"""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor

from llamita.core import processes
from llamita.core.architecture import layer_lists
from llamita.train.rows import UsedRows

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from llamita.core.model import Model

log = logging.getLogger(__name__)


@contextmanager
def twin_to_shard(model: Model) -> Generator[None]:
    """While inside, the model's module is a twin of it with its parameters, for `shard`; what it learned is the module's then.

    After a failure the module stays empty: the processes no longer wait for one another, so nothing can be gathered.
    """
    module = model.module
    shared = {id(p): p for p in module.parameters()} | {id(module.config): module.config}
    twin = copy.deepcopy(module, shared)
    model.module = twin
    try:
        yield
    finally:
        model.module = module
    with torch.no_grad():
        learned = dict(twin.named_parameters())
        for name, parameter in module.named_parameters():
            value = learned[name]
            parameter.data = value.full_tensor() if isinstance(value, DTensor) else value.detach()
    for whole, part in zip(module.modules(), twin.modules(), strict=True):
        if isinstance(whole, UsedRows) and isinstance(part, UsedRows):
            whole.decay = part.decay


def shard(learner: nn.Module, module: PreTrainedModel, device: str) -> None:
    """Share out the parameters of a learner whose module is a twin: by layer, a table of embeddings of its own, and the rest."""
    log.info("FSDP2: each of %d processes holds a share of the weights", processes.num_processes())
    given = list(module.parameters())
    mesh = init_device_mesh(torch.device(device).type, (processes.num_processes(),))
    parts = [layer for stack in layer_lists(module) for layer in stack]
    for part in (*parts, *_own_table(module), learner):
        fully_shard(part, mesh=mesh)
    learner._is_accelerate_prepared = True  # type: ignore[assignment]  # accelerate would wrap it in DDP
    for parameter in given:
        parameter.data = parameter.data.new_empty(0)


def _own_table(module: PreTrainedModel) -> list[nn.Module]:
    """The input embeddings, if nothing else reads them; of `UsedRows` the whole table, which isn't gathered in training."""
    table: Any = module.get_input_embeddings()
    table = table.table if isinstance(table, UsedRows) else table
    held = sum(p is table.weight for part in module.modules() for p in part._parameters.values())
    return [table] if held == 1 else []


@contextmanager
def root_gathered(learner: nn.Module) -> Generator[None]:
    """While inside, the learner's module can be called by itself, if all processes do so alike."""
    if not isinstance(learner, FSDPModule):
        yield
        return
    learner.unshard()
    try:
        yield
    finally:
        learner.reshard()


@contextmanager
def kept_from_accelerate() -> Generator[None]:
    """Accelerate, which would shard in its own way, isn't told while inside."""
    asked = os.environ.pop(processes.SHARDING, None)
    try:
        yield
    finally:
        if asked is not None:
            os.environ[processes.SHARDING] = asked


def own_part(value: Tensor) -> Tensor:
    """What this process holds of a tensor."""
    return value.to_local().detach() if isinstance(value, DTensor) else value.detach()


def total_norm(gradients: Sequence[Tensor]) -> Tensor:
    """The norm of all gradients as one, over all shares."""
    if not any(isinstance(one, DTensor) for one in gradients):
        return torch.nn.utils.get_total_norm(gradients)
    norm = torch.nn.utils.get_total_norm([part for one in gradients if (part := own_part(one)).numel()])
    square = norm.square()
    distributed.all_reduce(square)
    return square.sqrt()


def own_moments(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The optimizer's state, of each tensor what this process holds."""
    state = optimizer.state_dict()
    parts = {
        index: {name: own_part(value) if isinstance(value, Tensor) else value for name, value in held.items()}
        for index, held in state["state"].items()
    }
    return {**state, "state": parts}


def load_moments(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Take up what `own_moments` gave."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    parts = {
        index: {name: value if name == "step" else _like(parameters[index], value) for name, value in held.items()}
        for index, held in state["state"].items()
    }
    optimizer.load_state_dict({**state, "state": parts})


def _like(parameter: Tensor, part: Tensor) -> Tensor:
    """A tensor shared out as the parameter is, of which this is the own part."""
    if not isinstance(parameter, DTensor):
        return part
    return DTensor.from_local(
        part.to(parameter.device), parameter.device_mesh, parameter.placements, run_check=False, shape=parameter.shape,
        stride=parameter.stride(),
    )  # fmt: skip
