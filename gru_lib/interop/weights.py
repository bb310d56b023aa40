"""The hub of the conversions: PyTorch's parameters and the place of the reset gate."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from gru_lib._checks import gru_parameter_shapes, require_bool, require_names, require_shape
from gru_lib.interop._layout import (
    Direction,
    read_arrays,
    require_gru,
    require_rank,
)


class GRUWeights:
    """The weights of a GRU in PyTorch's layout, with the flag that their meaning depends on.

    Parameters
    ----------
    state : mapping of str to array_like
        What ``state_dict()`` of a ``torch.nn.GRU``, ``gru_lib.torch_gru.GRU`` or
        ``gru_lib.numpy_gru.GRU`` returns: float32 or float64 arrays (or tensors on the CPU)
        ``weight_ih_l0`` of shape (3 * hidden_size, input_size), ``weight_hh_l0`` of shape
        (3 * hidden_size, hidden_size), ``bias_ih_l0`` and ``bias_hh_l0`` of shape
        (3 * hidden_size,), and the same for ``_reverse`` and for further layers. Rows are in
        the order r, z, n. The values are copied.
    reset_after : bool
        Whether the reset gate is applied after the recurrent product (PyTorch, cuDNN, Keras by
        default, ONNX with ``linear_before_reset=1``) or before it (Cho et al. 2014, Chung et
        al. 2014, ONNX by default).

    Attributes
    ----------
    state : dict of str to np.ndarray
        The parameters, in PyTorch's order.
    reset_after : bool
        As given.
    input_size, hidden_size, num_layers : int
        Read from the shapes and names.
    bias, bidirectional : bool
        Read from the names.

    Raises
    ------
    TypeError
        If ``state`` is no mapping, a value is neither float32 nor float64, dtypes are mixed, or
        ``reset_after`` is no bool.
    ValueError
        If names are missing or not expected, a shape does not fit, or a value holds NaN or
        infinity.

    Notes
    -----
    The shapes are the same for both values of ``reset_after`` and for every order of the three
    chunks, so neither can be checked here.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.interop import GRUWeights
    >>> state = {"weight_ih_l0": np.zeros((6, 5)), "weight_hh_l0": np.zeros((6, 2))}
    >>> weights = GRUWeights(state, reset_after=True)
    >>> weights.input_size, weights.hidden_size, weights.num_layers, weights.bias
    (5, 2, 1, False)
    """

    def __init__(self, state: Mapping[str, ArrayLike], reset_after: bool) -> None:
        if not isinstance(state, Mapping):
            raise TypeError(f"state is a {type(state).__name__}; expected a mapping, a state_dict")
        self.reset_after = require_bool("reset_after", reset_after)
        _require_first_layer(state)
        arrays = read_arrays(state)
        self.input_size, self.hidden_size = _sizes(arrays)
        self.num_layers = 1
        while f"weight_ih_l{self.num_layers}" in arrays:
            self.num_layers += 1
        self.bias = "bias_ih_l0" in arrays
        self.bidirectional = "weight_ih_l0_reverse" in arrays
        self.state = self._in_pytorch_order(arrays)

    def _in_pytorch_order(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        shapes = gru_parameter_shapes(
            self.input_size, self.hidden_size, self.num_layers, self.bias, self.bidirectional
        )
        require_names("state", arrays, shapes)
        why = f"for input_size={self.input_size} and hidden_size={self.hidden_size}"
        for name, shape in shapes.items():
            require_shape(name, arrays[name], shape, why)
        return {name: arrays[name] for name in shapes}

    @property
    def options(self) -> dict[str, int | bool]:
        """Arguments with which ``GRU(**weights.options)`` is a GRU for these weights.

        They fit ``gru_lib.numpy_gru.GRU`` and ``gru_lib.torch_gru.GRU``. ``torch.nn.GRU`` has
        no ``reset_after`` and refuses it: it computes ``reset_after=True`` only.
        """
        names = ("input_size", "hidden_size", "num_layers", "bias", "bidirectional", "reset_after")
        return {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value}" for name, value in self.options.items())
        return f"GRUWeights({options})"


def layers_of(weights: GRUWeights) -> list[list[Direction]]:
    """The parameters layer by layer, forward direction first."""
    if not isinstance(weights, GRUWeights):
        raise TypeError(
            f"weights is a {type(weights).__name__}; expected "
            "GRUWeights(state_dict, reset_after=True or False)"
        )
    ends = ("", "_reverse") if weights.bidirectional else ("",)
    return [
        [
            Direction(*(weights.state.get(f"{name}_l{layer}{end}") for name in Direction._fields))
            for end in ends
        ]
        for layer in range(weights.num_layers)
    ]


def _require_first_layer(state: Mapping[str, ArrayLike]) -> None:
    if not {"weight_ih_l0", "weight_hh_l0"} <= state.keys():
        raise ValueError(
            f"state has the names {sorted(map(str, state))[:6]}; expected those of "
            "torch.nn.GRU's state_dict, without a prefix: weight_ih_l0, weight_hh_l0 and so on"
        )


def _sizes(arrays: dict[str, np.ndarray]) -> tuple[int, int]:
    """input_size and hidden_size, from the shapes of the first layer."""
    weight_ih, weight_hh = arrays["weight_ih_l0"], arrays["weight_hh_l0"]
    require_rank("weight_ih_l0", weight_ih, "(3 * hidden_size, input_size)")
    expected = "(3 * hidden_size, hidden_size)"
    require_rank("weight_hh_l0", weight_hh, expected)
    require_gru("weight_hh_l0", weight_hh.shape, *weight_hh.shape, expected)
    return weight_ih.shape[1], weight_hh.shape[1]
