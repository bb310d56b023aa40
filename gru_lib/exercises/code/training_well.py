"""Exercises of chapter 12, `training-well`."""

import numpy as np

from gru_lib.exercises.checker import AnswerError, Exercise, WrongAnswer

# --- constant-guess -------------------------------------------------------------------------


def constant_guess(low, high, marks):
    """Smallest mean squared error of an answer that is always the same."""
    # the best constant is the mean, and what it leaves is the variance of the sum
    return marks * (high - low) ** 2 / 12


CONSTANT_GUESS = Exercise(
    name="code/constant-guess",
    chapter="training-well",
    task="Derive the error of the best constant answer to an adding problem.",
    reference=constant_guess,
    cases=lambda rng: (
        [(0, 1, 2)]
        + [
            (round(float(low), 1), round(float(low + width), 1), int(marks))
            for low, width, marks in zip(
                rng.uniform(0.5, 2, 4),
                rng.uniform(1.5, 4, 4),
                rng.integers(3, 7, 4),
                strict=True,
            )
        ]
    ),
    wrong_answers=(
        WrongAnswer(
            "one number",
            lambda low, high, marks: (high - low) ** 2 / 12,
            "That is the variance of one number. Variances of independent numbers add up.",
        ),
        WrongAnswer(
            "answers zero",
            lambda low, high, marks: (
                marks * (high - low) ** 2 / 12 + (marks * (low + high) / 2) ** 2
            ),
            "That is the error of always saying 0. A better constant exists: the mean of the sums.",
        ),
        WrongAnswer(
            "standard deviation",
            lambda low, high, marks: (marks * (high - low) ** 2 / 12) ** 0.5,
            "That is the square root of it. The error is squared, so it is the variance.",
        ),
        WrongAnswer(
            "always one sixth",
            lambda low, high, marks: 1 / 6,
            "1/6 belongs to two numbers from 0 to 1. Here both range and number of marks vary.",
        ),
        WrongAnswer(
            "the range, not squared",
            lambda low, high, marks: marks * (high - low) / 12,
            "A range twice as wide has a variance four times as large: square it.",
        ),
        WrongAnswer(
            "one number, many times as long",
            lambda low, high, marks: (marks * (high - low)) ** 2 / 12,
            "That is the variance of ONE number multiplied by how many are marked. The marked "
            "numbers are independent: they partly cancel.",
        ),
    ),
    hints=(
        "Which constant c makes the mean of (sum - c)**2 smallest? What is then left?",
        "A number that is uniform from 0 to 1 has a variance of 1/12.",
        "Variances of independent numbers add up, and grow with the square of the range.",
    ),
)

# --- chrono-bias ----------------------------------------------------------------------------


def chrono_bias(bias_ih, bias_hh, longest, share):
    """Both biases of a GRU layer, (3 H) each, after chrono initialisation."""
    size = len(share)
    update = slice(size, 2 * size)  # reset gate, update gate, candidate
    bias_ih, bias_hh = bias_ih.copy(), bias_hh.copy()
    times = 1 + share * (longest - 2)  # from 1 to longest - 1 steps
    bias_ih[update] = np.log(times)
    bias_hh[update] = 0  # the two are added: set one of them, and clear the other
    return np.stack([bias_ih, bias_hh])


def _chrono_with(rows=1, sign=1.0, both=False, keep_other=False, up_to=1):
    def answer(bias_ih, bias_hh, longest, share):
        size = len(share)
        part = slice(rows * size, (rows + 1) * size)
        bias_ih, bias_hh = bias_ih.copy(), bias_hh.copy()
        bias_ih[part] = sign * np.log(1 + share * (longest - up_to - 1))
        if both:
            bias_hh[part] = bias_ih[part]
        elif not keep_other:
            bias_hh[part] = 0
        return np.stack([bias_ih, bias_hh])

    return answer


def _times_as_biases(bias_ih, bias_hh, longest, share):
    right = chrono_bias(bias_ih, bias_hh, longest, share)
    size = len(share)
    right[0, size : 2 * size] = np.exp(right[0, size : 2 * size])
    return right


def _bias_cases(rng):
    sizes = rng.integers(3, 6, size=4).tolist()
    return [
        (
            rng.normal(size=3 * size).round(2),
            rng.normal(size=3 * size).round(2),
            int(rng.integers(10, 200)),
            rng.uniform(0.1, 0.9, size).round(2),
        )
        for size in sizes
    ]


