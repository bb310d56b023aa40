"""Exercises of chapter 21, `energy`."""

import numpy as np

from gru_lib.exercises.checker import Exercise, WrongAnswer

# --- seasonal-naive -------------------------------------------------------------------------


def seasonal_naive(load, future, season):
    """Each of the next steps as one season ago; where that is missing, two, ..."""
    forecast = np.empty(future)
    for step in range(future):
        source = len(load) + step - season
        while source >= len(load) or np.isnan(load[source]):
            source -= season  # not yet known, or a gap: one season earlier
        forecast[step] = load[source]
    return forecast


def _naive(load, future, season, gap):
    """One season back; what a gap is replaced by is up to the caller."""
    steps = len(load) + np.arange(future) - season
    while (steps >= len(load)).any():
        steps = np.where(steps >= len(load), steps - season, steps)
    values = load[steps]
    return np.where(np.isnan(values), gap(load), values)


def _last_known(load):
    return load[~np.isnan(load)][-1]


def _hour_before(load, future, season):
    filled = load.copy()
    for step in range(1, len(load)):
        if np.isnan(filled[step]):
            filled[step] = filled[step - 1]
    return seasonal_naive(filled, future, season)


def _naive_cases(rng):
    cases = []
    for season, future in ((4, 4), (5, 8), (3, 7)):
        load = rng.uniform(50, 90, size=4 * season).round(1)
        load[-2] = load[-2 - season] = np.nan
        cases.append((load, future, season))
    return cases


SEASONAL_NAIVE = Exercise(
    name="applications/seasonal-naive",
    chapter="energy",
    task="Forecast like last week, with gaps in the past.",
    reference=seasonal_naive,
    cases=_naive_cases,
    wrong_answers=(
        WrongAnswer(
            "zero for a gap",
            lambda load, future, season: _naive(load, future, season, lambda some: 0.0),
            "A gap became a load of zero, which nobody has seen. Go back one more season.",
        ),
        WrongAnswer(
            "mean for a gap",
            lambda load, future, season: _naive(load, future, season, np.nanmean),
            "A gap became the mean of the series. The same hour one season earlier knows more.",
        ),
        WrongAnswer(
            "last value for a gap",
            lambda load, future, season: _naive(load, future, season, _last_known),
            "A gap became the last known value, which belongs to another hour.",
        ),
        WrongAnswer(
            "the hour before",
            _hour_before,
            "You filled a gap with the step before it. Here the source is the same hour one season "
            "earlier.",
        ),
        WrongAnswer(
            "last value",
            lambda load, future, season: np.full(future, _last_known(load)),
            "That repeats the last value: the other naive forecast. This one knows the season.",
        ),
    ),
    hints=(
        "The step after the last has the index len(load). One season earlier: minus season.",
        "With future > season, one season back may not have happened yet: go back further.",
        "while source >= len(load) or np.isnan(load[source]): source -= season",
    ),
)

# --- window-starts --------------------------------------------------------------------------


def window_starts(first, stop, past, future):
    """First step of the future of every window inside steps first to stop - 1."""
    return np.arange(first + past, stop - future + 1)


WINDOW_STARTS = Exercise(
    name="applications/window-starts",
    chapter="energy",
    task="Cut windows that do not straddle the cut.",
    reference=window_starts,
    cases=lambda rng: [
        (int(first), int(first + length), int(past), int(future))
        for first, length, past, future in zip(
            rng.integers(5, 30, size=3),
            (9, 14, 20),
            rng.integers(3, 5, size=3),
            rng.integers(2, 4, size=3),
            strict=True,
        )
    ],
    wrong_answers=(
        WrongAnswer(
            "past from the part before",
            lambda first, stop, past, future: np.arange(first, stop - future + 1),
            "The first windows read steps of the part before: the past must lie inside, too.",
        ),
        WrongAnswer(
            "one too few",
            lambda first, stop, past, future: np.arange(first + past, stop - future),
            "One window is missing at the end: its future may end with the last step.",
        ),
        WrongAnswer(
            "future beyond the end",
            lambda first, stop, past, future: np.arange(first + past, stop),
            "The last windows have futures that run into the next part. That is the leak.",
        ),
        WrongAnswer(
            "start of the past",
            lambda first, stop, past, future: np.arange(first, stop - past - future + 1),
            "That is where the pasts begin. Asked is the first step of each future.",
        ),
    ),
    hints=(
        "The earliest future begins when a whole past has gone by since `first`.",
        "The latest ends with step stop - 1, so it begins with stop - future.",
        "np.arange leaves out its end.",
    ),
)

