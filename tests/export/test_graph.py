"""A graph that was put into another form answers as it did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
from tests.export.test_onnx import TEXTS, exported
from tests.families import tiny_model

from llamita.core.engine import softmax
from llamita.export._graph import add_constant, linear_maps, reshape, write

INPUT = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def drawn(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def graph_of(*kinds: str) -> ir.Graph:
    """Linear maps of one input, each as MatMul with its bias or as Gemm, added up."""
    graph = ir.Graph([x := ir.val("x", ir.DataType.FLOAT, ir.Shape(["n", 4]))], [], nodes=[], opset_imports={"": 21})
    outputs = []
    for i, kind in enumerate(kinds):
        weight = add_constant(graph, drawn(5, 4) if kind == "Gemm" else drawn(4, 5), f"weight{i}")
        bias = add_constant(graph, drawn(5), "bias")
        if kind == "Gemm":
            graph.append(ir.node("Gemm", [x, weight, bias], {"transB": 1}))
        else:
            graph.append(product := ir.node("MatMul", [x, weight]))
            graph.append(ir.node("Add", [product.outputs[0], bias]))
        outputs.append(graph[-1].outputs[0])
    graph.append(ir.node("Sum", outputs))
    graph.outputs.append(graph[-1].outputs[0])
    graph.outputs[0].name, graph.outputs[0].type = "y", ir.TensorType(ir.DataType.FLOAT)
    graph.outputs[0].shape = ir.Shape(["n", 5])
    return graph


def answer(graph: ir.Graph, folder: Path) -> np.ndarray:
    write(ir.Model(graph, ir_version=10), folder / "model.onnx")
    return onnxruntime.InferenceSession(folder / "model.onnx").run(None, {"x": INPUT})[0]


@pytest.mark.parametrize(
    ("kinds", "maps"), [(("MatMul", "MatMul"), 1), (("Gemm", "MatMul", "Gemm"), 1), (("Gemm",), 1)]
)
def test_siblings_become_one_map_that_answers_alike(kinds: tuple[str, ...], maps: int, tmp_path: Path) -> None:
    before = answer(graph_of(*kinds), tmp_path)
    changed = graph_of(*kinds)
    reshape(changed)
    found = linear_maps(changed)
    assert len(found) == maps
    assert found[0].matrix.shape == (4, 5 * len(kinds))
    assert found[0].bias is not None
    np.testing.assert_allclose(answer(changed, tmp_path), before, atol=1e-6)


def test_a_name_that_is_taken_is_numbered() -> None:
    graph = graph_of("MatMul", "MatMul")
    assert {"bias.0", "bias.1"} <= set(graph.initializers)


def test_more_weights_than_a_protobuf_holds_lie_beside_the_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_model("bert")
    monkeypatch.setattr("llamita.export._graph.PROTOBUF_LIMIT_BYTES", 1000)
    engine = exported(model, tmp_path / "onnx", precision="int8-weights")
    assert (tmp_path / "onnx" / "model_quantized.onnx_data").exists()
    source = softmax(model.text_logits(TEXTS))
    np.testing.assert_allclose(engine.scores(TEXTS), source, atol=0.05)
