"""The gated recurrent unit by hand, in NumPy."""

import numpy as np
from numpy.typing import ArrayLike


def sigmoid(a: np.ndarray) -> np.ndarray:
    """Logistic function ``1 / (1 + exp(-a))``, without overflow for large ``|a|``.

    Parameters
    ----------
    a : np.ndarray
        Any shape.

    Returns
    -------
    np.ndarray
        Same shape, every entry between 0 and 1.
    """
    return 0.5 * (1.0 + np.tanh(0.5 * a))


def gru_step(
    x: ArrayLike,
    h: ArrayLike,
    weight_ih: ArrayLike,
    weight_hh: ArrayLike,
    bias_ih: ArrayLike,
    bias_hh: ArrayLike,
) -> np.ndarray:
    """One step of a GRU, in PyTorch's convention (reset after the product, z keeps).

    Parameters
    ----------
    x : array_like, shape (input_size,) or (batch, input_size)
        The input at this step.
    h : array_like, shape (hidden_size,) or (batch, hidden_size)
        The hidden state before this step.
    weight_ih : array_like, shape (3 * hidden_size, input_size)
        Rows of the reset gate, the update gate and the candidate, in that order.
    weight_hh : array_like, shape (3 * hidden_size, hidden_size)
        The same for the hidden state.
    bias_ih, bias_hh : array_like, shape (3 * hidden_size,)
        Two biases, as in ``torch.nn.GRUCell``.

    Returns
    -------
    np.ndarray, shape as ``h``
        The hidden state after this step.

    Raises
    ------
    ValueError
        If a shape does not fit; the message names the argument and both shapes.

    Notes
    -----
    Cho et al. (2014) introduced the unit; this is the form that cuDNN and PyTorch compute
    (``torch.nn.GRUCell``), equal to it to rounding.

    Examples
    --------
    With all parameters zero both gates are 1/2 and the candidate is 0: the state halves.

    >>> gru_step([0.0], [1.0], [[0.0]] * 3, [[0.0]] * 3, [0.0] * 3, [0.0] * 3).tolist()
    [0.5]
    """
    x, h = np.asarray(x), np.asarray(h)
    weight_ih, weight_hh = np.asarray(weight_ih), np.asarray(weight_hh)
    bias_ih, bias_hh = np.asarray(bias_ih), np.asarray(bias_hh)
    _require_step_shapes(x, h, weight_ih, weight_hh, bias_ih, bias_hh)

    input_r, input_z, input_n = np.split(x @ weight_ih.T + bias_ih, 3, axis=-1)
    state_r, state_z, state_n = np.split(h @ weight_hh.T + bias_hh, 3, axis=-1)
    r = sigmoid(input_r + state_r)  # reset gate: how much of the past the candidate sees
    z = sigmoid(input_z + state_z)  # update gate: how much of the old state is kept
    n = np.tanh(input_n + r * state_n)  # candidate: what may be written
    return (1 - z) * n + z * h


def _require_step_shapes(x, h, weight_ih, weight_hh, bias_ih, bias_hh) -> None:
    if x.ndim not in (1, 2):
        raise ValueError(f"x has shape {x.shape}; expected (input_size,) or (batch, input_size)")
    if h.ndim != x.ndim or h.shape[:-1] != x.shape[:-1]:
        raise ValueError(
            f"h has shape {h.shape}; for x of shape {x.shape} expected "
            f"{(*x.shape[:-1], 'hidden_size')}"
        )
    input_size, hidden_size = x.shape[-1], h.shape[-1]
    expected = {
        "weight_ih": (weight_ih, (3 * hidden_size, input_size)),
        "weight_hh": (weight_hh, (3 * hidden_size, hidden_size)),
        "bias_ih": (bias_ih, (3 * hidden_size,)),
        "bias_hh": (bias_hh, (3 * hidden_size,)),
    }
    for name, (array, shape) in expected.items():
        if array.shape != shape:
            raise ValueError(
                f"{name} has shape {array.shape}; for input_size={input_size} and "
                f"hidden_size={hidden_size} expected {shape}"
            )
