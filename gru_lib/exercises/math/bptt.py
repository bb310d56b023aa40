"""Exercises of chapter 07, `bptt`."""

import numpy as np

from gru_lib.exercises.checker import Exercise, WrongAnswer
from gru_lib.numpy_gru import sigmoid

# --- slopes-from-outputs --------------------------------------------------------------------


def slopes_from_outputs(gate, candidate):
    """Slopes of sigmoid and tanh where their outputs are gate and candidate."""
    # The outputs are kept from the way there: no exponential is needed any more.
    return gate * (1 - gate), 1 - candidate**2


def _slope_cases(rng):
    shapes = [4, *rng.integers(2, 6, size=2)]
    return [(sigmoid(rng.normal(size=s)), np.tanh(rng.normal(size=s))) for s in shapes]


SLOPES_FROM_OUTPUTS = Exercise(
    name="math/slopes-from-outputs",
    chapter="bptt",
    task="Return the slopes of sigmoid and tanh, given what the two functions returned.",
    reference=slopes_from_outputs,
    cases=_slope_cases,
    wrong_answers=(
        WrongAnswer(
            "applied the functions once more",
            lambda gate, candidate: (
                sigmoid(gate) * (1 - sigmoid(gate)),
                1 - np.tanh(candidate) ** 2,
            ),
            "gate and candidate already are outputs of sigmoid and tanh: do not apply them again.",
        ),
        WrongAnswer(
            "forgot the factor gate",
            lambda gate, candidate: (1 - gate, 1 - candidate**2),
            "1 - gate is only half of sigmoid's slope: where the gate is near 0 the slope is near "
            "0 as well.",
        ),
        WrongAnswer(
            "forgot the square",
            lambda gate, candidate: (gate * (1 - gate), 1 - candidate),
            "tanh has the same slope at a and at -a, so the sign of candidate must not matter: "
            "the square is missing.",
        ),
        WrongAnswer(
            "sigmoid's rule for both",
            lambda gate, candidate: (gate * (1 - gate), candidate * (1 - candidate)),
            "tanh has a rule of its own. At a = 0 its output is 0 and its slope is 1.",
        ),
        WrongAnswer(
            "the two exchanged",
            lambda gate, candidate: (1 - candidate**2, gate * (1 - gate)),
            "The two are exchanged: first the slope for gate, then the one for candidate.",
        ),
    ),
    hints=(
        "Write s = 1 / (1 + exp(-a)), differentiate by a, then express the result by s alone.",
        "For sigmoid the slope is s times (1 - s). For tanh use 1 - tanh(a)**2.",
    ),
)

# --- missing-gradient -----------------------------------------------------------------------


def state_gradient(d, h, r, z, n, q, weight_hh):
    """dL/dh before a step, from d = dL/dh after it (reset after the product)."""
    weight_hr, weight_hz, weight_hn = np.split(weight_hh, 3)
    da_z = d * (h - n) * z * (1 - z)
    da_n = d * (1 - z) * (1 - n**2)
    dq = da_n * r
    da_r = da_n * q * r * (1 - r)  # by r, r * q is q; then sigmoid's slope
    return d * z + weight_hr.T @ da_r + weight_hz.T @ da_z + weight_hn.T @ dq


def _state_gradient_gap(d, h, r, z, n, q, weight_hh):
    """dL/dh before a step, from d = dL/dh after it (reset after the product)."""
    weight_hr, weight_hz, weight_hn = np.split(weight_hh, 3)
    da_z = d * (h - n) * z * (1 - z)
    da_n = d * (1 - z) * (1 - n**2)
    dq = da_n * r
    da_r = 0 * d  # the line that is missing: write it
    return d * z + weight_hr.T @ da_r + weight_hz.T @ da_z + weight_hn.T @ dq


def _with_da_r(rule):
    """The whole function, with another rule for the missing line."""

    def answer(d, h, r, z, n, q, weight_hh):
        da_n = d * (1 - z) * (1 - n**2)
        rest = _state_gradient_gap(d, h, r, z, n, q, weight_hh)
        return rest + np.split(weight_hh, 3)[0].T @ rule(d, h, r, z, n, q, da_n)

    return answer


