"""Fair ratios of running times: interleaved runs, medians."""

import gc
import statistics
import time
from collections.abc import Callable


def interleave(
    functions: dict[str, Callable[[], object]],
    seconds: float = 2.0,
    rounds: int | None = None,
    warm_up: int = 2,
) -> dict[str, list[float]]:
    """Time functions in turn, round after round, so that all meet the same machine.

    A busy neighbour slows one round of all of them, not all rounds of one. Runs for about
    ``seconds`` in all, at least five rounds and at most 1000, or exactly ``rounds`` rounds.

    Returns
    -------
    dict of str to list of float
        Seconds that each function took, one entry a round.
    """
    for _ in range(warm_up):
        for function in functions.values():
            function()
    if rounds is None:
        started = time.perf_counter()
        for function in functions.values():
            function()
        once = time.perf_counter() - started
        rounds = max(5, min(1000, round(seconds / once)))
    times: dict[str, list[float]] = {name: [] for name in functions}
    gc.collect()
    gc.disable()  # a collection would hit whoever runs at that moment
    try:
        for _ in range(rounds):
            for name, function in functions.items():
                started = time.perf_counter()
                function()
                times[name].append(time.perf_counter() - started)
    finally:
        gc.enable()
    return times


def ratio(times: dict[str, list[float]], name: str, base: str) -> float:
    """Median over the rounds of a function's time as a multiple of another's."""
    return statistics.median(
        mine / other for mine, other in zip(times[name], times[base], strict=True)
    )
