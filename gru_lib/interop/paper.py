"""Between the matrices of the papers' equations and PyTorch's weights."""

import numpy as np
from numpy.typing import ArrayLike

from gru_lib._checks import require_shape
from gru_lib.interop._layout import Direction, read_arrays, require_rank, state_from_layers
from gru_lib.interop.weights import GRUWeights, layers_of

_GATES = ("_r", "_z", "")  # reset gate, update gate, candidate: PyTorch's order


def from_paper(
    *,
    w_r: ArrayLike,
    u_r: ArrayLike,
    w_z: ArrayLike,
    u_z: ArrayLike,
    w: ArrayLike,
    u: ArrayLike,
    b_r: ArrayLike | None = None,
    b_z: ArrayLike | None = None,
    b: ArrayLike | None = None,
    update_gate: str,
) -> GRUWeights:
    """Weights of one GRU layer, written as in Cho et al. or Chung et al., in PyTorch's layout.

    Parameters
    ----------
    w_r, w_z, w : array_like, shape (hidden_size, input_size)
        What multiplies the input in the reset gate, the update gate and the candidate. All
        matrices are passed by name, because their shapes cannot tell them apart.
    u_r, u_z, u : array_like, shape (hidden_size, hidden_size)
        What multiplies the hidden state.
    b_r, b_z, b : array_like, shape (hidden_size,), optional
        The biases: all three or, as the papers write it, none.
    update_gate : {"keep", "replace"}
        What an update gate ``z`` near 1 does: "keep" the old state, ``z * h + (1 - z) * n`` (Cho
        et al. 2014), or "replace" it by the candidate, ``(1 - z) * h + z * n`` (Chung et al.
        2014).

    Returns
    -------
    GRUWeights
        With ``reset_after=False``: ``n = tanh(w x + u (r * h) + b)``. The bias is ``bias_ih``;
        ``bias_hh`` is zero.

    Raises
    ------
    TypeError
        If an array is neither float32 nor float64, or dtypes are mixed.
    ValueError
        If a shape does not fit, only some biases are given, a value holds NaN or infinity, or
        ``update_gate`` is neither "keep" nor "replace".

    Notes
    -----
    Sources: Cho et al. (2014), section 2.3, "keep"; Chung et al. (2014), section 3.2,
    "replace". Since ``sigmoid(-a) = 1 - sigmoid(a)``, negating ``w_z``, ``u_z`` and ``b_z``
    turns one into the other exactly. A wrong ``update_gate`` raises no error and gives another
    function.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.interop import from_paper
    >>> one, zero = np.eye(1), np.zeros((1, 1))
    >>> weights = from_paper(
    ...     w_r=zero, u_r=zero, w_z=one, u_z=zero, w=2 * one, u=zero, update_gate="replace"
    ... )
    >>> weights.state["weight_ih_l0"].tolist()  # rows r, z, n
    [[0.0], [-1.0], [2.0]]
    """
    sign = _sign_of_z(update_gate)
    matrices = {"w_r": w_r, "u_r": u_r, "w_z": w_z, "u_z": u_z, "w": w, "u": u}
    biases = {"b_r": b_r, "b_z": b_z, "b": b}
    biases = {name: bias for name, bias in biases.items() if bias is not None}
    if len(biases) not in (0, 3):
        raise ValueError(
            f"the only biases given are {sorted(biases)}; expected b_r, b_z, b or none"
        )
    arrays = read_arrays(matrices | biases)
    _require_shapes(arrays)

    arrays |= {name: sign * array for name, array in arrays.items() if name.endswith("_z")}
    weight_ih, weight_hh = (np.concatenate([arrays[x + gate] for gate in _GATES]) for x in "wu")
    direction = Direction(weight_ih, weight_hh)
    if biases:
        bias = np.concatenate([arrays["b" + gate] for gate in _GATES])
        direction = Direction(weight_ih, weight_hh, bias, np.zeros_like(bias))
    return GRUWeights(state_from_layers([[direction]]), reset_after=False)


def to_paper(weights: GRUWeights, *, update_gate: str) -> dict[str, np.ndarray]:
    """The matrices of the papers' equations, under the names that :func:`from_paper` takes.

    Parameters
    ----------
    weights : GRUWeights
        One layer, one direction, ``reset_after=False``.
    update_gate : {"keep", "replace"}
        What an update gate near 1 does in the equations: see :func:`from_paper`.

    Returns
    -------
    dict of str to np.ndarray
        ``w_r``, ``u_r``, ``w_z``, ``u_z``, ``w``, ``u`` and, if there are biases, ``b_r``,
        ``b_z``, ``b``: the sum of PyTorch's two, which is the same function. The way from the
        papers to PyTorch and back is exact.

    Raises
    ------
    TypeError
        If ``weights`` is no GRUWeights.
    ValueError
        If the reset gate comes after the product, which the papers' equations cannot express,
        there are several layers or directions, or ``update_gate`` is neither "keep" nor
        "replace".

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.interop import GRUWeights, to_paper
    >>> state = {"weight_ih_l0": np.array([[2.0], [1.0], [3.0]]), "weight_hh_l0": np.eye(3, 1)}
    >>> to_paper(GRUWeights(state, reset_after=False), update_gate="replace")["w_z"].tolist()
    [[-1.0]]
    """
    sign = _sign_of_z(update_gate)
    layers = layers_of(weights)
    if weights.reset_after:
        raise ValueError(
            "weights have reset_after=True; expected reset_after=False: the papers apply the "
            "reset gate before the product, which is another function"
        )
    if weights.num_layers > 1 or weights.bidirectional:
        raise ValueError(f"weights are {weights}; expected one layer and one direction")
    [[direction]] = layers
    stacked = {"w": direction.weight_ih, "u": direction.weight_hh}
    if weights.bias:
        stacked["b"] = direction.bias_ih + direction.bias_hh
    arrays = {
        name + gate: array.copy()
        for name, rows in stacked.items()
        for gate, array in zip(_GATES, np.split(rows, 3), strict=True)
    }
    return arrays | {name: sign * array for name, array in arrays.items() if name.endswith("_z")}


def _sign_of_z(update_gate: str) -> int:
    if update_gate not in ("keep", "replace"):
        raise ValueError(f"update_gate is {update_gate!r}; expected 'keep' or 'replace'")
    return 1 if update_gate == "keep" else -1


def _require_shapes(arrays: dict[str, np.ndarray]) -> None:
    require_rank("u_r", arrays["u_r"], "(hidden_size, hidden_size)")
    require_rank("w_r", arrays["w_r"], "(hidden_size, input_size)")
    hidden_size, input_size = arrays["u_r"].shape[0], arrays["w_r"].shape[1]
    shapes = {
        "w": (hidden_size, input_size),
        "u": (hidden_size, hidden_size),
        "b": (hidden_size,),
    }
    why = f"for hidden_size={hidden_size}, as u_r has, and column vectors (W x, not x W)"
    for name, array in arrays.items():
        require_shape(name, array, shapes[name[0]], why)
