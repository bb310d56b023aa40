"""One answer for a whole sequence: a recurrent classifier and two rivals without a state.

All models have one interface: ``model(x, lengths)`` takes a padded batch and gives logits of shape
(batch, classes). ``x`` holds features, shape (batch, length, input_size), or, for a model with a
``vocabulary_size``, token numbers of shape (batch, length). Steps from ``lengths`` on are padding
and touch nothing. Without ``lengths`` there is no padding.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from gru_lib._checks import require_bool, require_dropout, require_positive_integer
from gru_lib.models.cells import require_cell
from gru_lib.models.recipe import fit_one_cycle, rows_of_like_length
from gru_lib.training import History


class LabelledSequences(NamedTuple):
    """Padded sequences with a class each.

    Parameters
    ----------
    x : Tensor, shape (count, longest, features) or (count, longest)
        Features, or token numbers; zeros after the end of a sequence.
    lengths : Tensor of int64, shape (count,)
        How many steps of each are real.
    y : Tensor of int64, shape (count,)
        Class numbers.

    Examples
    --------
    >>> from gru_lib.models import label_sequences
    >>> data = label_sequences([[5, 2, 7], [4]], [1, 0])
    >>> data.x.tolist(), data.lengths.tolist()
    ([[5, 2, 7], [4, 0, 0]], [3, 1])
    """

    #: Features or token numbers.
    x: Tensor
    #: Real steps.
    lengths: Tensor
    #: Classes.
    y: Tensor


def label_sequences(sequences: Sequence[ArrayLike], classes: ArrayLike) -> LabelledSequences:
    """Pad sequences of any length, and keep with each its length and its class.

    Parameters
    ----------
    sequences : sequence of arrays, each of shape (length, features) or (length,)
        Features become float32; whole numbers of shape (length,) are token numbers.
    classes : array_like of int or bool, shape (count,)
        One for each sequence.

    Returns
    -------
    LabelledSequences

    Raises
    ------
    TypeError
        If classes or token numbers are not whole numbers.
    ValueError
        If there is no sequence, one is empty or of another shape, they differ in their features,
        or the classes do not fit.

    Examples
    --------
    >>> from gru_lib.models import label_sequences
    >>> import numpy as np
    >>> data = label_sequences([np.ones((4, 3)), np.ones((2, 3))], [0, 1])
    >>> data.x.shape, data.y.tolist()
    (torch.Size([2, 4, 3]), [0, 1])
    """
    arrays = [np.asarray(sequence) for sequence in sequences]
    if not arrays:
        raise ValueError("sequences is empty; expected at least one sequence")
    y = _require_classes(classes, len(arrays))
    for number, array in enumerate(arrays):
        _require_sequence(number, array, arrays[0])
    dtype = torch.float32 if arrays[0].ndim == 2 else torch.int64
    x = pad_sequence([torch.as_tensor(array, dtype=dtype) for array in arrays], batch_first=True)
    return LabelledSequences(x, torch.tensor([len(array) for array in arrays]), y)


def _require_classes(classes: ArrayLike, count: int) -> Tensor:
    y = np.asarray(classes)
    if y.shape != (count,):
        raise ValueError(f"classes has shape {y.shape}; expected ({count},), one a sequence")
    if y.dtype.kind not in "iub":
        raise TypeError(f"classes has dtype {y.dtype}; expected whole numbers, counted from 0")
    if y.min() < 0:
        raise ValueError(f"classes holds {y.min()}; expected numbers counted from 0")
    return torch.as_tensor(y, dtype=torch.int64)


def _require_sequence(number: int, array: np.ndarray, first: np.ndarray) -> None:
    if array.ndim not in (1, 2):
        raise ValueError(
            f"sequence {number} has shape {array.shape}; "
            "expected (length, features), or (length,) for token numbers"
        )
    if len(array) == 0:
        raise ValueError(f"sequence {number} is empty; expected at least one step")
    if array.shape[1:] != first.shape[1:]:
        raise ValueError(
            f"sequence {number} has shape {array.shape}, but sequence 0 {first.shape}; "
            "expected the same number of features in all"
        )
    if array.ndim == 1 and not np.issubdtype(array.dtype, np.integer):
        raise TypeError(
            f"sequence {number} has shape {array.shape} and dtype {array.dtype}; expected token "
            "numbers, which are whole, or features of shape (length, features)"
        )


class SequenceClassifier(nn.Module):
    """A recurrent layer that reads the sequence, and a linear layer that answers.

    Parameters
    ----------
    input_size : int
        Features of a step; with a vocabulary, entries of an embedding.
    hidden_size : int
        Entries of the hidden state of each layer and direction.
    classes : int
        Possible answers.
    cell : str, default "GRU"
        ``"tanh"``, ``"GRU"`` or ``"LSTM"``.
    vocabulary_size : int, optional
        If given, the input is token numbers below it, and each has an embedding.
    num_layers : int, default 1
        Recurrent layers.
    bidirectional : bool, default False
        Whether each layer also reads the sequence backwards.
    pool : str, default "last"
        What the answer is given from: the ``"last"`` real state of each direction, or the
        ``"mean"`` or ``"max"`` of the states of all real steps.
    dropout : float in [0, 1), default 0.0
        Share of the inputs and of what the answer is given from that is dropped in training.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed; in a call, if the input does not fit.

    Examples
    --------
    >>> from gru_lib.models import SequenceClassifier
    >>> import torch
    >>> model = SequenceClassifier(12, 32, classes=9)
    >>> model(torch.zeros(4, 29, 12), torch.tensor([29, 7, 16, 20])).shape
    torch.Size([4, 9])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        classes: int,
        *,
        cell: str = "GRU",
        vocabulary_size: int | None = None,
        num_layers: int = 1,
        bidirectional: bool = False,
        pool: str = "last",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if pool not in _POOLS:
            raise ValueError(f"pool is {pool!r}; expected one of {', '.join(map(repr, _POOLS))}")
        self.pool = pool
        self.read = _Input(input_size, vocabulary_size)
        directions = 1 + require_bool("bidirectional", bidirectional)
        hidden_size = require_positive_integer("hidden_size", hidden_size)
        self.recurrent = require_cell(cell)(
            input_size,
            hidden_size,
            num_layers=require_positive_integer("num_layers", num_layers),
            batch_first=True,
            bidirectional=directions == 2,
        )
        self.dropout = nn.Dropout(require_dropout(dropout))
        self.output = nn.Linear(
            directions * hidden_size, require_positive_integer("classes", classes)
        )

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits, shape (batch, classes)."""
        return self.output(self.dropout(self.summary(x, lengths)))

    def summary(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """What the answer is given from, shape (batch, directions * hidden_size)."""
        features, lengths = self.read(x, lengths)
        packed = pack_padded_sequence(
            self.dropout(features), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        states, last = self.recurrent(packed)
        if self.pool == "last":
            last = last[0] if isinstance(last, tuple) else last  # an LSTM's second is its cell
            directions = self.output.in_features // last.shape[-1]
            return torch.cat(tuple(last[-directions:]), dim=-1)
        states, _ = pad_packed_sequence(states, batch_first=True)
        return _POOLS[self.pool](states, real_steps(states, lengths))


class PoolClassifier(nn.Module):
    """A rival that cannot see order: one layer on each step, the mean over the steps, one layer.

    Parameters
    ----------
    input_size : int
        Features of a step; with a vocabulary, entries of an embedding.
    hidden_size : int
        Units of the layer on each step.
    classes : int
        Possible answers.
    vocabulary_size : int, optional
        If given, the input is token numbers below it.
    dropout : float in [0, 1), default 0.0
        Share of the inputs and of the means that is dropped in training.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed; in a call, if the input does not fit.

    Examples
    --------
    >>> from gru_lib.models import PoolClassifier
    >>> import torch
    >>> model = PoolClassifier(3, 8, classes=2).eval()
    >>> x = torch.rand(1, 6, 3)
    >>> torch.allclose(model(x), model(x.flip(1)), atol=1e-6)
    True
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        classes: int,
        *,
        vocabulary_size: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.read = _Input(input_size, vocabulary_size)
        hidden_size = require_positive_integer("hidden_size", hidden_size)
        self.each_step = nn.Linear(input_size, hidden_size)
        self.dropout = nn.Dropout(require_dropout(dropout))
        self.output = nn.Linear(hidden_size, require_positive_integer("classes", classes))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits, shape (batch, classes)."""
        features, lengths = self.read(x, lengths)
        hidden = torch.relu(self.each_step(self.dropout(features)))
        return self.output(self.dropout(mean_of_steps(hidden, real_steps(hidden, lengths))))


class ConvolutionClassifier(nn.Module):
    """A rival that sees order only nearby: two convolutions over time, the largest value of each.

    Parameters
    ----------
    input_size : int
        Features of a step; with a vocabulary, entries of an embedding.
    channels : int
        Channels of both convolutions.
    classes : int
        Possible answers.
    width : int, default 5
        Steps that a convolution sees; odd.
    vocabulary_size : int, optional
        If given, the input is token numbers below it.
    dropout : float in [0, 1), default 0.0
        Share of the inputs and of the largest values that is dropped in training.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed; in a call, if the input does not fit.

    Examples
    --------
    >>> from gru_lib.models import ConvolutionClassifier
    >>> import torch
    >>> ConvolutionClassifier(3, 8, classes=2)(torch.zeros(4, 2, 3)).shape  # shorter than width
    torch.Size([4, 2])
    """

    def __init__(
        self,
        input_size: int,
        channels: int,
        classes: int,
        *,
        width: int = 5,
        vocabulary_size: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if require_positive_integer("width", width) % 2 == 0:
            raise ValueError(f"width is {width}; expected an odd number, so that it has a middle")
        self.read = _Input(input_size, vocabulary_size)
        channels = require_positive_integer("channels", channels)
        self.first = nn.Conv1d(input_size, channels, width, padding="same")
        self.second = nn.Conv1d(channels, channels, width, padding="same")
        self.dropout = nn.Dropout(require_dropout(dropout))
        self.output = nn.Linear(channels, require_positive_integer("classes", classes))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits, shape (batch, classes)."""
        features, lengths = self.read(x, lengths)
        real = real_steps(features, lengths)
        # padding is zero before each convolution, as the outside of the sequence is
        hidden = (self.dropout(features) * real).transpose(1, 2)
        hidden = torch.relu(self.first(hidden)) * real.transpose(1, 2)
        hidden = torch.relu(self.second(hidden)).transpose(1, 2)
        return self.output(self.dropout(max_of_steps(hidden, real)))


