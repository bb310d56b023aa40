"""Training: the loop, exact resume, files that prove themselves, seeds, devices, batches."""

import errno
import math
import os
import random
import stat
import subprocess
import sys
from collections import Counter, OrderedDict, namedtuple
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import dropout, mse_loss
from torch.optim import lr_scheduler
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from gru_lib.training import (
    Batches,
    CheckpointError,
    History,
    choose_device,
    fit,
    load_weights,
    save_weights,
    seed_everything,
    weights,
)
from gru_lib.training.batches import move_batch
from gru_lib.training.checkpoint import read_checkpoint, write_checkpoint
from gru_lib.training.weights import WEIGHTS, write_sealed
from tests.training_run import arguments as killed_run

ROOT = Path(__file__).resolve().parents[1]


class Noisy(torch.nn.Module):
    """A line with dropout: small, and unequal wherever the random numbers are."""

    def __init__(self):
        super().__init__()
        self.line = torch.nn.Linear(3, 2)

    def forward(self, x):
        return self.line(dropout(x, 0.5, self.training))


def squared_error(model, batch):
    inputs, targets = batch
    return mse_loss(model(inputs), targets)


def noisy(seed=0):
    torch.manual_seed(seed)
    return Noisy()


def data(examples=10, seed=0):
    """Inputs and targets; for batches of 4, the last one is smaller."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(examples, 3, generator=generator), torch.randn(
        examples, 2, generator=generator
    )


def shuffled(examples=10):
    return Batches(*data(examples), batch_size=4, shuffle=True)


def run(model=None, train_batches=None, loss=squared_error, **options):
    """Call fit on small things, with what a test wants to be different."""
    model = noisy() if model is None else model
    train_batches = shuffled() if train_batches is None else train_batches
    options = {"epochs": 2, "seed": 0, "progress": False} | options
    return model, fit(model, loss, train_batches, **options)


def bits(model):
    """All that a model holds, as bytes."""
    return {name: value.numpy().tobytes() for name, value in model.state_dict().items()}


class StoppedError(Exception):
    """What a test raises where it wants a run to stop."""


def stop_after(count, loss=squared_error):
    """A loss that ends the run at the step after so many."""
    steps = iter(range(count))

    def stopping(model, batch):
        if model.training and next(steps, None) is None:
            raise StoppedError
        return loss(model, batch)

    if hasattr(loss, "state_dict"):
        stopping.state_dict, stopping.load_state_dict = loss.state_dict, loss.load_state_dict
    return stopping


# --- the loop -------------------------------------------------------------------------------


def test_fit_is_the_loop_that_one_writes_by_hand():
    inputs, targets = data()
    by_hand = noisy()
    line = by_hand.line  # without dropout
    optimizer = torch.optim.Adam(line.parameters(), lr=1e-3)
    losses, norms = [], []
    for _ in range(3):
        sums, largest = 0.0, 0.0
        for rows in torch.arange(10).split(4):
            optimizer.zero_grad()
            loss = mse_loss(line(inputs[rows]), targets[rows])
            loss.backward()
            norm = math.sqrt(sum(float(p.grad.square().sum()) for p in line.parameters()))
            torch.nn.utils.clip_grad_norm_(line.parameters(), 0.5)
            optimizer.step()
            sums, largest = sums + loss.item(), max(largest, norm)
        losses.append(sums / 3)
        norms.append(largest)

    model = noisy().line
    batches = Batches(inputs, targets, batch_size=4)
    _, history = run(model, batches, epochs=3, max_grad_norm=0.5)

    assert bits(model) == bits(line)
    assert max(norms) > 0.5  # clipping had something to do
    np.testing.assert_allclose(history.train_loss, losses, rtol=1e-6)
    np.testing.assert_allclose(history.grad_norm, norms, rtol=1e-6)
    assert history.learning_rate == [1e-3] * 3
    assert len(history.seconds) == 3 and min(history.seconds) > 0
    assert (history.valid_loss, history.metrics, history.best_epoch) == ([], {}, None)
    assert history.losses() == {"train": history.train_loss}


def test_the_largest_norm_of_an_epoch_is_kept():
    model = noisy().line
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    inputs, targets = data()
    batches = [(inputs, factor * targets) for factor in (1, 100, 1)]
    _, history = run(model, batches, optimizer=optimizer, epochs=1)
    model.zero_grad()
    squared_error(model, batches[1]).backward()
    largest = torch.nn.utils.get_total_norm([p.grad for p in model.parameters()])
    assert history.grad_norm == pytest.approx([largest.item()])


def test_the_learning_rate_of_a_batch_is_written_down_before_the_scheduler_moves_it():
    model = noisy()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scheduler = lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    _, history = run(
        model, optimizer=optimizer, scheduler=scheduler, scheduler_every="batch", epochs=2
    )
    assert history.learning_rate == [0.5**2, 0.5**5]  # the third and sixth batch's


def test_a_scheduler_steps_once_an_epoch():
    model = noisy()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    _, history = run(
        model, optimizer=optimizer, scheduler=lr_scheduler.ExponentialLR(optimizer, 0.5), epochs=3
    )
    np.testing.assert_allclose(history.learning_rate, [0.1, 0.05, 0.025])


@pytest.mark.parametrize("validated", [True, False])
def test_reduce_on_plateau_looks_at_validation_or_else_at_training(validated):
    model = noisy()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-9)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer)
    inputs, targets = data()
    valid = [(inputs, targets + 5)] if validated else None
    _, history = run(model, optimizer=optimizer, scheduler=scheduler, valid_batches=valid, epochs=2)
    assert scheduler.best == min(history.valid_loss if validated else history.train_loss)


def test_weights_of_batches_make_the_mean_one_over_examples():
    inputs, targets = data()
    frozen = noisy().line
    optimizer = torch.optim.SGD(frozen.parameters(), lr=0.0)

    def loss(model, batch):
        return squared_error(model, batch), len(batch[0])

    batches = Batches(inputs, targets, batch_size=4)
    _, history = run(frozen, batches, loss, optimizer=optimizer, valid_batches=batches, epochs=1)
    whole = squared_error(frozen, (inputs, targets)).item()
    assert history.train_loss == pytest.approx([whole], rel=1e-6)
    assert history.valid_loss == pytest.approx([whole], rel=1e-6)


def test_validation_is_in_evaluation_mode_without_gradients_and_training_is_not():
    seen = set()

    def loss(model, batch):
        seen.add((model.training, torch.is_grad_enabled()))
        return squared_error(model, batch)

    def metrics(model):
        seen.add((model.training, torch.is_grad_enabled(), "metrics"))
        return {}

    model = noisy().eval()
    run(model, loss=loss, valid_batches=shuffled(), metrics=metrics)
    assert seen == {(True, True), (False, False), (False, False, "metrics")}
    assert not model.training


def test_a_model_is_left_in_evaluation_mode_by_an_error_too():
    model = noisy()
    with pytest.raises(StoppedError):
        run(model, loss=stop_after(1))
    assert not model.training


def test_validation_and_metrics_do_not_disturb_training():
    def metrics(model):
        return {"drawn": torch.rand(()), "norm": model.line.weight.detach().norm().numpy()}

    alone, _ = run()
    watched, history = run(valid_batches=shuffled(), metrics=metrics, epochs=2)
    assert bits(watched) == bits(alone)
    assert history.metrics["drawn"][0] == history.metrics["drawn"][1]
    assert history.metrics["norm"][0] != history.metrics["norm"][1]


def test_frozen_parameters_stay():
    model = noisy()
    model.line.weight.requires_grad_(False)
    before = bits(model)
    run(model)
    after = bits(model)
    assert after["line.weight"] == before["line.weight"]
    assert after["line.bias"] != before["line.bias"]


def test_gradients_of_parameters_that_are_not_trained_do_not_add_up_nor_count():
    model = noisy().line
    optimizer = torch.optim.SGD([model.bias], lr=0.0)
    _, history = run(model, [data()], optimizer=optimizer, epochs=3)
    weight, bias = torch.autograd.grad(squared_error(model, data()), [model.weight, model.bias])
    assert torch.equal(model.weight.grad, weight)
    assert history.grad_norm == pytest.approx([bias.norm().item()] * 3)


def test_early_stopping_returns_to_the_best_weights():
    inputs, targets = data()
    rates = iter([0.1, -0.3, -0.3, -0.3, -0.3])  # one step down, then up
    model = noisy().line
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scheduler = lr_scheduler.LambdaLR(optimizer, lambda step: next(rates))
    kept = []
    _, history = run(
        model,
        [(inputs, targets)],
        optimizer=optimizer,
        scheduler=scheduler,
        valid_batches=[(inputs, targets)],
        metrics=lambda model: kept.append(bits(model)) or {},
        patience=2,
        epochs=10,
    )
    assert history.best_epoch == 1
    assert len(history) == 3 and history.stopped_early
    assert bits(model) == kept[0] != kept[-1]


def test_without_patience_the_last_weights_stay_and_the_best_epoch_is_known():
    model = noisy().line
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, maximize=True)
    kept = []
    _, history = run(
        model,
        optimizer=optimizer,
        valid_batches=[data()],
        metrics=lambda model: kept.append(bits(model)) or {},
        epochs=3,
    )
    assert history.best_epoch == 1 and len(history) == 3 and not history.stopped_early
    assert bits(model) == kept[-1]


def test_patience_that_ends_with_the_last_epoch_stopped_nothing():
    model = noisy().line
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, maximize=True)
    _, history = run(model, optimizer=optimizer, valid_batches=[data()], patience=2, epochs=3)
    assert len(history) == 3 and history.best_epoch == 1 and not history.stopped_early


def test_the_first_of_equally_good_epochs_is_the_best():
    assert History(valid_loss=[3.0, 1.0, 2.0, 1.0]).best_epoch == 2


def test_a_history_says_in_a_line_what_happened():
    assert repr(History()) == "no epochs"
    assert repr(History(train_loss=[0.12345])) == "1 epochs, train loss 0.1235"
    history = History(train_loss=[2.0, 1.0], valid_loss=[1.0, 2.0], stopped_early=True)
    assert repr(history).endswith("valid loss 2 (best 1 in epoch 1), stopped early")


def test_histories_are_equal_if_all_but_the_seconds_are():
    assert History(train_loss=[1.0], seconds=[1.0]) == History(train_loss=[1.0], seconds=[2.0])
    assert History(train_loss=[1.0]) != History(train_loss=[2.0])


class Terminal:
    """Standard output that says it is a terminal, or not."""

    def __init__(self, is_terminal):
        self.is_terminal, self.text = is_terminal, ""

    def isatty(self):
        return self.is_terminal

    def write(self, text):
        self.text += text

    def flush(self):
        pass


class NotebookOutput(Terminal):
    """Standard output as a notebook's kernel has it."""

    __module__ = "ipykernel.iostream"


