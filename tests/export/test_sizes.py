"""One trace serves models that differ in vocabulary and neurons, and no others."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from tests.export.test_onnx import TEXTS
from tests.families import FAMILIES, tiny_model

from llamita.core.architecture import architecture_of
from llamita.core.model import Model
from llamita.export import _trace
from llamita.export._check import shaped_batches
from llamita.export._graph import write
from llamita.export._sizes import free_sizes, mentions, resize
from llamita.export._trace import quiet, trace

NAME_THEIR_NEURONS = {"gpt2": "a reshape to so many neurons", "modernbert": "a split of twice as many"}


def test_a_size_is_free_where_no_other_setting_is_the_same_number() -> None:
    config = {"vocab_size": 500, "intermediate_size": 64, "hidden_size": 32, "kinds": ["a"], "more": {"x": [7, 9]}}
    assert free_sizes(config, ["vocab_size", "intermediate_size"]) == {"vocab_size": 500, "intermediate_size": 64}
    assert free_sizes(config | {"hidden_size": 64}, ["vocab_size", "intermediate_size"]) == {"vocab_size": 500}
    assert free_sizes(config | {"more": {"x": [64]}}, ["intermediate_size"]) == {}
    assert free_sizes({"n_inner": None, "vocab_size": 500}, ["vocab_size", "n_inner"]) == {"vocab_size": 500}


def test_two_fields_of_one_number_are_one_size() -> None:
    config = {"encoder_ffn_dim": 64, "decoder_ffn_dim": 64}
    assert free_sizes(config, list(config)) == {"encoder_ffn_dim decoder_ffn_dim": 64}


def by_hand(*settings: ir.Attr) -> ir.Graph:
    start = ir.Value(name="x", shape=ir.Shape(["batch", 64]), type=ir.TensorType(ir.DataType.FLOAT))
    weight = ir.Value(name="w", shape=ir.Shape([64, 500]), type=ir.TensorType(ir.DataType.FLOAT))
    node = ir.Node("", "Anything", [start, weight], list(settings))
    node.outputs[0].name, node.outputs[0].shape = "y", ir.Shape(["batch", 500])
    return ir.Graph([start], node.outputs, nodes=[node], initializers=[weight], opset_imports={"": 21}, name="net")


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (ir.AttrInt64("axis", 64), True),
        (ir.AttrInt64s("shape", [2, 500]), True),
        (ir.AttrTensor("value", ir.tensor(np.array([1, 64]))), True),
        (ir.AttrTensor("value", ir.tensor(np.array([64.0], dtype=np.float32))), False),
        (ir.AttrInt64("axis", 65), False),
    ],
)
def test_a_number_in_a_setting_is_seen(setting: ir.Attr, expected: bool) -> None:
    assert mentions(by_hand(setting), [64, 500]) is expected


def test_a_number_in_a_constant_is_seen_and_one_in_a_shape_is_none() -> None:
    graph = by_hand()
    assert not mentions(graph, [64, 500])
    shape = ir.tensor(np.array([-1, 64]), name="shape")
    graph.register_initializer(ir.Value(name="shape", const_value=shape, type=ir.TensorType(ir.DataType.INT64)))
    assert mentions(graph, [64, 500])


def test_shapes_get_the_other_sizes_and_keep_what_is_free_in_them() -> None:
    graph = by_hand()
    resize(graph, {64: 48, 500: 64})
    assert [str(value.shape) for value in (*graph.inputs, *graph.initializers.values(), *graph.outputs)] == [
        "[batch,48]", "[48,64]", "[batch,64]",
    ]  # fmt: skip


def slimmer(model: Model) -> Model:
    """Random weights in the same shape but for three quarters of the neurons and a few more pieces."""
    config = copy.deepcopy(model.module.config)
    for stack in architecture_of(model.module).stacks:
        setattr(config, stack.ffn_size, 48)
    config.vocab_size += 5
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return Model(type(model.module)(config), model.tokenizer, name="slimmer")


def answers(graph: ir.Model, model: Model) -> np.ndarray:
    session = onnxruntime.InferenceSession(ir.serde.serialize_model(graph).SerializeToString())
    batch = shaped_batches(model.encoder, TEXTS)[1]
    named = model.inputs(batch.token_ids, batch.mask, batch.type_ids)
    return session.run(None, {name: value.numpy() for name, value in named.items()})[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_slimmer_model_of_each_family_answers_for_itself_by_the_same_trace(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_model(family)
    batch = shaped_batches(model.encoder, TEXTS)[1]
    other, traced, draw = slimmer(model), [], _trace._traced
    with quiet():
        trace(model, batch)
        monkeypatch.setattr(_trace, "_traced", lambda whole, named: traced.append(family) or draw(whole, named))
        graph = trace(other, batch)
    assert traced == [family] * (family in NAME_THEIR_NEURONS)
    expected = other.logits(batch.token_ids, batch.mask, batch.type_ids)
    assert np.abs(answers(graph, other) - np.asarray(expected)).max() < 1e-5


def test_its_file_has_the_bytes_of_one_of_a_trace_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("bert", layers=4)
    batch, other = shaped_batches(model.encoder, TEXTS)[1], slimmer(model)
    with quiet():
        trace(model, batch)
        kept = dict(_trace._TRACED)
        write(trace(other, batch), tmp_path / "by-the-same.onnx")
        assert _trace._TRACED.keys() == kept.keys()
        monkeypatch.setattr(_trace, "_TRACED", {})
        write(trace(other, batch), tmp_path / "alone.onnx")
    assert (tmp_path / "by-the-same.onnx").read_bytes() == (tmp_path / "alone.onnx").read_bytes()
