"""The GRU in PyTorch from scratch: against ``torch.nn.GRU``, the plain loop and differences."""

import copy
import io
import pickle
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

from gru_lib import _torch_kernel
from gru_lib.torch_gru import GRU, GRUCell, gru_loop, gru_step

F64 = torch.float64
flags = st.booleans()
seeds = st.integers(0, 2**31)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of a few rows, so that short sequences cross their borders."""
    monkeypatch.setattr(_torch_kernel, "_BLOCK_BYTES", 400)


def ours_and_torchs(*sizes, dtype=F64, **settings_of_both):
    """A GRU of each kind with the same parameters."""
    ours = GRU(*sizes, dtype=dtype, **settings_of_both)
    torchs = torch.nn.GRU(*sizes, dtype=dtype, **settings_of_both)
    torchs.load_state_dict(ours.state_dict(), strict=True)
    return ours, torchs


def numbers(output):
    return output.data if isinstance(output, PackedSequence) else output


def run_and_differentiate(call, inputs, parameters, weights_of_loss):
    """Output, h_n, and the gradients of a random linear function of both."""
    leaves = [t.detach().clone().requires_grad_() for t in inputs]
    parameters = list(parameters)
    output, h_n = call(*leaves)
    torch.manual_seed(weights_of_loss)
    loss = (numbers(output) * torch.randn_like(numbers(output))).sum()
    loss = loss + (h_n * torch.randn_like(h_n)).sum()
    gradients = torch.autograd.grad(loss, leaves + parameters)
    return [numbers(output), h_n, *gradients]


def assert_all_close(results, expected, atol=1e-10):
    assert len(results) == len(expected)
    for result, other in zip(results, expected, strict=True):
        assert result.shape == other.shape
        assert result.dtype == other.dtype
        torch.testing.assert_close(result, other, rtol=0, atol=atol)


def draw_weights(input_size, hidden_size, bias=True, scale=1.0, dtype=F64):
    shapes = [(3 * hidden_size, input_size), (3 * hidden_size, hidden_size)]
    shapes += [(3 * hidden_size,)] * 2 if bias else []
    drawn = [scale * torch.randn(shape, dtype=dtype) for shape in shapes]
    return drawn if bias else [*drawn, None, None]


def second_formula(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    """One step with the reset before the product, written a second time, gate by gate."""
    size = h.shape[-1]
    gate = {name: slice(i * size, (i + 1) * size) for i, name in enumerate("rzn")}
    before = {
        name: x @ weight_ih[rows].mT + bias_ih[rows] + bias_hh[rows] for name, rows in gate.items()
    }
    r = 1 / (1 + torch.exp(-before["r"] - h @ weight_hh[gate["r"]].mT))
    z = 1 / (1 + torch.exp(-before["z"] - h @ weight_hh[gate["z"]].mT))
    n = torch.tanh(before["n"] + (r * h) @ weight_hh[gate["n"]].mT)
    return h * z + n - n * z


# --- against torch.nn.GRU -------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 6),
    st.sampled_from([None, 0, 1, 2, 5]),
    flags,
    flags,
    flags,
    st.sampled_from(["none", "zero", "random"]),
    st.sampled_from([1, 300, 2**20]),
    seeds,
)
def test_gru_equals_torch(
    input_size,
    hidden_size,
    num_layers,
    length,
    batch,
    bias,
    batch_first,
    bidirectional,
    start,
    block_bytes,
    seed,
):
    torch.manual_seed(seed)
    ours, torchs = ours_and_torchs(
        input_size,
        hidden_size,
        num_layers,
        bias=bias,
        batch_first=batch_first,
        bidirectional=bidirectional,
    )
    lead = (length,) if batch is None else (batch, length) if batch_first else (length, batch)
    inputs = [torch.randn(*lead, input_size, dtype=F64)]
    if start != "none":
        states = num_layers * (1 + bidirectional)
        shape = (states, hidden_size) if batch is None else (states, batch, hidden_size)
        inputs.append(
            torch.zeros(shape, dtype=F64) if start == "zero" else torch.randn(shape).double()
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_torch_kernel, "_BLOCK_BYTES", block_bytes)
        results = run_and_differentiate(ours, inputs, ours.parameters(), seed)
        with torch.no_grad():
            without_gradients = ours(*inputs)
    expected = run_and_differentiate(torchs, inputs, torchs.parameters(), seed)
    assert_all_close(results, expected)
    assert_all_close(without_gradients, expected[:2])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=6),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 2),
    flags,
    flags,
    flags,
    flags,
    st.sampled_from([1, 300, 2**20]),
    seeds,
)
def test_packed_sequences_equal_torch(
    lengths,
    input_size,
    hidden_size,
    num_layers,
    bias,
    bidirectional,
    is_sorted,
    with_h0,
    block_bytes,
    seed,
):
    torch.manual_seed(seed)
    if is_sorted:
        lengths = sorted(lengths, reverse=True)
    ours, torchs = ours_and_torchs(
        input_size, hidden_size, num_layers, bias=bias, bidirectional=bidirectional
    )
    inputs = [torch.randn(len(lengths), max(lengths), input_size, dtype=F64)]
    if with_h0:
        states = num_layers * (1 + bidirectional)
        inputs.append(torch.randn(states, len(lengths), hidden_size, dtype=F64))

    def call(gru):
        def run(x, *hx):
            packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=is_sorted)
            output, h_n = gru(packed, *hx)
            for field in ("batch_sizes", "sorted_indices", "unsorted_indices"):
                given, returned = getattr(packed, field), getattr(output, field)
                assert given is returned or torch.equal(given, returned), field
            return output, h_n

        return run

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_torch_kernel, "_BLOCK_BYTES", block_bytes)
        results = run_and_differentiate(call(ours), inputs, ours.parameters(), seed)
        with torch.no_grad():
            output, h_n = call(ours)(*inputs)
    expected = run_and_differentiate(call(torchs), inputs, torchs.parameters(), seed)
    assert_all_close(results, expected)
    assert_all_close([output.data, h_n], expected[:2])


def test_packed_output_pads_as_torchs_does():
    ours, torchs = ours_and_torchs(2, 3)
    packed = pack_sequence([torch.randn(n, 2, dtype=F64) for n in (2, 5, 3)], enforce_sorted=False)
    unpack = torch.nn.utils.rnn.pad_packed_sequence
    (mine, my_lengths), (other, lengths) = (unpack(gru(packed)[0]) for gru in (ours, torchs))
    assert_all_close([mine], [other])
    assert torch.equal(my_lengths, lengths)


@pytest.mark.parametrize("used", ["output", "h_n"])
@pytest.mark.parametrize("reset_after", [True, False])
def test_a_loss_on_output_or_on_the_last_state_alone(used, reset_after):
    gru = GRU(2, 3, bidirectional=True, dtype=F64, reset_after=reset_after)
    x = torch.randn(4, 5, 2, dtype=F64, requires_grad=True)
    output, h_n = gru(x)
    last = torch.stack([output[-1, :, :3], output[0, :, 3:]])
    from_output = torch.autograd.grad(last.square().sum(), x, retain_graph=True)
    from_h_n = torch.autograd.grad(h_n.square().sum(), x, retain_graph=True)
    assert_all_close(from_h_n, from_output)
    assert all(g.abs().sum() > 0 for g in from_h_n)
    chosen = {"output": output, "h_n": h_n}[used]
    chosen.sum().backward()
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_the_same_seed_draws_the_same_parameters_as_torch(seed, bidirectional):
    drawn = []
    for module in (GRU, torch.nn.GRU):
        torch.manual_seed(seed)
        drawn.append(dict(module(3, 4, 2, bidirectional=bidirectional).named_parameters()))
    ours, torchs = drawn
    assert list(ours) == list(torchs)
    for name, parameter in torchs.items():
        assert torch.equal(ours[name], parameter), name

    cells = []
    for module in (GRUCell, torch.nn.GRUCell):
        torch.manual_seed(seed)
        cells.append(dict(module(3, 4).named_parameters()))
    assert list(cells[0]) == list(cells[1])
    assert all(torch.equal(cells[0][name], cells[1][name]) for name in cells[1])


@pytest.mark.parametrize("training", [True, False])
def test_dropout_between_layers_drops_what_torch_drops(training):
    ours, torchs = ours_and_torchs(3, 4, 3, dropout=0.5, bidirectional=True)
    x = torch.randn(6, 2, 3, dtype=F64)
    outputs = []
    for gru in (ours.train(training), torchs.train(training)):
        torch.manual_seed(5)
        outputs.append(gru(x))
    assert_all_close(*outputs)
    torch.manual_seed(6)
    assert torch.equal(ours(x)[0], outputs[0][0]) is not training


def test_dropout_with_one_layer_warns():
    with pytest.warns(UserWarning, match=r"^dropout=0.5 acts between layers, and num_layers=1"):
        GRU(3, 4, dropout=0.5)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch", [None, 0, 1, 5])
@pytest.mark.parametrize("with_h", [True, False])
def test_cell_equals_torch(bias, batch, with_h):
    ours, torchs = GRUCell(3, 4, bias, dtype=F64), torch.nn.GRUCell(3, 4, bias, dtype=F64)
    torchs.load_state_dict(ours.state_dict(), strict=True)
    lead = () if batch is None else (batch,)
    x = torch.randn(*lead, 3, dtype=F64, requires_grad=True)
    h = torch.randn(*lead, 4, dtype=F64) if with_h else None
    results = [
        [new := cell(x, h), *torch.autograd.grad(new.square().sum(), [x, *cell.parameters()])]
        for cell in (ours, torchs)
    ]
    assert_all_close(*results)


@pytest.mark.parametrize("kind", ["GRU", "GRUCell"])
@pytest.mark.parametrize("bias", [True, False])
def test_state_dicts_load_strictly_both_ways(kind, bias):
    mine, other = {"GRU": (GRU, torch.nn.GRU), "GRUCell": (GRUCell, torch.nn.GRUCell)}[kind]
    more = {"num_layers": 2, "bidirectional": True} if kind == "GRU" else {}
    ours, torchs = mine(3, 4, bias=bias, **more), other(3, 4, bias=bias, **more)
    ours.load_state_dict(torchs.state_dict(), strict=True)
    for name, value in torchs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value)
    torchs.load_state_dict(mine(3, 4, bias=bias, **more).state_dict(), strict=True)
    with pytest.raises(RuntimeError, match="size mismatch"):
        ours.load_state_dict(mine(3, 5, bias=bias, **more).state_dict())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_layers": 2, "bias": False, "batch_first": True, "dropout": 0.5},
        {"bidirectional": True},
    ],
)
def test_they_print_as_torchs_do(options):
    assert repr(GRU(3, 4, **options)) == repr(torch.nn.GRU(3, 4, **options))
    assert repr(GRUCell(3, 4)) == repr(torch.nn.GRUCell(3, 4))
    assert repr(GRUCell(3, 4, False)) == repr(torch.nn.GRUCell(3, 4, False))
    assert repr(GRU(3, 4, reset_after=False)) == "GRU(3, 4, reset_after=False)"
    assert repr(GRUCell(3, 4, reset_after=False)) == "GRUCell(3, 4, reset_after=False)"


def test_positional_arguments_are_in_torchs_order():
    arguments = (3, 4, 2, False, True, 0.25, True)
    ours = GRU(*arguments, "cpu", F64)
    torchs = torch.nn.GRU(*arguments, device="cpu", dtype=F64)
    assert repr(ours) == repr(torchs)
    assert ours.weight_hh_l1_reverse.dtype == F64
    torchs.load_state_dict(ours.state_dict(), strict=True)
    x, h = torch.randn(5, 7, 3, dtype=F64), torch.randn(4, 5, 4, dtype=F64)
    results = [gru.eval()(input=x, hx=h) for gru in (ours, torchs)]
    assert_all_close(*results)
    ours.flatten_parameters()
    assert_all_close(ours(x, h), results[0])


# --- the reset before the product, and the loop ---------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 5),
    st.sampled_from([None, 0, 1, 4]),
    flags,
    flags,
    st.sampled_from([1, 300, 2**20]),
    seeds,
)
def test_kernel_equals_the_loop(
    input_size, hidden_size, length, batch, bias, reset_after, block_bytes, seed
):
    torch.manual_seed(seed)
    gru = GRU(input_size, hidden_size, bias=bias, dtype=F64, reset_after=reset_after)
    parameters = list(gru.parameters())
    lead = () if batch is None else (batch,)
    x = torch.randn(length, *lead, input_size, dtype=F64)
    h0 = torch.randn(1, *lead, hidden_size, dtype=F64)

    def loop(x, h0):
        output, h_n = gru_loop(x, h0[0], *parameters, reset_after=reset_after)
        return output, h_n.unsqueeze(0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_torch_kernel, "_BLOCK_BYTES", block_bytes)
        results = run_and_differentiate(gru, [x, h0], parameters, seed)
        with torch.no_grad():
            without_gradients = gru(x, h0)
    expected = run_and_differentiate(loop, [x, h0], parameters, seed)
    assert_all_close(results, expected)
    assert_all_close(without_gradients, expected[:2])


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), flags, seeds)
def test_step_equals_a_formula_written_twice(input_size, hidden_size, batch, reset_after, seed):
    torch.manual_seed(seed)
    weights = draw_weights(input_size, hidden_size)
    x, h = torch.randn(batch, input_size).double(), torch.randn(batch, hidden_size).double()
    if reset_after:
        cell = torch.nn.GRUCell(input_size, hidden_size, dtype=F64)
        expected = torch.func.functional_call(
            cell, dict(zip(dict(cell.named_parameters()), weights, strict=True)), (x, h)
        )
    else:
        expected = second_formula(x, h, *weights)
    new = gru_step(x, h, *weights, reset_after=reset_after)
    assert_all_close([new], [expected], atol=1e-12)
    one_by_one = [
        gru_step(a, b, *weights, reset_after=reset_after) for a, b in zip(x, h, strict=True)
    ]
    assert_all_close([torch.stack(one_by_one)], [new], atol=1e-12)
    cell = GRUCell(input_size, hidden_size, dtype=F64, reset_after=reset_after)
    cell.load_state_dict(dict(zip(cell.state_dict(), weights, strict=True)))
    assert_all_close([cell(x, h).detach()], [new], atol=1e-12)


@pytest.mark.parametrize("reset_after", [True, False])
def test_layers_directions_and_packing_with_either_reset(reset_after):
    """Two layers, both directions, sequence by sequence with the loop."""
    gru = GRU(2, 3, 2, bidirectional=True, dtype=F64, reset_after=reset_after)
    sequences = [torch.randn(n, 2, dtype=F64) for n in (2, 5, 1, 5)]
    h0 = torch.randn(4, 4, 3, dtype=F64)
    output, h_n = gru(pack_sequence(sequences, enforce_sorted=False), h0)
    padded, _ = torch.nn.utils.rnn.pad_packed_sequence(output)
    for index, x in enumerate(sequences):
        for layer in range(2):
            both = []
            for direction, end in enumerate((f"_l{layer}", f"_l{layer}_reverse")):
                names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
                weights = [getattr(gru, name + end) for name in names]
                turned = x.flip(0) if direction else x
                states, last = gru_loop(
                    turned, h0[2 * layer + direction, index], *weights, reset_after=reset_after
                )
                both.append(states.flip(0) if direction else states)
                assert_all_close([h_n[2 * layer + direction, index]], [last])
            x = torch.cat(both, 1)
        assert_all_close([padded[: len(x), index]], [x])
        assert torch.count_nonzero(padded[len(x) :, index]) == 0


def test_the_two_resets_are_two_functions():
    torch.manual_seed(0)
    after = GRU(5, 10, dtype=F64)
    before = GRU(5, 10, dtype=F64, reset_after=False)
    before.load_state_dict(after.state_dict(), strict=True)
    x = torch.randn(7, 5, dtype=F64)
    assert (after(x)[0] - before(x)[0]).abs().max() > 1e-3


# --- gradients ------------------------------------------------------------------------------


@pytest.mark.parametrize("reset_after", [True, False])
@pytest.mark.parametrize("batch_sizes", [[2, 2, 2], [3, 2, 1, 1]])
def test_gradients_equal_central_differences(small_blocks, reset_after, batch_sizes):
    torch.manual_seed(0)
    x = torch.randn(sum(batch_sizes), 2, dtype=F64, requires_grad=True)
    h0 = torch.randn(batch_sizes[0], 3, dtype=F64, requires_grad=True)
    weights = [w.requires_grad_() for w in draw_weights(2, 3)]

    def run(x, h0, *weights):
        return _torch_kernel.run_layer(x, h0, weights, batch_sizes, reset_after)

    assert torch.autograd.gradcheck(run, (x, h0, *weights))


class CountProducts(TorchDispatchMode):
    """Counts the products of matrices."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += "mm" in function.__name__
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("reset_after", [True, False])
@pytest.mark.parametrize("kept", range(6))
def test_only_gradients_that_are_needed_are_computed(kept, reset_after):
    """With one tensor that learns, all others frozen, its gradient is as with all learning."""
    torch.manual_seed(0)
    tensors = [torch.randn(6, 2, dtype=F64), torch.randn(2, 3, dtype=F64), *draw_weights(2, 3)]

    def gradients(learning):
        leaves = [t.clone().requires_grad_(i in learning) for i, t in enumerate(tensors)]
        output = _torch_kernel.run_layer(*leaves[:2], leaves[2:], [2, 2, 2], reset_after)
        with CountProducts() as products:
            output.backward(torch.ones_like(output))
        return [leaf.grad for leaf in leaves], products.count

    (everything, all_products), (only, products) = gradients(range(6)), gradients([kept])
    assert [index for index, g in enumerate(only) if g is not None] == [kept]
    assert_all_close([only[kept]], [everything[kept]], atol=0)
    # three steps back, and what the gradient of x, h0, weight_ih, weight_hh, each bias costs
    steps = 3 if reset_after else 6
    assert products == steps + (1, 0, 1, 2, 0, 0)[kept]
    assert all_products == steps + 4


