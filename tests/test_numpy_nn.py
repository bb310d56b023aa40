"""Layers, losses, Adam, clipping and the gradient check: against PyTorch, and error messages."""

import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gru_lib.numpy_nn import (
    Adam,
    Embedding,
    GradientCheck,
    Linear,
    Module,
    clip_gradient_norm,
    gradient_check,
    mean_squared_error,
    softmax_cross_entropy,
)

sizes = st.integers(1, 6)
leads = st.lists(st.integers(0, 4), max_size=3).map(tuple)  # any leading dimensions, empty ones too
seeds = st.integers(0, 2**32 - 1)
dtypes = st.sampled_from([np.float32, np.float64])


def close(actual, expected, dtype=np.float64):
    """Equal in shape and dtype, and in value up to a few roundings of the dtype."""
    expected = expected.detach().numpy() if isinstance(expected, torch.Tensor) else expected
    assert actual.dtype == dtype
    assert actual.shape == expected.shape
    tolerance = 1e-12 if dtype == np.float64 else 2e-5
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


def torch_copy(layer, kind):
    """PyTorch's module with the same parameters."""
    parameters = {name: torch.tensor(value) for name, value in layer.parameters.items()}
    dtype = parameters["weight"].dtype
    if kind is torch.nn.Linear:
        rows, columns = layer.parameters["weight"].shape
        module = torch.nn.Linear(columns, rows, bias="bias" in parameters, dtype=dtype)
    else:
        module = torch.nn.Embedding(*layer.parameters["weight"].shape, dtype=dtype)
    module.load_state_dict(parameters, strict=True)
    return module


def two_layers(seed=0, dtype=np.float64):
    """An embedding and a linear layer whose gradients are filled."""
    embedding = Embedding(5, 3, dtype=dtype, rng=seed)
    linear = Linear(3, 4, dtype=dtype, rng=seed + 1)
    backward_through(embedding, linear)
    return embedding, linear


def backward_through(embedding, linear):
    """One forward and backward pass of two_layers; the loss."""
    indices, targets = np.array([[0, 1, 4], [1, 1, 0]]), np.array([[0, 3, 2], [1, 0, 2]])
    loss, d_logits = softmax_cross_entropy(linear(embedding(indices)), targets)
    embedding.backward(linear.backward(d_logits))
    return loss


# --- Linear ---------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(sizes, sizes, leads, st.booleans(), dtypes, seeds)
def test_linear_equals_torch(in_features, out_features, lead, bias, dtype, seed):
    layer = Linear(in_features, out_features, bias, dtype=dtype, rng=seed)
    oracle = torch_copy(layer, torch.nn.Linear)
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(*lead, in_features)).astype(dtype)
    d_output = rng.normal(size=(*lead, out_features)).astype(dtype)
    copies = x.copy(), d_output.copy()
    x_torch = torch.tensor(x, requires_grad=True)
    expected = oracle(x_torch)
    expected.backward(torch.tensor(d_output))

    close(layer(x), expected, dtype)
    close(layer.backward(d_output), x_torch.grad, dtype)
    assert list(layer.gradients) == list(layer.parameters) == list(oracle.state_dict())
    for name, parameter in oracle.named_parameters():
        close(layer.gradients[name], parameter.grad, dtype)
    np.testing.assert_array_equal(x, copies[0])
    np.testing.assert_array_equal(d_output, copies[1])


def test_linear_takes_arrays_in_any_memory_order():
    layer = Linear(3, 2, dtype=np.float64, rng=0)
    x = np.random.default_rng(0).normal(size=(3, 5, 4)).T  # (4, 5, 3), last axis is outermost
    d_output = np.random.default_rng(1).normal(size=(2, 5, 4)).T
    output, d_x = layer(x), layer.backward(d_output)
    weight, bias = layer.parameters["weight"], layer.parameters["bias"]
    close(output, np.einsum("abi,oi->abo", x, weight) + bias)
    close(d_x, np.einsum("abo,oi->abi", d_output, weight))
    close(layer.gradients["weight"], np.einsum("abo,abi->oi", d_output, x))


def test_linear_is_initialised_as_in_torch():
    layer = Linear(16, 4000, rng=0)
    for parameter in layer.parameters.values():
        assert parameter.dtype == np.float32
        assert np.abs(parameter).max() <= 0.25
        # uniform: the standard deviation is the bound over the root of 3
        assert abs(parameter.std() - 0.25 / math.sqrt(3)) < 0.005
        assert abs(parameter.mean()) < 0.01
    assert layer.parameters["weight"].shape == (4000, 16)
    assert layer.parameters["bias"].shape == (4000,)


# --- Embedding ------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), sizes, leads, dtypes, seeds)
def test_embedding_equals_torch(num_embeddings, embedding_dim, lead, dtype, seed):
    layer = Embedding(num_embeddings, embedding_dim, dtype=dtype, rng=seed)
    oracle = torch_copy(layer, torch.nn.Embedding)
    rng = np.random.default_rng(seed)
    indices = rng.integers(0, num_embeddings, size=lead)
    d_output = rng.normal(size=(*lead, embedding_dim)).astype(dtype)
    copies = indices.copy(), d_output.copy()
    expected = oracle(torch.tensor(indices))
    expected.backward(torch.tensor(d_output))

    close(layer(indices), expected, dtype)
    assert layer.backward(d_output) is None
    close(layer.gradients["weight"], oracle.weight.grad, dtype)
    np.testing.assert_array_equal(indices, copies[0])
    np.testing.assert_array_equal(d_output, copies[1])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64])
def test_embedding_takes_every_integer_dtype(dtype):
    layer = Embedding(200, 2, dtype=np.float64, rng=0)
    indices = np.array([3, 100, 3], dtype=dtype)
    close(layer(indices), layer.parameters["weight"][[3, 100, 3]])
    layer.backward(np.ones((3, 2)))
    assert layer.gradients["weight"].sum(axis=1).nonzero()[0].tolist() == [3, 100]
    assert layer.gradients["weight"][3].tolist() == [2.0, 2.0]


