"""Classifiers of whole sequences: padding touches nothing, and each rival sees what it should."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gru_lib.models import (
    ConvolutionClassifier,
    LabelledSequences,
    PoolClassifier,
    SequenceClassifier,
    count_parameters,
    label_sequences,
    predict_classes,
    train_classifier,
)

CELLS = ("tanh", "GRU", "LSTM")
POOLS = ("last", "mean", "max")
FEATURES, WORDS = 3, 11


def recurrent(cell, pool, bidirectional, num_layers=2, **options):
    return SequenceClassifier(
        FEATURES,
        4,
        5,
        cell=cell,
        pool=pool,
        bidirectional=bidirectional,
        num_layers=num_layers,
        **options,
    )


MAKES = {
    **{
        f"{cell}, {pool}, {'both directions' if both else 'forwards'}": (
            lambda cell=cell, pool=pool, both=both, **options: recurrent(
                cell, pool, both, **options
            )
        )
        for cell, pool, both in itertools.product(CELLS, POOLS, (False, True))
    },
    "pool": lambda **options: PoolClassifier(FEATURES, 4, 5, **options),
    "convolution": lambda **options: ConvolutionClassifier(FEATURES, 4, 5, width=3, **options),
}


def made(name, **options):
    torch.manual_seed(0)
    return MAKES[name](**options).double().eval()


def close(one, other):
    return torch.allclose(one, other, rtol=0, atol=1e-12)


# --- padding --------------------------------------------------------------------------------

LENGTHS = torch.tensor([4, 9, 1, 6, 9, 2])


@pytest.mark.parametrize("vocabulary_size", [None, WORDS], ids=["features", "tokens"])
@pytest.mark.parametrize("name", MAKES)
def test_padding_touches_nothing(name, vocabulary_size):
    model = made(name, vocabulary_size=vocabulary_size)
    if vocabulary_size:
        x = torch.randint(WORDS, (6, 9))
    else:
        x = 10 * torch.randn(6, 9, FEATURES, dtype=torch.float64)
    logits = model(x, LENGTHS)  # what stands in the padding is no zero
    assert logits.shape == (6, 5)
    for row, length in enumerate(LENGTHS):
        assert close(model(x[row : row + 1, :length]), logits[row : row + 1])
    more = torch.cat([x, x], dim=1)
    assert close(model(more, LENGTHS), logits)
    order = torch.randperm(6)
    assert close(model(x[order], LENGTHS[order]), logits[order])


@pytest.mark.parametrize("name", MAKES)
def test_padding_gets_no_gradient(name):
    model = made(name)
    x = torch.randn(6, 9, FEATURES, dtype=torch.float64, requires_grad=True)
    model(x, LENGTHS).square().sum().backward()
    real = torch.arange(9) < LENGTHS[:, None]
    assert not x.grad[~real].any()
    assert x.grad[real].any()


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_any_lengths_are_read_as_if_alone(lengths, seed):
    torch.manual_seed(seed)
    model = recurrent("GRU", "last", True).double().eval()
    sequences = [torch.randn(length, FEATURES, dtype=torch.float64) for length in lengths]
    padded = nn.utils.rnn.pad_sequence(sequences, batch_first=True, padding_value=7.0)
    alone = torch.cat([model(sequence[None]) for sequence in sequences])
    assert close(model(padded, torch.tensor(lengths)), alone)


# --- what each model sees -------------------------------------------------------------------


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_the_last_real_state_of_each_direction_is_read(cell, bidirectional, num_layers):
    model = recurrent(cell, "last", bidirectional, num_layers).double().eval()
    oracle = {"tanh": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}[cell](
        FEATURES, 4, num_layers, batch_first=True, bidirectional=bidirectional
    ).double()
    oracle.load_state_dict(model.recurrent.state_dict())
    x = torch.randn(6, 9, FEATURES, dtype=torch.float64)
    for row, length in enumerate(LENGTHS):
        states, _ = oracle(x[row : row + 1, :length])
        forwards, backwards = states[0, -1, :4], states[0, 0, 4:]  # each has read all there
        expected = torch.cat([forwards, backwards])
        assert close(model.summary(x, LENGTHS)[row], expected)
        assert close(model(x, LENGTHS)[row], model.output(expected))


@pytest.mark.parametrize(("pool", "of_states"), [("mean", torch.mean), ("max", torch.amax)])
def test_states_are_pooled_over_the_real_steps(pool, of_states):
    model = made(f"GRU, {pool}, both directions")
    x = torch.randn(6, 9, FEATURES, dtype=torch.float64)
    for row, length in enumerate(LENGTHS):
        states, _ = model.recurrent(x[row : row + 1, :length])
        assert close(model.summary(x, LENGTHS)[row], of_states(states[0], dim=0))


def test_pooling_is_blind_to_order_and_the_others_are_not():
    x = torch.randn(4, 12, FEATURES, dtype=torch.float64)
    order = torch.randperm(12)
    for name in MAKES:
        model = made(name)
        assert close(model(x), model(x[:, order])) == (name == "pool")


def test_pooling_takes_the_mean_and_not_the_sum():
    model = made("pool")
    x = torch.randn(1, 5, FEATURES, dtype=torch.float64)
    assert close(model(x), model(torch.cat([x, x, x], dim=1)))


@pytest.mark.parametrize("width", [1, 3, 5])
def test_a_convolution_sees_order_only_nearby(width):
    torch.manual_seed(1)
    model = ConvolutionClassifier(FEATURES, 16, 5, width=width).double().eval()
    one, other = 3 * torch.randn(2, 1, 2, FEATURES, dtype=torch.float64)

    def answer(first, then, steps):
        gap = torch.zeros(1, steps, FEATURES, dtype=torch.float64)
        edge = torch.zeros(1, 2 * width, FEATURES, dtype=torch.float64)
        return model(torch.cat([edge, first, gap, then, edge], dim=1))

    reach = width - 1  # two convolutions, each (width - 1) / 2 steps to either side
    far = 2 * reach
    assert close(answer(one, other, far), answer(other, one, far))
    assert close(answer(one, other, 0), answer(other, one, 0)) == (width == 1)


def test_a_convolution_finds_a_pattern_wherever_it_is():
    model = made("convolution")
    x = torch.zeros(2, 20, FEATURES, dtype=torch.float64)
    x[0, 4:7] = x[1, 11:14] = torch.randn(3, FEATURES, dtype=torch.float64)
    assert close(*model(x))


def test_dropout_works_in_training_only():
    for name in MAKES:
        model = made(name, dropout=0.5)
        x = torch.randn(4, 7, FEATURES, dtype=torch.float64)
        assert torch.equal(model(x), model(x))
        model.train()
        assert not close(model(x), model(x))


def test_sequences_of_another_length_than_trained_on_are_taken():
    for name in MAKES:
        model = made(name)
        for steps in (1, 2, 300):
            logits = model(torch.randn(2, steps, FEATURES, dtype=torch.float64))
            assert logits.shape == (2, 5) and logits.isfinite().all()


def test_without_lengths_all_steps_are_real():
    for name in MAKES:
        model, x = made(name), torch.randn(2, 7, FEATURES, dtype=torch.float64)
        assert torch.equal(model(x), model(x, torch.tensor([7, 7])))
        assert torch.equal(model(x, [7, 3]), model(x, torch.tensor([7, 3])))


def test_the_parameters_are_those_of_the_layers():
    gru = 2 * (3 * 4 * (3 + 4 + 2))  # both directions
    assert count_parameters(recurrent("GRU", "last", True, num_layers=1)) == gru + 5 * 9
    assert count_parameters(MAKES["pool"](vocabulary_size=WORDS)) == WORDS * 3 + 4 * 4 + 5 * 5


# --- what is refused ------------------------------------------------------------------------

FLOATS = torch.zeros(2, 7, FEATURES)


@pytest.mark.parametrize(
    ("x", "lengths", "error", "message"),
    [
        (torch.zeros(2, 7), None, ValueError, r"x has shape \(2, 7\); expected \(batch, length, 3"),
        (torch.zeros(2, 7, 4), None, ValueError, r"x has shape \(2, 7, 4\); expected .*, 3\)"),
        (torch.zeros(2, 0, 3), None, ValueError, "expected at least one sequence and one step"),
        (torch.zeros(0, 7, 3), None, ValueError, "expected at least one sequence and one step"),
        (FLOATS, torch.tensor([7]), ValueError, r"lengths has shape \(1,\); expected \(2,\), one"),
        (FLOATS, torch.tensor([7, 0]), ValueError, "lengths go from 0 to 7; expected 1 to 7, the"),
        (FLOATS, torch.tensor([8, 1]), ValueError, "lengths go from 1 to 8; expected 1 to 7"),
        (FLOATS, torch.tensor([7.0, 1.0]), TypeError, "lengths has dtype torch.float32; expected"),
    ],
)
@pytest.mark.parametrize("name", ["GRU, last, forwards", "pool", "convolution"])
def test_input_that_does_not_fit(name, x, lengths, error, message):
    with pytest.raises(error, match=message):
        MAKES[name]()(x, lengths)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.full((2, 7), WORDS), "x holds token numbers from 11 to 11; expected 0 to 10"),
        (torch.full((2, 7), -1), "x holds token numbers from -1 to -1; expected 0 to 10"),
        (torch.zeros(2, 7), r"dtype torch.float32; expected token numbers of shape \(batch, len"),
        (torch.zeros(2, 7, 3).long(), r"x has shape \(2, 7, 3\) and dtype torch.int64; expected"),
        (torch.zeros(2, 0).long(), "expected at least one sequence and one step"),
    ],
)
@pytest.mark.parametrize("name", ["GRU, last, forwards", "pool", "convolution"])
def test_tokens_that_do_not_fit(name, x, message):
    with pytest.raises(ValueError, match=message):
        MAKES[name](vocabulary_size=WORDS)(x)


@pytest.mark.parametrize(
    ("model", "options", "error", "message"),
    [
        (SequenceClassifier, {"cell": "gru"}, ValueError, "cell is 'gru'; expected one of tanh"),
        (SequenceClassifier, {"pool": "sum"}, ValueError, "pool is 'sum'; expected one of 'last'"),
        (SequenceClassifier, {"bidirectional": 2}, TypeError, "bidirectional is 2; expected True"),
        (SequenceClassifier, {"num_layers": 0}, ValueError, "num_layers is 0; expected at least 1"),
        (ConvolutionClassifier, {"width": 4}, ValueError, "width is 4; expected an odd number"),
        (ConvolutionClassifier, {"width": -1}, ValueError, "width is -1; expected at least 1"),
        *(
            (model, options, error, message)
            for model in (SequenceClassifier, PoolClassifier, ConvolutionClassifier)
            for options, error, message in (
                ({"dropout": 1.0}, ValueError, r"dropout is 1.0; expected a number in \[0, 1\)"),
                ({"vocabulary_size": 0}, ValueError, "vocabulary_size is 0; expected at least 1"),
                ({"input_size": 2.5}, TypeError, "input_size is 2.5; expected a whole number"),
                ({"classes": 0}, ValueError, "classes is 0; expected at least 1"),
            )
        ),
        (SequenceClassifier, {"hidden_size": 0}, ValueError, "hidden_size is 0"),
        (PoolClassifier, {"hidden_size": 0}, ValueError, "hidden_size is 0"),
        (ConvolutionClassifier, {"channels": 0}, ValueError, "channels is 0"),
    ],
)
def test_models_that_cannot_be(model, options, error, message):
    width = "channels" if model is ConvolutionClassifier else "hidden_size"
    with pytest.raises(error, match=message):
        model(**{"input_size": 3, width: 4, "classes": 5, **options})


# --- labelled sequences ---------------------------------------------------------------------


@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=6),
    st.none() | st.integers(1, 3),
    st.integers(0, 10**6),
)
def test_what_is_padded_can_be_taken_apart_again(lengths, features, seed):
    rng = np.random.default_rng(seed)
    if features is None:
        sequences = [rng.integers(1, 9, length) for length in lengths]
    else:
        sequences = [rng.random((length, features), np.float32) for length in lengths]
    data = label_sequences(sequences, [3] * len(lengths))
    assert data.x.dtype == (torch.int64 if features is None else torch.float32)
    assert data.lengths.tolist() == lengths and data.y.tolist() == [3] * len(lengths)
    assert data.x.shape[:2] == (len(lengths), max(lengths))
    for row, sequence in enumerate(sequences):
        assert np.array_equal(data.x[row, : len(sequence)], sequence)
        assert not data.x[row, len(sequence) :].any()


@pytest.mark.parametrize("classes", [[1, 0], [True, False], np.array([1, 0], dtype=np.uint8)])
def test_classes_of_any_whole_type(classes):
    data = label_sequences([[4], [5, 6]], classes)
    assert data.y.dtype == torch.int64 and data.y.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("sequences", "classes", "error", "message"),
    [
        ([], [], ValueError, "sequences is empty; expected at least one sequence"),
        ([[1], []], [0, 1], ValueError, "sequence 1 is empty; expected at least one step"),
        ([[1], [2]], [0], ValueError, r"classes has shape \(1,\); expected \(2,\), one a sequence"),
        ([[1]], [[0]], ValueError, r"classes has shape \(1, 1\)"),
        ([[1]], [0.5], TypeError, "classes has dtype float64; expected whole numbers"),
        ([[1]], ["good"], TypeError, "classes has dtype <U4; expected whole numbers"),
        ([[1]], [-1], ValueError, "classes holds -1; expected numbers counted from 0"),
        (
            [[0.5, 1.5]],
            [0],
            TypeError,
            r"sequence 0 has shape \(2,\) and dtype float64; expected t",
        ),
        ([["a"]], [0], TypeError, "and dtype <U1; expected token numbers"),
        (
            [np.zeros((4, 3)), np.zeros((4, 2))],
            [0, 1],
            ValueError,
            r"sequence 1 has shape \(4, 2\), but sequence 0 \(4, 3\); expected the same number",
        ),
        ([[1], [[1.0]]], [0, 1], ValueError, r"sequence 1 has shape \(1, 1\), but sequence 0 \(1,"),
        ([1, 2], [0, 1], ValueError, r"sequence 0 has shape \(\); expected \(length, features\)"),
        ([np.zeros((1, 2, 3))], [0], ValueError, r"sequence 0 has shape \(1, 2, 3\); expected"),
    ],
)
def test_sequences_that_cannot_be_labelled(sequences, classes, error, message):
    with pytest.raises(error, match=message):
        label_sequences(sequences, classes)


# --- training -------------------------------------------------------------------------------


class Recorder(nn.Module):
    """Answers from nothing but a bias, and notes the batches that it is shown in training."""

    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(2))
        self.batches = []

    def forward(self, x, lengths):
        if self.training:
            self.batches.append((x, lengths))
        return self.bias.expand(len(x), 2)


def counted(count, seed=0):
    """Sequences of many lengths; each begins with its own number."""
    lengths = np.random.default_rng(seed).integers(1, 40, count)
    sequences = [np.full(length, number) for number, length in enumerate(lengths)]
    return label_sequences(sequences, np.arange(count) % 2)


def shown(buckets, epochs=3, seed=0, batch_size=8):
    """The batches of each epoch, as pairs of x and lengths."""
    model, data = Recorder(), counted(50)
    train_classifier(
        model,
        data,
        data,
        seed=seed,
        epochs=epochs,
        batch_size=batch_size,
        buckets=buckets,
        progress=False,
    )
    size = len(model.batches) // epochs
    return [model.batches[start : start + size] for start in range(0, len(model.batches), size)]


@pytest.mark.parametrize("buckets", [False, True])
def test_every_sequence_comes_once_an_epoch(buckets):
    epochs = shown(buckets)
    assert [len(batches) for batches in epochs] == [7, 7, 7]
    data = counted(50)
    for batches in epochs:
        numbers = torch.cat([x[:, 0] for x, _ in batches])
        assert sorted(numbers.tolist()) == list(range(50))
        assert torch.equal(torch.cat([lengths for _, lengths in batches]), data.lengths[numbers])
        assert max(len(x) for x, _ in batches) == 8
        assert all(x.shape[1] == lengths.max() for x, lengths in batches)
    first, second, _ = ([x[:, 0].tolist() for x, _ in batches] for batches in epochs)
    assert first != second


def test_buckets_give_less_padding():
    def padding(buckets):
        batches = shown(buckets)[0]
        return sum(x.numel() - lengths.sum().item() for x, lengths in batches)

    assert padding(True) < padding(False) / 3


def test_the_seed_decides_the_order():
    orders = [
        [x[:, 0].tolist() for batches in shown(True, seed=seed) for x, _ in batches]
        for seed in (1, 1, 2)
    ]
    assert orders[0] == orders[1] != orders[2]


def first_and_last(count, seed):
    """Does the last token equal the first? Nobody who is blind to order can know."""
    rng = np.random.default_rng(seed)
    sequences = [rng.integers(0, 2, rng.integers(3, 9)) for _ in range(count)]
    return label_sequences(sequences, [int(tokens[0] == tokens[-1]) for tokens in sequences])


def accuracy(model, data):
    return (predict_classes(model, data) == data.y.numpy()).mean()


def test_order_is_learned_by_those_who_can_see_it():
    train, valid = first_and_last(300, 0), first_and_last(100, 1)
    reached = {}
    for name in ("GRU", "pool"):
        torch.manual_seed(0)
        if name == "GRU":
            model = SequenceClassifier(4, 16, 2, vocabulary_size=2)
        else:
            model = PoolClassifier(4, 16, 2, vocabulary_size=2)
        train_classifier(model, train, valid, seed=0, epochs=25, progress=False)
        reached[name] = accuracy(model, valid)
    assert reached["GRU"] > 0.97
    assert reached["pool"] < 0.8


def toy(count, seed):
    """Noisy steps around one of three points."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 3, count)
    sequences = [
        np.eye(3)[label] + 0.2 * rng.standard_normal((rng.integers(2, 7), 3)) for label in classes
    ]
    return label_sequences(sequences, classes)


