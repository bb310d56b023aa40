"""Layers before and after a GRU: linear and embedding."""

import math

import numpy as np
from numpy.typing import ArrayLike

from gru_lib._checks import (
    require_array,
    require_bool,
    require_float_dtype,
    require_generator,
    require_positive_integer,
    require_shape,
)
from gru_lib.numpy_nn._checks import require_indices_below, require_integer_array
from gru_lib.numpy_nn.module import Module


class Linear(Module):
    """Linear map with a bias, ``y = x W^T + b``, as ``torch.nn.Linear``.

    Parameters
    ----------
    in_features, out_features : int
        Sizes of the last dimension of input and output, at least 1.
    bias : bool
        Whether there is a ``b``.
    dtype : dtype
        float32 or float64, of the parameters and of every input.
    rng : None, int or np.random.Generator
        Source of the initial values; an integer is a seed.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If a size is below 1 or the seed is negative.

    Notes
    -----
    ``parameters`` holds ``weight`` of shape (out_features, in_features) and ``bias`` of shape
    (out_features,), drawn from the uniform distribution between ``-1 / sqrt(in_features)`` and
    ``1 / sqrt(in_features)``, as in PyTorch.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.numpy_nn import Linear
    >>> layer = Linear(3, 2, rng=0)
    >>> layer.load_state_dict({"weight": [[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]], "bias": [0.0, 5.0]})
    >>> layer(np.array([[1.0, 2.0, 3.0]], dtype=np.float32)).tolist()
    [[7.0, 7.0]]
    >>> layer.backward(np.array([[1.0, 10.0]], dtype=np.float32)).tolist()
    [[1.0, 10.0, 2.0]]
    >>> layer.gradients["bias"].tolist()
    [1.0, 10.0]
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: np.dtype | type = np.float32,
        rng: int | np.random.Generator | None = None,
    ) -> None:
        self.in_features = require_positive_integer("in_features", in_features)
        self.out_features = require_positive_integer("out_features", out_features)
        bias = require_bool("bias", bias)
        dtype, rng = require_float_dtype(dtype), require_generator(rng)
        bound = 1 / math.sqrt(self.in_features)
        shapes = {"weight": (self.out_features, self.in_features)}
        if bias:
            shapes["bias"] = (self.out_features,)
        super().__init__(
            {
                name: rng.uniform(-bound, bound, shape).astype(dtype)
                for name, shape in shapes.items()
            }
        )

    def __call__(self, x: ArrayLike) -> np.ndarray:
        """Apply the map to the last dimension.

        Parameters
        ----------
        x : array_like, shape (..., in_features)
            Kept until ``backward``, not copied: do not change it before.

        Returns
        -------
        np.ndarray, shape (..., out_features)

        Raises
        ------
        TypeError
            If the dtype is not that of the parameters.
        ValueError
            If the last dimension is not ``in_features``.
        """
        weight = self.parameters["weight"]
        x = require_array("x", x, weight.dtype)
        if x.ndim == 0 or x.shape[-1] != self.in_features:
            raise ValueError(f"x has shape {x.shape}; expected (..., {self.in_features})")
        # one product of two matrices is faster than a product for each leading index
        output = x.reshape(-1, self.in_features) @ weight.T
        if "bias" in self.parameters:
            output += self.parameters["bias"]
        self._kept = x
        return output.reshape(*x.shape[:-1], self.out_features)

    def backward(self, d_output: ArrayLike) -> np.ndarray:
        """Gradients of the parameters, into ``gradients``, and of the input of the latest call.

        Parameters
        ----------
        d_output : array_like, shape (..., out_features)
            Gradient of the loss with respect to the output.

        Returns
        -------
        np.ndarray, shape (..., in_features)
            Gradient of the loss with respect to the input.

        Raises
        ------
        RuntimeError
            If there was no call since the last ``backward``.
        TypeError
            If the dtype is not that of the parameters.
        ValueError
            If the shape is not that of the output.
        """
        x = self._latest_call()
        weight = self.parameters["weight"]
        d_output = require_array("d_output", d_output, weight.dtype)
        shape = (*x.shape[:-1], self.out_features)
        require_shape("d_output", d_output, shape, "for the output of the latest call")
        d_rows = d_output.reshape(-1, self.out_features)
        self.gradients["weight"] = d_rows.T @ x.reshape(-1, self.in_features)
        if "bias" in self.parameters:
            self.gradients["bias"] = d_rows.sum(axis=0)
        self._kept = None
        return (d_rows @ weight).reshape(x.shape)


class Embedding(Module):
    """One learned vector for each index, as ``torch.nn.Embedding``.

    Parameters
    ----------
    num_embeddings : int
        How many vectors, at least 1: indices run from 0 to ``num_embeddings - 1``.
    embedding_dim : int
        Size of a vector, at least 1.
    dtype : dtype
        float32 or float64.
    rng : None, int or np.random.Generator
        Source of the initial values; an integer is a seed.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If a size is below 1 or the seed is negative.

    Notes
    -----
    ``parameters`` holds ``weight`` of shape (num_embeddings, embedding_dim), drawn from the
    standard normal distribution, as in PyTorch.

    Examples
    --------
    An index that comes twice gets both gradients.

    >>> import numpy as np
    >>> from gru_lib.numpy_nn import Embedding
    >>> embedding = Embedding(4, 2, rng=0)
    >>> embedding([3, 1, 3]).shape
    (3, 2)
    >>> embedding.backward(np.ones((3, 2), dtype=np.float32))
    >>> embedding.gradients["weight"].tolist()
    [[0.0, 0.0], [1.0, 1.0], [0.0, 0.0], [2.0, 2.0]]
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        *,
        dtype: np.dtype | type = np.float32,
        rng: int | np.random.Generator | None = None,
    ) -> None:
        self.num_embeddings = require_positive_integer("num_embeddings", num_embeddings)
        self.embedding_dim = require_positive_integer("embedding_dim", embedding_dim)
        dtype, rng = require_float_dtype(dtype), require_generator(rng)
        weight = rng.standard_normal((self.num_embeddings, self.embedding_dim))
        super().__init__({"weight": weight.astype(dtype)})

    def __call__(self, indices: ArrayLike) -> np.ndarray:
        """Look the vectors up.

        Parameters
        ----------
        indices : array_like of int, shape (...)
            Each from 0 to ``num_embeddings - 1``.

        Returns
        -------
        np.ndarray, shape (..., embedding_dim)

        Raises
        ------
        TypeError
            If the indices are not integers.
        ValueError
            If an index is negative or too large.
        """
        indices = require_integer_array("indices", indices)
        require_indices_below("indices", indices, self.num_embeddings)
        self._kept = indices.astype(np.intp)  # a copy, whatever becomes of the argument
        return self.parameters["weight"][self._kept]

    def backward(self, d_output: ArrayLike) -> None:
        """Gradient of ``weight``, into ``gradients``; indices have no gradient to return.

        Parameters
        ----------
        d_output : array_like, shape (..., embedding_dim)
            Gradient of the loss with respect to the output.

        Raises
        ------
        RuntimeError
            If there was no call since the last ``backward``.
        TypeError
            If the dtype is not that of the parameters.
        ValueError
            If the shape is not that of the output.
        """
        indices = self._latest_call()
        weight = self.parameters["weight"]
        d_output = require_array("d_output", d_output, weight.dtype)
        shape = (*indices.shape, self.embedding_dim)
        require_shape("d_output", d_output, shape, "for the output of the latest call")
        d_vectors = d_output.reshape(-1, self.embedding_dim)
        self.gradients["weight"] = _sum_by_index(d_vectors, indices.ravel(), self.num_embeddings)
        self._kept = None


def _sum_by_index(vectors: np.ndarray, indices: np.ndarray, count: int) -> np.ndarray:
    """Row i of the result is the sum of the vectors whose index is i.

    Sorting brings equal indices together; summing runs of rows is several times faster than
    ``np.add.at`` at the sizes of a language model over characters.
    """
    order = np.argsort(indices, kind="stable")
    ordered = indices[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    sums = np.zeros((count, vectors.shape[1]), dtype=vectors.dtype)
    sums[ordered[starts]] = np.add.reduceat(vectors.take(order, axis=0), starts, axis=0)
    return sums
