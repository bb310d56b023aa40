"""Hourly loads of the power grid: one simulated, so that the best forecast is known, and two real.

What every chapter on series needs is here as well: cutting by time, scaling by the training part
alone, and windows of a past and a future that leave gaps out.
"""

import csv
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gru_lib._checks import require_generator, require_positive_integer
from gru_lib.data._packages import needed_by
from gru_lib.data.registry import fetch

#: Share of its excess over the expected load that lasts from one hour to the next.
PERSISTENCE = 0.95
#: Standard deviation of what is new in each hour, in MW.
INNOVATION = 1.0
#: Hours after which the walls of the buildings have followed a change of the weather by 63 %.
INERTIA = 36.0

_HOLIDAYS = (0, 5, 88, 91, 120, 139, 226, 275, 304, 358, 359)  # days of the year


class HourlyLoad(NamedTuple):
    """A simulated load, hour by hour, and what made it.

    Parameters
    ----------
    load : np.ndarray, shape (hours,)
        In MW.
    temperature : np.ndarray, shape (hours,)
        Outside, in degrees Celsius.
    hour, weekday : np.ndarray of int, shape (hours,)
        0 to 23, and 0 (Monday) to 6.
    holiday : np.ndarray of bool, shape (hours,)
        Whether the day is a public holiday.
    expected : np.ndarray, shape (hours,)
        The load that calendar and weather alone would make.

    Examples
    --------
    >>> from gru_lib.data.series import simulate_load
    >>> town = simulate_load(days=730, rng=0)
    >>> town.load.shape, round(float(town.load.mean()))
    ((17520,), 89)
    """

    #: In MW.
    load: np.ndarray
    #: In degrees Celsius.
    temperature: np.ndarray
    #: 0 to 23.
    hour: np.ndarray
    #: 0 is Monday.
    weekday: np.ndarray
    #: Public holidays.
    holiday: np.ndarray
    #: Without the noise.
    expected: np.ndarray


def simulate_load(
    days: int = 730, rng: int | np.random.Generator | None = None, *, growth: float = 0.0
) -> HourlyLoad:
    """A town's load: habits, weather, and noise that lasts.

    The load is the sum of a shape of the day (one for workdays, one for Saturdays, one for Sundays
    and holidays), heating below 15 degrees and cooling above 21, and noise. Heating follows the
    weather late, as the walls do: it depends on the temperature smoothed with a time constant of
    :data:`INERTIA` hours, and by day more than by night. The noise is autoregressive of order one,
    with the coefficient :data:`PERSISTENCE` and innovations of :data:`INNOVATION` MW, so that
    :func:`best_forecast` is the best one there is.

    Parameters
    ----------
    days : int, default 730
        From 1 January on, a Monday.
    rng : int, np.random.Generator or None
        Source of weather and noise.
    growth : float, default 0.0
        By how many MW a year the load rises.

    Returns
    -------
    HourlyLoad

    Raises
    ------
    TypeError, ValueError
        If ``days`` is no whole number of at least 1, or ``rng`` is none of these.

    Examples
    --------
    >>> from gru_lib.data.series import simulate_load
    >>> town = simulate_load(days=7, rng=0)
    >>> town.hour[:3].tolist(), town.weekday[::24].tolist()
    ([0, 1, 2], [0, 1, 2, 3, 4, 5, 6])
    """
    require_positive_integer("days", days)
    rng = require_generator(rng)
    time = np.arange(24 * days)
    hour, day = time % 24, time // 24
    weekday, holiday = day % 7, np.isin(day % 365, _HOLIDAYS)
    season = -np.cos(2 * np.pi * (time / 24 - 20) / 365)
    by_day = -np.cos(2 * np.pi * (hour - 3) / 24)
    weather = _autoregression(0.985, 4.0 * np.sqrt(1 - 0.985**2), rng, len(time))
    temperature = 11.0 + 11.0 * season + 3.5 * by_day + weather
    felt = _smooth(temperature, INERTIA)
    awake = 1 / (1 + np.exp(-3 * (np.minimum(hour - 6, 22 - hour))))
    heating = 1.1 * np.maximum(15.0 - felt, 0) * (0.5 + 0.5 * awake)
    cooling = 2.2 * np.maximum(temperature - 21.0, 0) * (0.3 + 0.7 * awake)
    expected = 70.0 + _habits(hour, weekday, holiday) + heating + cooling
    expected = expected + growth * time / (24 * 365)
    load = expected + _autoregression(PERSISTENCE, INNOVATION, rng, len(time))
    return HourlyLoad(load, temperature, hour, weekday, holiday, expected)


