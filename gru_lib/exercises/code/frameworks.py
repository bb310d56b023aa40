"""Exercises of chapter 11, `frameworks`."""

import itertools

import numpy as np

from gru_lib.exercises.checker import AnswerError, Exercise, WrongAnswer


def _as_arrays(answer, case, shapes):
    """What an answer returns as one row of numbers; arrays of another shape are named."""
    arrays = answer(*case)
    if arrays is ... or arrays is None:
        return arrays
    if not isinstance(arrays, tuple | list) or len(arrays) != len(shapes):
        raise AnswerError(f"Expected {len(shapes)} arrays: return {', '.join(shapes)}.")
    for (name, shape), array in zip(shapes.items(), arrays, strict=True):
        if np.shape(array) != shape:
            raise AnswerError(f"{name} has shape {np.shape(array)}; expected {shape}.")
    return np.concatenate([np.ravel(array) for array in arrays])


# --- from-keras -----------------------------------------------------------------------------


def pytorch_arrays(kernel, recurrent_kernel, bias):
    """PyTorch's weight_ih, weight_hh, bias_ih, bias_hh from Keras' arrays."""

    def reorder(rows):
        z, r, candidate = np.split(rows, 3)
        return np.concatenate([r, z, candidate])

    # Keras multiplies x W, PyTorch W x: columns become rows
    weight_ih, weight_hh = reorder(kernel.T), reorder(recurrent_kernel.T)
    return weight_ih, weight_hh, reorder(bias[0]), reorder(bias[1])


def _keras_cases(rng):
    cases = []
    for size in ((2, 2), (5, 3), (3, 5), (4, 4)):
        inputs, hidden = size
        shapes = (inputs, 3 * hidden), (hidden, 3 * hidden), (2, 3 * hidden)
        cases.append(tuple(rng.normal(size=shape).round(2) for shape in shapes))
    return cases


def _run_pytorch_arrays(answer, case):
    inputs, hidden = case[0].shape[0], case[1].shape[0]
    shapes = {"weight_ih": (3 * hidden, inputs), "weight_hh": (3 * hidden, hidden)}
    shapes |= {"bias_ih": (3 * hidden,), "bias_hh": (3 * hidden,)}
    return _as_arrays(answer, case, shapes)


def _order_left(kernel, recurrent_kernel, bias):
    return kernel.T, recurrent_kernel.T, bias[0], bias[1]


def _bias_left(kernel, recurrent_kernel, bias):
    weight_ih, weight_hh, _, _ = pytorch_arrays(kernel, recurrent_kernel, bias)
    return weight_ih, weight_hh, bias[0], bias[1]


def _recurrent_left(kernel, recurrent_kernel, bias):
    weight_ih, _, bias_ih, bias_hh = pytorch_arrays(kernel, recurrent_kernel, bias)
    return weight_ih, recurrent_kernel.T, bias_ih, bias_hh


def _biases_exchanged(kernel, recurrent_kernel, bias):
    weight_ih, weight_hh, bias_ih, bias_hh = pytorch_arrays(kernel, recurrent_kernel, bias)
    return weight_ih, weight_hh, bias_hh, bias_ih


def _reshaped(kernel, recurrent_kernel, bias):
    columns = (kernel, recurrent_kernel, bias)
    z, r, candidate = zip(*(np.split(array, 3, axis=1) for array in columns), strict=True)
    swapped = [np.concatenate(gates, axis=1) for gates in zip(r, z, candidate, strict=True)]
    hidden = len(recurrent_kernel)
    return (
        swapped[0].reshape(3 * hidden, len(kernel)),
        swapped[1].reshape(3 * hidden, hidden),
        *swapped[2],
    )


