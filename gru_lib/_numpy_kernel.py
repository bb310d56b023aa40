"""The fast path of ``numpy_gru``: one layer in one direction, forward and backward by hand.

The mathematics is that of ``gru_step``; the speed comes from layout and from doing less.

- The input's share of all gates is one product for many steps; a step makes one product, with the
  state. Each gate's numbers lie in one piece, so that every operation runs over one piece.
- A column of ones behind the input carries the biases: no additions for them, and the product that
  gives the gradient by the weights gives that by the biases too.
- ``sigmoid(a) = (1 + tanh(a / 2)) / 2``, and halving the gates' weights once halves every ``a``.
- Arrays are kept from call to call; operations write into them (their last argument).
- Steps go in blocks that fit into the processor's cache.
- Backward, what does not wait for the next step is computed for a block of steps at once, and the
  gradients by the weights are one product over all steps.
"""

from typing import NamedTuple

import numpy as np
from numpy import add, matmul, multiply, subtract, tanh

# Numbers in one array of a block: 128 kB in float32.
BLOCK = 32768


class Weights(NamedTuple):
    """Parameters of one layer in one direction, or the gradients by them."""

    weight_ih: np.ndarray
    weight_hh: np.ndarray
    bias_ih: np.ndarray | None = None
    bias_hh: np.ndarray | None = None


