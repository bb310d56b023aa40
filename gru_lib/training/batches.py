"""Where batches come from, and what can be done with any of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from gru_lib._checks import require_positive_integer
from gru_lib.training.machine import TorchStream
from gru_lib.training.weights import sha256_of

BatchSource = Iterable[Any] | Callable[[int], Iterable[Any]]

_NO_MORE = object()


class Batches:
    """Batches of tensors that lie in memory, with ``shuffle`` in a new order each time.

    What ``DataLoader(TensorDataset(...))`` gives, without its cost of taking every example out
    and stacking them again.

    Parameters
    ----------
    *tensors : torch.Tensor or np.ndarray, each of shape (examples, ...)
        Inputs, targets, lengths: all with as many examples.
    batch_size : int
        Examples in a batch.
    shuffle : bool
        Draw a new order, from PyTorch's random numbers, each time the batches are asked for.
    drop_last : bool
        Leave out the last batch where it is smaller than the others.

    Raises
    ------
    TypeError
        If an argument is neither a tensor nor an array, or ``batch_size`` is no whole number.
    ValueError
        If there is no tensor, the tensors differ in their number of examples, or there is no
        batch to give.

    Examples
    --------
    >>> from gru_lib.training import Batches
    >>> import torch
    >>> batches = Batches(torch.arange(5), torch.arange(5) ** 2, batch_size=2)
    >>> len(batches)
    3
    >>> for inputs, targets in batches:
    ...     print(inputs.tolist(), targets.tolist())
    [0, 1] [0, 1]
    [2, 3] [4, 9]
    [4] [16]
    """

    def __init__(
        self,
        *tensors: torch.Tensor | np.ndarray,
        batch_size: int,
        shuffle: bool = False,
        drop_last: bool = False,
    ) -> None:
        self.tensors = tuple(_require_examples(i, tensor) for i, tensor in enumerate(tensors))
        self.batch_size = require_positive_integer("batch_size", batch_size)
        self.shuffle = shuffle
        self.drop_last = drop_last
        counts = [len(tensor) for tensor in self.tensors]
        if not counts:
            raise ValueError("Batches got no tensor; expected at least one")
        if len(set(counts)) > 1:
            raise ValueError(f"the tensors hold {counts} examples; expected the same number in all")
        if len(self) == 0:
            raise ValueError(
                f"there is no batch: {counts[0]} examples, batch_size={batch_size}, "
                f"drop_last={drop_last}"
            )

    def __len__(self) -> int:
        """How many batches there are."""
        whole, rest = divmod(len(self.tensors[0]), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, ...]]:
        """Give the batches once, each a tuple with one tensor per argument."""
        count = len(self.tensors[0])
        order = torch.randperm(count) if self.shuffle else torch.arange(count)
        for rows in order.split(self.batch_size)[: len(self)]:
            yield tuple(tensor[rows] for tensor in self.tensors)


def _require_examples(position: int, tensor: torch.Tensor | np.ndarray) -> torch.Tensor:
    if not isinstance(tensor, torch.Tensor | np.ndarray):
        kind = type(tensor).__name__
        raise TypeError(f"argument {position} of Batches is a {kind}; expected a tensor or array")
    if tensor.ndim == 0:
        raise ValueError(f"argument {position} of Batches has shape (); expected (examples, ...)")
    return torch.as_tensor(tensor)


def require_batches(name: str, source: BatchSource) -> None:
    """Raise an error unless the source can give its batches again and again, reproducibly."""
    if isinstance(source, torch.Tensor | Iterator):
        raise TypeError(
            f"{name} is a {type(source).__name__}; expected what gives its batches anew each "
            "epoch: Batches, a DataLoader, a list, or a function epoch -> iterable"
        )
    if not isinstance(source, Iterable) and not callable(source):
        raise TypeError(
            f"{name} is {source!r}; expected Batches, a DataLoader, a list, or a function "
            "epoch -> iterable"
        )
    sampler = getattr(getattr(source, "batch_sampler", None) or source, "sampler", None)
    if any(getattr(part, "generator", None) is not None for part in (source, sampler)):
        raise ValueError(
            f"{name} has a generator of its own, which no checkpoint could bring back; leave "
            "generator out: fit draws the order from its seed"
        )


def epoch_batches(source: BatchSource, epoch: int, seed: int) -> Iterator[Any]:
    """One epoch's batches; what they draw at random is decided by the seed alone."""
    stream = TorchStream(seed)
    with stream:
        iterator = iter(_iterable(source, epoch))
    while True:
        with stream:
            batch = next(iterator, _NO_MORE)
        if batch is _NO_MORE:
            return
        yield batch


def _iterable(source: BatchSource, epoch: int) -> Iterable[Any]:
    if isinstance(source, Iterable):
        return source
    batches = source(epoch)
    if not isinstance(batches, Iterable):
        raise TypeError(
            f"the function that gives batches returned {batches!r} for epoch {epoch}; expected "
            "an iterable of batches"
        )
    return batches


def count_batches(source: BatchSource) -> int | None:
    """How many batches an epoch has, or None where only counting them would tell."""
    try:
        return len(source)
    except TypeError:
        return None


def move_batch(batch: Any, device: torch.device) -> Any:
    """The batch with all its tensors on the device; other things stay as they are."""
    if hasattr(batch, "to"):  # tensors, packed sequences
        return batch.to(device)
    if isinstance(batch, Mapping):
        return {key: move_batch(value, device) for key, value in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(move_batch(value, device) for value in batch))
    if isinstance(batch, list | tuple):
        return type(batch)(move_batch(value, device) for value in batch)
    return batch


def fingerprint(batch: Any) -> str:
    """A text that two batches share only if their tensors hold the same."""
    tensors = {str(number): tensor.cpu() for number, tensor in enumerate(_tensors_of(batch))}
    return sha256_of(tensors, {})


def _tensors_of(batch: Any) -> list[torch.Tensor]:
    if isinstance(batch, torch.Tensor):
        return [batch]
    if isinstance(batch, Mapping):
        batch = list(batch.values())
    if isinstance(batch, list | tuple):
        return [tensor for value in batch for tensor in _tensors_of(value)]
    return []
