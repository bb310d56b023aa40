"""Exercises of chapter 13, `fast`."""

import numpy as np

from gru_lib.exercises.checker import AnswerError, Exercise, WrongAnswer

# --- count-products -------------------------------------------------------------------------


def matrix_products(steps, batch):
    """Calls of a product: one sequence at a time, whole batch, hoisted."""
    whole_batch = 6 * steps  # for each of three gates, one with x and one with h
    return batch * whole_batch, whole_batch, 1 + steps


COUNT_PRODUCTS = Exercise(
    name="code/count-products",
    chapter="fast",
    task="Count the calls of a matrix product in three of the five ways.",
    reference=matrix_products,
    cases=lambda rng: [tuple(map(int, rng.integers(2, 90, size=2))) for _ in range(5)],
    wrong_answers=(
        WrongAnswer(
            "only the state's products",
            lambda steps, batch: (3 * steps * batch, 3 * steps, steps),
            "The input is multiplied, too: each gate has one matrix for x and one for h.",
        ),
        WrongAnswer(
            "the batch counted again",
            lambda steps, batch: (6 * steps * batch, 6 * steps * batch, (1 + steps) * batch),
            "That is work. Calls are counted here: one product serves all rows of the batch.",
        ),
        WrongAnswer(
            "merged, not hoisted",
            lambda steps, batch: (6 * steps * batch, 6 * steps, 2 * steps),
            "In the third way the inputs do not wait for the steps: one product does for all.",
        ),
        WrongAnswer(
            "hoisted, not merged",
            lambda steps, batch: (6 * steps * batch, 6 * steps, 3 + 3 * steps),
            "In the third way one product makes the sums of all three gates.",
        ),
    ),
    hints=(
        "Three gates, two matrices each: how many products does one step of one sequence take?",
        "Hoisted: one product for the inputs of all steps, then one a step with the state.",
    ),
)

# --- hoist-the-inputs -----------------------------------------------------------------------


def hidden_states(x, weight_ih, weight_hh, bias_ih, bias_hh, matmul):
    """All states of a GRU from zero; every product is taken by `matmul`."""
    h, states = np.zeros((x.shape[1], weight_hh.shape[1])), []
    for from_input in matmul(x, weight_ih.T) + bias_ih:  # one product, all steps
        input_r, input_z, input_n = np.split(from_input, 3, axis=-1)
        from_state = matmul(h, weight_hh.T) + bias_hh
        state_r, state_z, state_n = np.split(from_state, 3, axis=-1)
        r = 1 / (1 + np.exp(-input_r - state_r))
        z = 1 / (1 + np.exp(-input_z - state_z))
        n = np.tanh(input_n + r * state_n)
        h = (1 - z) * n + z * h
        states.append(h)
    return np.stack(states)


def _product_in_every_step(x, weight_ih, weight_hh, bias_ih, bias_hh, matmul):
    """All states of a GRU from zero; every product is taken by `matmul`."""
    h, states = np.zeros((x.shape[1], weight_hh.shape[1])), []
    for x_t in x:
        from_input = matmul(x_t, weight_ih.T) + bias_ih  # one product a step
        input_r, input_z, input_n = np.split(from_input, 3, axis=-1)
        from_state = matmul(h, weight_hh.T) + bias_hh
        state_r, state_z, state_n = np.split(from_state, 3, axis=-1)
        r = 1 / (1 + np.exp(-input_r - state_r))
        z = 1 / (1 + np.exp(-input_z - state_z))
        n = np.tanh(input_n + r * state_n)
        h = (1 - z) * n + z * h
        states.append(h)
    return np.stack(states)


def _state_hoisted_too(x, weight_ih, weight_hh, bias_ih, bias_hh, matmul):
    inputs = np.split(matmul(x, weight_ih.T) + bias_ih, 3, axis=-1)
    h = np.zeros((x.shape[1], weight_hh.shape[1]))
    state_r, state_z, state_n = np.split(matmul(h, weight_hh.T) + bias_hh, 3, axis=-1)
    states = []
    for input_r, input_z, input_n in zip(*inputs, strict=True):
        r = 1 / (1 + np.exp(-input_r - state_r))
        z = 1 / (1 + np.exp(-input_z - state_z))
        h = (1 - z) * np.tanh(input_n + r * state_n) + z * h
        states.append(h)
    return np.stack(states)


