"""A whole language model for ONNX: codes in, logits out, with a state to read on from."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from gru_lib.interop.onnx import require_onnx, to_onnx
from gru_lib.interop.weights import GRUWeights

if TYPE_CHECKING:
    import onnx

_RECURRENT = "recurrent."
_OTHERS = ("embedding.weight", "output.weight", "output.bias")


def language_model_to_onnx(
    state: Mapping[str, ArrayLike], *, eight_bits: bool = False
) -> "onnx.ModelProto":
    """A language model of GRU layers as a model that ONNX runtimes can run, step by step or whole.

    Inputs are ``codes``, int64 of shape (batch, time), and ``h0`` of shape (num_layers, batch,
    hidden_size); outputs are ``logits``, (batch, time, vocabulary_size), and ``h_n``. Batch and
    time may be of any size. Feeding ``h_n`` back as ``h0`` goes on with the text.

    Parameters
    ----------
    state : mapping of str to array_like
        The state of a ``gru_lib.models.LanguageModel`` with PyTorch's reset gate, float32, as
        NumPy arrays: ``embedding.weight``, ``recurrent.weight_ih_l0``, ..., ``output.bias``.
    eight_bits : bool, default False
        Store matrices by :func:`gru_lib.quantisation.quantise_rows`; the runtime turns them back
        into float32 when it loads the model.

    Returns
    -------
    onnx.ModelProto
        ``onnx.save(model, path)`` writes it to a file.

    Raises
    ------
    ImportError
        If onnx is not installed.
    TypeError
        If a weight is not float32.
    ValueError
        If a weight is missing or the sizes do not fit.

    Examples
    --------
    >>> from gru_lib.interop import language_model_to_onnx
    >>> from gru_lib.models import LanguageModel
    >>> state = {name: w.numpy() for name, w in LanguageModel(9, 4, 5).state_dict().items()}
    >>> model = language_model_to_onnx(state)
    >>> [node.op_type for node in model.graph.node][-3:]
    ['Transpose', 'MatMul', 'Add']
    """
    arrays = {name: np.asarray(value) for name, value in state.items()}
    missing = [name for name in _OTHERS if name not in arrays]
    if missing:
        raise ValueError(f"state has no {', '.join(missing)}; expected that of a LanguageModel")
    for name, array in arrays.items():
        if array.dtype != np.float32:
            raise TypeError(f"{name} has dtype {array.dtype}; expected float32")
    recurrent = {
        name.removeprefix(_RECURRENT): array
        for name, array in arrays.items()
        if name.startswith(_RECURRENT)
    }
    weights = GRUWeights(recurrent, reset_after=True)
    _require_chain(arrays, weights.options)
    require_onnx("language_model_to_onnx")
    from gru_lib.interop._onnx_graph import make_language_model

    others = [arrays[name] for name in _OTHERS]
    return make_language_model(others, to_onnx(weights), weights.options, eight_bits)


def _require_chain(arrays: Mapping[str, np.ndarray], options: Mapping[str, int | bool]) -> None:
    """The embedding feeds the first layer, the last layer the output."""
    if options["bidirectional"]:
        raise ValueError("state is that of a bidirectional GRU; a language model reads forwards")
    codes = len(arrays["embedding.weight"])
    expected = {
        "embedding.weight": (codes, options["input_size"]),
        "output.weight": (codes, options["hidden_size"]),
        "output.bias": (codes,),
    }
    for name, shape in expected.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} has shape {arrays[name].shape}; these layers expect {shape}")
