"""Checks of arguments that several rooms share; each names what was given and what is allowed."""

from collections.abc import Iterable, Mapping
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike


def require_positive_integer(name: str, value: int) -> int:
    """Return the value as an int, or raise an error that names it."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} is {value!r}; expected a whole number, at least 1")
    if value < 1:
        raise ValueError(f"{name} is {value}; expected at least 1")
    return int(value)


def require_bool(name: str, value: bool) -> bool:
    """Return the value as a bool, or raise an error that names it."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} is {value!r}; expected True or False")
    return bool(value)


def require_dropout(value: float) -> float:
    """Return the share of values to drop as a float, or raise an error that names it."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"dropout is {value!r}; expected a number in [0, 1)")
    if not 0 <= value < 1:
        raise ValueError(f"dropout is {value}; expected a number in [0, 1)")
    return float(value)


def require_float_dtype(dtype: np.dtype | type) -> np.dtype:
    """Return np.dtype(float32) or np.dtype(float64), or raise an error that names the dtype."""
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"dtype is {dtype}; expected float32 or float64")
    return dtype


def require_generator(rng: int | np.random.Generator | None) -> np.random.Generator:
    """Return a source of random numbers: a new one, one from a seed, or the one given."""
    if isinstance(rng, bool) or not (
        rng is None or isinstance(rng, Integral | np.random.Generator)
    ):
        raise TypeError(f"rng is {rng!r}; expected None, an integer or np.random.Generator")
    if isinstance(rng, Integral) and rng < 0:
        raise ValueError(f"rng is {rng}; expected a seed of at least 0")
    return np.random.default_rng(rng)


def require_array(name: str, array: ArrayLike, dtype: np.dtype) -> np.ndarray:
    """Return the argument as an array of exactly this dtype, or raise an error that names it."""
    array = np.asarray(array)
    if array.dtype != dtype:
        raise TypeError(
            f"{name} has dtype {array.dtype}; expected {dtype}, the dtype of the parameters "
            f"(convert with {name}.astype(np.{dtype}))"
        )
    return array


def require_shape(name: str, array: np.ndarray, shape: tuple[int, ...], why: str) -> None:
    """Raise an error unless the array has this shape."""
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}; {why} expected {shape}")


def require_names(whose: str, given: Iterable[str], expected: Iterable[str]) -> None:
    """Raise an error unless the same names are given as are expected, in any order."""
    given, expected = list(given), list(expected)
    missing = [name for name in expected if name not in given]
    unexpected = [name for name in given if name not in expected]
    if missing or unexpected:
        raise ValueError(f"{whose}: missing names: {missing}; unexpected names: {unexpected}")


def gru_parameter_shapes(
    input_size: int, hidden_size: int, num_layers: int, bias: bool, bidirectional: bool
) -> dict[str, tuple[int, ...]]:
    """Name and shape of every parameter of ``torch.nn.GRU``, in its order."""
    shapes = {}
    directions = ("", "_reverse") if bidirectional else ("",)
    for layer in range(num_layers):
        width = input_size if layer == 0 else hidden_size * len(directions)
        for direction in directions:
            end = f"_l{layer}{direction}"
            shapes["weight_ih" + end] = (3 * hidden_size, width)
            shapes["weight_hh" + end] = (3 * hidden_size, hidden_size)
            if bias:
                shapes["bias_ih" + end] = (3 * hidden_size,)
                shapes["bias_hh" + end] = (3 * hidden_size,)
    return shapes


def load_arrays(parameters: Mapping[str, np.ndarray], mapping: Mapping[str, ArrayLike]) -> None:
    """Copy a mapping's values into the parameters of the same names; all of them or none.

    Raises
    ------
    TypeError
        If a value is not of a floating-point dtype.
    ValueError
        If names are missing or not expected, a shape does not fit, or a value holds NaN or
        infinity.
    """
    require_names("mapping", mapping, parameters)
    loaded = {}
    for name, parameter in parameters.items():
        value = np.asarray(mapping[name])
        if not np.issubdtype(value.dtype, np.floating):
            raise TypeError(f"{name} has dtype {value.dtype}; expected a floating-point dtype")
        require_shape(name, value, parameter.shape, "for this module")
        with np.errstate(over="ignore"):  # what overflows float32 is named below
            value = value.astype(parameter.dtype)
        bad = int(value.size - np.isfinite(value).sum())
        if bad:
            raise ValueError(f"{name} holds NaN or infinity in {bad} of {value.size} entries")
        loaded[name] = value
    for name, value in loaded.items():
        np.copyto(parameters[name], value)
