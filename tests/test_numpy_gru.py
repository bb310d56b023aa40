"""The GRU by hand: against PyTorch and finite differences, at its ends, its error messages."""

import re
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from gru_lib import _numpy_kernel
from gru_lib.numpy_gru import GRU, GRUStream, gru_step, sigmoid
from gru_lib.numpy_nn import gradient_check

sizes = st.integers(1, 8)
batches = st.none() | st.integers(1, 5)
seeds = st.integers(0, 2**32 - 1)


def draw_step(input_size, hidden_size, batch, seed, scale=1.0):
    """Random arguments of gru_step, in its order."""
    rng = np.random.default_rng(seed)
    lead = () if batch is None else (batch,)
    return {
        "x": rng.normal(size=(*lead, input_size)),
        "h": rng.uniform(-1, 1, size=(*lead, hidden_size)),
        "weight_ih": scale * rng.normal(size=(3 * hidden_size, input_size)),
        "weight_hh": scale * rng.normal(size=(3 * hidden_size, hidden_size)),
        "bias_ih": scale * rng.normal(size=3 * hidden_size),
        "bias_hh": scale * rng.normal(size=3 * hidden_size),
    }


def rows(arguments, gate):
    """The rows of one gate in the stacked weights: "r", "z" or "n"."""
    hidden_size = arguments["h"].shape[-1]
    first = "rzn".index(gate) * hidden_size
    return slice(first, first + hidden_size)


def saturate(arguments, gate, bias):
    """Weights of a gate so small, and its bias so large, that only the bias decides."""
    for name in ("weight_ih", "weight_hh", "bias_hh"):
        arguments[name][rows(arguments, gate)] *= 1e-3
    arguments["bias_ih"][rows(arguments, gate)] = bias


def candidate(arguments, r):
    """The candidate for a given reset gate, written a second time."""
    n = rows(arguments, "n")
    from_input = arguments["x"] @ arguments["weight_ih"][n].T + arguments["bias_ih"][n]
    from_state = arguments["h"] @ arguments["weight_hh"][n].T + arguments["bias_hh"][n]
    return np.tanh(from_input + r * from_state)