def best_forecast(town: HourlyLoad, starts: ArrayLike, future: int) -> np.ndarray:
    """What somebody would forecast who knew how the simulation works and the weather to come.

    Of the noise in the hour before the forecast, ``PERSISTENCE ** k`` is left after k hours; all
    else about it is new and cannot be known. No forecast has a smaller expected error.

    Parameters
    ----------
    town : HourlyLoad
        As :func:`simulate_load` makes it.
    starts : array_like of int, shape (count,)
        First hour of each forecast, at least 1.
    future : int
        Hours to forecast.

    Returns
    -------
    np.ndarray, shape (count, future)

    Raises
    ------
    ValueError
        If a forecast would begin before hour 1 or end after the last hour.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.data.series import best_forecast, simulate_load
    >>> town = simulate_load(days=100, rng=0)
    >>> error = town.load[24:48] - best_forecast(town, [24], 24)[0]
    >>> error.shape
    (24,)
    """
    leads = np.arange(require_positive_integer("future", future))
    starts = np.asarray(starts)
    if starts.size and (starts.min() < 1 or starts.max() + future > len(town.load)):
        raise ValueError(
            f"starts go from {starts.min()} to {starts.max()}; expected 1 to "
            f"{len(town.load) - future}, so that {future} hours follow"
        )
    noise = (town.load - town.expected)[starts - 1]
    fading = PERSISTENCE ** (leads + 1.0)
    return town.expected[starts[:, None] + leads] + noise[:, None] * fading


def calendar(town: HourlyLoad) -> np.ndarray:
    """What a calendar says of each hour, as numbers between -1 and 1.

    Parameters
    ----------
    town : HourlyLoad
        Its hours, weekdays and holidays are read.

    Returns
    -------
    np.ndarray of float64, shape (hours, 6)
        Sine and cosine of the hour, once and twice a day; whether it is a workday; whether it is a
        Saturday.

    Examples
    --------
    >>> from gru_lib.data.series import calendar, simulate_load
    >>> calendar(simulate_load(days=7, rng=0))[6].round(2).tolist()  # Monday at six, a holiday
    [1.0, 0.0, 0.0, -1.0, 0.0, 0.0]
    """
    workday = (town.weekday < 5) & ~town.holiday
    saturday = (town.weekday == 5) & ~town.holiday
    return np.column_stack([daily_waves(town.hour), workday, saturday])


def daily_waves(hour: ArrayLike) -> np.ndarray:
    """The hour of the day as a place on two circles, so that 23 is next to 0.

    Parameters
    ----------
    hour : array_like, shape (steps,)
        0 to 23.

    Returns
    -------
    np.ndarray of float64, shape (steps, 4)
        Sine and cosine, once and twice a day.

    Examples
    --------
    >>> from gru_lib.data.series import daily_waves
    >>> daily_waves([0, 6]).round(2).tolist()
    [[0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, -1.0]]
    """
    angle = 2 * np.pi * np.asarray(hour) / 24
    return np.stack([np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)], axis=1)


class TimeSplit(NamedTuple):
    """Three stretches of a series, one after the other.

    Parameters
    ----------
    train, valid, test : slice
        Of the steps of the series.

    Examples
    --------
    >>> from gru_lib.data.series import split_by_time
    >>> split_by_time(1000, (0.6, 0.2, 0.2), gap=24).valid
    slice(624, 800, None)
    """

    #: To learn from.
    train: slice
    #: To choose by.
    valid: slice
    #: To report.
    test: slice


