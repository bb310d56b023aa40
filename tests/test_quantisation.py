"""Eight bits: every weight within half a step, whatever the row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from gru_lib.quantisation import LARGEST, dequantise_rows, quantise_rows

MATRICES = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, max_side=6),
    elements=st.floats(-1e4, 1e4, width=32, allow_subnormal=False),
)


@given(weight=MATRICES)
def test_a_weight_is_off_by_at_most_half_a_step(weight):
    rows = quantise_rows(weight)
    assert rows.codes.dtype == np.int8 and rows.codes.shape == weight.shape
    assert rows.scales.dtype == np.float32 and rows.scales.shape == weight.shape[:1]
    assert abs(rows.codes.astype(int)).max() <= LARGEST
    off = abs(dequantise_rows(rows).astype(float) - weight)
    assert (off <= rows.scales[:, None].astype(float) * 0.5001).all()


@given(weight=MATRICES)
def test_the_largest_of_a_row_and_its_zeros_are_kept(weight):
    back = dequantise_rows(quantise_rows(weight))
    assert (back[weight == 0] == 0).all()
    assert abs(back).max(axis=1) == pytest.approx(abs(weight).max(axis=1), rel=1e-5)


def test_rows_do_not_disturb_each_other():
    weight = np.array([[1e-3, 2e-3], [100.0, -50.0]])
    alone = dequantise_rows(quantise_rows(weight[:1]))
    assert (dequantise_rows(quantise_rows(weight))[0] == alone[0]).all()


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1.0, 2.0], r"weight has shape \(2,\); expected \(rows, columns\)"),
        (np.zeros((0, 3)), r"weight has shape \(0, 3\)"),
        ([[1.0, np.nan]], "weight holds NaN or infinity"),
    ],
)
def test_what_is_no_matrix_is_named(weight, message):
    with pytest.raises(ValueError, match=message):
        quantise_rows(weight)