# --- against PyTorch ------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(sizes, sizes, batches, seeds, st.sampled_from([0.1, 1.0, 30.0]))
def test_step_equals_torch(input_size, hidden_size, batch, seed, scale):
    arguments = draw_step(input_size, hidden_size, batch, seed, scale)
    cell = torch.nn.GRUCell(input_size, hidden_size, dtype=torch.float64)
    cell.load_state_dict(
        {name: torch.from_numpy(arguments[name]) for name in cell.state_dict()}, strict=True
    )
    with torch.no_grad():
        expected = cell(torch.from_numpy(arguments["x"]), torch.from_numpy(arguments["h"])).numpy()

    new = gru_step(**arguments)

    assert new.shape == arguments["h"].shape
    assert new.dtype == np.float64
    # large weights let one rounding of the sum, not of the step, grow: 1e-12 covers it
    np.testing.assert_allclose(new, expected, rtol=0, atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(sizes, sizes, batches, seeds)
def test_step_with_the_reset_before_the_product(input_size, hidden_size, batch, seed):
    arguments = draw_step(input_size, hidden_size, batch, seed)
    saturate(arguments, "z", -40.0)  # the new state is the candidate
    x, h = arguments["x"], arguments["h"]
    r, n = rows(arguments, "r"), rows(arguments, "n")
    from_x = x @ arguments["weight_ih"].T + arguments["bias_ih"] + arguments["bias_hh"]
    reset = torch.sigmoid(torch.from_numpy(from_x[..., r] + h @ arguments["weight_hh"][r].T))
    expected = np.tanh(from_x[..., n] + (reset.numpy() * h) @ arguments["weight_hh"][n].T)
    new = gru_step(**arguments, reset_after=False)
    np.testing.assert_allclose(new, expected, rtol=0, atol=1e-13)


@settings(max_examples=50, deadline=None)
@given(sizes, sizes, st.integers(1, 5), seeds)
def test_batched_step_is_the_unbatched_step_row_by_row(input_size, hidden_size, batch, seed):
    arguments = draw_step(input_size, hidden_size, batch, seed)
    one_by_one = [
        gru_step(**{**arguments, "x": x, "h": h})
        for x, h in zip(arguments["x"], arguments["h"], strict=True)
    ]
    np.testing.assert_allclose(gru_step(**arguments), one_by_one, rtol=0, atol=1e-13)


def test_step_takes_lists_and_leaves_its_arguments_alone():
    arguments = draw_step(3, 2, 4, seed=0)
    copies = {name: array.copy() for name, array in arguments.items()}
    new = gru_step(**arguments)
    as_lists = gru_step(**{name: array.tolist() for name, array in arguments.items()})
    np.testing.assert_array_equal(new, as_lists)
    for name, array in arguments.items():
        np.testing.assert_array_equal(array, copies[name], err_msg=name)


# --- saturation -----------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(sizes, sizes, batches, seeds)
def test_update_gate_near_1_copies_the_state(input_size, hidden_size, batch, seed):
    arguments = draw_step(input_size, hidden_size, batch, seed)
    saturate(arguments, "z", 40.0)
    np.testing.assert_allclose(gru_step(**arguments), arguments["h"], rtol=0, atol=1e-14)


@settings(max_examples=50, deadline=None)
@given(sizes, sizes, batches, seeds)
def test_update_gate_near_0_writes_the_candidate(input_size, hidden_size, batch, seed):
    arguments = draw_step(input_size, hidden_size, batch, seed)
    saturate(arguments, "z", -40.0)
    saturate(arguments, "r", 40.0)
    expected = candidate(arguments, r=1.0)
    np.testing.assert_allclose(gru_step(**arguments), expected, rtol=0, atol=1e-13)


@settings(max_examples=50, deadline=None)
@given(sizes, sizes, batches, seeds)
def test_reset_gate_near_0_makes_the_candidate_ignore_the_past(
    input_size, hidden_size, batch, seed
):
    arguments = draw_step(input_size, hidden_size, batch, seed)
    saturate(arguments, "z", -40.0)
    saturate(arguments, "r", -40.0)
    new = gru_step(**arguments)
    np.testing.assert_allclose(new, candidate(arguments, r=0.0), rtol=0, atol=1e-13)

    other_past = {**arguments, "h": -arguments["h"][..., ::-1]}
    np.testing.assert_allclose(gru_step(**other_past), new, rtol=0, atol=1e-13)


@settings(max_examples=100, deadline=None)
@given(sizes, sizes, batches, seeds, st.sampled_from([0.1, 1.0, 30.0, 1e4]))
def test_a_state_between_minus_1_and_1_stays_there(input_size, hidden_size, batch, seed, scale):
    arguments = draw_step(input_size, hidden_size, batch, seed, scale)
    arguments["h"] = np.sign(arguments["h"]) * np.ceil(np.abs(arguments["h"]) * 4) / 4
    assert np.abs(arguments["h"]).max() <= 1
    for _ in range(5):
        arguments["h"] = gru_step(**arguments)
        assert np.abs(arguments["h"]).max() <= 1


# --- bad shapes -----------------------------------------------------------------------------

# input_size 3, hidden_size 2, batch 4: argument, shapes that do not fit, shape in the message
BAD_BATCHED = {
    "x": ([(), (1, 4, 3)], "(input_size,) or (batch, input_size)"),
    "h": ([(), (2,), (5, 2), (1, 2), (1, 4, 2)], "(4, 'hidden_size')"),
    "weight_ih": ([(), (6,), (3, 6), (6, 4), (6, 1), (2, 3), (4, 3), (1, 6, 3)], "(6, 3)"),
    "weight_hh": ([(), (6,), (2, 6), (6, 3), (6, 1), (2, 2), (4, 2), (1, 6, 2)], "(6, 2)"),
    "bias_ih": ([(), (1,), (2,), (7,), (6, 1), (1, 6), (4, 6)], "(6,)"),
    "bias_hh": ([(), (1,), (2,), (7,), (6, 1), (1, 6), (4, 6)], "(6,)"),
}
# the same without a batch; x and h differ from the above
BAD_UNBATCHED = {
    **BAD_BATCHED,
    "h": ([(), (1, 2), (3, 2)], "('hidden_size',)"),
}


@pytest.mark.parametrize(
    ("batch", "name", "shape", "expected"),
    [
        (batch, name, shape, expected)
        for batch, table in ((4, BAD_BATCHED), (None, BAD_UNBATCHED))
        for name, (shapes, expected) in table.items()
        for shape in shapes
    ],
)
def test_a_bad_shape_is_named_with_the_expected_one(batch, name, shape, expected):
    arguments = draw_step(3, 2, batch, seed=0)
    arguments[name] = np.zeros(shape)
    message = f"^{name} has shape {re.escape(str(shape))};.* expected {re.escape(expected)}$"
    with pytest.raises(ValueError, match=message):
        gru_step(**arguments)


@pytest.mark.parametrize("batch", [None, 4])
def test_an_input_of_the_wrong_size_is_named_with_both_sizes(batch):
    arguments = draw_step(3, 2, batch, seed=0)
    arguments["x"] = arguments["x"][..., :2]
    with pytest.raises(ValueError, match=r"weight_ih has shape \(6, 3\);.*expected \(6, 2\)"):
        gru_step(**arguments)


# --- sigmoid --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_at_the_ends_neither_overflows_nor_warns(dtype):
    a = np.array([-1000.0, -100.0, 0.0, 100.0, 1000.0], dtype=dtype)
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        result = sigmoid(a)
    assert result.dtype == dtype
    np.testing.assert_allclose(result, [0, 0, 0.5, 1, 1], rtol=0, atol=1e-15)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_sigmoid_equals_torch(values):
    a = np.array(values)
    result = sigmoid(a)
    assert ((result >= 0) & (result <= 1)).all()
    np.testing.assert_allclose(result, torch.sigmoid(torch.tensor(a)).numpy(), rtol=0, atol=1e-15)


# --- the layer, against PyTorch ---------------------------------------------------------------


@st.composite
def layers(draw):
    """Arguments of GRU, all but the convention."""
    return {
        "input_size": draw(st.integers(1, 5)),
        "hidden_size": draw(st.integers(1, 6)),
        "num_layers": draw(st.integers(1, 3)),
        "bias": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
        "bidirectional": draw(st.booleans()),
    }


@st.composite
def runs(draw):
    """Sizes of a run, whether it has an initial state, and lengths or None; batch None is 2-D."""
    steps = draw(st.integers(1, 8))
    batch = draw(st.none() | st.integers(0, 5))
    lengths = None
    if batch and draw(st.booleans()):
        lengths = draw(st.lists(st.integers(1, steps), min_size=batch, max_size=batch))
    return {
        "steps": steps,
        "batch": batch,
        "lengths": lengths,
        "with_h0": draw(st.booleans()),
        "scale": draw(st.sampled_from([0.1, 1.0, 5.0])),
        "seed": draw(seeds),
    }


def draw_run(layer, run):
    """Random x, h0 or None, and gradients by output and h_n, time first or as batch_first says."""
    rng = np.random.default_rng(run["seed"])
    directions = 2 if layer["bidirectional"] else 1
    middle = () if run["batch"] is None else (run["batch"],)
    outer = (run["steps"], *middle)
    if layer["batch_first"]:
        outer = outer[::-1]
    states = (layer["num_layers"] * directions, *middle, layer["hidden_size"])
    x = run["scale"] * rng.normal(size=(*outer, layer["input_size"]))
    h0 = rng.uniform(-1, 1, size=states) if run["with_h0"] else None
    d_output = rng.normal(size=(*outer, directions * layer["hidden_size"]))
    return x, h0, d_output, rng.normal(size=states)


def run_numpy(gru, x, h0, d_output, d_h_n, lengths=None):
    """Everything that a forward and a backward pass give, by name."""
    output, h_n = gru(x, h0, lengths)
    d_x, d_h0 = gru.backward(d_output, d_h_n)
    return {"output": output, "h_n": h_n, "d_x": d_x, "d_h0": d_h0, **gru.gradients}


def run_torch(forward, parameters, x, h0, d_output, d_h_n):
    """The same from a function of tensors that gives output and h_n, by autograd."""
    x = torch.tensor(x, requires_grad=True)
    h0 = torch.zeros(d_h_n.shape) if h0 is None else torch.tensor(h0)
    h0 = h0.to(x.dtype).requires_grad_()
    output, h_n = forward(x, h0)
    torch.autograd.backward([output, h_n], [torch.tensor(d_output), torch.tensor(d_h_n)])
    results = {"output": output, "h_n": h_n, "d_x": x.grad, "d_h0": h0.grad}
    results |= {name: parameter.grad for name, parameter in parameters.items()}
    return {name: tensor.detach().numpy() for name, tensor in results.items()}


def worst_difference(results, expected):
    """Largest difference of any entry, and in which array; shapes and names must be the same."""
    assert results.keys() == expected.keys()
    for name, array in results.items():
        assert array.shape == expected[name].shape, name
        assert np.isfinite(array).all(), name
    return max(
        (np.abs(array - expected[name]).max(initial=0.0), name) for name, array in results.items()
    )


def packed_forward(module, lengths):
    """Forward pass of a torch GRU that reads only the first steps of each sequence."""

    def forward(x, h0):
        if lengths is None:
            return module(x, h0)
        steps = x.shape[1 if module.batch_first else 0]
        packed = pack_padded_sequence(x, lengths, module.batch_first, enforce_sorted=False)
        output, h_n = module(packed, h0)
        return pad_packed_sequence(output, module.batch_first, total_length=steps)[0], h_n

    return forward


def compare_with_torch(layer, run):
    """Largest difference between a NumPy GRU and torch.nn.GRU with the same weights."""
    module = torch.nn.GRU(**layer, dtype=torch.float64)
    gru = GRU(**layer, dtype=np.float64, rng=run["seed"])
    module.load_state_dict(
        {name: torch.from_numpy(array) for name, array in gru.state_dict().items()}, strict=True
    )
    arrays = draw_run(layer, run)
    expected = run_torch(
        packed_forward(module, run["lengths"]), dict(module.named_parameters()), *arrays
    )
    return worst_difference(run_numpy(gru, *arrays, run["lengths"]), expected)


@settings(max_examples=300, deadline=None)
@given(layers(), runs())
def test_layer_equals_torch(layer, run):
    assert compare_with_torch(layer, run) < (1e-10, "")


# --- the layer, reset before the product, against autograd through the equations ------------


def torch_loop_reset_before(x, h, weight_ih, weight_hh, bias_ih, bias_hh, lengths):
    """One layer, one direction, (steps, batch, ...), as Cho et al. write it."""
    size = h.shape[-1]
    outputs = []
    for t, x_t in enumerate(x):
        i_r, i_z, i_n = (x_t @ weight_ih.T + bias_ih).split(size, dim=-1)
        w_r, w_z, w_n = weight_hh.split(size)
        b_r, b_z, b_n = bias_hh.split(size)
        r = torch.sigmoid(i_r + h @ w_r.T + b_r)
        z = torch.sigmoid(i_z + h @ w_z.T + b_z)
        n = torch.tanh(i_n + (r * h) @ w_n.T + b_n)
        reads = (t < lengths)[:, None]
        h = torch.where(reads, z * h + (1 - z) * n, h)
        outputs.append(torch.where(reads, h, 0))
    return torch.stack(outputs), h


@settings(max_examples=100, deadline=None)
@given(sizes, sizes, st.integers(1, 8), st.integers(1, 4), st.booleans(), seeds)
def test_reset_before_equals_autograd_through_its_equations(
    input_size, hidden_size, steps, batch, bias, seed
):
    gru = GRU(input_size, hidden_size, bias=bias, reset_after=False, dtype=np.float64, rng=seed)
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, steps + 1, size=batch)
    parameters = {name: torch.tensor(a) for name, a in gru.parameters.items()}
    for tensor in parameters.values():
        tensor.requires_grad_()
    weights = list(parameters.values())
    weights += [torch.zeros(3 * hidden_size)] * (4 - len(weights))

    def forward(x, h0):
        output, h_n = torch_loop_reset_before(x, h0[0], *weights, torch.from_numpy(lengths))
        return output, h_n[None]

    x = rng.normal(size=(steps, batch, input_size))
    h0, d_h_n = rng.normal(size=(2, 1, batch, hidden_size))
    arrays = x, h0, rng.normal(size=(steps, batch, hidden_size)), d_h_n
    expected = run_torch(forward, parameters, *arrays)
    assert worst_difference(run_numpy(gru, *arrays, lengths), expected) < (1e-10, "")


