"""Rounding to int8, by hand and against slow plain versions."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from llamita.export._check import NEAR_TIE, compare
from llamita.export._graph import add_constant
from llamita.export._quantize_onnx import byte_grid, quantize_blocks, quantize_columns, quantize_rows, worth_quantising

MATRIX = np.random.default_rng(0).normal(size=(70, 5)).astype(np.float32)


def test_rows_by_hand() -> None:
    rows, scale = quantize_rows(np.array([[127.0, -63.5, 0.4], [0.0, 0.0, 0.0]], dtype=np.float32))
    assert rows.tolist() == [[127, -64, 0], [0, 0, 0]]
    assert scale.tolist() == [[1.0], [1.0]]


def test_columns_are_the_rows_of_the_transposed() -> None:
    columns, scale = quantize_columns(MATRIX)
    rows, row_scale = quantize_rows(MATRIX.T)
    np.testing.assert_array_equal(columns, rows.T)
    np.testing.assert_array_equal(scale, row_scale[:, 0])


def test_the_reduced_range_keeps_sums_of_two_products_within_sixteen_bits() -> None:
    columns, _ = quantize_columns(MATRIX, levels=63)
    assert 2 * 255 * int(np.abs(columns.astype(int)).max()) < 2**15


def test_blocks_agree_with_a_slow_plain_version_and_the_last_is_padded() -> None:
    blocks, scales = quantize_blocks(MATRIX, 32)
    assert blocks.shape == (5, 3, 32)
    for output in range(5):
        for block in range(3):
            piece = MATRIX[32 * block : 32 * (block + 1), output]
            scale = max(abs(float(number)) for number in piece) / 127
            assert scales[output, block] == pytest.approx(scale, rel=1e-6)
            for place, number in enumerate(piece):
                assert abs((int(blocks[output, block, place]) - 128) * scale - number) <= scale * 0.5001
            assert (blocks[output, block, len(piece) :] == 128).all()


def test_what_lies_on_the_grid_is_kept_exactly() -> None:
    grid = np.arange(-127, 128, dtype=np.float32)[:, None] * np.float32(0.5)
    for quantised, scale in (quantize_columns(grid), quantize_rows(grid.T)):
        np.testing.assert_array_equal(quantised.astype(np.float32).ravel() * scale.ravel(), grid.ravel())


@pytest.mark.parametrize(("least", "largest"), [(-1.0, 3.0), (0.5, 2.0), (-4.0, -1.0), (0.0, 0.0)])
def test_a_grid_of_bytes_spans_its_range_and_holds_zero(least: float, largest: float) -> None:
    step, zero = byte_grid(least, largest)
    assert (0 - float(zero)) * step <= min(least, 0) + step / 2 + 1e-6
    assert (255 - float(zero)) * step >= max(largest, 0) - step / 2 - 1e-6
    assert zero.dtype == np.uint8


def test_equal_logits_do_not_diverge_and_shifted_ones_neither() -> None:
    logits = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]], dtype=np.float32)
    found = compare(logits, logits + 7)
    assert found.kl == pytest.approx(0, abs=1e-9)
    assert found.same_label == 1
    assert found.largest_difference == 7


def test_divergence_by_hand() -> None:
    source = np.log(np.array([[0.75, 0.25]], dtype=np.float32))
    found = compare(source, np.log(np.array([[0.5, 0.5]], dtype=np.float32)))
    assert found.kl == pytest.approx(0.75 * np.log(1.5) + 0.25 * np.log(0.5), abs=1e-6)


def test_a_near_tie_that_falls_the_other_way_is_no_other_label() -> None:
    def logits(first: float) -> np.ndarray:
        return np.log(np.array([[first, 1 - first]], dtype=np.float32))

    assert compare(logits(0.5 + NEAR_TIE / 3), logits(0.49)).same_label == 1
    assert compare(logits(0.5 + NEAR_TIE), logits(0.49)).same_label == 0


@pytest.mark.parametrize(("widths", "labels", "kept"), [((64, 64, 64), 64, [0, 1]), ((64, 128, 64, 3), 3, [0, 1, 2])])
def test_only_the_last_map_is_the_head_also_where_others_are_as_wide(
    widths: tuple[int, ...], labels: int, kept: list[int]
) -> None:
    x = ir.val("x", ir.DataType.FLOAT, ir.Shape(["n", 64]))
    graph, size = ir.Graph([x], [], nodes=[], opset_imports={"": 21}), 64
    for place, width in enumerate(widths):
        weight = add_constant(graph, np.zeros((size, width), dtype=np.float32), f"weight{place}")
        graph.append(ir.node("MatMul", [x, weight]))
        x, size = graph[-1].outputs[0], width
    products = list(graph)
    assert [one.product for one in worth_quantising(graph, labels)] == [products[i] for i in kept]
