"""Weights of four bits: rounded by hand and against slow plain versions, packed, unpacked by onnxruntime, half the bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from tests.export.test_onnx import TEXTS, exported, padded
from tests.families import FAMILIES, TRAINING_TEXTS, tiny_model
from transformers.pytorch_utils import Conv1D

from llamita.core.architecture import random_model
from llamita.core.errors import UserError
from llamita.core.model import Model
from llamita.core.registry import build
from llamita.export import _check as check
from llamita.export import _four_bits as four_bits
from llamita.export._quantize_onnx import BLOCK, SMALLEST
from llamita.export.onnx import Onnx

MATRIX = np.random.default_rng(0).normal(size=(96, 5)).astype(np.float32)


def test_nibbles_by_hand() -> None:
    """Two blocks of two weights: the second has a seventh of the first's range, so a seventh of its multiplier."""
    weight = np.array([[49.0], [-56.0], [7.0], [-3.0]], dtype=np.float32)
    nibbles, multipliers, scale = four_bits.quantize_nibbles(weight, 2)
    assert scale.tolist() == [1.0]
    assert multipliers.ravel().tolist() == [7, 1]
    assert nibbles.ravel().tolist() == [7, -8, 7, -3]


def test_nibbles_are_never_worse_than_a_slow_plain_version_that_tries_the_same_ranges() -> None:
    nibbles, multipliers, scale = four_bits.quantize_nibbles(MATRIX, 32)
    for output in range(5):
        step = max(max(max(b) / 7, min(b) / -8) for b in MATRIX[:, output].reshape(3, 32).tolist()) / 7
        assert scale[output] == pytest.approx(step, rel=1e-6)
        for block in range(3):
            piece = MATRIX[32 * block : 32 * (block + 1), output]
            errors = []
            for multiplier in range(1, 8):
                places = [min(7, max(-8, round(float(w) / (multiplier * step)))) for w in piece]
                errors.append(sum((p * multiplier * step - w) ** 2 for p, w in zip(places, piece, strict=True)))
            found = nibbles[32 * block : 32 * (block + 1), output] * (multipliers[block, 0, output] * step)
            widest = max(max(piece) / 7, min(piece) / -8)
            tried = {min(7, max(1, round(float(widest * share) / step))) for share in four_bits.SHRINKING}
            least = min(errors[multiplier - 1] for multiplier in tried)
            assert float(np.square(found - piece).sum()) == pytest.approx(least, rel=1e-4)


def test_what_lies_on_the_grid_is_kept_exactly() -> None:
    grid = np.arange(-8, 8, dtype=np.float32)
    nibbles, multipliers, scale = four_bits.quantize_nibbles(grid[:, None] * 3, 8)
    np.testing.assert_allclose(nibbles.reshape(2, 8, 1) * multipliers * scale, grid.reshape(2, 8, 1) * 3, atol=1e-5)
    rows, scales = four_bits.quantize_rows(np.stack([grid, -2 * grid[::-1] - 2]), 16)
    np.testing.assert_array_equal(rows * scales, np.stack([grid, -2 * grid[::-1] - 2]))


def test_zeros_stay_zeros() -> None:
    nibbles, multipliers, scale = four_bits.quantize_nibbles(np.zeros((8, 2), dtype=np.float32), 8)
    assert not nibbles.any()
    assert np.isfinite(scale).all()
    rows, scales = four_bits.quantize_rows(np.zeros((2, 8), dtype=np.float32), 8)
    assert not rows.any()
    assert np.isfinite(scales).all()
    assert (multipliers == 1).all()


def test_a_row_whose_last_block_is_short_is_rounded_like_its_blocks_alone() -> None:
    rows, scales = four_bits.quantize_rows(MATRIX.T, 64)
    first, of_first = four_bits.quantize_rows(MATRIX.T[:, :64], 64)
    last, of_last = four_bits.quantize_rows(MATRIX.T[:, 64:], 32)
    np.testing.assert_array_equal(rows, np.concatenate([first, last], axis=1))
    np.testing.assert_array_equal(scales, np.concatenate([of_first, of_last], axis=1))


def test_sums_of_two_products_stay_within_sixteen_bits() -> None:
    assert 2 * 255 * abs(four_bits.LEAST) * four_bits.MULTIPLIERS < 2**15


