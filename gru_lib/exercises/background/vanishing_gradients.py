"""Exercises of chapter 03, `vanishing-gradients`."""

import numpy as np

from gru_lib.exercises.checker import Exercise, WrongAnswer

# --- gradient-to-the-start ------------------------------------------------------------------


def gradient_to_start(w, inputs):
    """d h_T / d h_0 of h_t = tanh(w * h_(t-1) + x_t), started at h_0 = 0."""
    state, gradient = 0.0, 1.0
    for x in inputs:
        state = np.tanh(w * state + x)
        gradient *= w * (1 - state**2)  # one factor a step: the chain rule
    return gradient


def _states(w, inputs):
    states = [0.0]
    for x in inputs:
        states.append(np.tanh(w * states[-1] + x))
    return np.array(states[1:])


def _scalar_cases(rng):
    return [
        (round(rng.uniform(0.6, 1.6), 2), rng.normal(size=length).round(2).tolist())
        for length in (1, 2, *rng.integers(3, 9, size=3))
    ]


GRADIENT_TO_START = Exercise(
    name="background/gradient-to-the-start",
    chapter="vanishing-gradients",
    task="Derive the gradient of the last state by the first for a network of one unit.",
    reference=gradient_to_start,
    cases=_scalar_cases,
    wrong_answers=(
        WrongAnswer(
            "forgot the tanh",
            lambda w, inputs: w ** len(inputs),
            "That is the linear network's. The tanh adds a factor 1 - h_t**2 at every step.",
        ),
        WrongAnswer(
            "forgot the weight",
            lambda w, inputs: np.prod(1 - _states(w, inputs) ** 2),
            "The old state enters the tanh times w: every step brings a factor w as well.",
        ),
        WrongAnswer(
            "a sum instead of a product",
            lambda w, inputs: np.sum(w * (1 - _states(w, inputs) ** 2)) + 1,
            "Along a chain, derivatives multiply.",
        ),
        WrongAnswer(
            "derivative of tanh at the state",
            lambda w, inputs: np.prod(w * (1 - np.tanh(_states(w, inputs)) ** 2)),
            "The state is the tanh already: its derivative is 1 - h_t**2, without another tanh.",
        ),
        WrongAnswer(
            "the old state instead of the new",
            lambda w, inputs: np.prod(w * (1 - np.append(0, _states(w, inputs)[:-1]) ** 2)),
            "The tanh of step t gives h_t, so its derivative takes h_t, not h_(t-1).",
        ),
    ),
    hints=(
        "How much does h_t change when h_(t-1) changes by a little? Then apply that T times.",
        "d h_t / d h_(t-1) = w * (1 - h_t**2). Multiply over all steps, updating the state too.",
    ),
)

# --- half-life ------------------------------------------------------------------------------


def half_life(bias):
    """Steps after which a GRU's direct path has fallen to one half."""
    # the path is sigmoid(bias) ** k: set it to 1/2 and take logarithms
    return np.log(2) / np.log1p(np.exp(-bias))


HALF_LIFE = Exercise(
    name="background/half-life",
    chapter="vanishing-gradients",
    task="Predict the half-life that an update-gate bias gives.",
    reference=half_life,
    cases=lambda rng: [(0.0,)] + [(round(rng.uniform(-2, 7), 2),) for _ in range(5)],
    wrong_answers=(
        WrongAnswer(
            "the time constant",
            lambda bias: 1 / np.log1p(np.exp(-bias)),
            "That is when the path has fallen to 1/e. To fall to one half takes log(2) of that.",
        ),
        WrongAnswer(
            "the rule of thumb",
            np.exp,
            "exp(bias) is a good guess of the time constant for large biases. Compute it exactly.",
        ),
        WrongAnswer(
            "z the wrong way round",
            lambda bias: np.log(2) / np.log1p(np.exp(bias)),
            "The larger the bias, the LONGER the memory: z near 1 keeps.",
        ),
        WrongAnswer(
            "linear decay",
            lambda bias: 0.5 * (1 + np.exp(bias)),
            "Each step takes away the same share, not the same amount: powers, not multiples.",
        ),
    ),
    hints=(
        "At every step the path is multiplied by z = sigmoid(bias). After how many steps k is "
        "z**k one half?",
        "k = log(1/2) / log(sigmoid(bias)).",
    ),
)

# --- bias-for-a-memory ----------------------------------------------------------------------


def bias_for(steps):
    """The update-gate bias with which the direct path halves in that many steps."""
    # sigmoid(b)**steps = 1/2, so exp(-b) = 2**(1/steps) - 1
    return -np.log(np.expm1(np.log(2) / steps))


def _keep(steps):
    return 0.5 ** (1 / steps)


BIAS_FOR = Exercise(
    name="background/bias-for-a-memory",
    chapter="vanishing-gradients",
    task="Choose the update-gate bias for a wanted half-life.",
    reference=bias_for,
    cases=lambda rng: [(1,), (2,)] + [(int(n),) for n in rng.integers(3, 500, size=4)],
    wrong_answers=(
        WrongAnswer(
            "the gate instead of the bias",
            _keep,
            "That is z itself. The bias is what the sigmoid turns into it: its inverse is "
            "log(z / (1 - z)).",
        ),
        WrongAnswer(
            "negative",
            lambda steps: np.log(np.expm1(np.log(2) / steps)),
            "The sign is turned round: z must be near 1 for a long memory.",
        ),
        WrongAnswer(
            "the time constant's",
            lambda steps: -np.log(np.expm1(1 / steps)),
            "With this bias the path falls to 1/e in that many steps; one half was asked for.",
        ),
        WrongAnswer(
            "logarithm of the steps",
            lambda steps: np.log(steps),
            "A good guess for long memories, but not exact, and off by log(2) in the half-life.",
        ),
    ),
    hints=(
        "First find z: z**steps = 1/2.",
        "Then turn the sigmoid round: bias = log(z / (1 - z)).",
    ),
)

