"""Exercises of chapter 30, `lora`."""

import numpy as np

from gru_lib.exercises.checker import AnswerError, Exercise, WrongAnswer

# --- merge-by-hand ----------------------------------------------------------------------------


def merged(weight, a, b, alpha):
    """The weight with the update written in: W + alpha / rank times B A."""
    rank = a.shape[0]
    return weight + alpha / rank * b @ a


def _merge_cases(rng):
    cases = []
    for rows, columns, rank in ((6, 3, 2), (9, 4, 3), (6, 6, 4)):
        weight, a = rng.normal(size=(rows, columns)), rng.normal(size=(rank, columns))
        cases.append(
            (weight, a, rng.normal(size=(rows, rank)), float(rng.choice([1.0, 5.0, 16.0])))
        )
    return cases


MERGE = Exercise(
    name="fine-tuning/merge-by-hand",
    chapter="lora",
    task="Write a low-rank update into the weight.",
    reference=merged,
    cases=_merge_cases,
    wrong_answers=(
        WrongAnswer(
            "alpha alone",
            lambda weight, a, b, alpha: weight + alpha * b @ a,
            "The factor is alpha divided by the rank. With alpha alone, a larger rank is a larger "
            "step as well.",
        ),
        WrongAnswer(
            "no factor",
            lambda weight, a, b, alpha: weight + b @ a,
            "The factor alpha / rank is missing.",
        ),
        WrongAnswer(
            "the update alone",
            lambda weight, a, b, alpha: alpha / len(a) * b @ a,
            "That is the update. The network computes with the weight PLUS the update.",
        ),
        WrongAnswer(
            "times the rank",
            lambda weight, a, b, alpha: weight + alpha * len(a) * b @ a,
            "You multiplied by the rank; alpha is divided by it.",
        ),
        WrongAnswer(
            "rank read off the columns",
            lambda weight, a, b, alpha: weight + alpha / a.shape[1] * b @ a,
            "A has shape (rank, columns): its rank is the number of its ROWS.",
        ),
        WrongAnswer(
            "A B",
            lambda weight, a, b, alpha: weight + alpha / len(a) * a @ b,
            "A B does not have the shape of the weight, if it exists at all: rows come from B and "
            "columns from A, so it is B A.",
        ),
    ),
    hints=(
        "B is (rows, rank) and A is (rank, columns): which product is (rows, columns)?",
        "The rank is a.shape[0].",
        "weight + alpha / rank * b @ a",
    ),
)

# --- count-by-gate ----------------------------------------------------------------------------


def lora_numbers(input_size, hidden_size, rank, gates):
    """Numbers of an adapter on weight_ih and weight_hh of one layer."""
    rows = hidden_size * len(gates)  # B has rows for these gates only
    for_input = rank * input_size + rows * rank
    for_state = rank * hidden_size + rows * rank
    return for_input + for_state


def _all_rows(input_size, hidden_size, rank, gates):
    return lora_numbers(input_size, hidden_size, rank, "rzn")


def _a_for_each_gate(input_size, hidden_size, rank, gates):
    return len(gates) * lora_numbers(input_size, hidden_size, rank, "r")


def _count_cases(rng):
    cases = []
    for gates in ("z", "rz", "rzn"):
        input_size, hidden_size = (int(n) for n in rng.choice(np.arange(5, 60), 2, replace=False))
        cases.append((input_size, hidden_size, int(rng.integers(2, 5)), gates))
    return cases


COUNT = Exercise(
    name="fine-tuning/count-by-gate",
    chapter="lora",
    task="Count what is trained when only some gates are updated.",
    reference=lora_numbers,
    cases=_count_cases,
    wrong_answers=(
        WrongAnswer(
            "rows of all gates",
            _all_rows,
            "You counted 3 * hidden_size rows of B whatever the gates are. Only the rows of the "
            "gates that are updated exist.",
        ),
        WrongAnswer(
            "B alone",
            lambda i, h, rank, gates: 2 * h * len(gates) * rank,
            "That is B. A is trained as well: rank times the columns of the weight.",
        ),
        WrongAnswer(
            "A alone",
            lambda i, h, rank, gates: rank * (i + h),
            "That is A. B is trained as well: the rows of the gates times the rank.",
        ),
        WrongAnswer(
            "the whole matrices",
            lambda i, h, rank, gates: h * len(gates) * (i + h),
            "That is what full fine-tuning of these rows would train; the rank is not in it.",
        ),
        WrongAnswer(
            "an A for each gate",
            _a_for_each_gate,
            "You gave every gate an A of its own. The rows of all gates share one A.",
        ),
        WrongAnswer(
            "one weight",
            lambda i, h, rank, gates: rank * (i + h * len(gates)),
            "That is weight_ih. weight_hh has an A and a B of its own.",
        ),
    ),
    hints=(
        "Four matrices are trained: A and B for weight_ih, A and B for weight_hh.",
        "A is (rank, columns); B is (hidden_size * number of gates, rank).",
        "rank * (input_size + rows) + rank * (hidden_size + rows), with rows = hidden_size * "
        "len(gates)",
    ),
)

