"""The fast path of ``numpy_gru`` for one step of one sequence, with the kernel's layout."""

import numpy as np
from numpy import add, multiply, subtract, tanh

from gru_lib._numpy_kernel import ResetAfter, ResetBefore, Weights, prepare


class StreamCell:
    """One layer that reads one sequence step by step; its arrays are written into again and again.

    ``h``, (hidden_size,), is the state; behind it stands a one, for the candidate's second bias.
    """

    def __init__(self, weights: Weights, reset_after: bool) -> None:
        convention = ResetAfter if reset_after else ResetBefore
        from_x, from_h, bias_n = prepare(weights, convention.merged_biases)
        _, size, width = from_x.shape
        self.reset_after = reset_after
        self.from_x = from_x.reshape(3 * size, width)
        self.from_h = np.zeros((3 * size, size + 1), from_x.dtype)
        self.from_h[:, :-1] = from_h.reshape(3 * size, size)
        if reset_after:
            self.from_h[2 * size :, -1] = bias_n
        self.x_and_one, self.h_and_one = (
            np.ones(width, from_x.dtype),
            np.ones(size + 1, from_x.dtype),
        )
        self.x, self.h = self.x_and_one[:-1], self.h_and_one[:-1]
        self.reset_h = np.zeros_like(self.h_and_one)
        self.x_sums, self.h_sums = np.empty((2, 3 * size), from_x.dtype)
        self.rz, self.n = self.x_sums[: 2 * size], self.x_sums[2 * size :]
        self.r, self.z = self.rz[:size], self.rz[size:]
        self.h_rz, self.q = self.h_sums[: 2 * size], self.h_sums[2 * size :]
        self.half = np.full(2 * size, 0.5, from_x.dtype)

    def step(self, x: np.ndarray) -> np.ndarray:
        """The state after reading x, (input_size,), as a view."""
        rz, n, q, h = self.rz, self.n, self.q, self.h
        self.x[:] = x
        self.from_x.dot(self.x_and_one, self.x_sums)
        if self.reset_after:
            self.from_h.dot(self.h_and_one, self.h_sums)
        else:
            self.from_h[: len(rz)].dot(self.h_and_one, self.h_rz)
        add(rz, self.h_rz, rz)
        tanh(rz, rz)
        multiply(rz, self.half, rz)
        add(rz, self.half, rz)
        if self.reset_after:
            multiply(self.r, q, q)
        else:
            multiply(self.r, h, self.reset_h[:-1])
            self.from_h[len(rz) :].dot(self.reset_h, q)
        add(n, q, n)
        tanh(n, n)
        subtract(h, n, h)
        multiply(h, self.z, h)
        add(h, n, h)
        return h