def _step_cases(rng):
    """Steps of real cells, with all that a backward pass keeps."""
    cases = []
    for _ in range(3):
        size = int(rng.integers(2, 5))
        d, h = rng.normal(size=size), rng.uniform(-1, 1, size)
        weight_hh, bias_hn = rng.normal(size=(3 * size, size)), rng.normal(size=size)
        from_r, from_z, product = np.split(weight_hh @ h, 3)
        r = sigmoid(from_r + rng.normal(size=size))
        z = sigmoid(from_z + rng.normal(size=size))
        q = product + bias_hn
        n = np.tanh(rng.normal(size=size) + r * q)
        cases.append((d, h, r, z, n, q, weight_hh))
    return cases


MISSING_GRADIENT = Exercise(
    name="math/missing-gradient",
    chapter="bptt",
    task="Derive the one line that is missing in the backward pass of a step.",
    reference=state_gradient,
    cases=_step_cases,
    broken="the line is missing",
    wrong_answers=(
        WrongAnswer(
            "the line is missing",
            _state_gradient_gap,
            "The way through the reset gate is still left out: da_r is zero. h goes into r, r into "
            "the candidate's sum as r * q.",
        ),
        WrongAnswer(
            "no slope of the sigmoid",
            _with_da_r(lambda d, h, r, z, n, q, da_n: da_n * q),
            "That is dr, the gradient by the gate. One more step back, through the sigmoid, gives "
            "the gradient by its sum a_r.",
        ),
        WrongAnswer(
            "h in the place of q",
            _with_da_r(lambda d, h, r, z, n, q, da_n: da_n * h * r * (1 - r)),
            "r multiplies q = W_hn h + b_hn here, not h (that would be the reset before the "
            "product).",
        ),
        WrongAnswer(
            "no slope of the tanh",
            _with_da_r(lambda d, h, r, z, n, q, da_n: d * (1 - z) * q * r * (1 - r)),
            "You started from dn. r acts inside the tanh, so start from da_n.",
        ),
        WrongAnswer(
            "forgot q",
            _with_da_r(lambda d, h, r, z, n, q, da_n: da_n * r * (1 - r)),
            "The derivative of r * q by r is q, and q is missing.",
        ),
        WrongAnswer(
            "through dq",
            _with_da_r(lambda d, h, r, z, n, q, da_n: da_n * r * q * r * (1 - r)),
            "There is one r too many: dq already holds r. r and q are two factors of one "
            "product, and each gets da_n times the other one.",
        ),
    ),
    hints=(
        "Where does r occur in the forward pass? Only in the candidate's sum, as r * q.",
        "First dr: da_n times the derivative of r * q by r. Then da_r: times the sigmoid's slope.",
        "dr = da_n * q, and the sigmoid's slope is r * (1 - r).",
    ),
)

# --- sum-over-steps -------------------------------------------------------------------------


def weight_gradient(direct, by_state, by_weight):
    """dL/dw for a weight that is used at every step of h[t] = f(h[t-1], w)."""
    total = 0.0
    later = 0.0  # what later steps say about h[t]; nothing comes after the last
    for t in reversed(range(len(direct))):
        d = direct[t] + later  # dL/dh[t]
        total += d * by_weight[t]  # this use of w; the others are added to it
        later = d * by_state[t]  # dL/dh[t-1], as far as it goes through step t
    return total


def _weight_gradient_last(direct, by_state, by_weight):
    """dL/dw for a weight that is used at every step of h[t] = f(h[t-1], w)."""
    total = 0.0
    later = 0.0
    for t in reversed(range(len(direct))):
        d = direct[t] + later
        total = d * by_weight[t]
        later = d * by_state[t]
    return total


def _weight_gradient_one_step(direct, by_state, by_weight):
    return sum(g * w for g, w in zip(direct, by_weight, strict=True))


def _weight_gradient_shifted(direct, by_state, by_weight):
    total, later = 0.0, 0.0
    for t in reversed(range(len(direct))):
        d = direct[t] + (by_state[t] * later if t + 1 < len(direct) else 0.0)
        total += d * by_weight[t]
        later = d
    return total


