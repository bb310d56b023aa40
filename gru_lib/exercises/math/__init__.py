"""Exercises of the part "Math", one module a chapter.

Learners read the functions in these modules as solutions: each ``reference`` is written to be
read, and stands in the notebook word for word.
"""

EXERCISES = ()
