"""How the course's language models were pretrained, as a function and as a command.

>>> from gru_lib.pretrain import Recipe
>>> Recipe().hidden_size
160

``python -m gru_lib.pretrain --help`` says what the command takes.
"""

from gru_lib.pretrain.card import card_as_markdown, count_operations
from gru_lib.pretrain.corpus import Corpus, file_corpus, reference_corpus
from gru_lib.pretrain.processes import Processes, SharedLoss
from gru_lib.pretrain.training import Recipe, pretrain

__all__ = [
    "Corpus",
    "Processes",
    "Recipe",
    "SharedLoss",
    "card_as_markdown",
    "count_operations",
    "file_corpus",
    "pretrain",
    "reference_corpus",
]