FROM_KERAS = Exercise(
    name="code/from-keras",
    chapter="frameworks",
    task="Carry the weights of a Keras GRU to PyTorch.",
    reference=pytorch_arrays,
    cases=_keras_cases,
    run=_run_pytorch_arrays,
    wrong_answers=(
        WrongAnswer(
            "order left",
            _order_left,
            "Transposed, and it would load without a complaint. But Keras' gates stand in the "
            "order z, r, h and PyTorch's in the order r, z, n.",
        ),
        WrongAnswer(
            "bias left",
            _bias_left,
            "The matrices are right. The biases have three chunks as well, in Keras' order.",
        ),
        WrongAnswer(
            "recurrent kernel left",
            _recurrent_left,
            "All is right but weight_hh: its gates are still in Keras' order.",
        ),
        WrongAnswer(
            "biases exchanged",
            _biases_exchanged,
            "Row 0 of Keras' bias belongs to the input, row 1 to the state. You have them the "
            "other way round.",
        ),
        WrongAnswer(
            "reshaped",
            _reshaped,
            "The shapes are right and the numbers are scattered: reshape reads along the rows. "
            "To turn columns into rows, transpose: array.T.",
        ),
    ),
    hints=(
        "Three things differ: columns or rows, the order of the gates, two rows of one bias.",
        "kernel.T has 3H rows. The first H of them are z.",
        "Write a helper that exchanges the first two of three chunks, and call it four times.",
    ),
)

# --- merge-biases ---------------------------------------------------------------------------


def merge_biases(bias_ih, bias_hh, reset_after):
    """The same GRU, with as much of bias_hh as possible moved to bias_ih."""
    hidden_size = len(bias_ih) // 3
    # r and z see the sum of both; so does n, unless r multiplies bias_hh
    moved = bias_hh.copy()
    if reset_after:
        moved[2 * hidden_size :] = 0
    return bias_ih + moved, bias_hh - moved


def _bias_cases(rng):
    cases = []
    for hidden, reset_after in ((1, True), (2, False), (3, True), (4, False)):
        bias_ih, bias_hh = rng.normal(size=(2, 3 * hidden)).round(1) + 0.05
        cases.append((bias_ih, bias_hh, reset_after))
    return cases


def _run_biases(answer, case):
    return _as_arrays(answer, case, {"bias_ih": case[0].shape, "bias_hh": case[1].shape})


def _other_flag(bias_ih, bias_hh, reset_after):
    return merge_biases(bias_ih, bias_hh, not reset_after)


MERGE_BIASES = Exercise(
    name="code/merge-biases",
    chapter="frameworks",
    task="Merge the two biases of a GRU as far as they can be merged.",
    reference=merge_biases,
    cases=_bias_cases,
    run=_run_biases,
    wrong_answers=(
        WrongAnswer(
            "all of it",
            lambda bias_ih, bias_hh, reset_after: (bias_ih + bias_hh, np.zeros_like(bias_hh)),
            "With reset_after the candidate's bias_hh stands inside r * (...): moved out of the "
            "brackets it is no longer multiplied by r.",
        ),
        WrongAnswer(
            "nothing",
            lambda bias_ih, bias_hh, reset_after: (bias_ih, bias_hh),
            "Nothing is merged. In the gates both biases are simply added to the same sum.",
        ),
        WrongAnswer(
            "nothing with reset_after",
            lambda bias_ih, bias_hh, reset_after: (
                (bias_ih, bias_hh) if reset_after else merge_biases(bias_ih, bias_hh, False)
            ),
            "With reset_after only the candidate's bias_hh has to stay. Those of r and z can move.",
        ),
        WrongAnswer(
            "never the candidate's",
            lambda bias_ih, bias_hh, reset_after: merge_biases(bias_ih, bias_hh, True),
            "With reset_after=False the candidate's two biases are added to the same sum as well: "
            "W_hn (r * h) + b_hn. Merge them too.",
        ),
        WrongAnswer(
            "the flag the other way round",
            _other_flag,
            "You have the flag the other way round: reset_after=True is the case in which the "
            "candidate's bias_hh is multiplied by r.",
        ),
        WrongAnswer(
            "counted twice",
            lambda bias_ih, bias_hh, reset_after: (
                merge_biases(bias_ih, bias_hh, reset_after)[0],
                bias_hh,
            ),
            "What moved into bias_ih is still in bias_hh: it counts twice.",
        ),
    ),
    hints=(
        "Write down the three lines of the step, with both biases in each.",
        "r and z: sigmoid(W x + b_i + U h + b_h). Nothing stands between the two biases.",
        "n with reset_after: tanh(W x + b_i + r * (U h + b_h)). Something does.",
    ),
)

# --- onnx-arrays ----------------------------------------------------------------------------


