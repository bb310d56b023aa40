"""Many independent training runs, side by side where there are cores for it."""

import argparse
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import torch
from tqdm import tqdm


def workers_from_arguments(description: str) -> int:
    """What the option --workers says: how many runs go on at the same time."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--workers", type=int, default=1, help="runs at the same time, one a core")
    workers = parser.parse_args().workers
    if workers < 1:
        parser.error(f"--workers is {workers}; expected at least 1")
    return workers


def run_all(
    function: Callable[..., dict], settings: Iterable[tuple[Any, ...]], workers: int
) -> list[dict]:
    """function(*setting) for every setting, in the order of the settings, one thread each."""
    settings = list(settings)
    # not forked: a forked process can hang in the threads of the one it was forked from
    with ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        futures = [pool.submit(function, *setting) for setting in settings]
        return [future.result() for future in tqdm(futures)]
