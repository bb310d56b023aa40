"""Exercises of chapter 08, `cost`."""

from gru_lib.exercises.checker import Exercise, WrongAnswer

# --- gru-parameters -------------------------------------------------------------------------


def gru_parameters(input_size, hidden_size, num_layers, bidirectional):
    """Parameters of torch.nn.GRU."""
    directions = 2 if bidirectional else 1
    total = 0
    for layer in range(num_layers):
        # upper layers read what all directions of the layer below put out
        reads = input_size if layer == 0 else directions * hidden_size
        block = hidden_size * (reads + hidden_size) + 2 * hidden_size  # two biases
        total += directions * 3 * block  # reset gate, update gate, candidate
    return total


def _one_bias(input_size, hidden_size, num_layers, bidirectional):
    directions = 2 if bidirectional else 1
    total = gru_parameters(input_size, hidden_size, num_layers, bidirectional)
    return total - directions * num_layers * 3 * hidden_size


def _upper_layers_read_one(input_size, hidden_size, num_layers, bidirectional):
    first = gru_parameters(input_size, hidden_size, 1, bidirectional)
    upper = gru_parameters(hidden_size, hidden_size, 1, bidirectional)
    return first + (num_layers - 1) * upper


def _all_layers_alike(input_size, hidden_size, num_layers, bidirectional):
    return num_layers * gru_parameters(input_size, hidden_size, 1, bidirectional)


def _four_blocks(input_size, hidden_size, num_layers, bidirectional):
    return gru_parameters(input_size, hidden_size, num_layers, bidirectional) // 3 * 4


def _layer_cases(rng):
    cases = [(5, 10, 1, False)]
    for layers, both in ((2, False), (2, True), (3, True)):
        sizes = map(int, rng.integers(3, 40, size=2))
        cases.append((*sizes, layers, both))
    return cases


GRU_PARAMETERS = Exercise(
    name="math/gru-parameters",
    chapter="cost",
    task="Count the parameters of a GRU with several layers and directions.",
    reference=gru_parameters,
    cases=_layer_cases,
    wrong_answers=(
        WrongAnswer(
            "one bias",
            _one_bias,
            "PyTorch has two biases in each block, one beside each product.",
        ),
        WrongAnswer(
            "upper layers read one direction",
            _upper_layers_read_one,
            "With two directions an upper layer reads 2 * hidden_size numbers: both directions of "
            "the layer below.",
        ),
        WrongAnswer(
            "all layers alike",
            _all_layers_alike,
            "Only the first layer reads the input. The others read states.",
        ),
        WrongAnswer(
            "four blocks",
            _four_blocks,
            "Four blocks are an LSTM's. A GRU has three.",
        ),
        WrongAnswer(
            "one direction counted",
            lambda input_size, hidden_size, num_layers, bidirectional: (
                gru_parameters(input_size, hidden_size, num_layers, bidirectional)
                // (2 if bidirectional else 1)
            ),
            "Each direction has weights of its own: twice as many.",
        ),
    ),
    hints=(
        "One layer, one direction: 3 * (H * D + H * H + 2 * H).",
        "What does layer 2 read? In two directions it reads 2 * H numbers.",
        "Sum over layers; multiply by the number of directions.",
    ),
)

# --- multiply-adds --------------------------------------------------------------------------


def sequence_operations(input_size, hidden_size, steps, batch):
    """Multiplications and additions in the matrix products of a GRU."""
    one_product = hidden_size * input_size + hidden_size * hidden_size
    # a multiplication and an addition each, in three blocks
    return 2 * 3 * one_product * steps * batch


