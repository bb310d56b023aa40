"""Chapter 21 on ETTh1, the field's favourite series: python -m benchmarks.energy

Two kinds of tasks. As the papers on long forecasts have it: all seven series in standard deviations
of their training part, 96 to 720 hours from 96, but with the last batch of the test left in. And as
a grid operator would ask: tomorrow's 24 hours of one series in its own units. Writes
gru_lib/data/results/energy.json. The data are fetched on request; about half an hour on one core of
a processor.
"""

from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from benchmarks.runs import run_all, workers_from_arguments
from gru_lib.data.series import (
    PAPERS_SPLIT,
    Scale,
    Windows,
    daily_waves,
    join_windows,
    transformer_load,
    windows,
)
from gru_lib.data.stored import write_result
from gru_lib.models import (
    Forecaster,
    WindowForecaster,
    count_parameters,
    forecast,
    train_forecaster,
)

COMMAND = "python -m benchmarks.energy"
TARGET = Path(__file__).resolve().parents[1] / "gru_lib/data/results/energy.json"
SEEDS = range(3)
#: The same three for all models; a chapter takes the one that does best on the validation part.
RATES = (0.002, 0.005, 0.01)
#: The control: a GRU that reads the hours of the past in random order.
CONTROL = "GRU, hours shuffled"
HOUR_BY_HOUR = "GRU, hour by hour"
TRAINED = ("GRU", "LSTM", "window")
COLUMNS = ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")
#: Hidden units of the GRU that reads day by day; the others get as many parameters, at most.
HIDDEN = {"papers": 64, "tomorrow": 32}
#: Sizes of test batches whose last, incomplete one the papers' programs dropped.
BATCHES = (32, 128, 256, 512)


class Task(NamedTuple):
    """What is forecast from what."""

    past: int
    future: int
    columns: tuple[str, ...]
    anchors: tuple[int, ...]  # tried alike for all models
    kind: str


#: The papers' tasks have nothing but the past; tomorrow's has the hour of the day.
TASKS = {
    **{
        f"papers {hours}": Task(96, hours, COLUMNS, (1,), "papers") for hours in (96, 192, 336, 720)
    },
    "tomorrow HUFL": Task(168, 24, ("HUFL",), (1, 24), "tomorrow"),
    "tomorrow OT": Task(168, 24, ("OT",), (1, 24), "tomorrow"),
}


@cache
def task_windows(task: str) -> tuple[list[Windows], list[Scale]]:
    """Training, validation and test windows of all columns one after the other, and their scales.

    As in the papers the past of the first windows of a part lies in the part before.
    """
    past, future, columns, _, kind = TASKS[task]
    data = transformer_load()
    features = daily_waves(data.hour) if kind == "tomorrow" else None
    scales, cuts = [], []
    for column in columns:
        series = data.values[:, data.names.index(column)]
        scales.append(Scale.of(series[PAPERS_SPLIT.train]))
        scaled = scales[-1].apply(series)
        reach = [slice(max(part.start - past, 0), part.stop) for part in PAPERS_SPLIT]
        cuts.append([windows(scaled, past, future, features=features, part=r) for r in reach])
    return [join_windows(parts) for parts in zip(*cuts, strict=True)], scales


def build(name: str, task: str, anchor: int, hidden: int) -> nn.Module:
    """A model of a task with so many hidden units."""
    past, future, _, _, kind = TASKS[task]
    known = 4 if kind == "tomorrow" else 0
    if name == "window":
        return WindowForecaster(
            1 + known, future, hidden, window=past, columns=1, known_size=known, anchor=anchor
        )
    return Forecaster(
        1 + known,
        future,
        hidden,
        cell="LSTM" if name == "LSTM" else "GRU",
        known_size=known,
        anchor=anchor,
        segment=1 if name == HOUR_BY_HOUR else 24,
    )


@cache
def hidden_size(name: str, task: str) -> int:
    """The largest number of hidden units within the parameters of the GRU of the task."""
    size = HIDDEN[TASKS[task].kind]
    budget = count_parameters(build("GRU", task, 1, size))
    while count_parameters(build(name, task, 1, size)) > budget:
        size -= 1
    while count_parameters(build(name, task, 1, size + 1)) <= budget:
        size += 1
    return size


def shuffled(cut: Windows, seed: int) -> Windows:
    """The hours of each past in an order of its own."""
    rng = np.random.default_rng(seed)
    order = rng.permuted(np.tile(np.arange(cut.past.shape[1]), (len(cut.past), 1)), axis=1)
    return cut._replace(past=np.take_along_axis(cut.past, order[:, :, None], axis=1))