def train_classifier(
    model: nn.Module,
    train: LabelledSequences,
    valid: LabelledSequences,
    *,
    seed: int,
    epochs: int = 20,
    learning_rate: float = 1e-2,
    batch_size: int = 32,
    buckets: bool = True,
    device: str | torch.device = "cpu",
    progress: bool = True,
) -> History:
    """Train a classifier and keep the weights of the epoch with the lowest validation loss.

    Adam with a learning rate that rises to its maximum and falls to almost zero (one cycle),
    gradients of norm at most 1, batches in a new order each epoch.

    Parameters
    ----------
    model : torch.nn.Module
        ``model(x, lengths)`` gives logits.
    train, valid : LabelledSequences
        What to learn from, and what to choose the epoch by.
    seed : int
        Decides the order of batches and what is dropped.
    epochs, learning_rate, batch_size
        Of the recipe.
    buckets : bool
        Whether sequences of like length share a batch, which saves padding.
    device : str or torch.device
        As ``choose_device`` takes it.
    progress : bool
        Show a progress bar, on a terminal and in a notebook.

    Returns
    -------
    History

    Raises
    ------
    TypeError, ValueError
        If a class of ``valid`` has no sequence in ``train``, or an argument is not allowed.

    Examples
    --------
    >>> from gru_lib.models import PoolClassifier, label_sequences, train_classifier
    >>> import torch
    >>> data = label_sequences([[1, 1], [2], [2, 2, 2], [1]], [0, 1, 1, 0])
    >>> model = PoolClassifier(4, 8, classes=2, vocabulary_size=3)
    >>> history = train_classifier(model, data, data, seed=0, epochs=200, progress=False)
    >>> history.valid_loss[-1] < 0.1
    True
    """
    require_heard_classes(train, valid)
    epochs = require_positive_integer("epochs", epochs)
    count = -(-len(train.y) // require_positive_integer("batch_size", batch_size))

    return fit_one_cycle(
        model,
        labelled_loss,
        lambda epoch: shuffled(train, batch_size, buckets),
        batches_an_epoch=count,
        valid_batches=in_order(valid),
        epochs=epochs,
        learning_rate=learning_rate,
        seed=seed,
        device=device,
        progress=progress,
    )


@torch.no_grad()
def predict_classes(model: nn.Module, data: LabelledSequences) -> np.ndarray:
    """The class that a model takes each sequence for.

    Parameters
    ----------
    model : torch.nn.Module
        ``model(x, lengths)`` gives logits; it is put into evaluation mode.
    data : LabelledSequences
        The classes in it are not looked at.

    Returns
    -------
    np.ndarray of int, shape (count,)

    Examples
    --------
    >>> from gru_lib.models import PoolClassifier, label_sequences, predict_classes
    >>> data = label_sequences([[1, 1], [2]], [0, 1])
    >>> predict_classes(PoolClassifier(4, 8, classes=2, vocabulary_size=3), data).shape
    (2,)
    """
    model.eval()
    device = next(model.parameters()).device
    return torch.cat(
        [model(batch.x.to(device), batch.lengths).argmax(dim=1).cpu() for batch in in_order(data)]
    ).numpy()


def require_heard_classes(train: LabelledSequences, valid: LabelledSequences) -> None:
    """Raise an error that names the classes that are asked for and never heard."""
    unheard = sorted(set(valid.y.tolist()) - set(train.y.tolist()))
    if unheard:
        raise ValueError(f"valid holds the classes {unheard}, of which train has no sequence")


def shuffled(
    data: LabelledSequences, batch_size: int, buckets: bool = True
) -> list[LabelledSequences]:
    """Batches in a new order; with buckets, of sequences of like length."""
    rows = rows_of_like_length(data.lengths, batch_size, buckets)
    return [_rows(data, some) for some in rows]


def labelled_loss(model: nn.Module, batch: LabelledSequences) -> tuple[Tensor, int]:
    """Mean cross entropy of the classes of a batch, and how many sequences it is the mean of."""
    x, lengths, y = batch
    return cross_entropy(model(x, lengths), y), len(y)


def in_order(data: LabelledSequences, batch_size: int = 256) -> list[LabelledSequences]:
    """Batches in the order of the data."""
    return [_rows(data, rows) for rows in torch.arange(len(data.y)).split(batch_size)]


def _rows(data: LabelledSequences, rows: Tensor) -> LabelledSequences:
    lengths = data.lengths[rows]
    return LabelledSequences(data.x[rows, : int(lengths.max())], lengths, data.y[rows])


class _Input(nn.Module):
    """Checks what a classifier is given, and looks token numbers up."""

    def __init__(self, input_size: int, vocabulary_size: int | None) -> None:
        super().__init__()
        self.input_size = require_positive_integer("input_size", input_size)
        self.embedding = None
        if vocabulary_size is not None:
            vocabulary_size = require_positive_integer("vocabulary_size", vocabulary_size)
            self.embedding = nn.Embedding(vocabulary_size, input_size)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """Features, shape (batch, length, input_size), and lengths, shape (batch,)."""
        if self.embedding is None and (x.ndim != 3 or x.shape[2] != self.input_size):
            raise ValueError(
                f"x has shape {tuple(x.shape)}; expected (batch, length, {self.input_size})"
            )
        if self.embedding is not None:
            self._require_tokens(x)
        if 0 in x.shape:
            raise ValueError(
                f"x has shape {tuple(x.shape)}; expected at least one sequence and one step"
            )
        lengths = require_lengths(lengths, x)
        return (x if self.embedding is None else self.embedding(x)), lengths

    def _require_tokens(self, x: Tensor) -> None:
        if x.ndim != 2 or x.is_floating_point():
            raise ValueError(
                f"x has shape {tuple(x.shape)} and dtype {x.dtype}; "
                "expected token numbers of shape (batch, length)"
            )
        if x.numel() and (x.min() < 0 or x.max() >= self.embedding.num_embeddings):
            raise ValueError(
                f"x holds token numbers from {x.min()} to {x.max()}; "
                f"expected 0 to {self.embedding.num_embeddings - 1}"
            )


def require_lengths(lengths: Tensor | None, x: Tensor) -> Tensor:
    """The lengths as a tensor, all steps of x where none are given; or an error that says why."""
    if lengths is None:
        lengths = torch.full((len(x),), x.shape[1])
    lengths = torch.as_tensor(lengths)
    if lengths.is_floating_point():
        raise TypeError(f"lengths has dtype {lengths.dtype}; expected whole numbers")
    if lengths.shape != x.shape[:1]:
        raise ValueError(
            f"lengths has shape {tuple(lengths.shape)}; expected ({len(x)},), one a sequence"
        )
    if lengths.min() < 1 or lengths.max() > x.shape[1]:
        raise ValueError(
            f"lengths go from {lengths.min()} to {lengths.max()}; "
            f"expected 1 to {x.shape[1]}, the steps of x"
        )
    return lengths


def real_steps(steps: Tensor, lengths: Tensor) -> Tensor:
    """True for a real step and False for padding, shape (batch, length, 1)."""
    numbers = torch.arange(steps.shape[1], device=steps.device)
    return (numbers < lengths.to(steps.device)[:, None])[:, :, None]


def mean_of_steps(states: Tensor, real: Tensor) -> Tensor:
    """The mean of the states of all real steps, shape (batch, features)."""
    return (states * real).sum(dim=1) / real.sum(dim=1)


def max_of_steps(states: Tensor, real: Tensor) -> Tensor:
    """The largest of the states of all real steps, entry by entry, shape (batch, features)."""
    return states.masked_fill(~real, -torch.inf).max(dim=1).values


_POOLS = {"last": None, "mean": mean_of_steps, "max": max_of_steps}
