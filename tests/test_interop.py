"""Conversions of weights: every direction is run in the other framework."""

import os
import re
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import onnx
import onnx.reference
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gru_lib import numpy_gru, torch_gru
from gru_lib.interop import (
    GRUWeights,
    from_keras,
    from_onnx,
    from_paper,
    to_keras,
    to_onnx,
    to_onnx_model,
    to_paper,
)

ROOT = Path(__file__).resolve().parents[1]
TIME, BATCH, INPUT, HIDDEN = 7, 3, 5, 4
FLOAT32 = {"rtol": 0, "atol": 1e-6}

# Keras's own conversion of PyTorch's tensors
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:keras")

both_resets = pytest.mark.parametrize("reset_after", [True, False])
both_biases = pytest.mark.parametrize("bias", [True, False])
both_ways = pytest.mark.parametrize("bidirectional", [True, False])


@pytest.fixture(scope="module")
def keras(tmp_path_factory):
    """Keras on PyTorch; importing it takes seconds, and it writes its settings to a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "torch")
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        import keras
    assert keras.backend.backend() == "torch"
    return keras


def draw_weights(
    reset_after=True,
    input_size=INPUT,
    hidden_size=HIDDEN,
    num_layers=1,
    bias=True,
    bidirectional=False,
    dtype=np.float32,
    seed=0,
):
    """Random weights under the names and with the shapes that PyTorch gives them."""
    rng = np.random.default_rng(seed)
    gru = torch.nn.GRU(input_size, hidden_size, num_layers, bias, bidirectional=bidirectional)
    state = {
        name: rng.uniform(-0.9, 0.9, size=tuple(value.shape)).astype(dtype)
        for name, value in gru.state_dict().items()
    }
    return GRUWeights(state, reset_after)


def draw_input(weights, batch=BATCH, time=TIME, seed=1):
    """Random x (time, batch, input_size) and h0 (layers * directions, batch, hidden_size)."""
    rng = np.random.default_rng(seed)
    states = weights.num_layers * (1 + weights.bidirectional)
    x = rng.normal(size=(time, batch, weights.input_size)).astype(np.float32)
    h0 = rng.uniform(-1, 1, size=(states, batch, weights.hidden_size)).astype(np.float32)
    return x, h0


# --- the two oracles: PyTorch, and the equations where PyTorch has no such layer ---------------


def run_torch(weights, x, h0):
    assert weights.reset_after
    options = {name: value for name, value in weights.options.items() if name != "reset_after"}
    gru = torch.nn.GRU(**options, dtype=torch.float64)
    state = {name: torch.from_numpy(array) for name, array in weights.state.items()}
    gru.load_state_dict(state, strict=True)
    with torch.no_grad():
        output, h_n = gru(torch.from_numpy(x).double(), torch.from_numpy(h0).double())
    return output.numpy(), h_n.numpy()


def logistic(a):
    return 1 / (1 + np.exp(-a))


def run_direction(state, end, reset_after, x, h):
    zeros = np.zeros(3 * h.shape[-1])
    w_r, w_z, w_n = np.split(state["weight_ih" + end].astype(np.float64), 3)
    u_r, u_z, u_n = np.split(state["weight_hh" + end].astype(np.float64), 3)
    b_r, b_z, b_n = np.split(state.get("bias_ih" + end, zeros).astype(np.float64), 3)
    c_r, c_z, c_n = np.split(state.get("bias_hh" + end, zeros).astype(np.float64), 3)
    outputs = []
    for x_t in x:
        r = logistic(x_t @ w_r.T + b_r + h @ u_r.T + c_r)
        z = logistic(x_t @ w_z.T + b_z + h @ u_z.T + c_z)
        past = r * (h @ u_n.T + c_n) if reset_after else (r * h) @ u_n.T + c_n
        h = (1 - z) * np.tanh(x_t @ w_n.T + b_n + past) + z * h
        outputs.append(h)
    return np.array(outputs), h


def run_equations(weights, x, h0):
    """canon.md's two forms in float64, layer by layer, direction by direction."""
    ends = ["", "_reverse"] if weights.bidirectional else [""]
    output, finals, h0 = x.astype(np.float64), [], list(h0.astype(np.float64))
    for layer in range(weights.num_layers):
        parts = []
        for end in ends:
            steps = output[::-1] if end else output
            part, final = run_direction(
                weights.state, f"_l{layer}{end}", weights.reset_after, steps, h0[len(finals)]
            )
            parts.append(part[::-1] if end else part)
            finals.append(final)
        output = np.concatenate(parts, axis=-1)
    return output, np.array(finals)


def run(weights, x, h0):
    return (run_torch if weights.reset_after else run_equations)(weights, x, h0)


@both_ways
@both_biases
@pytest.mark.parametrize("num_layers", [1, 3])
def test_the_equations_are_pytorchs_function(num_layers, bias, bidirectional):
    weights = draw_weights(num_layers=num_layers, bias=bias, bidirectional=bidirectional)
    x, h0 = draw_input(weights)
    for mine, its in zip(run_equations(weights, x, h0), run_torch(weights, x, h0), strict=True):
        np.testing.assert_allclose(mine, its, rtol=0, atol=1e-13)


def assert_same_run(got, weights, x, h0, **tolerance):
    expected = run(weights, x, h0)
    for mine, its, name in zip(got, expected, ["output", "h_n"], strict=True):
        assert mine.shape == its.shape, name
        np.testing.assert_allclose(mine, its, err_msg=name, **(tolerance or FLOAT32))


def assert_same_weights(got, expected):
    assert got.options == expected.options
    assert list(got.state) == list(expected.state)
    for name, array in expected.state.items():
        assert got.state[name].dtype == array.dtype, name
        np.testing.assert_array_equal(got.state[name], array, err_msg=name)