@pytest.mark.parametrize("batch_sizes", [[2] * 9, [5, 4, 4, 2, 1], [7], [0, 0]])
def test_blocks_fit_into_the_cache_and_cover_all_steps(batch_sizes):
    bytes_a_row = 3 * 10 * 4
    most_rows = _torch_kernel._BLOCK_BYTES // bytes_a_row
    assert most_rows > 1000
    for rows_that_fit in (1, 4, 6, most_rows):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_torch_kernel, "_BLOCK_BYTES", rows_that_fit * bytes_a_row)
            blocks = _torch_kernel._blocks(batch_sizes, torch.empty(30, 10))
        assert [size for _, sizes in blocks for size in sizes] == batch_sizes
        end = 0
        for rows, sizes in blocks:
            assert (rows.start, rows.stop) == (end, end + sum(sizes))
            assert sum(sizes) <= rows_that_fit or len(sizes) == 1
            end = rows.stop


def test_frozen_parameters_get_no_gradient():
    gru = GRU(2, 3, 2)
    for name, parameter in gru.named_parameters():
        parameter.requires_grad_("_l1" in name)
    gru(torch.randn(4, 2, 2))[0].sum().backward()
    for name, parameter in gru.named_parameters():
        assert (parameter.grad is not None) == ("_l1" in name), name
    gru.requires_grad_(False)
    output, h_n = gru(torch.randn(4, 2, 2))
    assert not output.requires_grad
    assert not h_n.requires_grad


