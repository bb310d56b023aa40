"""What every module of NumPy code shares."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gru_lib._checks import load_arrays


class Module:
    """What the layers share: named parameters, their gradients, saving and loading.

    Parameters
    ----------
    parameters : dict of str to np.ndarray
        The arrays to train, by name; kept as the attribute ``parameters``, not copied.

    Notes
    -----
    The attribute ``gradients`` is a dictionary, empty before the first ``backward``. Then it holds
    an array of the same shape and dtype under each name of ``parameters``; every ``backward``
    overwrites them. ``backward`` belongs to the latest call, and each call allows one.

    ``Adam`` and ``clip_gradient_norm`` take any object with these two dictionaries.

    Examples
    --------
    >>> from gru_lib.numpy_nn import Linear
    >>> layer = Linear(3, 2, rng=0)
    >>> saved = layer.state_dict()
    >>> layer.parameters["weight"][:] = 0.0
    >>> layer.load_state_dict(saved)
    >>> bool((layer.parameters["weight"] == saved["weight"]).all())
    True
    """

    def __init__(self, parameters: dict[str, np.ndarray]) -> None:
        self.parameters = parameters
        self.gradients: dict[str, np.ndarray] = {}
        self._kept: Any = None  # what backward needs of the latest call

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return a copy of every parameter, by name.

        Examples
        --------
        >>> from gru_lib.numpy_nn import Linear
        >>> list(Linear(1, 2).state_dict())
        ['weight', 'bias']
        """
        return {name: parameter.copy() for name, parameter in self.parameters.items()}

    def load_state_dict(self, mapping: Mapping[str, ArrayLike]) -> None:
        """Copy values into the parameters of the same names; all of them or none.

        Parameters
        ----------
        mapping : mapping of str to array_like
            Exactly the names of ``parameters``, each with the shape of its parameter.

        Raises
        ------
        TypeError
            If a value is not of a floating-point dtype.
        ValueError
            If names are missing or not expected, a shape does not fit, or a value holds NaN or
            infinity.

        Examples
        --------
        >>> from gru_lib.numpy_nn import Linear
        >>> one, other = Linear(1, 2, rng=0), Linear(1, 2, rng=1)
        >>> other.load_state_dict(one.state_dict())
        >>> bool((other.parameters["weight"] == one.parameters["weight"]).all())
        True
        """
        load_arrays(self.parameters, mapping)

    def _latest_call(self) -> Any:
        if self._kept is None:
            raise RuntimeError(
                f"backward needs a forward pass first: call the {type(self).__name__} once "
                "before each backward"
            )
        return self._kept
