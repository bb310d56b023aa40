"""minGRU: every scan against the loop, the hand-written gradient, precision, error messages."""

import copy
import io
import math
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import logsigmoid
from torch.utils._python_dispatch import TorchDispatchMode

from gru_lib import min_gru
from gru_lib.min_gru import (
    CHUNK,
    MinGRU,
    linear_scan,
    linear_scan_doubling,
    linear_scan_log,
    linear_scan_loop,
    log_positive_candidate,
    positive_candidate,
)

FAST_SCANS = (linear_scan, linear_scan_doubling)
OTHER_SCANS = ("chunked", "doubling", "log")

# lengths around the borders of chunks, powers of two, primes
lengths = st.sampled_from(
    [1, 2, 3, 7, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1, 97, 211]
)
sizes = st.integers(1, 5)
batches = st.integers(0, 4)
seeds = st.integers(0, 2**32 - 1)


def generator(seed):
    return torch.Generator().manual_seed(seed)


def draw(shape, seed, scale=1.0):
    """Normal numbers in float64."""
    return scale * torch.randn(shape, generator=generator(seed), dtype=torch.float64)


def leaf(tensor):
    return tensor.detach().clone().requires_grad_()


def scan_arguments(shape, seed, with_h0=True):
    """Factors in (0, 1), positive addends, a positive first state or none."""
    a = torch.sigmoid(draw(shape, seed, scale=3.0))
    b = draw(shape, seed + 1).exp()
    return a, b, draw(shape[1:], seed + 2).exp() if with_h0 else None


def value_and_gradients(function, arguments, seed):
    """What a function returns, and the gradients of a random weighting of it."""
    leaves = [None if argument is None else leaf(argument) for argument in arguments]
    value = function(*leaves)
    value.backward(draw(value.shape, seed))
    return [value.detach()] + [each.grad for each in leaves if each is not None]


def assert_all_close(actual, expected, tolerance):
    """Close relative to the largest entry of each tensor, or to 1, the size of what is drawn."""
    for index, (mine, other) in enumerate(zip(actual, expected, strict=True)):
        assert mine.shape == other.shape, index
        if other.numel():
            scale = max(1.0, other.abs().max().item())
            assert (mine - other).abs().max() <= tolerance * scale, index


def assert_log_scan_close(values, gradients, expected, log_a):
    """Close as far as the cancellation that ``linear_scan_log`` documents allows.

    A state carries a relative error of about eps times the sum of the logarithms. Each such error
    enters the gradients of all steps before it, and a parameter sums over all steps and sequences.
    """
    log_sum = log_a.abs().sum(0).max().item() if log_a.numel() else 0.0
    cancelled = torch.finfo(log_a.dtype).eps * log_sum
    length, batch = log_a.shape[:2]
    assert_all_close(values, expected[: len(values)], 1e-14 + 4 * cancelled)
    summed = length * math.sqrt(length * batch)
    assert_all_close(gradients, expected[len(values) :], 1e-13 + summed * cancelled)


def scan_log_of(a, b, h0=None):
    return linear_scan_log(a.log(), b.log(), None if h0 is None else h0.log())


def layer_like(layer, **changes):
    """A layer of the same weights with other arguments."""
    arguments = {
        "bias": layer.bias,
        "batch_first": layer.batch_first,
        "candidate": layer.candidate,
        "scan": layer.scan,
    }
    arguments.update(changes)
    new = MinGRU(layer.input_size, layer.hidden_size, **arguments, dtype=layer.weight_ih.dtype)
    new.load_state_dict(layer.state_dict(), strict=True)
    return new


def draw_layer(input_size, hidden_size, seed, **arguments):
    layer = MinGRU(input_size, hidden_size, **arguments, dtype=torch.float64)
    with torch.no_grad():
        for index, parameter in enumerate(layer.parameters()):
            parameter.copy_(draw(parameter.shape, seed + index))
    return layer


def run_layer(layer, x, h0, seed):
    """Output, last state and the gradients of input, first state and parameters."""
    x, h0 = leaf(x), None if h0 is None else leaf(h0)
    output, h_n = layer(x, h0)
    loss = (output * draw(output.shape, seed)).sum() + (h_n * draw(h_n.shape, seed + 1)).sum()
    loss.backward()
    gradients = [x.grad] + ([] if h0 is None else [h0.grad])
    return [output.detach(), h_n.detach(), *gradients, *(p.grad for p in layer.parameters())]


# --- the scans ------------------------------------------------------------------------------