def test_embedding_keeps_its_own_copy_of_the_indices():
    layer = Embedding(4, 1, dtype=np.float64, rng=0)
    indices = np.array([1, 2])
    output = layer(indices)
    output[:] = 7.0  # the output is no view of the parameters either
    indices[:] = 0
    layer.backward(np.ones((2, 1)))
    assert layer.gradients["weight"].ravel().tolist() == [0.0, 1.0, 1.0, 0.0]
    assert 7.0 not in layer.parameters["weight"]


def test_embedding_is_initialised_as_in_torch():
    weight = Embedding(300, 100, rng=0).parameters["weight"]
    assert weight.dtype == np.float32
    assert weight.shape == (300, 100)
    assert abs(weight.std() - 1) < 0.02
    assert abs(weight.mean()) < 0.02


@pytest.mark.parametrize(
    ("indices", "worst"),
    [([0, 5, 9], 9), ([5], 5), ([-1], -1), ([-1, 12], 12), ([-30, 12], -30), (-1, -1)],
)
def test_an_index_outside_is_named(indices, worst):
    with pytest.raises(ValueError, match=f"^indices holds {worst}; expected 0 to 4$"):
        Embedding(5, 2, rng=0)(indices)


@pytest.mark.parametrize("indices", [[0.0, 1.0], [True], ["a"], []])
def test_indices_must_be_integers(indices):
    dtype = np.asarray(indices).dtype
    with pytest.raises(TypeError, match=f"^indices has dtype {re.escape(str(dtype))}; expected "):
        Embedding(5, 2, rng=0)(indices)


# --- what the layers share ------------------------------------------------------------------

LAYERS = {
    "Linear": (lambda **options: Linear(3, 2, **options), np.ones((4, 3), dtype=np.float32)),
    "Embedding": (lambda **options: Embedding(3, 2, **options), np.array([0, 1, 1, 2])),
}
each_layer = pytest.mark.parametrize(("build", "x"), LAYERS.values(), ids=LAYERS)


@each_layer
def test_a_seed_and_a_generator_fix_the_parameters(build, x):
    same, from_generator, other = build(rng=3), build(rng=np.random.default_rng(3)), build(rng=4)
    for name, parameter in build(rng=3).parameters.items():
        np.testing.assert_array_equal(parameter, same.parameters[name])
        np.testing.assert_array_equal(parameter, from_generator.parameters[name])
        assert (parameter != other.parameters[name]).any()
    assert (build().parameters["weight"] != build().parameters["weight"]).any()


@each_layer
def test_one_generator_gives_each_layer_its_own_values(build, x):
    rng = np.random.default_rng(0)
    assert (build(rng=rng).parameters["weight"] != build(rng=rng).parameters["weight"]).any()


@each_layer
def test_each_call_allows_one_backward(build, x):
    layer = build(rng=0)
    d_output = np.ones((4, 2), dtype=np.float32)
    message = f"^backward needs a forward pass first: call the {type(layer).__name__} once"
    with pytest.raises(RuntimeError, match=message):
        layer.backward(d_output)
    assert layer.gradients == {}
    layer(x)
    layer.backward(d_output)
    with pytest.raises(RuntimeError, match=message):
        layer.backward(d_output)


@each_layer
def test_backward_overwrites_gradients(build, x):
    layer = build(rng=0)
    for _ in range(2):
        layer(x)
        layer.backward(np.ones((4, 2), dtype=np.float32))
    assert layer.gradients["weight"].sum() == (24 if isinstance(layer, Linear) else 8)


@each_layer
@pytest.mark.parametrize("shape", [(), (2,), (4,), (4, 3), (3, 2), (1, 2), (1, 4, 2)])
def test_a_bad_shape_of_d_output_is_named_and_leaves_the_call(build, x, shape):
    layer = build(rng=0)
    layer(x)
    message = rf"^d_output has shape {re.escape(str(shape))}; .* expected \(4, 2\)$"
    with pytest.raises(ValueError, match=message):
        layer.backward(np.ones(shape, dtype=np.float32))
    layer.backward(np.ones((4, 2), dtype=np.float32))
    assert layer.gradients["weight"].any()


@each_layer
def test_d_output_of_another_dtype_is_refused(build, x):
    layer = build(rng=0)
    layer(x)
    with pytest.raises(TypeError, match=r"^d_output has dtype float64; expected float32"):
        layer.backward(np.ones((4, 2)))


@each_layer
def test_state_dict_is_a_copy_and_loads_in_place(build, x):
    layer, other = build(rng=0), build(rng=1)
    arrays = dict(other.parameters)
    state = layer.state_dict()
    other.load_state_dict(state)
    state["weight"][:] = 9.0
    for name, parameter in layer.parameters.items():
        np.testing.assert_array_equal(other.parameters[name], parameter)
        assert other.parameters[name] is arrays[name]
        assert 9.0 not in parameter


@each_layer
def test_loading_is_strict(build, x):
    layer = build(rng=0)
    before, state = layer.state_dict(), build(rng=1).state_dict()
    with pytest.raises(ValueError, match=r"missing names: \[\]; unexpected names: \['more'\]"):
        layer.load_state_dict({**state, "more": np.zeros(1)})
    with pytest.raises(ValueError, match=r"^weight has shape"):
        layer.load_state_dict({**state, "weight": np.zeros((9, 9))})
    for name, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_a_module_keeps_the_arrays_it_is_given():
    parameters = {"scale": np.ones(2)}
    module = Module(parameters)
    assert module.parameters is parameters
    assert module.gradients == {}