@pytest.mark.parametrize("name", ["GRU, last, forwards", "LSTM, mean, both directions", "pool"])
def test_a_separable_toy_is_learned(name):
    train, valid = toy(60, 0), toy(40, 1)
    torch.manual_seed(0)
    model = MAKES[name]()
    history = train_classifier(
        model, train, valid, seed=0, epochs=30, learning_rate=0.1, progress=False
    )
    assert not model.training and len(history.valid_loss) == 30
    assert accuracy(model, valid) > 0.95


@pytest.mark.parametrize("name", ["GRU, last, forwards", "pool"])
def test_the_best_epoch_is_kept(name):
    train, valid = toy(60, 0), toy(40, 1)
    valid = valid._replace(y=(valid.y + (torch.arange(40) % 2)) % 3)  # half of it is wrong
    torch.manual_seed(0)
    model = MAKES[name]()
    history = train_classifier(
        model, train, valid, seed=0, epochs=30, learning_rate=0.1, progress=False
    )
    with torch.no_grad():
        loss = nn.functional.cross_entropy(model(valid.x, valid.lengths), valid.y)
    assert loss.item() == pytest.approx(min(history.valid_loss), rel=1e-5)
    assert loss.item() < 0.9 * history.valid_loss[-1]  # later epochs made it worse
    assert history.best_epoch == 1 + np.argmin(history.valid_loss)


