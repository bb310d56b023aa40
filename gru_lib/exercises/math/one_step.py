"""Exercises of chapter 05, `one-step`."""

import numpy as np

from gru_lib.exercises.checker import AnswerError, Exercise, WrongAnswer
from gru_lib.numpy_gru import sigmoid

# --- wrong-entries --------------------------------------------------------------------------


def wrong_entries(weight, factor, bias, product, total, gate):
    """Three rows of booleans: where a line does not follow from the line before."""
    follows = [
        np.multiply(weight, factor),
        np.add(product, bias),  # from the product as printed, right or wrong
        1 / (1 + np.exp(-np.asarray(total))),  # from the sum as printed
    ]
    printed = [product, total, gate]
    # One decimal hides 0.05 at most; a hair more for the rounding of floats.
    return np.abs(np.subtract(printed, follows)) > 0.05 + 1e-9


def _lines_recomputed(weight, factor, bias):
    product = np.multiply(weight, factor)
    return [product, product + bias, sigmoid(product + bias)]


def _tables(rng):
    """Tables like the article's, with mistakes of 0.1 and more on known places of every line."""
    return [_table(rng, size) for size in (5, *rng.integers(6, 9, size=2))]


def _table(rng, size):
    factor = rng.permutation(size) + 1.0
    weight = rng.integers(1, 10, size) / 10
    bias = rng.integers(-9, 10, size) / 10
    product = _with_mistakes(rng, weight * factor, rng.permutation(size))
    # nearest 0 a wrong sum matters most for the gate, which must not be wrong there itself
    steep, *others = np.abs(product + bias).argsort()
    total = _with_mistakes(rng, product + bias, [steep, *rng.permutation(others)])
    gate = _with_mistakes(rng, sigmoid(total), rng.permutation(others))
    return tuple(line.tolist() for line in (weight, factor, bias, product, total, gate))


def _with_mistakes(rng, line, places):
    """Rounded to one decimal, with a large and two small mistakes at the first three places."""
    shifts = np.zeros(len(line))
    shifts[places[:3]] = rng.choice([-1.2, 1.1]), 0.1, -0.1
    return (line.round(1) + shifts).round(1)


def _follows(product, total, weight, factor, bias):
    return [np.multiply(weight, factor), np.add(product, bias), sigmoid(np.asarray(total))]


WRONG_ENTRIES = Exercise(
    name="math/wrong-entries",
    chapter="one-step",
    task="Mark the entries of a printed gate that do not follow from the line before.",
    reference=wrong_entries,
    cases=_tables,
    wrong_answers=(
        WrongAnswer(
            "compares exactly",
            lambda weight, factor, bias, product, total, gate: np.not_equal(
                [product, total, gate], _follows(product, total, weight, factor, bias)
            ),
            "You ask for equality to the last digit. A printed entry with one decimal is right "
            "if it is the ROUNDED value: allow a distance of 0.05.",
        ),
        WrongAnswer(
            "carries a mistake on",
            lambda weight, factor, bias, product, total, gate: (
                np.abs(np.subtract([product, total, gate], _lines_recomputed(weight, factor, bias)))
                > 0.05 + 1e-9
            ),
            "You compute everything anew from the weights, so that one wrong product makes the "
            "lines below it wrong, too. Judge every line from the PRINTED line above it.",
        ),
        WrongAnswer(
            "carries a wrong sum on",
            lambda weight, factor, bias, product, total, gate: (
                np.abs(
                    np.subtract(
                        [product, total, gate],
                        _follows(product, np.add(product, bias), weight, factor, bias),
                    )
                )
                > 0.05 + 1e-9
            ),
            "The gate is judged from the sum that you computed. Judge it from the PRINTED sum, "
            "right or wrong.",
        ),
        WrongAnswer(
            "marks the right ones",
            lambda *table: ~wrong_entries(*table),
            "It is the other way round: True stands for a wrong entry.",
        ),
        WrongAnswer(
            "too generous",
            lambda weight, factor, bias, product, total, gate: (
                np.abs(
                    np.subtract(
                        [product, total, gate], _follows(product, total, weight, factor, bias)
                    )
                )
                > 0.15
            ),
            "Entries that are off by 0.1 slip through: with one decimal, 0.05 is all that "
            "rounding can explain.",
        ),
        WrongAnswer(
            "sees only entries that are too large",
            lambda weight, factor, bias, product, total, gate: (
                np.subtract([product, total, gate], _follows(product, total, weight, factor, bias))
                > 0.05 + 1e-9
            ),
            "You find the entries that are too large only. Compare the absolute difference.",
        ),
        WrongAnswer(
            "tanh for the sigmoid",
            lambda weight, factor, bias, product, total, gate: (
                np.abs(
                    np.subtract(
                        [product, total, gate],
                        [np.multiply(weight, factor), np.add(product, bias), np.tanh(total)],
                    )
                )
                > 0.05 + 1e-9
            ),
            "The last row is judged by tanh; a gate goes through the sigmoid, 1 / (1 + exp(-a)).",
        ),
        WrongAnswer(
            "counts them",
            lambda *table: wrong_entries(*table).sum(axis=1),
            "Those are counts, one a line. Return the booleans themselves, three rows of them.",
        ),
    ),
    hints=(
        "Three lines, three rules: product = weight * factor; total = product + bias; "
        "gate = sigmoid(total). On the right-hand sides stand PRINTED numbers.",
        "Stack what is printed and what follows: two arrays with three rows. Where do they differ "
        "by more than rounding to one decimal explains?",
        "np.abs(np.subtract(printed, follows)) > 0.05 + 1e-9, with printed = [product, total, "
        "gate] and follows = [np.multiply(weight, factor), np.add(product, bias), ...].",
    ),
)

