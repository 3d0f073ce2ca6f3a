"""Weights of four bits: half the bytes of int8 on disk, and int8 again when the file is opened, so that nothing is slower.

A weight is `nibble · multiplier · scale`: a number from -8 to 7, a whole number from 1 to 7 that a block of weights shares, and
a float that all blocks of an output share. The product of the first two is an int8 number, so that onnxruntime, which computes
what is constant once when it opens a file, gets the same int8 matrix it would have read. Scales of scales are due to QLoRA's
double quantisation (Dettmers et al. 2023, arXiv 2305.14314, section 3); here the inner scale is a whole number.
"""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING

import ml_dtypes
import numpy as np
import onnx_ir as ir

from llamita.export._graph import Linear, add_constant

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float, Int8, UInt8

BLOCK = 32
"""Weights that share a multiplier."""
SMALLEST_BLOCK = 8
"""A matrix that only smaller blocks divide keeps eight bits."""
ROW_BLOCK = 64
"""Numbers of an embedding that share a scale."""
LEAST, LARGEST = -8, 7
MULTIPLIERS = 7
"""With these, sums of two int8 products stay within 16 bits (x86 without VNNI): 2 · 255 · 8 · 7 < 2^15."""
SHRINKING = np.linspace(0.7, 1.0, 7, dtype=np.float32)
"""Shares of the range that are tried: cutting off the largest weight can round the others better."""


def block_of(inputs: int) -> int:
    """The largest block that divides the inputs, at most `BLOCK`."""
    return gcd(inputs, BLOCK)


