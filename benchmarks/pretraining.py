"""Chapter 28's tables: python -m benchmarks.pretraining [--workers N]

Pretrains GRUs of four sizes on the Python reference, an LSTM with the parameters of one of them
and the control on shuffled text. The highest learning rate is chosen on the validation text, by
short runs with one seed; then come three more seeds. Then trains one epoch in one, two and four
processes, and writes gru_lib/data/results/pretraining.json. About 25 minutes on one core of a
processor, three minutes with --workers 16.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import torch

from benchmarks.runs import run_all, texts, workers_from_arguments
from gru_lib.data.characters import ReferenceText, python_reference
from gru_lib.data.stored import write_result
from gru_lib.models import (
    LanguageModel,
    bits_per_character,
    count_parameters,
    load_language_model,
    train_language_model,
)
from gru_lib.pretrain import Corpus, reference_corpus

COMMAND = "python -m benchmarks.pretraining"
TARGET = Path(__file__).resolve().parents[1] / "gru_lib/data/results/pretraining.json"
SEEDS = range(3)
TUNING_SEED = 100
LEARNING_RATES = (2e-3, 4e-3, 8e-3, 1.6e-2)
TUNING_EPOCHS, EPOCHS = 4, 12
SIZES = (32, 64, 128, 256)
#: Kind of cell and hidden size by name; the LSTM has the parameters of the GRU of size 128.
MODELS = {
    **{f"GRU {size}": ("GRU", size) for size in SIZES},
    "LSTM": ("LSTM", 109),
    "shuffled": ("GRU", 128),
}
#: The control is trained as the network that it is the control of.
TUNED_AS = {"shuffled": "GRU 128"}
EMBEDDING_SIZE, NUM_LAYERS, DROPOUT = 48, 2, 0.1
PROCESSES = (1, 2, 4)
TIMED_SIZES = (128, 256)


@cache
def reference() -> ReferenceText:
    """The Python reference: of the Python that runs, unless a file of texts is to be used."""
    return texts()["reference"] if "GRU_TEXT_CACHE" in os.environ else python_reference()


@cache
def corpus() -> Corpus:
    """The Python reference as codes, read once a process."""
    return reference_corpus(reference())


def build(name: str) -> LanguageModel:
    """A model with random weights."""
    cell, hidden_size = MODELS[name]
    return LanguageModel(
        len(corpus().vocabulary),
        EMBEDDING_SIZE,
        hidden_size,
        num_layers=NUM_LAYERS,
        dropout=DROPOUT,
        cell=cell,
    )


def one_run(name: str, learning_rate: float, seed: int) -> dict:
    """Pretrain one model from one seed, and measure it; with the tuning seed not on the test."""
    read = corpus().shuffled(seed) if name == "shuffled" else corpus()
    torch.manual_seed(seed)
    model = build(name)
    is_tuning = seed == TUNING_SEED
    start = time.process_time()
    history = train_language_model(
        model,
        read.train,
        read.valid,
        seed=seed,
        epochs=TUNING_EPOCHS if is_tuning else EPOCHS,
        learning_rate=learning_rate,
        progress=False,
    )
    seconds = time.process_time() - start
    parts = ("train", "valid") if is_tuning else ("train", "valid", "test")
    return {
        "model": name,
        "learning_rate": learning_rate,
        "seed": seed,
        "parameters": count_parameters(model),
        "best_epoch": history.best_epoch,
        "valid_by_epoch": [round(loss, 4) for loss in history.valid_loss],
        "cpu_seconds": round(seconds, 1),
        "bits": {p: round(bits_per_character(model, getattr(corpus(), p)), 4) for p in parts},
    }


def tuning_settings() -> Iterator[tuple[str, float, int]]:
    """Model, learning rate and seed of the runs that choose a rate, the longest first."""
    for name in reversed([name for name in MODELS if name not in TUNED_AS]):
        yield from ((name, rate, TUNING_SEED) for rate in LEARNING_RATES)


def chosen_rates(tuning: Iterable[dict]) -> dict[str, float]:
    """For each model the rate with the fewest bits a character of the validation text."""
    best: dict[str, dict] = {}
    for run in tuning:
        name = run["model"]
        if name not in best or run["bits"]["valid"] < best[name]["bits"]["valid"]:
            best[name] = run
    rates = {name: run["learning_rate"] for name, run in best.items()}
    return rates | {name: rates[as_this] for name, as_this in TUNED_AS.items()}


def settings(rates: dict[str, float]) -> Iterator[tuple[str, float, int]]:
    """Model, learning rate and seed of the runs that are reported."""
    for name in sorted(MODELS, key=lambda name: MODELS[name][1], reverse=True):
        yield from ((name, rates[name], seed) for seed in SEEDS)


def seconds_of_an_epoch(hidden_size: int, processes: int) -> float:
    """Of the command, in so many processes on this machine, one thread each."""
    with tempfile.TemporaryDirectory() as folder:
        text, out = Path(folder, "text.txt"), Path(folder, "model.safetensors")
        text.write_text(reference().train, encoding="utf-8")
        launcher = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
        launcher += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"]
        command = ["-m", "gru_lib.pretrain", "--epochs", "1", "--hidden-size", str(hidden_size)]
        command += ["--text", str(text), "--out", str(out), "--checkpoint-every", "1000000"]
        subprocess.run(
            [sys.executable, *(launcher if processes > 1 else []), *command],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return float(load_language_model(out).card["seconds"])


def main() -> None:
    workers = workers_from_arguments(__doc__.splitlines()[0])
    tuning = run_all(one_run, tuning_settings(), workers)
    runs = run_all(one_run, settings(chosen_rates(tuning)), workers)
    text = reference()
    write_result(
        TARGET,
        data={part: getattr(text, part) for part in ("train", "valid", "test")},
        command=COMMAND,
        seeds=SEEDS,
        results={
            "characters": {part: len(getattr(text, part)) for part in ("train", "valid", "test")},
            "epochs": {"tuning": TUNING_EPOCHS, "runs": EPOCHS},
            "tuning": tuning,
            "runs": runs,
            "seconds_of_an_epoch": {
                str(size): {str(count): seconds_of_an_epoch(size, count) for count in PROCESSES}
                for size in TIMED_SIZES
            },
        },
    )
    print(f"written: {TARGET.name}")


if __name__ == "__main__":
    main()
