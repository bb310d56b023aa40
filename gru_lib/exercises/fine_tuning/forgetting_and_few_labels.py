"""Exercises of chapter 31, `forgetting-and-few-labels`."""

import numpy as np

from gru_lib.exercises.checker import Exercise, WrongAnswer

# --- learned-and-forgotten --------------------------------------------------------------------


def learned_and_forgotten(before, after):
    """Bits learned and bits forgotten, from bits on the (old, new) domain."""
    learned = before[1] - after[1]  # fewer bits are better
    forgotten = after[0] - before[0]
    return np.array([learned, forgotten])


def _tables(rng):
    old, new = rng.uniform(1.5, 2.0), rng.uniform(3.0, 3.5)
    before = np.array([old, new])
    after = np.array([old + rng.uniform(0.2, 0.6), new - rng.uniform(0.7, 1.2)])
    return before.round(2), after.round(2)


LEARNED_AND_FORGOTTEN = Exercise(
    name="fine-tuning/learned-and-forgotten",
    chapter="forgetting-and-few-labels",
    task="Read from two tables what was learned and what was forgotten.",
    reference=learned_and_forgotten,
    cases=lambda rng: [_tables(rng) for _ in range(3)],
    wrong_answers=(
        WrongAnswer(
            "the sign of forgetting",
            lambda before, after: np.array([before[1] - after[1], before[0] - after[0]]),
            "You took before minus after for both. On the old domain bits RISE when something is "
            "forgotten: after minus before.",
        ),
        WrongAnswer(
            "after minus before",
            lambda before, after: np.array([after[1] - before[1], after[0] - before[0]]),
            "You took after minus before for both. Fewer bits are better: what is learned on the "
            "new domain is before minus after.",
        ),
        WrongAnswer(
            "exchanged",
            lambda before, after: learned_and_forgotten(before, after)[::-1],
            "The two are exchanged: first what was learned, on the new domain, then what was "
            "forgotten, on the old one.",
        ),
        WrongAnswer(
            "one table",
            lambda before, after: np.array([after[0] - after[1]] * 2),
            "You compared two domains after training. Forgetting compares ONE domain at two times.",
        ),
        WrongAnswer(
            "shares",
            lambda before, after: np.array([1 - after[1] / before[1], after[0] / before[0] - 1]),
            "Those are shares of the bits before. Return differences, in bits a character.",
        ),
    ),
    hints=(
        "Fewer bits a character are better.",
        "Learned: before minus after on the new domain. Forgotten: after minus before on the old.",
        "np.array([before[1] - after[1], after[0] - before[0]])",
    ),
)

# --- replayed-windows -------------------------------------------------------------------------


def replayed_windows(sizes, percent):
    """How many old windows join each batch, with nothing lost in rounding."""
    counts, read, replayed = [], 0, 0
    for size in sizes:
        read += size
        due = read * percent // 100 - replayed  # counted from the start
        counts.append(due)
        replayed += due
    return np.array(counts)


def _joined(sizes, percent):
    return np.cumsum(replayed_windows(sizes, percent))


