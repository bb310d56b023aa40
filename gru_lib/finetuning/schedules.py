"""Learning rates over the steps of fine-tuning."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from gru_lib._checks import require_positive_integer


def slanted_triangle(
    step: int, steps: int, cut_fraction: float = 0.1, ratio: float = 32.0
) -> float:
    """The share of the highest rate at a step: a fast rise, a slow fall.

    Parameters
    ----------
    step : int
        From 0.
    steps : int
        Of the whole run, T.
    cut_fraction : float, default 0.1
        Share of the steps in which the rate rises; above 0 and below 1.
    ratio : float, default 32.0
        How many times smaller than the highest the lowest rate is; at least 1.

    Returns
    -------
    float
        From ``1 / ratio`` to 1.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed.

    Notes
    -----
    Howard and Ruder (2018), equation 3: ``cut = floor(T * cut_fraction)``; ``p`` is ``step / cut``
    before it and ``1 - (step - cut) / (cut (1 / cut_fraction - 1))`` from there on; the share is
    ``(1 + p (ratio - 1)) / ratio``. Where the cut would be 0, it is 1; after the last step the
    share stays at ``1 / ratio``.

    Examples
    --------
    >>> from gru_lib.finetuning import slanted_triangle
    >>> [round(slanted_triangle(step, 20, ratio=10), 3) for step in (0, 1, 2, 11, 20)]
    [0.1, 0.55, 1.0, 0.55, 0.1]
    """
    steps = require_positive_integer("steps", steps)
    if not 0 < cut_fraction < 1:
        raise ValueError(f"cut_fraction is {cut_fraction}; expected above 0 and below 1")
    if not ratio >= 1:
        raise ValueError(f"ratio is {ratio}; expected at least 1")
    cut = max(1, math.floor(steps * cut_fraction))
    up = step / cut
    down = 1 - (step - cut) / (cut * (1 / cut_fraction - 1))
    return (1 + max(0.0, min(up, down)) * (ratio - 1)) / ratio


def slanted_triangular(
    optimizer: Optimizer, steps: int, cut_fraction: float = 0.1, ratio: float = 32.0
) -> LambdaLR:
    """A scheduler that moves the rates of all groups of an optimiser along the slanted triangle.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        The rates it has now are the highest ones.
    steps : int
        How often the scheduler will be stepped: once a batch.
    cut_fraction, ratio : float
        As :func:`slanted_triangle` takes them.

    Returns
    -------
    torch.optim.lr_scheduler.LambdaLR

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> import torch
    >>> from gru_lib.finetuning import slanted_triangular
    >>> optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=0.32)
    >>> scheduler = slanted_triangular(optimizer, steps=100)
    >>> round(optimizer.param_groups[0]["lr"], 3)
    0.01
    """
    slanted_triangle(0, steps, cut_fraction, ratio)  # says at once what is not allowed
    return LambdaLR(optimizer, lambda step: slanted_triangle(step, steps, cut_fraction, ratio))
