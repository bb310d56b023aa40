"""minGRU: a GRU whose gates do not look at the hidden state, so that all of time can be scanned.

Without the hidden state in its gates, a step is ``h[t] = a[t] * h[t-1] + b[t]`` with ``a`` and
``b`` known beforehand: a first-order linear recurrence. Four ways to run it, all equal:

* ``linear_scan_loop``, one step after the other;
* ``linear_scan_doubling``, all steps at once, in ``ceil(log2(T))`` rounds;
* ``linear_scan_log``, the same recurrence in logarithms, by a cumulative sum;
* ``linear_scan``, chunks of time side by side, with its gradient by hand: the fast one on a CPU.
"""

import math

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.functional import linear, logsigmoid, relu

from gru_lib._checks import require_bool, require_positive_integer

#: The ways to run the recurrence that :class:`MinGRU` takes as ``scan``.
SCANS = ("chunked", "doubling", "log", "loop")
#: The candidates that :class:`MinGRU` takes as ``candidate``.
CANDIDATES = ("positive", "linear")

#: Steps in a chunk of the fast scan. A sequence takes about 3 * CHUNK + 2 * T / CHUNK operations of
#: PyTorch in place of T, which is near the least for the usual lengths.
CHUNK = 32


# --- the linear recurrence ------------------------------------------------------------------


def linear_scan_loop(a: Tensor, b: Tensor, h0: Tensor | None = None) -> Tensor:
    """Run ``h[t] = a[t] * h[t-1] + b[t]`` one step after the other.

    Parameters
    ----------
    a, b : torch.Tensor, shape (T, ...)
        Factor and addend of every step; the same shape and floating-point dtype.
    h0 : torch.Tensor, shape (...), optional
        The state before the first step; zero if left out.

    Returns
    -------
    torch.Tensor, shape (T, ...)
        The state after every step.

    Raises
    ------
    TypeError
        If an argument is no tensor, or its dtype is not floating point or not that of ``a``.
    ValueError
        If a shape does not fit or there is no step.

    Notes
    -----
    The definition that every other scan is tested against. Autograd keeps a few small tensors a
    step, which makes it slow to train with.

    Examples
    --------
    >>> import torch
    >>> from gru_lib.min_gru import linear_scan_loop
    >>> half, one = torch.full((3,), 0.5), torch.ones(3)
    >>> linear_scan_loop(half, one, h0=torch.tensor(4.0)).tolist()
    [3.0, 2.5, 2.25]
    """
    _require_scan_arguments(a=a, b=b, h0=h0)
    h = torch.zeros_like(b[0]) if h0 is None else h0
    states = []
    for a_t, b_t in zip(a, b, strict=True):
        h = a_t * h + b_t
        states.append(h)
    return torch.stack(states)


def linear_scan_doubling(a: Tensor, b: Tensor, h0: Tensor | None = None) -> Tensor:
    """Run ``h[t] = a[t] * h[t-1] + b[t]`` for all steps at once, in ``ceil(log2(T))`` rounds.

    Parameters
    ----------
    a, b, h0
        As for ``linear_scan_loop``.

    Returns
    -------
    torch.Tensor, shape (T, ...)
        The state after every step.

    Raises
    ------
    TypeError
        As ``linear_scan_loop``.
    ValueError
        As ``linear_scan_loop``.

    Notes
    -----
    Two steps in a row are again one such step: first ``(a1, b1)``, then ``(a2, b2)`` make
    ``(a2 * a1, a2 * b1 + b2)``. So after round n every entry stands for the last ``2**n`` steps
    (recursive doubling; Kogge and Stone, IEEE Transactions on Computers C-22, 1973). The price of
    the small depth is work: about ``T * log2(T)`` products in place of ``T``.

    Examples
    --------
    >>> import torch
    >>> from gru_lib.min_gru import linear_scan_doubling
    >>> half, one = torch.full((3,), 0.5), torch.ones(3)
    >>> linear_scan_doubling(half, one, h0=torch.tensor(4.0)).tolist()
    [3.0, 2.5, 2.25]
    """
    _require_scan_arguments(a=a, b=b, h0=h0)
    h0 = torch.zeros_like(b[0]) if h0 is None else h0
    b = torch.cat((a[:1] * h0 + b[:1], b[1:]))
    reach = 1  # how many steps an entry stands for
    while reach < len(a):
        b = torch.cat((b[:reach], a[reach:] * b[:-reach] + b[reach:]))
        a = torch.cat((a[:reach], a[reach:] * a[:-reach]))
        reach *= 2
    return b


