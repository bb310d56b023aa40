"""Loads, cuts by time, scaling and windows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gru_lib.data import series
from gru_lib.data.series import Scale, best_forecast, simulate_load, split_by_time, windows

TOWN = simulate_load(days=730, rng=0)


def test_the_noise_is_what_it_is_said_to_be():
    noise = TOWN.load - TOWN.expected
    new = noise[1:] - series.PERSISTENCE * noise[:-1]
    assert new.std() == pytest.approx(series.INNOVATION, rel=0.02)
    assert abs(np.corrcoef(new[1:], new[:-1])[0, 1]) < 0.02
    assert noise.std() == pytest.approx(1 / np.sqrt(1 - series.PERSISTENCE**2), rel=0.1)


def test_the_best_forecast_is_as_good_as_theory_says():
    starts = np.arange(200, 17000, 3)
    error = TOWN.load[starts[:, None] + np.arange(24)] - best_forecast(TOWN, starts, 24)
    variance = np.cumsum(series.PERSISTENCE ** (2 * np.arange(24)))
    assert error.std(axis=0) == pytest.approx(np.sqrt(variance), rel=0.05)


@pytest.mark.parametrize("share", [0.8, 0.9, 1.0])
def test_no_other_fading_is_better(share):
    starts = np.arange(200, 17000)
    hours = starts[:, None] + np.arange(24)
    noise = (TOWN.load - TOWN.expected)[starts - 1][:, None]
    other = TOWN.expected[hours] + noise * share ** np.arange(1, 25)
    best = np.abs(TOWN.load[hours] - best_forecast(TOWN, starts, 24)).mean()
    assert np.abs(TOWN.load[hours] - other).mean() > best


def test_the_town_has_days_weeks_holidays_and_growth():
    assert TOWN.hour[:25].tolist() == [*range(24), 0]
    assert TOWN.weekday[24 * 6] == 6 and TOWN.weekday[24 * 7] == 0
    assert TOWN.holiday[:24].all() and not TOWN.holiday[24:48].any()
    workday, sunday = (TOWN.load[(TOWN.weekday == day) & ~TOWN.holiday].mean() for day in (1, 6))
    assert workday > sunday + 3
    growing = simulate_load(days=730, rng=0, growth=30.0)
    assert growing.load[-1] - TOWN.load[-1] == pytest.approx(60, rel=0.01)
    again = simulate_load(days=730, rng=0)
    assert all(np.array_equal(a, b) for a, b in zip(again, TOWN, strict=True))


def test_heating_below_and_cooling_above():
    noon = (TOWN.hour == 13) & (TOWN.weekday < 5) & ~TOWN.holiday
    warm, mild, cold = (
        TOWN.expected[noon & (low <= TOWN.temperature) & (high > TOWN.temperature)].mean()
        for low, high in ((27, 40), (18, 20), (-20, 2))
    )
    assert warm > mild + 5 and cold > mild + 5


def test_the_calendar():
    table = series.calendar(TOWN)
    assert table.shape == (17520, 6)
    assert np.array_equal(table[:, 4] == 1, (TOWN.weekday < 5) & ~TOWN.holiday)
    assert np.allclose(table[:, 0] ** 2 + table[:, 1] ** 2, 1)
    assert np.allclose(table[:24, :4], series.daily_waves(range(24)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(starts=[0], future=24), r"starts go from 0 to 0; expected 1 to 17496"),
        (dict(starts=[17500], future=24), r"expected 1 to 17496"),
        (dict(starts=[5], future=0), r"future is 0"),
    ],
)
def test_bad_starts(arguments, message):
    with pytest.raises(ValueError, match=message):
        best_forecast(TOWN, **arguments)


def test_bad_days():
    with pytest.raises(ValueError, match="days is 0"):
        simulate_load(days=0)


@given(
    length=st.integers(30, 400),
    gap=st.integers(0, 3),
    cuts=st.tuples(st.integers(2, 6), st.integers(2, 6), st.integers(2, 6)),
)
def test_parts_follow_each_other(length, gap, cuts):
    shares = [share / sum(cuts) for share in cuts]
    parts = split_by_time(length, shares, gap)
    assert parts.train.start == 0 and parts.test.stop == length
    assert parts.valid.start == parts.train.stop + gap
    assert parts.test.start == parts.valid.stop + gap


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((100, (0.5, 0.5)), "three positive numbers"),
        ((100, (0.5, 0.5, 0.5)), "sum of at most 1"),
        ((100, (0.5, 0.5, 0.0)), "three positive numbers"),
        ((100, (0.6, 0.2, 0.2), -1), "gap is -1"),
        ((100, (0.6, 0.2, 0.2), 20), "valid would be empty"),
    ],
)
def test_bad_splits(arguments, message):
    with pytest.raises(ValueError, match=message):
        split_by_time(*arguments)


def test_the_scale_is_that_of_training():
    train = np.array([[1.0, 10.0], [3.0, np.nan], [5.0, 30.0]])
    scale = Scale.of(train)
    assert scale.mean.tolist() == [3, 20] and scale.std[1] == 10
    later = np.array([[100.0, -5.0]])
    assert np.allclose(scale.undo(scale.apply(later)), later)
    with pytest.raises(ValueError, match="constant"):
        Scale.of([2.0, 2.0])


@settings(deadline=None)
@given(
    steps=st.integers(5, 60),
    past=st.integers(1, 6),
    future=st.integers(1, 5),
    every=st.integers(1, 4),
    first=st.integers(0, 5),
    gaps=st.sets(st.integers(0, 59), max_size=3),
)
def test_windows_as_by_hand(steps, past, future, every, first, gaps):
    load = np.arange(float(steps))
    load[[gap for gap in gaps if gap < steps]] = np.nan
    beside = np.stack([np.arange(steps) * 10.0, np.arange(steps) * 100.0], axis=1)
    part = slice(first, steps - 1)
    starts = range(first + past, steps - 1 - future + 1, every)
    whole = [s for s in starts if not np.isnan(load[s - past : s + future]).any()]
    if not whole:
        with pytest.raises(ValueError, match=r"one window takes|has a missing value"):
            windows(load, past, future, features=beside, part=part, every=every)
        return
    cut = windows(load, past, future, features=beside, part=part, every=every)
    assert cut.start.tolist() == whole and cut.left_out == len(starts) - len(whole)
    for row, s in enumerate(whole):
        assert np.array_equal(cut.past[row, :, 0], load[s - past : s])
        assert np.array_equal(cut.past[row, :, 1:], beside[s - past : s])
        assert np.array_equal(cut.known[row], beside[s : s + future])
        assert np.array_equal(cut.target[row], load[s : s + future])


def test_no_window_straddles_the_cuts():
    parts = split_by_time(1000, (0.6, 0.2, 0.2), gap=24)
    cuts = [windows(np.arange(1000.0), 48, 24, part=part) for part in parts]
    seen = [set(cut.past.ravel()) | set(cut.target.ravel()) for cut in cuts]
    assert not seen[0] & seen[1] and not seen[1] & seen[2]
    assert max(seen[0]) + 24 < min(seen[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(series=np.zeros((5, 2))), r"series has shape \(5, 2\)"),
        (
            dict(features=np.zeros((9, 1))),
            r"features has shape \(9, 1\); expected \(10, features\)",
        ),
        (dict(past=9, future=2), r"10 steps; one window takes past \+ future = 9 \+ 2 = 11"),
        (dict(part=slice(8, 3)), "the part has 0 steps"),
        (dict(gaps="fill"), "gaps is 'fill'"),
        (dict(past=0), "past is 0"),
        (dict(every=0), "every is 0"),
        (dict(series=[np.nan] * 10), "each of the 7 windows has a missing value"),
        (dict(series=[0.0] * 4 + [np.nan] + [0.0] * 5, gaps="error"), "1 of 10 steps.*steps 4;"),
    ],
)
def test_bad_windows(options, message):
    arguments = dict(series=np.zeros(10), past=3, future=1) | options
    with pytest.raises(ValueError, match=message):
        windows(**arguments)


def test_joined_windows():
    one, other = (windows(np.arange(n) + 0.0, 3, 2) for n in (6, 10))
    both = series.join_windows([one, other])
    assert np.array_equal(both.target, np.concatenate([one.target, other.target]))
    assert both.left_out == 0


def test_italian_days():
    days = series.italy_power()
    assert days.shape == (1096, 24) and np.isfinite(days).all()
    assert np.abs(days.mean(axis=1)).max() < 1e-6
    assert np.allclose(days.std(axis=1, ddof=1), 1, atol=1e-4)


def test_the_transformer(full_tier):
    data = series.transformer_load()
    assert data.values.shape == (17420, 7)
    assert data.names == ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")
    assert data.hour[:25].tolist() == [*range(24), 0]
    assert np.isfinite(data.values).all()
    assert data.values[0].round(3).tolist() == [5.827, 2.009, 1.599, 0.462, 4.203, 1.34, 30.531]
