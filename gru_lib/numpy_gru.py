"""The gated recurrent unit by hand, in NumPy: one step to read, a layer to train with."""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from gru_lib._checks import (
    gru_parameter_shapes,
    require_array,
    require_bool,
    require_dropout,
    require_float_dtype,
    require_generator,
    require_positive_integer,
    require_shape,
)
from gru_lib._numpy_kernel import Kernel, ResetAfter, ResetBefore, Weights
from gru_lib._numpy_stream import StreamCell
from gru_lib.numpy_nn import Module


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

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.numpy_gru import sigmoid
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return 0.5 * (1.0 + np.tanh(0.5 * a))


def gru_step(
    x: ArrayLike,
    h: ArrayLike,
    weight_ih: ArrayLike,
    weight_hh: ArrayLike,
    bias_ih: ArrayLike,
    bias_hh: ArrayLike,
    *,
    reset_after: bool = True,
) -> np.ndarray:
    """One step of a GRU, written to be read.

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
    reset_after : bool, default True
        Whether the reset gate acts after the product of state and weights (PyTorch, cuDNN) or
        before it (Cho et al., 2014). In both, an update gate near 1 keeps the state.

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
    Cho et al. (2014) introduced the unit. With the reset after the product it is what cuDNN and
    PyTorch compute (``torch.nn.GRUCell``), equal to it to rounding.

    Examples
    --------
    With all parameters zero both gates are 1/2 and the candidate is 0: the state halves.

    >>> from gru_lib.numpy_gru import gru_step
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
    if reset_after:
        past = r * state_n
    else:
        past = (r * h) @ weight_hh[2 * h.shape[-1] :].T + bias_hh[2 * h.shape[-1] :]
    n = np.tanh(input_n + past)  # candidate: what may be written
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


class GRU(Module):
    """Gated recurrent unit over whole sequences, with backpropagation through time by hand.

    Signature, shapes and parameter names are those of ``torch.nn.GRU``; values and gradients equal
    its values and gradients to rounding.

    Parameters
    ----------
    input_size : int
        Numbers in the input at one step, I.
    hidden_size : int
        Numbers in the hidden state, H.
    num_layers : int, default 1
        Layers on top of each other, L; each reads the output of the one below.
    bias : bool, default True
        Whether there are biases, two of them as in PyTorch.
    batch_first : bool, default False
        Whether inputs and outputs are (batch, steps, ...) instead of (steps, batch, ...).
    dropout : float, default 0.0
        Share of the numbers that are zeroed between layers while training, in [0, 1).
    bidirectional : bool, default False
        Whether a second GRU reads the sequence from its end; then D = 2, else D = 1.
    reset_after : bool, default True
        True: the reset gate acts after the product with the weights,
        ``n = tanh(W_in x + b_in + r * (W_hn h + b_hn))``, as in PyTorch and cuDNN. False: before
        it, ``n = tanh(W_in x + b_in + W_hn (r * h) + b_hn)``, as in Cho et al. (2014). With the
        same weights these are two different functions.
    dtype : dtype, default np.float32
        ``np.float32`` or ``np.float64``; inputs must have it too.
    rng : None, int or np.random.Generator, default None
        Seed or source of the first weights and of dropout; None draws fresh ones.

    Attributes
    ----------
    parameters : dict of str to np.ndarray
        ``weight_ih_l0`` (3H, I), ``weight_hh_l0`` (3H, H), ``bias_ih_l0`` and ``bias_hh_l0`` (3H,),
        rows of reset gate, update gate, candidate; further layers ``_l1`` (their weight_ih has D H
        columns), the second direction ``_reverse``. Drawn from U(-1/sqrt(H), 1/sqrt(H)).
    gradients : dict of str to np.ndarray
        The same names and shapes; empty until ``backward`` fills it.
    training : bool
        Whether dropout acts; set by ``train()`` and ``eval()``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed; the message names it, what was given and what is expected.

    Notes
    -----
    Equations: Cho et al. (2014) for the unit, PyTorch's documentation of ``torch.nn.GRU`` for the
    default convention. The fast path is in ``gru_lib/_numpy_kernel.py``.

    Examples
    --------
    Five steps of two sequences of three numbers; then the gradient of the sum of all outputs.

    >>> from gru_lib.numpy_gru import GRU
    >>> import numpy as np
    >>> gru = GRU(input_size=3, hidden_size=4, dtype=np.float64, rng=0)
    >>> x = np.random.default_rng(1).normal(size=(5, 2, 3))
    >>> output, h_n = gru(x)
    >>> output.shape, h_n.shape
    ((5, 2, 4), (1, 2, 4))
    >>> d_x, d_h0 = gru.backward(np.ones_like(output))
    >>> d_x.shape, d_h0.shape, gru.gradients["weight_hh_l0"].shape
    ((5, 2, 3), (1, 2, 4), (12, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        reset_after: bool = True,
        dtype: DTypeLike = np.float32,
        rng: int | np.random.Generator | None = None,
    ) -> None:
        self.input_size = require_positive_integer("input_size", input_size)
        self.hidden_size = require_positive_integer("hidden_size", hidden_size)
        self.num_layers = require_positive_integer("num_layers", num_layers)
        self.dropout = require_dropout(dropout)
        self.dtype = require_float_dtype(dtype)
        self.bias = require_bool("bias", bias)
        self.batch_first = require_bool("batch_first", batch_first)
        self.bidirectional = require_bool("bidirectional", bidirectional)
        self.reset_after = require_bool("reset_after", reset_after)
        self.training = True
        self._rng = require_generator(rng)
        shapes = gru_parameter_shapes(
            self.input_size, self.hidden_size, self.num_layers, bias, bidirectional
        )
        bound = 1 / np.sqrt(self.hidden_size)
        super().__init__(
            {
                name: self._rng.uniform(-bound, bound, shape).astype(self.dtype)
                for name, shape in shapes.items()
            }
        )
        self._ends = ("", "_reverse") if bidirectional else ("",)
        self._kernels = {
            f"_l{layer}{end}": self._make_kernel(layer)
            for layer in range(self.num_layers)
            for end in self._ends
        }

    def __call__(
        self, x: ArrayLike, h0: ArrayLike | None = None, lengths: ArrayLike | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Run over whole sequences.

        Parameters
        ----------
        x : array_like, shape (T, B, I), (B, T, I) if batch_first, or (T, I) without a batch
            Inputs of all steps.
        h0 : array_like, shape (L D, B, H) or (L D, H) without a batch, optional
            Hidden states before the first step; zeros if None.
        lengths : array_like of int, shape (B,), optional
            How many steps each sequence has, 1 to T. Steps after that are padding: they are not
            read, leave the state as it is and give zeros as output.

        Returns
        -------
        output : np.ndarray, shape (T, B, D H), (B, T, D H) if batch_first, or (T, D H)
            Hidden states of the last layer after every step.
        h_n : np.ndarray, shape (L D, B, H) or (L D, H)
            Last hidden state of every layer and direction.

        Raises
        ------
        TypeError, ValueError
            If a dtype or a shape does not fit, or a length is not in 1 to T.

        Examples
        --------
        >>> import numpy as np
        >>> from gru_lib.numpy_gru import GRU
        >>> gru = GRU(1, 2, dtype=np.float64, rng=0)
        >>> output, h_n = gru(np.ones((3, 2, 1)), lengths=[3, 1])
        >>> bool((output[1:, 1] == 0).all()), bool((h_n[0, 1] == output[0, 1]).all())
        (True, True)
        """
        x = require_array("x", x, self.dtype)
        self._require_input(x)
        unbatched = x.ndim == 2
        x = self._time_first(x[:, None] if unbatched else x, unbatched)
        steps, batch, _ = x.shape
        h0 = self._states("h0", h0, batch, unbatched)
        ended = None if lengths is None else _find_ended(lengths, steps, batch, unbatched)

        self._kept = None
        h_n = np.empty_like(h0)
        masks = []
        for layer in range(self.num_layers):
            output = np.empty((steps, batch, self.hidden_size * len(self._ends)), self.dtype)
            for index, kernel, weights, order, columns in self._directions(layer):
                over = None if ended is None else ended[order]
                states = kernel.forward(x[order], h0[index], weights, over)
                output[..., columns] = states[order]
                h_n[index] = states[-1]
            if ended is not None:
                output[ended] = 0
            masks.append(self._draw_mask(layer, output.shape))
            x = output if masks[layer] is None else output * masks[layer]
        self._kept = (unbatched, ended, masks)
        output = self._time_first(output, unbatched)  # the same exchange leads back
        return (output[:, 0], h_n[:, 0]) if unbatched else (output, h_n)

    def backward(
        self, d_output: ArrayLike | None, d_h_n: ArrayLike | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Backpropagate through all steps of the last call and fill ``gradients``.

        Parameters
        ----------
        d_output : array_like, shape of ``output``, or None
            Gradient of the loss by the output; None for zeros.
        d_h_n : array_like, shape of ``h_n``, optional
            Gradient of the loss by the last hidden states, where the loss uses them; zeros if None.

        Returns
        -------
        d_x : np.ndarray, shape of ``x``
            Gradient of the loss by the inputs; zero in the padding.
        d_h0 : np.ndarray, shape of ``h_n``
            Gradient of the loss by the first hidden states.

        Raises
        ------
        RuntimeError
            If there was no call since the last ``backward``.
        TypeError, ValueError
            If a dtype or a shape does not fit.

        Notes
        -----
        The derivation is chapter 7's. ``gradients`` is overwritten, not added to. Change no
        parameter between the call and this.

        Examples
        --------
        The gradient by the bias, and what a small change of that bias does to the loss:

        >>> import numpy as np
        >>> from gru_lib.numpy_gru import GRU
        >>> gru = GRU(1, 1, dtype=np.float64, rng=0)
        >>> x = np.ones((4, 1))
        >>> before = gru(x)[0].sum()
        >>> d_x, d_h0 = gru.backward(np.ones((4, 1)))
        >>> gru.parameters["bias_ih_l0"][2] += 1e-6
        >>> change = (gru(x)[0].sum() - before) / 1e-6
        >>> abs(float(change - gru.gradients["bias_ih_l0"][2])) < 1e-5
        True
        """
        unbatched, ended, masks = self._latest_call()
        steps, batch = self._kernels["_l0"].size
        d_output = self._output_gradient(d_output, steps, batch, unbatched)
        d_h_n = self._states("d_h_n", d_h_n, batch, unbatched)
        if ended is not None:
            d_output = np.where(ended[..., None], 0, d_output)  # those zeros depend on nothing

        d_h0 = np.empty_like(d_h_n)
        for layer in reversed(range(self.num_layers)):
            if masks[layer] is not None:
                d_output = d_output * masks[layer]
            d_x = 0
            for index, kernel, weights, order, columns in self._directions(layer):
                d_states = d_output[order, :, columns]
                d_inputs, d_h0[index], gradients = kernel.backward(d_states, d_h_n[index], weights)
                d_x = d_x + d_inputs[order]
                self._keep_gradients(index, gradients)
            d_output = d_x
        self._kept = None
        d_x = self._time_first(d_x, unbatched)
        return (d_x[:, 0], d_h0[:, 0]) if unbatched else (d_x, d_h0)

    def train(self, mode: bool = True) -> "GRU":
        """Switch dropout on (or off); return the layer itself.

        Examples
        --------
        >>> from gru_lib.numpy_gru import GRU
        >>> GRU(1, 2, num_layers=2, dropout=0.5).train().training
        True
        """
        self.training = require_bool("mode", mode)
        return self

    def eval(self) -> "GRU":
        """Switch dropout off; return the layer itself.

        Examples
        --------
        >>> from gru_lib.numpy_gru import GRU
        >>> GRU(1, 2, num_layers=2, dropout=0.5).eval().training
        False
        """
        return self.train(False)

    def stream(self, h0: ArrayLike | None = None) -> "GRUStream":
        """Return what runs this GRU one step at a time, on a copy of its present parameters.

        Parameters
        ----------
        h0 : array_like, shape (L, H), optional
            Hidden states before the first step; zeros if None.

        Raises
        ------
        ValueError
            If the GRU is bidirectional: it would need the end of the sequence first.

        Examples
        --------
        >>> import numpy as np
        >>> from gru_lib.numpy_gru import GRU
        >>> gru = GRU(3, 4, dtype=np.float64, rng=0)
        >>> x = np.random.default_rng(1).normal(size=(5, 3))
        >>> stream = gru.stream()
        >>> states = [stream.step(x_t) for x_t in x]
        >>> bool(np.allclose(states, gru(x)[0], rtol=0, atol=1e-14))
        True
        """
        return GRUStream(self, h0)

    def __repr__(self) -> str:
        parts = [str(self.input_size), str(self.hidden_size)]
        defaults = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0}
        defaults |= {"bidirectional": False, "reset_after": True}
        for name, default in defaults.items():
            value = getattr(self, name)
            if value != default:
                parts.append(f"{name}={value}")
        return f"GRU({', '.join(parts)}, dtype={self.dtype})"

    def _make_kernel(self, layer: int) -> Kernel:
        width = self.input_size if layer == 0 else self.hidden_size * len(self._ends)
        convention = ResetAfter if self.reset_after else ResetBefore
        return convention(width, self.hidden_size, self.dtype)

    def _weights(self, name: str) -> Weights:
        """The parameters of one layer and direction, as in "_l0_reverse"."""
        return Weights(*(self.parameters.get(part + name) for part in Weights._fields))

    def _directions(self, layer: int):
        """For each direction: its row in h_n, kernel, weights, order of steps, output columns."""
        for direction, end in enumerate(self._ends):
            index = layer * len(self._ends) + direction
            name = f"_l{layer}{end}"
            weights = self._weights(name)
            order = slice(None, None, -1) if end else slice(None)
            columns = slice(direction * self.hidden_size, (direction + 1) * self.hidden_size)
            yield index, self._kernels[name], weights, order, columns

    def _keep_gradients(self, index: int, gradients: Weights) -> None:
        name = list(self._kernels)[index]
        for part, gradient in gradients._asdict().items():
            if gradient is not None:
                self.gradients[part + name] = gradient

    def _draw_mask(self, layer: int, shape: tuple[int, ...]) -> np.ndarray | None:
        """What dropout multiplies by: 0, or 1 / (1 - dropout) so that the mean stays."""
        if not (self.training and self.dropout) or layer == self.num_layers - 1:
            return None
        kept = self._rng.random(shape) >= self.dropout
        return kept.astype(self.dtype) / self.dtype.type(1 - self.dropout)

    def _time_first(self, array: np.ndarray, unbatched: bool) -> np.ndarray:
        return array.swapaxes(0, 1) if self.batch_first and not unbatched else array

    def _require_input(self, x: np.ndarray) -> None:
        batched = "(batch, steps, input_size)" if self.batch_first else "(steps, batch, input_size)"
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            raise ValueError(
                f"x has shape {x.shape}; for input_size={self.input_size} expected {batched} or, "
                "without a batch, (steps, input_size)"
            )
        if x.shape[1 if self.batch_first and x.ndim == 3 else 0] == 0:
            raise ValueError(f"x has shape {x.shape}; expected at least one step")

    def _states(
        self, name: str, states: ArrayLike | None, batch: int, unbatched: bool
    ) -> np.ndarray:
        """Check what has the shape of h_n; None stands for zeros."""
        shape = (len(self._kernels), batch, self.hidden_size)
        if states is None:
            return np.zeros(shape, self.dtype)
        states = require_array(name, states, self.dtype)
        given = (shape[0], shape[2]) if unbatched else shape
        require_shape(name, states, given, "(num_layers * directions, batch, hidden_size)")
        return states.reshape(shape)

    def _output_gradient(
        self, d_output: ArrayLike | None, steps: int, batch: int, unbatched: bool
    ) -> np.ndarray:
        """Check the gradient by the output and put time first; None stands for zeros."""
        shape = (steps, batch, self.hidden_size * len(self._ends))
        if d_output is None:
            return np.zeros(shape, self.dtype)
        d_output = require_array("d_output", d_output, self.dtype)
        if unbatched:
            require_shape("d_output", d_output, (shape[0], shape[2]), "like output")
            return d_output[:, None]
        given = (batch, steps, shape[2]) if self.batch_first else shape
        require_shape("d_output", d_output, given, "like output")
        return self._time_first(d_output, unbatched)


class GRUStream:
    """One sequence, one step at a time: what arrives is read at once, and the state is kept.

    Parameters
    ----------
    gru : GRU
        The layer to run, not bidirectional. Its parameters are copied: training it further does
        not change this stream.
    h0 : array_like, shape (num_layers, hidden_size), optional
        Hidden states before the first step; zeros if None.

    Attributes
    ----------
    state : np.ndarray, shape (num_layers, hidden_size)
        The hidden states after the last step, as a copy.

    Raises
    ------
    TypeError, ValueError
        If the GRU is bidirectional, or h0 has another dtype or shape.

    Notes
    -----
    The equations are those of ``gru_step``, and the layout that of ``GRU``: the gates' weights are
    halved, and the biases stand in a last column that meets a one behind x and behind h.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.numpy_gru import GRU, GRUStream
    >>> stream = GRUStream(GRU(1, 2, dtype=np.float64, rng=0))
    >>> stream.step(np.array([0.5])).shape
    (2,)
    """

    def __init__(self, gru: GRU, h0: ArrayLike | None = None) -> None:
        if gru.bidirectional:
            raise ValueError("gru is bidirectional: it cannot run step by step; expected one way")
        self._shape, self._dtype = (gru.input_size,), gru.dtype
        self._cells = [
            StreamCell(gru._weights(f"_l{layer}"), gru.reset_after)
            for layer in range(gru.num_layers)
        ]
        self.reset(h0)

    @property
    def state(self) -> np.ndarray:
        return np.array([cell.h for cell in self._cells])

    def reset(self, h0: ArrayLike | None = None) -> None:
        """Start anew.

        Parameters
        ----------
        h0 : array_like, shape (num_layers, hidden_size), optional
            Hidden states to start from; zeros if None.

        Raises
        ------
        TypeError, ValueError
            If h0 has another dtype or shape.

        Examples
        --------
        >>> import numpy as np
        >>> from gru_lib.numpy_gru import GRU
        >>> stream = GRU(1, 2, rng=0).stream(np.ones((1, 2), np.float32))
        >>> stream.reset()
        >>> stream.state.tolist()
        [[0.0, 0.0]]
        """
        shape = (len(self._cells), len(self._cells[0].h))
        h0 = np.zeros(shape, self._dtype) if h0 is None else require_array("h0", h0, self._dtype)
        require_shape("h0", h0, shape, "(num_layers, hidden_size)")
        for cell, h in zip(self._cells, h0, strict=True):
            cell.h[:] = h

    def step(self, x: np.ndarray) -> np.ndarray:
        """Read one input.

        Parameters
        ----------
        x : np.ndarray, shape (input_size,)
            The input at this step, of the GRU's dtype.

        Returns
        -------
        np.ndarray, shape (hidden_size,)
            The last layer's hidden state after this step.

        Raises
        ------
        TypeError, ValueError
            If x has another dtype or shape.

        Examples
        --------
        >>> import numpy as np
        >>> from gru_lib.numpy_gru import GRU
        >>> stream = GRU(1, 2, dtype=np.float64, rng=0).stream()
        >>> first, second = stream.step(np.array([1.0])), stream.step(np.array([1.0]))
        >>> bool((first == second).all())
        False
        """
        if type(x) is not np.ndarray or x.dtype != self._dtype or x.shape != self._shape:
            x = require_array("x", x, self._dtype)
            require_shape("x", x, self._shape, "(input_size,)")
        for cell in self._cells:
            x = cell.step(x)
        return x.copy()


def _find_ended(lengths: ArrayLike, steps: int, batch: int, unbatched: bool) -> np.ndarray:
    """Where sequences are over: bool, (steps, batch)."""
    lengths = np.asarray(lengths)
    if unbatched:
        raise ValueError("lengths is for batches; x has no batch: give x[:length] instead")
    if not np.issubdtype(lengths.dtype, np.integer):
        raise TypeError(f"lengths has dtype {lengths.dtype}; expected whole numbers")
    require_shape("lengths", lengths, (batch,), "one length for each sequence:")
    wrong = lengths[(lengths < 1) | (lengths > steps)]
    if wrong.size:
        raise ValueError(f"lengths holds {wrong[0]}; expected 1 to {steps}, the steps of x")
    return np.arange(steps)[:, None] >= lengths
