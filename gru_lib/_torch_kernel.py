"""One layer of a GRU in one direction, forward and backward by hand: ``torch_gru``'s fast path.

Where the speed comes from: the product with the input does not wait for the state, so that it is
taken for many steps at once; a step writes into memory that is there already; in the backward
pass all that does not depend on the gradient is computed for many steps at once, so that a step
back is three operations; gradients of weights are one product over many steps. "Many steps" is a
block of steps that fits into the processor's cache.

Sequences are rows, as in ``torch.nn.utils.rnn.PackedSequence``: ``batch_sizes[0]`` rows of the
first step, ``batch_sizes[1]`` rows of the second, and so on, the longest sequence first. A batch
of equal lengths is the case of equal sizes. Names of gradients begin with ``d_``.
"""

import torch
from torch import Tensor

_BLOCK_BYTES = 2**20
# grad_input becomes d * (1 - n * n) for (d, n), and d * z * (1 - z) for (d, z)
_tanh_backward = torch.ops.aten.tanh_backward.grad_input
_sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input


def run_layer(
    x: Tensor,
    h0: Tensor,
    weights: tuple[Tensor, Tensor, Tensor | None, Tensor | None],
    batch_sizes: list[int],
    reset_after: bool,
) -> Tensor:
    """Return the state after every step, shape (rows, hidden_size).

    ``x`` has shape (rows, input_size), ``h0`` (batch, hidden_size); ``weights`` are weight_ih,
    weight_hh, bias_ih, bias_hh, with None for both biases or for neither.
    """
    arguments = (x, h0, *weights)
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in arguments):
        return _Layer.apply(*arguments, batch_sizes, reset_after)
    return _forward(*arguments, batch_sizes, reset_after)[0]


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, h0, weight_ih, weight_hh, bias_ih, bias_hh, batch_sizes, reset_after):
        arguments = (x, h0, weight_ih, weight_hh, bias_ih, bias_hh, batch_sizes, reset_after)
        output, saved = _forward(*arguments, keep=True)
        ctx.save_for_backward(x, weight_ih, weight_hh, *saved)
        ctx.batch_sizes, ctx.reset_after = batch_sizes, reset_after
        return output

    @staticmethod
    def backward(ctx, d_output):
        if torch.is_grad_enabled():
            raise RuntimeError(
                "create_graph=True asks for second derivatives, and the hand-written backward "
                "pass of GRU has none; use gru_lib.torch_gru.gru_loop, which PyTorch "
                "differentiates as often as needed"
            )
        x, weight_ih, weight_hh, *saved = ctx.saved_tensors
        gradients = _backward(
            d_output, x, weight_ih, weight_hh, saved, ctx.batch_sizes, ctx.reset_after,
            ctx.needs_input_grad,
        )  # fmt: skip
        return *gradients, None, None


def _blocks(batch_sizes: list[int], weight_hh: Tensor) -> list[tuple[slice, list[int]]]:
    """Cut the steps into blocks that fit into the cache: the rows of each, and its batch sizes."""
    most_rows = _BLOCK_BYTES // (weight_hh.shape[0] * weight_hh.element_size())
    blocks, first, rows, sizes = [], 0, 0, []
    for size in batch_sizes:
        if sizes and rows + size > most_rows:
            blocks.append((slice(first, first + rows), sizes))
            first, rows, sizes = first + rows, 0, []
        rows += size
        sizes.append(size)
    return [*blocks, (slice(first, first + rows), sizes)]


def _most_rows(blocks: list[tuple[slice, list[int]]]) -> int:
    return max(rows.stop - rows.start for rows, _ in blocks)


def _memory(like: Tensor, rows: int, *widths: int) -> list[Tensor]:
    """Tensors of these many columns, cut from one piece: that is cheaper to get than several."""
    parts = like.new_empty(rows * sum(widths)).split([rows * width for width in widths])
    return [part.view(rows, width) for part, width in zip(parts, widths, strict=True)]


def _before(first: Tensor, steps: tuple[Tensor, ...], sizes: list[int]) -> list[Tensor]:
    """What stands before each step, without the sequences that have ended there."""
    previous = zip((first, *steps[:-1]), (first.shape[0], *sizes[:-1]), sizes, strict=True)
    return [part if size == alive else part[:size] for part, alive, size in previous]


# --- forward --------------------------------------------------------------------------------


