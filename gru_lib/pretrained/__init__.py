"""The course's language models, as they were pretrained: weights that come with the library.

>>> from gru_lib.pretrained import load_pretrained
>>> saved = load_pretrained()
>>> len(saved.vocabulary)
96
"""

from importlib.resources import as_file, files

from torch import nn

from gru_lib.finetuning import load_adapter
from gru_lib.models import SavedLanguageModel, load_language_model

__all__ = ["ADAPTERS", "PRETRAINED", "load_pretrained", "load_pretrained_adapter"]

#: What each of them read.
PRETRAINED = {
    "reference": "the language reference of Python",
    "shuffled": "the same text with its characters shuffled: a control",
}

#: What each adapter for the model "reference" has learned.
ADAPTERS = {"numpy": "the docstrings of NumPy"}


def load_pretrained(name: str = "reference", *, dropout: float = 0.0) -> SavedLanguageModel:
    """One of the language models that come with the library.

    Parameters
    ----------
    name : str, default "reference"
        A name in :data:`PRETRAINED`.
    dropout : float in [0, 1), default 0.0
        For training on.

    Returns
    -------
    SavedLanguageModel
        A new model each time, its vocabulary, and its card.

    Raises
    ------
    ValueError
        If there is no model of that name.

    Examples
    --------
    >>> from gru_lib.pretrained import load_pretrained
    >>> load_pretrained("shuffled").model.sizes["hidden_size"]
    160
    """
    if name not in PRETRAINED:
        raise ValueError(f"name is {name!r}; expected one of {', '.join(map(repr, PRETRAINED))}")
    with as_file(files("gru_lib.pretrained").joinpath(f"{name}.safetensors")) as path:
        return load_language_model(path, dropout=dropout)


def load_pretrained_adapter(model: nn.Module, name: str = "numpy") -> dict[str, str]:
    """Put one of the adapters that come with the library on the model "reference".

    Parameters
    ----------
    model : LanguageModel
        ``load_pretrained().model``.
    name : str, default "numpy"
        A name in :data:`ADAPTERS`.

    Returns
    -------
    dict of str to str
        Its card.

    Raises
    ------
    ValueError
        If there is no adapter of that name, or it is on the model already.
    CheckpointError
        If the model is another one.

    Examples
    --------
    >>> from gru_lib.pretrained import load_pretrained, load_pretrained_adapter
    >>> load_pretrained_adapter(load_pretrained().model)["data"]
    'the docstrings of NumPy'
    """
    if name not in ADAPTERS:
        raise ValueError(f"name is {name!r}; expected one of {', '.join(map(repr, ADAPTERS))}")
    with as_file(files("gru_lib.pretrained").joinpath(f"{name}-lora.safetensors")) as path:
        return load_adapter(model, path)
