"""A classifier on the body of a language model: what reads was trained before, the rest is new."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from gru_lib._checks import require_positive_integer
from gru_lib.models.classifiers import (
    max_of_steps,
    mean_of_steps,
    real_steps,
    require_lengths,
)
from gru_lib.models.language_model import LanguageModel


class LanguageClassifier(nn.Module):
    """Embedding and recurrent layers of a language model, and a new linear layer that answers.

    The answer is given from the last state, the largest and the mean of all states of a text, side
    by side (Howard and Ruder, 2018, "concat pooling").

    Parameters
    ----------
    body : LanguageModel
        Its parts are used, not copied; its output layer is not. For weights from scratch, give one
        that was not trained. Its dropout holds for the head too.
    classes : int
        Possible answers.

    Attributes
    ----------
    embedding, recurrent, adapter : torch.nn.Module
        Those of the language model, under the same names.
    head : torch.nn.Linear
        What is new: from 3 H features to the classes.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed; in a call, if the input does not fit.

    Examples
    --------
    >>> from gru_lib.models import LanguageClassifier, LanguageModel
    >>> import torch
    >>> model = LanguageClassifier(LanguageModel(96, 8, 16), classes=6)
    >>> model(torch.zeros(4, 10, dtype=torch.int64), torch.tensor([10, 3, 1, 7])).shape
    torch.Size([4, 6])
    """

    def __init__(self, body: LanguageModel, classes: int) -> None:
        super().__init__()
        if not isinstance(body, LanguageModel):
            raise TypeError(f"body is of type {type(body).__name__}; expected a LanguageModel")
        self.embedding = body.embedding
        self.recurrent = body.recurrent
        self.adapter = body.adapter
        self.dropout = nn.Dropout(body.dropout.p)
        classes = require_positive_integer("classes", classes)
        self.head = nn.Linear(3 * body.recurrent.hidden_size, classes)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits, shape (batch, classes); x holds codes, shape (batch, length), and padding."""
        return self.head(self.dropout(self.features(x, lengths)))

    def features(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Last state, largest states and mean of states, shape (batch, 3 H)."""
        if x.ndim != 2 or x.is_floating_point() or 0 in x.shape:
            raise ValueError(
                f"x has shape {tuple(x.shape)} and dtype {x.dtype}; "
                "expected codes of shape (batch, length), at least one of each"
            )
        if x.min() < 0 or x.max() >= self.embedding.num_embeddings:
            raise ValueError(
                f"x holds codes from {x.min()} to {x.max()}; expected 0 to "
                f"{self.embedding.num_embeddings - 1}, the vocabulary of the language model"
            )
        lengths = require_lengths(lengths, x)
        packed = pack_padded_sequence(
            self.dropout(self.embedding(x)), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        states, _ = pad_packed_sequence(self.recurrent(packed)[0], batch_first=True)
        states = self.adapter(states)
        last = states[torch.arange(len(x), device=x.device), lengths.to(x.device) - 1]
        real = real_steps(states, lengths)
        return torch.cat([last, max_of_steps(states, real), mean_of_steps(states, real)], dim=-1)