def _forward(
    x, h0, weight_ih, weight_hh, bias_ih, bias_hh, batch_sizes, reset_after, keep=False
) -> tuple[Tensor, list[Tensor]]:
    """Return the states, and, if told to keep it, what the backward pass needs.

    The gates of a block have the columns of r, of z, and a third part for the steps to fill: with
    the reset after the product q = W_hn h + b_hn, with the reset before it reset_h = r * h.
    """
    hidden_size = weight_hh.shape[1]
    columns = (2 * hidden_size, hidden_size)  # r and z; then what belongs to the candidate
    input_to_gates, input_to_n = weight_ih.t().split(columns, 1)
    if bias_ih is None:
        bias_ih = bias_hh = weight_hh.new_zeros(3 * hidden_size)
    bias_gates, bias_n = (bias_ih + bias_hh).split(columns)
    if reset_after:
        bias_n, bias_q = bias_ih[2 * hidden_size :], bias_hh[2 * hidden_size :]
    run_steps = _steps_reset_after if reset_after else _steps_reset_before
    output = h0.new_empty(len(x), hidden_size)
    blocks = _blocks(batch_sizes, weight_hh)
    saved = []
    if not keep:
        (buffer,) = _memory(output, _most_rows(blocks), 3 * hidden_size)
    h = h0
    for rows, sizes in blocks:
        x_block, states = x[rows], output[rows]
        if keep:
            parts = _memory(output, len(states), 3 * hidden_size, hidden_size, hidden_size)
            gates, n, h_before = parts
            saved += parts
        else:  # a candidate that nobody will ask for is overwritten by the state
            gates, n = buffer[: len(x_block)], states
        # first all that does not wait for the state
        r_and_z, third = gates.split(columns, 1)
        torch.addmm(bias_gates, x_block, input_to_gates, out=r_and_z)
        torch.addmm(bias_n, x_block, input_to_n, out=n)
        if reset_after:
            third.copy_(bias_q)

        states = states.split(sizes)
        before = _before(h, states, sizes)
        run_steps(gates, n.split(sizes), before, states, sizes, weight_hh, keep)
        h = states[-1]
        if keep:
            torch.cat(before, out=h_before)
    return output, saved


def _steps_reset_after(gates, n_steps, before, states, sizes, weight_hh, keep) -> None:
    transposed = weight_hh.t()
    views = _gates_of_each_step(gates, sizes, keep)
    given = views[0] if keep else gates.split(sizes)
    steps = zip(given, *views, n_steps, before, states, strict=True)
    for from_input, all_gates, r_and_z, r, z, q, n, h, new in steps:
        torch.addmm(from_input, h, transposed, out=all_gates)
        r_and_z.sigmoid_()
        n.addcmul_(r, q).tanh_()
        torch.lerp(n, h, z, out=new)


def _steps_reset_before(gates, n_steps, before, states, sizes, weight_hh, keep) -> None:
    hidden_size = weight_hh.shape[1]
    weight_r_and_z, weight_n = weight_hh.t().split((2 * hidden_size, hidden_size), 1)
    views = _gates_of_each_step(gates, sizes, keep)
    given = views[1] if keep else gates[:, : 2 * hidden_size].split(sizes)
    steps = zip(given, *views, n_steps, before, states, strict=True)
    for from_input, _, r_and_z, r, z, reset_h, n, h, new in steps:
        torch.addmm(from_input, h, weight_r_and_z, out=r_and_z).sigmoid_()
        torch.mul(r, h, out=reset_h)
        n.addmm_(reset_h, weight_n).tanh_()
        torch.lerp(n, h, z, out=new)


def _gates_of_each_step(gates, sizes, keep) -> list[list[Tensor]]:
    """Where each step computes all gates, and therein r with z, r, z, and the third part.

    If nothing is kept, that is the same few rows at each step: they stay in the cache.
    """
    hidden_size = gates.shape[1] // 3
    work = gates if keep else gates.new_empty(sizes[0], 3 * hidden_size)
    views = (work, work[:, : 2 * hidden_size], *work.split(hidden_size, 1))
    if keep:
        return [view.split(sizes) for view in views]
    return [[view if size == sizes[0] else view[:size] for size in sizes] for view in views]


# --- backward -------------------------------------------------------------------------------