def test_the_two_conventions_are_two_functions():
    after = GRU(3, 5, dtype=np.float64, rng=0)
    before = GRU(3, 5, reset_after=False, dtype=np.float64, rng=1)
    before.load_state_dict(after.state_dict())
    x = np.random.default_rng(0).normal(size=(7, 4, 3))
    assert np.abs(after(x)[0] - before(x)[0]).max() > 0.01


@pytest.mark.parametrize("reset_after", [True, False])
def test_one_step_of_the_layer_is_gru_step(reset_after):
    gru = GRU(3, 5, reset_after=reset_after, dtype=np.float64, rng=0)
    x, h = np.random.default_rng(0).normal(size=(2, 4, 3)), np.full((1, 4, 5), 0.5)
    output, _ = gru(x[:1], h)
    step = gru_step(x[0], h[0], *gru.parameters.values(), reset_after=reset_after)
    np.testing.assert_allclose(output[0], step, rtol=0, atol=1e-15)


# --- the gradient, against finite differences -------------------------------------------------


@pytest.mark.parametrize("reset_after", [True, False])
@pytest.mark.parametrize(
    ("batch", "lengths", "options"),
    [
        (1, None, {}),
        (3, None, {"bias": False}),
        (3, [4, 1, 3], {"num_layers": 2, "bidirectional": True}),
        (2, None, {"num_layers": 3, "dropout": 0.4}),
    ],
)
def test_gradient_is_that_of_finite_differences(reset_after, batch, lengths, options):
    rng = np.random.default_rng(0)
    directions = 2 if options.get("bidirectional") else 1
    states = options.get("num_layers", 1) * directions
    x, h0 = rng.normal(size=(4, batch, 3)), rng.uniform(-1, 1, size=(states, batch, 2))
    d_output, d_h_n = rng.normal(size=(4, batch, 2 * directions)), rng.normal(size=h0.shape)

    def make():  # the same seed draws the same dropout
        return GRU(3, 2, **options, reset_after=reset_after, dtype=np.float64, rng=5)

    values = {"x": x, "h0": h0, **make().state_dict()}

    def loss():
        gru = make()
        gru.load_state_dict({name: values[name] for name in gru.parameters})
        output, h_n = gru(x, h0, lengths)
        return (output * d_output).sum() + (h_n * d_h_n).sum()

    results = run_numpy(make(), x, h0, d_output, d_h_n, lengths)
    gradients = {name: results.get(f"d_{name}", results.get(name)) for name in values}
    report = gradient_check(loss, values, gradients)
    assert report.relative_error < 1e-7, str(report)
    assert report.entries == sum(array.size for array in values.values())


