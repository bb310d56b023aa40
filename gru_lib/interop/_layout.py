"""What the converters share: a layer in PyTorch's layout, and the checks of arrays."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gru_lib._checks import require_float_dtype


class Direction(NamedTuple):
    """One direction of one layer as PyTorch stores it: rows in the order r, z, n."""

    weight_ih: np.ndarray
    weight_hh: np.ndarray
    bias_ih: np.ndarray | None = None
    bias_hh: np.ndarray | None = None


def swap_r_and_z(array: np.ndarray, axis: int = 0) -> np.ndarray:
    """A contiguous copy with the first two of the three chunks of an axis exchanged.

    Turns PyTorch's order r, z, n into the order z, r, n of Keras and ONNX, and back.
    """
    first, second, candidate = np.split(array, 3, axis=axis)
    return np.ascontiguousarray(np.concatenate([second, first, candidate], axis=axis))


def read_arrays(values: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
    """Contiguous copies of arrays or tensors, all finite, all float32 or all float64."""
    arrays = {name: _read_array(name, value) for name, value in values.items()}
    first = next(iter(arrays))
    for name, array in arrays.items():
        if array.dtype != arrays[first].dtype:
            raise TypeError(
                f"{name} has dtype {array.dtype}, {first} has {arrays[first].dtype}; "
                "expected one dtype for all"
            )
    return arrays


def _read_array(name: str, value: ArrayLike) -> np.ndarray:
    try:
        # NumPy refuses a PyTorch tensor that is being trained; its values can be read
        value = np.asarray(value.detach() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{name} cannot be read as a NumPy array: {error}") from error
    try:
        require_float_dtype(value.dtype)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None
    bad = int(value.size - np.isfinite(value).sum())
    if bad:
        raise ValueError(f"{name} holds NaN or infinity in {bad} of {value.size} entries")
    return np.array(value, order="C")


def require_rank(name: str, array: np.ndarray, expected: str) -> None:
    """Raise an error unless the array has the axes that the text lists and no empty one."""
    if array.ndim != expected.count(",") + 1 or array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}; expected {expected}, none of them 0")


def require_gru(name: str, shape: tuple[int, ...], gates: int, hidden: int, expected: str) -> None:
    """Raise an error unless the recurrent weights have three chunks of hidden_size rows."""
    if gates == 3 * hidden:
        return
    owner = {hidden: "a plain RNN has", 4 * hidden: "an LSTM has"}.get(gates)
    hint = f" ({gates // hidden} * hidden_size is what {owner})" if owner else ""
    raise ValueError(f"{name} has shape {shape}{hint}; expected {expected}")


def state_from_layers(layers: Sequence[Sequence[Direction]]) -> dict[str, np.ndarray]:
    """The arrays of all layers under PyTorch's names."""
    _require_one_kind(layers)
    _require_chain(layers)
    state = {}
    for number, directions in enumerate(layers):
        for direction, end in zip(directions, ("", "_reverse"), strict=False):
            for name, array in direction._asdict().items():
                if array is not None:
                    state[f"{name}_l{number}{end}"] = array
    return state


def _require_one_kind(layers: Sequence[Sequence[Direction]]) -> None:
    """PyTorch's layers all have biases or none, one direction or two."""
    first = layers[0]
    for number, directions in enumerate(layers):
        if len(directions) != len(first):
            raise ValueError(
                f"layer {number} has {len(directions)} direction(s), layer 0 has {len(first)}; "
                "expected the same in all layers"
            )
        if any((d.bias_ih is None) != (first[0].bias_ih is None) for d in directions):
            raise ValueError(
                f"layer {number}: a bias is there in some places and missing in others; "
                "expected biases everywhere or nowhere (a bias of zeros changes nothing)"
            )


def _require_chain(layers: Sequence[Sequence[Direction]]) -> None:
    """Each layer reads what the one below gives, and all have one hidden_size."""
    hidden_size = layers[0][0].weight_hh.shape[1]
    width = layers[0][0].weight_ih.shape[1]
    for number, directions in enumerate(layers):
        for direction in directions:
            if direction.weight_hh.shape[1] != hidden_size:
                raise ValueError(
                    f"layer {number} has hidden_size {direction.weight_hh.shape[1]}; "
                    f"expected {hidden_size}, as in the first direction of layer 0"
                )
            if direction.weight_ih.shape[1] != width:
                source = (
                    "the first direction" if number == 0 else f"the output of layer {number - 1}"
                )
                raise ValueError(
                    f"layer {number} takes inputs of size {direction.weight_ih.shape[1]}; "
                    f"expected {width}, the size of {source}"
                )
        width = hidden_size * len(directions)