def _weight_gradient_no_direct(direct, by_state, by_weight):
    d, total = direct[-1], 0.0
    for t in reversed(range(len(direct))):
        total += d * by_weight[t]
        d = d * by_state[t]
    return total


def _weight_gradient_forwards(direct, by_state, by_weight):
    total, later = 0.0, 0.0
    for t in range(len(direct)):
        d = direct[t] + later
        total += d * by_weight[t]
        later = d * by_state[t]
    return total


def _chain_cases(rng):
    lengths = [4, *rng.integers(3, 8, size=3)]
    return [
        tuple(rng.uniform(0.3, 1.5, size=length).round(2).tolist() for _ in range(3))
        for length in lengths
    ]


SUM_OVER_STEPS = Exercise(
    name="math/sum-over-steps",
    chapter="bptt",
    task="Repair a backward loop that loses most of a shared weight's gradient.",
    reference=weight_gradient,
    cases=_chain_cases,
    broken="overwrites the total",
    wrong_answers=(
        WrongAnswer(
            "overwrites the total",
            _weight_gradient_last,
            "Every step throws away what the steps before it in the loop had found, so only one "
            "use of w counts. The uses of a shared weight are added.",
        ),
        WrongAnswer(
            "nothing comes from later steps",
            _weight_gradient_one_step,
            "Every step counts its own part of the loss only. But h[t] also acts on the loss "
            "through h[t+1]: carry that back.",
        ),
        WrongAnswer(
            "slope of the wrong step",
            _weight_gradient_shifted,
            "Between h[t] and h[t+1] lies step t+1, so its slope by_state[t+1] counts, and you "
            "used by_state[t].",
        ),
        WrongAnswer(
            "direct part of the last step only",
            _weight_gradient_no_direct,
            "Only the last step's own loss is used. Here every step has one: add direct[t].",
        ),
        WrongAnswer(
            "runs forwards",
            _weight_gradient_forwards,
            "The loop runs from the first step to the last. What comes from later steps has to be "
            "known first, so begin at the end.",
        ),
    ),
    hints=(
        "Two quantities live in the loop: one is replaced at every step, one is added up.",
        "Look at the line with `total`. How many uses of w are in it when the loop is over?",
        "total += d * by_weight[t]",
    ),
)

# --- two-biases -----------------------------------------------------------------------------


def candidate_bias_gradients(da_n, r, reset_after):
    """dL/db_in and dL/db_hn from what every step found, both (steps, H)."""
    db_in = da_n.sum(axis=0)  # b_in is added to the candidate's sum as it is
    if not reset_after:
        return db_in, db_in  # b_hn stands beside b_in: nothing tells them apart
    return db_in, (da_n * r).sum(axis=0)  # b_hn stands inside r * (...)


def _bias_cases(rng):
    cases = []
    for reset_after in (True, False, True):
        shape = (int(rng.integers(2, 5)), int(rng.integers(2, 4)))
        cases.append((rng.normal(size=shape), rng.uniform(0.1, 0.9, size=shape), reset_after))
    return cases