def split_by_time(length: int, shares: Sequence[float], gap: int = 0) -> TimeSplit:
    """Cut a series into training, validation and test, in this order.

    Parameters
    ----------
    length : int
        Steps of the series.
    shares : sequence of three floats
        How much of it each part gets; their sum is at most 1.
    gap : int, default 0
        Steps left out at the beginning of validation and test, so that nothing that happens just
        after one part is in the next.

    Returns
    -------
    TimeSplit

    Raises
    ------
    ValueError
        If the shares are no three positive numbers with a sum of at most 1, ``gap`` is negative,
        or a part would be empty.

    Examples
    --------
    >>> from gru_lib.data.series import split_by_time
    >>> split_by_time(100, (0.6, 0.2, 0.2))
    TimeSplit(train=slice(0, 60, None), valid=slice(60, 80, None), test=slice(80, 100, None))
    """
    require_positive_integer("length", length)
    if len(shares) != 3 or min(shares) <= 0 or sum(shares) > 1 + 1e-9:
        raise ValueError(
            f"shares is {tuple(shares)}; expected three positive numbers with a sum of at most 1"
        )
    if gap < 0:
        raise ValueError(f"gap is {gap}; expected at least 0")
    ends = [round(length * share) for share in np.cumsum(shares)]
    parts = TimeSplit(
        slice(0, ends[0]), slice(ends[0] + gap, ends[1]), slice(ends[1] + gap, ends[2])
    )
    for name, part in zip(parts._fields, parts, strict=True):
        if part.stop <= part.start:
            raise ValueError(
                f"{name} would be empty: {length} steps with shares {tuple(shares)} "
                f"and a gap of {gap}"
            )
    return parts


class Scale(NamedTuple):
    """Mean and standard deviation of the training part, to be used on all parts.

    Parameters
    ----------
    mean, std : np.ndarray
        One for each column, or one for a single series.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.data.series import Scale
    >>> scale = Scale.of(np.array([1.0, 3.0, np.nan]))
    >>> scale.apply(np.array([5.0])).tolist(), scale.undo(np.array([3.0])).tolist()
    ([3.0], [5.0])
    """

    #: Of each column.
    mean: np.ndarray
    #: Of each column.
    std: np.ndarray

    @classmethod
    def of(cls, train: ArrayLike) -> "Scale":
        """Of what is given, which is the training part; NaN is passed over."""
        train = np.asarray(train, dtype=float)
        std = np.nanstd(train, axis=0)
        if not np.all(std > 0):
            raise ValueError("a column of train is constant; it cannot be scaled and says nothing")
        return cls(np.nanmean(train, axis=0), std)

    def apply(self, values: ArrayLike) -> np.ndarray:
        """From units to standard deviations."""
        return (np.asarray(values) - self.mean) / self.std

    def undo(self, scaled: ArrayLike) -> np.ndarray:
        """From standard deviations to units."""
        return np.asarray(scaled) * self.std + self.mean


class Windows(NamedTuple):
    """Pasts and futures, cut from one stretch of a series.

    Parameters
    ----------
    past : np.ndarray, shape (count, past, 1 + features)
        The series, and beside it the features of the same steps.
    known : np.ndarray, shape (count, future, features)
        Features of the steps to come.
    target : np.ndarray, shape (count, future)
        The series in the steps to come.
    start : np.ndarray of int, shape (count,)
        The first step of each future, counted in the whole series.
    left_out : int
        Windows that were not taken because a value in them is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.data.series import windows
    >>> cut = windows(np.arange(6.0), past=3, future=2)
    >>> cut.past[:, :, 0].tolist(), cut.target.tolist()
    ([[0.0, 1.0, 2.0], [1.0, 2.0, 3.0]], [[3.0, 4.0], [4.0, 5.0]])
    """

    #: What is read.
    past: np.ndarray
    #: What is known of the future.
    known: np.ndarray
    #: What is to be said.
    target: np.ndarray
    #: First step of the future.
    start: np.ndarray
    #: Because of gaps.
    left_out: int


