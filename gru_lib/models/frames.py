"""Models of sequences of binary frames: which of 88 keys sound next?

All models have one interface: ``model(frames)`` takes frames of shape (steps, batch, features) and
returns logits of the same shape. The logits of step t depend on the frames before step t alone;
those of the first step on nothing but zeros.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, pad

from gru_lib._checks import require_dropout, require_generator, require_positive_integer
from gru_lib.models.cells import require_cell
from gru_lib.models.recipe import fit_one_cycle
from gru_lib.training import History


class FramePredictor(nn.Module):
    """A recurrent layer and a linear layer on its states, as in Chung et al. (2014).

    Parameters
    ----------
    cell : str
        ``"tanh"``, ``"GRU"`` or ``"LSTM"``.
    hidden_size : int
        Entries of the hidden state.
    features : int, default 88
        Entries of a frame.
    dropout : float in [0, 1), default 0.0
        Share of the states that is dropped in training before the linear layer.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> from gru_lib.models import FramePredictor
    >>> import torch
    >>> FramePredictor("GRU", 46)(torch.zeros(7, 2, 88)).shape
    torch.Size([7, 2, 88])
    """

    def __init__(
        self, cell: str, hidden_size: int, features: int = 88, dropout: float = 0.0
    ) -> None:
        super().__init__()
        layer = require_cell(cell)
        hidden_size = require_positive_integer("hidden_size", hidden_size)
        features = require_positive_integer("features", features)
        self.recurrent = layer(features, hidden_size)
        self.dropout = nn.Dropout(require_dropout(dropout))
        self.output = nn.Linear(hidden_size, features)

    def forward(self, frames: Tensor) -> Tensor:
        """Logits, shape (steps, batch, features), of each frame from those before it."""
        states, _ = self.recurrent(_earlier(frames, 1))
        return self.output(self.dropout(states))


class WindowPredictor(nn.Module):
    """The rival without a state: a network with one hidden layer that sees the last few frames.

    Parameters
    ----------
    window : int
        How many frames it sees.
    hidden_size : int
        Units of the hidden layer.
    features : int, default 88
        Entries of a frame.
    dropout : float in [0, 1), default 0.0
        Share of the hidden units that is dropped in training.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> from gru_lib.models import WindowPredictor
    >>> import torch
    >>> WindowPredictor(4, 51)(torch.zeros(7, 2, 88)).shape
    torch.Size([7, 2, 88])
    """

    def __init__(
        self, window: int, hidden_size: int, features: int = 88, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.window = require_positive_integer("window", window)
        hidden_size = require_positive_integer("hidden_size", hidden_size)
        features = require_positive_integer("features", features)
        self.hidden = nn.Linear(window * features, hidden_size)
        self.dropout = nn.Dropout(require_dropout(dropout))
        self.output = nn.Linear(hidden_size, features)

    def forward(self, frames: Tensor) -> Tensor:
        """Logits, shape (steps, batch, features), of each frame from the last few before it."""
        seen = [_earlier(frames, lag) for lag in range(1, self.window + 1)]
        hidden = torch.relu(self.hidden(torch.cat(seen, dim=-1)))
        return self.output(self.dropout(hidden))


class CountingPredictor(nn.Module):
    """The dull baselines: how often does a feature occur, at all or after itself?

    It is not trained: it counts when it is made, with one imagined occurrence and one imagined
    absence added to each count, so that nothing is impossible.

    Parameters
    ----------
    rolls : sequence of arrays, each of shape (steps, features)
        What to count in.
    given_last : bool
        False: one frequency a feature. True: two, one after a frame that had the feature and one
        after a frame that had not, so that it can repeat the last frame.

    Examples
    --------
    >>> from gru_lib.models import CountingPredictor
    >>> import torch
    >>> model = CountingPredictor([torch.tensor([[1.0], [1.0], [0.0]])], given_last=False)
    >>> model(torch.zeros(2, 1, 1)).sigmoid().flatten().tolist()  # (2 + 1) / (3 + 2)
    [0.6000000238418579, 0.6000000238418579]
    """

    def __init__(self, rolls: Sequence[np.ndarray | Tensor], given_last: bool) -> None:
        super().__init__()
        frames, real = frame_batches(rolls, batch_size=len(rolls))[0]
        before = _earlier(frames, 1)
        weight = real[:, :, None]
        if not given_last:
            before = torch.zeros_like(before)
        rates = []
        for case in (1 - before, before):
            happened = (case * frames * weight).sum(dim=(0, 1))
            rates.append((happened + 1) / ((case * weight).sum(dim=(0, 1)) + 2))
        self.register_buffer("after_silence", torch.logit(rates[0]))
        self.register_buffer("after_sound", torch.logit(rates[given_last]))

    def forward(self, frames: Tensor) -> Tensor:
        """Logits, shape (steps, batch, features), of each frame from the one before it."""
        return torch.where(_earlier(frames, 1) > 0, self.after_sound, self.after_silence)


def frame_batches(
    rolls: Sequence[np.ndarray | Tensor], batch_size: int
) -> list[tuple[Tensor, Tensor]]:
    """Stack sequences of like length, padded with zeros at the end.

    Parameters
    ----------
    rolls : sequence of arrays, each of shape (steps, features)
        Sequences of any length, at least one.
    batch_size : int
        Sequences in a batch.

    Returns
    -------
    list of (Tensor, Tensor)
        For each batch the frames, shape (longest, batch, features), and what is no padding, shape
        (longest, batch): 1 for a real step and 0 for a padded one. Shortest sequences first.

    Raises
    ------
    ValueError
        If there is no sequence.

    Examples
    --------
    >>> from gru_lib.models import frame_batches
    >>> import torch
    >>> ((frames, real),) = frame_batches([torch.ones(3, 88), torch.ones(2, 88)], batch_size=2)
    >>> frames.shape, real.T.tolist()
    (torch.Size([3, 2, 88]), [[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    """
    require_positive_integer("batch_size", batch_size)
    if not len(rolls):
        raise ValueError("rolls is empty; expected at least one sequence")
    ordered = [torch.as_tensor(roll, dtype=torch.float32) for roll in sorted(rolls, key=len)]
    batches = []
    for first in range(0, len(ordered), batch_size):
        some = ordered[first : first + batch_size]
        real = nn.utils.rnn.pad_sequence([torch.ones(len(roll)) for roll in some])
        batches.append((nn.utils.rnn.pad_sequence(some), real))
    return batches


def frame_nll(model: nn.Module, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, int]:
    """Negative log-likelihood per step in nats, in the form that ``fit`` takes as a loss.

    Parameters
    ----------
    model : torch.nn.Module
        Gives logits for frames.
    batch : (Tensor, Tensor)
        As :func:`frame_batches` makes it.

    Returns
    -------
    (Tensor, int)
        The mean over all real steps of the batch of the sum over all features of the binary
        cross-entropy; and how many steps that were.

    Examples
    --------
    Who always says one half pays log 2 = 0.693 for each of 88 features:

    >>> from gru_lib.models import frame_batches, frame_nll
    >>> import torch
    >>> batch = frame_batches([torch.ones(3, 88), torch.ones(2, 88)], batch_size=2)[0]
    >>> mean, steps = frame_nll(torch.zeros_like, batch)
    >>> round(mean.item() / 88, 4), steps
    (0.6931, 5)
    """
    frames, real = batch
    entropy = binary_cross_entropy_with_logits(model(frames), frames, reduction="none")
    steps = int(real.sum())
    return (entropy.sum(dim=2) * real).sum() / steps, steps


@torch.no_grad()
def mean_nll(model: nn.Module, rolls: Sequence[np.ndarray | Tensor]) -> float:
    """Negative log-likelihood per step: the mean over all steps of all sequences.

    So a long sequence counts for more than a short one.

    Parameters
    ----------
    model : torch.nn.Module
        Gives logits for frames; it is put into evaluation mode.
    rolls : sequence of arrays, each of shape (steps, features)
        Sequences to predict.

    Returns
    -------
    float

    Examples
    --------
    >>> from gru_lib.models import CountingPredictor, mean_nll
    >>> import torch
    >>> coin = CountingPredictor([torch.tensor([[1.0], [0.0]])], given_last=False)
    >>> round(mean_nll(coin, [torch.ones(5, 1)]), 4)
    0.6931
    """
    model.eval()
    results = [frame_nll(model, batch) for batch in frame_batches(rolls, batch_size=64)]
    total = sum(steps for _, steps in results)
    return sum(mean.item() * steps for mean, steps in results) / total


def train_frames(
    model: nn.Module,
    train: Sequence[np.ndarray | Tensor],
    valid: Sequence[np.ndarray | Tensor],
    *,
    seed: int,
    epochs: int = 20,
    learning_rate: float = 1e-2,
    batch_size: int = 8,
    start_at_frequencies: bool = True,
    device: str | torch.device = "cpu",
    progress: bool = True,
) -> History:
    """Train a model of frames by the recipe of chapter 14 and keep its best epoch.

    Adam with a learning rate that rises to its maximum and falls to almost zero (one cycle),
    batches of sequences of like length in a new order each epoch; at the end the model has the
    weights of the epoch with the lowest validation loss. Before the first step the bias of the
    linear layer is set so that the model begins as one that knows how often each feature occurs.

    Parameters
    ----------
    model : torch.nn.Module
        Gives logits for frames; its last layer is a linear one, ``model.output``.
    train, valid : sequence of arrays, each of shape (steps, features)
        Sequences to learn from and to choose the epoch by.
    seed : int
        Decides the order of batches and what is dropped.
    epochs, learning_rate, batch_size
        Of the recipe.
    start_at_frequencies : bool
        Whether the bias of the linear layer is set first.
    device : str or torch.device
        As ``choose_device`` takes it.
    progress : bool
        Show a progress bar, on a terminal and in a notebook.

    Returns
    -------
    History

    Examples
    --------
    >>> from gru_lib.models import FramePredictor, train_frames
    >>> import torch
    >>> scale = [torch.eye(4).repeat(3, 1) for _ in range(8)]
    >>> model = FramePredictor("GRU", 8, features=4)
    >>> history = train_frames(model, scale, scale, seed=0, progress=False)
    >>> history.valid_loss[-1] < history.valid_loss[0]
    True
    """
    batches = frame_batches(train, batch_size)
    if start_at_frequencies:
        frequencies = CountingPredictor(train, given_last=False).after_silence
        model.output.bias.data.copy_(frequencies)
    return fit_one_cycle(
        model,
        frame_nll,
        lambda epoch: [batches[i] for i in torch.randperm(len(batches)).tolist()],
        batches_an_epoch=len(batches),
        valid_batches=frame_batches(valid, batch_size=64),
        epochs=epochs,
        learning_rate=learning_rate,
        max_grad_norm=None,
        seed=seed,
        device=device,
        progress=progress,
    )


@torch.no_grad()
def continue_frames(
    model: nn.Module,
    beginning: np.ndarray | Tensor,
    steps: int,
    rng: int | np.random.Generator | None = None,
) -> np.ndarray:
    """Let a model go on from a beginning, each feature drawn with the model's probability.

    Parameters
    ----------
    model : torch.nn.Module
        Gives logits for frames; it is put into evaluation mode.
    beginning : array, shape (given, features)
        The first frames.
    steps : int
        How many frames to add.
    rng : int, np.random.Generator or None
        Source of the draws.

    Returns
    -------
    np.ndarray of float32, shape (given + steps, features)
        The beginning and what the model drew.

    Raises
    ------
    TypeError, ValueError
        If ``steps`` is no whole number of at least 1, or ``rng`` is none of these.

    Examples
    --------
    >>> from gru_lib.models import CountingPredictor, continue_frames
    >>> import numpy as np
    >>> loud = np.ones((1000, 2), dtype=np.float32)
    >>> model = CountingPredictor([loud], given_last=False)
    >>> continue_frames(model, loud[:3], steps=2, rng=0).shape
    (5, 2)
    """
    require_positive_integer("steps", steps)
    rng = require_generator(rng)
    model.eval()
    roll = np.asarray(beginning, dtype=np.float32)
    for _ in range(steps):
        # a frame to be filled in: its logits depend on those before it alone
        frames = torch.from_numpy(np.pad(roll, ((0, 1), (0, 0))))[:, None]
        chances = torch.sigmoid(model(frames)[-1, 0]).numpy()
        drawn = (rng.random(chances.shape) < chances).astype(np.float32)
        roll = np.concatenate([roll, drawn[None]])
    return roll


def count_parameters(model: nn.Module) -> int:
    """How many numbers a model learns.

    Parameters
    ----------
    model : torch.nn.Module
        Any model.

    Returns
    -------
    int

    Examples
    --------
    >>> from gru_lib.models import FramePredictor, count_parameters
    >>> count_parameters(FramePredictor("GRU", 46))
    22904
    """
    return sum(parameter.numel() for parameter in model.parameters())


def _earlier(frames: Tensor, lag: int) -> Tensor:
    """The frames some steps before; zeros where there is none."""
    return pad(frames, (0, 0, 0, 0, lag, 0))[: len(frames)]