# --- gate-rows --------------------------------------------------------------------------------


def add_to_gate(weight, gate, update):
    """A PyTorch GRU's weight with an update of one gate: "r", "z" or "n"."""
    changed = weight.copy()
    hidden_size = len(weight) // 3
    first = "rzn".index(gate) * hidden_size
    changed[first : first + hidden_size] += update
    return changed


def _keras_order(weight, gate, update):
    """A PyTorch GRU's weight with an update of one gate: "r", "z" or "n"."""
    changed = weight.copy()
    hidden_size = len(weight) // 3
    first = "zrn".index(gate) * hidden_size
    changed[first : first + hidden_size] += update
    return changed


def _every_third(weight, gate, update):
    changed = weight.copy()
    changed["rzn".index(gate) :: 3] += update
    return changed


def _from_behind(weight, gate, update):
    changed = weight.copy()
    hidden_size = len(weight) // 3
    first = "nzr".index(gate) * hidden_size
    changed[first : first + hidden_size] += update
    return changed


def _instead(weight, gate, update):
    changed = weight.copy()
    hidden_size = len(weight) // 3
    first = "rzn".index(gate) * hidden_size
    changed[first : first + hidden_size] = update
    return changed


def _rows_cases(rng):
    cases = []
    for gate in rng.permutation(["r", "z", "n"]):
        hidden_size, columns = int(rng.integers(2, 5)), int(rng.integers(2, 5))
        weight = rng.normal(size=(3 * hidden_size, columns))
        cases.append((weight, str(gate), rng.normal(size=(hidden_size, columns))))
    return cases


GATE_ROWS = Exercise(
    name="fine-tuning/gate-rows",
    chapter="lora",
    task="Repair an update that lands on the wrong gate.",
    reference=add_to_gate,
    cases=_rows_cases,
    wrong_answers=(
        WrongAnswer(
            "the order of Keras",
            _keras_order,
            "z and r are exchanged: that is the order of Keras. In PyTorch the rows are those of "
            "r, z, n. Nothing crashes: the update merely lands on the other gate.",
        ),
        WrongAnswer(
            "every third row",
            _every_third,
            "The gates are blocks of hidden_size rows one after the other, not every third row.",
        ),
        WrongAnswer(
            "from behind",
            _from_behind,
            "You count the gates from the last to the first; r comes first.",
        ),
        WrongAnswer(
            "in place of the weight",
            _instead,
            "The update replaces the rows; it has to be ADDED to what is there.",
        ),
        WrongAnswer(
            "no gate",
            lambda weight, gate, update: weight + np.tile(update, (3, 1)),
            "The update is on all three gates; it is meant for one.",
        ),
    ),
    hints=(
        "Which gate comes first in weight_ih_l0 of torch.nn.GRU? Chapter 6 has the table.",
        "PyTorch: r, z, n. Keras: z, r, n.",
        'first = "rzn".index(gate) * hidden_size',
    ),
    broken="the order of Keras",
)

# --- gradients-of-the-factors -----------------------------------------------------------------


def factor_gradients(d_weight, a, b, factor):
    """Gradients of A and B from that of W' = W + factor * B A."""
    d_a = factor * b.T @ d_weight
    d_b = factor * d_weight @ a.T
    return d_a, d_b


def _both(answer, case):
    pair = answer(*case)
    if pair is None or pair is ...:
        return pair
    _, a, b, _ = case
    for name, given, shape in zip(("d_a", "d_b"), pair, (a.shape, b.shape), strict=True):
        if np.shape(given) != shape:
            raise AnswerError(
                f"{name} has shape {np.shape(given)}; a gradient has the shape of what it belongs "
                f"to, {shape}."
            )
    return np.concatenate([np.ravel(one) for one in pair])


def _gradient_cases(rng):
    cases = []
    for rows, columns, rank in ((6, 3, 2), (3, 5, 1), (4, 4, 4)):
        b = rng.normal(size=(rows, rank))
        factor = float(rng.choice([0.5, 2.0, 4.0]))
        cases.append(
            (rng.normal(size=(rows, columns)), rng.normal(size=(rank, columns)), b, factor)
        )
    d_weight, a, b, factor = cases[0]
    return [*cases, (d_weight, a, np.zeros_like(b), factor)]


