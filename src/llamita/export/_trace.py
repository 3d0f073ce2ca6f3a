"""A torch classifier traced into an ONNX graph of plain operators."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import onnx_ir as ir
import onnx_ir.passes.common as passes
import torch
from onnx_ir.tensor_adapters import TorchTensor
from onnxscript import optimizer
from torch import nn

from llamita.core.architecture import architecture_of, layer_lists
from llamita.export._graph import reshape
from llamita.export._stretch import KEPT, NotAlike, stretch

if TYPE_CHECKING:
    from llamita.core.encoding import Batch
    from llamita.core.model import Model

OPSET = 21


class _Positional(nn.Module):
    """The model with its inputs by position and the logits alone as its output."""

    def __init__(self, module: nn.Module, names: Sequence[str]):
        super().__init__()
        self.module = module
        self.names = tuple(names)

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.module(**dict(zip(self.names, inputs, strict=True))).logits


def trace(model: Model, example: Batch) -> ir.Model:
    """The fp32 graph with free batch and length; its weights still share memory with the torch model."""
    named = model.inputs(example.token_ids, example.mask, example.type_ids)
    with _exportable(model), torch.no_grad():
        whole = _Positional(model.module, tuple(named)).eval()
        tensors = {**_named(whole.named_parameters), **_named(whole.named_buffers)}
        key = _shape_of(whole, tensors)
        if key not in _TRACED:
            _TRACED[key] = _without(tensors, _drawn(whole, named))
            for oldest in list(_TRACED)[:-MOST_KEPT]:
                del _TRACED[oldest]
        graph = _with(tensors, _TRACED[key])
    passes.InlinePass()(graph)
    optimizer.fold_constants(graph, onnx_shape_inference=True)
    _clean(graph)
    reshape(graph.graph)
    _clean(graph)
    return graph


_TRACED: dict[str, ir.Model] = {}
"""Graphs without their weights, by what shaped them: tracing takes seconds, and a run exports several models of one shape."""

MOST_KEPT = 32
"""Graphs kept, of some megabytes each: more shapes than a run exports; a process that exports all day forgets the oldest."""


def _drawn(whole: _Positional, named: Mapping[str, torch.Tensor]) -> ir.Model:
    """The graph; that of a deep model by way of its first layers, where all are alike."""
    with _shallow(whole) as depths:
        drawn = _traced(whole, named)
    try:
        for path, number in depths.items():
            stretch(drawn.graph, path, number)
    except NotAlike:
        return _traced(whole, named)
    return drawn


@contextmanager
def _shallow(whole: _Positional) -> Generator[dict[str, int]]:
    """For a moment stacks of more layers have the first ones alone; gives their paths, and how many layers they have."""
    config = whole.module.config
    kinds = set(getattr(config, "layer_types", None) or [])  # pyrefly: ignore
    paths = {id(part): name for name, part in whole.named_modules()}
    stacks = zip(architecture_of(whole.module).stacks, layer_lists(whole.module), strict=True)
    deep = [(stack.depth, paths[id(layers)], layers) for stack, layers in stacks if len(layers) > KEPT]
    deep = deep if len(kinds) < 2 else []
    try:
        for depth, path, layers in deep:
            _put(whole, path, layers[:KEPT])
            setattr(config, depth, KEPT)
        yield {path: len(layers) for _, path, layers in deep}
    finally:
        for depth, path, layers in deep:
            _put(whole, path, layers)
            setattr(config, depth, len(layers))


def _put(whole: nn.Module, path: str, layers: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(whole.get_submodule(parent), name, layers)


def _traced(whole: _Positional, named: Mapping[str, torch.Tensor]) -> ir.Model:
    """The graph as torch draws it, its initializers named like the module's tensors."""
    free = {0: "batch", 1: "length"}
    program = torch.onnx.export(
        whole, tuple(named.values()), dynamo=True, verbose=False, input_names=list(named), output_names=["logits"],
        dynamic_shapes=(tuple(free for _ in named),), opset_version=OPSET, optimize=False,
    )  # fmt: skip
    assert program is not None
    return program.model


def _named(listed: Callable[..., Iterable[tuple[str, torch.Tensor]]]) -> dict[str, torch.Tensor]:
    """Parameters or buffers by name, a shared one under each of its names."""
    return dict(listed(remove_duplicate=False))


def _shape_of(whole: _Positional, tensors: Mapping[str, torch.Tensor]) -> str:
    """All that a graph depends on but for the weights' values: class, config, inputs, and the tensors with their sharing."""
    settings = whole.module.config.to_dict()  # type: ignore[operator]
    config = {key: value for key, value in settings.items() if not key.startswith("_")}
    first: dict[int, str] = {}
    listed = [(n, list(t.shape), str(t.dtype), first.setdefault(id(t), n)) for n, t in sorted(tensors.items())]
    told = [type(whole.module).__qualname__, config, whole.names, listed]
    return json.dumps(told, sort_keys=True, default=str)


def _without(tensors: Mapping[str, torch.Tensor], graph: ir.Model) -> ir.Model:
    """The graph with none of the module's tensors in it, which would otherwise be kept in memory."""
    for name in tensors.keys() & graph.graph.initializers.keys():
        graph.graph.initializers[name].const_value = None
    return graph


def _with(tensors: Mapping[str, torch.Tensor], graph: ir.Model) -> ir.Model:
    """A copy of the graph that holds these tensors."""
    copy = graph.clone()
    for name, value in copy.graph.initializers.items():
        if name in tensors:
            value.const_value = TorchTensor(tensors[name], name)
    return copy


@contextmanager
def _exportable(model: Model) -> Generator[None]:
    """Plain attention (the smallest graph, and as fast in onnxruntime), no cache of keys, fp32 on the CPU."""
    config, device = model.module.config, model.device
    attention, cache = config._attn_implementation, getattr(config, "use_cache", None)
    model.module.to("cpu", torch.float32)
    model.module.set_attn_implementation("eager")
    if cache is not None:
        config.use_cache = False
    try:
        yield
    finally:
        model.module.set_attn_implementation(attention)
        if cache is not None:
            config.use_cache = cache
        model.module.to(device)


@contextmanager
def quiet() -> Generator[None]:
    """Torch's exporter and ONNX's tools tell what is their own business, such as an absent torchvision."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnx_ir", "onnxscript")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _clean(model: ir.Model) -> None:
    for change in (
        passes.IdentityEliminationPass(), passes.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        passes.DeduplicateInitializersPass(), passes.CommonSubexpressionEliminationPass(),
        passes.RemoveUnusedNodesPass(), passes.RemoveUnusedFunctionsPass(), passes.OutputFixPass(),
    ):  # fmt: skip
        change(model)
