"""gru_lib.data.reviews: the grammar against its semantics, the splits, and both real sets."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gru_lib.data.reviews import (
    BLAME,
    CONSTRUCTIONS,
    NEGATORS,
    PRAISE,
    Clause,
    Review,
    Vocabulary,
    film_reviews,
    generated_reviews,
    has_negator,
    holds_new_pair,
    meal_reviews,
    shuffle_words,
    with_asides,
    with_degrees,
    without_copies,
    without_negators,
)


@pytest.fixture(scope="module")
def parts():
    return generated_reviews(600, 100, 400, seed=3)


def read_truth(text):
    """The truth of a generated review, found again from its words alone."""
    halves = {"but": lambda first, second: second, "although": lambda first, second: first}
    for joint, decides in halves.items():
        if f" {joint} " in f" {text} ":
            first, second = f" {text} ".split(f" {joint} ")
            if " , " in second:  # "although X , Y": the end decides
                second = second.split(" , ")[1]
                return read_truth(second)
            return read_truth(decides(first, second).strip())
    for clause in text.split(" and "):
        words = clause.split()
        judged = [word for word in words if word in PRAISE + BLAME]
        if judged:
            (adjective,) = judged
            turns = sum(word in NEGATORS for word in words)
            return int((adjective in PRAISE) == (turns % 2 == 0))
    raise AssertionError(f"no clause of {text!r} judges anything")


def test_the_truth_is_the_one_that_a_parser_of_the_words_finds(parts):
    for part in parts:
        assert [read_truth(text) for text in part.texts] == part.truths.tolist()


@pytest.mark.parametrize(("inner", "outer"), [*itertools.product(("", *NEGATORS), repeat=2)])
def test_every_negator_turns_its_clause_once(inner, outer):
    clause = Clause("film", "good", inner=inner, framed=True, outer=outer)
    expected = 1 if bool(inner) == bool(outer) else -1
    assert clause.value == expected
    assert clause._replace(adjective="bad").value == -expected
    assert clause.text.split().count("not") == [inner, outer].count("not")


def test_the_main_clause_decides_wherever_it_stands():
    good, bad = Clause("film", "good"), Clause("acting", "bad")
    read = {
        joint: Review(good, joint, bad)
        for joint in ("SIDE but MAIN", "although SIDE , MAIN", "MAIN although SIDE")
    }
    assert [review.truth for review in read.values()] == [1, 1, 1]
    assert [review.text for review in read.values()] == [
        "the acting is bad but the film is good",
        "although the acting is bad , the film is good",
        "the film is good although the acting is bad",
    ]


def test_twins_differ_in_truth_and_not_in_words(parts):
    for part in parts:
        rows = zip(part.texts[::2], part.texts[1::2], part.constructions[::2], strict=True)
        assert (part.truths[::2] != part.truths[1::2]).all()
        for first, second, construction in rows:
            same = Counter(first.split()) == Counter(second.split())
            assert same == (construction != "plain")


def test_every_construction_is_there_equally_often(parts):
    for part in parts:
        assert set(Counter(part.constructions).values()) == {len(part.reviews) // 5}
        assert set(part.constructions) == set(CONSTRUCTIONS)


def test_no_review_is_in_two_parts_or_twice_in_one(parts):
    texts = [text for part in parts for text in part.texts]
    assert len(set(texts)) == len(texts)


def test_pairs_kept_apart_meet_in_the_test_only(parts):
    train, valid, test = parts
    assert not train.new_pair.any() and not valid.new_pair.any()
    assert 0.2 < test.new_pair.mean() < 0.6
    met = {
        (negator, adjective)
        for text in train.texts
        for negator, adjective in itertools.product(NEGATORS, PRAISE + BLAME)
        if {negator, adjective} <= set(text.split())
    }
    never = set(itertools.product(NEGATORS, PRAISE + BLAME)) - met
    assert len(never) == len(PRAISE + BLAME)  # one for each adjective, all others are met
    assert all(holds_new_pair(Review(Clause("film", a, inner=n))) for n, a in never)


def test_the_seed_decides_what_is_drawn():
    first, again, other = (generated_reviews(10, 10, 10, seed=s)[0].texts for s in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize("wrong", [(15, 10, 10), (10, 3, 10), (10, 10, 11)])
def test_numbers_that_hold_no_whole_twins_are_refused(wrong):
    with pytest.raises(ValueError, match="expected a multiple of 10"):
        generated_reviews(*wrong)


@given(st.integers(0, 12), st.integers(0, 5))
def test_longer_reviews_keep_their_truth(count, seed):
    rng = np.random.default_rng(seed)
    reviews = generated_reviews(10, 10, 10, seed=seed)[2].reviews
    longer = with_asides(reviews, count, rng)
    assert [r.truth for r in longer] == [read_truth(r.text) for r in longer]
    words = [len(r.text.split()) for r in reviews]
    assert [len(r.text.split()) for r in longer] == [n + 5 * count for n in words]
    stretched = with_degrees(reviews, count, rng)
    assert [r.truth for r in stretched] == [read_truth(r.text) for r in stretched]
    assert all(len(r.main.degrees) == count for r in stretched)


def test_a_vocabulary_knows_what_was_learned_from_and_nothing_else():
    vocabulary = Vocabulary(["a b b", "b c"], least=2)
    assert vocabulary.encode("b a d b").tolist() == [2, 1, 1, 2]
    assert len(vocabulary) == 3
    with pytest.raises(ValueError, match="no word in it"):
        vocabulary.encode(" ")


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1).map(" ".join)), st.integers(0, 9))
def test_shuffling_keeps_the_words_of_each_text(texts, seed):
    mixed = shuffle_words(texts, np.random.default_rng(seed))
    assert [sorted(text.split()) for text in mixed] == [sorted(text.split()) for text in texts]


def test_negators_are_found_and_deleted():
    assert has_negator("it is n't bad") and not has_negator("nothing , nor none")
    assert without_negators("no , it is not never n't bad") == ", it is bad"
    assert without_negators("no") == "no"  # something has to be left to read


def test_copies_are_dropped_and_contradictions_altogether():
    rows = [("好!", 1), ("好", 1), ("坏", 0), ("中", 1), ("中。", 0), ("A b", 1), ("a,B", 1)]
    kept, duplicates, contradictions = without_copies(rows)
    assert kept == [("好!", 1), ("坏", 0), ("A b", 1)]
    assert (duplicates, contradictions) == (2, 2)


def test_film_reviews_are_those_of_the_paper(full_tier):
    reviews = film_reviews()
    assert [len(part.texts) for part in reviews[:3]] == [6920, 872, 1821]
    assert reviews.train.texts[0].startswith("a stirring , funny and finally transporting")
    assert reviews.train.truths[:2].tolist() == [1, 0]
    assert set(reviews.train.texts) & set(reviews.test.texts) == {"no. .", "what 's next ?"}


def test_meal_reviews_occur_in_one_part_only(full_tier):
    reviews = meal_reviews()
    texts = [text for part in reviews[:3] for text in part.texts]
    bare = ["".join(filter(str.isalnum, text)).lower() for text in texts]
    uncut = [b for b, text in zip(bare, texts, strict=True) if len(text.split()) < 80]
    assert len(set(uncut)) == len(uncut)
    assert reviews.duplicates + reviews.contradictions + len(texts) == 11987
    assert max(len(text.split()) for text in texts) == 80
    assert all(len(word) == 1 for word in reviews.train.texts[0].split())
    again = meal_reviews().test.texts
    assert again == reviews.test.texts and again != meal_reviews(seed=1).test.texts
