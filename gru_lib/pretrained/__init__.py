"""The course's language models, as they were pretrained: weights that come with the library.

>>> from gru_lib.pretrained import load_pretrained
>>> saved = load_pretrained()
>>> len(saved.vocabulary)
96
"""

import json
from collections.abc import Mapping
from importlib.resources import as_file, files

import numpy as np
from torch import nn

from gru_lib.data.characters import ReferenceText, split_as_named
from gru_lib.finetuning import load_adapter
from gru_lib.models import SavedLanguageModel, load_language_model

__all__ = [
    "ADAPTERS",
    "PRETRAINED",
    "load_pretrained",
    "load_pretrained_adapter",
    "pretrained_text",
]

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


def pretrained_text(card: Mapping[str, str] | None = None) -> ReferenceText:
    """The language reference of the Python that runs, split as it was for pretraining.

    Parameters
    ----------
    card : mapping of str to str, optional
        What a file of ``python -m gru_lib.pretrain`` says about itself; by default the course's
        model.

    Returns
    -------
    ReferenceText
        Of the Python that the model was trained with, the very text. Of another one, ``valid``
        and ``test`` are the topics that were held out then, without any paragraph that was
        trained on; topics that are new are in ``train``.

    Raises
    ------
    ValueError
        If the card is of a model that was trained on another text.

    Examples
    --------
    >>> import json
    >>> from gru_lib.pretrained import load_pretrained, pretrained_text
    >>> text = pretrained_text()
    >>> set(text.topics["test"]) <= set(json.loads(load_pretrained().card["test topics"]))
    True
    """
    from pydoc_data.topics import topics  # half a megabyte: not when the module is imported

    card = load_pretrained().card if card is None else card
    names = ("valid topics", "test topics", "trained on")
    if missing := [name for name in names if name not in card]:
        raise ValueError(
            f"card does not say {', '.join(missing)}; expected that of a model that was trained on "
            "the language reference of Python"
        )
    valid, test = (json.loads(card[name]) for name in names[:2])
    return split_as_named(topics, valid, test, card["trained on"].split(), np.random.default_rng(0))


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
