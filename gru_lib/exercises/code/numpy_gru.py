"""Exercises of chapter 09, `numpy-gru`."""

import numpy as np

from gru_lib.exercises.checker import Exercise, WrongAnswer
from gru_lib.numpy_gru import GRU
from gru_lib.numpy_nn import Embedding, Linear

# --- bits-per-character ---------------------------------------------------------------------


def bits_per_character(losses, lengths):
    """Bits per character of a text, from the mean loss (nats) of each part."""
    nats = sum(loss * length for loss, length in zip(losses, lengths, strict=True))
    return nats / sum(lengths) / np.log(2)  # log2(p) = log(p) / log(2)


def _mean_of_means(losses, lengths):
    return sum(losses) / len(losses) / np.log(2)


def _times_log_2(losses, lengths):
    return bits_per_character(losses, lengths) * np.log(2) ** 2


def _nats(losses, lengths):
    return bits_per_character(losses, lengths) * np.log(2)


def _perplexity(losses, lengths):
    return float(np.exp(_nats(losses, lengths)))


def _all_bits(losses, lengths):
    return bits_per_character(losses, lengths) * sum(lengths)


def _loss_cases(rng):
    cases = [([1.0, 3.0], [3, 1])]
    for parts in (2, 3, 5):
        losses = rng.uniform(1, 4, size=parts).round(2).tolist()
        cases.append((losses, rng.choice(np.arange(1, 60), size=parts, replace=False).tolist()))
    return cases


BITS_PER_CHARACTER = Exercise(
    name="code/bits-per-character",
    chapter="numpy-gru",
    task="Turn losses of parts of a text into bits per character of the text.",
    reference=bits_per_character,
    cases=_loss_cases,
    wrong_answers=(
        WrongAnswer(
            "a mean of means",
            _mean_of_means,
            "A part of 50 characters weighs 50 times as much as a part of one.",
        ),
        WrongAnswer(
            "times log 2",
            _times_log_2,
            "One nat is more than one bit: log2(e) = 1 / log(2) = 1.44 bits. Divide.",
        ),
        WrongAnswer(
            "nats",
            _nats,
            "That is in nats, the unit of the natural logarithm. One bit is log(2) nats.",
        ),
        WrongAnswer(
            "perplexity",
            _perplexity,
            "That is the perplexity: among how many equally likely characters the model wavers.",
        ),
        WrongAnswer(
            "of all characters together",
            _all_bits,
            "That many bits take all the characters together. Divide by their number.",
        ),
    ),
    hints=(
        "Sum the nats of all characters first: mean times length, part by part.",
        "Divide by the number of characters, then by log(2).",
    ),
)

# --- windows --------------------------------------------------------------------------------


def windows(codes, batch, steps):
    """Inputs and targets, (windows, steps, batch), to carry a state through."""
    length = (len(codes) - 1) // batch  # the last input needs a target too
    count = length // steps

    def cut(codes):
        streams = codes[: batch * length].reshape(batch, length)  # a stream a row
        return streams[:, : count * steps].T.reshape(count, steps, batch)

    return cut(codes), cut(codes[1:])


def _not_shifted(codes, batch, steps):
    inputs, _ = windows(codes, batch, steps)
    return inputs, inputs


def _shifted_back(codes, batch, steps):
    inputs, targets = windows(codes, batch, steps)
    return targets, inputs


def _across(codes, batch, steps):
    length = (len(codes) - 1) // batch
    count = length // steps

    def cut(codes):
        return codes[: batch * count * steps].reshape(count, steps, batch)

    return cut(codes), cut(codes[1:])


def _side_by_side(codes, batch, steps):
    length = (len(codes) - 1) // batch
    count = length // steps

    def cut(codes):
        pieces = codes[: batch * count * steps].reshape(count, batch, steps)
        return pieces.transpose(0, 2, 1)

    return cut(codes), cut(codes[1:])


def _batch_first(codes, batch, steps):
    return tuple(part.transpose(0, 2, 1) for part in windows(codes, batch, steps))


def _window_cases(rng):
    cases = []
    for batch, steps in ((2, 3), (3, 2), (4, 5)):
        length = batch * steps * int(rng.integers(2, 5)) + int(rng.integers(1, 1 + batch))
        cases.append((rng.permutation(length + batch), batch, steps))
    return [*cases, (rng.permutation(7), 2, 3)]  # 2 * 3 + 1: not one character too few


