"""Exercises of chapter 14, `paper-table`."""

import numpy as np

from gru_lib.exercises.checker import Exercise, WrongAnswer

# --- nll-per-step ---------------------------------------------------------------------------


def nll_per_step(logits, frames):
    """Negative log-likelihood of each frame in nats; (steps, keys) to (steps,)."""
    # -log(sigmoid(z)) is log(1 + exp(-z)); logaddexp never overflows
    surprise = np.logaddexp(0, logits) - frames * logits
    return surprise.sum(axis=1)


def _clipped_nll(logits, frames):
    chance = np.clip(1 / (1 + np.exp(-np.clip(logits, -700, 700))), 1e-7, 1 - 1e-7)
    return -(frames * np.log(chance) + (1 - frames) * np.log(1 - chance)).sum(axis=1)


def _nll_cases(rng):
    cases = []
    for steps, keys, scale in ((1, 3, 2.0), (4, 5, 3.0), (3, 8, 1000.0)):
        frames = rng.integers(0, 2, size=(steps, keys)).astype(float)
        frames[0, :2] = 0, 1
        logits = rng.normal(size=(steps, keys)).round(2) * scale
        logits[0, :2] = scale, scale / 2  # where the scale is large: sure, and wrong
        cases.append((logits, frames))
    return cases


NLL_PER_STEP = Exercise(
    name="code/nll-per-step",
    chapter="paper-table",
    task="Say how surprised a model is by each frame.",
    reference=nll_per_step,
    cases=_nll_cases,
    wrong_answers=(
        WrongAnswer(
            "mean over the keys",
            lambda logits, frames: nll_per_step(logits, frames) / logits.shape[1],
            "You took the mean over the keys. The keys of a frame are independent for this model: "
            "their log-likelihoods add up.",
        ),
        WrongAnswer(
            "clipped",
            _clipped_nll,
            "You clipped the probabilities, so who is sure and wrong pays too little. Work with "
            "the logits, where nothing overflows: -log sigmoid(z) = logaddexp(0, -z).",
        ),
        WrongAnswer(
            "only what sounds",
            lambda logits, frames: (frames * np.logaddexp(0, -logits)).sum(axis=1),
            "Keys that stay silent have a probability too: log(1 - p) counts for them.",
        ),
        WrongAnswer(
            "sound and silence swapped",
            lambda logits, frames: nll_per_step(-logits, frames),
            "Sound and silence are swapped: a large logit means that the key probably sounds.",
        ),
        WrongAnswer(
            "one number",
            lambda logits, frames: nll_per_step(logits, frames).mean(),
            "That is the mean over the steps. Here each step keeps its own number.",
        ),
    ),
    hints=(
        "For one key: -log p if it sounds and -log(1 - p) if not, with p = sigmoid(logit).",
        "nan or inf? The sigmoid of a large logit rounds to 0 or 1, and its logarithm is lost.",
        "-log sigmoid(z) = log(1 + exp(-z)), and np.logaddexp(0, -z) computes it for every z.",
        "Both cases in one: np.logaddexp(0, z) - frame * z. Then sum over the keys.",
    ),
)

# --- mean-over-real-steps -------------------------------------------------------------------


def mean_over_real_steps(nll, lengths):
    """Mean of nll, shape (steps, batch), over all real steps of all sequences."""
    real = np.arange(len(nll))[:, None] < lengths  # (steps, batch)
    return (nll * real).sum() / lengths.sum()


def _mean_of_means(nll, lengths):
    real = np.arange(len(nll))[:, None] < lengths
    return ((nll * real).sum(axis=0) / lengths).mean()


def _one_step_too_many(nll, lengths):
    real = np.arange(len(nll))[:, None] <= lengths
    return (nll * real).sum() / real.sum()


def _ragged_cases(rng):
    cases = []
    for batch in (2, 3, 5):
        lengths = rng.integers(1, 5, size=batch)
        lengths[0], lengths[1] = 2, 7
        cases.append((rng.uniform(1, 9, size=(7, batch)).round(2), lengths))
    return cases


