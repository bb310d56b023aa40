"""Synthetic sequences against truths computed another way."""

import itertools
import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gru_lib.data.synthetic import (
    adding_problem,
    boolean_expressions,
    parity,
    recall,
    tokens_of,
    truth_of,
)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 12), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_parity_is_the_running_exclusive_or(count, length, seed):
    bits, odd = parity(count, length, np.random.default_rng(seed))
    assert bits.shape == odd.shape == (count, length)
    assert bits.dtype == odd.dtype == np.int64
    assert set(bits.ravel().tolist()) <= {0, 1}
    expected = [list(itertools.accumulate(row, operator.xor)) for row in bits.tolist()]
    assert odd.tolist() == expected


def test_parity_bits_are_fair():
    bits, odd = parity(200, 500, np.random.default_rng(0))
    # 100 000 fair coins: five standard deviations are 0.0079
    assert abs(bits.mean() - 0.5) < 0.0079
    assert abs(odd.mean() - 0.5) < 0.0079
    assert len({tuple(row) for row in bits.tolist()}) == 200


def test_parity_is_reproducible():
    first = parity(5, 40, np.random.default_rng(3))
    again = parity(5, 40, np.random.default_rng(3))
    other = parity(5, 40, np.random.default_rng(4))
    np.testing.assert_array_equal(first, again)
    assert (first[0] != other[0]).any()


def test_parity_draws_anew_from_one_generator():
    rng = np.random.default_rng(0)
    first, _ = parity(5, 40, rng)
    second, _ = parity(5, 40, rng)
    assert (first != second).any()