@pytest.mark.parametrize("kind", [Linear, Embedding])
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(
    ("size", "error", "message"),
    [(0, ValueError, "is 0; expected at least 1"), (2.0, TypeError, "is 2.0; expected a whole")],
)
def test_a_bad_size_is_named(kind, place, size, error, message):
    names = {
        Linear: ("in_features", "out_features"),
        Embedding: ("num_embeddings", "embedding_dim"),
    }
    arguments = [3, 3]
    arguments[place] = size
    with pytest.raises(error, match=f"^{names[kind][place]} {message}"):
        kind(*arguments)


@each_layer
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"dtype": np.float16}, TypeError, "^dtype is float16; expected float32 or float64$"),
        ({"rng": "a"}, TypeError, "^rng is 'a'; expected None, an integer or np.random.Generator$"),
        ({"rng": True}, TypeError, "^rng is True; expected"),
        ({"rng": -1}, ValueError, "^rng is -1; expected a seed of at least 0$"),
    ],
)
def test_a_bad_option_is_named(build, x, options, error, message):
    with pytest.raises(error, match=message):
        build(**options)


def test_a_bias_that_is_no_truth_value_is_refused():
    with pytest.raises(TypeError, match=r"^bias is 5; expected True or False$"):
        Linear(3, 2, 5)


@pytest.mark.parametrize("shape", [(), (2,), (3, 2), (3, 1)])
def test_an_input_of_the_wrong_size_is_named(shape):
    with pytest.raises(
        ValueError, match=rf"^x has shape {re.escape(str(shape))}; .*\(\.\.\., 3\)$"
    ):
        Linear(3, 2, rng=0)(np.ones(shape, dtype=np.float32))


def test_an_input_of_another_dtype_is_refused():
    with pytest.raises(TypeError, match=r"^x has dtype float64; expected float32"):
        Linear(3, 2, rng=0)(np.ones(3))


# --- losses ---------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.integers(1, 4), max_size=3).map(tuple),
    st.integers(1, 7),
    st.sampled_from([0.1, 1.0, 100.0]),
    st.sampled_from([None, -100, 0, 2]),
    dtypes,
    seeds,
)
def test_cross_entropy_equals_torch(lead, classes, scale, ignore_index, dtype, seed):
    rng = np.random.default_rng(seed)
    logits = scale * rng.normal(size=(*lead, classes)).astype(dtype)
    targets = rng.integers(0, classes, size=lead)
    if ignore_index is not None:
        targets = np.where(rng.random(lead) < 0.3, ignore_index, targets)
        assume((targets != ignore_index).any())
    copies = logits.copy(), targets.copy()
    logits_torch = torch.tensor(logits, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(
        logits_torch.reshape(-1, classes),
        torch.tensor(targets).reshape(-1),
        ignore_index=-1 if ignore_index is None else ignore_index,  # no target is -1
    )
    expected.backward()
    loss, d_logits = softmax_cross_entropy(logits, targets, ignore_index)

    assert type(loss) is float
    close(np.array(loss, dtype), expected, dtype)
    close(d_logits, logits_torch.grad, dtype)
    np.testing.assert_array_equal(logits, copies[0])
    np.testing.assert_array_equal(targets, copies[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_logits_do_not_overflow(dtype):
    logits = np.array([[1e4, -1e4, 0.0], [1e30, 1e30, -1e30]], dtype=dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        loss, d_logits = softmax_cross_entropy(logits, [1, 0])
    assert loss == pytest.approx((2e4 + math.log(2)) / 2, rel=1e-7)
    np.testing.assert_allclose(d_logits, [[0.5, -0.5, 0], [-0.25, 0.25, 0]], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.uint64])
def test_targets_take_every_integer_dtype(dtype):
    logits = np.random.default_rng(0).normal(size=(3, 4))
    targets = np.array([3, 0, 2])
    loss, d_logits = softmax_cross_entropy(logits, targets.astype(dtype), ignore_index=-100)
    expected, d_expected = softmax_cross_entropy(logits, targets)
    assert loss == expected
    np.testing.assert_array_equal(d_logits, d_expected)


def test_a_confident_right_answer_costs_nothing():
    loss, d_logits = softmax_cross_entropy(np.array([100.0, 0.0]), 0)
    assert loss == 0.0
    assert d_logits.shape == (2,)
    assert np.abs(d_logits).max() < 1e-40


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 4), max_size=3).map(tuple), dtypes, seeds)
def test_mean_squared_error_equals_torch(shape, dtype, seed):
    rng = np.random.default_rng(seed)
    prediction = np.asarray(rng.normal(size=shape), dtype=dtype)
    target = np.asarray(rng.normal(size=shape), dtype=dtype)
    copies = prediction.copy(), target.copy()
    prediction_torch = torch.tensor(prediction, requires_grad=True)
    expected = torch.nn.functional.mse_loss(prediction_torch, torch.tensor(target))
    expected.backward()

    loss, d_prediction = mean_squared_error(prediction, target)

    assert type(loss) is float
    close(np.array(loss, dtype), expected, dtype)
    close(np.asarray(d_prediction), prediction_torch.grad, dtype)
    np.testing.assert_array_equal(prediction, copies[0])
    np.testing.assert_array_equal(target, copies[1])


def test_float32_losses_of_many_entries_keep_more_than_float32_digits():
    values = np.random.default_rng(0).normal(size=(100_000, 3)).astype(np.float32)
    exact = float(np.square(values.astype(np.float64)).mean())
    loss, _ = mean_squared_error(values, np.zeros_like(values))
    assert loss == pytest.approx(exact, rel=3e-9)
    targets = np.zeros(100_000, dtype=int)
    exact, _ = softmax_cross_entropy(values.astype(np.float64), targets)
    loss, _ = softmax_cross_entropy(values, targets)
    assert loss == pytest.approx(exact, rel=3e-9)


