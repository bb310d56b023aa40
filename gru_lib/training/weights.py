"""Weights in safetensors files that prove themselves whole.

safetensors holds tensors and text, nothing that could run; it has no checksum, so these files
carry one: the SHA-256 of all that they hold.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch

WEIGHTS = "gru_lib weights 1"
_RESERVED = ("format", "sha256")
_LISTED = 4  # names that a message lists before it says how many more there are


class CheckpointError(ValueError):
    """A file of weights or a checkpoint cannot be written, read, or used for this model or run.

    Examples
    --------
    >>> from gru_lib.training import CheckpointError
    >>> issubclass(CheckpointError, ValueError)
    True
    """


def save_weights(
    model: torch.nn.Module, path: str | os.PathLike, metadata: Mapping[str, str] | None = None
) -> None:
    """Write a model's parameters and buffers to a safetensors file, whole or not at all.

    Parameters
    ----------
    model : torch.nn.Module
        Tied weights are fine: each name is stored.
    path : path
        The file; one that is there is replaced in one move, once the new one is on the disk.
    metadata : mapping of str to str, optional
        What a reader of the file should know: sizes, data, licence, seed.

    Raises
    ------
    CheckpointError
        If the file cannot be written, or a parameter holds NaN or infinity.
    TypeError
        If the metadata hold anything but text.
    ValueError
        If the metadata use the name ``format`` or ``sha256``.

    Examples
    --------
    >>> import torch
    >>> from gru_lib.training import load_weights, save_weights
    >>> import pathlib, tempfile
    >>> model, other = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "line.safetensors")
    ...     save_weights(model, path, {"trained on": "nothing yet"})
    ...     load_weights(other, path)
    {'trained on': 'nothing yet'}
    >>> torch.equal(model.weight, other.weight)
    True
    """
    metadata = dict(metadata or {})
    for name, text in metadata.items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise TypeError(f"metadata hold {name!r}: {text!r}; expected text for both")
    if used := [name for name in _RESERVED if name in metadata]:
        raise ValueError(f"metadata use {used}; these names are the file's own")
    tensors = model_tensors(model)
    if bad := non_finite_parameter(model, tensors):
        raise CheckpointError(f"the model holds {bad}: nothing was written to {path}")
    write_sealed(Path(path), tensors, WEIGHTS, metadata)


def load_weights(model: torch.nn.Module, path: str | os.PathLike) -> dict[str, str]:
    """Read a file of ``save_weights`` into a model: every tensor, or none.

    Parameters
    ----------
    model : torch.nn.Module
        Must have the names, shapes and dtypes of the model that was saved, on any device.
    path : path
        The file.

    Returns
    -------
    dict of str to str
        The metadata that the file was saved with.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If the file is cut short, altered, of another kind, or of another model, or holds NaN
        or infinity; the message says which, and the model is as it was.

    Examples
    --------
    >>> import torch
    >>> from gru_lib.training import CheckpointError, load_weights, save_weights
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "line.safetensors")
    ...     save_weights(torch.nn.Linear(2, 1), path)
    ...     try:
    ...         load_weights(torch.nn.Linear(3, 1), path)
    ...     except CheckpointError as error:
    ...         print(str(error).partition(": ")[2])
    weight has shape (1, 2) in the file, (1, 3) in the model
    """
    tensors, metadata = read_sealed(Path(path), WEIGHTS)
    require_fit(model, tensors, str(path))
    model.load_state_dict(tensors, strict=True)
    return metadata


# --- a model's tensors ----------------------------------------------------------------------


def model_tensors(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Copies of a model's parameters and buffers by name."""
    tensors = {}
    for name, value in model.state_dict().items():
        if not isinstance(value, torch.Tensor):
            kind = type(value).__name__
            raise CheckpointError(f"the model's state holds {name}, a {kind}; expected a tensor")
        tensors[name] = value.detach().clone(memory_format=torch.contiguous_format)
    return tensors


