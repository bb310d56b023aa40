"""Bach's chorales as piano rolls, and what makes a piano roll audible.

A piano roll is an array of shape (steps, 88): one row a quarter note, one column a key of a piano,
1 where the key sounds at the beginning of that quarter and 0 where it does not.
"""

import base64
import html
import importlib.util
import io
import json
import wave
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
from numpy.typing import ArrayLike

from gru_lib._checks import require_generator
from gru_lib.data.registry import fetch

#: Keys of a piano, and so columns of a piano roll.
KEYS = 88
#: MIDI number of the lowest key, the A of 27.5 Hz; column ``k`` is MIDI note ``LOWEST + k``.
LOWEST = 21

_VOICES = ("Soprano", "Alto", "Tenor", "Bass")
_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_TURN = 8  # moves of a melody that two chorales hardly share by chance
_SHARED = 0.2  # share of such turns from which on two melodies count as one tune
_PARTIALS = (1.0, 0.5, 0.25, 0.12)


class Chorales(NamedTuple):
    """Piano rolls in three sets, as :func:`bach_chorales` and :func:`jsb_chorales` return them.

    Parameters
    ----------
    train, valid, test : list of np.ndarray of float32, shape (steps, 88)
        One piano roll a chorale, of any number of steps.
    test_names : list of str
        What the chorales of ``test`` are called.

    Examples
    --------
    >>> from gru_lib.data.music import bach_chorales
    >>> chorales = bach_chorales()
    >>> len(chorales.train), chorales.train[0].shape[1], len(chorales.test_names)
    (218, 88, 73)
    """

    #: What to learn from.
    train: list[np.ndarray]
    #: What the best epoch and the sizes are chosen by.
    valid: list[np.ndarray]
    #: What to report.
    test: list[np.ndarray]
    #: Names of the chorales in ``test``.
    test_names: list[str]


def bach_chorales(*, seed: int = 0) -> Chorales:
    """Chorales by Bach in four voices, out of the package music21, split by tune.

    Bach set many tunes several times. All settings of one tune fall into the same set (see
    :func:`tune_groups`), so that no test chorale's melody was seen in training. About 60 % of the
    chorales are for training, 20 % for validation and 20 % for the test.

    Parameters
    ----------
    seed : int
        Decides which tunes go where.

    Returns
    -------
    Chorales

    Raises
    ------
    ImportError
        If music21 is not installed.
    TypeError, ValueError
        If the seed is no whole number of at least 0.

    Notes
    -----
    Source: the corpus of music21 (BSD-3; its licence file says that encodings are distributed with
    their encoders' permission; most of these were made by Margaret Greentree, jsbchorales.net).
    Those 364 files count that hold exactly the parts Soprano, Alto, Tenor and Bass; silence at
    both ends is left out, repeats are not played twice, and ornaments are ignored. Nothing is
    downloaded, and music21 itself is not imported: its files are read as MusicXML.

    Examples
    --------
    >>> from gru_lib.data.music import bach_chorales
    >>> chorales = bach_chorales()
    >>> chorales.test_names[0]
    'BWV 10.7'
    >>> (chorales.test[0][0].nonzero()[0] + 21).tolist()  # MIDI numbers of the first chord
    [55, 58, 67, 74]
    """
    rng = require_generator(seed)
    rolls = {}
    for path in _chorale_files():
        roll = _trim(read_musicxml(path, parts=_VOICES))
        if len(roll):
            rolls[f"BWV {path.stem.removeprefix('bwv')}"] = roll
    names = list(rolls)
    tunes = tune_groups(list(rolls.values()))
    order = rng.permutation(tunes.max() + 1)
    sets: list[list[str]] = [[], [], []]
    room = [0.2 * len(names), 0.2 * len(names), len(names)]  # test, validation, the rest
    for tune in order:
        members = [name for name, other in zip(names, tunes, strict=True) if other == tune]
        first_with_room = next(i for i in range(3) if len(sets[i]) + len(members) <= room[i] + 1)
        sets[first_with_room] += members
    test, valid, train = (sorted(chosen, key=names.index) for chosen in sets)
    return Chorales(
        [rolls[name] for name in train],
        [rolls[name] for name in valid],
        [rolls[name] for name in test],
        test,
    )