def test_second_derivatives_are_refused_and_the_loop_has_them():
    gru = GRU(2, 3, dtype=F64)
    x = torch.randn(4, 2, dtype=F64, requires_grad=True)
    message = r"^create_graph=True asks for second derivatives.*gru_lib\.torch_gru\.gru_loop"
    with pytest.raises(RuntimeError, match=message):
        torch.autograd.grad(gru(x)[0].sum(), x, create_graph=True)

    h0 = torch.zeros(3, dtype=F64)
    weights = [p.detach() for p in gru.parameters()]
    for reset_after in (True, False):
        assert torch.autograd.gradgradcheck(
            lambda x, r=reset_after: gru_loop(x, h0, *weights, reset_after=r)[0], x
        )


def test_backward_twice_with_the_graph_retained_gives_the_same():
    gru = GRU(2, 3, 2, dtype=F64)
    loss = gru(torch.randn(4, 5, 2, dtype=F64))[0].square().sum()
    first = torch.autograd.grad(loss, list(gru.parameters()), retain_graph=True)
    second = torch.autograd.grad(loss, list(gru.parameters()))
    assert_all_close(second, first, atol=0)


def test_checkpointing_gives_the_same_gradients():
    gru = GRU(2, 3, dtype=F64)
    x = torch.randn(4, 5, 2, dtype=F64, requires_grad=True)
    plain = torch.autograd.grad(gru(x)[0].square().sum(), x)
    for use_reentrant in (True, False):
        output = checkpoint(lambda x: gru(x)[0], x, use_reentrant=use_reentrant)
        x.grad = None
        output.square().sum().backward()
        assert_all_close([x.grad], plain, atol=0)


