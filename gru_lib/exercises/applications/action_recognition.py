"""Exercises of chapter 26, `action-recognition`."""

import math
from collections import Counter, defaultdict

import numpy as np

from gru_lib.exercises.checker import Exercise, WrongAnswer

# --- velocities -----------------------------------------------------------------------------


def velocities(clip):
    """How each feature changed since the frame before; 0 in the first frame."""
    return np.diff(clip, axis=0, prepend=clip[:1])


VELOCITIES = Exercise(
    name="applications/velocities",
    chapter="action-recognition",
    task="Put the order of frames into the frames themselves.",
    reference=velocities,
    cases=lambda rng: [(rng.normal(size=(frames, 4)).round(2),) for frames in (3, 5, 8)],
    wrong_answers=(
        WrongAnswer(
            "one frame short",
            lambda clip: np.diff(clip, axis=0),
            "One frame is missing: np.diff gives one row less. The first frame has no frame before "
            "it, and its change is 0.",
        ),
        WrongAnswer(
            "from nothing",
            lambda clip: np.diff(clip, axis=0, prepend=np.zeros_like(clip[:1])),
            "Your first row is the first position itself, as if the body had jumped there from the "
            "origin. Nobody knows where it came from: 0.",
        ),
        WrongAnswer(
            "round the corner",
            lambda clip: clip - np.roll(clip, 1, axis=0),
            "np.roll puts the LAST frame before the first: the first change tells how the clip "
            "ends.",
        ),
        WrongAnswer(
            "a look ahead",
            lambda clip: np.diff(clip, axis=0, append=clip[-1:]),
            "That is the change to the frame AFTER: while a film runs, you do not have it yet.",
        ),
        WrongAnswer(
            "backwards",
            lambda clip: -np.diff(clip, axis=0, prepend=clip[:1]),
            "The sign is wrong: now minus before. You have the velocities of a film played "
            "backwards, in the wrong order.",
        ),
    ),
    hints=(
        "Frame t minus frame t - 1.",
        "np.diff subtracts neighbours along an axis, and returns one row less.",
        "Put a copy of the first frame before the clip: np.diff(clip, axis=0, prepend=clip[:1]).",
    ),
)

# --- reverse-padded -------------------------------------------------------------------------


def play_backwards(x, lengths):
    """Play x (batch, steps, features) backwards; padding stays at the end."""
    backwards = np.zeros_like(x)
    for row, clip, length in zip(backwards, x, lengths, strict=True):
        row[:length] = clip[:length][::-1]  # only what is real turns round
    return backwards


def _everything_turns(x, lengths):
    """Play x (batch, steps, features) backwards; padding stays at the end."""
    return x[:, ::-1]


def _batch_turns(x, lengths):
    return x[::-1]


def _features_turn(x, lengths):
    turned = np.zeros_like(x)
    for row, clip, length in zip(turned, x, lengths, strict=True):
        row[:length] = clip[:length, ::-1]
    return turned


def _one_too_few(x, lengths):
    turned = np.zeros_like(x)
    for row, clip, length in zip(turned, x, lengths, strict=True):
        row[: length - 1] = clip[: length - 1][::-1]
    return turned


def _shortest(x, lengths):
    turned = x.copy()
    shortest = min(lengths)
    turned[:, :shortest] = x[:, :shortest][:, ::-1]
    return turned


def _padded_cases(rng):
    cases = []
    for lengths in ([4, 2], [3, 6, 5], [5, 5, 3, 7]):
        x = np.zeros((len(lengths), 7, 3))
        for row, length in zip(x, lengths, strict=True):
            row[:length] = rng.uniform(1, 9, size=(length, 3)).round(1)
        cases.append((x, np.array(lengths)))
    return cases


REVERSE_PADDED = Exercise(
    name="applications/reverse-padded",
    chapter="action-recognition",
    task="Repair a reversal that moves the padding to the front.",
    reference=play_backwards,
    cases=_padded_cases,
    wrong_answers=(
        WrongAnswer(
            "padding turned, too",
            _everything_turns,
            "The padding now comes first: a model with lengths would read zeros and miss the "
            "clip's beginning. Turn only the real steps round.",
        ),
        WrongAnswer(
            "batch turned",
            _batch_turns,
            "You turned the order of the clips round, not that of the frames.",
        ),
        WrongAnswer(
            "features turned",
            _features_turn,
            "You turned the features of each frame round: axis 1 of a clip, not axis 0.",
        ),
        WrongAnswer(
            "last frame lost",
            _one_too_few,
            "The last real frame is length - 1, and x[:length] includes it already.",
        ),
        WrongAnswer(
            "shortest length for all",
            _shortest,
            "Every clip has a length of its own; you used the shortest for all.",
        ),
    ),
    hints=(
        "Clip i has lengths[i] real steps; the others stay zeros.",
        "For one clip: clip[:length][::-1].",
        "Start from np.zeros_like(x) and fill the first lengths[i] steps of each row.",
    ),
    broken="padding turned, too",
)

