"""Fleets: each member against the layer that it was made from, alone."""

import copy
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gru_lib.fleet import Fleet, FleetAdam, clip_members_

F64 = torch.float64
KINDS = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}
every_kind = pytest.mark.parametrize("kind", KINDS)


def pairs(kind, members=3, inputs=2, size=4, outputs=2):
    torch.manual_seed(0)
    return [
        (KINDS[kind](inputs, size, dtype=F64), nn.Linear(size, outputs, dtype=F64))
        for _ in range(members)
    ]


def parameters(pair):
    layer, readout = pair
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    return [*(getattr(layer, name) for name in names), readout.weight, readout.bias]


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(KINDS)),
    st.integers(1, 4),
    st.integers(1, 6),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 5),
    st.booleans(),
)
def test_members_are_the_layers_they_were_made_from(
    kind, members, steps, batch, inputs, size, with_state
):
    made = pairs(kind, members, inputs, size)
    fleet, x = Fleet(made), torch.randn(steps, members, batch, inputs, dtype=F64)
    start = torch.randn(2, members, batch, size, dtype=F64)
    state = None
    if with_state:
        state = (start[0], start[1]) if kind == "LSTM" else start[0]
    output, end = fleet(x, state)
    answers = fleet.answer(x)
    for k, (layer, readout) in enumerate(made):
        alone_state = None
        if with_state:
            alone_state = (start[0, k, None], start[1, k, None])
            alone_state = alone_state if kind == "LSTM" else alone_state[0]
        alone, alone_end = layer(x[:, k], alone_state)
        assert torch.allclose(output[:, k], alone, atol=1e-12)
        for mine, theirs in zip(
            end if kind == "LSTM" else [end],
            alone_end if kind == "LSTM" else [alone_end],
            strict=True,
        ):
            assert torch.allclose(mine[k], theirs[0], atol=1e-12)
        assert torch.allclose(answers[k], readout(layer(x[:, k])[0][-1]), atol=1e-12)
        assert torch.allclose(fleet.read(output)[:, k], readout(alone), atol=1e-12)


@every_kind
def test_gradients_are_those_of_the_members_alone(kind):
    made = pairs(kind)
    fleet, x = Fleet(made), torch.randn(7, 3, 5, 2, dtype=F64)
    fleet.answer(x).square().mean(dim=(1, 2)).sum().backward()
    for k, (layer, readout) in enumerate(made):
        readout(layer(x[:, k])[0][-1]).square().mean().backward()
        for mine, theirs in zip(fleet.parameters(), parameters(made[k]), strict=True):
            assert torch.allclose(mine.grad[k], theirs.grad, atol=1e-12)


@every_kind
def test_a_member_that_went_wrong_leaves_the_others_alone(kind):
    made = pairs(kind)
    fleet, x = Fleet(made), torch.randn(7, 3, 5, 2, dtype=F64)
    expected = fleet.answer(x)
    x[:, 1] = float("nan")
    answers = fleet.answer(x)
    answers.sum().backward()
    clip_members_(fleet, 1.0)
    FleetAdam(fleet, 0.1).step()
    assert torch.equal(answers[[0, 2]], expected[[0, 2]])
    for p in fleet.parameters():
        assert p[[0, 2]].isfinite().all() and p[1].isnan().any()


@every_kind
def test_lengths_read_each_sequence_at_its_own_end(kind):
    fleet, x = Fleet(pairs(kind)), torch.randn(7, 3, 4, 2, dtype=F64)
    lengths = torch.randint(1, 8, (3, 4))
    lengths[0, 0], lengths[0, 1] = 1, 7
    answers = fleet.answer(x, lengths)
    for k in range(3):
        for b in range(4):
            alone = fleet.answer(x[: lengths[k, b]])[k, b]
            assert torch.allclose(answers[k, b], alone, atol=1e-12)


@every_kind
def test_what_was_copied_stays_as_it_was(kind):
    made = pairs(kind)
    before = [copy.deepcopy(p) for pair in made for p in parameters(pair)]
    fleet = Fleet(made)
    with torch.no_grad():
        for p in fleet.parameters():
            p.add_(1)
    after = [p for pair in made for p in parameters(pair)]
    assert all(torch.equal(one, two) for one, two in zip(before, after, strict=True))
    assert len(fleet) == 3


def with_gradients(kind="GRU"):
    fleet = Fleet(pairs(kind))
    x = torch.randn(7, 3, 5, 2, dtype=F64) * torch.tensor([1.0, 5.0, 20.0])[:, None, None]
    (fleet.answer(x) * torch.tensor([1.0, 1e3, 1e-6])[:, None, None]).sum().backward()
    return fleet


@every_kind
def test_clipping_takes_one_norm_a_member(kind):
    fleet = with_gradients(kind)
    before = [p.grad.clone() for p in fleet.parameters()]
    norms = clip_members_(fleet, 2.0)
    for k in range(3):
        norm = torch.cat([g[k].flatten() for g in before]).norm()
        assert torch.allclose(norms[k], norm, rtol=1e-12)
        scale = min(1.0, 2.0 / (float(norm) + 1e-6))
        for p, g in zip(fleet.parameters(), before, strict=True):
            assert torch.allclose(p.grad[k], scale * g[k], rtol=1e-12, atol=0)
    assert norms[1] > 2 > norms[2]  # one was clipped, one was not


def test_clipping_may_differ_from_member_to_member():
    fleet = with_gradients()
    norms = clip_members_(fleet, [float("inf"), 0.5, 1e-9])
    again = clip_members_(fleet, float("inf"))
    expected = torch.stack([norms[0], torch.tensor(0.5), torch.tensor(1e-9)]).double()
    assert torch.allclose(again, torch.minimum(expected, norms), rtol=1e-2)