# --- shapes-of-a-step -----------------------------------------------------------------------


def shapes_of_a_step(input_size, hidden_size):
    """A dict from the name of each array in one GRU step to its shape."""
    return {
        "weight_ih": (3 * hidden_size, input_size),  # three blocks of rows: r, z, n
        "weight_hh": (3 * hidden_size, hidden_size),
        "bias_ih": (3 * hidden_size,),
        "bias_hh": (3 * hidden_size,),
        "a": (3 * hidden_size,),  # weight_ih @ x + bias_ih, before the split
        "update": (hidden_size,),  # a gate has one number for each unit
        "candidate": (hidden_size,),  # it may be written into the state: same shape
        "state": (hidden_size,),
    }


def _shape_of_one(answer, case):
    """The shape of one array, in words."""
    input_size, hidden_size, name = case
    shapes = answer(input_size, hidden_size)
    if shapes is ... or shapes is None:
        return shapes
    if not isinstance(shapes, dict):
        raise AnswerError(f"Expected a dict from names to shapes, not a {type(shapes).__name__}.")
    if name not in shapes:
        raise AnswerError(f"The dict lacks {name!r}.")
    shape = shapes[name]
    if not isinstance(shape, tuple):
        raise AnswerError(f"The shape of {name} is not a tuple. One dimension is written (n,).")
    return f"input {input_size}, hidden {hidden_size}: {name} {shape}"


def _sizes(rng):
    hidden_size = int(rng.integers(3, 9))
    pairs = [(5, 10), (hidden_size + int(rng.integers(1, 5)), hidden_size), (1, 1)]
    return [(*pair, name) for pair in pairs for name in shapes_of_a_step(1, 1)]


def _shapes_changed(**changes):
    """The right shapes but for some, each given as a function of the two sizes."""
    return lambda input_size, hidden_size: {
        **shapes_of_a_step(input_size, hidden_size),
        **{name: shape(input_size, hidden_size) for name, shape in changes.items()},
    }


SHAPES_OF_A_STEP = Exercise(
    name="math/shapes-of-a-step",
    chapter="one-step",
    task="Give the shape of every array in one step of a GRU, for any sizes.",
    reference=shapes_of_a_step,
    cases=_sizes,
    run=_shape_of_one,
    wrong_answers=(
        WrongAnswer(
            "weights the other way round",
            _shapes_changed(
                weight_ih=lambda d, h: (d, 3 * h),
                weight_hh=lambda d, h: (h, 3 * h),
            ),
            "Those shapes are for row vectors, x @ W (Keras stores them so). In W @ x the number "
            "of COLUMNS of W is the length of x.",
        ),
        WrongAnswer(
            "one block instead of three",
            _shapes_changed(
                weight_ih=lambda d, h: (h, d),
                weight_hh=lambda d, h: (h, h),
                bias_ih=lambda d, h: (h,),
                bias_hh=lambda d, h: (h,),
                a=lambda d, h: (h,),
            ),
            "That is a plain recurrent network. A GRU stacks three blocks of rows: reset gate, "
            "update gate, candidate.",
        ),
        WrongAnswer(
            "one matrix for both",
            _shapes_changed(
                weight_ih=lambda d, h: (3 * h, h + d),
                weight_hh=lambda d, h: (3 * h, h + d),
            ),
            "H + D columns belong to the single matrix that meets [h, x]. Here there are two "
            "matrices, and each meets one of the two.",
        ),
        WrongAnswer(
            "not split",
            _shapes_changed(update=lambda d, h: (3 * h,), candidate=lambda d, h: (3 * h,)),
            "The stack of three is split before sigmoid and tanh: a gate and the candidate have "
            "one number for each unit.",
        ),
        WrongAnswer(
            "a candidate as long as the input",
            _shapes_changed(candidate=lambda d, h: (d,)),
            "The candidate is added to the state, entry by entry: it must be as long as the state, "
            "not as the input.",
        ),
        WrongAnswer(
            "one number a gate",
            _shapes_changed(update=lambda d, h: (1,)),
            "A gate is not one number for the whole state: every unit has its own.",
        ),
    ),
    hints=(
        "Start from the state: H numbers. Whatever is added to it or multiplied with it entry by "
        "entry has H numbers, too.",
        "A matrix with m rows and k columns takes k numbers and gives m. How long is what each "
        "weight matrix takes, and how long is the stack it gives?",
        "Three blocks of H rows: weight_ih is (3 * hidden_size, input_size).",
    ),
)