@both_resets
@both_ways
@both_biases
def test_the_librarys_gru_takes_the_options_and_the_state(reset_after, bidirectional, bias):
    weights = draw_weights(reset_after, num_layers=2, bias=bias, bidirectional=bidirectional)
    x, h0 = draw_input(weights)
    gru = numpy_gru.GRU(**weights.options)
    gru.load_state_dict(weights.state)
    assert_same_run(gru(x, h0), weights, x, h0)
    assert_same_weights(GRUWeights(gru.state_dict(), gru.reset_after), weights)


@both_resets
@both_ways
@both_biases
def test_the_librarys_torch_gru_takes_them_too(reset_after, bidirectional, bias):
    weights = draw_weights(reset_after, num_layers=2, bias=bias, bidirectional=bidirectional)
    x, h0 = draw_input(weights)
    gru = torch_gru.GRU(**weights.options)
    gru.load_state_dict({name: torch.from_numpy(a) for name, a in weights.state.items()})
    with torch.no_grad():
        output, h_n = gru(torch.from_numpy(x), torch.from_numpy(h0))
    assert_same_run((output.numpy(), h_n.numpy()), weights, x, h0)
    assert_same_weights(GRUWeights(gru.state_dict(), gru.reset_after), weights)


# --- Keras --------------------------------------------------------------------------------------


def keras_layers(keras, weights):
    """Keras layers of the right shape, built, with Keras's own random weights."""
    layers = []
    width = weights.input_size
    for _ in range(weights.num_layers):
        layer = keras.layers.GRU(
            weights.hidden_size,
            return_sequences=True,
            return_state=True,
            use_bias=weights.bias,
            reset_after=weights.reset_after,
            bias_initializer="random_normal",
        )
        if weights.bidirectional:
            layer = keras.layers.Bidirectional(layer)
        layer.build((None, None, width))
        layers.append(layer)
        width = weights.hidden_size * (1 + weights.bidirectional)
    return layers


def run_keras(layers, x, h0):
    each = len(h0) // len(layers)
    output, finals = torch.from_numpy(x.swapaxes(0, 1).copy()), []
    with torch.no_grad():
        for number, layer in enumerate(layers):
            first = [torch.from_numpy(h) for h in h0[number * each : (number + 1) * each]]
            output, *states = layer(output, initial_state=first)
            finals += [state.numpy() for state in states]
    return output.numpy().swapaxes(0, 1), np.array(finals)


@both_resets
@both_ways
@both_biases
@pytest.mark.parametrize("num_layers", [1, 2])
def test_keras_runs_what_to_keras_gives(keras, reset_after, bidirectional, bias, num_layers):
    weights = draw_weights(
        reset_after, num_layers=num_layers, bias=bias, bidirectional=bidirectional
    )
    x, h0 = draw_input(weights)
    layers = keras_layers(keras, weights)
    for layer, arrays in zip(layers, to_keras(weights), strict=True):
        layer.set_weights(arrays)
    assert_same_run(run_keras(layers, x, h0), weights, x, h0)


@both_resets
@both_ways
@both_biases
@pytest.mark.parametrize("num_layers", [1, 2])
def test_from_keras_gives_what_keras_runs(keras, reset_after, bidirectional, bias, num_layers):
    wanted = draw_weights(
        reset_after, num_layers=num_layers, bias=bias, bidirectional=bidirectional
    )
    keras.utils.set_random_seed(0)
    layers = keras_layers(keras, wanted)
    arrays = [layer.get_weights() for layer in layers]
    weights = from_keras(
        *arrays, bidirectional=bidirectional, reset_after=None if bias else reset_after
    )
    assert weights.options == wanted.options
    x, h0 = draw_input(weights)
    assert_same_run(run_keras(layers, x, h0), weights, x, h0)

    back = to_keras(weights)
    for layer, arrays_of_layer in zip(back, arrays, strict=True):
        for mine, its in zip(layer, arrays_of_layer, strict=True):
            assert mine.dtype == its.dtype
            np.testing.assert_array_equal(mine, its)


def test_a_merged_bias_is_the_same_function_and_pytorchs_two_do_not_merge():
    weights = draw_weights(reset_after=False, dtype=np.float64)
    x, h0 = draw_input(weights)
    merged = from_keras(*to_keras(weights))
    assert_same_run(run_equations(merged, x, h0), weights, x, h0, rtol=0, atol=1e-14)

    after = GRUWeights(weights.state, reset_after=True)
    state = dict(after.state)
    state["bias_ih_l0"] = state["bias_ih_l0"] + state["bias_hh_l0"]
    state["bias_hh_l0"] = np.zeros_like(state["bias_hh_l0"])
    wrong, _ = run_equations(GRUWeights(state, reset_after=True), x, h0)
    assert np.abs(wrong - run_equations(after, x, h0)[0]).max() > 0.05


@pytest.mark.parametrize("convert", ["Keras", "the papers"])
def test_one_bias_becomes_bias_ih(convert):
    if convert == "Keras":
        [arrays] = to_keras(draw_weights(reset_after=False))
        z, r, n = np.split(arrays[2], 3)
        weights = from_keras(arrays)
    else:
        paper = draw_paper()
        r, z, n = paper["b_r"], paper["b_z"], paper["b"]
        weights = from_paper(**paper, update_gate="keep")
    np.testing.assert_array_equal(weights.state["bias_ih_l0"], np.concatenate([r, z, n]))
    assert not weights.state["bias_hh_l0"].any()


def test_the_default_of_keras_is_reset_after(keras):
    """Keras's docstring says otherwise; from_keras's docstring says this."""
    layer = keras.layers.GRU(HIDDEN)
    layer.build((None, None, INPUT))
    assert layer.reset_after
    assert from_keras(layer.get_weights()).reset_after


@both_resets
def test_given_reset_after_may_agree_with_the_bias(reset_after):
    [arrays] = to_keras(draw_weights(reset_after))
    assert from_keras(arrays, reset_after=reset_after).reset_after is reset_after
    assert from_keras(tuple(arrays), reset_after=np.bool_(reset_after)).reset_after is reset_after


# --- ONNX ---------------------------------------------------------------------------------------