def test_the_output_may_be_changed_in_place_as_torchs_may():
    for batch_first in (True, False):
        ours, torchs = ours_and_torchs(2, 3, 2, batch_first=batch_first, bidirectional=True)
        results = []
        for gru in (ours, torchs):
            x = torch.ones(4, 5, 2, dtype=F64, requires_grad=True)
            output, h_n = gru(x)
            before = h_n.detach().clone()
            output.mul_(2.0)
            assert torch.equal(h_n, before)
            h_n.add_(1.0)
            results.append([output, h_n, *torch.autograd.grad((output.sum() + h_n.sum()), x)])
        assert_all_close(*results)


def test_a_weight_changed_between_forward_and_backward_is_noticed():
    gru = GRU(2, 3)
    loss = gru(torch.randn(4, 2))[0].sum()
    with torch.no_grad():
        gru.weight_hh_l0.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


# --- what goes with a module ----------------------------------------------------------------


class AddLowRank(torch.nn.Module):
    """The parametrization of LoRA, in short."""

    def __init__(self, rows, columns):
        super().__init__()
        self.a = torch.nn.Parameter(torch.randn(1, columns, dtype=F64))
        self.b = torch.nn.Parameter(torch.randn(rows, 1, dtype=F64))

    def forward(self, weight):
        return weight + self.b @ self.a