SEQUENCE_OPERATIONS = Exercise(
    name="math/sequence-operations",
    chapter="cost",
    task="Count the operations that a GRU takes for a batch of sequences.",
    reference=sequence_operations,
    cases=lambda rng: (
        [(5, 10, 1, 1)] + [tuple(map(int, rng.integers(2, 60, size=4))) for _ in range(4)]
    ),
    wrong_answers=(
        WrongAnswer(
            "multiplications alone",
            lambda input_size, hidden_size, steps, batch: (
                sequence_operations(input_size, hidden_size, steps, batch) // 2
            ),
            "Every multiplication in a matrix product is followed by an addition: count both.",
        ),
        WrongAnswer(
            "one block",
            lambda input_size, hidden_size, steps, batch: (
                sequence_operations(input_size, hidden_size, steps, batch) // 3
            ),
            "That is a plain network. A GRU has three blocks.",
        ),
        WrongAnswer(
            "quadratic in the length",
            lambda input_size, hidden_size, steps, batch: (
                sequence_operations(input_size, hidden_size, steps, batch) * steps
            ),
            "A step does not look at all earlier steps (attention does): linear in the length.",
        ),
        WrongAnswer(
            "without the state",
            lambda input_size, hidden_size, steps, batch: (
                6 * hidden_size * input_size * steps * batch
            ),
            "The old state is multiplied as well, by a matrix of hidden * hidden.",
        ),
        WrongAnswer(
            "one sequence",
            lambda input_size, hidden_size, steps, batch: sequence_operations(
                input_size, hidden_size, steps, 1
            ),
            "That is one sequence. The batch has several.",
        ),
    ),
    hints=(
        "A matrix of m * n times a vector: m * n multiplications and as many additions.",
        "Three blocks, each with a product for the input and one for the state.",
    ),
)

# --- matching-lstm --------------------------------------------------------------------------


def matching_lstm(input_size, gru_hidden_size):
    """The largest LSTM, by hidden size, with no more parameters than the GRU."""
    budget = 3 * gru_hidden_size * (input_size + gru_hidden_size + 2)
    size = 0
    while 4 * (size + 1) * (input_size + size + 1 + 2) <= budget:
        size += 1
    return size


def _matching_gru(input_size, lstm_hidden_size):
    budget = 4 * (lstm_hidden_size * (input_size + lstm_hidden_size) + 2 * lstm_hidden_size)
    size = 0
    while 3 * ((size + 1) * (input_size + size + 1) + 2 * (size + 1)) <= budget:
        size += 1
    return size


MATCHING_LSTM = Exercise(
    name="math/matching-lstm",
    chapter="cost",
    task="Find the LSTM that is to be compared with a GRU.",
    reference=matching_lstm,
    cases=lambda rng: [
        (int(inputs), int(hidden))
        for inputs, hidden in zip(
            rng.integers(2, 60, size=6), rng.integers(20, 120, size=6), strict=True
        )
    ],
    wrong_answers=(
        WrongAnswer(
            "three quarters of the size",
            lambda input_size, gru_hidden_size: 3 * gru_hidden_size // 4,
            "Parameters grow with the SQUARE of the hidden size: three quarters of the size are "
            "far fewer than three quarters of the parameters.",
        ),
        WrongAnswer(
            "one too many",
            lambda input_size, gru_hidden_size: matching_lstm(input_size, gru_hidden_size) + 1,
            "That one has more parameters than the GRU.",
        ),
        WrongAnswer(
            "the same size",
            lambda input_size, gru_hidden_size: gru_hidden_size,
            "An LSTM of the same hidden size has a third more parameters.",
        ),
        WrongAnswer(
            "a GRU to match the LSTM",
            _matching_gru,
            "This is the other way round: the GRU that matches an LSTM is larger.",
        ),
    ),
    hints=(
        "Write both counts: 3 * (H D + H H + 2 H) and 4 * (K D + K K + 2 K).",
        "Raise K by one as long as the LSTM's count stays within the GRU's.",
    ),
)

# --- join-two-steps -------------------------------------------------------------------------


def join(first, second):
    """One step (a, b), h -> a * h + b, that does what two steps do."""
    a1, b1 = first
    a2, b2 = second
    return a2 * a1, a2 * b1 + b2  # put a1 * h + b1 into the second step