def onnx_node(layer, linear_before_reset):
    """A model of one GRU node, written here from the operator's specification."""
    w, r, b = layer
    helper, kind = onnx.helper, onnx.helper.np_dtype_to_tensor_dtype(w.dtype)
    names = ["X", "W", "R", "B" if b is not None else "", "", "initial_h"]
    node = helper.make_node(
        "GRU",
        names,
        ["Y", "Y_h"],
        hidden_size=r.shape[2],
        direction="forward" if len(w) == 1 else "bidirectional",
        linear_before_reset=linear_before_reset,
    )
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info(name, kind, [None] * 3) for name in ("X", "initial_h")],
        [
            helper.make_tensor_value_info("Y", kind, [None] * 4),
            helper.make_tensor_value_info("Y_h", kind, [None] * 3),
        ],
        [
            onnx.numpy_helper.from_array(array, name)
            for name, array in zip("WRB", layer, strict=True)
            if array is not None
        ],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


def run_nodes(layers, linear_before_reset, x, h0, start):
    """Chain one-node models; ``start`` makes something with ``run`` from a model."""
    output, finals = x, []
    for number, layer in enumerate(layers):
        directions = len(layer[0])
        first = h0[number * directions : (number + 1) * directions]
        steps, final = start(onnx_node(layer, linear_before_reset)).run(
            None, {"X": output, "initial_h": first}
        )
        output = np.concatenate(list(steps.swapaxes(0, 1)), axis=-1)
        finals.append(final)
    return output, np.concatenate(finals)


def session(model):
    onnx.checker.check_model(model, full_check=True)
    return onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )


RUNTIMES = {"onnxruntime": session, "the reference": onnx.reference.ReferenceEvaluator}


@pytest.mark.parametrize("runtime", RUNTIMES)
@both_resets
@both_ways
@both_biases
@pytest.mark.parametrize("num_layers", [1, 2])
def test_onnx_runs_what_to_onnx_gives(runtime, reset_after, bidirectional, bias, num_layers):
    weights = draw_weights(
        reset_after, num_layers=num_layers, bias=bias, bidirectional=bidirectional
    )
    x, h0 = draw_input(weights)
    got = run_nodes(to_onnx(weights), int(reset_after), x, h0, RUNTIMES[runtime])
    assert_same_run(got, weights, x, h0)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("linear_before_reset", [0, 1])
@pytest.mark.parametrize("directions", [1, 2])
@both_biases
def test_from_onnx_gives_what_onnx_runs(runtime, linear_before_reset, directions, bias):
    rng = np.random.default_rng(2)

    def draw(*shape):
        return rng.uniform(-0.9, 0.9, size=(directions, *shape)).astype(np.float32)

    layers = [
        (
            draw(3 * HIDDEN, width),
            draw(3 * HIDDEN, HIDDEN),
            draw(6 * HIDDEN) if bias else None,
        )
        for width in (INPUT, directions * HIDDEN)
    ]
    weights = from_onnx(*layers, linear_before_reset=linear_before_reset)
    assert weights.options == {
        "input_size": INPUT,
        "hidden_size": HIDDEN,
        "num_layers": 2,
        "bias": bias,
        "bidirectional": directions == 2,
        "reset_after": linear_before_reset == 1,
    }
    x, h0 = draw_input(weights)
    got = run_nodes(layers, linear_before_reset, x, h0, RUNTIMES[runtime])
    assert_same_run(got, weights, x, h0)

    for back, layer in zip(to_onnx(weights), layers, strict=True):
        for mine, its in zip(back, layer, strict=True):
            np.testing.assert_array_equal(mine, its)


@both_resets
@both_ways
@pytest.mark.parametrize(("num_layers", "bias"), [(1, True), (1, False), (3, True)])
@pytest.mark.parametrize("batch_first", [True, False])
def test_the_onnx_model_is_the_gru(reset_after, bidirectional, num_layers, bias, batch_first):
    weights = draw_weights(
        reset_after, num_layers=num_layers, bias=bias, bidirectional=bidirectional
    )
    model = session(to_onnx_model(weights, batch_first=batch_first))
    for batch, time in ((3, 7), (1, 1), (2, 20)):  # one model, any size
        x, h0 = draw_input(weights, batch, time)
        feed = {"input": x.swapaxes(0, 1) if batch_first else x, "h0": h0}
        output, h_n = model.run(["output", "h_n"], feed)
        output = output.swapaxes(0, 1) if batch_first else output
        assert_same_run((output, h_n), weights, x, h0)


def test_the_onnx_model_names_its_inputs_and_outputs():
    weights = draw_weights(num_layers=2, bidirectional=True)

    def described(values):
        return {value.name: (value.type, value.shape) for value in values}

    model = session(to_onnx_model(weights, batch_first=True, lengths=True))
    assert described(model.get_inputs()) == {
        "input": ("tensor(float)", ["batch", "time", INPUT]),
        "h0": ("tensor(float)", [4, "batch", HIDDEN]),
        "lengths": ("tensor(int32)", ["batch"]),
    }
    assert described(model.get_outputs()) == {
        "output": ("tensor(float)", ["batch", "time", 2 * HIDDEN]),
        "h_n": ("tensor(float)", [4, "batch", HIDDEN]),
    }
    assert [value.name for value in session(to_onnx_model(weights)).get_inputs()] == ["input", "h0"]


@both_resets
@both_ways
def test_lengths_of_the_onnx_model(reset_after, bidirectional):
    weights = draw_weights(reset_after, num_layers=2, bidirectional=bidirectional)
    x, h0 = draw_input(weights)
    lengths = np.array([4, TIME, 1], dtype=np.int32)
    model = session(to_onnx_model(weights, lengths=True))
    output, h_n = model.run(["output", "h_n"], {"input": x, "h0": h0, "lengths": lengths})
    for i, length in enumerate(lengths):
        alone = (output[:length, i : i + 1], h_n[:, i : i + 1])
        assert_same_run(alone, weights, x[:length, i : i + 1], h0[:, i : i + 1])
        assert not output[length:, i].any()


