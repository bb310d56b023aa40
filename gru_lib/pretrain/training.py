"""From a recipe and a text to a file of weights."""

import contextlib
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from gru_lib._checks import require_positive_integer
from gru_lib.models import (
    LanguageModel,
    TextWindows,
    save_language_model,
    train_language_model,
)
from gru_lib.pretrain.card import card_as_markdown, make_card
from gru_lib.pretrain.corpus import Corpus
from gru_lib.pretrain.processes import Processes, SharedLoss
from gru_lib.training import CheckpointError, History


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, besides the text; by default the course's model.

    Parameters
    ----------
    seed : int
        Of the first weights, the order of the windows and what is dropped.
    epochs : int
        How often the text is read.
    embedding_size, hidden_size, num_layers, dropout
        Of :class:`gru_lib.models.LanguageModel`.
    learning_rate : float
        Highest rate of the cycle.
    window : int
        Predictions a window.
    batch_size : int
        Windows in a step, over all processes.
    shuffled : bool
        The control: the characters of the text are shuffled first.

    Examples
    --------
    >>> from gru_lib.pretrain import Recipe
    >>> Recipe(epochs=2).describe()["epochs"]
    '2'
    """

    seed: int = 0
    epochs: int = 40
    embedding_size: int = 48
    hidden_size: int = 160
    num_layers: int = 2
    dropout: float = 0.1
    learning_rate: float = 4e-3
    window: int = 100
    batch_size: int = 32
    shuffled: bool = False

    def describe(self) -> dict[str, str]:
        """Its values by name, as text.

        Returns
        -------
        dict of str to str
        """
        return {name: str(value) for name, value in asdict(self).items()}

    def build(self, vocabulary_size: int) -> LanguageModel:
        """The model with its first weights.

        Parameters
        ----------
        vocabulary_size : int
            How many characters there are.

        Returns
        -------
        LanguageModel
        """
        torch.manual_seed(self.seed)
        return LanguageModel(
            vocabulary_size,
            self.embedding_size,
            self.hidden_size,
            num_layers=self.num_layers,
            dropout=self.dropout,
        )


def pretrain(
    corpus: Corpus,
    recipe: Recipe,
    out: str | os.PathLike,
    *,
    checkpoint: str | os.PathLike | None = None,
    checkpoint_every: int = 1,
    resume: bool = True,
    processes: Processes | None = None,
    progress: bool = True,
) -> History:
    """Train a language model and write it, with its card, to a file.

    Parameters
    ----------
    corpus : Corpus
        What is read.
    recipe : Recipe
        How.
    out : path
        The safetensors file; the card lies beside it as Markdown, with the ending ``.md``.
    checkpoint : path, optional
        Where the state of the run is kept until it is done; by default ``out`` with
        ``.checkpoint`` behind it.
    checkpoint_every : int, default 1
        Steps between two checkpoints: what a killed run loses at most.
    resume : bool, default True
        Go on from the checkpoint where there is one.
    processes : Processes, optional
        Those that train together, entered; by default this one alone on the CPU.
    progress : bool, default True
        Show a progress bar, on a terminal and in a notebook.

    Returns
    -------
    History
        Losses in nats a character.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed, a part of the text is shorter than a window, or there are
        more processes than rows in a batch.
    CheckpointError
        If a file cannot be written, or the checkpoint is of another model or recipe.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from gru_lib.models import load_language_model
    >>> from gru_lib.pretrain import Recipe, file_corpus, pretrain
    >>> recipe = Recipe(epochs=1, embedding_size=4, hidden_size=8, num_layers=1, window=20)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     text, out = pathlib.Path(folder, "text.txt"), pathlib.Path(folder, "model.safetensors")
    ...     _ = text.write_text("one two three " * 50, encoding="utf-8")
    ...     history = pretrain(file_corpus(text), recipe, out, progress=False)
    ...     load_language_model(out).card["best epoch"]
    '1 of 1'
    """
    out = Path(out)
    processes = Processes() if processes is None else processes
    checkpoint = Path(f"{out}.checkpoint" if checkpoint is None else checkpoint)
    require_positive_integer("checkpoint_every", checkpoint_every)
    if processes.count > require_positive_integer("batch_size", recipe.batch_size):
        raise ValueError(
            f"there are {processes.count} processes and batch_size is {recipe.batch_size}; "
            "expected at least one row for each process"
        )
    for name in ("train", "valid"):
        _require_window(name, len(getattr(corpus, name)), recipe.window)
    _require_folder(out)
    _require_folder(checkpoint)
    read = corpus.shuffled(recipe.seed) if recipe.shuffled else corpus
    model = recipe.build(len(corpus.vocabulary))
    described = recipe.describe() | {"text": corpus.origin["sha256 of the text"][:12]}
    processes.require_same_checkpoint(checkpoint)
    history = train_language_model(
        model,
        read.train,
        read.valid,
        seed=recipe.seed,
        epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        window=recipe.window,
        batch_size=recipe.batch_size,
        device=processes.device,
        progress=progress and processes.is_first,
        loss=SharedLoss(model, processes, described),
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        resume=resume,
        writes_checkpoint=processes.is_first,
    )
    if processes.is_first:
        model.cpu()
        windows = TextWindows(read.train, recipe.window, recipe.batch_size).count
        characters = len(history) * windows * recipe.window
        card = make_card(model, corpus, asdict(recipe), history, characters, processes.count)
        save_language_model(model, corpus.vocabulary, out, card)
        out.with_suffix(".md").write_text(card_as_markdown(out.stem, card), encoding="utf-8")
        with contextlib.suppress(FileNotFoundError):
            checkpoint.unlink()
    return history


def _require_window(name: str, characters: int, window: int) -> None:
    if characters == 0:
        raise ValueError(f"the {name} text is empty; expected text to learn from")
    if characters <= window:
        raise ValueError(
            f"the {name} text has {characters} characters; a window of {window} needs at least "
            f"{window + 1}: give more text or a smaller window"
        )


def _require_folder(path: Path) -> None:
    """Now, and not after an hour of training."""
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder; expected the name of a file")
    if not path.parent.is_dir():
        raise CheckpointError(f"cannot write {path}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise CheckpointError(f"cannot write {path}: the folder {path.parent} is read-only")
