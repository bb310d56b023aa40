"""Sequences whose right answer is known, because we made them."""

import numpy as np
from numpy.typing import ArrayLike


def parity(
    count: int, length: int, rng: np.random.Generator, ones: ArrayLike = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    """Random bits, and after every bit whether the number of ones so far is odd.

    Parameters
    ----------
    count : int
        How many sequences, at least 1.
    length : int
        Bits in each, at least 1.
    rng : np.random.Generator
        Source of the bits; the same state gives the same sequences.
    ones : float or array_like of shape (count,)
        Probability of a one, the same for all sequences or one for each.

    Returns
    -------
    bits : np.ndarray of int64, shape (count, length)
        Zeros and ones.
    odd : np.ndarray of int64, shape (count, length)
        ``odd[i, t]`` is 1 if ``bits[i, :t + 1]`` holds an odd number of ones.

    Raises
    ------
    ValueError
        If ``count`` or ``length`` is below 1, or ``ones`` is no probability or has another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.data.synthetic import parity
    >>> bits, odd = parity(1, 6, np.random.default_rng(0))
    >>> bits.tolist(), odd.tolist()
    ([[0, 1, 1, 1, 0, 0]], [[0, 1, 0, 1, 1, 1]])
    """
    for name, value in (("count", count), ("length", length)):
        if value < 1:
            raise ValueError(f"{name} is {value}; expected 1 or more")
    ones = np.asarray(ones, dtype=float)
    if ones.shape not in ((), (count,)):
        raise ValueError(f"ones has shape {ones.shape}; expected () or (count,) = ({count},)")
    if not ((ones >= 0) & (ones <= 1)).all():
        raise ValueError(f"ones is {ones}; expected probabilities, 0 to 1")
    bits = (rng.random((count, length)) < ones.reshape(-1, 1)).astype(np.int64)
    return bits, bits.cumsum(axis=1) % 2
