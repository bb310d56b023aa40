"""Between Keras's weights and PyTorch's."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gru_lib._checks import require_bool, require_shape
from gru_lib.interop._layout import (
    Direction,
    read_arrays,
    require_gru,
    require_rank,
    state_from_layers,
    swap_r_and_z,
)
from gru_lib.interop.weights import GRUWeights, layers_of


class _KerasArrays(NamedTuple):
    """One direction of one layer as Keras stores it: columns in the order z, r, h."""

    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray | None = None


def from_keras(
    *layers: Sequence[ArrayLike], reset_after: bool | None = None, bidirectional: bool = False
) -> GRUWeights:
    """Weights of Keras GRU layers in PyTorch's layout.

    Parameters
    ----------
    *layers : sequence of array_like
        For each layer, bottom first, what ``layer.get_weights()`` returns: ``kernel`` of shape
        (input_size, 3 * hidden_size), ``recurrent_kernel`` of shape
        (hidden_size, 3 * hidden_size) and, unless ``use_bias=False``, ``bias`` of shape
        (2, 3 * hidden_size) or (3 * hidden_size,), columns in the order z, r, h. A
        ``keras.layers.Bidirectional`` has twice as many arrays, forward first.
    reset_after : bool, optional
        ``layer.reset_after``. May be left out where a bias tells: its shape is
        (2, 3 * hidden_size) for True and (3 * hidden_size,) for False.
    bidirectional : bool
        Whether the layers are ``keras.layers.Bidirectional``.

    Returns
    -------
    GRUWeights
        With ``reset_after=False`` Keras's one bias becomes ``bias_ih``, and ``bias_hh`` is zero.

    Raises
    ------
    TypeError
        If a layer is no list of arrays, or an array is neither float32 nor float64.
    ValueError
        If the number of arrays, their order or a shape is not a GRU's, a bias contradicts
        ``reset_after``, or nothing tells ``reset_after``.

    Notes
    -----
    Reference: ``keras.layers.GRUCell``. The docstring of ``keras.layers.GRU`` still says that
    the reset gate comes before the product by default; the default is ``reset_after=True``.

    Nothing in the arrays tells whether a layer had ``go_backwards=True``, or another activation
    than tanh and sigmoid (``hard_sigmoid`` was the default of the gates before TensorFlow 2), or
    whether ``kernel`` and ``recurrent_kernel`` changed places when both are square by chance
    (input_size equal to hidden_size).

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.interop import from_keras
    >>> kernel = np.array([[1.0, 2.0, 3.0]])  # columns z, r, h
    >>> weights = from_keras([kernel, np.zeros((1, 3)), np.zeros((2, 3))])
    >>> weights.state["weight_ih_l0"].tolist()  # rows r, z, n
    [[2.0], [1.0], [3.0]]
    >>> weights.reset_after
    True
    """
    if not layers:
        raise TypeError("from_keras needs at least one layer: from_keras(layer.get_weights())")
    bidirectional = require_bool("bidirectional", bidirectional)
    read = [_read_layer(number, arrays, bidirectional) for number, arrays in enumerate(layers)]
    reset_after = _settle_reset_after(read, reset_after)
    state = state_from_layers([[_from_arrays(a) for a in directions] for directions in read])
    return GRUWeights(state, reset_after)


def to_keras(weights: GRUWeights) -> list[list[np.ndarray]]:
    """Weights for Keras GRU layers, one list for each layer's ``set_weights``.

    Parameters
    ----------
    weights : GRUWeights
        Parameters in PyTorch's layout. Build the Keras layers with
        ``reset_after=weights.reset_after`` and ``use_bias=weights.bias``; if
        ``weights.bidirectional``, in ``keras.layers.Bidirectional``.

    Returns
    -------
    list of list of np.ndarray
        For each layer, bottom first, ``kernel``, ``recurrent_kernel`` and, if there is a bias,
        ``bias``; forward direction first, then the backward one.

    Raises
    ------
    TypeError
        If ``weights`` is no GRUWeights.

    Notes
    -----
    Keras keeps two biases with ``reset_after=True``, and the way there and back is exact. With
    ``reset_after=False`` it keeps one: ``bias_ih + bias_hh``, the same function. Only then may
    the two be added: with ``reset_after=True`` the reset gate multiplies ``bias_hh`` of the
    candidate.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.interop import GRUWeights, to_keras
    >>> state = {"weight_ih_l0": np.array([[2.0], [1.0], [3.0]]), "weight_hh_l0": np.eye(3, 1)}
    >>> [[kernel, recurrent_kernel]] = to_keras(GRUWeights(state, reset_after=True))
    >>> kernel.tolist()
    [[1.0, 2.0, 3.0]]
    """
    return [
        [
            array
            for direction in directions
            for array in _to_arrays(direction, weights.reset_after)
            if array is not None
        ]
        for directions in layers_of(weights)
    ]


def _from_arrays(arrays: _KerasArrays) -> Direction:
    weight_ih = swap_r_and_z(arrays.kernel.T)
    weight_hh = swap_r_and_z(arrays.recurrent_kernel.T)
    if arrays.bias is None:
        return Direction(weight_ih, weight_hh)
    bias = swap_r_and_z(arrays.bias, axis=-1)
    bias_ih, bias_hh = bias if bias.ndim == 2 else (bias, np.zeros_like(bias))
    return Direction(weight_ih, weight_hh, bias_ih, bias_hh)


def _to_arrays(direction: Direction, reset_after: bool) -> _KerasArrays:
    kernel = swap_r_and_z(direction.weight_ih.T, axis=1)
    recurrent_kernel = swap_r_and_z(direction.weight_hh.T, axis=1)
    if direction.bias_ih is None:
        return _KerasArrays(kernel, recurrent_kernel)
    if reset_after:
        bias = np.stack([direction.bias_ih, direction.bias_hh])
    else:
        bias = direction.bias_ih + direction.bias_hh
    return _KerasArrays(kernel, recurrent_kernel, swap_r_and_z(bias, axis=-1))


def _read_layer(
    number: int, arrays: Sequence[ArrayLike], bidirectional: bool
) -> list[_KerasArrays]:
    if not isinstance(arrays, list | tuple):
        raise TypeError(
            f"layer {number} is a {type(arrays).__name__}; expected the list that "
            "layer.get_weights() returns"
        )
    places = ("forward", "backward") if bidirectional else ("",)
    each = len(arrays) // len(places)
    if each not in (2, 3) or len(arrays) != each * len(places):
        raise ValueError(
            f"layer {number} has {len(arrays)} arrays; expected {2 * len(places)} or "
            f"{3 * len(places)} with bidirectional={bidirectional}: kernel, recurrent_kernel and, "
            "with use_bias, bias for each direction (give stacked layers one by one)"
        )
    return [
        _read_direction(f" of layer {number}" + (place and f", {place}"), arrays[i : i + each])
        for place, i in zip(places, (0, each), strict=False)
    ]


def _read_direction(where: str, arrays: Sequence[ArrayLike]) -> _KerasArrays:
    names = [name + where for name in _KerasArrays._fields[: len(arrays)]]
    read = read_arrays(dict(zip(names, arrays, strict=True)))
    kernel, recurrent_kernel = read[names[0]], read[names[1]]

    expected = "(hidden_size, 3 * hidden_size)"
    require_rank(names[1], recurrent_kernel, expected)
    hidden_size, gates = recurrent_kernel.shape
    order = f"{expected} (get_weights() gives kernel, recurrent_kernel, bias in this order)"
    require_gru(names[1], recurrent_kernel.shape, gates, hidden_size, order)

    require_rank(names[0], kernel, "(input_size, 3 * hidden_size)")
    why = f"for hidden_size={hidden_size}, which recurrent_kernel has,"
    require_shape(names[0], kernel, (kernel.shape[0], 3 * hidden_size), why)
    if len(names) == 3:
        _require_bias(names[2], read[names[2]].shape, hidden_size)
    return _KerasArrays(*read.values())


def _require_bias(name: str, shape: tuple[int, ...], hidden_size: int) -> None:
    if shape in ((2, 3 * hidden_size), (3 * hidden_size,)):
        return
    hint = " (the old CuDNNGRU has this)" if shape == (6 * hidden_size,) else ""
    raise ValueError(
        f"{name} has shape {shape}{hint}; for hidden_size={hidden_size} expected "
        f"(2, {3 * hidden_size}), with reset_after=True, or ({3 * hidden_size},), with "
        "reset_after=False"
    )


def _settle_reset_after(layers: list[list[_KerasArrays]], reset_after: bool | None) -> bool:
    """What is given must agree with what the shapes of the biases tell."""
    if reset_after is not None:
        reset_after = require_bool("reset_after", reset_after)
    source = "given"
    for number, directions in enumerate(layers):
        for arrays in directions:
            if arrays.bias is None:
                continue
            told = arrays.bias.ndim == 2
            if reset_after is None:
                reset_after, source = told, "told by the first bias"
            if told != reset_after:
                raise ValueError(
                    f"a bias of layer {number} has shape {arrays.bias.shape}, which belongs to "
                    f"reset_after={told}; reset_after={reset_after} was {source}"
                )
    if reset_after is None:
        raise ValueError(
            "reset_after is not given and there is no bias whose shape tells it; "
            "pass reset_after=layer.reset_after"
        )
    return reset_after