def test_the_loop_is_the_recurrence_written_out():
    a, b, h0 = scan_arguments((3, 2), seed=0)
    h1 = a[0] * h0 + b[0]
    h2 = a[1] * h1 + b[1]
    h3 = a[2] * h2 + b[2]
    torch.testing.assert_close(linear_scan_loop(a, b, h0), torch.stack([h1, h2, h3]))
    torch.testing.assert_close(linear_scan_loop(a, b)[0], b[0])


@pytest.mark.parametrize("scan", FAST_SCANS)
@settings(max_examples=60, deadline=None)
@given(lengths, batches, sizes, seeds, st.booleans(), st.booleans())
def test_scans_equal_the_loop_in_value_and_gradient(
    scan, length, batch, size, seed, with_h0, negative
):
    a, b, h0 = scan_arguments((length, batch, size), seed, with_h0)
    if negative:  # a plain scan takes addends and states of any sign
        b = draw(b.shape, seed + 3)
        h0 = None if h0 is None else draw(h0.shape, seed + 4)
    actual = value_and_gradients(scan, (a, b, h0), seed)
    expected = value_and_gradients(linear_scan_loop, (a, b, h0), seed)
    assert_all_close(actual, expected, 1e-12)


@settings(max_examples=60, deadline=None)
@given(lengths, batches, sizes, seeds, st.booleans())
def test_log_scan_equals_the_loop_in_value_and_gradient(length, batch, size, seed, with_h0):
    def loop_of_logarithms(*logarithms):
        return linear_scan_loop(*(logarithm.exp() for logarithm in logarithms))

    arguments = scan_arguments((length, batch, size), seed, with_h0)
    logarithms = [argument.log() for argument in arguments if argument is not None]
    actual = value_and_gradients(linear_scan_log, logarithms, seed)
    expected = value_and_gradients(loop_of_logarithms, logarithms, seed)
    assert_log_scan_close(actual[:1], actual[1:], expected, logarithms[0])


@pytest.mark.parametrize("scan", [linear_scan_loop, *FAST_SCANS, scan_log_of])
@pytest.mark.parametrize("shape", [(5,), (70,), (70, 3), (70, 2, 3), (70, 2, 1, 3)])
def test_a_state_may_have_any_shape(scan, shape):
    a, b, h0 = scan_arguments(shape, seed=1)
    columns = [t.reshape(shape[0], -1) for t in (a, b)]
    expected = linear_scan_loop(*columns, h0.reshape(-1)).reshape(shape)
    torch.testing.assert_close(scan(a, b, h0), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("length", [1, 2, CHUNK, 2 * CHUNK + 3])
def test_gradcheck_of_the_chunked_scan(length):
    arguments = [leaf(argument) for argument in scan_arguments((length, 1, 2), seed=2)]
    assert torch.autograd.gradcheck(linear_scan, arguments)


@pytest.mark.parametrize("candidate", ["positive", "linear"])
@pytest.mark.parametrize("length", [1, 2, CHUNK + 3])
def test_gradcheck_of_the_layer(candidate, length):
    layer = draw_layer(2, 2, seed=3, candidate=candidate)
    x, h0 = leaf(draw((length, 1, 2), 4)), leaf(draw((1, 1, 2), 5))

    def run(x, h0, weight, bias):
        return torch.func.functional_call(layer, {"weight_ih": weight, "bias_ih": bias}, (x, h0))

    assert torch.autograd.gradcheck(run, (x, h0, layer.weight_ih, layer.bias_ih))


@pytest.mark.parametrize("scan", FAST_SCANS)
def test_a_scan_takes_strided_arguments_and_leaves_them_alone(scan):
    a, b, h0 = scan_arguments((2 * CHUNK + 5, 3, 4), seed=6)
    arguments = (a.transpose(1, 2), b[:, :1].expand(-1, 3, -1).transpose(1, 2), h0.T)
    copies = [argument.clone() for argument in arguments]
    actual = value_and_gradients(scan, arguments, seed=7)
    expected = value_and_gradients(linear_scan_loop, copies, seed=7)
    assert_all_close(actual, expected, 1e-12)
    torch.testing.assert_close(scan(b.mT, a.mT), linear_scan_loop(b.mT, a.mT))
    strided = scan(*(argument.requires_grad_() for argument in copies))
    strided.sum().backward()  # this gradient is one number, expanded
    for argument, original in zip(arguments, copies, strict=True):
        torch.testing.assert_close(argument, original.detach(), rtol=0, atol=0)


@pytest.mark.parametrize("scan", [linear_scan_loop, *FAST_SCANS])
def test_the_result_shares_no_memory_with_the_arguments(scan):
    a, b, _ = scan_arguments((1, 2), seed=5)
    assert scan(a, b).data_ptr() not in (a.data_ptr(), b.data_ptr())


def test_gradients_reach_only_what_asks_for_them():
    a, b, h0 = scan_arguments((CHUNK + 1, 2), seed=8)
    b.requires_grad_()
    linear_scan(a, b, h0).sum().backward()
    assert b.grad is not None
    assert a.grad is None
    assert h0.grad is None


@pytest.mark.parametrize("length", [1, 2, 3, 64, 65, 400])
def test_doubling_takes_as_many_rounds_as_it_says(length):
    class CountConcatenations(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            self.count += function is torch.ops.aten.cat.default
            return function(*args, **(kwargs or {}))

    a, b, _ = scan_arguments((length, 1), seed=9)
    with CountConcatenations() as mode:
        linear_scan_doubling(a, b)
    # one for the first state, then a and b, once a round
    assert mode.count == 1 + 2 * math.ceil(math.log2(length))


# --- the layer: all scans are one ----------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(OTHER_SCANS),
    lengths,
    batches,
    sizes,
    sizes,
    seeds,
    st.booleans(),
    st.booleans(),
)
def test_every_scan_equals_the_loop(scan, length, batch, input_size, size, seed, with_h0, bias):
    loop = draw_layer(input_size, size, seed, scan="loop", bias=bias)
    x = draw((length, batch, input_size), seed + 2)
    h0 = draw((1, batch, size), seed + 3).exp() if with_h0 else None
    expected = run_layer(loop, x, h0, seed)
    actual = run_layer(layer_like(loop, scan=scan), x, h0, seed)
    if scan == "log":
        with torch.no_grad():
            k = torch.nn.functional.linear(x, loop.weight_ih, loop.bias_ih)[..., :size]
        assert_log_scan_close(actual[:2], actual[2:], expected, logsigmoid(-k))
    else:
        assert_all_close(actual, expected, 1e-12)


@pytest.mark.parametrize("with_h0", [True, False])
@pytest.mark.parametrize("length", [1, CHUNK + 1, 100])
def test_log_scan_equals_the_loop_to_12_digits_at_the_usual_weights(length, with_h0):
    torch.manual_seed(0)
    loop = MinGRU(8, 16, scan="loop", dtype=torch.float64)
    x = draw((length, 4, 8), 44)
    h0 = draw((1, 4, 16), 45).exp() if with_h0 else None
    expected = run_layer(loop, x, h0, seed=46)
    assert_all_close(run_layer(layer_like(loop, scan="log"), x, h0, seed=46), expected, 1e-12)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["chunked", "doubling"]), lengths, batches, sizes, seeds, st.booleans())
