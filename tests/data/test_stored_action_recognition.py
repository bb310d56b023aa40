"""The stored result of chapter 26: complete, and it comes again."""

import numpy as np
import pytest

from benchmarks import action_recognition as benchmark
from gru_lib.data.motion import jhmdb_joints
from gru_lib.data.stored import stored_result

STORED = stored_result("action-recognition")
RESULTS = STORED["results"]
RUNS = RESULTS["runs"]


def key(run):
    return run["model"], run["learning_rate"], run["seed"], run["beginnings"]


def test_every_setting_was_run_once():
    assert sorted(map(key, RUNS)) == sorted(benchmark.settings())
    assert STORED["seeds"] == list(benchmark.SEEDS)
    assert STORED["command"] == benchmark.COMMAND
    assert RESULTS["shares"] == list(benchmark.SHARES)


def test_all_have_as_many_parameters():
    counts = {run["parameters"] for run in RUNS}
    assert max(counts) < 1.03 * min(counts)


def test_answers_and_accuracy_agree():
    true = np.array(list(RESULTS["true"]))
    for run in RUNS:
        answers = np.array(list(run["answers"]))
        assert run["test"] == pytest.approx(np.mean(answers == true), abs=1e-4)
        assert run["test"] == run["early"][-1]
        assert len(run["answers_reversed"]) == len(true)


def test_what_needs_no_training_comes_again(full_tier):
    again, then = benchmark.without_training(), RESULTS["without_training"]
    assert again["largest class"] == then["largest class"]
    for name in ("one frame", "mean pose"):
        # a solver's last digits may move a clip or two across a border
        assert again[name]["test"] == pytest.approx(then[name]["test"], abs=0.015)
    for name, value in then["nearest clip"].items():
        assert again["nearest clip"][name] == pytest.approx(value, abs=0.006)
    assert benchmark.letters(jhmdb_joints().test.classes) == RESULTS["true"]


def test_a_run_comes_again(full_tier):
    setting = ("mean over frames, positions only", 1e-2, 1, False)
    (then,) = (run for run in RUNS if key(run) == setting)
    again = benchmark.one_run(*setting)
    assert again["parameters"] == then["parameters"]
    # seeds differ by about five points; another processor or version by less
    assert again["test"] == pytest.approx(then["test"], abs=0.05)
    assert again["valid"] == pytest.approx(then["valid"], abs=0.08)


def test_no_clip_is_on_two_sides(full_tier):
    train, valid, test = benchmark.split(0)
    assert [len(data.clips) for data in (train, valid, test)] == [2 * 352, 81, 176]
    known = {clip.tobytes() for clip in train.clips}
    assert not known & {clip.tobytes() for data in (valid, test) for clip in data.clips}
