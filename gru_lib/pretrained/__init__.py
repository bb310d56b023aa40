"""The course's language models, as they were pretrained: weights that come with the library.

>>> from gru_lib.pretrained import load_pretrained
>>> saved = load_pretrained()
>>> len(saved.vocabulary)
96
"""

from importlib.resources import as_file, files

from gru_lib.models import SavedLanguageModel, load_language_model

__all__ = ["PRETRAINED", "load_pretrained"]

#: What each of them read.
PRETRAINED = {
    "reference": "the language reference of Python",
    "shuffled": "the same text with its characters shuffled: a control",
}


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