@pytest.mark.parametrize(
    ("output", "progress", "shown"),
    [
        (Terminal(True), True, True),
        (Terminal(True), False, False),
        (Terminal(False), True, False),
        (NotebookOutput(False), True, True),
        (NotebookOutput(False), False, False),
    ],
)
def test_a_bar_is_shown_where_somebody_looks(monkeypatch, output, progress, shown):
    output.text = ""
    monkeypatch.setattr(sys, "stdout", output)
    run(progress=progress, valid_batches=[data()])
    assert ("train=" in output.text and "valid=" in output.text) is shown
    assert ("0/6" in output.text) is shown
    assert output.text.endswith("\r") or not shown  # it wipes itself out


def test_a_bar_needs_no_number_of_batches(monkeypatch):
    output = Terminal(True)
    monkeypatch.setattr(sys, "stdout", output)
    run(train_batches=lambda epoch: [data()], progress=True)
    assert "2 batches" in output.text or "0 batches" in output.text


# --- random numbers -------------------------------------------------------------------------


def test_a_seed_decides_all():
    first, second, other = run()[0], run()[0], run(seed=1)[0]
    assert bits(first) == bits(second) != bits(other)


def test_the_seed_outside_does_not_matter_if_one_is_given():
    torch.manual_seed(5)
    first, _ = run(model=noisy(), seed=3)
    model = noisy()
    torch.manual_seed(6)
    second, _ = run(model=model, seed=3)
    assert bits(first) == bits(second)


def test_without_a_seed_one_is_drawn_from_outside():
    def trained(seed):
        model = noisy()
        torch.manual_seed(seed)
        return bits(run(model, seed=None)[0])

    assert trained(1) == trained(1) != trained(2)


def test_random_numbers_outside_go_on_as_if_nothing_had_been():
    def draw():
        return torch.rand(3).tolist(), np.random.random(3).tolist(), random.random()

    model, batches = noisy(), shuffled()
    seed_everything(1)
    undisturbed = draw()
    seed_everything(1)
    run(model, batches, valid_batches=batches)
    assert draw() == undisturbed

    seed_everything(1)
    with pytest.raises(StoppedError):
        run(model, batches, stop_after(2))
    assert draw() == undisturbed


def test_the_order_of_batches_is_new_each_epoch_and_the_same_for_every_model():
    def order(model):
        seen = []

        def loss(model, batch):
            seen.append(batch[0][:, 0].tolist())
            return squared_error(model, batch)

        run(model, loss=loss, epochs=2)
        return seen

    noisy_order, plain_order = order(noisy()), order(noisy().line)
    assert noisy_order == plain_order
    assert noisy_order[:3] != noisy_order[3:]
    first_epoch, second_epoch = (
        sorted(value for batch in batches for value in batch)
        for batches in (noisy_order[:3], noisy_order[3:])
    )
    assert first_epoch == second_epoch


def test_batches_that_draw_as_they_go_do_not_depend_on_dropout():
    def walk(epoch):
        inputs, targets = data(4)
        for _ in range(3):
            inputs = inputs + torch.randn(4, 3)
            yield inputs, targets

    def drawn(model):
        seen = []

        def loss(model, batch):
            seen.append(batch[0].tolist())
            return squared_error(model, batch)

        run(model, walk, loss)
        return seen

    seen = drawn(noisy())
    assert seen == drawn(noisy().line)
    first, second, third = map(torch.tensor, seen[:3])
    assert (second - first - third + second).abs().max() > 0.1  # new numbers for each batch


