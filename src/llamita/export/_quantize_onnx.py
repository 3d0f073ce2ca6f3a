"""Int8 weights for an ONNX graph: products of int8 with one scale a token, or int8 weights with one scale a block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import onnx_ir as ir

from llamita.export._graph import add_constant, matrix_of, replace

if TYPE_CHECKING:
    from jaxtyping import Float, Int8, UInt8

Kind = Literal["int8-dynamic", "int8-weights"]
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


def _scale(largest: np.ndarray, levels: int) -> np.ndarray:
    return np.where(largest > 0, largest / levels, 1).astype(np.float32)


def quantize(model: ir.Model, kind: Kind, *, levels: int = LEVELS, head: int = 0) -> ir.Model:
    """A quantised copy of an fp32 graph: embedding tables and linear maps, but not the last one, `head` labels wide."""
    copy = model.clone()
    copy.opset_imports["com.microsoft"] = 1
    quantizer = _Quantizer(copy.graph, kind, levels)
    for node in list(copy.graph):
        if node.op_type == "Gather":
            quantizer.gather(node)
        elif node.op_type == "MatMul" and (weight := matrix_of(node.inputs[1])) is not None and weight.shape[1] != head:
            quantizer.product(node)
    return copy


class _Quantizer:
    """Rewrites nodes of one graph; tables and activations that several nodes read are quantised once."""

    def __init__(self, graph: ir.Graph, kind: Kind, levels: int):
        self.graph, self.kind, self.levels = graph, kind, levels
        self.tables: dict[ir.Value, tuple[ir.Value, ir.Value]] = {}
        self.activations: dict[ir.Value, tuple[ir.Value, ir.Value]] = {}
        self.constants: dict[str, ir.Value] = {}

    def constant(self, name: str, value: float, dtype: type) -> ir.Value:
        if name not in self.constants:
            array = np.array([value] if dtype is np.int64 else value, dtype=dtype)
            self.constants[name] = add_constant(self.graph, array, f"constant_{name}")
        return self.constants[name]

    def gather(self, node: ir.Node) -> None:
        """Look up int8 rows and their scales."""
        table, indices = node.inputs
        if (constant := matrix_of(table)) is None or constant.size < SMALLEST or node.attributes.get_int("axis", 0):
            return
        if table not in self.tables:
            rows, scale = quantize_rows(constant.numpy())
            self.tables[table] = (  # pyrefly: ignore
                add_constant(self.graph, rows, f"{table.name}_int8"),  # pyrefly: ignore
                add_constant(self.graph, scale, f"{table.name}_scale"),  # pyrefly: ignore
            )
        rows, scales = (ir.node("Gather", [source, indices]) for source in self.tables[table])  # pyrefly: ignore
        real = ir.node("Cast", [rows.outputs[0]], {"to": ir.DataType.FLOAT})
        scaled = ir.node("Mul", [real.outputs[0], scales.outputs[0]])
        replace(self.graph, node, (rows, scales, real, scaled), scaled.outputs[0])

    def product(self, node: ir.Node) -> None:
        x, weight = node.inputs
        constant = matrix_of(weight)
        if constant is None or constant.size < SMALLEST:
            return
        matrix, name = constant.numpy(), weight.name  # pyrefly: ignore
        if self.kind == "int8-weights":
            new = [self._weights_product(x, matrix, name)]  # pyrefly: ignore
        else:
            new = self._dynamic_product(node, x, matrix, name)  # pyrefly: ignore
        replace(self.graph, node, new, new[-1].outputs[0])

    def _weights_product(self, x: ir.Value, matrix: np.ndarray, name: str) -> ir.Node:
        """onnxruntime rounds the activations, too, in blocks of their own, where that is faster (accuracy level 4)."""
        block = BLOCK if matrix.shape[0] % BLOCK == 0 else BLOCK // 2
        weight, scale = quantize_blocks(matrix, block)
        inputs = [x, add_constant(self.graph, weight, f"{name}_int8"), add_constant(self.graph, scale, f"{name}_scale")]
        shape = {"K": matrix.shape[0], "N": matrix.shape[1], "bits": 8, "block_size": block, "accuracy_level": 4}
        return ir.node("MatMulNBits", inputs, shape, domain="com.microsoft")

    def _dynamic_product(self, node: ir.Node, x: ir.Value, matrix: np.ndarray, name: str) -> list[ir.Node]:
        weight, scale = quantize_columns(matrix, self.levels)
        bytes_, token_scale = self._activations(node, x)
        one, middle = self.constant("one", 1, np.float32), self.constant("middle", MIDDLE, np.uint8)
        inputs = [
            bytes_, add_constant(self.graph, weight, f"{name}_int8"), one,
            add_constant(self.graph, scale, f"{name}_scale"), middle,
        ]  # fmt: skip
        product = ir.node("MatMulIntegerToFloat", inputs, domain="com.microsoft")
        scaled = ir.node("Mul", [product.outputs[0], token_scale])
        return [product, scaled]

    def _activations(self, node: ir.Node, x: ir.Value) -> tuple[ir.Value, ir.Value]:
        """Bytes around 128 and the scale of each token: no text depends on those it shares a batch with."""
        if x not in self.activations:
            sizes = ir.node("Abs", [x])
            axis = self.constant("last_axis", -1, np.int64)
            largest = ir.node("ReduceMax", [sizes.outputs[0], axis], {"keepdims": 1})
            positive = ir.node("Max", [largest.outputs[0], self.constant("tiny", 1e-12, np.float32)])
            scale = ir.node("Mul", [positive.outputs[0], self.constant("level", 1 / LEVELS, np.float32)])
            quotient = ir.node("Div", [x, scale.outputs[0]])
            zero = [self.constant("one", 1, np.float32), self.constant("middle", MIDDLE, np.uint8)]
            rounded = ir.node("QuantizeLinear", [quotient.outputs[0], *zero])
            self.graph.insert_before(node, [sizes, largest, positive, scale, quotient, rounded])
            self.activations[x] = (rounded.outputs[0], scale.outputs[0])
        return self.activations[x]