def onnx_arrays(weight_ih, weight_hh, bias_ih, bias_hh):
    """W, R, B of ONNX's GRU operator, for one direction."""

    def reorder(rows):
        r, z, candidate = np.split(rows, 3)
        return np.concatenate([z, r, candidate])

    bias = np.concatenate([reorder(bias_ih), reorder(bias_hh)])  # one row of 6H
    # the first axis counts directions
    return reorder(weight_ih)[None], reorder(weight_hh)[None], bias[None]


def _torch_cases(rng):
    cases = []
    for inputs, hidden in ((2, 2), (5, 3), (3, 4)):
        shapes = (3 * hidden, inputs), (3 * hidden, hidden), (3 * hidden,), (3 * hidden,)
        cases.append(tuple(rng.normal(size=shape).round(2) for shape in shapes))
    return cases


def _run_onnx_arrays(answer, case):
    (rows, inputs), (_, hidden) = case[0].shape, case[1].shape
    shapes = {"W": (1, rows, inputs), "R": (1, rows, hidden), "B": (1, 2 * rows)}
    return _as_arrays(answer, case, shapes)


def _onnx_order_left(weight_ih, weight_hh, bias_ih, bias_hh):
    return weight_ih[None], weight_hh[None], np.concatenate([bias_ih, bias_hh])[None]


def _onnx_bias_left(weight_ih, weight_hh, bias_ih, bias_hh):
    w, r, _ = onnx_arrays(weight_ih, weight_hh, bias_ih, bias_hh)
    return w, r, np.concatenate([bias_ih, bias_hh])[None]


def _onnx_bias_exchanged(weight_ih, weight_hh, bias_ih, bias_hh):
    return onnx_arrays(weight_ih, weight_hh, bias_hh, bias_ih)


def _onnx_interleaved(weight_ih, weight_hh, bias_ih, bias_hh):
    w, r, b = onnx_arrays(weight_ih, weight_hh, bias_ih, bias_hh)
    chunks = np.split(b[0], 6)
    return w, r, np.concatenate([chunks[k] for k in (0, 3, 1, 4, 2, 5)])[None]


def _onnx_summed(weight_ih, weight_hh, bias_ih, bias_hh):
    w, r, b = onnx_arrays(weight_ih, weight_hh, bias_ih, bias_hh)
    return w, r, b[:, : len(bias_ih)] + b[:, len(bias_ih) :]


def _onnx_flat(weight_ih, weight_hh, bias_ih, bias_hh):
    return tuple(array[0] for array in onnx_arrays(weight_ih, weight_hh, bias_ih, bias_hh))


ONNX_ARRAYS = Exercise(
    name="code/onnx-arrays",
    chapter="frameworks",
    task="Pack PyTorch's four arrays into the three of ONNX.",
    reference=onnx_arrays,
    cases=_torch_cases,
    run=_run_onnx_arrays,
    wrong_answers=(
        WrongAnswer(
            "order left",
            _onnx_order_left,
            "The shapes are ONNX's, the order of the gates is still PyTorch's. A runtime would "
            "run this without a complaint.",
        ),
        WrongAnswer(
            "bias left",
            _onnx_bias_left,
            "W and R are right. The biases have to be reordered as well, each by itself.",
        ),
        WrongAnswer(
            "biases exchanged",
            _onnx_bias_exchanged,
            "In B the biases of the input come first, then those of the state.",
        ),
        WrongAnswer(
            "biases interleaved",
            _onnx_interleaved,
            "B is not gate by gate: all three chunks of the input's bias, then all three of the "
            "state's.",
        ),
        WrongAnswer(
            "biases added",
            _onnx_summed,
            "ONNX keeps both biases, 6H numbers; with linear_before_reset=1 it needs them.",
        ),
        WrongAnswer(
            "no axis for directions",
            _onnx_flat,
            "Every array of ONNX begins with an axis that counts directions: array[None].",
        ),
    ),
    hints=(
        "ONNX multiplies as PyTorch does, W x: nothing is transposed.",
        "Exchange the first two chunks of each of the four arrays.",
        "Join the two biases into one row of 6H, and give all three an axis in front.",
    ),
)

# --- which-gradient-is-none -----------------------------------------------------------------