# --- clip-by-norm ---------------------------------------------------------------------------


def clip_by_norm(gradients, limit):
    """All gradients, scaled together to a joint length of at most limit."""
    length = np.sqrt(sum(np.sum(gradient**2) for gradient in gradients))
    scale = min(1.0, limit / length)  # shorter ones stay as they are
    return [gradient * scale for gradient in gradients]


def _clip_cases(rng):
    cases = []
    for size in (0.01, 1.0, 10.0, 100.0):
        shapes = [(3, 2), (3,), (int(rng.integers(1, 5)), 4)]
        cases.append(([rng.normal(size=shape) * size for shape in shapes], 1.0))
    return cases


def _flat_clips(answer, case):
    gradients = answer(*case)
    if gradients is ... or gradients is None:
        return gradients
    return np.concatenate([np.ravel(gradient) for gradient in gradients])


def _each_alone(gradients, limit):
    return [clip_by_norm([gradient], limit)[0] for gradient in gradients]


def _always(gradients, limit):
    length = np.sqrt(sum(np.sum(gradient**2) for gradient in gradients))
    return [gradient * (limit / length) for gradient in gradients]


def _without_root(gradients, limit):
    square = sum(np.sum(gradient**2) for gradient in gradients)
    return [gradient * min(1.0, limit / square) for gradient in gradients]


CLIP_BY_NORM = Exercise(
    name="background/clip-by-norm",
    chapter="vanishing-gradients",
    task="Write clipping by the joint norm of several gradients.",
    reference=clip_by_norm,
    cases=_clip_cases,
    run=_flat_clips,
    wrong_answers=(
        WrongAnswer(
            "each array alone",
            _each_alone,
            "Each array was clipped by its own length. That turns the direction of the whole step: "
            "take ONE length over all arrays and ONE scale.",
        ),
        WrongAnswer(
            "each number alone",
            lambda gradients, limit: [np.clip(gradient, -limit, limit) for gradient in gradients],
            "That clips single numbers and turns the direction. Scale everything by one factor.",
        ),
        WrongAnswer(
            "short gradients made longer",
            _always,
            "Gradients shorter than the limit must stay as they are: the scale is at most 1.",
        ),
        WrongAnswer(
            "the square of the length",
            _without_root,
            "The length is the square ROOT of the sum of squares.",
        ),
    ),
    hints=(
        "Sum the squares over all arrays, take the root: that is the length.",
        "scale = min(1, limit / length); multiply every array by it.",
    ),
)

# --- clipping-that-does-nothing ---------------------------------------------------------------


def train_step(weights, gradient_of, clip, rate):
    """One step of descent along a clipped gradient."""
    gradient = gradient_of(weights)  # first there must be a gradient
    gradient = clip(gradient)
    return weights - rate * gradient


def _clips_too_early(weights, gradient_of, clip, rate):
    """One step of descent along a clipped gradient."""
    gradient = np.zeros_like(weights)  # left over from the step before: nothing
    gradient = clip(gradient)
    gradient = gradient_of(weights)
    return weights - rate * gradient


def steep(weights):
    """Gradient of a steep bowl."""
    return 100.0 * weights


def flat(weights):
    """Gradient of a flat bowl."""
    return 0.01 * weights


def clip_to_a_half(gradient):
    """A gradient, shortened to the length 1/2 if it is longer."""
    return gradient * (0.5 / max(0.5, np.linalg.norm(gradient)))


def _step_cases(rng):
    return [
        (rng.normal(size=int(rng.integers(2, 6))) + 0.1, bowl, clip_to_a_half, 0.1)
        for bowl in (steep, flat, steep)
    ]


CLIPPING_THAT_DOES_NOTHING = Exercise(
    name="background/clipping-that-does-nothing",
    chapter="vanishing-gradients",
    task="Repair a training step whose clipping has no effect.",
    reference=train_step,
    cases=_step_cases,
    broken="clips before there is a gradient",
    wrong_answers=(
        WrongAnswer(
            "clips before there is a gradient",
            _clips_too_early,
            "The clipping acts on what is left over from before. The gradient that is used is "
            "computed AFTER it, and nothing clips that one.",
        ),
        WrongAnswer(
            "clips the step",
            lambda weights, gradient_of, clip, rate: weights - clip(rate * gradient_of(weights)),
            "This clips rate * gradient. The limit is one for the gradient; the rate comes after.",
        ),
        WrongAnswer(
            "clips the weights",
            lambda weights, gradient_of, clip, rate: clip(weights - rate * gradient_of(weights)),
            "This clips the new weights. They may be as long as they like; the gradient may not.",
        ),
        WrongAnswer(
            "climbs",
            lambda weights, gradient_of, clip, rate: weights + rate * clip(gradient_of(weights)),
            "It walks up the hill: descent SUBTRACTS rate * gradient.",
        ),
    ),
    hints=(
        "Which array does clip see, and which array is used in the last line?",
        "Three lines in this order: compute, clip, step.",
    ),
)

EXERCISES = (
    GRADIENT_TO_START,
    HALF_LIFE,
    BIAS_FOR,
    CLIP_BY_NORM,
    CLIPPING_THAT_DOES_NOTHING,
)