def test_a_parametrized_weight_learns_through_its_parametrization():
    gru = GRU(2, 3, dtype=F64).requires_grad_(False)
    x = torch.randn(4, 5, 2, dtype=F64)
    original = gru.weight_hh_l0.clone()
    low_rank = AddLowRank(9, 3)
    torch.nn.utils.parametrize.register_parametrization(gru, "weight_hh_l0", low_rank)
    output, _ = gru(x)
    output.square().sum().backward()

    weights = [gru.weight_ih_l0, original + low_rank.b @ low_rank.a]
    weights += [gru.bias_ih_l0, gru.bias_hh_l0]
    expected, _ = gru_loop(x, torch.zeros(5, 3, dtype=F64), *weights)
    gradients = torch.autograd.grad(expected.square().sum(), [low_rank.a, low_rank.b])
    assert_all_close([output, low_rank.a.grad, low_rank.b.grad], [expected, *gradients])
    assert gru.parametrizations.weight_hh_l0.original.grad is None


def test_functional_call_uses_the_given_parameters():
    gru, other = GRU(2, 3, dtype=F64), GRU(2, 3, dtype=F64)
    x = torch.randn(4, 5, 2, dtype=F64)
    called = torch.func.functional_call(gru, dict(other.named_parameters()), (x,))
    assert_all_close(called, other(x), atol=0)


@pytest.mark.parametrize(
    "module", [GRU(2, 3, 2, reset_after=False), GRUCell(2, 3, reset_after=False)]
)
def test_copies_and_pickles_compute_the_same(module):
    x = torch.randn(4, 2)
    saved = io.BytesIO()
    torch.save(module, saved)
    saved.seek(0)
    for other in (
        copy.deepcopy(module),
        pickle.loads(pickle.dumps(module)),
        torch.load(saved, weights_only=False),
    ):
        assert repr(other) == repr(module)
        result, expected = other(x), module(x)
        for mine, same in zip(result, expected, strict=True):
            assert torch.equal(mine, same)


@pytest.mark.parametrize("reset_after", [True, False])
def test_two_runs_are_identical_to_the_bit(reset_after):
    gru = GRU(8, 16, 2, bidirectional=True, reset_after=reset_after)
    x = torch.randn(20, 4, 8, requires_grad=True)
    runs = []
    for _ in range(2):
        output, _ = gru(x)
        runs.append([output, *torch.autograd.grad(output.sum(), [x, *gru.parameters()])])
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))


@pytest.mark.parametrize("reset_after", [True, False])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_no_argument_is_changed_and_any_layout_is_taken(small_blocks, reset_after, bidirectional):
    gru = GRU(2, 3, bidirectional=bidirectional, dtype=F64, reset_after=reset_after)
    states = 1 + bidirectional
    contiguous = torch.randn(4, 5, 2, dtype=F64), torch.randn(states, 5, 3, dtype=F64)
    expected = run_and_differentiate(gru, contiguous, gru.parameters(), 0)
    strided = [t.permute(2, 1, 0).contiguous().permute(2, 1, 0) for t in contiguous]
    assert not any(t.is_contiguous() for t in strided)
    leaves = [t.clone().requires_grad_() for t in strided]
    copies = [t.detach().clone() for t in leaves]
    parameters = {name: p.detach().clone() for name, p in gru.named_parameters()}
    with torch.no_grad():
        assert_all_close(gru(*leaves), expected[:2], atol=1e-14)
    output, h_n = gru(*leaves)
    d_output, d_h_n = torch.ones_like(output), torch.ones_like(h_n)
    torch.autograd.backward([output, h_n], [d_output, d_h_n])
    assert_all_close([output, h_n], expected[:2], atol=1e-14)
    for leaf, copied in zip(leaves, copies, strict=True):
        assert torch.equal(leaf, copied)
    for name, parameter in gru.named_parameters():
        assert torch.equal(parameter, parameters[name]), name
    assert (d_output == 1).all()
    assert (d_h_n == 1).all()