def test_a_function_gives_the_batches_of_each_epoch_counted_from_1():
    asked = []
    run(train_batches=lambda epoch: asked.append(epoch) or [data()], epochs=3)
    assert asked == [1, 2, 3]


def test_a_loader_of_pytorch_is_shuffled_by_the_seed():
    def trained(seed):
        loader = DataLoader(TensorDataset(*data()), batch_size=4, shuffle=True)
        return bits(run(train_batches=loader, seed=seed)[0])

    assert trained(1) == trained(1) != trained(2)


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=10)
def test_seed_everything_seeds_everything(seed):
    def draw():
        rng = seed_everything(seed)
        return rng.random(), torch.rand(1).item(), np.random.random(), random.random()

    assert draw() == draw()


@pytest.mark.parametrize("seed", [True, 1.0, "1", None])
def test_a_seed_of_another_type_is_refused(seed):
    with pytest.raises(TypeError, match=r"seed is .*; expected a whole number from 0 to"):
        seed_everything(seed)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(ValueError, match=f"seed is {seed}; expected a whole number from 0 to"):
        seed_everything(seed)


# --- devices --------------------------------------------------------------------------------


def pretend(monkeypatch, cuda=0, mps=False):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "best"), [(0, False, "cpu"), (0, True, "mps"), (2, True, "cuda:0")]
)
def test_auto_takes_the_best_device_there_is(monkeypatch, cuda, mps, best):
    pretend(monkeypatch, cuda, mps)
    assert choose_device() == torch.device(best)


@pytest.mark.parametrize("name", ["cuda", "cuda:1", "cpu", torch.device("cuda", 0)])
def test_a_device_that_is_there_is_taken(monkeypatch, name):
    pretend(monkeypatch, cuda=2)
    assert choose_device(name) == torch.device(name)


@pytest.mark.parametrize("name", ["cuda:2", "mps", "meta", "gpu", "cuda:x", ""])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(monkeypatch, name):
    pretend(monkeypatch, cuda=2)
    message = rf"device is '{name}'; there is: cuda:0, cuda:1, cpu \(or 'auto'\)"
    with pytest.raises(ValueError, match=message):
        choose_device(name)


def test_a_device_of_another_type_is_refused():
    with pytest.raises(TypeError, match="device is 0; expected 'auto', a device's name"):
        choose_device(0)


Pair = namedtuple("Pair", ["first", "second"])


def test_all_tensors_of_a_batch_move():
    packed = torch.nn.utils.rnn.pack_sequence([torch.zeros(3, 2), torch.zeros(1, 2)])
    batch = {
        "pair": Pair(torch.zeros(1), "text"),
        "list": [torch.zeros(1), (torch.zeros(1), None)],
        "packed": packed,
    }
    moved = move_batch(batch, torch.device("meta"))
    assert moved["pair"].first.is_meta and moved["pair"].second == "text"
    assert moved["list"][0].is_meta and moved["list"][1][0].is_meta
    assert moved["list"][1][1] is None
    assert moved["packed"].data.is_meta
    assert isinstance(moved["pair"], Pair) and isinstance(moved["list"][1], tuple)
    assert not batch["list"][0].is_meta


# --- batches --------------------------------------------------------------------------------


@given(
    st.integers(1, 20),
    st.integers(1, 25),
    st.booleans(),
    st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_batches_are_those_of_a_loader(examples, batch_size, shuffle, drop_last):
    inputs, labels = torch.arange(examples * 2.0).reshape(examples, 2), np.arange(examples)
    if drop_last and batch_size > examples:
        with pytest.raises(ValueError, match=f"there is no batch: {examples} examples"):
            Batches(inputs, labels, batch_size=batch_size, drop_last=True)
        return
    batches = Batches(inputs, labels, batch_size=batch_size, shuffle=shuffle, drop_last=drop_last)
    dataset = TensorDataset(inputs, torch.from_numpy(labels))
    loader = DataLoader(dataset, batch_size=batch_size, drop_last=drop_last)

    assert len(batches) == len(loader)
    given_batches = list(batches)
    assert [len(x) for x, _ in given_batches] == [len(x) for x, _ in loader]
    assert all(torch.equal(x, inputs[y]) for x, y in given_batches)
    seen = torch.cat([y for _, y in given_batches]).tolist()
    assert len(set(seen)) == len(seen)
    if not shuffle:
        assert seen == list(range(len(seen)))


def test_shuffled_batches_follow_pytorchs_random_numbers():
    batches = Batches(torch.arange(100), batch_size=10, shuffle=True)

    def order():
        return torch.cat([rows for (rows,) in batches]).tolist()

    torch.manual_seed(0)
    first, second = order(), order()
    torch.manual_seed(0)
    assert order() == first != second


@pytest.mark.parametrize(
    ("tensors", "options", "error", "message"),
    [
        ([], {}, ValueError, "Batches got no tensor"),
        ([[1, 2]], {}, TypeError, "argument 0 of Batches is a list; expected a tensor or array"),
        ([torch.tensor(1)], {}, ValueError, r"argument 0 of Batches has shape \(\)"),
        ([torch.zeros(2), torch.zeros(3)], {}, ValueError, r"the tensors hold \[2, 3\] examples"),
        ([torch.zeros(0)], {}, ValueError, "there is no batch: 0 examples, batch_size=2"),
        ([torch.zeros(2)], {"batch_size": 0}, ValueError, "batch_size is 0; expected at least 1"),
        ([torch.zeros(2)], {"batch_size": 1.5}, TypeError, "batch_size is 1.5"),
    ],
)
def test_batches_that_cannot_be_are_refused(tensors, options, error, message):
    with pytest.raises(error, match=message):
        Batches(*tensors, **{"batch_size": 2, **options})


# --- what fit refuses -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"model": "gru"}, TypeError, "model is a str; expected a torch.nn.Module"),
        ({"loss": 1}, TypeError, "loss is 1; expected a function"),
        ({"metrics": "accuracy"}, TypeError, "metrics is 'accuracy'; expected a function"),
        ({"train_batches": 3}, TypeError, "train_batches is 3; expected Batches"),
        ({"train_batches": iter([])}, TypeError, "train_batches is a list_iterator; expected what"),
        ({"train_batches": torch.zeros(3)}, TypeError, "train_batches is a Tensor; expected what"),
        ({"valid_batches": torch.zeros(3)}, TypeError, "valid_batches is a Tensor; expected what"),
        ({"train_batches": []}, ValueError, "train_batches gave no batch in epoch 1"),
        ({"train_batches": lambda epoch: None}, TypeError, "returned None for epoch 1; expected"),
        ({"valid_batches": []}, ValueError, "valid_batches gave no batch in epoch 1"),
        ({"epochs": 0}, ValueError, "epochs is 0; expected at least 1"),
        ({"epochs": 1.5}, TypeError, "epochs is 1.5; expected a whole number"),
        ({"seed": -1}, ValueError, "seed is -1"),
        ({"device": "gpu"}, ValueError, "device is 'gpu'; there is"),
        ({"patience": 1}, ValueError, "patience needs valid_batches"),
        ({"patience": 0, "valid_batches": [1]}, ValueError, "patience is 0"),
        ({"max_grad_norm": 0}, ValueError, "max_grad_norm is 0; expected a number above 0"),
        ({"max_grad_norm": math.nan}, ValueError, "max_grad_norm is nan"),
        ({"max_grad_norm": math.inf}, ValueError, "max_grad_norm is inf"),
        ({"max_grad_norm": "1"}, TypeError, "max_grad_norm is '1'"),
        ({"max_grad_norm": True}, TypeError, "max_grad_norm is True"),
        ({"scheduler_every": "step"}, ValueError, "scheduler_every is 'step'; expected 'epoch'"),
        ({"scheduler": "cosine"}, TypeError, "scheduler is a str; expected one of torch.optim"),
        ({"optimizer": "adam"}, TypeError, "optimizer is 'adam'; expected a torch.optim.Optimizer"),
        ({"checkpoint": 3}, TypeError, "checkpoint is 3; expected a path"),
        ({"checkpoint_every": 3}, ValueError, "checkpoint_every needs checkpoint"),
        ({"checkpoint": "x", "checkpoint_every": 0}, ValueError, "checkpoint_every is 0"),
        ({"model": torch.nn.Tanh()}, ValueError, "the model has no trainable parameter"),
    ],
)
def test_arguments_that_cannot_be_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        run(**options)