def jsb_chorales() -> Chorales:
    """The set "JSB Chorales" of the papers, in the papers' split.

    The file comes from the data folder or, once, from the network (:func:`gru_lib.data.registry.\
fetch`): 229 chorales for training, 76 for validation and 77 for the test.

    Returns
    -------
    Chorales
        ``test_names`` only count: "JSB test 0" and so on.

    Raises
    ------
    OSError, ValueError
        If the file is neither there nor to be had; see :func:`gru_lib.data.registry.fetch`.

    Notes
    -----
    Boulanger-Lewandowski, Bengio and Vincent (2012) made this set and its split; the file is
    C.-Z. A. Huang's, in quarter notes. The split is by chorale, not by tune.

    Examples
    --------
    >>> from gru_lib.data.music import jsb_chorales
    >>> chorales = jsb_chorales()  # doctest: +SKIP
    """
    sets = json.loads((fetch("jsb-chorales") / "jsb-chorales-quarter.json").read_text("utf-8"))
    train, valid, test = (
        [roll_of_notes(chorale) for chorale in sets[name]] for name in ("train", "valid", "test")
    )
    return Chorales(train, valid, test, [f"JSB test {i}" for i in range(len(test))])


def roll_of_notes(steps: Sequence[Sequence[int]]) -> np.ndarray:
    """The piano roll of a list of chords.

    Parameters
    ----------
    steps : sequence of sequences of int
        For each step the MIDI numbers that sound, from 21 to 108; none for silence.

    Returns
    -------
    np.ndarray of float32, shape (steps, 88)

    Raises
    ------
    ValueError
        If a number is no key of a piano.

    Examples
    --------
    >>> from gru_lib.data.music import roll_of_notes
    >>> roll = roll_of_notes([[60, 64], []])
    >>> roll.shape, roll.sum(axis=1).tolist()
    ((2, 88), [2.0, 0.0])
    """
    roll = np.zeros((len(steps), KEYS), dtype=np.float32)
    for row, notes in zip(roll, steps, strict=True):
        for note in notes:
            if not LOWEST <= note < LOWEST + KEYS:
                raise ValueError(f"steps holds MIDI note {note}; expected {LOWEST} to 108")
            row[note - LOWEST] = 1
    return roll


def read_musicxml(path: str | Path, *, parts: Sequence[str] | None = None) -> np.ndarray:
    """The piano roll of a compressed MusicXML file (``.mxl``), sampled at every quarter note.

    Parameters
    ----------
    path : path
        The file.
    parts : sequence of str, optional
        Names that the file's parts must have, in this order; of other files the roll is empty.
        Without it all parts are read, whatever they are called.

    Returns
    -------
    np.ndarray of float32, shape (steps, 88)

    Raises
    ------
    ValueError
        If the file holds no MusicXML, or a note outside the piano.

    Notes
    -----
    Measures follow one another as they are written: repeats are not played twice. Grace notes and
    ornaments are ignored.

    Examples
    --------
    >>> from gru_lib.data.music import read_musicxml
    >>> roll = read_musicxml("chorale.mxl")  # doctest: +SKIP
    """
    with zipfile.ZipFile(path) as archive:
        inside = [n for n in archive.namelist() if not n.startswith("META-INF")]
        music = [name for name in inside if name.endswith((".xml", ".musicxml"))]
        if not music:
            raise ValueError(f"path is {path}, which holds no MusicXML")
        score = ElementTree.fromstring(archive.read(music[0]))
    names = tuple((part.findtext("part-name") or "").strip() for part in score.iter("score-part"))
    if parts is not None and names != tuple(parts):
        return roll_of_notes([])
    sounding: list[set[int]] = []
    for part in score.iter("part"):
        for first, end, note in _sampled_notes(part):
            sounding += [set() for _ in range(end - len(sounding))]
            for step in range(first, end):
                sounding[step].add(note)
    return roll_of_notes([sorted(notes) for notes in sounding])


def tune_groups(rolls: Sequence[np.ndarray]) -> np.ndarray:
    """Which chorales have the same tune.

    The tune is the highest note of each step. What counts are its moves, in semitones, where it
    moves: so a tune is the same in every key. Two chorales belong together if a fifth of the
    shorter one's turns of eight moves occur in the other, and so do chorales that are joined by a
    third.

    Parameters
    ----------
    rolls : sequence of np.ndarray, each of shape (steps, 88)
        Piano rolls.

    Returns
    -------
    np.ndarray of int64, shape (len(rolls),)
        The same number for chorales of one tune, counted from 0 in the order of appearance.

    Notes
    -----
    The rule is a rule of thumb. Of music21's chorales it brings together all eleven settings of
    "O Haupt voll Blut und Wunden", and it can miss a tune that was ornamented or put in triple
    time.

    Examples
    --------
    >>> from gru_lib.data.music import roll_of_notes, tune_groups
    >>> tune = [60, 62, 64, 65, 67, 69, 67, 65, 64, 62, 60]
    >>> other = [60, 67, 60, 65, 60, 64, 60, 62, 60, 59, 60]
    >>> high, low = [[n + 12] for n in tune], [[n - 24, n - 5] for n in tune]
    >>> tune_groups([roll_of_notes(r) for r in (high, [[n] for n in other], low)]).tolist()
    [0, 1, 0]
    """
    turns = [_turns(roll) for roll in rolls]
    label = list(range(len(turns)))
    for i, mine in enumerate(turns):
        for j, others in enumerate(turns[:i]):
            shorter = min(len(mine), len(others))
            if label[i] != label[j] and shorter and len(mine & others) >= _SHARED * shorter:
                joined = {label[i], label[j]}
                label = [min(joined) if old in joined else old for old in label]
    seen = list(dict.fromkeys(label))
    return np.array([seen.index(old) for old in label], dtype=np.int64)