@pytest.mark.parametrize(
    ("logits", "targets", "ignore_index", "error", "message"),
    [
        (np.zeros((2, 3), int), [0, 1], None, TypeError, "logits has dtype int64; expected float"),
        (np.zeros((2, 3), np.float16), [0, 1], None, TypeError, "logits has dtype float16;"),
        (0.0, 0, None, ValueError, r"logits has shape \(\); expected \(\.\.\., classes\)"),
        (np.zeros((2, 0)), [0, 1], None, ValueError, r"logits has shape \(2, 0\); expected"),
        ([[0.0, np.nan]], [0], None, ValueError, "logits holds NaN or infinity in 1 of 2 entries"),
        ([[0.0, -np.inf]], [0], None, ValueError, "logits holds NaN or infinity in 1 of 2"),
        (np.zeros((2, 3)), [0.0, 1.0], None, TypeError, "targets has dtype float64; expected int"),
        (np.zeros((2, 3)), [True, False], None, TypeError, "targets has dtype bool; expected int"),
        (np.zeros((2, 3)), [0], None, ValueError, r"targets has shape \(1,\); .*expected \(2,\)"),
        (np.zeros((2, 3)), [[0, 1]], None, ValueError, r"targets has shape \(1, 2\); .*\(2,\)"),
        (np.zeros((2, 3)), [0, 3], None, ValueError, "targets holds 3; expected 0 to 2"),
        (np.zeros((2, 3)), [0, -1], None, ValueError, "targets holds -1; expected 0 to 2"),
        (np.zeros((2, 3)), [-7, -1], -1, ValueError, "targets holds -7; expected 0 to 2"),
        (np.zeros((2, 3)), [-1, -1], -1, ValueError, "targets holds 2 positions, none of which "),
        (np.zeros((0, 3)), np.zeros(0, int), None, ValueError, "targets holds 0 positions, none"),
        (np.zeros((2, 3)), [0, 1], 1.0, TypeError, "ignore_index is 1.0; expected an integer"),
        (np.zeros((2, 3)), [0, 1], True, TypeError, "ignore_index is True; expected an integer"),
    ],
)
def test_bad_arguments_of_cross_entropy_are_named(logits, targets, ignore_index, error, message):
    with pytest.raises(error, match=f"^{message}"):
        softmax_cross_entropy(logits, targets, ignore_index)


@pytest.mark.parametrize(
    ("prediction", "target", "error", "message"),
    [
        ([1, 2], [1.0, 2.0], TypeError, "prediction has dtype int64; expected float32 or float64"),
        ([1.0, 2.0], [1, 2], TypeError, "target has dtype int64; expected float32 or float64"),
        (
            np.ones(2, np.float32),
            np.ones(2),
            TypeError,
            "target has dtype float64; expected float32",
        ),
        (np.ones((2, 1)), np.ones(2), ValueError, r"target has shape \(2,\); .*expected \(2, 1\)"),
        (np.ones(2), 1.0, ValueError, r"target has shape \(\); .*expected \(2,\)"),
        (
            np.ones((0, 2)),
            np.ones((0, 2)),
            ValueError,
            r"prediction has shape \(0, 2\); expected at",
        ),
        ([1.0, np.nan], [1.0, 1.0], ValueError, "prediction holds NaN or infinity in 1 of 2"),
        ([1.0, 1.0], [np.inf, np.nan], ValueError, "target holds NaN or infinity in 2 of 2"),
    ],
)
def test_bad_arguments_of_mean_squared_error_are_named(prediction, target, error, message):
    with pytest.raises(error, match=f"^{message}"):
        mean_squared_error(prediction, target)


# --- Adam -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "options", [{}, {"betas": (0.5, 0.9), "epsilon": 1e-3}, {"betas": (0.0, 0.0)}]
)
def test_adam_follows_torch_for_many_steps(options, dtype):
    embedding, linear = two_layers(dtype=dtype)
    modules = torch_copy(embedding, torch.nn.Embedding), torch_copy(linear, torch.nn.Linear)
    tensors = [parameter for module in modules for parameter in module.parameters()]
    torch_options = {"eps" if name == "epsilon" else name: v for name, v in options.items()}
    oracle = torch.optim.Adam(tensors, lr=0.01, **torch_options)
    optimizer = Adam([embedding, linear], learning_rate=0.01, **options)
    rng = np.random.default_rng(0)
    for step in range(300):
        optimizer.learning_rate = oracle.param_groups[0]["lr"] = 0.01 * 0.99**step
        for layer, module in zip((embedding, linear), modules, strict=True):
            for name, parameter in module.named_parameters():
                # gradients of very different sizes, some entries zero for a long time
                gradient = 10.0 ** rng.integers(-8, 3) * rng.normal(size=parameter.shape)
                gradient[rng.random(parameter.shape) < 0.5] = 0.0
                layer.gradients[name] = gradient.astype(dtype)
                parameter.grad = torch.tensor(layer.gradients[name])
        optimizer.step()
        oracle.step()
        for layer, module in zip((embedding, linear), modules, strict=True):
            for name, parameter in module.named_parameters():
                close(layer.parameters[name], parameter, dtype)


def test_adam_changes_parameters_in_place_and_gradients_not_at_all():
    embedding, linear = two_layers()
    array, before = linear.parameters["weight"], linear.state_dict()
    gradients = {name: gradient.copy() for name, gradient in linear.gradients.items()}
    Adam([embedding, linear]).step()
    assert linear.parameters["weight"] is array
    assert (array != before["weight"]).all()
    for name, gradient in linear.gradients.items():
        np.testing.assert_array_equal(gradient, gradients[name])


def test_adam_trains_what_load_state_dict_brought():
    _, linear = two_layers()
    optimizer = Adam(linear, learning_rate=0.5)
    optimizer.step()
    linear.load_state_dict({"weight": np.full((4, 3), 100.0), "bias": np.zeros(4)})
    optimizer.step()
    moved = np.abs(linear.parameters["weight"] - 100.0)
    # the same gradient twice: the running means are again that gradient and its square
    np.testing.assert_allclose(moved, 0.5, rtol=1e-4)