def test_an_optimizer_of_another_model_is_refused():
    optimizer = torch.optim.SGD(noisy().parameters())
    with pytest.raises(ValueError, match="optimizer holds 2 of 2 parameters that are not the"):
        run(noisy(), optimizer=optimizer)


def test_a_scheduler_of_another_optimizer_is_refused():
    model = noisy()
    scheduler = lr_scheduler.ExponentialLR(torch.optim.SGD(model.parameters()), 0.5)
    with pytest.raises(ValueError, match="scheduler was built for another optimizer"):
        run(model, scheduler=scheduler)


def test_reduce_on_plateau_after_each_batch_is_refused():
    model = noisy()
    optimizer = torch.optim.SGD(model.parameters())
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer)
    with pytest.raises(ValueError, match="ReduceLROnPlateau looks at an epoch's loss"):
        run(model, optimizer=optimizer, scheduler=scheduler, scheduler_every="batch")


@pytest.mark.parametrize("place", ["loader", "sampler", "batch sampler"])
def test_a_loader_with_a_generator_of_its_own_is_refused(place):
    dataset, generator = TensorDataset(*data()), torch.Generator()
    sampler = RandomSampler(dataset, generator=generator)
    options = {
        "loader": {"shuffle": True, "generator": generator},
        "sampler": {"sampler": sampler},
        "batch sampler": {"batch_sampler": BatchSampler(sampler, 4, drop_last=False)},
    }
    with pytest.raises(ValueError, match="train_batches has a generator of its own"):
        run(train_batches=DataLoader(dataset, **options[place]))


@pytest.mark.parametrize(
    ("returned", "error", "message"),
    [
        (lambda loss: 1.0, TypeError, r"loss returned 1.0 in epoch 1, batch 1; expected a scalar"),
        (lambda loss: None, TypeError, "loss returned None in epoch 1, batch 1"),
        (lambda loss: (loss, "4"), TypeError, "in epoch 1, batch 1; expected a scalar tensor"),
        (lambda loss: (loss, 1, 2), TypeError, "in epoch 1, batch 1; expected a scalar tensor"),
        (lambda loss: loss.expand(3), ValueError, r"loss returned shape \(3,\) in epoch 1, batch"),
        (lambda loss: (loss, 0), ValueError, "loss returned the weight 0.0 in epoch 1, batch 1"),
        (lambda loss: (loss, math.nan), ValueError, "loss returned the weight nan in epoch 1"),
        (lambda loss: (loss, math.inf), ValueError, "loss returned the weight inf in epoch 1"),
        (lambda loss: loss.detach(), ValueError, "in epoch 1, batch 1 depends on no trainable"),
    ],
)
def test_a_loss_that_cannot_be_is_refused(returned, error, message):
    with pytest.raises(error, match=message):
        run(loss=lambda model, batch: returned(squared_error(model, batch)))


def test_a_loss_that_moves_nothing_is_refused():
    model = torch.nn.ModuleDict({"used": torch.nn.Linear(3, 2), "idle": torch.nn.Linear(3, 2)})
    optimizer = torch.optim.SGD(model["idle"].parameters())
    with pytest.raises(ValueError, match="batch 1 depends on no parameter of the optimizer"):
        run(
            model,
            loss=lambda model, batch: squared_error(model["used"], batch),
            optimizer=optimizer,
        )


def test_a_loss_that_is_not_finite_names_epoch_and_batch():
    steps = iter(range(100))

    def loss(model, batch):
        return squared_error(model, batch) * (math.nan if next(steps) == 4 else 1)

    with pytest.raises(FloatingPointError, match="the loss is nan in epoch 2, batch 2; a smaller"):
        run(loss=loss)


def test_a_validation_loss_that_is_not_finite_names_epoch_and_batch():
    inputs, targets = data()
    valid = [(inputs, targets), (inputs, targets * math.inf)]
    message = "the loss is inf in epoch 1, validation batch 2"
    with pytest.raises(FloatingPointError, match=message):
        run(valid_batches=valid)


def test_a_gradient_that_is_not_finite_names_the_parameter_and_moves_nothing():
    model = noisy()
    before = bits(model)

    def loss(model, batch):  # finite, but its slope at 0 is infinite
        return squared_error(model, batch) + torch.sqrt(0 * model.line.bias.sum())

    message = "the gradient in epoch 1, batch 1 holds NaN or infinity for line.bias"
    with pytest.raises(FloatingPointError, match=message):
        run(model, loss=loss)
    assert bits(model) == before


def test_a_gradient_whose_norm_overflows_is_named():
    def loss(model, batch):
        return 3e38 * model.line.weight.sum() * 0.1

    model = noisy()
    torch.nn.init.zeros_(model.line.weight)
    message = "the gradient in epoch 1, batch 1 has a norm that overflows its dtype"
    with pytest.raises(FloatingPointError, match=message):
        run(model, loss=loss)


def test_weights_that_overflow_are_named():
    model = noisy()
    optimizer = torch.optim.SGD(model.parameters(), lr=3e38)
    message = "after batch 1 of epoch 1 the model holds NaN or infinity in . of the 6 entries of "
    with pytest.raises(FloatingPointError, match=message + "line.weight"):
        inputs, targets = data()
        run(model, [(100 * inputs, targets)], optimizer=optimizer)


@pytest.mark.parametrize(
    ("metrics", "error", "message"),
    [
        (lambda model: 0.5, TypeError, "metrics returned a float; expected a mapping"),
        (lambda model: {"a": "b"}, TypeError, "metrics returned 'a': 'b'; expected a name"),
        (lambda model: {1: 0.5}, TypeError, "metrics returned 1: 0.5; expected a name"),
        (lambda model: {"a": torch.zeros(2)}, TypeError, "metrics returned 'a': tensor"),
    ],
)
def test_metrics_that_cannot_be_are_refused(metrics, error, message):
    with pytest.raises(error, match=message):
        run(metrics=metrics)


