"""Exercises of chapter 01, `sequences`."""

import numpy as np

from gru_lib.exercises.checker import AnswerError, Exercise, WrongAnswer
from gru_lib.numpy_gru import gru_step

# --- running-parity -------------------------------------------------------------------------


def running_parity(bits):
    """0 or 1 after every bit: is the number of ones so far odd?"""
    odd = []
    state = 0
    for bit in bits:
        state = (state + bit) % 2  # old state and new bit: no more is needed
        odd.append(state)
    return odd


def _parity_cases(rng):
    lengths = [1, 2, *rng.integers(8, 20, size=4)]
    return [([1, 1, 1, 0, 1],)] + [(rng.integers(0, 2, size=n).tolist(),) for n in lengths]


RUNNING_PARITY = Exercise(
    name="background/running-parity",
    chapter="sequences",
    task="Return, after every bit, whether the number of ones so far is odd.",
    reference=running_parity,
    cases=_parity_cases,
    wrong_answers=(
        WrongAnswer(
            "counted, never took the remainder",
            lambda bits: np.cumsum(bits),
            "That is the count of ones. Odd or even is its remainder: % 2.",
        ),
        WrongAnswer(
            "only the last answer",
            lambda bits: sum(bits) % 2,
            "That is one answer for the whole sequence; one is wanted after every bit.",
        ),
        WrongAnswer(
            "one step late",
            lambda bits: [0, *(np.cumsum(bits)[:-1] % 2)],
            "Every answer comes one step late: the bit of this step counts already.",
        ),
        WrongAnswer(
            "looked at two bits only",
            lambda bits: [(a + b) % 2 for a, b in zip([0, *bits], bits, strict=False)],
            "That is the parity of the last two bits: a window, not a state. "
            "Carry the answer itself from step to step.",
        ),
        WrongAnswer(
            "even instead of odd",
            lambda bits: (np.cumsum(bits) + 1) % 2,
            "The answers are the wrong way round: 1 stands for odd.",
        ),
    ),
    hints=(
        "Keep one variable that holds the last answer. How does a 0 change it? How does a 1?",
        "A 0 leaves it as it is, a 1 turns it over: state = (state + bit) % 2.",
        "Start with state = 0, loop over the bits, update the state, append it to a list.",
    ),
)

# --- best-window-accuracy -------------------------------------------------------------------


def best_window_accuracy(width, position):
    """Best accuracy at a position (from 1) for who sees the last bits only."""
    # Inside the window nothing is hidden. One bit before it is enough to make both
    # answers equally likely, whatever the window shows.
    return 1.0 if position <= width else 0.5


def _window_cases(rng):
    width = int(rng.integers(2, 9))
    far = int(rng.integers(20, 500))
    return [(width, p) for p in (1, width - 1, width, width + 1, width + 2, far)] + [(1, 1), (1, 2)]


BEST_WINDOW_ACCURACY = Exercise(
    name="background/best-window-accuracy",
    chapter="sequences",
    task="Derive the best accuracy on parity that any function of the last bits can have.",
    reference=best_window_accuracy,
    cases=_window_cases,
    wrong_answers=(
        WrongAnswer(
            "one position short",
            lambda width, position: 1.0 if position < width else 0.5,
            "At position == width the window still shows every bit there was.",
        ),
        WrongAnswer(
            "one position too many",
            lambda width, position: 1.0 if position <= width + 1 else 0.5,
            "At position width + 1 the first bit is hidden already, and one hidden bit is enough.",
        ),
        WrongAnswer(
            "fades slowly",
            lambda width, position: min(1.0, 0.5 + 0.5 * width / position),
            "It does not fade: seeing all bits but one is worth exactly as much as seeing none.",
        ),
        WrongAnswer(
            "share of bits seen",
            lambda width, position: min(1.0, width / position),
            "A share of the bits is not a share of the answer, and guessing alone gives 0.5.",
        ),
        WrongAnswer(
            "always a guess",
            lambda width, position: 0.5,
            "Inside the window every bit is visible, so the answer can be computed.",
        ),
    ),
    hints=(
        "Take a sequence and turn over one bit that the window does not show. "
        "What happens to the right answer? What happens to the window's?",
        "Pair every sequence with its turned-over twin: whatever is answered, "
        "it is right for exactly one of the two.",
    ),
)

# --- carry-the-state ------------------------------------------------------------------------


