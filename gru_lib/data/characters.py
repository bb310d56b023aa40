"""Text for language models over characters: where to get it, and characters as numbers."""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

#: Every character that :func:`normalise_text` leaves: the end of a line and printable ASCII.
CHARACTERS = "\n" + "".join(map(chr, range(ord(" "), ord("~") + 1)))

_TYPOGRAPHY = str.maketrans(
    {"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "\t": "    "}
)
_FOREIGN = re.compile(f"[^{re.escape(CHARACTERS)}]")
_RULE = re.compile(r"[ \-=*~^+|]+")  # a line of nothing else underlines a heading or frames a table


class ReferenceText(NamedTuple):
    """The language reference of Python, as :func:`python_reference` returns it.

    Parameters
    ----------
    train, valid, test : str
        Text over :data:`CHARACTERS`.
    topics : dict of str to tuple of str
        Under ``"train"``, ``"valid"`` and ``"test"`` the names of the topics each text is made of.

    Examples
    --------
    >>> from gru_lib.data.characters import python_reference
    >>> text = python_reference()
    >>> set(text.topics["train"]).isdisjoint(text.topics["test"])
    True
    """

    #: What to learn from.
    train: str
    #: For choices, such as sizes, when to stop, and the order of a baseline.
    valid: str
    #: What to report on, once.
    test: str
    #: Names of the topics of each text.
    topics: dict[str, tuple[str, ...]]


def python_reference(*, held_out_share: float = 0.1, seed: int = 0) -> ReferenceText:
    """The language reference that ships with Python, split by topic: some 350 000 characters.

    It is what ``help("slicings")`` prints: English with grammar, tables and programs in it.

    Parameters
    ----------
    held_out_share : float
        Share of the characters that goes into ``valid``, and into ``test``; above 0 and at most a
        third.
    seed : int
        Decides which topics are held out.

    Returns
    -------
    ReferenceText

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed.

    Notes
    -----
    Source: ``pydoc_data.topics`` of the Python that runs (PSF licence version 2). The text differs
    between versions of Python, so numbers measured on it do as well.

    Several topics are excerpts of larger ones: all of ``while`` stands in ``compound`` too. A split
    by topic alone would test on what was trained on. So a paragraph that stands in several topics
    stays in the largest alone, and a topic that loses more than half of its text is left out.
    Then each topic, in random order, goes as a whole into the test text, the validation text or
    the training text, the first that has room; only topics of at most a third of that room at the
    start are held out, so that a held-out text is never one long topic. The long ones are in the
    training text for that reason: the texts are not alike, which is harder than a random split.

    Characters pass :func:`normalise_text`.

    Examples
    --------
    >>> from gru_lib.data.characters import CHARACTERS, python_reference
    >>> text = python_reference()
    >>> set(text.train + text.valid + text.test) <= set(CHARACTERS)
    True
    >>> len(text.train) > 5 * len(text.test) > 0
    True
    """
    from pydoc_data.topics import topics  # half a megabyte: not when the module is imported

    return split_by_topic(topics, held_out_share, np.random.default_rng(seed))


def normalise_text(text: str) -> str:
    """Write text in :data:`CHARACTERS`, without typography.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        Curly quotes, dashes, dots and tabs are replaced by their ASCII likes, every other
        character outside :data:`CHARACTERS` by ``?``. Blanks at the ends of lines go, and so do
        lines that only underline a heading or frame a table, and all empty lines of a run but one.
        Ends with one end of line, unless nothing is left.

    Examples
    --------
    >>> from gru_lib.data.characters import normalise_text
    >>> normalise_text("A “set”…\\n========\\n\\n\\n\\nß is one letter.  ")
    'A "set"...\\n\\n? is one letter.\\n'
    """
    text = _FOREIGN.sub("?", re.sub(r"\r\n?", "\n", text).translate(_TYPOGRAPHY))
    lines = [line.rstrip() for line in text.split("\n")]
    lines = [line for line in lines if not _RULE.fullmatch(line)]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
    return text + "\n" if text else ""


def read_text(path: str | Path) -> str:
    """Read a text file of your own, to train on.

    Parameters
    ----------
    path : str or Path
        A file in UTF-8.

    Returns
    -------
    str
        The text as it is, ends of lines as ``\\n``; see :func:`normalise_text`.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If the file is empty, holds blanks only, or is not UTF-8.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from gru_lib.data.characters import read_text
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "poem.txt")
    ...     _ = path.write_text("To see a World\\nin a Grain of Sand\\n", encoding="utf-8")
    ...     read_text(path)
    'To see a World\\nin a Grain of Sand\\n'
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 from byte {error.start} on; save it as UTF-8 (in an editor: "
            "Save with encoding) and read it again"
        ) from None
    if not text.strip():
        what = "holds nothing but blanks" if text else "is empty"
        raise ValueError(f"{path} {what}; expected text to learn from")
    return text


class Vocabulary:
    """Characters as numbers and back: the codes are 0, 1, 2, ... in the order of Unicode.

    Parameters
    ----------
    text : str
        The training text. What it does not hold has no code.

    Attributes
    ----------
    characters : str
        Every character of the text once; the place of a character here is its code.

    Raises
    ------
    TypeError
        If ``text`` is no string.
    ValueError
        If it is empty.

    Examples
    --------
    >>> from gru_lib.data.characters import Vocabulary
    >>> vocabulary = Vocabulary("banana")
    >>> len(vocabulary), vocabulary.characters, "b" in vocabulary
    (3, 'abn', True)
    >>> vocabulary.encode("nab").tolist()
    [2, 0, 1]
    >>> vocabulary.decode([2, 0, 1])
    'nab'
    """

    def __init__(self, text: str) -> None:
        points = _code_points("text", text)
        if not len(points):
            raise ValueError("text is empty; expected the text that the model is trained on")
        self._points = np.unique(points)
        self.characters = "".join(map(chr, self._points))

    def __len__(self) -> int:
        return len(self._points)

    def __contains__(self, character: str) -> bool:
        return len(character) == 1 and character in self.characters

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.characters == other.characters

    def __hash__(self) -> int:
        return hash(self.characters)

    def __repr__(self) -> str:
        shown = self.characters if len(self) <= 20 else self.characters[:19] + "…"
        return f"Vocabulary of {len(self)} characters: {shown!r}"

    def encode(self, text: str) -> np.ndarray:
        """Turn text into codes.

        Parameters
        ----------
        text : str
            Text over the vocabulary; may be empty.

        Returns
        -------
        np.ndarray of int64, shape (len(text),)

        Raises
        ------
        TypeError
            If ``text`` is no string.
        ValueError
            If a character has no code; the message names the first one and its place.

        Examples
        --------
        >>> from gru_lib.data.characters import Vocabulary
        >>> Vocabulary("banana").encode("a ban")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        ValueError: text holds ' ' at position 1 (in 'a ban'), which the vocabulary of ...
        """
        points = _code_points("text", text)
        codes = np.searchsorted(self._points, points)
        known = self._points[np.minimum(codes, len(self) - 1)] == points
        if not known.all():
            place = int(known.argmin())
            around = text[max(0, place - 10) : place + 11]
            raise ValueError(
                f"text holds {text[place]!r} at position {place} (in {around!r}), which the "
                f"vocabulary of {len(self)} characters was not built with; replace it "
                "(normalise_text folds typography), leave it out, or build the vocabulary from "
                "training text that holds it"
            )
        return codes.astype(np.int64)

    def decode(self, codes: ArrayLike) -> str:
        """Turn codes into text.

        Parameters
        ----------
        codes : array_like of int, shape (n,)
            Each from 0 to ``len(vocabulary) - 1``.

        Returns
        -------
        str
            ``n`` characters.

        Raises
        ------
        TypeError
            If the codes are not integers.
        ValueError
            If there is more than one dimension, or a code is negative or too large.

        Examples
        --------
        >>> from gru_lib.data.characters import Vocabulary
        >>> Vocabulary("banana").decode([1, 0, 3])
        Traceback (most recent call last):
        ...
        ValueError: codes holds 3 at position 2; expected 0 to 2
        """
        codes = np.asarray(codes)
        if codes.shape == (0,):
            return ""
        if not np.issubdtype(codes.dtype, np.integer):
            raise TypeError(f"codes has dtype {codes.dtype}; expected integers")
        if codes.ndim != 1:
            raise ValueError(f"codes has shape {codes.shape}; expected (n,): decode one row a time")
        outside = (codes < 0) | (codes >= len(self))
        if outside.any():
            place = int(outside.argmax())
            raise ValueError(
                f"codes holds {codes[place]} at position {place}; expected 0 to {len(self) - 1}"
            )
        return "".join(map(chr, self._points[codes]))


def _code_points(name: str, text: str) -> np.ndarray:
    """The numbers that Unicode gives to the characters."""
    if not isinstance(text, str):
        raise TypeError(f"{name} is of type {type(text).__name__}; expected a string")
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def split_by_topic(
    topics: Mapping[str, str], held_out_share: float, rng: np.random.Generator
) -> ReferenceText:
    """Split a text by topic, without what is repeated.

    Parameters
    ----------
    topics : mapping of str to str
        Texts by name.
    held_out_share : float
        Share of the characters that goes into ``valid``, and into ``test``; above 0 and at most a
        third.
    rng : np.random.Generator
        Decides which topics are held out.

    Returns
    -------
    ReferenceText
        See :func:`python_reference` for how it is done.

    Raises
    ------
    TypeError, ValueError
        If the share is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.data.characters import split_by_topic
    >>> texts = {name: 20 * name for name in "abcdefghijkl"}
    >>> text = split_by_topic(texts, 0.25, np.random.default_rng(0))
    >>> len(text.topics["train"]), len(text.topics["valid"]), len(text.topics["test"])
    (6, 3, 3)
    """
    if isinstance(held_out_share, bool) or not isinstance(held_out_share, Real):
        raise TypeError(f"held_out_share is {held_out_share!r}; expected a number")
    if not 0 < held_out_share <= 1 / 3:
        raise ValueError(f"held_out_share is {held_out_share}; expected above 0, at most 1/3")
    texts = _without_repetition({name: normalise_text(text) for name, text in topics.items()})
    names = sorted(texts)
    rng.shuffle(names)
    start = held_out_share * sum(map(len, texts.values()))
    room = {"test": start, "valid": start}
    chosen: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    for name in names:
        size = len(texts[name])
        part = next((p for p in room if size <= room[p] and size <= start / 3), "train")
        chosen[part].append(name)
        if part in room:
            room[part] -= size
    return _joined(texts, chosen)


def split_as_named(
    topics: Mapping[str, str],
    valid: Sequence[str],
    test: Sequence[str],
    trained_on: Collection[str],
    rng: np.random.Generator,
) -> ReferenceText:
    """Split a text as an earlier edition of it was split, so that what is held out stays so.

    Parameters
    ----------
    topics : mapping of str to str
        Texts by name.
    valid, test : sequence of str
        Names of the topics that were held out then. One that is not there any more is passed over;
        one that is new goes into the training text.
    trained_on : collection of str
        :func:`paragraph_key` of each paragraph that was trained on then. What of them stands in a
        held-out topic now is left out of it.
    rng : np.random.Generator
        Decides the order of the topics in the training text.

    Returns
    -------
    ReferenceText
        Without what is repeated, as :func:`split_by_topic` does it.

    Raises
    ------
    ValueError
        If nothing is left of a part.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.data.characters import paragraph_key, split_as_named
    >>> texts = {"a": "one\\n\\nmoved\\n", "b": "two\\n", "new": "three\\n"}
    >>> seen = {paragraph_key("moved")}
    >>> text = split_as_named(texts, ["b"], ["a"], seen, np.random.default_rng(0))
    >>> text.train, text.valid, text.test
    ('three\\n', 'two\\n', 'one\\n')
    """
    texts = _without_repetition({name: normalise_text(text) for name, text in topics.items()})
    names = sorted(texts)
    rng.shuffle(names)
    chosen = {
        "train": [name for name in names if name not in {*valid, *test}],
        "valid": [name for name in valid if name in texts],
        "test": [name for name in test if name in texts],
    }
    seen = frozenset(trained_on)
    for name in (*chosen["valid"], *chosen["test"]):
        paragraphs = _paragraphs(texts[name])
        texts[name] = "\n\n".join(p for p in paragraphs if paragraph_key(p) not in seen) + "\n"
    for part, members in chosen.items():
        if not any(texts[name].strip() for name in members):
            raise ValueError(f"nothing is left of the {part} text: it is of another kind of text")
    return _joined(texts, chosen)


def paragraph_key(paragraph: str) -> str:
    """Eight characters that stand for a paragraph, whatever its indentation and line breaks.

    Parameters
    ----------
    paragraph : str
        Any text.

    Returns
    -------
    str
        The beginning of the SHA-256 of its words.

    Examples
    --------
    >>> from gru_lib.data.characters import paragraph_key
    >>> paragraph_key("to be\\n  or not") == paragraph_key("to be or not")
    True
    """
    return hashlib.sha256(_words(paragraph).encode()).hexdigest()[:8]


def paragraph_keys(text: str) -> list[str]:
    """:func:`paragraph_key` of each paragraph of a text.

    Parameters
    ----------
    text : str
        Paragraphs with an empty line between them.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from gru_lib.data.characters import paragraph_keys
    >>> len(paragraph_keys("one\\n\\ntwo\\n"))
    2
    """
    return [paragraph_key(paragraph) for paragraph in _paragraphs(text)]


def _paragraphs(text: str) -> list[str]:
    return text.strip("\n").split("\n\n")


def _words(paragraph: str) -> str:
    """The paragraph without its indentation: an excerpt may stand further to the left."""
    return " ".join(paragraph.split())


def _joined(texts: Mapping[str, str], chosen: Mapping[str, Sequence[str]]) -> ReferenceText:
    joined = {part: "\n".join(texts[n] for n in members) for part, members in chosen.items()}
    return ReferenceText(**joined, topics={p: tuple(members) for p, members in chosen.items()})


def _without_repetition(texts: Mapping[str, str]) -> dict[str, str]:
    """Each paragraph in the largest topic that holds it alone; what is mostly repeated goes."""
    seen: set[str] = set()
    kept = {}
    for name in sorted(texts, key=lambda name: (-len(texts[name]), name)):
        paragraphs = _paragraphs(texts[name])
        words = [_words(paragraph) for paragraph in paragraphs]
        own = [p for p, key in zip(paragraphs, words, strict=True) if key not in seen]
        seen.update(words)
        text = "\n\n".join(own) + "\n"
        if 2 * len(text) > len(texts[name]):
            kept[name] = text
    return kept