def test_the_onnx_model_goes_on_from_its_last_state():
    weights = draw_weights(num_layers=2)
    x, h0 = draw_input(weights)
    model = session(to_onnx_model(weights))
    outputs, h_n = [], h0
    for step in x:
        output, h_n = model.run(["output", "h_n"], {"input": step[None], "h0": h_n})
        outputs.append(output)
    assert_same_run((np.concatenate(outputs), h_n), weights, x, h0)


def test_the_onnx_model_runs_where_older_runtimes_are():
    model = to_onnx_model(draw_weights())
    assert (model.ir_version, model.opset_import[0].version) == (8, 17)
    assert len(model.opset_import) == 1


# --- the papers ---------------------------------------------------------------------------------


def draw_paper(bias=True, dtype=np.float64, seed=3):
    rng = np.random.default_rng(seed)
    shapes = {"w": (HIDDEN, INPUT), "u": (HIDDEN, HIDDEN)} | ({"b": (HIDDEN,)} if bias else {})
    return {
        name + gate: rng.uniform(-0.9, 0.9, size=shape).astype(dtype)
        for name, shape in shapes.items()
        for gate in ("_r", "_z", "")
    }


def run_paper(p, update_gate, x, h):
    """Cho et al. (2014) and Chung et al. (2014), one column vector at a time."""
    b_r, b_z, b = (p.get(name, np.zeros(HIDDEN)) for name in ("b_r", "b_z", "b"))
    states = []
    for x_t in x:
        r = logistic(p["w_r"] @ x_t + p["u_r"] @ h + b_r)
        z = logistic(p["w_z"] @ x_t + p["u_z"] @ h + b_z)
        candidate = np.tanh(p["w"] @ x_t + p["u"] @ (r * h) + b)
        kept = z if update_gate == "keep" else 1 - z
        h = kept * h + (1 - kept) * candidate
        states.append(h)
    return np.array(states)


@pytest.mark.parametrize("update_gate", ["keep", "replace"])
@both_biases
def test_from_paper_gives_the_papers_function(update_gate, bias):
    paper = draw_paper(bias)
    weights = from_paper(**paper, update_gate=update_gate)
    assert weights.options["bias"] is bias
    assert weights.reset_after is False
    x, h0 = (array.astype(np.float64) for array in draw_input(weights, batch=1))
    output, _ = run_equations(weights, x, h0)
    expected = run_paper(paper, update_gate, x[:, 0], h0[0, 0])
    np.testing.assert_allclose(output[:, 0], expected, rtol=0, atol=1e-14)

    back = to_paper(weights, update_gate=update_gate)
    assert back.keys() == paper.keys()
    for name, array in paper.items():
        np.testing.assert_array_equal(back[name], array, err_msg=name)
        assert back[name].dtype == array.dtype


@pytest.mark.parametrize("update_gate", ["keep", "replace"])
def test_to_paper_gives_the_papers_function_of_pytorchs_two_biases(update_gate):
    weights = draw_weights(reset_after=False, dtype=np.float64)
    x, h0 = (array.astype(np.float64) for array in draw_input(weights, batch=1))
    paper = to_paper(weights, update_gate=update_gate)
    got = run_paper(paper, update_gate, x[:, 0], h0[0, 0])
    np.testing.assert_allclose(got, run_equations(weights, x, h0)[0][:, 0], rtol=0, atol=1e-14)


@pytest.mark.parametrize("update_gate", ["keep", "replace"])
def test_a_paper_runs_in_keras_and_onnx(keras, update_gate):
    paper = draw_paper(dtype=np.float32)
    weights = from_paper(**paper, update_gate=update_gate)
    x, h0 = draw_input(weights, batch=1)
    expected = run_paper(paper, update_gate, x[:, 0], h0[0, 0])

    layers = keras_layers(keras, weights)
    layers[0].set_weights(to_keras(weights)[0])
    in_keras, _ = run_keras(layers, x, h0)
    [in_onnx] = session(to_onnx_model(weights)).run(["output"], {"input": x, "h0": h0})
    np.testing.assert_allclose(in_keras[:, 0], expected, **FLOAT32)
    np.testing.assert_allclose(in_onnx[:, 0], expected, **FLOAT32)


# --- mistakes that raise no error: the docstrings say that they change the outputs by over 0.1 ---


def change(wrong, right):
    x, h0 = draw_input(right)
    return np.abs(run_equations(wrong, x, h0)[0] - run_equations(right, x, h0)[0]).max()


@pytest.mark.parametrize("seed", range(5))
def test_chunks_left_in_pytorchs_order(seed):
    right = draw_weights(seed=seed)
    arrays = [right.state["weight_ih_l0"].T, right.state["weight_hh_l0"].T]
    arrays.append(np.stack([right.state["bias_ih_l0"], right.state["bias_hh_l0"]]))
    assert change(from_keras(arrays), right) > 0.1
    layer = (
        right.state["weight_ih_l0"][None],
        right.state["weight_hh_l0"][None],
        np.concatenate([right.state["bias_ih_l0"], right.state["bias_hh_l0"]])[None],
    )
    assert change(from_onnx(layer, linear_before_reset=1), right) > 0.1


@pytest.mark.parametrize("seed", range(5))
def test_linear_before_reset_forgotten(seed):
    right = draw_weights(seed=seed)
    wrong = from_onnx(*to_onnx(right), linear_before_reset=0)
    for name, array in right.state.items():
        np.testing.assert_array_equal(wrong.state[name], array)  # no array tells
    assert change(wrong, right) > 0.1


@pytest.mark.parametrize("seed", range(5))
def test_the_other_meaning_of_the_update_gate(seed):
    paper = draw_paper(seed=seed)
    right = from_paper(**paper, update_gate="replace")
    assert change(from_paper(**paper, update_gate="keep"), right) > 0.1


