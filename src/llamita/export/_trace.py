"""A torch classifier traced into an ONNX graph of plain operators."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Generator, Mapping, Sequence
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
from llamita.export._sizes import free_sizes, mentions, resize
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
        graph = _drawn(whole, named)
        _fill(graph, _tensors(whole))
    passes.InlinePass()(graph)
    optimizer.fold_constants(graph, onnx_shape_inference=True)
    _clean(graph)
    reshape(graph.graph)
    _clean(graph)
    return graph


def _drawn(whole: _Positional, named: Mapping[str, torch.Tensor]) -> ir.Model:
    """The graph without its weights; that of a deep model by way of its first layers, where all are alike."""
    with _shallow(whole) as depths:
        drawn = _kept(whole, named)
    try:
        for path, number in depths.items():
            stretch(drawn.graph, path, number)
    except NotAlike:
        return _kept(whole, named)
    return drawn


_TRACED: dict[str, tuple[ir.Model, dict[str, int]]] = {}
"""Graphs without their weights, by what shaped them, and the sizes they were traced with: tracing takes seconds, and a run
exports several models of one shape, or of shapes that differ in their vocabulary and neurons alone."""

MOST_KEPT = 32
"""Graphs kept, of a megabyte or so each: more shapes than a run exports; a process that exports all day forgets the oldest."""


def _kept(whole: _Positional, named: Mapping[str, torch.Tensor]) -> ir.Model:
    """The graph without its weights, traced where none is kept that is alike but for sizes that it doesn't depend on."""
    tensors = _tensors(whole)
    sizes = free_sizes(whole.module.config.to_dict(), _size_fields(whole))  # type: ignore[operator]
    alike, same = (_shape_of(whole, tensors, free) for free in (sizes, {}))
    found = next((key for key in (alike, same) if key in _TRACED), None)
    if found is None:
        graph = _without(tensors, _traced(whole, named))
        found = same if mentions(graph.graph, sizes.values()) else alike
        _TRACED[found] = graph, sizes
        for oldest in list(_TRACED)[:-MOST_KEPT]:
            del _TRACED[oldest]
    graph, traced = _TRACED[found]
    copy = graph.clone()
    resize(copy.graph, {old: sizes[name] for name, old in traced.items()})
    return copy


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


def _tensors(whole: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and buffers by name, a shared one under each of its names."""
    listed = whole.named_parameters, whole.named_buffers
    return {name: tensor for named in listed for name, tensor in named(remove_duplicate=False)}


def _size_fields(whole: _Positional) -> list[str]:
    """Config fields of sizes that candidates differ in: vocabulary and neurons."""
    stacks = architecture_of(whole.module).stacks  # type: ignore[arg-type]
    return ["vocab_size", *(stack.ffn_size for stack in stacks)]


def _shape_of(whole: _Positional, tensors: Mapping[str, torch.Tensor], free: Mapping[str, int]) -> str:
    """All that a graph depends on but for the weights' values and the sizes that are free: class, config, inputs, and the
    tensors with their sharing."""
    settings = whole.module.config.to_dict()  # type: ignore[operator]
    config = {key: value for key, value in settings.items() if not key.startswith("_")}
    config |= {field: name for name in free for field in name.split()}
    told = {size: name for name, size in free.items()}
    first: dict[int, str] = {}
    listed = [
        (n, [told.get(size, size) for size in t.shape], str(t.dtype), first.setdefault(id(t), n))
        for n, t in sorted(tensors.items())
    ]
    return json.dumps([type(whole.module).__qualname__, config, whole.names, listed], sort_keys=True, default=str)


def _without(tensors: Mapping[str, torch.Tensor], graph: ir.Model) -> ir.Model:
    """The graph with none of the module's tensors in it, which would otherwise be kept in memory."""
    for name in tensors.keys() & graph.graph.initializers.keys():
        graph.graph.initializers[name].const_value = None
    return graph


def _fill(graph: ir.Model, tensors: Mapping[str, torch.Tensor]) -> None:
    """Let the graph's weights be these tensors."""
    for name, value in graph.graph.initializers.items():
        if name in tensors:
            value.const_value = TorchTensor(tensors[name], name)


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
