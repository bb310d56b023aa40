"""Chapter 14's table on JSB Chorales, the papers' data: python -m benchmarks.paper_table

Trains the three cells of Chung et al. (2014) in their sizes, a larger GRU and a network without a
state, at several learning rates and from several seeds, and writes
gru_lib/data/results/paper-table.json. The data are fetched on request; about ten minutes on one
core of a processor, less with --workers.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.runs import run_all, workers_from_arguments
from gru_lib.data.music import Chorales, jsb_chorales, shuffle_steps, tune_groups
from gru_lib.data.stored import write_result
from gru_lib.models import (
    CountingPredictor,
    FramePredictor,
    WindowPredictor,
    count_parameters,
    mean_nll,
    train_frames,
)

COMMAND = "python -m benchmarks.paper_table"
TARGET = Path(__file__).resolve().parents[1] / "gru_lib/data/results/paper-table.json"
SEEDS = range(5)
LEARNING_RATES = (5e-3, 1e-2, 2e-2)
DROPOUT = 0.2

#: Trained models by name; sizes of the first three are those of the paper.
MODELS: dict[str, Callable[[], nn.Module]] = {
    "tanh": lambda: FramePredictor("tanh", 100, dropout=DROPOUT),
    "GRU": lambda: FramePredictor("GRU", 46, dropout=DROPOUT),
    "LSTM": lambda: FramePredictor("LSTM", 36, dropout=DROPOUT),
    "window": lambda: WindowPredictor(4, 51, dropout=DROPOUT),
    "large GRU": lambda: FramePredictor("GRU", 128, dropout=0.5),
}
#: The control: the GRU on chorales whose steps were put in random order, in all three sets.
CONTROL = "GRU, steps shuffled"


def heard_tunes(chorales: Chorales) -> np.ndarray:
    """For each test chorale, whether its tune is in the training or the validation set."""
    known = [*chorales.train, *chorales.valid]
    tunes = tune_groups([*known, *chorales.test])
    return np.isin(tunes[len(known) :], tunes[: len(known)])


def one_run(
    name: str, chorales: Chorales, learning_rate: float, seed: int, heard: np.ndarray
) -> dict:
    """Train one model from one seed and measure it on all sets."""
    torch.manual_seed(seed)
    model = MODELS["GRU" if name == CONTROL else name]()
    if name == CONTROL:
        rng = np.random.default_rng(seed)
        chorales = chorales._replace(
            train=shuffle_steps(chorales.train, rng),
            valid=shuffle_steps(chorales.valid, rng),
            test=shuffle_steps(chorales.test, rng),
        )
    history = train_frames(
        model,
        chorales.train,
        chorales.valid,
        seed=seed,
        learning_rate=learning_rate,
        progress=False,
    )
    return {
        "model": name,
        "learning_rate": learning_rate,
        "seed": seed,
        "parameters": count_parameters(model),
        "best_epoch": history.best_epoch,
        **measured(model, chorales, heard),
    }


def measured(model: nn.Module, chorales: Chorales, heard: np.ndarray) -> dict[str, float]:
    """Negative log-likelihood per step on each set, and on both parts of the test set."""
    sets = {
        "train": chorales.train,
        "valid": chorales.valid,
        "test": chorales.test,
        "test_heard": [roll for roll, known in zip(chorales.test, heard, strict=True) if known],
        "test_new": [roll for roll, known in zip(chorales.test, heard, strict=True) if not known],
    }
    return {name: round(mean_nll(model, rolls), 4) for name, rolls in sets.items()}


def settings() -> Iterator[tuple[str, float, int]]:
    """Model, learning rate and seed of every run."""
    for seed in SEEDS:
        for name in MODELS:
            yield from ((name, rate, seed) for rate in LEARNING_RATES)
        yield CONTROL, 1e-2, seed


def main() -> None:
    workers = workers_from_arguments(__doc__.splitlines()[0])
    torch.set_num_threads(1)  # fast, and the same sums everywhere
    chorales = jsb_chorales()
    heard = heard_tunes(chorales)
    counted = {
        name: measured(CountingPredictor(chorales.train, given_last), chorales, heard)
        for name, given_last in (("frequencies", False), ("last frame", True))
    }
    runs = run_all(
        one_run,
        [(name, chorales, rate, seed, heard) for name, rate, seed in settings()],
        workers,
    )
    write_result(
        TARGET,
        data="jsb-chorales",
        command=COMMAND,
        seeds=SEEDS,
        results={
            "counted": counted,
            "test_chorales": len(heard),
            "test_chorales_with_a_heard_tune": int(heard.sum()),
            "runs": runs,
        },
    )
    print(f"written: {TARGET.name}")


if __name__ == "__main__":
    main()
