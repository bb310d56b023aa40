"""How recurrent layers begin: biases that keep, recurrent weights that turn and do not shrink.

PyTorch draws every parameter of a recurrent layer from one small interval, which lets a gate
forget after one or two steps. These functions change a layer in place, all its layers and
directions, and return it.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from gru_lib._checks import require_generator

_GATES = {1: "tanh RNN", 3: "GRU", 4: "LSTM"}  # blocks of rows, in PyTorch's order


def set_keep_bias_(layer: nn.Module, bias: ArrayLike) -> nn.Module:
    """Set the bias of the gate that keeps: a GRU's update gate, an LSTM's forget gate.

    The two biases of PyTorch's layers are added, so the one beside the input becomes ``bias`` and
    the one beside the state zero.

    Parameters
    ----------
    layer : torch.nn.GRU, torch.nn.LSTM, their cells, or gru_lib.torch_gru's
        Changed in place; ``z`` near 1 keeps, as in PyTorch.
    bias : float or array_like of shape (hidden_size,)
        One number for all units or one for each; positive keeps.

    Returns
    -------
    torch.nn.Module
        The layer.

    Raises
    ------
    TypeError
        If the layer is neither a GRU nor an LSTM.
    ValueError
        If the layer has no biases, or ``bias`` has another shape or is not finite.

    Examples
    --------
    >>> import torch
    >>> from gru_lib.initialisation import set_keep_bias_
    >>> gru = set_keep_bias_(torch.nn.GRU(3, 2), 1.0)
    >>> gru.bias_ih_l0[2:4].tolist(), gru.bias_hh_l0[2:4].tolist()
    ([1.0, 1.0], [0.0, 0.0])

    The forget gate's bias of 1: Jozefowicz, Zaremba and Sutskever (2015).
    """
    _require_kind(layer, (3, 4))
    size = layer.hidden_size
    values = torch.as_tensor(np.asarray(bias, dtype=float))
    if values.shape not in ((), (size,)):
        raise ValueError(
            f"bias has shape {tuple(values.shape)}; expected () or (hidden_size,) = ({size},)"
        )
    if not values.isfinite().all():
        raise ValueError("bias holds NaN or infinity")
    for beside_input, beside_state in _biases(layer):
        _set_rows(beside_input, beside_state, slice(size, 2 * size), values)
    return layer


def chrono_(
    layer: nn.Module, longest: float, rng: int | np.random.Generator | None = None
) -> nn.Module:
    """Give every unit a time for which it keeps, drawn evenly from 1 to ``longest - 1`` steps.

    The keeping gate's bias is ``log(time)`` with ``time`` uniform from 1 to ``longest - 1``; an
    LSTM's input gate gets the opposite bias, a GRU's update gate does both by itself.

    Parameters
    ----------
    layer : torch.nn.GRU, torch.nn.LSTM, their cells, or gru_lib.torch_gru's
        Changed in place.
    longest : float
        Steps of the longest dependency that is expected, at least 2.
    rng : int, np.random.Generator or None
        Source of the times.

    Returns
    -------
    torch.nn.Module
        The layer.

    Raises
    ------
    TypeError
        If the layer is neither a GRU nor an LSTM.
    ValueError
        If the layer has no biases, or ``longest`` is below 2.

    References
    ----------
    Tallec and Ollivier (2018), Can recurrent neural networks warp time?, section 3.

    Examples
    --------
    >>> import torch
    >>> from gru_lib.initialisation import chrono_
    >>> gru = chrono_(torch.nn.GRU(3, 4), longest=50, rng=0)
    >>> [round(time) for time in gru.bias_ih_l0[4:8].exp().tolist()]
    [32, 14, 3, 2]
    """
    blocks = _require_kind(layer, (3, 4))
    if not 2 <= longest < np.inf:
        raise ValueError(f"longest is {longest}; expected 2 or more steps")
    rng, size = require_generator(rng), layer.hidden_size
    for beside_input, beside_state in _biases(layer):
        keep = torch.from_numpy(np.log(rng.uniform(1, longest - 1, size)))
        _set_rows(beside_input, beside_state, slice(size, 2 * size), keep)
        if blocks == 4:
            _set_rows(beside_input, beside_state, slice(0, size), -keep)
    return layer


def orthogonal_(layer: nn.Module, rng: int | np.random.Generator | None = None) -> nn.Module:
    """Make each block of the recurrent weights a random orthogonal matrix.

    An orthogonal matrix turns a vector and keeps its length. Each gate has a square block of its
    own: the stacked matrix as a whole would be orthogonal in its columns only, and its blocks
    would shrink.

    Parameters
    ----------
    layer : torch.nn.RNN, torch.nn.GRU, torch.nn.LSTM, their cells, or gru_lib.torch_gru's
        Changed in place.
    rng : int, np.random.Generator or None
        Source of the matrices.

    Returns
    -------
    torch.nn.Module
        The layer.

    Raises
    ------
    TypeError
        If the layer is no recurrent layer of these kinds.

    Examples
    --------
    >>> import torch
    >>> from gru_lib.initialisation import orthogonal_
    >>> gru = orthogonal_(torch.nn.GRU(3, 4), rng=0)
    >>> update = gru.weight_hh_l0[4:8]
    >>> torch.allclose(update @ update.T, torch.eye(4), atol=1e-6)
    True
    """
    _require_kind(layer, (1, 3, 4))
    rng, size = require_generator(rng), layer.hidden_size
    with torch.no_grad():
        for name, weight in layer.named_parameters():
            if name.startswith("weight_hh"):
                for block in weight.split(size):
                    block.copy_(torch.from_numpy(_random_orthogonal(size, rng)))
    return layer


def _random_orthogonal(size: int, rng: np.random.Generator) -> np.ndarray:
    """Evenly distributed over all orthogonal matrices (Mezzadri 2007: the signs of R matter)."""
    q, r = np.linalg.qr(rng.normal(size=(size, size)))
    return q * np.sign(np.diag(r))


def _require_kind(layer: nn.Module, allowed: tuple[int, ...]) -> int:
    """How many blocks of rows the layer has, if it is of an allowed kind."""
    names = " or ".join(f"a {_GATES[blocks]}" for blocks in allowed).replace("a LSTM", "an LSTM")
    shapes = [
        tuple(weight.shape)
        for name, weight in layer.named_parameters()
        if name.startswith("weight_hh")
    ]
    size = getattr(layer, "hidden_size", 0)
    for blocks in allowed:
        if shapes and all(shape == (blocks * size, size) for shape in shapes):
            return blocks
    raise TypeError(f"layer is a {type(layer).__name__}; expected {names}")


def _biases(layer: nn.Module) -> Iterator[tuple[Tensor, Tensor]]:
    """The bias beside the input and the one beside the state, of every layer and direction."""
    parameters = dict(layer.named_parameters())
    names = [name for name in parameters if name.startswith("bias_ih")]
    if not names:
        raise ValueError("layer has no biases (bias=False); expected a layer with biases")
    for name in names:
        yield parameters[name], parameters[name.replace("bias_ih", "bias_hh")]


def _set_rows(beside_input: Tensor, beside_state: Tensor, rows: slice, values: Tensor) -> None:
    with torch.no_grad():
        beside_input[rows] = values.to(beside_input)
        beside_state[rows] = 0