# --- scale-by-train -------------------------------------------------------------------------


def scale_by_train(load, train):
    """Standardise a series; only its first `train` steps may decide how."""
    seen = load[:train]
    return (load - seen.mean()) / seen.std()


def _scale_by_all(load, train):
    """Standardise a series; only its first `train` steps may decide how."""
    return (load - load.mean()) / load.std()


def _each_by_itself(load, train):
    return np.concatenate([_scale_by_all(part, train) for part in (load[:train], load[train:])])


SCALE_BY_TRAIN = Exercise(
    name="applications/scale-by-train",
    chapter="energy",
    task="Repair a scaling that has seen the test.",
    reference=scale_by_train,
    cases=lambda rng: [
        ((rng.normal(60, 8, size=steps) + np.arange(steps)).round(1), train)
        for steps, train in ((12, 6), (15, 9), (10, 7))
    ],
    wrong_answers=(
        WrongAnswer(
            "by everything",
            _scale_by_all,
            "Mean and deviation still come from the whole series, test included.",
        ),
        WrongAnswer(
            "each part by itself",
            _each_by_itself,
            "The test was scaled with its own mean and deviation. That needs the whole test before "
            "the first forecast, and hides any growth.",
        ),
        WrongAnswer(
            "deviation of everything",
            lambda load, train: (load - load[:train].mean()) / load.std(),
            "The mean is right, but the deviation still comes from the whole series.",
        ),
        WrongAnswer(
            "training part only",
            lambda load, train: scale_by_train(load[:train], train),
            "The rest has to be scaled as well, with the numbers of the training part.",
        ),
    ),
    hints=(
        "Which steps do load.mean() and load.std() look at?",
        "Take both from load[:train], and apply them to all of load.",
    ),
    broken="by everything",
)

# --- best-error -----------------------------------------------------------------------------


def best_error(persistence, innovation, lead):
    """Standard deviation of the best forecast's error, `lead` steps ahead."""
    # what is new in step j before the target arrives weakened by persistence ** j
    arrived = innovation * persistence ** np.arange(lead)
    return np.sqrt((arrived**2).sum())


BEST_ERROR = Exercise(
    name="applications/best-error",
    chapter="energy",
    task="Derive how good a forecast can be.",
    reference=best_error,
    cases=lambda rng: [
        (round(float(rng.uniform(0.5, 0.95)), 2), round(float(rng.uniform(1.2, 3)), 1), lead)
        for lead in (1, 4, 24)
    ],
    wrong_answers=(
        WrongAnswer(
            "random walk",
            lambda persistence, innovation, lead: innovation * np.sqrt(lead),
            "That is a random walk, where nothing fades. Here a share is lost in each step.",
        ),
        WrongAnswer(
            "what is left",
            lambda persistence, innovation, lead: innovation * persistence**lead,
            "That falls with the lead: it is what is left of one innovation. The error grows.",
        ),
        WrongAnswer(
            "stationary",
            lambda persistence, innovation, lead: innovation / np.sqrt(1 - persistence**2),
            "That is the error far ahead, or of one who has not looked at the past at all.",
        ),
        WrongAnswer(
            "variance",
            lambda persistence, innovation, lead: best_error(persistence, innovation, lead) ** 2,
            "That is the variance. Asked is its square root.",
        ),
        WrongAnswer(
            "deviations added",
            lambda persistence, innovation, lead: (
                innovation * (persistence ** np.arange(lead)).sum()
            ),
            "Innovations are independent: their variances add up, not their deviations.",
        ),
        WrongAnswer(
            "one step late",
            lambda persistence, innovation, lead: best_error(persistence, innovation, lead + 1),
            "One step ahead, only one innovation is unknown: innovation itself is the answer.",
        ),
    ),
    hints=(
        "Write out two steps: e[t+2] = p (p e[t] + new[t+1]) + new[t+2]. What is not known at t?",
        "The newest arrives whole, the one before times p, the one before that times p ** 2.",
        "Variances of independent things add up.",
    ),
)

