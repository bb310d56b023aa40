"""One training shared by several processes, on one machine or more: data parallel, by rows.

Every process is given the whole batch, in the same order, and reads every W-th row of it. What it
learns is averaged over all before anyone takes a step, so the weights are the same everywhere and,
up to rounding, those of one process that reads all rows.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from gru_lib.models import next_code_loss
from gru_lib.training import CheckpointError, choose_device
from gru_lib.training.machine import derive_seed


class Processes:
    """The processes that ``torchrun`` started; without it, this one alone.

    Parameters
    ----------
    device : str or torch.device
        As ``choose_device`` takes it; of several GPUs each process takes its own.

    Attributes
    ----------
    rank, count : int
        The number of this process, from 0, and how many there are.
    device : torch.device
        Of this process.

    Notes
    -----
    ``torchrun`` tells a process who it is in the variables ``RANK``, ``WORLD_SIZE`` and
    ``LOCAL_RANK``. They talk through NCCL between GPUs and through Gloo otherwise.

    Examples
    --------
    >>> from gru_lib.pretrain import Processes
    >>> with Processes("cpu") as processes:
    ...     processes.count, processes.is_first
    (1, True)
    """

    def __init__(self, device: str | torch.device = "cpu") -> None:
        self.rank = int(os.environ.get("RANK", 0))
        self.count = int(os.environ.get("WORLD_SIZE", 1))
        self.device = choose_device(device)
        if self.count > 1 and self.device.type == "cuda" and self.device.index is None:
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))

    def __enter__(self) -> "Processes":
        if self.count > 1:
            if self.device.type == "cuda":
                torch.cuda.set_device(self.device)
            dist.init_process_group("nccl" if self.device.type == "cuda" else "gloo")
        return self

    def __exit__(self, *error: object) -> None:
        if self.count > 1:
            dist.destroy_process_group()

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.rank == 0

    def sum(self, *numbers: float) -> list[float]:
        """The sums of numbers over all processes, the same bits in each."""
        if self.count == 1:
            return list(numbers)
        sums = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        dist.all_reduce(sums)
        return sums.tolist()

    def require_same_checkpoint(self, path: Path) -> None:
        """Raise an error unless all processes see the same file at a path, or none."""
        if self.count == 1:
            return
        content = path.read_bytes() if path.exists() else b""
        seen: list[Any] = [None] * self.count
        dist.all_gather_object(seen, hashlib.sha256(content).hexdigest() if content else "none")
        if len(set(seen)) > 1:
            raise CheckpointError(
                f"the processes do not see the same file at {path} (process 0: {seen[0][:8]}, "
                f"another: {next(s for s in seen if s != seen[0])[:8]}); give a path in a folder "
                "that all machines share"
            )


class SharedLoss:
    """``next_code_loss`` of a batch whose rows are shared among processes.

    Parameters
    ----------
    model : torch.nn.Module
        That is trained; ``fit`` is given the same.
    processes : Processes
        Among whom the rows are shared: process r of W reads the rows r, r + W, r + 2 W, ...
    recipe : dict of str to str
        What a checkpoint must say when training goes on from it.

    Notes
    -----
    ``DistributedDataParallel`` replaces every gradient by the *mean* over the processes. The
    gradient that is wanted is the mean over the batch. The two differ when the shares are not
    equal, as in the last batch of an epoch; so each process scales its own mean by W n / N, with
    n of the batch's N rows its own. A process without a row reads one and scales it by 0.

    Examples
    --------
    >>> from gru_lib.models import LanguageModel
    >>> from gru_lib.pretrain import Processes, SharedLoss
    >>> import torch
    >>> model = LanguageModel(4, 2, 3)
    >>> loss, count = SharedLoss(model, Processes("cpu"), {})(model, torch.zeros(3, 6).long())
    >>> loss.shape, count
    (torch.Size([]), 15)
    """

    def __init__(self, model: nn.Module, processes: Processes, recipe: dict[str, str]) -> None:
        self.processes = processes
        self.recipe = recipe
        self.shared = model
        if processes.count > 1:
            model.to(processes.device)
            self.shared = DistributedDataParallel(model)

    def __call__(self, model: nn.Module, windows: Tensor) -> tuple[Tensor, int]:
        """Mean loss of the whole batch, whose gradient is made in all processes together."""
        if self.processes.count == 1:
            return next_code_loss(model, windows)
        rank, count = self.processes.rank, self.processes.count
        own = windows[rank::count]
        share = len(own) / len(windows)
        if model.training:
            with self._own_randomness():
                loss, _ = next_code_loss(self.shared, own if len(own) else windows[:1])
        else:
            loss, _ = next_code_loss(model, own if len(own) else windows[:1])
        (mean,) = self.processes.sum(share * loss.item())
        # the value of the whole batch, the same in all processes, with the gradient of this share
        gradient = share * count * loss
        whole = mean + (gradient - gradient.detach())
        return whole, windows.shape[0] * (windows.shape[1] - 1)

    @contextmanager
    def _own_randomness(self) -> Iterator[None]:
        """Let each process drop other units, and leave the random numbers the same in all."""
        seed = derive_seed(int(torch.randint(2**31, ())), self.processes.rank)
        devices = [self.processes.device] if self.processes.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            yield

    def state_dict(self) -> dict[str, str]:
        """The recipe, so that a checkpoint holds it."""
        return self.recipe

    def load_state_dict(self, state: dict[str, str]) -> None:
        """Raise an error unless the checkpoint was made by this recipe."""
        differing = [
            f"{name} was {state.get(name, 'not there')}, is {value}"
            for name, value in self.recipe.items()
            if state.get(name) != value
        ]
        if differing:
            raise CheckpointError(
                f"the checkpoint belongs to another recipe: {'; '.join(differing)}. Go on with the "
                "options that it was begun with, or begin anew with --restart"
            )
