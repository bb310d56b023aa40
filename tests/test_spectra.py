"""Frames, spectra and mel bands against scipy, a Fourier sum and the definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from gru_lib.spectra import (
    Scaling,
    frame_signal,
    hertz_to_mel,
    log_mel,
    mel_filterbank,
    mel_to_hertz,
    power_spectrum,
)

NOISE = np.random.default_rng(0).normal(size=3000)


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 100))
def test_frames_are_the_whole_ones(size, hop, more):
    samples = np.arange(size + more, dtype=float)
    frames = frame_signal(samples, size, hop)
    expected = [
        samples[k : k + size] for k in range(0, len(samples), hop) if k + size <= len(samples)
    ]
    assert np.array_equal(frames, expected)


def test_frames_are_a_copy():
    samples = NOISE.copy()
    frame_signal(samples)[:] = 0
    assert np.array_equal(samples, NOISE)


def test_the_power_is_that_of_scipy():
    _, _, transform = signal.stft(
        NOISE, window="hann", nperseg=256, noverlap=128, boundary=None, padded=False
    )
    # scipy divides by the sum of the window, we by half of it
    assert power_spectrum(frame_signal(NOISE)) == pytest.approx(4 * np.abs(transform.T) ** 2)


def test_the_power_is_a_fourier_sum():
    frames = frame_signal(NOISE, 16, 8)
    n = np.arange(16)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / 16)
    sums = (frames * window) @ np.exp(-2j * np.pi * np.outer(n, np.arange(9)) / 16)
    assert power_spectrum(frames) == pytest.approx(np.abs(sums * 2 / window.sum()) ** 2)


@given(st.floats(0, 20000))
def test_mel_and_back(hertz):
    assert mel_to_hertz(hertz_to_mel(hertz)) == pytest.approx(hertz, abs=1e-6)


def test_mel_grows_ever_more_slowly():
    steps = np.diff(hertz_to_mel(np.arange(0, 8000, 100)))
    assert (steps > 0).all() and (np.diff(steps) < 0).all()
    with pytest.raises(ValueError, match="goes down to -1"):
        hertz_to_mel([3, -1])


@pytest.mark.parametrize(("bands", "size", "rate"), [(24, 256, 8000), (40, 512, 16000)])
def test_filters_are_triangles_that_share_every_column(bands, size, rate):
    filters = mel_filterbank(bands, size, rate)
    hertz = np.arange(size // 2 + 1) * rate / size
    corners = mel_to_hertz(np.linspace(0, hertz_to_mel(rate / 2), bands + 2))
    inside = (hertz >= corners[1]) & (hertz <= corners[-2])
    assert filters[:, inside].sum(axis=0) == pytest.approx(1)
    for row, left, peak, right in zip(filters, corners, corners[1:], corners[2:], strict=False):
        expected = np.interp(hertz, [left, peak, right], [0, 1, 0], left=0, right=0)
        assert row == pytest.approx(expected, abs=1e-12)


def test_log_mel_is_its_steps_one_after_the_other():
    power = power_spectrum(frame_signal(NOISE, 200, 80))
    expected = np.log(power @ mel_filterbank(20, 200, 16000).T + 1e-3)
    got = log_mel(NOISE, rate=16000, size=200, hop=80, bands=20, floor=1e-3)
    assert np.array_equal(got, expected)


def test_louder_is_larger_by_the_logarithm():
    assert log_mel(10 * NOISE) - log_mel(NOISE) == pytest.approx(np.log(100), abs=0.01)


def test_silence_is_the_floor():
    assert log_mel(np.zeros(300)) == pytest.approx(np.log(1e-6))


@pytest.mark.parametrize(
    ("samples", "settings", "words"),
    [
        (NOISE[:255], {}, "255 entries; expected at least 256"),
        (np.zeros((3000, 2)), {}, r"shape \(3000, 2\).*one channel"),
        (np.append(NOISE, np.nan), {}, "NaN or infinity"),
        (NOISE, {"floor": 0.0}, "floor is 0.0"),
        (NOISE, {"bands": 90}, "fewer bands or a longer frame"),
        (NOISE, {"hop": 0}, "hop"),
    ],
)
def test_what_does_not_fit_is_refused(samples, settings, words):
    with pytest.raises(ValueError, match=words):
        log_mel(samples, **settings)


def test_a_spectrum_wants_frames():
    with pytest.raises(ValueError, match=r"frames has shape \(3000,\)"):
        power_spectrum(NOISE)


def test_scaling_is_that_of_the_training_set():
    rng = np.random.default_rng(1)
    sequences = [rng.normal(3, 2, size=(n, 4)) for n in (5, 9)]
    scaling = Scaling.of(sequences)
    frames = np.concatenate(scaling(sequences))
    assert frames.mean(axis=0) == pytest.approx(0) and frames.std(axis=0) == pytest.approx(1)
    (other,) = scaling([np.ones((2, 4))])
    assert other == pytest.approx((1 - scaling.mean[None].repeat(2, 0)) / scaling.spread)


def test_a_feature_that_never_changes_stays_finite():
    assert np.isfinite(Scaling.of([np.ones((3, 2))])([np.ones((3, 2))])).all()


def test_scaling_refuses_other_features():
    scaling = Scaling.of([np.ones((3, 24))])
    with pytest.raises(
        ValueError, match=r"sequence 1 has shape \(3, 40\); expected \(frames, 24\)"
    ):
        scaling([np.ones((3, 24)), np.ones((3, 40))])