def test_a_gradient_of_any_layout_is_taken(small_blocks):
    gru = GRU(2, 3, dtype=F64)
    x = torch.randn(4, 5, 2, dtype=F64, requires_grad=True)
    output, _ = gru(x)
    strided = torch.randn(3, 5, 4, dtype=F64).permute(2, 1, 0)
    expanded = torch.ones(1, 1, 1, dtype=F64).expand(4, 5, 3)
    for d_output in (strided, expanded):
        given = torch.autograd.grad(output, x, d_output, retain_graph=True)
        plain = torch.autograd.grad(output, x, d_output.contiguous(), retain_graph=True)
        assert_all_close(given, plain, atol=1e-14)


# --- numbers --------------------------------------------------------------------------------


@pytest.mark.parametrize("reset_after", [True, False])
def test_float32_is_close_to_float64(reset_after):
    torch.manual_seed(0)
    single = GRU(16, 32, 2, bidirectional=True, reset_after=reset_after)
    double = copy.deepcopy(single).double()
    x = torch.randn(50, 8, 16)
    results = []
    for gru, sequence in ((single, x), (double, x.double())):
        output, _ = gru(sequence)
        gradients = torch.autograd.grad(output.square().mean(), list(gru.parameters()))
        results.append([t.double() for t in (output, *gradients)])
    assert_all_close(*results, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 8), st.sampled_from([0.1, 1.0, 30.0, 1e4]), flags, seeds)
def test_a_state_between_minus_1_and_1_stays_there(hidden_size, scale, reset_after, seed):
    torch.manual_seed(seed)
    gru = GRU(3, hidden_size, reset_after=reset_after)
    with torch.no_grad():
        for parameter in gru.parameters():
            parameter.copy_(scale * torch.randn_like(parameter))
        output, _ = gru(
            torch.randn(50, 4, 3), 2 * torch.randint(2, (1, 4, hidden_size)).float() - 1
        )
    assert output.abs().max() <= 1


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_16_bits_work_as_torchs_do(dtype):
    ours, torchs = ours_and_torchs(4, 8, dtype=dtype)
    x = torch.randn(5, 2, 4).to(dtype)
    results = [
        [
            (output := gru(x)[0]).float(),
            *torch.autograd.grad(output.float().sum(), gru.parameters()),
        ]
        for gru in (ours, torchs)
    ]
    for mine, other in zip(*results, strict=True):
        torch.testing.assert_close(mine.float(), other.float(), rtol=0.1, atol=0.1)


@pytest.mark.parametrize("reset_after", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast_computes_in_the_dtype_of_the_parameters(dtype, reset_after):
    gru = GRU(4, 8, reset_after=reset_after)
    x = torch.randn(5, 2, 4).to(dtype)
    expected = run_and_differentiate(gru, [x.float()], gru.parameters(), 0)
    with torch.autocast("cpu", torch.bfloat16):
        output, h_n = gru(x)
        assert GRUCell(4, 8)(x[0]).shape == (2, 8)
        for hx in (torch.zeros(1, 2, 8), torch.zeros(1, 2, 8, dtype=torch.bfloat16)):
            assert torch.equal(gru(x, hx)[0], output)
        gradients = torch.autograd.grad(output.sum(), gru.parameters())
    assert_all_close([output, h_n], expected[:2], atol=0)
    plain = torch.autograd.grad(gru(x.float())[0].sum(), gru.parameters())
    assert_all_close(gradients, plain, atol=0)


def test_only_autocast_lets_other_dtypes_in_and_only_narrower_ones():
    gru = GRU(4, 8)
    with pytest.raises(TypeError, match=r"^input has dtype torch.bfloat16; expected torch.float32"):
        gru(torch.zeros(5, 4, dtype=torch.bfloat16))
    with torch.autocast("cpu", torch.bfloat16):
        for dtype in (F64, torch.int32):
            with pytest.raises(TypeError, match=rf"^input has dtype {dtype}; expected torch.float"):
                gru(torch.zeros(5, 4, dtype=dtype))
    with pytest.raises(TypeError, match=r"^input has dtype torch.bfloat16; expected torch.float32"):
        GRU(4, 8, device="meta")(torch.zeros(5, 4, dtype=torch.bfloat16, device="meta"))


def test_it_runs_on_another_device_than_the_processor():
    """The meta device computes shapes only, and refuses to mix with the processor's tensors."""
    gru = GRU(2, 3, 2, bidirectional=True, device="meta")
    output, h_n = gru(torch.randn(4, 5, 2, device="meta"))
    output.sum().backward()
    assert (output.device.type, output.shape, h_n.shape) == ("meta", (4, 5, 6), (4, 5, 3))
    assert gru.weight_ih_l1.grad.device.type == "meta"


# --- bad arguments --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"input_size": 0}, ValueError, "input_size is 0; expected at least 1"),
        ({"hidden_size": -1}, ValueError, "hidden_size is -1; expected at least 1"),
        ({"num_layers": 0}, ValueError, "num_layers is 0; expected at least 1"),
        ({"input_size": 3.0}, TypeError, "input_size is 3.0; expected a whole number, at least 1"),
        (
            {"hidden_size": True},
            TypeError,
            "hidden_size is True; expected a whole number, at least 1",
        ),
        ({"dropout": 1.0}, ValueError, "dropout is 1.0; expected a number in [0, 1)"),
        ({"dropout": -0.1}, ValueError, "dropout is -0.1; expected a number in [0, 1)"),
        ({"dropout": "no"}, TypeError, "dropout is 'no'; expected a number in [0, 1)"),
        ({"bias": 0.5}, TypeError, "bias is 0.5; expected True or False"),
        ({"batch_first": 1}, TypeError, "batch_first is 1; expected True or False"),
        ({"bidirectional": None}, TypeError, "bidirectional is None; expected True or False"),
        ({"reset_after": "no"}, TypeError, "reset_after is 'no'; expected True or False"),
    ],
)
def test_a_bad_setting_is_named(arguments, error, message):
    arguments = {"input_size": 3, "hidden_size": 4, **arguments}
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        GRU(**arguments)
    if not arguments.keys() & {"num_layers", "dropout", "batch_first", "bidirectional"}:
        with pytest.raises(error, match=f"^{re.escape(message)}$"):
            GRUCell(**arguments)


