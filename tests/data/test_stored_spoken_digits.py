"""The stored runs on the Free Spoken Digit Dataset: complete, consistent, and they come again."""

import numpy as np
import pytest

from benchmarks import spoken_digits as runs_of
from gru_lib.data.speech import spoken_digits
from gru_lib.data.stored import stored_result

STORED = stored_result("spoken-digits")
RUNS = STORED["results"]["runs"]
COUNTED = {row["task"]: row for row in STORED["results"]["counted"]}


def test_every_setting_was_run_once():
    keys = [(run["model"], run["task"], run["learning_rate"], run["seed"]) for run in RUNS]
    assert sorted(keys) == sorted(runs_of.settings())
    assert len(set(keys)) == len(keys)
    assert list(COUNTED) == list(runs_of.COUNTED)
    assert STORED["seeds"] == list(runs_of.SEEDS) and STORED["command"] == runs_of.COMMAND


def test_networks_have_like_numbers_of_parameters():
    sizes = {run["model"]: run["parameters"] for run in RUNS}
    assert max(sizes.values()) < 1.03 * min(sizes.values())


def test_a_run_agrees_with_itself():
    for run in RUNS:
        counts = np.array(run["confusion"])
        assert run["test"] == pytest.approx(np.trace(counts) / counts.sum(), abs=1e-4)
        assert run["test"] == pytest.approx(np.mean(list(run["by_speaker"].values())), abs=1e-3)


def test_no_stranger_is_in_training(full_tier):
    digits = spoken_digits()
    for number in range(6):
        split = runs_of.stranger_split(digits, number)
        assert set(split.test.speakers) == {number}
        assert number not in {*split.train.speakers, *split.valid.speakers}
    usual = runs_of.usual_split(digits)
    takes = [set(part.takes) for part in usual]
    assert takes == [set(range(7, 25)), {5, 6}, set(range(5))]
    assert [set(part.speakers) for part in usual] == [set(range(6))] * 3


def test_a_mixed_split_adds_synthetic_speech_to_training_only(full_tier):
    digits = spoken_digits()
    plain, mixed = (runs_of.split_of(task, digits) for task in ("theo", "theo mixed"))
    assert len(mixed.train.words) == len(plain.train.words) + 10 * len(runs_of.SYNTHETIC_SPEAKERS)
    assert len(mixed.test.words) == len(plain.test.words) == 250


def test_what_was_counted_comes_again(full_tier):
    assert runs_of.counted("usual") == pytest.approx(COUNTED["usual"], abs=0.011)


@pytest.mark.parametrize(("name", "task"), [("pool", "usual"), ("convolution", "theo")])
def test_a_run_comes_again(full_tier, name, task):
    key = (name, task, runs_of.LEARNING_RATE, 0)
    again = runs_of.one_run(*key)
    (then,) = (r for r in RUNS if (r["model"], r["task"], r["learning_rate"], r["seed"]) == key)
    assert again["parameters"] == then["parameters"]
    # processors round differently, and training multiplies it; strangers differ by more
    assert again["test"] == pytest.approx(then["test"], abs=0.03 if task == "usual" else 0.10)
