"""The state of a run in one safetensors file: tensors as tensors, the rest as JSON, no pickle.

The state is made of dicts, lists, tuples, tensors, numbers, text and None; what is read equals
what was written, bit by bit.
"""

import json
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import torch

from gru_lib.training.weights import CheckpointError, read_sealed, write_sealed

CHECKPOINT = "gru_lib checkpoint 1"
_DICTS = {"dict": dict, "OrderedDict": OrderedDict, "Counter": Counter}
_LISTS = {"list": list, "tuple": tuple}


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a run's state to a file, whole or not at all."""
    tensors: dict[str, torch.Tensor] = {}
    packed = pack(state, "", tensors)
    write_sealed(path, tensors, CHECKPOINT, {"state": json.dumps(packed)})


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a run's state from a file."""
    tensors, metadata = read_sealed(path, CHECKPOINT)
    return unpack(json.loads(metadata["state"]), tensors)


def pack(value: Any, name: str, tensors: dict[str, torch.Tensor]) -> Any:
    """Turn a value into what JSON can hold; its tensors go into ``tensors``, under their path.

    JSON has one kind of list and no numbers as keys, so every container is written with its
    kind: ``{"tuple": [0.9, 0.999]}``.
    """
    if isinstance(value, torch.Tensor):
        tensors[name] = value.detach().clone(memory_format=torch.contiguous_format)
        return {"tensor": name}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    kind = type(value).__name__
    if type(value) in _LISTS.values():
        return {kind: [pack(item, f"{name}[{i}]", tensors) for i, item in enumerate(value)]}
    if type(value) in _DICTS.values():
        return {kind: [_pack_item(key, item, name, tensors) for key, item in value.items()]}
    raise CheckpointError(
        f"{name} is a {kind}; a checkpoint holds tensors, numbers, text, None, "
        "and dicts, lists and tuples of them"
    )


def _pack_item(key: Any, item: Any, name: str, tensors: dict[str, torch.Tensor]) -> list[Any]:
    if isinstance(key, str):
        return [key, pack(item, f"{name}.{key}" if name else key, tensors)]
    if isinstance(key, int):
        return [key, pack(item, f"{name}[{key}]", tensors)]
    raise CheckpointError(f"{name} has the key {key!r}; a checkpoint holds keys of text or int")


def unpack(packed: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """Undo ``pack``."""
    if not isinstance(packed, dict):
        return packed
    ((kind, content),) = packed.items()
    if kind == "tensor":
        return tensors[content]
    if kind in _LISTS:
        return _LISTS[kind](unpack(item, tensors) for item in content)
    return _DICTS[kind]({key: unpack(item, tensors) for key, item in content})