def test_pytorchs_own_gru_refuses_the_option_that_it_cannot_compute():
    with pytest.raises(TypeError, match="reset_after"):
        torch.nn.GRU(**draw_weights(reset_after=False).options)


# --- properties of all conversions --------------------------------------------------------------

shapes = st.fixed_dictionaries(
    {
        "input_size": st.integers(1, 6),
        "hidden_size": st.integers(1, 6),
        "num_layers": st.integers(1, 3),
        "bias": st.booleans(),
        "bidirectional": st.booleans(),
        "dtype": st.sampled_from([np.float32, np.float64]),
        "seed": st.integers(0, 99),
    }
)


@settings(max_examples=60, deadline=None)
@given(shapes, st.booleans())
def test_round_trips_are_exact(shape, reset_after):
    weights = draw_weights(reset_after, **shape)
    assert_same_weights(from_onnx(*to_onnx(weights), linear_before_reset=reset_after), weights)
    if reset_after or not weights.bias:
        arrays = to_keras(weights)
        back = from_keras(*arrays, reset_after=reset_after, bidirectional=weights.bidirectional)
        assert_same_weights(back, weights)


@settings(max_examples=60, deadline=None)
@given(shapes, st.booleans(), st.sampled_from(["keep", "replace"]))
def test_results_are_contiguous_writable_and_no_views(shape, reset_after, update_gate):
    weights = draw_weights(reset_after, **shape)
    results = [array for layer in to_keras(weights) for array in layer]
    results += [array for layer in to_onnx(weights) for array in layer if array is not None]
    if not reset_after and weights.num_layers == 1 and not weights.bidirectional:
        results += to_paper(weights, update_gate=update_gate).values()
    for array in results:
        assert array.dtype == shape["dtype"]
        assert array.flags.c_contiguous and array.flags.writeable
        assert not any(np.shares_memory(array, own) for own in weights.state.values())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_reading_copies_and_changes_nothing(dtype):
    weights = draw_weights(bidirectional=True, dtype=dtype)
    [keras_arrays], [onnx_arrays] = to_keras(weights), to_onnx(weights)
    paper = draw_paper(dtype=dtype)
    for given_arrays, convert in (
        (list(weights.state.values()), lambda: GRUWeights(weights.state, reset_after=True)),
        (keras_arrays, lambda: from_keras(keras_arrays, bidirectional=True)),
        (onnx_arrays, lambda: from_onnx(onnx_arrays, linear_before_reset=1)),
        (list(paper.values()), lambda: from_paper(**paper, update_gate="replace")),
    ):
        before = [array.copy() for array in given_arrays]
        state = convert().state
        for array in state.values():
            assert array.dtype == dtype
            assert array.flags.c_contiguous and array.flags.writeable
            assert not any(np.shares_memory(array, own) for own in given_arrays)
            array[:] = 0
        for array, copy in zip(given_arrays, before, strict=True):
            np.testing.assert_array_equal(array, copy)


def test_weights_of_pytorch_modules_are_read_and_copied():
    gru = torch.nn.GRU(INPUT, HIDDEN, num_layers=2, bidirectional=True)
    weights = GRUWeights(gru.state_dict(), reset_after=True)
    in_training = GRUWeights(dict(gru.named_parameters()), reset_after=True)
    assert_same_weights(in_training, weights)
    assert list(weights.state) == list(gru.state_dict())
    for name, tensor in gru.state_dict().items():
        np.testing.assert_array_equal(weights.state[name], tensor.numpy())
        tensor.zero_()
        assert weights.state[name].any()


def test_weights_say_what_they_are_and_keep_pytorchs_order_of_names():
    weights = draw_weights(reset_after=False, num_layers=2)
    assert repr(weights) == (
        "GRUWeights(input_size=5, hidden_size=4, num_layers=2, bias=True, "
        "bidirectional=False, reset_after=False)"
    )
    backwards = OrderedDict(reversed(weights.state.items()))
    assert_same_weights(GRUWeights(backwards, reset_after=np.False_), weights)


# --- bad arguments ------------------------------------------------------------------------------


def raises(kind, message):
    return pytest.raises(kind, match=re.escape(message))


def state_with(changes, **options):
    """A good state with some entries replaced, added, or (None) removed."""
    state = {**draw_weights(**options).state, **changes}
    return {name: array for name, array in state.items() if array is not None}


def zeros(*shape, dtype=np.float32):
    return np.zeros(shape, dtype=dtype)


