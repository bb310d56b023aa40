"""Many independent training runs, side by side where there are cores for it."""

import argparse
import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from gru_lib.data.characters import ReferenceText, python_reference
from gru_lib.data.docstrings import LabelledSentences, library_sentences, numpy_docstrings
from gru_lib.data.questions import trec_questions


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


_LOADERS: dict[str, Callable[[], Any]] = {
    "reference": python_reference,
    "numpy": numpy_docstrings,
    "libraries": library_sentences,
    "trec": trec_questions,
}


@cache
def texts(*names: str) -> dict[str, Any]:
    """The texts of the chapters on fine-tuning, from the packages installed here.

    ``"reference"`` and ``"numpy"`` are ReferenceText, ``"libraries"`` and ``"trec"`` parts of
    labelled sentences by name; all of them, or those that are named. Where the variable
    ``GRU_TEXT_CACHE`` names a file, they are read from it, so that a machine with other versions
    of the packages sees the same texts.
    """
    names = names or tuple(_LOADERS)
    cache_file = os.environ.get("GRU_TEXT_CACHE")
    if cache_file is None:
        return {name: _LOADERS[name]() for name in names}
    kept = json.loads(Path(cache_file).read_text(encoding="utf-8"))
    return {name: _as_loaded(name, kept[name]) for name in names}


def _as_loaded(name: str, kept: dict) -> Any:
    if name in ("reference", "numpy"):
        return ReferenceText(**kept)
    return {
        part: LabelledSentences(sentences, np.array(classes))
        for part, (sentences, classes) in kept.items()
    }
