"""Exercises of chapter 32, `shipping`."""

import numpy as np

from gru_lib.exercises.checker import Exercise, WrongAnswer

# --- eight-bit-row ----------------------------------------------------------------------------


def eight_bit_row(row):
    """Codes from -127 to 127 of a row whose weights are not all 0."""
    scale = np.abs(row).max() / 127
    codes = np.rint(row / scale)  # to the nearest whole number
    return codes.astype(int)


def _cut_off(row):
    scale = np.abs(row).max() / 127
    return (row / scale).astype(int)


def _signed_maximum(row):
    scale = row.max() / 127
    return np.rint(row / scale).astype(int)


def _two_hundred_and_fifty_five(row):
    scale = (row.max() - row.min()) / 255
    return np.rint(row / scale).astype(int)


def _full_range(row):
    scale = np.abs(row).max() / 128
    return np.rint(row / scale).astype(int)


def _row_cases(rng):
    cases = []
    for size in (3, 6, 9):
        row = rng.normal(size=size)
        row[rng.integers(size)] = -np.abs(row).max() - 0.5  # the largest magnitude is negative
        cases.append((row.round(3),))
    return cases


ROW = Exercise(
    name="fine-tuning/eight-bit-row",
    chapter="shipping",
    task="Repair the code that stores a row of weights in eight bits.",
    reference=eight_bit_row,
    cases=_row_cases,
    broken="cut off",
    wrong_answers=(
        WrongAnswer(
            "cut off",
            _cut_off,
            "astype(int) cuts what stands behind the point off, towards zero: every weight gets "
            "smaller, by up to a whole step. Round to the nearest.",
        ),
        WrongAnswer(
            "largest instead of largest magnitude",
            _signed_maximum,
            "The scale must reach the largest MAGNITUDE. Here it is that of a negative weight, and "
            "its code falls below -127.",
        ),
        WrongAnswer(
            "the whole range of the row",
            _two_hundred_and_fifty_five,
            "Dividing the distance from the smallest to the largest weight by 255 needs a zero "
            "point as well. Symmetric codes go from -127 to 127.",
        ),
        WrongAnswer(
            "128 steps",
            _full_range,
            "With 128 steps the largest weight gets the code 128 or -128, and int8 ends at 127.",
        ),
    ),
    hints=(
        "Two decisions: what a step is worth, and which whole number stands for a weight.",
        "A step is the largest magnitude of the row, divided by 127.",
        "Where the code cuts off, round: np.rint(row / scale).",
    ),
)

# --- stored-bytes -----------------------------------------------------------------------------


def bytes_of(shapes, bits):
    """Bytes of a model: matrices in so many bits, all else in float32."""
    total = 0
    for shape in shapes:
        if len(shape) == 2:
            rows, columns = shape
            total += rows * columns * bits / 8 + 4 * rows  # codes and scales
        else:
            total += 4 * shape[0]
    return total


def _bytes_variant(matrix, vector):
    def answer(shapes, bits):
        return sum(
            matrix(*shape, bits) if len(shape) == 2 else vector(*shape, bits) for shape in shapes
        )

    return answer


def _bytes_cases(rng):
    cases = []
    for bits in (8, 4, 2):
        hidden, inputs = (int(n) * 8 for n in rng.choice(np.arange(2, 9), 2, replace=False))
        cases.append(([(3 * hidden, inputs), (3 * hidden, hidden), (3 * hidden,)], bits))
    return cases


