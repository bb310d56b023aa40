"""Exercises of the part "Background", one module a chapter.

Learners read the functions in these modules as solutions: each ``reference`` is written to be
read, and stands in the notebook word for word.
"""

from gru_lib.exercises.background import sequences

EXERCISES = (*sequences.EXERCISES,)
