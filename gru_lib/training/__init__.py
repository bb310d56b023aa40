"""One ``fit`` loop for every chapter that trains with PyTorch, and what it rests on.

>>> from gru_lib.training import Batches, fit

``fit`` trains, validates, stops early and resumes a killed run exactly; ``Batches`` gives it
tensors in a new order each epoch. ``save_weights`` and ``load_weights`` store a trained model
in a file that proves itself whole; ``seed_everything`` and ``choose_device`` prepare a session.
"""

from gru_lib.training.batches import Batches
from gru_lib.training.history import History
from gru_lib.training.loop import fit
from gru_lib.training.machine import choose_device, seed_everything
from gru_lib.training.weights import CheckpointError, load_weights, save_weights

__all__ = [
    "Batches",
    "CheckpointError",
    "History",
    "choose_device",
    "fit",
    "load_weights",
    "save_weights",
    "seed_everything",
]
