"""What a run leaves behind besides the weights."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real


@dataclass(repr=False)
class History:
    """What happened in each epoch of a run; entry 0 of each list is epoch 1.

    Two histories are equal if all but the seconds are.

    Parameters
    ----------
    train_loss : list of float
        Mean of the loss over the epoch's batches, each before its own step.
    valid_loss : list of float
        Mean of the loss over the validation batches after the epoch; empty without them.
    metrics : dict of str to list of float
        What ``metrics`` gave after each epoch.
    grad_norm : list of float
        The largest norm of the gradient in the epoch, before clipping.
    learning_rate : list of float
        That of the optimizer's first group in the last step of the epoch.
    seconds : list of float
        What the epoch took, validation included.
    stopped_early : bool
        Whether validation ended the run before its last epoch.

    Examples
    --------
    >>> from gru_lib.training import History
    >>> history = History(train_loss=[0.9, 0.5, 0.4], valid_loss=[0.9, 0.6, 0.7])
    >>> history
    3 epochs, train loss 0.4, valid loss 0.7 (best 0.6 in epoch 2)
    >>> history.losses()
    {'train': [0.9, 0.5, 0.4], 'valid': [0.9, 0.6, 0.7]}
    """

    train_loss: list[float] = field(default_factory=list)
    valid_loss: list[float] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    grad_norm: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list, compare=False)
    stopped_early: bool = False

    @property
    def best_epoch(self) -> int | None:
        """The first epoch with the lowest validation loss, counted from 1."""
        if not self.valid_loss:
            return None
        return 1 + self.valid_loss.index(min(self.valid_loss))

    def losses(self) -> dict[str, list[float]]:
        """The curves to plot: ``"train"`` and, where there was validation, ``"valid"``."""
        losses = {"train": self.train_loss, "valid": self.valid_loss}
        return {name: list(values) for name, values in losses.items() if values}

    def __len__(self) -> int:
        """How many epochs were completed."""
        return len(self.train_loss)

    def __repr__(self) -> str:
        if not self.train_loss:
            return "no epochs"
        text = f"{len(self)} epochs, train loss {self.train_loss[-1]:.4g}"
        if self.valid_loss:
            best = self.valid_loss[self.best_epoch - 1]
            text += f", valid loss {self.valid_loss[-1]:.4g}"
            text += f" (best {best:.4g} in epoch {self.best_epoch})"
        return text + (", stopped early" if self.stopped_early else "")

    def add_metrics(self, values: Mapping[str, float]) -> None:
        """Add the metrics of one epoch: the same names each time, one number for each."""
        if not isinstance(values, Mapping):
            kind = type(values).__name__
            raise TypeError(f"metrics returned a {kind}; expected a mapping of names to numbers")
        if self.metrics and values.keys() != self.metrics.keys():
            raise ValueError(
                f"metrics returned the names {list(values)}; expected {list(self.metrics)}, as "
                "after the first epoch"
            )
        for name, value in values.items():
            is_number = isinstance(value, Real) or getattr(value, "shape", None) == ()
            if not isinstance(name, str) or not is_number:
                raise TypeError(
                    f"metrics returned {name!r}: {value!r}; expected a name and a number"
                )
            self.metrics.setdefault(name, []).append(float(value))


@dataclass
class EpochSoFar:
    """What the batches done in the present epoch add up to."""

    batches: int = 0
    loss_sum: float = 0.0
    weight_sum: float = 0.0
    grad_norm: float = 0.0
    learning_rate: float = 0.0
    seconds: float = 0.0
