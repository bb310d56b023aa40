"""Checks of what is given to gru_lib.plots; each names what was given and what was expected."""

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike


def require_numbers(
    name: str, values: ArrayLike, shape: str, dimensions: tuple[int, ...]
) -> np.ndarray:
    """Return the values as a new float64 array that is not empty; ``shape`` is for the message."""
    array = np.asarray(values)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} has dtype {array.dtype}; expected real numbers")
    if array.ndim not in dimensions or array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}; expected {shape}, not empty")
    return array.astype(np.float64)


def require_finite(name: str, array: np.ndarray) -> None:
    """Raise an error if the array holds NaN or infinity."""
    bad = int(array.size - np.isfinite(array).sum())
    if bad:
        raise ValueError(f"{name} holds NaN or infinity in {bad} of {array.size} entries")


def require_shares(name: str, array: np.ndarray) -> None:
    """Raise an error unless all entries lie between 0 and 1, give or take rounding in float32."""
    require_finite(name, array)
    for extreme in (array.min(), array.max()):
        if not -1e-6 <= extreme <= 1 + 1e-6:
            raise ValueError(f"{name} holds {extreme:.6g}; expected numbers from 0 to 1")


def require_gates(
    reset: ArrayLike, update: ArrayLike, state: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return gates and state as float64 arrays of one shape."""
    shape = "(steps,) or (steps, hidden_size)"
    reset = require_numbers("reset", reset, shape, (1, 2))
    update = require_numbers("update", update, shape, (1, 2))
    state = require_numbers("state", state, shape, (1, 2))
    for name, array in (("update", update), ("state", state)):
        if array.shape != reset.shape:
            raise ValueError(
                f"{name} has shape {array.shape}; reset has {reset.shape}, expected the same"
            )
    require_shares("reset", reset)
    require_shares("update", update)
    require_finite("state", state)
    return reset, update, state


def require_curves(name: str, curves: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
    """Return a mapping of labels to one-dimensional float64 arrays without NaN."""
    if not isinstance(curves, Mapping):
        raise TypeError(
            f"{name} is {type(curves).__name__}; expected a mapping of labels to numbers"
        )
    if not curves:
        raise ValueError(f"{name} is empty; expected one entry or more")
    arrays = {}
    for label, values in curves.items():
        entry = f"{name}[{label!r}]"
        arrays[str(label)] = array = require_numbers(entry, values, "one dimension", (1,))
        if np.isnan(array).any():
            raise ValueError(f"{entry} holds NaN at index {int(np.isnan(array).argmax())}")
    return arrays


def require_counts(counts: ArrayLike) -> np.ndarray:
    """Return a confusion matrix as an int64 array."""
    array = np.asarray(counts)
    if array.dtype.kind not in "iu":
        raise TypeError(
            f"counts has dtype {array.dtype}; expected whole numbers (normalise makes the shares)"
        )
    if array.ndim != 2 or array.shape[0] != array.shape[1] or array.size == 0:
        raise ValueError(f"counts has shape {array.shape}; expected (classes, classes), not empty")
    if array.min() < 0:
        raise ValueError(f"counts holds {array.min()}; expected counts, 0 or more")
    if array.max() == 0:
        raise ValueError("counts holds zeros only; expected one example or more")
    return array.astype(np.int64)


def require_labels(name: str, labels: Iterable[str], count: int, what: str) -> list[str]:
    """Return the labels as a list of strings, one for each of ``count`` things."""
    labels = [str(label) for label in labels]
    if len(labels) != count:
        raise ValueError(f"{name} holds {len(labels)} labels; there are {count} {what}")
    return labels


def require_place(name: str, value: int, count: int, what: str) -> int:
    """Return a place counted from 1 as an int."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} holds {value!r}; expected whole numbers")
    if not 1 <= value <= count:
        raise ValueError(f"{name} holds {value}; there are {what} 1 to {count}")
    return int(value)


def require_places(name: str, values: Sequence[int], count: int, what: str) -> list[int]:
    """Return places counted from 1 as a list of ints."""
    return [require_place(name, value, count, what) for value in values]
