"""The nodes of the ONNX model; imports onnx, so it is imported only when a model is made."""

import numpy as np
from onnx import (
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    helper,
    numpy_helper,
)

from gru_lib.quantisation import quantise_rows

OPSET = 17
IR_VERSION = 8


def make_model(
    layers: list[tuple[np.ndarray, np.ndarray, np.ndarray | None]],
    options: dict[str, int | bool],
    batch_first: bool,
    lengths: bool,
) -> ModelProto:
    """The whole model from W, R and B of each layer and the options of the GRU."""
    nodes, constants = _chain(layers, options, batch_first, lengths)
    hidden_size = options["hidden_size"]
    directions = 1 + options["bidirectional"]
    sequence = ["batch", "time"] if batch_first else ["time", "batch"]
    states = [options["num_layers"] * directions, "batch", hidden_size]
    inputs = [_float("input", [*sequence, options["input_size"]]), _float("h0", states)]
    if lengths:
        inputs.append(helper.make_tensor_value_info("lengths", TensorProto.INT32, ["batch"]))
    outputs = [_float("output", [*sequence, directions * hidden_size]), _float("h_n", states)]
    initializers = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    return _wrap(helper.make_graph(nodes, "gru", inputs, outputs, initializers))


def make_language_model(
    others: list[np.ndarray],
    layers: list[tuple[np.ndarray, np.ndarray, np.ndarray | None]],
    options: dict[str, int | bool],
    eight_bits: bool,
) -> ModelProto:
    """The whole model from embedding, output weight and bias, and W, R and B of each layer."""
    embedding, weight, bias = others
    nodes, constants = _chain(layers, options, batch_first=True, lengths=False)
    constants |= {"embedding": embedding, "output_weight": weight, "output_bias": bias}
    initializers, unpacking = [], []
    for name, array in constants.items():
        # rows of a matrix lie along its last axis but one: (directions, 3 H, width), (rows, width)
        if eight_bits and array.dtype == np.float32 and name[:2] != "B_" and array.ndim > 1:
            made, node = _in_eight_bits(name, array)
            initializers += made
            unpacking.append(node)
        else:
            initializers.append(numpy_helper.from_array(array, name))
    nodes = [
        *unpacking,
        helper.make_node("Gather", ["embedding", "codes"], ["input"]),
        *nodes,
        helper.make_node("Transpose", ["output_weight"], ["output_columns"], perm=[1, 0]),
        helper.make_node("MatMul", ["output", "output_columns"], ["sums"]),
        helper.make_node("Add", ["sums", "output_bias"], ["logits"]),
    ]
    states = [options["num_layers"], "batch", options["hidden_size"]]
    codes = helper.make_tensor_value_info("codes", TensorProto.INT64, ["batch", "time"])
    return _wrap(
        helper.make_graph(
            nodes,
            "language model",
            [codes, _float("h0", states)],
            [_float("logits", ["batch", "time", len(bias)]), _float("h_n", states)],
            initializers,
        )
    )


def _in_eight_bits(name: str, array: np.ndarray) -> tuple[list[TensorProto], NodeProto]:
    """Codes and scales of a matrix, and the node that makes the matrix of them."""
    rows = quantise_rows(array.reshape(-1, array.shape[-1]))
    constants = {f"{name}_codes": rows.codes.reshape(array.shape), f"{name}_scales": rows.scales}
    node = helper.make_node("DequantizeLinear", [*constants], [name], axis=array.ndim - 2)
    return [numpy_helper.from_array(value, key) for key, value in constants.items()], node


def _wrap(graph: GraphProto) -> ModelProto:
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="gru_lib",
    )


def _float(name: str, shape: list[str | int]) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _chain(
    layers: list[tuple[np.ndarray, np.ndarray, np.ndarray | None]],
    options: dict[str, int | bool],
    batch_first: bool,
    lengths: bool,
) -> tuple[list[NodeProto], dict[str, np.ndarray]]:
    """The nodes from ``input`` and ``h0`` to ``output`` and ``h_n``, and their constants."""
    # ONNX's GRU gives (time, directions, batch, hidden_size); PyTorch joins the last and directions
    width = (1 + options["bidirectional"]) * options["hidden_size"]
    constants = {"joined_shape": np.array([0, 0, width], dtype=np.int64)}  # 0: as it was
    numbers = range(len(layers))
    nodes = [helper.make_node("Split", ["h0"], [f"h0_l{k}" for k in numbers], axis=0)]
    below = "input"
    if batch_first:
        nodes.append(helper.make_node("Transpose", ["input"], ["time_first"], perm=[1, 0, 2]))
        below = "time_first"
    for k, arrays in enumerate(layers):
        names = [f"{letter}_l{k}" for letter in "WRB"]
        constants |= {n: a for n, a in zip(names, arrays, strict=True) if a is not None}
        parameters = [name if name in constants else "" for name in names]
        nodes += _layer(k, [below, *parameters, "lengths" if lengths else ""], options)
        below = f"output_l{k}"
    nodes.append(helper.make_node("Concat", [f"h_n_l{k}" for k in numbers], ["h_n"], axis=0))
    if batch_first:
        nodes.append(helper.make_node("Transpose", [below], ["output"], perm=[1, 0, 2]))
    else:
        nodes.append(helper.make_node("Identity", [below], ["output"]))
    return nodes, constants


def _layer(number: int, inputs: list[str], options: dict[str, int | bool]) -> list[NodeProto]:
    steps, turned = f"steps_l{number}", f"turned_l{number}"
    return [
        helper.make_node(
            "GRU",
            [*inputs, f"h0_l{number}"],
            [steps, f"h_n_l{number}"],
            hidden_size=options["hidden_size"],
            direction="bidirectional" if options["bidirectional"] else "forward",
            linear_before_reset=int(options["reset_after"]),
        ),
        helper.make_node("Transpose", [steps], [turned], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", [turned, "joined_shape"], [f"output_l{number}"]),
    ]
