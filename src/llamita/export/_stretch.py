"""The graph of a deep model out of the graph of its first three layers: the third one is written down again for each further layer.

Tracing takes seconds a layer, and the layers of a stack are all alike. That they are is not taken on trust: the second and the
third layer's nodes must agree one by one, in operators, settings and constants, in what they read from outside, and in what each
reads from the layer before it. Where they don't, the whole model is traced.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

import numpy as np
import onnx_ir as ir

KEPT = 3
"""Layers that are traced: the first, which may differ, and two that show what repeats."""
SCOPES = "pkg.torch.onnx.name_scopes"


class NotAlike(Exception):
    """The layers don't repeat."""


def stretch(graph: ir.Graph, path: str, number: int) -> None:
    """Let the layers at a path, of which the graph holds three, be so many.

    Raises:
        NotAlike: the layers differ, or a part outside them reads another than the last; the graph is as it was.
    """
    blocks = [_block(graph, f"{path}.{i}") for i in range(KEPT)]
    fixed = _fixed(graph)
    repeating = [[node for node in block if not all(value in fixed for value in node.outputs)] for block in blocks]
    pairs = _Pairs(path, fixed, *repeating)
    within = {id(node) for block in blocks for node in block}
    before = {value for block in repeating[:-1] for node in block for value in node.outputs}
    last = {value for node in repeating[-1] for value in node.outputs}
    readers = [
        (node, i, value)
        for node in graph
        if id(node) not in within
        for i, value in enumerate(node.inputs)
        if value in before or value in last
    ]
    if any(value in before for _, _, value in readers) or any(value in before | last for value in graph.outputs):
        raise NotAlike
    latest: dict[ir.Value, ir.Value] = {value: value for value in last}
    end = repeating[-1][-1]
    for layer in range(KEPT, number):
        end, latest = _again(graph, repeating[-1], pairs, latest, end, (f"{path}.{KEPT - 1}.", f"{path}.{layer}."))
    for node, i, value in readers:
        if value in latest:
            node.replace_input_with(i, latest[value])


def _block(graph: ir.Graph, scope: str) -> list[ir.Node]:
    """The nodes of one layer, in order."""
    found = [node for node in graph if scope in _scopes(node)]
    if not found or any(
        attribute.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)
        for node in found
        for attribute in node.attributes.values()
    ):
        raise NotAlike
    return found


def _scopes(node: ir.Node) -> list[str]:
    """Names of the modules that the node comes from, the outermost first."""
    return ast.literal_eval(node.metadata_props.get(SCOPES, "[]"))


def _fixed(graph: ir.Graph) -> set[ir.Value]:
    """Values that follow from constants alone; a traced layer may share them with those before it."""
    found: set[ir.Value] = set()
    for node in graph:
        if all(value is None or value in found for value in node.inputs) and not node.op_type.startswith("Random"):
            found.update(node.outputs)
    return found


class _Pairs:
    """Of each value of the second layer the one of the third that stands in its place."""

    def __init__(
        self, path: str, fixed: set[ir.Value], first: list[ir.Node], second: list[ir.Node], third: list[ir.Node]
    ):
        self.fixed, self.path = fixed, path
        self.values: dict[ir.Value, ir.Value] = {}
        inside = {value for node in third for value in node.outputs}
        self.carried = {value for node in second for value in node.outputs}
        self.given = {value for node in first for value in node.outputs}
        read = {value for node in third for value in node.inputs}
        if len(second) != len(third) or not read & self.carried:
            raise NotAlike
        for one, other in zip(second, third, strict=True):
            if not (_same_kind(one, other) and len(one.inputs) == len(other.inputs)):
                raise NotAlike
            for ours, theirs in zip(one.inputs, other.inputs, strict=True):
                if not self._agree(ours, theirs, inside):
                    raise NotAlike
            self.values.update(zip(one.outputs, other.outputs, strict=True))

    def _agree(self, ours: ir.Value | None, theirs: ir.Value | None, inside: set[ir.Value]) -> bool:
        """Whether what the second layer reads is, one layer earlier, what the third one reads."""
        if ours is theirs:
            return ours is None or ours not in self.carried or ours in self.fixed
        if ours is None or theirs is None:
            return False
        if theirs in self.fixed:
            return ours in self.fixed and _same_constant(ours, theirs)
        if theirs.is_initializer():
            return (ours.name or "").replace(f"{self.path}.1.", f"{self.path}.2.", 1) == theirs.name
        if theirs in inside:
            return self.values.get(ours) is theirs
        return theirs in self.carried and ours in self.given