@pytest.mark.parametrize(
    ("state", "kind", "message"),
    [
        (3, TypeError, "state is a int; expected a mapping, a state_dict"),
        ({}, ValueError, "state has the names []; expected those of torch.nn.GRU's state_dict"),
        (
            {"encoder.weight_ih_l0": zeros(12, 5), "encoder.weight_hh_l0": zeros(12, 4)},
            ValueError,
            "state has the names ['encoder.weight_hh_l0', 'encoder.weight_ih_l0']; expected",
        ),
        (state_with({"weight_hh_l0": None}), ValueError, "weight_ih_l0, weight_hh_l0 and so on"),
        (
            state_with({"bias_hh_l0": None}),
            ValueError,
            "state: missing names: ['bias_hh_l0']; unexpected names: []",
        ),
        (
            state_with({"bias_hh_l1": None}, num_layers=2),
            ValueError,
            "state: missing names: ['bias_hh_l1']; unexpected names: []",
        ),
        (
            state_with({"weight_hr_l0": zeros(2, 4)}),
            ValueError,
            "state: missing names: []; unexpected names: ['weight_hr_l0']",
        ),
        (
            state_with({"weight_ih_l2": zeros(12, 4)}),
            ValueError,
            "state: missing names: []; unexpected names: ['weight_ih_l2']",
        ),
        (
            state_with({"weight_hh_l0": zeros(16, 4)}),
            ValueError,
            "weight_hh_l0 has shape (16, 4) (4 * hidden_size is what an LSTM has); "
            "expected (3 * hidden_size, hidden_size)",
        ),
        (
            state_with({"weight_hh_l0": zeros(4, 4)}),
            ValueError,
            "weight_hh_l0 has shape (4, 4) (1 * hidden_size is what a plain RNN has); expected",
        ),
        (
            state_with({"weight_hh_l0": zeros(4, 12)}),
            ValueError,
            "weight_hh_l0 has shape (4, 12); expected (3 * hidden_size, hidden_size)",
        ),
        (
            state_with({"weight_hh_l0": zeros(12)}),
            ValueError,
            "weight_hh_l0 has shape (12,); expected (3 * hidden_size, hidden_size)",
        ),
        (
            state_with({"weight_ih_l0": zeros(12)}),
            ValueError,
            "weight_ih_l0 has shape (12,); expected (3 * hidden_size, input_size)",
        ),
        (
            state_with({"weight_ih_l0": zeros(12, 0)}),
            ValueError,
            "weight_ih_l0 has shape (12, 0); expected (3 * hidden_size, input_size), none of "
            "them 0",
        ),
        (
            state_with({"weight_ih_l0": zeros(5, 12)}),
            ValueError,
            "weight_ih_l0 has shape (5, 12); for input_size=12 and hidden_size=4 expected (12, 12)",
        ),
        (
            state_with({"bias_hh_l0": zeros(4)}),
            ValueError,
            "bias_hh_l0 has shape (4,); for input_size=5 and hidden_size=4 expected (12,)",
        ),
        (
            state_with({"weight_ih_l1": zeros(12, 4)}, num_layers=2, bidirectional=True),
            ValueError,
            "weight_ih_l1 has shape (12, 4); for input_size=5 and hidden_size=4 expected (12, 8)",
        ),
        (
            state_with({"bias_hh_l0": np.full(12, np.nan, np.float32)}),
            ValueError,
            "bias_hh_l0 holds NaN or infinity in 12 of 12 entries",
        ),
        (
            state_with({"bias_hh_l0": np.array([np.inf] + 11 * [0], np.float32)}),
            ValueError,
            "bias_hh_l0 holds NaN or infinity in 1 of 12 entries",
        ),
        (
            state_with({"bias_hh_l0": zeros(12, dtype=np.float64)}),
            TypeError,
            "bias_hh_l0 has dtype float64, weight_ih_l0 has float32; expected one dtype for all",
        ),
        (
            state_with({"bias_hh_l0": zeros(12, dtype=np.float16)}),
            TypeError,
            "bias_hh_l0: dtype is float16; expected float32 or float64",
        ),
        (
            state_with({"bias_hh_l0": zeros(12, dtype=np.int64)}),
            TypeError,
            "bias_hh_l0: dtype is int64; expected float32 or float64",
        ),
        (
            state_with({"bias_hh_l0": torch.zeros(12, dtype=torch.bfloat16)}),
            TypeError,
            "bias_hh_l0 cannot be read as a NumPy array: ",
        ),
        (
            state_with({"bias_hh_l0": [[1.0], [1.0, 2.0]]}),
            TypeError,
            "bias_hh_l0 cannot be read as a NumPy array: ",
        ),
    ],
)
def test_bad_state(state, kind, message):
    with raises(kind, message):
        GRUWeights(state, reset_after=True)


@pytest.mark.parametrize("value", [1, None, "True"])
def test_bad_flags(value):
    weights = draw_weights()
    [arrays] = to_keras(weights)
    with raises(TypeError, f"reset_after is {value!r}; expected True or False"):
        GRUWeights(weights.state, reset_after=value)
    with raises(TypeError, f"bidirectional is {value!r}; expected True or False"):
        from_keras(arrays, bidirectional=value)
    for name in ("batch_first", "lengths"):
        with raises(TypeError, f"{name} is {value!r}; expected True or False"):
            to_onnx_model(weights, **{name: value})
    if value is not None:
        with raises(TypeError, f"reset_after is {value!r}; expected True or False"):
            from_keras(arrays, reset_after=value)


@pytest.mark.parametrize(
    "convert", [to_keras, to_onnx, to_onnx_model, lambda w: to_paper(w, update_gate="keep")]
)
def test_weights_without_the_flag_are_refused(convert):
    with raises(TypeError, "weights is a dict; expected GRUWeights(state_dict, reset_after="):
        convert(draw_weights().state)


KERNEL, RECURRENT = zeros(INPUT, 12), zeros(4, 12)
TWO, ONE = zeros(2, 12), zeros(12)