# --- pinball --------------------------------------------------------------------------------


def pinball(forecast, target, level):
    """Mean pinball loss of forecasts of one quantile."""
    above = target - forecast
    return np.where(above > 0, level * above, (level - 1) * above).mean()


PINBALL = Exercise(
    name="applications/pinball",
    chapter="energy",
    task="Price the forecast of a quantile.",
    reference=pinball,
    cases=lambda rng: [
        (
            rng.normal(60, 10, size=6).round(1),
            rng.normal(60, 10, size=6).round(1),
            float(rng.choice([0.05, 0.1, 0.8, 0.9])),
        )
        for _ in range(4)
    ],
    wrong_answers=(
        WrongAnswer(
            "level swapped",
            lambda forecast, target, level: pinball(forecast, target, 1 - level),
            "Your 90 % quantile pays for being too high. It should mostly be above what comes: too "
            "low must cost more.",
        ),
        WrongAnswer(
            "absolute error",
            lambda forecast, target, level: np.abs(target - forecast).mean(),
            "That costs the same on both sides; what you get with it is the median.",
        ),
        WrongAnswer(
            "half the absolute error",
            lambda forecast, target, level: pinball(forecast, target, 0.5),
            "The level has no effect in it: the sides must be weighted level to 1 - level.",
        ),
        WrongAnswer(
            "signs lost",
            lambda forecast, target, level: (level * (target - forecast)).mean(),
            "Misses on both sides cancel. A miss never earns anything.",
        ),
        WrongAnswer(
            "sum",
            lambda forecast, target, level: pinball(forecast, target, level) * len(target),
            "That is the sum. Take the mean, so that long and short series compare.",
        ),
    ),
    hints=(
        "If more came than was said, the miss is target - forecast and costs level of it.",
        "If less came, it costs 1 - level of forecast - target.",
        "Both in one: the larger of level * above and (level - 1) * above.",
    ),
)

# --- coverage-by-lead -----------------------------------------------------------------------


def coverage_by_lead(lower, upper, target):
    """Share of targets in the band, ends included; (windows, leads) to (leads,)."""
    inside = (lower <= target) & (target <= upper)
    return inside.mean(axis=0)


def _coverage_cases(rng):
    cases = []
    for windows, leads in ((8, 3), (10, 4), (12, 6)):
        target = rng.integers(40, 80, size=(windows, leads)).astype(float)
        lower = target + rng.integers(-9, 4, size=target.shape)
        upper = lower + rng.integers(3, 12, size=target.shape)
        lower[0], upper[0, 0] = target[0], target[0, 0]  # ends belong to the band
        upper[1] = lower[1] + 2
        target[1] = lower[1] + 3  # above it
        target[2] = lower[2] - 1  # below it
        cases.append((lower, np.maximum(upper, lower), target))
    return cases


