"""Graphs written by hand: what onnxruntime computes from them, and what the format's own checker says."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from ganstyle.nn.onnx_graph import OPSET, GraphBuilder


def run(graph: GraphBuilder, **inputs: np.ndarray) -> list[np.ndarray]:
    return onnxruntime.InferenceSession(graph.to_bytes(), providers=["CPUExecutionProvider"]).run(None, inputs)


def test_inputs_constants_and_nodes_give_the_sum() -> None:
    graph = GraphBuilder("sum")
    total = graph.add("Add", graph.input("x", "float32", ["n"]), graph.constant(np.array([1, -2], np.float32)))
    graph.add("Neg", total, output="y")
    graph.output("y", "float32", ["n"])
    assert run(graph, x=np.array([10, 20], np.float32))[0].tolist() == [-11, -18]


def test_every_kind_of_attribute_arrives() -> None:
    graph = GraphBuilder("attributes")
    x = graph.input("x", "float32", [1, 1, "h", "w"])
    slope = graph.add("LeakyRelu", x, alpha=0.25)  # a float
    mean = graph.add("ReduceMean", slope, axes=[-2, -1], keepdims=0)  # negative numbers, a number
    frame = graph.constant(np.array([0, 0, 1, 0, 0, 0, 0, 2], np.int64))
    graph.add("Pad", slope, frame, mode="edge", output="padded")  # a text
    graph.add("Identity", mean, output="mean")
    graph.output("padded", "float32", [1, 1, "a", "b"])
    graph.output("mean", "float32", [1, 1])
    padded, average = run(graph, x=np.array([[[[-4.0, 2.0]]]], np.float32))
    assert padded[0, 0].tolist() == [[-1, 2, 2, 2]] * 2
    assert average.tolist() == [[0.5]]


def test_a_node_may_have_several_outputs_and_skip_optional_inputs() -> None:
    graph = GraphBuilder("several")
    x = graph.input("x", "int64", [4])
    first, second = graph.split("Split", x, outputs=["a", "b"], axis=0)
    graph.add("Clip", first, "", graph.constant(np.array(5, np.int64)), output="clipped")
    graph.output("clipped", "int64", [2])
    graph.output(second, "int64", [2])
    assert [part.tolist() for part in run(graph, x=np.array([4, 9, -1, 300]))] == [[4, 5], [-1, 300]]


@pytest.mark.parametrize("kind", ["float32", "float16", "uint8", "int32", "int64"])
def test_constants_keep_their_type_shape_and_values(kind: str) -> None:
    values = np.arange(6).reshape(2, 3).T.astype(kind)  # not contiguous
    graph = GraphBuilder("constant")
    graph.add("Identity", graph.constant(values), output="y")
    graph.output("y", kind, [3, 2])
    (found,) = run(graph)
    assert found.dtype == values.dtype
    assert np.array_equal(found, values)


def test_a_type_that_is_not_written_is_refused() -> None:
    with pytest.raises(KeyError):
        GraphBuilder("bad").constant(np.zeros(2, np.complex64))


def test_the_checker_of_the_format_agrees() -> None:
    onnx = pytest.importorskip("onnx")
    graph = GraphBuilder("checked")
    graph.add("Relu", graph.input("x", "float32", [1, "n"]), output="y")
    graph.output("y", "float32", [1, "n"])
    model = onnx.load_from_string(graph.to_bytes())
    onnx.checker.check_model(model, full_check=True)
    assert (model.graph.name, model.opset_import[0].version, model.producer_name) == ("checked", OPSET, "ganstyle")
    assert [side.dim_param for side in model.graph.input[0].type.tensor_type.shape.dim] == ["", "n"]


def test_equal_graphs_give_equal_bytes() -> None:
    def written() -> bytes:
        graph = GraphBuilder("same")
        graph.add("Add", graph.input("x", "float32", [1]), graph.constant(np.ones(300, np.float32)), output="y")
        graph.output("y", "float32", [300])
        return graph.to_bytes()

    assert written() == written()
