"""Forecasts of a series: a recurrent reader, a rival without a state, and how bands are judged.

Both models have one interface: ``model(past, known)`` takes ``past``, shape (batch, steps,
features), whose first feature is the series itself, and ``known``, shape (batch, horizon,
known_size), what is known of the steps to come. The answer is the whole horizon at once, shape
(batch, horizon), or (batch, horizon, levels) for a model of quantiles.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from gru_lib._checks import require_positive_integer
from gru_lib.data.series import Windows
from gru_lib.models.cells import require_cell
from gru_lib.models.recipe import fit_one_cycle
from gru_lib.training import History


class _Forecaster(nn.Module):
    """What both models share: the anchor, and a head that turns a summary into a forecast."""

    def __init__(
        self,
        past_size: int,
        horizon: int,
        summary_size: int,
        known_size: int,
        head_size: int,
        levels: Sequence[float] | None,
        anchor: int | None,
    ) -> None:
        super().__init__()
        self.past_size = require_positive_integer("past_size", past_size)
        self.horizon = require_positive_integer("horizon", horizon)
        self.levels = None if levels is None else _require_levels(levels)
        self.anchor = None if anchor is None else require_positive_integer("anchor", anchor)
        outputs = 1 if levels is None else len(levels)
        self.direct = nn.Linear(summary_size, horizon * outputs)
        self.known_size = known_size
        if known_size:
            self.hidden = nn.Linear(summary_size + known_size, head_size)
            self.hourly = nn.Linear(head_size, outputs)

    def forward(self, past: Tensor, known: Tensor | None = None) -> Tensor:
        """The forecast, shape (batch, horizon) or (batch, horizon, levels)."""
        self._require_input(past, known)
        base = 0.0
        if self.anchor is not None:
            last = past[:, -self.anchor :, 0]
            level = last.mean(dim=1)[:, None, None]
            past = torch.cat([past[:, :, :1] - level, past[:, :, 1:]], dim=2)
            repeats = -(-self.horizon // self.anchor)
            base = last.repeat(1, repeats)[:, : self.horizon, None]
        summary = self.summary(past)
        answer = self.direct(summary).unflatten(1, (self.horizon, -1))
        if self.known_size:
            everywhere = summary[:, None, :].expand(-1, self.horizon, -1)
            each_step = self.hidden(torch.cat([everywhere, known], dim=2))
            answer = answer + self.hourly(torch.relu(each_step))
        answer = base + answer
        return answer if self.levels is not None else answer[:, :, 0]

    def summary(self, past: Tensor) -> Tensor:
        """What the head knows of the past, shape (batch, summary_size)."""
        raise NotImplementedError

    def _require_input(self, past: Tensor, known: Tensor | None) -> None:
        if past.ndim != 3 or past.shape[2] != self.past_size:
            raise ValueError(
                f"past has shape {tuple(past.shape)}; expected (batch, steps, {self.past_size})"
            )
        if past.shape[1] < (self.anchor or 1):
            raise ValueError(
                f"past has {past.shape[1]} steps; expected at least {self.anchor or 1}"
                + (", those that the anchor repeats" if self.anchor else "")
            )
        expected = (len(past), self.horizon, self.known_size)
        given = None if known is None else tuple(known.shape)
        if self.known_size and given != expected:
            raise ValueError(f"known has shape {given}; expected {expected}")


class Forecaster(_Forecaster):
    """A recurrent layer that reads the past, and a head that answers for all steps to come.

    Parameters
    ----------
    past_size : int
        Features of a past step, the series first.
    horizon : int
        Steps to forecast.
    hidden_size : int
        Entries of the hidden state.
    cell : str, default "GRU"
        ``"tanh"``, ``"GRU"`` or ``"LSTM"``.
    known_size : int, default 0
        Features that are known of a step to come. With some, a small network, the same for all
        steps, reads the last state and these, and adds its answer to that of the linear layer.
    head_size : int, default 32
        Hidden units of that small network.
    levels : sequence of float in (0, 1), optional
        If given, the answer is these quantiles and not one number.
    anchor : int, optional
        Forecast the difference from the last ``anchor`` steps repeated (1: the last value, 24: the
        last day), and read the series relative to their mean.
    segment : int, default 1
        Steps of the series that the recurrent layer reads at once: with 24, it takes an hourly
        series day by day. The past must then be a whole number of segments.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed; in a call, if the input does not fit.

    Examples
    --------
    >>> from gru_lib.models import Forecaster
    >>> import torch
    >>> model = Forecaster(8, 24, hidden_size=32, known_size=7)
    >>> model(torch.zeros(5, 168, 8), torch.zeros(5, 24, 7)).shape
    torch.Size([5, 24])
    >>> model(torch.zeros(5, 6, 8), torch.zeros(5, 24, 7)).shape  # any length of the past
    torch.Size([5, 24])
    """

    def __init__(
        self,
        past_size: int,
        horizon: int,
        hidden_size: int,
        *,
        cell: str = "GRU",
        known_size: int = 0,
        head_size: int = 32,
        levels: Sequence[float] | None = None,
        anchor: int | None = None,
        segment: int = 1,
    ) -> None:
        hidden_size = require_positive_integer("hidden_size", hidden_size)
        super().__init__(past_size, horizon, hidden_size, known_size, head_size, levels, anchor)
        self.segment = require_positive_integer("segment", segment)
        self.recurrent = require_cell(cell)(past_size * segment, hidden_size, batch_first=True)

    def summary(self, past: Tensor) -> Tensor:
        """The last state."""
        if past.shape[1] % self.segment:
            raise ValueError(
                f"past has {past.shape[1]} steps; expected a multiple of {self.segment}, "
                "the steps of a segment"
            )
        _, last = self.recurrent(past.unflatten(1, (-1, self.segment)).flatten(2))
        last = last[0] if isinstance(last, tuple) else last  # an LSTM's second is its cell
        return last[-1]


class WindowForecaster(_Forecaster):
    """A rival without a state: one hidden layer on a window of fixed length, side by side.

    Parameters
    ----------
    past_size : int
        Features of a past step, the series first.
    horizon : int
        Steps to forecast.
    hidden_size : int
        Units of the hidden layer; zero for none, so that the answer is linear in the past.
    window : int
        Past steps that it sees, the last ones.
    columns : int, optional
        How many of the features it reads, the first ones; by default all.
    known_size, head_size, levels, anchor
        As for :class:`Forecaster`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed; in a call, if the input does not fit.

    Examples
    --------
    >>> from gru_lib.models import WindowForecaster
    >>> import torch
    >>> model = WindowForecaster(8, 24, 16, window=48, columns=2, known_size=7)
    >>> model(torch.zeros(5, 168, 8), torch.zeros(5, 24, 7)).shape
    torch.Size([5, 24])
    """

    def __init__(
        self,
        past_size: int,
        horizon: int,
        hidden_size: int,
        *,
        window: int,
        columns: int | None = None,
        known_size: int = 0,
        head_size: int = 32,
        levels: Sequence[float] | None = None,
        anchor: int | None = None,
    ) -> None:
        columns = past_size if columns is None else columns
        inputs = require_positive_integer("window", window) * columns
        size = hidden_size if hidden_size else inputs
        super().__init__(past_size, horizon, size, known_size, head_size, levels, anchor)
        self.window, self.columns = window, columns
        self.read = nn.Identity()
        if hidden_size:
            self.read = nn.Sequential(nn.Linear(inputs, hidden_size), nn.ReLU())

    def summary(self, past: Tensor) -> Tensor:
        """The hidden layer."""
        if past.shape[1] < self.window:
            raise ValueError(
                f"past has {past.shape[1]} steps; this model was built for {self.window} and "
                "reads neither more nor fewer"
            )
        return self.read(past[:, -self.window :, : self.columns].flatten(1))


def pinball_loss(
    forecast: ArrayLike | Tensor, target: ArrayLike | Tensor, levels: Sequence[float]
) -> Tensor:
    """What quantiles cost: a miss below costs the level, a miss above one minus the level.

    Parameters
    ----------
    forecast : array_like or Tensor, shape (..., levels)
        Quantiles.
    target : array_like or Tensor, shape (...)
        What came.
    levels : sequence of float in (0, 1)
        Of the quantiles.

    Returns
    -------
    Tensor
        The mean over everything, a scalar.

    Raises
    ------
    ValueError
        If the shapes do not fit or a level is not in (0, 1).

    Notes
    -----
    Koenker and Bassett (1978). The expected loss is smallest at the quantile itself, and at the
    level 0.5 the loss is half the absolute error.

    Examples
    --------
    >>> from gru_lib.models import pinball_loss
    >>> losses = [pinball_loss([[10.0]], [target], [0.9]) for target in (14.0, 6.0)]
    >>> [round(loss.item(), 4) for loss in losses]  # too low by 4, then too high by 4
    [3.6, 0.4]
    """
    forecast, target = torch.as_tensor(forecast), torch.as_tensor(target)
    levels = torch.tensor(_require_levels(levels), dtype=forecast.dtype, device=forecast.device)
    if forecast.shape != (*target.shape, len(levels)):
        raise ValueError(
            f"forecast has shape {tuple(forecast.shape)}; expected "
            f"{(*target.shape, len(levels))}, a quantile of each level for each target"
        )
    above = target[..., None] - forecast
    return torch.maximum(levels * above, (levels - 1) * above).mean()


def coverage(lower: ArrayLike, upper: ArrayLike, target: ArrayLike) -> float:
    """How often what came lies in the band, ends included.

    Parameters
    ----------
    lower, upper, target : array_like
        Of one shape.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the shapes differ, there is nothing to count, or a lower end lies above its upper end.

    Examples
    --------
    >>> from gru_lib.models import coverage
    >>> coverage([0, 0, 0, 0], [1, 1, 1, 1], [0.5, 1.0, 2.0, -1.0])
    0.5
    """
    lower, upper, target = np.asarray(lower), np.asarray(upper), np.asarray(target)
    if not lower.shape == upper.shape == target.shape or not target.size:
        raise ValueError(
            f"lower, upper and target have the shapes {lower.shape}, {upper.shape} and "
            f"{target.shape}; expected the same for all, with something in it"
        )
    if (lower > upper).any():
        raise ValueError(f"lower lies above upper in {(lower > upper).sum()} places")
    return float(((lower <= target) & (target <= upper)).mean())


def train_forecaster(
    model: nn.Module,
    train: Windows,
    valid: Windows,
    *,
    seed: int,
    epochs: int = 20,
    learning_rate: float = 1e-2,
    batch_size: int = 64,
    windows_per_epoch: int | None = None,
    squared: bool = False,
    device: str | torch.device = "cpu",
    progress: bool = True,
) -> History:
    """Train a forecaster and keep the weights of the epoch with the lowest validation loss.

    Adam with a learning rate that rises to its maximum and falls to almost zero (one cycle),
    gradients of norm at most 1. The loss is the mean absolute error, or the pinball loss for a
    model of quantiles.

    Parameters
    ----------
    model : torch.nn.Module
        A :class:`Forecaster` or :class:`WindowForecaster`.
    train, valid : Windows
        What to learn from, and what to choose the epoch by.
    seed : int
        Decides which windows are drawn and their order.
    epochs, learning_rate, batch_size
        Of the recipe.
    windows_per_epoch : int, optional
        How many windows an epoch draws, each epoch others; by default all.
    squared : bool, default False
        Take the mean squared error and not the absolute one.
    device : str or torch.device
        As ``choose_device`` takes it.
    progress : bool
        Show a progress bar, on a terminal and in a notebook.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        If a window holds NaN, or an argument is not allowed.

    Examples
    --------
    >>> from gru_lib.data.series import windows
    >>> from gru_lib.models import Forecaster, train_forecaster
    >>> import numpy as np
    >>> wave = windows(np.sin(np.arange(300) / 4), past=24, future=6)
    >>> model = Forecaster(1, 6, hidden_size=8)
    >>> history = train_forecaster(model, wave, wave, seed=0, epochs=10, progress=False)
    >>> history.valid_loss[-1] < history.valid_loss[0]
    True
    """
    rows = _tensors(train)
    count = len(train.target)
    drawn = min(windows_per_epoch or count, count)
    batches = -(-drawn // require_positive_integer("batch_size", batch_size))

    def draw(epoch: int) -> list[tuple[Tensor, ...]]:
        chosen = torch.randperm(count)[:drawn].split(batch_size)
        return [tuple(tensor[some] for tensor in rows) for some in chosen]

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, int]:
        past, known, target = batch
        answer = model(past, known)
        if model.levels is not None:
            return pinball_loss(answer, target, model.levels), len(target)
        error = answer - target
        return (error.square() if squared else error.abs()).mean(), len(target)

    return fit_one_cycle(
        model,
        loss,
        draw,
        batches_an_epoch=batches,
        valid_batches=list(zip(*(tensor.split(512) for tensor in _tensors(valid)), strict=True)),
        epochs=epochs,
        learning_rate=learning_rate,
        seed=seed,
        device=device,
        progress=progress,
    )


@torch.no_grad()
def forecast(model: nn.Module, cut: Windows) -> np.ndarray:
    """What a model says of the future of each window.

    Parameters
    ----------
    model : torch.nn.Module
        Put into evaluation mode.
    cut : Windows
        The targets in it are not looked at.

    Returns
    -------
    np.ndarray of float32, shape (count, horizon) or (count, horizon, levels)
        Quantiles are put in order, which never makes them worse.

    Examples
    --------
    >>> from gru_lib.data.series import windows
    >>> from gru_lib.models import Forecaster, forecast
    >>> import numpy as np
    >>> forecast(Forecaster(1, 6, hidden_size=8), windows(np.zeros(40), 24, 6)).shape
    (11, 6)
    """
    model.eval()
    device = next(model.parameters()).device
    past, known, _ = _tensors(cut)
    answers = [
        model(some.to(device), other.to(device)).cpu()
        for some, other in zip(past.split(512), known.split(512), strict=True)
    ]
    answer = torch.cat(answers)
    return (answer if model.levels is None else answer.sort(dim=-1).values).numpy()


def _tensors(cut: Windows) -> tuple[Tensor, Tensor, Tensor]:
    if any(np.isnan(part).any() for part in (cut.past, cut.known, cut.target)):
        raise ValueError("the windows hold NaN; cut them with gru_lib.data.series.windows")
    return tuple(
        torch.as_tensor(part, dtype=torch.float32) for part in (cut.past, cut.known, cut.target)
    )


def _require_levels(levels: Sequence[float]) -> tuple[float, ...]:
    levels = tuple(float(level) for level in levels)
    if not levels or not all(0 < level < 1 for level in levels):
        raise ValueError(f"levels is {levels}; expected numbers in (0, 1)")
    if list(levels) != sorted(set(levels)):
        raise ValueError(f"levels is {levels}; expected rising numbers")
    return levels
