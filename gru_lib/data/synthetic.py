"""Sequences whose right answer is known, because we made them."""

import numpy as np


def parity(count: int, length: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Random bits, and after every bit whether the number of ones so far is odd.

    Parameters
    ----------
    count : int
        How many sequences, at least 1.
    length : int
        Bits in each, at least 1.
    rng : np.random.Generator
        Source of the bits; the same state gives the same sequences.

    Returns
    -------
    bits : np.ndarray of int64, shape (count, length)
        Zeros and ones, each with probability 1/2.
    odd : np.ndarray of int64, shape (count, length)
        ``odd[i, t]`` is 1 if ``bits[i, :t + 1]`` holds an odd number of ones.

    Raises
    ------
    ValueError
        If ``count`` or ``length`` is below 1.

    Examples
    --------
    >>> bits, odd = parity(1, 6, np.random.default_rng(0))
    >>> bits.tolist(), odd.tolist()
    ([[1, 1, 1, 0, 0, 0]], [[1, 0, 1, 1, 1, 1]])
    """
    for name, value in (("count", count), ("length", length)):
        if value < 1:
            raise ValueError(f"{name} is {value}; expected 1 or more")
    bits = rng.integers(0, 2, size=(count, length))
    return bits, bits.cumsum(axis=1) % 2