# --- precision, range, repeatability ----------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(layers(), runs(), st.booleans())
def test_float32_stays_close_to_float64(layer, run, reset_after):
    results = []
    for dtype in (np.float32, np.float64):
        gru = GRU(**layer, reset_after=reset_after, dtype=dtype, rng=run["seed"])
        # the same numbers in both, so that only the arithmetic differs
        single = GRU(**layer, rng=run["seed"]).state_dict()
        gru.load_state_dict(single)
        arrays = [None if a is None else a.astype(np.float32) for a in draw_run(layer, run)]
        arrays = [None if a is None else a.astype(dtype) for a in arrays]
        results.append(run_numpy(gru, *arrays, run["lengths"]))
    single, double = results
    for name, array in single.items():
        assert array.dtype == np.float32, name
        scale = max(1.0, np.abs(double[name]).max(initial=0.0))
        np.testing.assert_allclose(array, double[name], rtol=0, atol=1e-5 * scale, err_msg=name)


@settings(max_examples=100, deadline=None)
@given(layers(), runs(), st.booleans(), st.sampled_from([1.0, 20.0]))
def test_states_between_minus_1_and_1_stay_there(layer, run, reset_after, size):
    gru = GRU(**layer, reset_after=reset_after, dtype=np.float64, rng=run["seed"])
    gru.load_state_dict({name: size * array for name, array in gru.parameters.items()})
    x, h0, _, _ = draw_run(layer, run)
    output, h_n = gru(x, None if h0 is None else np.sign(h0), run["lengths"])
    assert np.abs(output).max(initial=0) <= 1
    assert np.abs(h_n).max(initial=0) <= 1


