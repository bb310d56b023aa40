"""Adam, and clipping of gradients by their norm."""

import math
from collections.abc import Sequence

import numpy as np

from gru_lib._checks import require_shape
from gru_lib.numpy_nn._checks import require_finite, require_ndarray, require_number
from gru_lib.numpy_nn.module import Module


class Adam:
    """Adam, as ``torch.optim.Adam``: steps scaled by running means of each gradient entry.

    Parameters
    ----------
    modules : Module or sequence of Module
        Whose parameters to train: any objects with dictionaries ``parameters`` and
        ``gradients``, such as the layers of this room and ``gru_lib.numpy_gru.GRU``.
    learning_rate : float
        About how far an entry moves in one step, at least 0; may be changed between steps.
    betas : tuple of two float
        How much of the running mean of the gradient, and of its square, a step keeps; each at
        least 0 and below 1.
    epsilon : float
        Keeps the division finite where gradients vanish, above 0.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If a number is out of range, there is no module, or an array occurs twice.

    Notes
    -----
    Kingma and Ba (2015), Adam: A Method for Stochastic Optimization, arXiv 1412.6980,
    Algorithm 1: with ``m`` and ``v`` the running means of the gradient and of its square, both
    divided by ``1 - beta ** step`` to undo their start at zero, a step is
    ``parameter -= learning_rate * m / (sqrt(v) + epsilon)``.

    Examples
    --------
    The first step moves every entry by ``learning_rate``, against the sign of its gradient.

    >>> import numpy as np
    >>> from gru_lib.numpy_nn import Adam, Linear, mean_squared_error
    >>> layer = Linear(1, 1, bias=False, dtype=np.float64, rng=0)
    >>> layer.load_state_dict({"weight": [[2.0]]})
    >>> optimizer = Adam(layer, learning_rate=0.1)
    >>> loss, d_prediction = mean_squared_error(layer([3.0]), [0.0])
    >>> layer.backward(d_prediction).shape
    (1,)
    >>> optimizer.step()
    >>> layer.parameters["weight"].round(6).tolist()
    [[1.9]]
    """

    def __init__(
        self,
        modules: Module | Sequence[Module],
        learning_rate: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
    ) -> None:
        self._modules = _require_modules(modules)
        self.learning_rate = learning_rate
        if not isinstance(betas, Sequence) or len(betas) != 2:
            raise TypeError(f"betas is {betas!r}; expected two numbers")
        self._betas = [
            require_number(f"betas[{place}]", beta, "a number in [0, 1)", lambda b: 0 <= b < 1)
            for place, beta in enumerate(betas)
        ]
        self._epsilon = require_number(
            "epsilon", epsilon, "a finite number above 0", lambda e: 0 < e < math.inf
        )
        self._steps = 0
        self._means = {
            label: (np.zeros_like(parameter), np.zeros_like(parameter))
            for label, parameter in _labelled_parameters(self._modules).items()
        }

    @property
    def learning_rate(self) -> float:
        """About how far an entry moves in one step."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = require_number(
            "learning_rate", value, "a finite number, at least 0", lambda v: 0 <= v < math.inf
        )

    def step(self) -> None:
        """Change every parameter, in place, by one step against its gradient.

        Raises
        ------
        RuntimeError
            If a parameter has no gradient yet.
        TypeError
            If a gradient has another dtype than its parameter.
        ValueError
            If a gradient has another shape than its parameter, or holds NaN or infinity; no
            parameter has changed then.
        """
        gradients = _labelled_gradients(self._modules)
        for label, gradient in gradients.items():
            require_finite(f"the gradient of {label}", gradient)
        self._steps += 1
        for label, parameter in _labelled_parameters(self._modules).items():
            self._move(parameter, gradients[label], *self._means[label])

    def _move(
        self,
        parameter: np.ndarray,
        gradient: np.ndarray,
        mean: np.ndarray,
        mean_square: np.ndarray,
    ) -> None:
        keep, keep_square = self._betas
        mean *= keep
        mean += (1 - keep) * gradient
        mean_square *= keep_square
        mean_square += (1 - keep_square) * np.square(gradient)
        root = np.sqrt(mean_square)
        root /= math.sqrt(1 - keep_square**self._steps)
        root += self._epsilon
        change = np.divide(mean, root, out=root)
        change *= self._learning_rate / (1 - keep**self._steps)
        parameter -= change


def clip_gradient_norm(modules: Module | Sequence[Module], max_norm: float) -> float:
    """Scale all gradients by one factor so that their common norm is at most ``max_norm``.

    Parameters
    ----------
    modules : Module or sequence of Module
        Whose gradients to scale, in place: any objects with dictionaries ``parameters`` and
        ``gradients``.
    max_norm : float
        The largest norm to allow, above 0; infinity only measures.

    Returns
    -------
    float
        The norm before clipping: the root of the sum of the squares of all entries.

    Raises
    ------
    RuntimeError
        If a parameter has no gradient yet.
    TypeError
        If an argument has the wrong type, or a gradient another dtype than its parameter.
    ValueError
        If ``max_norm`` is out of range, a gradient has another shape than its parameter, the norm
        of a gradient is not finite, there is no module, or an array occurs twice.

    Notes
    -----
    Pascanu et al. (2013), On the difficulty of training recurrent neural networks, Algorithm 1.
    As in ``torch.nn.utils.clip_grad_norm_``, the factor is ``max_norm / (norm + 1e-6)`` where
    that is below 1. One factor for all keeps the direction of the gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.numpy_nn import Linear, clip_gradient_norm
    >>> layer = Linear(1, 2, bias=False, dtype=np.float64, rng=0)
    >>> output = layer([1.0])
    >>> layer.backward([3.0, 4.0]).shape
    (1,)
    >>> clip_gradient_norm(layer, max_norm=1.0)
    5.0
    >>> layer.gradients["weight"].round(4).tolist()
    [[0.6], [0.8]]
    """
    max_norm = require_number("max_norm", max_norm, "a number above 0", lambda m: m > 0)
    gradients = _labelled_gradients(_require_modules(modules))
    norms = []
    for label, gradient in gradients.items():
        # float64: squares of float32 entries above 1e19 would overflow
        norm = float(np.linalg.norm(gradient.ravel().astype(np.float64, copy=False)))
        if not math.isfinite(norm):
            raise ValueError(f"the norm of the gradient of {label} is {norm}; expected it finite")
        norms.append(norm)
    total = math.hypot(*norms)
    factor = max_norm / (total + 1e-6)
    if factor < 1:
        # all products before the first is stored: two names may share one array
        scaled = [factor * gradient for gradient in gradients.values()]
        for gradient, clipped in zip(gradients.values(), scaled, strict=True):
            np.copyto(gradient, clipped)
    return total


def _require_modules(modules: Module | Sequence[Module]) -> list[Module]:
    """One module or several, as a list without repeated arrays."""
    if not isinstance(modules, list | tuple):
        modules = [modules]
    if not modules:
        raise ValueError("modules is empty; expected at least one module")
    for place, module in enumerate(modules):
        for attribute in ("parameters", "gradients"):
            if not isinstance(getattr(module, attribute, None), dict):
                raise TypeError(
                    f"modules[{place}] is of type {type(module).__name__}; expected a module with "
                    "dictionaries parameters and gradients"
                )
    labels: dict[int, str] = {}
    for label, parameter in _labelled_parameters(modules).items():
        if id(parameter) in labels:
            raise ValueError(f"{label} is the same array as {labels[id(parameter)]}")
        labels[id(parameter)] = label
    return list(modules)


def _labelled_parameters(modules: Sequence[Module]) -> dict[str, np.ndarray]:
    return {
        f"modules[{place}].{name}": parameter
        for place, module in enumerate(modules)
        for name, parameter in module.parameters.items()
    }


def _labelled_gradients(modules: Sequence[Module]) -> dict[str, np.ndarray]:
    """The gradient of every parameter, which must be there and fit."""
    gradients = {}
    for place, module in enumerate(modules):
        for name, parameter in module.parameters.items():
            label = f"modules[{place}].{name}"
            if name not in module.gradients:
                raise RuntimeError(
                    f"{label} has no gradient yet: call the module, then its backward"
                )
            gradient = module.gradients[name]
            require_ndarray(
                f"the gradient of {label}", gradient, parameter.dtype, "for the parameter"
            )
            require_shape(
                f"the gradient of {label}", gradient, parameter.shape, "for the parameter"
            )
            gradients[label] = gradient
    return gradients
