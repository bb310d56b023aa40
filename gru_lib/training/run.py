"""One run of ``fit``: the loop over epochs and batches."""

import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import torch
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from tqdm import tqdm

from gru_lib.training.arguments import require_arguments, require_optimizer
from gru_lib.training.batches import BatchSource, count_batches, epoch_batches, move_batch
from gru_lib.training.history import EpochSoFar, History
from gru_lib.training.machine import (
    LARGEST_SEED,
    derive_seed,
    seed_everything,
)
from gru_lib.training.resume import save_run, settings_of, skip_done
from gru_lib.training.weights import model_tensors, non_finite_parameter

Loss = Callable[[torch.nn.Module, Any], torch.Tensor | tuple[torch.Tensor, float]]
Metrics = Callable[[torch.nn.Module], Mapping[str, float]]

# what a seed is derived for
_ORDER, _TRAINING, _VALIDATION = 0, 1, 2


@dataclass(kw_only=True)
class Run:
    """The arguments of ``fit``, and how far it has come."""

    model: torch.nn.Module
    loss: Loss
    train_batches: BatchSource
    epochs: int
    optimizer: torch.optim.Optimizer | None
    scheduler: LRScheduler | None
    scheduler_every: str
    valid_batches: BatchSource | None
    metrics: Metrics | None
    patience: int | None
    max_grad_norm: float | None
    seed: int | None
    device: torch.device
    checkpoint: str | os.PathLike | None
    checkpoint_every: int | None
    writes_checkpoint: bool

    history: History = field(default_factory=History)
    so_far: EpochSoFar = field(default_factory=EpochSoFar)
    best: dict[str, torch.Tensor] | None = None  # the best epoch's weights
    last_batch: Any = None
    resumed: dict[str, Any] | None = None  # what is still to take up from a checkpoint
    clock: float = 0.0

    def __post_init__(self) -> None:
        require_arguments(self)
        self.model.to(self.device)
        if self.optimizer is None:
            trainable = [p for p in self.model.parameters() if p.requires_grad]
            if not trainable:
                raise ValueError("the model has no trainable parameter")
            self.optimizer = torch.optim.Adam(trainable, lr=1e-3)
        self.trained = require_optimizer(self.model, self.optimizer, self.scheduler)
        self.seed_is_drawn = self.seed is None
        if self.seed_is_drawn:
            self.seed = int(torch.randint(LARGEST_SEED + 1, ()))
        self.batches_an_epoch = count_batches(self.train_batches)
        self.settings = settings_of(self)  # now: a scheduler changes the learning rate

    # --- the loop ---------------------------------------------------------------------------

    @property
    def epoch(self) -> int:
        """The present epoch, counted from 1."""
        return len(self.history) + 1

    def train(self, progress: bool) -> None:
        """Train until the last epoch is done, or validation says to stop."""
        with self.progress_bar(progress) as self.bar:
            while self.epoch <= self.epochs and not self.history.stopped_early:
                self.clock = time.perf_counter()
                self.model.train()
                for batch in self.batches_left():
                    self.step(batch)
                    if self.checkpoint_every and self.so_far.batches % self.checkpoint_every == 0:
                        self.count_seconds()
                        save_run(self)
                self.end_epoch()
                save_run(self)

    def batches_left(self) -> Iterator[Any]:
        """The present epoch's batches; after a resume, those of them that were not done."""
        seed_everything(derive_seed(self.seed, self.epoch, _TRAINING))
        order = derive_seed(self.seed, self.epoch, _ORDER)
        batches = epoch_batches(self.train_batches, self.epoch, order)
        if self.resumed is not None:
            skip_done(self, batches)
        return batches

    def step(self, batch: Any) -> None:
        """Move the weights once, against the gradient of the loss on one batch."""
        so_far = self.so_far
        so_far.batches += 1
        where = f"in epoch {self.epoch}, batch {so_far.batches}"

        self.model.zero_grad()
        loss, weight = self.loss_and_weight(batch, where)
        if not loss.requires_grad:
            raise ValueError(f"the loss {where} depends on no trainable parameter")
        loss.backward()
        so_far.loss_sum += weight * _require_finite(loss, where)
        so_far.weight_sum += weight
        so_far.grad_norm = max(so_far.grad_norm, self.clip_gradients(where))
        so_far.learning_rate = float(self.optimizer.param_groups[0]["lr"])
        self.optimizer.step()
        if self.scheduler is not None and self.scheduler_every == "batch":
            self.scheduler.step()

        self.last_batch = batch
        self.bar.update()

    def loss_and_weight(self, batch: Any, where: str) -> tuple[torch.Tensor, float]:
        """The loss on a batch, a scalar tensor, and its weight in the mean over batches."""
        result = self.loss(self.model, move_batch(batch, self.device))
        loss, weight = result if isinstance(result, tuple) and len(result) == 2 else (result, 1)
        if not isinstance(loss, torch.Tensor) or not isinstance(weight, Real | torch.Tensor):
            raise TypeError(
                f"loss returned {result!r:.60} {where}; expected a scalar tensor, or a pair of it "
                "and the number of things that it is the mean of"
            )
        if loss.shape != ():
            raise ValueError(
                f"loss returned shape {tuple(loss.shape)} {where}; expected a scalar, shape ()"
            )
        weight = float(weight)
        if not 0 < weight < math.inf:
            raise ValueError(f"loss returned the weight {weight} {where}; expected more than 0")
        return loss, weight

    def clip_gradients(self, where: str) -> float:
        """Scale the gradients down to the norm allowed; return the norm they had."""
        gradients = [p.grad for p in self.trained if p.grad is not None]
        if not gradients:
            raise ValueError(f"the loss {where} depends on no parameter of the optimizer")
        norm = get_total_norm(gradients)
        value = norm.item()
        if not math.isfinite(value):
            raise FloatingPointError(f"the gradient {where} {self.what_is_wrong_with_gradients()}")
        if self.max_grad_norm is not None:
            clip_grads_with_norm_(self.trained, self.max_grad_norm, norm)
        return value

    def what_is_wrong_with_gradients(self) -> str:
        """Which parameter's gradient is NaN or infinite."""
        for name, parameter in self.model.named_parameters():
            if parameter.grad is not None and not torch.isfinite(parameter.grad).all():
                return f"holds NaN or infinity for {name}"
        return "has a norm that overflows its dtype"

    # --- the end of an epoch ----------------------------------------------------------------

    def end_epoch(self) -> None:
        """Validate, step the scheduler, write the history, and see whether to go on."""
        history, so_far = self.history, self.so_far
        if so_far.batches == 0:
            raise ValueError(f"train_batches gave no batch in epoch {self.epoch}")
        self.require_finite_weights()
        train_loss = so_far.loss_sum / so_far.weight_sum
        self.validate()
        self.step_scheduler(train_loss)
        self.count_seconds()
        history.train_loss.append(train_loss)
        history.grad_norm.append(so_far.grad_norm)
        history.learning_rate.append(so_far.learning_rate)
        history.seconds.append(so_far.seconds)
        if self.patience is not None:
            if history.best_epoch == len(history):
                self.best = model_tensors(self.model)
            without_gain = len(history) - history.best_epoch
            history.stopped_early = without_gain >= self.patience and self.epoch <= self.epochs
        self.so_far = EpochSoFar()
        losses = {name: f"{values[-1]:.4g}" for name, values in history.losses().items()}
        self.bar.set_postfix(losses)

    def require_finite_weights(self) -> None:
        """Raise an error if training drove a weight to NaN or infinity."""
        if bad := non_finite_parameter(self.model, self.model.state_dict()):
            raise FloatingPointError(
                f"after batch {self.so_far.batches} of epoch {self.epoch} the model holds {bad}"
            )

    def validate(self) -> None:
        """Put validation loss and metrics into the history."""
        seed = derive_seed(self.seed, 0, _VALIDATION)  # the same random crops after each epoch
        self.model.eval()
        seed_everything(seed)  # the next epoch seeds anew
        with torch.no_grad():
            if self.valid_batches is not None:
                self.history.valid_loss.append(self.mean_valid_loss(seed))
            if self.metrics is not None:
                self.history.add_metrics(self.metrics(self.model))

    def mean_valid_loss(self, seed: int) -> float:
        """The mean of the loss over the validation batches."""
        loss_sum = weight_sum = 0.0
        batches = epoch_batches(self.valid_batches, self.epoch, seed)
        for number, batch in enumerate(batches, start=1):
            where = f"in epoch {self.epoch}, validation batch {number}"
            loss, weight = self.loss_and_weight(batch, where)
            loss_sum += weight * _require_finite(loss, where)
            weight_sum += weight
        if weight_sum == 0:
            raise ValueError(f"valid_batches gave no batch in epoch {self.epoch}")
        return loss_sum / weight_sum

    def step_scheduler(self, train_loss: float) -> None:
        """Step a scheduler that steps once an epoch."""
        if self.scheduler is None or self.scheduler_every != "epoch":
            return
        if isinstance(self.scheduler, ReduceLROnPlateau):
            has_validation = self.valid_batches is not None
            self.scheduler.step(self.history.valid_loss[-1] if has_validation else train_loss)
        else:
            self.scheduler.step()

    def take_best_weights(self) -> None:
        """Give the model the weights of the best epoch, where early stopping kept them."""
        if self.best is not None:
            self.model.load_state_dict(self.best)

    # --- clock and bar ----------------------------------------------------------------------

    def count_seconds(self) -> None:
        """Add the time since the clock was last read to that of the epoch."""
        now = time.perf_counter()
        self.so_far.seconds += now - self.clock
        self.clock = now

    def progress_bar(self, progress: bool) -> tqdm:
        """A bar over all batches of the run; a silent one where nobody looks."""
        in_notebook = type(sys.stdout).__module__.startswith("ipykernel")
        known = self.batches_an_epoch
        return tqdm(
            total=None if known is None else self.epochs * known,
            initial=len(self.history) * (known or 0) + self.so_far.batches,
            unit=" batches",
            leave=False,
            file=sys.stdout,
            disable=not (progress and (in_notebook or sys.stdout.isatty())),
        )


def _require_finite(loss: torch.Tensor, where: str) -> float:
    value = loss.item()
    if not math.isfinite(value):
        raise FloatingPointError(
            f"the loss is {value} {where}; a smaller learning rate or max_grad_norm may help"
        )
    return value
