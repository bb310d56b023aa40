"""The stored runs on ETTh1: complete, fair, and to be had again."""

import numpy as np
import pytest

from benchmarks import energy
from gru_lib.data.stored import stored_result

STORED = stored_result("energy")
RUNS = STORED["results"]["runs"]
KEYS = ("model", "task", "learning_rate", "anchor", "seed")


def test_every_setting_was_run_once():
    keys = [tuple(run[key] for key in KEYS) for run in RUNS]
    assert sorted(keys) == sorted(energy.settings())
    assert STORED["seeds"] == list(energy.SEEDS)
    assert STORED["command"] == energy.COMMAND


@pytest.mark.parametrize("task", energy.TASKS)
def test_models_of_a_task_have_equal_parameters(task):
    counts = {run["parameters"] for run in RUNS if run["task"] == task}
    assert min(counts) > 0.97 * max(counts)


def test_baselines_come_again(full_tier):
    for task in ("papers 96", "tomorrow HUFL", "tomorrow OT"):
        again = energy.baselines(task)
        for name, then in STORED["results"]["baselines"][task].items():
            assert again[name]["mae"] == pytest.approx(then["mae"], abs=2e-4)


@pytest.mark.parametrize(("name", "task"), [("GRU", "papers 96"), ("window", "tomorrow OT")])
def test_a_run_comes_again(full_tier, name, task):
    setting = (name, task, 0.005, 1, 0)
    again = energy.one_run(*setting)
    (then,) = (run for run in RUNS if tuple(run[key] for key in KEYS) == setting)
    assert again["parameters"] == then["parameters"]
    # seeds differ by about one per cent, settings by more than five
    assert again["mae"] == pytest.approx(then["mae"], rel=0.04)


def test_the_papers_windows(full_tier):
    (train, valid, test), _ = energy.task_windows("papers 96")
    assert [len(cut.target) // 7 for cut in (train, valid, test)] == [8449, 2785, 2785]
    assert train.start.max() + 96 <= energy.PAPERS_SPLIT.train.stop
    assert test.start.min() == energy.PAPERS_SPLIT.test.start


def test_the_control_has_the_same_values_in_another_order(full_tier):
    cut = energy.task_windows("tomorrow OT")[0][2]
    mixed = energy.shuffled(cut, seed=0)
    assert np.array_equal(np.sort(mixed.past[:, :, 0]), np.sort(cut.past[:, :, 0]))
    assert not np.array_equal(mixed.past, cut.past)
    assert np.array_equal(mixed.target, cut.target)