def test_a_learning_rate_of_zero_changes_nothing():
    _, linear = two_layers()
    before = linear.state_dict()
    Adam([linear], learning_rate=0.0).step()
    for name, parameter in linear.parameters.items():
        np.testing.assert_array_equal(parameter, before[name])


def test_adam_fits_a_known_linear_function():
    rng = np.random.default_rng(0)
    true_weight, true_bias = np.array([[2.0, -1.0, 0.5]]), np.array([0.3])
    x = rng.normal(size=(64, 3))
    y = x @ true_weight.T + true_bias
    layer = Linear(3, 1, dtype=np.float64, rng=0)
    optimizer = Adam(layer, learning_rate=0.05)
    losses = []
    for _ in range(500):
        loss, d_output = mean_squared_error(layer(x), y)
        losses.append(loss)
        layer.backward(d_output)
        optimizer.step()
    assert losses[0] > 1
    assert losses[-1] < 1e-6 * losses[0]
    np.testing.assert_allclose(layer.parameters["weight"], true_weight, atol=1e-2)
    np.testing.assert_allclose(layer.parameters["bias"], true_bias, atol=1e-2)


def test_adam_and_clipping_train_a_classifier_of_indices():
    embedding, linear = two_layers(dtype=np.float32)
    optimizer = Adam((embedding, linear), learning_rate=0.05)
    first = backward_through(embedding, linear)
    for _ in range(200):
        loss = backward_through(embedding, linear)
        clip_gradient_norm((embedding, linear), 1.0)
        optimizer.step()
    # targets of one index differ, so the loss cannot reach zero: 0.549 is its entropy
    best = (2 * math.log(2) + 3 * math.log(3)) / 6
    assert first > best + 0.3
    assert best - 1e-6 < loss < best + 0.01


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        ("learning_rate", -1e-3, ValueError, "learning_rate is -0.001; expected a finite number"),
        ("learning_rate", math.inf, ValueError, "learning_rate is inf; expected a finite number"),
        ("learning_rate", math.nan, ValueError, "learning_rate is nan; expected a finite number"),
        ("learning_rate", "1", TypeError, "learning_rate is '1'; expected a finite number"),
        ("learning_rate", True, TypeError, "learning_rate is True; expected a finite number"),
        ("betas", 0.9, TypeError, "betas is 0.9; expected two numbers"),
        ("betas", (0.9,), TypeError, r"betas is \(0.9,\); expected two numbers"),
        ("betas", (1.0, 0.9), ValueError, r"betas\[0\] is 1.0; expected a number in \[0, 1\)"),
        ("betas", (0.9, -0.1), ValueError, r"betas\[1\] is -0.1; expected a number in \[0, 1\)"),
        ("betas", (0.9, None), TypeError, r"betas\[1\] is None; expected a number in \[0, 1\)"),
        ("epsilon", 0.0, ValueError, "epsilon is 0.0; expected a finite number above 0"),
        ("epsilon", None, TypeError, "epsilon is None; expected a finite number above 0"),
    ],
)
def test_bad_settings_of_adam_are_named(name, value, error, message):
    with pytest.raises(error, match=f"^{message}"):
        Adam(Linear(3, 2, rng=0), **{name: value})


def test_a_bad_learning_rate_is_refused_later_too():
    optimizer = Adam(Linear(3, 2, rng=0))
    with pytest.raises(ValueError, match=r"^learning_rate is -1"):
        optimizer.learning_rate = -1
    assert optimizer.learning_rate == 1e-3


# --- clipping -------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([1e-12, 0.01, 0.5, 1.0, 100.0, math.inf]), dtypes, seeds)
def test_clipping_equals_torch(max_norm, dtype, seed):
    embedding, linear = two_layers(dtype=dtype)
    arrays = [*embedding.gradients.values(), *linear.gradients.values()]
    rng = np.random.default_rng(seed)
    tensors = []
    for array in arrays:
        array[:] = rng.normal(scale=0.3, size=array.shape)
        tensors.append(torch.tensor(array, requires_grad=True))
        tensors[-1].grad = torch.tensor(array)
    expected = torch.nn.utils.clip_grad_norm_(tensors, max_norm)

    norm = clip_gradient_norm([embedding, linear], max_norm)

    assert type(norm) is float
    close(np.array(norm, dtype), expected, dtype)
    for array, tensor in zip(arrays, tensors, strict=True):
        close(array, tensor.grad, dtype)  # the same array as before: scaled in place


def test_a_norm_within_the_limit_leaves_every_bit():
    _, linear = two_layers()
    before = {name: gradient.copy() for name, gradient in linear.gradients.items()}
    norm = clip_gradient_norm(linear, math.inf)
    assert clip_gradient_norm(linear, norm * 1.01) == norm
    for name, gradient in linear.gradients.items():
        np.testing.assert_array_equal(gradient, before[name])


def test_the_norm_of_huge_and_tiny_float32_gradients_is_right():
    _, linear = two_layers(dtype=np.float32)
    for value in (1e30, 1e-30):
        for gradient in linear.gradients.values():
            gradient[:] = value
        assert clip_gradient_norm(linear, math.inf) == pytest.approx(4 * value, rel=1e-6)


def test_two_names_for_one_gradient_are_scaled_once():
    module = Module({"first": np.zeros(2), "second": np.zeros(2)})
    shared = np.array([3.0, 4.0])
    module.gradients = {"first": shared, "second": shared[:]}
    assert clip_gradient_norm(module, 1.0) == pytest.approx(math.sqrt(50))
    np.testing.assert_allclose(shared, np.array([3.0, 4.0]) / math.sqrt(50), rtol=1e-6)


@pytest.mark.parametrize(
    ("max_norm", "error"),
    [(0, ValueError), (-1.0, ValueError), (math.nan, ValueError), ("1", TypeError)],
)
def test_a_bad_max_norm_is_named(max_norm, error):
    message = f"^max_norm is {max_norm!r}; expected a number above 0$"
    with pytest.raises(error, match=message):
        clip_gradient_norm(two_layers()[1], max_norm)


