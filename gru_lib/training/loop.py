"""``fit``: train a model on batches, in one call."""

import os

import torch
from torch.optim.lr_scheduler import LRScheduler

from gru_lib.training.batches import BatchSource
from gru_lib.training.history import History
from gru_lib.training.machine import choose_device, unchanged_randomness
from gru_lib.training.resume import open_checkpoint
from gru_lib.training.run import Loss, Metrics, Run


def fit(
    model: torch.nn.Module,
    loss: Loss,
    train_batches: BatchSource,
    *,
    epochs: int,
    optimizer: torch.optim.Optimizer | None = None,
    scheduler: LRScheduler | None = None,
    scheduler_every: str = "epoch",
    valid_batches: BatchSource | None = None,
    metrics: Metrics | None = None,
    patience: int | None = None,
    max_grad_norm: float | None = None,
    seed: int | None = None,
    device: str | torch.device = "cpu",
    checkpoint: str | os.PathLike | None = None,
    checkpoint_every: int | None = None,
    resume: bool = True,
    writes_checkpoint: bool = True,
    progress: bool = True,
) -> History:
    """Train a model, and leave it in evaluation mode.

    Parameters
    ----------
    model : torch.nn.Module
        It is moved to the device and trained in place.
    loss : callable
        ``loss(model, batch)`` gives a scalar tensor, the mean over the batch; or a pair of this
        mean and how many things it is the mean of. An epoch's loss is the mean over its batches,
        weighted with these numbers where they are given.
    train_batches : Batches, DataLoader, list, or function
        What gives an epoch's batches each time it is asked; a function is called with the
        epoch, counted from 1. Tensors in a batch are moved to the device.
    epochs : int
        How many times to go through the batches.
    optimizer : torch.optim.Optimizer, optional
        Over parameters of the model; by default Adam with a learning rate of 1e-3 over all that
        are not frozen.
    scheduler : torch.optim.lr_scheduler.LRScheduler, optional
        Built for this optimizer.
    scheduler_every : str
        Whether the scheduler steps after each ``"epoch"`` or each ``"batch"``.
        ``ReduceLROnPlateau`` is given the validation loss, or the training loss without one.
    valid_batches : as train_batches, optional
        For the validation loss after each epoch, in evaluation mode and without gradients.
    metrics : callable, optional
        ``metrics(model)`` gives numbers by name; called after each epoch as validation is.
    patience : int, optional
        Stop after this many epochs in a row without a lower validation loss; at the end, the
        model has the weights of the best epoch. Without it, it has those of the last.
    max_grad_norm : float, optional
        Scale gradients down to this norm where theirs is larger.
    seed : int, optional
        Decides the order of batches and all else that is drawn at random in the run; by default
        drawn from PyTorch's random numbers. Outside the run, random numbers are as they were.
    device : str or torch.device
        As ``choose_device`` takes it.
    checkpoint : path, optional
        A file that holds the whole state of the run after each epoch.
    checkpoint_every : int, optional
        Write it also each time this many batches are done.
    resume : bool
        Where the file exists, continue its run; if false, begin anew and replace it.
    writes_checkpoint : bool
        If false, the file is read and never written: for all but the first of several processes
        that train one model together.
    progress : bool
        Show a progress bar, on a terminal and in a notebook.

    Returns
    -------
    History
        Losses, metrics, gradient norms, learning rates and seconds of each epoch.

    Raises
    ------
    TypeError
        If an argument, or what ``loss`` or ``metrics`` returns, is of a wrong type.
    ValueError
        If an argument has a wrong value, ``loss`` gives no scalar or one that nothing trainable
        moves, or there is no batch.
    FloatingPointError
        If a loss or a gradient is NaN or infinite; the message names the epoch, the batch and,
        for a gradient, the parameter. The weights are those before this step.
    CheckpointError
        If the checkpoint cannot be written, is damaged, or is of another model or another run.

    Notes
    -----
    A run that was killed at any moment and called again with the same arguments ends with the
    same bits as one that was not: the file holds the state of model, optimizer, scheduler and
    random numbers, and batches already done in the epoch are skipped. The order of batches is a
    function of the seed and the epoch; batches that draw from PyTorch's random numbers obey it
    by themselves. What a loss carries from batch to batch (the hidden state in truncated
    backpropagation) is stored if the loss has ``state_dict`` and ``load_state_dict``. The same
    bits take the same number of threads (``torch.set_num_threads``), because another number adds
    in another order; on a GPU they take deterministic kernels as well: see
    ``torch.use_deterministic_algorithms``.

    Clipping by the norm: Pascanu, Mikolov and Bengio (2013), algorithm 1.

    Examples
    --------
    A line through two points, found by gradient descent.

    >>> from gru_lib.training import fit
    >>> import torch
    >>> line = torch.nn.Linear(1, 1)
    >>> def squared_error(model, batch):
    ...     inputs, targets = batch
    ...     return torch.nn.functional.mse_loss(model(inputs), targets)
    >>> batches = [(torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [3.0]]))]
    >>> descent = torch.optim.SGD(line.parameters(), lr=0.5)
    >>> history = fit(line, squared_error, batches, epochs=200, optimizer=descent)
    >>> len(history), round(line.weight.item(), 3), round(line.bias.item(), 3)
    (200, 2.0, 1.0)
    """
    run = Run(
        model=model,
        loss=loss,
        train_batches=train_batches,
        epochs=epochs,
        optimizer=optimizer,
        scheduler=scheduler,
        scheduler_every=scheduler_every,
        valid_batches=valid_batches,
        metrics=metrics,
        patience=patience,
        max_grad_norm=max_grad_norm,
        seed=seed,
        device=choose_device(device),
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        writes_checkpoint=writes_checkpoint,
    )
    with unchanged_randomness(run.device):
        try:
            open_checkpoint(run, resume)
            run.train(progress)
            run.take_best_weights()
        finally:
            model.eval()
    return run.history