def shuffle_steps(
    rolls: Sequence[np.ndarray], rng: int | np.random.Generator | None = None
) -> list[np.ndarray]:
    """The control for every claim about order: each piano roll with its steps in random order.

    Parameters
    ----------
    rolls : sequence of np.ndarray, each of shape (steps, 88)
        Piano rolls; they stay as they are.
    rng : int, np.random.Generator or None
        Source of the order.

    Returns
    -------
    list of np.ndarray
        ``result[i]`` holds exactly the rows of ``rolls[i]``.

    Raises
    ------
    TypeError, ValueError
        If ``rng`` is none of these.

    Examples
    --------
    >>> from gru_lib.data.music import roll_of_notes, shuffle_steps
    >>> (shuffled,) = shuffle_steps([roll_of_notes([[60], [62], [64]])], rng=0)
    >>> (shuffled.argmax(axis=1) + 21).tolist()
    [64, 60, 62]
    """
    rng = require_generator(rng)
    return [roll[rng.permutation(len(roll))] for roll in rolls]


def held_notes(roll: ArrayLike) -> list[tuple[int, int, int]]:
    """The notes of a piano roll: where a key sounds in consecutive steps, it is held.

    Parameters
    ----------
    roll : np.ndarray, shape (steps, 88)
        A piano roll.

    Returns
    -------
    list of (int, int, int)
        MIDI number, first step and length in steps of each note, in the order of keys and steps.

    Raises
    ------
    ValueError
        If the shape does not fit.

    Examples
    --------
    >>> from gru_lib.data.music import held_notes, roll_of_notes
    >>> held_notes(roll_of_notes([[60, 64], [60], [], [60]]))
    [(60, 0, 2), (60, 3, 1), (64, 0, 1)]
    """
    roll = _require_roll(roll)
    silence = np.zeros((1, KEYS), dtype=int)
    changes = np.diff(np.concatenate([silence, roll > 0, silence]).astype(int), axis=0)
    begins, ends = np.argwhere(changes.T > 0), np.argwhere(changes.T < 0)
    return [
        (LOWEST + int(key), int(first), int(end - first))
        for (key, first), (_, end) in zip(begins, ends, strict=True)
    ]


def synthesise(roll: ArrayLike, *, step_seconds: float = 0.5, rate: int = 8000) -> np.ndarray:
    """Sound for a piano roll: four partials a note, which fade; repeated notes are held.

    Parameters
    ----------
    roll : np.ndarray, shape (steps, 88)
        A piano roll.
    step_seconds : float
        How long a step lasts.
    rate : int
        Samples a second.

    Returns
    -------
    np.ndarray of float64, shape (round(steps * step_seconds * rate),)
        Samples between -1 and 1, the loudest at 0.9 in size; silence for an empty roll.

    Raises
    ------
    ValueError
        If the shape does not fit, or a number is not above 0.

    Notes
    -----
    Equal temperament with the A of MIDI number 69 at 440 Hz. Partials above half the rate, which
    would come back as false low notes, are left out.

    Examples
    --------
    >>> from gru_lib.data.music import roll_of_notes, synthesise
    >>> sound = synthesise(roll_of_notes([[69], [69]]), step_seconds=0.25)
    >>> sound.shape, round(float(abs(sound).max()), 3)
    ((4000,), 0.9)
    """
    for name, value in (("step_seconds", step_seconds), ("rate", rate)):
        if not value > 0:
            raise ValueError(f"{name} is {value}; expected a number above 0")
    roll = _require_roll(roll)
    sound = np.zeros(round(len(roll) * step_seconds * rate))
    for note, first, length in held_notes(roll):
        begin, end = (round(step * step_seconds * rate) for step in (first, first + length))
        seconds = np.arange(end - begin) / rate
        frequency = 440 * 2 ** ((note - 69) / 12)
        for partial, strength in enumerate(_PARTIALS, start=1):
            if partial * frequency < rate / 2:
                wave = np.sin(2 * np.pi * partial * frequency * seconds)
                sound[begin:end] += strength * wave * _envelope(seconds)
    loudest = np.abs(sound).max(initial=0)
    return sound * (0.9 / loudest) if loudest else sound


