"""Baselines against their definitions: n-grams with dictionaries, warping step by step."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gru_lib.baselines import CharacterNGram, NearestTemplate, _discounts

SMOOTHINGS = ("kneser-ney", "witten-bell")


@st.composite
def problems(draw):
    """(size of the vocabulary, order, training codes, codes to predict, smoothing)"""
    size = draw(st.integers(1, 6))
    order = draw(st.integers(1, 5))
    codes = st.lists(st.integers(0, size - 1), max_size=40)
    train = draw(codes.filter(lambda c: len(c) >= order))
    return size, order, train, draw(codes.filter(len)), draw(st.sampled_from(SMOOTHINGS))


def grams(codes, length):
    return Counter(tuple(codes[i : i + length]) for i in range(len(codes) - length + 1))


def by_definition(train, size, order, smoothing):
    """P(code | context) as the papers write it, gram by gram."""
    tables = [grams(train, length) for length in range(1, order + 1)]
    if smoothing == "kneser-ney":
        for k in range(order - 1):
            before = defaultdict(set)
            for gram in grams(train, k + 2):
                before[gram[1:]].add(gram[0])
            tables[k] = Counter({gram: len(before[gram]) for gram in tables[k]})
    discounts = [_discounts(np.array(list(table.values()))) for table in tables]

    def probability(code, context):
        p = 1 / size
        for k, table in enumerate(tables):
            if k > len(context):
                break
            u = tuple(context[len(context) - k :])
            after = {c: table[(*u, c)] for c in range(size) if (*u, c) in table}
            if not sum(after.values()):
                break
            if smoothing == "witten-bell":
                p = (after.get(code, 0) + len(after) * p) / (sum(after.values()) + len(after))
            else:
                taken = {c: min(discounts[k][min(n, 3)], n) for c, n in after.items()}
                own = after.get(code, 0) - taken.get(code, 0)
                p = (own + sum(taken.values()) * p) / sum(after.values())
        return p

    return probability


@given(problems())
def test_it_is_what_the_papers_define(problem):
    size, order, train, text, smoothing = problem
    model = CharacterNGram(order, size, smoothing).fit(train)
    probability = by_definition(train, size, order, smoothing)
    contexts = [text[max(0, i - order + 1) : i] for i in range(len(text))]
    expected = [probability(c, u) for c, u in zip(text, contexts, strict=True)]
    assert np.allclose(np.exp(model.log_probabilities(text)), expected, rtol=1e-12, atol=0)
    for context in contexts[:5]:
        whole = [probability(c, context) for c in range(size)]
        assert np.allclose(model.probabilities(context), whole, rtol=1e-12, atol=1e-15)


@given(problems())
def test_probabilities_are_above_0_and_sum_to_1_after_any_context(problem):
    size, order, train, text, smoothing = problem
    model = CharacterNGram(order, size, smoothing).fit(train)
    for length in range(len(text) + 1):
        probabilities = model.probabilities(text[:length])
        assert probabilities.shape == (size,)
        assert abs(probabilities.sum() - 1) < 1e-12
        assert (probabilities > 0).all()


@given(problems())
def test_both_ways_to_ask_agree(problem):
    size, order, train, text, smoothing = problem
    model = CharacterNGram(order, size, smoothing).fit(train)
    one_by_one = [model.probabilities(text[:i])[code] for i, code in enumerate(text)]
    assert np.allclose(np.log(one_by_one), model.log_probabilities(text), rtol=0, atol=1e-12)
    bits = -np.log2(one_by_one).mean()
    assert model.bits_per_character(text) == pytest.approx(bits, abs=1e-12)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_it_learns_what_a_chain_of_its_order_does(smoothing):
    rng = np.random.default_rng(0)
    table = rng.dirichlet(np.full(5, 0.3), size=(5, 5))
    codes = [0, 1]
    for _ in range(30_000):
        codes.append(int(rng.choice(5, p=table[codes[-2], codes[-1]])))
    train, test = codes[:25_000], codes[25_000:]
    truth = -np.mean([math.log2(table[a, b, c]) for a, b, c in zip(test, test[1:], test[2:])])  # noqa: B905
    bits = [CharacterNGram(n, 5, smoothing).fit(train).bits_per_character(test) for n in (1, 2, 3)]
    assert bits[0] > bits[1] > bits[2]
    assert truth - 0.01 < bits[2] < truth + 0.02


def test_what_was_never_seen_costs_at_least_the_bits_of_a_uniform_guess():
    model = CharacterNGram(1, 4, "witten-bell").fit([0, 0, 0])
    # one kind seen in three: a quarter of the mass is spread over four codes
    assert model.probabilities([]).tolist() == [13 / 16, 1 / 16, 1 / 16, 1 / 16]


def test_a_long_order_takes_no_overflow():
    train = np.random.default_rng(0).integers(0, 1000, size=2000)
    model = CharacterNGram(30, 1000, "witten-bell").fit(train)
    assert np.exp(model.log_probabilities(train)).min() > 0
    assert model.bits_per_character(train[30:]) < 1  # it knows its training text by heart


def test_fitting_again_starts_anew():
    model = CharacterNGram(2, 3).fit([0, 1, 2, 0])
    again = CharacterNGram(2, 3).fit([1, 1, 1, 1]).fit([0, 1, 2, 0])
    assert model.probabilities([0]).tolist() == again.probabilities([0]).tolist()


def test_numbers_counts_every_kind_of_gram():
    assert CharacterNGram(2, 3).fit([0, 1, 0, 1, 2]).numbers == 3 + 3  # 0 1 2; 01 10 12


def test_samples_follow_the_probabilities_and_the_seed():
    model = CharacterNGram(2, 3).fit([0, 1, 2, 0, 2, 1] * 20)
    drawn = [int(model.sample(1, seed, context=[0])[0]) for seed in range(600)]
    shares = np.bincount(drawn, minlength=3) / 600
    assert np.abs(shares - model.probabilities([0])).max() < 0.06
    assert model.sample(20, 1).tolist() == model.sample(20, 1).tolist()
    assert model.sample(20, 1).shape == (20,)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: CharacterNGram(0, 3), ValueError, "order is 0; expected at least 1"),
        (lambda: CharacterNGram(1.5, 3), TypeError, "order is 1.5"),
        (lambda: CharacterNGram(2, 0), ValueError, "vocabulary_size is 0"),
        (lambda: CharacterNGram(2, 3, "laplace"), ValueError, "smoothing is 'laplace'; expected"),
        (lambda: CharacterNGram(3, 3).fit([0, 1]), ValueError, r"codes has shape \(2,\).*least 3"),
        (lambda: CharacterNGram(1, 3).fit([]), ValueError, r"codes has shape \(0,\).*least 1"),
        (lambda: CharacterNGram(1, 3).fit([[0]]), ValueError, r"codes has shape \(1, 1\)"),
        (lambda: CharacterNGram(1, 3).fit([0.5]), TypeError, "codes has dtype float64"),
        (lambda: CharacterNGram(1, 3).fit([0, 3]), ValueError, "holds 3 at position 1.*0 to 2"),
        (lambda: CharacterNGram(1, 3).fit([-1]), ValueError, "holds -1 at position 0"),
        (lambda: CharacterNGram(1, 3).bits_per_character([0]), RuntimeError, "call fit first"),
        (lambda: CharacterNGram(1, 3).probabilities([0]), RuntimeError, "call fit first"),
        (lambda: CharacterNGram(1, 3).fit([0]).bits_per_character([]), ValueError, "at least 1"),
        (lambda: CharacterNGram(1, 3).fit([0]).sample(0), ValueError, "length is 0"),
        (lambda: CharacterNGram(1, 3).fit([0]).sample(1, context=[9]), ValueError, "holds 9"),
    ],
)
def test_bad_arguments_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


# --- NearestTemplate ------------------------------------------------------------------------


def warped(one, other):
    """The definition: every frame of one meets frames of the other, in order."""
    total = np.full((len(one) + 1, len(other) + 1), np.inf)
    total[0, 0] = 0
    for i, frame in enumerate(one):
        for k, against in enumerate(other):
            before = min(total[i, k], total[i, k + 1], total[i + 1, k])
            total[i + 1, k + 1] = np.linalg.norm(frame - against) + before
    return total[-1, -1] / (len(one) + len(other))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 9), st.integers(1, 4))
def test_distances_are_those_of_the_definition(lengths, length, features):
    rng = np.random.default_rng([length, features, *lengths])
    templates = [rng.normal(size=(n, features)) for n in lengths]
    word = rng.normal(size=(length, features))
    distances = NearestTemplate(templates, range(len(lengths))).distances([word])[0]
    assert distances == pytest.approx([warped(word, template) for template in templates], abs=1e-6)


def test_a_drawl_is_still_the_same_word():
    rng = np.random.default_rng(0)
    templates = [rng.normal(size=(n, 3)) for n in (4, 9, 6)]
    drawled = [np.repeat(template, 3, axis=0) for template in templates]
    assert NearestTemplate(templates, [7, 8, 9]).predict(drawled).tolist() == [7, 8, 9]


@pytest.mark.parametrize(
    ("sequences", "classes", "words"),
    [
        ([], [], "there are 0 sequences"),
        ([np.ones((2, 3))], [0, 1], r"1 sequences and classes of shape \(2,\)"),
        (
            [np.ones((2, 3)), np.ones((2, 4))],
            [0, 1],
            r"\[1\] has shape \(2, 4\); expected \(length, feat.*the same features in all",
        ),
        ([np.ones((0, 3))], [0], r"shape \(0, 3\)"),
    ],
)
def test_templates_that_do_not_fit_are_refused(sequences, classes, words):
    with pytest.raises(ValueError, match=words):
        NearestTemplate(sequences, classes)


def test_a_word_with_other_features_is_refused():
    templates = NearestTemplate([np.ones((2, 3))], [0])
    with pytest.raises(ValueError, match="queries have 4 features and references 3"):
        templates.predict([np.ones((5, 4))])