# --- accuracy-after -------------------------------------------------------------------------


def accuracy_after(answers, classes, lengths, percent):
    """Accuracy after percent of each clip's frames; answers[i, t]: after t + 1."""
    seen = np.ceil(percent * lengths / 100).astype(int)
    seen = np.maximum(seen, 1)  # without a frame there is no answer
    return (answers[np.arange(len(answers)), seen - 1] == classes).mean()


def _accuracy(answers, classes, index):
    return (answers[np.arange(len(answers)), index] == classes).mean()


def _by_longest(answers, classes, lengths, percent):
    seen = max(1, math.ceil(percent * answers.shape[1] / 100))
    return (answers[:, seen - 1] == classes).mean()


def _every_frame_so_far(answers, classes, lengths, percent):
    seen = np.maximum(np.ceil(percent * lengths / 100).astype(int), 1)
    rows = zip(answers, seen, classes, strict=True)
    return np.mean([(row[:count] == truth).mean() for row, count, truth in rows])


def _running_cases(rng):
    cases = []
    for percent, sure in ((20, 0.3), (50, 0.5), (0, 0.5), (100, 0.7)):
        lengths = rng.integers(6, 14, size=40)
        classes = rng.integers(0, 3, size=40)
        # an answer of -1 after the end would count as wrong: nobody may look there
        answers = rng.integers(0, 3, size=(40, 14))
        answers = np.where(rng.random(answers.shape) < sure, classes[:, None], answers)
        answers[np.arange(14) >= lengths[:, None]] = -1
        cases.append((answers, classes, lengths, percent))
    return cases