class Sound:
    """Samples that a notebook shows as a player with a line that says what is heard.

    Parameters
    ----------
    samples : np.ndarray, shape (n,)
        Between -1 and 1, such as :func:`synthesise` returns.
    label : str
        What is heard; it is shown, and read out by screen readers.
    rate : int
        Samples a second.

    Raises
    ------
    ValueError
        If the samples are not of one dimension or leave the range, or there is no label.

    Notes
    -----
    The sound lies in the page itself, as a WAV file of one channel and 8 bits a sample: small, and
    good enough for a few sine waves.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.data.music import Sound
    >>> Sound(np.zeros(12000), "silence")
    Sound: silence (1.5 s)
    """

    def __init__(self, samples: ArrayLike, label: str, rate: int = 8000) -> None:
        self.samples = np.asarray(samples, dtype=float)
        self.label = label
        self.rate = rate
        if self.samples.ndim != 1 or np.abs(self.samples).max(initial=0) > 1:
            raise ValueError(
                f"samples has shape {self.samples.shape} and reaches "
                f"{np.abs(self.samples).max(initial=0):.3g}; expected (n,) and at most 1"
            )
        if not label.strip():
            raise ValueError("label is empty; expected words that say what is heard")

    def wav(self) -> bytes:
        """The content of a WAV file."""
        content = io.BytesIO()
        with wave.open(content, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(1)
            file.setframerate(self.rate)
            file.writeframes(np.round(127.5 + 127 * self.samples).astype(np.uint8).tobytes())
        return content.getvalue()

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.wav()).decode()
        label = html.escape(self.label, quote=True)
        return (
            f"<p>{label}</p>"
            f'<audio controls aria-label="{label}" src="data:audio/wav;base64,{data}"></audio>'
        )

    def __repr__(self) -> str:
        return f"Sound: {self.label} ({len(self.samples) / self.rate:.1f} s)"


def _envelope(seconds: np.ndarray) -> np.ndarray:
    """Up in 20 ms, a slow decay, down in 40 ms: no clicks at the ends."""
    left = seconds[::-1]
    return np.exp(-seconds) * np.minimum(1, seconds / 0.02) * np.minimum(1, left / 0.04)


def _require_roll(roll: ArrayLike) -> np.ndarray:
    roll = np.asarray(roll)
    if roll.ndim != 2 or roll.shape[1] != KEYS:
        raise ValueError(f"roll has shape {roll.shape}; expected (steps, {KEYS})")
    return roll


def _chorale_files() -> list[Path]:
    """music21's files of Bach, found without importing music21."""
    found = importlib.util.find_spec("music21")
    if found is None:
        raise ImportError(
            "bach_chorales needs music21: install it with  pip install 'gru-lib[data]'"
        )
    (package,) = found.submodule_search_locations
    return sorted(Path(package, "corpus", "bach").glob("*.mxl"))


def _sampled_notes(part: ElementTree.Element) -> list[tuple[int, int, int]]:
    """(first step, step after the last, MIDI number) of the notes that a quarter's start meets."""
    notes, divisions, now, begin = [], 1, 0, 0
    for event in part.iterfind("measure/*"):
        if event.tag == "attributes":
            divisions = int(event.findtext("divisions") or divisions)
        elif event.tag in ("backup", "forward"):
            length = int(event.findtext("duration"))
            now += length if event.tag == "forward" else -length
        elif event.tag == "note" and event.find("grace") is None:
            if event.find("chord") is None:  # else it begins with the note before
                begin = now
                now += int(event.findtext("duration"))
            pitch = event.find("pitch")
            if pitch is not None:
                end = begin + int(event.findtext("duration"))
                # rounded up: a note counts from the first quarter that begins within it
                first, after = -(-begin // divisions), -(-end // divisions)
                notes.append((first, after, _midi(pitch)))
    return notes


def _midi(pitch: ElementTree.Element) -> int:
    octave = 12 * (1 + int(pitch.findtext("octave")))
    return octave + _SEMITONES[pitch.findtext("step")] + int(float(pitch.findtext("alter") or 0))


def _trim(roll: np.ndarray) -> np.ndarray:
    """The roll without the silence at both ends."""
    (loud,) = roll.any(axis=1).nonzero()
    return roll[loud[0] : loud[-1] + 1] if len(loud) else roll[:0]


def _turns(roll: np.ndarray) -> set[tuple[int, ...]]:
    """Every run of moves in the highest voice."""
    sounding = roll[roll.any(axis=1)]
    highest = KEYS - 1 - np.argmax(sounding[:, ::-1] > 0, axis=1)
    moves = np.diff(highest)
    moves = moves[moves != 0].tolist()
    return {tuple(moves[i : i + _TURN]) for i in range(len(moves) - _TURN + 1)}
