"""Exercises of chapter 02, `recurrent-and-recursive`."""

import numpy as np

from gru_lib.exercises.checker import AnswerError, Exercise, WrongAnswer

# --- fold-a-tree ----------------------------------------------------------------------------


def fold(tree, compose):
    """The value of a tree: a leaf is a value, a node a pair (left, right)."""
    if not isinstance(tree, tuple):
        return tree
    left, right = tree
    return compose(fold(left, compose), fold(right, compose))


def _random_tree(leaves, rng):
    if len(leaves) == 1:
        return leaves[0]
    cut = int(rng.integers(1, len(leaves)))
    return (_random_tree(leaves[:cut], rng), _random_tree(leaves[cut:], rng))


def _leaves(tree):
    return [tree] if not isinstance(tree, tuple) else _leaves(tree[0]) + _leaves(tree[1])


def mix(left, right):
    """A composition in which order and depth matter."""
    return 0.5 * left - 0.3 * right + 1.0


def _tree_cases(rng):
    cases = [(2.0, mix), ((1.0, (2.0, 3.0)), mix)]
    for count in rng.integers(4, 9, size=3):
        cases.append((_random_tree(rng.uniform(-3, 3, count).round(2).tolist(), rng), mix))
    return cases


def _along_a_chain(tree, compose):
    value, *rest = _leaves(tree)
    for leaf in rest:
        value = compose(value, leaf)
    return value


def _swapped(tree, compose):
    return fold(tree, lambda left, right: compose(right, left))


def _top_only(tree, compose):
    return compose(_leaves(tree)[0], _leaves(tree)[-1]) if isinstance(tree, tuple) else tree


def _leaves_composed(tree, compose):
    if not isinstance(tree, tuple):
        return compose(tree, tree)
    return compose(*(_leaves_composed(part, compose) for part in tree))


FOLD = Exercise(
    name="background/fold-a-tree",
    chapter="recurrent-and-recursive",
    task="Write the recursion of a recursive network: fold a tree with a composition.",
    reference=fold,
    cases=_tree_cases,
    wrong_answers=(
        WrongAnswer(
            "along a chain",
            _along_a_chain,
            "The leaves were read one after the other, which is what a RECURRENT network does. "
            "The brackets say who is composed with whom.",
        ),
        WrongAnswer(
            "children swapped",
            _swapped,
            "Left and right are exchanged, and this composition tells them apart.",
        ),
        WrongAnswer(
            "first and last leaf",
            _top_only,
            "Only two leaves went into it. A child may be a tree itself: fold it first.",
        ),
        WrongAnswer(
            "leaves composed with themselves",
            _leaves_composed,
            "A leaf is a value already: return it as it is.",
        ),
    ),
    hints=(
        "A leaf is its own value. That is where the recursion ends.",
        "Fold the left child, fold the right child, compose the two results.",
    ),
)

# --- depths ---------------------------------------------------------------------------------


def depths(leaves):
    """Compositions on the longest way up: in a chain, and in a balanced tree."""
    # a chain takes one leaf more at each step; a balanced tree halves what is left
    return leaves - 1, (leaves - 1).bit_length()