def run_states(step, inputs, start):
    """All states, one per input: states[t] = step(states[t - 1], inputs[t])."""
    states = []
    state = start  # the state before the first input has a name of its own
    for x in inputs:
        state = step(state, x)
        states.append(state)
    return states


def _run_states_row_minus_one(step, inputs, start):
    """All states, one per input: states[t] = step(states[t - 1], inputs[t])."""
    states = [0.0] * len(inputs)
    for t in range(len(inputs)):
        states[t] = step(states[t - 1], inputs[t])
    return states


def leaky(state, x):
    """A step with a long memory, to try loops on."""
    return 0.9 * state + x


def _state_cases(rng):
    return [
        (leaky, rng.normal(size=n).round(2).tolist(), round(rng.uniform(1, 5), 2))
        for n in (1, 3, *rng.integers(4, 9, size=2))
    ]


CARRY_THE_STATE = Exercise(
    name="background/carry-the-state",
    chapter="sequences",
    task="Repair a loop that reads the state of the step before from the wrong place.",
    reference=run_states,
    cases=_state_cases,
    broken="reads row -1 at the first step",
    wrong_answers=(
        WrongAnswer(
            "reads row -1 at the first step",
            _run_states_row_minus_one,
            "`start` is never used: at t = 0, states[t - 1] is states[-1], the LAST row, which "
            "only happens to hold 0. Python does not complain.",
        ),
        WrongAnswer(
            "starts anew at every step",
            lambda step, inputs, start: [step(start, x) for x in inputs],
            "Every step starts from `start` again: the state is not carried on.",
        ),
        WrongAnswer(
            "start among the states",
            lambda step, inputs, start: [start, *run_states(step, inputs, start)],
            "There is one state too many: `start` comes before the first input.",
        ),
        WrongAnswer(
            "one step late",
            lambda step, inputs, start: [start, *run_states(step, inputs, start)][:-1],
            "Every state stands one step too late: states[0] already has seen inputs[0].",
        ),
    ),
    hints=(
        "What is states[t - 1] when t is 0? Try [10, 20, 30][-1].",
        "Give the state before the first input a variable of its own.",
        "state = start; then in the loop: state = step(state, x), and keep it.",
    ),
)

# --- shuffle-control ------------------------------------------------------------------------


def shuffle_characters(text, rng):
    """The same characters in random order."""
    return "".join(rng.permutation(list(text)))


def _judge_shuffle(answer, case):
    """What matters about a shuffle: the bag stays, the order is drawn anew each time."""
    text, seeds = case
    drawn = [answer(text, np.random.default_rng(seed)) for seed in seeds]
    for one in drawn:
        if one is ... or one is None:
            return one
        if not isinstance(one, str):
            raise AnswerError(f"It returned a {type(one).__name__}; expected one string (str).")
        if sorted(one) != sorted(text):
            raise AnswerError(f"It made {one!r} of {text!r}: other characters than before.")
    if len(set(drawn)) == 1:
        raise AnswerError(f"It made {drawn[0]!r} of {text!r} every time, whatever rng was given.")
    words = [sorted(one.split()) for one in drawn]
    if " " in text and all(one == sorted(text.split()) for one in words):
        raise AnswerError(f"It kept the words of {text!r} whole.")
    if answer(text, np.random.default_rng(seeds[0])) != drawn[0]:
        raise AnswerError(
            "With the same rng it gave two orders: draw from rng and from nothing else."
        )
    return "a shuffle"


def _shuffle_cases(rng):
    texts = ("schweden", "republica checa", "new zealand")
    return [(text, rng.integers(0, 2**32, size=6).tolist()) for text in texts]


SHUFFLE_CONTROL = Exercise(
    name="background/shuffle-control",
    chapter="sequences",
    task="Write the control: destroy the order of a name and nothing else.",
    reference=shuffle_characters,
    cases=_shuffle_cases,
    run=_judge_shuffle,
    wrong_answers=(
        WrongAnswer(
            "a list instead of a string",
            lambda text, rng: rng.permutation(list(text)).tolist(),
            "Join the characters again: ''.join(...).",
        ),
        WrongAnswer(
            "draws with replacement",
            lambda text, rng: "".join(rng.choice(list(text), size=len(text))),
            "rng.choice may draw a character twice and leave another out: the bag changes, "
            "so the control no longer tests order alone. rng.permutation keeps it.",
        ),
        WrongAnswer(
            "turned round instead of shuffled",
            lambda text, rng: text[::-1],
            "A fixed rearrangement keeps the order's information: a network can learn to read "
            "backwards.",
        ),
        WrongAnswer(
            "shuffles whole words",
            lambda text, rng: " ".join(rng.permutation(text.split())),
            "Order inside the words survives; shuffle the characters.",
        ),
    ),
    hints=(
        "list('abc') gives the characters; rng.permutation gives them in random order.",
        "''.join(...) makes one string of many.",
    ),
)