# --- one-entry ------------------------------------------------------------------------------


def one_entry(unit, x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    """Entry number `unit` of the next state, from the rows that it needs."""
    hidden_size = len(h)
    rows = [unit, hidden_size + unit, 2 * hidden_size + unit]  # of each block, one
    a = weight_ih[rows] @ x + bias_ih[rows]
    q = weight_hh[rows] @ h + bias_hh[rows]  # the WHOLE old state goes in
    r, z = 1 / (1 + np.exp(-(a[:2] + q[:2])))
    n = np.tanh(a[2] + r * q[2])
    return (1 - z) * n + z * h[unit]


def _one_entry_like(
    rows=None, diagonal=False, order=(0, 1), reset=True, outside=False, swapped=False
):
    """one_entry with one mistake in it."""

    def answer(unit, x, h, weight_ih, weight_hh, bias_ih, bias_hh):
        hidden_size = len(h)
        chosen = rows(unit) if rows else [unit, hidden_size + unit, 2 * hidden_size + unit]
        seen = np.eye(hidden_size)[unit] * h if diagonal else h
        a = weight_ih[chosen] @ x + bias_ih[chosen]
        q = weight_hh[chosen] @ seen + bias_hh[chosen]
        gates = sigmoid(a[:2] + q[:2])
        r, z = gates[order[0]], gates[order[1]]
        past = (r if reset else 1.0) * q[2]
        if outside:
            past = r * (weight_hh[chosen[2]] @ seen) + bias_hh[chosen[2]]
        n = np.tanh(a[2] + past)
        return z * n + (1 - z) * h[unit] if swapped else (1 - z) * n + z * h[unit]

    return answer


def _one_entry_cases(rng):
    cases = []
    for _ in range(4):
        hidden_size, input_size = rng.integers(3, 8), rng.integers(1, 6)
        unit = int(rng.integers(1, hidden_size))
        cases.append((unit, *_step_case(rng, input_size, hidden_size)))
    return cases


def _step_case(rng, input_size, hidden_size):
    """x, h and the four arrays of a GRU."""
    shapes = (3 * hidden_size, input_size), (3 * hidden_size, hidden_size)
    shapes += (3 * hidden_size,), (3 * hidden_size,)
    x, h = rng.normal(size=input_size), rng.uniform(-1, 1, hidden_size)
    return (x, h, *(rng.normal(size=shape) for shape in shapes))


def _run_on_arrays(answer, case):
    """Call it; six arrays in a report would help nobody, so they are not shown."""
    return answer(*case)


ONE_ENTRY = Exercise(
    name="math/one-entry",
    chapter="one-step",
    task="Compute one entry of the next state from the rows that it needs.",
    reference=one_entry,
    cases=_one_entry_cases,
    run=_run_on_arrays,
    wrong_answers=(
        WrongAnswer(
            "three rows in a row",
            _one_entry_like(rows=lambda unit: [3 * unit, 3 * unit + 1, 3 * unit + 2]),
            "The rows of one unit do not stand together: the blocks do. Rows 0 to H - 1 belong to "
            "the reset gate, the next H to the update gate, the last H to the candidate.",
        ),
        WrongAnswer(
            "a unit that sees itself only",
            _one_entry_like(diagonal=True),
            "You use h[unit] in the products. A row of weight_hh meets the WHOLE old state; only "
            "the last line is entry by entry.",
        ),
        WrongAnswer(
            "update gate before reset gate",
            _one_entry_like(order=(1, 0)),
            "You read the blocks as update, reset, candidate (Keras's order). Here the reset gate "
            "is first.",
        ),
        WrongAnswer(
            "no reset gate",
            _one_entry_like(reset=False),
            "The candidate adds what comes from the state as it is. The reset gate scales it "
            "first: a + r * q.",
        ),
        WrongAnswer(
            "a bias left outside",
            _one_entry_like(outside=True),
            "r scales the product of row and state, and the bias is added afterwards. It scales "
            "both: r * (weight_hh[row] @ h + bias_hh[row]).",
        ),
        WrongAnswer(
            "z the other way round",
            _one_entry_like(swapped=True),
            "z near 1 KEEPS the old state in this book: (1 - z) * n + z * h[unit].",
        ),
    ),
    hints=(
        "Of weight_ih's 3 * H rows, three have to do with this unit. Which?",
        "rows = [unit, H + unit, 2 * H + unit]; weight_ih[rows] picks them.",
        "From there it is a GRU with one unit, except that a row of weight_hh meets all of h: "
        "weight_hh[rows] @ h + bias_hh[rows] gives three numbers, for r, z and n.",
    ),
)

# --- repair-the-step ------------------------------------------------------------------------


def repaired_step(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    """The state after one step of a GRU."""

    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    # Three blocks of rows, one for each purpose, in place of one for everything.
    a_r, a_z, a_n = np.split(weight_ih @ x + bias_ih, 3)
    q_r, q_z, q_n = np.split(weight_hh @ h + bias_hh, 3)

    r = sigmoid(a_r + q_r)
    z = sigmoid(a_z + q_z)
    n = np.tanh(a_n + r * q_n)  # r acts after the product, and on its bias, too
    return (1 - z) * n + z * h  # two weights that add up to 1: no third gate


def _article_step(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    """The state after one step of a GRU."""

    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    w_x, w_h = weight_ih[: len(h)], weight_hh[: len(h)]
    b = bias_ih[: len(h)] + bias_hh[: len(h)]

    input_gate = sigmoid(w_h @ h + w_x @ x + b)
    forget_gate = sigmoid(w_h @ h + w_x @ x + b)
    output_gate = sigmoid(w_h @ h + w_x @ x + b)  # noqa: F841 (says a linter)
    new_h = forget_gate * h + input_gate * np.tanh(w_h @ h + w_x @ x + b)
    return new_h


def _step_like(mistake):
    """repaired_step with one mistake in it."""

    def answer(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
        first, second, a_n = np.split(weight_ih @ x + bias_ih, 3)
        h_first, h_second, q_n = np.split(weight_hh @ h + bias_hh, 3)
        r, z = sigmoid(first + h_first), sigmoid(second + h_second)
        weight_n, bias_n = weight_hh[2 * len(h) :], bias_hh[2 * len(h) :]
        if mistake == "order":
            r, z = z, r
        past = {
            "no reset": q_n,
            "before": weight_n @ (r * h) + bias_n,
            "merged": r * (weight_n @ h) + bias_n,
        }.get(mistake, r * q_n)
        n = np.tanh(a_n + past)
        if mistake == "two gates":
            return z * h + r * np.tanh(a_n + q_n)
        if mistake == "old reset":
            return (1 - z) * n + z * r * h
        if mistake == "all reset":
            n = np.tanh(r * (a_n + q_n))
        return z * n + (1 - z) * h if mistake == "swapped" else (1 - z) * n + z * h

    return answer


REPAIR_THE_STEP = Exercise(
    name="math/repair-the-step",
    chapter="one-step",
    task="Turn the article's step into a GRU step.",
    reference=repaired_step,
    cases=lambda rng: [_step_case(rng, *rng.integers(2, 6, size=2)) for _ in range(4)],
    broken="the article's step",
    run=_run_on_arrays,
    wrong_answers=(
        WrongAnswer(
            "the article's step",
            _article_step,
            "Its three gates are one vector, computed from the first third of the weights, and the "
            "third gate is never read. Give the reset gate, the update gate and the candidate a "
            "third each.",
        ),
        WrongAnswer(
            "two gates that know nothing of each other",
            _step_like("two gates"),
            "Old state and candidate each have a gate of their own, as in an LSTM's cell state. In "
            "a GRU one gate does both: the weights are z and 1 - z. The reset gate works inside "
            "the candidate.",
        ),
        WrongAnswer(
            "no reset gate",
            _step_like("no reset"),
            "The reset gate does not reach the candidate: tanh(a_n + r * q_n).",
        ),
        WrongAnswer(
            "z the other way round",
            _step_like("swapped"),
            "z and 1 - z are exchanged: in this book's convention z near 1 keeps the old state.",
        ),
        WrongAnswer(
            "reset before the product",
            _step_like("before"),
            "You multiply r into the state BEFORE the product with the weights, W_hn (r * h). That "
            "is the unit of 2014; asked for is PyTorch's, r * (W_hn h + b_hn).",
        ),
        WrongAnswer(
            "a bias left outside",
            _step_like("merged"),
            "The candidate's bias_hh stands outside the reset gate: r multiplies it as well, "
            "r * (W_hn h + b_hn). That is why the two biases cannot be merged into one.",
        ),
        WrongAnswer(
            "update gate first",
            _step_like("order"),
            "Reset gate and update gate are exchanged: the first third of the rows is r's.",
        ),
        WrongAnswer(
            "reset on the old state itself",
            _step_like("old reset"),
            "The last line multiplies the old state by r as well. The reset gate works inside the "
            "candidate and nowhere else: (1 - z) * n + z * h.",
        ),
        WrongAnswer(
            "reset on the input, too",
            _step_like("all reset"),
            "The reset gate scales what comes from the state, not what comes from the input: "
            "a_n stands outside.",
        ),
    ),
    hints=(
        "There are three thirds of weights. What are they for? Not for three gates: "
        "a GRU has two, and a candidate.",
        "np.split(weight_ih @ x + bias_ih, 3) gives three vectors, for r, z and n, in this order. "
        "The same for h.",
        "r and z are sigmoids of sums; n = np.tanh(a_n + r * q_n); and one gate mixes: "
        "(1 - z) * n + z * h.",
    ),
)

# --- state-bound ----------------------------------------------------------------------------


def state_bound(start, keep, steps):
    """The least number that no entry of |h| can exceed after some steps."""
    if steps == 0:
        return start
    # One step takes a bound M to (1 - z) * 1 + z * M at most. If M <= 1, the worst
    # z is 0: the candidate alone, as near to 1 as you like. If M > 1, it is the
    # largest z, and what lies above 1 shrinks by this factor at every step.
    return 1 + max(0, start - 1) * keep**steps


def _bound_cases(rng):
    keep = round(float(rng.uniform(0.5, 0.95)), 2)
    outside, inside = round(float(rng.uniform(2, 10)), 1), round(float(rng.uniform(0.1, 0.9)), 1)
    steps = int(rng.integers(3, 12))
    cases = [(outside, keep, steps), (outside, keep, 1), (outside, keep, 0), (1.0, keep, steps)]
    return [*cases, (inside, keep, steps), (inside, keep, 0)]


STATE_BOUND = Exercise(
    name="math/state-bound",
    chapter="one-step",
    task="Derive how large the state of a GRU can be after some steps.",
    reference=state_bound,
    cases=_bound_cases,
    wrong_answers=(
        WrongAnswer(
            "fades to nothing",
            lambda start, keep, steps: start * keep**steps,
            "You follow the old state only. The candidate adds up to (1 - z) * 1 at every step.",
        ),
        WrongAnswer(
            "always 1",
            lambda start, keep, steps: 1.0,
            "A state that starts outside [-1, 1] takes its time to come in; and after 0 steps "
            "it is where it was.",
        ),
        WrongAnswer(
            "never shrinks",
            lambda start, keep, steps: max(1.0, start) if steps else start,
            "True, but not the least: with z at most `keep` < 1 the part above 1 shrinks.",
        ),
        WrongAnswer(
            "adds one a step",
            lambda start, keep, steps: start + steps,
            "That is the article's cell, f * h + i * tanh(...), with both gates at 1. In a GRU the "
            "two weights z and 1 - z add up to 1.",
        ),
        WrongAnswer(
            "no case for a start inside",
            lambda start, keep, steps: 1 + (start - 1) * keep**steps,
            "Right for start >= 1. For a smaller start z = 0 is the worst case: after one step the "
            "state may be the candidate, as near to 1 as you like.",
        ),
        WrongAnswer(
            "forgets that nothing happened",
            lambda start, keep, steps: 1 + max(0, start - 1) * keep**steps,
            "After 0 steps nothing has happened: the bound is `start`, even if that is below 1.",
        ),
    ),
    hints=(
        "One step first: |h_t| <= (1 - z) * |n| + z * |h_{t-1}|, and |n| < 1. Which z in "
        "[0, keep] makes that largest?",
        "It depends on whether |h_{t-1}| is above 1. If it is, write it as 1 + e: what becomes "
        "of e?",
        "Above 1: e shrinks to keep * e at each step. At or below 1: the bound is 1 after any "
        "step. And for steps = 0 it is start.",
    ),
)

EXERCISES = (WRONG_ENTRIES, SHAPES_OF_A_STEP, ONE_ENTRY, REPAIR_THE_STEP, STATE_BOUND)
