"""Exercises of chapter 28, `pretraining`."""

import numpy as np

from gru_lib.exercises.checker import Exercise, WrongAnswer

# --- bits-of-a-text ---------------------------------------------------------------------------


def bits_of_text(logits, codes):
    """Mean bits for codes[1:]; logits[t] was given after codes[: t + 1]; (T, V) and (T + 1,)."""
    largest = logits.max(axis=1, keepdims=True)  # exp would overflow without it
    normaliser = np.log(np.exp(logits - largest).sum(axis=1)) + largest[:, 0]
    log_probability = logits[np.arange(len(logits)), codes[1:]] - normaliser
    return -log_probability.mean() / np.log(2)


def _nats_of_text(logits, codes):
    return bits_of_text(logits, codes) * np.log(2)


def _bits_of_what_was_read(logits, codes):
    return bits_of_text(logits, np.concatenate([codes[:1], codes[:-1]]))


def _sum_of_bits(logits, codes):
    return bits_of_text(logits, codes) * len(logits)


def _bits_without_normaliser(logits, codes):
    return -logits[np.arange(len(logits)), codes[1:]].mean() / np.log(2)


def _bits_of_mean_probability(logits, codes):
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probability = shifted / shifted.sum(axis=1, keepdims=True)
    return -np.log2(probability[np.arange(len(logits)), codes[1:]].mean())


def _text_cases(rng):
    cases = [(np.zeros((3, 4)) + 1, np.array([0, 1, 2, 3]))]
    for steps, size in ((4, 3), (7, 5)):
        logits = rng.normal(size=(steps, size)).round(2) * 3
        cases.append((logits, rng.permutation(np.arange(steps + 1) % size)))
    return [*cases, (np.array([[1000.0, 0.0], [0.0, 999.0]]), np.array([1, 0, 1]))]


BITS_OF_A_TEXT = Exercise(
    name="fine-tuning/bits-of-a-text",
    chapter="pretraining",
    task="Bits a character of a text, from the logits of a model.",
    reference=bits_of_text,
    cases=_text_cases,
    wrong_answers=(
        WrongAnswer(
            "nats",
            _nats_of_text,
            "The natural logarithm gives nats. A bit is log 2 nats: divide by np.log(2).",
        ),
        WrongAnswer(
            "what was read",
            _bits_of_what_was_read,
            "You asked how likely the code is that was just read. logits[t] speaks about "
            "codes[t + 1]: pair the logits with codes[1:].",
        ),
        WrongAnswer(
            "sum",
            _sum_of_bits,
            "That is the sum over the text; bits a character are the mean.",
        ),
        WrongAnswer(
            "logits as logarithms",
            _bits_without_normaliser,
            "Logits are no log probabilities until the logarithm of the sum of their exponentials "
            "is taken away.",
        ),
        WrongAnswer(
            "logarithm of the mean",
            _bits_of_mean_probability,
            "You took the mean of the probabilities and then the logarithm. Take the logarithm of "
            "each first: a single impossible character must cost.",
        ),
    ),
    hints=(
        "logits[t] is about codes[t + 1]. Turn each row into log probabilities first.",
        "log softmax: logits - log(sum(exp(logits))), with the largest logit taken out of exp.",
        "-(logits[np.arange(T), codes[1:]] - normaliser).mean() / np.log(2)",
    ),
)

# --- one-loss-three-numbers -------------------------------------------------------------------


def three_numbers(nats, characters_per_word):
    """Bits a character, perplexity a character, perplexity a word, of nats a character."""
    return [nats / np.log(2), np.exp(nats), np.exp(nats * characters_per_word)]


def _loss_cases(rng):
    return [
        (round(float(rng.uniform(0.3, 2.5)), 2), float(length)) for length in rng.integers(4, 8, 4)
    ]