def test_metrics_with_other_names_than_before_are_refused():
    names = iter("ab")
    message = r"metrics returned the names \['b'\]; expected \['a'\]"
    with pytest.raises(ValueError, match=message):
        run(metrics=lambda model: {next(names): 1.0})


# --- exact resume ---------------------------------------------------------------------------


def stopped_and_resumed(build, path, steps, every=1, others=0):
    """Stop a run after so many steps, call it again; return what the second call ended with."""
    first = build()
    with pytest.raises(StoppedError):
        fit(
            **first | {"loss": stop_after(steps, first["loss"])},
            checkpoint=path,
            checkpoint_every=every,
        )
    torch.manual_seed(others)  # another process has other random numbers
    second = build()
    torch.manual_seed(others + 1)
    history = fit(**second, checkpoint=path, checkpoint_every=every)
    return second["model"], history


def uninterrupted(build):
    options = build()
    history = fit(**options)
    return options["model"], history


def assert_same(run, other):
    assert bits(run[0]) == bits(other[0])
    assert run[1] == other[1]


def small_run(optimizer, scheduler=None, **options):
    """A function that builds the arguments of a small run anew."""

    def build():
        model = noisy()
        options_now = {"seed": 0, "epochs": 3, "progress": False, **options}
        built = optimizer(model.parameters())
        return {
            "model": model,
            "loss": squared_error,
            "train_batches": shuffled(),
            "optimizer": built,
            "scheduler": scheduler(built) if scheduler else None,
            **options_now,
        }

    return build


@pytest.mark.parametrize("every", [1, 2])
def test_a_run_stopped_anywhere_ends_as_if_it_had_not_been(tmp_path, every):
    build = small_run(torch.optim.Adam, valid_batches=[data()])
    expected = uninterrupted(build)
    for steps in range(9):
        path = tmp_path / f"{steps}.safetensors"
        assert_same(stopped_and_resumed(build, path, steps, every), expected)


@pytest.mark.parametrize("name", ["one-cycle", "early-stopping"])
def test_a_run_with_all_that_could_be_forgotten_resumes(tmp_path, name):
    def build():
        return killed_run(name, seconds=0)

    expected = uninterrupted(build)
    for steps in (6, 23, 40):
        path = tmp_path / f"{steps}.safetensors"
        assert_same(stopped_and_resumed(build, path, steps, every=5), expected)


OPTIMIZERS = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "SGD without state": lambda p: torch.optim.SGD(p, lr=0.1),
    "Adam": lambda p: torch.optim.Adam(p, lr=np.float64(0.1), amsgrad=True),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=torch.tensor(0.1)),
    "fused Adam": lambda p: torch.optim.Adam(p, lr=0.1, fused=True),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.1, centered=True),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1),
    "Adadelta": lambda p: torch.optim.Adadelta(p, lr=0.1),
    "Adamax": lambda p: torch.optim.Adamax(p, lr=0.1),
    "NAdam": lambda p: torch.optim.NAdam(p, lr=0.1),
    "RAdam": lambda p: torch.optim.RAdam(p, lr=0.1),
    "ASGD": lambda p: torch.optim.ASGD(p, lr=0.1),
    "Rprop": lambda p: torch.optim.Rprop(p, lr=0.1),
    "two groups": lambda p: torch.optim.Adam([{"params": [q], "lr": 0.1 * q.ndim} for q in p]),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_every_optimizer_resumes(tmp_path, optimizer):
    build = small_run(optimizer)
    path = tmp_path / "run.safetensors"
    assert_same(stopped_and_resumed(build, path, steps=5), uninterrupted(build))


SCHEDULERS = {
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, 0.5, total_steps=9),
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda step: 0.9**step),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [2, 2, 5]),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 4),
    "CyclicLR": lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.1, step_size_up=2),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 4),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.ConstantLR(o, 0.1), lr_scheduler.ExponentialLR(o, 0.9)], [2]
    ),
    "ChainedScheduler": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.ConstantLR(o, 0.1), lr_scheduler.ExponentialLR(o, 0.9)]
    ),
}


@pytest.mark.parametrize("every", ["batch", "epoch"])
@pytest.mark.parametrize("scheduler", SCHEDULERS.values(), ids=SCHEDULERS)
@pytest.mark.filterwarnings("error:Detected call of:UserWarning")
def test_every_scheduler_resumes(tmp_path, scheduler, every):
    sgd = OPTIMIZERS["SGD"]
    build = small_run(sgd, scheduler, scheduler_every=every)
    path = tmp_path / "run.safetensors"
    expected = uninterrupted(build)
    assert_same(stopped_and_resumed(build, path, steps=5), expected)
    assert len(set(expected[1].learning_rate)) > 1


def test_reduce_on_plateau_resumes(tmp_path):
    sgd = OPTIMIZERS["SGD"]
    build = small_run(
        sgd,
        lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=0, threshold=0.5),
        valid_batches=[data()],
        epochs=5,
    )
    path = tmp_path / "run.safetensors"
    expected = uninterrupted(build)
    assert_same(stopped_and_resumed(build, path, steps=8), expected)
    assert len(set(expected[1].learning_rate)) > 1


def loader_run(**options):
    def build():
        torch.manual_seed(2)
        loader = DataLoader(TensorDataset(*data()), batch_size=4, shuffle=True, **options)
        return small_run(OPTIMIZERS["SGD"])() | {"train_batches": loader}

    return build


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_of_pytorch_resumes(tmp_path, workers):
    build = loader_run(num_workers=workers)
    path = tmp_path / "run.safetensors"
    assert_same(stopped_and_resumed(build, path, steps=5), uninterrupted(build))


def test_batches_drawn_from_all_random_numbers_resume(tmp_path):
    def wander(epoch):
        inputs, targets = data(4)
        for _ in range(4):
            inputs = 0.5 * inputs + torch.randn(4, 3)
            inputs = inputs + float(np.random.normal()) + random.gauss(0, 1)
            yield inputs, targets

    def build():
        return small_run(OPTIMIZERS["SGD"])() | {"train_batches": wander}

    path = tmp_path / "run.safetensors"
    assert_same(stopped_and_resumed(build, path, steps=6), uninterrupted(build))


def test_a_seed_that_was_drawn_is_kept(tmp_path):
    def build():
        torch.manual_seed(3)
        return small_run(OPTIMIZERS["SGD"])() | {"seed": None}

    def build_after_other_draws():
        options = build()
        torch.manual_seed(99)
        return options

    path = tmp_path / "run.safetensors"
    with pytest.raises(StoppedError):
        fit(
            **build() | {"loss": stop_after(5)},
            checkpoint=path,
            checkpoint_every=2,
        )
    options = build_after_other_draws()
    history = fit(**options, checkpoint=path, checkpoint_every=2)
    assert_same((options["model"], history), uninterrupted(build))


