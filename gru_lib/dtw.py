"""Dynamic time warping: how far two sequences are apart if each may wait for the other.

Two people who do the same thing at different speed are far apart frame by frame and near each
other once the clocks are warped. With a nearest neighbour it makes a classifier without training.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from gru_lib._checks import require_bool


def dtw_distances(
    queries: Sequence[ArrayLike], references: Sequence[ArrayLike], *, open_end: bool = False
) -> np.ndarray:
    """Dynamic time warping distance of every query from every reference.

    A path goes from the pair of first frames to the pair of last frames; each step goes on by one
    frame in the query, in the reference, or in both. It costs the Euclidean distances of all pairs
    of frames that it passes, and the cheapest path counts.

    Parameters
    ----------
    queries, references : sequences of arrays, each of shape (length, features)
        Any lengths, the same features.
    open_end : bool, default False
        Whether a path may end at any frame of the reference: for a query that is a beginning.

    Returns
    -------
    np.ndarray of float64, shape (queries, references)

    Raises
    ------
    TypeError
        If ``open_end`` is neither True nor False.
    ValueError
        If there is no sequence, one is empty or not two-dimensional, or the features differ.

    Notes
    -----
    Sakoe and Chiba (1978), without slope weights and without a window. All references are warped at
    once, along the anti-diagonals of their tables: cells on one do not depend on each other.

    Examples
    --------
    >>> from gru_lib.dtw import dtw_distances
    >>> slow, fast, other = [[0], [0], [1], [1]], [[0], [1]], [[1], [0]]
    >>> dtw_distances([slow], [fast, other]).tolist()
    [[0.0, 3.0]]
    >>> dtw_distances([[[0], [0]]], [fast, other], open_end=True).tolist()
    [[0.0, 1.0]]
    """
    require_bool("open_end", open_end)
    queries = _sequences("queries", queries)
    references = _sequences("references", references)
    if queries[0].shape[1] != references[0].shape[1]:
        raise ValueError(
            f"queries have {queries[0].shape[1]} features and references "
            f"{references[0].shape[1]}; expected the same"
        )
    lengths = np.array([len(reference) for reference in references])
    # references last: what is done for all of them at once lies side by side in memory
    padded = np.zeros((references[0].shape[1], lengths.max(), len(references)))
    for number, reference in enumerate(references):
        padded[:, : len(reference), number] = reference.T
    return np.stack([_from_one(query, padded, lengths, open_end) for query in queries])


def _from_one(
    query: np.ndarray, references: np.ndarray, lengths: np.ndarray, open_end: bool
) -> np.ndarray:
    """Distances of one query, (steps, features), from references, (features, longest, count)."""
    steps, (_, longest, count) = len(query), references.shape
    # |q - r|^2 as |q|^2 - 2 q.r + |r|^2: one product of matrices, exact to about 1e-7
    cost = np.tensordot(-2 * query, references, 1)
    cost += (references**2).sum(axis=0)
    cost += (query**2).sum(axis=1)[:, None, None]
    np.sqrt(np.maximum(cost, 0, out=cost), out=cost)
    # row i + 1 belongs to frame i of the query; row 0 lies before its beginning
    before_last = np.full((steps + 1, count), np.inf)
    last = before_last.copy()
    before_last[0] = 0.0  # the step into the first pair costs nothing
    distances = np.full(count, np.inf)
    for diagonal in range(steps + longest - 1):
        first, end = max(0, diagonal - longest + 1), min(diagonal, steps - 1) + 1
        i = np.arange(first, end)
        now = np.full((steps + 1, count), np.inf)
        best = np.minimum(last[first:end], last[first + 1 : end + 1])
        np.minimum(best, before_last[first:end], out=best)
        np.add(best, cost[i, diagonal - i], out=now[first + 1 : end + 1])
        j = diagonal - steps + 1  # the frame of the reference beside the query's last one
        ends = (j >= 0) & (j < lengths) if open_end else lengths == j + 1
        distances[ends] = np.minimum(distances[ends], now[-1, ends])
        before_last, last = last, now
    return distances


def _sequences(name: str, sequences: Sequence[ArrayLike]) -> list[np.ndarray]:
    arrays = [np.asarray(sequence, dtype=np.float64) for sequence in sequences]
    if not arrays:
        raise ValueError(f"{name} is empty; expected at least one sequence")
    for number, array in enumerate(arrays):
        if array.ndim != 2 or len(array) == 0 or array.shape[1:] != arrays[0].shape[1:]:
            raise ValueError(
                f"{name}[{number}] has shape {array.shape}; expected (length, features) with at "
                "least one step, and the same features in all"
            )
    return arrays
