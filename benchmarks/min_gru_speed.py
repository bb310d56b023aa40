"""How fast minGRU is beside ``torch.nn.GRU``, how it grows with the sequence, what it keeps.

Times are those of a forward and a backward pass in float32 on one thread, without a gradient for
the input, as in the first layer of a model.
"""

import statistics
from collections.abc import Callable

import torch

from benchmarks.timing import interleave, ratio
from gru_lib.min_gru import SCANS, MinGRU

WIDTH = 64  # features of input and hidden state
SHAPES = ((1024, 8), (4096, 8), (1024, 32))  # steps, batch
LENGTHS = (256, 512, 1024, 2048, 4096, 8192)
GRU = "torch.nn.GRU"


def speed_rows(seconds: float = 8.0) -> list[dict[str, object]]:
    """Time of every scan as a multiple of ``torch.nn.GRU``'s, for three shapes.

    Parameters
    ----------
    seconds : float
        To spend on each shape, about.

    Returns
    -------
    list of dict
        One a shape: ``steps``, ``batch``, ``gru_ms`` (median, milliseconds) and the median ratio
        of every scan, under its name.
    """
    rows = []
    for steps, batch in SHAPES:
        times = _on_one_thread(lambda runs: interleave(runs, seconds), _runs(steps, batch))
        row = {"steps": steps, "batch": batch, "gru_ms": 1e3 * statistics.median(times[GRU])}
        rows.append(row | {scan: ratio(times, scan, GRU) for scan in SCANS})
    return rows


def growth_rows(rounds: int = 5) -> list[dict[str, object]]:
    """Time per step for growing sequences, batch 8.

    Parameters
    ----------
    rounds : int
        How often each length is timed; the lengths take turns.

    Returns
    -------
    list of dict
        One a scan, and one for ``torch.nn.GRU``: ``scan``, ``first_us`` (microseconds a step at
        the shortest length) and, under each length, the time a step as a multiple of that.
    """
    rows = []
    for name in (GRU, *SCANS):
        runs = {str(steps): _run(name, steps, 8) for steps in LENGTHS}
        times = _on_one_thread(lambda runs: interleave(runs, rounds=rounds, warm_up=1), runs)
        first = str(LENGTHS[0])
        row = {"scan": name, "first_us": 1e6 * statistics.median(times[first]) / LENGTHS[0]}
        row |= {n: ratio(times, str(n), first) * LENGTHS[0] / n for n in LENGTHS}
        rows.append(row)
    return rows


def memory_rows() -> list[dict[str, object]]:
    """Memory that a forward pass keeps for the backward pass, batch 8.

    Counted, not timed: the distinct blocks of memory that autograd holds, without the parameters
    and the input. The same on every machine with the same version of PyTorch.

    Returns
    -------
    list of dict
        One a scan, and one for ``torch.nn.GRU``: ``scan`` and, under each of three lengths, how
        many numbers are kept for one step, one sequence and one hidden unit.
    """
    rows = []
    for name in (GRU, *SCANS):
        row: dict[str, object] = {"scan": name}
        for steps in LENGTHS[::2]:
            row[steps] = saved_bytes(name, steps, 8) / (4 * steps * 8 * WIDTH)
        rows.append(row)
    return rows


def saved_bytes(name: str, steps: int, batch: int) -> int:
    """Bytes that autograd holds between a layer's forward and backward pass.

    Parameters
    ----------
    name : str
        A scan of ``MinGRU``, or ``"torch.nn.GRU"``.
    steps, batch : int
        Shape of the input.

    Returns
    -------
    int
        Sum over distinct blocks of memory, without the parameters and the input.
    """
    layer, x = _layer(name), torch.randn(steps, batch, WIDTH)
    known = {tensor.untyped_storage().data_ptr() for tensor in (x, *layer.parameters())}
    storages = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage  # held, so that no address is used twice
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        layer(x)
    return sum(storage.nbytes() for at, storage in storages.items() if at not in known)


def _layer(name: str) -> torch.nn.Module:
    return torch.nn.GRU(WIDTH, WIDTH) if name == GRU else MinGRU(WIDTH, WIDTH, scan=name)


def _run(name: str, steps: int, batch: int) -> Callable[[], None]:
    """A forward and backward pass, ready to be timed."""
    torch.manual_seed(0)
    layer, x = _layer(name), torch.randn(steps, batch, WIDTH)
    d_output = torch.randn(steps, batch, WIDTH)

    def run() -> None:
        layer.zero_grad()
        output, _ = layer(x)
        output.backward(d_output)

    return run


def _runs(steps: int, batch: int) -> dict[str, Callable[[], None]]:
    return {name: _run(name, steps, batch) for name in (GRU, *SCANS)}


def _on_one_thread(
    timing: Callable[[dict[str, Callable[[], None]]], dict[str, list[float]]],
    runs: dict[str, Callable[[], None]],
) -> dict[str, list[float]]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return timing(runs)
    finally:
        torch.set_num_threads(before)


def _table(title: str, head: list[str], body: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    lines = (
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in (head, *body)
    )
    return "\n".join([title, "", *lines, ""])


def main() -> None:
    """Print the three tables; takes about a minute."""
    print(
        _table(
            f"minGRU, forward + backward: time as a multiple of {GRU}'s "
            f"({WIDTH} features, one thread, float32)",
            ["steps", "batch", f"{GRU} ms", *SCANS],
            [
                [str(row["steps"]), str(row["batch"]), f"{row['gru_ms']:.0f}"]
                + [f"{row[scan]:.2f}" for scan in SCANS]
                for row in speed_rows()
            ],
        )
    )
    print(
        _table(
            f"Time a step, as a multiple of that at {LENGTHS[0]} steps (batch 8)",
            ["scan", f"µs at {LENGTHS[0]}", *map(str, LENGTHS)],
            [
                [row["scan"], f"{row['first_us']:.1f}"] + [f"{row[n]:.2f}" for n in LENGTHS]
                for row in growth_rows()
            ],
        )
    )
    print(
        _table(
            "Numbers kept for the backward pass, per step, sequence and hidden unit (batch 8)",
            ["scan", *map(str, LENGTHS[::2])],
            [[row["scan"]] + [f"{row[n]:.1f}" for n in LENGTHS[::2]] for row in memory_rows()],
        )
    )


if __name__ == "__main__":
    main()
