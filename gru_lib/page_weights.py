"""The weights of a language model as a script that a page of the book can load.

A page that was opened from a disk may not read files, but it may run scripts. So the weights travel
as text inside one: matrices in eight bits with a scale a row (:mod:`gru_lib.quantisation`), vectors
in float32, and all of it in base 85, five characters for four bytes (RFC 1924's alphabet, which
holds no quotation mark and no backslash).

The bytes are all numbers in float32, little-endian, tensor after tensor in the order of the header
(the scales of a matrix, a vector itself), and then all codes in the same order.
"""

import base64
import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gru_lib.quantisation import QuantisedRows, dequantise_rows, quantise_rows

#: Changes when a script of today could no longer be read.
FORMAT = 1
_SIZES = ("vocabulary_size", "embedding_size", "hidden_size", "num_layers")
_START = "(window.languageModelWeights ??= {})"


class PageWeights(NamedTuple):
    """What a script of weights says.

    Parameters
    ----------
    header : dict
        Format, name, sizes, and the SHA-256 of the file that the weights came from.
    tensors : dict of str to np.ndarray of float32
        By their names in that file; matrices as their codes and scales give them.

    Examples
    --------
    >>> from gru_lib.page_weights import PageWeights
    >>> PageWeights({"format": 1}, {}).header["format"]
    1
    """

    #: What stands beside the numbers.
    header: dict
    #: The numbers.
    tensors: dict[str, np.ndarray]


def model_script(path: str | os.PathLike, name: str = "base") -> str:
    """The script with the weights of a language model.

    Parameters
    ----------
    path : path
        A file of ``gru_lib.models.save_language_model`` that holds a GRU.
    name : str, default "base"
        Under which the page finds them.

    Returns
    -------
    str
        JavaScript, in ASCII; the same file gives the same text.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file holds no language model with GRU layers.

    Examples
    --------
    >>> from importlib.resources import files
    >>> from gru_lib.page_weights import model_script
    >>> script = model_script(files("gru_lib") / "pretrained" / "reference.safetensors")
    >>> len(script) < 400_000
    True
    """
    tensors, card, digest = _read(path)
    missing = [key for key in (*_SIZES, "characters") if key not in card]
    if missing or card.get("cell") != "GRU":
        have = f"it does not say {', '.join(missing)}" if missing else f"cell is {card.get('cell')}"
        raise ValueError(f"{path} holds no language model with GRU layers: {have}")
    header = {key: int(card[key]) for key in _SIZES} | {"characters": card["characters"]}
    return _script(name, header | {"sha256": digest}, tensors)


def adapter_script(path: str | os.PathLike, base: str | os.PathLike, name: str = "numpy") -> str:
    """The script with the low-rank factors that make another model of a base.

    Parameters
    ----------
    path : path
        A file of ``gru_lib.finetuning.save_adapter``: A and B for weights of the base, and the
        weight becomes W + (alpha / rank) B A.
    base : path
        The file of the base.
    name : str, default "numpy"
        Under which the page finds them.

    Returns
    -------
    str
        JavaScript, in ASCII; the same files give the same text.

    Raises
    ------
    FileNotFoundError
        If a file is not there.
    ValueError
        If the file holds no low-rank factors for all gates, or they do not fit the base.

    Examples
    --------
    >>> from importlib.resources import files
    >>> from gru_lib.page_weights import adapter_script
    >>> folder = files("gru_lib") / "pretrained"
    >>> script = adapter_script(
    ...     folder / "numpy-lora.safetensors", folder / "reference.safetensors"
    ... )
    >>> len(script) < 40_000
    True
    """
    tensors, card, digest = _read(path)
    weights, _, base_digest = _read(base)
    if card.get("gates") != "r z n" or not {"alpha", "rank"} <= card.keys():
        raise ValueError(
            f"{path} holds no low-rank factors for all gates: it says gates = {card.get('gates')}, "
            f"alpha = {card.get('alpha')}, rank = {card.get('rank')}"
        )
    rank = int(card["rank"])
    for factor, value in tensors.items():
        target, _, kind = factor.rpartition(".")
        shape = weights[target].shape if target in weights else None
        fits = shape and {"A": (rank, shape[1]), "B": (shape[0], rank)}.get(kind) == value.shape
        if not fits:
            raise ValueError(
                f"{path}: {factor} has shape {value.shape} and rank {rank}; the weight of the base "
                f"has shape {shape}"
            )
    header = {"base": base_digest, "rank": rank, "alpha": float(card["alpha"]), "sha256": digest}
    return _script(name, header, tensors)