# --- what Adam and clipping share -----------------------------------------------------------

USES = {
    "Adam": lambda modules: Adam(modules).step(),
    "clip_gradient_norm": lambda modules: clip_gradient_norm(modules, 0.1),
}
each_use = pytest.mark.parametrize("use", USES.values(), ids=USES)


@each_use
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_is_named_and_nothing_changes(use, value):
    embedding, linear = two_layers()
    linear.gradients["bias"][2] = value
    before = {**embedding.state_dict(), **linear.state_dict()}
    gradient = embedding.gradients["weight"].copy()
    with pytest.raises(ValueError, match=r"the gradient of modules\[1\]\.bias "):
        use([embedding, linear])
    for name, parameter in {**embedding.parameters, **linear.parameters}.items():
        np.testing.assert_array_equal(parameter, before[name])
    np.testing.assert_array_equal(embedding.gradients["weight"], gradient)


def test_adam_counts_only_steps_that_were_made():
    _, linear = two_layers()
    optimizer = Adam(linear, learning_rate=0.5)
    good = linear.gradients["bias"]
    linear.gradients["bias"] = np.full_like(good, np.nan)
    with pytest.raises(ValueError, match=r"bias holds NaN or infinity in 4 of 4 entries$"):
        optimizer.step()
    linear.gradients["bias"] = good
    before = linear.state_dict()
    optimizer.step()
    # a first step, with its correction for the start at zero, has the size of the learning rate
    np.testing.assert_allclose(np.abs(linear.parameters["bias"] - before["bias"]), 0.5, rtol=1e-4)


@each_use
def test_a_missing_gradient_is_named(use):
    _, linear = two_layers()
    message = r"^modules\[1\]\.weight has no gradient yet: call the module, then its backward$"
    with pytest.raises(RuntimeError, match=message):
        use([linear, Linear(3, 2, dtype=np.float64, rng=0)])


@each_use
@pytest.mark.parametrize(
    ("gradient", "error", "message"),
    [
        (np.ones((3, 4)), ValueError, r"has shape \(3, 4\); for the parameter expected \(4, 3\)$"),
        (np.ones(3), ValueError, r"has shape \(3,\); for the parameter expected \(4, 3\)$"),
        (np.ones((4, 3), np.float32), TypeError, "has dtype float32; .*expected float64$"),
        (np.ones((4, 3)).tolist(), TypeError, "is of type list; expected a NumPy array$"),
    ],
)
def test_a_gradient_that_does_not_fit_is_named(use, gradient, error, message):
    _, linear = two_layers()
    linear.gradients["weight"] = gradient
    with pytest.raises(error, match=rf"^the gradient of modules\[0\]\.weight {message}"):
        use(linear)


@each_use
@pytest.mark.parametrize(
    ("modules", "error", "message"),
    [
        ([], ValueError, "^modules is empty; expected at least one module$"),
        (None, TypeError, r"^modules\[0\] is of type NoneType; expected a module with dict"),
        (torch.nn.Linear(1, 1), TypeError, r"^modules\[0\] is of type Linear; expected a module"),
        (["weight"], TypeError, r"^modules\[0\] is of type str; expected a module"),
    ],
)
def test_what_is_no_module_is_refused(use, modules, error, message):
    with pytest.raises(error, match=message):
        use(modules)


@each_use
def test_an_array_that_occurs_twice_is_refused(use):
    embedding, linear = two_layers()
    message = r"^modules\[2\]\.weight is the same array as modules\[0\]\.weight$"
    with pytest.raises(ValueError, match=message):
        use([embedding, linear, embedding])


# --- gradient check -------------------------------------------------------------------------


def checkable(seed=0, in_features=3, out_features=3):
    """A small network, its loss, its parameters and input, and their gradients from backward."""
    rng = np.random.default_rng(seed)
    first = Linear(in_features, out_features, dtype=np.float64, rng=rng)
    second = Linear(out_features, 4, dtype=np.float64, rng=rng)
    x, targets = rng.normal(size=(5, in_features)), rng.integers(0, 4, size=5)

    def loss():
        return softmax_cross_entropy(second(np.tanh(first(x))), targets)[0]

    h = np.tanh(first(x))
    d_h = second.backward(softmax_cross_entropy(second(h), targets)[1])
    d_x = first.backward(d_h * (1 - h**2))
    parameters, gradients = {"x": x}, {"x": d_x}
    for place, layer in enumerate((first, second)):
        for name in layer.parameters:
            parameters[f"{place}.{name}"] = layer.parameters[name]
            gradients[f"{place}.{name}"] = layer.gradients[name].copy()
    return loss, parameters, gradients


@settings(max_examples=40, deadline=None)
@given(seeds, sizes, sizes)
def test_right_gradients_pass(seed, in_features, out_features):
    loss, parameters, gradients = checkable(seed, in_features, out_features)
    before = {name: array.copy() for name, array in parameters.items()}
    check = gradient_check(loss, parameters, gradients)
    assert check.relative_error < 1e-7
    assert check.entries == sum(array.size for array in parameters.values())
    for name, array in parameters.items():  # restored to the last bit
        assert array.tobytes() == before[name].tobytes()


def test_embeddings_and_squared_error_pass():
    embedding = Embedding(6, 3, dtype=np.float64, rng=0)
    indices = np.array([[0, 5, 5], [2, 0, 5]])
    target = np.random.default_rng(1).normal(size=(2, 3, 3))

    def loss():
        value, d_output = mean_squared_error(embedding(indices), target)
        embedding.backward(d_output)  # overwrites the gradients during the check
        return value

    loss()
    check = gradient_check(loss, embedding.parameters, embedding.gradients)
    assert check.relative_error < 1e-7
    assert check.entries == 18


