"""Initialisers of recurrent layers: against their formulas, on every kind of layer."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gru_lib import torch_gru
from gru_lib.initialisation import chrono_, orthogonal_, set_keep_bias_
from gru_lib.min_gru import MinGRU

GATED = {
    "nn.GRU": nn.GRU,
    "nn.LSTM": nn.LSTM,
    "our GRU": torch_gru.GRU,
    "nn.GRUCell": nn.GRUCell,
    "nn.LSTMCell": nn.LSTMCell,
    "our GRUCell": torch_gru.GRUCell,
}
every_gated = pytest.mark.parametrize("make", GATED.values(), ids=GATED)


def biases(layer, size, block):
    """Rows of a block of the bias beside the input, and of the one beside the state."""
    rows = slice(block * size, (block + 1) * size)
    return [
        [p[rows].detach().clone() for name, p in layer.named_parameters() if name.startswith(start)]
        for start in ("bias_ih", "bias_hh")
    ]


def blocks_of(layer, size):
    (weight, *_) = [p for name, p in layer.named_parameters() if name.startswith("weight_hh")]
    return len(weight) // size


@every_gated
def test_a_keep_bias_is_what_the_gate_starts_with(make):
    layer = make(3, 5)
    before = {name: p.detach().clone() for name, p in layer.named_parameters()}
    assert set_keep_bias_(layer, 2.5) is layer
    ((beside_input,), (beside_state,)) = biases(layer, 5, 1)
    assert (beside_input + beside_state == 2.5).all() and (beside_state == 0).all()
    for name, p in layer.named_parameters():
        others = torch.ones(len(p), dtype=bool)
        if name.startswith("bias"):
            others[5:10] = False
        assert torch.equal(p[others], before[name][others])  # nothing else was touched


@every_gated
def test_with_a_large_keep_bias_the_state_stays(make):
    layer = set_keep_bias_(make(3, 5), 50.0)
    is_cell, is_lstm = hasattr(layer, "weight_ih"), blocks_of(layer, 5) == 4
    x, h = torch.randn(4, 3), torch.randn(4, 5)
    if not is_lstm:
        new = layer(x, h) if is_cell else layer(x[None], h[None])[1][0]
        assert torch.allclose(new, h, atol=1e-6)
    elif is_cell:
        with torch.no_grad():
            layer.bias_ih[:5] = -50.0  # the input gate shut
        assert torch.allclose(layer(x, (h, h))[1], h, atol=1e-6)


@every_gated
def test_a_keep_bias_may_differ_from_unit_to_unit(make):
    wanted = [0.0, 1.0, -2.0, 3.0, 4.5]
    layer = set_keep_bias_(make(3, 5), wanted)
    assert biases(layer, 5, 1)[0][0].tolist() == wanted


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(GATED)),
    st.integers(1, 9),
    st.integers(2, 500),
    st.integers(0, 2**32 - 1),
)
def test_chrono_follows_its_formula(kind, size, longest, seed):
    layer = chrono_(GATED[kind](2, size), longest, seed)
    drawn = np.random.default_rng(seed).uniform(1, longest - 1, size)
    ((keep,), (beside_state,)) = biases(layer, size, 1)
    np.testing.assert_allclose(keep, np.log(drawn), rtol=1e-5, atol=1e-6)
    assert (beside_state == 0).all()
    if blocks_of(layer, size) == 4:
        ((put,), (beside_state,)) = biases(layer, size, 0)
        np.testing.assert_allclose(put, -np.log(drawn), rtol=1e-5, atol=1e-6)
        assert (beside_state == 0).all()


def test_chrono_times_are_even_from_1_to_one_less_than_the_longest():
    rng, layer = np.random.default_rng(0), nn.GRU(1, 200, dtype=torch.float64)
    drawn = [chrono_(layer, 51, rng).bias_ih_l0[200:400].detach().clone() for _ in range(100)]
    times = torch.cat(drawn).exp().numpy()
    assert times.min() >= 1 and times.max() <= 50
    counts, _ = np.histogram(times, bins=10, range=(1, 50))
    assert abs(counts - 2000).max() < 5 * 2000**0.5


def test_every_layer_and_direction_gets_times_of_its_own():
    layer = chrono_(nn.GRU(2, 6, num_layers=2, bidirectional=True), 80, rng=1)
    keep, _ = biases(layer, 6, 1)
    assert len(keep) == 4 and len({tuple(row.tolist()) for row in keep}) == 4


def test_the_same_seed_gives_the_same_start():
    first, again, other = (chrono_(nn.GRU(2, 6), 80, rng=seed) for seed in (3, 3, 4))
    assert torch.equal(first.bias_ih_l0[6:12], again.bias_ih_l0[6:12])
    assert not torch.equal(first.bias_ih_l0[6:12], other.bias_ih_l0[6:12])


@pytest.mark.parametrize("make", [*GATED.values(), nn.RNN, nn.RNNCell])
def test_every_recurrent_block_becomes_orthogonal(make):
    layer = make(3, 6).double()
    before = {name: p.detach().clone() for name, p in layer.named_parameters()}
    assert orthogonal_(layer, rng=0) is layer
    seen = []
    for name, weight in layer.named_parameters():
        if not name.startswith("weight_hh"):
            assert torch.equal(weight, before[name])
            continue
        for block in weight.split(6):
            assert torch.allclose(block @ block.T, torch.eye(6).double(), atol=1e-12)
            seen.append(tuple(block.flatten().tolist()))
    assert len(set(seen)) == len(seen) >= 1  # no two blocks alike


def test_orthogonal_matrices_favour_no_sign():
    layers = [orthogonal_(nn.RNN(1, 2).double(), rng=seed) for seed in range(2000)]
    corner = torch.stack([layer.weight_hh_l0[0, 0].detach() for layer in layers])
    turns = torch.stack([torch.linalg.det(layer.weight_hh_l0.detach()) for layer in layers])
    assert abs(corner.mean()) < 0.08  # cos of an even angle: deviation 0.7 / sqrt(2000)
    assert abs(turns.mean()) < 0.12  # as many turns as reflections


@pytest.mark.parametrize("function", [lambda m: set_keep_bias_(m, 1.0), lambda m: chrono_(m, 9)])
@pytest.mark.parametrize("layer", [nn.RNN(2, 3), nn.Linear(2, 3), MinGRU(2, 3)])
def test_a_layer_without_a_keeping_gate_is_refused(function, layer):
    message = f"layer is a {type(layer).__name__}; expected a GRU or an LSTM"
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        function(layer)


@pytest.mark.parametrize("function", [lambda m: set_keep_bias_(m, 1.0), lambda m: chrono_(m, 9)])
def test_a_layer_without_biases_is_refused(function):
    with pytest.raises(ValueError, match="layer has no biases"):
        function(nn.GRU(2, 3, bias=False))


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match=re.escape("longest is 1.5; expected 2 or more steps")):
        chrono_(nn.GRU(2, 3), 1.5)
    with pytest.raises(ValueError, match="longest is nan"):
        chrono_(nn.GRU(2, 3), float("nan"))
    with pytest.raises(ValueError, match=re.escape("bias has shape (2,); expected () or")):
        set_keep_bias_(nn.GRU(2, 3), [1.0, 2.0])
    with pytest.raises(ValueError, match="bias holds NaN or infinity"):
        set_keep_bias_(nn.GRU(2, 3), float("inf"))
    with pytest.raises(TypeError, match="layer is a Linear; expected a tanh RNN or a GRU or an LS"):
        orthogonal_(nn.Linear(2, 3))