BYTES = Exercise(
    name="fine-tuning/stored-bytes",
    chapter="shipping",
    task="Count the bytes of a model whose matrices are stored in few bits.",
    reference=bytes_of,
    cases=_bytes_cases,
    wrong_answers=(
        WrongAnswer(
            "no scales",
            _bytes_variant(lambda r, c, bits: r * c * bits / 8, lambda n, bits: 4 * n),
            "You left the scales out: four bytes for every row of every matrix.",
        ),
        WrongAnswer(
            "a scale a column",
            _bytes_variant(lambda r, c, bits: r * c * bits / 8 + 4 * c, lambda n, bits: 4 * n),
            "You counted a scale for each column. They belong to the rows.",
        ),
        WrongAnswer(
            "biases in few bits",
            _bytes_variant(
                lambda r, c, bits: r * c * bits / 8 + 4 * r, lambda n, bits: n * bits / 8
            ),
            "You stored the vectors in few bits too. They stay in float32: four bytes a number.",
        ),
        WrongAnswer(
            "bits instead of bytes",
            _bytes_variant(lambda r, c, bits: r * c * bits + 4 * r, lambda n, bits: 4 * n),
            "A code takes `bits` bits, which is bits / 8 bytes.",
        ),
        WrongAnswer(
            "one scale a matrix",
            _bytes_variant(lambda r, c, bits: r * c * bits / 8 + 4, lambda n, bits: 4 * n),
            "You counted one scale for a matrix. Here each row has its own.",
        ),
    ),
    hints=(
        "A matrix has two entries in its shape, a vector one.",
        "A matrix takes its codes, bits / 8 bytes each, and four bytes for each row.",
        "rows * columns * bits / 8 + 4 * rows; a vector 4 * length.",
    ),
)

# --- read-in-pieces ---------------------------------------------------------------------------


def read_in_pieces(step, start, text):
    """All outputs for a text, read one character at a time."""
    state, outputs = start, []
    for character in text:
        output, state = step(character, state)
        outputs.append(output)
    return outputs


def _forgetful(step, start, text):
    return [step(character, start)[0] for character in text]


def _output_as_state(step, start, text):
    state, outputs = start, []
    for character in text:
        output, _ = step(character, state)
        outputs.append(output)
        state = output
    return outputs


def _one_behind(step, start, text):
    state, outputs = start, []
    for character in text:
        outputs.append(step(character, state)[0])
        state = step(character, step(character, state)[1])[1]
    return outputs


def _states_instead(step, start, text):
    state, states = start, []
    for character in text:
        _, state = step(character, state)
        states.append(state)
    return states


def _run_pieces(answer, case):
    """A small linear machine stands for the network; its step is made anew for each run."""
    keep, weights, text = case

    def step(character, state):
        state = keep * state + weights[ord(character) - ord("a")]
        return 3.0 * state - 1.0, state

    return answer(step, 0.5, text)


def _piece_cases(rng):
    cases = []
    for length in (2, 4, 7):
        text = "".join(rng.choice(list("abc"), length))
        keep = round(float(rng.uniform(0.3, 0.9)), 2)
        cases.append((keep, rng.uniform(0.5, 2.0, size=3).round(2).tolist(), text))
    return cases


PIECES = Exercise(
    name="fine-tuning/read-in-pieces",
    chapter="shipping",
    task="Repair a stream that forgets between two characters.",
    reference=read_in_pieces,
    cases=_piece_cases,
    run=_run_pieces,
    broken="always from the start",
    wrong_answers=(
        WrongAnswer(
            "always from the start",
            _forgetful,
            "Every character is read with the state of the beginning, so nothing is remembered. "
            "Hand the state that a step returns to the next one.",
        ),
        WrongAnswer(
            "output as state",
            _output_as_state,
            "You handed the output on. The state is the second thing that a step returns.",
        ),
        WrongAnswer(
            "read twice",
            _one_behind,
            "Each character is read twice before the next one comes: once is enough.",
        ),
        WrongAnswer(
            "states instead of outputs",
            _states_instead,
            "You collected the states. Asked for are the outputs, the first thing of each step.",
        ),
    ),
    hints=(
        "What does a step return, and who needs which of the two?",
        "Keep the state in a variable outside of the loop's body.",
        "output, state = step(character, state)",
    ),
)

# --- temperature ------------------------------------------------------------------------------


def tempered(logits, temperature):
    """Probabilities at a temperature above 0, also for logits of a thousand."""
    scaled = logits / temperature
    weights = np.exp(scaled - scaled.max())  # exp(0) at most: no overflow
    return weights / weights.sum()


def _clipped(logits, temperature):
    weights = np.exp(np.minimum(logits / temperature, 700.0))
    return weights / weights.sum()


def _times_temperature(logits, temperature):
    return tempered(logits, 1 / temperature)