def read_script(script: str) -> PageWeights:
    """What a page reads in a script of weights.

    Parameters
    ----------
    script : str
        As :func:`model_script` or :func:`adapter_script` returns it.

    Returns
    -------
    PageWeights

    Raises
    ------
    ValueError
        If the text is something else, of another format, or cut short.

    Examples
    --------
    >>> from importlib.resources import files
    >>> from gru_lib.page_weights import model_script, read_script
    >>> script = model_script(files("gru_lib") / "pretrained" / "reference.safetensors")
    >>> weights = read_script(script)
    >>> weights.header["hidden_size"], weights.tensors["output.weight"].shape
    (160, (96, 160))
    """
    _, start, rest = script.partition(_START)
    try:
        header = json.loads(rest[rest.index("{") : rest.rindex("}") + 1]) if start else {}
    except ValueError:
        header = {}
    if header.get("format") != FORMAT:
        raise ValueError(
            f"script is no script of weights of format {FORMAT}: its format is "
            f"{header.get('format')}"
        )
    shapes = dict(header.pop("tensors"))
    data = base64.b85decode(header.pop("data"))
    floats = sum(shape[0] for shape in shapes.values())
    codes = sum(math.prod(shape) for shape in shapes.values() if len(shape) == 2)
    if len(data) != _padded(4 * floats + codes):
        raise ValueError(
            f"script holds {len(data)} bytes; its header asks for {4 * floats + codes}"
        )
    numbers = np.frombuffer(data, "<f4", floats)
    whole = np.frombuffer(data, np.int8, codes, offset=4 * floats)
    tensors = {}
    for tensor, shape in shapes.items():
        first, numbers = np.split(numbers, [shape[0]])
        if len(shape) == 2:
            some, whole = np.split(whole, [math.prod(shape)])
            first = dequantise_rows(QuantisedRows(some.reshape(shape), first))
        tensors[tensor] = first.astype(np.float32)
    return PageWeights(header, tensors)


def _read(path: str | os.PathLike) -> tuple[dict[str, np.ndarray], dict[str, str], str]:
    """The tensors of a file in the order of their names, its card, and its SHA-256."""
    import safetensors.numpy  # an optional dependency

    data = Path(path).read_bytes()
    try:
        tensors = safetensors.numpy.load(data)
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file: {error}") from error
    length = int.from_bytes(data[:8], "little")  # of the header in JSON that follows
    card = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    return dict(sorted(tensors.items())), card, hashlib.sha256(data).hexdigest()


def _script(name: str, header: Mapping, tensors: Mapping[str, np.ndarray]) -> str:
    floats, codes = b"", b""
    for tensor in tensors.values():
        rows = quantise_rows(tensor) if tensor.ndim == 2 else None
        floats += (rows.scales if rows else tensor).astype("<f4").tobytes()
        codes += rows.codes.tobytes() if rows else b""
    data = floats + codes
    shapes = [[key, list(tensor.shape)] for key, tensor in tensors.items()]
    own = {"format": FORMAT, "name": name, **header, "bytes": len(data), "tensors": shapes}
    text = base64.b85encode(data.ljust(_padded(len(data)), b"\0")).decode("ascii")
    content = json.dumps({**own, "data": text}, separators=(",", ":"))
    return (
        "// Weights of the language model, made when the book was built. "
        "How to read them: gru_lib/page_weights.py\n"
        f"{_START}[{json.dumps(name)}] = {content};\n"
    )


def _padded(size: int) -> int:
    """The next multiple of four bytes."""
    return -(-size // 4) * 4
