"""Exercises of the part "Background", one module a chapter.

Learners read the functions in these modules as solutions: each ``reference`` is written to be
read, and stands in the notebook word for word.
"""

from gru_lib.exercises.background import (
    gates,
    recurrent_and_recursive,
    sequences,
    vanishing_gradients,
)

EXERCISES = (
    *sequences.EXERCISES,
    *recurrent_and_recursive.EXERCISES,
    *vanishing_gradients.EXERCISES,
    *gates.EXERCISES,
)