@settings(max_examples=50, deadline=None)
@given(layers(), runs(), st.booleans())
def test_no_argument_is_changed(layer, run, reset_after):
    gru = GRU(**layer, reset_after=reset_after, dtype=np.float64, rng=run["seed"])
    x, h0, d_output, d_h_n = draw_run(layer, run)
    arguments = [x, h0, d_output, d_h_n, run["lengths"], *gru.parameters.values()]
    arguments = [np.asarray(argument) for argument in arguments if argument is not None]
    copies = [argument.copy() for argument in arguments]
    run_numpy(gru, x, h0, d_output, d_h_n, run["lengths"])
    for argument, copy in zip(arguments, copies, strict=True):
        np.testing.assert_array_equal(argument, copy)


@settings(max_examples=30, deadline=None)
@given(layers(), runs())
def test_one_seed_gives_the_same_bits(layer, run):
    layer |= {"dropout": 0.3 if layer["num_layers"] > 1 else 0.0}
    one, other = (
        run_numpy(GRU(**layer, rng=run["seed"]), *arrays, run["lengths"])
        for arrays in [
            [None if a is None else a.astype(np.float32) for a in draw_run(layer, run)]
            for _ in range(2)
        ]
    )
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


def test_a_generator_may_be_shared_and_no_seed_differs_each_time():
    rng = np.random.default_rng(0)
    first, second = GRU(2, 3, rng=rng), GRU(2, 3, rng=rng)
    assert (first.parameters["weight_ih_l0"] != second.parameters["weight_ih_l0"]).any()
    assert (GRU(2, 3).parameters["weight_ih_l0"] != GRU(2, 3).parameters["weight_ih_l0"]).any()


def test_first_weights_are_spread_as_in_torch():
    weight = GRU(4, 400, rng=0).parameters["weight_hh_l0"]
    assert np.abs(weight).max() <= 1 / 20
    np.testing.assert_allclose(weight.std(), 1 / 20 / np.sqrt(3), rtol=0.01)


# --- what is kept between calls ---------------------------------------------------------------


@pytest.mark.parametrize("reset_after", [True, False])
@pytest.mark.parametrize("batch", [1, 3])
def test_blocks_of_steps_change_nothing(monkeypatch, reset_after, batch):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(11, batch, size)) for size in (3, 4)]
    arrays = [arrays[0], None, arrays[1], rng.normal(size=(1, batch, 4))]
    results = []
    for block in (10**6, 4 * batch * 4):  # all steps at once; four at a time, and three remain
        monkeypatch.setattr(_numpy_kernel, "BLOCK", block)
        gru = GRU(3, 4, reset_after=reset_after, dtype=np.float64, rng=0)
        results.append(run_numpy(gru, *arrays))
    assert worst_difference(*results) < (1e-13, "")


def test_results_survive_the_next_call_and_sizes_may_change():
    gru = GRU(3, 4, 2, bidirectional=True, dtype=np.float64, rng=0)
    rng = np.random.default_rng(0)
    kept = []
    for steps, batch in [(5, 2), (5, 2), (3, 1), (5, 2), (1, 7)]:
        x, d_output = rng.normal(size=(steps, batch, 3)), rng.normal(size=(steps, batch, 8))
        results = run_numpy(gru, x, None, d_output, np.zeros((4, batch, 4)))
        kept.append((results, {name: array.copy() for name, array in results.items()}))
        fresh = GRU(3, 4, 2, bidirectional=True, dtype=np.float64, rng=0)
        again = run_numpy(fresh, x, None, d_output, np.zeros((4, batch, 4)))
        assert worst_difference(results, again) == (0.0, max(again))
    for results, copies in kept:
        assert worst_difference(results, copies)[0] == 0


