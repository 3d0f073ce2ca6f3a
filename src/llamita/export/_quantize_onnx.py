"""Int8 for an ONNX graph: products of bytes, with fixed ranges or one a token, or weights alone with one scale a block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
import onnx_ir as ir

from llamita.export import _four_bits as four_bits
from llamita.export._graph import Linear, add_constant, linear_maps, matrix_of, replace, sizes_of

if TYPE_CHECKING:
    from jaxtyping import Float, Int8, UInt8

Kind = Literal["int8-static", "int8-dynamic", "int8-weights"]
Ranges = Mapping[str, tuple[float, float]]
"""Least and largest number that a linear map's input took, by the input's name."""
BLOCK = 64
"""Weights that share a scale in int8-weights."""
SMALLEST = 1024
"""Weights below this size stay in fp32: they cost nothing."""
LEVELS = 127
MIDDLE = 128
"""The unsigned byte that stands for zero."""


def quantize_rows(table: Float[np.ndarray, "rows columns"]) -> tuple[Int8[np.ndarray, "rows columns"], np.ndarray]:
    """Symmetric int8 with one scale a row, float32 [rows, 1]."""
    scale = _scale(np.abs(table).max(axis=1, keepdims=True), LEVELS)
    return np.clip(np.rint(table / scale), -LEVELS, LEVELS).astype(np.int8), scale


def quantize_columns(
    weight: Float[np.ndarray, "inputs outputs"], levels: int = LEVELS
) -> tuple[Int8[np.ndarray, "inputs outputs"], Float[np.ndarray, "outputs"]]:
    """Symmetric int8 with one scale an output."""
    scale = _scale(np.abs(weight).max(axis=0), levels)
    return np.clip(np.rint(weight / scale), -levels, levels).astype(np.int8), scale


def quantize_blocks(
    weight: Float[np.ndarray, "inputs outputs"], block: int
) -> tuple[UInt8[np.ndarray, "outputs blocks block"], Float[np.ndarray, "outputs blocks"]]:
    """Bytes around 128 with one scale a block of inputs, laid out as MatMulNBits reads them; the last is padded."""
    inputs, outputs = weight.shape
    padded = np.zeros((outputs, -(-inputs // block) * block), dtype=np.float32)
    padded[:, :inputs] = weight.T
    blocks = padded.reshape(outputs, -1, block)
    scale = _scale(np.abs(blocks).max(axis=-1, keepdims=True), LEVELS)
    bytes_ = np.clip(np.rint(blocks / scale), -LEVELS, LEVELS) + MIDDLE
    return bytes_.astype(np.uint8), scale[..., 0]


def byte_grid(least: float, largest: float) -> tuple[np.ndarray, np.ndarray]:
    """Step, float32 [], and the byte of zero, uint8 [], of a grid of 256 numbers over a range widened to hold zero."""
    least, largest = min(least, 0.0), max(largest, 0.0)
    step = (largest - least) / 255 or 1.0
    return np.array(step, dtype=np.float32), np.array(round(-least / step), dtype=np.uint8)


def _scale(largest: np.ndarray, levels: int) -> np.ndarray:
    return np.where(largest > 0, largest / levels, 1).astype(np.float32)


def worth_quantising(graph: ir.Graph, head: int) -> list[Linear]:
    """The linear maps that are neither small nor the last one, `head` labels wide; others may happen to be as wide."""
    maps = linear_maps(graph)
    last = max((place for place, one in enumerate(maps) if one.matrix.shape[1] == head), default=-1)
    return [one for place, one in enumerate(maps) if one.matrix.size >= SMALLEST and place != last]


def with_ranges(model: ir.Model, head: int) -> ir.Model:
    """A copy that also returns the least and the largest number of every linear map's input."""
    copy = model.clone()
    for value in dict.fromkeys(linear.input for linear in worth_quantising(copy.graph, head)):
        for side, operator in (("least", "ReduceMin"), ("largest", "ReduceMax")):
            output = ir.val(f"{side}:{value.name}", type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape(()))
            copy.graph.append(ir.node(operator, [value], {"keepdims": 0}, outputs=[output]))
            copy.graph.outputs.append(output)
    return copy


def quantize(
    model: ir.Model, kind: Kind, *, head: int, levels: int = LEVELS, bits: int = 8, ranges: Ranges | None = None
) -> ir.Model:
    """A quantised copy of an fp32 graph; int8-static needs the ranges. `bits`, 8 or 4, is what a weight takes in the file."""
    copy = model.clone()
    copy.opset_imports["com.microsoft"] = 1
    quantizer = _Quantizer(copy.graph, kind, levels, bits, ranges or {})
    for node in list(copy.graph):
        if node.op_type == "Gather":
            quantizer.gather(node)
    for linear in worth_quantising(copy.graph, head):
        quantizer.product(linear)
    return copy