def gradient_is_none(is_variable, is_watched, read_inside, reaches_loss):
    """Whether tape.gradient(loss, parameter) is None."""
    seen = is_variable or is_watched  # a plain tensor is recorded only on request
    return not (seen and read_inside and reaches_loss)


WHICH_GRADIENT = Exercise(
    name="code/which-gradient-is-none",
    chapter="frameworks",
    task="Predict which gradients of a tape are None.",
    reference=gradient_is_none,
    cases=lambda rng: [
        tuple(map(bool, case))
        for case in rng.permutation(list(itertools.product((0, 1), repeat=4)))
    ],
    wrong_answers=(
        WrongAnswer(
            "variables only",
            lambda is_variable, is_watched, read_inside, reaches_loss: (
                not (is_variable and read_inside and reaches_loss)
            ),
            "A plain tensor gets a gradient as well, if the tape was told to watch it.",
        ),
        WrongAnswer(
            "watching is enough",
            lambda is_variable, is_watched, read_inside, reaches_loss: (
                not (is_watched or (is_variable and read_inside and reaches_loss))
            ),
            "To watch a tensor is no use if nothing that is done with it inside the tape leads to "
            "the loss.",
        ),
        WrongAnswer(
            "variables have to be watched",
            lambda is_variable, is_watched, read_inside, reaches_loss: (
                not (is_watched and read_inside and reaches_loss)
            ),
            "A tf.Variable is watched by itself.",
        ),
        WrongAnswer(
            "outside counts",
            lambda is_variable, is_watched, read_inside, reaches_loss: (
                not ((is_variable or is_watched) and reaches_loss)
            ),
            "What is computed before the tape begins is not recorded: to the tape it is a number "
            "that came from nowhere.",
        ),
        WrongAnswer(
            "used is enough",
            lambda is_variable, is_watched, read_inside, reaches_loss: (
                not ((is_variable or is_watched) and read_inside)
            ),
            "Read inside the tape, but its result does not reach the loss: there is no way back.",
        ),
        WrongAnswer(
            "the other way round",
            lambda is_variable, is_watched, read_inside, reaches_loss: (
                (is_variable or is_watched) and read_inside and reaches_loss
            ),
            "This is True where there IS a gradient. The question is when it is None.",
        ),
    ),
    hints=(
        "Three things must hold for a gradient; None if one of them fails.",
        "The tape has to know the parameter: as a variable, or because it was told to watch it.",
        "And it has to see a chain of operations from the parameter to the loss.",
    ),
)

# --- agree ----------------------------------------------------------------------------------


