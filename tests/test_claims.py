"""The article's claims, checked by running them; named by their numbers on the claims page.

A claim is checked here, in a code cell of a chapter that names it, or in both; a claim that no
program can decide names its sources on the page. The page shows the functions of this file.
TensorFlow is no part of the book's environment: make frameworks runs its checks in one that has it.
"""

import ast
import contextlib
import io
import os
import re
from functools import cache
from importlib.metadata import metadata, version
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from packaging.specifiers import SpecifierSet
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from gru_lib.data import article
from gru_lib.data.synthetic import recall
from gru_lib.initialisation import chrono_

needs_tensorflow = pytest.mark.skipif(
    find_spec("tensorflow") is None, reason="needs TensorFlow: run by make frameworks"
)

# --- running the article's programs -----------------------------------------------------------


def run(*parts, **names):
    """Run parts of a program one after the other; return its names, and what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for part in parts:
            exec(part, names)
    return names, printed.getvalue()


def repaired(program, *repairs):
    """A program after some replacements, each of which must find something to replace."""
    for old, new in repairs:
        assert old in program
        program = program.replace(old, new)
    return program


def assigned_and_read(program):
    """The names that a program assigns, and the names that it reads."""
    names = [node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Name)]
    assigned = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    return assigned, {name.id for name in names if isinstance(name.ctx, ast.Load)}


def expressions(program):
    """What a program assigns to each name, as a syntax tree in text."""
    assignments = [node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Assign)]
    return {node.targets[0].id: ast.dump(node.value) for node in assignments}


STEPS = {"numpy": article.NUMPY_STEP, "tensorflow": article.TENSORFLOW_STEP}
PROGRAMS = {
    "numpy": article.NUMPY_STEP + article.NUMPY_LOOP,
    "tensorflow": article.TENSORFLOW_STEP + article.TENSORFLOW_LOOP + article.TENSORFLOW_TRAINING,
    "result": article.RESULT_PROGRAM,
}
GATES = ("input_gate", "forget_gate", "output_gate")

# --- title and abstract -----------------------------------------------------------------------


def test_c001_no_program_trains_or_loads_anything():
    wanted = {"open", "load", "save", "Adam", "SGD", "fit", "compile", "DataLoader", "Dataset"}
    for program in PROGRAMS.values():
        nodes = [node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Call)]
        called = {getattr(node.func, "attr", getattr(node.func, "id", None)) for node in nodes}
        assert called.isdisjoint(wanted)


def test_c002_the_programs_that_need_no_tensorflow_stop_with_an_exception():
    for program in (PROGRAMS["numpy"], PROGRAMS["result"]):
        with pytest.raises(NameError):
            run(program)


# --- forecasting a random walk ----------------------------------------------------------------


def random_walk_forecast(seed):
    """Forecasts of the next value of a random walk, and the persistence forecast's: test part."""
    torch.manual_seed(seed)
    walk = np.random.default_rng(seed).normal(size=6000).cumsum()
    change = torch.from_numpy(np.diff(walk)).float()[None, :, None]
    cut = int(0.7 * change.shape[1])  # the future is not trained on
    gru, readout = nn.GRU(1, 16, batch_first=True), nn.Linear(16, 1)
    optimizer = torch.optim.Adam([*gru.parameters(), *readout.parameters()], lr=3e-3)
    rows = change[:, :cut].unfold(1, 51, 50).reshape(-1, 51, 1)
    for _ in range(60):
        loss = ((readout(gru(rows[:, :-1])[0]) - rows[:, 1:]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        forecast_change = readout(gru(change)[0])[0, cut:-1, 0].numpy()
    last = walk[cut + 1 : -1]
    return walk[cut + 2 :], last + forecast_change, last


def test_c007_c112_c113_a_gru_cannot_forecast_a_random_walk():
    for seed in range(5):
        truth, forecast, persistence = random_walk_forecast(seed)
        skill = 1 - np.mean((forecast - truth) ** 2) / np.mean((persistence - truth) ** 2)
        assert -0.05 < skill < 0.005  # no better than saying: as it was
        # and yet a plot of the two lines would look like a triumph
        assert np.corrcoef(persistence, truth)[0, 1] > 0.99


# --- recall: the experiment that decides what is said about long sequences ----------------------


@cache
def recall_accuracy(kind, bias, steps=50, seed=0):
    """Accuracy after 500 updates at recalling a sign over many steps of noise; chance is 0.5."""
    torch.manual_seed(seed)
    cell = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[kind](1, 32, batch_first=True)
    if bias == "chrono":  # each unit keeps for a time drawn from 1 to the length of the task
        chrono_(cell, longest=steps, rng=seed)
    readout = nn.Linear(32, 1)
    parameters = [*cell.parameters(), *readout.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=3e-3)
    rng = np.random.default_rng(seed)

    def answers(count):
        numbers, positive = (torch.from_numpy(part).float() for part in recall(count, steps, rng))
        return readout(cell(numbers[..., None])[0][:, -1])[:, 0], positive

    for _ in range(500):
        loss = nn.functional.binary_cross_entropy_with_logits(*answers(64))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
    with torch.no_grad():
        said, positive = answers(2000)
    return ((said > 0) == (positive > 0.5)).float().mean().item()


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_c011_c031_c111_c113_c138_a_default_gru_fails_to_recall_over_50_steps(one_thread):
    for seed in range(3):
        assert abs(recall_accuracy("gru", "default", seed=seed) - 0.5) < 0.05
        assert abs(recall_accuracy("rnn", "default", seed=seed) - 0.5) < 0.05


def test_c010_c139_a_keep_bias_lets_the_gru_recall(one_thread):
    for seed in range(3):
        assert recall_accuracy("gru", "chrono", seed=seed) > 0.99


def test_c146_the_lstm_fails_and_succeeds_where_the_gru_does(one_thread):
    for seed in range(3):
        assert abs(recall_accuracy("lstm", "default", seed=seed) - 0.5) < 0.05
        assert recall_accuracy("lstm", "chrono", seed=seed) > 0.99


# --- the formulas -----------------------------------------------------------------------------


def test_c035_c040_c063_the_formulas_have_the_parameters_of_an_lstm():
    hidden_size, input_size = 10, 5
    blocks = 4  # input gate, forget gate, output gate, candidate
    weights = blocks * hidden_size * (hidden_size + input_size)
    lstm = nn.LSTM(input_size, hidden_size)
    gru = nn.GRU(input_size, hidden_size)
    assert weights == lstm.weight_ih_l0.numel() + lstm.weight_hh_l0.numel()
    assert weights != gru.weight_ih_l0.numel() + gru.weight_hh_l0.numel()


def test_c044_the_first_new_state_multiplies_vectors_of_different_lengths():
    gate, x = np.ones(10), np.ones(5)
    with pytest.raises(ValueError, match=r"\(10,\) \(5,\)"):
        gate * gate * x


# --- the programs of 3.5 and 5.2 --------------------------------------------------------------


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_c057_c090_c102_the_three_gates_are_one_expression(step):
    assert len({expressions(step)[gate] for gate in GATES}) == 1


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_c033_c043_c058_c103_the_output_gate_is_never_read(step):
    assigned, read = assigned_and_read(step)
    assert assigned - read == {"output_gate", "new_h"} - read
    assert "output_gate" not in read


def test_c059_the_state_before_the_first_is_the_last_row():
    unswap = [
        ("np.dot(h_prev, W_hx) + np.dot(x_t, W_hh)", "np.dot(h_prev, W_hh) + np.dot(x_t, W_hx.T)"),
        ("np.dot(x_t, W_hx) + b_h)\n\n    return", "np.dot(x_t, W_hx.T) + b_h)\n\n    return"),
    ]
    sizes = {"hidden_size": 10, "input_size": 5, "seq_len": 7}
    sizes |= {"sigmoid": lambda a: 1 / (1 + np.exp(-a)), "tanh": np.tanh}
    np.random.seed(0)
    names, _ = run(repaired(article.NUMPY_STEP, *unswap), article.NUMPY_LOOP, **sizes)
    fresh = names["h"].copy()
    loop = article.NUMPY_LOOP[article.NUMPY_LOOP.index("for t") :]
    run(loop, **names)  # the same sequence again, in the buffer of the first
    assert np.abs(names["h"][0] - fresh[0]).max() > 0.5


def test_c101_the_two_matrices_are_exchanged():
    for step in STEPS.values():
        gate, candidate = expressions(step)["input_gate"], expressions(step)["new_h"]
        order = re.findall(r"Name\(id='(W_hx|W_hh)'", gate)
        assert order == ["W_hx", "W_hh"]  # the input's matrix meets the state
        assert re.findall(r"Name\(id='(W_hx|W_hh)'", candidate) == ["W_hh", "W_hx"]


def test_c092_the_input_is_one_vector_and_the_step_number_is_not_used():
    for program in (article.TENSORFLOW_LOOP, article.RESULT_PROGRAM):
        assigned, read = assigned_and_read(program)
        assert "t" in assigned - read
        assert "x = tf.random.normal((1, " in program


def test_c106_the_program_of_the_result_does_not_run_alone():
    with pytest.raises(NameError, match="name 'tf' is not defined"):
        run(article.RESULT_PROGRAM)


# --- TensorFlow -------------------------------------------------------------------------------

UNSWAPPED = (
    "tf.matmul(h_prev, W_hx) + tf.matmul(x_t, W_hh)",
    "tf.matmul(h_prev, W_hh) + tf.matmul(x_t, W_hx)",
)
TRANSPOSED = ("tf.matmul(x_t, W_hx)", "tf.matmul(x_t, W_hx, transpose_b=True)")
TARGET = ("tf.square(h - x)", "tf.square(h - target)")


def tensorflow_step():
    """The article's step with its matrices where they fit: it runs, and is no GRU."""
    return repaired(article.TENSORFLOW_STEP, UNSWAPPED, TRANSPOSED)


def tensorflow_target():
    import tensorflow as tf

    return tf.constant(np.linspace(-0.5, 0.5, 10, dtype=np.float32)[None])


def seeded(seed):
    import tensorflow as tf

    tf.random.set_seed(seed)


@needs_tensorflow
def test_c002_c091_the_tensorflow_program_stops_at_its_first_gate():
    from tensorflow.errors import InvalidArgumentError

    with pytest.raises(InvalidArgumentError, match=r"\[1,5\], In\[1\]: \[10,10\]"):
        run(PROGRAMS["tensorflow"])
    swapped = repaired(article.TENSORFLOW_STEP, UNSWAPPED)
    with pytest.raises(InvalidArgumentError, match=r"\[1,5\], In\[1\]: \[10,5\]"):
        run(swapped, article.TENSORFLOW_LOOP)


@needs_tensorflow
def test_c106_the_program_of_the_result_fails_after_5_2_as_well():
    from tensorflow.errors import InvalidArgumentError

    with pytest.raises(InvalidArgumentError, match="Matrix size-incompatible"):
        run(article.TENSORFLOW_STEP, article.TENSORFLOW_LOOP.split("for t")[0], PROGRAMS["result"])


@needs_tensorflow
def test_c107_the_repaired_step_prints_ten_states():
    _, printed = run(tensorflow_step(), article.TENSORFLOW_LOOP)
    assert printed.count("[[") == 10


@needs_tensorflow
def test_c094_the_loss_compares_a_state_with_the_input():
    from tensorflow.errors import InvalidArgumentError

    with pytest.raises(InvalidArgumentError, match=r"\[1,10\] vs. \[1,5\]"):
        run(tensorflow_step(), article.TENSORFLOW_LOOP, article.TENSORFLOW_TRAINING)
    loss = "loss = tf.reduce_mean(tf.square(h - x))"  # with one input, shapes broadcast silently
    one = repaired(article.TENSORFLOW_LOOP, ("input_size = 5", "input_size = 1"))
    names, _ = run(tensorflow_step(), one, loss)
    assert (names["h"] - names["x"]).shape == (1, 10)


@needs_tensorflow
def test_c095_c105_the_gradients_are_none():
    training = repaired(article.TENSORFLOW_TRAINING, TARGET).split("W_hx.assign_sub")[0]
    names, _ = run(tensorflow_step(), article.TENSORFLOW_LOOP, training, target=tensorflow_target())
    assert names["gradients"] == [None, None, None]


@needs_tensorflow
@pytest.mark.parametrize("watch", ["", "    tape.watch([W_hx, W_hh, b_h])\n"])
def test_c096_a_constant_has_no_assign_sub(watch):
    head = "as tape:\n"
    training = repaired(article.TENSORFLOW_TRAINING, TARGET, (head, head + watch))
    with pytest.raises(AttributeError, match="assign_sub"):
        run(tensorflow_step(), article.TENSORFLOW_LOOP, training, target=tensorflow_target())


def with_variables():
    """The ten steps with parameters that can be updated."""
    shapes = ("(hidden_size, input_size)", "(hidden_size, hidden_size)", "(hidden_size,)")
    repairs = [
        (f"tf.random.normal({shape})", f"tf.Variable(tf.random.normal({shape}))")
        for shape in shapes
    ]
    return repaired(article.TENSORFLOW_LOOP, *repairs)


@needs_tensorflow
def test_c097_after_its_one_step_the_loss_has_risen_for_some_seeds():
    training = repaired(article.TENSORFLOW_TRAINING, TARGET)
    ten_steps = "h = tf.zeros((1, hidden_size))\n"
    ten_steps += article.TENSORFLOW_LOOP[article.TENSORFLOW_LOOP.index("for t") :]
    once_more = "before = loss\n" + ten_steps + training.split("gradients =")[0]
    rose = 0
    for seed in range(12):
        seeded(seed)
        parts = (tensorflow_step(), with_variables(), training, once_more)
        names, _ = run(*parts, target=tensorflow_target())
        rose += float(names["loss"]) > float(names["before"])
    assert 2 <= rose <= 10  # neither descent nor ascent: no learning rate, and no loop


@needs_tensorflow
def test_c098_the_gradient_sees_one_step_of_ten():
    import tensorflow as tf

    training = repaired(article.TENSORFLOW_TRAINING, TARGET).split("W_hx.assign_sub")[0]
    inside = repaired(
        training,
        ("    h = gru_step", "    h = first\n    for t in range(11):\n        h = gru_step"),
    )
    for seed in range(3):
        seeded(seed)
        names, _ = run(
            tensorflow_step(),
            with_variables(),
            training,
            "short, short_loss = gradients, loss\nfirst = tf.zeros((1, hidden_size))\n" + inside,
            target=tensorflow_target(),
        )
        np.testing.assert_allclose(names["loss"], names["short_loss"], rtol=1e-4)

        def flat(gradients):
            return np.concatenate([np.ravel(tf.convert_to_tensor(one)) for one in gradients])

        short, full = flat(names["short"]), flat(names["gradients"])
        assert np.linalg.norm(short - full) > 0.8 * np.linalg.norm(full)


@needs_tensorflow
def test_c099_with_weights_of_size_one_the_state_runs_away():
    largest = []
    for seed in range(6):
        seeded(seed)
        long = repaired(article.TENSORFLOW_LOOP, ("range(10)", "range(400)"))
        names, _ = run(tensorflow_step(), long)
        largest.append(float(np.abs(names["h"]).max()))
    assert np.median(largest) > 100  # a GRU's state never leaves -1 to 1


@needs_tensorflow
def test_c087_c089_tensorflow_asks_for_a_python_of_its_own():
    name = next(n for n in ("tensorflow", "tensorflow-cpu") if _is_distributed(n))
    needed = SpecifierSet(metadata(name)["Requires-Python"])
    assert not needed.contains("3.6") and needed.contains("3.11")


def _is_distributed(name):
    try:
        return bool(version(name))
    except ModuleNotFoundError:
        return False


# --- tools ------------------------------------------------------------------------------------


def test_c088_numpy_is_installed_by_its_name():
    assert version("numpy") == np.__version__


def test_c116_padding_changes_the_state_and_packing_does_not():
    torch.manual_seed(0)
    gru = nn.GRU(3, 8, batch_first=True)
    long, short = torch.randn(1, 9, 3), torch.randn(1, 4, 3)
    padded = torch.cat([long, nn.functional.pad(short, (0, 0, 0, 5))])
    alone = gru(short)[1][0, 0]
    as_padded = gru(padded)[1][0, 1]
    packed = gru(pack_padded_sequence(padded, [9, 4], batch_first=True))[1][0, 1]
    assert (as_padded - alone).abs().max() > 0.05
    assert (packed - alone).abs().max() < 1e-6


@pytest.fixture(scope="module")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras")


def test_c131_c133_keras_has_a_gru_and_runs_on_pytorch(keras):
    layer = keras.layers.GRU(4)
    assert layer(np.zeros((2, 3, 5), np.float32)).shape == (2, 4)
    assert keras.config.backend() in ("torch", "tensorflow")


def test_c134_none_of_the_pretrained_models_is_recurrent(keras):
    models = [name.lower() for name in dir(keras.applications) if not name.startswith("_")]
    assert "resnet50" in models
    assert not [name for name in models if re.search("gru|lstm|rnn", name)]


def test_c132_pytorch_has_a_gru_and_builds_its_graph_as_it_runs():
    cell = nn.GRUCell(5, 10)
    state = torch.zeros(1, 10)
    for _ in range(int(torch.randint(1, 9, ()))):  # a loop whose length nobody declared
        state = cell(torch.ones(1, 5), state)
    state.sum().backward()
    assert cell.weight_hh.grad.shape == (30, 10)