def on_the_grid(model: Model, precision: str) -> Model:
    """The model with every weight replaced by what its nibbles stand for."""

    def rounded(weight: np.ndarray) -> np.ndarray:
        if precision == "int8-weights":
            block = BLOCK if len(weight) % BLOCK == 0 else BLOCK // 2
            rows, scales = four_bits.quantize_rows(weight.T, block)
            return (rows * np.repeat(scales, block, axis=1)[:, : rows.shape[1]]).T
        nibbles, multipliers, scale = four_bits.quantize_nibbles(weight, four_bits.block_of(len(weight)))
        return (nibbles.reshape(len(multipliers), -1, len(scale)) * multipliers * scale).reshape(weight.shape)

    for part in model.module.modules():
        weight = getattr(part, "weight", None)
        if isinstance(part, torch.nn.Embedding) and part.weight.numel() >= SMALLEST:
            rows, scales = four_bits.quantize_rows(part.weight.detach().numpy(), four_bits.ROW_BLOCK)
            part.weight.data = torch.tensor(rows * np.repeat(scales, four_bits.ROW_BLOCK, axis=1)[:, : rows.shape[1]])
        elif isinstance(part, Conv1D):
            part.weight.data = torch.tensor(rounded(part.weight.detach().numpy()))
        elif isinstance(part, torch.nn.Linear) and weight is not None and len(weight) != len(model.labels):
            part.weight.data = torch.tensor(np.ascontiguousarray(rounded(weight.detach().numpy().T).T))
    return model


@pytest.mark.parametrize(
    ("family", "precision"),
    [*((family, "int8-dynamic") for family in FAMILIES), ("bert", "int8-weights"), ("gpt2", "int8-weights")],
)
def test_each_family_gives_the_answers_of_its_weights_on_the_grid(family: str, precision: str, tmp_path: Path) -> None:
    model = tiny_model(family)
    engine = exported(model, tmp_path / "onnx", precision=precision, bits=4, max_divergence=5.0)
    expected = on_the_grid(model, precision)
    assert np.abs(engine.logits(*padded(expected)) - expected.logits(*padded(expected))).max() < 0.25
    found = check.compare(expected.text_logits(TRAINING_TEXTS), engine.text_logits(TRAINING_TEXTS))
    assert found.kl < 0.005
    together = engine.text_logits(TEXTS, tokens_per_batch=10_000)
    np.testing.assert_allclose(together, np.concatenate([engine.text_logits([text]) for text in TEXTS]), atol=1e-5)
    assert engine.about["bits"] == 4


def test_onnxruntime_reads_the_matrix_that_the_nibbles_stand_for_and_keeps_it_as_int8(tmp_path: Path) -> None:
    """The graph that runs has no trace of the unpacking."""
    model = tiny_model("bert")
    exported(model, tmp_path / "onnx", precision="int8-dynamic", bits=4, max_divergence=1.0)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "seen.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(
        tmp_path / "onnx" / "model_quantized.onnx", options, providers=["CPUExecutionProvider"]
    )
    seen = ir.load(tmp_path / "seen.onnx")
    assert not {"BitwiseAnd", "BitShift"} & {node.op_type for node in seen.graph}
    weight = next(w for name, w in model.module.named_parameters() if name.endswith("intermediate.dense.weight"))
    matrix = weight.detach().numpy().T
    nibbles, multipliers, _ = four_bits.quantize_nibbles(matrix, four_bits.block_of(len(matrix)))
    expected = (nibbles.reshape(len(multipliers), -1, matrix.shape[1]) * multipliers).reshape(matrix.shape)
    kept = [
        v.const_value.numpy() for v in seen.graph.initializers.values()
        if v.const_value is not None and v.const_value.dtype == ir.DataType.INT8
    ]  # fmt: skip
    assert any(one.shape == expected.shape and (one == expected).all() for one in kept)


def test_a_larger_model_takes_about_half_a_byte_a_parameter(tmp_path: Path) -> None:
    model = random_model("bert:3m")
    engine = exported(model, tmp_path / "onnx", precision="int8-dynamic", bits=4, max_divergence=1.0)
    assert (tmp_path / "onnx" / "model_quantized.onnx").stat().st_size < 0.65 * model.num_parameters
    assert engine.num_parameters == model.num_parameters


def test_four_bits_of_fp32_and_three_bits_are_refused() -> None:
    with pytest.raises(UserError, match="fp32"):
        build("export.onnx", {"bits": 4, "precision": "fp32"})
    with pytest.raises(UserError, match="bits must be 8 or 4, got 3"):
        Onnx(bits=3)
