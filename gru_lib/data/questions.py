"""Questions of the TREC collection, and the kind of answer that each asks for (full tier)."""

import numpy as np

from gru_lib.data.characters import normalise_text
from gru_lib.data.docstrings import LabelledSentences
from gru_lib.data.registry import fetch

#: What is asked for, in the order of the classes.
TREC_CLASSES = ("description", "entity", "abbreviation", "person", "number", "place")

_FILES = {"train": "TREC.train.all", "test": "TREC.test.all"}


def trec_questions(*, valid: int = 500, seed: int = 0) -> dict[str, LabelledSentences]:
    """TREC-6: 5,452 training and 500 test questions in six classes.

    Parameters
    ----------
    valid : int
        How many of the training questions are set aside for choices.
    seed : int
        Decides which, and the order of the rest.

    Returns
    -------
    dict of str to LabelledSentences
        ``"train"``, ``"valid"`` and ``"test"``; classes are places in :data:`TREC_CLASSES`.

    Raises
    ------
    ValueError
        If ``valid`` is not from 6 to 2000, or the data set cannot be fetched whole.

    Notes
    -----
    Source: Li and Roth (2002), by way of ``harvardnlp/sent-conv-torch``; no licence is stated for
    the questions, so they are fetched and never shipped. A training question that stands in the
    test too is left out of training, which the papers did not do; one that is asked twice is kept
    once. Letters outside ASCII become ``?``.

    Examples
    --------
    >>> from gru_lib.data.questions import trec_questions
    >>> trec_questions(valid=0)
    Traceback (most recent call last):
    ...
    ValueError: valid is 0; expected 6 to 2000
    """
    if not 6 <= valid <= 2000:
        raise ValueError(f"valid is {valid}; expected 6 to 2000")
    folder = fetch("trec")
    read = {}
    for part, file in _FILES.items():
        lines = (folder / file).read_text(encoding="latin-1").splitlines()
        # a dict keeps a repeated question once, in the place of its first appearance
        read[part] = {normalise_text(line[2:]).strip(): int(line[0]) for line in lines}
    test = list(read["test"].items())
    rest = [pair for pair in read["train"].items() if pair[0] not in read["test"]]
    order = np.random.default_rng(seed).permutation(len(rest))
    return {
        "train": _labelled([rest[i] for i in order[valid:]]),
        "valid": _labelled([rest[i] for i in order[:valid]]),
        "test": _labelled(test),
    }


def _labelled(pairs: list[tuple[str, int]]) -> LabelledSentences:
    sentences, classes = zip(*pairs, strict=True)
    return LabelledSentences(list(sentences), np.array(classes, dtype=np.int64))
