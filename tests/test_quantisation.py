"""Eight bits: every weight within half a step, whatever the row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from gru_lib.quantisation import (
    QuantisedRows,
    dequantise_model,
    dequantise_rows,
    quantise_model,
    quantise_rows,
    stored_bytes,
)

MATRICES = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, max_side=6),
    elements=st.floats(-1e4, 1e4, width=32, allow_subnormal=False),
)


@given(weight=MATRICES, bits=st.integers(2, 8))
def test_a_weight_is_off_by_at_most_half_a_step(weight, bits):
    rows = quantise_rows(weight, bits=bits)
    assert rows.codes.dtype == np.int8 and rows.codes.shape == weight.shape
    assert rows.scales.dtype == np.float32 and rows.scales.shape == weight.shape[:1]
    assert abs(rows.codes.astype(int)).max() <= 2 ** (bits - 1) - 1
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


@given(weight=MATRICES)
def test_eight_bits_are_the_default(weight):
    assert (quantise_rows(weight).codes == quantise_rows(weight, bits=8).codes).all()


def test_a_model_keeps_its_vectors_and_its_names():
    rng = np.random.default_rng(0)
    state = {"w": rng.normal(size=(3, 4)), "b": rng.normal(size=3), "v": rng.normal(size=(2, 2))}
    stored = quantise_model(state, bits=5)
    assert list(stored) == list(state)
    assert isinstance(stored["w"], QuantisedRows)
    assert (stored["b"] == state["b"].astype(np.float32)).all()
    assert (stored["v"].codes == quantise_rows(state["v"], bits=5).codes).all()
    back = dequantise_model(stored)
    assert (back["w"] == dequantise_rows(stored["w"])).all()
    assert back["b"].dtype == np.float32
    assert stored_bytes(stored) == 12 + 4 + 4 * (3 + 2 + 3)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"w": np.zeros((2, 2, 2))}, r"w has shape \(2, 2, 2\); expected a vector or a matrix"),
        ({"w": [[np.inf]]}, "w: weight holds NaN or infinity"),
    ],
)
def test_a_weight_that_cannot_be_stored_is_named(state, message):
    with pytest.raises(ValueError, match=message):
        quantise_model(state)


@pytest.mark.parametrize("bits", [1, 9, 7.5])
def test_bits_that_cannot_be_are_named(bits):
    with pytest.raises(ValueError, match=f"bits is {bits}; expected a whole number from 2 to 8"):
        quantise_rows([[1.0]], bits=bits)


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
