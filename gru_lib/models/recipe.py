"""The recipe by which the chapters train their models, in one place."""

import os

import torch
from torch import Tensor, nn

from gru_lib.training import History, fit
from gru_lib.training.batches import BatchSource
from gru_lib.training.run import Loss


def fit_one_cycle(
    model: nn.Module,
    loss: Loss,
    train_batches: BatchSource,
    *,
    batches_an_epoch: int,
    valid_batches: BatchSource,
    epochs: int,
    learning_rate: float,
    seed: int,
    device: str | torch.device,
    progress: bool,
    max_grad_norm: float | None = 1.0,
    checkpoint: str | os.PathLike | None = None,
    checkpoint_every: int | None = None,
    resume: bool = True,
    writes_checkpoint: bool = True,
) -> History:
    """Adam with a rate that rises to its maximum and falls to almost zero; the best epoch stays."""
    optimizer = torch.optim.Adam(model.parameters())
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=epochs * batches_an_epoch
    )
    return fit(
        model,
        loss,
        train_batches,
        epochs=epochs,
        optimizer=optimizer,
        scheduler=scheduler,
        scheduler_every="batch",
        valid_batches=valid_batches,
        patience=epochs,  # never stops early, but takes the best epoch's weights
        max_grad_norm=max_grad_norm,
        seed=seed,
        device=device,
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        resume=resume,
        writes_checkpoint=writes_checkpoint,
        progress=progress,
    )


def rows_of_like_length(lengths: Tensor, batch_size: int, buckets: bool = True) -> list[Tensor]:
    """Numbers of the examples of each batch, in random order; without buckets, lengths mix."""
    # a new order within equal lengths, too, so that batches differ from epoch to epoch
    order = torch.randperm(len(lengths))
    if buckets:
        order = order[torch.argsort(lengths[order], stable=True)]
    rows = order.split(batch_size)
    return [rows[i] for i in torch.randperm(len(rows)).tolist()]
