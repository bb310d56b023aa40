"""A check of gradients against central differences."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from gru_lib._checks import require_array, require_names, require_shape
from gru_lib.numpy_nn._checks import require_finite, require_ndarray, require_number


@dataclass(frozen=True)
class GradientCheck:
    """What ``gradient_check`` found: its worst entry.

    Parameters
    ----------
    relative_error : float
        Largest relative error of all entries; see the notes of ``gradient_check``.
    name : str
        Array that holds the entry with this error.
    index : tuple of int
        Where in the array it is.
    analytic, numeric : float
        The gradient there, as given and from central differences.
    entries : int
        How many entries were compared.

    Examples
    --------
    >>> from gru_lib.numpy_nn import GradientCheck
    >>> print(GradientCheck(2.5e-10, "weight", (0, 1), 1.0, 1.0, 6))
    worst relative error 2.5e-10 at weight[0, 1]: given 1, central difference 1 (6 entries)
    """

    relative_error: float
    name: str
    index: tuple[int, ...]
    analytic: float
    numeric: float
    entries: int

    def __str__(self) -> str:
        """One line for a report."""
        return (
            f"worst relative error {self.relative_error:.1e} at {self.name}{list(self.index)}: "
            f"given {self.analytic:.9g}, central difference {self.numeric:.9g} "
            f"({self.entries} entries)"
        )


def gradient_check(
    loss: Callable[[], float],
    parameters: Mapping[str, np.ndarray],
    gradients: Mapping[str, ArrayLike],
    *,
    step: float = 6e-6,
) -> GradientCheck:
    """Compare gradients with central differences of the loss, entry by entry.

    Parameters
    ----------
    loss : callable
        Takes no argument and returns the loss, one float64 number, at the values that the arrays
        in ``parameters`` hold at that moment; the same number each time.
    parameters : mapping of str to np.ndarray of float64
        The arrays that ``loss`` reads, themselves and not copies (``module.parameters``, not
        ``module.state_dict()``); an input can be among them. Each entry is moved up and down in
        turn and then restored exactly.
    gradients : mapping of str to array_like of float64
        Gradient of the loss for each of these arrays, under the same names, as ``backward`` gives
        it.
    step : float
        How far an entry ``p`` is moved, in multiples of ``max(1, |p|)``. The default is about the
        cube root of the precision of float64.

    Returns
    -------
    GradientCheck
        The worst entry; ``str()`` of it is a report in one line.

    Raises
    ------
    TypeError
        If an array or the loss is not float64.
    ValueError
        If the two mappings have different names or shapes, there is nothing to check, a gradient
        or the loss is not finite, two calls of ``loss`` differ, an array is read-only, or
        ``step`` is out of range.

    Notes
    -----
    The central difference ``(loss(p + s) - loss(p - s)) / (2 s)`` is wrong by about ``s ** 2``,
    because the loss is curved, and by ``1e-16 * loss / s``, because it is rounded; about 6e-6
    keeps the sum smallest.

    The error of an entry is relative to the largest entry, given or numeric, of the same array: a
    tiny entry beside large ones has few correct digits in any central difference. Where all
    entries of an array are smaller than a hundredth of the loss, the error is relative to that
    hundredth, for there rounding of the loss limits the comparison. So a correct gradient of a
    smooth loss stays below 1e-7; a wrong factor or sign gives an error near 1, or one in
    proportion where the array hardly matters. Check at random values, not at a minimum of the
    loss, where every gradient is zero and nothing is left to compare with.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.numpy_nn import gradient_check
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> def loss():
    ...     return float((x**3).sum())
    >>> gradient_check(loss, {"x": x}, {"x": 3 * x**2}).relative_error < 1e-7
    True
    >>> print(gradient_check(loss, {"x": x}, {"x": [3.0, 12.0, 26.0]}))
    worst relative error 3.7e-02 at x[2]: given 26, central difference 27 (3 entries)
    """
    step = require_number(
        "step",
        step,
        f"a number from {np.finfo(np.float64).eps:.1e} to 1",
        lambda s: np.finfo(np.float64).eps <= s <= 1,
    )
    _require_movable(parameters)
    # copies: a loss that calls backward overwrites the arrays of a module
    analytic = _copied_gradients(parameters, gradients)
    floor = abs(_require_repeatable(loss)) / 100
    checks = []
    for name, parameter in parameters.items():
        numeric = _central_differences(loss, parameter, step)
        checks.append(_worst_entry(name, analytic[name], numeric, floor))
    worst = max(checks, key=lambda check: check.relative_error)
    return replace(worst, entries=sum(check.entries for check in checks))


def _require_movable(parameters: Mapping[str, np.ndarray]) -> None:
    if not parameters:
        raise ValueError("parameters is empty; expected at least one array")
    for name, parameter in parameters.items():
        label = f"parameters[{name!r}]"
        why = "central differences need the precision of modules built with dtype=np.float64;"
        require_ndarray(label, parameter, np.dtype(np.float64), why)
        if parameter.size == 0:
            raise ValueError(f"{label} has shape {parameter.shape}; expected at least one entry")
        if not parameter.flags.writeable:
            raise ValueError(f"{label} is read-only; expected an array whose entries can be moved")


def _copied_gradients(
    parameters: Mapping[str, np.ndarray], gradients: Mapping[str, ArrayLike]
) -> dict[str, np.ndarray]:
    require_names("gradients", gradients, parameters)
    copies = {}
    for name, parameter in parameters.items():
        label = f"gradients[{name!r}]"
        gradient = require_array(label, gradients[name], parameter.dtype)
        require_shape(label, gradient, parameter.shape, "for its parameter")
        require_finite(label, gradient)
        copies[name] = gradient.copy()
    return copies


def _require_repeatable(loss: Callable[[], float]) -> float:
    first, second = _finite_loss(loss), _finite_loss(loss)
    if first != second:
        raise ValueError(
            f"loss() gave {first!r} and then {second!r}; expected the same number while nothing "
            "changes (turn dropout off, fix the random numbers)"
        )
    return first


def _finite_loss(loss: Callable[[], float]) -> float:
    value = loss()
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if not isinstance(value, float):  # np.float64 is a float, np.float32 is not
        raise TypeError(f"loss() gave {type(value).__name__}; expected one float64 number")
    if not math.isfinite(value):
        raise ValueError(f"loss() gave {value}; expected a finite number")
    return float(value)


def _central_differences(loss: Callable[[], float], array: np.ndarray, step: float) -> np.ndarray:
    numeric = np.empty_like(array)
    for index in np.ndindex(array.shape):
        kept = array[index]
        width = step * max(1.0, abs(kept))
        above, below = kept + width, kept - width
        try:
            array[index] = above
            loss_above = _finite_loss(loss)
            array[index] = below
            loss_below = _finite_loss(loss)
        finally:
            array[index] = kept
        # above - below rather than 2 * width: what the entry truly moved, after rounding
        numeric[index] = (loss_above - loss_below) / (above - below)
    return numeric


def _worst_entry(
    name: str, analytic: np.ndarray, numeric: np.ndarray, floor: float
) -> GradientCheck:
    scale = max(np.abs(analytic).max(), np.abs(numeric).max(), floor)
    differences = np.abs(analytic - numeric)
    index = np.unravel_index(differences.argmax(), differences.shape)
    return GradientCheck(
        relative_error=float(differences[index] / scale) if scale > 0 else 0.0,
        name=name,
        index=tuple(int(place) for place in index),
        analytic=float(analytic[index]),
        numeric=float(numeric[index]),
        entries=differences.size,
    )
