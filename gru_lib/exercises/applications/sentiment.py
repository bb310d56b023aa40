"""Exercises of chapter 16, `sentiment`."""

import warnings

import numpy as np

from gru_lib.exercises.checker import AnswerError, Exercise, WrongAnswer

# --- verdict-of-a-review ----------------------------------------------------------------------


def verdict(words, praise, negators):
    """1 if the clause about the film is praise, 0 if blame; "and" ends clauses."""
    clauses = [clause.split() for clause in " ".join(words).split(" and ")]
    (judged,) = [clause for clause in clauses if "film" in clause]
    turns = sum(word in negators for word in judged)
    good = any(word in praise for word in judged)
    return int(good) if turns % 2 == 0 else int(not good)


def _judged(words):
    (clause,) = [c.split() for c in " ".join(words).split(" and ") if "film" in c.split()]
    return clause


def _turned(good, turns):
    return int(good) if turns % 2 == 0 else int(not good)


def _everywhere(words, praise, negators):
    return _turned(bool({*praise} & {*words}), sum(word in negators for word in words))


def _any_negator(words, praise, negators):
    judged = {*_judged(words)}
    return _turned(bool({*praise} & judged), bool({*negators} & judged))


def _right_before(words, praise, negators):
    judged = _judged(words)
    return _turned(judged[-1] in praise, judged[-2] in negators)


_PRAISE, _BLAME = ("good", "great", "fresh"), ("bad", "awful", "stale")
_NEGATORS = ("not", "never", "hardly")


def _verdict_cases(rng):
    patterns = (
        "the film is {good}",
        "the film is {bad}",
        "the film is {no} {good} and the bus was late",
        "the bus was {no} late and the film is {good}",
        "the bus was late and the film is {no} very {bad}",
        "i would {no} say that the film is {no} {good} and the hall was full",
        "i would {no} say that the film is {bad} and the hall was {no} full",
    )
    word = {
        name: lambda choices=choices: str(rng.choice(choices))
        for name, choices in {"good": _PRAISE, "bad": _BLAME, "no": _NEGATORS}.items()
    }
    cases = []
    for pattern in patterns:
        filled = [word[w[1:-1]]() if w.startswith("{") else w for w in pattern.split()]
        cases.append((filled, list(_PRAISE), list(_NEGATORS)))
    return cases


VERDICT = Exercise(
    name="applications/verdict-of-a-review",
    chapter="sentiment",
    task="Say who is for and who is against; count the negators in reach.",
    reference=verdict,
    cases=_verdict_cases,
    wrong_answers=(
        WrongAnswer(
            "every negator counts",
            _everywhere,
            "You counted the negators of the whole review. That the bus was not late turns nothing "
            "round: count in the clause about the film.",
        ),
        WrongAnswer(
            "one or more",
            _any_negator,
            "Two negators in one clause undo each other: it matters whether their number is odd.",
        ),
        WrongAnswer(
            "only right before the adjective",
            _right_before,
            "A negator need not stand right before the adjective: it reaches over 'very', and from "
            "'i would not say that' into the clause.",
        ),
        WrongAnswer(
            "the adjective alone",
            lambda words, praise, negators: int(bool({*praise} & {*words})),
            "You looked at the adjective only. That is a bag of words, and it misses every 'not'.",
        ),
        WrongAnswer(
            "the other way round",
            lambda words, praise, negators: 1 - verdict(words, praise, negators),
            "For and against are exchanged: praise without a negator is 1.",
        ),
    ),
    hints=(
        "Cut the review at 'and', and keep the clause that holds the word 'film'.",
        "Count the negators in that clause. An even number changes nothing.",
        "(good and turns % 2 == 0) or (not good and turns % 2 == 1)",
    ),
)

# --- same-bag ---------------------------------------------------------------------------------


def same_bag(one, other):
    """1 if no bag of words can tell two texts apart, else 0."""
    # sorted: the order is gone, and how often each word occurs is kept
    return int(sorted(one.split()) == sorted(other.split()))


def _bag_cases(rng):
    a, b = map(str, rng.choice(["film", "story", "music", "cast"], size=2, replace=False))
    good, bad = str(rng.choice(_PRAISE)), str(rng.choice(_BLAME))
    return [
        (f"the {a} is {good} but the {b} is {bad}", f"the {b} is {bad} but the {a} is {good}"),
        (f"the {a} is {good}", f"the {a} is {bad}"),
        (f"the {a} is very {good}", f"the {a} is very very {good}"),
        (f"not {good} and very {bad}", f"very {bad} and not {good}"),
        (f"{a} {a} {b} {good}", f"{a} {b} {b} {good}"),
        ("no ton", "on not"),
        (f"{a} is {good}", f"is {a} {good}"),
    ]


