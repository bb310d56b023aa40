"""What the chapters train, built from the layers of this library.

>>> from gru_lib.models import FramePredictor

So far the models of chapter 14, which predict the next frame of a binary sequence, such as the next
chord of a piano roll: recurrent ones, one that sees a window, and one that only counts.
"""

from gru_lib.models.frames import (
    CountingPredictor,
    FramePredictor,
    WindowPredictor,
    continue_frames,
    count_parameters,
    frame_batches,
    frame_nll,
    mean_nll,
    train_frames,
)

__all__ = [
    "CountingPredictor",
    "FramePredictor",
    "WindowPredictor",
    "continue_frames",
    "count_parameters",
    "frame_batches",
    "frame_nll",
    "mean_nll",
    "train_frames",
]
