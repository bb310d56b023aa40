"""How fast minGRU is beside ``torch.nn.GRU``, how it grows with the sequence, what it keeps.

Times are those of a forward and a backward pass in float32, without a gradient for the input, as
in the first layer of a model.
"""

import statistics
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.gru_speed import BASE, torch_both
from gru_lib.min_gru import SCANS, MinGRU
from gru_lib.timing import interleave, ratio

WIDTH = 64  # features of input and hidden state
SHAPES = [(1024, 8), (4096, 8), (1024, 32)]  # steps, batch
LENGTHS = [256, 512, 1024, 2048, 4096, 8192]
BATCH = 8  # where the length grows
NAMES = [BASE, *SCANS]


def layer(name: str) -> torch.nn.Module:
    """A layer with the scan of this name, or ``torch.nn.GRU``."""
    return torch.nn.GRU(WIDTH, WIDTH) if name == BASE else MinGRU(WIDTH, WIDTH, scan=name)


def both_run(name: str, steps: int, batch: int) -> Callable[[], object]:
    """A function without arguments: a forward and a backward pass."""
    torch.manual_seed(0)
    x, d_output = np.random.default_rng(0).normal(size=(2, steps, batch, WIDTH)).astype(np.float32)
    return torch_both(layer(name), x, d_output, by_input=False)


def kept_numbers(name: str, steps: int, batch: int) -> float:
    """Numbers that autograd holds between forward and backward, per step, sequence and unit.

    Counted, not timed: the distinct blocks of memory, without the parameters and the input. The
    same on every machine with the same version of PyTorch.
    """
    module, x = layer(name), torch.randn(steps, batch, WIDTH)
    known = {tensor.untyped_storage().data_ptr() for tensor in (x, *module.parameters())}
    storages = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage  # held, so that no address is used twice
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        module(x)
    kept = sum(storage.nbytes() for at, storage in storages.items() if at not in known)
    return kept / (x.element_size() * steps * batch * WIDTH)


def print_speed_table(shapes: list[tuple[int, int]] = SHAPES, seconds: float = 8.0) -> None:
    """Time every scan on all shapes and print ratios to ``torch.nn.GRU``'s time."""
    print(f"minGRU, forward + backward: time as a multiple of {BASE}'s")
    print(f"({WIDTH} features, {torch.get_num_threads()} thread(s), float32)")
    print(f"{'T, B':14}{BASE + ' ms':>16}" + "".join(f"{scan:>10}" for scan in SCANS))
    for shape in shapes:
        times = interleave({name: both_run(name, *shape) for name in NAMES}, seconds)
        row = f"{', '.join(map(str, shape)):14}{1e3 * statistics.median(times[BASE]):16.1f}"
        print(row + "".join(f"{ratio(times, scan, BASE):10.2f}" for scan in SCANS))


def print_growth_table(lengths: list[int] = LENGTHS, rounds: int = 5) -> None:
    """Time sequences of growing length, which take turns, and print times per step."""
    first = lengths[0]
    print(f"\ntime a step, as a multiple of that at {first} steps (batch {BATCH})")
    print(f"{'scan':14}{f'µs at {first}':>16}" + "".join(f"{steps:10}" for steps in lengths))
    for name in NAMES:
        runs = {steps: both_run(name, steps, BATCH) for steps in lengths}
        times = interleave(runs, rounds=rounds, warm_up=1)
        row = f"{name:14}{1e6 * statistics.median(times[first]) / first:16.1f}"
        print(row + "".join(f"{ratio(times, n, first) * first / n:10.2f}" for n in lengths))


def print_memory_table(lengths: list[int] = LENGTHS[::2]) -> None:
    """Count what a forward pass keeps for the backward pass."""
    print("\nnumbers kept for the backward pass, per step, sequence and hidden unit")
    print(f"{'scan':14}" + "".join(f"{steps:10}" for steps in lengths))
    for name in NAMES:
        row = "".join(f"{kept_numbers(name, steps, BATCH):10.1f}" for steps in lengths)
        print(f"{name:14}{row}")


def main() -> None:
    """Print the three tables, on one thread."""
    torch.set_num_threads(1)
    print_speed_table()
    print_growth_table()
    print_memory_table()


if __name__ == "__main__":
    main()