def require_fit(model: torch.nn.Module, tensors: Mapping[str, torch.Tensor], path: str) -> None:
    """Raise an error unless the tensors can be the model's, name by name."""
    expected = model.state_dict()
    complaints = [f"{name} is not in the file" for name in expected if name not in tensors]
    complaints += [f"{name} is not in the model" for name in tensors if name not in expected]
    for name in expected.keys() & tensors.keys():
        complaints += _differences(name, tensors[name], expected[name])
    if complaints:
        listed = "; ".join(sorted(complaints)[:_LISTED])
        more = f"; and {len(complaints) - _LISTED} more" if len(complaints) > _LISTED else ""
        raise CheckpointError(f"{path} belongs to another model: {listed}{more}")
    if bad := non_finite_parameter(model, tensors):
        raise CheckpointError(f"{path} holds {bad}")


def _differences(name: str, found: torch.Tensor, expected: torch.Tensor) -> list[str]:
    if found.shape != expected.shape:
        ours, theirs = tuple(expected.shape), tuple(found.shape)
        return [f"{name} has shape {theirs} in the file, {ours} in the model"]
    if found.dtype != expected.dtype:
        return [f"{name} has dtype {found.dtype} in the file, {expected.dtype} in the model"]
    return []


def non_finite_parameter(model: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> str | None:
    """Which parameter holds NaN or infinity, if one does (a buffer may: a mask does)."""
    for name, _ in model.named_parameters():
        bad = int((~torch.isfinite(tensors[name])).sum())
        if bad:
            return f"NaN or infinity in {bad} of the {tensors[name].numel()} entries of {name}"
    return None


# --- files ----------------------------------------------------------------------------------


def write_sealed(
    path: Path, tensors: Mapping[str, torch.Tensor], kind: str, metadata: Mapping[str, str]
) -> None:
    """Write tensors, text and their checksum; the file is there whole or not at all."""
    tensors = {name: tensor.cpu() for name, tensor in tensors.items()}
    metadata = {"format": kind, **metadata}
    metadata["sha256"] = sha256_of(tensors, metadata)
    content = safetensors.torch.save(tensors, metadata)
    unfinished = unfinished_path(path)
    try:
        try:
            with open(unfinished, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())  # the content is on the disk before the name is
            os.replace(unfinished, path)
        except BaseException:
            with contextlib.suppress(OSError):
                unfinished.unlink()
            raise
    except OSError as error:
        raise CheckpointError(
            f"cannot write {path}: {error.strerror or error}; what was there is as it was"
        ) from error
    _sync_folder(path.parent)


def unfinished_path(path: Path) -> Path:
    """Where a file lies while it is written: in the same folder, so that the move is atomic."""
    return path.with_name(path.name + ".unfinished")


def _sync_folder(folder: Path) -> None:
    """Put the new name on the disk, where the file system can be told to (Windows cannot)."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_sealed(path: Path, kind: str) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors and text of a file of this kind, once its checksum is proved."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}") from None
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from error
    tensors = _parse(path, content)
    header_length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + header_length]).get("__metadata__", {})
    if not metadata.get("format", "").startswith("gru_lib ") or "sha256" not in metadata:
        raise CheckpointError(f"{path} is a safetensors file, but not one that gru_lib wrote")
    sealed = metadata.pop("sha256")
    if sealed != sha256_of(tensors, metadata):
        raise CheckpointError(f"{path} is corrupted: its content does not match its checksum")
    if metadata["format"] != kind:
        raise CheckpointError(f"{path} holds '{metadata['format']}'; expected '{kind}'")
    del metadata["format"]
    return tensors, metadata


def _parse(path: Path, content: bytes) -> dict[str, torch.Tensor]:
    try:
        return safetensors.torch.load(content)
    except safetensors.SafetensorError as error:
        if content.startswith((b"PK", b"\x80")):
            raise CheckpointError(
                f"{path} is a zip or pickle file, as torch.save writes them; a pickle can run "
                "code when it is read, so it is not: expected a safetensors file"
            ) from error
        raise CheckpointError(
            f"{path} is cut short, corrupted or not a safetensors file ({error})"
        ) from error


def sha256_of(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> str:
    """Checksum of all names, dtypes, shapes, values and texts."""
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