GRADIENTS = Exercise(
    name="fine-tuning/gradients-of-the-factors",
    chapter="lora",
    task="Derive what A and B are told by the gradient of the weight.",
    reference=factor_gradients,
    cases=_gradient_cases,
    wrong_answers=(
        WrongAnswer(
            "without the factor",
            lambda d_weight, a, b, factor: (b.T @ d_weight, d_weight @ a.T),
            "The factor is missing: it stands before B A, so it stands before both gradients.",
        ),
        WrongAnswer(
            "in the wrong order",
            lambda d_weight, a, b, factor: (
                factor * d_weight @ a.T,
                factor * b.T @ d_weight,
            ),
            "The two are exchanged: return d_a first, with the shape of A.",
        ),
        WrongAnswer(
            "divided by the factor",
            lambda d_weight, a, b, factor: (b.T @ d_weight / factor, d_weight @ a.T / factor),
            "You divided by the factor. A weight that is multiplied passes its gradient on "
            "multiplied.",
        ),
        WrongAnswer(
            "uphill",
            lambda d_weight, a, b, factor: (-factor * b.T @ d_weight, -factor * d_weight @ a.T),
            "The sign is wrong. The optimizer turns round; a gradient does not.",
        ),
        WrongAnswer(
            "A taught by A",
            lambda d_weight, a, b, factor: (
                factor * a * (d_weight**2).sum(),
                factor * d_weight @ a.T,
            ),
            "d_b is right. In d_a, how much an entry of A matters depends on B, and A itself does "
            "not occur.",
        ),
    ),
    hints=(
        "For one entry: W'[i, j] = W[i, j] + factor * sum over k of B[i, k] A[k, j].",
        "dL/dB[i, k] = sum over j of dL/dW'[i, j] * factor * A[k, j]: a product with A transposed.",
        "d_b = factor * d_weight @ a.T, and likewise with b.T from the left for d_A.",
    ),
    run=_both,
)

# --- rank-for-a-budget ------------------------------------------------------------------------