MEAN_OVER_REAL_STEPS = Exercise(
    name="code/mean-over-real-steps",
    chapter="paper-table",
    task="Average over sequences of different length.",
    reference=mean_over_real_steps,
    cases=_ragged_cases,
    wrong_answers=(
        WrongAnswer(
            "padding counted",
            lambda nll, lengths: nll.mean(),
            "The padded steps count, too. They are no music.",
        ),
        WrongAnswer(
            "padding in the denominator",
            lambda nll, lengths: mean_over_real_steps(nll, lengths) * lengths.sum() / nll.size,
            "The sum is right, but you divide by all steps, the padded ones included.",
        ),
        WrongAnswer(
            "mean of means",
            _mean_of_means,
            "That is the mean over sequences of each one's mean: a step of a short chorale then "
            "counts for more than one of a long chorale. Every step counts alike here.",
        ),
        WrongAnswer(
            "one step too many",
            _one_step_too_many,
            "You count one padded step of each sequence: the last real one is length - 1.",
        ),
        WrongAnswer(
            "per sequence",
            lambda nll, lengths: mean_over_real_steps(nll, lengths) * lengths.sum() / len(lengths),
            "You divided by the number of sequences: divide by the number of real steps.",
        ),
    ),
    hints=(
        "Step t of sequence i is real if t < lengths[i].",
        "np.arange(len(nll))[:, None] < lengths has the shape of nll.",
        "Sum what is real and divide by lengths.sum().",
    ),
)

# --- what-the-model-reads -------------------------------------------------------------------


def what_the_model_reads(frames):
    """Inputs (steps, keys) from which a model predicts these frames, one by one."""
    silence = np.zeros_like(frames[:1])
    return np.concatenate([silence, frames[:-1]])


WHAT_THE_MODEL_READS = Exercise(
    name="code/what-the-model-reads",
    chapter="paper-table",
    task="Shift the frames so that the model predicts and does not copy.",
    reference=what_the_model_reads,
    cases=lambda rng: [
        ((rng.random((steps, 6)) < 0.4).astype(float) + np.eye(steps, 6) * 2,)
        for steps in (3, 4, 5)
    ],
    wrong_answers=(
        WrongAnswer(
            "the target itself",
            lambda frames: frames.copy(),
            "The model would read at step t the very frame that it has to predict: a perfect "
            "score, and nothing learned.",
        ),
        WrongAnswer(
            "round the corner",
            lambda frames: np.roll(frames, 1, axis=0),
            "np.roll brings the LAST frame to the front: the model would know the final chord "
            "before the piece begins. The first input is zeros.",
        ),
        WrongAnswer(
            "the future",
            lambda frames: np.concatenate([frames[1:], np.zeros_like(frames[:1])]),
            "You shifted the other way: the model would read the frame AFTER the one it predicts.",
        ),
        WrongAnswer(
            "first frame left out",
            lambda frames: frames[:-1],
            "One input is missing: the first frame has to be predicted as well, from zeros.",
        ),
        WrongAnswer(
            "first frame given",
            lambda frames: np.concatenate([frames[:1], frames[:-1]]),
            "The first frame would be predicted from itself. Nothing comes before it: zeros.",
        ),
    ),
    hints=(
        "Step t reads frame t - 1.",
        "Before step 0 there is nothing: a row of zeros.",
        "np.concatenate([zeros, frames[:-1]])",
    ),
)

# --- hidden-size-for-budget -----------------------------------------------------------------


def hidden_size_for_budget(cell, features, budget):
    """Largest hidden size of "tanh", "GRU" or "LSTM" within a budget."""
    blocks = {"tanh": 1, "GRU": 3, "LSTM": 4}[cell]
    size = 0
    while True:
        larger = size + 1
        recurrent = blocks * larger * (features + larger + 2)  # two biases a block
        output = features * larger + features
        if recurrent + output > budget:
            return size
        size = larger


def _cell_and_output(blocks, features, size):
    recurrent = blocks * size * (features + size + 2)  # PyTorch: two biases a block
    return recurrent + size * features + features


def _largest(count, budget):
    size = 0
    while count(size + 1) <= budget:
        size += 1
    return size


_BLOCKS = {"tanh": 1, "GRU": 3, "LSTM": 4}


def _budget_cases(rng):
    cases = [("GRU", 88, 22904), ("LSTM", 88, 22904), ("tanh", 88, 22904)]
    for cell in ("tanh", "GRU", "LSTM"):
        features, size = map(int, rng.integers(10, 60, size=2))
        cases.append((cell, features, _cell_and_output(_BLOCKS[cell], features, size)))
    return cases