def test_input_may_be_changed_between_call_and_backward():
    gru = GRU(2, 3, dtype=np.float64, rng=0)
    x = np.random.default_rng(0).normal(size=(4, 2, 2))
    gru(x)
    expected, _ = gru.backward(np.ones((4, 2, 3)))
    weights = gru.gradients["weight_ih_l0"]
    gru(x)
    x[:] = 0
    d_x, _ = gru.backward(np.ones((4, 2, 3)))
    np.testing.assert_array_equal(d_x, expected)
    np.testing.assert_array_equal(gru.gradients["weight_ih_l0"], weights)


def test_missing_gradients_are_zeros():
    gru = GRU(2, 3, dtype=np.float64, rng=0)
    x = np.random.default_rng(0).normal(size=(4, 2, 2))
    zeros, ones = np.zeros((4, 2, 3)), np.ones((1, 2, 3))
    written = run_numpy(gru, x, None, zeros, ones)
    left_out = run_numpy(gru, x, None, None, ones)
    assert worst_difference(written, left_out)[0] == 0
    assert np.abs(written["d_x"]).max() > 0
    gru(x)
    d_x, d_h0 = gru.backward(None)
    assert (d_x == 0).all() and (d_h0 == 0).all()


# --- lengths and dropout ----------------------------------------------------------------------


@pytest.mark.parametrize("reset_after", [True, False])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_what_stands_in_the_padding_does_not_matter(reset_after, bidirectional):
    gru = GRU(
        *(2, 3, 2), bidirectional=bidirectional, reset_after=reset_after, dtype=np.float64, rng=0
    )
    lengths = np.array([5, 2, 1])
    padding = np.arange(5)[:, None] >= lengths
    rng = np.random.default_rng(0)
    x, d_output = rng.normal(size=(5, 3, 2)), rng.normal(size=(5, 3, 6 if bidirectional else 3))
    d_h_n = rng.normal(size=(4 if bidirectional else 2, 3, 3))
    clean = run_numpy(gru, x, None, d_output, d_h_n, lengths)
    x[padding], d_output[padding] = np.nan, np.inf
    dirty = run_numpy(gru, x, None, d_output, d_h_n, lengths)
    assert worst_difference(clean, dirty)[0] == 0
    assert (clean["output"][padding] == 0).all() and (clean["d_x"][padding] == 0).all()
    alone, _ = gru(x[:2, 1])
    np.testing.assert_allclose(clean["output"][:2, 1], alone, rtol=0, atol=1e-15)


def test_dropout_acts_between_layers_while_training_only():
    gru = GRU(2, 50, 2, dropout=0.5, dtype=np.float64, rng=0)
    x = np.random.default_rng(0).normal(size=(6, 8, 2))
    first, second = gru(x)[0], gru(x)[0]
    assert (first != second).any()
    gru.eval()
    np.testing.assert_array_equal(gru(x)[0], gru(x)[0])
    plain = GRU(2, 50, 2, dtype=np.float64, rng=0)
    np.testing.assert_array_equal(gru(x)[0], plain(x)[0])
    gru.train()
    assert (gru(x)[0] != plain(x)[0]).any()

    single = GRU(2, 50, 1, dropout=0.5, dtype=np.float64, rng=0)
    np.testing.assert_array_equal(single(x)[0], single(x)[0])


def test_dropout_keeps_the_mean():
    gru = GRU(1, 200, 2, dropout=0.25, dtype=np.float64, rng=0)
    mask = gru._draw_mask(0, (100, 10, 200))
    assert set(np.unique(mask)) == {0.0, 1 / 0.75}
    np.testing.assert_allclose(mask.mean(), 1, atol=0.01)


# --- step by step -----------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(sizes, sizes, st.integers(1, 3), st.booleans(), st.booleans(), st.booleans(), seeds)
def test_a_stream_gives_what_the_layer_gives(
    input_size, hidden_size, num_layers, bias, reset_after, with_h0, seed
):
    gru = GRU(
        input_size,
        hidden_size,
        num_layers,
        bias,
        reset_after=reset_after,
        dtype=np.float64,
        rng=seed,
    )
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(6, input_size))
    h0 = rng.normal(size=(num_layers, hidden_size)) if with_h0 else None
    output, h_n = gru(x, h0)
    stream = gru.stream(h0)
    states = [stream.step(x_t) for x_t in x]
    np.testing.assert_allclose(states, output, rtol=0, atol=1e-13)
    np.testing.assert_allclose(stream.state, h_n, rtol=0, atol=1e-13)
    stream.reset(h0)
    np.testing.assert_array_equal([stream.step(x_t) for x_t in x], states)