def windows(
    series: ArrayLike,
    past: int,
    future: int,
    *,
    features: ArrayLike | None = None,
    part: slice | None = None,
    every: int = 1,
    gaps: str = "leave out",
) -> Windows:
    """Cut one part of a series into windows that stay inside it.

    Parameters
    ----------
    series : array_like, shape (steps,)
        What is forecast, already scaled; NaN where a value is missing.
    past, future : int
        Steps to read and steps to forecast.
    features : array_like, shape (steps, features), optional
        What is known of every step in advance: calendar, forecast of the weather.
    part : slice, optional
        The stretch to cut; past and future both lie inside it. By default the whole series.
    every : int, default 1
        Steps from one window to the next.
    gaps : str, default "leave out"
        What happens to a window with a missing value: it is left out and counted, or with
        ``"error"`` refused.

    Returns
    -------
    Windows

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed, the part is too short for one window, every window has a
        gap, or with ``gaps="error"`` any.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.data.series import windows
    >>> cut = windows([0.0, 1.0, np.nan, 3.0, 4.0, 5.0], past=2, future=1)
    >>> cut.start.tolist(), cut.left_out
    ([5], 3)
    """
    past, future = (
        require_positive_integer(name, value)
        for name, value in (("past", past), ("future", future))
    )
    every = require_positive_integer("every", every)
    if gaps not in ("leave out", "error"):
        raise ValueError(f"gaps is {gaps!r}; expected 'leave out' or 'error'")
    series = np.asarray(series, dtype=float)
    if series.ndim != 1:
        raise ValueError(f"series has shape {series.shape}; expected (steps,)")
    features = np.empty((len(series), 0)) if features is None else np.asarray(features, dtype=float)
    if features.ndim != 2 or len(features) != len(series):
        raise ValueError(
            f"features has shape {features.shape}; expected ({len(series)}, features), "
            "a row for each step of series"
        )
    first, stop, _ = (part or slice(None)).indices(len(series))
    if stop - first < past + future:
        raise ValueError(
            f"the part has {max(stop - first, 0)} steps; one window takes "
            f"past + future = {past} + {future} = {past + future}"
        )
    start = np.arange(first + past, stop - future + 1, every)
    whole = np.column_stack([series, features])
    missing = np.concatenate([[0], np.cumsum(np.isnan(whole).any(axis=1))])
    complete = missing[start + future] == missing[start - past]
    if gaps == "error" and not complete.all():
        gone = first + np.flatnonzero(np.isnan(whole[first:stop]).any(axis=1))
        raise ValueError(
            f"{len(gone)} of {stop - first} steps have a missing value, the first are steps "
            f"{', '.join(map(str, gone[:5]))}; fill them, or leave their windows out"
        )
    if not complete.any():
        raise ValueError(
            f"each of the {len(start)} windows has a missing value; take shorter ones than "
            f"past + future = {past + future} steps"
        )
    start = start[complete]
    before = start[:, None] + np.arange(-past, 0)
    after = start[:, None] + np.arange(future)
    return Windows(whole[before], features[after], series[after], start, int((~complete).sum()))


def join_windows(cuts: Sequence[Windows]) -> Windows:
    """Windows of several series, one series after the other, for a model that they share.

    Parameters
    ----------
    cuts : sequence of Windows
        Of equal past, future and features; at least one.

    Returns
    -------
    Windows

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.data.series import join_windows, windows
    >>> one, other = (windows(np.arange(n), past=3, future=2) for n in (6, 10))
    >>> join_windows([one, other]).past.shape
    (8, 3, 1)
    """
    arrays = (np.concatenate(parts) for parts in zip(*(cut[:4] for cut in cuts), strict=True))
    return Windows(*arrays, sum(cut.left_out for cut in cuts))


