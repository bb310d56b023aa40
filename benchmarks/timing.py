"""Fair ratios of running times: interleaved runs, medians."""

import gc
import math
import statistics
import time
from collections.abc import Callable

SHORTEST_TURN = 0.03  # seconds


def interleave(
    functions: dict[str, Callable[[], object]],
    seconds: float = 2.0,
    rounds: int | None = None,
    warm_up: int = 2,
) -> dict[str, list[float]]:
    """Time functions in turn, round after round, so that all meet the same machine.

    A busy neighbour slows one round of all of them, not all rounds of one. A turn is one call, or
    as many as fill thirty milliseconds, as in a training loop: a short call alone would be charged
    for bringing back into the cache what the function before it has driven out. Runs for about
    ``seconds`` in all and at least five rounds, or exactly ``rounds`` rounds.

    Returns
    -------
    dict of str to list of float
        Seconds that each function took for a call, one entry a round.
    """
    calls = {}
    for name, function in functions.items():
        for _ in range(warm_up):
            function()
        calls[name] = max(1, math.ceil(SHORTEST_TURN / max(_seconds(function, 1), 1e-9)))
    if rounds is None:
        once = sum(calls[name] * _seconds(function, 1) for name, function in functions.items())
        rounds = max(5, round(seconds / once))
    times: dict[str, list[float]] = {name: [] for name in functions}
    gc.collect()
    gc.disable()  # a collection would hit whoever runs at that moment
    try:
        for _ in range(rounds):
            for name, function in functions.items():
                times[name].append(_seconds(function, calls[name]) / calls[name])
    finally:
        gc.enable()
    return times


def _seconds(function: Callable[[], object], calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        function()
    return time.perf_counter() - started


def ratio(times: dict[str, list[float]], name: str, base: str) -> float:
    """Median over the rounds of a function's time as a multiple of another's."""
    return statistics.median(
        mine / other for mine, other in zip(times[name], times[base], strict=True)
    )
