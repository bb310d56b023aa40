"""Real text that ships inside installed packages."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gru_lib.data._packages import needed_by

#: The blank and the 26 letters. A character's code is its place here, counted from 1.
ALPHABET = " abcdefghijklmnopqrstuvwxyz"
#: Locale codes of the languages that :func:`language_names` takes by default.
LANGUAGES = ("cs", "da", "de", "es", "fi", "fr", "hu", "it", "nl", "pl", "pt", "sv")

# Letters that Unicode does not split into a Latin letter and a mark.
_WITHOUT_MARK = str.maketrans(
    {"ı": "i", "ł": "l", "ø": "o", "đ": "d", "ð": "d", "ß": "ss", "æ": "ae", "œ": "oe", "þ": "th"}
)


class LanguageNames(NamedTuple):
    """Names of countries and languages, as :func:`language_names` returns them.

    Parameters
    ----------
    train_texts : list of str
        Strings over :data:`ALPHABET`.
    train_labels : np.ndarray of int64, shape (n_train,)
        Indices into ``languages``.
    test_texts : list of str
        Strings over :data:`ALPHABET`.
    test_labels : np.ndarray of int64, shape (n_test,)
        Indices into ``languages``.
    languages : tuple of str
        Locale codes.

    Examples
    --------
    >>> from gru_lib.data.text import language_names
    >>> names = language_names(["de", "pl"])
    >>> names.languages, len(names.train_texts) == len(names.train_labels)
    (('de', 'pl'), True)
    """

    #: What to learn from.
    train_texts: list[str]
    #: Their languages.
    train_labels: np.ndarray
    #: What to test on; no entry of the training texts in any language.
    test_texts: list[str]
    #: Their languages.
    test_labels: np.ndarray
    #: The languages that labels count.
    languages: tuple[str, ...]


def language_names(
    languages: Sequence[str] = LANGUAGES, *, test_share: float = 0.2, seed: int = 0
) -> LanguageNames:
    """Names of countries and languages, each written in one language: which one?

    "Schweden" is German, "szwecja" is Polish. Marks are removed and letters lowered, so that
    all languages share the 26 letters and the space, and an accent cannot give the answer away.
    A name that two of the languages spell alike is dropped: no reader could tell.

    Parameters
    ----------
    languages : sequence of str
        Locale codes of languages in Latin script, at least two, all different.
    test_share : float
        Share of the entries (a country, a language) kept for the test, between 0 and 1.
        All translations of one entry fall on the same side of the split.
    seed : int
        Decides which entries are kept for the test.

    Returns
    -------
    LanguageNames
        ``train_texts`` and ``test_texts``: lists of strings over :data:`ALPHABET`;
        ``train_labels`` and ``test_labels``: int64 arrays of shape (n_train,) and (n_test,),
        indices into ``languages``.

    Raises
    ------
    ImportError
        If Babel is not installed.
    ValueError
        If a language is unknown or written in another script, or an argument is out of range.

    Notes
    -----
    Source: the Unicode Common Locale Data Repository, as Babel ships it
    (Unicode licence v3; nothing is downloaded).

    Examples
    --------
    >>> from gru_lib.data.text import language_names
    >>> names = language_names(["de", "pl"], test_share=0.5)
    >>> names.languages[names.train_labels[0]]
    'de'
    >>> "schweden" in names.train_texts + names.test_texts
    True
    """
    languages = tuple(languages)
    if len(languages) < 2 or len(set(languages)) < len(languages):
        raise ValueError(f"languages is {languages}; expected two or more different locale codes")
    if not 0 < test_share < 1:
        raise ValueError(f"test_share is {test_share}; expected a number between 0 and 1")

    entries = [entry for language in languages for entry in _entries(language)]
    times_seen = Counter(text for _, text, _ in entries)
    entries = [entry for entry in entries if times_seen[entry[1]] == 1]

    keys = sorted({key for key, _, _ in entries})
    np.random.default_rng(seed).shuffle(keys)
    in_test = min(max(1, round(test_share * len(keys))), len(keys) - 1)  # both sides get some
    test_keys = set(keys[:in_test])

    train = [(text, language) for key, text, language in entries if key not in test_keys]
    test = [(text, language) for key, text, language in entries if key in test_keys]
    return LanguageNames(
        [text for text, _ in train],
        np.array([languages.index(language) for _, language in train], dtype=np.int64),
        [text for text, _ in test],
        np.array([languages.index(language) for _, language in test], dtype=np.int64),
        languages,
    )


def encode_characters(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Turn strings into numbers, one a character, padded on the right with 0.

    Parameters
    ----------
    texts : sequence of str
        Non-empty strings over :data:`ALPHABET`.

    Returns
    -------
    codes : np.ndarray of int64, shape (len(texts), longest)
        1 to 27 for a character of :data:`ALPHABET`, 0 for padding.
    lengths : np.ndarray of int64, shape (len(texts),)
        Number of characters in each string.

    Raises
    ------
    ValueError
        If a string is empty or holds a character outside the alphabet.

    Examples
    --------
    >>> from gru_lib.data.text import encode_characters
    >>> codes, lengths = encode_characters(["ab", "c"])
    >>> codes.tolist(), lengths.tolist()
    ([[2, 3], [4, 0]], [2, 1])
    """
    for text in texts:
        if not text or set(text) - set(ALPHABET):
            raise ValueError(f"texts holds {text!r}; expected one or more of {ALPHABET!r}")
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    codes = np.zeros((len(texts), max(lengths, default=0)), dtype=np.int64)
    for row, text in zip(codes, texts, strict=True):
        row[: len(text)] = [1 + ALPHABET.index(character) for character in text]
    return codes, lengths


