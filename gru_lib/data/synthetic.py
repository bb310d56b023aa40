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
    _require_counts(count=count, length=length)
    ones = np.asarray(ones, dtype=float)
    if ones.shape not in ((), (count,)):
        raise ValueError(f"ones has shape {ones.shape}; expected () or (count,) = ({count},)")
    if not ((ones >= 0) & (ones <= 1)).all():
        raise ValueError(f"ones is {ones}; expected probabilities, 0 to 1")
    bits = (rng.random((count, length)) < ones.reshape(-1, 1)).astype(np.int64)
    return bits, bits.cumsum(axis=1) % 2


def recall(count: int, length: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Sequences of which only the first number matters: it is 1 or -1, the others are noise.

    Parameters
    ----------
    count : int
        How many sequences, at least 1.
    length : int
        Numbers in each, at least 1: the first is to be recalled after ``length - 1`` others.
    rng : np.random.Generator
        Source of the numbers; the same state gives the same sequences.

    Returns
    -------
    numbers : np.ndarray of float64, shape (count, length)
        The first of each row is 1 or -1, the others are drawn from the normal distribution.
    positive : np.ndarray of int64, shape (count,)
        1 where the first number is 1, 0 where it is -1.

    Raises
    ------
    ValueError
        If ``count`` or ``length`` is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.data.synthetic import recall
    >>> numbers, positive = recall(2, 4, np.random.default_rng(0))
    >>> numbers.round(1).tolist(), positive.tolist()
    ([[1.0, -0.1, 0.6, 0.1], [1.0, 0.4, 1.3, 0.9]], [1, 1])
    """
    _require_counts(count=count, length=length)
    numbers = rng.normal(size=(count, length))
    positive = rng.integers(2, size=count)
    numbers[:, 0] = 2 * positive - 1
    return numbers, positive


def adding_problem(
    count: int, length: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Sequences of numbers, two of which are marked: the answer is the sum of these two.

    Whoever always says 1 has a mean squared error of 1/6: each marked number is uniform from 0 to
    1 and has a variance of 1/12. One mark is in the first half of the steps, one in the second.

    Parameters
    ----------
    count : int
        How many sequences, at least 1.
    length : int
        Steps in each, at least 2.
    rng : np.random.Generator
        Source of the numbers and the marks; the same state gives the same sequences.

    Returns
    -------
    inputs : np.ndarray of float64, shape (count, length, 2)
        In each step a number from 0 to 1, and 1 if it is marked, else 0.
    sums : np.ndarray of float64, shape (count,)
        The sum of the two marked numbers.

    Raises
    ------
    ValueError
        If ``count`` is below 1 or ``length`` below 2.

    References
    ----------
    Hochreiter and Schmidhuber (1997), experiment 4; in the form of Bai, Kolter and Koltun (2018).

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.data.synthetic import adding_problem
    >>> inputs, sums = adding_problem(1, 4, np.random.default_rng(0))
    >>> inputs[0].round(2).tolist(), sums.round(2).tolist()
    ([[0.64, 1.0], [0.27, 0.0], [0.04, 0.0], [0.02, 1.0]], [0.65])
    """
    _require_counts(count=count)
    if length < 2:
        raise ValueError(f"length is {length}; expected 2 or more")
    rows, half = np.arange(count), length // 2
    inputs = np.zeros((count, length, 2))
    inputs[:, :, 0] = rng.random((count, length))
    inputs[rows, rng.integers(half, size=count), 1] = 1
    inputs[rows, rng.integers(half, length, size=count), 1] = 1
    return inputs, inputs.prod(axis=2).sum(axis=1)


def _require_counts(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise ValueError(f"{name} is {value}; expected 1 or more")


#: What the inner nodes of a Boolean expression may be.
OPERATORS = ("and", "or", "xor")


def boolean_expressions(count: int, depth: int, rng: np.random.Generator) -> list[tuple]:
    """Random nested Boolean expressions of one depth, half of them true.

    An expression is a tree: a leaf is ``"T"`` or ``"F"``, an inner node is
    ``(operator, left, right)``. At every inner node one side, drawn at random, has the full depth
    that is left, the other side any smaller depth.

    Parameters
    ----------
    count : int
        How many expressions, at least 1; of an odd number one more is true.
    depth : int
        Operators on the longest way from the root to a leaf, at least 1.
    rng : np.random.Generator
        Source of the expressions; the same state gives the same ones.

    Returns
    -------
    list of tuple
        Expressions in random order.

    Raises
    ------
    ValueError
        If ``count`` or ``depth`` is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.data.synthetic import boolean_expressions, tokens_of, truth_of
    >>> (one, other) = boolean_expressions(2, 2, np.random.default_rng(0))
    >>> " ".join(tokens_of(one)), truth_of(one)
    ('( ( T and T ) and F )', False)
    >>> " ".join(tokens_of(other)), truth_of(other)
    ('( ( T or T ) or ( T xor F ) )', True)
    """
    _require_counts(count=count, depth=depth)
    wanted = {True: count - count // 2, False: count // 2}
    found = []
    while len(found) < count:
        expression = _draw_expression(depth, rng)
        truth = truth_of(expression)
        if wanted[truth]:
            wanted[truth] -= 1
            found.append(expression)
    return [found[place] for place in rng.permutation(count)]


def _draw_expression(depth: int, rng: np.random.Generator) -> tuple | str:
    if depth == 0:
        return "FT"[rng.integers(2)]
    sides = [_draw_expression(depth - 1, rng), _draw_expression(int(rng.integers(depth)), rng)]
    first = rng.integers(2)
    return (OPERATORS[rng.integers(len(OPERATORS))], sides[first], sides[1 - first])


def truth_of(expression: tuple | str) -> bool:
    """Whether a Boolean expression is true.

    Parameters
    ----------
    expression : tuple or str
        As ``boolean_expressions`` makes them.

    Returns
    -------
    bool

    Raises
    ------
    ValueError
        If it is no such expression.

    Examples
    --------
    >>> from gru_lib.data.synthetic import truth_of
    >>> truth_of(("xor", "T", ("and", "T", "F")))
    True
    """
    if isinstance(expression, str):
        if expression not in ("T", "F"):
            raise ValueError(f"expression has the leaf {expression!r}; expected 'T' or 'F'")
        return expression == "T"
    operator, left, right = _parts_of(expression)
    one, other = truth_of(left), truth_of(right)
    return {"and": one and other, "or": one or other, "xor": one != other}[operator]


def tokens_of(expression: tuple | str) -> list[str]:
    """A Boolean expression as it is written: its tokens from left to right, fully bracketed.

    Parameters
    ----------
    expression : tuple or str
        As ``boolean_expressions`` makes them.

    Returns
    -------
    list of str
        ``"T"``, ``"F"``, the operators, ``"("`` and ``")"``.

    Raises
    ------
    ValueError
        If it is no such expression.

    Examples
    --------
    >>> from gru_lib.data.synthetic import tokens_of
    >>> " ".join(tokens_of(("and", "T", ("or", "F", "T"))))
    '( T and ( F or T ) )'
    """
    if isinstance(expression, str):
        return [expression]
    operator, left, right = _parts_of(expression)
    return ["(", *tokens_of(left), operator, *tokens_of(right), ")"]


def _parts_of(expression: tuple) -> tuple:
    if len(expression) != 3 or expression[0] not in OPERATORS:
        raise ValueError(
            f"expression is {expression!r}; expected 'T', 'F' or (operator, left, right) with an "
            f"operator of {OPERATORS}"
        )
    return expression
