"""Weights in eight bits: a whole number for each, and one scale a row.

What is stored is ``round(weight / scale)`` with ``scale = largest magnitude of the row / 127``, so
a weight is off by at most half a scale, and a zero stays a zero (symmetric quantisation; Jacob et
al., 2018, section 2.1, with a zero point of 0).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

#: The largest code; -128 is left out, so that both signs reach equally far.
LARGEST = 127


class QuantisedRows(NamedTuple):
    """A matrix in eight bits.

    Parameters
    ----------
    codes : np.ndarray of int8, shape (rows, columns)
        From -127 to 127.
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


def quantise_rows(weight: ArrayLike) -> QuantisedRows:
    """Store a matrix in eight bits, each row with a scale of its own.

    Parameters
    ----------
    weight : array_like, shape (rows, columns)
        Finite numbers.

    Returns
    -------
    QuantisedRows

    Raises
    ------
    ValueError
        If the shape is another one, or a number is NaN or infinite.

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
    scales = np.abs(weight).max(axis=1) / np.float32(LARGEST)
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