class _Quantizer:
    """Rewrites nodes of one graph; tables and activations that several nodes read are quantised once."""

    def __init__(self, graph: ir.Graph, kind: Kind, levels: int, bits: int, ranges: Ranges):
        self.graph, self.kind, self.levels, self.bits, self.ranges = graph, kind, levels, bits, ranges
        self.tables: dict[ir.Value, tuple[ir.Value, ir.Value]] = {}
        self.activations: dict[ir.Value, tuple[ir.Value, ...]] = {}
        self.constants: dict[str, ir.Value] = {}

    def constant(self, name: str, value: float, dtype: type) -> ir.Value:
        if name not in self.constants:
            array = np.array([value] if dtype is np.int64 else value, dtype=dtype)
            self.constants[name] = add_constant(self.graph, array, f"constant_{name}")
        return self.constants[name]

    def gather(self, node: ir.Node) -> None:
        """Look up quantised rows with their scales."""
        table, indices = node.inputs
        constant = matrix_of(table)
        if table is None or constant is None or constant.size < SMALLEST or node.attributes.get_int("axis", 0):
            return
        if self.bits == 4 and sizes_of(constant)[1] % 2 == 0:
            rows, scales = self._table(table, constant, four_bits.quantize_table)
            how = {"block_size": four_bits.ROW_BLOCK, "gather_axis": 0, "quantize_axis": 1}
            new = [ir.node("GatherBlockQuantized", [rows, indices, scales], how, domain="com.microsoft")]
        else:
            both = self._table(table, constant, quantize_rows)
            rows, scales = (ir.node("Gather", [source, indices]) for source in both)
            real = ir.node("Cast", [rows.outputs[0]], {"to": ir.DataType.FLOAT})
            new = [rows, scales, real, ir.node("Mul", [real.outputs[0], scales.outputs[0]])]
        replace(self.graph, node, new, new[-1].outputs[0])

    def _table(
        self,
        table: ir.Value,
        constant: ir.TensorProtocol,
        rounded: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    ) -> tuple[ir.Value, ir.Value]:
        if table not in self.tables:
            rows, scales = rounded(constant.numpy())
            name = f"{table.name}_int{self.bits}"
            self.tables[table] = (
                add_constant(self.graph, rows, name), add_constant(self.graph, scales, f"{name}_scale"),
            )  # fmt: skip
        return self.tables[table]

    def product(self, linear: Linear) -> None:
        if self.kind == "int8-static":
            self._static_product(linear)
        elif self.kind == "int8-dynamic":
            new = self._dynamic_product(linear)
            replace(self.graph, linear.product, new, new[-1].outputs[0])
        else:
            new = self._weights_product(linear)
            replace(self.graph, linear.product, [new], new.outputs[0])

    def _static_product(self, linear: Linear) -> None:
        """One operator does the product, the scales and the bias."""
        x = linear.input
        if x not in self.activations:
            step, zero = byte_grid(*self.ranges[str(x.name)])
            grid = (add_constant(self.graph, step, f"{x.name}_step"), add_constant(self.graph, zero, f"{x.name}_zero"))
            rounded = ir.node("QuantizeLinear", [x, *grid])
            self.graph.insert_before(linear.product, rounded)
            self.activations[x] = (rounded.outputs[0], *grid)
        bytes_, step, zero = self.activations[x]
        weight, scale = self._columns(linear)
        inputs = [bytes_, weight, step, scale, zero, *([None, linear.bias] if linear.bias is not None else [])]
        product = ir.node("MatMulIntegerToFloat", inputs, domain="com.microsoft")
        replace(self.graph, linear.last, [product], product.outputs[0])
        if linear.last is not linear.product:
            self.graph.remove(linear.product, safe=True)

    def _columns(self, linear: Linear) -> tuple[ir.Value, ir.Value]:
        if self.bits == 4 and four_bits.block_of(sizes_of(linear.matrix)[0]) >= four_bits.SMALLEST_BLOCK:
            return four_bits.unpacked(self.graph, linear, self.constant)
        weight, scale = quantize_columns(linear.matrix.numpy(), self.levels)
        name = linear.weight.name
        return add_constant(self.graph, weight, f"{name}_int8"), add_constant(self.graph, scale, f"{name}_scale")

    def _weights_product(self, linear: Linear) -> ir.Node:
        """onnxruntime rounds the activations, too, in blocks of their own, where that is faster (accuracy level 4)."""
        inputs, outputs = sizes_of(linear.matrix)
        block = BLOCK if inputs % BLOCK == 0 else BLOCK // 2
        rounded = quantize_blocks if self.bits == 8 else four_bits.quantize_blocks
        weight, scale = rounded(linear.matrix.numpy(), block)
        name = linear.weight.name
        given = [
            add_constant(self.graph, weight, f"{name}_int{self.bits}"),
            add_constant(self.graph, scale, f"{name}_scale"),
        ]
        shape = {"K": inputs, "N": outputs, "bits": self.bits, "block_size": block, "accuracy_level": 4}
        return ir.node("MatMulNBits", [linear.input, *given], shape, domain="com.microsoft")

    def _dynamic_product(self, linear: Linear) -> list[ir.Node]:
        weight, scale = self._columns(linear)
        bytes_, largest = self._activations(linear.product, linear.input)
        level, middle = self.constant("level", 1 / LEVELS, np.float32), self.constant("middle", MIDDLE, np.uint8)
        product = ir.node("MatMulIntegerToFloat", [bytes_, weight, level, scale, middle], domain="com.microsoft")
        scaled = ir.node("Mul", [product.outputs[0], largest])
        return [product, scaled]

    def _activations(self, node: ir.Node, x: ir.Value) -> tuple[ir.Value, ...]:
        """Bytes around 128 and each token's largest size: no text depends on those it shares a batch with."""
        if x not in self.activations:
            sizes = ir.node("Abs", [x])
            largest = ir.node("ReduceMax", [sizes.outputs[0], self.constant("last", -1, np.int64)], {"keepdims": 1})
            positive = ir.node("Max", [largest.outputs[0], self.constant("tiny", 1e-12, np.float32)])
            share = ir.node("Div", [x, positive.outputs[0]])
            grid = [self.constant("level", 1 / LEVELS, np.float32), self.constant("middle", MIDDLE, np.uint8)]
            rounded = ir.node("QuantizeLinear", [share.outputs[0], *grid])
            self.graph.insert_before(node, [sizes, largest, positive, share, rounded])
            self.activations[x] = (rounded.outputs[0], positive.outputs[0])
        return self.activations[x]