def _no_temperature(logits, temperature):
    return tempered(logits, 1.0)


def _divided_after(logits, temperature):
    return tempered(logits, 1.0) / temperature


def _temperature_cases(rng):
    small = rng.normal(size=4).round(2)
    warm = round(float(rng.uniform(1.2, 1.5)), 2)
    cold = round(float(rng.uniform(0.4, 0.8)), 2)
    return [(small, warm), (small, cold), (np.array([1000.0, 999.0, 998.5]), cold)]


TEMPERATURE = Exercise(
    name="fine-tuning/safe-temperature",
    chapter="shipping",
    task="Turn logits into probabilities at a temperature, without an overflow.",
    reference=tempered,
    cases=_temperature_cases,
    wrong_answers=(
        WrongAnswer(
            "clipped",
            _clipped,
            "Cutting large logits off makes all large ones alike. Subtract the largest instead: "
            "nothing overflows, and the probabilities stay the same.",
        ),
        WrongAnswer(
            "times the temperature",
            _times_temperature,
            "You multiplied. Logits are DIVIDED by the temperature: the colder, the further apart.",
        ),
        WrongAnswer(
            "temperature left out",
            _no_temperature,
            "The temperature changes nothing here: the logits were not divided by it.",
        ),
        WrongAnswer(
            "probabilities divided",
            _divided_after,
            "You divided the probabilities, which then no longer sum to 1. Divide the logits.",
        ),
    ),
    hints=(
        "Where does the temperature go: before the exponential or behind it?",
        "exp(a - c) / sum(exp(b - c)) is the same for every c. Which c is safe?",
        "scaled = logits / temperature; np.exp(scaled - scaled.max()), divided by its sum.",
    ),
)

# --- bits-for-an-error ------------------------------------------------------------------------


def bits_for(largest, error):
    """Fewest bits, from 2, that keep every weight of a row within the error."""
    bits = 2
    # the codes reach from -(2 ** (bits - 1) - 1) to as much above 0
    while largest / (2 ** (bits - 1) - 1) / 2 > error:
        bits += 1
    return bits


def _fewest(is_enough):
    def answer(largest, error):
        return next(bits for bits in range(2, 40) if is_enough(bits, largest, error))

    return answer


def _error_cases(rng):
    cases = []
    for bits in rng.choice(np.arange(4, 11), 4, replace=False):
        largest = round(float(rng.uniform(0.5, 4.0)), 2)
        half_a_step = largest / (2 ** (int(bits) - 1) - 1) / 2
        cases.append((largest, half_a_step * float(rng.uniform(1.05, 1.6))))
    return cases


BITS = Exercise(
    name="fine-tuning/bits-for-an-error",
    chapter="shipping",
    task="Say how many bits a row needs for a given largest error.",
    reference=bits_for,
    cases=_error_cases,
    wrong_answers=(
        WrongAnswer(
            "a whole step",
            _fewest(lambda bits, m, error: m / (2 ** (bits - 1) - 1) <= error),
            "You allowed for a whole step. Rounding goes to the nearest: half a step at most.",
        ),
        WrongAnswer(
            "the sign forgotten",
            _fewest(lambda bits, m, error: m / (2**bits - 1) / 2 <= error),
            "With 2 ** bits - 1 steps above 0 nothing is left for the negative weights: one bit "
            "tells the sign.",
        ),
        WrongAnswer(
            "not rounded up",
            lambda largest, error: 1 + np.log2(largest / (2 * error) + 1),
            "The logarithm is right, and a part of a bit cannot be stored: round up.",
        ),
        WrongAnswer(
            "steps instead of bits",
            lambda largest, error: 2 ** (bits_for(largest, error) - 1) - 1,
            "That is how many steps there are above 0. Asked for are the bits that count them.",
        ),
    ),
    hints=(
        "How far can a weight be from the nearest of two neighbouring values?",
        "With b bits, the largest magnitude is 2 ** (b - 1) - 1 steps away from 0.",
        "Begin at 2 bits; one more as long as largest / (2 ** (bits - 1) - 1) / 2 > error.",
    ),
)

EXERCISES = (ROW, BYTES, PIECES, BITS, TEMPERATURE)
