"""The text that is read, as codes, and what its model's card says about it."""

import hashlib
import json
import platform
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gru_lib.data.characters import (
    CHARACTERS,
    ReferenceText,
    Vocabulary,
    paragraph_keys,
    python_reference,
    read_text,
)


class Corpus(NamedTuple):
    """A text in three parts, as codes.

    Parameters
    ----------
    train, valid, test : np.ndarray of int64, shape (n,)
        To learn from, to choose the epoch by, and to report on.
    vocabulary : Vocabulary
        Of the codes.
    origin : dict of str to str
        What a card says about it: source, licence, sums, what was held out.

    Examples
    --------
    >>> from gru_lib.pretrain import reference_corpus
    >>> corpus = reference_corpus()
    >>> len(corpus.train) > 5 * len(corpus.test), len(corpus.vocabulary)
    (True, 96)
    """

    #: To learn from.
    train: np.ndarray
    #: To choose the epoch by.
    valid: np.ndarray
    #: To report on.
    test: np.ndarray
    #: Of the codes.
    vocabulary: Vocabulary
    #: Where it is from, in words.
    origin: dict[str, str]

    def shuffled(self, seed: int) -> "Corpus":
        """The same text with the characters of the training and validation parts shuffled.

        Parameters
        ----------
        seed : int
            Decides their new order.

        Returns
        -------
        Corpus
            How often each character occurs is all that is left to learn. The test text stays.
        """
        rng = np.random.default_rng(seed)
        return self._replace(train=rng.permutation(self.train), valid=rng.permutation(self.valid))


def reference_corpus(text: ReferenceText | None = None) -> Corpus:
    """The language reference of the Python that runs, in the course's 96 characters.

    Parameters
    ----------
    text : ReferenceText, optional
        By default that of :func:`gru_lib.data.characters.python_reference`.

    Returns
    -------
    Corpus

    Examples
    --------
    >>> from gru_lib.pretrain import reference_corpus
    >>> reference_corpus().origin["licence"]
    'PSF License Version 2'
    """
    text = python_reference() if text is None else text
    origin = {
        "data": f"the language reference of Python {platform.python_version()} (pydoc_data.topics)",
        "licence": "PSF License Version 2",
        "sha256 of the text": _sum_of(text.train, text.valid, text.test),
        "split": "by topic, without repeated paragraphs (gru_lib.data.characters.python_reference)",
        "valid topics": json.dumps(text.topics["valid"]),
        "test topics": json.dumps(text.topics["test"]),
        "trained on": " ".join(dict.fromkeys(paragraph_keys(text.train))),
    }
    vocabulary = Vocabulary(CHARACTERS)
    parts = (vocabulary.encode(part) for part in (text.train, text.valid, text.test))
    return Corpus(*parts, vocabulary, origin)


def file_corpus(path: str | Path, own_characters: bool = False) -> Corpus:
    """A text file of your own: its last tenth to test on, the tenth before it to choose by.

    Parameters
    ----------
    path : path
        A file in UTF-8.
    own_characters : bool
        Take the characters of the file as vocabulary; otherwise it may hold the course's 96 only.

    Returns
    -------
    Corpus

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it is empty, not UTF-8, or holds a character outside the vocabulary.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from gru_lib.pretrain import file_corpus
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "numbers.txt")
    ...     _ = path.write_text("one two three " * 10, encoding="utf-8")
    ...     corpus = file_corpus(path)
    >>> [len(part) for part in corpus[:3]]
    [112, 14, 14]
    """
    text = read_text(path)
    vocabulary = Vocabulary(text if own_characters else CHARACTERS)
    try:
        codes = vocabulary.encode(text)
    except ValueError as error:
        raise ValueError(
            f"{path}: {error}; on the command line, --own-characters takes those of the text"
        ) from None
    tenth = len(codes) // 10
    ends = [len(codes) - 2 * tenth, len(codes) - tenth]
    origin = {
        "data": f"the file {Path(path).name}",
        "licence": "not stated",
        "sha256 of the text": _sum_of(text),
        "split": "the last tenth for the test, the tenth before it for validation",
    }
    return Corpus(*np.split(codes, ends), vocabulary, origin)


def _sum_of(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()
