"""Spoken words: synthetic ones, whose speakers can be multiplied, and two sets of real speech.

:func:`spoken_words` makes the digits, and two words that differ in the order of their sounds only,
from formants; nothing is downloaded. :func:`japanese_vowels` ships inside the package sktime.
:func:`spoken_digits` is the Free Spoken Digit Dataset, fetched on request.
"""

import re
import wave
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gru_lib._checks import require_positive_integer
from gru_lib.data import _formants
from gru_lib.data._packages import needed_by
from gru_lib.data.registry import fetch
from gru_lib.spectra import RATE

#: What synthetic speakers say, ten digits and two words that have the same sounds.
WORDS = tuple(_formants.SPELLING)
#: Who speaks in the Free Spoken Digit Dataset.
FSDD_SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")


class Recordings(NamedTuple):
    """Recorded words, and for each which word, whose voice and which take.

    Parameters
    ----------
    sounds : list of np.ndarray, each of shape (samples,)
        At 8 kHz, loudest sample 0.9.
    words, speakers, takes : np.ndarray of int, shape (count,)
        Numbers from 0.

    Examples
    --------
    >>> from gru_lib.data.speech import spoken_words
    >>> said = spoken_words(speakers=[0, 1], takes=[0])
    >>> len(said.sounds), len(said.where(said.speakers == 1).sounds)
    (24, 12)
    """

    #: Samples of each.
    sounds: list[np.ndarray]
    #: Which word.
    words: np.ndarray
    #: Whose voice.
    speakers: np.ndarray
    #: Which of a speaker's takes of a word.
    takes: np.ndarray

    def where(self, chosen: np.ndarray) -> "Recordings":
        """Some of them.

        Parameters
        ----------
        chosen : np.ndarray of bool, shape (count,)
            Which.

        Returns
        -------
        Recordings
        """
        sounds = [self.sounds[i] for i in np.flatnonzero(chosen)]
        return Recordings(sounds, self.words[chosen], self.speakers[chosen], self.takes[chosen])


def spoken_words(
    speakers: Iterable[int],
    takes: Iterable[int],
    *,
    words: Sequence[str] = WORDS,
    tempo: float = 1.0,
) -> Recordings:
    """Synthetic speech: every speaker says every word in every take.

    Parameters
    ----------
    speakers : iterable of int
        Numbers of people. A number is always the same person: body, accent, microphone and room.
    takes : iterable of int
        Numbers of takes. The same speaker, word and take is always the same sound.
    words : sequence of str
        Of :data:`WORDS`.
    tempo : float
        How fast all of them speak; 0.5 takes twice the time.

    Returns
    -------
    Recordings
        ``words`` counts in :data:`WORDS`, whatever was asked for.

    Raises
    ------
    ValueError
        If a word is not in the list, a number below 0, nothing is asked for, or the tempo is not
        above 0.

    Notes
    -----
    Formants of vowels after Peterson and Barney (1952); the rest is made up, see
    ``gru_lib/data/_formants.py``. In the mean over time, "nose" and "zone" have the same spectrum.
    Whoever tests on strangers splits by ``speakers``, and whoever tests on new takes by ``takes``.

    Examples
    --------
    >>> from gru_lib.data.speech import spoken_words
    >>> said = spoken_words([7], range(3), words=["nose", "zone"])
    >>> said.words.tolist(), said.takes.tolist()
    ([10, 10, 10, 11, 11, 11], [0, 1, 2, 0, 1, 2])
    """
    unknown = [word for word in words if word not in WORDS]
    if unknown:
        raise ValueError(f"words holds {unknown[0]!r}; expected words of {', '.join(WORDS)}")
    if not tempo > 0:
        raise ValueError(f"tempo is {tempo}; expected a number above 0")
    speakers, takes = _numbers("speakers", speakers), _numbers("takes", takes)
    sounds, keys = [], []
    for speaker in speakers:
        voice = _formants.draw_voice(np.random.default_rng(speaker))
        for word in words:
            for take in takes:
                key = (WORDS.index(word), speaker, take)
                rng = np.random.default_rng(key)
                sounds.append(_formants.speak(word, voice, RATE, rng, tempo))
                keys.append(key)
    return Recordings(sounds, *np.array(keys).T)


def _numbers(name: str, given: Iterable[int]) -> list[int]:
    numbers = [int(number) for number in given]
    if not numbers or min(numbers) < 0:
        raise ValueError(f"{name} is {numbers}; expected at least one number, each 0 or more")
    return numbers


def join_recordings(parts: Sequence[Recordings]) -> Recordings:
    """Several sets of recordings as one.

    Parameters
    ----------
    parts : sequence of Recordings
        At least one.

    Returns
    -------
    Recordings

    Examples
    --------
    >>> from gru_lib.data.speech import join_recordings, spoken_words
    >>> one, other = spoken_words([0], [0]), spoken_words([1], [0, 1])
    >>> join_recordings([one, other]).speakers.tolist().count(1)
    24
    """
    sounds = [sound for part in parts for sound in part.sounds]
    numbers = [np.concatenate(column) for column in zip(*(part[1:] for part in parts), strict=True)]
    return Recordings(sounds, *numbers)