JOIN = Exercise(
    name="math/join-two-steps",
    chapter="cost",
    task="Join two steps of a linear recurrence into one.",
    reference=join,
    cases=lambda rng: [
        tuple(map(tuple, rng.uniform(-2, 2, size=(2, 2)).round(2).tolist())) for _ in range(5)
    ],
    wrong_answers=(
        WrongAnswer(
            "the other order",
            lambda first, second: join(second, first),
            "The second step was done first. For the decays the order is the same to you; for what "
            "was added it is not.",
        ),
        WrongAnswer(
            "forgot the decay",
            lambda first, second: (first[0] * second[0], first[1] + second[1]),
            "What the first step added goes through the second step: it is multiplied by a2.",
        ),
        WrongAnswer(
            "added the decays",
            lambda first, second: (first[0] + second[0], second[0] * first[1] + second[1]),
            "One decay after the other multiplies.",
        ),
        WrongAnswer(
            "second step only",
            lambda first, second: second,
            "That forgets the first step altogether.",
        ),
    ),
    hints=(
        "Write h1 = a1 * h + b1 and h2 = a2 * h1 + b2, and put the first into the second.",
        "The new a is a2 * a1; the new b is a2 * b1 + b2.",
    ),
)

# --- name-the-cell --------------------------------------------------------------------------


def name_the_cell(input_size, hidden_size, parameters):
    """Which cell has that many parameters, with one bias a block or with two?"""
    product = hidden_size * (input_size + hidden_size)
    for blocks, name in ((1, "tanh RNN"), (3, "GRU"), (4, "LSTM")):
        if parameters in (
            blocks * (product + hidden_size),
            blocks * (product + 2 * hidden_size),
        ):
            return name
    return "none of them"


def _cell_cases(rng):
    cases = [(5, 10, 640), (5, 10, 160), (5, 10, 510)]
    for blocks in (1, 3, 4):
        inputs, hidden = map(int, rng.integers(3, 40, size=2))
        for biases in (1, 2):
            cases.append((inputs, hidden, blocks * hidden * (inputs + hidden + biases)))
    return [*cases, (5, 10, 511)]


def _by_weights(input_size, hidden_size, parameters):
    blocks = round(parameters / (hidden_size * (input_size + hidden_size)))
    return {1: "tanh RNN", 3: "GRU", 4: "LSTM"}.get(blocks, "none of them")


def _with_biases(count):
    def name(input_size, hidden_size, parameters):
        block = hidden_size * (input_size + hidden_size + count)
        names = {1: "tanh RNN", 3: "GRU", 4: "LSTM"}
        return names.get(parameters / block, "none of them")

    return name


NAME_THE_CELL = Exercise(
    name="math/name-the-cell",
    chapter="cost",
    task="Tell a cell from its number of parameters.",
    reference=name_the_cell,
    cases=_cell_cases,
    wrong_answers=(
        WrongAnswer(
            "two biases only",
            _with_biases(2),
            "Books and some frameworks have one bias a block: allow for both.",
        ),
        WrongAnswer(
            "one bias only",
            _with_biases(1),
            "PyTorch has two biases a block: allow for both.",
        ),
        WrongAnswer(
            "about right",
            _by_weights,
            "Nearly is not enough: 511 is none of them at D = 5, H = 10. Compare exactly.",
        ),
        WrongAnswer(
            "what it says on the label",
            lambda input_size, hidden_size, parameters: "GRU",
            "Not everything that is called a GRU is one. Count.",
        ),
    ),
    hints=(
        "One block has H * (D + H) weights and H or 2 H numbers in its biases.",
        "Try 1, 3 and 4 blocks, each with one bias and with two.",
    ),
)

EXERCISES = (GRU_PARAMETERS, SEQUENCE_OPERATIONS, MATCHING_LSTM, JOIN, NAME_THE_CELL)