def _backward(
    d_output, x, weight_ih, weight_hh, saved, batch_sizes, reset_after, needed
) -> tuple[Tensor | None, ...]:
    """Return the gradients of x, h0, weight_ih, weight_hh, bias_ih, bias_hh; None if not needed."""
    run_back = _back_reset_after if reset_after else _back_reset_before
    hidden_size = weight_hh.shape[1]
    r_and_z, third = slice(2 * hidden_size), slice(2 * hidden_size, None)
    need_x, _, need_weight_ih, need_weight_hh, need_bias_ih, need_bias_hh, *_ = needed
    d_x = torch.empty_like(x) if need_x else None
    d_weight_ih = torch.zeros_like(weight_ih) if need_weight_ih else None
    d_weight_hh = torch.zeros_like(weight_hh) if need_weight_hh else None
    d_bias_ih = weight_hh.new_zeros(3 * hidden_size) if need_bias_ih else None
    d_bias_hh = weight_hh.new_zeros(3 * hidden_size) if need_bias_hh else None
    d_h = None
    blocks = _blocks(batch_sizes, weight_hh)
    most_rows = _most_rows(blocks)
    buffers = _memory(weight_hh, most_rows, hidden_size, 3 * hidden_size, hidden_size, hidden_size)
    ones = weight_hh.new_ones(most_rows)
    for index in reversed(range(len(blocks))):
        rows, sizes = blocks[index]
        gates, n, h = saved[3 * index : 3 * index + 3]
        d, d_gates, d_n, spare = (buffer[: len(n)] for buffer in buffers)
        d.copy_(d_output[rows])
        if d_h is not None:  # what the later block sends to the last step of this one
            last_step = len(d) - sizes[-1]
            d[last_step : last_step + len(d_h)] += d_h
        d_h = d.new_zeros(sizes[0], hidden_size)
        run_back(d, d_h, d_gates, d_n, spare, gates, n, h, sizes, weight_hh)
        if d_weight_hh is not None:
            times_n = h if reset_after else gates[:, third]
            d_weight_hh[r_and_z].addmm_(d_gates[:, r_and_z].t(), h)
            d_weight_hh[third].addmm_(d_gates[:, third].t(), times_n)
        if d_bias_hh is not None:
            d_bias_hh.addmv_(d_gates.t(), ones[: len(d)])
        if reset_after:  # what follows needs the gradient of n's part from the input, not of q
            torch.mul(d_n, d, out=d_gates[:, third])
        if d_weight_ih is not None:
            d_weight_ih.addmm_(d_gates.t(), x[rows])
        if d_bias_ih is not None:
            d_bias_ih.addmv_(d_gates.t(), ones[: len(d)])
        if d_x is not None:
            torch.mm(d_gates, weight_ih, out=d_x[rows])
    return d_x, d_h, d_weight_ih, d_weight_hh, d_bias_ih, d_bias_hh


def _back_reset_after(d, d_h, d_gates, d_n, spare, gates, n, h, sizes, weight_hh) -> None:
    """Go back through the steps of a block.

    Complete ``d``, the gradients of its states, and ``d_h``, that of the state before it. Fill
    ``d_gates`` with those of the three products with the state, ``d_n`` with the candidate's
    before its tanh. ``spare`` is memory for what lies between.
    """
    hidden_size = n.shape[1]
    r, z, q = gates.split(hidden_size, 1)
    d_r, d_z, d_q = d_gates.split(hidden_size, 1)
    # first the factors of d, which do not wait for it
    _tanh_backward(torch.sub(1, z, out=spare), n, grad_input=d_n)
    torch.mul(d_n, r, out=d_q)
    _sigmoid_backward(torch.mul(d_n, q, out=spare), r, grad_input=d_r)
    _sigmoid_backward(torch.sub(h, n, out=spare), z, grad_input=d_z)

    d_steps = d.split(sizes)
    columns = (z, d.unsqueeze(1), d_gates.unflatten(1, (3, hidden_size)), d_gates)
    parts = (part.split(sizes) for part in columns)
    steps = list(zip(_before(d_h, d_steps, sizes), d_steps, *parts, strict=True))
    for d_before, d_step, z, d_to_each, d_each, d_gates_step in reversed(steps):
        d_each.mul_(d_to_each)
        d_before.addcmul_(d_step, z).addmm_(d_gates_step, weight_hh)


def _back_reset_before(d, d_h, d_gates, d_n, spare, gates, n, h, sizes, weight_hh) -> None:
    """The same; here r waits for the gradient of r * h."""
    hidden_size = n.shape[1]
    weight_r_and_z, weight_n = weight_hh.split((2 * hidden_size, hidden_size))
    r, z, _ = gates.split(hidden_size, 1)
    d_r, d_z, d_n = d_gates.split(hidden_size, 1)
    _tanh_backward(torch.sub(1, z, out=spare), n, grad_input=d_n)
    _sigmoid_backward(h, r, grad_input=d_r)
    _sigmoid_backward(torch.sub(h, n, out=spare), z, grad_input=d_z)

    d_steps = d.split(sizes)
    columns = (r, z, d_r, d_z, d_n, spare, d_gates[:, : 2 * hidden_size])
    parts = (part.split(sizes) for part in columns)
    steps = list(zip(_before(d_h, d_steps, sizes), d_steps, *parts, strict=True))
    for d_before, d_step, r, z, d_r, d_z, d_n, d_reset_h, d_r_and_z in reversed(steps):
        d_z.mul_(d_step)
        torch.mm(d_n.mul_(d_step), weight_n, out=d_reset_h)
        d_r.mul_(d_reset_h)
        d_before.addcmul_(d_step, z).addcmul_(d_reset_h, r).addmm_(d_r_and_z, weight_r_and_z)