def test_scans_equal_the_loop_with_the_linear_candidate(scan, length, batch, size, seed, with_h0):
    loop = draw_layer(3, size, seed, scan="loop", candidate="linear")
    x = draw((length, batch, 3), seed + 2)
    h0 = draw((1, batch, size), seed + 3) if with_h0 else None
    expected = run_layer(loop, x, h0, seed)
    actual = run_layer(layer_like(loop, scan=scan), x, h0, seed)
    assert_all_close(actual, expected, 1e-12)


@pytest.mark.parametrize("candidate", ["positive", "linear"])
def test_the_layer_is_the_equations_of_the_paper(candidate):
    layer = draw_layer(3, 2, seed=10, candidate=candidate)
    x, h = draw((6, 4, 3), 12), draw((4, 2), 13)
    (weight_z, weight_h), (bias_z, bias_h) = layer.weight_ih.split(2), layer.bias_ih.split(2)
    output, h_n = layer(x, h.unsqueeze(0))
    for x_t, output_t in zip(x, output, strict=True):
        z = 1 / (1 + torch.exp(-(x_t @ weight_z.T + bias_z)))
        v = x_t @ weight_h.T + bias_h
        if candidate == "positive":
            v = torch.where(v >= 0, v + 0.5, 1 / (1 + torch.exp(-v)))
        h = (1 - z) * h + z * v
        torch.testing.assert_close(output_t, h, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(h_n[0], h, rtol=1e-12, atol=1e-14)


def test_leaving_out_h0_starts_from_zero():
    layer = draw_layer(3, 2, seed=14)
    x = draw((5, 4, 3), 16)
    zero = torch.zeros(1, 4, 2, dtype=torch.float64)
    torch.testing.assert_close(layer(x)[0], layer(x, zero)[0], rtol=0, atol=0)
    log = layer_like(layer, scan="log")
    torch.testing.assert_close(log(x)[0], layer(x)[0], rtol=1e-12, atol=0)


def test_a_positive_state_stays_positive():
    layer = draw_layer(3, 4, seed=15)
    output, _ = layer(draw((50, 2, 3), 17), draw((1, 2, 4), 18).exp())
    assert (output > 0).all()
    assert output.max() > 1  # unlike a GRU's, the state is not confined to (-1, 1)


@pytest.mark.parametrize("scan", ["chunked", *OTHER_SCANS[1:], "loop"])
@pytest.mark.parametrize("batch_first", [False, True])
def test_shapes_are_those_of_torch_gru(scan, batch_first):
    layer = MinGRU(3, 4, scan=scan, batch_first=batch_first)
    gru = torch.nn.GRU(3, 4, batch_first=batch_first)
    for shape, state in (((5, 2, 3), (1, 2, 4)), ((5, 3), (1, 4))):
        if batch_first and len(shape) == 3:
            shape = (2, 5, 3)
        x, h0 = torch.rand(shape), torch.rand(state) + 0.1
        for arguments in ((x,), (x, h0)):
            output, h_n = layer(*arguments)
            expected_output, expected_h_n = gru(*arguments)
            assert output.shape == expected_output.shape
            assert h_n.shape == expected_h_n.shape


@pytest.mark.parametrize("scan", ["chunked", "doubling", "log", "loop"])
def test_batch_first_and_unbatched_are_the_batched_run(scan):
    layer = draw_layer(3, 4, seed=19, scan=scan)
    x, h0 = draw((40, 2, 3), 21), draw((1, 2, 4), 22).exp()
    output, h_n = layer(x, h0)
    swapped, swapped_h_n = layer_like(layer, batch_first=True)(x.transpose(0, 1), h0)
    torch.testing.assert_close(swapped.transpose(0, 1), output, rtol=1e-12, atol=0)
    torch.testing.assert_close(swapped_h_n, h_n, rtol=1e-12, atol=0)
    for row in range(2):
        for batch_first in (False, True):
            one = layer_like(layer, batch_first=batch_first)
            one_output, one_h_n = one(x[:, row], h0[:, row])
            torch.testing.assert_close(one_output, output[:, row], rtol=1e-12, atol=0)
            torch.testing.assert_close(one_h_n, h_n[:, row], rtol=1e-12, atol=0)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["positive", "linear"]),
    lengths,
    st.none() | st.integers(0, 3),
    seeds,
    st.booleans(),
)
def test_steps_equal_the_sequence(candidate, length, batch, seed, with_h0):
    lead = () if batch is None else (batch,)
    layer = draw_layer(3, 4, seed, candidate=candidate)
    x = draw((length, *lead, 3), seed + 2)
    h0 = draw((1, *lead, 4), seed + 3) if with_h0 else None
    output, h_n = layer(x, h0)
    h = h0[0] if with_h0 else None
    states = []
    for x_t in x:
        h = layer.step(x_t, h)
        states.append(h)
    assert_all_close([torch.stack(states), h], [output, h_n[0]], 1e-12)


