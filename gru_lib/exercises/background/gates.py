"""Exercises of chapter 04, `gates`."""

import numpy as np

from gru_lib.exercises.checker import AnswerError, Exercise, WrongAnswer
from gru_lib.numpy_gru import gru_step, sigmoid

# --- blend ----------------------------------------------------------------------------------


def blend(state, candidate, update):
    """The new state of a GRU from old state, candidate and update gate."""
    return update * state + (1 - update) * candidate  # near 1 the old state stays


def _blend_cases(rng):
    sizes = [1, *rng.integers(2, 7, size=3)]
    return [(*rng.uniform(-1, 1, size=(2, n)).round(2), rng.random(n).round(2)) for n in sizes]


BLEND = Exercise(
    name="background/blend",
    chapter="gates",
    task="Compute the new state from old state, candidate and update gate.",
    reference=blend,
    cases=_blend_cases,
    wrong_answers=(
        WrongAnswer(
            "z replaces",
            lambda state, candidate, update: (1 - update) * state + update * candidate,
            "Here the gate near 1 REPLACES. That is how Chung et al. write it; in PyTorch, and in "
            "this book unless it says otherwise, z near 1 keeps.",
        ),
        WrongAnswer(
            "no second weight",
            lambda state, candidate, update: update * state + candidate,
            "The candidate is added in full. It gets what the old state leaves: 1 - update.",
        ),
        WrongAnswer(
            "all or nothing",
            lambda state, candidate, update: np.where(update > 0.5, state, candidate),
            "A gate is no switch: 0.7 means 70 % of the old and 30 % of the new.",
        ),
        WrongAnswer(
            "one gate for all",
            lambda state, candidate, update: (
                update.mean() * state + (1 - update.mean()) * candidate
            ),
            "Every unit has a gate of its own; do not average them.",
        ),
    ),
    hints=(
        "If the gate is 1 the result is the old state, if it is 0 the candidate.",
        "A weighted mean, with weights update and 1 - update.",
    ),
)

# --- choose-the-biases ------------------------------------------------------------------------


def choose_biases(goal):
    """Biases (reset gate, update gate) that make a GRU do one thing only."""
    return {
        "copy": (0.0, 40.0),  # z = 1: whatever the candidate is, it is not taken
        "input only": (-40.0, -40.0),  # the candidate, which does not see the past
        "plain tanh network": (40.0, -40.0),  # the candidate, which sees all of it
    }[goal]


def _run_biases(answer, case):
    goal, seed = case
    biases = answer(goal)
    if biases is ... or biases is None:
        return biases
    biases = np.asarray(biases, dtype=float)
    if biases.shape != (2,):
        raise AnswerError(f"For {goal!r} it returned shape {biases.shape}; expected two numbers.")
    if not np.isfinite(biases).all():
        raise AnswerError(f"For {goal!r} it returned {biases}; expected finite numbers.")
    given, wanted = (_step_with_biases(pair, seed) for pair in (biases, choose_biases(goal)))
    if (gap := np.abs(given - wanted).max()) > 1e-6:
        raise AnswerError(f"With {goal!r} a new state is off by {gap:.3f}.")
    return goal


def _step_with_biases(biases, seed):
    """One step of a random cell whose gates have these biases."""
    rng = np.random.default_rng(seed)
    weights = [0.5 * rng.normal(size=(9, columns)) for columns in (2, 3)]
    bias_ih, bias_hh = 0.5 * rng.normal(size=(2, 9))
    bias_ih[:6], bias_hh[:6] = np.repeat(biases, 3), 0.0
    x, state = rng.normal(size=2), rng.uniform(-1, 1, size=3)
    return gru_step(x, state, *weights, bias_ih, bias_hh)


def _swapped(order):
    return lambda goal: tuple(np.multiply(choose_biases(goal), order))


CHOOSE_THE_BIASES = Exercise(
    name="background/choose-the-biases",
    chapter="gates",
    task="Choose two biases that turn a GRU into something simpler.",
    reference=choose_biases,
    cases=lambda rng: [
        (goal, int(rng.integers(2**32)))
        for goal in ("copy", "input only", "plain tanh network")
        for _ in range(2)
    ],
    run=_run_biases,
    wrong_answers=(
        WrongAnswer(
            "z the wrong way round",
            _swapped((1, -1)),
            "Copy takes the candidate and the two others copy: z near 1 KEEPS the old state, and a "
            "large positive bias brings it there.",
        ),
        WrongAnswer(
            "r the wrong way round",
            _swapped((-1, 1)),
            "The reset gate near 0 hides the past from the candidate, near 1 shows all of it.",
        ),
        WrongAnswer(
            "gates in the other order",
            lambda goal: choose_biases(goal)[::-1],
            "The reset gate comes first, then the update gate.",
        ),
        WrongAnswer(
            "too gentle",
            _swapped((0.05, 0.05)),
            "The right direction, but a gate at sigmoid(2) = 0.88 still lets the rest through: "
            "saturate it.",
        ),
    ),
    hints=(
        "First decide on z: does the new state come from the old one or from the candidate?",
        "If it comes from the candidate, decide on r: does the candidate see the old state?",
        "sigmoid(40) is 1 to 17 digits, sigmoid(-40) is nearly 0.",
    ),
)

