"""The stored result of chapter 31: every setting once, and two runs made again."""

import hashlib
from collections import Counter

import pytest

from benchmarks import forgetting_and_few_labels as chapter
from benchmarks.runs import texts
from gru_lib.data.stored import stored_result
from gru_lib.pretrained import load_pretrained

STORED = stored_result("forgetting-and-few-labels")
RESULTS = STORED["results"]
RUNS = RESULTS["runs"]
SEEDS = list(chapter.SEEDS)


def rows(**where):
    """The runs that agree with what is asked for."""
    return [r for r in RUNS if all(r.get(key) == value for key, value in where.items())]


def test_the_command_and_five_seeds_are_written_down():
    assert STORED["command"] == chapter.COMMAND
    assert STORED["seeds"] == SEEDS == [0, 1, 2, 3, 4]


def test_every_way_at_every_strength_was_run_from_every_seed():
    expected = [(*way, seed) for way in chapter.WAYS for seed in SEEDS]
    expected += [("mix", part, seed) for part in chapter.MIXED for seed in SEEDS]
    found = [(r["way"], r["strength"], r["seed"]) for r in rows(table="forgetting")]
    assert Counter(found) == Counter(expected)


def test_every_number_of_labels_was_used_from_every_seed():
    ways = [*chapter.CLASSIFIERS, "character n-grams"]
    found = [(r["way"], r["labels"], r["seed"]) for r in rows(table="labels", of="library")]
    assert Counter(found) == Counter((w, n, s) for w in ways for n in chapter.LABELS for s in SEEDS)


def test_every_run_of_the_list_left_its_row_and_no_other_did():
    # fine-tuning everything leaves the rows of its mixes as well
    expected = len(chapter.settings(RESULTS["rates"])) + len(chapter.MIXED) * len(SEEDS)
    assert len(RUNS) == expected


def test_rates_are_those_that_were_tried_and_the_seed_of_tuning_is_used_for_nothing_else():
    assert set(RESULTS["rates"]) == set(chapter.CLASSIFIERS)
    assert set(RESULTS["rates"].values()) <= set(chapter.RATES)
    assert chapter.TUNING_SEED not in {r["seed"] for r in RUNS}
    for run in rows(table="labels", of="library"):
        if run["way"] in RESULTS["rates"]:
            assert run["rate"] == RESULTS["rates"][run["way"]]


def test_the_texts_are_those_of_the_installed_packages():
    numpy, libraries = texts("numpy")["numpy"], texts("libraries")["libraries"]
    kept = {
        "NumPy's docstrings (training": numpy.train[: max(chapter.MORE_TEXT)],
        "test)": numpy.test[: chapter.MEASURED],
        "sentences of six libraries": "\n".join(libraries["train"].sentences),
    }
    whole = "\n".join(kept[name] for name in sorted(kept))  # as write_result joins them
    assert STORED["data"]["sha256"] == hashlib.sha256(whole.encode()).hexdigest()


def test_no_topic_is_learned_from_and_measured_on():
    for name in ("numpy", "reference"):
        topics = texts(name)[name].topics
        assert not {*topics["train"]} & {*topics["test"]}
        assert not {*topics["valid"]} & {*topics["test"]}


def test_the_start_comes_again():
    again = chapter.measured(load_pretrained().model)
    assert again == pytest.approx(RESULTS["before"], abs=0.002)


def test_what_was_learned_and_forgotten_comes_again():
    (then,) = rows(table="forgetting", way="output layer", seed=3)
    (again,) = chapter.one_run("forget", "output layer", 1.0, 3)
    for domain in ("learned", "kept"):
        assert again[domain] == pytest.approx(then[domain], abs=0.06)


def test_counted_characters_come_again():
    (then,) = rows(table="labels", of="library", way="character n-grams", labels=60, seed=2)
    (again,) = chapter.one_run("count", 60, 2, "library")
    assert again["test"] == pytest.approx(then["test"], abs=0.02)