@pytest.mark.parametrize(
    ("layers", "options", "kind", "message"),
    [
        ([], {}, TypeError, "from_keras needs at least one layer"),
        (
            [KERNEL, RECURRENT, TWO],
            {},
            TypeError,
            "layer 0 is a ndarray; expected the list that layer.get_weights() returns",
        ),
        ([[]], {}, ValueError, "layer 0 has 0 arrays; expected 2 or 3 with bidirectional=False"),
        (
            [2 * [KERNEL, RECURRENT, TWO]],
            {},
            ValueError,
            "layer 0 has 6 arrays; expected 2 or 3 with bidirectional=False: kernel, "
            "recurrent_kernel and, with use_bias, bias for each direction (give stacked layers "
            "one by one)",
        ),
        (
            [[KERNEL, RECURRENT, TWO]],
            {"bidirectional": True},
            ValueError,
            "layer 0 has 3 arrays; expected 4 or 6 with bidirectional=True",
        ),
        (
            [[KERNEL, RECURRENT, TWO, KERNEL, RECURRENT]],
            {"bidirectional": True},
            ValueError,
            "layer 0 has 5 arrays; expected 4 or 6",
        ),
        (
            [[KERNEL, RECURRENT, ONE]],
            {"reset_after": True},
            ValueError,
            "a bias of layer 0 has shape (12,), which belongs to reset_after=False; "
            "reset_after=True was given",
        ),
        (
            [[KERNEL, RECURRENT, TWO]],
            {"reset_after": False},
            ValueError,
            "a bias of layer 0 has shape (2, 12), which belongs to reset_after=True; "
            "reset_after=False was given",
        ),
        (
            [[KERNEL, RECURRENT, TWO], [RECURRENT, RECURRENT, ONE]],
            {},
            ValueError,
            "a bias of layer 1 has shape (12,), which belongs to reset_after=False; "
            "reset_after=True was told by the first bias",
        ),
        (
            [[KERNEL, RECURRENT]],
            {},
            ValueError,
            "reset_after is not given and there is no bias whose shape tells it; "
            "pass reset_after=layer.reset_after",
        ),
        (
            [[zeros(5, 16), zeros(4, 16), zeros(16)]],
            {},
            ValueError,
            "recurrent_kernel of layer 0 has shape (4, 16) (4 * hidden_size is what an LSTM has); "
            "expected (hidden_size, 3 * hidden_size)",
        ),
        (
            [[zeros(5, 4), zeros(4, 4), zeros(4)]],
            {},
            ValueError,
            "recurrent_kernel of layer 0 has shape (4, 4) (1 * hidden_size is what a plain RNN "
            "has); expected",
        ),
        (
            [[RECURRENT, KERNEL, TWO]],
            {},
            ValueError,
            "recurrent_kernel of layer 0 has shape (5, 12); expected (hidden_size, 3 * "
            "hidden_size) (get_weights() gives kernel, recurrent_kernel, bias in this order)",
        ),
        (
            [[KERNEL, TWO, RECURRENT]],
            {},
            ValueError,
            "recurrent_kernel of layer 0 has shape (2, 12); expected",
        ),
        (
            [[KERNEL.T, RECURRENT, TWO]],
            {},
            ValueError,
            "kernel of layer 0 has shape (12, 5); for hidden_size=4, which recurrent_kernel has, "
            "expected (12, 12)",
        ),
        (
            [[zeros(12), RECURRENT, TWO]],
            {},
            ValueError,
            "kernel of layer 0 has shape (12,); expected (input_size, 3 * hidden_size)",
        ),
        (
            [[KERNEL, zeros(12), TWO]],
            {},
            ValueError,
            "recurrent_kernel of layer 0 has shape (12,); expected (hidden_size, 3 * hidden_size)",
        ),
        (
            [[KERNEL, RECURRENT, zeros(24)]],
            {},
            ValueError,
            "bias of layer 0 has shape (24,) (the old CuDNNGRU has this); for hidden_size=4 "
            "expected (2, 12), with reset_after=True, or (12,), with reset_after=False",
        ),
        (
            [[KERNEL, RECURRENT, zeros(12, 2)]],
            {},
            ValueError,
            "bias of layer 0 has shape (12, 2); for hidden_size=4 expected",
        ),
        (
            [[KERNEL, RECURRENT, TWO, KERNEL, RECURRENT, zeros(4)]],
            {"bidirectional": True},
            ValueError,
            "bias of layer 0, backward has shape (4,); for hidden_size=4 expected",
        ),
        (
            [[KERNEL, RECURRENT, zeros(2, 12, dtype=np.float64)]],
            {},
            TypeError,
            "bias of layer 0 has dtype float64, kernel of layer 0 has float32",
        ),
        (
            [[KERNEL, RECURRENT, np.full((2, 12), np.nan)]],
            {},
            ValueError,
            "bias of layer 0 holds NaN or infinity in 24 of 24 entries",
        ),
        (
            [[KERNEL, RECURRENT, TWO], [RECURRENT, RECURRENT]],
            {},
            ValueError,
            "layer 1: a bias is there in some places and missing in others",
        ),
        (
            [[KERNEL, RECURRENT, TWO], [KERNEL, RECURRENT, TWO]],
            {},
            ValueError,
            "layer 1 takes inputs of size 5; expected 4, the size of the output of layer 0",
        ),
        (
            [2 * [KERNEL, RECURRENT, TWO], 2 * [RECURRENT, RECURRENT, TWO]],
            {"bidirectional": True},
            ValueError,
            "layer 1 takes inputs of size 4; expected 8, the size of the output of layer 0",
        ),
        (
            [[KERNEL, RECURRENT, TWO, RECURRENT, RECURRENT, TWO]],
            {"bidirectional": True},
            ValueError,
            "layer 0 takes inputs of size 4; expected 5, the size of the first direction",
        ),
        (
            [[KERNEL, RECURRENT, TWO], [zeros(4, 18), zeros(6, 18), zeros(2, 18)]],
            {},
            ValueError,
            "layer 1 has hidden_size 6; expected 4, as in the first direction of layer 0",
        ),
    ],
)
def test_bad_keras_weights(layers, options, kind, message):
    with raises(kind, message):
        from_keras(*layers, **options)


W, R, B = zeros(1, 12, INPUT), zeros(1, 12, 4), zeros(1, 24)


