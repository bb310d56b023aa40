"""What an exercise is, and how an answer to it is judged.

The idea: every exercise knows its right answer (the reference) and a few wrong ones that
learners do give. An answer is run on fresh random cases next to the reference. If it differs,
it is compared with the wrong answers as well: one that behaves alike on every case names the
mistake.
"""

import copy
import inspect
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

TIME_LIMIT_S = 10


class AnswerError(Exception):
    """Raised by an exercise's ``run`` when an answer cannot be used; the text says why."""


class _TooSlow(BaseException):
    """The time limit ran out. A BaseException: an answer's ``except Exception`` lets it through."""


@dataclass(frozen=True)
class WrongAnswer:
    """A mistake with a name, the answer that makes it, and what to tell who makes it."""

    name: str
    answer: Callable[..., Any]
    message: str


def call_answer(answer: Callable[..., Any], case: tuple) -> Any:
    """Run an answer the usual way: the case holds its arguments."""
    return answer(*case)


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes
    ----------
    name : str
        ``"part/slug"``.
    chapter : str
        Slug of the chapter it belongs to.
    task : str
        The task in one sentence.
    reference : callable
        The right answer; its source is the solution that readers see.
    cases : callable
        Takes a ``np.random.Generator``, returns a list of argument tuples.
    wrong_answers : tuple of WrongAnswer
        At least three.
    hints : tuple of str
        From a nudge to almost the answer.
    broken : str or None
        For "repair this" exercises: the name of the wrong answer that the reader starts from.
    run : callable
        ``run(answer, case)`` gives what is compared; usually the answer called on the case.
    tolerance : float
        Largest absolute difference that counts as equal.
    """

    name: str
    chapter: str
    task: str
    reference: Callable[..., Any]
    cases: Callable[[np.random.Generator], list[tuple]]
    wrong_answers: tuple[WrongAnswer, ...]
    hints: tuple[str, ...]
    broken: str | None = None
    run: Callable[[Callable[..., Any], tuple], Any] = call_answer
    tolerance: float = 1e-9


@dataclass(frozen=True)
class Report:
    """The verdict on an answer: passed or not, and what to tell the learner."""

    passed: bool
    message: str


@dataclass(frozen=True)
class _Outcome:
    """What one run of an answer on one case came to: a value, or a problem in words."""

    value: np.ndarray | str | None
    problem: str | None = None
    timed_out: bool = False


def grade(exercise: Exercise, answer: Any, rng: np.random.Generator) -> Report:
    """Judge an answer on fresh cases.

    Parameters
    ----------
    exercise : Exercise
        What was asked.
    answer : object
        Whatever the learner handed in; nothing it does escapes as an exception, except the
        learner's own Ctrl-C.
    rng : np.random.Generator
        Source of the cases.

    Returns
    -------
    Report
    """
    if not callable(answer):
        return Report(
            False,
            f"check needs the function itself, not {_short(answer)}: write the function's name "
            "without brackets behind it.",
        )
    cases = exercise.cases(rng)
    expected = [_observe(exercise, exercise.reference, case) for case in cases]
    observed = []
    for case in cases:
        observed.append(_observe(exercise, answer, case))
        if observed[-1].timed_out:
            return Report(False, observed[-1].problem)  # one wait is enough

    problems = [
        _called(exercise, case) + problem
        for case, right, given in zip(cases, expected, observed, strict=True)
        if (problem := _difference(right, given, exercise.tolerance))
    ]
    if not problems:
        return Report(True, "")
    mistake = _named_mistake(exercise, cases, observed)
    return Report(False, problems[0] + (f"\n  {mistake.message}" if mistake else ""))


def _observe(exercise: Exercise, answer: Callable[..., Any], case: tuple) -> _Outcome:
    arguments = copy.deepcopy(case)
    try:
        with _time_limit(TIME_LIMIT_S):
            result = exercise.run(answer, arguments)
            value = _as_value(result)
            unchanged = _unchanged(arguments, case)
    except AnswerError as error_in_answer:
        return _Outcome(None, str(error_in_answer))
    except _TooSlow:
        problem = f"It had not come back after {TIME_LIMIT_S} seconds. An endless loop?"
        return _Outcome(None, problem, timed_out=True)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a learner's code may raise anything, SystemExit too
        return _Outcome(None, f"It stopped with {type(error).__name__}: {_words(error)}")
    if not unchanged:
        return _Outcome(None, "It changed its argument: work on a copy, the caller still needs it.")
    if result is ...:
        return _Outcome(None, "It still returns `...`: write your code in its place.")
    if result is None:
        return _Outcome(None, "It returned None. Is a `return` missing?")
    if value is None:
        return _Outcome(None, f"It returned {_short(result)}, which is not made of numbers only.")
    return _Outcome(value)


def _as_value(result: Any) -> np.ndarray | str | None:
    """The result as text or as an array of real numbers; None if it is neither."""
    if type(result) is str:
        return result
    try:
        value = np.array(result)
    except Exception:
        return None
    return value if value.dtype.kind in "biuf" else None


def _difference(right: _Outcome, given: _Outcome, tolerance: float) -> str | None:
    """What sets one outcome apart from another, in words; None if nothing does."""
    if given.problem is not None:
        return given.problem
    expected, got = right.value, given.value
    if isinstance(expected, str) or isinstance(got, str):
        if isinstance(expected, str) and isinstance(got, str) and expected == got:
            return None
        return f"It returned {_short(got)}; expected {_short(expected)}."
    if got.shape != expected.shape:
        return f"It returned shape {got.shape}; expected shape {expected.shape}."
    if not np.isfinite(got).all():
        return f"It returned a value that is not a finite number: {_short(got)}."
    wrong = np.abs(got.astype(float) - expected.astype(float)) > tolerance
    if not wrong.any():
        return None
    where = f" The first difference is at index {int(wrong.argmax())}." if wrong.ndim == 1 else ""
    return f"It returned {_short(got)}; expected {_short(expected)}.{where}"


def _called(exercise: Exercise, case: tuple) -> str:
    """With what the answer was called, where the case is its arguments."""
    if exercise.run is not call_answer:
        return ""
    return f"Called with {', '.join(_short(argument) for argument in case)}. "


def _named_mistake(
    exercise: Exercise, cases: list[tuple], observed: list[_Outcome]
) -> WrongAnswer | None:
    """The wrong answer that behaves like the observed one on every case."""
    for mistake in exercise.wrong_answers:
        if all(
            _alike(exercise, _observe(exercise, mistake.answer, case), outcome)
            for case, outcome in zip(cases, observed, strict=True)
        ):
            return mistake
    return None


def _alike(exercise: Exercise, one: _Outcome, other: _Outcome) -> bool:
    if one.problem or other.problem:
        return one.problem == other.problem
    return _difference(one, other, exercise.tolerance) is None


def _unchanged(used: tuple, original: tuple) -> bool:
    try:
        return all(
            _same(after, before)
            for after, before in zip(used, original, strict=True)
            if isinstance(before, np.ndarray | list | tuple | dict | set)
        )
    except Exception:  # something was put in that cannot even be compared
        return False


def _same(after: Any, before: Any) -> bool:
    """Equal, arrays inside lists included."""
    if isinstance(before, np.ndarray):
        # NaN is NaN: an array that held some was not changed by that
        return np.array_equal(after, before, equal_nan=before.dtype.kind == "f")
    if isinstance(before, list | tuple) and isinstance(after, type(before)):
        return len(after) == len(before) and all(map(_same, after, before))
    return bool(after == before)


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Interrupt the body after some seconds, where the system can do so."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(signum, frame):
        raise _TooSlow

    before = signal.signal(signal.SIGALRM, stop)
    # ring again and again: the answer's own `except:` may swallow one alarm
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.05)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _short(value: Any, limit: int = 60) -> str:
    """A value in few characters, whatever its own methods do."""
    try:
        if isinstance(value, np.ndarray):
            text = np.array2string(value, precision=4, separator=", ", threshold=12, edgeitems=5)
        elif inspect.isfunction(value):
            text = value.__name__
        else:
            text = repr(value)
        text = _printable(text)
    except KeyboardInterrupt:
        raise
    except BaseException:
        text = f"something of type {type(value).__name__}"
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _words(error: BaseException) -> str:
    """What an exception says, whatever its own methods do."""
    try:
        return _printable(str(error))[:200] or "(no message)"
    except KeyboardInterrupt:
        raise
    except BaseException:
        return "(its message cannot be shown)"


def _printable(text: str) -> str:
    """On one line, and in characters that every terminal takes."""
    return " ".join(text.encode("utf-8", "backslashreplace").decode("utf-8").split())