DEPTHS = Exercise(
    name="background/depths",
    chapter="recurrent-and-recursive",
    task="Predict the depth of a chain and of a balanced tree with that many leaves.",
    reference=depths,
    cases=lambda rng: [(2,), (4,), (5,), (1024,)] + [(int(n),) for n in rng.integers(9, 500, 3)],
    wrong_answers=(
        WrongAnswer(
            "counted leaves",
            lambda leaves: (leaves, (leaves - 1).bit_length()),
            "Two leaves take one composition, so a chain takes one fewer than it has leaves.",
        ),
        WrongAnswer(
            "rounded down",
            lambda leaves: (leaves - 1, leaves.bit_length() - 1),
            "With 5 leaves two levels are not enough: round the logarithm UP.",
        ),
        WrongAnswer(
            "not rounded",
            lambda leaves: (leaves - 1, np.log2(leaves)),
            "A depth is a whole number: round the logarithm up.",
        ),
        WrongAnswer(
            "the other order",
            lambda leaves: depths(leaves)[::-1],
            "The chain first, then the balanced tree.",
        ),
        WrongAnswer(
            "halved",
            lambda leaves: (leaves - 1, leaves // 2),
            "At EVERY level of a balanced tree the number of values is halved, not only once.",
        ),
    ),
    hints=(
        "Draw both for 4 leaves and count the levels.",
        "The chain: leaves - 1. The balanced tree: the logarithm to base 2, rounded up.",
    ),
)

# --- left-chain -----------------------------------------------------------------------------


def left_chain(leaves):
    """The tree on which a recursive network does what a recurrent one does."""
    tree = leaves[0]
    for leaf in leaves[1:]:
        tree = (tree, leaf)  # left what came before, right the new one
    return tree


def _written(tree):
    if isinstance(tree, tuple | list):
        if len(tree) != 2:
            raise AnswerError(f"It has a node of {len(tree)} parts; expected pairs (left, right).")
        return f"({_written(tree[0])} {_written(tree[1])})"
    return str(tree)


def _run_tree(answer, case):
    tree = answer(*case)
    return tree if tree is ... or tree is None else _written(tree)


def _right_chain(leaves):
    return leaves[0] if len(leaves) == 1 else (leaves[0], _right_chain(leaves[1:]))


def _balanced(leaves):
    if len(leaves) == 1:
        return leaves[0]
    half = len(leaves) // 2
    return (_balanced(leaves[:half]), _balanced(leaves[half:]))


def _mirrored(leaves):
    tree = leaves[0]
    for leaf in leaves[1:]:
        tree = (leaf, tree)
    return tree


LEFT_CHAIN = Exercise(
    name="background/left-chain",
    chapter="recurrent-and-recursive",
    task="Build the tree that makes a recursive network a recurrent one.",
    reference=left_chain,
    cases=lambda rng: (
        [(["a"],)] + [(list("abcdefgh"[: int(n)]),) for n in (4, 5, *rng.integers(6, 9, size=2))]
    ),
    run=_run_tree,
    wrong_answers=(
        WrongAnswer(
            "right chain",
            _right_chain,
            "This one starts at the END: the last two leaves are composed first. A recurrent "
            "network starts at the beginning.",
        ),
        WrongAnswer(
            "balanced",
            _balanced,
            "That is the balanced tree: short, and not what a recurrent network does.",
        ),
        WrongAnswer(
            "children swapped",
            _mirrored,
            "The old state is the left child and the new input the right one.",
        ),
        WrongAnswer(
            "backwards",
            lambda leaves: left_chain(leaves[::-1]),
            "The leaves come in reverse order.",
        ),
    ),
    hints=(
        "With three leaves it is ((a, b), c).",
        "Start with the first leaf; for each further one: tree = (tree, leaf).",
    ),
)
# --- rnn-parameters -------------------------------------------------------------------------


def rnn_parameters(input_size, hidden_size):
    """How many numbers a tanh network learns, counted as PyTorch has them."""
    weights = hidden_size * (input_size + hidden_size)
    return weights + 2 * hidden_size  # PyTorch has two biases


RNN_PARAMETERS = Exercise(
    name="background/rnn-parameters",
    chapter="recurrent-and-recursive",
    task="Count the parameters of a tanh network.",
    reference=rnn_parameters,
    cases=lambda rng: [(5, 10)] + [tuple(map(int, rng.integers(1, 60, size=2))) for _ in range(4)],
    wrong_answers=(
        WrongAnswer(
            "one bias",
            lambda input_size, hidden_size: hidden_size * (input_size + hidden_size + 1),
            "PyTorch keeps two biases, one beside each product, though one would do.",
        ),
        WrongAnswer(
            "no weights for the state",
            lambda input_size, hidden_size: hidden_size * (input_size + 2),
            "That is a layer without memory: the old state has a matrix too, (hidden, hidden).",
        ),
        WrongAnswer(
            "a GRU's",
            lambda input_size, hidden_size: 3 * rnn_parameters(input_size, hidden_size),
            "Three times as many: that is a GRU.",
        ),
        WrongAnswer(
            "a product instead of a sum",
            lambda input_size, hidden_size: hidden_size * input_size * hidden_size,
            "Two matrices stand side by side; their sizes add.",
        ),
    ),
    hints=(
        "One matrix for the input, (hidden, input); one for the state, (hidden, hidden).",
        "And two biases of length hidden.",
    ),
)

# --- tell-left-from-right -----------------------------------------------------------------------


def compose(left, right, of_left, of_right):
    """A composition that knows its left child from its right one."""
    return np.tanh(of_left @ left + of_right @ right)


def _symmetric(left, right, of_left, of_right):
    """A composition that knows its left child from its right one."""
    return np.tanh((of_left + of_right) @ (left + right) / 2)


def _vectors(rng):
    cases = []
    for size in rng.integers(2, 5, size=3):
        pair = rng.normal(size=(2, size)).round(2)
        cases.append((*pair, *rng.normal(size=(2, size, size)).round(2)))
    return cases


TELL_LEFT_FROM_RIGHT = Exercise(
    name="background/tell-left-from-right",
    chapter="recurrent-and-recursive",
    task="Repair a composition to which `a minus b` and `b minus a` are the same.",
    reference=compose,
    cases=_vectors,
    broken="symmetric",
    wrong_answers=(
        WrongAnswer(
            "symmetric",
            _symmetric,
            "Exchange the children and the result is the same: `dog bites man` is `man bites dog` "
            "again. Each child needs a matrix of its own.",
        ),
        WrongAnswer(
            "exchanged",
            lambda left, right, of_left, of_right: compose(right, left, of_left, of_right),
            "It tells them apart, but of_left has met the right child.",
        ),
        WrongAnswer(
            "no tanh",
            lambda left, right, of_left, of_right: of_left @ left + of_right @ right,
            "Without the tanh the whole tree is one linear map, however deep it is.",
        ),
        WrongAnswer(
            "tanh too early",
            lambda left, right, of_left, of_right: (
                np.tanh(of_left @ left) + np.tanh(of_right @ right)
            ),
            "One tanh around the sum, not one around each product.",
        ),
    ),
    hints=(
        "What happens to the result if you exchange left and right?",
        "of_left @ left + of_right @ right, then tanh.",
    ),
)

EXERCISES = (FOLD, DEPTHS, LEFT_CHAIN, RNN_PARAMETERS, TELL_LEFT_FROM_RIGHT)
