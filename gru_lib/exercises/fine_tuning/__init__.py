"""Exercises of the part "Fine-tuning", one module a chapter.

Learners read the functions in these modules as solutions: each ``reference`` is written to be
read, and stands in the notebook word for word. PyTorch is imported inside the functions that need
it, so that the registry of exercises can be read without it.
"""

from gru_lib.exercises.fine_tuning import (
    fine_tuning_ladder,
    forgetting_and_few_labels,
    lora,
    pretraining,
    shipping,
)

EXERCISES = (
    *pretraining.EXERCISES,
    *fine_tuning_ladder.EXERCISES,
    *lora.EXERCISES,
    *forgetting_and_few_labels.EXERCISES,
    *shipping.EXERCISES,
)