@pytest.mark.parametrize(
    ("count", "length", "message"),
    [
        (0, 5, "count is 0; expected 1 or more"),
        (-3, 5, "count is -3; expected 1 or more"),
        (5, 0, "length is 0; expected 1 or more"),
        (5, -1, "length is -1; expected 1 or more"),
    ],
)
def test_parity_says_what_is_out_of_range(count, length, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        parity(count, length, np.random.default_rng(0))


def test_parity_takes_one_rate_of_ones_for_each_sequence():
    bits, odd = parity(3, 2000, np.random.default_rng(0), ones=[0.0, 0.1, 1.0])
    assert bits[0].sum() == 0 and bits[2].sum() == 2000
    assert abs(bits[1].mean() - 0.1) < 0.04
    assert odd[2].tolist() == [1, 0] * 1000


@pytest.mark.parametrize(
    ("ones", "message"),
    [
        ([0.5, 0.5], r"ones has shape \(2,\); expected \(\) or \(count,\) = \(3,\)"),
        (1.5, "ones is 1.5; expected probabilities, 0 to 1"),
        ([0.1, -0.1, 0.2], "expected probabilities, 0 to 1"),
        (float("nan"), "ones is nan; expected probabilities, 0 to 1"),
    ],
)
def test_parity_refuses_what_is_no_rate(ones, message):
    with pytest.raises(ValueError, match=message):
        parity(3, 5, np.random.default_rng(0), ones)


# --- Boolean expressions ----------------------------------------------------------------------


def height(expression):
    return 0 if isinstance(expression, str) else 1 + max(map(height, expression[1:]))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_expressions_have_their_depth_and_python_agrees_on_their_truth(count, depth, seed):
    expressions = boolean_expressions(count, depth, np.random.default_rng(seed))
    assert len(expressions) == count
    words = {"T": "True", "F": "False", "xor": "^", "and": "&", "or": "|"}
    for expression in expressions:
        assert height(expression) == depth
        written = " ".join(words.get(token, token) for token in tokens_of(expression))
        assert truth_of(expression) == eval(written)
    true = sum(map(truth_of, expressions))
    assert true == count - count // 2


def test_expressions_are_reproducible_and_differ():
    first = boolean_expressions(20, 4, np.random.default_rng(3))
    assert first == boolean_expressions(20, 4, np.random.default_rng(3))
    assert first != boolean_expressions(20, 4, np.random.default_rng(4))
    assert len({str(expression) for expression in first}) > 15


def test_true_and_false_are_mixed():
    truths = [truth_of(e) for e in boolean_expressions(200, 3, np.random.default_rng(0))]
    assert 30 < sum(truths[:100]) < 70


@pytest.mark.parametrize(("name", "arguments"), [("count", (0, 2)), ("depth", (2, 0))])
def test_expressions_of_impossible_size(name, arguments):
    with pytest.raises(ValueError, match=f"{name} is 0; expected 1 or more"):
        boolean_expressions(*arguments, np.random.default_rng(0))


@pytest.mark.parametrize("use", [truth_of, tokens_of])
def test_what_is_no_expression(use):
    with pytest.raises(ValueError, match="expected 'T', 'F' or"):
        use(("nand", "T", "F"))
    with pytest.raises(ValueError, match="expected 'T', 'F' or"):
        use(("and", "T"))


def test_a_leaf_that_is_none():
    with pytest.raises(ValueError, match="leaf 'yes'; expected 'T' or 'F'"):
        truth_of(("and", "T", "yes"))


# --- recall and the adding problem ------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_recall_hides_its_answer_in_the_first_number(count, length, seed):
    numbers, positive = recall(count, length, np.random.default_rng(seed))
    assert numbers.shape == (count, length) and numbers.dtype == np.float64
    assert positive.shape == (count,) and positive.dtype == np.int64
    np.testing.assert_array_equal(numbers[:, 0], np.where(positive == 1, 1.0, -1.0))


def test_recall_is_fair_and_its_noise_tells_nothing():
    numbers, positive = recall(20_000, 8, np.random.default_rng(0))
    assert abs(positive.mean() - 0.5) < 0.018  # five deviations
    noise = numbers[:, 1:]
    assert abs(noise.mean()) < 0.014 and abs(noise.std() - 1) < 0.01
    shared = [np.corrcoef(column, positive)[0, 1] for column in noise.T]
    assert np.abs(shared).max() < 5 / 20_000**0.5


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(2, 60), st.integers(0, 2**32 - 1))
def test_the_adding_problem_sums_what_is_marked(count, length, seed):
    inputs, sums = adding_problem(count, length, np.random.default_rng(seed))
    assert inputs.shape == (count, length, 2) and sums.shape == (count,)
    numbers, marks = inputs[..., 0], inputs[..., 1]
    assert ((numbers >= 0) & (numbers < 1)).all() and set(np.unique(marks)) <= {0.0, 1.0}
    half = length // 2
    assert (marks[:, :half].sum(axis=1) == 1).all() and (marks[:, half:].sum(axis=1) == 1).all()
    expected = [row[mark == 1].sum() for row, mark in zip(numbers, marks, strict=True)]
    np.testing.assert_allclose(sums, expected, rtol=0, atol=1e-12)


def test_always_saying_1_costs_a_sixth_and_marks_are_anywhere():
    inputs, sums = adding_problem(50_000, 10, np.random.default_rng(0))
    error = (sums - 1) ** 2
    assert abs(error.mean() - 1 / 6) < 5 * error.std() / 50_000**0.5
    shares = inputs[..., 1].mean(axis=0)  # one mark in five steps each
    assert np.abs(shares - 0.2).max() < 5 * (0.2 * 0.8 / 50_000) ** 0.5


@pytest.mark.parametrize("make", [recall, adding_problem])
def test_tasks_are_reproducible_and_draw_anew(make):
    rng = np.random.default_rng(3)
    first, second = make(4, 12, rng), make(4, 12, rng)
    again = make(4, 12, np.random.default_rng(3))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != second[0]).any()


@pytest.mark.parametrize(
    ("make", "count", "length", "message"),
    [
        (recall, 0, 5, "count is 0; expected 1 or more"),
        (recall, 5, 0, "length is 0; expected 1 or more"),
        (adding_problem, 0, 5, "count is 0; expected 1 or more"),
        (adding_problem, 5, 1, "length is 1; expected 2 or more"),
    ],
)
def test_tasks_say_what_is_out_of_range(make, count, length, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        make(count, length, np.random.default_rng(0))