THREE_NUMBERS = Exercise(
    name="fine-tuning/one-loss-three-numbers",
    chapter="pretraining",
    task="Nats a character as bits, as a perplexity a character and as one a word.",
    reference=three_numbers,
    cases=_loss_cases,
    wrong_answers=(
        WrongAnswer(
            "times log 2",
            lambda nats, length: [nats * np.log(2), np.exp(nats), np.exp(nats * length)],
            "A nat is more than a bit (1.44 of them), so there must be more bits than nats: divide "
            "by log 2.",
        ),
        WrongAnswer(
            "2 to the nats",
            lambda nats, length: [nats / np.log(2), 2**nats, 2 ** (nats * length)],
            "The base of the power must be that of the logarithm: e to the nats, or 2 to the bits.",
        ),
        WrongAnswer(
            "perplexity times length",
            lambda nats, length: [nats / np.log(2), np.exp(nats), np.exp(nats) * length],
            "Losses add up along a word, so perplexities multiply: a power, not a product.",
        ),
        WrongAnswer(
            "mean over the word",
            lambda nats, length: [nats / np.log(2), np.exp(nats), np.exp(nats / length)],
            "A word costs more nats than a character of it: multiply by its length.",
        ),
    ),
    hints=(
        "One bit is log 2 = 0.69 nats.",
        "Perplexity is e to the nats, of whatever thing the nats are counted for.",
        "[nats / np.log(2), np.exp(nats), np.exp(nats * characters_per_word)]",
    ),
    tolerance=1e-6,
)

# --- honest-budget ----------------------------------------------------------------------------


def honest_budget(vocabulary, embedding, hidden, layers, characters, epochs):
    """Parameters, characters of the text for each of them, operations of the training."""
    parameters = vocabulary * embedding
    for layer in range(layers):
        inputs = embedding if layer == 0 else hidden
        parameters += 3 * hidden * (inputs + hidden) + 6 * hidden  # two biases a gate
    parameters += hidden * vocabulary + vocabulary
    return [parameters, characters / parameters, 6 * parameters * characters * epochs]


def _budget(gates, biases, later_inputs, operations, count_epochs):
    def answer(vocabulary, embedding, hidden, layers, characters, epochs):
        parameters = vocabulary * embedding
        for layer in range(layers):
            inputs = embedding if layer == 0 or later_inputs == "embedding" else hidden
            parameters += gates * hidden * (inputs + hidden + biases)
        parameters += hidden * vocabulary + vocabulary
        read = characters * epochs
        share = (read if count_epochs else characters) / parameters
        return [parameters, share, operations * parameters * read]

    return answer


def _budget_cases(rng):
    cases = [(96, 48, 160, 2, 286_851, 40)]
    for layers in (2, 3):
        vocabulary, embedding, hidden = (int(n) for n in rng.integers([20, 3, 11], [99, 9, 40]))
        cases.append((vocabulary, embedding, hidden, layers, int(rng.integers(1e4, 1e6)), 3))
    return cases


HONEST_BUDGET = Exercise(
    name="fine-tuning/honest-budget",
    chapter="pretraining",
    task="Parameters, characters a parameter and operations of a pretraining.",
    reference=honest_budget,
    cases=_budget_cases,
    wrong_answers=(
        WrongAnswer(
            "four gates",
            _budget(4, 2, "hidden", 6, False),
            "Four blocks of weights are an LSTM's. A GRU has three: reset, update, candidate.",
        ),
        WrongAnswer(
            "one bias",
            _budget(3, 1, "hidden", 6, False),
            "PyTorch's GRU has two biases for each gate, one beside each matrix: 6 H a layer.",
        ),
        WrongAnswer(
            "each layer reads the embedding",
            _budget(3, 2, "embedding", 6, False),
            "Only the first layer reads the embedding. The next reads the H states of the one "
            "below.",
        ),
        WrongAnswer(
            "forward only",
            _budget(3, 2, "hidden", 2, False),
            "Two operations a parameter are the way forward. Going back costs twice as much "
            "again: 6.",
        ),
        WrongAnswer(
            "epochs as new text",
            _budget(3, 2, "hidden", 6, True),
            "Reading a text again makes no new text: the characters for each parameter are those "
            "of the text, once. The operations count every reading.",
        ),
    ),
    hints=(
        "Embedding V E, output H V + V; a GRU layer has three blocks of weights.",
        "A layer: 3 H (inputs + H) weights and 6 H biases; inputs is E in the first, then H.",
        "[parameters, characters / parameters, 6 * parameters * characters * epochs]",
    ),
)

