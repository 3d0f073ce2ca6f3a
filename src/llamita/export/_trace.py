"""A torch classifier traced into an ONNX graph of plain operators."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import onnx_ir as ir
import onnx_ir.passes.common as passes
import torch
from onnxscript import optimizer
from torch import nn

from llamita.export._graph import reshape

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
    free = {0: "batch", 1: "length"}
    with _exportable(model), torch.no_grad():
        program = torch.onnx.export(
            _Positional(model.module, tuple(named)).eval(), tuple(named.values()), dynamo=True, verbose=False,
            input_names=list(named), output_names=["logits"], dynamic_shapes=(tuple(free for _ in named),),
            opset_version=OPSET, optimize=False,
        )  # fmt: skip
    assert program is not None
    graph = program.model
    passes.InlinePass()(graph)
    optimizer.fold_constants(graph, onnx_shape_inference=True)
    _clean(graph)
    reshape(graph.graph)
    _clean(graph)
    return graph


@contextmanager
def _exportable(model: Model) -> Iterator[None]:
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
def quiet() -> Iterator[None]:
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