def _uncounted(x, weight_ih, weight_hh, bias_ih, bias_hh, matmul):
    return hidden_states(x, weight_ih, weight_hh, bias_ih, bias_hh, np.matmul)


def _without_input_bias(x, weight_ih, weight_hh, bias_ih, bias_hh, matmul):
    return hidden_states(x, weight_ih, weight_hh, 0 * bias_ih, bias_hh, matmul)


def _only_the_last(x, weight_ih, weight_hh, bias_ih, bias_hh, matmul):
    return hidden_states(x, weight_ih, weight_hh, bias_ih, bias_hh, matmul)[-1]


def _run_counting(answer, case):
    """The states, if they came by one product for the inputs and one a step."""
    made = []

    def matmul(left, right):
        made.append(np.shape(left))
        return np.matmul(left, right)

    states = answer(*case, matmul)
    if isinstance(states, np.ndarray) and len(made) != len(case[0]) + 1:
        raise AnswerError(
            f"It took {len(made)} products by matmul for {len(case[0])} steps; one for all inputs "
            f"and one a step are {len(case[0]) + 1}."
        )
    return states


def _sequence_cases(rng):
    cases = []
    for steps, batch, inputs, size in rng.integers(2, 6, size=(4, 4)):
        shapes = (3 * size, inputs), (3 * size, size), (3 * size,), (3 * size,)
        weights = (rng.normal(size=shape) for shape in shapes)
        cases.append((rng.normal(size=(steps + 1, batch, inputs)), *weights))
    return cases


HOIST_THE_INPUTS = Exercise(
    name="code/hoist-the-inputs",
    chapter="fast",
    task="Take the products with the inputs out of the loop.",
    reference=hidden_states,
    cases=_sequence_cases,
    run=_run_counting,
    wrong_answers=(
        WrongAnswer(
            "a product in every step",
            _product_in_every_step,
            "The values are those of a GRU. But x is known before the loop begins: multiply all "
            "of it at once, and let the loop run over the result.",
        ),
        WrongAnswer(
            "the state hoisted too",
            _state_hoisted_too,
            "The product with the state has to stay in the loop: h changes with every step.",
        ),
        WrongAnswer(
            "products past the counter",
            _uncounted,
            "Take the products by the argument `matmul`, not by @: it is what counts them.",
        ),
        WrongAnswer(
            "lost a bias",
            _without_input_bias,
            "bias_ih belongs to the inputs' sums: add it where you hoist them.",
        ),
        WrongAnswer(
            "only the last state",
            _only_the_last,
            "Return the states of all steps, stacked: (steps, batch, hidden_size).",
        ),
    ),
    hints=(
        "What in the line with weight_ih depends on h?",
        "matmul(x, weight_ih.T) works on all steps at once: (steps, batch, 3 * hidden_size).",
        "for from_input in matmul(x, weight_ih.T) + bias_ih:",
    ),
    broken="a product in every step",
)

# --- operational-intensity ------------------------------------------------------------------


def intensity(batch, input_size, hidden_size, bytes_per_number):
    """Operations per byte in the products of one step of a GRU."""
    weights = 3 * hidden_size * (input_size + hidden_size)
    operations = 2 * weights * batch  # multiply and add, for every sequence
    vectors = batch * (input_size + hidden_size + 3 * hidden_size)
    return operations / (bytes_per_number * (weights + vectors))


def _intensity(times=1.0, per_number=False, weight_reads=None, with_vectors=True, sums=3):
    def answer(batch, input_size, hidden_size, bytes_per_number):
        weights = 3 * hidden_size * (input_size + hidden_size)
        vectors = batch * (input_size + (1 + sums) * hidden_size) if with_vectors else 0
        moved = weights * (batch if weight_reads == "each" else 1) + vectors
        return times * 2 * weights * batch / (moved * (1 if per_number else bytes_per_number))

    return answer