WINDOWS = Exercise(
    name="code/windows",
    chapter="numpy-gru",
    task="Cut a text into windows for truncated backpropagation through time.",
    reference=windows,
    cases=_window_cases,
    wrong_answers=(
        WrongAnswer(
            "targets not shifted",
            _not_shifted,
            "The target is the character that comes next. To copy the input is no task at all: the "
            "loss would fall to 0.",
        ),
        WrongAnswer(
            "shifted back",
            _shifted_back,
            "Those targets are what came before: the answer is what the network has read already.",
        ),
        WrongAnswer(
            "cut across the batch",
            _across,
            "Down one column every batch-th character stands there. A stream is a text: cut the "
            "codes into `batch` long pieces first, then put those side by side.",
        ),
        WrongAnswer(
            "neighbouring windows side by side",
            _side_by_side,
            "A column reads well inside a window, but the next window does not go on where it "
            "stopped: the state that you carry would belong to another place in the text.",
        ),
        WrongAnswer(
            "batch first",
            _batch_first,
            "Time comes before the batch: (windows, steps, batch).",
        ),
    ),
    hints=(
        "Each of the `batch` streams has (len(codes) - 1) // batch characters.",
        "codes[: batch * length].reshape(batch, length) has one stream in each row.",
        "Cut the rows to a multiple of steps, transpose, reshape to (windows, steps, batch). The "
        "targets: the same from codes[1:].",
    ),
)

# --- temperature ----------------------------------------------------------------------------


def with_temperature(logits, temperature):
    """Probabilities of a softmax at some temperature."""
    scaled = logits / temperature
    weights = np.exp(scaled - scaled.max())  # the largest is exp(0): no overflow
    return weights / weights.sum()


def _multiplied(logits, temperature):
    return with_temperature(logits, 1 / temperature)


def _divided_afterwards(logits, temperature):
    return with_temperature(logits, 1.0) / temperature


def _not_normalised(logits, temperature):
    scaled = logits / temperature
    return np.exp(scaled - scaled.max())


def _most_probable(logits, temperature):
    return (logits == logits.max()).astype(float)


def _temperature_cases(rng):
    cases = [(rng.normal(size=int(n)), round(rng.uniform(0.3, 0.8), 2)) for n in (3, 5)]
    cases += [(rng.normal(size=4), round(rng.uniform(1.3, 3), 2))]
    return [*cases, (rng.normal(size=4) + 800, 0.5)]  # a network may be that sure


TEMPERATURE = Exercise(
    name="code/temperature",
    chapter="numpy-gru",
    task="Make a model bolder or more careful: softmax at a temperature.",
    reference=with_temperature,
    cases=_temperature_cases,
    wrong_answers=(
        WrongAnswer(
            "multiplied",
            _multiplied,
            "A high temperature flattens: divide the logits by it.",
        ),
        WrongAnswer(
            "probabilities divided",
            _divided_afterwards,
            "Divided after the softmax the numbers do not sum to 1; made to sum to 1 they would be "
            "what they were. The temperature divides the logits.",
        ),
        WrongAnswer(
            "not normalised",
            _not_normalised,
            "Probabilities sum to 1: divide by the sum of all weights.",
        ),
        WrongAnswer(
            "the most probable",
            _most_probable,
            "That is the limit of temperature 0. Above 0 every character keeps a chance.",
        ),
    ),
    hints=(
        "Divide the logits, not the probabilities.",
        "softmax(a) = exp(a) / sum(exp(a)). If it overflows: subtracting one number from all of a "
        "changes nothing, so subtract the largest.",
    ),
)

# --- continue-text --------------------------------------------------------------------------


class _Reader:
    """A small model that reads code after code: an embedding, a GRU, a linear map."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self._embedding = Embedding(5, 8, dtype=np.float64, rng=rng)
        gru = GRU(8, 8, dtype=np.float64, rng=rng)
        for parameter in gru.parameters.values():
            parameter *= 4  # strong enough that what was read shows in what follows
        self._stream = gru.stream()
        self._linear = Linear(8, 5, dtype=np.float64, rng=rng)

    def read(self, code):
        """Take in one code; return the logits of the next."""
        return self._linear(self._stream.step(self._embedding(code)))


def continue_text(model, prompt, length):
    """The likeliest continuation; model.read(code) gives the next code's logits."""
    for code in prompt:
        logits = model.read(code)
    codes = []
    for _ in range(length):
        codes.append(int(logits.argmax()))
        logits = model.read(codes[-1])
    return codes