ACCURACY_AFTER = Exercise(
    name="applications/accuracy-after",
    chapter="action-recognition",
    task="Ask a running model early.",
    reference=accuracy_after,
    cases=_running_cases,
    wrong_answers=(
        WrongAnswer(
            "rounded down",
            lambda answers, classes, lengths, percent: _accuracy(
                answers, classes, np.maximum(percent * lengths // 100, 1) - 1
            ),
            "You rounded down: after 20 % of 6 frames, that would be one frame, and two are asked.",
        ),
        WrongAnswer(
            "no frame at all",
            lambda answers, classes, lengths, percent: _accuracy(
                answers, classes, np.ceil(percent * lengths / 100).astype(int) - 1
            ),
            "At 0 % you look up index -1, and that is the last answer of all. At least one frame.",
        ),
        WrongAnswer(
            "one frame late",
            lambda answers, classes, lengths, percent: _accuracy(
                answers,
                classes,
                np.minimum(np.maximum(np.ceil(percent * lengths / 100).astype(int), 1), 13),
            ),
            "One frame too late: the answer after n frames stands at index n - 1.",
        ),
        WrongAnswer(
            "percent of the padding",
            _by_longest,
            "You took a percentage of the padded length. Each clip has its own.",
        ),
        WrongAnswer(
            "all answers so far",
            _every_frame_so_far,
            "You averaged over all answers up to that frame. Asked is the one that the model "
            "gives then.",
        ),
    ),
    hints=(
        "The number of frames seen: percent * lengths / 100, rounded up, and at least 1.",
        "The answer after n frames is answers[i, n - 1].",
        "answers[np.arange(len(answers)), seen - 1] picks one answer a row.",
    ),
)

# --- dtw-table ------------------------------------------------------------------------------


def warped_distance(first, second):
    """Dynamic time warping distance of two lists of numbers, |a - b| a pair."""
    table = np.full((len(first) + 1, len(second) + 1), np.inf)
    table[0, 0] = 0
    for i, a in enumerate(first, start=1):
        for j, b in enumerate(second, start=1):
            before = min(table[i - 1, j], table[i, j - 1], table[i - 1, j - 1])
            table[i, j] = abs(a - b) + before
    return table[-1, -1]


def _warped(first, second, steps, border=np.inf):
    table = np.full((len(first) + 1, len(second) + 1), float(border))
    table[0, 0] = 0
    for i, a in enumerate(first, start=1):
        for j, b in enumerate(second, start=1):
            before = 0 if i == j == 1 else min(table[i - up, j - left] for up, left in steps)
            table[i, j] = abs(a - b) + before
    return table[-1, -1]


def _greedy(first, second):
    i = j = 0
    total = abs(first[0] - second[0])
    while (i, j) != (len(first) - 1, len(second) - 1):
        ways = [(i + 1, j + 1), (i + 1, j), (i, j + 1)]
        ways = [(a, b) for a, b in ways if a < len(first) and b < len(second)]
        i, j = min(ways, key=lambda way: abs(first[way[0]] - second[way[1]]))
        total += abs(first[i] - second[j])
    return total


def _warp_cases(rng):
    cases = [([0, 0, 1, 1], [0, 1]), ([5, 1, 1, 4, 9, 2], [1, 4, 2, 9, 9])]
    while len(cases) < 6:
        # a greedy path has to lose somewhere
        first, second = rng.integers(0, 10, size=6).tolist(), rng.integers(0, 10, size=5).tolist()
        if _greedy(first, second) > warped_distance(first, second):
            cases.append((first, second))
    return cases


DTW_TABLE = Exercise(
    name="applications/dtw-table",
    chapter="action-recognition",
    task="Fill the table of dynamic time warping, cell by cell.",
    reference=warped_distance,
    cases=_warp_cases,
    wrong_answers=(
        WrongAnswer(
            "no diagonal",
            lambda first, second: _warped(first, second, ((1, 0), (0, 1))),
            "A step may also go on in both lists at once: the cell diagonally before counts, too.",
        ),
        WrongAnswer(
            "free beginning",
            lambda first, second: _warped(first, second, ((1, 0), (0, 1), (1, 1)), border=0),
            "Your path may begin anywhere along the border, where zeros stand. It begins with "
            "both first frames: infinity along the border, and 0 only in the corner.",
        ),
        WrongAnswer(
            "greedy",
            _greedy,
            "You took the cheapest next step each time. A cheap step can lead to a dear place: the "
            "table keeps the best way to EVERY cell.",
        ),
        WrongAnswer(
            "frame by frame",
            lambda first, second: sum(abs(a - b) for a, b in zip(first, second, strict=False)),
            "Nothing is warped: you compared frame t with frame t, and left the rest of the longer "
            "list out.",
        ),
        WrongAnswer(
            "second waits never",
            lambda first, second: _warped(first, second, ((1, 0), (1, 1))),
            "Both lists may wait for the other: the cell to the left counts, too.",
        ),
    ),
    hints=(
        "table[i, j]: the price of the best way through the first i and the first j numbers.",
        "One row and one column more than numbers; infinity there, and 0 in the corner.",
        "Each cell: |a - b| plus the smallest of the cells above, to the left and diagonally.",
    ),
)

# --- ceiling-without-order ------------------------------------------------------------------


def ceiling_without_order(clips, classes):
    """Best accuracy on these clips (tuples of frames) without their order."""
    alike = {}
    for clip, truth in zip(clips, classes, strict=True):
        frames = tuple(sorted(clip))  # the same for all orders of these frames
        alike.setdefault(frames, []).append(truth)
    best = [max(map(truths.count, truths)) for truths in alike.values()]
    return sum(best) / len(clips)


def _ceiling(clips, classes, view):
    alike = defaultdict(Counter)
    for clip, truth in zip(clips, classes, strict=True):
        alike[view(clip)][truth] += 1
    return sum(max(counts.values()) for counts in alike.values()) / len(clips)


def _ceiling_cases(rng):
    cases = []
    for frames in ((0, 1, 2), (3, 1, 1, 2), (5, 6, 7, 8)):
        clips, classes = [], []
        # class 0 forwards and class 1 backwards, one of them more often
        for clip, truth, times in ((frames, 0, 3), (frames[::-1], 1, 2)):
            clips += [clip] * times
            classes += [truth] * times
        shown = (frames[0], *frames)  # the same frames, one of them twice
        clips += [shown, shown[::-1], shown, (*frames[:-1], 9), (9, *frames[:-1])]
        classes += [1, 1, 2, 2, 0]
        order = rng.permutation(len(clips))
        again = [int(order[0])] * int(rng.integers(0, 3))
        rows = [*order.tolist(), *again]
        cases.append(([clips[i] for i in rows], [classes[i] for i in rows]))
    cases.append(([(1, 2), (2, 1), (1, 1, 2), (3,), (4,)], [0, 0, 1, 2, 0]))
    return cases


CEILING_WITHOUT_ORDER = Exercise(
    name="applications/ceiling-without-order",
    chapter="action-recognition",
    task="Derive what nobody without a sense of order can beat.",
    reference=ceiling_without_order,
    cases=_ceiling_cases,
    wrong_answers=(
        WrongAnswer(
            "sees order",
            lambda clips, classes: _ceiling(clips, classes, tuple),
            "You told clips apart by their order. For who cannot see it, (1, 2, 3) and (3, 2, 1) "
            "are one and the same: sort the frames.",
        ),
        WrongAnswer(
            "a set",
            lambda clips, classes: _ceiling(clips, classes, lambda clip: frozenset(clip)),
            "A set forgets how often a frame occurs, and a mean over frames does not: (1, 1, 2) "
            "can be told from (1, 2).",
        ),
        WrongAnswer(
            "largest class",
            lambda clips, classes: max(Counter(classes).values()) / len(classes),
            "That is the best answer for who sees nothing. The frames themselves may be seen.",
        ),
        WrongAnswer(
            "first frame",
            lambda clips, classes: _ceiling(clips, classes, lambda clip: clip[0]),
            "All frames may be seen, and none of them is the first: to know which one comes first "
            "is to know something about their order.",
        ),
        WrongAnswer(
            "half",
            lambda clips, classes: 0.5,
            "One half is the answer for two equally frequent classes that are reversals of each "
            "other. Here some frames tell more, and some classes are more frequent.",
        ),
    ),
    hints=(
        "Which clips does nobody without order tell apart? Those with the same frames, counted.",
        "For such a group there is only one answer; the best is its most frequent class.",
        "tuple(sorted(clip)) is the same for all orders; collect the classes of each in a dict.",
    ),
)

# --- mean-recall ----------------------------------------------------------------------------


def mean_recall(true, predicted, classes):
    """Mean over all classes that occur in true of the share that was recognised."""
    counts = np.zeros((classes, classes))
    np.add.at(counts, (true, predicted), 1)
    occurs = counts.sum(axis=1) > 0  # a class without a clip has no recall: 0 / 0
    return (counts.diagonal()[occurs] / counts.sum(axis=1)[occurs]).mean()


def _recalls(true, predicted, classes, empty):
    counts = np.zeros((classes, classes))
    np.add.at(counts, (true, predicted), 1)
    rows = counts.sum(axis=1)
    return np.where(rows > 0, counts.diagonal() / np.maximum(rows, 1), empty).mean()


def _precision(true, predicted, classes):
    return mean_recall(predicted, true, classes)


def _recall_cases(rng):
    cases = []
    for classes in (4, 5, 6):
        true = np.repeat(np.arange(classes - 1), rng.integers(2, 9, size=classes - 1))
        true = np.concatenate([true, [0] * 9])  # class 0 is frequent; the last one is empty
        predicted = np.where(rng.random(len(true)) < 0.6, true, rng.integers(0, classes, len(true)))
        predicted[:2] = 1, classes - 1
        cases.append((true, predicted, classes))
    return cases


MEAN_RECALL = Exercise(
    name="applications/mean-recall",
    chapter="action-recognition",
    task="Read a confusion matrix that has an empty row.",
    reference=mean_recall,
    cases=_recall_cases,
    wrong_answers=(
        WrongAnswer(
            "empty counts as missed",
            lambda true, predicted, classes: _recalls(true, predicted, classes, 0.0),
            "An empty class counts as if all of it had been missed. It has no clip to miss: leave "
            "it out.",
        ),
        WrongAnswer(
            "empty counts as found",
            lambda true, predicted, classes: _recalls(true, predicted, classes, 1.0),
            "An empty class counts as if all of it had been found. It has no clip to find: leave "
            "it out.",
        ),
        WrongAnswer(
            "accuracy",
            lambda true, predicted, classes: (true == predicted).mean(),
            "That is the accuracy, in which a frequent class counts for more. Here every class "
            "counts alike.",
        ),
        WrongAnswer(
            "precision",
            _precision,
            "Rows and columns are swapped: you divided by how often a class was named, which is "
            "its precision.",
        ),
        WrongAnswer(
            "share of all clips",
            lambda true, predicted, classes: (true == predicted).mean() / len(np.unique(true)),
            "You divided the hits of a class by all clips. Divide by the clips of that class.",
        ),
    ),
    hints=(
        "counts[i, j]: clips of class i that were taken for j; np.add.at counts them.",
        "The recall of class i is counts[i, i] divided by the sum of row i.",
        "Rows with the sum 0 have no recall: select the others before dividing.",
    ),
)

EXERCISES = (
    VELOCITIES,
    REVERSE_PADDED,
    ACCURACY_AFTER,
    DTW_TABLE,
    CEILING_WITHOUT_ORDER,
    MEAN_RECALL,
)
