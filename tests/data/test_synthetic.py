"""Synthetic sequences against truths computed another way."""

import itertools
import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gru_lib.data.synthetic import parity


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