HIDDEN_SIZE = Exercise(
    name="code/hidden-size-for-budget",
    chapter="paper-table",
    task="Give every cell the same number of parameters.",
    reference=hidden_size_for_budget,
    cases=_budget_cases,
    wrong_answers=(
        WrongAnswer(
            "without the output layer",
            lambda cell, features, budget: _largest(
                lambda h: _BLOCKS[cell] * h * (features + h + 2), budget
            ),
            "The linear layer that turns states into logits has parameters, too: "
            "features * size + features.",
        ),
        WrongAnswer(
            "one too many",
            lambda cell, features, budget: hidden_size_for_budget(cell, features, budget) + 1,
            "That one is over the budget.",
        ),
        WrongAnswer(
            "always a GRU",
            lambda cell, features, budget: hidden_size_for_budget("GRU", features, budget),
            "A tanh network has one block of weights, a GRU three, an LSTM four.",
        ),
        WrongAnswer(
            "strictly within",
            lambda cell, features, budget: hidden_size_for_budget(cell, features, budget - 1),
            "A budget may be used up exactly: at most, not less than.",
        ),
        WrongAnswer(
            "by division",
            lambda cell, features, budget: int(
                budget / (_BLOCKS[cell] * (features + 2) + features)
            ),
            "The state reads itself: size * size weights in each block. So the count grows with "
            "the square of the size.",
        ),
    ),
    hints=(
        "blocks * size * (features + size + 2) for the cell, with 1, 3 or 4 blocks.",
        "features * size + features for the linear layer behind it.",
        "Raise the size by one as long as the sum stays within the budget.",
    ),
)

# --- price-of-frequencies -------------------------------------------------------------------


def price_of_frequencies(frames):
    """Nats a step that it costs to know each key's frequency and no more."""
    chance = frames.mean(axis=0)
    price = 0.0
    for p in (chance, 1 - chance):
        happens = p[p > 0]  # what never happens never costs: 0 log 0 = 0
        price -= (happens * np.log(happens)).sum()
    return price


def _pooled(frames):
    return price_of_frequencies(frames.reshape(-1, 1)) * frames.shape[1]


def _half_the_entropy(frames):
    p = frames.mean(axis=0)
    p = p[p > 0]
    return -(p * np.log(p)).sum()


def _frequency_cases(rng):
    cases = []
    for steps, keys in ((8, 4), (10, 6), (12, 5)):
        frames = (rng.random((steps, keys)) < rng.uniform(0.1, 0.5, size=keys)).astype(float)
        frames[0, 2:], frames[1, 2:] = 1, 0
        frames[:, 0], frames[:, 1] = 0, 1  # a key that never sounds, one that always does
        frames[2, 2] = frames[3, 2] = 0
        cases.append((frames,))
    return cases


PRICE_OF_FREQUENCIES = Exercise(
    name="code/price-of-frequencies",
    chapter="paper-table",
    task="Derive what the dullest model pays.",
    reference=price_of_frequencies,
    cases=_frequency_cases,
    wrong_answers=(
        WrongAnswer(
            "frequencies of the steps",
            lambda frames: price_of_frequencies(frames.T),
            "You took the mean over the keys: how full each step is. Here it is how often each "
            "key sounds, a mean over the steps.",
        ),
        WrongAnswer(
            "in bits",
            lambda frames: price_of_frequencies(frames) / np.log(2),
            "That is in bits. The papers count in nats: the natural logarithm.",
        ),
        WrongAnswer(
            "sounding only",
            _half_the_entropy,
            "Silence costs as well: p log p + (1 - p) log(1 - p).",
        ),
        WrongAnswer(
            "one frequency for all",
            _pooled,
            "You used one frequency for all keys. Each key has its own.",
        ),
        WrongAnswer(
            "mean over the keys",
            lambda frames: price_of_frequencies(frames) / frames.shape[1],
            "A step pays for all its keys: the sum, not the mean.",
        ),
    ),
    hints=(
        "A key that sounds in a share p of the steps costs -log p there and -log(1 - p) elsewhere.",
        "On average: -p log p - (1 - p) log(1 - p), its entropy. Sum over the keys.",
        "Where p is 0 or 1 the entropy is 0; take the logarithm only of what is above 0.",
    ),
)

# --- split-by-tune --------------------------------------------------------------------------


def members_of_the_test(tunes, wanted):
    """Chorales for the test: whole tunes, 0 first, until there are enough."""
    chosen = np.zeros(len(tunes), dtype=bool)
    tune = 0
    while chosen.sum() < wanted:
        chosen |= tunes == tune  # all settings of this tune, or none
        tune += 1
    return chosen


def _first_chorales(tunes, wanted):
    """Chorales for the test: the first ones in the list."""
    return np.arange(len(tunes)) < wanted


def _wanted_tunes(tunes, wanted):
    return tunes < wanted


def _never_more(tunes, wanted):
    chosen = np.zeros(len(tunes), dtype=bool)
    for tune in range(tunes.max() + 1):
        if (chosen | (tunes == tune)).sum() > wanted:
            break
        chosen |= tunes == tune
    return chosen


