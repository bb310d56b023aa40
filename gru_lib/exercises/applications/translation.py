"""Exercises of chapter 17, `translation`."""

import numpy as np

from gru_lib.exercises.checker import Exercise, WrongAnswer

# --- teacher-forcing ------------------------------------------------------------------------


def teacher_forcing(symbols, start, end):
    """What the decoder reads, and below it what it is asked for: two equal rows."""
    read = [start, *symbols]
    asked = [*symbols, end]
    return np.array([read, asked])


TEACHER_FORCING = Exercise(
    name="applications/teacher-forcing",
    chapter="translation",
    task="Say what a decoder reads and what it is asked for while it is trained.",
    reference=teacher_forcing,
    cases=lambda rng: [
        ([int(n) for n in rng.permutation(np.arange(4, 20))[:length]], 1, 2) for length in (1, 3, 6)
    ],
    wrong_answers=(
        WrongAnswer(
            "no shift",
            lambda symbols, start, end: np.array([[*symbols, end], [*symbols, end]]),
            "The decoder reads at each step the very symbol that it is asked for: it can copy, "
            "learns nothing, and the loss looks wonderful. Shift one against the other.",
        ),
        WrongAnswer(
            "shifted the other way",
            lambda symbols, start, end: np.array([[*symbols, end], [start, *symbols]]),
            "The two rows are swapped: the decoder begins with the start, and is asked for what "
            "comes next.",
        ),
        WrongAnswer(
            "no end",
            lambda symbols, start, end: np.array([[start, *symbols[:-1]], symbols]),
            "Nothing ever asks for the end. Such a decoder never learns to stop.",
        ),
        WrongAnswer(
            "start asked for",
            lambda symbols, start, end: np.array([[start, *symbols, end], [start, *symbols, end]]),
            "The start is given, nobody has to predict it, and nothing comes after the end. Each "
            "row has one entry more than the sentence.",
        ),
    ),
    hints=(
        "At step t the decoder has read everything before symbol t, and is asked for symbol t.",
        "The first thing that it reads is the start; the last that it is asked for is the end.",
        "Row one is [start, *symbols]. Row two?",
    ),
)

# --- masked-softmax -------------------------------------------------------------------------


