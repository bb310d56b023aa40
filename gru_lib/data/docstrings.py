"""What programmers wrote about their code: docstrings of installed packages, as text and labelled.

The sources are read, not imported, and nothing in them runs. Which texts there are depends on the
versions that are installed; numbers measured on them do as well.
"""

import ast
import hashlib
import importlib.util
import inspect
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np

from gru_lib.data._packages import needed_by
from gru_lib.data.characters import ReferenceText, normalise_text, split_by_topic

#: Packages whose sentences :func:`library_sentences` returns, in the order of their classes.
LIBRARIES = ("matplotlib", "music21", "networkx", "pandas", "sklearn", "sympy")

_SHORTEST, _LONGEST = 20, 120  # characters of a sentence
_LEFT_OUT = {"tests", "test", "testing", "externals", "_externals", "conftest", "distutils"}
_MOST_SOURCE = 4_500_000  # bytes of a library that are read: more take seconds and add nothing


def numpy_docstrings(*, held_out_share: float = 0.1, seed: int = 0) -> ReferenceText:
    """The docstrings of NumPy, split by module: a second domain for a language model.

    Parameters
    ----------
    held_out_share : float
        Share of the characters that goes into ``valid``, and into ``test``; above 0 and at most a
        third.
    seed : int
        Decides which modules are held out.

    Returns
    -------
    ReferenceText
        Its topics are the modules.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed.

    Notes
    -----
    Source: the Python files of the installed NumPy (BSD licence), without its tests: docstrings of
    modules and public classes and functions, and those that it keeps in files of their own for
    what is written in C. Characters, repeated paragraphs and the split are treated as
    :func:`gru_lib.data.characters.python_reference` treats its topics.

    Examples
    --------
    >>> from gru_lib.data.docstrings import numpy_docstrings
    >>> text = numpy_docstrings()
    >>> len(text.train) > 5 * len(text.test) > 0
    True
    """
    topics: dict[str, str] = {}
    for module, _, docstring in _docstrings("numpy"):
        topics[module] = topics.get(module, "") + docstring + "\n\n"
    return split_by_topic(topics, held_out_share, np.random.default_rng(seed))


class LabelledSentences(NamedTuple):
    """Sentences with a class each.

    Parameters
    ----------
    sentences : list of str
        Over :data:`gru_lib.data.characters.CHARACTERS`, without ends of lines.
    classes : np.ndarray of int64, shape (count,)
        Of each, its place in :data:`LIBRARIES` or in ``TREC_CLASSES``.

    Examples
    --------
    >>> from gru_lib.data.docstrings import LabelledSentences
    >>> len(LabelledSentences(["What is a GRU?"], [0]).sentences)
    1
    """

    #: The texts.
    sentences: list[str]
    #: Of each.
    classes: np.ndarray