CHRONO_BIAS = Exercise(
    name="code/chrono-bias",
    chapter="training-well",
    task="Give every unit of a GRU a time for which it keeps.",
    reference=chrono_bias,
    cases=_bias_cases,
    wrong_answers=(
        WrongAnswer(
            "the reset gate's rows",
            _chrono_with(rows=0),
            "These are the reset gate's rows. PyTorch stacks reset gate, update gate, candidate.",
        ),
        WrongAnswer(
            "the candidate's rows",
            _chrono_with(rows=2),
            "These are the candidate's rows. The update gate's are those in the middle.",
        ),
        WrongAnswer(
            "the other sign",
            _chrono_with(sign=-1.0),
            "With this sign every unit forgets at once. In PyTorch a gate near 1 keeps, so the "
            "bias is positive; the other sign belongs to papers in which it replaces.",
        ),
        WrongAnswer(
            "in both biases",
            _chrono_with(both=True),
            "The two biases are added: set in both, log(time) counts twice, and the unit keeps for "
            "the square of its time.",
        ),
        WrongAnswer(
            "the other bias left as it was",
            _chrono_with(keep_other=True),
            "The bias beside the state is added to yours: clear it.",
        ),
        WrongAnswer(
            "up to the longest",
            _chrono_with(up_to=0),
            "The times go from 1 to longest - 1, not to longest.",
        ),
        WrongAnswer(
            "times as biases",
            _times_as_biases,
            "A time is not a bias: a gate at sigmoid(b) keeps for about exp(b) steps, so take the "
            "logarithm.",
        ),
    ),
    hints=(
        "First the times: share 0 is 1 step, share 1 is longest - 1 steps.",
        "bias = log(time), in the rows H to 2 H of bias_ih. What about the same rows of bias_hh?",
    ),
)

# --- masked-mean ----------------------------------------------------------------------------


def masked_mean(losses, lengths):
    """Mean of losses (T, B) over the steps that belong to a sequence."""
    steps = np.arange(len(losses))[:, None]
    valid = steps < lengths  # (T, B): sequence b has lengths[b] steps
    # the division is by what was added up; with no valid step at all the loss is 0
    return (losses * valid).sum() / max(valid.sum(), 1)


def _mean_of_means(losses, lengths):
    means = [losses[:n, b].mean() for b, n in enumerate(lengths) if n > 0]
    return float(np.mean(means)) if means else 0.0


def _shifted_mask(losses, lengths):
    valid = np.arange(len(losses))[:, None] <= lengths
    return (losses * valid).sum() / max(valid.sum(), 1)


def _no_guard(losses, lengths):
    valid = np.arange(len(losses))[:, None] < lengths
    with np.errstate(invalid="ignore"):
        return (losses * valid).sum() / valid.sum()


def _a_number(answer, case):
    result = answer(*case)
    if isinstance(result, float) and np.isnan(result):
        raise AnswerError(f"For lengths {case[1].tolist()} it returned NaN.")
    return result


def _length_cases(rng):
    cases = []
    for steps, batch in ((6, 3), (5, 1), (7, 4)):
        lengths = rng.integers(1, steps - 1, size=batch)
        if batch > 1:
            lengths[:2] = 0, steps - 1  # an empty sequence and a long one
        cases.append((rng.uniform(0.5, 2, size=(steps, batch)).round(2), lengths))
    cases.append((rng.uniform(0.5, 2, size=(4, 2)).round(2), np.array([0, 0])))
    return cases


MASKED_MEAN = Exercise(
    name="code/masked-mean",
    chapter="training-well",
    task="Average a loss over sequences of different lengths.",
    reference=masked_mean,
    cases=_length_cases,
    run=_a_number,
    wrong_answers=(
        WrongAnswer(
            "over the padding",
            lambda losses, lengths: (losses * (np.arange(len(losses))[:, None] < lengths)).mean(),
            "You divide by ALL steps, padding included. A batch with more padding then has a "
            "smaller loss, and a smaller gradient, for no reason. Divide by the valid steps.",
        ),
        WrongAnswer(
            "no mask",
            lambda losses, lengths: losses.mean(),
            "The padded steps are in the mean: leave them out.",
        ),
        WrongAnswer(
            "mean of means",
            _mean_of_means,
            "This is the mean of each sequence's mean: a step of a short sequence then weighs more "
            "than a step of a long one. Here every step weighs the same.",
        ),
        WrongAnswer(
            "one step too many",
            _shifted_mask,
            "One padded step of each sequence slipped in. Steps are counted from 0: step t is "
            "valid if t < length.",
        ),
        WrongAnswer(
            "no guard",
            _no_guard,
            "With no valid step you divide 0 by 0, and NaN spreads to every weight. Nothing to "
            "learn from is a loss of 0.",
        ),
    ),
    hints=(
        "A mask (T, B): np.arange(T)[:, None] < lengths.",
        "Sum what is valid, divide by how many are valid. What if there is none?",
    ),
)