def continue_text_broken(model, prompt, length):
    """The likeliest continuation; model.read(code) gives the next code's logits."""
    for code in prompt:
        model.read(code)
    codes = [prompt[-1]]
    for _ in range(length):
        logits = model.read(codes[-1])
        codes.append(int(logits.argmax()))
    return codes[1:]


def _last_alone(model, prompt, length):
    return continue_text(model, prompt[-1:], length)


def _never_fed_back(model, prompt, length):
    for code in prompt[:-1]:
        model.read(code)
    return [int(model.read(prompt[-1]).argmax()) for _ in range(length)]


def _with_prompt(model, prompt, length):
    return [*prompt, *continue_text(model, prompt, length)]


def _first_left_out(model, prompt, length):
    return continue_text(model, prompt, length + 1)[1:]


def _least_probable(model, prompt, length):
    for code in prompt:
        logits = model.read(code)
    codes = []
    for _ in range(length):
        codes.append(int(logits.argmin()))
        logits = model.read(codes[-1])
    return codes


def _run_reader(answer, case):
    seed, prompt, length = case
    return answer(_Reader(seed), prompt, length)


def _differ(seed, prompt, length):
    """Whether every mistake shows on this case, and not always as the same."""
    outcomes = [
        tuple(_run_reader(answer, (seed, prompt, length)))
        for answer in (
            continue_text,
            continue_text_broken,
            _last_alone,
            _never_fed_back,
            _first_left_out,
            _least_probable,
        )
    ]
    return len(set(outcomes)) == len(outcomes)


def _prompt_cases(rng):
    cases = []
    while len(cases) < 4:
        prompt = rng.integers(0, 5, size=int(rng.integers(3, 7))).tolist()
        case = (int(rng.integers(10_000)), prompt, 12)
        if _differ(*case):
            cases.append(case)
    return cases


CONTINUE_TEXT = Exercise(
    name="code/continue-text",
    chapter="numpy-gru",
    task="Let a trained model write, without a step too many.",
    reference=continue_text,
    cases=_prompt_cases,
    run=_run_reader,
    broken="reads the last character twice",
    wrong_answers=(
        WrongAnswer(
            "reads the last character twice",
            continue_text_broken,
            "The last character of the prompt is read twice: once in the first loop, once more at "
            "the start of the second. The model goes on from a text that nobody wrote.",
        ),
        WrongAnswer(
            "reads the last character alone",
            _last_alone,
            "The state has to hold the whole prompt: read all of it.",
        ),
        WrongAnswer(
            "never feeds back",
            _never_fed_back,
            "What the model has written has to be read as well, or it does not know it said it.",
        ),
        WrongAnswer(
            "returns the prompt too",
            _with_prompt,
            "Return the continuation alone.",
        ),
        WrongAnswer(
            "leaves the first one out",
            _first_left_out,
            "The first code is chosen right after the prompt, before anything else is read.",
        ),
        WrongAnswer(
            "the least probable",
            _least_probable,
            "argmin picks the least probable code.",
        ),
    ),
    hints=(
        "Count the calls of read: with a prompt of three, how often had the model read when the "
        "first new code is chosen?",
        "Keep the logits of the first loop: they already say what comes first.",
        "In the second loop: choose from the logits you have, then read what you chose.",
    ),
)

# --- witten-bell ----------------------------------------------------------------------------


def witten_bell(codes, size):
    """P(next code | code), (size, size), smoothed after Witten and Bell."""
    single = np.bincount(codes, minlength=size)
    kinds = np.count_nonzero(single)
    lower = (single + kinds / size) / (single.sum() + kinds)  # rests on 1 / size

    pairs = np.zeros((size, size))
    np.add.at(pairs, (codes[:-1], codes[1:]), 1)
    total = pairs.sum(axis=1, keepdims=True)
    kinds_after = np.count_nonzero(pairs, axis=1)[:, None]
    mixed = (pairs + kinds_after * lower) / np.maximum(total + kinds_after, 1)
    return np.where(total > 0, mixed, lower)  # nothing seen: the lower order