def test_a_sequence_cut_in_two_is_the_whole():
    layer = draw_layer(3, 4, seed=23)
    x = draw((90, 2, 3), 25)
    output, h_n = layer(x)
    first, state = layer(x[:37])
    second, last = layer(x[37:], state)
    torch.testing.assert_close(torch.cat((first, second)), output, rtol=1e-12, atol=0)
    torch.testing.assert_close(last, h_n, rtol=1e-12, atol=0)


def test_the_last_state_has_its_own_memory():
    layer = draw_layer(3, 4, seed=24)
    output, h_n = layer(draw((9, 2, 3), 26))
    assert h_n.untyped_storage().nbytes() == 2 * 4 * 8
    with torch.no_grad():
        h_n.zero_()
    assert (output != 0).all()


def test_no_argument_is_changed():
    layer = draw_layer(3, 4, seed=27)
    x, h0 = draw((CHUNK + 2, 2, 3), 28), draw((1, 2, 4), 29).exp()
    copies = x.clone(), h0.clone()
    for scan in ("chunked", "doubling", "log", "loop"):
        run_layer(layer_like(layer, scan=scan), x, h0, seed=30)
        layer.step(x[0], h0[0])
        torch.testing.assert_close((x, h0), copies, rtol=0, atol=0)


def test_two_backward_passes_through_one_graph_add_up():
    layer = draw_layer(3, 4, seed=31)
    output, _ = layer(draw((40, 2, 3), 32))
    output.sum().backward(retain_graph=True)
    once = layer.weight_ih.grad.clone()
    output.sum().backward()
    torch.testing.assert_close(layer.weight_ih.grad, 2 * once, rtol=1e-14, atol=0)


