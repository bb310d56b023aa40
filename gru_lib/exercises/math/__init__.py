"""Exercises of the part "Math", one module a chapter.

Learners read the functions in these modules as solutions: each ``reference`` is written to be
read, and stands in the notebook word for word.
"""

from gru_lib.exercises.math import bptt, conventions, cost, one_step

EXERCISES = (
    *one_step.EXERCISES,
    *conventions.EXERCISES,
    *bptt.EXERCISES,
    *cost.EXERCISES,
)
