"""Synthetic words, recorded vowels and the Free Spoken Digit Dataset."""

import wave

import numpy as np
import pytest

from gru_lib.data import _formants
from gru_lib.data.registry import REGISTRY
from gru_lib.data.speech import (
    FSDD_SPEAKERS,
    WORDS,
    Recordings,
    japanese_vowels,
    join_recordings,
    read_wav,
    spoken_digits,
    spoken_words,
)
from gru_lib.spectra import log_mel

PAIR = ["nose", "zone"]

# --- spoken_words ---------------------------------------------------------------------------


def test_everyone_says_every_word_in_every_take():
    said = spoken_words([4, 1], [0, 3])
    keys = list(zip(said.words, said.speakers, said.takes, strict=True))
    assert sorted(keys) == [(w, s, t) for w in range(12) for s in (1, 4) for t in (0, 3)]
    for sound in said.sounds:
        assert sound.ndim == 1 and np.abs(sound).max() == pytest.approx(0.9)
        assert 0.1 < len(sound) / 8000 < 2


def test_a_number_is_always_the_same_sound():
    alone = spoken_words([2], [5], words=["six"])
    among = spoken_words([0, 2], [4, 5], words=["one", "six"])
    same = (among.speakers == 2) & (among.takes == 5) & (among.words == 6)
    assert np.array_equal(among.where(same).sounds[0], alone.sounds[0])


def test_takes_speakers_and_words_differ():
    said = spoken_words([0, 1], [0, 1], words=["six", "nine"])
    assert len({sound.tobytes() for sound in said.sounds}) == 8


def test_half_the_tempo_takes_twice_the_time():
    normal, slow = (spoken_words(range(4), [0], tempo=tempo) for tempo in (1.0, 0.5))
    seconds = [sum(map(len, said.sounds)) / 8000 for said in (normal, slow)]
    assert seconds[1] / seconds[0] == pytest.approx(2, rel=0.02)


