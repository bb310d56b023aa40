"""The GRU step by hand: against PyTorch, at its saturated ends, and its error messages."""

import re
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gru_lib.numpy_gru import gru_step, sigmoid

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