def test_a_stream_is_on_its_own():
    gru = GRU(2, 3, rng=0)
    stream, x = gru.stream(), np.ones(2, np.float32)
    first = stream.step(x)
    kept = first.copy()
    gru.parameters["weight_ih_l0"][:] = 0
    first[:] = 7  # a copy: the stream's own state stays
    stream.state[:] = 7
    second = stream.step(x)
    stream.reset()
    np.testing.assert_array_equal(stream.step(x), kept)
    np.testing.assert_array_equal(stream.step(x), second)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.ones(2), TypeError, r"x has dtype float64; expected float32.*x\.astype\(np\.float32\)"),
        (np.ones(3, np.float32), ValueError, r"x has shape \(3,\);.*expected \(2,\)"),
        (np.ones((1, 2), np.float32), ValueError, r"x has shape \(1, 2\);.*expected \(2,\)"),
        ([1, 2], TypeError, "x has dtype int64; expected float32"),
    ],
)
def test_a_stream_names_what_does_not_fit(x, error, message):
    with pytest.raises(error, match=message):
        GRU(2, 3).stream().step(x)


def test_a_stream_runs_one_way_and_from_a_state_of_its_shape():
    with pytest.raises(ValueError, match="gru is bidirectional"):
        GRUStream(GRU(2, 3, bidirectional=True))
    with pytest.raises(ValueError, match=r"h0 has shape \(3,\);.*expected \(2, 3\)"):
        GRU(2, 3, 2).stream(np.zeros(3, np.float32))
    with pytest.raises(TypeError, match="h0 has dtype float64"):
        GRU(2, 3, 2).stream(np.zeros((2, 3)))


# --- parameters -------------------------------------------------------------------------------


def test_state_dict_is_a_copy_and_loading_writes_in_place():
    gru = GRU(2, 3, dtype=np.float64, rng=0)
    held = gru.parameters["weight_ih_l0"]
    state = gru.state_dict()
    state["weight_ih_l0"][:] = 7
    assert (held != 7).all()
    gru.load_state_dict(state)
    assert (held == 7).all()
    state["weight_ih_l0"][:] = 8
    assert (held == 7).all()


BAD_STATES = [
    ({"bias_ih_l0": None}, ValueError, r"missing names: \['bias_ih_l0'\]; unexpected names: \[\]"),
    ({"bias": np.zeros(9)}, ValueError, r"missing names: \[\]; unexpected names: \['bias'\]"),
    ({"bias_ih_l0": np.zeros(8)}, ValueError, r"bias_ih_l0 has shape \(8,\);.*expected \(9,\)"),
    ({"bias_ih_l0": np.full(9, np.nan)}, ValueError, "bias_ih_l0 holds NaN or infinity in 9 of 9"),
    ({"bias_ih_l0": np.full(9, 1e300)}, ValueError, "bias_ih_l0 holds NaN or infinity"),
    ({"bias_ih_l0": np.zeros(9, int)}, TypeError, "bias_ih_l0 has dtype int64"),
    ({"bias_ih_l0": np.zeros(9, complex)}, TypeError, "bias_ih_l0 has dtype complex128"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD_STATES)
def test_a_bad_state_is_named_and_nothing_is_loaded(change, error, message):
    gru = GRU(2, 3, rng=0)
    before = gru.state_dict()
    state = {name: np.zeros_like(array) for name, array in before.items()} | change
    state = {name: array for name, array in state.items() if array is not None}
    with pytest.raises(error, match=message):
        gru.load_state_dict(state)
    for name, array in before.items():
        np.testing.assert_array_equal(gru.parameters[name], array)


def test_repr_says_what_is_not_the_default():
    assert repr(GRU(2, 3)) == "GRU(2, 3, dtype=float32)"
    assert (
        repr(GRU(2, 3, 2, bias=False, dropout=0.5, reset_after=False, dtype=np.float64))
        == "GRU(2, 3, num_layers=2, bias=False, dropout=0.5, reset_after=False, dtype=float64)"
    )


# --- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"input_size": 0}, ValueError, "input_size is 0; expected at least 1"),
        ({"hidden_size": -3}, ValueError, "hidden_size is -3; expected at least 1"),
        ({"num_layers": 0}, ValueError, "num_layers is 0; expected at least 1"),
        ({"hidden_size": 2.0}, TypeError, r"hidden_size is 2\.0; expected a whole number"),
        ({"num_layers": True}, TypeError, "num_layers is True; expected a whole number"),
        ({"dropout": 1.0}, ValueError, r"dropout is 1\.0; expected a number in \[0, 1\)"),
        ({"dropout": -0.1}, ValueError, r"dropout is -0\.1; expected a number in \[0, 1\)"),
        ({"dropout": float("nan")}, ValueError, "dropout is nan; expected a number"),
        ({"dropout": "0.1"}, TypeError, "dropout is '0.1'; expected a number"),
        ({"dtype": np.float16}, TypeError, "dtype is float16; expected float32 or float64"),
        ({"dtype": int}, TypeError, "dtype is int64; expected float32 or float64"),
        ({"bias": 1}, TypeError, "bias is 1; expected True or False"),
        ({"batch_first": "no"}, TypeError, "batch_first is 'no'; expected True or False"),
        ({"bidirectional": 2}, TypeError, "bidirectional is 2; expected True or False"),
        ({"reset_after": None}, TypeError, "reset_after is None; expected True or False"),
        ({"rng": "0"}, TypeError, "rng is '0'; expected None, an integer or np.random.Generator"),
        ({"rng": -1}, ValueError, "rng is -1; expected a seed of at least 0"),
    ],
)
def test_a_bad_size_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        GRU(**{"input_size": 2, "hidden_size": 3, **arguments})