def test_reset_after_is_given_by_name():
    with pytest.raises(TypeError, match="positional argument"):
        GRU(3, 4, 1, True, False, 0.0, False, None, None, True)
    with pytest.raises(TypeError, match="positional argument"):
        GRUCell(3, 4, True, None, None, True)


ALLOWED = "(length, input_size) or (length, batch, input_size) with input_size=3"
BAD_CALLS = {
    "list": ([[0.0]], None, TypeError, "input is a list; expected a torch.Tensor"),
    "rank 1": (torch.zeros(3), None, ValueError, f"input has shape (3,); expected {ALLOWED}"),
    "rank 4": (
        torch.zeros(1, 5, 2, 3),
        None,
        ValueError,
        f"input has shape (1, 5, 2, 3); expected {ALLOWED}",
    ),
    "features": (
        torch.zeros(5, 2, 4),
        None,
        ValueError,
        f"input has shape (5, 2, 4); expected {ALLOWED}",
    ),
    "length 0": (
        torch.zeros(0, 2, 3),
        None,
        ValueError,
        "input has shape (0, 2, 3); expected a length of at least 1",
    ),
    "one sequence of length 0": (
        torch.zeros(0, 3),
        None,
        ValueError,
        "input has shape (0, 3); expected a length of at least 1",
    ),
    "integers": (
        torch.zeros(5, 2, 3, dtype=torch.int64),
        None,
        TypeError,
        "input has dtype torch.int64; expected torch.float32, the dtype of the parameters",
    ),
    "complex": (
        torch.zeros(5, 2, 3, dtype=torch.complex64),
        None,
        TypeError,
        "input has dtype torch.complex64; expected torch.float32, the dtype of the parameters",
    ),
    "float64": (
        torch.zeros(5, 2, 3, dtype=F64),
        None,
        TypeError,
        "input has dtype torch.float64; expected torch.float32, the dtype of the parameters",
    ),
    "device": (
        torch.zeros(5, 2, 3, device="meta"),
        None,
        ValueError,
        "input is on meta; expected cpu, the device of the parameters",
    ),
    "state not a tensor": (
        torch.zeros(5, 2, 3),
        0,
        TypeError,
        "hx is a int; expected a torch.Tensor",
    ),
    "state of float64": (
        torch.zeros(5, 2, 3),
        torch.zeros(4, 2, 4, dtype=F64),
        TypeError,
        "hx has dtype torch.float64; expected torch.float32, the dtype of the parameters",
    ),
    "state on another device": (
        torch.zeros(5, 2, 3),
        torch.zeros(4, 2, 4, device="meta"),
        ValueError,
        "hx is on meta; expected cpu, the device of the parameters",
    ),
    "state without batch": (
        torch.zeros(5, 2, 3),
        torch.zeros(4, 4),
        ValueError,
        "hx has shape (4, 4); for an input of shape (5, 2, 3) expected (4, 2, 4)",
    ),
    "state with batch": (
        torch.zeros(5, 3),
        torch.zeros(4, 1, 4),
        ValueError,
        "hx has shape (4, 1, 4); for an input of shape (5, 3) expected (4, 4)",
    ),
    "state of another batch": (
        torch.zeros(5, 2, 3),
        torch.zeros(4, 1, 4),
        ValueError,
        "hx has shape (4, 1, 4); for an input of shape (5, 2, 3) expected (4, 2, 4)",
    ),
    "state of fewer layers": (
        torch.zeros(5, 2, 3),
        torch.zeros(2, 2, 4),
        ValueError,
        "hx has shape (2, 2, 4); for an input of shape (5, 2, 3) expected (4, 2, 4)",
    ),
    "packed state of another batch": (
        pack_sequence([torch.zeros(2, 3)] * 2),
        torch.zeros(4, 3, 4),
        ValueError,
        "hx has shape (4, 3, 4); for an input of shape (4, 3) expected (4, 2, 4)",
    ),
    "packed features": (
        pack_sequence([torch.zeros(2, 4)]),
        None,
        ValueError,
        "input.data has shape (2, 4); expected (rows, input_size) with input_size=3",
    ),
    "packed sizes": (
        PackedSequence(torch.zeros(5, 3), torch.tensor([2, 2])),
        None,
        ValueError,
        "input.batch_sizes add up to 4, and input.data has 5 rows; expected as many",
    ),
    "packed order": (
        PackedSequence(torch.zeros(3, 3), torch.tensor([1, 2])),
        None,
        ValueError,
        "input.batch_sizes are [1, 2]; expected them never to grow, and at least 1",
    ),
}


