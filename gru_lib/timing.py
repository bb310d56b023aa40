"""Fair ratios of running times: interleaved runs, medians.

A time by itself says as much about the neighbours of a process as about the process. What holds is
a ratio of two functions that took turns.
"""

import gc
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

#: Seconds that a function runs before the next has its turn.
SHORTEST_TURN = 0.03


def interleave(
    functions: Mapping[str, Callable[[], object]],
    seconds: float = 2.0,
    rounds: int | None = None,
    warm_up: int = 2,
) -> dict[str, list[float]]:
    """Time functions in turn, round after round, so that all meet the same machine.

    A busy neighbour slows one round of all of them, not all rounds of one. A turn is one call, or
    as many as fill thirty milliseconds, as in a training loop: a short call alone would be charged
    for bringing back into the cache what the function before it has driven out.

    Parameters
    ----------
    functions : mapping of str to callable
        Functions without arguments, by name. One that starts work on a GPU has to wait for its end.
    seconds : float, default 2.0
        About how long all rounds take together; there are at least five.
    rounds : int, optional
        Exactly so many rounds, whatever they take.
    warm_up : int, default 2
        Calls of each function before the first that counts.

    Returns
    -------
    dict of str to list of float
        Seconds that each function took for a call, one entry a round.

    Raises
    ------
    ValueError
        If there is no function, or no round.

    Examples
    --------
    >>> from gru_lib.timing import interleave
    >>> functions = {"short": lambda: sum(range(9)), "long": lambda: sum(range(99))}
    >>> times = interleave(functions, rounds=3)
    >>> {name: len(of_a_call) for name, of_a_call in times.items()}
    {'short': 3, 'long': 3}
    """
    if not functions:
        raise ValueError("functions is empty; expected at least one function by its name")
    if rounds is not None and rounds < 1:
        raise ValueError(f"rounds is {rounds}; expected at least 1")
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


def ratio(times: Mapping[str, Sequence[float]], name: str, base: str) -> float:
    """Median over the rounds of a function's time as a multiple of another's.

    Parameters
    ----------
    times : mapping of str to sequence of float
        As :func:`interleave` returns them.
    name, base : str
        Whose time, and as a multiple of whose.

    Returns
    -------
    float

    Raises
    ------
    KeyError
        If one of the names has no times.

    Examples
    --------
    In the second round a neighbour slowed both; in the third, one of them.

    >>> from gru_lib.timing import ratio
    >>> ratio({"mine": [1.0, 10.0, 9.0], "other": [2.0, 20.0, 2.0]}, "mine", "other")
    0.5
    """
    return statistics.median(
        mine / other for mine, other in zip(times[name], times[base], strict=True)
    )
