"""Exercises and their checkers.

>>> from gru_lib.exercises import check, hint, solution, progress

``check("background/running-parity", running_parity)`` says in words whether a function is
right and, if not, what is missing; it never ends in a traceback. ``hint`` and ``solution``
help; ``progress("sequences")`` says which exercises of a chapter are solved so far.
"""

from gru_lib.exercises.desk import check, find_exercise, hint, progress, registry, solution

__all__ = ["check", "find_exercise", "hint", "progress", "registry", "solution"]