# --- copy-floor -----------------------------------------------------------------------------


def copy_floor(symbols, to_copy, delay):
    """Mean loss, in nats a step, of the best guesser without a memory."""
    steps = delay + 2 * to_copy  # shown, delayed, wanted back
    # a blank is certain; a symbol that is wanted back is one of `symbols`
    return to_copy * np.log(symbols) / steps


COPY_FLOOR = Exercise(
    name="code/copy-floor",
    chapter="training-well",
    task="Derive the loss of a model without memory in the copy task.",
    reference=copy_floor,
    cases=lambda rng: (
        [(8, 10, 1000)]
        + [
            (int(s), int(c), int(d))
            for s, c, d in zip(
                rng.integers(3, 20, 4),
                rng.integers(2, 15, 4),
                rng.integers(20, 300, 4),
                strict=True,
            )
        ]
    ),
    wrong_answers=(
        WrongAnswer(
            "only the delay",
            lambda symbols, to_copy, delay: to_copy * np.log(symbols) / delay,
            "The sequence is longer than the delay: the symbols are shown before it, and wanted "
            "after it.",
        ),
        WrongAnswer(
            "shown but not wanted",
            lambda symbols, to_copy, delay: to_copy * np.log(symbols) / (delay + to_copy),
            "The symbols take their steps twice: when they are shown and when they are wanted.",
        ),
        WrongAnswer(
            "always twenty",
            lambda symbols, to_copy, delay: to_copy * np.log(symbols) / (delay + 20),
            "20 are the steps of 10 symbols, shown and wanted. Here the number of symbols varies.",
        ),
        WrongAnswer(
            "per symbol",
            lambda symbols, to_copy, delay: float(np.log(symbols)),
            "That is the loss of one symbol that is wanted. The mean goes over all steps, and in "
            "all others the right answer is blank, for certain.",
        ),
        WrongAnswer(
            "in bits",
            lambda symbols, to_copy, delay: to_copy * np.log2(symbols) / (delay + 2 * to_copy),
            "These are bits. Cross entropy in PyTorch is in nats: the natural logarithm.",
        ),
        WrongAnswer(
            "blank as well",
            lambda symbols, to_copy, delay: to_copy * np.log(symbols + 1) / (delay + 2 * to_copy),
            "Where a symbol is wanted the model knows that it is no blank: one choice fewer.",
        ),
    ),
    hints=(
        "In which steps does a model without memory know the answer for certain?",
        "A guess among n equally likely symbols costs log(n).",
        "to_copy such guesses, shared out over delay + 2 * to_copy steps.",
    ),
)

# --- choose-and-report ----------------------------------------------------------------------


def choose_and_report(validation, test):
    """The setting to use, and its error; both arrays are (settings, seeds)."""
    chosen = int(validation.mean(axis=1).argmin())  # the test set has no say
    return chosen, test[chosen].mean()


def _chosen_by_test(validation, test):
    chosen = int(test.mean(axis=1).argmin())
    return chosen, test[chosen].mean()


def _luckiest_run(validation, test):
    chosen = int(validation.min(axis=1).argmin())
    return chosen, test[chosen].mean()


def _best_seed_reported(validation, test):
    chosen = int(validation.mean(axis=1).argmin())
    return chosen, test[chosen].min()


def _validation_reported(validation, test):
    chosen = int(validation.mean(axis=1).argmin())
    return chosen, validation[chosen].mean()


def _largest(validation, test):
    chosen = int(validation.mean(axis=1).argmax())
    return chosen, test[chosen].mean()


def _error_cases(rng):
    cases = []
    for settings, seeds in ((4, 3), (5, 5), (6, 4)):
        level = 0.3 + 0.1 * rng.permutation(settings)[:, None]
        validation, test = level + rng.uniform(0, 0.04, size=(2, settings, seeds))
        _, second, third = level[:, 0].argsort()[:3]
        test[second] -= 0.25  # lucky on the test set
        validation[third, 0] = 0.05  # one lucky run among bad ones
        validation[third, 1:] += 0.3
        cases.append((validation.round(3), test.round(3)))
    return cases