@every_kind
def test_adam_with_one_rate_is_torchs(kind):
    made = pairs(kind)
    fleet, twin = Fleet(made), Fleet(made)
    mine, theirs = FleetAdam(fleet, 0.01), torch.optim.Adam(twin.parameters(), lr=0.01)
    for _ in range(5):
        x = torch.randn(6, 3, 4, 2, dtype=F64)
        fleet.answer(x).square().sum().backward()
        mine.step()
        theirs.zero_grad()
        twin.answer(x).square().sum().backward()
        theirs.step()
    for one, two in zip(fleet.parameters(), twin.parameters(), strict=True):
        assert one.grad is None
        assert torch.allclose(one, two, atol=1e-12)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("rates", [0.01, [0.001, 0.01, 0.1]])
def test_a_fleet_on_a_gpu_moves_as_on_a_processor(rates):
    made, x = pairs("GRU"), torch.randn(6, 3, 4, 2, dtype=F64)
    fleets = [Fleet(made), Fleet(made).to("cuda")]
    for fleet in fleets:
        optimizer = FleetAdam(fleet, rates)
        for _ in range(3):
            fleet.answer(x.to(fleet.readout_bias.device)).square().sum().backward()
            clip_members_(fleet, rates)
            optimizer.step()
    for one, two in zip(*(fleet.parameters() for fleet in fleets), strict=True):
        assert torch.allclose(one, two.cpu(), atol=1e-12)


def test_adam_gives_every_member_its_rate():
    made, x = pairs("GRU"), torch.randn(6, 3, 4, 2, dtype=F64)
    rates = [0.001, 0.01, 0.1]
    together = Fleet(made)
    mine = FleetAdam(together, rates)
    for _ in range(3):
        together.answer(x).square().sum().backward()
        mine.step()
    for k, rate in enumerate(rates):
        alone = Fleet([made[k]])
        theirs = torch.optim.Adam(alone.parameters(), lr=rate)
        for _ in range(3):
            theirs.zero_grad()
            alone.answer(x[:, k, None]).square().sum().backward()
            theirs.step()
        for one, two in zip(together.parameters(), alone.parameters(), strict=True):
            assert torch.allclose(one[k], two[0], atol=1e-12)


@pytest.mark.parametrize(
    ("members", "error", "message"),
    [
        ([], ValueError, "members is empty"),
        ([nn.GRU(1, 2)], TypeError, "member 0 is a GRU; expected (layer, readout)"),
        ([(nn.Linear(1, 2), nn.Linear(2, 1))], TypeError, "member 0 is (Linear, Linear)"),
        ([(nn.GRU(1, 2, num_layers=2), nn.Linear(2, 1))], TypeError, "expected one layer"),
        ([(nn.GRU(1, 2, bidirectional=True), nn.Linear(4, 1))], TypeError, "one direction"),
        ([(nn.GRU(1, 2, bias=False), nn.Linear(2, 1))], TypeError, "biases in both"),
        ([(nn.GRU(1, 2), nn.Linear(2, 1, bias=False))], TypeError, "biases in both"),
        ([(nn.LSTM(1, 3, proj_size=2), nn.Linear(2, 1))], TypeError, "no projection"),
        ([(nn.RNN(1, 2, nonlinearity="relu"), nn.Linear(2, 1))], TypeError, "tanh"),
        ([(nn.GRU(1, 2), nn.Linear(3, 1))], ValueError, "member 0 reads 3 units; its layer has 2"),
        (
            [(nn.GRU(1, 2), nn.Linear(2, 1)), (nn.LSTM(1, 2), nn.Linear(2, 1))],
            ValueError,
            "member 1 has (kind, inputs, units, outputs) ('LSTM', 1, 2, 1); expected ('GRU', 1",
        ),
        (
            [(nn.GRU(1, 2), nn.Linear(2, 1)), (nn.GRU(1, 3), nn.Linear(3, 1))],
            ValueError,
            "member 1 has",
        ),
    ],
)
def test_members_that_do_not_fit_are_named(members, error, message):
    with pytest.raises(error, match=re.escape(message)):
        Fleet(members)


@pytest.mark.parametrize("shape", [(5, 3, 4), (5, 2, 4, 2), (5, 3, 4, 1), (0, 3, 4, 2)])
def test_an_input_of_another_shape_is_refused(shape):
    message = re.escape(f"x has shape {shape}; expected (steps, members, batch, input_size)")
    with pytest.raises(ValueError, match=message):
        Fleet(pairs("GRU"))(torch.zeros(shape, dtype=F64))


def test_lengths_that_do_not_fit_are_refused():
    fleet, x = Fleet(pairs("GRU")), torch.zeros(5, 3, 4, 2, dtype=F64)
    for lengths in (torch.zeros(3, 4), torch.full((3, 4), 6), torch.ones(3, 5)):
        with pytest.raises(ValueError, match=r"expected \(members, batch\) = \(3, 4\), from 1 to"):
            fleet.answer(x, lengths.long())


def test_optimisers_name_what_does_not_fit():
    fleet = Fleet(pairs("GRU"))
    with pytest.raises(ValueError, match=r"call clip_members_ after backward\(\)"):
        clip_members_(fleet, 1.0)
    for rate in ([0.1, 0.2], 0.0, [0.1, -1.0, 0.1]):
        with pytest.raises(ValueError, match=r"learning_rate is .*; expected one number above 0"):
            FleetAdam(fleet, rate)
    with pytest.raises(ValueError, match="max_norm is 0; expected numbers above 0"):
        clip_members_(with_gradients(), 0)