@pytest.mark.parametrize("case", BAD_CALLS)
@pytest.mark.parametrize("gradients", [True, False])
def test_a_bad_call_is_named(case, gradients):
    given, hx, error, message = BAD_CALLS[case]
    gru = GRU(3, 4, 2, bidirectional=True)
    with torch.set_grad_enabled(gradients), pytest.raises(error, match=f"^{re.escape(message)}$"):
        gru(given, hx)


def test_the_message_follows_batch_first():
    message = re.escape("(length, input_size) or (batch, length, input_size) with input_size=3")
    with pytest.raises(ValueError, match=message):
        GRU(3, 4, batch_first=True)(torch.zeros(2, 5, 4))
    with pytest.raises(ValueError, match=r"input has shape \(2, 0, 3\); expected a length of at"):
        GRU(3, 4, batch_first=True)(torch.zeros(2, 0, 3))


@pytest.mark.parametrize(
    ("x", "h", "message"),
    [
        (
            (1, 5, 3),
            None,
            "input has shape (1, 5, 3); expected (input_size,) or (batch, input_size)",
        ),
        ((5, 2), None, "input has shape (5, 2); expected (input_size,) or (batch, input_size)"),
        ((5, 3), (1, 4), "hx has shape (1, 4); for an input of shape (5, 3) expected (5, 4)"),
        ((5, 3), (4,), "hx has shape (4,); for an input of shape (5, 3) expected (5, 4)"),
        ((3,), (1, 4), "hx has shape (1, 4); for an input of shape (3,) expected (4,)"),
    ],
)
def test_a_bad_call_of_the_cell_is_named(x, h, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        GRUCell(3, 4)(torch.zeros(x), None if h is None else torch.zeros(h))


# input_size 3, hidden_size 2, batch 4: argument, a value that does not fit, error, message
BAD_STEPS = [
    ("x", torch.zeros(4, 5), ValueError, "x has shape (4, 5); expected ("),
    (
        "h",
        torch.zeros(2),
        ValueError,
        "h has shape (2,); for an input of shape (4, 3) expected (4, 2)",
    ),
    (
        "weight_ih",
        torch.zeros(6),
        ValueError,
        "weight_ih has shape (6,); for hidden_size=2 expected (6, input_size)",
    ),
    (
        "weight_ih",
        torch.zeros(5, 3),
        ValueError,
        "weight_ih has shape (5, 3); for hidden_size=2 expected (6, input_size)",
    ),
    (
        "weight_hh",
        torch.zeros(6, 3),
        ValueError,
        "weight_hh has shape (6, 3); expected (3 * hidden_size, hidden_size)",
    ),
    (
        "weight_hh",
        torch.zeros(()),
        ValueError,
        "weight_hh has shape (); expected (3 * hidden_size, hidden_size)",
    ),
    (
        "weight_hh",
        torch.zeros(6, 2, dtype=torch.int64),
        TypeError,
        "weight_hh has dtype torch.int64; expected a floating-point dtype",
    ),
    ("weight_hh", None, TypeError, "weight_hh is a NoneType; expected a torch.Tensor"),
    (
        "bias_ih",
        torch.zeros(1),
        ValueError,
        "bias_ih has shape (1,); for hidden_size=2 expected (6,)",
    ),
    (
        "bias_hh",
        torch.zeros(6, 1),
        ValueError,
        "bias_hh has shape (6, 1); for hidden_size=2 expected (6,)",
    ),
    (
        "bias_hh",
        torch.zeros(6, dtype=F64),
        TypeError,
        "bias_hh has dtype torch.float64; expected torch.float32",
    ),
    (
        "bias_hh",
        None,
        ValueError,
        "only one of bias_ih and bias_hh is None; expected both or neither",
    ),
]


@pytest.mark.parametrize(("name", "value", "error", "message"), BAD_STEPS)
def test_a_bad_argument_of_step_and_loop_is_named(name, value, error, message):
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    arguments = {"x": torch.zeros(4, 3), "h": torch.zeros(4, 2)}
    arguments |= dict(zip(names, draw_weights(3, 2, dtype=torch.float32), strict=True))
    arguments[name] = value
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        gru_step(**arguments)

    x, h0 = arguments.pop("x"), arguments.pop("h")
    message = {
        "x": "x has shape (7, 4, 5); expected (length, input_size) or (length, batch, input_size)",
        "h": "h0 has shape (2,); for an input of shape (7, 4, 3) expected (4, 2)",
    }.get(name, message)
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        gru_loop(x.expand(7, *x.shape), h0, **arguments)


def test_the_loop_wants_a_step():
    with pytest.raises(
        ValueError, match=r"^x has shape \(0, 3\); expected a length of at least 1$"
    ):
        gru_loop(torch.zeros(0, 3), torch.zeros(2), *draw_weights(3, 2, dtype=torch.float32))