@pytest.mark.parametrize("bias", [True, False])
def test_parameters(bias):
    layer = MinGRU(5, 10, bias=bias)
    assert {name: tuple(p.shape) for name, p in layer.named_parameters()} == {
        "weight_ih": (20, 5),
        **({"bias_ih": (20,)} if bias else {}),
    }
    count = sum(parameter.numel() for parameter in layer.parameters())
    assert count == (120 if bias else 100)
    layer.reset_parameters()
    for parameter in layer.parameters():
        assert 0 < parameter.abs().max() <= 1 / math.sqrt(5)


def test_state_dict_and_copies_round_trip():
    torch.manual_seed(0)
    layer = MinGRU(3, 4)
    x = torch.rand(40, 2, 3)
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    other = MinGRU(3, 4, scan="loop")
    assert not torch.equal(other.weight_ih, layer.weight_ih)
    other.load_state_dict(torch.load(file, weights_only=True), strict=True)
    torch.testing.assert_close(other(x)[0], layer(x)[0])
    assert torch.equal(copy.deepcopy(layer)(x)[0], layer(x)[0])
    assert copy.deepcopy(layer).bias_ih is not layer.bias_ih


def test_gates_turned_around_keep_their_digits():
    # z = sigmoid(40) rounds to 1 in float64, yet 1 - z is 4.2e-18, and times 1e18 it counts
    layer = draw_layer(1, 1, seed=0, candidate="linear")
    with torch.no_grad():
        layer.weight_ih.zero_()
        layer.bias_ih.copy_(torch.tensor([40.0, 0.0]))
    h0 = torch.full((1, 1, 1), 1e18, dtype=torch.float64)
    x = torch.zeros(1, 1, 1, dtype=torch.float64)
    for scan in ("chunked", "doubling", "loop"):
        _, h_n = layer_like(layer, scan=scan)(x, h0)
        assert h_n.item() == pytest.approx(1e18 * math.exp(-40), rel=1e-12)
    assert layer.step(x[0], h0[0]).item() == pytest.approx(1e18 * math.exp(-40), rel=1e-12)


