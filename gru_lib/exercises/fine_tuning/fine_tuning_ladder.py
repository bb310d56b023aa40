"""Exercises of chapter 29, `fine-tuning-ladder`."""

import numpy as np

from gru_lib.exercises.checker import Exercise, WrongAnswer

# --- slanted-rate -----------------------------------------------------------------------------


def slanted_rate(step, steps, largest, cut_fraction, ratio):
    """Learning rate at a step, from 0: up to the largest, then slowly down."""
    cut = int(steps * cut_fraction)  # the step at which the largest is reached
    up = step / cut
    down = 1 - (step - cut) / (cut * (1 / cut_fraction - 1))
    share = min(up, down)  # up to the cut the rise is lower, after it the fall
    return largest * (1 + share * (ratio - 1)) / ratio


def _slanted(share_of):
    """A wrong rate, from the share of the way up as (step, steps, cut, cut_fraction) gives it."""

    def rate(step, steps, largest, cut_fraction, ratio):
        share = share_of(step, steps, int(steps * cut_fraction), cut_fraction)
        return largest * (1 + share * (ratio - 1)) / ratio

    return rate


def _share(step, steps, cut, cut_fraction):
    return step / cut if step < cut else 1 - (step - cut) / (cut * (1 / cut_fraction - 1))


def _to_zero(step, steps, largest, cut_fraction, ratio):
    return largest * _share(step, steps, int(steps * cut_fraction), cut_fraction)


def _only_floor(step, steps, largest, cut_fraction, ratio):
    return largest * max(_share(step, steps, int(steps * cut_fraction), cut_fraction), 1 / ratio)