OPERATIONAL_INTENSITY = Exercise(
    name="code/operational-intensity",
    chapter="fast",
    task="Derive the operational intensity of a step, the vectors counted.",
    reference=intensity,
    cases=lambda rng: [
        (*map(int, rng.integers(2, 300, size=3)), int(rng.choice([2, 4, 8]))) for _ in range(6)
    ],
    wrong_answers=(
        WrongAnswer(
            "weights only",
            _intensity(with_vectors=False),
            "That is the chapter's shortcut. Now count x and h, which are read, and the 3 H sums, "
            "which are written, for every sequence.",
        ),
        WrongAnswer(
            "sums not written",
            _intensity(sums=0),
            "What is computed has to be written, too: 3 H sums for every sequence.",
        ),
        WrongAnswer(
            "a multiplication only",
            _intensity(times=0.5),
            "A weight takes part in a multiplication and an addition: two operations.",
        ),
        WrongAnswer(
            "per number",
            _intensity(per_number=True),
            "Per byte, not per number: a number has bytes_per_number of them.",
        ),
        WrongAnswer(
            "weights read for every sequence",
            _intensity(weight_reads="each"),
            "In a batch, a weight is read once and serves all sequences. That is the gain.",
        ),
    ),
    hints=(
        "Operations: two for every weight and every sequence.",
        "Numbers moved: 3 H (D + H) weights once; D + H read and 3 H written for every sequence.",
    ),
)

# --- ridge-batch ----------------------------------------------------------------------------


def ridge_batch(operations_per_second, bytes_per_second, bytes_per_number):
    """The smallest batch whose products do not wait for the weights."""
    ridge = operations_per_second / bytes_per_second  # operations a byte
    # a weight has bytes_per_number bytes and takes part in 2 * batch operations
    return int(np.ceil(ridge * bytes_per_number / 2))


def _ridge_cases(rng):
    cases = []
    for _ in range(6):
        memory, each = int(rng.integers(5, 900)), int(rng.choice([2, 4, 8]))
        batch = rng.integers(8, 200) + rng.uniform(0.2, 0.8)  # never on the edge
        cases.append((round(batch * 2 / each * memory * 1e9), memory * 1_000_000_000, each))
    return cases


RIDGE_BATCH = Exercise(
    name="code/ridge-batch",
    chapter="fast",
    task="Derive the batch at which a step becomes bound by arithmetic.",
    reference=ridge_batch,
    cases=_ridge_cases,
    wrong_answers=(
        WrongAnswer(
            "the ridge itself",
            lambda work, memory, each: np.ceil(work / memory),
            "That is the ridge in operations per byte. How many operations does one byte of a "
            "weight feed in a batch of B?",
        ),
        WrongAnswer(
            "one operation a weight",
            lambda work, memory, each: np.ceil(work / memory * each),
            "For every sequence a weight takes part in two operations.",
        ),
        WrongAnswer(
            "rounded down",
            lambda work, memory, each: np.floor(work / memory * each / 2),
            "At that batch the step still waits a little: round up.",
        ),
        WrongAnswer(
            "not rounded",
            lambda work, memory, each: work / memory * each / 2,
            "A batch holds whole sequences: the next whole number is wanted.",
        ),
        WrongAnswer(
            "upside down",
            lambda work, memory, each: np.ceil(memory / work * each / 2),
            "The faster the arithmetic, the larger the batch that keeps it busy: turn the "
            "fraction over.",
        ),
    ),
    hints=(
        "Weights only: a step's intensity is 2 B operations for bytes_per_number bytes.",
        "Solve 2 * B / bytes_per_number = operations_per_second / bytes_per_second for B.",
    ),
)

# --- amdahl ---------------------------------------------------------------------------------