TWO_BIASES = Exercise(
    name="math/two-biases",
    chapter="bptt",
    task="Return the gradients by the candidate's two biases, for both places of the reset gate.",
    reference=candidate_bias_gradients,
    cases=_bias_cases,
    wrong_answers=(
        WrongAnswer(
            "the same gradient for both",
            lambda da_n, r, reset_after: (da_n.sum(axis=0), da_n.sum(axis=0)),
            "With the reset after the product b_hn is multiplied by r on its way into the sum, and "
            "so is its gradient on the way back.",
        ),
        WrongAnswer(
            "r in both conventions",
            lambda da_n, r, reset_after: (da_n.sum(axis=0), (da_n * r).sum(axis=0)),
            "With the reset before the product r multiplies h only: nothing stands between b_hn "
            "and the candidate's sum.",
        ),
        WrongAnswer(
            "the conventions exchanged",
            lambda da_n, r, reset_after: candidate_bias_gradients(da_n, r, not reset_after),
            "The two conventions are exchanged: reset_after=True is n = tanh(... + r * (W h + b)).",
        ),
        WrongAnswer(
            "r on the input's bias",
            lambda da_n, r, reset_after: candidate_bias_gradients(da_n, r, reset_after)[::-1],
            "r acts on what comes from the state, so it belongs to b_hn; you gave it to b_in.",
        ),
        WrongAnswer(
            "not summed over the steps",
            lambda da_n, r, reset_after: (da_n, da_n * r if reset_after else da_n),
            "That is one gradient for every step. The bias is shared by all steps: add them.",
        ),
        WrongAnswer(
            "the mean over the steps",
            lambda da_n, r, reset_after: tuple(
                total / len(da_n) for total in candidate_bias_gradients(da_n, r, reset_after)
            ),
            "A shared parameter's gradient is the sum over its uses, not their mean.",
        ),
    ),
    hints=(
        "Write down the candidate's sum a_n in both conventions and differentiate it by each bias.",
        "The slope of a_n by b_in is 1 in both. By b_hn it is r with the reset after, else 1.",
        "Do not forget that every step uses the same bias: .sum(axis=0).",
    ),
)

# --- central-differences --------------------------------------------------------------------


def numeric_gradient(loss, point, step):
    """Central differences of loss(point), one for each entry of point."""
    gradient = np.empty_like(point)
    for index in range(len(point)):
        above, below = point.copy(), point.copy()  # the caller's stays as it is
        above[index] += step
        below[index] -= step
        gradient[index] = (loss(above) - loss(below)) / (2 * step)
    return gradient


def _numeric_one_sided(loss, point, step):
    moved = point + step * np.eye(len(point))
    return np.array([(loss(row) - loss(point)) / step for row in moved])


def _numeric_leaves_a_trace(loss, point, step):
    gradient = np.empty_like(point)
    for index in range(len(point)):
        point[index] += step
        above = loss(point)
        point[index] -= 2 * step
        gradient[index] = (above - loss(point)) / (2 * step)
    return gradient


def _numeric_all_at_once(loss, point, step):
    return np.full_like(point, (loss(point + step) - loss(point - step)) / (2 * step))


def wavy(point):
    """A loss with curvature, to try slopes on."""
    return float(np.sum(np.exp(point)) + np.prod(point))


def _numeric_cases(rng):
    return [
        (wavy, rng.uniform(0.2, 1.5, size=int(size)).round(3), float(step))
        for size, step in zip(
            rng.integers(2, 5, size=3), rng.choice([0.01, 0.02, 0.005], size=3), strict=True
        )
    ]


CENTRAL_DIFFERENCES = Exercise(
    name="math/central-differences",
    chapter="bptt",
    task="Write a gradient check: central differences of a loss, entry by entry.",
    reference=numeric_gradient,
    cases=_numeric_cases,
    wrong_answers=(
        WrongAnswer(
            "one-sided",
            _numeric_one_sided,
            "That is a one-sided difference. It is wrong by an amount in proportion to the step; "
            "move down as well as up.",
        ),
        WrongAnswer(
            "divided by one step",
            lambda loss, point, step: 2 * numeric_gradient(loss, point, step),
            "Every slope is twice too large: between the two points lie two steps.",
        ),
        WrongAnswer(
            "leaves a trace in the point",
            _numeric_leaves_a_trace,
            "An entry that was moved must be put back before the next one is moved, or the slopes "
            "belong to different points.",
        ),
        WrongAnswer(
            "moves all entries at once",
            _numeric_all_at_once,
            "All entries were moved together: that is the sum of all slopes. Move one at a time.",
        ),
        WrongAnswer(
            "the wrong way round",
            lambda loss, point, step: -numeric_gradient(loss, point, step),
            "The signs are turned round: the loss above minus the loss below.",
        ),
    ),
    hints=(
        "For each entry: one point a step above, one a step below, the difference of the losses.",
        "Copy the point before you change an entry: above = point.copy(); above[index] += step.",
        "gradient[index] = (loss(above) - loss(below)) / (2 * step)",
    ),
)