def _slanted_cases(rng):
    steps = int(rng.integers(8, 20)) * 10
    cut_fraction = float(rng.choice([0.1, 0.2]))
    cut = round(steps * cut_fraction)
    largest, ratio = float(rng.choice([0.01, 1.0, 4.0])), int(rng.choice([8, 32]))
    places = (0, cut // 2, cut, cut + (steps - cut) // 3, steps - 2)
    return [(step, steps, largest, cut_fraction, ratio) for step in places]


SLANTED_RATE = Exercise(
    name="fine-tuning/slanted-rate",
    chapter="fine-tuning-ladder",
    task="Compute the learning rate of the slanted triangular schedule at a step.",
    reference=slanted_rate,
    cases=_slanted_cases,
    wrong_answers=(
        WrongAnswer(
            "from zero to zero",
            _to_zero,
            "Your rate begins and ends at zero. The smallest rate is largest / ratio: the share "
            "moves the rate between that and the largest.",
        ),
        WrongAnswer(
            "cut off from below",
            _only_floor,
            "You let the rate fall to zero and put a floor under it. The share goes linearly from "
            "largest / ratio to the largest: (1 + share * (ratio - 1)) / ratio.",
        ),
        WrongAnswer(
            "falls from the start",
            _slanted(lambda step, steps, cut, fraction: 1 - step / steps),
            "Your rate only falls. Up to the step steps * cut_fraction it has to RISE.",
        ),
        WrongAnswer(
            "no slant",
            _slanted(lambda step, steps, cut, fraction: 1 - abs(2 * step / steps - 1)),
            "Your triangle has its top in the middle. It is slanted: the top is at the step "
            "steps * cut_fraction, early.",
        ),
        WrongAnswer(
            "falls as fast as it rises",
            _slanted(lambda step, steps, cut, fraction: max(0.0, 1 - abs(step - cut) / cut)),
            "It falls as fast as it rises, and trains at the smallest rate for most of the time. "
            "The way down takes all the steps that are left: cut * (1 / cut_fraction - 1) of them.",
        ),
        WrongAnswer(
            "up at the end",
            _slanted(lambda step, steps, cut, fraction: _share(steps - step, steps, cut, fraction)),
            "That is the triangle read backwards: a slow rise and a steep fall.",
        ),
    ),
    hints=(
        "Two straight lines. First find the share of the way up, between 0 and 1, at this step.",
        "Before cut it is step / cut. After it, 1 minus what has passed of the steps that are "
        "left, of which there are cut * (1 / cut_fraction - 1).",
        "largest * (1 + share * (ratio - 1)) / ratio",
    ),
)

# --- layer-rates ------------------------------------------------------------------------------


def layer_rates(count, rate, factor):
    """Learning rates of count layer groups, from the answer to the input."""
    # each group learns factor times slower than the one nearer to the answer
    return [rate / factor**depth for depth in range(count)]


def _by_numbers(count, rate, factor):
    return [rate / factor ** (depth * (depth > 1)) for depth in range(count)]


def _rates_cases(rng):
    return [
        (count, float(rng.choice([0.001, 0.004, 0.01])), float(rng.choice([2.0, 2.6])))
        for count in (3, 4, 5)
    ]


LAYER_RATES = Exercise(
    name="fine-tuning/layer-rates",
    chapter="fine-tuning-ladder",
    task="Give every layer group its own learning rate.",
    reference=layer_rates,
    cases=_rates_cases,
    wrong_answers=(
        WrongAnswer(
            "the input fastest",
            lambda count, rate, factor: layer_rates(count, rate, factor)[::-1],
            "You gave the input the largest rate. What lies near the input is the most general and "
            "should move least: the answer comes first and learns fastest.",
        ),
        WrongAnswer(
            "divided by the depth",
            lambda count, rate, factor: [rate / (1 + factor * d) for d in range(count)],
            "Your rates fall like 1 / depth. Each layer's rate is that of the layer above, divided "
            "by the factor: a power.",
        ),
        WrongAnswer(
            "the answer divided, too",
            lambda count, rate, factor: [rate / factor ** (d + 1) for d in range(count)],
            "The first group, the answer, learns at the full rate: its power of the factor is 0.",
        ),
        WrongAnswer(
            "rates grow",
            lambda count, rate, factor: [rate * factor**d for d in range(count)],
            "You multiplied by the factor; going towards the input the rate is divided by it.",
        ),
        WrongAnswer(
            "two rates",
            lambda count, rate, factor: [rate] + [rate / factor] * (count - 1),
            "You gave all layers below the answer one rate. Each of them is slower than the one "
            "above it.",
        ),
        WrongAnswer(
            "begun one layer late",
            _by_numbers,
            "The second group learns as fast as the first in your answer. The division begins "
            "with it.",
        ),
    ),
    hints=(
        "The first group has depth 0 and the full rate, the second depth 1.",
        "From one group to the next, divide by the factor once more.",
        "[rate / factor**depth for depth in range(count)]",
    ),
)

# --- unfrozen-numbers -------------------------------------------------------------------------


def unfrozen_numbers(sizes, epochs):
    """Numbers trained in each epoch; sizes go from the answer to the input."""
    return [sum(sizes[: epoch + 1]) for epoch in range(epochs)]


def _one_group(sizes, epochs):
    return [sizes[min(epoch, len(sizes) - 1)] for epoch in range(epochs)]


def _unfrozen_cases(rng):
    cases = []
    for groups, epochs in ((3, 3), (4, 6), (5, 4)):
        sizes = rng.choice(np.arange(10, 900), size=groups, replace=False)
        cases.append(([int(size) for size in sizes], epochs))
    return cases


UNFROZEN_NUMBERS = Exercise(
    name="fine-tuning/unfrozen-numbers",
    chapter="fine-tuning-ladder",
    task="Predict how many numbers gradual unfreezing trains in each epoch.",
    reference=unfrozen_numbers,
    cases=_unfrozen_cases,
    wrong_answers=(
        WrongAnswer(
            "only the new group",
            _one_group,
            "You counted only the group that has just been unfrozen. Those above it stay "
            "unfrozen: they add up.",
        ),
        WrongAnswer(
            "from the input",
            lambda sizes, epochs: unfrozen_numbers(sizes[::-1], epochs),
            "You began at the input. The answer comes first: it is new, and all that lies below "
            "it is worth keeping until it gives sensible gradients.",
        ),
        WrongAnswer(
            "everything at once",
            lambda sizes, epochs: [sum(sizes)] * epochs,
            "That is full fine-tuning: all groups from the first epoch on.",
        ),
        WrongAnswer(
            "nothing in the first epoch",
            lambda sizes, epochs: [sum(sizes[:epoch]) for epoch in range(epochs)],
            "In your first epoch nothing is trained at all. It trains the first group.",
        ),
        WrongAnswer(
            "what is still frozen",
            lambda sizes, epochs: [sum(sizes[epoch + 1 :]) for epoch in range(epochs)],
            "That is what is still FROZEN in each epoch.",
        ),
        WrongAnswer(
            "one number a group",
            lambda sizes, epochs: unfrozen_numbers(sizes, len(sizes)),
            "You gave one number for each group; one for each EPOCH was asked for. There may be "
            "more epochs than groups, in which everything is trained, or fewer.",
        ),
    ),
    hints=(
        "In epoch 0 the first group is trained, in epoch 1 the first two.",
        "A slice does not mind an end beyond the list: sizes[: epoch + 1].",
        "[sum(sizes[: epoch + 1]) for epoch in range(epochs)]",
    ),
)

# --- frozen-and-moving ------------------------------------------------------------------------


def update(weights, velocities, gradients, frozen, rate, momentum, decay):
    """New weights and velocities of all layers, each (layers, n), after a step."""
    pull = gradients + decay * weights
    moved = momentum * velocities + pull
    stays = np.array(frozen)[:, None]
    # frozen: neither the gradient nor decay nor old speed may reach the weight
    new_velocities = np.where(stays, velocities, moved)
    return np.where(stays, weights, weights - rate * moved), new_velocities


def _zeroed_gradient(weights, velocities, gradients, frozen, rate, momentum, decay):
    """New weights and velocities of all layers, each (layers, n), after a step."""
    stays = np.array(frozen)[:, None]
    gradients = np.where(stays, 0.0, gradients)  # frozen: no gradient
    pull = gradients + decay * weights
    moved = momentum * velocities + pull
    return weights - rate * moved, moved


def _still_decays(weights, velocities, gradients, frozen, rate, momentum, decay):
    stays = np.array(frozen)[:, None]
    pull = np.where(stays, 0.0, gradients) + decay * weights
    moved = np.where(stays, 0.0, momentum * velocities) + pull
    return weights - rate * moved, moved


def _still_rolls(weights, velocities, gradients, frozen, rate, momentum, decay):
    stays = np.array(frozen)[:, None]
    moved = momentum * velocities + np.where(stays, 0.0, gradients + decay * weights)
    return weights - rate * moved, moved


def _gathers_speed(weights, velocities, gradients, frozen, rate, momentum, decay):
    stays = np.array(frozen)[:, None]
    moved = momentum * velocities + gradients + decay * weights
    return np.where(stays, weights, weights - rate * moved), moved


def _update_cases(rng):
    cases = []
    for layers, frozen in ((2, [True, False]), (3, [True, True, False]), (3, [False, True, False])):
        weights, velocities, gradients = rng.normal(size=(3, layers, 4)) + 3.0
        cases.append((weights, velocities, gradients, frozen, 0.1, 0.9, float(rng.uniform(1, 2))))
    return cases


def _both(answer, case):
    result = answer(*case)
    return np.stack(result) if isinstance(result, tuple) else result


FROZEN_AND_MOVING = Exercise(
    name="fine-tuning/frozen-and-moving",
    chapter="fine-tuning-ladder",
    task="Repair an optimizer that still moves the layers it was told to freeze.",
    reference=update,
    cases=_update_cases,
    wrong_answers=(
        WrongAnswer(
            "gradient set to zero",
            _zeroed_gradient,
            "The gradient of a frozen layer is zero, and the layer still moves: weight decay pulls "
            "it to zero, and old velocity carries it on. A frozen layer must be left out of the "
            "whole update.",
        ),
        WrongAnswer(
            "decay forgotten",
            _still_decays,
            "Gradient and velocity are stopped, weight decay is not: it does not ask for a "
            "gradient, and shrinks the frozen layer a little at each step.",
        ),
        WrongAnswer(
            "velocity forgotten",
            _still_rolls,
            "Gradient and decay are stopped, the velocity is not: what the layer learned before it "
            "was frozen still rolls on.",
        ),
        WrongAnswer(
            "gathers speed",
            _gathers_speed,
            "The weights stay, but the velocity of the frozen layer grows unseen, and will throw "
            "it away in the step after it is unfrozen. Leave the velocity as it was.",
        ),
        WrongAnswer(
            "nothing is frozen",
            lambda w, v, g, frozen, *rest: update(w, v, g, [False] * len(frozen), *rest),
            "You do not look at frozen at all.",
        ),
        WrongAnswer(
            "the other layers",
            lambda w, v, g, frozen, *rest: update(w, v, g, [not f for f in frozen], *rest),
            "The layers that should learn are frozen, and the other way round.",
        ),
    ),
    hints=(
        "Three things move a weight: its gradient, decay, and the velocity of earlier steps.",
        "Compute the step as if nothing were frozen, and take it only where nothing is.",
        "np.where(stays, weights, weights - rate * moved), and np.where(stays, velocities, moved)",
    ),
    broken="gradient set to zero",
    run=_both,
)

# --- few-labels -------------------------------------------------------------------------------


def few_labels(sentences, classes, held_out, each):
    """Rows of the first sentences of each class, none twice and none held out."""
    seen = set(held_out)
    left = dict.fromkeys(classes, each)
    rows = []
    for row, (sentence, label) in enumerate(zip(sentences, classes, strict=True)):
        if left[label] and sentence not in seen:
            rows.append(row)
            left[label] -= 1
            seen.add(sentence)
    return rows


def _cleaned_afterwards(sentences, classes, held_out, each):
    rows = few_labels(range(len(sentences)), classes, [], each)
    kept = {sentences[row]: row for row in reversed(rows) if sentences[row] not in held_out}
    return sorted(kept.values())


def _leaking(sentences, classes, held_out, each):
    return few_labels(sentences, classes, [], each)


def _with_repeats(sentences, classes, held_out, each):
    clean = [r for r, sentence in enumerate(sentences) if sentence not in held_out]
    rows = few_labels(range(len(clean)), [classes[r] for r in clean], [], each)
    return [clean[row] for row in rows]


def _first_of_all(sentences, classes, held_out, each):
    return few_labels(sentences, [0] * len(sentences), held_out, each * len(set(classes)))


def _last_ones(sentences, classes, held_out, each):
    last = len(sentences) - 1
    return sorted(last - r for r in few_labels(sentences[::-1], classes[::-1], held_out, each))


def _labels_cases(rng):
    cases = []
    for each in (2, 3):
        sentences = [f"sentence {n}" for n in rng.permutation(100)[:30]]
        classes = [0, 0, 1, 0, 1, 2] * 5
        # the first sentence of class 0 is held out, and its second comes again as its third
        sentences[3] = sentences[1]
        cases.append((sentences, classes, [sentences[0], "sentence elsewhere"], each))
    return cases


FEW_LABELS = Exercise(
    name="fine-tuning/few-labels",
    chapter="fine-tuning-ladder",
    task="Draw as many labelled sentences of each class, without a leak.",
    reference=few_labels,
    cases=_labels_cases,
    wrong_answers=(
        WrongAnswer(
            "cleaned afterwards",
            _cleaned_afterwards,
            "You drew first and cleaned afterwards: a class that lost a sentence now has fewer "
            "labels than the others. Skip what may not be used, and go on until each has enough.",
        ),
        WrongAnswer(
            "leaks",
            _leaking,
            "A sentence that is held out stands among the labels: the test would then ask for what "
            "was learned by heart.",
        ),
        WrongAnswer(
            "the same sentence twice",
            _with_repeats,
            "One sentence was taken twice. A label that is there twice is one label.",
        ),
        WrongAnswer(
            "the first of all",
            _first_of_all,
            "You took the first sentences whatever their class, and the classes are not equally "
            "many: a model can then score by guessing the largest.",
        ),
        WrongAnswer(
            "the last ones",
            _last_ones,
            "Those are the last sentences of each class; the first were asked for.",
        ),
    ),
    hints=(
        "Go through the sentences once, and keep a set of those that may not be taken any more.",
        "A sentence that was taken joins that set. Count down how many each class still needs.",
        "if left[label] and sentence not in seen: take it, left[label] -= 1, seen.add(sentence)",
    ),
)

# --- concat-pooling ---------------------------------------------------------------------------


def concat_pooling(states, lengths):
    """Last, largest and mean real state: (batch, steps, H) to (batch, 3 H)."""
    pooled = []
    for rows, length in zip(states, lengths, strict=True):
        real = rows[:length]  # what comes after it is padding
        three = real[-1], real.max(axis=0), real.mean(axis=0)
        pooled.append(np.concatenate(three))
    return np.stack(pooled)


def _over_padding(states, lengths):
    """Last, largest and mean real state: (batch, steps, H) to (batch, 3 H)."""
    last = states[np.arange(len(states)), lengths - 1]
    return np.concatenate([last, states.max(axis=1), states.mean(axis=1)], axis=1)


def _pooled(last, largest, mean):
    """A wrong pooling, from three functions of (rows, length)."""

    def pooling(states, lengths):
        parts = [
            np.concatenate([part(rows, length) for part in (last, largest, mean)])
            for rows, length in zip(states, lengths, strict=True)
        ]
        return np.stack(parts)

    return pooling


def _last(rows, length):
    return rows[length - 1]


def _largest(rows, length):
    return rows[:length].max(axis=0)


def _mean(rows, length):
    return rows[:length].mean(axis=0)


def _pooling_cases(rng):
    cases = []
    for batch, steps in ((2, 5), (3, 6)):
        states = -rng.uniform(0.1, 0.9, size=(batch, steps, 3))
        lengths = rng.integers(2, steps - 1, size=batch)
        lengths[0] = steps
        for rows, length in zip(states, lengths, strict=True):
            rows[length:] = 0.0  # as pad_packed_sequence leaves it
        cases.append((states, lengths))
    return cases


CONCAT_POOLING = Exercise(
    name="fine-tuning/concat-pooling",
    chapter="fine-tuning-ladder",
    task="Repair concat pooling that counts padding.",
    reference=concat_pooling,
    cases=_pooling_cases,
    wrong_answers=(
        WrongAnswer(
            "over the padding",
            _over_padding,
            "Largest and mean state were taken over the padding, too. Its zeros are larger than "
            "every negative state, and they draw the mean of a short text to zero.",
        ),
        WrongAnswer(
            "mean over the padding",
            _pooled(_last, _largest, lambda rows, length: rows.mean(axis=0)),
            "The mean is still divided by all steps. Divide by the length of the text.",
        ),
        WrongAnswer(
            "largest over the padding",
            _pooled(_last, lambda rows, length: rows.max(axis=0), _mean),
            "The largest state is still sought in the padding, whose zeros beat negative states.",
        ),
        WrongAnswer(
            "last column",
            _pooled(lambda rows, length: rows[-1], _largest, _mean),
            "The last column is padding for all but the longest text. The last real step of a text "
            "of n steps has index n - 1.",
        ),
        WrongAnswer(
            "in another order",
            _pooled(_last, _mean, _largest),
            "All three are right, in another order: last, largest, mean. A head that was trained "
            "on one order cannot read another.",
        ),
        WrongAnswer(
            "the sum",
            _pooled(_last, _largest, lambda rows, length: rows[:length].sum(axis=0)),
            "You summed the states: a long text then has a large sum. Divide by its length.",
        ),
    ),
    hints=(
        "Text i has lengths[i] real steps. Cut the rest off before you pool.",
        "rows[:length] holds the real steps, and its last row is the last real state.",
        "np.concatenate([real[-1], real.max(axis=0), real.mean(axis=0)])",
    ),
    broken="over the padding",
)

EXERCISES = (
    SLANTED_RATE,
    LAYER_RATES,
    UNFROZEN_NUMBERS,
    FROZEN_AND_MOVING,
    FEW_LABELS,
    CONCAT_POOLING,
)
