"""Results that were computed once, on data that is not part of the book, and are kept with it.

A page that shows one says so, and names the command that makes it again.
"""

import datetime
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from gru_lib.data.registry import REGISTRY


def stored_result(name: str) -> dict[str, Any]:
    """A stored result, with all that is needed to make it again.

    Parameters
    ----------
    name : str
        Its name, such as ``"paper-table"``.

    Returns
    -------
    dict
        ``"data"`` (name, repository, commit and sha256 of the data), ``"command"``, ``"date"``,
        ``"versions"``, ``"seeds"`` and ``"results"``.

    Raises
    ------
    ValueError
        If there is no such result.

    Examples
    --------
    >>> from gru_lib.data.stored import stored_result
    >>> stored_result("paper-table")["command"]
    'python -m benchmarks.paper_table'
    """
    known = {
        Path(file.name).stem: file for file in files("gru_lib.data").joinpath("results").iterdir()
    }
    if name not in known:
        raise ValueError(
            f"there is no stored result {name!r}; there are: {', '.join(sorted(known))}"
        )
    return json.loads(known[name].read_text(encoding="utf-8"))


def describe_stored(result: Mapping[str, Any]) -> str:
    """In one line: that a result was stored, when, with what and how it is made again.

    Parameters
    ----------
    result : mapping
        As :func:`stored_result` returns it.

    Returns
    -------
    str

    Examples
    --------
    >>> from gru_lib.data.stored import describe_stored, stored_result
    >>> describe_stored(stored_result("paper-table")).split(",")[0]
    'STORED RESULT'
    """
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    data = result["data"]
    return (
        f"STORED RESULT, not computed on this page: {result['date']}, {versions}; "
        f"data {data['name']}, sha256 {data['sha256'][:12]}…; seeds {result['seeds']}. "
        f"To make it again: {result['command']}"
    )


def write_result(
    path: str | Path,
    *,
    data: str | Mapping[str, str],
    command: str,
    seeds: Sequence[int],
    results: Mapping[str, Any],
    packages: Sequence[str] = ("numpy", "torch"),
) -> None:
    """Write a result where :func:`stored_result` will find it, and what it was made with.

    Parameters
    ----------
    path : path
        ``gru_lib/data/results/<name>.json`` in a clone of the book.
    data : str or mapping of str to str
        Name of the data set in :data:`gru_lib.data.registry.REGISTRY`; for texts that come with
        installed packages, what they are and the texts themselves by name, of which the sum is
        kept.
    command : str
        What makes the result again.
    seeds : sequence of int
        The seeds that were run.
    results : mapping
        The numbers.
    packages : sequence of str
        Installed packages whose versions are written down.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from gru_lib.data.stored import write_result
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "a.json")
    ...     write_result(file, data="jsb-chorales", command="make it", seeds=[0], results={"x": 1})
    ...     '"make it"' in file.read_text()
    True
    """
    record = {
        "data": _origin(data),
        "command": command,
        "date": datetime.date.today().isoformat(),
        "versions": {
            "Python": platform.python_version(),
            **{name: importlib.metadata.version(name).split("+")[0] for name in packages},
        },
        "seeds": list(seeds),
        "results": results,
    }
    text = json.dumps(record, indent=1, ensure_ascii=False)
    Path(path).write_text(text + "\n", encoding="utf-8")


def _origin(data: str | Mapping[str, str]) -> dict[str, str]:
    if isinstance(data, str):
        entry = REGISTRY[data]
        return {
            "name": data,
            "repository": entry.repository,
            "commit": entry.commit,
            "sha256": entry.sha256,
        }
    whole = "\n".join(data[name] for name in sorted(data))
    return {
        "name": ", ".join(data),
        "sha256": hashlib.sha256(whole.encode()).hexdigest(),
    }