def library_sentences(
    *, train: int = 1500, valid: int = 600, test: int = 1200, seed: int = 0
) -> dict[str, LabelledSentences]:
    """First sentences of docstrings, and which of six libraries each was written for.

    Parameters
    ----------
    train, valid, test : int
        How many sentences each part holds; a multiple of 6, since all classes are equally often
        in all parts.
    seed : int
        Decides which modules go into which part, and which sentences are taken.

    Returns
    -------
    dict of str to LabelledSentences
        ``"train"``, ``"valid"`` and ``"test"``, in random order; the first n of the training part
        hold each class n / 6 times if n is a multiple of 6.

    Raises
    ------
    ImportError
        If one of the packages is not installed.
    TypeError, ValueError
        If a number is not allowed, or there are not so many sentences.

    Notes
    -----
    Sources: Python files of the installed :data:`LIBRARIES`, all under the BSD or PSF-like
    licences of their projects, without their tests: the first sentence of the docstring of each
    public class and function, if it has 20 to 120 characters. A sentence that stands in two
    libraries is left out, one that is repeated within a library is kept once, numbers and case
    apart. Modules go into one part as a whole, so a sentence never meets its neighbours in another
    part.

    Examples
    --------
    >>> from gru_lib.data.docstrings import LIBRARIES, library_sentences
    >>> parts = library_sentences(train=60, valid=60, test=60)
    >>> [len(part.sentences) for part in parts.values()], len(LIBRARIES)
    ([60, 60, 60], 6)
    """
    sizes = {"train": train, "valid": valid, "test": test}
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int | np.integer):
            raise TypeError(f"{name} is {size!r}; expected a whole number")
        if size < len(LIBRARIES) or size % len(LIBRARIES):
            raise ValueError(f"{name} is {size}; expected a positive multiple of {len(LIBRARIES)}")
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[list[str]]] = {part: [] for part in sizes}
    for library, modules in _sentences().items():
        names = sorted(modules)
        rng.shuffle(names)
        left = {part: size // len(LIBRARIES) for part, size in sizes.items()}
        pools: dict[str, list[str]] = {part: [] for part in sizes}
        for name in names:
            # the part that is furthest from full: modules spread over all parts
            part = min(left, key=lambda part: len(pools[part]) / left[part])
            pools[part] += modules[name]
        for part, count in left.items():
            if len(pools[part]) < count:
                raise ValueError(
                    f"{library} has {len(pools[part])} sentences for {part}; {count} were asked for"
                )
            drawn[part].append([pools[part][i] for i in rng.permutation(len(pools[part]))[:count]])
    return {part: _in_rounds(classes, rng) for part, classes in drawn.items()}


def _in_rounds(classes: Sequence[Sequence[str]], rng: np.random.Generator) -> LabelledSentences:
    """One sentence of each class in random order, then the next of each, and so on."""
    sentences, numbers = [], []
    for one_each in zip(*classes, strict=True):
        for number in rng.permutation(len(classes)):
            sentences.append(one_each[number])
            numbers.append(number)
    return LabelledSentences(sentences, np.array(numbers, dtype=np.int64))


@cache
def _sentences() -> dict[str, dict[str, list[str]]]:
    """For each library the first sentences by module; none stands twice."""
    owner: dict[str, str | None] = {}
    found: list[tuple[str, str, str, str]] = []
    for library in LIBRARIES:
        for module, name, docstring in _docstrings(library, _MOST_SOURCE):
            sentence = _first_sentence(docstring)
            if name and not sentence.startswith(">>>") and _SHORTEST <= len(sentence) <= _LONGEST:
                key = re.sub(r"[\W\d_]+", " ", sentence).lower()
                if key not in owner:
                    found.append((library, module, sentence, key))
                    owner[key] = library
                elif owner[key] != library:
                    owner[key] = None  # nobody could say whose it is
    kept: dict[str, dict[str, list[str]]] = {library: {} for library in LIBRARIES}
    for library, module, sentence, key in found:
        if owner[key] == library:
            kept[library].setdefault(module, []).append(sentence)
    return kept


def _first_sentence(docstring: str) -> str:
    paragraph = " ".join(normalise_text(docstring).strip().split("\n\n")[0].split())
    return re.split(r"(?<=[.!?]) ", paragraph)[0]


def _docstrings(package: str, most_source: float = math.inf) -> Iterator[tuple[str, str, str]]:
    """(module, name of the public thing or "" for the module, docstring)."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        with needed_by(f"docstrings of {package}", package):
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    folder = Path(spec.submodule_search_locations[0])
    left = most_source
    for path in sorted(folder.rglob("*.py"), key=lambda path: _any_order(path.relative_to(folder))):
        parts = path.relative_to(folder).with_suffix("").parts
        if _LEFT_OUT & set(parts) or any(part.startswith("test") for part in parts):
            continue
        left -= path.stat().st_size
        if left < 0:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # escapes in their strings are their business
            tree = ast.parse(path.read_bytes())
        module = ".".join((package, *parts))
        yield from ((module, name, text) for name, text in _of_tree(tree))


def _any_order(path: PurePath) -> bytes:
    """What brings files into an order that has nothing to do with their folders."""
    return hashlib.sha256(path.as_posix().encode()).digest()


def _of_tree(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            name = getattr(node, "name", "")
            docstring = ast.get_docstring(node)
            if docstring and not name.startswith("_"):
                yield name, docstring
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "add_newdoc":
            yield from _added(node)


def _added(call: ast.Call) -> Iterator[tuple[str, str]]:
    """The docstring in ``add_newdoc(module, name, docstring)``, for what is written in C."""
    texts = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
    if len(texts) == 3:
        yield texts[1], inspect.cleandoc(texts[2])