def test_autocast_runs_the_scan_in_the_precision_of_the_parameters():
    torch.manual_seed(1)
    layer = MinGRU(3, 4)
    x, h0 = torch.rand(40, 2, 3), torch.rand(1, 2, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, h_n = layer(x, h0)
        state = layer.step(x[0], h0[0])
    output.sum().backward()
    assert output.dtype == h_n.dtype == state.dtype == layer.weight_ih.grad.dtype == torch.float32
    torch.testing.assert_close(output, layer(x, h0)[0], rtol=0.05, atol=0.02)


# --- extremes and precision -----------------------------------------------------------------


@pytest.mark.parametrize("scan", ["chunked", "doubling", "log", "loop"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("k", [-100.0, 0.0, 100.0])
@pytest.mark.parametrize("v", [-100.0, 0.0, 100.0])
def test_saturated_gates_give_finite_values_and_gradients(scan, dtype, k, v):
    layer = MinGRU(1, 2, scan=scan, dtype=dtype)
    with torch.no_grad():
        layer.weight_ih.fill_(0.01)
        layer.bias_ih.copy_(torch.tensor([k, k, v, v]))
    x = torch.linspace(-1, 1, 3 * CHUNK + 1, dtype=dtype).reshape(-1, 1, 1).requires_grad_()
    h0 = torch.full((1, 1, 2), 0.3, dtype=dtype, requires_grad=True)
    output, h_n = layer(x, h0)
    (output.sum() + h_n.sum()).backward()
    for tensor in (output, x.grad, h0.grad, layer.weight_ih.grad, layer.bias_ih.grad):
        assert torch.isfinite(tensor).all()
    if k == -100:  # nothing is written
        torch.testing.assert_close(output, torch.full_like(output, 0.3), rtol=1e-4, atol=0)
    if k == 100:  # nothing is kept
        expected = torch.where(torch.tensor(v >= 0), torch.tensor(v + 0.5), torch.tensor(0.0))
        assert (output - expected).abs().max() < 0.05


@pytest.mark.parametrize("scan", FAST_SCANS)
@pytest.mark.parametrize("factor", [0.0, 1e-30, 1.0])
def test_factors_at_the_ends_of_their_range(scan, factor):
    a = torch.full((3 * CHUNK + 1, 2), factor, dtype=torch.float64)
    _, b, h0 = scan_arguments(tuple(a.shape), seed=33)
    actual = value_and_gradients(scan, (a, b, h0), seed=34)
    expected = value_and_gradients(linear_scan_loop, (a, b, h0), seed=34)
    assert_all_close(actual, expected, 1e-12)


def relative_errors(k_mean, length):
    """Largest relative error of every scan in float32, and the sum of the logarithms."""
    k = draw((length, 64), seed=35, scale=0.3).add(k_mean).float()
    v = draw((length, 64), seed=36).float()

    def coefficients(k, v):
        return torch.sigmoid(-k), torch.sigmoid(k) * positive_candidate(v)

    exact = linear_scan_loop(*coefficients(k.double(), v.double()))
    states = {scan.__name__: scan(*coefficients(k, v)) for scan in (linear_scan_loop, *FAST_SCANS)}
    log_b = logsigmoid(k) + log_positive_candidate(v)
    states["linear_scan_log"] = linear_scan_log(logsigmoid(-k), log_b)
    errors = {name: ((h - exact).abs() / exact).max().item() for name, h in states.items()}
    return errors, logsigmoid(-k.double()).sum(0).abs().max().item()


@pytest.mark.parametrize("k_mean", [0.0, 4.0])
@pytest.mark.parametrize("length", [100, 2000])
def test_where_float32_loses_precision(k_mean, length):
    errors, log_sum = relative_errors(k_mean, length)
    for name in ("linear_scan_loop", "linear_scan", "linear_scan_doubling"):
        assert errors[name] < 1e-6, name
    # the docstring's rule, |s| * 6e-8, holds within a factor of 4 either way
    assert log_sum * 6e-8 / 4 < errors["linear_scan_log"] < log_sum * 6e-8 * 4
    if length == 2000:
        assert errors["linear_scan_log"] > 50 * errors["linear_scan"]


def test_where_float32_gradients_lose_precision():
    torch.manual_seed(0)
    loop = MinGRU(16, 32, scan="loop")
    x, d_output = torch.randn(2000, 8, 16), torch.randn(2000, 8, 32)

    def bias_gradient(scan, dtype):
        layer = layer_like(loop, scan=scan).to(dtype)
        layer(x.to(dtype))[0].backward(d_output.to(dtype))
        return layer.bias_ih.grad.double()

    exact = bias_gradient("loop", torch.float64)
    errors = {
        scan: (bias_gradient(scan, torch.float32) - exact).abs().max() / exact.abs().max()
        for scan in min_gru.SCANS
    }
    assert max(errors[scan] for scan in ("loop", "chunked", "doubling")) < 2e-6
    assert 3e-3 < errors["log"] < 0.3  # the docstring says 3e-2


def test_the_cumulative_product_that_nobody_divides_by_underflows():
    # the claim in the notes of MinGRU
    keep = 1 - torch.full((30,), 0.98)
    product = keep.cumprod(0)
    first_zero = int((product == 0).nonzero()[0]) + 1
    assert 24 <= first_zero <= 30


@settings(max_examples=100, deadline=None)
@given(st.floats(-700, 700))
def test_positive_candidate_and_its_logarithm(value):
    v = torch.tensor(value, dtype=torch.float64, requires_grad=True)
    g = positive_candidate(v)
    expected = value + 0.5 if value >= 0 else math.exp(value) / (1 + math.exp(value))
    assert g.item() == pytest.approx(expected, rel=1e-13)
    assert log_positive_candidate(v).item() == pytest.approx(
        math.log(expected), abs=1e-13, rel=1e-13
    )
    (slope,) = torch.autograd.grad(g, v)
    (log_slope,) = torch.autograd.grad(log_positive_candidate(v), v)
    expected_slope = 1 if value > 0 else expected * (1 - expected)
    assert slope.item() == pytest.approx(expected_slope, rel=1e-13)
    assert log_slope.item() == pytest.approx(expected_slope / expected, rel=1e-12)


def test_all_scans_take_the_same_slope_at_the_kink():
    layer = draw_layer(2, 3, seed=37)
    with torch.no_grad():
        layer.bias_ih.zero_()
    x = torch.zeros(5, 1, 2, dtype=torch.float64)  # so every v is exactly 0
    expected = run_layer(layer_like(layer, scan="loop"), x, None, seed=38)
    for scan in OTHER_SCANS:
        assert_all_close(run_layer(layer_like(layer, scan=scan), x, None, seed=38), expected, 1e-12)
    assert expected[-1][3:].abs().min() > 0  # the candidate's bias does get a gradient


# --- what is refused ------------------------------------------------------------------------


def test_a_second_derivative_is_refused_with_a_way_out():
    a, b, h0 = (leaf(argument) for argument in scan_arguments((40, 2), seed=39))
    with pytest.raises(RuntimeError, match=r"linear_scan has .* linear_scan_loop can"):
        torch.autograd.grad(linear_scan(a, b, h0).sum(), a, create_graph=True)
    layer = draw_layer(3, 4, seed=40)
    x = leaf(draw((9, 2, 3), 41))
    with pytest.raises(RuntimeError, match=r'MinGRU with scan="chunked" .* scan="loop" can'):
        torch.autograd.grad(layer(x)[0].sum(), x, create_graph=True)


@pytest.mark.parametrize("scan", ["doubling", "log", "loop"])
def test_the_other_scans_have_a_second_derivative(scan):
    layer = draw_layer(2, 2, seed=42, scan=scan)
    x = leaf(draw((4, 1, 2), 43))
    assert torch.autograd.gradgradcheck(lambda x: layer(x)[0], (x,))


@pytest.mark.parametrize("scan", [linear_scan_loop, *FAST_SCANS, linear_scan_log])
@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        ("a", [0.5], TypeError, "{a} is a list; expected a torch.Tensor"),
        (
            "a",
            torch.ones(4, 2, dtype=torch.int64),
            TypeError,
            "{a} has dtype torch.int64; expected a",
        ),
        (
            "a",
            torch.tensor(0.5),
            ValueError,
            "{a} has shape (); expected (T, ...) with at least one",
        ),
        (
            "a",
            torch.ones(0, 2),
            ValueError,
            "{a} has shape (0, 2); expected (T, ...) with at least",
        ),
        ("b", 1.0, TypeError, "{b} is a float; expected a torch.Tensor"),
        (
            "b",
            torch.ones(4, 2).double(),
            TypeError,
            "{b} has dtype torch.float64; expected torch.f",
        ),
        (
            "b",
            torch.ones(4, 1),
            ValueError,
            "{b} has shape (4, 1); for {a} of this shape expected (4, 2)",
        ),
        (
            "b",
            torch.ones(5, 2),
            ValueError,
            "{b} has shape (5, 2); for {a} of this shape expected (4, 2)",
        ),
        ("h0", 1.0, TypeError, "{h0} is a float; expected a torch.Tensor"),
        ("h0", torch.ones(2).double(), TypeError, "{h0} has dtype torch.float64; expected torch.f"),
        ("h0", torch.ones(1), ValueError, "{h0} has shape (1,); for {a} of (4, 2) expected (2,)"),
        (
            "h0",
            torch.ones(1, 2),
            ValueError,
            "{h0} has shape (1, 2); for {a} of (4, 2) expected (2,)",
        ),
    ],
)
def test_bad_arguments_of_a_scan_are_named(scan, name, value, error, message):
    arguments = {"a": torch.ones(4, 2), "b": torch.ones(4, 2), "h0": torch.ones(2)}
    arguments[name] = value
    prefix = "log_" if scan is linear_scan_log else ""
    message = message.format(a=prefix + "a", b=prefix + "b", h0=prefix + "h0")
    with pytest.raises(error, match="^" + re.escape(message)):
        scan(*arguments.values())


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"input_size": 0}, ValueError, "input_size is 0; expected at least 1"),
        ({"input_size": 2.0}, TypeError, "input_size is 2.0; expected a whole number"),
        ({"hidden_size": -1}, ValueError, "hidden_size is -1; expected at least 1"),
        ({"hidden_size": True}, TypeError, "hidden_size is True; expected a whole number"),
        ({"bias": 1}, TypeError, "bias is 1; expected True or False"),
        ({"batch_first": "no"}, TypeError, "batch_first is 'no'; expected True or False"),
        (
            {"scan": "fast"},
            ValueError,
            "scan is 'fast'; expected one of 'chunked', 'doubling', 'log', 'l",
        ),
        ({"candidate": "g"}, ValueError, "candidate is 'g'; expected one of 'positive', 'linear'"),
        (
            {"scan": "log", "candidate": "linear"},
            ValueError,
            "scan is \"log\" and candidate is 'linear'; ",
        ),
    ],
)
def test_bad_arguments_of_the_layer_are_named(changes, error, message):
    with pytest.raises(error, match="^" + re.escape(message)):
        MinGRU(**{"input_size": 3, "hidden_size": 4, **changes})