def test_checkpoints_change_nothing(tmp_path):
    build = small_run(OPTIMIZERS["Adam"])
    options = build()
    history = fit(**options, checkpoint=tmp_path / "x", checkpoint_every=1)
    assert_same((options["model"], history), uninterrupted(build))


def test_a_finished_run_is_not_run_again(tmp_path):
    build = small_run(OPTIMIZERS["SGD"], valid_batches=[data()], patience=1)
    path = str(tmp_path / "run.safetensors")
    first = build()
    history = fit(**first, checkpoint=path)
    again = build() | {"loss": stop_after(0)}
    assert_same((again["model"], fit(**again, checkpoint=path)), (first["model"], history))


def test_resume_false_begins_anew(tmp_path):
    build = small_run(OPTIMIZERS["SGD"])
    path = tmp_path / "run.safetensors"
    fit(**build() | {"seed": 9}, checkpoint=path)
    options = build()
    history = fit(**options, checkpoint=path, resume=False)
    assert_same((options["model"], history), uninterrupted(build))


def test_a_run_that_only_reads_its_checkpoint_leaves_it_as_it_is(tmp_path):
    build = small_run(OPTIMIZERS["SGD"])
    path = tmp_path / "run.safetensors"
    fit(**build(), checkpoint=path, writes_checkpoint=False)
    assert not path.exists()
    with pytest.raises(StoppedError):
        fit(**build() | {"loss": stop_after(2)}, checkpoint=path, checkpoint_every=1)
    content = path.read_bytes()
    options = build()
    history = fit(**options, checkpoint=path, checkpoint_every=1, writes_checkpoint=False)
    assert path.read_bytes() == content
    assert_same((options["model"], history), uninterrupted(build))


def test_without_checkpoint_every_there_is_one_after_each_epoch(tmp_path):
    path = tmp_path / "run.safetensors"
    build = small_run(OPTIMIZERS["SGD"])
    with pytest.raises(StoppedError):
        fit(**build() | {"loss": stop_after(5)}, checkpoint=path)
    state = read_checkpoint(path)
    assert (len(state["history"]["train_loss"]), state["so_far"]["batches"]) == (1, 0)


def test_the_seconds_before_a_stop_count(tmp_path):
    path = tmp_path / "run.safetensors"
    build = small_run(OPTIMIZERS["SGD"], epochs=1)
    with pytest.raises(StoppedError):
        fit(**build() | {"loss": stop_after(2)}, checkpoint=path, checkpoint_every=1)
    before = read_checkpoint(path)["so_far"]["seconds"]
    history = fit(**build(), checkpoint=path)
    assert 0 < before < history.seconds[0]


