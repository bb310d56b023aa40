"""Models of frames: causal, right in number, and able to learn."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gru_lib.models import (
    CountingPredictor,
    FramePredictor,
    WindowPredictor,
    continue_frames,
    count_parameters,
    frame_batches,
    frame_nll,
    mean_nll,
    train_frames,
)

CELLS = ("tanh", "GRU", "LSTM")
RNG = np.random.default_rng(0)
SOME = [(RNG.random((steps, 5)) < 0.3).astype(np.float32) for steps in (3, 7, 4, 1)]
MAKES = {
    **{cell: lambda cell=cell: FramePredictor(cell, 6, features=5) for cell in CELLS},
    "window": lambda: WindowPredictor(3, 6, features=5),
    "counts": lambda: CountingPredictor(SOME, given_last=False),
    "last frame": lambda: CountingPredictor(SOME, given_last=True),
}


@pytest.mark.parametrize("name", MAKES)
def test_a_step_is_predicted_from_the_steps_before_it_alone(name):
    torch.manual_seed(0)
    model = MAKES[name]().eval()
    frames = (torch.rand(9, 2, 5) < 0.4).float()
    logits = model(frames)
    assert logits.shape == frames.shape
    for step in range(9):
        other = frames.clone()
        other[step:] = 1 - other[step:]  # all that is to come is different
        assert torch.equal(model(other)[: step + 1], logits[: step + 1])
    assert torch.equal(logits[0, 0], logits[0, 1])  # nothing is before the first step


@pytest.mark.parametrize("cell", CELLS)
def test_a_recurrent_model_remembers_the_first_frame(cell):
    torch.manual_seed(0)
    model = FramePredictor(cell, 6, features=5).double().eval()
    frames = torch.zeros(9, 1, 5, dtype=torch.float64)
    other = frames.clone()
    other[0] = 1
    assert not torch.allclose(model(frames)[-1], model(other)[-1], rtol=0, atol=1e-9)


def test_a_window_forgets_what_has_left_it():
    model = WindowPredictor(3, 6, features=5).eval()
    frames = torch.zeros(9, 1, 5)
    frames[0] = 1
    assert torch.equal(model(frames)[4:], model(torch.zeros(9, 1, 5))[4:])
    assert not torch.equal(model(frames)[3], model(torch.zeros(9, 1, 5))[3])


@pytest.mark.parametrize("cell", CELLS)
def test_as_pytorchs_own_layers(cell):
    torch.manual_seed(0)
    model = FramePredictor(cell, 6, features=5, dropout=0.5).eval()
    own = {"tanh": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}[cell](5, 6)
    own.load_state_dict(model.recurrent.state_dict())
    frames = torch.rand(4, 2, 5)
    before = torch.cat([torch.zeros(1, 2, 5), frames[:-1]])
    assert torch.allclose(model(frames), model.output(own(before)[0]), atol=1e-6)


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        (FramePredictor("GRU", 46), 3 * 46 * (88 + 46 + 2) + 46 * 88 + 88),
        (FramePredictor("LSTM", 38), 4 * 38 * (88 + 38 + 2) + 38 * 88 + 88),
        (FramePredictor("tanh", 86), 86 * (88 + 86 + 2) + 86 * 88 + 88),
        (WindowPredictor(4, 51), 4 * 88 * 51 + 51 + 51 * 88 + 88),
        (MAKES["counts"](), 0),
    ],
)
def test_parameters(model, parameters):
    assert count_parameters(model) == parameters


def test_counting():
    rolls = [np.array([[1, 0], [1, 0], [0, 1]], np.float32), np.array([[0, 1]], np.float32)]
    often = CountingPredictor(rolls, given_last=False)(torch.zeros(1, 1, 2)).sigmoid()
    assert torch.allclose(often, torch.tensor([(2 + 1) / (4 + 2), (2 + 1) / (4 + 2)]))
    frames = torch.tensor([[[1.0, 0.0]], [[0.0, 0.0]]])
    after = CountingPredictor(rolls, given_last=True)(frames).sigmoid()
    # feature 0 after silence: 1 of 2 (both beginnings); feature 1: 2 of 4
    assert torch.allclose(after[0, 0], torch.tensor([(1 + 1) / (2 + 2), (2 + 1) / (4 + 2)]))
    # after itself: 1 of 2; feature 1 never
    assert torch.allclose(after[1, 0], torch.tensor([(1 + 1) / (2 + 2), (2 + 1) / (4 + 2)]))


def test_the_likelihoods_of_all_sequences_add_up_to_one():
    torch.manual_seed(0)
    model = FramePredictor("GRU", 4, features=2).double().eval()
    all_sequences = [
        torch.tensor(bits, dtype=torch.float64).reshape(3, 2)
        for bits in itertools.product([0, 1], repeat=6)
    ]
    total = 0.0
    for sequence in all_sequences:
        mean, steps = frame_nll(model, (sequence[:, None], torch.ones(3, 1)))
        total += np.exp(-mean.item() * steps)
    assert total == pytest.approx(1, abs=1e-6)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=7), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_batches_hold_every_step_once(lengths, batch_size):
    rolls = [np.full((n, 2), i + 1.0) for i, n in enumerate(lengths)]
    batches = frame_batches(rolls, batch_size)
    assert all(frames.shape[:2] == real.shape for frames, real in batches)
    assert all(frames.shape[1] <= batch_size for frames, _ in batches)
    kept = torch.cat([frames[real > 0][:, 0] for frames, real in batches])
    assert sorted(kept.tolist()) == sorted(i + 1.0 for i, n in enumerate(lengths) for _ in range(n))
    assert all((frames[real == 0] == 0).all() for frames, real in batches)


@pytest.mark.parametrize("name", MAKES)
def test_padding_does_not_count(name):
    torch.manual_seed(0)
    model = MAKES[name]()
    one_by_one = [frame_nll(model.eval(), frame_batches([roll], batch_size=1)[0]) for roll in SOME]
    total = sum(mean.item() * steps for mean, steps in one_by_one)
    assert mean_nll(model, SOME) == pytest.approx(total / sum(map(len, SOME)), rel=1e-5)


def test_training_starts_at_the_frequencies_and_keeps_the_best_epoch():
    torch.manual_seed(0)
    rolls = [np.tile(np.eye(4, dtype=np.float32), (3, 1)) for _ in range(8)]
    ends = {}
    for start in (True, False):
        model = FramePredictor("GRU", 6, features=4)
        history = train_frames(
            model, rolls, rolls, seed=0, epochs=3, start_at_frequencies=start, progress=False
        )
        assert mean_nll(model, rolls) == pytest.approx(min(history.valid_loss), rel=1e-5)
        ends[start] = history.train_loss[0]
    assert ends[True] < ends[False]


def test_training_comes_again():
    results = []
    for _ in range(2):
        torch.manual_seed(3)
        model = FramePredictor("LSTM", 4, features=5, dropout=0.3)
        results.append(train_frames(model, SOME, SOME, seed=1, epochs=2, progress=False))
    assert results[0] == results[1]


def test_a_continuation():
    torch.manual_seed(0)
    model = MAKES["GRU"]()
    first, again, other = (continue_frames(model, SOME[0], 6, rng=seed) for seed in (0, 0, 1))
    assert np.array_equal(first[:3], SOME[0])
    assert first.shape == (9, 5) and set(np.unique(first)) <= {0, 1}
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_a_continuation_has_the_models_frequencies():
    loud = CountingPredictor([np.tile([[1.0, 0.0]], (50, 1))], given_last=False)
    drawn = continue_frames(loud, np.zeros((1, 2)), steps=400, rng=0)[1:].mean(axis=0)
    assert drawn[0] > 0.93 and drawn[1] < 0.07  # 51 / 52 and 1 / 52


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FramePredictor("gru", 4), "cell is 'gru'; expected one of tanh, GRU, LSTM"),
        (lambda: FramePredictor("GRU", 0), "hidden_size is 0"),
        (lambda: FramePredictor("GRU", 4, dropout=1.0), "dropout is 1.0"),
        (lambda: WindowPredictor(0, 4), "window is 0"),
        (lambda: frame_batches([], 2), "rolls is empty"),
        (lambda: frame_batches(SOME, 0), "batch_size is 0"),
    ],
)
def test_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