def linear_scan_log(log_a: Tensor, log_b: Tensor, log_h0: Tensor | None = None) -> Tensor:
    """Run ``h[t] = a[t] * h[t-1] + b[t]`` from logarithms, by one cumulative log-sum-exp.

    Parameters
    ----------
    log_a, log_b : torch.Tensor, shape (T, ...)
        Logarithms of factor and addend; both must be positive to have one. The same shape and
        floating-point dtype.
    log_h0 : torch.Tensor, shape (...), optional
        Logarithm of the state before the first step; left out, that state is zero.

    Returns
    -------
    torch.Tensor, shape (T, ...)
        The state after every step, not its logarithm.

    Raises
    ------
    TypeError
        As ``linear_scan_loop``.
    ValueError
        As ``linear_scan_loop``.

    Notes
    -----
    Feng et al. (2024), arXiv 2410.01201, appendix on the log-space scan: with
    ``s[t] = log_a[0] + ... + log_a[t]``, the state is
    ``exp(s[t] + logcumsumexp(log_b - s)[t])``, and ``log_h0`` is one more term of the sum.

    In float32 the result loses digits as ``s`` grows, since ``s`` and the log-sum-exp are two
    large numbers that nearly cancel: the relative error is about ``|s[t]| * 6e-8``. With gates z
    near 0.98 that is 3e-5 after 100 steps and 5e-4 after 2000, with z near 1/2 it is 6e-6 and
    1e-4. The gradient loses more, because those errors add up over the steps: that of a bias is
    off by 2e-3 of its largest entry after 512 steps, 3e-2 after 2000 (z near 1/2). The other scans
    stay near 1e-6 or below in both, like the loop.

    Examples
    --------
    >>> import torch
    >>> from gru_lib.min_gru import linear_scan_log
    >>> half, one = torch.full((3,), 0.5).double(), torch.ones(3).double()
    >>> h = linear_scan_log(half.log(), one.log(), torch.tensor(4.0).double().log())
    >>> [round(value, 9) for value in h.tolist()]
    [3.0, 2.5, 2.25]
    """
    _require_scan_arguments(log_a=log_a, log_b=log_b, log_h0=log_h0)
    log_decay = torch.cumsum(log_a, 0)
    terms = log_b - log_decay
    if log_h0 is not None:
        terms = torch.cat((log_h0.unsqueeze(0), terms))
    return torch.exp(log_decay + torch.logcumsumexp(terms, 0)[-len(log_a) :])


def linear_scan(a: Tensor, b: Tensor, h0: Tensor | None = None) -> Tensor:
    """Run ``h[t] = a[t] * h[t-1] + b[t]`` in chunks of time that advance side by side.

    Parameters
    ----------
    a, b, h0
        As for ``linear_scan_loop``. Made for ``0 <= a <= 1``, which gates are; larger factors work
        as long as the product of 32 of them in a row does not overflow.

    Returns
    -------
    torch.Tensor, shape (T, ...)
        The state after every step.

    Raises
    ------
    TypeError
        As ``linear_scan_loop``.
    ValueError
        As ``linear_scan_loop``.
    RuntimeError
        At a backward pass with ``create_graph=True``: the gradient is written by hand and has no
        derivative. ``linear_scan_loop`` has every derivative.

    Notes
    -----
    First every chunk runs from a zero state, which tells its end and the factor on the state that
    it will be given. A short loop over chunks then finds those states, and the chunks run again
    from them. Only products of factors occur, never a quotient, so nothing can overflow or turn
    to NaN where the loop does not, and float32 keeps the accuracy of the loop.

    The gradient ``g[t] = d_h[t] + a[t+1] * g[t+1]`` is the same recurrence backwards in time.

    Examples
    --------
    >>> import torch
    >>> from gru_lib.min_gru import linear_scan
    >>> half, one = torch.full((3,), 0.5), torch.ones(3)
    >>> linear_scan(half, one, h0=torch.tensor(4.0)).tolist()
    [3.0, 2.5, 2.25]
    """
    _require_scan_arguments(a=a, b=b, h0=h0)
    return _LinearScan.apply(a, b, torch.zeros_like(b[0]) if h0 is None else h0)


