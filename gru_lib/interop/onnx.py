"""Between the weights of ONNX's GRU operator and PyTorch's, and a runnable ONNX model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    import onnx


def from_onnx(*layers: Sequence[ArrayLike | None], linear_before_reset: int | bool) -> GRUWeights:
    """Weights of ONNX GRU nodes in PyTorch's layout.

    Parameters
    ----------
    *layers : sequence of array_like
        For each layer, bottom first, the node's inputs ``(W, R)`` or ``(W, R, B)``: ``W`` of
        shape (directions, 3 * hidden_size, input_size), ``R`` of shape
        (directions, 3 * hidden_size, hidden_size), ``B`` of shape
        (directions, 6 * hidden_size) or None, rows in the order z, r, h. ``directions`` is 1 for
        ``direction="forward"`` and 2 for ``"bidirectional"``.
    linear_before_reset : int
        The node's attribute, 0 or 1. A node that does not have it means 0.

    Returns
    -------
    GRUWeights
        Its ``reset_after`` is True for ``linear_before_reset=1``.

    Raises
    ------
    TypeError
        If a layer is no tuple of arrays, an array is neither float32 nor float64, or
        ``linear_before_reset`` is no integer.
    ValueError
        If a shape is not a GRU's, layers do not fit together, or ``linear_before_reset`` is
        neither 0 nor 1.

    Notes
    -----
    Reference: operator GRU of the ONNX specification. The shapes are the same for both values of
    ``linear_before_reset``, so a wrong one raises no error here and gives another function. Nor
    can the arrays tell ``direction="reverse"`` (PyTorch has no such layer: flip the input and
    the output in time), ``clip``, or other activations than the default.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.interop import from_onnx
    >>> W = np.array([[[1.0], [2.0], [3.0]]])  # rows z, r, h
    >>> weights = from_onnx((W, np.zeros((1, 3, 1))), linear_before_reset=0)
    >>> weights.state["weight_ih_l0"].tolist()  # rows r, z, n
    [[2.0], [1.0], [3.0]]
    >>> weights.reset_after
    False
    """
    if not layers:
        raise TypeError("from_onnx needs at least one layer: from_onnx((W, R, B), ...)")
    if not isinstance(linear_before_reset, int | np.integer | np.bool_):
        raise TypeError(f"linear_before_reset is {linear_before_reset!r}; expected 0 or 1")
    if linear_before_reset not in (0, 1):
        raise ValueError(f"linear_before_reset is {linear_before_reset}; expected 0 or 1")
    read = [_read_layer(number, arrays) for number, arrays in enumerate(layers)]
    return GRUWeights(state_from_layers(read), bool(linear_before_reset))


def to_onnx(weights: GRUWeights) -> list[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    """Inputs ``W``, ``R`` and ``B`` of ONNX GRU nodes, one node a layer.

    Parameters
    ----------
    weights : GRUWeights
        Parameters in PyTorch's layout. Set the node's attribute ``linear_before_reset`` to
        ``int(weights.reset_after)``: ONNX's default is 0, PyTorch's function is 1.

    Returns
    -------
    list of tuple
        ``(W, R, B)`` for each layer, bottom first, in the shapes that :func:`from_onnx` takes;
        ``B`` is None without biases. The way there and back is exact.

    Raises
    ------
    TypeError
        If ``weights`` is no GRUWeights.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.interop import GRUWeights, to_onnx
    >>> state = {"weight_ih_l0": np.array([[2.0], [1.0], [3.0]]), "weight_hh_l0": np.eye(3, 1)}
    >>> [(W, R, B)] = to_onnx(GRUWeights(state, reset_after=True))
    >>> W.tolist(), B
    ([[[1.0], [2.0], [3.0]]], None)
    """
    return [_to_arrays(directions) for directions in layers_of(weights)]


def to_onnx_model(
    weights: GRUWeights, *, batch_first: bool = False, lengths: bool = False
) -> onnx.ModelProto:
    """A model that ONNX runtimes can run, with the inputs and outputs of ``torch.nn.GRU``.

    Inputs are ``input`` of shape (time, batch, input_size), or (batch, time, input_size) with
    ``batch_first``, and ``h0`` of shape (num_layers * directions, batch, hidden_size); outputs
    are ``output``, in the layout of ``input``, and ``h_n``, in that of ``h0``. All are float32;
    time and batch may be of any size. Feeding ``h_n`` back as ``h0`` goes on with a sequence.

    Parameters
    ----------
    weights : GRUWeights
        Parameters in PyTorch's layout, float32.
    batch_first : bool
        Whether ``input`` and ``output`` begin with the batch.
    lengths : bool
        Whether the model has a third input ``lengths``, int32 of shape (batch,), each at least
        1: the steps of each sequence that count. Later steps give zero output and leave the
        state alone, as with a packed sequence in PyTorch.

    Returns
    -------
    onnx.ModelProto
        One GRU node a layer. ``onnx.save(model, path)`` writes it to a file.

    Raises
    ------
    ImportError
        If onnx is not installed.
    TypeError
        If ``weights`` is no GRUWeights or not float32, or a flag is no bool.

    Notes
    -----
    Opset 17 and IR version 8, which runtimes since 2022 read. Weights in float64 are refused:
    ONNX allows them, but onnxruntime's GRU computes in float32 only.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.interop import GRUWeights, to_onnx_model
    >>> state = {"weight_ih_l0": np.zeros((6, 5)), "weight_hh_l0": np.zeros((6, 2))}
    >>> state = {name: array.astype(np.float32) for name, array in state.items()}
    >>> model = to_onnx_model(GRUWeights(state, reset_after=True))
    >>> [node.op_type for node in model.graph.node]
    ['Split', 'GRU', 'Transpose', 'Reshape', 'Concat', 'Identity']
    """
    layers = to_onnx(weights)
    batch_first = require_bool("batch_first", batch_first)
    lengths = require_bool("lengths", lengths)
    dtype = weights.state["weight_ih_l0"].dtype
    if dtype != np.float32:
        raise TypeError(
            f"weights have dtype {dtype}; expected float32, the only one in which onnxruntime's "
            "GRU computes (convert each array of weights.state with .astype(np.float32))"
        )
    require_onnx("to_onnx_model")
    from gru_lib.interop._onnx_graph import make_model

    return make_model(layers, weights.options, batch_first, lengths)


def require_onnx(what: str) -> None:
    """Raise an error that says what needs onnx and where it comes from, unless it is there."""
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise ImportError(
            f"{what} needs onnx: install it with  pip install 'gru-lib[onnx]'"
        ) from None


def _to_arrays(
    directions: list[Direction],
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    input_weights = np.stack([swap_r_and_z(d.weight_ih) for d in directions])
    recurrent_weights = np.stack([swap_r_and_z(d.weight_hh) for d in directions])
    if directions[0].bias_ih is None:
        return input_weights, recurrent_weights, None
    biases = [
        np.concatenate([swap_r_and_z(d.bias_ih), swap_r_and_z(d.bias_hh)]) for d in directions
    ]
    return input_weights, recurrent_weights, np.stack(biases)


def _read_layer(number: int, arrays: Sequence[ArrayLike | None]) -> list[Direction]:
    if not isinstance(arrays, list | tuple):
        raise TypeError(
            f"layer {number} is a {type(arrays).__name__}; expected a tuple (W, R) or (W, R, B)"
        )
    if len(arrays) not in (2, 3):
        raise ValueError(
            f"layer {number} has {len(arrays)} arrays; expected 2 or 3, (W, R) or (W, R, B)"
        )
    where = f" of layer {number}"
    given = arrays[:2] if len(arrays) == 3 and arrays[2] is None else arrays
    read = read_arrays({name + where: array for name, array in zip("WRB", given, strict=False)})
    _require_shapes(where, *read.values())
    return [_to_direction(*parts) for parts in zip(*read.values(), strict=True)]


def _to_direction(w: np.ndarray, r: np.ndarray, b: np.ndarray | None = None) -> Direction:
    """One direction's slices of W, R and B in PyTorch's order of rows."""
    if b is None:
        return Direction(swap_r_and_z(w), swap_r_and_z(r))
    bias_ih, bias_hh = np.split(b, 2)
    return Direction(*map(swap_r_and_z, (w, r, bias_ih, bias_hh)))


def _require_shapes(where: str, w: np.ndarray, r: np.ndarray, b: np.ndarray | None = None) -> None:
    expected = "(directions, 3 * hidden_size, hidden_size)"
    require_rank("R" + where, r, expected)
    directions, gates, hidden_size = r.shape
    require_gru("R" + where, r.shape, gates, hidden_size, expected)
    if directions > 2:
        raise ValueError(f"R{where} has shape {r.shape}; expected 1 or 2 directions")
    require_rank("W" + where, w, "(directions, 3 * hidden_size, input_size)")
    why = f"for R of shape {r.shape}"
    require_shape("W" + where, w, (directions, 3 * hidden_size, w.shape[2]), why)
    if b is not None:
        require_shape("B" + where, b, (directions, 6 * hidden_size), why)
