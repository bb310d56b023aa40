"""The stored result of chapter 16: every setting once, and parts of it made again."""

import numpy as np
import pytest

from benchmarks import sentiment
from gru_lib.data.registry import REGISTRY
from gru_lib.data.reviews import LabelledTexts, RealReviews, has_negator
from gru_lib.data.stored import stored_result

STORED = stored_result("sentiment")
RESULTS = STORED["results"]


def test_every_setting_was_run_once():
    keys = [(r["model"], r["data"], r["learning_rate"], r["seed"]) for r in RESULTS["runs"]]
    assert sorted(keys) == sorted(sentiment.settings())
    assert STORED["seeds"] == list(sentiment.SEEDS)
    assert STORED["command"] == sentiment.COMMAND
    for name, part in RESULTS["sets"].items():
        assert part["sha256"] == REGISTRY[sentiment.REGISTERED[name]].sha256


def test_rivals_have_equal_parameters():
    for data in sentiment.SETS:
        counts = {r["parameters"] for r in RESULTS["runs"] if r["data"] == data}
        assert max(counts) <= 1.03 * min(counts)


def test_what_needs_no_seed_comes_again(full_tier):
    assert sentiment.described("films") == RESULTS["sets"]["films"]
    assert sentiment.described("meals") == RESULTS["sets"]["meals"]
    for data in sentiment.SETS:
        again, then = sentiment.counted(data), RESULTS["counted"][data]
        assert again["majority"] == then["majority"]
        for bag in sentiment.BAGS:  # an optimizer stops where another processor goes on
            assert again[bag]["parameters"] == then[bag]["parameters"]
            assert again[bag]["test"] == pytest.approx(then[bag]["test"], abs=0.005)


def test_a_run_comes_again(full_tier):
    setting = ("GRU", "meals", 3e-3, 1)
    (then,) = (
        r
        for r in RESULTS["runs"]
        if (r["model"], r["data"], r["learning_rate"], r["seed"]) == setting
    )
    again = sentiment.one_run(*setting)
    assert again["parameters"] == then["parameters"]
    assert again["test"] == pytest.approx(then["test"], abs=0.03)
    assert again["valid"] == pytest.approx(then["valid"], abs=0.03)


def small_set():
    part = LabelledTexts(["it is not good", "a b c d e f"], np.array([0, 1]))
    return RealReviews(part, part, part, duplicates=0, contradictions=0)


def test_controls_change_what_their_names_say_and_nothing_else():
    before = small_set()
    words = sentiment.made_control(sentiment.WORDS_SHUFFLED, before, seed=0)
    for part, original in zip(words[:3], before[:3], strict=True):
        assert part.texts != original.texts
        assert [sorted(t.split()) for t in part.texts] == [
            sorted(t.split()) for t in original.texts
        ]
        assert part.truths.tolist() == original.truths.tolist()
    drawn = [sentiment.made_control(sentiment.CLASSES_SHUFFLED, before, s) for s in range(8)]
    assert {tuple(d.train.truths.tolist()) for d in drawn} == {(0, 1), (1, 0)}
    assert all(d.train.texts == before.train.texts and d.test == before.test for d in drawn)


def test_other_words_are_deleted_and_negators_stay():
    rng = np.random.default_rng(0)
    for text in ("it is not a good film", "no", "never , never"):
        words, left = text.split(), sentiment._without_others(text, rng).split()
        negators = [word for word in words if has_negator(word)]
        assert [word for word in left if has_negator(word)] == negators
        assert len(left) == len(words) - min(len(negators), len(words) - len(negators))