# --- one-unit-gru ---------------------------------------------------------------------------


def one_unit_gru():
    """Twelve numbers, rows reset, update, candidate: state near 1 means odd."""
    return {
        "weight_ih": [[0.0], [-40.0], [0.0]],  # a 1 pushes z from keep to replace
        "bias_ih": [20.0, 20.0, 3.0],  # r open; z keeps on a 0; n high...
        "weight_hh": [[0.0], [0.0], [-3.0]],  # ...unless the state is high already
        "bias_hh": [0.0, 0.0, 0.0],
    }


def _run_one_unit(answer, case):
    """State after every bit, read as odd (above one half) or even."""
    weights = answer()
    if weights is ... or weights is None:
        return weights
    shapes = {"weight_ih": (3, 1), "weight_hh": (3, 1), "bias_ih": (3,), "bias_hh": (3,)}
    if not isinstance(weights, dict) or set(weights) != set(shapes):
        raise AnswerError(f"Expected a dict with the keys {', '.join(shapes)}.")
    arrays = {}
    for name, shape in shapes.items():
        arrays[name] = np.asarray(weights[name], dtype=float)
        if arrays[name].shape != shape:
            raise AnswerError(f"{name} has shape {arrays[name].shape}; expected {shape}.")
        if not np.isfinite(arrays[name]).all():
            raise AnswerError(f"{name} holds a value that is not a finite number.")
    states = run_states(lambda h, bit: gru_step([bit], h, **arrays), case[0], np.zeros(1))
    return [int(state[0] > 0.5) for state in states]


def _long_parity_cases(rng):
    return [([1, 1, 0, 0, 1, 0, 0, 1],), (rng.integers(0, 2, size=500).tolist(),)]


def _with(**changes):
    return lambda: {**one_unit_gru(), **changes}


ONE_UNIT_GRU = Exercise(
    name="background/one-unit-gru",
    chapter="sequences",
    task="Choose the twelve numbers of a one-unit GRU so that its state is the parity.",
    reference=one_unit_gru,
    cases=_long_parity_cases,
    run=_run_one_unit,
    wrong_answers=(
        WrongAnswer(
            "z the other way round",
            _with(weight_ih=[[0.0], [40.0], [0.0]], bias_ih=[20.0, -20.0, 3.0]),
            "The state changes on every 0 and stays on every 1. In PyTorch's convention "
            "z near 1 KEEPS the old state: z must be near 1 when the bit is 0.",
        ),
        WrongAnswer(
            "rows in the order z, r, n",
            _with(weight_ih=[[-40.0], [0.0], [0.0]]),
            "The state never leaves 0. Either the bit does not reach z (the rows are reset, "
            "update, candidate, in this order), or the candidate has nothing to write.",
        ),
        WrongAnswer(
            "the candidate ignores the state",
            _with(weight_hh=[[0.0], [0.0], [0.0]]),
            "A 1 always writes the same candidate: once odd, for ever odd. The candidate must "
            "see the state (reset gate near 1) and be low when the state is high.",
        ),
        WrongAnswer(
            "too gentle",
            _with(bias_ih=[20.0, 20.0, 1.0], weight_hh=[[0.0], [0.0], [-1.0]]),
            "Right for a few bits, then the two states drift into each other: use larger numbers "
            "in the candidate, so that tanh saturates.",
        ),
    ),
    hints=(
        "Two jobs: on a 0 keep the state (z near 1), on a 1 replace it (z near 0) by a candidate "
        "that is 'the other one'.",
        "z = sigmoid(w * bit + b): choose b large and positive, w twice as large and negative.",
        "Candidate n = tanh(c - c * h) with the reset gate open: h = 0 gives nearly 1, "
        "h = 1 gives 0. c = 3 will do.",
    ),
)

EXERCISES = (
    RUNNING_PARITY,
    BEST_WINDOW_ACCURACY,
    CARRY_THE_STATE,
    SHUFFLE_CONTROL,
    ONE_UNIT_GRU,
)