# --- the-state-that-runs-away -----------------------------------------------------------------


def update_state(state, candidates, gates):
    """The state after all steps; it must stay inside -1 to 1."""
    for candidate, gate in zip(candidates, gates, strict=True):
        # kept and written share one whole: a weighted mean cannot run away
        state = gate * state + (1 - gate) * candidate
    return state


def _adds_up(state, candidates, gates):
    """The state after all steps; it must stay inside -1 to 1."""
    for candidate, gate in zip(candidates, gates, strict=True):
        state = gate * state + gate * candidate
    return state


def _clipped(state, candidates, gates):
    for candidate, gate in zip(candidates, gates, strict=True):
        state = np.clip(gate * state + gate * candidate, -1, 1)
    return state


def _squashed(state, candidates, gates):
    for candidate, gate in zip(candidates, gates, strict=True):
        state = np.tanh(gate * state + gate * candidate)
    return state


def _halved(state, candidates, gates):
    for candidate, gate in zip(candidates, gates, strict=True):
        state = 0.5 * (gate * state + gate * candidate)
    return state


def _runaway_cases(rng):
    cases = [(0.5, np.array([-0.3]), np.array([0.6]))]
    for length in (2, *rng.integers(8, 30, size=3)):
        candidates = rng.uniform(0.3, 1, length).round(2)  # all on one side: they add up
        gates = rng.uniform(0.6, 1, length).round(2)
        cases.append((round(rng.uniform(0.5, 1), 2), candidates, gates))
    return cases


RUNAWAY = Exercise(
    name="background/the-state-that-runs-away",
    chapter="gates",
    task="Repair an update whose state can grow without a bound.",
    reference=update_state,
    cases=_runaway_cases,
    broken="keeps and writes with the same weight",
    wrong_answers=(
        WrongAnswer(
            "keeps and writes with the same weight",
            _adds_up,
            "With the gate near 1 this keeps everything AND adds everything: an accumulator. What "
            "is kept and what is written have to share one whole.",
        ),
        WrongAnswer(
            "clipped",
            _clipped,
            "Cutting the state off at 1 hides the symptom: once there, it forgets how it came "
            "there. A weighted mean needs no cutting.",
        ),
        WrongAnswer(
            "squashed",
            _squashed,
            "A tanh around it keeps it inside, and forgets a bit at every step, even with the gate "
            "at 1. A GRU has no tanh there.",
        ),
        WrongAnswer(
            "halved",
            _halved,
            "Dividing by two keeps it inside, and halves the memory at every step.",
        ),
    ),
    hints=(
        "If the gate says 0.9 for the old state, how much is left over for the candidate?",
        "gate * state + (1 - gate) * candidate.",
    ),
)

# --- latch ----------------------------------------------------------------------------------


def latch():
    """A one-unit GRU that stores the bit of the marked step."""
    # inputs: the bit (+1 or -1) and the mark (1 or 0)
    return {
        "weight_ih": [[0.0, 0.0], [0.0, -40.0], [5.0, 0.0]],  # the mark opens z
        "bias_ih": [0.0, 20.0, 0.0],  # without a mark z keeps
        "weight_hh": [[0.0], [0.0], [0.0]],  # the candidate is the bit alone
        "bias_hh": [0.0, 0.0, 0.0],
    }


def _run_latch(answer, case):
    weights = answer()
    if weights is ... or weights is None:
        return weights
    shapes = {"weight_ih": (3, 2), "weight_hh": (3, 1), "bias_ih": (3,), "bias_hh": (3,)}
    if not isinstance(weights, dict) or set(weights) != set(shapes):
        raise AnswerError(f"Expected a dict with the keys {', '.join(shapes)}.")
    arrays = {name: np.asarray(weights[name], dtype=float) for name in shapes}
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise AnswerError(f"{name} has shape {arrays[name].shape}; expected {shape}.")
        if not np.isfinite(arrays[name]).all():
            raise AnswerError(f"{name} holds a value that is not a finite number.")
    bits, mark = case
    state = np.zeros(1)
    for t, bit in enumerate(bits):
        state = gru_step([bit, float(t == mark)], state, **arrays)
    return int(state[0] > 0.5) - int(state[0] < -0.5)


def _latch_cases(rng):
    cases = []
    for bit, last in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        bits = rng.choice([-1, 1], size=40)
        mark = int(rng.integers(0, 10))
        bits[mark], bits[-1] = bit, last
        cases.append((bits.tolist(), mark))
    return cases