def agree(a, b, tolerance):
    """Whether two results are equal but for rounding."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape:  # NumPy would stretch one of them, silently
        return False
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False  # NaN > tolerance is False, like every comparison with NaN
    return bool(np.abs(a - b).max() <= tolerance * np.abs(b).max())


def _never_fails(a, b, tolerance):
    try:
        if np.abs(a - b).max() > tolerance:
            raise ValueError("they differ")
    except ValueError:
        pass
    return True


def _broadcasts(a, b, tolerance):
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False
    return bool(np.abs(a - b).max() <= tolerance * np.abs(b).max())


def _lets_nan_pass(a, b, tolerance):
    if a.shape != b.shape:
        return False
    return not (np.abs(a - b) > tolerance * np.abs(b[np.isfinite(b)]).max()).any()


def _absolute(a, b, tolerance):
    same = a.shape == b.shape and np.isfinite(a).all() and np.isfinite(b).all()
    return bool(same and np.abs(a - b).max() <= tolerance)


def _without_abs(a, b, tolerance):
    same = a.shape == b.shape and np.isfinite(a).all() and np.isfinite(b).all()
    return bool(same and (a - b).max() <= tolerance * np.abs(b).max())


def _means(a, b, tolerance):
    same = a.shape == b.shape and np.isfinite(a).all() and np.isfinite(b).all()
    return bool(same and abs(np.mean(a) - np.mean(b)) <= tolerance * np.abs(b).max())


def _number_by_number(a, b, tolerance):
    same = a.shape == b.shape and np.isfinite(a).all() and np.isfinite(b).all()
    return bool(same and (np.abs(a - b) <= tolerance * np.abs(b)).all())


def _bit_by_bit(a, b, tolerance):
    return bool(np.array_equal(a, b))


def _pairs(rng):
    """Pairs that agree and pairs that only seem to; one of each trap, in any order."""
    b = rng.uniform(0.5, 1, size=(3, 4)) * rng.choice([-1, 1], size=(3, 4))
    with_nan, one_off, less = b.copy(), b.copy(), b.copy()
    with_nan[1, 2] = np.nan
    one_off[tuple(rng.integers(0, (3, 4)))] += 0.3
    less[tuple(rng.integers(0, (3, 4)))] -= 0.3
    swing = np.where(np.arange(12).reshape(3, 4) % 2, 0.2, -0.2)  # its mean is zero
    column = rng.uniform(0.5, 1, size=(3, 1)) * np.ones((1, 4))
    large = 1e4 * b
    near_zero = np.where(np.arange(12).reshape(3, 4) == rng.integers(12), 1e-9, b)
    pairs = [
        (b.copy(), b),
        (b * (1 + 1e-8), b),
        (one_off, b),
        (less, b),
        (b + swing, b),
        (with_nan, b),
        (with_nan.copy(), with_nan),
        (column[:, :1], column),
        (1e-7 * one_off, 1e-7 * b),
        (large.astype(np.float32), large),
        (near_zero + 1e-9, near_zero),
        (np.zeros(3), np.zeros(3)),
    ]
    return [(*pairs[k], 1e-6) for k in rng.permutation(len(pairs))]


def _run_agree(answer, case):
    """Call it; where it is wrong, say for what kind of arrays."""
    a, b, _ = case
    given = answer(*case)
    if isinstance(given, bool | np.bool_) and given != agree(*case):
        off = f"they differ by {np.abs(a - b).max():.1e} at most" if a.shape == b.shape else ""
        kind = off or f"their shapes are {a.shape} and {b.shape}"
        raise AnswerError(
            f"It returned {given} for two arrays: {kind}, and the largest number of b is "
            f"{np.abs(b).max():.1e}."
        )
    return given


AGREE = Exercise(
    name="code/agree",
    chapter="frameworks",
    task="Repair a comparison that can never fail.",
    reference=agree,
    cases=_pairs,
    run=_run_agree,
    broken="never fails",
    wrong_answers=(
        WrongAnswer(
            "never fails",
            _never_fails,
            "It says True to everything: the error that it raises it also catches.",
        ),
        WrongAnswer(
            "broadcasts",
            _broadcasts,
            "Arrays of shape (3, 1) and (3, 4) were found to agree: NumPy stretched one of them. "
            "Compare the shapes first.",
        ),
        WrongAnswer(
            "lets NaN pass",
            _lets_nan_pass,
            "An array with NaN was found to agree: NaN > tolerance is False, and so is every other "
            "comparison with NaN.",
        ),
        WrongAnswer(
            "absolute",
            _absolute,
            "Differences are measured in absolute terms: then all small numbers agree, and no "
            "large ones do. Compare with tolerance times the largest number of b.",
        ),
        WrongAnswer(
            "without abs",
            _without_abs,
            "Where a is smaller than b the difference is negative, and negative is below every "
            "tolerance: take np.abs.",
        ),
        WrongAnswer(
            "means",
            _means,
            "Two arrays whose numbers differ up and down have the same mean. Compare number by "
            "number and take the largest difference.",
        ),
        WrongAnswer(
            "number by number",
            _number_by_number,
            "Each difference is measured by its own number. Where many terms cancel to nearly "
            "zero, rounding alone is far more than that: measure by the largest number of b.",
        ),
        WrongAnswer(
            "bit by bit",
            _bit_by_bit,
            "Equal to the last bit is too much to ask of two programs: sums in another order are "
            "rounded otherwise. That is what the tolerance is for.",
        ),
    ),
    hints=(
        "Who catches the error that is raised? And what would be left to return then?",
        "Three things to ask before any subtraction: the shapes, NaN in a, NaN in b.",
        "Then the largest absolute difference, against tolerance times the largest |b|.",
    ),
)

EXERCISES = (FROM_KERAS, MERGE_BIASES, ONNX_ARRAYS, WHICH_GRADIENT, AGREE)
