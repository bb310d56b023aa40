"""gru_lib: the library behind the book *What Is a GRU?*

Importing it is cheap: it loads neither NumPy's big modules nor PyTorch.
Import the room you need, for example ``from gru_lib.numpy_gru import gru_step``.
"""

__version__ = "0.1.0"