def speed_up(serial_share, threads):
    """How many times as fast, if a share of the time stays serial."""
    return 1 / (serial_share + (1 - serial_share) / threads)


AMDAHL = Exercise(
    name="code/amdahl",
    chapter="fast",
    task="Predict what more threads can bring at best.",
    reference=speed_up,
    cases=lambda rng: [
        (round(float(rng.uniform(0.05, 0.95)), 2), int(threads))
        for threads in rng.integers(2, 65, size=6)
    ],
    wrong_answers=(
        WrongAnswer(
            "all of it divided",
            lambda serial_share, threads: threads,
            "The serial share takes as long as before, however many threads there are.",
        ),
        WrongAnswer(
            "the limit",
            lambda serial_share, threads: 1 / serial_share,
            "That is what endlessly many threads would bring. These are a number of them.",
        ),
        WrongAnswer(
            "shares swapped",
            lambda serial_share, threads: 1 / (1 - serial_share + serial_share / threads),
            "You divided the serial share among the threads; it is the rest that is divided.",
        ),
        WrongAnswer(
            "the new time",
            lambda serial_share, threads: serial_share + (1 - serial_share) / threads,
            "That is the new time, if the old one was 1. How many times does it go into 1?",
        ),
        WrongAnswer(
            "speed-ups averaged",
            lambda serial_share, threads: serial_share + (1 - serial_share) * threads,
            "Times add up, speed-ups do not. Write down the new time, then divide.",
        ),
    ),
    hints=(
        "Let the old time be 1. What is the new one?",
        "New time: serial_share + (1 - serial_share) / threads.",
    ),
)

# --- fair-ratio -----------------------------------------------------------------------------


def time_ratio(mine, other):
    """How many times as long mine takes; the first round was a warm-up."""
    return np.median(mine[1:] / other[1:])  # divided within each round


def _best_against_mean(mine, other):
    """How many times as long mine takes; the first round was a warm-up."""
    return min(mine) / np.mean(other)


def _timed_cases(rng):
    cases = []
    for _ in range(4):
        busy = 1 + 3 * rng.random(9) ** 4  # what the neighbours do hits both of a round
        mine, other = busy * rng.uniform(2, 2.6, size=(2, 9))
        mine[0], other[0] = mine[0] * 5, other[0] * 40  # caches are cold, code is compiled
        cases.append((mine.round(3), other.round(3)))
    return cases


FAIR_RATIO = Exercise(
    name="code/fair-ratio",
    chapter="fast",
    task="Repair a benchmark that favours its author.",
    reference=time_ratio,
    cases=_timed_cases,
    wrong_answers=(
        WrongAnswer(
            "best against mean",
            _best_against_mean,
            "Your best round against the mean of the other's, its warm-up counted: that makes "
            "anything fast. Compare like with like.",
        ),
        WrongAnswer(
            "the warm-up counted",
            lambda mine, other: np.median(mine / other),
            "The first round is a warm-up: leave it out.",
        ),
        WrongAnswer(
            "ratio of means",
            lambda mine, other: np.mean(mine[1:]) / np.mean(other[1:]),
            "One busy moment moves a mean as far as it likes. Take the median.",
        ),
        WrongAnswer(
            "ratio of medians",
            lambda mine, other: np.median(mine[1:]) / np.median(other[1:]),
            "Better. But the two medians come from different rounds, with different neighbours: "
            "divide within a round, then take the median.",
        ),
        WrongAnswer(
            "mean of ratios",
            lambda mine, other: np.mean(mine[1:] / other[1:]),
            "Divided within a round, good. One odd round still moves the mean: take the median.",
        ),
    ),
    hints=(
        "Which two times met the same neighbours?",
        "Divide round by round, without the first, and take the median of that.",
    ),
    broken="best against mean",
)

EXERCISES = (
    COUNT_PRODUCTS,
    HOIST_THE_INPUTS,
    OPERATIONAL_INTENSITY,
    RIDGE_BATCH,
    AMDAHL,
    FAIR_RATIO,
)