def prepare(weights: Weights, merged_biases: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The weights as steps want them: gates halved, biases behind the input's weights.

    Returns the input's, (3, hidden_size, input_size + 1), the state's, (3, hidden_size,
    hidden_size), and the candidate's second bias, (hidden_size,), for where it is not merged.
    """
    size = weights.weight_hh.shape[1]
    from_input = np.zeros((3, size, weights.weight_ih.shape[1] + 1), weights.weight_ih.dtype)
    from_input[:, :, :-1] = weights.weight_ih.reshape(3, size, -1)
    from_state = weights.weight_hh.reshape(3, size, size).copy()
    bias_n = np.zeros(size, weights.weight_ih.dtype)
    if weights.bias_ih is not None:
        bias_hh = weights.bias_hh.reshape(3, size)
        from_input[:, :, -1] = weights.bias_ih.reshape(3, size)
        from_input[:merged_biases, :, -1] += bias_hh[:merged_biases]
        bias_n[:] = bias_hh[2]
    from_input[:2] *= 0.5
    from_state[:2] *= 0.5
    return from_input, from_state, bias_n


class Kernel:
    """What both conventions share: buffers, the product with the input, gradients by weights.

    Arrays are ``(steps, batch, ...)``. ``sums`` are what the sigmoids and the tanh are applied to,
    ``rz`` holds both gates, ``d_a`` is the gradient of the loss by ``a``. The caller has checked
    shapes and dtypes.
    """

    merged_biases: int  # how many of the three have both biases in one sum, from r on

    def __init__(self, input_size: int, hidden_size: int, dtype: np.dtype) -> None:
        self.input_size, self.hidden_size, self.dtype = input_size, hidden_size, dtype
        self.size = None  # (steps, batch) that the buffers are made for

    def forward(
        self, x: np.ndarray, h0: np.ndarray, weights: Weights, ended: np.ndarray | None = None
    ) -> np.ndarray:
        """States after every step, (steps, batch, hidden_size), as a view: copy what you keep.

        Where ``ended``, (steps, batch), is true the sequence is over and its state stays.
        """
        steps, batch, _ = x.shape
        self._reserve(steps, batch)
        self.inputs[..., :-1] = x
        over = [None] * steps
        if ended is not None:
            self.inputs[ended, :-1] = 0  # whatever stands in the padding must not matter
            over = [rows if rows.any() else None for rows in ended]
        self.h[0] = h0
        from_input, from_state, bias_n = prepare(weights, self.merged_biases)
        from_input = from_input.swapaxes(1, 2)
        from_state = np.ascontiguousarray(from_state.swapaxes(1, 2))
        bias_n = np.tile(bias_n, (batch, 1))
        inputs = self.inputs.reshape(steps * batch, self.input_size + 1)
        from_inputs = self.from_inputs.reshape(3, self.block * batch, self.hidden_size)
        for first in range(0, steps, self.block):
            rows = inputs[first * batch : (first + self.block) * batch]
            matmul(rows, from_input, from_inputs[:, : len(rows)])
            part = slice(first, first + self.block)
            self._walk(zip(self.views[part], over[part], strict=True), from_state, bias_n)
        return self.h[1:]

    def backward(
        self, d_output: np.ndarray, d_h_n: np.ndarray, weights: Weights
    ) -> tuple[np.ndarray, np.ndarray, Weights]:
        """Gradients by x, h0 and the weights, given those by all states and by the last one.

        Uses up what ``forward`` left in the buffers, so it can follow it only once.
        """
        steps = self.size[0]
        d_h = np.array(d_h_n)
        for first in reversed(range(0, steps, self.block)):
            part = slice(first, min(first + self.block, steps))
            self._factors(part)
            self._walk_back(part, d_output, d_h, weights.weight_hh)
        d_x, gradients = self._gradients(weights)
        return d_x, d_h, gradients

    def _gradients(self, weights: Weights) -> tuple[np.ndarray, Weights]:
        """Gradients by x and by the weights, each one product over all steps and sequences."""
        steps, batch = self.size
        size, width = self.hidden_size, self.input_size
        inputs = self.inputs.reshape(steps * batch, width + 1)
        d_x = np.zeros((steps * batch, width), self.dtype)
        d_from_input = np.empty((3, size, width + 1), self.dtype)
        d_from_state = np.empty((3, size, size), self.dtype)
        weight_ih = weights.weight_ih.reshape(3, size, width)
        for gate, arrays in enumerate(self._sums_and_states()):
            d_sum, d_state_sum, state = (a.reshape(steps * batch, size) for a in arrays)
            matmul(d_sum.T, inputs, d_from_input[gate])
            matmul(d_state_sum.T, state, d_from_state[gate])
            d_x += d_sum @ weight_ih[gate]
        d_weights = d_from_input[:, :, :-1].reshape(3 * size, width), d_from_state.reshape(-1, size)
        d_x = d_x.reshape(steps, batch, width)
        if weights.bias_ih is None:
            return d_x, Weights(*d_weights)
        d_bias_ih = d_from_input[:, :, -1].flatten()
        d_bias_hh = d_bias_ih.copy()  # the gates' biases are merged; the candidate's perhaps not
        d_bias_hh[2 * size :] = np.ones(steps * batch, self.dtype) @ d_state_sum
        return d_x, Weights(*d_weights, d_bias_ih, d_bias_hh)

    def _reserve(self, steps: int, batch: int) -> None:
        """Make the buffers, unless those of the last call fit."""
        if self.size == (steps, batch):
            return
        state = (batch, self.hidden_size)
        self.block = block = max(1, min(steps, BLOCK // max(1, batch * self.hidden_size)))
        self.inputs = np.ones((steps, batch, self.input_size + 1), self.dtype)
        self.from_inputs = self._empty_gates(block, batch)
        self.products = np.empty((3, *state), self.dtype)
        self.scratch = np.empty(state, self.dtype)
        self.half = np.full((2, *state), 0.5, self.dtype)  # a number would be converted each time
        self.h = np.empty((steps + 1, *state), self.dtype)
        self.rz = np.empty((steps, 2, *state), self.dtype)
        self.n = np.empty((steps, *state), self.dtype)
        self.q = np.empty((steps, *state), self.dtype)  # what r multiplies, or what comes of it
        self.d_sums = self._empty_gates(steps, batch)  # with the state's weights
        self.d_h = np.empty((block, *state), self.dtype)
        # Slicing takes as long as computing when sizes are small: keep the slices.
        slots = [t % block for t in range(steps)]
        self.views = [
            (
                *(self.from_inputs[:2, slot], self.from_inputs[2, slot]),
                *(self.rz[t], *self.rz[t], self.n[t], self.q[t], self.h[t], self.h[t + 1]),
            )
            for t, slot in enumerate(slots)
        ]
        row = (1, -1) if batch == 1 else (3, *state)  # for one product, or for one a gate
        self.views_back = [
            (self.d_h[slot], d_sums.reshape(row), *d_sums, *self.rz[t])
            for t, (slot, d_sums) in enumerate(zip(slots, self.d_sums.swapaxes(0, 1), strict=True))
        ]
        self.size = (steps, batch)

    def _empty_gates(self, steps: int, batch: int) -> np.ndarray:
        """An empty array (3, steps, batch, hidden_size).

        The products over all steps want each gate in one piece. A single sequence wants each step
        in one piece, so that its three products are one; the others are content with that, too.
        """
        if batch == 1:
            return np.empty((steps, 3, 1, self.hidden_size), self.dtype).swapaxes(0, 1)
        return np.empty((3, steps, batch, self.hidden_size), self.dtype)


class ResetAfter(Kernel):
    """PyTorch's convention: n = tanh(W_in x + b_in + r * q), with q = W_hn h + b_hn."""

    merged_biases = 2

    def _walk(self, views, from_state, bias_n) -> None:
        products_rz, products_n, new = self.products[:2], self.products[2], self.scratch
        half, out = self.half, self.products
        one_sequence = len(new) == 1
        if one_sequence:  # then one product does for all gates
            out, from_state = out.reshape(1, -1), np.concatenate(from_state, axis=1)
        for (from_x_rz, from_x_n, rz, r, z, n, q, h, h_next), over in views:
            if one_sequence:
                h.dot(from_state, out)
            else:
                matmul(h, from_state, out)
            add(products_rz, from_x_rz, rz)
            tanh(rz, rz)
            multiply(rz, half, rz)
            add(rz, half, rz)
            add(products_n, bias_n, q)
            multiply(r, q, new)
            add(new, from_x_n, new)
            tanh(new, n)
            subtract(h, n, new)
            multiply(new, z, new)
            add(new, n, h_next)  # n + z (h - n) = (1 - z) n + z h
            if over is not None:
                z[over], h_next[over] = 1, h[over]

    def _factors(self, part: slice) -> None:
        """What the gradients by the sums are per gradient by h, in the places of both."""
        r, z, n, q, h = self.rz[part, 0], self.rz[part, 1], self.n[part], self.q[part], self.h[part]
        d_r, d_z, d_q = self.d_sums[:, part]
        one_minus_z = 1 - z
        subtract(h, n, d_z)
        multiply(d_z, z, d_z)
        multiply(d_z, one_minus_z, d_z)  # (h - n) z (1 - z)
        multiply(n, n, n)
        subtract(1, n, n)
        multiply(n, one_minus_z, n)  # (1 - n^2) (1 - z)
        multiply(n, r, d_q)
        subtract(1, r, d_r)
        multiply(d_r, q, d_r)
        multiply(d_r, d_q, d_r)  # (1 - n^2) (1 - z) q r (1 - r)

    def _walk_back(self, part, d_output, d_h, weight_hh) -> None:
        out_r, out_z, out_q = self.products
        by_gate = weight_hh.reshape(3, self.hidden_size, self.hidden_size)
        one_sequence = len(d_h) == 1
        steps = zip(d_output[part], self.views_back[part], strict=True)
        for d_out, (d, d_sums, d_r, d_z, d_q, _, z) in reversed(list(steps)):
            add(d_h, d_out, d)
            multiply(d_r, d, d_r)
            multiply(d_z, d, d_z)
            multiply(d_q, d, d_q)
            multiply(d, z, d_h)
            if one_sequence:
                add(d_h, d_sums.dot(weight_hh, out_r), d_h)
                continue
            matmul(d_sums, by_gate, self.products)
            add(d_h, out_r, d_h)
            add(d_h, out_z, d_h)
            add(d_h, out_q, d_h)
        n = self.n[part]
        multiply(n, self.d_h[: len(n)], n)  # the gradient by the candidate's sum

    def _sums_and_states(self):
        """For r, z and n: gradients by what the input adds and the state adds, and that state."""
        d_r, d_z, d_q = self.d_sums
        h = self.h[:-1]
        return (d_r, d_r, h), (d_z, d_z, h), (self.n, d_q, h)


class ResetBefore(Kernel):
    """Cho's and Chung's convention: n = tanh(W_in x + b_in + W_hn q + b_hn), with q = r * h."""

    merged_biases = 3

    def _walk(self, views, from_state, bias_n) -> None:
        products_rz, products_n, new = self.products[:2], self.products[2], self.scratch
        gates, candidate = from_state[:2], from_state[2]
        for (from_x_rz, from_x_n, rz, r, z, n, q, h, h_next), over in views:
            matmul(h, gates, products_rz)
            add(products_rz, from_x_rz, rz)
            tanh(rz, rz)
            multiply(rz, self.half, rz)
            add(rz, self.half, rz)
            multiply(r, h, q)
            matmul(q, candidate, products_n)
            add(products_n, from_x_n, new)
            tanh(new, n)
            subtract(h, n, new)
            multiply(new, z, new)
            add(new, n, h_next)
            if over is not None:
                z[over], h_next[over] = 1, h[over]

    def _factors(self, part: slice) -> None:
        r, z, n, h = self.rz[part, 0], self.rz[part, 1], self.n[part], self.h[part]
        d_r, d_z, d_n = self.d_sums[:, part]
        one_minus_z = 1 - z
        subtract(h, n, d_z)
        multiply(d_z, z, d_z)
        multiply(d_z, one_minus_z, d_z)  # (h - n) z (1 - z)
        multiply(n, n, d_n)
        subtract(1, d_n, d_n)
        multiply(d_n, one_minus_z, d_n)  # (1 - n^2) (1 - z)
        subtract(1, r, d_r)
        multiply(d_r, r, d_r)
        multiply(d_r, h, d_r)  # h r (1 - r), per gradient by q

    def _walk_back(self, part, d_output, d_h, weight_hh) -> None:
        out_r, out_z, d_q = self.products
        gates = weight_hh.reshape(3, self.hidden_size, self.hidden_size)
        steps = zip(d_output[part], self.views_back[part], strict=True)
        for d_out, (d, _, d_r, d_z, d_n, r, z) in reversed(list(steps)):
            add(d_h, d_out, d)
            multiply(d_n, d, d_n)
            multiply(d_z, d, d_z)
            matmul(d_n, gates[2], d_q)
            multiply(d_r, d_q, d_r)
            multiply(d, z, d_h)
            multiply(d_q, r, d_q)
            add(d_h, d_q, d_h)
            add(d_h, matmul(d_r, gates[0], out_r), d_h)
            add(d_h, matmul(d_z, gates[1], out_z), d_h)

    def _sums_and_states(self):
        d_r, d_z, d_n = self.d_sums
        h = self.h[:-1]
        return (d_r, d_r, h), (d_z, d_z, h), (d_n, d_n, self.q)