def _latch_with(**changes):
    return lambda: {**latch(), **changes}


LATCH = Exercise(
    name="background/latch",
    chapter="gates",
    task="Choose the numbers of a one-unit GRU that stores one marked bit.",
    reference=latch,
    cases=_latch_cases,
    run=_run_latch,
    wrong_answers=(
        WrongAnswer(
            "z the wrong way round",
            _latch_with(weight_ih=[[0, 0], [0, 40.0], [5.0, 0]], bias_ih=[0, -20.0, 0]),
            "It ends with the last bit: unmarked steps write and the marked one keeps. z near 1 "
            "keeps, so the mark has to push z down.",
        ),
        WrongAnswer(
            "never opens",
            _latch_with(weight_ih=[[0, 0], [0, 0], [5.0, 0]]),
            "The state never leaves 0: nothing opens the gate. The mark has to.",
        ),
        WrongAnswer(
            "stores the mark",
            _latch_with(weight_ih=[[0, 0], [0, -40.0], [0, 5.0]]),
            "It stores that there was a mark, always +1. The candidate has to be the bit.",
        ),
        WrongAnswer(
            "stores the opposite",
            _latch_with(weight_ih=[[0, 0], [0, -40.0], [-5.0, 0]]),
            "Every answer has the wrong sign: look at the bit's weight in the candidate.",
        ),
    ),
    hints=(
        "Without a mark keep (z near 1), with a mark replace (z near 0) by the bit.",
        "z = sigmoid(w * mark + b): b large and positive, w twice as large and negative.",
        "n = tanh(5 * bit) is the bit, nearly.",
    ),
)

# --- count-with-an-lstm -----------------------------------------------------------------------


def counting_lstm():
    """Biases and input weights of a one-unit LSTM whose cell counts a minus b."""
    # rows: input gate, forget gate, cell candidate, output gate; columns: a, b
    return {
        # the candidate is +1 for a and -1 for b
        "weight": [[0.0, 0.0], [0.0, 0.0], [20.0, -20.0], [0.0, 0.0]],
        "bias": [20.0, 20.0, 0.0, 20.0],  # write all, forget nothing
    }


def _run_counter(answer, case):
    numbers = answer()
    if numbers is ... or numbers is None:
        return numbers
    if not isinstance(numbers, dict) or set(numbers) != {"weight", "bias"}:
        raise AnswerError("Expected a dict with the keys weight, bias.")
    weight, bias = (np.asarray(numbers[name], dtype=float) for name in ("weight", "bias"))
    for name, array, shape in (("weight", weight, (4, 2)), ("bias", bias, (4,))):
        if array.shape != shape:
            raise AnswerError(f"{name} has shape {array.shape}; expected {shape}.")
        if not np.isfinite(array).all():
            raise AnswerError(f"{name} holds a value that is not a finite number.")
    cell, counts = 0.0, []
    for letter in case[0]:
        i, f, g, _ = weight[:, "ab".index(letter)] + bias
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        counts.append(cell)
    return counts


def _letter_cases(rng):
    return [("aaab",), ("a" * int(rng.integers(60, 99)) + "b" * int(rng.integers(20, 50)),)]


def _counter_with(**changes):
    return lambda: {**counting_lstm(), **changes}


COUNT_WITH_AN_LSTM = Exercise(
    name="background/count-with-an-lstm",
    chapter="gates",
    task="Choose the numbers of a one-unit LSTM that counts.",
    reference=counting_lstm,
    cases=_letter_cases,
    run=_run_counter,
    tolerance=1e-4,
    wrong_answers=(
        WrongAnswer(
            "forgets half",
            _counter_with(bias=[20.0, 0.0, 0.0, 20.0]),
            "The count does not get beyond 2: with a bias of 0 the forget gate throws half of the "
            "cell away at each step.",
        ),
        WrongAnswer(
            "writes half",
            _counter_with(bias=[0.0, 20.0, 0.0, 20.0]),
            "It counts in steps of one half: the input gate is half open.",
        ),
        WrongAnswer(
            "b does nothing",
            _counter_with(weight=[[0, 0], [0, 0], [20.0, 0.0], [0, 0]]),
            "It counts the a and never goes down: b has to write -1.",
        ),
        WrongAnswer(
            "tanh not saturated",
            _counter_with(weight=[[0, 0], [0, 0], [1.0, -1.0], [0, 0]]),
            "It counts in steps of tanh(1) = 0.76. Saturate the candidate.",
        ),
    ),
    hints=(
        "The cell is c = f * c + i * g. For counting, f = 1 and i = 1.",
        "g = tanh(20) = 1 for a, tanh(-20) = -1 for b.",
    ),
)

EXERCISES = (BLEND, CHOOSE_THE_BIASES, RUNAWAY, LATCH, COUNT_WITH_AN_LSTM)