@pytest.mark.parametrize("reduce", [torch.mean, torch.sum])
@pytest.mark.parametrize("seed", range(3))
def test_torch_agrees_about_a_gru(seed, reduce):
    torch.manual_seed(seed)
    gru = torch.nn.GRU(3, 4, num_layers=2, dtype=torch.float64)
    x = torch.randn(10, 2, 3, dtype=torch.float64)
    target = torch.randn(10, 2, 4, dtype=torch.float64)

    def loss():
        return reduce((gru(x)[0] - target) ** 2)

    loss().backward()
    # the arrays share their memory with PyTorch's parameters
    parameters = {name: tensor.detach().numpy() for name, tensor in gru.named_parameters()}
    gradients = {name: tensor.grad.numpy() for name, tensor in gru.named_parameters()}
    with torch.no_grad():
        check = gradient_check(lambda: loss().item(), parameters, gradients)
    assert check.relative_error < 2e-8
    assert check.entries == sum(tensor.numel() for tensor in gru.parameters())


@settings(max_examples=30, deadline=None)
@given(seeds, st.data())
def test_one_wrong_entry_is_found_where_it_is(seed, data):
    loss, parameters, gradients = checkable(seed)
    name = data.draw(st.sampled_from(sorted(gradients)))
    index = tuple(data.draw(st.integers(0, size - 1)) for size in gradients[name].shape)
    right = gradients[name][index]
    gradients[name][index] += 0.1 * np.abs(gradients[name]).max()
    check = gradient_check(loss, parameters, gradients)
    assert (check.name, check.index) == (name, index)
    assert check.relative_error > 1e-3
    assert check.analytic == gradients[name][index]
    assert check.numeric == pytest.approx(right, abs=1e-8)


WRONG = {
    "sign": lambda gradient: -gradient,
    "factor": lambda gradient: 2 * gradient,
    "missing mean": lambda gradient: 5 * gradient,
    "transposed": lambda gradient: gradient.T.copy(),
    "zero": np.zeros_like,
    "one part in a thousand": lambda gradient: 1.001 * gradient,
}


@pytest.mark.parametrize("name", ["x", "0.weight", "1.bias"])
@pytest.mark.parametrize("spoil", WRONG.values(), ids=WRONG)
def test_wrong_gradients_are_plain(name, spoil):
    loss, parameters, gradients = checkable()
    wrong = spoil(gradients[name])
    if wrong.shape != gradients[name].shape or np.array_equal(wrong, gradients[name]):
        wrong = gradients[name][::-1].copy()  # what cannot be transposed is reversed
    check = gradient_check(loss, parameters, {**gradients, name: wrong})
    assert check.name == name
    assert check.relative_error > 3e-4


def test_the_error_is_relative_to_the_largest_entry_of_its_array():
    x = np.array([1.0, 100.0])
    y = np.array([1.0, 1.0])

    def loss():
        return float((x**2).sum() + (y**2).sum()) - 10_000

    check = gradient_check(loss, {"x": x, "y": y}, {"x": [3.0, 200.0], "y": [2.0, 2.0]})
    assert check.relative_error == pytest.approx(1 / 200, rel=1e-4)
    assert (check.name, check.index) == ("x", (0,))
    check = gradient_check(loss, {"x": x, "y": y}, {"x": [3.0, 200.0], "y": [2.0, 1.5]})
    assert check.relative_error == pytest.approx(1 / 4, rel=1e-4)
    assert (check.name, check.index) == ("y", (1,))


def test_an_array_that_hardly_matters_is_compared_with_a_hundredth_of_the_loss():
    x = np.array([0.5])
    weight = 1e-9  # its gradient is below the rounding of the loss

    def loss():
        return float(3.0 + weight * np.sin(x[0]))

    right = weight * math.cos(0.5)
    assert gradient_check(loss, {"x": x}, {"x": [right]}).relative_error < 1e-7
    check = gradient_check(loss, {"x": x}, {"x": [right + 1e-3]})
    assert check.relative_error == pytest.approx(1e-3 / 0.03, rel=1e-4)


def test_a_gradient_that_was_never_filled_is_wrong_by_its_whole_size():
    x = np.array([10.0, 20.0])
    check = gradient_check(lambda: float((x**2).sum()), {"x": x}, {"x": np.zeros(2)})
    assert check.relative_error == 1.0
    assert check.index == (1,)


def test_the_gradients_are_those_at_the_start_of_the_check():
    x = np.array([1.0, 2.0])
    gradient = 2 * x

    def loss():
        gradient[:] = 2 * x  # as a backward that writes into its arrays
        return float((x**2).sum())

    assert gradient_check(loss, {"x": x}, {"x": gradient}).relative_error < 1e-8


def test_tiny_values_and_minus_zero_are_restored_to_the_last_bit():
    x = np.array([1e-9 / 3, -1e-13 / 7, 5e-324, -0.0, 1 / 3])
    before = x.tobytes()
    gradient_check(lambda: float(np.sin(x).sum()), {"x": x}, {"x": np.cos(x)})
    assert x.tobytes() == before


def test_zero_gradients_of_a_zero_loss_agree():
    x = np.ones(2)
    check = gradient_check(lambda: 0.0, {"x": x}, {"x": [0.0, 0.0]})
    assert check.relative_error == 0.0


def test_copies_of_the_parameters_are_found_out():
    layer = Linear(3, 1, dtype=np.float64, rng=0)

    def loss():
        value, d_output = mean_squared_error(layer(np.ones(3)), np.ones(1))
        layer.backward(d_output)
        return value

    loss()
    check = gradient_check(loss, layer.state_dict(), layer.gradients)
    assert check.relative_error == 1.0
    assert check.numeric == 0.0


