"""A voice made of formants: words as strings of sounds, spoken by people who do not exist.

A sound of speech is described by what Klatt (1980) calls its parameters, here very few: how loud
the voice is, where the first three resonances of the mouth lie, how loud the noise of a narrow
place is and at which frequencies. The formants of vowels are the means over men of Peterson and
Barney (1952); all other numbers are our own rough settings.

All parameters are smoothed with windows that look alike from both sides, so that a word whose
sounds stand in the opposite order has the same frames in the opposite order.
"""

from dataclasses import dataclass

import numpy as np

STEP = 40  # samples between two values of a parameter: 5 ms at 8 kHz
_CORNERS = np.array([0, 300, 600, 1000, 1600, 2500, 4000])  # of a microphone's response, hertz


@dataclass(frozen=True)
class Segment:
    """A stretch of constant targets."""

    seconds: float
    voice: float  # amplitude of the voice
    formants: tuple[float, float, float]  # hertz
    noise: float = 0.0  # amplitude
    band: tuple[float, float] = (2000.0, 2000.0)  # centre and width of the noise, hertz


def _vowel(first: float, second: float, third: float, seconds: float = 0.14) -> tuple[Segment, ...]:
    return (Segment(seconds, 1.0, (first, second, third)),)


_NEUTRAL = (500.0, 1500.0, 2500.0)

#: Sounds by name; a stop is silence and then a burst.
SOUNDS: dict[str, tuple[Segment, ...]] = {
    "i": _vowel(270, 2290, 3010),
    "I": _vowel(390, 1990, 2550, 0.10),
    "E": _vowel(530, 1840, 2480),
    "a": _vowel(730, 1090, 2440),
    "o": _vowel(570, 840, 2410),
    "U": _vowel(440, 1020, 2240, 0.10),
    "u": _vowel(300, 870, 2240),
    "V": _vowel(640, 1190, 2390),
    "@": _vowel(*_NEUTRAL, 0.06),
    "r": (Segment(0.08, 0.5, (330.0, 1060.0, 1380.0)),),
    "w": (Segment(0.08, 0.4, (300.0, 610.0, 2200.0)),),
    "n": (Segment(0.10, 0.3, (250.0, 1300.0, 2200.0)),),
    "v": (Segment(0.07, 0.15, (250.0, 1100.0, 2080.0), 0.02, (2500.0, 3000.0)),),
    "z": (Segment(0.10, 0.1, (250.0, 1400.0, 2500.0), 0.08, (3900.0, 800.0)),),
    "s": (Segment(0.13, 0.0, (300.0, 1400.0, 2500.0), 0.15, (3900.0, 800.0)),),
    "f": (Segment(0.11, 0.0, (300.0, 1000.0, 2100.0), 0.03, (2500.0, 3000.0)),),
    "th": (Segment(0.09, 0.0, (300.0, 1400.0, 2500.0), 0.02, (3200.0, 2000.0)),),
    "t": (
        Segment(0.05, 0.0, (300.0, 1700.0, 2600.0)),
        Segment(0.03, 0.0, (300.0, 1700.0, 2600.0), 0.20, (3300.0, 1200.0)),
    ),
    "k": (
        Segment(0.05, 0.0, (300.0, 1800.0, 2200.0)),
        Segment(0.03, 0.0, (300.0, 1800.0, 2200.0), 0.15, (1900.0, 600.0)),
    ),
}

#: Words as strings of sounds.
SPELLING = {
    "zero": "z I r o U",
    "one": "w V n",
    "two": "t u",
    "three": "th r i",
    "four": "f o r",
    "five": "f a I v",
    "six": "s I k s",
    "seven": "s E v @ n",
    "eight": "E I t",
    "nine": "n a I n",
    "nose": "n o z",
    "zone": "z o n",
}


@dataclass(frozen=True)
class Voice:
    """What a person brings to every word: body, habits, microphone and room."""

    pitch: float  # hertz
    tract: float  # all formants are multiplied by it; 1 for the men of 1952
    tempo: float  # durations are divided by it
    breath: float  # noise in voiced sounds
    accent: dict[str, np.ndarray]  # each sound's own factors: of duration, and of three formants
    microphone: np.ndarray  # decibels at the corners
    hiss: float  # amplitude of the room's noise


def draw_voice(rng: np.random.Generator) -> Voice:
    """A new person."""
    tract = rng.uniform(0.85, 1.3)
    accent = {name: np.exp(rng.normal(size=4) * (0.3, 0.1, 0.1, 0.05)) for name in sorted(SOUNDS)}
    return Voice(
        # who has a short vocal tract mostly has a high voice
        pitch=115 * np.exp(2.2 * (tract - 1) + 0.12 * rng.normal()),
        tract=tract,
        tempo=np.exp(0.15 * rng.normal()),
        breath=rng.uniform(0.0, 0.05),
        accent=accent,
        microphone=6.0 * rng.normal(size=len(_CORNERS)),
        hiss=10 ** rng.uniform(-2.2, -1.0),
    )


def speak(word: str, voice: Voice, rate: int, rng: np.random.Generator, tempo: float) -> np.ndarray:
    """One take of a word, loudest sample 0.9."""
    track = _track(word, voice, rng, tempo)
    sound = _voiced(track, voice, rate, rng) + _noise(track, voice, rate, rng)
    return sound * (0.9 / np.abs(sound).max())


