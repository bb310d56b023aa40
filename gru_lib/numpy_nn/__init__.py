"""The few other parts that training a GRU by hand needs: layers, losses, Adam, clipping, a check.

A module keeps its ``parameters`` and its ``gradients`` in two dictionaries with the same names.
Calling it is the forward pass; ``backward`` takes the gradient of the loss with respect to the
output, fills ``gradients`` and returns the gradient with respect to the input.
"""

from gru_lib.numpy_nn.gradients import GradientCheck, gradient_check
from gru_lib.numpy_nn.layers import Embedding, Linear
from gru_lib.numpy_nn.losses import mean_squared_error, softmax_cross_entropy
from gru_lib.numpy_nn.module import Module
from gru_lib.numpy_nn.optimisation import Adam, clip_gradient_norm

__all__ = [
    "Adam",
    "Embedding",
    "GradientCheck",
    "Linear",
    "Module",
    "clip_gradient_norm",
    "gradient_check",
    "mean_squared_error",
    "softmax_cross_entropy",
]
