"""The stored result of chapter 17: complete, and to be had again."""

import pytest

from benchmarks import translation
from gru_lib.data.stored import stored_result
from gru_lib.data.translation import tatoeba_pairs

STORED = stored_result("translation")
RESULTS = STORED["results"]
RUNS = RESULTS["runs"]


def test_every_setting_was_run_once():
    keys = [(run["model"], run["learning_rate"], run["seed"]) for run in RUNS]
    assert keys == [*translation.settings(), *translation.more_settings(RUNS)]
    assert STORED["seeds"] == list(translation.SEEDS)
    assert STORED["command"] == translation.COMMAND


def test_all_have_as_many_parameters():
    parameters = [run["parameters"] for run in RUNS]
    assert max(parameters) < 1.03 * min(parameters)


def test_what_is_counted_comes_again(full_tier):
    again = translation.without_a_state()
    assert list(again) == list(RESULTS["without_a_state"])
    for name, then in RESULTS["without_a_state"].items():
        assert again[name]["bleu"] == pytest.approx(then["bleu"], abs=0.02)
        assert again[name]["bleu_by_length"] == pytest.approx(then["bleu_by_length"], abs=0.02)
        assert again[name]["first"] == then["first"]


def test_the_set_is_the_same(full_tier):
    train, valid, test = tatoeba_pairs()
    sizes = {"train": train, "valid": valid, "test": test}
    assert RESULTS["pairs"] == {name: len(part.sources) for name, part in sizes.items()}
    assert RESULTS["scripts"] == translation.shares_of_scripts(train)
    rows = translation.first_rows(test)
    assert RESULTS["first_sources"] == [" ".join(test.sources[row]) for row in rows]
    assert RESULTS["first_targets"] == ["".join(test.targets[row]) for row in rows]
    assert len(set(RESULTS["first_sources"])) == 10
    assert sum(RESULTS["test_by_length"].values()) == len(test.sources)


def test_a_run_comes_again(full_tier):
    name, seed = "GRU, source reversed", 0
    rate = translation.best_rate(RUNS, name)
    again = translation.one_run(name, rate, seed)
    (then,) = (r for r in RUNS if (r["model"], r["learning_rate"], r["seed"]) == (name, rate, seed))
    assert again["parameters"] == then["parameters"]
    # training multiplies what processors round differently; nearer than the baselines are apart
    assert again["valid_loss"] == pytest.approx(then["valid_loss"], abs=0.05)
    assert again["bleu"] == pytest.approx(then["bleu"], abs=1.0)