SAME_BAG = Exercise(
    name="applications/same-bag",
    chapter="sentiment",
    task="Decide when two texts are one and the same to a bag of words.",
    reference=same_bag,
    cases=_bag_cases,
    wrong_answers=(
        WrongAnswer(
            "sets",
            lambda one, other: int(set(one.split()) == set(other.split())),
            "A set forgets how often a word occurs; a bag counts. 'very' is not 'very very'.",
        ),
        WrongAnswer(
            "letters",
            lambda one, other: int(sorted(one) == sorted(other)),
            "You compared letters: 'no ton' and 'on not' have the same letters and other words.",
        ),
        WrongAnswer(
            "the same order",
            lambda one, other: int(one.split() == other.split()),
            "You asked for the same order. Order is just what a bag does not see.",
        ),
        WrongAnswer(
            "the same length",
            lambda one, other: int(len(one.split()) == len(other.split())),
            "As many words are not yet the same words.",
        ),
        WrongAnswer(
            "the other way round",
            lambda one, other: 1 - same_bag(one, other),
            "0 and 1 are exchanged: 1 means that no bag can tell them apart.",
        ),
    ),
    hints=(
        "A bag holds each word and how often it occurs, and no order.",
        "Sort the words, and the order is gone while the counts are still there.",
        "int(sorted(one.split()) == sorted(other.split()))",
    ),
)

# --- last-real-state --------------------------------------------------------------------------


def last_real_state(states, lengths):
    """State after each text's last real word; (batch, steps, H) to (batch, H)."""
    return states[np.arange(len(states)), lengths - 1]


def _state_at_the_end(states, lengths):
    """State after the last word of each text."""
    return states[:, -1]


def _next_state(states, lengths):
    return states[np.arange(len(states)), np.minimum(lengths, states.shape[1] - 1)]


def _mean_state(states, lengths):
    return np.stack([rows[:n].mean(axis=0) for rows, n in zip(states, lengths, strict=True)])


def _state_cases(rng):
    cases = []
    for batch, steps in ((2, 5), (4, 6), (3, 7)):
        lengths = rng.integers(2, steps - 1, size=batch)
        lengths[0] = steps
        cases.append((rng.normal(size=(batch, steps, 3)).round(2), lengths))
    return cases


LAST_REAL_STATE = Exercise(
    name="applications/last-real-state",
    chapter="sentiment",
    task="Repair a classifier that answers from a state that has read padding.",
    reference=last_real_state,
    cases=_state_cases,
    wrong_answers=(
        WrongAnswer(
            "the last column",
            _state_at_the_end,
            "states[:, -1] is the state after the LONGEST text of the batch. A short text has by "
            "then read padding, and its answer depends on its neighbours in the batch.",
        ),
        WrongAnswer(
            "one too far",
            _next_state,
            "That is one padded word too far: the last of n words has index n - 1.",
        ),
        WrongAnswer(
            "one too early",
            lambda states, lengths: states[np.arange(len(states)), lengths - 2],
            "That is the state before the last word, which may be the one that decides.",
        ),
        WrongAnswer(
            "mean of the states",
            _mean_state,
            "That is the mean over the real states. It is a way to pool, but another one.",
        ),
        WrongAnswer(
            "every text for every length",
            lambda states, lengths: states[:, lengths - 1],
            "states[:, lengths - 1] takes all lengths for every text. Pair text i with length i: "
            "both indices have to be arrays.",
        ),
    ),
    hints=(
        "Text i has lengths[i] real words; the last has index lengths[i] - 1.",
        "Two index arrays of one shape are paired: states[rows, steps].",
        "rows is np.arange(len(states)).",
    ),
    broken="the last column",
)

# --- accuracy-by-group ------------------------------------------------------------------------


def accuracy_by_group(answers, truths, groups, count):
    """Share of right answers in groups 0 to count - 1; nan where one is empty."""
    shares = np.full(count, np.nan)
    for group in range(count):
        members = groups == group
        if members.any():  # an empty group has no accuracy: nan, and no division
            shares[group] = (answers == truths)[members].mean()
    return shares


def _shares(answers, truths, groups, count, empty):
    shares = accuracy_by_group(answers, truths, groups, count)
    return np.where(np.isnan(shares), empty, shares)


def _by_division(answers, truths, groups, count):
    right = np.bincount(groups, weights=answers == truths, minlength=count)
    return right / np.bincount(groups, minlength=count)


def _share_of_all(answers, truths, groups, count):
    shares = _by_counting(answers, truths, groups, count)
    return np.where(np.bincount(groups, minlength=count) > 0, shares, np.nan)


