"""The nodes of the ONNX model; imports onnx, so only ``to_onnx_model`` imports this module."""

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

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
    return helper.make_model(
        helper.make_graph(nodes, "gru", inputs, outputs, initializers),
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
