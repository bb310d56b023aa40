"""Chorales as piano rolls, tunes, and sound."""

import base64
import io
import re
import sys
import wave
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from music21 import converter

from gru_lib.data import music
from gru_lib.data.music import (
    KEYS,
    LOWEST,
    Sound,
    bach_chorales,
    held_notes,
    jsb_chorales,
    read_musicxml,
    roll_of_notes,
    shuffle_steps,
    synthesise,
    tune_groups,
)

CHORALES = bach_chorales()
ROLLS = [*CHORALES.train, *CHORALES.valid, *CHORALES.test]
rolls = st.integers(0, 12).flatmap(
    lambda steps: arrays(np.int8, (steps, KEYS), elements=st.sampled_from([0, 0, 0, 1]))
)

# --- bach_chorales --------------------------------------------------------------------------


def test_three_sets_of_piano_rolls():
    counts = [len(rolls) for rolls in CHORALES[:3]]
    assert sum(counts) == 364
    assert all(0.18 * 364 < count < 0.22 * 364 for count in counts[1:])
    assert len(CHORALES.test_names) == counts[2] == len(set(CHORALES.test_names))
    for roll in ROLLS:
        assert roll.dtype == np.float32
        assert roll.shape[1] == KEYS
        assert set(np.unique(roll)) == {0, 1}
        assert roll[0].any() and roll[-1].any()  # no silence at the ends
        assert roll.sum(axis=1).max() <= 4  # four voices, some of them on one key


def test_no_tune_lies_in_two_sets():
    tunes = tune_groups(ROLLS)
    ends = np.cumsum([len(rolls) for rolls in CHORALES[:3]])
    train, valid, test, _ = (set(part) for part in np.split(tunes, ends))
    assert train.isdisjoint(valid | test) and valid.isdisjoint(test)
    assert len(train | valid | test) < 220  # many settings share a tune


def test_settings_of_one_tune_are_brought_together():
    # "O Haupt voll Blut und Wunden" in the St Matthew Passion, five times
    files = {path.stem: path for path in music._chorale_files()}
    passion = [files[f"bwv244.{number}"] for number in (15, 17, 44, 54, 62)]
    others = [files["bwv10.7"], files["bwv26.6"]]
    tunes = tune_groups([read_musicxml(path) for path in [*passion, *others]])
    assert tunes.tolist() == [0, 0, 0, 0, 0, 1, 2]


def test_the_seed_decides_the_split():
    again, other = bach_chorales(seed=0), bach_chorales(seed=1)
    assert again.test_names == CHORALES.test_names != other.test_names
    assert all(np.array_equal(a, b) for a, b in zip(again.train, CHORALES.train, strict=True))
    with pytest.raises(ValueError, match="rng is -1"):
        bach_chorales(seed=-1)