def spoken_digits() -> Recordings:
    """The Free Spoken Digit Dataset: six people say the ten digits, 25 takes each.

    Fetched on request, 1,500 files of together 11 MB; see ``gru_lib.data.registry``.

    Returns
    -------
    Recordings
        ``words`` are the digits, ``speakers`` count in :data:`FSDD_SPEAKERS`, ``takes`` go from 0
        to 24. Each recording is scaled so that its loudest sample is 0.9.

    Raises
    ------
    ConnectionError
        If it is not in the data folder and cannot be fetched.
    ValueError
        If a file is not what it should be.

    Notes
    -----
    Jackson et al., Free Spoken Digit Dataset, licence CC BY-SA 4.0. The official test set are takes
    0 to 4, spoken by the same six people as the training set.

    Examples
    --------
    >>> from gru_lib.data.speech import spoken_digits
    >>> len(spoken_digits().sounds)  # doctest: +SKIP
    1500
    """
    folder = fetch("fsdd") / "recordings"
    sounds, keys = [], []
    for file in sorted(folder.glob("*.wav")):
        digit, speaker, take = re.fullmatch(r"(\d)_([a-z]+)_(\d+)", file.stem).groups()
        samples = read_wav(file)
        sounds.append(samples * (0.9 / np.abs(samples).max()))
        keys.append((int(digit), FSDD_SPEAKERS.index(speaker), int(take)))
    return Recordings(sounds, *np.array(keys).T)


def read_wav(path: str | Path, rate: int = RATE) -> np.ndarray:
    """The samples of a WAV file of one channel.

    Parameters
    ----------
    path : path
        Uncompressed, 16 bits a sample.
    rate : int
        Samples a second that the file must have.

    Returns
    -------
    np.ndarray of float64, shape (samples,)
        From -1 to 1.

    Raises
    ------
    ValueError
        If the file has another rate, more than one channel or other samples.

    Examples
    --------
    >>> import pathlib, tempfile, wave
    >>> from gru_lib.data.speech import read_wav
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "a.wav")
    ...     with wave.open(str(path), "wb") as file:
    ...         file.setparams((1, 2, 8000, 2, "NONE", ""))
    ...         file.writeframes(bytes([0, 0, 0, 64]))
    ...     read_wav(path).tolist()
    [0.0, 0.5]
    """
    rate = require_positive_integer("rate", rate)
    name = Path(path).name
    with wave.open(str(path), "rb") as file:
        if file.getframerate() != rate:
            raise ValueError(
                f"{name} has {file.getframerate()} samples a second; expected {rate}: its "
                "frequencies would be read as others (resample it first)"
            )
        if file.getnchannels() != 1:
            raise ValueError(f"{name} has {file.getnchannels()} channels; expected one")
        if file.getsampwidth() != 2:
            raise ValueError(f"{name} has {8 * file.getsampwidth()} bits a sample; expected 16")
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768


class Vowels(NamedTuple):
    """Which of nine men says the vowels.

    Parameters
    ----------
    train, test : list of np.ndarray, each of shape (frames, 12)
        Cepstrum coefficients, 7 to 29 frames.
    train_speakers, test_speakers : np.ndarray of int, shape (count,)
        From 0 to 8.

    Examples
    --------
    >>> from gru_lib.data.speech import Vowels
    >>> Vowels._fields
    ('train', 'train_speakers', 'test', 'test_speakers')
    """

    #: 270 sequences.
    train: list[np.ndarray]
    #: Whose each is.
    train_speakers: np.ndarray
    #: 370 sequences.
    test: list[np.ndarray]
    #: Whose each is.
    test_speakers: np.ndarray


def japanese_vowels() -> Vowels:
    """Nine men say the Japanese vowels a and e in a row: real speech, and real lengths.

    Returns
    -------
    Vowels
        The set's own split: 30 takes of each man to learn from, 24 to 88 of each to be tested on.

    Raises
    ------
    ImportError
        If sktime, inside which the data lie, is not installed.

    Notes
    -----
    Kudo, Toyama and Shimbo (1999), by way of the UCI and UEA archives; no licence is stated. The
    twelve columns are cepstrum coefficients of linear prediction, as its makers computed them. All
    nine men are on both sides of the split, as they must be: the man is what is asked for.

    Examples
    --------
    >>> from gru_lib.data.speech import japanese_vowels
    >>> vowels = japanese_vowels()
    >>> len(vowels.train), len(vowels.test), vowels.train[0].shape[1]
    (270, 370, 12)
    """
    with needed_by("japanese_vowels", "sktime"):
        from sktime.datasets import load_japanese_vowels
    parts = []
    for split in ("train", "test"):
        nested, names = load_japanese_vowels(split=split, return_type="nested_univ")
        rows = [np.stack([np.asarray(cell, float) for cell in row], 1) for row in nested.to_numpy()]
        parts += [rows, np.asarray(names).astype(int) - 1]
    return Vowels(*parts)
