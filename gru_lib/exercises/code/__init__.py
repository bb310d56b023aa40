"""Exercises of the part "Code", one module a chapter.

Learners read the functions in these modules as solutions: each ``reference`` is written to be
read, and stands in the notebook word for word. PyTorch is imported inside the functions that need
it, so that the registry of exercises can be read without it.
"""

from gru_lib.exercises.code import (
    fast,
    frameworks,
    numpy_gru,
    paper_table,
    pytorch_gru,
    training_well,
)

EXERCISES = (
    *numpy_gru.EXERCISES,
    *pytorch_gru.EXERCISES,
    *frameworks.EXERCISES,
    *training_well.EXERCISES,
    *fast.EXERCISES,
    *paper_table.EXERCISES,
)
