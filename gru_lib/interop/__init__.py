"""One set of GRU weights in every framework's convention.

The hub is :class:`GRUWeights`: PyTorch's ``state_dict`` as NumPy arrays, and ``reset_after``,
which says where the reset gate acts and which no parameter tells. Every ``from_...`` returns it,
every ``to_...`` takes it. From a Keras layer to ``gru_lib.numpy_gru``::

    weights = from_keras(layer.get_weights())
    gru = GRU(**weights.options)
    gru.load_state_dict(weights.state)

PyTorch's modules take tensors, and ``torch.nn.GRU`` computes ``reset_after=True`` only::

    tensors = {name: torch.from_numpy(array) for name, array in weights.state.items()}
    gru.load_state_dict(tensors)

And back, for one layer::

    [arrays] = to_keras(GRUWeights(gru.state_dict(), reset_after=True))
    layer.set_weights(arrays)

What the conventions differ in:

======================== ============= ==================== ======================== ============
convention               chunk order   matrix times input   reset gate and product   z near 1
======================== ============= ==================== ======================== ============
PyTorch, cuDNN           r, z, n       W x                  after                    keeps
Keras                    z, r, h       x W                  after, before on request keeps
ONNX                     z, r, h       W x                  before, after on request keeps
Cho et al. 2014          separate      W x                  before                   keeps
Chung et al. 2014        separate      W x                  before                   replaces
======================== ============= ==================== ======================== ============

Three mistakes raise no error, because the shapes are the same, and give another function (in the
tests they move outputs, which lie between -1 and 1, by more than 0.1): chunks left in the order of
another framework, the reset gate on the wrong side of the product, and an update gate with the
other meaning. What shapes can tell is checked: a bias of Keras that contradicts ``reset_after``,
weights of an LSTM, matrices that wait for row vectors, arrays in the wrong order. Where
input_size equals hidden_size, fewer of these show.
"""

from gru_lib.interop.keras import from_keras, to_keras
from gru_lib.interop.language_model import language_model_to_onnx
from gru_lib.interop.onnx import from_onnx, to_onnx, to_onnx_model
from gru_lib.interop.packages import require_packages
from gru_lib.interop.paper import from_paper, to_paper
from gru_lib.interop.weights import GRUWeights

__all__ = [
    "GRUWeights",
    "from_keras",
    "from_onnx",
    "from_paper",
    "language_model_to_onnx",
    "require_packages",
    "to_keras",
    "to_onnx",
    "to_onnx_model",
    "to_paper",
]
