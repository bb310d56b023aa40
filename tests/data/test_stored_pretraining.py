"""The stored result of chapter 28: every setting once, chosen by the rule, and one run again."""

import hashlib

import pytest

from benchmarks import pretraining
from gru_lib.data.stored import stored_result

STORED = stored_result("pretraining")
RESULTS = STORED["results"]


def keys(runs):
    return [(run["model"], run["learning_rate"], run["seed"]) for run in runs]


def test_every_setting_was_run_once():
    assert sorted(keys(RESULTS["tuning"])) == sorted(pretraining.tuning_settings())
    rates = pretraining.chosen_rates(RESULTS["tuning"])
    stored = [setting for setting in pretraining.settings(rates) if setting[2] in STORED["seeds"]]
    assert sorted(keys(RESULTS["runs"])) == sorted(stored)
    assert STORED["seeds"] == list(pretraining.SEEDS)
    assert STORED["command"] == pretraining.COMMAND
    expected = {"tuning": pretraining.TUNING_EPOCHS, "runs": pretraining.EPOCHS}
    assert RESULTS["epochs"] == expected


def test_the_test_text_was_not_looked_at_while_a_rate_was_chosen():
    assert all("test" not in run["bits"] for run in RESULTS["tuning"])
    assert pretraining.TUNING_SEED not in pretraining.SEEDS


def test_rivals_have_equal_parameters():
    counts = {run["model"]: run["parameters"] for run in RESULTS["runs"]}
    assert abs(counts["LSTM"] / counts["GRU 128"] - 1) < 0.03
    assert counts["shuffled"] == counts["GRU 128"]


def test_the_rate_is_the_one_with_fewest_bits():
    tuning = [
        {"model": "GRU 128", "learning_rate": rate, "bits": {"valid": bits}}
        for rate, bits in ((0.1, 3.0), (0.2, 2.0), (0.3, 2.5))
    ]
    assert pretraining.chosen_rates(tuning)["GRU 128"] == 0.2


def test_a_run_comes_again():
    text = pretraining.reference()
    whole = "\n".join([text.test, text.train, text.valid])
    if hashlib.sha256(whole.encode()).hexdigest() != STORED["data"]["sha256"]:
        pytest.skip("another edition of the Python reference")
    (then,) = (
        run
        for run in RESULTS["tuning"]
        if run["model"] == "GRU 32" and run["learning_rate"] == 8e-3
    )
    again = pretraining.one_run("GRU 32", 8e-3, pretraining.TUNING_SEED)
    assert again["parameters"] == then["parameters"]
    assert again["bits"]["valid"] == pytest.approx(then["bits"]["valid"], abs=0.1)
    assert again["bits"].keys() == then["bits"].keys()