X_RULE = "; expected (T, input_size), (T, B, input_size) or batch first, with input_size=3"
BAD_CALLS = [
    ({"x": [1.0]}, TypeError, "x is a list; expected a torch.Tensor"),
    (
        {"x": torch.ones(5, 2, 3).double()},
        TypeError,
        "x has dtype torch.float64; expected torch.float32",
    ),
    (
        {"x": torch.ones(5, 2, 3).long()},
        TypeError,
        "x has dtype torch.int64; expected torch.float32",
    ),
    ({"x": torch.ones(3)}, ValueError, "x has shape (3,)" + X_RULE),
    ({"x": torch.ones(1, 5, 2, 3)}, ValueError, "x has shape (1, 5, 2, 3)" + X_RULE),
    ({"x": torch.ones(5, 2, 4)}, ValueError, "x has shape (5, 2, 4)" + X_RULE),
    (
        {"x": torch.ones(0, 2, 3)},
        ValueError,
        "x has shape (0, 2, 3); expected the sequence length to be la",
    ),
    (
        {"x": torch.ones(0, 3)},
        ValueError,
        "x has shape (0, 3); expected the sequence length to be larger",
    ),
    ({"h0": 0.0}, TypeError, "h0 is a float; expected a torch.Tensor"),
    (
        {"h0": torch.ones(1, 2, 4).double()},
        TypeError,
        "h0 has dtype torch.float64; expected torch.float32",
    ),
    ({"h0": torch.ones(2, 4)}, ValueError, "h0 has shape (2, 4); for this x expected (1, 2, 4)"),
    (
        {"h0": torch.ones(1, 1, 4)},
        ValueError,
        "h0 has shape (1, 1, 4); for this x expected (1, 2, 4)",
    ),
    (
        {"h0": torch.ones(1, 2, 3)},
        ValueError,
        "h0 has shape (1, 2, 3); for this x expected (1, 2, 4)",
    ),
    (
        {"x": torch.ones(5, 3), "h0": torch.ones(1, 1, 4)},
        ValueError,
        "h0 has shape (1, 1, 4); for this x expected (1, 4)",
    ),
]


