"""The gated recurrent unit from scratch in PyTorch: drop-in for ``torch.nn.GRU`` and ``GRUCell``.

Read it from the top: one step (:func:`gru_step`), the loop over a sequence (:func:`gru_loop`),
one step as a module (:class:`GRUCell`), layers and directions (:class:`GRU`). The loop is there to
be read; :class:`GRU` computes the same with the faster ``gru_lib._torch_kernel``.
"""

import math
import warnings

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.nn.utils.rnn import PackedSequence

from gru_lib import _checks
from gru_lib._torch_kernel import run_layer


def gru_step(
    x: Tensor,
    h: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    *,
    reset_after: bool = True,
) -> Tensor:
    """One step of a GRU, differentiated by PyTorch.

    Parameters
    ----------
    x : torch.Tensor, shape (input_size,) or (batch, input_size)
        The input at this step.
    h : torch.Tensor, shape (hidden_size,) or (batch, hidden_size)
        The hidden state before this step.
    weight_ih : torch.Tensor, shape (3 * hidden_size, input_size)
        Rows of the reset gate, the update gate and the candidate, in that order.
    weight_hh : torch.Tensor, shape (3 * hidden_size, hidden_size)
        The same for the hidden state.
    bias_ih, bias_hh : torch.Tensor, shape (3 * hidden_size,), optional
        Two biases, as in ``torch.nn.GRUCell``; both or neither.
    reset_after : bool, default True
        Whether the reset gate multiplies after the product with the state (PyTorch, cuDNN) or
        before it (Cho et al., 2014).

    Returns
    -------
    torch.Tensor, shape as ``h``
        The hidden state after this step.

    Raises
    ------
    TypeError
        If an argument is not a tensor, or its dtype is not that of ``weight_ih``.
    ValueError
        If a shape or a device does not fit; the message names the argument and both.

    Notes
    -----
    Cho et al. (2014), equations 5 to 8, introduced the unit with the reset before the product.
    With ``reset_after`` it is what ``torch.nn.GRUCell`` computes.

    Examples
    --------
    With all parameters zero both gates are 1/2 and the candidate is 0: the state halves.

    >>> from gru_lib.torch_gru import gru_step
    >>> import torch
    >>> gru_step(torch.zeros(1), torch.ones(1), torch.zeros(3, 1), torch.zeros(3, 1)).tolist()
    [0.5]
    """
    _require_parameters(weight_ih, weight_hh, bias_ih, bias_hh)
    _require_input("x", x, weight_ih, (1, 2), "(input_size,) or (batch, input_size)")
    _require_state("h", h, weight_hh, (*x.shape[:-1], weight_hh.shape[1]), x)
    return _step(x, h, weight_ih, weight_hh, bias_ih, bias_hh, reset_after)


def gru_loop(
    x: Tensor,
    h0: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    *,
    reset_after: bool = True,
) -> tuple[Tensor, Tensor]:
    """One layer of a GRU as the plain loop over its steps, differentiated by PyTorch.

    It is there to be read, and for what :class:`GRU` cannot: second derivatives and the
    transforms of ``torch.func``.

    Parameters
    ----------
    x : torch.Tensor, shape (length, input_size) or (length, batch, input_size)
        The sequence, of at least one step.
    h0 : torch.Tensor, shape (hidden_size,) or (batch, hidden_size)
        The hidden state before the first step.
    weight_ih, weight_hh, bias_ih, bias_hh : torch.Tensor
        As in :func:`gru_step`.
    reset_after : bool, default True
        As in :func:`gru_step`.

    Returns
    -------
    output : torch.Tensor, shape (length, hidden_size) or (length, batch, hidden_size)
        The hidden state after every step.
    h_n : torch.Tensor, shape as ``h0``
        The hidden state after the last step.

    Raises
    ------
    TypeError, ValueError
        As :func:`gru_step`; also if ``x`` has no step.

    Examples
    --------
    The derivative of the last state by the first, and the derivative of that:

    >>> from gru_lib.torch_gru import gru_loop
    >>> import torch
    >>> h0 = torch.ones(1, requires_grad=True)
    >>> weights = torch.zeros(3, 1), torch.ones(3, 1)
    >>> output, h_n = gru_loop(torch.zeros(5, 1), h0, *weights)
    >>> output.shape
    torch.Size([5, 1])
    >>> (first,) = torch.autograd.grad(h_n.sum(), h0, create_graph=True)
    >>> (second,) = torch.autograd.grad(first.sum(), h0)
    >>> second.shape
    torch.Size([1])
    """
    parameters = (weight_ih, weight_hh, bias_ih, bias_hh)
    _require_parameters(*parameters)
    _require_input("x", x, weight_ih, (2, 3), "(length, input_size) or (length, batch, input_size)")
    _require_length("x", x, x.shape[0])
    _require_state("h0", h0, weight_hh, (*x.shape[1:-1], weight_hh.shape[1]), x)
    h, states = h0, []
    for x_t in x:
        h = _step(x_t, h, *parameters, reset_after)
        states.append(h)
    return torch.stack(states), h