def largest_rank(input_size, hidden_size, layers, budget):
    """Largest rank on all weights that trains at most so many numbers, or 0."""
    a_rank = 0  # numbers that one more rank costs
    for layer in range(layers):
        columns = input_size if layer == 0 else hidden_size
        a_rank += (columns + 3 * hidden_size) + (hidden_size + 3 * hidden_size)
    # no update has more directions than the narrowest weight has sides
    return min(budget // a_rank, input_size, hidden_size)


def _price(input_size, hidden_size, layers, later=None):
    later = hidden_size if later is None else later
    first = input_size + 7 * hidden_size
    return first + (layers - 1) * (later + 7 * hidden_size)


def _uncapped(input_size, hidden_size, layers, budget):
    return budget // _price(input_size, hidden_size, layers)


def _capped(rank, input_size, hidden_size):
    return min(rank, input_size, hidden_size)


def _rounded_up(input_size, hidden_size, layers, budget):
    return _capped(-(-budget // _price(input_size, hidden_size, layers)), input_size, hidden_size)


def _inputs_everywhere(input_size, hidden_size, layers, budget):
    price = _price(input_size, hidden_size, layers, later=input_size)
    return _capped(budget // price, input_size, hidden_size)


def _one_layer(input_size, hidden_size, layers, budget):
    return _capped(budget // _price(input_size, hidden_size, 1), input_size, hidden_size)


def _one_block(input_size, hidden_size, layers, budget):
    price = input_size + 3 * hidden_size + (2 * layers - 1) * (2 * hidden_size)
    return _capped(budget // price, input_size, hidden_size)


def _budget_cases(rng):
    cases = []
    for layers, rank in ((1, 3), (2, 4), (3, 2)):
        input_size, hidden_size = int(rng.integers(8, 16)), int(rng.integers(40, 60))
        price = _price(input_size, hidden_size, layers)
        cases.append((input_size, hidden_size, layers, rank * price + price - 1))
    input_size, hidden_size = int(rng.integers(8, 16)), int(rng.integers(40, 60))
    price = _price(input_size, hidden_size, 2)
    return [
        *cases,
        (input_size, hidden_size, 2, 3 * price),
        (input_size, hidden_size, 2, price - 1),
        (input_size, hidden_size, 2, 40 * price),
    ]


BUDGET = Exercise(
    name="fine-tuning/rank-for-a-budget",
    chapter="lora",
    task="Choose the rank that a budget allows.",
    reference=largest_rank,
    cases=_budget_cases,
    wrong_answers=(
        WrongAnswer(
            "more than the matrix has",
            _uncapped,
            "The budget would pay for it, but an update of weight_ih_l0 has at most as many "
            "directions as that weight has columns: cap the rank.",
        ),
        WrongAnswer(
            "rounded up",
            _rounded_up,
            "At most the budget: round down. A rank that is started costs all of its numbers.",
        ),
        WrongAnswer(
            "every layer reads the input",
            _inputs_everywhere,
            "Layers above the first read the states below them: their weight_ih has hidden_size "
            "columns.",
        ),
        WrongAnswer(
            "one layer",
            _one_layer,
            "You counted one layer; every layer has two weights of its own.",
        ),
        WrongAnswer(
            "one block of rows",
            _one_block,
            "A weight of a GRU has 3 * hidden_size rows: three gates lie in it.",
        ),
    ),
    hints=(
        "One more rank costs, for each weight, one row of A and one column of B.",
        "For a weight of shape (rows, columns) that is rows + columns numbers.",
        "budget // cost of one rank, and at most min(input_size, hidden_size).",
    ),
)

# --- factors-from-a-change --------------------------------------------------------------------


def best_factors(change, rank):
    """B and A of this rank, with a product as near to the change as can be."""
    u, values, vt = np.linalg.svd(change, full_matrices=False)
    return u[:, :rank] * values[:rank], vt[:rank]


def _no_values(change, rank):
    u, _, vt = np.linalg.svd(change, full_matrices=False)
    return u[:, :rank], vt[:rank]


def _values_twice(change, rank):
    u, values, vt = np.linalg.svd(change, full_matrices=False)
    return u[:, :rank] * values[:rank], values[:rank, None] * vt[:rank]


def _smallest(change, rank):
    u, values, vt = np.linalg.svd(change, full_matrices=False)
    return u[:, -rank:] * values[-rank:], vt[-rank:]


def _columns_of_v(change, rank):
    u, values, vt = np.linalg.svd(change, full_matrices=False)
    return u[:, :rank] * values[:rank], vt[:, :rank].T[:, : change.shape[1]]


def _first_rows(change, rank):
    return np.eye(len(change))[:, :rank], change[:rank]


def _product(answer, case):
    pair = answer(*case)
    if pair is None or pair is ...:
        return pair
    change, rank = case
    shapes = (len(change), rank), (rank, change.shape[1])
    for name, given, shape in zip("BA", pair, shapes, strict=True):
        if np.shape(given) != shape:
            raise AnswerError(f"{name} has shape {np.shape(given)}; expected {shape}.")
    # the factors themselves are not unique: their product is
    return np.asarray(pair[0]) @ np.asarray(pair[1])


def _change_cases(rng):
    exact = rng.normal(size=(6, 1)) @ rng.normal(size=(1, 4))
    return [
        (exact, 1),
        (rng.normal(size=(9, 5)), 2),
        (rng.normal(size=(6, 6)), 3),
    ]


FACTORS = Exercise(
    name="fine-tuning/factors-from-a-change",
    chapter="lora",
    task="Turn a full fine-tuning into the adapter that comes nearest to it.",
    reference=best_factors,
    cases=_change_cases,
    wrong_answers=(
        WrongAnswer(
            "without the singular values",
            _no_values,
            "Right directions, wrong lengths: multiply the columns of u (or the rows of vt) by the "
            "singular values.",
        ),
        WrongAnswer(
            "singular values twice",
            _values_twice,
            "The singular values are in both factors, so squared in the product. Put them into "
            "one, or their square roots into both.",
        ),
        WrongAnswer(
            "the smallest directions",
            _smallest,
            "You kept the directions with the smallest singular values; NumPy sorts them from the "
            "largest down.",
        ),
        WrongAnswer(
            "columns of vt",
            _columns_of_v,
            "np.linalg.svd returns V already transposed: take the first ROWS of it.",
        ),
        WrongAnswer(
            "the first rows of the change",
            _first_rows,
            "That keeps some rows and drops all the others. The best approximation of a rank "
            "keeps something of every row: look at the singular value decomposition.",
        ),
    ),
    hints=(
        "change = u diag(values) vt, largest values first.",
        "The first columns of u, the first values and the first rows of vt give the best "
        "approximation of that rank (Eckart and Young).",
        "u[:, :rank] * values[:rank] and vt[:rank]",
    ),
    run=_product,
    tolerance=1e-8,
)

EXERCISES = (MERGE, COUNT, GATE_ROWS, GRADIENTS, BUDGET, FACTORS)