@pytest.mark.parametrize(("changes", "error", "message"), BAD_CALLS)
def test_bad_arguments_of_a_call_are_named(changes, error, message):
    arguments = {"x": torch.ones(5, 2, 3), "h0": None, **changes}
    with pytest.raises(error, match="^" + re.escape(message)):
        MinGRU(3, 4)(**arguments)


def test_an_empty_sequence_is_refused_batch_first_too():
    with pytest.raises(ValueError, match=r"x has shape \(2, 0, 3\); expected the sequence length"):
        MinGRU(3, 4, batch_first=True)(torch.ones(2, 0, 3))


STEP_RULE = "; expected (input_size,) or (B, input_size), with input_size=3"


@pytest.mark.parametrize(
    ("x", "h", "error", "message"),
    [
        (1.0, None, TypeError, "x is a float; expected a torch.Tensor"),
        (
            torch.ones(2, 3).double(),
            None,
            TypeError,
            "x has dtype torch.float64; expected torch.float32",
        ),
        (torch.ones(5, 2, 3), None, ValueError, "x has shape (5, 2, 3)" + STEP_RULE),
        (torch.ones(2, 2), None, ValueError, "x has shape (2, 2)" + STEP_RULE),
        (torch.ones(2, 3), 0, TypeError, "h is a int; expected a torch.Tensor"),
        (
            torch.ones(2, 3),
            torch.ones(1, 2, 4),
            ValueError,
            "h has shape (1, 2, 4); for this x expected (2, 4)",
        ),
        (
            torch.ones(2, 3),
            torch.ones(4),
            ValueError,
            "h has shape (4,); for this x expected (2, 4)",
        ),
        (
            torch.ones(3),
            torch.ones(1, 4),
            ValueError,
            "h has shape (1, 4); for this x expected (4,)",
        ),
        (
            torch.ones(2, 3),
            torch.ones(2, 4).half(),
            TypeError,
            "h has dtype torch.float16; expected torch.f",
        ),
    ],
)
def test_bad_arguments_of_a_step_are_named(x, h, error, message):
    with pytest.raises(error, match="^" + re.escape(message)):
        MinGRU(3, 4).step(x, h)


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan")])
def test_the_log_scan_refuses_a_first_state_without_a_logarithm(bad):
    h0 = torch.ones(1, 2, 4)
    h0[0, 1, 2] = bad
    x = torch.ones(5, 2, 3)
    with pytest.raises(
        ValueError, match=r'^h0 has entries that are not positive; scan="log" needs'
    ):
        MinGRU(3, 4, scan="log")(x, h0)
    if bad == bad:  # the others take any number
        assert torch.isfinite(MinGRU(3, 4)(x, h0)[0]).all()


def test_the_names_of_scans_are_all_tested():
    assert set(min_gru.SCANS) == {*OTHER_SCANS, "loop"}
    assert set(min_gru.CANDIDATES) == {"positive", "linear"}