def italy_power() -> np.ndarray:
    """Electricity use in Italy, 1,096 days of 24 hours, each day scaled to mean 0 and deviation 1.

    The set ItalyPowerDemand of the UCR archive (Dau et al., 2019), both its parts, as the package
    sktime holds it. The days are in no order and say nothing of their dates, so that tomorrow
    cannot be forecast; hours of a day can. Because each day was scaled as a whole, its first hours
    tell the mean of the others. Licence: sktime is under BSD-3-Clause; the archive names none that
    we know of.

    Returns
    -------
    np.ndarray of float64, shape (1096, 24)

    Raises
    ------
    ImportError
        If sktime is not installed.

    Examples
    --------
    >>> from gru_lib.data.series import italy_power
    >>> days = italy_power()
    >>> days.shape, float(abs(days.mean(axis=1)).max()) < 1e-6
    ((1096, 24), True)
    """
    with needed_by("italy_power", "sktime"):
        from sktime.datasets import load_italy_power_demand
    days, _ = load_italy_power_demand(return_type="numpy3D")
    return days[:, 0, :]


class TransformerLoad(NamedTuple):
    """Two years of a transformer, hour by hour.

    Parameters
    ----------
    values : np.ndarray, shape (17420, 7)
        Six loads and the temperature of the oil.
    names : tuple of str
        Of the columns.
    hour : np.ndarray of int, shape (17420,)
        Hour of the day.

    Examples
    --------
    >>> from gru_lib.data.series import transformer_load
    >>> transformer_load().values.shape  # doctest: +SKIP
    (17420, 7)
    """

    #: Loads and oil temperature.
    values: np.ndarray
    #: Columns.
    names: tuple[str, ...]
    #: Of the day.
    hour: np.ndarray


def transformer_load() -> TransformerLoad:
    """ETTh1: load and oil temperature of a transformer in China, July 2016 to June 2018.

    Zhou et al. (2021), from https://github.com/zhouhaoyi/ETDataset, licence CC BY-ND 4.0; fetched
    on request, see :mod:`gru_lib.data.registry`. The first letter of a load says how high its
    voltage is (high, middle, low), the second whether it is useful (U) or useless (U, L), as the
    authors call it.

    Returns
    -------
    TransformerLoad

    Raises
    ------
    ImportError, OSError
        If the data are not there and cannot be fetched.

    Examples
    --------
    >>> from gru_lib.data.series import transformer_load
    >>> transformer_load().names[-1]  # doctest: +SKIP
    'OT'
    """
    with open(fetch("etth1") / "ETTh1.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    values = np.array([row[1:] for row in rows[1:]], dtype=float)
    hour = np.array([int(row[0][11:13]) for row in rows[1:]])
    return TransformerLoad(values, tuple(rows[0][1:]), hour)


#: Parts of ETTh1 as the papers take them, twelve, four and four months of thirty days each.
PAPERS_SPLIT = TimeSplit(slice(0, 8640), slice(8640, 11520), slice(11520, 14400))


def _autoregression(
    persistence: float, innovation: float, rng: np.random.Generator, steps: int
) -> np.ndarray:
    """Noise of which a share stays from step to step; it begins as it goes on."""
    new = rng.normal(0.0, innovation, size=steps)
    new[0] /= np.sqrt(1 - persistence**2)
    noise = np.empty(steps)
    value = 0.0
    for step, change in enumerate(new):
        value = noise[step] = persistence * value + change
    return noise


def _smooth(values: np.ndarray, hours: float) -> np.ndarray:
    """Follows the values late: exponential smoothing with a time constant."""
    share = 1 - np.exp(-1 / hours)
    smoothed = np.empty_like(values)
    level = values[:24].mean()
    for step, value in enumerate(values):
        level = smoothed[step] = level + share * (value - level)
    return smoothed


def _habits(hour: np.ndarray, weekday: np.ndarray, holiday: np.ndarray) -> np.ndarray:
    """What people do at each hour of each kind of day, in MW."""

    def bump(middle: float, width: float) -> np.ndarray:
        away = (hour - middle + 12) % 24 - 12
        return np.exp(-0.5 * (away / width) ** 2)

    workday = 22 * bump(9, 2.5) + 14 * bump(14, 3) + 20 * bump(19, 2)
    saturday = 12 * bump(11, 3) + 8 * bump(15, 3) + 17 * bump(19.5, 2)
    sunday = 8 * bump(12, 2.5) + 15 * bump(20, 2)
    kinds = [(weekday == 6) | holiday, weekday == 5]
    return np.select(kinds, [sunday, saturday], workday)