def test_without_music21(monkeypatch):
    monkeypatch.setattr(music.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'gru-lib\[data\]'"):
        bach_chorales()


def test_importing_music21_is_not_needed(monkeypatch):
    monkeypatch.delitem(sys.modules, "music21", raising=False)
    bach_chorales()
    assert "music21" not in sys.modules


# --- read_musicxml against music21's own parser -----------------------------------------------


def sampled_by_music21(path, steps):
    """The same piano roll, from what music21 makes of the file."""
    roll = np.zeros((steps, KEYS), np.float32)
    for note in converter.parse(path, forceSource=True).flatten().notes:
        first, end = (np.ceil(float(at)) for at in (note.offset, note.offset + note.quarterLength))
        for pitch in note.pitches:
            roll[int(first) : int(end), pitch.midi - LOWEST] = 1
    return roll


@pytest.mark.parametrize("path", music._chorale_files()[5::45], ids=lambda path: path.stem)
def test_as_music21_reads_it(path):
    roll = read_musicxml(path)
    assert roll.any()
    assert np.array_equal(roll, sampled_by_music21(path, len(roll)))


def write_mxl(path, name, text):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("META-INF/container.xml", "<container/>")
        archive.writestr(name, text)
    return path


def test_parts_durations_and_chords(tmp_path):
    note = "<note>{}<pitch><step>{}</step><octave>4</octave></pitch><duration>{}</duration></note>"
    text = (
        "<score-partwise><part-list><score-part><part-name>Piano</part-name></score-part>"
        "</part-list><part><measure><attributes><divisions>2</divisions></attributes>"
        + note.format("", "C", 3)  # one quarter and a half: sounds at 0 and 1
        + note.format("", "D", 1)  # between two quarters: not met
        + note.format("", "E", 2)
        + note.format("<chord/>", "G", 4)
        + "</measure></part></score-partwise>"
    )
    roll = read_musicxml(write_mxl(tmp_path / "a.mxl", "a.xml", text))
    assert [(row.nonzero()[0] + LOWEST).tolist() for row in roll] == [[60], [60], [64, 67], [67]]
    assert len(read_musicxml(tmp_path / "a.mxl", parts=["Violin"])) == 0


def test_a_file_without_music(tmp_path):
    with pytest.raises(ValueError, match="holds no MusicXML"):
        read_musicxml(write_mxl(tmp_path / "a.mxl", "a.txt", "none"))


# --- the papers' set --------------------------------------------------------------------------


def test_the_papers_set(full_tier):
    chorales = jsb_chorales()
    assert [len(rolls) for rolls in chorales[:3]] == [229, 76, 77]
    assert [sum(map(len, rolls)) for rolls in chorales[:3]] == [13807, 4602, 4725]
    assert (chorales.train[0][0].nonzero()[0] + LOWEST).tolist() == [60, 72, 79, 88]


# --- rolls ------------------------------------------------------------------------------------


@pytest.mark.parametrize("note", [20, 109])
def test_notes_outside_the_piano(note):
    with pytest.raises(ValueError, match=f"MIDI note {note}; expected 21 to 108"):
        roll_of_notes([[60], [note]])


@given(rolls)
@settings(max_examples=40, deadline=None)
def test_held_notes_are_the_roll(roll):
    again = np.zeros_like(roll)
    for note, first, length in held_notes(roll):
        assert length >= 1
        assert not again[first : first + length, note - LOWEST].any()
        again[first : first + length, note - LOWEST] = 1
        after = first + length
        assert after == len(roll) or not roll[after, note - LOWEST]  # held as long as it sounds
    assert np.array_equal(again, roll)


def test_shuffling_keeps_the_steps():
    first = ROLLS[:3]
    before = [roll.copy() for roll in first]
    shuffled = shuffle_steps(first, rng=1)
    for roll, old, new in zip(first, before, shuffled, strict=True):
        assert np.array_equal(roll, old)
        assert not np.array_equal(roll, new)
        assert sorted(map(tuple, roll)) == sorted(map(tuple, new))


def test_short_melodies_are_tunes_of_their_own():
    short = [roll_of_notes([[60], [62]]), roll_of_notes([[60], [62]]), roll_of_notes([[]])]
    assert tune_groups(short).tolist() == [0, 1, 2]
    assert tune_groups([]).tolist() == []


# --- sound ------------------------------------------------------------------------------------


def loudest_frequency(sound, rate):
    spectrum = np.abs(np.fft.rfft(sound))
    return np.fft.rfftfreq(len(sound), 1 / rate)[spectrum.argmax()]


@pytest.mark.parametrize(("note", "hertz"), [(69, 440.0), (57, 220.0), (60, 261.63), (21, 27.5)])
def test_pitch(note, hertz):
    sound = synthesise(roll_of_notes([[note]] * 4), step_seconds=0.5, rate=8000)
    assert abs(loudest_frequency(sound, 8000) - hertz) <= 0.5  # two seconds resolve half a hertz


def test_nothing_above_half_the_rate_comes_back():
    sound = synthesise(roll_of_notes([[108]] * 4), rate=8000)  # 4186 Hz
    assert not sound.any()


def test_repeated_notes_are_held_and_others_are_struck_again():
    held = synthesise(roll_of_notes([[60], [60]]))
    struck = synthesise(roll_of_notes([[60], [], [60]]))
    middle = slice(3900, 4100)
    assert np.abs(held[middle]).max() > 0.3
    assert not struck[4000:8000].any()
    assert np.abs(struck[8100:12000]).max() > 0.5


@given(rolls)
@settings(max_examples=20, deadline=None)
def test_sound_stays_in_range(roll):
    sound = synthesise(roll, step_seconds=0.1)
    assert sound.shape == (800 * len(roll),)
    assert np.abs(sound).max(initial=0) <= 0.9 + 1e-12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"roll": np.zeros((3, 4))}, r"roll has shape \(3, 4\); expected \(steps, 88\)"),
        ({"roll": np.zeros((3, 88)), "rate": 0}, "rate is 0"),
        ({"roll": np.zeros((3, 88)), "step_seconds": -1}, "step_seconds is -1"),
    ],
)
def test_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        synthesise(**arguments)


def test_a_player_holds_its_sound_and_says_what_it_is():
    samples = synthesise(roll_of_notes([[69]] * 4))
    shown = Sound(samples, 'an "A" & <more>')._repr_html_()
    assert shown.count("an &quot;A&quot; &amp; &lt;more&gt;") == 2  # for eyes and for ears
    assert "<audio controls " in shown
    assert "autoplay" not in shown
    content = base64.b64decode(re.search(r'src="data:audio/wav;base64,([^"]*)"', shown)[1])
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 1, 8000)
        played = np.frombuffer(file.readframes(file.getnframes()), np.uint8)
    assert np.abs((played - 127.5) / 127 - samples).max() < 0.005
    assert abs(loudest_frequency(played - 127.5, 8000) - 440) <= 0.5


@pytest.mark.parametrize(
    ("samples", "label", "message"),
    [
        (np.zeros((2, 2)), "a", r"samples has shape \(2, 2\)"),
        (np.full(3, 1.5), "a", "reaches 1.5"),
        (np.zeros(3), " ", "label is empty"),
    ],
)
def test_no_player_for_these(samples, label, message):
    with pytest.raises(ValueError, match=message):
        Sound(samples, label)