def _track(word: str, voice: Voice, rng: np.random.Generator, tempo: float) -> dict:
    """Parameters every 5 ms, smoothed; as arrays of shape (steps,) or (steps, some)."""
    edge = [Segment(s, 0.0, _NEUTRAL) for s in rng.uniform(0.01, 0.06, size=2)]
    segments, factors = [edge[0]], [np.ones(4)]
    for name in SPELLING[word].split():
        # how this person says this sound, and how it came out this time
        factor = voice.accent[name] * np.exp(rng.normal(size=4) * (0.2, 0.05, 0.05, 0.03))
        for segment in SOUNDS[name]:
            segments.append(segment)
            factors.append(factor)
    segments.append(edge[1])
    factors.append(np.ones(4))
    speed = voice.tempo * tempo
    counts = [
        max(2, round(segment.seconds * factor[0] / speed * 200))  # steps of 5 ms
        for segment, factor in zip(segments, factors, strict=True)
    ]

    def over_time(values: list, width: int) -> np.ndarray:
        return _smooth(np.repeat(np.array(values, dtype=float), counts, axis=0), width)

    formants = [
        np.array(s.formants) * f[1:] * voice.tract for s, f in zip(segments, factors, strict=True)
    ]
    return {
        "voice": over_time([[s.voice] for s in segments], 5)[:, 0],
        "noise": over_time([[s.noise] for s in segments], 3)[:, 0],
        "band": over_time([s.band for s in segments], 5),
        "formants": over_time(formants, 13),
    }


def _voiced(track: dict, voice: Voice, rate: int, rng: np.random.Generator) -> np.ndarray:
    """A sum of harmonics of the pitch, each as loud as the formants let it be."""
    steps = len(track["voice"])
    middle = np.linspace(-1, 1, steps)
    # the melody bends up or down, either way as often, and trembles a little
    melody = 0.06 * rng.normal() * middle - 0.05 * middle**2 + 0.05 * rng.normal()
    pitch = voice.pitch * np.exp(melody + _smooth(0.03 * rng.normal(size=(steps, 1)), 5)[:, 0])
    numbers = np.arange(1, int(rate / 2 / pitch.max()) + 1)
    hertz = pitch[:, None] * numbers
    loud = track["voice"][:, None] * _response(hertz, track["formants"], voice)
    phase = 2 * np.pi * np.cumsum(np.repeat(pitch, STEP)) / rate
    turn = np.exp(1j * phase)
    harmonic, sound = np.ones_like(turn), np.zeros(len(turn))
    for loudness in _in_between(loud):
        harmonic *= turn  # the next multiple of the phase, without another cosine
        sound += loudness * harmonic.real
    return sound


def _response(hertz: np.ndarray, formants: np.ndarray, voice: Voice) -> np.ndarray:
    """What mouth and microphone make of each harmonic; the voice itself falls with frequency."""
    gain = 100 / hertz
    fourth = np.full(len(formants), 3500 * voice.tract)
    for centre, width in zip((*formants.T, fourth), (70, 100, 150, 250), strict=True):
        centre = centre[:, None]
        gain = gain * centre**2 / np.hypot(centre**2 - hertz**2, width * hertz)
    return gain * _microphone(hertz, voice)


def _microphone(hertz: np.ndarray, voice: Voice) -> np.ndarray:
    return 10 ** (np.interp(hertz, _CORNERS, voice.microphone) / 20)


def _in_between(values: np.ndarray) -> np.ndarray:
    """From shape (steps, columns) to (columns, samples), along straight lines."""
    change = np.diff(values, axis=0, append=values[-1:])
    part = np.arange(STEP) / STEP
    rows = values.T[:, :, None] + change.T[:, :, None] * part
    return rows.reshape(values.shape[1], -1)


def _noise(track: dict, voice: Voice, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Noise of narrow places, breath and the room: spectra with random phases, overlapped."""
    size = 2 * STEP
    hertz = np.fft.rfftfreq(size, 1 / rate)
    centre, width = track["band"][:, :1], track["band"][:, 1:]
    narrow = track["noise"][:, None] * np.exp(-(((hertz - centre) / width) ** 2))
    # breath passes through the mouth, as the voice does
    mouth = _response(np.maximum(hertz, 100)[None], track["formants"], voice)
    breath = voice.breath * track["voice"][:, None] * mouth
    level = np.hypot(narrow * _microphone(hertz, voice), breath) + voice.hiss
    random = rng.normal(size=(2, *level.shape))
    pieces = np.fft.irfft(level * (random[0] + 1j * random[1]), size, axis=1) * np.hanning(size)
    # a piece is two steps long: its second half falls on the first half of the next
    sound = pieces[:, :STEP]
    sound[1:] += pieces[:-1, STEP:]
    return sound.ravel() * size**0.5


def _smooth(values: np.ndarray, width: int) -> np.ndarray:
    """Running mean of each column with a symmetric window of an odd number of steps."""
    window = np.hanning(width + 2)[1:-1]
    window /= window.sum()
    side = width // 2
    padded = np.pad(values, ((side, side), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, window, "valid") for column in padded.T], axis=1)