def _add_one(codes, size):
    pairs = np.zeros((size, size))
    np.add.at(pairs, (codes[:-1], codes[1:]), 1)
    return (pairs + 1) / (pairs.sum(axis=1, keepdims=True) + size)


def _rests_on_uniform(codes, size):
    pairs = np.zeros((size, size))
    np.add.at(pairs, (codes[:-1], codes[1:]), 1)
    kinds_after = np.count_nonzero(pairs, axis=1)[:, None]
    total = pairs.sum(axis=1, keepdims=True) + kinds_after
    return np.where(total > 0, (pairs + kinds_after / size) / np.maximum(total, 1), 1 / size)


def _lower_not_smoothed(codes, size):
    single = np.bincount(codes, minlength=size)
    lower = single / single.sum()
    pairs = np.zeros((size, size))
    np.add.at(pairs, (codes[:-1], codes[1:]), 1)
    kinds_after = np.count_nonzero(pairs, axis=1)[:, None]
    total = pairs.sum(axis=1, keepdims=True) + kinds_after
    return np.where(total > 0, (pairs + kinds_after * lower) / np.maximum(total, 1), lower)


def _kinds_before(codes, size):
    single = np.bincount(codes, minlength=size)
    kinds = np.count_nonzero(single)
    lower = (single + kinds / size) / (single.sum() + kinds)
    pairs = np.zeros((size, size))
    np.add.at(pairs, (codes[:-1], codes[1:]), 1)
    kinds_before = np.count_nonzero(pairs, axis=0)[:, None]
    total = pairs.sum(axis=1, keepdims=True) + kinds_before
    return np.where(total > 0, (pairs + kinds_before * lower) / np.maximum(total, 1), lower)


def _not_smoothed(codes, size):
    pairs = np.zeros((size, size))
    np.add.at(pairs, (codes[:-1], codes[1:]), 1)
    return pairs / np.maximum(pairs.sum(axis=1, keepdims=True), 1)


def _transposed(codes, size):
    return witten_bell(codes, size).T


def _text_cases(rng):
    """Texts over fewer codes than there are, one of them with something new at its end."""
    cases = []
    for size in (3, 4, 6):
        table = rng.dirichlet(np.full(size - 1, 0.4), size=size - 1)
        codes = [0, 0, *range(size - 1)]
        while len(codes) < 40:
            codes.append(int(rng.choice(size - 1, p=table[codes[-1]])))
        cases.append((np.array(codes), size))
    return [*cases, (np.array([0, 1, 0, 1, 1, 2]), 3)]


WITTEN_BELL = Exercise(
    name="code/witten-bell",
    chapter="numpy-gru",
    task="Build the baseline's smallest member: a bigram model that is never surprised to death.",
    reference=witten_bell,
    cases=_text_cases,
    wrong_answers=(
        WrongAnswer(
            "add one",
            _add_one,
            "One more for every pair is Laplace's rule: it gives the same to all that is unseen. "
            "Witten and Bell give it in proportion to the lower order.",
        ),
        WrongAnswer(
            "rests on the uniform distribution",
            _rests_on_uniform,
            "Between pairs and 1 / size stands the order below: how often a code comes at all.",
        ),
        WrongAnswer(
            "lower order not smoothed",
            _lower_not_smoothed,
            "A code that never came still has probability 0. The lower order is smoothed in the "
            "same way, with 1 / size below it.",
        ),
        WrongAnswer(
            "kinds before",
            _kinds_before,
            "Count how many different codes FOLLOW this one, not how many come before it.",
        ),
        WrongAnswer(
            "not smoothed",
            _not_smoothed,
            "A pair that was never seen has probability 0, and one of them in a text makes its "
            "loss infinite.",
        ),
        WrongAnswer(
            "transposed",
            _transposed,
            "Row: the code before. Column: the code that follows. Each row sums to 1.",
        ),
    ),
    hints=(
        "Start below: lower[c] = (count(c) + K / size) / (n + K), with K the number of different "
        "codes and n the length of the text.",
        "Then each row u: (count(u c) + N(u) * lower[c]) / (count(u) + N(u)), where N(u) codes "
        "were seen after u and count(u) is the sum of the row.",
        "A code with nothing after it gets the lower order.",
    ),
)

EXERCISES = (BITS_PER_CHARACTER, WINDOWS, TEMPERATURE, CONTINUE_TEXT, WITTEN_BELL)