def _by_counting(answers, truths, groups, count):
    return np.bincount(groups, weights=answers == truths, minlength=count) / len(groups)


def _run_by_group(answer, case):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shares = answer(*case)
    if shares is None or shares is ...:
        return shares
    shares = np.asarray(shares, dtype=float)
    if shares.shape != (case[3],):
        raise AnswerError(
            f"It returned shape {shares.shape}; expected shape {(case[3],)}, one share a group, "
            "the empty ones included."
        )
    return ", ".join(f"{share:.4f}" for share in shares)


def _group_cases(rng):
    cases = []
    for count, size in ((3, 12), (4, 15), (5, 20)):
        empty = int(rng.integers(count))
        groups = rng.choice([group for group in range(count) if group != empty], size=size)
        groups[:2] = (empty + 1) % count, (empty + 2) % count
        truths = rng.integers(0, 2, size=size)
        answers = np.where(rng.random(size) < 0.6, truths, 1 - truths)
        answers[0], answers[1] = truths[0], 1 - truths[1]
        cases.append((answers, truths, groups, count))
    return cases


ACCURACY_BY_GROUP = Exercise(
    name="applications/accuracy-by-group",
    chapter="sentiment",
    task="Measure group by group, and say so where there is nothing to measure.",
    reference=accuracy_by_group,
    cases=_group_cases,
    wrong_answers=(
        WrongAnswer(
            "0 where there is nobody",
            lambda *case: _shares(*case, empty=0.0),
            "An empty group is not a group in which everything went wrong: nan, not 0.",
        ),
        WrongAnswer(
            "1 where there is nobody",
            lambda *case: _shares(*case, empty=1.0),
            "No mistakes among no answers is no success: nan, not 1.",
        ),
        WrongAnswer(
            "division by zero",
            _by_division,
            "0 / 0 warns. Ask whether the group has members before you divide.",
        ),
        WrongAnswer(
            "mean of nobody",
            lambda answers, truths, groups, count: np.array(
                [(answers == truths)[groups == group].mean() for group in range(count)]
            ),
            "The mean of an empty array warns. Fill in nan yourself where a group has no members.",
        ),
        WrongAnswer(
            "share of all answers",
            _share_of_all,
            "You divided by the number of all answers: divide by the size of the group.",
        ),
        WrongAnswer(
            "one number for all",
            lambda answers, truths, groups, count: np.full(count, (answers == truths).mean()),
            "That is the accuracy over all groups, which can hide that one of them fails.",
        ),
        WrongAnswer(
            "empty groups left out",
            lambda answers, truths, groups, count: np.array(
                [(answers == truths)[groups == group].mean() for group in np.unique(groups)]
            ),
            "A group without members has dropped out, and all after it have moved up.",
        ),
    ),
    hints=(
        "Start from np.full(count, np.nan).",
        "For each group: members = groups == group; skip it if members.any() is false.",
        "(answers == truths)[members].mean()",
    ),
    run=_run_by_group,
)

# --- shuffle-the-words ------------------------------------------------------------------------


def shuffle_padded(x, lengths, keys):
    """Words of each row in the order of their keys; padding stays where it is."""
    real = np.arange(x.shape[1]) < lengths[:, None]  # (batch, steps)
    keys = np.where(real, keys, np.inf)  # padding goes last
    order = keys.argsort(axis=1, kind="stable")
    return np.take_along_axis(x, order, axis=1)


def _shuffled_by(x, lengths, keys):
    return np.take_along_axis(x, keys.argsort(axis=1), axis=1)


def _one_order(x, lengths, keys):
    return shuffle_padded(x, lengths, np.broadcast_to(keys[:1], keys.shape))


def _places(x, lengths, keys):
    real = np.arange(x.shape[1]) < lengths[:, None]
    places = np.where(real, keys, np.inf).argsort(axis=1, kind="stable").argsort(axis=1)
    return np.take_along_axis(x, places, axis=1)


def _mixed_rows(x, lengths, keys):
    return x[keys[:, 0].argsort()]


def _shuffle_cases(rng):
    cases = []
    for batch, steps in ((3, 5), (4, 7)):
        lengths = np.concatenate([[steps], rng.integers(3, steps, size=batch - 1)])
        real = np.arange(steps) < lengths[:, None]
        x = np.where(real, rng.permuted(np.tile(np.arange(2, steps + 2), (batch, 1)), axis=1), 0)
        keys = rng.permuted(np.tile(np.arange(steps) / 10, (batch, 1)), axis=1)
        # in the first row a cycle of three, whose inverse is another; rows change places, too
        keys[0] = np.roll(np.arange(steps) / 10, 1)
        keys[1] = np.concatenate([[0.0, 0.2, 0.1], keys[1, 3:] * 0 + np.arange(3, steps) / 10])
        # in the last row a key of the padding is the smallest
        keys[-1] = np.arange(steps)[::-1] / 10
        cases.append((x, lengths, keys))
    return cases


