"""The three code cells of an exercise, made from the exercise in gru_lib.

``python -m tools.exercise_cells background/running-parity`` prints the task and the cells, to be
pasted into a notebook; a test compares the cells in the notebooks with what this makes.
"""

import inspect
import re
import sys

from gru_lib.exercises import find_exercise
from gru_lib.exercises.checker import Exercise


def _source(function) -> str:
    return inspect.getsource(function).rstrip()


def check_source(exercise: Exercise) -> str:
    """The cell that checks, after the solution."""
    return f'check("{exercise.name}", {exercise.reference.__name__})'


def stub_source(exercise: Exercise) -> str:
    """What the reader starts from: an empty function, or the broken one that is to be repaired."""
    name = exercise.reference.__name__
    if exercise.broken:
        (broken,) = (w.answer for w in exercise.wrong_answers if w.name == exercise.broken)
        body = _source(broken).replace(f"def {broken.__name__}(", f"def {name}(", 1)
    else:
        head = re.match(r"def .*?:\n", _source(exercise.reference), re.DOTALL).group()
        body = f'{head}    """{exercise.reference.__doc__}"""\n    return ...  # your code here'
    return f"{body}\n\n\n{check_source(exercise)}"


def solution_source(exercise: Exercise) -> str:
    """The folded cell; its first line makes Colab fold it as well."""
    return f"# @title Solution\n{_source(exercise.reference)}"


SOLUTION_METADATA = {
    "cellView": "form",
    "jupyter": {"source_hidden": True},
    "mystnb": {"code_prompt_show": "Show the solution", "code_prompt_hide": "Hide the solution"},
    "tags": ["hide-input"],
}


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        exercise = find_exercise(wanted)
        print(exercise.task, end="\n\n# ---\n\n")
        for make in (stub_source, solution_source, check_source):
            print(make(exercise), end="\n\n# ---\n\n")
