"""The language model and the classifier on its body, against their parts and exact enumeration."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy

from gru_lib.data.characters import Vocabulary
from gru_lib.models import (
    LanguageClassifier,
    LanguageModel,
    TextWindows,
    bits_per_character,
    generate_text,
    label_sequences,
    load_language_model,
    next_code_loss,
    predict_classes,
    save_language_model,
    train_classifier,
    train_language_model,
)
from gru_lib.training import CheckpointError, save_weights


def small(seed=0, **options):
    torch.manual_seed(seed)
    return LanguageModel(7, 4, 5, **options)


# --- the model ------------------------------------------------------------------------------


@pytest.mark.parametrize(("cell", "layer"), [("GRU", nn.GRU), ("LSTM", nn.LSTM), ("tanh", nn.RNN)])
def test_it_is_an_embedding_pytorchs_layer_and_a_linear_layer(cell, layer):
    model = small(cell=cell, num_layers=2).double()
    oracle = layer(4, 5, num_layers=2, batch_first=True).double()
    oracle.load_state_dict(model.recurrent.state_dict())
    codes = torch.randint(7, (3, 9))
    states, _ = oracle(model.embedding(codes))
    assert torch.allclose(model(codes)[0], model.output(states), atol=1e-12)
    assert torch.allclose(model.states(codes)[0], states, atol=1e-12)


@settings(deadline=None, max_examples=20)
@given(batch=st.integers(1, 4), length=st.integers(2, 12), data=st.data())
def test_text_can_be_read_in_pieces(batch, length, data):
    model = small().double()
    cut = data.draw(st.integers(1, length - 1))
    codes = torch.randint(7, (batch, length))
    whole, last = model(codes)
    first, state = model(codes[:, :cut])
    second, state = model(codes[:, cut:], state)
    assert whole.shape == (batch, length, 7)
    assert torch.allclose(whole, torch.cat([first, second], dim=1), atol=1e-12)
    assert torch.allclose(last, state, atol=1e-12)


def test_dropout_is_for_training():
    model = small(dropout=0.5, num_layers=2)
    codes = torch.randint(7, (2, 8))
    assert not torch.equal(model(codes)[0], model(codes)[0])
    model.eval()
    assert torch.equal(model(codes)[0], model(codes)[0])


def test_the_adapter_stands_before_the_output():
    model = small()
    codes = torch.randint(7, (2, 8))
    states, _ = model.states(codes)
    model.adapter = nn.Tanh()
    assert torch.allclose(model(codes)[0], model.output(torch.tanh(states)))


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (torch.zeros(3, dtype=torch.int64), r"codes has shape \(3,\).*\(batch, length\)"),
        (torch.zeros(3, 2), r"dtype torch.float32"),
        (torch.zeros(3, 0, dtype=torch.int64), "at least one of each"),
        (torch.tensor([[0, 7]]), "codes holds numbers from 0 to 7; expected 0 to 6"),
        (torch.tensor([[-1, 3]]), "from -1 to 3"),
    ],
)
def test_codes_that_do_not_fit_are_named(codes, message):
    with pytest.raises(ValueError, match=message):
        small()(codes)


# --- windows and loss -----------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(n=st.integers(2, 60), window=st.integers(1, 20), batch=st.integers(1, 5))
def test_windows_tile_the_text(n, window, batch):
    if n <= window:
        with pytest.raises(ValueError, match=f"needs at least {window + 1} codes"):
            TextWindows(range(n), window, batch)
        return
    windows = TextWindows(range(n), window, batch)
    batches = list(windows)
    assert len(batches) == len(windows)
    assert all(len(some) == batch for some in batches[:-1])
    rows = torch.cat(batches)
    assert rows.shape[1] == window + 1
    assert (rows.diff(dim=1) == 1).all()  # each is a piece of the text
    predicted = rows[:, 1:].flatten().tolist()
    assert len(set(predicted)) == len(predicted)  # nothing twice
    assert len(predicted) >= n - 1 - 2 * window  # and little is left out


def test_over_the_epochs_everything_is_predicted_after_every_context():
    torch.manual_seed(0)
    windows = TextWindows(range(50), 5, 4)
    seen = {(int(w[k]), k) for _ in range(300) for batch in windows for w in batch for k in (1, 5)}
    assert {place for place, k in seen if k == 1} >= set(range(6, 41))
    assert {place for place, k in seen if k == 5} >= set(range(10, 45))


def test_the_order_is_decided_by_the_seed():
    windows = TextWindows(range(100), 9, 3)
    torch.manual_seed(1)
    first = torch.cat(list(windows))
    assert not torch.equal(first, torch.cat(list(windows)))
    torch.manual_seed(1)
    assert torch.equal(first, torch.cat(list(windows)))


def test_the_loss_is_the_mean_cross_entropy_of_what_comes_next():
    model = small()
    windows = torch.randint(7, (3, 6))
    loss, count = next_code_loss(model, windows)
    logits, _ = model(windows[:, :-1])
    singly = [
        cross_entropy(logits[i, t], windows[i, t + 1]).item() for i in range(3) for t in range(5)
    ]
    assert count == 15
    assert loss.item() == pytest.approx(np.mean(singly), abs=1e-6)


# --- bits per character ---------------------------------------------------------------------


def bits_step_by_step(model, codes):
    """One character after another, from a new line on."""
    state, bits, before = None, 0.0, 0
    for code in codes:
        logits, state = model(torch.tensor([[before]]), state)
        bits -= torch.log_softmax(logits[0, 0].double(), dim=0)[code].item() / math.log(2)
        before = int(code)
    return bits / len(codes)


@pytest.mark.parametrize("cell", ["GRU", "LSTM"])
@pytest.mark.parametrize("n", [1, 2, 17, 701])
def test_in_one_stream_it_is_the_mean_over_the_characters(cell, n):
    model = small(cell=cell)
    codes = np.random.default_rng(0).integers(7, size=n)
    expected = bits_step_by_step(model, codes)
    assert bits_per_character(model, codes, streams=1) == pytest.approx(expected, abs=1e-5)


def test_many_streams_read_the_same_text_after_what_stands_before_each():
    model = small()
    codes = np.random.default_rng(0).integers(7, size=5003)
    one = bits_per_character(model, codes, streams=1)
    # a state of five units forgets within 200 characters
    assert bits_per_character(model, codes, streams=7) == pytest.approx(one, abs=1e-6)
    # all the text is counted, and nothing else
    assert bits_per_character(model, codes[:2501], streams=2) != pytest.approx(one, abs=1e-6)


def test_a_uniform_model_needs_the_logarithm_of_the_vocabulary():
    model = small()
    nn.init.zeros_(model.output.weight)
    nn.init.zeros_(model.output.bias)
    assert bits_per_character(model, [1, 2, 3, 6]) == pytest.approx(math.log2(7), abs=1e-6)


@pytest.mark.parametrize(
    ("codes", "error", "message"),
    [
        ([], ValueError, r"codes has shape \(0,\); expected \(n,\), at least one"),
        ([[1, 2]], ValueError, r"codes has shape \(1, 2\)"),
        ([0.5], TypeError, "codes has dtype float64"),
        ([9], ValueError, "expected 0 to 6"),
    ],
)
def test_text_that_cannot_be_measured_is_named(codes, error, message):
    with pytest.raises(error, match=message):
        bits_per_character(small(), codes)


# --- training and writing -------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained():
    """A model that has learned to count in a circle of seven."""
    text = list(range(7)) * 60
    model = small()
    history = train_language_model(
        model, text, text, seed=0, epochs=150, learning_rate=0.05, window=20, progress=False
    )
    return model, history, text


def test_it_learns_a_text(trained):
    model, history, text = trained
    assert history.valid_loss[0] > 1 > 0.1 > history.valid_loss[-1]
    assert bits_per_character(model, text) < 0.2


def test_a_frozen_parameter_stays():
    model = small()
    model.embedding.weight.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    train_language_model(model, [0, 1, 2] * 20, [0, 1, 2] * 20, seed=0, epochs=1, progress=False,
                         window=10)  # fmt: skip
    moved = {name for name, value in model.state_dict().items() if not value.equal(before[name])}
    assert moved == set(before) - {"embedding.weight"}


def test_the_coldest_text_is_the_likeliest(trained):
    model, _, _ = trained
    vocabulary = Vocabulary("\nabcdef")
    assert generate_text(model, vocabulary, "ab", 6, temperature=0) == "cdef\na"
    assert generate_text(model, vocabulary, "abc", 4, temperature=0.01, rng=3) == "def\n"


def test_what_is_drawn_has_the_models_probabilities():
    model = small()
    vocabulary = Vocabulary("\nabcdef")
    with torch.no_grad():
        logits = model(torch.tensor([[0]]))[0][0, -1].double()
    for temperature in (1.0, 0.5):
        rng = np.random.default_rng(0)
        drawn = [
            generate_text(model, vocabulary, "", 1, temperature=temperature, rng=rng)
            for _ in range(2000)
        ]
        shares = [drawn.count(character) / 2000 for character in vocabulary.characters]
        expected = torch.softmax(logits / temperature, dim=0).tolist()
        assert shares == pytest.approx(expected, abs=0.04)  # four standard deviations


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prompt": "ß"}, "text holds 'ß' at position 0"),
        ({"temperature": -1.0}, "temperature is -1.0; expected a finite number, at least 0"),
        ({"temperature": math.nan}, "temperature is nan"),
        ({"length": 0}, "length is 0"),
    ],
)
def test_what_cannot_be_written_is_named(arguments, message):
    given = {"prompt": "a", "length": 3} | arguments
    with pytest.raises(ValueError, match=message):
        generate_text(small(), Vocabulary("\nabcdef"), **given)


# --- files ----------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["GRU", "LSTM"])
def test_a_model_comes_back_as_it_was(tmp_path, cell):
    model = small(cell=cell, num_layers=2)
    path = tmp_path / "model.safetensors"
    save_language_model(model, Vocabulary("\nabcdef"), path, {"licence": "none"})
    saved = load_language_model(path, dropout=0.1)
    codes = torch.randint(7, (2, 9))
    assert torch.equal(saved.model(codes)[0], model.eval()(codes)[0])
    assert saved.vocabulary == Vocabulary("\nabcdef")
    assert saved.card == {"licence": "none"}
    assert saved.model.dropout.p == 0.1


def test_a_vocabulary_of_another_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match="vocabulary has 3 characters; the model has 7 codes"):
        save_language_model(small(), Vocabulary("abc"), tmp_path / "model.safetensors")


def test_weights_of_something_else_are_refused(tmp_path):
    save_weights(nn.Linear(2, 1), tmp_path / "line.safetensors")
    with pytest.raises(CheckpointError, match="of no language model: it does not say vocabulary"):
        load_language_model(tmp_path / "line.safetensors")


# --- the classifier -------------------------------------------------------------------------


def test_a_classifier_reads_with_the_parts_of_its_body():
    body = small(num_layers=2)
    model = LanguageClassifier(body, classes=3)
    shared = {id(p) for p in body.parameters()} & {id(p) for p in model.parameters()}
    assert len(shared) == len(list(body.parameters())) - 2  # all but the output's
    assert model.head.weight.shape == (3, 15)


@settings(deadline=None, max_examples=20)
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_padding_touches_nothing(lengths):
    model = LanguageClassifier(small(num_layers=2), classes=3).double().eval()
    rng = np.random.default_rng(len(lengths))
    texts = [rng.integers(7, size=length) for length in lengths]
    data = label_sequences(texts, [0] * len(texts))
    together = model.features(data.x, data.lengths)
    assert together.shape == (len(texts), 15)
    for text, features in zip(texts, together, strict=True):
        states, _ = model.recurrent(model.embedding(torch.tensor(text)[None]))
        alone = [states[0, -1], states[0].max(dim=0).values, states[0].mean(dim=0)]
        assert torch.allclose(features, torch.cat(alone), atol=1e-12)


def test_a_classifier_learns_like_the_others():
    texts = [[1, 2, 3], [1, 2], [3, 2, 1], [2, 1], [3, 1, 2, 3], [3, 3, 1]]
    data = label_sequences(texts, [0, 0, 1, 1, 0, 1])
    model = LanguageClassifier(small(), classes=2)
    train_classifier(model, data, data, seed=0, epochs=60, progress=False)
    assert (predict_classes(model, data) == data.y.numpy()).all()


@pytest.mark.parametrize(
    ("x", "lengths", "message"),
    [
        (torch.zeros(2, 3), None, r"x has shape \(2, 3\) and dtype torch.float32"),
        (torch.zeros(2, 0, dtype=torch.int64), None, "at least one of each"),
        (torch.full((2, 3), 7), None, "x holds codes from 7 to 7; expected 0 to 6"),
        (torch.ones(2, 3, dtype=torch.int64), torch.tensor([3, 4]), "expected 1 to 3"),
        (torch.ones(2, 3, dtype=torch.int64), torch.tensor([3]), r"lengths has shape \(1,\)"),
    ],
)
def test_input_of_a_classifier_that_does_not_fit_is_named(x, lengths, message):
    with pytest.raises(ValueError, match=message):
        LanguageClassifier(small(), classes=2)(x, lengths)


def test_a_body_must_be_a_language_model():
    with pytest.raises(TypeError, match="body is of type Linear; expected a LanguageModel"):
        LanguageClassifier(nn.Linear(2, 2), classes=2)