# --- reset-before-state ---------------------------------------------------------------------


def state_gradient_before(d, h, r, z, n, weight_hh):
    """dL/dh before a step, from d = dL/dh after it (reset BEFORE the product)."""
    weight_hr, weight_hz, weight_hn = np.split(weight_hh, 3)
    da_z = d * (h - n) * z * (1 - z)
    da_n = d * (1 - z) * (1 - n**2)
    ds = weight_hn.T @ da_n  # s = r * h is what the product reads
    da_r = ds * h * r * (1 - r)  # s by r is h ...
    from_gates = weight_hr.T @ da_r + weight_hz.T @ da_z
    return d * z + ds * r + from_gates  # ... and s by h is r


def _before_variant(ds=None, into_r=None, into_h=None):
    """The whole function with one of its three new terms replaced."""

    def answer(d, h, r, z, n, weight_hh):
        weight_hr, weight_hz, weight_hn = np.split(weight_hh, 3)
        da_z = d * (h - n) * z * (1 - z)
        da_n = d * (1 - z) * (1 - n**2)
        d_s = ds(weight_hn, da_n) if ds else weight_hn.T @ da_n
        d_r = into_r(da_n, h, weight_hn) if into_r else d_s * h
        d_h = into_h(d_s, r, weight_hn, da_n) if into_h else d_s * r
        return d * z + d_h + weight_hr.T @ (d_r * r * (1 - r)) + weight_hz.T @ da_z

    return answer


def _before_cases(rng):
    cases = []
    for d, h, r, z, _, _, weight_hh in _step_cases(rng):
        product = np.split(weight_hh, 3)[2] @ (r * h)
        n = np.tanh(rng.normal(size=len(h)) + product)
        cases.append((d, h, r, z, n, weight_hh))
    return cases


RESET_BEFORE_STATE = Exercise(
    name="math/reset-before-state",
    chapter="bptt",
    task="Write the backward pass of a step to its state, with the reset before the product.",
    reference=state_gradient_before,
    cases=_before_cases,
    wrong_answers=(
        WrongAnswer(
            "reset after the product",
            _before_variant(
                into_r=lambda da_n, h, weight_hn: da_n * (weight_hn @ h),
                into_h=lambda ds, r, weight_hn, da_n: weight_hn.T @ (da_n * r),
            ),
            "That is the other convention. Here r multiplies h before the product: go back "
            "through W_hn first, then split between r and h.",
        ),
        WrongAnswer(
            "not transposed",
            _before_variant(ds=lambda weight_hn, da_n: weight_hn @ da_n),
            "Back through a product W s you need the transpose: ds = W_hn^T da_n.",
        ),
        WrongAnswer(
            "forgot that s holds h",
            _before_variant(into_h=lambda ds, r, weight_hn, da_n: 0 * ds),
            "s = r * h has two factors. You sent ds to r only; h gets its share, ds * r, too.",
        ),
        WrongAnswer(
            "ds goes to h as it is",
            _before_variant(into_h=lambda ds, r, weight_hn, da_n: ds),
            "s = r * h, so by h it has slope r: what goes back to h is ds * r.",
        ),
        WrongAnswer(
            "forgot that s holds r",
            _before_variant(into_r=lambda da_n, h, weight_hn: 0 * da_n),
            "The way through the reset gate is missing: s = r * h depends on r, and r on h.",
        ),
    ),
    hints=(
        "Give r * h a name, s. Then the candidate's sum is W_in x + b_in + W_hn s + b_hn.",
        "ds = W_hn^T da_n. From s = r * h: dr = ds * h, and h gets ds * r directly.",
        "Four terms: d * z, ds * r, W_hr^T da_r with da_r = ds * h * r * (1 - r), W_hz^T da_z.",
    ),
)

EXERCISES = (
    SLOPES_FROM_OUTPUTS,
    MISSING_GRADIENT,
    SUM_OVER_STEPS,
    TWO_BIASES,
    CENTRAL_DIFFERENCES,
    RESET_BEFORE_STATE,
)