def _step(x, h, weight_ih, weight_hh, bias_ih, bias_hh, reset_after) -> Tensor:
    """The equations: input_r is W_ir x + b_ir, and weight_hr stands for W_hr."""
    input_r, input_z, input_n = linear(x, weight_ih, bias_ih).chunk(3, -1)
    weight_hr, weight_hz, weight_hn = weight_hh.chunk(3)
    bias_hr, bias_hz, bias_hn = (None, None, None) if bias_hh is None else bias_hh.chunk(3)

    r = torch.sigmoid(input_r + linear(h, weight_hr, bias_hr))  # reset gate
    z = torch.sigmoid(input_z + linear(h, weight_hz, bias_hz))  # update gate
    if reset_after:
        n = torch.tanh(input_n + r * linear(h, weight_hn, bias_hn))  # candidate
    else:
        n = torch.tanh(input_n + linear(r * h, weight_hn, bias_hn))
    return (1 - z) * n + z * h


class GRUCell(nn.Module):
    """One step of a GRU as a module, drop-in for ``torch.nn.GRUCell``.

    Parameters
    ----------
    input_size : int
        Number of features of the input.
    hidden_size : int
        Number of entries of the hidden state.
    bias : bool, default True
        Whether there are biases.
    device, dtype : optional
        Of the parameters, as in every module of PyTorch.
    reset_after : bool, default True
        Whether the reset gate multiplies after the product with the state (PyTorch, cuDNN) or
        before it (Cho et al., 2014).

    Attributes
    ----------
    weight_ih, weight_hh : torch.nn.Parameter
        Shapes (3 * hidden_size, input_size) and (3 * hidden_size, hidden_size): rows of the reset
        gate, the update gate and the candidate. Uniform between -k and k at the start, with
        k = 1 / sqrt(hidden_size).
    bias_ih, bias_hh : torch.nn.Parameter or None
        Shape (3 * hidden_size,), from the same distribution.

    Raises
    ------
    TypeError, ValueError
        If a size or a flag is not allowed.

    Examples
    --------
    >>> from gru_lib.torch_gru import GRUCell
    >>> import torch
    >>> cell = GRUCell(input_size=3, hidden_size=4)
    >>> cell(torch.zeros(2, 3)).shape
    torch.Size([2, 4])
    >>> cell.load_state_dict(torch.nn.GRUCell(3, 4).state_dict())
    <All keys matched successfully>
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        reset_after: bool = True,
    ) -> None:
        super().__init__()
        self.input_size = _checks.require_positive_integer("input_size", input_size)
        self.hidden_size = _checks.require_positive_integer("hidden_size", hidden_size)
        self.bias = _checks.require_bool("bias", bias)
        self.reset_after = _checks.require_bool("reset_after", reset_after)
        rows = 3 * self.hidden_size
        shapes = {"weight_ih": (rows, self.input_size), "weight_hh": (rows, self.hidden_size)}
        for name, shape in shapes.items():
            setattr(self, name, nn.Parameter(torch.empty(shape, device=device, dtype=dtype)))
        for name in ("bias_ih", "bias_hh"):
            value = nn.Parameter(torch.empty(rows, device=device, dtype=dtype)) if bias else None
            self.register_parameter(name, value)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew, as ``torch.nn.GRUCell`` does.

        Examples
        --------
        >>> from gru_lib.torch_gru import GRUCell
        >>> cell = GRUCell(2, 4)
        >>> cell.reset_parameters()
        >>> bool((cell.weight_hh.abs() <= 0.5).all())
        True
        """
        _draw_parameters(self, self.hidden_size)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Return the hidden state after this step.

        Parameters
        ----------
        input : torch.Tensor, shape (input_size,) or (batch, input_size)
            The input at this step.
        hx : torch.Tensor, shape (hidden_size,) or (batch, hidden_size), optional
            The hidden state before this step; zero if left out.

        Returns
        -------
        torch.Tensor, shape (hidden_size,) or (batch, hidden_size)
            The hidden state after this step.

        Raises
        ------
        TypeError, ValueError
            If a dtype, a shape or a device does not fit the parameters.

        Examples
        --------
        >>> from gru_lib.torch_gru import GRUCell
        >>> import torch
        >>> GRUCell(3, 4)(torch.zeros(3), torch.zeros(4)).shape
        torch.Size([4])
        """
        allowed = "(input_size,) or (batch, input_size)"
        _require_input("input", input, self.weight_ih, (1, 2), allowed)
        if hx is None:
            hx = self.weight_hh.new_zeros(*input.shape[:-1], self.hidden_size)
        else:
            _require_state("hx", hx, self.weight_hh, (*input.shape[:-1], self.hidden_size), input)
        parameters = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return _step(input, hx, *parameters, self.reset_after)

    def extra_repr(self) -> str:
        """Show the settings that are not the default, for ``print``.

        Examples
        --------
        >>> from gru_lib.torch_gru import GRUCell
        >>> GRUCell(3, 4, bias=False)
        GRUCell(3, 4, bias=False)
        """
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if not self.bias:
            parts.append("bias=False")
        if not self.reset_after:
            parts.append("reset_after=False")
        return ", ".join(parts)


class GRU(nn.Module):
    """Layers of gated recurrent units, drop-in for ``torch.nn.GRU``.

    It has the signature, the names, the order and the start values of the parameters, the shapes
    and the results of ``torch.nn.GRU``; each loads the other's ``state_dict``. Its backward pass
    is written by hand, because that is faster than PyTorch's way back through the steps.

    Parameters
    ----------
    input_size : int
        Number of features of the input.
    hidden_size : int
        Number of entries of the hidden state of each layer and direction.
    num_layers : int, default 1
        Layers; each reads the output of the one below.
    bias : bool, default True
        Whether there are biases.
    batch_first : bool, default False
        Whether batched input and output are (batch, length, features) instead of
        (length, batch, features); the hidden states are not affected.
    dropout : float in [0, 1), default 0.0
        Share of the values between layers that is dropped in training.
    bidirectional : bool, default False
        Whether each layer also reads the sequence backwards.
    device, dtype : optional
        Of the parameters, as in every module of PyTorch.
    reset_after : bool, default True
        Whether the reset gate multiplies after the product with the state (PyTorch, cuDNN) or
        before it (Cho et al., 2014).

    Attributes
    ----------
    weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0 : torch.nn.Parameter
        As in :class:`GRUCell`; so for each layer, with ``_reverse`` at the end for the second
        direction.

    Raises
    ------
    TypeError, ValueError
        If a size, a flag or ``dropout`` is not allowed.

    Warns
    -----
    UserWarning
        If ``dropout`` is not zero and there is only one layer, so that nothing is dropped.

    Notes
    -----
    The equations are those of :func:`gru_step`, and the gradients those of :func:`gru_loop`.
    Second derivatives and the transforms of ``torch.func`` (other than ``functional_call``) need
    :func:`gru_loop`. Inside ``torch.autocast`` a GRU computes, and returns its result, in the
    dtype of its parameters.

    Examples
    --------
    >>> from gru_lib.torch_gru import GRU
    >>> import torch
    >>> gru = GRU(input_size=3, hidden_size=4, num_layers=2)
    >>> output, h_n = gru(torch.zeros(7, 5, 3))
    >>> output.shape, h_n.shape
    (torch.Size([7, 5, 4]), torch.Size([2, 5, 4]))
    >>> gru.load_state_dict(torch.nn.GRU(3, 4, num_layers=2).state_dict())
    <All keys matched successfully>
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
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        reset_after: bool = True,
    ) -> None:
        super().__init__()
        self.input_size = _checks.require_positive_integer("input_size", input_size)
        self.hidden_size = _checks.require_positive_integer("hidden_size", hidden_size)
        self.num_layers = _checks.require_positive_integer("num_layers", num_layers)
        self.bias = _checks.require_bool("bias", bias)
        self.batch_first = _checks.require_bool("batch_first", batch_first)
        self.dropout = _checks.require_dropout(dropout)
        self.bidirectional = _checks.require_bool("bidirectional", bidirectional)
        self.reset_after = _checks.require_bool("reset_after", reset_after)
        if self.dropout and self.num_layers == 1:
            warnings.warn(
                f"dropout={dropout} acts between layers, and num_layers=1 has none between",
                stacklevel=2,
            )
        shapes = _checks.gru_parameter_shapes(
            self.input_size, self.hidden_size, self.num_layers, bias, bidirectional
        )
        for name, shape in shapes.items():
            setattr(self, name, nn.Parameter(torch.empty(shape, device=device, dtype=dtype)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew, as ``torch.nn.GRU`` does.

        Examples
        --------
        >>> from gru_lib.torch_gru import GRU
        >>> gru = GRU(2, 4)
        >>> gru.reset_parameters()
        >>> bool((gru.weight_hh_l0.abs() <= 0.5).all())
        True
        """
        _draw_parameters(self, self.hidden_size)

    def forward(
        self, input: Tensor | PackedSequence, hx: Tensor | None = None
    ) -> tuple[Tensor | PackedSequence, Tensor]:
        """Run all layers over a batch of sequences.

        Parameters
        ----------
        input : torch.Tensor or torch.nn.utils.rnn.PackedSequence
            Shape (length, batch, input_size), or (batch, length, input_size) with
            ``batch_first``, or (length, input_size) for one sequence. The length is at least 1.
        hx : torch.Tensor, optional
            The hidden states at the start, zero if left out: shape
            (num_layers * directions, batch, hidden_size), without ``batch`` for one sequence.

        Returns
        -------
        output : torch.Tensor or torch.nn.utils.rnn.PackedSequence
            The states of the last layer after every step, as ``input`` with
            directions * hidden_size features.
        h_n : torch.Tensor
            The last state of every layer and direction, shape as ``hx``.

        Raises
        ------
        TypeError
            If an argument is not a tensor, or its dtype is not that of the parameters.
        ValueError
            If a shape or a device does not fit; the message names the argument and both.

        Examples
        --------
        >>> from gru_lib.torch_gru import GRU
        >>> import torch
        >>> gru = GRU(3, 4, batch_first=True, bidirectional=True)
        >>> output, h_n = gru(torch.zeros(5, 7, 3), torch.zeros(2, 5, 4))
        >>> output.shape, h_n.shape
        (torch.Size([5, 7, 8]), torch.Size([2, 5, 4]))
        """
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        first, second = ("batch", "length") if self.batch_first else ("length", "batch")
        allowed = f"(length, input_size) or ({first}, {second}, input_size)"
        _require_input("input", input, self.weight_ih_l0, (2, 3), allowed)
        batched = input.dim() == 3
        time_first = input.transpose(0, 1) if batched and self.batch_first else input
        length, batch = time_first.shape[0], time_first.shape[1] if batched else 1
        _require_length("input", input, length)
        hx = self._initial_states(hx, (batch,) if batched else (), input)

        rows = time_first.flatten(0, 1) if batched else time_first
        rows, h_n = self._run_layers(rows, hx if batched else hx.unsqueeze(1), [batch] * length)
        if not batched:
            return rows, h_n.squeeze(1)
        output = rows.unflatten(0, (length, batch))
        return output.transpose(0, 1) if self.batch_first else output, h_n

    def _forward_packed(self, packed, hx) -> tuple[PackedSequence, Tensor]:
        _require_input("input.data", packed.data, self.weight_ih_l0, (2,), "(rows, input_size)")
        batch_sizes = packed.batch_sizes.tolist()
        _require_batch_sizes(batch_sizes, len(packed.data))
        hx = self._initial_states(hx, (batch_sizes[0],), packed.data)
        # inside, the longest sequence comes first
        if packed.sorted_indices is not None:
            hx = hx.index_select(1, packed.sorted_indices)
        rows, h_n = self._run_layers(packed.data, hx, batch_sizes)
        if packed.unsorted_indices is not None:
            h_n = h_n.index_select(1, packed.unsorted_indices)
        return packed._replace(data=rows), h_n

    def _initial_states(self, hx, batch: tuple[int, ...], x: Tensor) -> Tensor:
        shape = (self.num_layers * len(self._directions), *batch, self.hidden_size)
        if hx is None:
            return self.weight_hh_l0.new_zeros(shape)
        _require_state("hx", hx, self.weight_hh_l0, shape, x)
        return hx

    @property
    def _directions(self) -> tuple[str, ...]:
        return ("", "_reverse") if self.bidirectional else ("",)

    def _run_layers(self, rows, hx, batch_sizes: list[int]) -> tuple[Tensor, Tensor]:
        """Run all layers on sequences that lie as rows, see ``_Rows``."""
        dtype = self.weight_hh_l0.dtype
        rows, hx = rows.to(dtype), hx.to(dtype)  # these differ only inside autocast
        layout = _Rows(batch_sizes, rows.device)
        last_states = []
        for layer in range(self.num_layers):
            if layer > 0 and self.training and self.dropout > 0:
                rows = nn.functional.dropout(rows, self.dropout)
            outputs = []
            for direction in self._directions:
                x = layout.backwards(rows) if direction else rows
                h0 = hx[len(last_states)]
                weights = self._weights(f"_l{layer}{direction}")
                output = run_layer(x, h0, weights, batch_sizes, self.reset_after)
                last_states.append(layout.last(output))
                outputs.append(layout.backwards(output) if direction else output)
            rows = torch.cat(outputs, 1) if self.bidirectional else outputs[0]
        return rows, torch.stack(last_states)

    def _weights(self, end: str) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        # read anew in each call: with a parametrization, such as LoRA, an attribute is computed
        weight_ih, weight_hh = getattr(self, "weight_ih" + end), getattr(self, "weight_hh" + end)
        if not self.bias:
            return weight_ih, weight_hh, None, None
        return weight_ih, weight_hh, getattr(self, "bias_ih" + end), getattr(self, "bias_hh" + end)

    def flatten_parameters(self) -> None:
        """Do nothing: the parameters need no particular place in memory, as cuDNN's do.

        It is here for code that calls it on a ``torch.nn.GRU``.

        Examples
        --------
        >>> from gru_lib.torch_gru import GRU
        >>> GRU(2, 3).flatten_parameters()
        """

    def extra_repr(self) -> str:
        """Show the settings that are not the default, for ``print``.

        Examples
        --------
        >>> from gru_lib.torch_gru import GRU
        >>> GRU(3, 4, num_layers=2, batch_first=True)
        GRU(3, 4, num_layers=2, batch_first=True)
        """
        defaults = {
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0.0,
            "bidirectional": False,
            "reset_after": True,
        }
        changed = {name: getattr(self, name) for name in defaults}
        parts = [f"{name}={value}" for name, value in changed.items() if value != defaults[name]]
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *parts])


class _Rows:
    """Where the steps of sequences lie that are packed as rows, step after step.

    ``batch_sizes[t]`` sequences have a step ``t``, the longest sequence first, as in
    ``torch.nn.utils.rnn.PackedSequence``.
    """

    def __init__(self, batch_sizes: list[int], device: torch.device) -> None:
        self.length, self.batch = len(batch_sizes), batch_sizes[0]
        self.equal_lengths = batch_sizes[-1] == self.batch
        if not self.equal_lengths:
            self.last_rows, self.reversed_rows = _ragged_rows(
                torch.tensor(batch_sizes, device=device)
            )

    def backwards(self, rows: Tensor) -> Tensor:
        """Reverse the time of every sequence."""
        if self.equal_lengths:
            return rows.unflatten(0, (self.length, self.batch)).flip(0).flatten(0, 1)
        return rows.index_select(0, self.reversed_rows)

    def last(self, rows: Tensor) -> Tensor:
        """The row of the last step of every sequence."""
        if self.equal_lengths:
            return rows[(self.length - 1) * self.batch :]
        return rows.index_select(0, self.last_rows)


def _ragged_rows(sizes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the last row of each sequence, and for each row the one as far from the other end."""
    first_row = sizes.cumsum(0) - sizes
    sequences = torch.arange(int(sizes[0]), device=sizes.device)
    lengths = (sizes.unsqueeze(1) > sequences).sum(0)
    step = torch.arange(len(sizes), device=sizes.device).repeat_interleave(sizes)
    sequence = torch.arange(len(step), device=sizes.device) - first_row[step]
    mirrored_step = lengths[sequence] - 1 - step
    return first_row[lengths - 1] + sequences, first_row[mirrored_step] + sequence


# --- checks ---------------------------------------------------------------------------------


def _draw_parameters(module: nn.Module, hidden_size: int) -> None:
    bound = 1 / math.sqrt(hidden_size)
    for parameter in module.parameters():
        nn.init.uniform_(parameter, -bound, bound)


def _require_tensor(name: str, tensor: Tensor, like: Tensor) -> None:
    """Raise an error unless it is a tensor of the parameters' dtype and on their device."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name} is a {type(tensor).__name__}; expected a torch.Tensor")
    if tensor.device != like.device:
        raise ValueError(
            f"{name} is on {tensor.device}; expected {like.device}, the device of the parameters"
        )
    if tensor.dtype == like.dtype:
        return
    # autocast hands on tensors of 16 bits, which widen without loss
    widened = torch.promote_types(tensor.dtype, like.dtype) == like.dtype
    if not (widened and tensor.is_floating_point() and _autocast_is_on(like.device.type)):
        raise TypeError(
            f"{name} has dtype {tensor.dtype}; expected {like.dtype}, the dtype of the parameters"
        )


def _autocast_is_on(device_type: str) -> bool:
    # some kinds of devices have no autocast, and asking for it there is an error
    available = torch.amp.is_autocast_available(device_type)
    return available and torch.is_autocast_enabled(device_type)


def _require_state(name, state, like: Tensor, shape: tuple[int, ...], x: Tensor) -> None:
    """Raise an error unless a hidden state has this shape, dtype and device."""
    _require_tensor(name, state, like)
    if state.shape != shape:
        raise ValueError(
            f"{name} has shape {tuple(state.shape)}; for an input of shape {tuple(x.shape)} "
            f"expected {shape}"
        )


def _require_length(name: str, x: Tensor, length: int) -> None:
    if length == 0:
        raise ValueError(f"{name} has shape {tuple(x.shape)}; expected a length of at least 1")


def _require_input(name, tensor, weight_ih: Tensor, ranks: tuple[int, int], shapes: str) -> None:
    _require_tensor(name, tensor, like=weight_ih)
    if tensor.dim() not in ranks or tensor.shape[-1] != weight_ih.shape[1]:
        raise ValueError(
            f"{name} has shape {tuple(tensor.shape)}; expected {shapes} "
            f"with input_size={weight_ih.shape[1]}"
        )


def _require_batch_sizes(batch_sizes: list[int], rows: int) -> None:
    if sorted(batch_sizes, reverse=True) != batch_sizes or batch_sizes[-1] < 1:
        raise ValueError(
            f"input.batch_sizes are {batch_sizes}; expected them never to grow, and at least 1"
        )
    if sum(batch_sizes) != rows:
        raise ValueError(
            f"input.batch_sizes add up to {sum(batch_sizes)}, and input.data has {rows} rows; "
            "expected as many"
        )


def _require_parameters(weight_ih, weight_hh, bias_ih, bias_hh) -> None:
    """Raise an error unless the parameters of :func:`gru_step` fit each other."""
    _require_tensor("weight_hh", weight_hh, like=weight_hh)
    if not weight_hh.is_floating_point():
        raise TypeError(f"weight_hh has dtype {weight_hh.dtype}; expected a floating-point dtype")
    _require_tensor("weight_ih", weight_ih, like=weight_hh)
    hidden_size = weight_hh.shape[-1] if weight_hh.dim() else 0
    if weight_hh.shape != (3 * hidden_size, hidden_size):
        raise ValueError(
            f"weight_hh has shape {tuple(weight_hh.shape)}; expected (3 * hidden_size, hidden_size)"
        )
    if weight_ih.dim() != 2 or weight_ih.shape[0] != 3 * hidden_size:
        raise ValueError(
            f"weight_ih has shape {tuple(weight_ih.shape)}; for hidden_size={hidden_size} "
            f"expected ({3 * hidden_size}, input_size)"
        )
    if (bias_ih is None) != (bias_hh is None):
        raise ValueError("only one of bias_ih and bias_hh is None; expected both or neither")
    for name, bias in {"bias_ih": bias_ih, "bias_hh": bias_hh}.items():
        if bias is not None:
            _require_tensor(name, bias, like=weight_hh)
            if bias.shape != (3 * hidden_size,):
                raise ValueError(
                    f"{name} has shape {tuple(bias.shape)}; for hidden_size={hidden_size} "
                    f"expected ({3 * hidden_size},)"
                )