# --- read-on ----------------------------------------------------------------------------------


def bits_read_in_windows(model, codes, window):
    """Mean bits of all codes; model(some codes, state) gives the bits of each, and the state."""
    bits, state = [], None
    for start in range(0, len(codes), window):
        some, state = model(codes[start : start + window], state)
        bits.append(some)
    return np.concatenate(bits).mean()


def _bits_with_new_states(model, codes, window):
    bits = []
    for start in range(0, len(codes), window):
        some, _ = model(codes[start : start + window], None)
        bits.append(some)
    return np.concatenate(bits).mean()


def _mean_of_windows(model, codes, window):
    means, state = [], None
    for start in range(0, len(codes), window):
        some, state = model(codes[start : start + window], state)
        means.append(some.mean())
    return np.mean(means)


def _whole_windows(model, codes, window):
    return bits_read_in_windows(model, codes[: len(codes) // window * window], window)


def _two_left_out(model, codes, window):
    bits, state = [], None
    for start in range(0, len(codes), window):
        some, state = model(codes[start : start + window], state)
        bits.append(some[1:] if start else some)
    return np.concatenate(bits).mean()


def _remembering_model(rate):
    """Bits that fall the better a code agrees with a running mean of those before."""

    def model(codes, state):
        bits, mean = [], 9.0 if state is None else state
        for code in codes:
            bits.append(1 + abs(code - mean))
            mean += rate * (code - mean)
        return np.array(bits), mean

    return model


def _window_cases(rng):
    cases = []
    for window, length in ((4, 11), (5, 13), (3, 8)):
        codes = rng.uniform(1, 4, size=length).round(2)
        cases.append((_remembering_model(float(rng.uniform(0.3, 0.6))), codes, window))
    return cases


READ_ON = Exercise(
    name="fine-tuning/read-on",
    chapter="pretraining",
    task="Repair the evaluation that forgets everything at each window.",
    reference=bits_read_in_windows,
    cases=_window_cases,
    wrong_answers=(
        WrongAnswer(
            "a new state for each window",
            _bits_with_new_states,
            "Each window still starts with no state, so its first characters are guessed blindly "
            "and the model looks worse than it is. Hand the state on.",
        ),
        WrongAnswer(
            "mean of the windows' means",
            _mean_of_windows,
            "The last window is shorter, and in a mean of means its characters weigh more. Take "
            "the mean over all characters.",
        ),
        WrongAnswer(
            "whole windows only",
            _whole_windows,
            "The end of the text is missing: its last, shorter window counts too.",
        ),
        WrongAnswer(
            "the first of each window left out",
            _two_left_out,
            "You left out the first code of the later windows. With the state handed on it is "
            "predicted like any other.",
        ),
    ),
    hints=(
        "What does the model know when the second window begins? What should it know?",
        "model returns the state after the window. Give it back with the next one.",
        "some, state = model(codes[start : start + window], state)",
    ),
    broken="a new state for each window",
)

# --- unequal-shards ---------------------------------------------------------------------------


def gradient_of_the_batch(gradients, rows):
    """Gradient of the mean over all rows; shard k's own mean has gradients[k], (W, P)."""
    share = rows / rows.sum()
    return share @ gradients


def _mean_of_shards(gradients, rows):
    return gradients.mean(axis=0)


def _shard_cases(rng):
    return [
        (rng.normal(size=(count, 3)).round(1), np.array([*rng.integers(4, 9, count - 1), 1]))
        for count in (2, 3, 5)
    ]


UNEQUAL_SHARDS = Exercise(
    name="fine-tuning/unequal-shards",
    chapter="pretraining",
    task="Repair the mean of means over processes with unequal shares.",
    reference=gradient_of_the_batch,
    cases=_shard_cases,
    wrong_answers=(
        WrongAnswer(
            "mean of means",
            _mean_of_shards,
            "A shard of one row still weighs as much as a shard of eight. Weigh each by its share "
            "of the rows.",
        ),
        WrongAnswer(
            "sum",
            lambda gradients, rows: gradients.sum(axis=0),
            "The sum grows with the number of processes; as if the learning rate did.",
        ),
        WrongAnswer(
            "not divided",
            lambda gradients, rows: rows @ gradients,
            "That is the gradient of the sum over all rows. Divide by how many there are.",
        ),
        WrongAnswer(
            "divided by the processes",
            lambda gradients, rows: rows @ gradients / len(rows),
            "You divided by the number of processes; divide by the number of rows.",
        ),
        WrongAnswer(
            "weights upside down",
            lambda gradients, rows: (1 / rows) @ gradients / (1 / rows).sum(),
            "The smallest shard got the largest weight: weigh by rows, not by 1 / rows.",
        ),
    ),
    hints=(
        "Mean of the batch = sum over all rows / number of rows. What is a shard's part of it?",
        "Shard k's sum is rows[k] * gradients[k].",
        "rows / rows.sum() @ gradients",
    ),
    broken="mean of means",
)

# --- temperature ------------------------------------------------------------------------------


def probabilities_at(logits, temperature):
    """Probabilities of the next character at a temperature; at 0 the likeliest has all, (V,)."""
    if temperature == 0:
        return np.eye(len(logits))[logits.argmax()]
    scaled = (logits - logits.max()) / temperature
    return np.exp(scaled) / np.exp(scaled).sum()


def _multiplied(logits, temperature):
    return probabilities_at(logits * temperature, 1) if temperature else np.full(len(logits), 0.2)


def _of_probabilities(logits, temperature):
    if temperature == 0:
        return probabilities_at(logits, 0)
    return probabilities_at(probabilities_at(logits, 1), temperature)


def _no_temperature(logits, temperature):
    return probabilities_at(logits, temperature and 1)


def _random_at_zero(logits, temperature):
    return probabilities_at(logits, temperature or 1)


def _not_divided(logits, temperature):
    if temperature == 0:
        return probabilities_at(logits, 0)
    return np.exp((logits - logits.max()) / temperature)


def _temperature_cases(rng):
    logits = [rng.permutation([0.0, 1, 2, 3, 5]) + rng.normal(size=5).round(1) / 5 for _ in "abcd"]
    return list(zip(logits, (0.5, 2.0, 0, round(float(rng.uniform(0.6, 0.9)), 2)), strict=True))


TEMPERATURE = Exercise(
    name="fine-tuning/temperature",
    chapter="pretraining",
    task="Probabilities at a temperature, zero included.",
    reference=probabilities_at,
    cases=_temperature_cases,
    wrong_answers=(
        WrongAnswer(
            "multiplied",
            _multiplied,
            "Cold must sharpen. Divide the logits by the temperature: a small one makes the "
            "differences between them large.",
        ),
        WrongAnswer(
            "softmax of a softmax",
            _of_probabilities,
            "You divided probabilities and took their softmax. The temperature divides the logits.",
        ),
        WrongAnswer(
            "the temperature is not used",
            _no_temperature,
            "At each temperature above 0 your probabilities are the same. Divide the logits by it.",
        ),
        WrongAnswer(
            "zero is one",
            _random_at_zero,
            "Temperature 0 is the coldest of all: the likeliest character gets all of it.",
        ),
        WrongAnswer(
            "no sum of one",
            _not_divided,
            "These are not probabilities yet: divide by their sum.",
        ),
    ),
    hints=(
        "softmax(logits / temperature). What does that tend to as the temperature falls to 0?",
        "At 0, a vector with 1 at logits.argmax() and 0 elsewhere.",
        "np.exp(scaled) / np.exp(scaled).sum() with scaled = (logits - max) / temperature",
    ),
)

EXERCISES = (
    BITS_OF_A_TEXT,
    THREE_NUMBERS,
    HONEST_BUDGET,
    READ_ON,
    UNEQUAL_SHARDS,
    TEMPERATURE,
)
