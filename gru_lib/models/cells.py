"""The recurrent layers that the models of the chapters choose from."""

from torch import nn

from gru_lib import torch_gru

#: Layers by name: the GRU is this library's own, its rivals are PyTorch's.
CELLS: dict[str, type[nn.Module]] = {"tanh": nn.RNN, "GRU": torch_gru.GRU, "LSTM": nn.LSTM}


def require_cell(name: str) -> type[nn.Module]:
    """The layer of that name, or an error that lists the names."""
    if name not in CELLS:
        raise ValueError(f"cell is {name!r}; expected one of {', '.join(CELLS)}")
    return CELLS[name]
