"""Weights in eight bits: a whole number for each, and one scale a row.

What is stored is ``round(weight / scale)`` with ``scale = largest magnitude of the row / 127``, so
a weight is off by at most half a scale, and a zero stays a zero (symmetric quantisation; Jacob et
al., 2018, section 2.1, with a zero point of 0).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class QuantisedRows(NamedTuple):
    """A matrix in eight bits.

    Parameters
    ----------
    codes : np.ndarray of int8, shape (rows, columns)
        From -127 to 127; -128 is left out, so that both signs reach equally far.
    scales : np.ndarray of float32, shape (rows,)
        What a step of a code is worth in each row.

    Examples
    --------
    >>> from gru_lib.quantisation import quantise_rows
    >>> quantise_rows([[0.5, -1.0]]).codes.tolist()
    [[64, -127]]
    """

    #: Whole numbers.
    codes: np.ndarray
    #: One a row.
    scales: np.ndarray


def quantise_rows(weight: ArrayLike, *, bits: int = 8) -> QuantisedRows:
    """Store a matrix in eight bits or fewer, each row with a scale of its own.

    Parameters
    ----------
    weight : array_like, shape (rows, columns)
        Finite numbers.
    bits : int, default 8
        From 2 to 8. The codes are of type int8 in any case; with fewer bits fewer of its values
        occur, the largest is ``2**(bits - 1) - 1``.

    Returns
    -------
    QuantisedRows

    Raises
    ------
    ValueError
        If the shape is another one, a number is NaN or infinite, or ``bits`` is out of range.

    Examples
    --------
    >>> from gru_lib.quantisation import dequantise_rows, quantise_rows
    >>> rows = quantise_rows([[0.1, 0.2], [0.0, 0.0]])
    >>> dequantise_rows(rows).round(3).tolist()
    [[0.10100000351667404, 0.20000000298023224], [0.0, 0.0]]
    """
    weight = np.asarray(weight, dtype=np.float32)
    if weight.ndim != 2 or 0 in weight.shape:
        raise ValueError(
            f"weight has shape {weight.shape}; expected (rows, columns), none of them 0"
        )
    if not np.isfinite(weight).all():
        raise ValueError("weight holds NaN or infinity; expected finite numbers")
    if bits not in range(2, 9):
        raise ValueError(f"bits is {bits!r}; expected a whole number from 2 to 8")
    scales = np.abs(weight).max(axis=1) / np.float32(2 ** (bits - 1) - 1)
    # a row of zeros has no scale: any will do
    codes = np.rint(weight / np.where(scales > 0, scales, 1)[:, None])
    return QuantisedRows(codes.astype(np.int8), scales)


def dequantise_rows(rows: QuantisedRows) -> np.ndarray:
    """The matrix that the codes stand for.

    Parameters
    ----------
    rows : QuantisedRows
        As :func:`quantise_rows` returns them.

    Returns
    -------
    np.ndarray of float32, shape (rows, columns)

    Examples
    --------
    >>> from gru_lib.quantisation import dequantise_rows, quantise_rows
    >>> weight = [[0.1, -0.2], [3.0, 2.0]]
    >>> bool(abs(dequantise_rows(quantise_rows(weight)) - weight).max() < 3.0 / 127 / 2)
    True
    """
    return rows.codes.astype(np.float32) * rows.scales[:, None]


def quantise_model(
    state: Mapping[str, ArrayLike], *, bits: int = 8
) -> dict[str, QuantisedRows | np.ndarray]:
    """Store the matrices of a model in eight bits or fewer, its vectors as they are.

    Parameters
    ----------
    state : mapping of str to array_like
        Weights by name, of one or two dimensions.
    bits : int, default 8
        As :func:`quantise_rows` takes it.

    Returns
    -------
    dict of str to QuantisedRows or np.ndarray of float32
        By the same names, in the same order.

    Raises
    ------
    ValueError
        If a weight has more dimensions, or :func:`quantise_rows` refuses it; the message names it.

    Examples
    --------
    >>> from gru_lib.quantisation import quantise_model, stored_bytes
    >>> model = quantise_model({"weight": [[1.0, -2.0], [0.5, 0.25]], "bias": [0.1, 0.2]})
    >>> model["weight"].codes.tolist()
    [[64, -127], [127, 64]]
    >>> stored_bytes(model)  # four codes, two scales and two biases
    20
    """
    stored = {}
    for name, weight in state.items():
        weight = np.asarray(weight, dtype=np.float32)
        if weight.ndim not in (1, 2):
            raise ValueError(f"{name} has shape {weight.shape}; expected a vector or a matrix")
        try:
            stored[name] = quantise_rows(weight, bits=bits) if weight.ndim == 2 else weight
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return stored


def dequantise_model(stored: Mapping[str, QuantisedRows | np.ndarray]) -> dict[str, np.ndarray]:
    """The weights that a stored model stands for.

    Parameters
    ----------
    stored : mapping of str to QuantisedRows or np.ndarray
        As :func:`quantise_model` returns it.

    Returns
    -------
    dict of str to np.ndarray of float32

    Examples
    --------
    >>> from gru_lib.quantisation import dequantise_model, quantise_model
    >>> dequantise_model(quantise_model({"weight": [[127.0, 3.2]]}))["weight"].tolist()
    [[127.0, 3.0]]
    """
    return {
        name: dequantise_rows(value) if isinstance(value, QuantisedRows) else value
        for name, value in stored.items()
    }


def stored_bytes(stored: Mapping[str, QuantisedRows | np.ndarray]) -> int:
    """How many bytes the numbers of a stored model take: codes, scales and vectors.

    Parameters
    ----------
    stored : mapping of str to QuantisedRows or np.ndarray
        As :func:`quantise_model` returns it.

    Returns
    -------
    int

    Examples
    --------
    See :func:`quantise_model`.

    >>> from gru_lib.quantisation import quantise_model, stored_bytes
    >>> stored_bytes(quantise_model({"bias": [0.5]}))
    4
    """
    arrays = [
        array
        for value in stored.values()
        for array in (value if isinstance(value, QuantisedRows) else [value])
    ]
    return sum(array.nbytes for array in arrays)
