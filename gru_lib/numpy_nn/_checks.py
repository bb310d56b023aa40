"""Checks of arguments that only this room makes."""

from collections.abc import Callable
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike


def require_number(
    name: str, value: float, expected: str, allowed: Callable[[float], bool]
) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} is {value!r}; expected {expected}")
    if not allowed(value):
        raise ValueError(f"{name} is {value}; expected {expected}")
    return float(value)


def require_ndarray(name: str, array: np.ndarray, dtype: np.dtype, why: str) -> None:
    """Raise an error unless this is itself an array of this dtype, so that it can be changed."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} is of type {type(array).__name__}; expected a NumPy array")
    if array.dtype != dtype:
        raise TypeError(f"{name} has dtype {array.dtype}; {why} expected {dtype}")


def require_float_array(name: str, array: ArrayLike) -> np.ndarray:
    array = np.asarray(array)
    if array.dtype not in (np.float32, np.float64):
        raise TypeError(f"{name} has dtype {array.dtype}; expected float32 or float64")
    return array


def require_finite(name: str, array: np.ndarray) -> None:
    finite = np.isfinite(array)
    if not finite.all():
        bad = int(array.size - finite.sum())
        raise ValueError(f"{name} holds NaN or infinity in {bad} of {array.size} entries")


def require_integer_array(name: str, array: ArrayLike) -> np.ndarray:
    array = np.asarray(array)
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"{name} has dtype {array.dtype}; expected integers")
    return array


def require_indices_below(name: str, indices: np.ndarray, count: int) -> None:
    """Raise an error that names the index furthest outside, if one is not in 0 … count - 1."""
    if indices.size == 0:
        return
    lowest, highest = int(indices.min()), int(indices.max())
    worst = lowest if -lowest > highest - (count - 1) else highest
    if not 0 <= worst < count:
        raise ValueError(f"{name} holds {worst}; expected 0 to {count - 1}")
