"""Exercises of chapter 06, `conventions`."""

import numpy as np

from gru_lib.exercises.checker import AnswerError, Exercise, WrongAnswer
from gru_lib.numpy_gru import gru_step, sigmoid


def _run_on_arrays(answer, case):
    """Call it; arrays in a report would help nobody, so they are not shown."""
    return answer(*case)


# --- reorder-blocks -------------------------------------------------------------------------


def in_pytorch_order(stacked):
    """Rows in the order r, z, n, from rows in the order z, r, h."""
    z, r, candidate = np.split(stacked, 3)  # three blocks of rows
    return np.concatenate([r, z, candidate])


def _stacked_arrays(rng):
    hidden_size = int(rng.integers(2, 5))
    shapes = [(3,), (6, 3), (3 * hidden_size,), (3 * hidden_size, 3 * int(rng.integers(1, 4)))]
    return [(rng.normal(size=shape).round(1),) for shape in shapes]


def _swap_columns(stacked):
    z, r, candidate = np.split(stacked, 3, axis=-1)
    return np.concatenate([r, z, candidate], axis=-1)


REORDER_BLOCKS = Exercise(
    name="math/reorder-blocks",
    chapter="conventions",
    task="Put the rows of an array from Keras' and ONNX' order into PyTorch's.",
    reference=in_pytorch_order,
    cases=_stacked_arrays,
    wrong_answers=(
        WrongAnswer(
            "left as it is",
            lambda stacked: stacked,
            "That is the array as it came. It would load without a complaint, too.",
        ),
        WrongAnswer(
            "all three turned round",
            lambda stacked: np.concatenate(np.split(stacked, 3)[::-1]),
            "That is h, r, z. Only the first two blocks change places: the candidate is last in "
            "both orders.",
        ),
        WrongAnswer(
            "rolled by one block",
            lambda stacked: np.roll(stacked, -(len(stacked) // 3), axis=0),
            "That is r, h, z. The candidate stays last; only the first two blocks change places.",
        ),
        WrongAnswer(
            "every single row turned round",
            lambda stacked: stacked[::-1],
            "Inside a block the rows are the units, and unit 0 has to stay unit 0. Move whole "
            "blocks.",
        ),
        WrongAnswer(
            "every third row",
            lambda stacked: np.concatenate([stacked[1::3], stacked[::3], stacked[2::3]]),
            "You take every third row for a gate. The rows of a gate stand together: the first "
            "H rows are z, the next H are r.",
        ),
        WrongAnswer(
            "columns instead of rows",
            _swap_columns,
            "You split along the last axis. The blocks are blocks of ROWS: the first axis.",
        ),
    ),
    hints=(
        "The candidate is last in both orders. What is left to do?",
        "np.split(stacked, 3) gives the three blocks of rows, z first.",
        "z, r, candidate = np.split(stacked, 3), then np.concatenate([...]) in the new order.",
    ),
)

# --- chung-to-keep --------------------------------------------------------------------------


def keep_from_replace(weight_ih, weight_hh, bias):
    """The same GRU for an update gate that keeps; rows are r, z, n."""
    hidden_size = weight_hh.shape[1]
    # sigmoid(-a) = 1 - sigmoid(a): with every number of z's rows negated, the share
    # that was replaced is the share that is kept
    sign = np.repeat([1.0, -1.0, 1.0], hidden_size)
    return sign[:, None] * weight_ih, sign[:, None] * weight_hh, sign * bias


def _states_of_keep(answer, case):
    """States of a GRU whose update gate keeps, with the arrays of the answer."""
    weight_ih, weight_hh, bias, inputs, h = case
    arrays = answer(weight_ih, weight_hh, bias)
    if arrays is ... or arrays is None:
        return arrays
    if not isinstance(arrays, tuple | list) or len(arrays) != 3:
        raise AnswerError("Expected three arrays: return weight_ih, weight_hh, bias.")
    names = ("weight_ih", "weight_hh", "bias")
    for name, array, given in zip(names, arrays, case, strict=False):
        if np.shape(array) != given.shape:
            raise AnswerError(f"{name} has shape {np.shape(array)}; expected {given.shape}.")
    states = []
    for x in inputs:
        h = gru_step(x, h, *arrays, np.zeros(len(bias)), reset_after=False)
        states.append(h)
    return np.array(states)


def _replacing_grus(rng):
    return [_gru_with_inputs(rng, *rng.integers(2, 6, size=2)) for _ in range(4)]


def _gru_with_inputs(rng, input_size, hidden_size):
    """weight_ih, weight_hh, one bias, five inputs, a state."""
    shapes = (3 * hidden_size, input_size), (3 * hidden_size, hidden_size), (3 * hidden_size,)
    arrays = (rng.normal(size=shape) for shape in shapes)
    return (*arrays, rng.normal(size=(5, input_size)), rng.uniform(-1, 1, hidden_size))


def _signs(of_weight_ih, of_weight_hh, of_bias):
    """An answer that multiplies the three blocks of each array by given signs."""

    def answer(weight_ih, weight_hh, bias):
        arrays, result = (weight_ih, weight_hh, bias), []
        for signs, array in zip((of_weight_ih, of_weight_hh, of_bias), arrays, strict=True):
            blocks = zip(signs, np.split(array, 3), strict=True)
            result.append(np.concatenate([sign * block for sign, block in blocks]))
        return result

    return answer


def _one_minus_rows(weight_ih, weight_hh, bias):
    result = []
    for array in (weight_ih, weight_hh, bias):
        r, z, n = np.split(array, 3)
        result.append(np.concatenate([r, 1 - z, n]))
    return result


_SAME, _Z, _R, _N, _ALL = (1, 1, 1), (1, -1, 1), (-1, 1, 1), (1, 1, -1), (-1, -1, -1)

CHUNG_TO_KEEP = Exercise(
    name="math/chung-to-keep",
    chapter="conventions",
    task="Convert the arrays of a GRU whose update gate replaces for one whose gate keeps.",
    reference=keep_from_replace,
    cases=_replacing_grus,
    run=_states_of_keep,
    wrong_answers=(
        WrongAnswer(
            "as they came",
            _signs(_SAME, _SAME, _SAME),
            "Those are Chung's arrays as they came: now every unit keeps when it should replace.",
        ),
        WrongAnswer(
            "forgets the bias",
            _signs(_Z, _Z, _SAME),
            "The bias of z is inside the sigmoid as well: -a needs every summand of a negated.",
        ),
        WrongAnswer(
            "forgets the state's weights",
            _signs(_Z, _SAME, _Z),
            "weight_hh has rows of z, too: -a needs every summand of a negated.",
        ),
        WrongAnswer(
            "forgets the input's weights",
            _signs(_SAME, _Z, _Z),
            "weight_ih has rows of z, too: -a needs every summand of a negated.",
        ),
        WrongAnswer(
            "negates the first block",
            _signs(_R, _R, _R),
            "You negated the first block. In the order r, z, n that is the RESET gate.",
        ),
        WrongAnswer(
            "negates the last block",
            _signs(_N, _N, _N),
            "You negated the last block, the candidate: what is written changes its sign, not "
            "how much is kept.",
        ),
        WrongAnswer(
            "negates everything",
            _signs(_ALL, _ALL, _ALL),
            "You negated all three blocks. Reset gate and candidate mean the same in both papers: "
            "leave them alone.",
        ),
        WrongAnswer(
            "one minus the weights",
            _one_minus_rows,
            "z has to become 1 - z, not the weights: sigmoid(1 - a) is not 1 - sigmoid(a). What "
            "is sigmoid(-a)?",
        ),
    ),
    hints=(
        "You want 1 - sigmoid(a) in place of sigmoid(a). Which argument gives you that?",
        "sigmoid(-a) = 1 - sigmoid(a), and a is a sum of three things: input, state, bias. Which "
        "rows make z's a?",
        "sign = np.repeat([1.0, -1.0, 1.0], hidden_size) has one entry for each row. Multiply the "
        "two matrices by sign[:, None] and the bias by sign.",
    ),
)

# --- recover-the-tanh-network ---------------------------------------------------------------


def tanh_network_bias(bias_ih):
    """bias_ih with which a GRU of these weights is a plain tanh network."""
    hidden_size = len(bias_ih) // 3
    bias_ih = bias_ih.copy()
    bias_ih[:hidden_size] = 40  # r = 1: the candidate sees all of the past...
    bias_ih[hidden_size : 2 * hidden_size] = -40  # ...z = 0: it is the next state
    return bias_ih


def _reset_gate_only(bias_ih):
    """bias_ih with which a GRU of these weights is a plain tanh network."""
    hidden_size = len(bias_ih) // 3
    bias_ih = bias_ih.copy()
    bias_ih[:hidden_size] = 40  # r = 1 recovers the plain network
    return bias_ih


def _gates_set(reset=None, update=None, candidate=None):
    """tanh_network_bias with other values in the three blocks."""

    def answer(bias_ih):
        blocks = zip((reset, update, candidate), np.split(bias_ih, 3), strict=True)
        return np.concatenate(
            [block if value is None else np.full_like(block, value) for value, block in blocks]
        )

    return answer


def _states_with_bias(answer, case):
    """States of PyTorch's GRU with the answer's bias_ih."""
    weight_ih, weight_hh, bias_ih, inputs, h = case
    bias = answer(bias_ih)
    if bias is ... or bias is None:
        return bias
    if np.shape(bias) != bias_ih.shape:
        raise AnswerError(f"bias_ih has shape {np.shape(bias)}; expected {bias_ih.shape}.")
    states = []
    for x in inputs:
        h = gru_step(x, h, weight_ih, weight_hh, bias, np.zeros(len(bias_ih)))
        states.append(h)
    return np.array(states)


RECOVER_THE_TANH_NETWORK = Exercise(
    name="math/recover-the-tanh-network",
    chapter="conventions",
    task="Repair the biases that are said to turn a GRU into a plain tanh network.",
    reference=tanh_network_bias,
    cases=_replacing_grus,
    run=_states_with_bias,
    broken="reset gate only",
    tolerance=1e-6,
    wrong_answers=(
        WrongAnswer(
            "reset gate only",
            _reset_gate_only,
            "With r = 1 the CANDIDATE is that of a plain network. The next state still is a mix of "
            "candidate and old state: something has to be said about z.",
        ),
        WrongAnswer(
            "update gate only",
            _gates_set(update=-40),
            "Now the candidate is the next state, but it sees the past through a reset gate that "
            "is not 1.",
        ),
        WrongAnswer(
            "update gate near 1",
            _gates_set(reset=40, update=40),
            "The state never changes: in this convention z near 1 KEEPS the old state. "
            "(It is right for Chung's. That is what this chapter is about.)",
        ),
        WrongAnswer(
            "reset gate near 0",
            _gates_set(reset=-40, update=-40),
            "With r = 0 the candidate sees nothing of the past. A plain network sees all of it.",
        ),
        WrongAnswer(
            "values of gates as biases",
            _gates_set(reset=1, update=0),
            "1 and 0 are what the GATES have to be. A bias goes through the sigmoid first, and "
            "sigmoid(0) is 1/2: push it far out.",
        ),
        WrongAnswer(
            "candidate's bias lost",
            _gates_set(reset=40, update=-40, candidate=0),
            "The gates are right. The candidate's own bias is part of the tanh network: keep it.",
        ),
    ),
    hints=(
        "A plain tanh network: next state = tanh(W x + b + U h). Which two things keep a GRU from "
        "being one?",
        "The candidate must see the whole past (r = 1), and it must BE the next state. What does "
        "that ask of z?",
        "z = 0: fill the middle block with -40, as the first is filled with 40.",
    ),
)

# --- merge-biases ---------------------------------------------------------------------------


def merge_biases(bias_ih, bias_hh, reset_after):
    """Two biases for the same function, the second zero wherever it may be."""
    movable = np.ones(len(bias_ih))
    if reset_after:  # r multiplies the candidate's second bias: it has to stay
        movable[-len(bias_ih) // 3 :] = 0
    return np.stack([bias_ih + movable * bias_hh, (1 - movable) * bias_hh])


def _moving(movable_after, movable_before):
    """merge_biases that moves other blocks, given as three ones and zeros."""

    def answer(bias_ih, bias_hh, reset_after):
        chosen = movable_after if reset_after else movable_before
        movable = np.repeat(np.array(chosen, dtype=float), len(bias_ih) // 3)
        return np.stack([bias_ih + movable * bias_hh, (1 - movable) * bias_hh])

    return answer


def _two_biases(rng):
    sizes = [1, *rng.integers(2, 5, size=2)]
    return [
        (rng.normal(size=3 * size).round(1), rng.normal(size=3 * size).round(1) + 0.05, flag)
        for size in sizes
        for flag in (True, False)
    ]


MERGE_BIASES = Exercise(
    name="math/merge-biases",
    chapter="conventions",
    task="Move as much as possible of the second bias into the first, the function unchanged.",
    reference=merge_biases,
    cases=_two_biases,
    wrong_answers=(
        WrongAnswer(
            "merges everything",
            _moving((1, 1, 1), (1, 1, 1)),
            "With reset_after=True the candidate's second bias is multiplied by r. Outside of that "
            "product it is another number at every step: it has to stay.",
        ),
        WrongAnswer(
            "merges nothing",
            _moving((0, 0, 0), (0, 0, 0)),
            "Nothing has moved. In the gates the two biases are added whatever happens, so their "
            "sum is all that counts.",
        ),
        WrongAnswer(
            "does not look at the flag",
            _moving((1, 1, 0), (1, 1, 0)),
            "With reset_after=False nothing multiplies the second bias: there all three blocks can "
            "move.",
        ),
        WrongAnswer(
            "the flag the other way round",
            _moving((1, 1, 1), (1, 1, 0)),
            "The flag is the other way round. AFTER the product, r multiplies product and second "
            "bias; before it, the state alone.",
        ),
        WrongAnswer(
            "keeps the reset gate's",
            _moving((0, 1, 1), (1, 1, 1)),
            "You keep the second bias of the reset gate. What the reset gate MULTIPLIES is the "
            "candidate's: the last block.",
        ),
        WrongAnswer(
            "into the second",
            lambda bias_ih, bias_hh, reset_after: merge_biases(bias_hh, bias_ih, reset_after)[::-1],
            "The sum stands in the second bias. The first is to take it.",
        ),
    ),
    hints=(
        "In which of the three blocks does something stand between the two biases?",
        "In r and z the two are summands of one sum. In the candidate: look at both forms, and "
        "at what r multiplies.",
        "Only with reset_after=True, and only in the last block, the second bias has to stay.",
    ),
)

# --- find-the-convention --------------------------------------------------------------------


def find_convention(box, weight_ih, weight_hh):
    """The name of the convention in which box(x, h) makes a step."""
    from gru_lib.numpy_gru import gru_step

    rng = np.random.default_rng(0)
    # A state that is not zero: at h = 0 a reset gate has nothing to act on.
    x, h = rng.normal(size=weight_ih.shape[1]), rng.normal(size=weight_hh.shape[1])
    bias = np.zeros(len(weight_hh))

    def step(rows=slice(None), sign=1, **options):
        w, u = sign * weight_ih[rows], sign * weight_hh[rows]
        return gru_step(x, h, w, u, bias, bias, **options)

    first, second, last = np.split(np.arange(len(weight_hh)), 3)
    suspects = {
        "pytorch": step(),
        "reset-before": step(reset_after=False),
        "z-replaces": step(sign=np.repeat([1, -1, 1], len(h))[:, None]),
        "order-zrn": step(np.concatenate([second, first, last])),
    }
    seen = box(x, h)
    return min(suspects, key=lambda name: np.abs(suspects[name] - seen).max())


_CONVENTIONS = ("pytorch", "reset-before", "z-replaces", "order-zrn")


def _step_in(convention, x, h, weight_ih, weight_hh):
    """A step in one of the conventions, without biases."""
    first_a, second_a, a_n = np.split(weight_ih @ x, 3)
    first_u, second_u, u_n = np.split(weight_hh, 3)
    first, second = sigmoid(first_a + first_u @ h), sigmoid(second_a + second_u @ h)
    r, z = (second, first) if convention == "order-zrn" else (first, second)
    n = np.tanh(a_n + (u_n @ (r * h) if convention == "reset-before" else r * (u_n @ h)))
    keep = 1 - z if convention == "z-replaces" else z
    return keep * h + (1 - keep) * n


def _make_box(convention, weight_ih, weight_hh):
    def box(x, h):
        x, h = np.asarray(x, dtype=float), np.asarray(h, dtype=float)
        expected = (weight_ih.shape[1],), (weight_hh.shape[1],)
        if (x.shape, h.shape) != expected:
            raise ValueError(
                f"box got x {x.shape} and h {h.shape}; it takes {expected[0]} and {expected[1]}"
            )
        return _step_in(convention, x, h, weight_ih, weight_hh).round(6)

    return box


def _boxes(rng):
    cases = []
    for number in rng.permutation([0, 1, 2, 3, rng.integers(4)]):
        weight_ih, weight_hh, *_ = _gru_with_inputs(rng, *rng.integers(3, 7, size=2))
        cases.append((_make_box(_CONVENTIONS[number], weight_ih, weight_hh), weight_ih, weight_hh))
    return cases


def _first_that(fits, from_zero=False):
    """Probe once and name the first convention whose step fits what the box said."""

    def answer(box, weight_ih, weight_hh):
        rng = np.random.default_rng(1)
        x, h = rng.normal(size=weight_ih.shape[1]), rng.uniform(-1, 1, weight_hh.shape[1])
        h = 0 * h if from_zero else h
        for name in _CONVENTIONS:
            if fits(_step_in(name, x, h, weight_ih, weight_hh), box(x, h)):
                return name
        return "none"

    return answer


def _near(one, other):
    return np.abs(one - other).max() < 1e-5


def _renamed(**names):
    """The right verdicts, some of them under another name."""

    def answer(box, weight_ih, weight_hh):
        found = find_convention(box, weight_ih, weight_hh)
        return names.get(found.replace("-", "_"), found)

    return answer


FIND_THE_CONVENTION = Exercise(
    name="math/find-the-convention",
    chapter="conventions",
    task="Find out which convention a black box follows, by probing it.",
    reference=find_convention,
    cases=_boxes,
    run=_run_on_arrays,
    wrong_answers=(
        WrongAnswer(
            "probes from the zero state",
            _first_that(_near, from_zero=True),
            "You probed from h = 0. There the reset gate has nothing to act on, so before and "
            "after look alike.",
        ),
        WrongAnswer(
            "compares exactly",
            _first_that(np.array_equal),
            "You ask for equality to the last digit, and the box rounds. Allow a small "
            "difference, or take the nearest.",
        ),
        WrongAnswer(
            "always the same",
            lambda box, weight_ih, weight_hh: "pytorch",
            "That is PyTorch's convention for every box. Some boxes follow it, some do not: "
            "compare with what the box says.",
        ),
        WrongAnswer(
            "cannot tell z from order",
            _renamed(z_replaces="order-zrn"),
            "A box whose update gate replaces is taken for one with another order. Compute both "
            "suspects: z's rows negated, and the first two blocks exchanged.",
        ),
        WrongAnswer(
            "takes other for reversed",
            _renamed(order_zrn="z-replaces"),
            "A box with its blocks in the order z, r, n is taken for one whose update gate "
            "replaces. Compute both suspects: the first two blocks exchanged, and z's rows "
            "negated.",
        ),
        WrongAnswer(
            "before and after exchanged",
            _renamed(pytorch="reset-before", reset_before="pytorch"),
            "Before and after are exchanged: PyTorch multiplies the PRODUCT by r, the papers "
            "multiply the state.",
        ),
    ),
    hints=(
        "You know the weights. What would the box have to answer if it followed PyTorch's "
        "convention? gru_step tells you. And the three others?",
        "All four can be had from gru_step: as it is; with reset_after=False; with z's rows "
        "negated; with the first two blocks of rows exchanged. Biases are zeros.",
        "Probe with random x and a random h that is not zero, compute the four suspects, and "
        "return the name of the one with the smallest largest difference.",
    ),
)

EXERCISES = (
    REORDER_BLOCKS,
    CHUNG_TO_KEEP,
    RECOVER_THE_TANH_NETWORK,
    MERGE_BIASES,
    FIND_THE_CONVENTION,
)