X = np.zeros((4, 5, 2), np.float32)
BAD_CALLS = [
    ((X[0, 0],), ValueError, r"x has shape \(2,\);.*expected \(steps, batch, input_size\)"),
    ((X[None],), ValueError, r"x has shape \(1, 4, 5, 2\); for input_size=2 expected"),
    ((X[..., :1],), ValueError, r"x has shape \(4, 5, 1\); for input_size=2 expected"),
    ((X[:0],), ValueError, r"x has shape \(0, 5, 2\); expected at least one step"),
    ((X.astype(float),), TypeError, r"x has dtype float64; expected float32.*x\.astype"),
    ((X.astype(int),), TypeError, "x has dtype int64; expected float32"),
    ((X.astype(complex),), TypeError, "x has dtype complex128; expected float32"),
    ((X, X[:1, :, :1]), ValueError, r"h0 has shape \(1, 5, 1\);.*expected \(1, 5, 3\)"),
    ((X, np.zeros((5, 3), np.float32)), ValueError, r"h0 has shape \(5, 3\);.*\(1, 5, 3\)"),
    ((X, np.zeros((1, 1, 3), np.float32)), ValueError, r"h0 has shape \(1, 1, 3\)"),
    ((X, np.zeros((1, 5, 3))), TypeError, "h0 has dtype float64; expected float32"),
    ((X[:, 0], np.zeros((1, 1, 3), np.float32)), ValueError, r"h0 has.*expected \(1, 3\)"),
    ((X, None, [1, 2, 3, 4]), ValueError, r"lengths has shape \(4,\);.*expected \(5,\)"),
    ((X, None, 3), ValueError, r"lengths has shape \(\);.*expected \(5,\)"),
    ((X, None, [1, 2, 3, 4, 5]), ValueError, "lengths holds 5; expected 1 to 4, the steps of x"),
    ((X, None, [1, 2, 0, 4, 4]), ValueError, "lengths holds 0; expected 1 to 4"),
    ((X, None, [1.0, 2, 3, 4, 4]), TypeError, "lengths has dtype float64; expected whole"),
    ((X, None, [True] * 5), TypeError, "lengths has dtype bool; expected whole numbers"),
    ((X[:, 0], None, [4]), ValueError, r"lengths is for batches.*give x\[:length\] instead"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), BAD_CALLS)
def test_a_bad_argument_of_a_call_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        GRU(2, 3)(*arguments)


def test_batch_first_is_named_in_the_shape():
    with pytest.raises(ValueError, match=r"expected \(batch, steps, input_size\)"):
        GRU(2, 3, batch_first=True)(X[..., :1])
    with pytest.raises(ValueError, match=r"\(4, 0, 2\); expected at least one step"):
        GRU(2, 3, batch_first=True)(X[:, :0])


@pytest.mark.parametrize(
    ("gradients", "error", "message"),
    [
        ((np.zeros((4, 5, 2), np.float32),), ValueError, r"d_output has.*expected \(4, 5, 3\)"),
        ((np.zeros((4, 1, 3), np.float32),), ValueError, r"d_output has.*expected \(4, 5, 3\)"),
        ((np.zeros((4, 5, 3)),), TypeError, "d_output has dtype float64; expected float32"),
        ((None, np.zeros((5, 3), np.float32)), ValueError, r"d_h_n has.*expected \(1, 5, 3\)"),
        ((None, np.zeros((1, 5, 3))), TypeError, "d_h_n has dtype float64; expected float32"),
    ],
)
def test_a_bad_gradient_is_named_and_another_try_is_allowed(gradients, error, message):
    gru = GRU(2, 3)
    gru(X)
    with pytest.raises(error, match=message):
        gru.backward(*gradients)
    assert gru.gradients == {}
    gru.backward(None)
    assert list(gru.gradients) == list(gru.parameters)


def test_backward_needs_a_call_each_time():
    gru = GRU(2, 3)
    with pytest.raises(RuntimeError, match="call the GRU once before each backward"):
        gru.backward(None)
    gru(X)
    gru.backward(None)
    with pytest.raises(RuntimeError, match="call the GRU once before each backward"):
        gru.backward(None)


def test_unbatched_gradients_have_no_batch():
    gru = GRU(2, 3, batch_first=True)
    gru(X[:, 0])
    with pytest.raises(ValueError, match=r"d_output has shape \(4, 5, 3\);.*expected \(4, 3\)"):
        gru.backward(np.zeros((4, 5, 3), np.float32))
    d_x, d_h0 = gru.backward(np.zeros((4, 3), np.float32))
    assert d_x.shape == (4, 2) and d_h0.shape == (1, 3)
