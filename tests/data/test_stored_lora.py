"""The stored result of chapter 30: every setting once, and one run made again."""

import hashlib
from collections import Counter

import pytest

from benchmarks import lora
from gru_lib.data.stored import stored_result
from gru_lib.models import count_parameters
from gru_lib.pretrained import load_pretrained

STORED = stored_result("lora")
RESULTS = STORED["results"]
RUNS = RESULTS["runs"]


def test_every_way_was_run_at_three_rates_and_from_five_seeds():
    keys = [(r["way"], r["learning_rate"], r["seed"]) for r in RUNS]
    more = [(w, rate, seed) for w, rate in RESULTS["rates"].items() for seed in lora.SEEDS[1:]]
    assert sorted(keys) == sorted([*lora.first_settings(), *more])
    assert set(Counter(r["way"] for r in RUNS).values()) == {7}
    assert STORED["seeds"] == list(lora.SEEDS)
    assert STORED["command"] == lora.COMMAND


def test_the_rate_was_chosen_on_the_validation_text():
    first = [r for r in RUNS if r["seed"] == lora.SEEDS[0]]
    assert lora.chosen_rates(first) == RESULTS["rates"]
    for way, rate in RESULTS["rates"].items():
        lowest = min(r["valid"] for r in first if r["way"] == way)
        assert lowest in [
            r["valid"] for r in first if (r["way"], r["learning_rate"]) == (way, rate)
        ]


def test_the_texts_are_those_of_the_installed_package():
    numpy, _ = lora.both_texts()
    # joined in the order of their names, as write_result does
    whole = "\n".join(
        [numpy.train[: lora.TRAIN], numpy.test[: lora.TEST], numpy.valid[: lora.VALID]]
    )
    assert STORED["data"]["sha256"] == hashlib.sha256(whole.encode()).hexdigest()


def test_what_is_trained_comes_again():
    for way in lora.WAYS:
        base, _, choose = lora.WAYS[way]
        counts = {r["trained"] for r in RUNS if r["way"] == way}
        assert counts == {choose(lora.base_of(base, 0), 0)}
    assert max(r["trained"] for r in RUNS) == count_parameters(load_pretrained().model)


def test_no_module_is_in_two_parts():
    topics = lora.both_texts()[0].topics
    assert not {*topics["train"]} & {*topics["test"]} and not {*topics["valid"]} & {*topics["test"]}


def test_a_run_comes_again():
    setting = ("LoRA, rank 2", RESULTS["rates"]["LoRA, rank 2"], 3)
    (then,) = (r for r in RUNS if (r["way"], r["learning_rate"], r["seed"]) == setting)
    again = lora.one_run(*setting)
    for part in ("valid", "test", "reference"):
        assert again[part] == pytest.approx(then[part], abs=0.06)