def _same_kind(one: ir.Node, other: ir.Node) -> bool:
    """Whether two nodes have the same operator and settings."""
    return (
        one.op_identifier() == other.op_identifier()
        and one.attributes.keys() == other.attributes.keys()
        and len(one.outputs) == len(other.outputs)
        and all(_same_setting(value, other.attributes[name]) for name, value in one.attributes.items())
    )


def _same_setting(one: ir.Attr, other: ir.Attr) -> bool:
    if one.type != other.type:
        return False
    if one.type == ir.AttributeType.TENSOR:
        ours, theirs = one.value.numpy(), other.value.numpy()
        return ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
    return one.value == other.value


def _same_constant(one: ir.Value, other: ir.Value) -> bool:
    """Whether two values follow in the same way from equal constants."""
    ours, theirs = one.producer(), other.producer()
    if one is other:
        return True
    if ours is None or theirs is None or one.index() != other.index() or not _same_kind(ours, theirs):
        return False
    if len(ours.inputs) != len(theirs.inputs):
        return False
    return all(
        a is b or (a is not None and b is not None and _same_constant(a, b))
        for a, b in zip(ours.inputs, theirs.inputs, strict=True)
    )


def _again(
    graph: ir.Graph, block: Iterable[ir.Node], pairs: _Pairs, latest: Mapping[ir.Value, ir.Value], after: ir.Node,
    names: tuple[str, str],
) -> tuple[ir.Node, dict[ir.Value, ir.Value]]:  # fmt: skip
    """One more layer behind the latest one.

    Args:
        block: the third layer's nodes.
        latest: of each value of the third layer the one of the latest layer.
        names: what its weights' names begin with in the third layer, and in this one.

    Returns:
        Its last node, and of each value of the third layer the one of this layer.
    """
    made: dict[ir.Value, ir.Value] = {}
    nodes = []

    def counterpart(value: ir.Value | None) -> ir.Value | None:
        if value is None or value in pairs.fixed:
            return value
        if value in made:
            return made[value]
        if value in pairs.values:  # the third layer reads the second here, so this one reads the latest
            return latest[pairs.values[value]]
        if value.is_initializer() and names[0] in (value.name or ""):
            return _weight(graph, value, (value.name or "").replace(*names, 1))
        return value

    for node in block:
        copy = ir.Node(
            node.domain, node.op_type, [counterpart(value) for value in node.inputs], list(node.attributes.values()),
            overload=node.overload, num_outputs=len(node.outputs), version=node.version,
            metadata_props={
                key: text.replace(names[0][:-1], names[1][:-1]) for key, text in node.metadata_props.items()
            },
        )  # fmt: skip
        for old, new in zip(node.outputs, copy.outputs, strict=True):
            new.name, new.shape, new.type = f"{old.name}_{names[1][:-1]}", old.shape, old.type
            made[old] = new
        nodes.append(copy)
    graph.insert_after(after, nodes)
    return nodes[-1], made


def _weight(graph: ir.Graph, like: ir.Value, name: str) -> ir.Value:
    """The initializer of this name, which has no numbers yet."""
    if name not in graph.initializers:
        value = ir.Value(name=name, shape=like.shape, type=like.type)
        graph.initializers[name] = value
    return graph.initializers[name]
