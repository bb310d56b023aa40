"""The learner's side: check, hint, solution, progress."""

import difflib
import importlib
import inspect
import os
import textwrap
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from gru_lib.exercises.checker import Exercise, grade

PARTS = ("background", "math", "code", "applications", "fine-tuning")

_solved: set[str] = set()
_hints_given: dict[str, int] = {}


def module_of(part: str) -> ModuleType:
    """The module that holds the exercises of a part."""
    return importlib.import_module(f"gru_lib.exercises.{part.replace('-', '_')}")


@cache
def registry() -> dict[str, Exercise]:
    """Every exercise of the book by its name, in the order of the chapters.

    Returns
    -------
    dict of str to Exercise
        Read it, do not change it: the same dict is returned each time.

    Examples
    --------
    >>> from gru_lib.exercises import registry
    >>> list(registry())[0]
    'background/running-parity'
    """
    modules = map(module_of, PARTS)
    return {exercise.name: exercise for module in modules for exercise in module.EXERCISES}


def find_exercise(name: str) -> Exercise:
    """Look an exercise up.

    Parameters
    ----------
    name : str
        The exercise, for example ``"background/running-parity"``.

    Returns
    -------
    Exercise

    Raises
    ------
    KeyError
        If there is none of that name; the message lists the nearest names.

    Examples
    --------
    >>> from gru_lib.exercises import find_exercise
    >>> find_exercise("background/running-parity").chapter
    'sequences'
    """
    known = registry()
    if isinstance(name, str) and name in known:
        return known[name]
    near = difflib.get_close_matches(str(name), known, n=3, cutoff=0.4)
    raise KeyError(
        f"There is no exercise {name!r}. "
        + (f"Did you mean {' or '.join(map(repr, near))}?" if near else f"There are: {list(known)}")
    )


def _find_or_say(name: str) -> Exercise | None:
    """The exercise; or None, after the near matches have been printed."""
    try:
        return find_exercise(name)
    except KeyError as unknown:
        print(unknown.args[0])
        return None


def _fold(text: str, indent: str = "") -> str:
    """The text on lines no wider than a page of the book."""
    return textwrap.fill(
        text, 80, initial_indent=indent, subsequent_indent=indent, break_long_words=False
    )


def check(name: str, answer: Any) -> None:
    """Print whether an answer solves an exercise and, if not, what is missing.

    The cases are random and differ from run to run, so an answer has to be right, not lucky.
    ``GRU_CHECK_SEED`` fixes them (the book's tests do so).

    Parameters
    ----------
    name : str
        The exercise, for example ``"background/running-parity"``.
    answer : callable
        Your function, without brackets.

    Examples
    --------
    >>> from gru_lib.exercises import check
    >>> check("background/best-window-accuracy", 0.5)
    ✗ background/best-window-accuracy: not yet.
      check needs the function itself, not 0.5: write the function's name without
      brackets behind it.
      Stuck? hint('background/best-window-accuracy')
    """
    exercise = _find_or_say(name)
    if exercise is None:
        return
    seed = os.environ.get("GRU_CHECK_SEED")
    rng = np.random.default_rng(list(seed.encode()) if seed else None)
    report = grade(exercise, answer, rng)
    if report.passed:
        _solved.add(name)
        print(f"✓ {name}: solved.")
    else:
        lines = [*report.message.splitlines(), f"Stuck? hint({name!r})"]
        print(f"✗ {name}: not yet.", *(_fold(line, "  ") for line in lines), sep="\n")


def hint(name: str) -> None:
    """Print the next hint for an exercise; after the last one, the last one again.

    Parameters
    ----------
    name : str
        The exercise.

    Examples
    --------
    >>> from gru_lib.exercises import hint
    >>> hint("background/running-parity")  # doctest: +ELLIPSIS
    Hint ... of 3: ...
    """
    exercise = _find_or_say(name)
    if exercise is None:
        return
    number = min(_hints_given.get(name, 0) + 1, len(exercise.hints))
    _hints_given[name] = number
    print(_fold(f"Hint {number} of {len(exercise.hints)}: {exercise.hints[number - 1]}"))


def solution(name: str) -> None:
    """Print one right answer to an exercise.

    Parameters
    ----------
    name : str
        The exercise.

    Examples
    --------
    >>> from gru_lib.exercises import solution
    >>> solution("background/running-parity")  # doctest: +ELLIPSIS
    def running_parity(bits):
    ...
        return odd
    """
    exercise = _find_or_say(name)
    if exercise is not None:
        print(inspect.getsource(exercise.reference).rstrip())


def progress(chapter: str) -> None:
    """Print which exercises of a chapter are solved so far in this session.

    Parameters
    ----------
    chapter : str
        The chapter's slug, for example ``"sequences"``.

    Examples
    --------
    >>> from gru_lib.exercises import progress
    >>> progress("poetry")  # doctest: +ELLIPSIS
    No chapter 'poetry' has exercises. There are: ...
    """
    names = [name for name, exercise in registry().items() if exercise.chapter == chapter]
    if not names:
        chapters = sorted({exercise.chapter for exercise in registry().values()})
        print(f"No chapter {chapter!r} has exercises. There are: {', '.join(chapters)}.")
        return
    done = [name for name in names if name in _solved]
    open_ = [name.split("/")[1] for name in names if name not in done]
    print(
        f"{len(done)} of {len(names)} exercises solved."
        + (f" Still open: {', '.join(open_)}." if open_ else " All done.")
    )
