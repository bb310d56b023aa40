"""The stored result of chapter 29: every setting once, no seed missing, and runs made again."""

import hashlib
from collections import Counter

import numpy as np
import pytest

from benchmarks import fine_tuning_ladder as ladder
from benchmarks.runs import texts
from gru_lib.data.stored import stored_result

STORED = stored_result("fine-tuning-ladder")
RESULTS = STORED["results"]
CLASSIFYING, ADAPTING = RESULTS["classifying"], RESULTS["adapting"]
RATES = ladder.chosen_rates(RESULTS["tuning"])
COUNTED = ("majority", "character n-grams")


def key_of(run):
    return run["way"], run["of"], run["labels"], run["seed"]


def test_every_way_was_run_at_every_number_of_labels_from_five_seeds():
    expected = {
        (way, "libraries", labels, seed)
        for way in (*ladder.WAYS, *COUNTED)
        for labels in ladder.BUDGETS
        for seed in ladder.SEEDS
    }
    for ways, seeds in ((ladder.TREC_WAYS, ladder.TREC_SEEDS), (COUNTED, ladder.SEEDS)):
        expected |= {
            (way, "trec", labels, seed)
            for way in ways
            for labels in (120, ladder.TREC_LABELS)
            for seed in seeds
        }
    found = Counter(map(key_of, CLASSIFYING))
    assert set(found) == expected
    assert set(found.values()) == {1}
    assert sorted((run["way"], run["seed"]) for run in ADAPTING) == sorted(
        (way, seed) for way in ladder.ADAPTING for seed in ladder.SEEDS
    )
    assert len(ladder.SEEDS) == 5
    assert STORED["seeds"] == list(ladder.SEEDS)
    assert STORED["command"] == ladder.COMMAND


def test_rates_were_chosen_from_three_each_on_validation_data_with_another_seed():
    tuning = RESULTS["tuning"]
    assert {run["seed"] for run in tuning} == {ladder.TUNING_SEED}
    assert ladder.TUNING_SEED not in ladder.SEEDS
    assert not any("test" in run for run in tuning)
    for ways, classifying in ((ladder.WAYS, True), (ladder.ADAPTING, False)):
        for way in ways:
            same = [r for r in tuning if r["way"] == way and ("labels" in r) == classifying]
            assert sorted(run["rate"] for run in same) == sorted(ladder.RATES)
    for run in CLASSIFYING:
        if run["way"] in ladder.WAYS:
            assert run["rate"] == RATES["classify", run["way"]]
    assert all(run["rate"] == RATES["adapt", run["way"]] for run in ADAPTING)


def test_what_is_trained_is_what_the_way_says():
    trained = {
        way: {run["trained"] for run in CLASSIFYING if run["way"] == way} for way in ladder.WAYS
    }
    everything = {2_886 + 154_560 + 100_800 + 4_608}
    assert trained.pop("last layer") == {2_886}
    assert all(numbers == everything for numbers in trained.values())


def test_no_sentence_is_in_two_parts():
    parts = texts("libraries")["libraries"]
    train, valid, test = (set(parts[name].sentences) for name in ("train", "valid", "test"))
    assert not train & test and not train & valid and not valid & test


def test_labels_are_drawn_balanced_without_repeats_and_anew_for_each_seed():
    train = texts("libraries")["libraries"]["train"]
    for labels in ladder.BUDGETS:
        draws = [ladder.drawn(train, labels, seed) for seed in ladder.SEEDS]
        for rows in draws:
            assert len(set(rows.tolist())) == labels
            assert set(Counter(train.classes[rows].tolist()).values()) == {labels // 6}
        assert len({tuple(rows) for rows in draws}) == len(ladder.SEEDS)


def test_the_texts_are_those_of_the_installed_packages():
    read = texts("numpy", "libraries")
    # joined in the order of their names, as write_result does
    whole = "\n".join([read["numpy"].test, *read["libraries"]["test"].sentences])
    assert STORED["data"]["sha256"] == hashlib.sha256(whole.encode()).hexdigest()


def test_the_counted_rivals_come_again():
    for labels in (12, 120):
        for run in ladder.count_words("libraries", labels, seed=2):
            (then,) = (r for r in CLASSIFYING if key_of(r) == key_of(run))
            assert run["test"] == pytest.approx(then["test"], abs=0.01)


def test_a_run_comes_again():
    way = "last layer"
    rate = RATES["classify", way]
    (again,) = ladder.classify(way, "libraries", (12,), rate, 1, ladder.WAYS[way])
    (then,) = (r for r in CLASSIFYING if key_of(r) == key_of(again))
    assert again["test"] == pytest.approx(then["test"], abs=0.03)


def test_guessing_scores_what_guessing_scores():
    majority = [r["test"] for r in CLASSIFYING if r["way"] == "majority" and r["of"] == "libraries"]
    assert np.allclose(majority, 1 / 6, atol=1e-3)