COVERAGE_BY_LEAD = Exercise(
    name="applications/coverage-by-lead",
    chapter="energy",
    task="Measure whether a band keeps its promise.",
    reference=coverage_by_lead,
    cases=_coverage_cases,
    wrong_answers=(
        WrongAnswer(
            "ends left out",
            lambda lower, upper, target: ((lower < target) & (target < upper)).mean(axis=0),
            "A target exactly on the edge is in the band.",
        ),
        WrongAnswer(
            "one number",
            lambda lower, upper, target: coverage_by_lead(lower, upper, target).mean(),
            "That is the mean over all leads. A band can be right on average and wrong at each.",
        ),
        WrongAnswer(
            "by window",
            lambda lower, upper, target: coverage_by_lead(lower.T, upper.T, target.T),
            "You took the mean over the leads. Rows are windows: mean over axis 0.",
        ),
        WrongAnswer(
            "outside",
            lambda lower, upper, target: 1 - coverage_by_lead(lower, upper, target),
            "That is how often the band was missed.",
        ),
        WrongAnswer(
            "below the upper end",
            lambda lower, upper, target: (target <= upper).mean(axis=0),
            "You forgot the lower end.",
        ),
    ),
    hints=(
        "Two comparisons, joined with &.",
        "The mean of True and False is a share; axis=0 runs over the windows.",
    ),
)

# --- percentage-error -----------------------------------------------------------------------


def percentage_error(forecast, target):
    """Mean absolute error in per cent of the load, over hours that have a load."""
    has_load = target != 0
    error = np.abs(forecast - target)[has_load]
    return 100 * (error / np.abs(target[has_load])).mean()


def _percentage_cases(rng):
    cases = []
    for hours in (6, 9, 14):
        target = rng.integers(20, 90, size=hours).astype(float)
        forecast = (target * rng.uniform(0.7, 1.4, size=hours)).round(1)
        target[rng.integers(hours)] = 0.0
        cases.append((forecast, target))
    return cases


PERCENTAGE_ERROR = Exercise(
    name="applications/percentage-error",
    chapter="energy",
    task="Take percentages where there are any.",
    reference=percentage_error,
    cases=_percentage_cases,
    wrong_answers=(
        WrongAnswer(
            "a tiny number added",
            lambda forecast, target: 100 * np.mean(np.abs(forecast - target) / (target + 1e-8)),
            "One hour without a load now outweighs all others. An error in per cent of zero does "
            "not exist: leave these hours out.",
        ),
        WrongAnswer(
            "divided by all hours",
            lambda forecast, target: (
                percentage_error(forecast, target) * (target != 0).sum() / len(target)
            ),
            "Hours without a load count as perfect. Take the mean over the others only.",
        ),
        WrongAnswer(
            "of the forecast",
            lambda forecast, target: (
                100 * (np.abs(forecast - target) / forecast)[target != 0].mean()
            ),
            "You divided by the forecast: who forecasts too much would be rewarded.",
        ),
        WrongAnswer(
            "ratio of sums",
            lambda forecast, target: (
                100 * np.abs(forecast - target)[target != 0].sum() / target.sum()
            ),
            "That divides the sums: a good measure, but another one. Here each hour has its own "
            "percentage.",
        ),
        WrongAnswer(
            "signed",
            lambda forecast, target: (
                100 * ((forecast - target)[target != 0] / target[target != 0]).mean()
            ),
            "Too much and too little cancel: take absolute values.",
        ),
        WrongAnswer(
            "a share",
            lambda forecast, target: percentage_error(forecast, target) / 100,
            "That is a share. Per cent is a hundred times that.",
        ),
    ),
    hints=(
        "What does NumPy give for 5 / 0?",
        "Choose the hours first: has_load = target != 0.",
        "Then the mean of abs(forecast - target) / abs(target) over these, times 100.",
    ),
)

EXERCISES = (
    SEASONAL_NAIVE,
    WINDOW_STARTS,
    SCALE_BY_TRAIN,
    PERCENTAGE_ERROR,
    PINBALL,
    COVERAGE_BY_LEAD,
    BEST_ERROR,
)