def _require_scan_arguments(**arguments: Tensor | None) -> None:
    """Check factor, addend and first state, given in this order under the caller's names."""
    (name_a, a), (name_b, b), (name_h0, h0) = arguments.items()
    _require_tensor(name_a, a)
    if not a.is_floating_point():
        raise TypeError(f"{name_a} has dtype {a.dtype}; expected a floating-point dtype")
    if a.ndim == 0 or len(a) == 0:
        raise ValueError(
            f"{name_a} has shape {tuple(a.shape)}; expected (T, ...) with at least one step"
        )
    _require_tensor(name_b, b, a.dtype, f"the dtype of {name_a}")
    _require_shape(name_b, b, tuple(a.shape), f"for {name_a} of this shape")
    if h0 is not None:
        _require_tensor(name_h0, h0, a.dtype, f"the dtype of {name_a}")
        _require_shape(name_h0, h0, tuple(a.shape[1:]), f"for {name_a} of {tuple(a.shape)}")


def _require_tensor(
    name: str, value: Tensor, dtype: torch.dtype | None = None, whose: str = ""
) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} is a {type(value).__name__}; expected a torch.Tensor")
    if dtype is not None and value.dtype != dtype:
        raise TypeError(f"{name} has dtype {value.dtype}; expected {dtype}, {whose}")


def _require_shape(name: str, value: Tensor, shape: tuple[int, ...], why: str) -> None:
    if tuple(value.shape) != shape:
        raise ValueError(f"{name} has shape {tuple(value.shape)}; {why} expected {shape}")


# --- the fast scan, written into memory that the caller gives ---------------------------------


def _scan_into(out: Tensor, a: Tensor, b: Tensor, h: Tensor, reverse: bool = False) -> None:
    """Write the scan of ``a`` and ``b`` from state ``h`` into ``out``; from the end if reverse.

    ``out``, ``a`` and ``b`` have the shape (T, ...); ``out`` may be ``b`` itself.
    """
    flat = (len(a), math.prod(a.shape[1:]))  # one row a step, whatever the shape of a state
    out, a, b, h = out.view(flat), a.reshape(flat), b.reshape(flat), h.reshape(-1)
    whole = len(a) - len(a) % CHUNK
    parts = [(_scan_chunks, slice(whole)), (_scan_steps, slice(whole, None))]
    for scan, part in reversed(parts) if reverse else parts:
        h = scan(out[part], a[part], b[part], h, reverse)


def _scan_steps(
    out: Tensor, a: Tensor, b: Tensor, h: Tensor, reverse: bool, dim: int = 0
) -> Tensor:
    """Scan one step after the other along ``dim``; return the last state."""
    steps = zip(*(_views(tensor, dim, reverse) for tensor in (out, a, b)), strict=True)
    for out_t, a_t, b_t in steps:
        h = torch.addcmul(b_t, a_t, h, out=out_t)
    return h


