"""From a sound to the numbers that a network reads: frames, power spectrum, mel bands, logarithm.

The path is the usual one of speech recognition (Davis and Mermelstein 1980 up to the logarithm),
written out in NumPy, one function a step.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gru_lib._checks import require_positive_integer

#: Samples a second that the functions take for granted unless told otherwise.
RATE = 8000
#: Samples of a frame, which lasts 32 ms.
FRAME = 256
#: Samples from the start of a frame to the start of the next, 16 ms.
HOP = 128
#: Mel bands.
BANDS = 24


def frame_signal(samples: ArrayLike, size: int = FRAME, hop: int = HOP) -> np.ndarray:
    """Cut a sound into frames that overlap.

    Parameters
    ----------
    samples : array_like, shape (n,)
        One channel.
    size : int
        Samples of a frame.
    hop : int
        Samples from the start of a frame to the start of the next.

    Returns
    -------
    np.ndarray of float64, shape (1 + (n - size) // hop, size)
        Whole frames only: what is left over at the end is not looked at.

    Raises
    ------
    ValueError
        If there is more than one channel, the sound is shorter than a frame, or not finite.

    Examples
    --------
    >>> from gru_lib.spectra import frame_signal
    >>> frame_signal([1, 2, 3, 4, 5, 6], size=3, hop=2).tolist()
    [[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]]
    """
    samples = np.asarray(samples, dtype=float)
    size = require_positive_integer("size", size)
    hop = require_positive_integer("hop", hop)
    if samples.ndim != 1:
        raise ValueError(
            f"samples has shape {samples.shape}; expected (n,), one channel "
            "(of a stereo sound of shape (n, 2) take samples.mean(axis=1))"
        )
    if len(samples) < size:
        raise ValueError(f"samples has {len(samples)} entries; expected at least {size}, a frame")
    if not np.isfinite(samples).all():
        raise ValueError("samples holds NaN or infinity")
    return np.lib.stride_tricks.sliding_window_view(samples, size)[::hop].copy()


def power_spectrum(frames: ArrayLike) -> np.ndarray:
    """How strong each frequency is in each frame, after a Hann window.

    Parameters
    ----------
    frames : array_like, shape (frames, size)
        As :func:`frame_signal` cuts them.

    Returns
    -------
    np.ndarray of float64, shape (frames, size // 2 + 1)
        Squared size of each Fourier coefficient. Column k belongs to k * rate / size hertz.

    Raises
    ------
    ValueError
        If ``frames`` is not of two dimensions.

    Notes
    -----
    The window is divided by half its sum, so that a sine of amplitude 1 in the middle of a column
    gives the power 1 there, whatever the size of the frame.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.spectra import power_spectrum
    >>> sine = np.sin(2 * np.pi * 1000 * np.arange(256) / 8000)
    >>> power = power_spectrum(sine[None])
    >>> power.shape, int(power.argmax()) * 8000 / 256, round(float(power.max()), 6)
    ((1, 129), 1000.0, 1.0)
    """
    frames = np.asarray(frames, dtype=float)
    if frames.ndim != 2:
        raise ValueError(f"frames has shape {frames.shape}; expected (frames, size)")
    window = _hann(frames.shape[1])
    return np.abs(np.fft.rfft(frames * (2 * window / window.sum()), axis=1)) ** 2


def hertz_to_mel(hertz: ArrayLike) -> np.ndarray:
    """Pitch as the ear spaces it: nearly even steps below 1000 Hz, ever smaller ones above.

    Parameters
    ----------
    hertz : array_like
        Frequencies, at least 0.

    Returns
    -------
    np.ndarray of float64
        ``2595 * log10(1 + hertz / 700)``, so that 1000 Hz are 1000 mel.

    Raises
    ------
    ValueError
        If a frequency is below 0.

    Examples
    --------
    >>> from gru_lib.spectra import hertz_to_mel
    >>> hertz_to_mel([0, 1000, 4000]).round(1).tolist()
    [0.0, 1000.0, 2146.1]
    """
    hertz = np.asarray(hertz, dtype=float)
    if (hertz < 0).any():
        raise ValueError(f"hertz goes down to {hertz.min()}; expected at least 0")
    return 2595 * np.log10(1 + hertz / 700)


def mel_to_hertz(mel: ArrayLike) -> np.ndarray:
    """The way back from :func:`hertz_to_mel`.

    Parameters
    ----------
    mel : array_like
        Pitches in mel.

    Returns
    -------
    np.ndarray of float64

    Examples
    --------
    >>> from gru_lib.spectra import hertz_to_mel, mel_to_hertz
    >>> float(mel_to_hertz(hertz_to_mel(440.0)).round(6))
    440.0
    """
    return 700 * (10 ** (np.asarray(mel, dtype=float) / 2595) - 1)


def mel_filterbank(bands: int = BANDS, size: int = FRAME, rate: int = RATE) -> np.ndarray:
    """Triangles, evenly spaced in mel, that gather the columns of a power spectrum into bands.

    Parameters
    ----------
    bands : int
        How many.
    size : int
        Samples of a frame.
    rate : int
        Samples a second.

    Returns
    -------
    np.ndarray of float64, shape (bands, size // 2 + 1)
        Each triangle begins at the peak of the one before and ends at the peak of the next, from 0
        to ``rate / 2`` hertz. Between the first and the last peak each column adds up to 1.

    Raises
    ------
    ValueError
        If there are so many bands that one falls between two columns and would hear nothing.

    Examples
    --------
    >>> from gru_lib.spectra import mel_filterbank
    >>> mel_filterbank(24).shape
    (24, 129)
    """
    bands = require_positive_integer("bands", bands)
    size = require_positive_integer("size", size)
    rate = require_positive_integer("rate", rate)
    corners = mel_to_hertz(np.linspace(0, hertz_to_mel(rate / 2), bands + 2))
    left, peak, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    hertz = np.arange(size // 2 + 1) * rate / size
    rising = (hertz - left) / (peak - left)
    falling = (right - hertz) / (right - peak)
    filters = np.clip(np.minimum(rising, falling), 0, None)
    deaf = np.flatnonzero(filters.sum(axis=1) == 0)
    if len(deaf):
        raise ValueError(
            f"bands is {bands}, but band {deaf[0]} then falls between two columns of a spectrum "
            f"of {size} samples at {rate} Hz; expected fewer bands or a longer frame"
        )
    return filters


def log_mel(
    samples: ArrayLike,
    *,
    rate: int = RATE,
    size: int = FRAME,
    hop: int = HOP,
    bands: int = BANDS,
    floor: float = 1e-6,
) -> np.ndarray:
    """A sound as a network reads it: the logarithm of the power in mel bands, frame by frame.

    Parameters
    ----------
    samples : array_like, shape (n,)
        One channel, at least a frame long.
    rate : int
        Samples a second of this sound.
    size, hop : int
        Samples of a frame, and from one frame to the next.
    bands : int
        Mel bands.
    floor : float
        Added to each power before the logarithm, so that silence has one.

    Returns
    -------
    np.ndarray of float64, shape (frames, bands)

    Raises
    ------
    ValueError
        If the sound does not fit (see :func:`frame_signal`), there are too many bands (see
        :func:`mel_filterbank`), or the floor is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.spectra import log_mel
    >>> silence = log_mel(np.zeros(1000))
    >>> silence.shape, float(silence.max().round(4))  # log(1e-6)
    ((6, 24), -13.8155)
    """
    if not floor > 0:
        raise ValueError(f"floor is {floor}; expected a number above 0: silence has no logarithm")
    power = power_spectrum(frame_signal(samples, size, hop))
    return np.log(power @ mel_filterbank(bands, size, rate).T + floor)


class Scaling(NamedTuple):
    """What brings features to mean 0 and spread 1, as measured on training data.

    Parameters
    ----------
    mean, spread : np.ndarray, shape (features,)
        Of each feature, over all frames of all sequences.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.spectra import Scaling
    >>> scaling = Scaling.of([np.array([[0.0], [4.0]]), np.array([[2.0]])])
    >>> [sequence.round(2).tolist() for sequence in scaling([np.array([[2.0], [6.0]])])]
    [[[0.0], [2.45]]]
    """

    #: Over all frames.
    mean: np.ndarray
    #: Standard deviation; 1 for a feature that never changes.
    spread: np.ndarray

    @classmethod
    def of(cls, sequences: Sequence[np.ndarray]) -> "Scaling":
        """Measure training data.

        Parameters
        ----------
        sequences : sequence of np.ndarray, each of shape (frames, features)
            Of the training set, and of no other.

        Returns
        -------
        Scaling
        """
        frames = np.concatenate(sequences)
        spread = frames.std(axis=0)
        return cls(frames.mean(axis=0), np.where(spread > 0, spread, 1.0))

    def __call__(self, sequences: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Scale sequences.

        Parameters
        ----------
        sequences : sequence of np.ndarray, each of shape (frames, features)
            Of any set.

        Returns
        -------
        list of np.ndarray

        Raises
        ------
        ValueError
            If one has another number of features than what was measured.
        """
        for number, sequence in enumerate(sequences):
            if sequence.ndim != 2 or sequence.shape[1] != len(self.mean):
                raise ValueError(
                    f"sequence {number} has shape {sequence.shape}; "
                    f"expected (frames, {len(self.mean)}), as the training data"
                )
        return [(sequence - self.mean) / self.spread for sequence in sequences]


def _hann(size: int) -> np.ndarray:
    """The periodic Hann window: 0 at the first sample, 1 in the middle."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