SHUFFLE_PADDED = Exercise(
    name="applications/shuffle-the-words",
    chapter="sentiment",
    task="Make the control: the same words in another order.",
    reference=shuffle_padded,
    cases=_shuffle_cases,
    wrong_answers=(
        WrongAnswer(
            "padding joins in",
            _shuffled_by,
            "Padding was shuffled in among the words: the lengths are then wrong, and words are "
            "cut off. Give padded steps a key that goes last.",
        ),
        WrongAnswer(
            "one order for all",
            _one_order,
            "All rows got the order of the first. A network could learn that order.",
        ),
        WrongAnswer(
            "places for orders",
            _places,
            "You used where each word goes as which word comes: that is the inverse order. One "
            "argsort is enough.",
        ),
        WrongAnswer(
            "texts shuffled, not words",
            _mixed_rows,
            "You changed the order of the texts. Their words still stand in order, and the labels "
            "no longer fit.",
        ),
        WrongAnswer(
            "sorted by number",
            lambda x, lengths, keys: np.where(
                np.arange(x.shape[1]) < lengths[:, None],
                shuffle_padded(x, lengths, x.astype(float)),
                0,
            ),
            "You sorted the word numbers themselves: an order, but always the same. Sort by keys.",
        ),
    ),
    hints=(
        "argsort of the keys gives an order for each row; np.take_along_axis applies it.",
        "Before that, replace the keys of padded steps by np.inf.",
        "real = np.arange(x.shape[1]) < lengths[:, None]",
    ),
)

# --- decided-at -------------------------------------------------------------------------------


def decided_at(chance):
    """First word from which on the verdict stays on the side where it ends."""
    side = chance > 0.5
    elsewhere = np.flatnonzero(side != side[-1])
    return int(elsewhere[-1]) + 1 if len(elsewhere) else 0


def _first_crossing(chance):
    side = chance > 0.5
    changed = np.flatnonzero(side[1:] != side[:-1])
    return int(changed[0]) + 1 if len(changed) else 0


def _first_on_that_side(chance):
    side = chance > 0.5
    return int(np.flatnonzero(side == side[-1])[0])


def _chance_cases(rng):
    def curve(*sides):
        return np.array(
            [rng.uniform(0.55, 0.9) if side else rng.uniform(0.1, 0.45) for side in sides]
        ).round(2)

    slow = np.concatenate([[0.05], rng.uniform(0.42, 0.48, 2), [0.55], [0.6, 0.97]]).round(2)
    return [
        (curve(1, 1, 1, 1),),
        (curve(0, 1, 0, 0, 1, 1),),
        (curve(1, 0, 1, 0, 0, 0, 0),),
        (slow,),
        (curve(0, 0, 1, 1, 0),),
    ]


DECIDED_AT = Exercise(
    name="applications/decided-at",
    chapter="sentiment",
    task="Read off a running verdict which word decided.",
    reference=decided_at,
    cases=_chance_cases,
    wrong_answers=(
        WrongAnswer(
            "the first change",
            _first_crossing,
            "That is where the verdict changes for the first time. It may change back.",
        ),
        WrongAnswer(
            "the first time on that side",
            _first_on_that_side,
            "That is when the verdict first IS on the final side; it left it again later.",
        ),
        WrongAnswer(
            "one word early",
            lambda chance: max(decided_at(chance) - 1, 0),
            "That is the last word BEFORE the verdict stays.",
        ),
        WrongAnswer(
            "the largest jump",
            lambda chance: int(np.abs(np.diff(chance)).argmax()) + 1,
            "The largest jump need not cross one half, and a later word may undo it.",
        ),
        WrongAnswer(
            "counted from the end",
            lambda chance: len(chance) - decided_at(chance),
            "You counted from the end: the first word has number 0.",
        ),
    ),
    hints=(
        "side = chance > 0.5 tells on which side each word leaves the verdict.",
        "Look for the LAST word where side differs from side[-1]; the next word decided.",
        "np.flatnonzero(side != side[-1]) may be empty: then word 0 decided.",
    ),
)

EXERCISES = (
    VERDICT,
    SAME_BAG,
    LAST_REAL_STATE,
    ACCURACY_BY_GROUP,
    SHUFFLE_PADDED,
    DECIDED_AT,
)
