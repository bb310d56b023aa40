"""Chapter 30's table: python -m benchmarks.lora [--workers N]

Adapts the course's model to 40,000 characters of NumPy's docstrings in nineteen ways, each at three
learning rates from one seed and at the best of them from four more, and writes
gru_lib/data/results/lora.json. About half an hour on one core, two minutes with --workers 16.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import nn

from benchmarks.runs import run_all, texts, workers_from_arguments
from gru_lib.data.characters import CHARACTERS, ReferenceText, Vocabulary
from gru_lib.data.stored import write_result
from gru_lib.finetuning import add_bottleneck, add_lora, train_only
from gru_lib.models import LanguageModel, bits_per_character, train_language_model
from gru_lib.pretrained import load_pretrained

COMMAND = "python -m benchmarks.lora"
TARGET = Path(__file__).resolve().parents[1] / "gru_lib/data/results/lora.json"
SEEDS = range(5)
TRAIN, VALID, TEST, REFERENCE = 40_000, 20_000, 60_000, 30_000
RECIPE = {"epochs": 8, "batch_size": 8, "window": 100}
#: Three for everyone; what trains all or whole matrices needs smaller ones than what trains little.
RATES = {"few numbers": (3e-3, 1e-2, 3e-2), "whole matrices": (1e-3, 2e-3, 4e-3)}


def _lora(rank: int, **options) -> Callable[[nn.Module, int], int]:
    return lambda model, seed: add_lora(model, "numpy", rank, seed=seed, **options)


def _only(ending: str) -> Callable[[nn.Module, int], int]:
    return lambda model, _: train_only(model, ending)


def _bottleneck(width: int) -> Callable[[nn.Module, int], int]:
    return lambda model, _: add_bottleneck(model, width)


#: By name: the base, the sort of learning rate, and what is trained of it.
WAYS: dict[str, tuple[str, str, Callable[[nn.Module, int], int]]] = {
    **{
        f"LoRA, rank {rank}": ("reference", "few numbers", _lora(rank)) for rank in (1, 2, 4, 8, 16)
    },
    **{
        f"LoRA, rank 8, gate {gate}": ("reference", "few numbers", _lora(8, gates=(gate,)))
        for gate in ("r", "z", "n")
    },
    **{
        f"LoRA, rank 8, {weight}": ("reference", "few numbers", _lora(8, weights=(weight,)))
        for weight in ("weight_ih", "weight_hh")
    },
    "bottleneck of 6": ("reference", "few numbers", _bottleneck(6)),
    "bottleneck of 30": ("reference", "few numbers", _bottleneck(30)),
    "biases": ("reference", "few numbers", _only("bias")),
    "output layer": ("reference", "few numbers", _only("output.")),
    "the four matrices": ("reference", "whole matrices", _only("recurrent.weight")),
    "everything": ("reference", "whole matrices", _only("")),
    "from scratch": ("random", "whole matrices", _only("")),
    "LoRA, rank 8, on the shuffled base": ("shuffled", "few numbers", _lora(8)),
    "LoRA, rank 8, on a random base": ("random", "few numbers", _lora(8)),
}


def base_of(name: str, seed: int) -> LanguageModel:
    """A model to start from: a pretrained one, or an untrained one of the same sizes."""
    if name != "random":
        return load_pretrained(name).model
    torch.manual_seed(seed)
    return LanguageModel(**load_pretrained().model.sizes)


def both_texts() -> tuple[ReferenceText, ReferenceText]:
    """The new domain, and the one that the model comes from."""
    read = texts("numpy", "reference")
    return read["numpy"], read["reference"]


def codes() -> dict[str, torch.Tensor]:
    """The pieces of the texts that are read here."""
    vocabulary, (numpy, reference) = Vocabulary(CHARACTERS), both_texts()
    return {
        "train": vocabulary.encode(numpy.train[:TRAIN]),
        "valid": vocabulary.encode(numpy.valid[:VALID]),
        "test": vocabulary.encode(numpy.test[:TEST]),
        "reference": vocabulary.encode(reference.test[:REFERENCE]),
    }


def one_run(way: str, learning_rate: float, seed: int) -> dict:
    """Adapt one model, and measure it."""
    base, _, choose = WAYS[way]
    model = base_of(base, seed)
    trained = choose(model, seed)
    parts = codes()
    history = train_language_model(
        model,
        parts["train"],
        parts["valid"],
        seed=seed,
        learning_rate=learning_rate,
        progress=False,
        **RECIPE,
    )
    scores = {
        part: round(bits_per_character(model, parts[part]), 4)
        for part in ("valid", "test", "reference")
    }
    return {
        "way": way,
        "learning_rate": learning_rate,
        "seed": seed,
        "trained": trained,
        "best_epoch": history.best_epoch,
        **scores,
    }


def first_settings() -> Iterator[tuple[str, float, int]]:
    """Every way at every learning rate, from the first seed."""
    for way, (_, rates, _) in WAYS.items():
        for rate in RATES[rates]:
            yield way, rate, SEEDS[0]


def chosen_rates(runs: list[dict]) -> dict[str, float]:
    """For each way, the learning rate with the fewest bits on the validation text."""
    best: dict[str, dict] = {}
    for run in runs:
        if run["way"] not in best or run["valid"] < best[run["way"]]["valid"]:
            best[run["way"]] = run
    return {way: run["learning_rate"] for way, run in best.items()}


def main() -> None:
    """Run everything and write the file."""
    workers = workers_from_arguments(__doc__)
    first = run_all(one_run, first_settings(), workers)
    rates = chosen_rates(first)
    more = [(way, rate, seed) for way, rate in rates.items() for seed in SEEDS[1:]]
    runs = first + run_all(one_run, more, workers)
    parts = codes()
    untouched = load_pretrained().model
    before = {
        part: round(bits_per_character(untouched, parts[part]), 4)
        for part in ("valid", "test", "reference")
    }
    numpy, _ = both_texts()
    kept = {
        "NumPy's docstrings (training": numpy.train[:TRAIN],
        "validation": numpy.valid[:VALID],
        "test)": numpy.test[:TEST],
    }
    write_result(
        TARGET,
        data=kept,
        command=COMMAND,
        seeds=list(SEEDS),
        results={"before": before, "rates": rates, "runs": runs},
    )


if __name__ == "__main__":
    main()