def test_large_and_small_values_and_any_memory_order_pass():
    x = np.asfortranarray([[1e6, -1e-6], [3.0, 0.0]])

    def loss():
        return float(np.sin(x / np.array([[1e6, 1.0], [1.0, 1.0]])).sum())

    right = np.cos(x / np.array([[1e6, 1.0], [1.0, 1.0]]))
    right[0, 0] /= 1e6
    check = gradient_check(loss, {"x": x, "scalar": np.array(1.0)}, {"x": right, "scalar": 0.0})
    assert check.relative_error < 1e-7
    assert check.entries == 5


def test_the_step_grows_with_the_value():
    x = np.array([1e12])  # the next float64 is 1.2e-4 away: a step of 6e-6 would not move it
    check = gradient_check(lambda: float((x[0] / 1e12) ** 2), {"x": x}, {"x": [2e-12]})
    assert check.relative_error < 1e-7
    assert check.numeric == pytest.approx(2e-12, rel=1e-6)


def test_the_step_decides_the_error():
    loss, parameters, gradients = checkable()
    errors = {
        step: gradient_check(loss, parameters, gradients, step=step).relative_error
        for step in (1e-1, 1e-3, 6e-6, 1e-9, 1e-12)
    }
    assert errors[1e-1] > 10 * errors[1e-3] > 100 * errors[6e-6]
    assert errors[1e-12] > 10 * errors[1e-9] > 100 * errors[6e-6]


def test_parameters_are_restored_when_the_loss_fails():
    x = np.array([0.1, 0.2])
    calls = []

    def loss():
        calls.append(x.copy())
        return math.nan if len(calls) == 4 else float(x.sum())

    with pytest.raises(ValueError, match=r"^loss\(\) gave nan; expected a finite number$"):
        gradient_check(loss, {"x": x}, {"x": [1.0, 1.0]})
    assert calls[3][0] != 0.1
    assert x.tolist() == [0.1, 0.2]


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (math.inf, ValueError, "gave inf; expected a finite number"),
        (np.float32(1.0), TypeError, "gave float32; expected one float64 number"),
        ((1.0, np.ones(2)), TypeError, "gave tuple; expected one float64 number"),
        (np.ones(1), TypeError, "gave ndarray; expected one float64 number"),
        (None, TypeError, "gave NoneType; expected one float64 number"),
        (1, TypeError, "gave int; expected one float64 number"),
    ],
)
def test_a_loss_that_is_no_finite_number_is_refused(value, error, message):
    with pytest.raises(error, match=rf"^loss\(\) {message}$"):
        gradient_check(lambda: value, {"x": np.ones(2)}, {"x": np.ones(2)})


def test_a_loss_may_be_a_zero_dimensional_array():
    x = np.ones(2)
    check = gradient_check(lambda: np.array((x**2).sum()), {"x": x}, {"x": 2 * x})
    assert check.relative_error < 1e-7


def test_a_loss_that_changes_by_itself_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"^loss\(\) gave \S+ and then \S+; expected the same"):
        gradient_check(lambda: float(rng.normal()), {"x": np.ones(2)}, {"x": np.ones(2)})


READ_ONLY = np.ones(2)
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    ("parameter", "gradient", "error", "message"),
    [
        (np.ones(2, np.float32), np.ones(2), TypeError, r"parameters\['x'\] has dtype float32; .*"),
        (np.ones(2, int), np.ones(2), TypeError, r"parameters\['x'\] has dtype int64; .* float64"),
        ([1.0, 1.0], np.ones(2), TypeError, r"parameters\['x'\] is of type list; expected a NumPy"),
        (np.ones((0, 2)), np.ones((0, 2)), ValueError, r"parameters\['x'\] has shape \(0, 2\); "),
        (READ_ONLY, np.ones(2), ValueError, r"parameters\['x'\] is read-only; expected an array"),
        (np.ones(2), np.ones(2, np.float32), TypeError, r"gradients\['x'\] has dtype float32; "),
        (np.ones(2), np.ones((2, 1)), ValueError, r"gradients\['x'\] has shape \(2, 1\); .*\(2,\)"),
        (np.ones(2), 1.0, ValueError, r"gradients\['x'\] has shape \(\); .*\(2,\)"),
        (
            np.ones(2),
            [1.0, np.nan],
            ValueError,
            r"gradients\['x'\] holds NaN or infinity in 1 of 2",
        ),
    ],
)
def test_arrays_that_cannot_be_checked_are_named(parameter, gradient, error, message):
    with pytest.raises(error, match=f"^{message}"):
        gradient_check(lambda: 1.0, {"x": parameter}, {"x": gradient})


def test_names_must_agree():
    message = r"^gradients: missing names: \['y'\]; unexpected names: \['z'\]$"
    with pytest.raises(ValueError, match=message):
        gradient_check(
            lambda: 1.0, {"x": np.ones(1), "y": np.ones(1)}, {"x": np.ones(1), "z": np.ones(1)}
        )
    with pytest.raises(ValueError, match=r"^parameters is empty; expected at least one array$"):
        gradient_check(lambda: 1.0, {}, {})


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (0.0, ValueError),
        (1e-17, ValueError),
        (2.0, ValueError),
        (math.nan, ValueError),
        ("1", TypeError),
    ],
)
def test_a_bad_step_is_named(step, error):
    with pytest.raises(error, match=f"^step is {step!r}; expected a number from 2.2e-16 to 1$"):
        gradient_check(lambda: 1.0, {"x": np.ones(1)}, {"x": np.ones(1)}, step=step)


def test_the_report_is_one_line_and_frozen():
    check = GradientCheck(0.123, "weight_hh_l0", (2, 5), -1.5, 0.25, 60)
    assert str(check) == (
        "worst relative error 1.2e-01 at weight_hh_l0[2, 5]: given -1.5, central difference 0.25 "
        "(60 entries)"
    )
    with pytest.raises(AttributeError):
        check.entries = 0


# --- imports --------------------------------------------------------------------------------


def test_importing_the_room_does_not_import_torch():
    code = "import sys, gru_lib.numpy_nn; print('torch' in sys.modules)"
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