def _one_of_each(tunes, wanted):
    chosen = np.zeros(len(tunes), dtype=bool)
    _, first = np.unique(tunes, return_index=True)
    chosen[first[:wanted]] = True
    return chosen


def _tune_cases(rng):
    cases = []
    for copies in ((2, 3, 1, 3, 2, 1), (3, 2, 2, 1, 4, 1), (2, 4, 1, 2, 2, 3)):
        tunes = rng.permutation(np.repeat(np.arange(len(copies)), copies))
        while tunes[0] == 0 or tunes[1] == 0:  # so that the first chorales are not the first tune
            tunes = rng.permutation(tunes)
        cases.append((tunes, copies[0] + 1))  # the first tune is too little
    return cases


SPLIT_BY_TUNE = Exercise(
    name="code/split-by-tune",
    chapter="paper-table",
    task="Repair a split that lets the test be heard in training.",
    reference=members_of_the_test,
    cases=_tune_cases,
    wrong_answers=(
        WrongAnswer(
            "by chorale",
            _first_chorales,
            "Two settings of one tune can lie on both sides: the test is then partly heard in "
            "training. Choose whole tunes.",
        ),
        WrongAnswer(
            "counts tunes",
            _wanted_tunes,
            "You took as many TUNES as chorales were wanted. Count chorales.",
        ),
        WrongAnswer(
            "never more than wanted",
            _never_more,
            "At least as many as wanted: the last tune may bring more, and comes in whole.",
        ),
        WrongAnswer(
            "one setting of each",
            _one_of_each,
            "One setting of a tune in the test and its others in training is the leak itself.",
        ),
    ),
    hints=(
        "A tune goes into the test with all its settings, or not at all.",
        "Begin with nobody; while there are fewer than wanted, add everyone with the next tune.",
        "chosen |= tunes == tune",
    ),
    broken="by chorale",
)

# --- gap-in-errors --------------------------------------------------------------------------


def gap_in_errors(first, second):
    """How far the mean of second lies above that of first, in standard errors."""
    # the squared error of a mean of n runs is their variance divided by n
    squares = [np.var(scores, ddof=1) / len(scores) for scores in (first, second)]
    return (np.mean(second) - np.mean(first)) / np.sqrt(sum(squares))


def _gap(first, second, ddof=1, by=len, join=lambda a, b: np.sqrt(a + b)):
    variances = [np.var(scores, ddof=ddof) / by(scores) for scores in (first, second)]
    return (np.mean(second) - np.mean(first)) / join(*variances)


GAP_IN_ERRORS = Exercise(
    name="code/gap-in-errors",
    chapter="paper-table",
    task="Measure whether a few seeds support a ranking.",
    reference=gap_in_errors,
    cases=lambda rng: [
        (
            (8.5 + 0.1 * rng.normal(size=first)).round(3),
            (8.6 + 0.1 * rng.normal(size=second)).round(3),
        )
        for first, second in ((3, 3), (5, 3), (4, 6))
    ],
    wrong_answers=(
        WrongAnswer(
            "the difference alone",
            lambda first, second: np.mean(second) - np.mean(first),
            "A difference says nothing without the spread of the seeds: divide by its error.",
        ),
        WrongAnswer(
            "spread of the seeds",
            lambda first, second: _gap(first, second, by=lambda scores: 1),
            "That is the spread of single runs. The error of a mean is smaller: divide each "
            "variance by its number of seeds.",
        ),
        WrongAnswer(
            "n instead of n - 1",
            lambda first, second: _gap(first, second, ddof=0),
            "With so few seeds n - 1 matters: ddof=1.",
        ),
        WrongAnswer(
            "errors added",
            lambda first, second: _gap(first, second, join=lambda a, b: np.sqrt(a) + np.sqrt(b)),
            "Independent errors do not add up; their squares do.",
        ),
        WrongAnswer(
            "the other way round",
            lambda first, second: gap_in_errors(second, first),
            "The sign is the other way round: positive where `second` is larger, so worse.",
        ),
    ),
    hints=(
        "Difference of the means, divided by the standard error of that difference.",
        "The variance of a mean of n runs is np.var(runs, ddof=1) / n; variances add up.",
    ),
)

EXERCISES = (
    WHAT_THE_MODEL_READS,
    NLL_PER_STEP,
    MEAN_OVER_REAL_STEPS,
    HIDDEN_SIZE,
    PRICE_OF_FREQUENCIES,
    SPLIT_BY_TUNE,
    GAP_IN_ERRORS,
)
