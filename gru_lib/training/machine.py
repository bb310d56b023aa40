"""The machine a run meets: its random numbers and its devices."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import numpy as np
import torch

LARGEST_SEED = 2**32 - 1  # what NumPy's global generator takes


def seed_everything(seed: int) -> np.random.Generator:
    """Seed the global random numbers of Python, NumPy and PyTorch (all its devices).

    Parameters
    ----------
    seed : int
        From 0 to ``2**32 - 1``.

    Returns
    -------
    np.random.Generator
        A generator with the same seed, for functions that take one (``rng=``).

    Raises
    ------
    TypeError
        If the seed is not a whole number.
    ValueError
        If the seed is out of range.

    Examples
    --------
    >>> from gru_lib.training import seed_everything
    >>> import torch
    >>> rng = seed_everything(7)
    >>> first = torch.rand(3), rng.integers(100)
    >>> rng = seed_everything(7)
    >>> torch.equal(first[0], torch.rand(3)), bool(first[1] == rng.integers(100))
    (True, True)
    """
    seed = require_seed(seed)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    return np.random.default_rng(seed)


def require_seed(seed: int) -> int:
    """Return the seed as an int, or raise an error that says what is allowed."""
    if isinstance(seed, bool) or not isinstance(seed, Integral):
        raise TypeError(f"seed is {seed!r}; expected a whole number from 0 to 2**32 - 1")
    if not 0 <= seed <= LARGEST_SEED:
        raise ValueError(f"seed is {seed}; expected a whole number from 0 to 2**32 - 1")
    return int(seed)


def derive_seed(*numbers: int) -> int:
    """A seed for one purpose, mixed from the run's seed, the epoch and the purpose."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def choose_device(name: str | torch.device = "auto") -> torch.device:
    """The device to train on: the one asked for, or the best that is there.

    Parameters
    ----------
    name : str or torch.device
        ``"auto"`` (CUDA before MPS before the CPU), or a device's name such as ``"cuda:1"``.

    Returns
    -------
    torch.device
        A device of this machine.

    Raises
    ------
    TypeError
        If ``name`` is neither text nor a ``torch.device``.
    ValueError
        If the device is not there; the message says which are.

    Examples
    --------
    >>> from gru_lib.training import choose_device
    >>> choose_device("cpu")
    device(type='cpu')
    """
    if not isinstance(name, str | torch.device):
        raise TypeError(f"device is {name!r}; expected 'auto', a device's name or a torch.device")
    there = _available_devices()
    if name == "auto":
        return torch.device(there[0])
    kinds = {device.split(":")[0] for device in there}
    if str(name) not in {*there, *kinds}:
        raise ValueError(f"device is '{name}'; there is: {', '.join(there)} (or 'auto')")
    return torch.device(name)


def _available_devices() -> list[str]:
    """Names of this machine's devices, the best one first."""
    there = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        there.append("mps")
    return [*there, "cpu"]


def random_state(device: torch.device) -> dict[str, Any]:
    """Where all global random numbers stand: Python's, NumPy's, PyTorch's, the device's."""
    name, key, *rest = np.random.get_state()
    state = {
        "python": random.getstate(),
        "numpy": (name, key.tolist(), *rest),
        "torch": torch.get_rng_state(),
    }
    if device.type == "cuda":
        state["device"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        state["device"] = torch.mps.get_rng_state()
    return state


def set_random_state(state: dict[str, Any], device: torch.device) -> None:
    """Go back to where ``random_state`` found the random numbers."""
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["device"], device)
    elif device.type == "mps":
        torch.mps.set_rng_state(state["device"])


@contextmanager
def unchanged_randomness(device: torch.device) -> Iterator[None]:
    """Draw and seed inside as you like: outside, random numbers go on as if nothing had been."""
    state = random_state(device)
    try:
        yield
    finally:
        set_random_state(state, device)


class TorchStream:
    """PyTorch's random numbers on the CPU in a stream of their own, entered with ``with``.

    The order of batches draws from one, so that it depends on the seed alone and not on how
    much dropout drew in between. It is entered once a batch: that costs 3 µs.
    """

    def __init__(self, seed: int) -> None:
        self._state = torch.Generator().manual_seed(seed).get_state()

    def __enter__(self) -> None:
        self._outside = torch.get_rng_state()
        torch.set_rng_state(self._state)

    def __exit__(self, *error: object) -> None:
        self._state = torch.get_rng_state()
        torch.set_rng_state(self._outside)