@pytest.mark.parametrize(
    ("layers", "kind", "message"),
    [
        ([], TypeError, "from_onnx needs at least one layer"),
        ([W], TypeError, "layer 0 is a ndarray; expected a tuple (W, R) or (W, R, B)"),
        ([(W,)], ValueError, "layer 0 has 1 arrays; expected 2 or 3, (W, R) or (W, R, B)"),
        ([(W, R, B, B)], ValueError, "layer 0 has 4 arrays; expected 2 or 3"),
        (
            [(zeros(1, 16, 5), zeros(1, 16, 4), zeros(1, 32))],
            ValueError,
            "R of layer 0 has shape (1, 16, 4) (4 * hidden_size is what an LSTM has); expected "
            "(directions, 3 * hidden_size, hidden_size)",
        ),
        ([(R, W, B)], ValueError, "R of layer 0 has shape (1, 12, 5); expected (directions, 3 *"),
        ([(W[0], R[0], B[0])], ValueError, "R of layer 0 has shape (12, 4); expected (directions"),
        ([(W[0], R)], ValueError, "W of layer 0 has shape (12, 5); expected (directions, 3 * hid"),
        (
            [(zeros(3, 12, 5), zeros(3, 12, 4))],
            ValueError,
            "R of layer 0 has shape (3, 12, 4); expected 1 or 2 directions",
        ),
        (
            [(zeros(2, 12, 5), R)],
            ValueError,
            "W of layer 0 has shape (2, 12, 5); for R of shape (1, 12, 4) expected (1, 12, 5)",
        ),
        (
            [(zeros(1, 5, 12), R)],
            ValueError,
            "W of layer 0 has shape (1, 5, 12); for R of shape (1, 12, 4) expected (1, 12, 12)",
        ),
        (
            [(W, R, zeros(1, 12))],
            ValueError,
            "B of layer 0 has shape (1, 12); for R of shape (1, 12, 4) expected (1, 24)",
        ),
        ([(W, R, B[0])], ValueError, "B of layer 0 has shape (24,); for R of shape (1, 12, 4)"),
        ([(W, R, B), (R, R)], ValueError, "layer 1: a bias is there in some places and missing"),
        (
            [(W, R), (zeros(2, 12, 4), zeros(2, 12, 4))],
            ValueError,
            "layer 1 has 2 direction(s), layer 0 has 1; expected the same in all layers",
        ),
        ([(W, R), (W, R)], ValueError, "layer 1 takes inputs of size 5; expected 4, the size of"),
        ([(W, None)], TypeError, "R of layer 0: dtype is object; expected float32 or float64"),
        ([(W.astype(np.float64), R)], TypeError, "R of layer 0 has dtype float32, W of layer 0"),
    ],
)
def test_bad_onnx_weights(layers, kind, message):
    with raises(kind, message):
        from_onnx(*layers, linear_before_reset=1)


@pytest.mark.parametrize(("value", "kind"), [(2, ValueError), (None, TypeError), (1.0, TypeError)])
def test_bad_linear_before_reset(value, kind):
    with raises(kind, f"linear_before_reset is {value}; expected 0 or 1"):
        from_onnx((W, R), linear_before_reset=value)


def test_linear_before_reset_has_no_default():
    with pytest.raises(TypeError, match="linear_before_reset"):
        from_onnx((W, R))


def test_an_onnx_model_in_float64_is_refused_because_onnxruntime_cannot_run_it():
    weights = draw_weights(dtype=np.float64)
    with raises(TypeError, "weights have dtype float64; expected float32, the only one in which"):
        to_onnx_model(weights)
    [layer] = to_onnx(weights)
    x, h0 = (array.astype(np.float64) for array in draw_input(weights))
    with pytest.raises(Exception, match="double"):  # if this passes, float64 may be allowed
        session(onnx_node(layer, 1)).run(None, {"X": x, "initial_h": h0})


def test_a_missing_onnx_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with raises(ImportError, "to_onnx_model needs onnx: install it with  pip install 'gru-lib[on"):
        to_onnx_model(draw_weights())


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"b_z": None}, ValueError, "the only biases given are ['b', 'b_r']; expected b_r, b_z, b"),
        (
            {"w": zeros(INPUT, HIDDEN, dtype=np.float64)},
            ValueError,
            "w has shape (5, 4); for hidden_size=4, as u_r has, and column vectors (W x, not x W) "
            "expected (4, 5)",
        ),
        (
            {"w_r": zeros(INPUT, HIDDEN, dtype=np.float64)},
            ValueError,
            "w_r has shape (5, 4); for hidden_size=4",
        ),
        (
            {"w_r": np.zeros(4)},
            ValueError,
            "w_r has shape (4,); expected (hidden_size, input_size)",
        ),
        ({"u_r": np.zeros(4)}, ValueError, "u_r has shape (4,); expected (hidden_size, hidden_si"),
        ({"u_r": np.zeros((4, 5))}, ValueError, "u_r has shape (4, 5); for hidden_size=4, as u_r"),
        ({"u_z": np.zeros((4, 5))}, ValueError, "u_z has shape (4, 5); for hidden_size=4, as u_r"),
        ({"b": np.zeros((4, 1))}, ValueError, "b has shape (4, 1); for hidden_size=4, as u_r has"),
        ({"b": np.full(4, np.inf)}, ValueError, "b holds NaN or infinity in 4 of 4 entries"),
        ({"u": zeros(4, 4)}, TypeError, "u has dtype float32, w_r has float64; expected one dtype"),
        ({"u": np.eye(4, dtype=int)}, TypeError, "u: dtype is int64; expected float32 or float64"),
        ({"update_gate": "Cho"}, ValueError, "update_gate is 'Cho'; expected 'keep' or 'replace'"),
        ({"update_gate": None}, ValueError, "update_gate is None; expected 'keep' or 'replace'"),
    ],
)
def test_bad_paper(changes, kind, message):
    with raises(kind, message):
        from_paper(**{**draw_paper(), "update_gate": "keep", **changes})


def test_the_papers_matrices_go_by_name_and_the_update_gate_has_no_default():
    with pytest.raises(TypeError, match="positional"):
        from_paper(*draw_paper().values(), update_gate="keep")
    with pytest.raises(TypeError, match="update_gate"):
        from_paper(**draw_paper())


@pytest.mark.parametrize(
    ("options", "update_gate", "message"),
    [
        ({"reset_after": True}, "keep", "weights have reset_after=True; expected reset_after=Fal"),
        ({"num_layers": 2}, "keep", "weights are GRUWeights(input_size=5, hidden_size=4, num_lay"),
        ({"bidirectional": True}, "keep", "expected one layer and one direction"),
        ({}, "Keep", "update_gate is 'Keep'; expected 'keep' or 'replace'"),
    ],
)
def test_bad_weights_for_to_paper(options, update_gate, message):
    with raises(ValueError, message):
        to_paper(draw_weights(**{"reset_after": False, **options}), update_gate=update_gate)


def test_importing_the_room_loads_numpy_only():
    code = "import sys, gru_lib.interop; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "gru_lib.interop.onnx" in loaded
    assert loaded.isdisjoint({"torch", "onnx", "onnxruntime", "keras", "tensorflow"})