def test_the_same_seed_gives_the_same_weights():
    weights = []
    for _ in range(2):
        torch.manual_seed(3)
        model = recurrent("GRU", "last", False, vocabulary_size=2, dropout=0.3)
        data = first_and_last(40, 0)
        train_classifier(model, data, data, seed=5, epochs=2, progress=False)
        weights.append([parameter.clone() for parameter in model.parameters()])
    assert all(torch.equal(*pair) for pair in zip(*weights, strict=True))


def test_a_class_without_training_sequences_is_named():
    train, valid = label_sequences([[1], [1]], [0, 2]), label_sequences([[1], [1]], [1, 3])
    with pytest.raises(
        ValueError, match=r"valid holds the classes \[1, 3\], of which train has no"
    ):
        train_classifier(PoolClassifier(2, 2, 4, vocabulary_size=2), train, valid, seed=0)
    # the other way round, and a class that nobody has, are no mistake
    model = PoolClassifier(2, 2, 5, vocabulary_size=2)
    history = train_classifier(model, train, train, seed=0, epochs=1, progress=False)
    assert np.isfinite(history.valid_loss).all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "epochs is 0; expected at least 1"),
        ({"batch_size": 2.5}, TypeError, "batch_size is 2.5; expected a whole number"),
        ({"device": "no such"}, ValueError, "device"),
    ],
)
def test_training_that_cannot_be(options, error, message):
    data = first_and_last(4, 0)
    model = PoolClassifier(2, 2, 2, vocabulary_size=2)
    with pytest.raises(error, match=message):
        train_classifier(model, data, data, seed=0, progress=False, **options)


def test_the_device_is_taken_by_name():
    data = first_and_last(4, 0)
    model = PoolClassifier(2, 2, 2, vocabulary_size=2)
    for device in ("cpu", torch.device("cpu"), "auto"):
        history = train_classifier(
            model, data, data, seed=0, epochs=1, device=device, progress=False
        )
        assert len(history.valid_loss) == 1
        assert predict_classes(model, data).shape == (4,)


def test_predictions_come_in_order_and_leave_the_model_ready():
    model = made("GRU, last, forwards", vocabulary_size=WORDS).train()
    lengths = torch.arange(600) % 7 + 1  # more than one batch
    data = LabelledSequences(torch.randint(WORDS, (600, 7)), lengths, torch.zeros(600).long())
    predicted = predict_classes(model, data)
    assert not model.training
    assert predicted.shape == (600,) and predicted.dtype == np.int64
    assert predicted.tolist() == model(data.x, data.lengths).argmax(dim=1).tolist()