def _both_numbers(answer, case):
    result = answer(*case)
    if result is None or result is ...:
        return result
    if not isinstance(result, tuple) or len(result) != 2:
        raise AnswerError("It should return two things: the number of the setting, and its error.")
    return np.array([float(part) for part in result])


CHOOSE_AND_REPORT = Exercise(
    name="code/choose-and-report",
    chapter="training-well",
    task="Repair a choice of hyper-parameters that looks at the test set.",
    reference=choose_and_report,
    cases=_error_cases,
    broken="chosen by the test set",
    run=_both_numbers,
    wrong_answers=(
        WrongAnswer(
            "chosen by the test set",
            _chosen_by_test,
            "The setting was chosen on the test set. Its error there is then the smallest of "
            "several, too good to be true, and nothing is left to judge it by.",
        ),
        WrongAnswer(
            "the luckiest run",
            _luckiest_run,
            "This picks the setting with the single best run. One lucky seed decides: compare "
            "means over the seeds.",
        ),
        WrongAnswer(
            "the best seed reported",
            _best_seed_reported,
            "The choice is right, and then only the best seed is reported. Who uses the setting "
            "gets an ordinary seed: report the mean.",
        ),
        WrongAnswer(
            "validation reported",
            _validation_reported,
            "This is the error that the choice was made by, the smallest of several. Report the "
            "one on the test set.",
        ),
        WrongAnswer(
            "the largest error",
            _largest,
            "These are errors: the smallest is the best.",
        ),
    ),
    hints=(
        "Which of the two arrays may `argmin` see?",
        "Choose by the mean over seeds of the validation errors. Report the mean test error.",
    ),
)

# --- truncated-slope ------------------------------------------------------------------------


def truncated_slope(w, inputs, window):
    """d h_T / d w as backpropagation through the last `window` steps gives it."""
    states = [0.0]
    for x in inputs:
        states.append(w * states[-1] + x)
    slope, path = 0.0, 1.0
    for back in range(1, min(window, len(inputs)) + 1):
        slope += path * states[-1 - back]  # w met this state `back` steps ago
        path *= w
    return slope


def _full_slope(w, inputs, window):
    return truncated_slope(w, inputs, len(inputs))


def _reset_slope(w, inputs, window):
    return truncated_slope(w, inputs[-window:], window)


def _last_step_only(w, inputs, window):
    return truncated_slope(w, inputs, 1)


def _one_more(w, inputs, window):
    return truncated_slope(w, inputs, window + 1)


def _without_path(w, inputs, window):
    states = [0.0]
    for x in inputs:
        states.append(w * states[-1] + x)
    return float(sum(states[-1 - back] for back in range(1, min(window, len(inputs)) + 1)))


TRUNCATED_SLOPE = Exercise(
    name="code/truncated-slope",
    chapter="training-well",
    task="Derive what truncated backpropagation computes, for one linear unit.",
    reference=truncated_slope,
    cases=lambda rng: [
        (
            round(rng.uniform(0.5, 0.95), 2),
            rng.uniform(0.5, 1.5, size=int(rng.integers(6, 8))).round(1).tolist(),
            int(window),
        )
        for window in (3, *rng.integers(2, 6, size=4))
    ],
    wrong_answers=(
        WrongAnswer(
            "the whole way back",
            _full_slope,
            "That is the full slope. Only `window` steps back are followed.",
        ),
        WrongAnswer(
            "started at zero",
            _reset_slope,
            "You started the window from a state of zero. The gradient is cut, the STATE is "
            "carried: it has come through all the inputs.",
        ),
        WrongAnswer(
            "the last step only",
            _last_step_only,
            "That is a window of one step. The old state of the last step depends on w as well.",
        ),
        WrongAnswer(
            "one step too many",
            _one_more,
            "One step too far: with a window of 1, w counts where it acts in the last step, and "
            "nowhere else.",
        ),
        WrongAnswer(
            "without the path",
            _without_path,
            "What w does to an early state reaches the end through later steps, each of which "
            "multiplies by w.",
        ),
    ),
    hints=(
        "h_T = w * h_(T-1) + x_T, so its slope is h_(T-1) + w * (slope of h_(T-1)).",
        "The first step of the window takes its old state for a constant: slope 0.",
        "Sum w**j * h_(T-1-j) for j from 0 to window - 1.",
    ),
)

EXERCISES = (
    CONSTANT_GUESS,
    COPY_FLOOR,
    CHRONO_BIAS,
    MASKED_MEAN,
    CHOOSE_AND_REPORT,
    TRUNCATED_SLOPE,
)