def _of_the_whole(sizes, percent):
    read = np.cumsum(sizes)
    return np.diff(read * percent // (100 - percent), prepend=0)


def _replay_cases(rng):
    return [
        ([8] * int(rng.integers(11, 14)), 20),
        ([8] * 13 + [int(rng.integers(1, 8))], 5),
        ([int(size) for size in rng.integers(5, 9, size=8)], 30),
        ([int(size) for size in rng.integers(3, 9, size=7)], 50),
    ]


REPLAYED_WINDOWS = Exercise(
    name="fine-tuning/replayed-windows",
    chapter="forgetting-and-few-labels",
    task="Mix old text into batches so that no share is rounded away.",
    reference=replayed_windows,
    cases=_replay_cases,
    wrong_answers=(
        WrongAnswer(
            "each batch by itself",
            lambda sizes, percent: np.array([size * percent // 100 for size in sizes]),
            "You rounded down in each batch by itself. 5 % of 8 windows is 0, in every batch: "
            "nothing is ever replayed. Carry what is left over to the next batch.",
        ),
        WrongAnswer(
            "rounded up",
            lambda sizes, percent: np.array([-(-size * percent // 100) for size in sizes]),
            "You rounded up in each batch: 5 % of 8 windows becomes 1 in every batch, more than "
            "twice the share that was asked for.",
        ),
        WrongAnswer(
            "so far",
            _joined,
            "Those are the old windows replayed SO FAR. Subtract what the batches before this one "
            "got.",
        ),
        WrongAnswer(
            "share of the whole batch",
            _of_the_whole,
            "You took the share of the mixed batch. Here it is old windows for each NEW one: 50 % "
            "is one old window for two new ones.",
        ),
        WrongAnswer(
            "all at the end",
            lambda sizes, percent: np.array([0] * (len(sizes) - 1) + [sum(sizes) * percent // 100]),
            "The sum is right, but all old windows come in the last batch: until then nothing is "
            "rehearsed.",
        ),
    ),
    hints=(
        "Count the new windows read so far, over all batches, not in this one.",
        "After `read` new windows, read * percent // 100 old ones should have been replayed.",
        "This batch gets that number minus what the batches before it got.",
    ),
)

# --- gradient-of-the-pull ---------------------------------------------------------------------


def gradient_with_pull(gradient, weight, start, strength, new):
    """Gradient of loss + strength / 2 * ||weight - start||^2; new rows are free."""
    pull = strength * (weight - start)
    return gradient + np.where(new[:, None], 0.0, pull)


def _pulled(factor):
    def answer(gradient, weight, start, strength, new):
        return gradient + factor * np.where(new[:, None], 0.0, strength * (weight - start))

    return answer


def _towards_zero(gradient, weight, start, strength, new):
    """Gradient of the loss and of the pull; rows that are new are free."""
    pull = strength * weight
    return gradient + np.where(new[:, None], 0.0, pull)


def _nobody_free(gradient, weight, start, strength, new):
    return gradient_with_pull(gradient, weight, start, strength, np.zeros_like(new))


def _others_free(gradient, weight, start, strength, new):
    return gradient_with_pull(gradient, weight, start, strength, ~new)


def _new_do_not_learn(gradient, weight, start, strength, new):
    pulled = gradient + strength * (weight - start)
    return np.where(new[:, None], 0.0, pulled)


def _pull_cases(rng):
    cases = []
    for rows, columns in ((3, 2), (4, 3), (5, 2)):
        gradient, weight, start = rng.normal(size=(3, rows, columns)).round(2)
        new = np.arange(rows) == rng.integers(rows)
        cases.append((gradient, weight, start, float(rng.uniform(0.3, 0.9)), new))
    return cases


GRADIENT_OF_THE_PULL = Exercise(
    name="fine-tuning/gradient-of-the-pull",
    chapter="forgetting-and-few-labels",
    task="Derive the gradient of a pull, and repair one that pulls to the wrong place.",
    reference=gradient_with_pull,
    cases=_pull_cases,
    wrong_answers=(
        WrongAnswer(
            "towards zero",
            _towards_zero,
            "That is weight decay: it pulls towards zero, away from all that was learned before. "
            "Pull towards start.",
        ),
        WrongAnswer(
            "pushed away",
            _pulled(-1),
            "The sign is the other way round: gradient descent goes AGAINST the gradient, so with "
            "start - weight it is pushed away from the start.",
        ),
        WrongAnswer(
            "twice",
            _pulled(2),
            "The one half before the square cancels the 2 from its derivative.",
        ),
        WrongAnswer(
            "half",
            _pulled(0.5),
            "The derivative of (weight - start)^2 is 2 (weight - start): the one half is gone.",
        ),
        WrongAnswer(
            "nobody is free",
            _nobody_free,
            "Rows that are new have no start that means anything: a pull would hold them at random "
            "numbers. Only the others are pulled.",
        ),
        WrongAnswer(
            "the others are free",
            _others_free,
            "It is the other way round: new rows are free, the others are pulled.",
        ),
        WrongAnswer(
            "new rows do not learn",
            _new_do_not_learn,
            "You set the whole gradient of new rows to zero. They are free of the PULL; from the "
            "loss they have to learn.",
        ),
    ),
    hints=(
        "Write the square out for one weight: strength / 2 * (w - s)^2. What is its derivative?",
        "strength * (weight - start), shape (rows, columns); for the new rows it is zero.",
        "new has shape (rows,): new[:, None] fits beside (rows, columns) in np.where.",
    ),
    broken="towards zero",
)

# --- never-replayed ---------------------------------------------------------------------------


def never_replayed(starts, replayed, window):
    """Starts of the test windows that share no character with a replayed window."""
    distance = np.abs(starts[:, None] - replayed[None, :])  # (starts, replayed)
    # a window at s holds the window + 1 characters s to s + window
    return starts[(distance > window).all(axis=1)]


def _other_starts(starts, replayed, window):
    """Starts of the test windows that were not replayed."""
    return starts[~np.isin(starts, replayed)]


def _one_side(starts, replayed, window):
    distance = starts[:, None] - replayed[None, :]
    return starts[((distance < 0) | (distance > window)).all(axis=1)]


def _seen(starts, replayed, window):
    return np.setdiff1d(starts, never_replayed(starts, replayed, window))


def _unseen_of_any(starts, replayed, window):
    distance = np.abs(starts[:, None] - replayed[None, :])
    return starts[(distance > window).any(axis=1)]


def _leak_cases(rng):
    cases = []
    for window, count in ((10, 14), (7, 16), (12, 14)):
        starts = np.arange(count) * window  # they tile the text and share their ends
        inner = rng.permutation(np.arange(2, count - 5))[:1] * window
        # one that is a test window itself, one that lies across two, one at the end
        across = (count - 3) * window - int(rng.integers(2, window - 1))
        cases.append((starts, np.array([int(inner[0]), across]), window))
    return cases


NEVER_REPLAYED = Exercise(
    name="fine-tuning/never-replayed",
    chapter="forgetting-and-few-labels",
    task="Repair a measure of forgetting that is taken on text which was replayed.",
    reference=never_replayed,
    cases=_leak_cases,
    wrong_answers=(
        WrongAnswer(
            "other starts",
            _other_starts,
            "You left out windows with the SAME start. A replayed window that starts a few "
            "characters earlier or later holds almost the same text: that is the leak.",
        ),
        WrongAnswer(
            "one side only",
            _one_side,
            "A replayed window reaches back into a test window as well when it starts later: take "
            "the distance on both sides.",
        ),
        WrongAnswer(
            "one character shared",
            lambda starts, replayed, window: never_replayed(starts, replayed, window - 1),
            "A window holds window + 1 characters. At a distance of exactly `window` two of them "
            "still share one.",
        ),
        WrongAnswer(
            "what was seen",
            _seen,
            "Those are the windows that WERE replayed, in part. Keep the others.",
        ),
        WrongAnswer(
            "far from one of them",
            _unseen_of_any,
            "Far from one replayed window is not enough: a test window has to be far from ALL.",
        ),
    ),
    hints=(
        "A window at s holds the characters s, s + 1, ..., s + window.",
        "Two windows share a character when their starts are at most `window` apart.",
        "Compare every start with every replayed one: starts[:, None] - replayed[None, :].",
    ),
    broken="other starts",
)

# --- labels-worth -----------------------------------------------------------------------------


def labels_worth(labels, accuracies, wanted, given):
    """Least and largest factor of labels, over `given`, for the wanted accuracy."""
    if wanted > accuracies[-1]:  # the curve ends too early: a lower bound
        return labels[-1] / given, np.inf
    if wanted < accuracies[0]:  # the fewest labels are already enough
        return 0.0, labels[0] / given
    needed = np.exp(np.interp(wanted, accuracies, np.log(labels)))
    return needed / given, needed / given


def _clipped(labels, accuracies, wanted, given):
    factor = np.exp(np.interp(wanted, accuracies, np.log(labels))) / given
    return factor, factor


def _straight(labels, accuracies, wanted, given):
    least, most = labels_worth(labels, accuracies, wanted, given)
    if least == most:
        least = most = np.interp(wanted, accuracies, labels) / given
    return least, most


def _difference(labels, accuracies, wanted, given):
    least, most = labels_worth(labels, accuracies, wanted, given)
    return least * given - given, most * given - given


def _upside_down(labels, accuracies, wanted, given):
    least, most = labels_worth(labels, accuracies, wanted, given)
    return 1 / most, (1 / least if least else np.inf)


def _extended(labels, accuracies, wanted, given):
    least, most = labels_worth(labels, accuracies, wanted, given)
    if least != most:
        ends = slice(-2, None) if np.isinf(most) else slice(None, 2)
        line = np.polyfit(accuracies[ends], np.log(labels[ends]), 1)
        least = most = np.exp(np.polyval(line, wanted)) / given
    return least, most


def _run_worth(answer, case):
    given = answer(*case)
    # the checker compares finite numbers, and here "no upper bound" is a right answer: as words
    if isinstance(given, tuple) and len(given) == 2:
        return f"({given[0]:.4f}, {given[1]:.4f})"
    return given


def _worth_cases(rng):
    labels, given = np.array([12, 60, 300, 996]), int(rng.choice([10, 20, 40]))
    curve = (rng.uniform(0.2, 0.25) + np.array([0, 0.14, 0.3, 0.42])).round(3)
    between = [
        round(float(curve[place] + rng.uniform(0.3, 0.7) * (curve[place + 1] - curve[place])), 3)
        for place in range(3)
    ]
    above = round(float(curve[-1] + rng.uniform(0.02, 0.06)), 3)
    below = round(float(curve[0] - rng.uniform(0.02, 0.06)), 3)
    return [(labels, curve, wanted, given) for wanted in (above, *between, below)]


LABELS_WORTH = Exercise(
    name="fine-tuning/labels-worth",
    chapter="forgetting-and-few-labels",
    task="Say what pretraining is worth in labels, and no more than was measured.",
    reference=labels_worth,
    cases=_worth_cases,
    wrong_answers=(
        WrongAnswer(
            "stopped at the ends",
            _clipped,
            "np.interp stops at the ends: an accuracy that was never reached got the largest "
            "number of labels, as if that had been enough. It is a lower bound: (labels[-1] / "
            "given, np.inf).",
        ),
        WrongAnswer(
            "straight in labels",
            _straight,
            "You interpolated along the number of labels. The curve is drawn and about straight "
            "along its LOGARITHM: halfway between 60 and 300 lies 134, not 180.",
        ),
        WrongAnswer(
            "a difference",
            _difference,
            "Those are labels saved. Asked is the factor: labels needed divided by labels given.",
        ),
        WrongAnswer(
            "upside down",
            _upside_down,
            "The factor is upside down: what the other needs, divided by what was given.",
        ),
        WrongAnswer(
            "extended",
            _extended,
            "You drew the line on beyond what was measured. Outside there are only bounds.",
        ),
    ),
    hints=(
        "Three cases: wanted above the last accuracy, below the first, or in between.",
        "In between: np.exp(np.interp(wanted, accuracies, np.log(labels))), twice the same factor.",
        "Above: (labels[-1] / given, np.inf). Below: (0.0, labels[0] / given).",
    ),
    run=_run_worth,
)

EXERCISES = (
    LEARNED_AND_FORGOTTEN,
    REPLAYED_WINDOWS,
    GRADIENT_OF_THE_PULL,
    NEVER_REPLAYED,
    LABELS_WORTH,
)
