"""Losses and their gradients."""

from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike

from gru_lib._checks import require_shape
from gru_lib.numpy_nn._checks import (
    require_finite,
    require_float_array,
    require_indices_below,
    require_integer_array,
)


def softmax_cross_entropy(
    logits: ArrayLike, targets: ArrayLike, ignore_index: int | None = None
) -> tuple[float, np.ndarray]:
    """Mean cross-entropy, in nats, of softmax probabilities, and its gradient.

    Parameters
    ----------
    logits : array_like of float32 or float64, shape (..., classes)
        Scores before the softmax.
    targets : array_like of int, shape (...)
        The right class of each position, from 0 to ``classes - 1``.
    ignore_index : int or None
        Positions with this target count neither in the loss nor in the mean, and get gradient
        zero: padding, for example.

    Returns
    -------
    loss : float
        Mean over the counted positions of ``-log(probability of the target)``.
    d_logits : np.ndarray, shape (..., classes)
        Gradient of the loss with respect to ``logits``.

    Raises
    ------
    TypeError
        If ``logits`` is not float32 or float64, or ``targets`` or ``ignore_index`` not integer.
    ValueError
        If a shape does not fit, a logit is NaN or infinite, a target is no class, or no position
        counts.

    Notes
    -----
    Equal to ``torch.nn.functional.cross_entropy`` with the classes in the last dimension. The
    gradient is (probabilities - one-hot targets) / (number of counted positions). Large logits
    do not overflow: softmax does not change when the largest is subtracted from all.

    Examples
    --------
    Four equal logits: every class has probability 1/4, and the loss is ``log(4)``.

    >>> import numpy as np
    >>> from gru_lib.numpy_nn import softmax_cross_entropy
    >>> loss, d_logits = softmax_cross_entropy(np.zeros((1, 4)), [2])
    >>> round(loss, 6)
    1.386294
    >>> d_logits.tolist()
    [[0.25, 0.25, -0.75, 0.25]]
    """
    logits = require_float_array("logits", logits)
    if logits.ndim == 0 or logits.shape[-1] == 0:
        raise ValueError(f"logits has shape {logits.shape}; expected (..., classes)")
    require_finite("logits", logits)
    targets = require_integer_array("targets", targets)
    require_shape("targets", targets, logits.shape[:-1], f"for logits of shape {logits.shape}")
    counted = np.flatnonzero(_counted_positions(targets, ignore_index))
    wanted = targets.ravel()[counted]
    require_indices_below("targets", wanted, logits.shape[-1])

    shifted = logits.reshape(-1, logits.shape[-1])
    shifted = shifted - shifted.max(axis=-1, keepdims=True)
    probabilities = np.exp(shifted)
    total = probabilities.sum(axis=-1, keepdims=True)
    probabilities /= total
    losses = np.log(total[counted, 0]) - shifted[counted, wanted]

    share = np.zeros_like(total)  # of each position in the mean
    share[counted] = 1 / len(counted)
    d_logits = probabilities  # minus the one-hot targets, times the share
    d_logits[counted, wanted] -= 1
    d_logits *= share
    return float(losses.mean(dtype=np.float64)), d_logits.reshape(logits.shape)


def _counted_positions(targets: np.ndarray, ignore_index: int | None) -> np.ndarray:
    """True where a target is not ``ignore_index``; at least one must be."""
    if ignore_index is None:
        counted = np.ones(targets.shape, dtype=bool)
    elif isinstance(ignore_index, bool) or not isinstance(ignore_index, Integral):
        raise TypeError(f"ignore_index is {ignore_index!r}; expected an integer or None")
    else:
        counted = targets != ignore_index
    if not counted.any():
        raise ValueError(
            f"targets holds {targets.size} positions, none of which counts "
            f"(ignore_index={ignore_index}); expected at least one"
        )
    return counted


def mean_squared_error(prediction: ArrayLike, target: ArrayLike) -> tuple[float, np.ndarray]:
    """Mean of the squared differences over all entries, and its gradient.

    Parameters
    ----------
    prediction : array_like of float32 or float64, any shape
        What the model says.
    target : array_like, same shape and dtype
        What is right.

    Returns
    -------
    loss : float
        ``mean((prediction - target) ** 2)``.
    d_prediction : np.ndarray, same shape
        Gradient of the loss with respect to ``prediction``.

    Raises
    ------
    TypeError
        If a dtype is not float32 or float64, or the two differ.
    ValueError
        If the shapes differ (nothing is broadcast), there is no entry, or an entry is NaN or
        infinite.

    Notes
    -----
    Equal to ``torch.nn.functional.mse_loss``.

    Examples
    --------
    >>> from gru_lib.numpy_nn import mean_squared_error
    >>> loss, d_prediction = mean_squared_error([1.0, 2.0], [1.0, 4.0])
    >>> loss, d_prediction.tolist()
    (2.0, [0.0, -2.0])
    """
    prediction = require_float_array("prediction", prediction)
    target = require_float_array("target", target)
    if target.dtype != prediction.dtype:
        raise TypeError(
            f"target has dtype {target.dtype}; expected {prediction.dtype}, that of prediction"
        )
    require_shape("target", target, prediction.shape, "for this prediction")
    if prediction.size == 0:
        raise ValueError(f"prediction has shape {prediction.shape}; expected at least one entry")
    require_finite("prediction", prediction)
    require_finite("target", target)
    difference = prediction - target
    loss = float(np.square(difference).mean(dtype=np.float64))
    return loss, difference * (2 / difference.size)