@pytest.fixture
def one_thread():
    """Compute on one thread, as the killed processes do: two would round differently."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
@pytest.mark.parametrize(("name", "kills"), [("one-cycle", 4), ("early-stopping", 6)])
@pytest.mark.usefixtures("one_thread")
def test_a_run_killed_again_and_again_ends_as_if_it_had_not_been(tmp_path, name, kills):
    path = tmp_path / "run.safetensors"
    script = ROOT / "tests" / "training_run.py"
    done = subprocess.run(
        [sys.executable, script, name, path, str(kills), "0"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    killed_at = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    assert len(killed_at) == kills
    assert any(batches > 0 for _, batches in killed_at)  # in the middle of an epoch
    assert killed_at == sorted(killed_at)

    finished = killed_run(name, seconds=0) | {"loss": killed_run(name, seconds=60)["loss"]}
    history = fit(**finished, checkpoint=path)  # 60 s a batch: nothing is left to train
    expected = uninterrupted(lambda: killed_run(name, seconds=0))
    assert_same((finished["model"], history), expected)
    assert expected[1].stopped_early is (name == "early-stopping")


# --- checkpoints that are not this run's ----------------------------------------------------


@pytest.fixture
def interrupted(tmp_path):
    """The builder of a run, and the checkpoint of one that was stopped at its sixth step."""
    path = tmp_path / "run.safetensors"
    build = small_run(
        lambda p: torch.optim.SGD(p, lr=0.1), lambda o: lr_scheduler.ExponentialLR(o, 0.9)
    )
    with pytest.raises(StoppedError):
        fit(**build() | {"loss": stop_after(5)}, checkpoint=path, checkpoint_every=1)
    return build, path


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 1}, "seed was 0, is 1"),
        ({"epochs": 4}, "epochs was 3, is 4"),
        ({"max_grad_norm": 1.0}, "max_grad_norm was None, is 1.0"),
        ({"scheduler_every": "batch"}, "scheduler_every was 'epoch', is 'batch'"),
        ({"train_batches": shuffled(20)}, "batches an epoch was 3, is 5"),
        ({"valid_batches": [data()]}, "valid_batches was None, is 'some'"),
        ({"metrics": lambda model: {}}, "metrics was None, is 'some'"),
        ({"valid_batches": [data()], "patience": 2}, "patience was None, is 2"),
        ({"scheduler": None}, "scheduler was 'ExponentialLR', is 'NoneType'; scheduler gamma was"),
        ({"loss": killed_run("one-cycle")["loss"]}, "state in the loss was False, is True"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(interrupted, options, message):
    build, path = interrupted
    before = path.read_bytes()
    other = build() | options
    weights = bits(other["model"])
    with pytest.raises(CheckpointError, match=f"belongs to another run: .*{message}"):
        fit(**other, checkpoint=path)
    assert bits(other["model"]) == weights
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("optimizer", "gamma", "message"),
    [
        (lambda p: torch.optim.SGD(p, lr=0.2), 0.9, "optimizer group 0 initial_lr was 0.1, is 0.2"),
        (lambda p: torch.optim.Adam(p, lr=0.1), 0.9, "optimizer was 'SGD', is 'Adam'"),
        (lambda p: torch.optim.SGD(p, lr=0.1), 0.8, "scheduler gamma was 0.9, is 0.8"),
        (lambda p: torch.optim.SGD(list(p)[:1], lr=0.1), 0.9, "params was .0, 1., is .0."),
    ],
)
def test_a_checkpoint_of_another_optimizer_or_scheduler_is_refused(
    interrupted, optimizer, gamma, message
):
    build, path = interrupted
    options = build()
    options["optimizer"] = optimizer(options["model"].parameters())
    options["scheduler"] = lr_scheduler.ExponentialLR(options["optimizer"], gamma)
    with pytest.raises(CheckpointError, match=f"belongs to another run: .*{message}"):
        fit(**options, checkpoint=path)


def test_a_checkpoint_of_another_model_is_refused(interrupted):
    build, path = interrupted
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    options = build() | {"model": model, "optimizer": optimizer, "scheduler": None}
    message = "belongs to another model: bias is not in the file; line.bias is not in the model"
    with pytest.raises(CheckpointError, match=message):
        fit(**options, checkpoint=path)


def test_other_batches_than_those_of_then_are_refused(interrupted):
    build, path = interrupted
    options = build() | {"train_batches": Batches(*data(seed=1), batch_size=4, shuffle=True)}
    message = "batch 2 of epoch 2 is not the one that the stopped run trained on: train_batches"
    with pytest.raises(CheckpointError, match=message):
        fit(**options, checkpoint=path)


def test_fewer_batches_than_were_done_are_refused(interrupted):
    build, path = interrupted
    few = {1: shuffled(), 2: []}

    class Fewer:
        def __len__(self):
            return 3

        def __call__(self, epoch):
            return few[epoch]

    with pytest.raises(CheckpointError, match="batch 2 of epoch 2 is not the one"):
        fit(**build() | {"train_batches": Fewer()}, checkpoint=path)


def test_weights_are_no_checkpoint_and_a_checkpoint_is_no_weights(interrupted):
    build, path = interrupted
    with pytest.raises(CheckpointError, match="holds 'gru_lib checkpoint 1'; expected 'gru_lib w"):
        load_weights(noisy(), path)
    save_weights(noisy(), path)
    with pytest.raises(CheckpointError, match="holds 'gru_lib weights 1'; expected 'gru_lib chec"):
        fit(**build(), checkpoint=path)


# --- what a checkpoint can hold -------------------------------------------------------------


def same(a, b):
    """Whether two values are of the same kind and hold the same bits."""
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        return (a.dtype, a.shape) == (b.dtype, b.shape) and tensor_bytes(a) == tensor_bytes(b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return repr(a) == repr(b)


def tensor_bytes(tensor):
    return tensor.contiguous().reshape(-1).view(torch.uint8).tolist()


tensors = st.sampled_from(
    [
        torch.tensor(1.5),
        torch.zeros(0, 3),
        torch.arange(6).reshape(2, 3).T,
        torch.tensor([True, False]),
        torch.tensor([1.0, math.nan], dtype=torch.bfloat16),
        torch.tensor([1 + 2j]),
        torch.arange(3, dtype=torch.uint8),
    ]
)
plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
states = st.recursive(
    plain | tensors,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), states, max_size=3))
@settings(deadline=None, max_examples=100)
def test_what_is_read_is_what_was_written(tmp_path_factory, state):
    path = tmp_path_factory.mktemp("states") / "state"
    write_checkpoint(path, state)
    assert same(read_checkpoint(path), state)


def test_a_state_keeps_its_kinds_of_dict(tmp_path):
    state = {"counter": Counter([2, 2, 5]), "ordered": OrderedDict(b=1, a=2), "inf": -math.inf}
    write_checkpoint(tmp_path / "state", state)
    assert same(read_checkpoint(tmp_path / "state"), state)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [1, {2}]}, r"a\[1\] is a set; a checkpoint holds tensors"),
        ({"a": {3: np.zeros(2)}}, r"a\[3\] is a ndarray"),
        ({"a": {"b": {(1, 2): 3}}}, r"a.b has the key \(1, 2\)"),
    ],
)
def test_what_a_checkpoint_cannot_hold_is_named(tmp_path, value, message):
    with pytest.raises(CheckpointError, match=message):
        write_checkpoint(tmp_path / "state", value)
    assert list(tmp_path.iterdir()) == []


def test_a_scheduler_that_cannot_be_stored_is_refused_before_the_first_step(tmp_path):
    class Warmup:
        def __call__(self, step):
            return 1.0

    factor = Warmup()
    factor.table = np.ones(3)
    build = small_run(OPTIMIZERS["SGD"], lambda o: lr_scheduler.LambdaLR(o, factor))
    options = build() | {"loss": stop_after(0)}
    with pytest.raises(CheckpointError, match=r"scheduler.lr_lambdas\[0\].table is a ndarray"):
        fit(**options, checkpoint=tmp_path / "x")


# --- files ----------------------------------------------------------------------------------


class Tied(torch.nn.Module):
    """Tied weights, a weight that is not contiguous, buffers, other dtypes, no entries."""

    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.embedding = torch.nn.Embedding(4, 3)
        self.output = torch.nn.Linear(3, 4)
        self.output.weight = self.embedding.weight
        self.turned = torch.nn.Parameter(torch.randn(2, 5).T)
        self.halved = torch.nn.Parameter(torch.randn(3, dtype=torch.bfloat16))
        self.wide = torch.nn.Parameter(torch.randn((), dtype=torch.float64))
        self.register_buffer("mask", torch.full((2, 2), -math.inf).triu(1))
        self.register_buffer("count", torch.tensor(seed))
        self.register_buffer("flags", torch.tensor([seed > 0, True]))
        self.register_buffer("nothing", torch.zeros(0, 2))


@pytest.fixture
def line(tmp_path):
    """A small model and a file of its weights."""
    model = noisy().line
    path = tmp_path / "line.safetensors"
    save_weights(model, path, {"note": "größer"})
    return model, path


def test_weights_come_back_bit_by_bit(tmp_path):
    saved, loaded = Tied(0), Tied(1)
    path = tmp_path / "tied.safetensors"
    save_weights(saved, str(path))
    before = {name: value.clone() for name, value in saved.state_dict().items()}
    assert load_weights(loaded, str(path)) == {}
    for name, value in loaded.state_dict().items():
        assert tensor_bytes(value) == tensor_bytes(saved.state_dict()[name]), name
        assert tensor_bytes(before[name]) == tensor_bytes(saved.state_dict()[name]), name
    assert loaded.output.weight is loaded.embedding.weight
    assert [file.name for file in tmp_path.iterdir()] == ["tied.safetensors"]


def test_any_reader_of_safetensors_reads_the_file(line):
    model, path = line
    tensors = safetensors.torch.load_file(path)
    assert torch.equal(tensors["weight"], model.weight)
    with safetensors.safe_open(path, "pt") as file:
        assert file.metadata()["note"] == "größer"


def test_metadata_come_back(line):
    _, path = line
    assert load_weights(torch.nn.Linear(3, 2), path) == {"note": "größer"}


@pytest.mark.parametrize(
    ("metadata", "error", "message"),
    [
        ({"seed": 1}, TypeError, "metadata hold 'seed': 1; expected text"),
        ({1: "seed"}, TypeError, "metadata hold 1: 'seed'; expected text"),
        ({"sha256": "0"}, ValueError, r"metadata use \['sha256'\]"),
        ({"format": "pt"}, ValueError, r"metadata use \['format'\]"),
    ],
)
def test_metadata_that_cannot_be_are_refused(tmp_path, metadata, error, message):
    with pytest.raises(error, match=message):
        save_weights(noisy(), tmp_path / "x", metadata)


def test_no_file_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*missing"):
        load_weights(noisy(), tmp_path / "missing")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(CheckpointError, match=r"cannot read .*: Is a directory"):
        load_weights(noisy(), tmp_path)


def test_a_file_cut_short_anywhere_is_refused(line):
    model, path = line
    content, before = path.read_bytes(), bits(model)
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError, match="is cut short, corrupted or not a safetensors"):
            load_weights(model, path)
    path.write_bytes(content + b"\0")
    with pytest.raises(CheckpointError, match="is cut short, corrupted or not a safetensors"):
        load_weights(model, path)
    assert bits(model) == before


def test_a_flipped_bit_anywhere_is_seen(line):
    model, path = line
    content, before = bytearray(path.read_bytes()), bits(model)
    refused = set()
    for place in range(len(content)):
        for bit in (0, 5, 7):
            content[place] ^= 1 << bit
            path.write_bytes(content)
            with pytest.raises(CheckpointError) as caught:
                load_weights(model, path)
            refused.add(str(caught.value).partition(" is ")[2][:12])
            content[place] ^= 1 << bit
    assert {"corrupted: i", "cut short, c", "a safetensor"} <= refused
    assert bits(model) == before


@pytest.mark.parametrize(("old", "new"), [(b'"F32"', b'"I32"'), (b"[2,3]", b"[3,2]")])
def test_a_dtype_or_shape_that_was_changed_is_seen(line, old, new):
    model, path = line
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    with pytest.raises(CheckpointError, match="is corrupted: its content does not match"):
        load_weights(model, path)


def test_a_flipped_bit_in_a_checkpoint_is_seen(interrupted):
    build, path = interrupted
    content = bytearray(path.read_bytes())
    for place in np.random.default_rng(0).choice(len(content), 200, replace=False):
        content[place] ^= 1
        path.write_bytes(content)
        with pytest.raises(CheckpointError):
            fit(**build(), checkpoint=path)
        content[place] ^= 1
    path.write_bytes(content)
    fit(**build(), checkpoint=path)


def test_a_checkpoint_cut_short_is_refused(interrupted):
    build, path = interrupted
    content = path.read_bytes()
    for length in [0, 7, 8, 100, len(content) // 2, len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError, match="is cut short, corrupted or not a safetensors"):
            fit(**build(), checkpoint=path)


@pytest.mark.parametrize("old_format", [False, True])
def test_a_pickle_is_refused_unread(tmp_path, old_format):
    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "exploded"),))

    path = tmp_path / "weights.pt"
    torch.save({"bomb": Bomb()}, path, _use_new_zipfile_serialization=not old_format)
    with pytest.raises(CheckpointError, match=r"is a zip or pickle file, as torch.save writes"):
        load_weights(noisy(), path)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"format": "gru_lib weights 1"}])
def test_a_file_of_another_writer_is_refused(line, metadata):
    model, path = line
    safetensors.torch.save_file(model.state_dict(), path, metadata)
    with pytest.raises(CheckpointError, match="is a safetensors file, but not one that gru_lib"):
        load_weights(model, path)


def test_a_file_of_a_later_gru_lib_is_refused(line):
    model, path = line
    write_sealed(path, dict(model.state_dict()), "gru_lib weights 2", {})
    message = "holds 'gru_lib weights 2'; expected 'gru_lib weights 1'"
    with pytest.raises(CheckpointError, match=message):
        load_weights(model, path)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            torch.nn.Linear(4, 2),
            r"weight has shape \(2, 3\) in the file, \(2, 4\) in the model$",
        ),
        (torch.nn.Linear(3, 2, bias=False), "bias is not in the model$"),
        (
            torch.nn.Linear(3, 2, dtype=torch.float64),
            "bias has dtype torch.float32 in the file, torch.float64 in the model; weight has",
        ),
        (torch.nn.GRU(3, 4, num_layers=2), "bias is not in the model; .*; and 6 more$"),
    ],
)
def test_weights_of_another_model_are_refused(line, other, message):
    _, path = line
    before = bits(other)
    with pytest.raises(
        CheckpointError, match=f"line.safetensors belongs to another model: .*{message}"
    ):
        load_weights(other, path)
    assert bits(other) == before


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_weights_that_are_not_finite_are_neither_written_nor_read(line, value):
    model, path = line
    before = path.read_bytes()
    bad = noisy().line
    with torch.no_grad():
        bad.weight[0, 1] = value
    message = "the model holds NaN or infinity in 1 of the 6 entries of weight: nothing was"
    with pytest.raises(CheckpointError, match=message):
        save_weights(bad, path)
    assert path.read_bytes() == before

    write_sealed(path, bad.state_dict(), WEIGHTS, {})
    with pytest.raises(CheckpointError, match="holds NaN or infinity in 1 of the 6 entries of w"):
        load_weights(model, path)
    assert torch.isfinite(model.weight).all()


def test_a_state_that_is_no_tensor_is_named(tmp_path):
    class Extra(torch.nn.Linear):
        def get_extra_state(self):
            return "text"

    message = "the model's state holds _extra_state, a str; expected a tensor"
    with pytest.raises(CheckpointError, match=message):
        save_weights(Extra(1, 1), tmp_path / "x")


# --- writing that fails ---------------------------------------------------------------------


def fail_with(number):
    def failing(*arguments):
        raise OSError(number, os.strerror(number))

    return failing


@pytest.mark.parametrize("function", ["replace", "fsync"])
def test_writing_that_fails_leaves_the_former_file(line, monkeypatch, function):
    model, path = line
    before = path.read_bytes()
    monkeypatch.setattr(os, function, fail_with(errno.ENOSPC))
    message = "cannot write .*: No space left on device; what was there is as it was"
    with pytest.raises(CheckpointError, match=message):
        save_weights(noisy(1).line, path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    load_weights(model, path)


def test_a_key_pressed_while_writing_leaves_the_former_file(line, monkeypatch):
    _, path = line

    def interrupt(*arguments):
        raise KeyboardInterrupt

    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_weights(noisy(1).line, path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_named(line, monkeypatch):
    _, path = line
    before = path.read_bytes()
    monkeypatch.setattr(weights, "unfinished_path", lambda path: Path("/dev/full"))
    monkeypatch.setattr(Path, "unlink", lambda path: None)
    with pytest.raises(CheckpointError, match=r"cannot write .*: No space left on device"):
        save_weights(noisy(1).line, path)
    assert path.read_bytes() == before


def test_a_folder_that_is_not_there_shows_before_the_first_step(tmp_path):
    build = small_run(OPTIMIZERS["SGD"])
    options = build() | {"loss": stop_after(0)}
    with pytest.raises(CheckpointError, match=r"cannot write .*: No such file or directory"):
        fit(**options, checkpoint=tmp_path / "missing" / "run.safetensors")


def test_content_is_on_the_disk_before_its_name_is(line, monkeypatch):
    model, path = line
    order = []
    fsync, replace = os.fsync, os.replace

    def log_fsync(descriptor):
        order.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "content")
        fsync(descriptor)

    def log_replace(source, target):
        assert Path(source).parent == Path(target).parent
        order.append("name")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", log_fsync)
    monkeypatch.setattr(os, "replace", log_replace)
    save_weights(model, path)
    assert order == ["content", "name", "folder"]


def test_what_a_killed_writer_left_is_never_read_and_goes_away(interrupted):
    build, path = interrupted
    left = path.with_name(path.name + ".unfinished")
    left.write_bytes(path.read_bytes()[:100])
    options = build()
    history = fit(**options, checkpoint=path)
    assert_same((options["model"], history), uninterrupted(build))
    assert not left.exists()

    left.write_bytes(b"torn")
    fit(**build(), checkpoint=path)  # finished: nothing is written any more
    assert not left.exists()
