"""Sizes that a traced graph doesn't depend on, so that one trace serves models of several: vocabulary and neurons.

A graph reads them off its weights, and writes them down for its values' shapes alone. Where a constant of the graph is such a
number (a reshape that names it), or another setting of the model is the same number, the size is not taken to be free.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import onnx_ir as ir


def free_sizes(config: Mapping[str, Any], fields: Sequence[str]) -> dict[str, int]:
    """Of these config fields those whose number no other field has, by name; fields of one number are one size, by both names."""
    taken = {number for key, value in config.items() if key not in fields for number in _numbers(value)}
    fields_of: dict[int, list[str]] = {}
    for field in fields:
        size = config.get(field)
        if isinstance(size, int) and size not in taken:
            fields_of.setdefault(size, []).append(field)
    return {" ".join(dict.fromkeys(names)): size for size, names in fields_of.items()}


def _numbers(value: object) -> Iterator[int]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for inner in value:
            yield from _numbers(inner)
    elif isinstance(value, int):
        yield value


def mentions(graph: ir.Graph, sizes: Collection[int]) -> bool:
    """Whether a setting or a constant of the graph is one of the numbers; weights that hold nothing are none."""
    return any(number in sizes for number in _constants(graph))


def _constants(graph: ir.Graph) -> Iterator[int]:
    for node in graph.all_nodes():
        for setting in node.attributes.values():
            if setting.type == ir.AttributeType.INT:
                yield setting.as_int()
            elif setting.type == ir.AttributeType.INTS:
                yield from setting.as_ints()
            elif setting.type == ir.AttributeType.TENSOR:
                yield from _integers(setting.as_tensor())
    for value in graph.initializers.values():
        if value.const_value is not None:
            yield from _integers(value.const_value)


def _integers(tensor: ir.TensorProtocol) -> Iterator[int]:
    if tensor.dtype.is_integer():
        yield from tensor.numpy().ravel().tolist()


def resize(graph: ir.Graph, sizes: Mapping[int, int]) -> None:
    """Write other sizes down for the values' shapes: of each number the one that takes its place."""
    if all(old == new for old, new in sizes.items()):
        return
    values = [*graph.inputs, *graph.initializers.values(), *(v for node in graph.all_nodes() for v in node.outputs)]
    for value in values:
        if value.shape is not None:
            value.shape = ir.Shape([sizes.get(size, size) if isinstance(size, int) else size for size in value.shape])