def quantize_nibbles(
    weight: Float[np.ndarray, "inputs outputs"], block: int
) -> tuple[Int8[np.ndarray, "inputs outputs"], Int8[np.ndarray, "blocks one outputs"], Float[np.ndarray, "outputs"]]:
    """Nibbles, multipliers and scales, each block's range chosen for the least squared error among `SHRINKING`."""
    inputs, outputs = weight.shape
    blocks = weight.reshape(inputs // block, block, outputs)
    widest = _widest(blocks, 1)
    scale = np.where(widest.max(axis=0) > 0, widest.max(axis=0) / MULTIPLIERS, 1).astype(np.float32)
    nibbles = np.zeros(blocks.shape, dtype=np.int8)
    multipliers = np.ones(widest.shape, dtype=np.int8)
    least = np.full(widest.shape, np.inf, dtype=np.float32)
    for share in SHRINKING:
        tried = np.clip(np.rint(widest * share / scale), 1, MULTIPLIERS)
        rounded = np.clip(np.rint(blocks / (tried * scale)), LEAST, LARGEST)
        error = np.square(rounded * (tried * scale) - blocks).sum(axis=1, keepdims=True)
        better = error < least
        least = np.minimum(error, least)
        np.copyto(multipliers, tried.astype(np.int8), where=better)
        np.copyto(nibbles, rounded.astype(np.int8), where=better)
    return nibbles.reshape(inputs, outputs), multipliers, scale[0]


def quantize_rows(
    table: Float[np.ndarray, "rows columns"], block: int
) -> tuple[Int8[np.ndarray, "rows columns"], Float[np.ndarray, "rows blocks"]]:
    """Nibbles with one scale a block of a row; the last block may be shorter."""
    rows, columns = table.shape
    padded = np.zeros((rows, -(-columns // block) * block), dtype=np.float32)
    padded[:, :columns] = table
    blocks = padded.reshape(rows, -1, block)
    widest = _widest(blocks, 2)
    scales, nibbles = np.ones_like(widest), np.zeros(blocks.shape, dtype=np.int8)
    least = np.full(widest.shape, np.inf, dtype=np.float32)
    for share in SHRINKING:
        tried = np.where(widest > 0, widest * share, 1).astype(np.float32)
        rounded = np.clip(np.rint(blocks / tried), LEAST, LARGEST)
        error = np.square(rounded * tried - blocks).sum(axis=2, keepdims=True)
        better = error < least
        least = np.minimum(error, least)
        np.copyto(scales, tried, where=better)
        np.copyto(nibbles, rounded.astype(np.int8), where=better)
    return nibbles.reshape(rows, -1)[:, :columns], scales[..., 0]


def quantize_blocks(
    weight: Float[np.ndarray, "inputs outputs"], block: int
) -> tuple[UInt8[np.ndarray, "outputs blocks half"], Float[np.ndarray, "outputs blocks"]]:
    """Two nibbles a byte, the earlier in the low four bits, as MatMulNBits reads them; the last block is padded."""
    nibbles, scales = quantize_rows(weight.T, block)
    unsigned = np.full((len(nibbles), scales.shape[1] * block), -LEAST, dtype=np.uint8)
    unsigned[:, : nibbles.shape[1]] = nibbles - LEAST
    pairs = unsigned.reshape(*scales.shape, block // 2, 2)
    return pairs[..., 0] | (pairs[..., 1] << 4), scales


def _widest(blocks: np.ndarray, axis: int) -> np.ndarray:
    """The step with which a block's largest and smallest number are still nibbles."""
    largest = blocks.max(axis=axis, keepdims=True) / LARGEST
    return np.maximum(largest, blocks.min(axis=axis, keepdims=True) / LEAST).astype(np.float32)


def pack(nibbles: Int8[np.ndarray, "blocks block outputs"]) -> UInt8[np.ndarray, "blocks half outputs"]:
    """The upper half of each block in the low four bits, the lower half in the high ones, each eight more than it was."""
    unsigned = (nibbles - LEAST).astype(np.uint8)
    half = unsigned.shape[1] // 2
    return unsigned[:, :half] | (unsigned[:, half:] << 4)


def unpacked(
    graph: ir.Graph, linear: Linear, constant: Callable[[str, int, type], ir.Value]
) -> tuple[ir.Value, ir.Value]:
    """An int8 matrix that is computed from packed bytes when the file is opened, and the scale of each output.

    All of it in bytes: what is computed on the way stays in memory until the file is open.
    """
    weight = linear.matrix.numpy()
    nibbles, multipliers, scale = quantize_nibbles(weight, block_of(len(weight)))
    name = linear.weight.name
    packed = add_constant(graph, pack(nibbles.reshape(len(multipliers), -1, weight.shape[1])), f"{name}_int4")
    factors = add_constant(graph, multipliers, f"{name}_multiplier")
    whole = add_constant(graph, np.array(weight.shape, dtype=np.int64), f"{name}_shape")
    low = ir.node("BitwiseAnd", [packed, constant("low", 15, np.uint8)])
    high = ir.node("BitShift", [packed, constant("four", 4, np.uint8)], {"direction": "RIGHT"})
    both = ir.node("Concat", [low.outputs[0], high.outputs[0]], {"axis": 1})
    bytes_ = ir.node("Cast", [both.outputs[0]], {"to": ir.DataType.INT8})
    signed = ir.node("Sub", [bytes_.outputs[0], constant("eight", -LEAST, np.int8)])
    scaled = ir.node("Mul", [signed.outputs[0], factors])
    matrix = ir.node("Reshape", [scaled.outputs[0], whole])
    graph.insert_before(linear.product, [low, high, both, bytes_, signed, scaled, matrix])
    return matrix.outputs[0], add_constant(graph, scale, f"{name}_scale")


def quantize_table(table: Float[np.ndarray, "rows columns"]) -> tuple[np.ndarray, Float[np.ndarray, "rows blocks"]]:
    """Rows of an embedding as ONNX's type of four bits, and their scales, as GatherBlockQuantized reads them."""
    nibbles, scales = quantize_rows(table, ROW_BLOCK)
    return nibbles.astype(ml_dtypes.int4), scales
