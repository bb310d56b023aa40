"""A language model over characters: which one comes next, given all before?

The model reads codes, shape (batch, length), and gives for every place the logits of the next code.
It keeps a state, so text can be read in pieces, one character at a time if need be.
"""

import math
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gru_lib._checks import require_dropout, require_generator, require_positive_integer
from gru_lib.data.characters import Vocabulary
from gru_lib.models.cells import require_cell
from gru_lib.models.recipe import fit_one_cycle
from gru_lib.training import CheckpointError, History, load_weights, save_weights
from gru_lib.training.run import Loss
from gru_lib.training.weights import WEIGHTS, read_sealed

#: What a text begins after: a new line, the first of all characters in the order of Unicode.
START = 0
_SIZES = ("vocabulary_size", "embedding_size", "hidden_size", "num_layers")
_BURN_IN = 200  # characters that warm the state of a stream and are not counted


class LanguageModel(nn.Module):
    """Embedding, recurrent layers, and a linear layer that gives the logits of the next code.

    Parameters
    ----------
    vocabulary_size : int
        How many codes there are, V.
    embedding_size : int
        Entries of the vector that stands for a code.
    hidden_size : int
        Entries of the hidden state of each layer, H.
    num_layers : int, default 1
        Recurrent layers.
    dropout : float in [0, 1), default 0.0
        Share of what goes into the layers and out of the last one that is dropped in training.
    cell : str, default "GRU"
        ``"tanh"``, ``"GRU"`` or ``"LSTM"``.

    Attributes
    ----------
    embedding, recurrent, output : torch.nn.Module
        The three parts.
    adapter : torch.nn.Module
        Stands between the last recurrent layer and the output, and passes its input on unless it
        is replaced (``gru_lib.finetuning``).

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed; in a call, if the codes are not.

    Examples
    --------
    >>> from gru_lib.models import LanguageModel
    >>> import torch
    >>> model = LanguageModel(vocabulary_size=96, embedding_size=8, hidden_size=16)
    >>> logits, state = model(torch.zeros(4, 10, dtype=torch.int64))
    >>> logits.shape, state.shape
    (torch.Size([4, 10, 96]), torch.Size([1, 4, 16]))
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_size: int,
        hidden_size: int,
        *,
        num_layers: int = 1,
        dropout: float = 0.0,
        cell: str = "GRU",
    ) -> None:
        super().__init__()
        dropout = require_dropout(dropout)
        self.cell = cell
        self.embedding = nn.Embedding(
            require_positive_integer("vocabulary_size", vocabulary_size),
            require_positive_integer("embedding_size", embedding_size),
        )
        num_layers = require_positive_integer("num_layers", num_layers)
        self.recurrent = require_cell(cell)(
            embedding_size,
            require_positive_integer("hidden_size", hidden_size),
            num_layers=num_layers,
            dropout=dropout if num_layers > 1 else 0.0,
            batch_first=True,
        )
        self.dropout = nn.Dropout(dropout)
        self.adapter = nn.Identity()
        self.output = nn.Linear(hidden_size, vocabulary_size)

    def forward(self, codes: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits, shape (batch, length, V), and the last state, to read on with."""
        states, state = self.states(codes, state)
        return self.output(states), state

    def states(self, codes: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What the output layer is given, shape (batch, length, H), and the last state."""
        self._require_codes(codes)
        states, state = self.recurrent(self.dropout(self.embedding(codes)), state)
        return self.dropout(self.adapter(states)), state

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes that the model was built with, by the names of its arguments."""
        return dict(
            zip(
                _SIZES,
                (
                    self.embedding.num_embeddings,
                    self.embedding.embedding_dim,
                    self.recurrent.hidden_size,
                    self.recurrent.num_layers,
                ),
                strict=True,
            )
        )

    def _require_codes(self, codes: Tensor) -> None:
        if codes.ndim != 2 or codes.is_floating_point() or 0 in codes.shape:
            raise ValueError(
                f"codes has shape {tuple(codes.shape)} and dtype {codes.dtype}; "
                "expected whole numbers of shape (batch, length), at least one of each"
            )
        if codes.min() < 0 or codes.max() >= self.embedding.num_embeddings:
            raise ValueError(
                f"codes holds numbers from {codes.min()} to {codes.max()}; expected 0 to "
                f"{self.embedding.num_embeddings - 1}, the vocabulary of the model"
            )


class TextWindows:
    """Batches of windows that tile a text, from another place and in another order each time.

    Parameters
    ----------
    codes : array_like of int, shape (n,)
        The text.
    window : int
        Predictions a window, T; it holds one code more.
    batch_size : int
        Windows in a batch; the last batch may hold fewer.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed, or the text has not one window.

    Notes
    -----
    Each window starts with a state of zeros. The first one starts at a random place among the
    first T, so that over the epochs every character is predicted after every length of context.

    Examples
    --------
    >>> from gru_lib.models import TextWindows
    >>> batches = TextWindows(range(100), window=9, batch_size=4)
    >>> len(batches), [batch.shape for batch in batches][0]
    (3, torch.Size([4, 10]))
    """

    def __init__(self, codes: ArrayLike, window: int, batch_size: int) -> None:
        self.codes = torch.as_tensor(_require_text("codes", codes))
        self.window = require_positive_integer("window", window)
        self.batch_size = require_positive_integer("batch_size", batch_size)
        # one fewer than the text has room for: wherever the first starts, the last fits
        self.count = max(1, (len(self.codes) - 1) // self.window - 1)
        if len(self.codes) <= self.window:
            raise ValueError(
                f"codes has shape {tuple(self.codes.shape)}; a window of {window} needs at least "
                f"{window + 1} codes"
            )

    def __len__(self) -> int:
        """How many batches there are."""
        return -(-self.count // self.batch_size)

    def __iter__(self):
        """Give the batches once, each a tensor of shape (windows, window + 1)."""
        room = len(self.codes) - 1 - self.count * self.window
        first = int(torch.randint(min(room, self.window) + 1, ()))
        starts = first + self.window * torch.randperm(self.count)
        for some in starts.split(self.batch_size):
            yield self.codes[some[:, None] + torch.arange(self.window + 1)]


def next_code_loss(model: nn.Module, windows: Tensor) -> tuple[Tensor, int]:
    """Mean cross entropy of the next code in nats, and how many codes it is the mean of.

    Parameters
    ----------
    model : torch.nn.Module
        ``model(codes)`` gives logits and a state.
    windows : Tensor of int64, shape (batch, T + 1)
        The first T codes of each are read, the last T predicted.

    Returns
    -------
    loss : Tensor, shape ()
    count : int

    Examples
    --------
    >>> from gru_lib.models import LanguageModel, next_code_loss
    >>> import torch
    >>> loss, count = next_code_loss(LanguageModel(4, 2, 3), torch.zeros(2, 6, dtype=torch.int64))
    >>> loss.shape, count
    (torch.Size([]), 10)
    """
    logits, _ = model(windows[:, :-1])
    targets = windows[:, 1:]
    return cross_entropy(logits.flatten(0, 1), targets.flatten()), targets.numel()


def train_language_model(
    model: LanguageModel,
    train: ArrayLike,
    valid: ArrayLike,
    *,
    seed: int,
    epochs: int = 20,
    learning_rate: float = 4e-3,
    window: int = 100,
    batch_size: int = 32,
    device: str | torch.device = "cpu",
    progress: bool = True,
    loss: Loss | None = None,
    checkpoint: str | os.PathLike | None = None,
    checkpoint_every: int | None = None,
    resume: bool = True,
    writes_checkpoint: bool = True,
) -> History:
    """Train on a text and keep the weights of the epoch with the lowest validation loss.

    Adam with a learning rate that rises to its maximum and falls to almost zero (one cycle),
    gradients of norm at most 1, windows in a new order each epoch. Frozen parameters stay.

    Parameters
    ----------
    model : LanguageModel
        Trained in place.
    train, valid : array_like of int, shape (n,)
        Codes to learn from, and to choose the epoch by.
    seed : int
        Decides the order of windows and what is dropped.
    epochs, learning_rate, window, batch_size
        Of the recipe.
    device : str or torch.device
        As ``choose_device`` takes it.
    progress : bool
        Show a progress bar, on a terminal and in a notebook.
    loss : callable, optional
        Of the model and a batch of windows, as :func:`next_code_loss`, which it is by default.
    checkpoint, checkpoint_every, resume, writes_checkpoint
        As :func:`gru_lib.training.fit` takes them: a run that was killed goes on from there.

    Returns
    -------
    History
        Losses in nats a character.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed, or a text is shorter than a window.
    CheckpointError
        If the checkpoint cannot be written, is damaged, or is of another model or another run.

    Examples
    --------
    >>> from gru_lib.models import LanguageModel, train_language_model
    >>> text = [0, 1, 2, 1] * 30
    >>> model = LanguageModel(3, 4, 8)
    >>> history = train_language_model(
    ...     model, text, text, seed=0, epochs=40, learning_rate=0.05, window=10, progress=False
    ... )
    >>> history.valid_loss[-1] < 0.2
    True
    """
    windows = TextWindows(train, window, batch_size)
    valid = TextWindows(valid, window, batch_size)
    return fit_one_cycle(
        model,
        loss or next_code_loss,
        windows,
        batches_an_epoch=len(windows),
        valid_batches=valid,
        epochs=require_positive_integer("epochs", epochs),
        learning_rate=learning_rate,
        seed=seed,
        device=device,
        progress=progress,
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        resume=resume,
        writes_checkpoint=writes_checkpoint,
    )


@torch.no_grad()
def bits_per_character(model: nn.Module, codes: ArrayLike, *, streams: int = 16) -> float:
    """Mean number of bits that the model needs for a code of a text: lower is better.

    Parameters
    ----------
    model : torch.nn.Module
        ``model(codes)`` gives logits and a state; it is put into evaluation mode.
    codes : array_like of int, shape (n,)
        The text; its first code is predicted after a new line.
    streams : int, default 16
        The text is read as so many pieces at once, each after the 200 codes before it, which are
        not counted. With 1 it is read in one go, which takes longer.

    Returns
    -------
    float
        Minus the mean of the logarithms, to base 2, of the probabilities.

    Raises
    ------
    TypeError, ValueError
        If the codes are not whole numbers, none, or not of the vocabulary.

    Examples
    --------
    >>> from gru_lib.models import LanguageModel, bits_per_character
    >>> import torch
    >>> model = LanguageModel(4, 2, 3)
    >>> _ = torch.nn.init.zeros_(model.output.weight), torch.nn.init.zeros_(model.output.bias)
    >>> bits_per_character(model, [2, 2, 0])
    2.0
    """
    model.eval()
    device = next(model.parameters()).device
    codes = torch.as_tensor(_require_text("codes", codes), device=device)
    length = -(-len(codes) // require_positive_integer("streams", streams))
    before = codes.new_full((_BURN_IN + 1,), START)
    padded = torch.cat([before, codes])
    pieces = torch.arange(0, len(codes), length, device=device)
    steps = torch.arange(_BURN_IN + length + 1, device=device)
    # the last piece may be shorter: what lies behind the text is read and not counted
    places = (pieces[:, None] + steps).clamp(max=len(padded) - 1)
    real = (pieces[:, None] + steps)[:, _BURN_IN + 1 :] < len(padded)
    windows, state, nats = padded[places], None, 0.0
    # what comes before the text is no text: its stream starts at the one new line
    logits, state = model(windows[:, :_BURN_IN])
    if codes.min() < 0 or codes.max() >= logits.shape[2]:
        raise ValueError(
            f"codes holds numbers from {codes.min()} to {codes.max()}; expected 0 to "
            f"{logits.shape[2] - 1}, the vocabulary of the model"
        )
    state = _without_first(state)
    for start in range(_BURN_IN, windows.shape[1] - 1, 500):
        piece = windows[:, start : start + 501]
        logits, state = model(piece[:, :-1], state)
        losses = cross_entropy(logits.flatten(0, 1), piece[:, 1:].flatten(), reduction="none")
        some = real[:, start - _BURN_IN : start - _BURN_IN + piece.shape[1] - 1]
        nats += float((losses.view_as(some) * some).sum(dtype=torch.float64))
    return nats / len(codes) / math.log(2)


def _without_first(state: Tensor | tuple[Tensor, Tensor]) -> Tensor | tuple[Tensor, Tensor]:
    """The state with zeros for the first stream, which begins the text."""
    if isinstance(state, tuple):  # an LSTM's hidden state and cell
        return tuple(map(_without_first, state))
    state = state.clone()
    state[:, 0] = 0
    return state


@torch.no_grad()
def generate_text(
    model: LanguageModel,
    vocabulary: Vocabulary,
    prompt: str,
    length: int,
    *,
    temperature: float = 1.0,
    rng: int | np.random.Generator | None = None,
) -> str:
    """Write on: draw one character after another from the model's probabilities.

    Parameters
    ----------
    model : LanguageModel
        It is put into evaluation mode.
    vocabulary : Vocabulary
        Of the model.
    prompt : str
        What the text begins with; may be empty.
    length : int
        Characters to write.
    temperature : float, default 1.0
        Divides the logits; at 0 the likeliest character is taken.
    rng : int, np.random.Generator or None
        Source of random numbers.

    Returns
    -------
    str
        The new characters, without the prompt.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed, or the prompt holds what the vocabulary lacks.

    Examples
    --------
    >>> from gru_lib.data.characters import Vocabulary
    >>> from gru_lib.models import LanguageModel, generate_text
    >>> vocabulary = Vocabulary("\\nabc")
    >>> text = generate_text(LanguageModel(4, 2, 3), vocabulary, "ab", 10, rng=0)
    >>> len(text), set(text) <= set("\\nabc")
    (10, True)
    """
    length = require_positive_integer("length", length)
    if not temperature >= 0 or math.isinf(temperature):
        raise ValueError(f"temperature is {temperature}; expected a finite number, at least 0")
    rng = require_generator(rng)
    model.eval()
    device = next(model.parameters()).device
    read = torch.tensor([[START, *vocabulary.encode(prompt).tolist()]], device=device)
    state, written = None, []
    for _ in range(length):
        logits, state = model(read, state)
        logits = logits[0, -1].double().cpu().numpy()
        if temperature == 0:
            code = int(logits.argmax())
        else:
            # the largest of logits with Gumbel noise is a draw from their softmax
            code = int((logits / temperature + rng.gumbel(size=len(logits))).argmax())
        written.append(code)
        read = torch.tensor([[code]], device=device)
    return vocabulary.decode(written)


class SavedLanguageModel(NamedTuple):
    """A language model as it comes out of a file.

    Parameters
    ----------
    model : LanguageModel
        In evaluation mode.
    vocabulary : Vocabulary
        Its characters.
    card : dict of str to str
        What the file says about it: data, licence, seed, metrics.

    Examples
    --------
    >>> from gru_lib.pretrained import load_pretrained
    >>> load_pretrained().model.sizes["num_layers"]
    2
    """

    #: In evaluation mode.
    model: LanguageModel
    #: Of the model.
    vocabulary: Vocabulary
    #: In words.
    card: dict[str, str]


def save_language_model(
    model: LanguageModel,
    vocabulary: Vocabulary,
    path: str | os.PathLike,
    card: dict[str, str] | None = None,
) -> None:
    """Write a model with its sizes and its vocabulary to a safetensors file.

    Parameters
    ----------
    model : LanguageModel
        Dropout is not stored: it belongs to training.
    vocabulary : Vocabulary
        With as many characters as the model has codes.
    path : path
        The file; one that is there is replaced, once the new one is on the disk.
    card : dict of str to str, optional
        What a reader of the file should know.

    Raises
    ------
    ValueError
        If the vocabulary does not fit the model.
    CheckpointError
        If the file cannot be written, or a parameter holds NaN or infinity.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from gru_lib.data.characters import Vocabulary
    >>> from gru_lib.models import LanguageModel, load_language_model, save_language_model
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "abc.safetensors")
    ...     save_language_model(LanguageModel(3, 2, 5), Vocabulary("abc"), path, {"seed": "0"})
    ...     saved = load_language_model(path)
    >>> saved.model.sizes["hidden_size"], saved.vocabulary.characters, saved.card
    (5, 'abc', {'seed': '0'})
    """
    if len(vocabulary) != model.embedding.num_embeddings:
        raise ValueError(
            f"vocabulary has {len(vocabulary)} characters; the model has "
            f"{model.embedding.num_embeddings} codes"
        )
    own = {name: str(size) for name, size in model.sizes.items()}
    own |= {"cell": model.cell, "characters": vocabulary.characters}
    save_weights(model, path, {**(card or {}), **own})


def load_language_model(path: str | os.PathLike, *, dropout: float = 0.0) -> SavedLanguageModel:
    """Read a file of :func:`save_language_model`.

    Parameters
    ----------
    path : path
        The file.
    dropout : float in [0, 1), default 0.0
        For training on.

    Returns
    -------
    SavedLanguageModel

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If the file is damaged, or holds another kind of model.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from gru_lib.data.characters import Vocabulary
    >>> from gru_lib.models import LanguageModel, load_language_model, save_language_model
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "abc.safetensors")
    ...     save_language_model(LanguageModel(3, 2, 5), Vocabulary("abc"), path)
    ...     load_language_model(path).model.training
    False
    """
    _, card = read_sealed(Path(path), WEIGHTS)
    missing = [name for name in (*_SIZES, "cell", "characters") if name not in card]
    if missing:
        raise CheckpointError(
            f"{path} holds weights, but of no language model: it does not say {', '.join(missing)}"
        )
    sizes = {name: int(card.pop(name)) for name in _SIZES}
    model = LanguageModel(**sizes, dropout=dropout, cell=card.pop("cell"))
    load_weights(model, path)
    return SavedLanguageModel(model.eval(), Vocabulary(card.pop("characters")), card)


def _require_text(name: str, codes: ArrayLike) -> np.ndarray:
    codes = np.asarray(codes)
    if codes.ndim != 1 or len(codes) == 0:
        raise ValueError(f"{name} has shape {codes.shape}; expected (n,), at least one code")
    if not np.issubdtype(codes.dtype, np.integer):
        raise TypeError(f"{name} has dtype {codes.dtype}; expected whole numbers")
    return codes.astype(np.int64)
