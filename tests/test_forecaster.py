"""Forecasters against their parts, and how bands are judged."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gru_lib.data.series import windows
from gru_lib.models import (
    Forecaster,
    WindowForecaster,
    coverage,
    forecast,
    pinball_loss,
    train_forecaster,
)

MAKES = {
    **{
        cell: lambda cell=cell, **options: Forecaster(3, 6, 5, cell=cell, known_size=2, **options)
        for cell in ("tanh", "GRU", "LSTM")
    },
    "window": lambda **options: WindowForecaster(3, 6, 5, window=8, known_size=2, **options),
    "linear": lambda **options: WindowForecaster(3, 6, 0, window=8, known_size=2, **options),
}


@pytest.mark.parametrize("name", MAKES)
def test_shapes(name):
    past, known = torch.randn(4, 8, 3), torch.randn(4, 6, 2)
    assert MAKES[name]()(past, known).shape == (4, 6)
    assert MAKES[name](levels=(0.1, 0.5, 0.9))(past, known).shape == (4, 6, 3)


@settings(deadline=None, max_examples=20)
@given(batch=st.integers(1, 4), steps=st.integers(1, 9), horizon=st.integers(1, 7))
def test_any_length_of_the_past(batch, steps, horizon):
    model = Forecaster(2, horizon, 4)
    assert model(torch.randn(batch, steps, 2)).shape == (batch, horizon)


def test_a_gru_forecaster_is_pytorchs_gru_and_two_layers():
    torch.manual_seed(0)
    model = Forecaster(3, 6, 5, known_size=2).double()
    oracle = nn.GRU(3, 5, batch_first=True).double()
    oracle.load_state_dict(model.recurrent.state_dict())
    past, known = torch.randn(4, 8, 3).double(), torch.randn(4, 6, 2).double()
    last = oracle(past)[1][0]
    for lead in range(6):
        both = torch.cat([last, known[:, lead]], dim=1)
        says = model.hourly(torch.relu(model.hidden(both)))[:, 0] + model.direct(last)[:, lead]
        assert torch.allclose(model(past, known)[:, lead], says, atol=1e-12)


def test_a_segment_is_read_at_once():
    torch.manual_seed(0)
    model = Forecaster(3, 6, 5, segment=4)
    past = torch.randn(2, 8, 3)
    days = past.reshape(2, 2, 12)
    assert torch.allclose(model.summary(past), model.recurrent(days)[1][0])
    with pytest.raises(ValueError, match="past has 9 steps; expected a multiple of 4"):
        model(torch.randn(2, 9, 3))


@pytest.mark.parametrize("anchor", [1, 3, 4])
@pytest.mark.parametrize("name", MAKES)
def test_an_anchored_forecast_follows_the_level(name, anchor):
    torch.manual_seed(0)
    model = MAKES[name](anchor=anchor).double()
    past, known = torch.randn(4, 8, 3).double(), torch.randn(4, 6, 2).double()
    higher = past.clone()
    higher[:, :, 0] += 1000
    assert torch.allclose(model(higher, known), model(past, known) + 1000, atol=1e-9)


def test_an_anchor_repeats_the_last_steps():
    model = Forecaster(1, 5, 4, anchor=2)
    nn.init.zeros_(model.direct.weight)
    nn.init.zeros_(model.direct.bias)
    past = torch.tensor([[[9.0], [7.0], [8.0]]])
    assert model(past).tolist() == [[7, 8, 7, 8, 7]]
    with pytest.raises(ValueError, match="past has 1 steps; expected at least 2"):
        model(past[:, :1])


def test_a_window_does_not_see_what_lies_before_it():
    model = MAKES["window"]()
    past, known = torch.randn(2, 12, 3), torch.randn(2, 6, 2)
    other = past.clone()
    other[:, :4] = 9
    assert torch.equal(model(other, known), model(past, known))
    with pytest.raises(ValueError, match="7 steps; this model was built for 8"):
        model(past[:, :7], known)


@pytest.mark.parametrize(
    ("past", "known", "message"),
    [
        ((4, 8, 2), (4, 6, 2), r"past has shape \(4, 8, 2\); expected \(batch, steps, 3\)"),
        ((8, 3), (4, 6, 2), r"past has shape \(8, 3\)"),
        ((4, 0, 3), (4, 6, 2), r"past has 0 steps"),
        ((4, 8, 3), (4, 5, 2), r"known has shape \(4, 5, 2\); expected \(4, 6, 2\)"),
        ((4, 8, 3), None, r"known has shape None"),
    ],
)
def test_bad_input(past, known, message):
    known = None if known is None else torch.zeros(known)
    with pytest.raises(ValueError, match=message):
        MAKES["GRU"]()(torch.zeros(past), known)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(cell="gru"), "cell is 'gru'"),
        (dict(levels=(0.5, 1.0)), r"levels is \(0.5, 1.0\)"),
        (dict(levels=(0.9, 0.1)), "expected rising numbers"),
        (dict(levels=()), "levels is"),
        (dict(anchor=0), "anchor is 0"),
        (dict(segment=0), "segment is 0"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        Forecaster(3, 6, 5, **options)


@pytest.mark.parametrize("level", [0.05, 0.3, 0.5, 0.9])
def test_the_quantile_minimises_the_pinball_loss(level):
    sample = torch.as_tensor(np.random.default_rng(0).gamma(2.0, size=4001))
    tried = torch.linspace(0, 8, 801, dtype=torch.float64)
    losses = [pinball_loss(t.expand(4001, 1), sample, [level]).item() for t in tried]
    best = tried[int(np.argmin(losses))].item()
    assert best == pytest.approx(np.quantile(sample, level), abs=0.02)


def test_the_median_costs_half_the_absolute_error():
    forecasts, target = torch.randn(5, 3, 1), torch.randn(5, 3)
    half = (forecasts[..., 0] - target).abs().mean() / 2
    assert pinball_loss(forecasts, target, [0.5]).item() == pytest.approx(half.item(), rel=1e-6)
    with pytest.raises(ValueError, match=r"forecast has shape \(5, 3\); expected \(5, 3, 1\)"):
        pinball_loss(forecasts[..., 0], target, [0.5])


def test_coverage_of_a_known_band():
    rng = np.random.default_rng(0)
    sample = rng.normal(size=(2000, 4))
    assert coverage(-1.2816 + 0 * sample, 1.2816 + 0 * sample, sample) == pytest.approx(
        0.8, abs=0.01
    )
    with pytest.raises(ValueError, match="lower lies above upper in 1 places"):
        coverage([1.0, 3.0], [2.0, 2.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="expected the same for all"):
        coverage([1.0], [2.0, 2.0], [1.0, 2.0])


def noisy_wave(steps=400):
    return np.sin(np.arange(steps) / 4) + 0.1 * np.random.default_rng(0).normal(size=steps)


def test_training_beats_the_last_value_and_repeats_itself():
    cut = windows(noisy_wave(), 16, 4)
    answers = []
    for _ in range(2):
        torch.manual_seed(0)
        model = Forecaster(1, 4, 8)
        train_forecaster(
            model, cut, cut, seed=0, epochs=30, batch_size=16, windows_per_epoch=200, progress=False
        )
        answers.append(forecast(model, cut))
    assert np.array_equal(*answers)
    error = np.abs(answers[0] - cut.target).mean()
    assert error < 0.6 * np.abs(cut.past[:, -1:, 0] - cut.target).mean()


def test_quantiles_come_in_order_and_cover():
    cut = windows(noisy_wave(1500), 16, 2)
    torch.manual_seed(0)
    model = Forecaster(1, 2, 8, levels=(0.1, 0.5, 0.9))
    train_forecaster(model, cut, cut, seed=0, epochs=20, progress=False)
    told = forecast(model, cut)
    assert (np.diff(told, axis=-1) >= 0).all()
    assert coverage(told[..., 0], told[..., 2], cut.target) == pytest.approx(0.8, abs=0.07)


def test_squared_error_finds_means_and_absolute_error_medians():
    rng = np.random.default_rng(0)
    cut = windows(rng.exponential(size=1500), 1, 1)
    cut = cut._replace(past=np.zeros_like(cut.past))
    found = {}
    for squared in (True, False):
        torch.manual_seed(0)
        model = WindowForecaster(1, 1, 0, window=1)
        train_forecaster(model, cut, cut, seed=0, squared=squared, epochs=15, progress=False)
        found[squared] = forecast(model, cut).mean()
    assert found[True] == pytest.approx(cut.target.mean(), abs=0.05)
    assert found[False] == pytest.approx(np.median(cut.target), abs=0.05)


def test_windows_with_holes_are_refused():
    cut = windows(noisy_wave(40), 8, 2)
    cut.past[3, 2] = np.nan
    with pytest.raises(ValueError, match="hold NaN"):
        forecast(Forecaster(1, 2, 4), cut)
