"""Checks of what ``fit`` is given, before anything is changed."""

import math
import os
from numbers import Real
from typing import TYPE_CHECKING

import torch
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from gru_lib._checks import require_positive_integer
from gru_lib.training.batches import require_batches
from gru_lib.training.machine import require_seed

if TYPE_CHECKING:
    from gru_lib.training.run import Run


def require_arguments(run: "Run") -> None:
    """Raise an error that names the first argument that cannot be."""
    if not isinstance(run.model, torch.nn.Module):
        raise TypeError(f"model is a {type(run.model).__name__}; expected a torch.nn.Module")
    if not callable(run.loss):
        raise TypeError(f"loss is {run.loss!r}; expected a function loss(model, batch)")
    if run.metrics is not None and not callable(run.metrics):
        raise TypeError(f"metrics is {run.metrics!r}; expected a function metrics(model)")
    require_batches("train_batches", run.train_batches)
    if run.valid_batches is not None:
        require_batches("valid_batches", run.valid_batches)
    require_positive_integer("epochs", run.epochs)
    if run.seed is not None:
        require_seed(run.seed)
    _require_patience(run)
    _require_max_grad_norm(run.max_grad_norm)
    _require_scheduler(run)
    _require_checkpoint(run)


def _require_patience(run: "Run") -> None:
    if run.patience is None:
        return
    require_positive_integer("patience", run.patience)
    if run.valid_batches is None:
        raise ValueError("patience needs valid_batches: early stopping looks at their loss")


def _require_max_grad_norm(max_grad_norm: float | None) -> None:
    if max_grad_norm is None:
        return
    if isinstance(max_grad_norm, bool) or not isinstance(max_grad_norm, Real):
        raise TypeError(f"max_grad_norm is {max_grad_norm!r}; expected a number above 0, or None")
    if not 0 < max_grad_norm < math.inf:
        raise ValueError(f"max_grad_norm is {max_grad_norm}; expected a number above 0, or None")


def _require_scheduler(run: "Run") -> None:
    if run.scheduler_every not in ("epoch", "batch"):
        raise ValueError(f"scheduler_every is {run.scheduler_every!r}; expected 'epoch' or 'batch'")
    if run.scheduler is not None and not isinstance(run.scheduler, LRScheduler):
        kind = type(run.scheduler).__name__
        raise TypeError(f"scheduler is a {kind}; expected one of torch.optim.lr_scheduler")
    if isinstance(run.scheduler, ReduceLROnPlateau) and run.scheduler_every == "batch":
        raise ValueError("ReduceLROnPlateau looks at an epoch's loss; use scheduler_every='epoch'")


def _require_checkpoint(run: "Run") -> None:
    if run.checkpoint is not None and not isinstance(run.checkpoint, str | os.PathLike):
        raise TypeError(f"checkpoint is {run.checkpoint!r}; expected a path, or None")
    if run.checkpoint_every is None:
        return
    require_positive_integer("checkpoint_every", run.checkpoint_every)
    if run.checkpoint is None:
        raise ValueError("checkpoint_every needs checkpoint: the path of the file to write")


def require_optimizer(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    scheduler: LRScheduler | None,
) -> list[torch.nn.Parameter]:
    """Return the parameters to train, or raise an error if they are not the model's."""
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(f"optimizer is {optimizer!r}; expected a torch.optim.Optimizer")
    ours = {id(parameter) for parameter in model.parameters()}
    trained = [p for group in optimizer.param_groups for p in group["params"]]
    foreign = sum(id(parameter) not in ours for parameter in trained)
    if foreign:
        raise ValueError(
            f"optimizer holds {foreign} of {len(trained)} parameters that are not the model's"
        )
    if scheduler is not None and scheduler.optimizer is not optimizer:
        raise ValueError("scheduler was built for another optimizer; pass that one to fit as well")
    return trained