def _scan_chunks(out: Tensor, a: Tensor, b: Tensor, h: Tensor, reverse: bool) -> Tensor:
    """Scan whole chunks, all at the same time; return the last state."""
    shape = (len(a) // CHUNK, CHUNK, a.shape[1])
    out, a, b = out.view(shape), a.view(shape), b.view(shape)
    end, factor = torch.zeros_like(b[:, 0]), torch.ones_like(a[:, 0])
    for a_t, b_t in zip(_views(a, 1, reverse), _views(b, 1, reverse), strict=True):
        torch.addcmul(b_t, a_t, end, out=end)
        factor.mul_(a_t)
    start = torch.empty_like(end)
    chunks = zip(*(_views(tensor, 0, reverse) for tensor in (start, factor, end)), strict=True)
    for start_c, factor_c, end_c in chunks:
        start_c.copy_(h)
        h = torch.addcmul(end_c, factor_c, h)
    _scan_steps(out, a, b, start, reverse, dim=1)
    return h


def _views(tensor: Tensor, dim: int, reverse: bool) -> tuple[Tensor, ...]:
    views = tensor.unbind(dim)
    return views[::-1] if reverse else views


def _scan_gradient(a: Tensor, d_h: Tensor) -> Tensor:
    """Return ``g[t] = d_h[t] + a[t+1] * g[t+1]``: what the loss owes to all that follows h[t]."""
    g = torch.empty_like(a, memory_format=torch.contiguous_format)
    g[-1] = d_h[-1]
    _scan_into(g[:-1], a[1:], d_h[:-1], g[-1], reverse=True)
    return g


def _previous(h: Tensor, h0: Tensor) -> Tensor:
    """Return the state before every step."""
    return torch.cat((h0.unsqueeze(0), h[:-1]))


def _refuse_second_derivative(what: str, instead: str) -> None:
    # autograd runs a backward pass with gradients enabled only for create_graph=True
    if torch.is_grad_enabled():
        raise RuntimeError(
            f"{what} has a gradient written by hand, which cannot be differentiated again "
            f"(create_graph=True); {instead} can"
        )


class _LinearScan(Function):
    """``linear_scan`` with its gradient."""

    @staticmethod
    def forward(ctx, a: Tensor, b: Tensor, h0: Tensor) -> Tensor:
        h = torch.empty_like(b, memory_format=torch.contiguous_format)
        _scan_into(h, a, b, h0)
        ctx.save_for_backward(a, h, h0)
        return h

    @staticmethod
    def backward(ctx, d_h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        _refuse_second_derivative("linear_scan", "linear_scan_loop")
        a, h, h0 = ctx.saved_tensors
        g = _scan_gradient(a, d_h)
        return g * _previous(h, h0), g, a[0] * g[0]


# --- the unit -------------------------------------------------------------------------------


def positive_candidate(v: Tensor) -> Tensor:
    """Make a candidate positive: ``v + 1/2`` where ``v >= 0``, else ``sigmoid(v)``.

    Parameters
    ----------
    v : torch.Tensor
        Any shape.

    Returns
    -------
    torch.Tensor
        Same shape, every entry positive (0 where ``exp(v)`` underflows).

    Notes
    -----
    The function g of Feng et al. (2024), arXiv 2410.01201, appendix on the log-space scan. Its
    kink at 0 gets the slope from the left, 1/4.

    Examples
    --------
    >>> import torch
    >>> from gru_lib.min_gru import positive_candidate
    >>> positive_candidate(torch.tensor([0.0, 1.0, 2.0])).tolist()
    [0.5, 1.5, 2.5]
    """
    return relu(v) + torch.sigmoid(v.clamp(max=0))


def log_positive_candidate(v: Tensor) -> Tensor:
    """Logarithm of ``positive_candidate``, finite where the candidate itself underflows.

    Parameters
    ----------
    v : torch.Tensor
        Any shape.

    Returns
    -------
    torch.Tensor
        Same shape.

    Notes
    -----
    ``log(v + 1/2) = log(1/2) + log(1 + 2 v)`` where ``v >= 0``, else ``log(sigmoid(v))``: the two
    summands below are constant or 0 on the side that is not theirs.

    Examples
    --------
    >>> import torch
    >>> from gru_lib.min_gru import log_positive_candidate
    >>> log_positive_candidate(torch.tensor([0.5, -1000.0])).tolist()
    [0.0, -1000.0]
    """
    return logsigmoid(v.clamp(max=0)) + torch.log1p(2 * relu(v))


def _gates(gates: Tensor, positive: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return z, 1 - z and the candidate from their stacked arguments."""
    k, v = gates.chunk(2, dim=-1)
    # sigmoid(-k) is 1 - z with all its digits, also where z rounds to 1
    return torch.sigmoid(k), torch.sigmoid(-k), positive_candidate(v) if positive else v


class _GatedScan(Function):
    """From the stacked arguments of z and the candidate to all states, with the gradient."""

    @staticmethod
    def forward(ctx, gates: Tensor, h0: Tensor, positive: bool) -> Tensor:
        z, a, candidate = _gates(gates, positive)
        h = z * candidate  # the addends of the recurrence; the states take their place
        _scan_into(h, a, h, h0)
        ctx.save_for_backward(z, a, candidate, h, h0)
        ctx.positive = positive
        return h

    @staticmethod
    def backward(ctx, d_h: Tensor) -> tuple[Tensor, Tensor, None]:
        _refuse_second_derivative('MinGRU with scan="chunked"', 'scan="loop"')
        z, a, candidate, h, h0 = ctx.saved_tensors
        g = _scan_gradient(a, d_h)
        d_h0 = a[0] * g[0]
        d_candidate = g.mul_(z)
        d_gates = z.new_empty(*z.shape[:-1], 2 * z.shape[-1])
        d_k, d_v = d_gates.chunk(2, dim=-1)
        # dh/dz = candidate - previous state, and dz/dk = z (1 - z)
        torch.sub(candidate, _previous(h, h0), out=d_k).mul_(d_candidate).mul_(a)
        slope = _positive_candidate_slope(candidate) if ctx.positive else 1
        torch.mul(d_candidate, slope, out=d_v)
        return d_gates, d_h0, None


def _positive_candidate_slope(candidate: Tensor) -> Tensor:
    """Slope of ``positive_candidate`` from its value: s (1 - s) up to a value of 1/2, 1 above."""
    s = candidate.clamp(max=0.5)
    # 1/4 + 3/4 above; a mask added is four times faster than torch.where
    return torch.addcmul(s, s, s, value=-1).add_(candidate > 0.5, alpha=0.75)


class MinGRU(nn.Module):
    r"""A minGRU layer, called like a one-layer ``torch.nn.GRU``.

    .. math::

        z_t &= \sigma(W_z x_t + b_z) \\
        \tilde h_t &= g(W_h x_t + b_h) \\
        h_t &= (1 - z_t) \odot h_{t-1} + z_t \odot \tilde h_t

    Parameters
    ----------
    input_size : int
        Features of an input, at least 1.
    hidden_size : int
        Features of the hidden state, at least 1.
    bias : bool
        Whether the layer has biases.
    batch_first : bool
        Whether batched input and output have the batch before time; states never have.
    candidate : {"positive", "linear"}
        ``"positive"``: g is ``positive_candidate``, as in the paper's log-space form; a state that
        starts positive stays so. ``"linear"``: g is the identity, as in the paper's plain form.
    scan : {"chunked", "doubling", "log", "loop"}
        How the recurrence is run; all give the same result. ``"chunked"`` is fast and has a
        gradient written by hand, ``"doubling"`` is ``linear_scan_doubling``, ``"log"`` is
        ``linear_scan_log`` (needs the positive candidate, and ``h0 > 0`` if given; the slowest on
        a CPU), ``"loop"`` is ``linear_scan_loop``.
    device, dtype
        Of the parameters, as in ``torch.nn.GRU``.

    Attributes
    ----------
    weight_ih : torch.nn.Parameter, shape (2 * hidden_size, input_size)
        First the rows of the update gate z, then those of the candidate.
    bias_ih : torch.nn.Parameter, shape (2 * hidden_size,), or None
        The biases in the same order.

    Raises
    ------
    TypeError
        If a size is not a whole number, or ``bias`` or ``batch_first`` not a bool.
    ValueError
        If a size is below 1, or ``candidate`` or ``scan`` is none of the allowed.

    Notes
    -----
    Feng et al. (2024), "Were RNNs All We Needed?", arXiv 2410.01201: a GRU without reset gate and
    tanh, whose gate and candidate see the input only. There z near 1 *replaces* the state; in
    ``torch.nn.GRU`` it keeps it. The layer has ``2 * hidden_size * (input_size + 1)`` parameters,
    drawn like those of ``torch.nn.Linear``.

    All scans but one are as accurate in float32 as the loop. The exception is ``"log"``, whose
    error grows with the length of the sequence, in the gradient above all: see
    ``linear_scan_log``. Dividing by the cumulative product of ``1 - z``, another known way, is not
    offered: with z near 0.98 that product is 0 in float32 from about step 25 on.

    Under ``torch.autocast`` the matrix product runs in the low precision, the scan in the dtype
    of the parameters.

    Examples
    --------
    >>> import torch
    >>> from gru_lib.min_gru import MinGRU
    >>> layer = MinGRU(input_size=3, hidden_size=4)
    >>> output, h_n = layer(torch.ones(5, 2, 3))
    >>> tuple(output.shape), tuple(h_n.shape)
    ((5, 2, 4), (1, 2, 4))
    >>> sum(parameter.numel() for parameter in layer.parameters())
    32
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        bias: bool = True,
        batch_first: bool = False,
        candidate: str = "positive",
        scan: str = "chunked",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.input_size = require_positive_integer("input_size", input_size)
        self.hidden_size = require_positive_integer("hidden_size", hidden_size)
        _require_choice("candidate", candidate, CANDIDATES)
        _require_choice("scan", scan, SCANS)
        if scan == "log" and candidate != "positive":
            raise ValueError(
                f'scan is "log" and candidate is {candidate!r}; only candidate="positive" has a '
                "logarithm"
            )
        self.bias = require_bool("bias", bias)
        self.batch_first = require_bool("batch_first", batch_first)
        self.candidate = candidate
        self.scan = scan
        rows = 2 * self.hidden_size
        self.weight_ih = nn.Parameter(
            torch.empty(rows, self.input_size, device=device, dtype=dtype)
        )
        self.bias_ih = nn.Parameter(torch.empty(rows, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew, from U(-1/sqrt(input_size), 1/sqrt(input_size)).

        Examples
        --------
        >>> from gru_lib.min_gru import MinGRU
        >>> layer = MinGRU(4, 8)
        >>> layer.reset_parameters()
        >>> bool(layer.weight_ih.abs().max() <= 0.5)
        True
        """
        bound = 1 / math.sqrt(self.input_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, x: Tensor, h0: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run over whole sequences.

        Parameters
        ----------
        x : torch.Tensor, shape (T, B, input_size), or (B, T, input_size) with ``batch_first``
            The input; or (T, input_size), without a batch.
        h0 : torch.Tensor, shape (1, B, hidden_size), or (1, hidden_size) without a batch, optional
            The state before the first step; zero if left out.

        Returns
        -------
        output : torch.Tensor, shape (T, B, hidden_size), or as ``x``
            The state after every step.
        h_n : torch.Tensor, shape as ``h0``
            The state after the last step.

        Raises
        ------
        TypeError
            If an argument is no tensor or has another dtype than the parameters.
        ValueError
            If a shape does not fit, T is 0, or an entry of ``h0`` is not positive for the scan
            ``"log"``.
        """
        self._require_input("x", x, (2, 3), "(T, input_size), (T, B, input_size) or batch first")
        shape, batched = tuple(x.shape), x.ndim == 3
        if not batched:
            x = x.unsqueeze(1)
        elif self.batch_first:
            x = x.transpose(0, 1)
        if len(x) == 0:
            raise ValueError(
                f"x has shape {shape}; expected the sequence length to be larger than 0"
            )
        if h0 is not None:
            lead = (1, x.shape[1]) if batched else (1,)
            self._require_state("h0", h0, lead)
            h0 = h0.reshape(x.shape[1], self.hidden_size)
        output = self._scan(self._stacked_gates(x), h0)
        h_n = output[-1:].clone()  # its own memory: who keeps h_n does not keep all of output
        if not batched:
            return output.squeeze(1), h_n.squeeze(1)
        return (output.transpose(0, 1) if self.batch_first else output), h_n

    def step(self, x: Tensor, h: Tensor | None = None) -> Tensor:
        """Run one step, for input that arrives bit by bit; equal to ``forward``.

        Parameters
        ----------
        x : torch.Tensor, shape (B, input_size) or (input_size,)
            The input at this step.
        h : torch.Tensor, shape (B, hidden_size) or (hidden_size,), optional
            The state before this step; zero if left out. After ``forward`` that is ``h_n[0]``.

        Returns
        -------
        torch.Tensor, shape (B, hidden_size) or (hidden_size,)
            The state after this step.

        Raises
        ------
        TypeError
            If an argument is no tensor or has another dtype than the parameters.
        ValueError
            If a shape does not fit.

        Examples
        --------
        >>> import torch
        >>> from gru_lib.min_gru import MinGRU
        >>> layer = MinGRU(3, 4)
        >>> x = torch.rand(5, 3)
        >>> h = None
        >>> for x_t in x:
        ...     h = layer.step(x_t, h)
        >>> output, h_n = layer(x)
        >>> torch.allclose(h, h_n[0])
        True
        """
        self._require_input("x", x, (1, 2), "(input_size,) or (B, input_size)")
        if h is not None:
            self._require_state("h", h, tuple(x.shape[:-1]))
        z, a, candidate = _gates(self._stacked_gates(x), self.candidate == "positive")
        return z * candidate if h is None else a * h + z * candidate

    def extra_repr(self) -> str:
        """Describe the layer in the printout of a model.

        Examples
        --------
        >>> from gru_lib.min_gru import MinGRU
        >>> MinGRU(3, 4, scan="log")
        MinGRU(3, 4, bias=True, batch_first=False, candidate='positive', scan='log')
        """
        return (
            f"{self.input_size}, {self.hidden_size}, bias={self.bias}, "
            f"batch_first={self.batch_first}, candidate={self.candidate!r}, scan={self.scan!r}"
        )

    def _stacked_gates(self, x: Tensor) -> Tensor:
        gates = linear(x, self.weight_ih, self.bias_ih)
        return gates.to(self.weight_ih.dtype)  # under autocast the product has fewer digits

    def _scan(self, gates: Tensor, h0: Tensor | None) -> Tensor:
        """All states, from the stacked arguments of z and the candidate and a state (B, H)."""
        positive = self.candidate == "positive"
        if self.scan == "chunked":
            h0 = torch.zeros_like(gates[0, :, : self.hidden_size]) if h0 is None else h0
            return _GatedScan.apply(gates, h0, positive)
        if self.scan == "log":
            k, v = gates.chunk(2, dim=-1)
            log_b = logsigmoid(k) + log_positive_candidate(v)
            return linear_scan_log(logsigmoid(-k), log_b, None if h0 is None else _log_state(h0))
        z, a, candidate = _gates(gates, positive)
        scan = linear_scan_doubling if self.scan == "doubling" else linear_scan_loop
        return scan(a, z * candidate, h0)

    def _require_input(self, name: str, x: Tensor, ranks: tuple[int, int], allowed: str) -> None:
        _require_tensor(name, x, self.weight_ih.dtype, "the dtype of the parameters")
        if x.ndim not in ranks or x.shape[-1] != self.input_size:
            raise ValueError(
                f"{name} has shape {tuple(x.shape)}; expected {allowed}, "
                f"with input_size={self.input_size}"
            )

    def _require_state(self, name: str, h: Tensor, lead: tuple[int, ...]) -> None:
        _require_tensor(name, h, self.weight_ih.dtype, "the dtype of the parameters")
        _require_shape(name, h, (*lead, self.hidden_size), "for this x")


def _require_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}; expected one of {', '.join(map(repr, allowed))}")


def _log_state(h0: Tensor) -> Tensor:
    if not (h0 > 0).all():
        raise ValueError(
            'h0 has entries that are not positive; scan="log" needs h0 > 0 (leave h0 out to start '
            "from zero)"
        )
    return h0.log()
