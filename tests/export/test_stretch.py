"""A graph of three layers becomes one of more, and layers that don't repeat are noticed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from tests.export.test_onnx import TEXTS
from tests.families import tiny_model

from llamita.core.model import Model
from llamita.export import _trace
from llamita.export._check import shaped_batches
from llamita.export._stretch import SCOPES, NotAlike, stretch
from llamita.export._trace import quiet, trace

FLOAT = ir.TensorType(ir.DataType.FLOAT)


class Layers:
    """A net by hand: each layer gives (what it reads + its weight) times a constant, and at the end one is taken off."""

    def __init__(self, times: tuple[float, float, float] = (2, 2, 2), operators: tuple[str, ...] = ("Add",) * 3):
        self.nodes: list[ir.Node] = []
        self.start = value = ir.Value(name="x", shape=ir.Shape([1]), type=FLOAT)
        self.weights: list[ir.Value] = []
        self.outputs: list[ir.Value] = []
        for i in range(3):
            scope = f"net.layers.{i}"
            weight = ir.Value(name=f"{scope}.weight", shape=ir.Shape([1]), type=FLOAT)
            factor = self.node("Constant", [], scope, value=ir.tensor([times[i]], dtype=ir.DataType.FLOAT))
            value = self.node("Mul", [self.node(operators[i], [value, weight], scope), factor], scope)
            self.weights.append(weight)
            self.outputs.append(value)
        one = self.node("Constant", [], "net", value=ir.tensor([1.0], dtype=ir.DataType.FLOAT))
        self.end = self.node("Sub", [value, one], "net")

    def node(self, operator: str, inputs: list[ir.Value], scope: str, **settings: object) -> ir.Value:
        attributes = [ir.AttrTensor(name, value) for name, value in settings.items()]  # type: ignore[arg-type]
        made = ir.Node("", operator, inputs, attributes, metadata_props={SCOPES: repr(["", "net", scope])})
        made.outputs[0].name, made.outputs[0].type = f"v{len(self.nodes)}", FLOAT
        self.nodes.append(made)
        return made.outputs[0]

    def graph(self) -> ir.Graph:
        return ir.Graph(
            [self.start], [self.end], nodes=self.nodes, initializers=self.weights, opset_imports={"": 21}, name="net"
        )


def test_further_layers_do_what_the_third_does_with_weights_of_their_own() -> None:
    graph = Layers().graph()
    stretch(graph, "net.layers", 5)
    assert list(graph.initializers) == [f"net.layers.{i}.weight" for i in range(5)]
    for i, value in enumerate(graph.initializers.values()):
        value.const_value = ir.tensor([float(i + 1)], dtype=ir.DataType.FLOAT)
    assert Counter(node.op_type for node in graph)["Add"] == 5
    file = ir.serde.serialize_model(ir.Model(graph, ir_version=10)).SerializeToString()
    (found,) = onnxruntime.InferenceSession(file).run(None, {"x": np.zeros(1, np.float32)})
    assert found.tolist() == [113.0]  # ((((1·2 + 2)·2 + 3)·2 + 4)·2 + 5)·2 - 1


def reads_the_second(net: Layers) -> None:
    net.end = net.node("Add", [net.end, net.outputs[1]], "net")


def gives_the_last(net: Layers) -> None:
    net.end = net.outputs[2]


def reads_two_layers_before(net: Layers) -> None:
    net.nodes[7].replace_input_with(0, net.outputs[0])


def takes_the_start(net: Layers) -> None:
    net.nodes[4].replace_input_with(0, net.start)


@pytest.mark.parametrize(
    "net",
    [
        pytest.param(lambda: Layers(times=(2, 2, 3)), id="another constant"),
        pytest.param(lambda: Layers(operators=("Add", "Add", "Sub")), id="another operator"),
        *(
            pytest.param(change, id=change.__name__)
            for change in (reads_the_second, gives_the_last, reads_two_layers_before, takes_the_start)
        ),
    ],
)
def test_layers_that_do_not_repeat_are_refused_and_the_graph_stays(net: Callable) -> None:
    made = net() if net.__name__ == "<lambda>" else Layers()
    if net.__name__ != "<lambda>":
        net(made)
    graph = made.graph()
    before = [(node.op_type, [value.name for value in node.inputs if value]) for node in graph]
    with pytest.raises(NotAlike):
        stretch(graph, "net.layers", 5)
    assert [(node.op_type, [value.name for value in node.inputs if value]) for node in graph] == before
    assert len(graph.initializers) == 3


def test_a_first_layer_of_its_own_is_no_hindrance() -> None:
    graph = Layers(times=(7, 2, 2), operators=("Sub", "Add", "Add")).graph()
    stretch(graph, "net.layers", 4)
    assert Counter(node.op_type for node in graph) == {"Constant": 4, "Sub": 2, "Add": 3, "Mul": 4}


def answers(model: Model, graph: ir.Model) -> np.ndarray:
    session = onnxruntime.InferenceSession(ir.serde.serialize_model(graph).SerializeToString())
    batch = shaped_batches(model.encoder, TEXTS)[1]
    named = model.inputs(batch.token_ids, batch.mask, batch.type_ids)
    return session.run(None, {name: value.numpy() for name, value in named.items()})[0]


def drawn(model: Model) -> ir.Model:
    with quiet():
        return trace(model, shaped_batches(model.encoder, TEXTS)[1])


def test_both_stacks_of_a_deep_model_are_traced_by_their_first_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    whole = _trace._traced

    def counted(module: torch.nn.Module, named: dict[str, torch.Tensor]) -> ir.Model:
        seen.append(sum(name.endswith("q_proj.weight") for name, _ in module.named_parameters()))
        return whole(module, named)  # type: ignore[arg-type]

    monkeypatch.setattr(_trace, "_TRACED", {})
    monkeypatch.setattr(_trace, "_traced", counted)
    model = tiny_model("bart", layers=4)
    before = model.text_logits(TEXTS)
    graph = drawn(model)
    assert seen == [9]  # self-attention of both, and what the decoder reads of the encoder
    assert (model.text_logits(TEXTS) == before).all()
    batch = shaped_batches(model.encoder, TEXTS)[1]
    expected = model.logits(batch.token_ids, batch.mask, batch.type_ids)
    assert np.abs(answers(model, graph) - np.asarray(expected)).max() < 1e-5


def test_the_graph_is_that_of_the_whole_model(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("bert", layers=4)
    monkeypatch.setattr(_trace, "_TRACED", {})
    by_layers = drawn(model)
    monkeypatch.setattr(_trace, "_TRACED", {})
    monkeypatch.setattr(_trace, "_drawn", _trace._traced)
    at_once = drawn(model)
    ours, theirs = (Counter(node.op_type for node in graph.graph) for graph in (by_layers, at_once))
    assert ours == theirs
    weights = [Counter(str(value.shape) for value in one.graph.initializers.values()) for one in (by_layers, at_once)]
    assert weights[0] == weights[1]
    np.testing.assert_array_equal(answers(model, by_layers), answers(model, at_once))