def scores(answer: np.ndarray, cut: Windows, task: str) -> dict:
    """Errors on windows of a task: in deviations for the papers, else in units of the column."""
    scales, columns = task_windows(task)[1], TASKS[task].columns
    error = (answer - cut.target).reshape(len(columns), -1, cut.target.shape[1])
    if TASKS[task].kind == "tomorrow":
        error = error * scales[0].std
        by_lead = np.abs(error).mean(axis=(0, 1))
        return {
            "mae": round(float(np.abs(error).mean()), 4),
            "mae_by_lead": [round(float(lead), 4) for lead in by_lead],
        }
    count = error.shape[1]
    return {
        "mae": round(float(np.abs(error).mean()), 4),
        "mse": round(float((error**2).mean()), 4),
        "mse_dropped": {
            str(size): round(float((error[:, : count - count % size] ** 2).mean()), 4)
            for size in BATCHES
            if count >= size
        },
    }


def one_run(name: str, task: str, rate: float, anchor: int, seed: int) -> dict:
    """Train one model on one task from one seed; measure it on validation and test."""
    train, valid, test = task_windows(task)[0]
    if name == CONTROL:
        train, valid, test = (shuffled(cut, seed) for cut in (train, valid, test))
    torch.manual_seed(seed)
    model = build(name, task, anchor, hidden_size(name, task))
    train_forecaster(
        model,
        train,
        valid,
        seed=seed,
        epochs=10,
        learning_rate=rate,
        batch_size=128,
        windows_per_epoch=16000,
        progress=False,
    )
    return {
        "model": name,
        "task": task,
        "learning_rate": rate,
        "anchor": anchor,
        "seed": seed,
        "parameters": count_parameters(model),
        "valid_mae": scores(forecast(model, valid), valid, task)["mae"],
        **scores(forecast(model, test), test, task),
    }


def repeated(cut: Windows, hours: int) -> np.ndarray:
    """The last hours of the past, over and over."""
    future = cut.target.shape[1]
    return np.tile(cut.past[:, -hours:, 0], (1, -(-future // hours)))[:, :future]


def least_squares(train: Windows, cut: Windows) -> np.ndarray:
    """Linear from the past to the future, both relative to the last value."""

    def inputs(some: Windows) -> np.ndarray:
        past = some.past[:, :, 0]
        known = some.known.reshape(len(past), -1)[:, :4]  # the first hour tells the others
        return np.column_stack([past[:, :-1] - past[:, -1:], known, np.ones(len(past))])

    change = train.target - train.past[:, -1:, 0]
    weights = np.linalg.lstsq(inputs(train), change, rcond=None)[0]
    return inputs(cut) @ weights + cut.past[:, -1:, 0]


def baselines(task: str) -> dict[str, dict]:
    """Whatever needs no seed."""
    train, _, test = task_windows(task)[0]
    answers = {
        "last value": repeated(test, 1),
        "mean of the past": np.broadcast_to(
            test.past[:, :, 0].mean(axis=1, keepdims=True), test.target.shape
        ),
        "yesterday": repeated(test, 24),
        "least squares": least_squares(train, test),
    }
    if TASKS[task].past >= 168:
        answers["last week"] = repeated(test, 168)
    return {name: scores(answer, test, task) for name, answer in answers.items()}


def settings() -> Iterator[tuple[str, str, float, int, int]]:
    """Model, task, learning rate, anchor and seed of every run; the long runs first."""
    for rate, seed in product(RATES, SEEDS):
        yield HOUR_BY_HOUR, "papers 96", rate, 1, seed
    for task, rate, seed in product(TASKS, RATES, SEEDS):
        for name, anchor in product(TRAINED, TASKS[task].anchors):
            yield name, task, rate, anchor, seed
    for task, rate, seed in product(("papers 96", "tomorrow HUFL"), RATES, SEEDS):
        yield CONTROL, task, rate, 1, seed


def main() -> None:
    workers = workers_from_arguments(__doc__.splitlines()[0])
    torch.set_num_threads(1)
    counted = {task: baselines(task) for task in TASKS}
    runs = run_all(one_run, settings(), workers)
    write_result(
        TARGET,
        data="etth1",
        command=COMMAND,
        seeds=SEEDS,
        results={"baselines": counted, "runs": runs},
    )
    print(f"written: {TARGET.name}")


if __name__ == "__main__":
    main()