def masked_softmax(scores, real):
    """Weights that sum to 1 in each row and are exactly 0 where not real."""
    masked = np.where(real, scores, -np.inf)
    # the largest real score becomes 0, so nothing overflows
    weights = np.exp(masked - masked.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def _softmax(scores, axis=1):
    weights = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return weights / weights.sum(axis=axis, keepdims=True)


def _largest_over_padding(scores, real):
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        weights = np.exp(scores - scores.max(axis=1, keepdims=True)) * real
        return np.nan_to_num(weights / weights.sum(axis=1, keepdims=True))


def _over_the_columns(scores, real):
    weights = np.exp(np.where(real, scores, -np.inf))
    sums = weights.sum(axis=0)
    return np.divide(weights, sums, out=np.zeros_like(weights), where=sums > 0)


def _mask_cases(rng):
    cases = []
    for rows, columns in ((2, 3), (3, 5), (4, 4)):
        scores = rng.normal(size=(rows, columns)).round(2)
        lengths = rng.integers(1, columns, size=rows)
        lengths[0] = 2
        scores[0, 2:] = 900.0  # padding with a large score
        cases.append((scores, np.arange(columns) < lengths[:, None]))
    return cases


MASKED_SOFTMAX = Exercise(
    name="applications/masked-softmax",
    chapter="translation",
    task="Turn scores into attention weights that never look at padding.",
    reference=masked_softmax,
    cases=_mask_cases,
    wrong_answers=(
        WrongAnswer(
            "padding forgotten",
            lambda scores, real: _softmax(scores),
            "Padding gets weight, too: the decoder looks at places where there is no word.",
        ),
        WrongAnswer(
            "score 0",
            lambda scores, real: _softmax(scores * real),
            "A score of 0 is not a weight of 0: exp(0) = 1. What score has the exponential 0?",
        ),
        WrongAnswer(
            "weights dropped afterwards",
            lambda scores, real: _softmax(scores) * real,
            "You removed the padding after the softmax: the rows no longer sum to 1.",
        ),
        WrongAnswer(
            "largest over padding",
            _largest_over_padding,
            "You subtract the largest score of all, padding included. Where padding's is huge, "
            "all real weights become 0. Mask first.",
        ),
        WrongAnswer(
            "over the columns",
            _over_the_columns,
            "You normalised down the columns. A row is one target symbol, and its weights are "
            "shares of the source: rows sum to 1.",
        ),
    ),
    hints=(
        "Softmax of a row: exponentials, divided by their sum.",
        "What must padding's score be for its exponential to be exactly 0?",
        "np.where(real, scores, -np.inf); then subtract each row's largest entry, so that large "
        "scores do not overflow.",
    ),
)

# --- attention-that-looks -------------------------------------------------------------------


def context_of(query, states, matrix):
    """Weighted mean of states, shape (length, hidden), for one query (hidden,)."""
    scores = states @ (matrix.T @ query)  # query · matrix · state, for every state
    weights = np.exp(scores - scores.max())
    return weights / weights.sum() @ states


def _looks_away(query, states, matrix):
    scores = (matrix.T @ query)[: len(states)]
    weights = np.exp(scores - scores.max())
    return weights / weights.sum() @ states


def _context_cases(rng):
    return [
        (
            rng.normal(size=hidden).round(2),
            rng.normal(size=(length, hidden)).round(2),
            rng.normal(size=(hidden, hidden)).round(2),
        )
        for length, hidden in ((2, 3), (3, 4), (5, 6))
    ]


ATTENTION_THAT_LOOKS = Exercise(
    name="applications/attention-that-looks",
    chapter="translation",
    task="Repair an attention that does not look at what it weighs.",
    reference=context_of,
    cases=_context_cases,
    wrong_answers=(
        WrongAnswer(
            "looks away",
            _looks_away,
            "The weights do not depend on the states: put the states in another order, and each "
            "place keeps its weight. That attends to places, not to words.",
        ),
        WrongAnswer(
            "matrix turned",
            lambda query, states, matrix: context_of(query, states, matrix.T),
            "The matrix is turned: the score is query · matrix · state, so the query comes from "
            "the left.",
        ),
        WrongAnswer(
            "no matrix",
            lambda query, states, matrix: context_of(query, states, np.eye(len(query))),
            "The matrix is not used. Without it a query can only look for states that resemble "
            "itself.",
        ),
        WrongAnswer(
            "no softmax",
            lambda query, states, matrix: states @ (matrix.T @ query) @ states,
            "Scores are no weights yet: they can be negative and do not sum to 1. Softmax.",
        ),
        WrongAnswer(
            "mean of the states",
            lambda query, states, matrix: states.mean(axis=0),
            "That is the mean: every state counts alike, whatever the query.",
        ),
    ),
    hints=(
        "What should the score of a state depend on? Look at what is in `scores` now.",
        "Every state needs a number of its own, made from that state and the query.",
        "matrix.T @ query is a vector of shape (hidden,); its product with state s is s's score.",
    ),
    broken="looks away",
)

# --- beam-step ------------------------------------------------------------------------------


def beam_step(sums, log_probabilities, width):
    """Pairs (parent, symbol), best first; log_probabilities is (beams, symbols)."""
    totals = sums[:, None] + log_probabilities  # (beams, symbols)
    best = np.argsort(-totals.ravel(), kind="stable")[:width]
    parents, symbols = np.divmod(best, totals.shape[1])
    return np.column_stack([parents, symbols])


def _own_best(sums, log_probabilities, width):
    symbols = log_probabilities.argmax(axis=1)
    totals = sums + log_probabilities.max(axis=1)
    parents = np.argsort(-totals)[:width]
    return np.column_stack([parents, symbols[parents]])


def _beam_cases(rng):
    cases = []
    for beams, symbols in ((2, 4), (3, 5), (4, 4)):
        logits = rng.normal(size=(beams, symbols)) * 0.3
        logits[:, 0] += 0.5
        log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        sums = -np.arange(1, beams + 1) * 5.0  # the first beam is far ahead
        rng.shuffle(sums)
        cases.append((sums, log_probabilities.round(3), beams))
    return cases


BEAM_STEP = Exercise(
    name="applications/beam-step",
    chapter="translation",
    task="Extend several beginnings of a translation by one symbol and keep the best.",
    reference=beam_step,
    cases=_beam_cases,
    wrong_answers=(
        WrongAnswer(
            "each its own best",
            _own_best,
            "You extend every beginning by its own best symbol. But two extensions of one good "
            "beginning may both beat all extensions of a bad one: they compete together.",
        ),
        WrongAnswer(
            "past forgotten",
            lambda sums, log_probabilities, width: beam_step(0 * sums, log_probabilities, width),
            "You compare the last symbols alone. A beginning carries the log-probability of all "
            "that was written before: add `sums`.",
        ),
        WrongAnswer(
            "worst first",
            lambda sums, log_probabilities, width: beam_step(-sums, -log_probabilities, width),
            "Those are the worst. Log-probabilities are negative; the best is nearest to 0.",
        ),
        WrongAnswer(
            "symbol and parent swapped",
            lambda sums, log_probabilities, width: beam_step(sums, log_probabilities, width)[
                :, ::-1
            ],
            "Parent and symbol are swapped: first which beginning, then by which symbol.",
        ),
    ),
    hints=(
        "All extensions of all beginnings compete: (beams, symbols) numbers, of which you keep "
        "width.",
        "Broadcast: sums[:, None] + log_probabilities.",
        "Sort the flattened totals; np.divmod(place, number of symbols) gives parent and symbol.",
    ),
)

# --- longer-or-shorter ----------------------------------------------------------------------


def smallest_power(short, long):
    """Power from which on long wins; each is a pair (log-probability, length)."""
    (short_sum, short_length), (long_sum, long_length) = short, long
    # level: long_sum / long_length**p == short_sum / short_length**p
    return np.log(long_sum / short_sum) / np.log(long_length / short_length)


SMALLEST_POWER = Exercise(
    name="applications/smallest-power",
    chapter="translation",
    task="Derive from which length power on the longer of two translations wins.",
    reference=smallest_power,
    cases=lambda rng: [
        (
            (-round(rng.uniform(1, 2), 2), length),
            (-round(rng.uniform(3, 6), 2), length * factor),
        )
        for length, factor in ((3, 2), (4, 2), (2, 4))
    ],
    wrong_answers=(
        WrongAnswer(
            "turned over",
            lambda short, long: 1 / smallest_power(short, long),
            "Turned over: the power times log(length ratio) equals log(ratio of the sums).",
        ),
        WrongAnswer(
            "no logarithms",
            lambda short, long: (long[0] / short[0]) / (long[1] / short[1]),
            "The power is an exponent: take logarithms of both ratios before you divide.",
        ),
        WrongAnswer(
            "the mean",
            lambda short, long: 1.0,
            "With power 1 means are compared; the question is at which power the two are level.",
        ),
        WrongAnswer(
            "difference of the sums",
            lambda short, long: np.log(short[0] - long[0]) / np.log(long[1] / short[1]),
            "Both sides are quotients: what counts is the ratio of the log-probabilities, not "
            "their difference.",
        ),
    ),
    hints=(
        "Level means short_sum / short_length**p == long_sum / long_length**p.",
        "Collect: (long_length / short_length)**p == long_sum / short_sum.",
        "Take logarithms and divide.",
    ),
)

# --- bleu-by-hand ---------------------------------------------------------------------------


def bleu_of_two(translation, reference):
    """BLEU with single symbols and neighbouring pairs; both texts are strings."""
    precisions = []
    for n in (1, 2):
        found = [translation[i : i + n] for i in range(len(translation) - n + 1)]
        allowed = [reference[i : i + n] for i in range(len(reference) - n + 1)]
        # a piece counts as often as it stands in the reference, no more
        right = sum(min(found.count(s), allowed.count(s)) for s in set(found))
        precisions.append(right / len(found))
    brevity = min(1.0, np.exp(1 - len(reference) / len(translation)))
    return brevity * np.sqrt(precisions[0] * precisions[1])


def _bleu(translation, reference, clip=True, brief=True, recall=False, arithmetic=False):
    precisions = []
    for n in (1, 2):
        found, allowed = (
            [text[i : i + n] for i in range(len(text) - n + 1)] for text in (translation, reference)
        )
        right = sum(
            min(found.count(piece), allowed.count(piece)) if clip else found.count(piece)
            for piece in set(found) & set(allowed)
        )
        precisions.append(right / len(allowed if recall else found))
    brevity = min(1.0, np.exp(1 - len(reference) / len(translation))) if brief else 1.0
    mean = np.mean(precisions) if arithmetic else np.sqrt(np.prod(precisions))
    return brevity * mean


def _bleu_cases(rng):
    a, b, c, d, e = rng.permutation(list("今天下雨我们回家吃饭"))[:5]
    return [
        ("".join((a, b, c)), "".join((a, b, c, d, e))),  # short
        ("".join((a, b, a, b)), "".join((a, b, c, d))),  # repeats itself
        ("".join((a, b, d, c, e, e)), "".join((a, b, c, d, e))),  # long
        ("".join((a, c)), "".join((b, d))),  # nothing right
    ]


BLEU_BY_HAND = Exercise(
    name="applications/bleu-by-hand",
    chapter="translation",
    task="Compute a small BLEU.",
    reference=bleu_of_two,
    cases=_bleu_cases,
    wrong_answers=(
        WrongAnswer(
            "repetition pays",
            lambda translation, reference: _bleu(translation, reference, clip=False),
            "A right piece counts at most as often as it stands in the reference; otherwise one "
            "right word, written again and again, gets full marks.",
        ),
        WrongAnswer(
            "brevity pays",
            lambda translation, reference: _bleu(translation, reference, brief=False),
            "Who writes little makes few mistakes: without the brevity penalty, exp(1 - reference "
            "length / translation length) where the translation is shorter, that pays.",
        ),
        WrongAnswer(
            "recall",
            lambda translation, reference: _bleu(translation, reference, recall=True),
            "You divide by the pieces of the reference. Precision divides by the pieces that were "
            "written.",
        ),
        WrongAnswer(
            "arithmetic mean",
            lambda translation, reference: _bleu(translation, reference, arithmetic=True),
            "The mean of the precisions is geometric: the root of their product. One precision "
            "of 0 makes the whole 0.",
        ),
        WrongAnswer(
            "exact match",
            lambda translation, reference: float(translation == reference),
            "That is exact match. BLEU gives marks for the parts that are right.",
        ),
    ),
    hints=(
        "List the single symbols and the neighbouring pairs of both strings.",
        "Precision: right pieces over written pieces, each counted min(times written, times in "
        "the reference).",
        "BLEU here: brevity * sqrt(precision of single symbols * precision of pairs), with "
        "brevity = min(1, exp(1 - len(reference) / len(translation))).",
    ),
)

# --- crossings ------------------------------------------------------------------------------


def crossings(weights):
    """Number of pairs of targets that look at sources in reverse order."""
    looked_at = weights.argmax(axis=1)
    # entry (i, j): the later target j looks at an earlier source than target i
    against = looked_at[:, None] > looked_at[None, :]
    return int(np.triu(against, k=1).sum())


def _attention_cases(rng):
    cases = []
    for targets, sources in ((4, 3), (5, 7), (6, 6)):
        while True:
            weights = rng.dirichlet(np.full(sources, 0.4), size=targets).round(3)
            looked_at = weights.argmax(axis=1)
            steps = np.sign(np.diff(looked_at))
            if {-1, 0, 1} <= set(steps.tolist()) and crossings(weights) > (steps < 0).sum():
                break
        cases.append((weights,))
    return cases


CROSSINGS = Exercise(
    name="applications/crossings",
    chapter="translation",
    task="Measure on attention weights how much the word order changed.",
    reference=crossings,
    cases=_attention_cases,
    wrong_answers=(
        WrongAnswer(
            "neighbours only",
            lambda weights: int((np.diff(weights.argmax(axis=1)) < 0).sum()),
            "You compare neighbours only. Every pair of target symbols can cross.",
        ),
        WrongAnswer(
            "level counts",
            lambda weights: int(
                np.triu(
                    weights.argmax(axis=1)[:, None] >= weights.argmax(axis=1)[None, :], k=1
                ).sum()
            ),
            "Two targets that look at the same source do not cross: it takes a strictly earlier "
            "one.",
        ),
        WrongAnswer(
            "in order",
            lambda weights: int(
                np.triu(
                    weights.argmax(axis=1)[:, None] < weights.argmax(axis=1)[None, :], k=1
                ).sum()
            ),
            "You count the pairs that stay in order.",
        ),
        WrongAnswer(
            "every pair twice",
            lambda weights: int(
                (weights.argmax(axis=1)[:, None] > weights.argmax(axis=1)[None, :]).sum()
            ),
            "You go through all pairs in both directions, so every pair with different sources "
            "counts once, crossed or not. Take i < j only.",
        ),
        WrongAnswer(
            "over the sources",
            lambda weights: crossings(weights.T),
            "You looked for the target that looks most at each source. Rows are targets: take the "
            "largest entry of each row.",
        ),
    ),
    hints=(
        "First find the source that each target looks at most.",
        "weights.argmax(axis=1); then compare all pairs i < j.",
        "A pair crosses if looked_at[i] > looked_at[j]; np.triu(..., k=1) keeps i < j.",
    ),
)

EXERCISES = (
    TEACHER_FORCING,
    MASKED_SOFTMAX,
    ATTENTION_THAT_LOOKS,
    BEAM_STEP,
    SMALLEST_POWER,
    BLEU_BY_HAND,
    CROSSINGS,
)