@pytest.mark.parametrize("person", range(5))
def test_a_voice_repeats_with_its_pitch(person):
    voice = _formants.draw_voice(np.random.default_rng(person))
    sound = _formants.speak("zero", voice, 8000, np.random.default_rng(0), 0.5)
    middle = sound[len(sound) // 2 :][:512]
    lags = np.arange(20, 130)
    alike = [np.corrcoef(middle[lag:], middle[:-lag])[0, 1] for lag in lags]
    period = lags[np.flatnonzero(np.array(alike) > 0.97 * max(alike))[0]]  # not twice the period
    assert 8000 / period == pytest.approx(voice.pitch, rel=0.25)


def test_a_vowel_is_loud_at_its_formants():
    voice = _formants.draw_voice(np.random.default_rng(3))
    steps = np.tile([[300.0, 2000.0, 3000.0]], (1, 1))
    hertz = np.arange(100.0, 3500, 10)[None]
    plain = _formants.Voice(**{**vars(voice), "microphone": np.zeros(7), "tract": 1.0})
    # without the fall of the voice itself, the peaks are the formants
    gain = _formants._response(hertz, steps, plain)[0] * hertz[0]
    peaks = [k for k in range(1, len(gain) - 1) if gain[k - 1] < gain[k] > gain[k + 1]]
    assert hertz[0][peaks][:3] == pytest.approx([300, 2000, 3000], abs=30)


def test_nose_and_zone_have_the_same_spectrum_in_the_mean():
    said = spoken_words(range(40), range(3), words=[*PAIR, "six"])
    means = np.stack([log_mel(sound).mean(axis=0) for sound in said.sounds])
    nose, zone, six = (means[said.words == WORDS.index(word)] for word in (*PAIR, "six"))
    error = np.sqrt(nose.var(axis=0) / len(nose) + zone.var(axis=0) / len(zone))
    assert (np.abs(nose.mean(axis=0) - zone.mean(axis=0)) < 3.5 * error).all()
    assert (np.abs(nose.mean(axis=0) - six.mean(axis=0)) > 3.5 * error).any()


def test_nose_and_zone_differ_in_order():
    said = spoken_words(range(10), [0], words=PAIR)
    early = [log_mel(s)[: len(s) // 128 // 3, -4:].mean() for s in said.sounds]
    late = [log_mel(s)[-(len(s) // 128 // 3) :, -4:].mean() for s in said.sounds]
    hiss_first = np.array(early) > np.array(late)  # the z hisses, the n does not
    assert (hiss_first == (said.words == WORDS.index("zone"))).mean() > 0.9


@pytest.mark.parametrize(
    ("arguments", "settings", "words"),
    [
        (([0], [0]), {"words": ["eleven"]}, "'eleven'; expected words of zero"),
        (([0], [0]), {"tempo": 0}, "tempo is 0"),
        (([], [0]), {}, r"speakers is \[\]"),
        (([0], [-1]), {}, r"takes is \[-1\]"),
    ],
)
def test_what_cannot_be_said_is_refused(arguments, settings, words):
    with pytest.raises(ValueError, match=words):
        spoken_words(*arguments, **settings)


def test_joining_and_choosing_keep_rows_together():
    parts = [spoken_words([s], [s], words=["two", "six"]) for s in (0, 3)]
    joined = join_recordings(parts)
    assert isinstance(joined, Recordings) and len(joined.sounds) == 4
    chosen = joined.where(joined.speakers == 3)
    assert np.array_equal(chosen.sounds[1], parts[1].sounds[1])
    assert chosen.words.tolist() == [2, 6] and chosen.takes.tolist() == [3, 3]


# --- read_wav -------------------------------------------------------------------------------


def written(path, rate=8000, channels=1, width=2):
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 4, "NONE", ""))
        file.writeframes(bytes(range(4 * channels * width)))
    return path


def test_samples_are_those_of_scipy(tmp_path):
    from scipy.io import wavfile

    path = written(tmp_path / "a.wav")
    assert np.array_equal(read_wav(path), wavfile.read(path)[1] / 32768)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rate": 16000}, "a.wav has 16000 samples a second; expected 8000"),
        ({"channels": 2}, "a.wav has 2 channels"),
        ({"width": 1}, "a.wav has 8 bits"),
    ],
)
def test_other_files_are_refused(tmp_path, settings, words):
    with pytest.raises(ValueError, match=words):
        read_wav(written(tmp_path / "a.wav", **settings))


# --- real speech ----------------------------------------------------------------------------


def test_japanese_vowels_are_those_of_the_archive():
    vowels = japanese_vowels()
    assert np.bincount(vowels.train_speakers).tolist() == [30] * 9
    assert np.bincount(vowels.test_speakers).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
    lengths = [len(sequence) for sequence in (*vowels.train, *vowels.test)]
    assert (min(lengths), max(lengths)) == (7, 29)
    assert {sequence.shape[1] for sequence in vowels.train} == {12}
    assert all(np.isfinite(sequence).all() for sequence in (*vowels.train, *vowels.test))
    rows = [sequence.tobytes() for sequence in (*vowels.train, *vowels.test)]
    assert len(set(rows)) == len(rows)  # no recording is on both sides


def test_spoken_digits_are_complete(full_tier):
    digits = spoken_digits()
    keys = set(zip(digits.words, digits.speakers, digits.takes, strict=True))
    assert keys == {(w, s, t) for w in range(10) for s in range(6) for t in range(25)}
    assert len(digits.sounds) == len(REGISTRY["fsdd"].files)
    assert all(np.abs(sound).max() == pytest.approx(0.9) for sound in digits.sounds)
    path = full_tier / "fsdd/recordings/7_theo_3.wav"
    row = (
        (digits.words == 7) & (digits.takes == 3) & (digits.speakers == FSDD_SPEAKERS.index("theo"))
    )
    sound, samples = digits.where(row).sounds[0], read_wav(path)
    assert sound == pytest.approx(samples * 0.9 / np.abs(samples).max())