def shuffle_characters(texts: Sequence[str], rng: np.random.Generator) -> list[str]:
    """The control for every claim about order: each text with its characters in random order.

    Parameters
    ----------
    texts : sequence of str
        Any strings.
    rng : np.random.Generator
        Source of the order; the same state gives the same order.

    Returns
    -------
    list of str
        ``result[i]`` holds exactly the characters of ``texts[i]``.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.data.text import shuffle_characters
    >>> shuffle_characters(["abc", "defg"], np.random.default_rng(0))
    ['cab', 'gfed']
    """
    return ["".join(rng.permutation(list(text))) for text in texts]


def _entries(language: str) -> list[tuple[str, str, str]]:
    """(key, name, language) for every usable country and language name of one locale."""
    with needed_by("language_names", "Babel"):
        from babel import Locale, UnknownLocaleError
    try:
        locale = Locale.parse(language)
    except (UnknownLocaleError, ValueError, TypeError):
        raise ValueError(
            f"languages holds {language!r}, which is no locale of Babel's; "
            f"expected codes such as {', '.join(LANGUAGES[:4])}"
        ) from None
    found = []
    latin = other = 0
    for kind, names in (("country", locale.territories), ("language", locale.languages)):
        for code, name in names.items():
            text = _plain(name)
            latin, other = latin + (text is not None), other + (text is None)
            if text is not None and 4 <= len(text) <= 30:
                found.append((f"{kind} {code}", text, language))
    if latin <= other:
        raise ValueError(f"languages holds {language!r}, which is not written in Latin script")
    return found


def _plain(name: str) -> str | None:
    """The name in the 26 letters and the space, or None if it needs other letters."""
    name = re.sub(r"\(.*?\)", " ", name.lower())
    name = unicodedata.normalize("NFKD", name).translate(_WITHOUT_MARK)
    letters = "".join(c for c in name if not unicodedata.combining(c))
    if any(c.isalpha() and c not in ALPHABET for c in letters):
        return None
    return " ".join("".join(c if c in ALPHABET else " " for c in letters).split())
