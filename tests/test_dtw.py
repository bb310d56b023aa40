"""Dynamic time warping against all paths, tried one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gru_lib.dtw import dtw_distances


def all_paths(rows, columns):
    """Every way from (0, 0) to (rows, columns) by steps down, right and diagonally."""
    if rows < 0 or columns < 0:
        return
    if rows == columns == 0:
        yield [(0, 0)]
    for up, left in ((1, 0), (0, 1), (1, 1)):
        for path in all_paths(rows - up, columns - left):
            yield [*path, (rows, columns)]


def by_enumeration(query, reference, open_end=False):
    ends = range(len(reference)) if open_end else [len(reference) - 1]
    return min(
        sum(np.linalg.norm(query[i] - reference[j]) for i, j in path)
        for end in ends
        for path in all_paths(len(query) - 1, end)
    )


@st.composite
def sets_of_sequences(draw):
    features = draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lengths = st.lists(st.integers(1, 5), min_size=1, max_size=3)
    queries = [rng.normal(size=(length, features)) for length in draw(lengths)]
    references = [rng.normal(size=(length, features)) for length in draw(lengths)]
    return queries, references


@settings(deadline=None, max_examples=40)
@given(sets_of_sequences(), st.booleans())
def test_the_cheapest_of_all_paths(sequences, open_end):
    queries, references = sequences
    expected = [[by_enumeration(q, r, open_end) for r in references] for q in queries]
    np.testing.assert_allclose(
        dtw_distances(queries, references, open_end=open_end), expected, atol=1e-6
    )


@settings(deadline=None)
@given(sets_of_sequences())
def test_what_holds_for_every_distance(sequences):
    queries, references = sequences
    there, back = dtw_distances(queries, references), dtw_distances(references, queries)
    np.testing.assert_allclose(there, back.T, atol=1e-6)
    np.testing.assert_allclose(np.diag(dtw_distances(queries, queries)), 0, atol=1e-5)
    assert (dtw_distances(queries, references, open_end=True) <= there + 1e-9).all()


def test_waiting_costs_nothing():
    clip = np.random.default_rng(0).normal(size=(6, 2))
    slow = np.repeat(clip, 3, axis=0)
    assert dtw_distances([clip], [slow])[0, 0] == pytest.approx(0, abs=1e-5)
    assert dtw_distances([clip[:4]], [slow], open_end=True)[0, 0] == pytest.approx(0, abs=1e-5)
    assert dtw_distances([clip], [slow[::-1]])[0, 0] > 1


def test_bad_input_is_named():
    clip = np.zeros((3, 2))
    with pytest.raises(ValueError, match="queries is empty"):
        dtw_distances([], [clip])
    with pytest.raises(ValueError, match=r"references\[1\] has shape \(0, 2\)"):
        dtw_distances([clip], [clip, clip[:0]])
    with pytest.raises(ValueError, match=r"queries\[0\] has shape \(3,\)"):
        dtw_distances([clip[:, 0]], [clip])
    with pytest.raises(ValueError, match="queries have 2 features and references 1"):
        dtw_distances([clip], [clip[:, :1]])
    with pytest.raises(TypeError, match="open_end is 1"):
        dtw_distances([clip], [clip], open_end=1)
