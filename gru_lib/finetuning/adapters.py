"""What else can be learned beside or of a frozen network, and files that hold only an adapter."""

import os
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn
from torch.nn.functional import gelu

from gru_lib._checks import require_positive_integer
from gru_lib.finetuning.groups import count_trained
from gru_lib.finetuning.lora import (
    LowRank,
    adapter_names,
    adapter_updates,
    put_adapter,
    require_new_name,
)
from gru_lib.training import CheckpointError
from gru_lib.training.weights import read_sealed, sha256_of, write_sealed

ADAPTER = "gru_lib adapter 1"
_OWN = ("name", "rank", "alpha", "gates", "base")


class Bottleneck(nn.Module):
    """A detour through few units, added to what it is given: x + up(gelu(down(x))).

    Parameters
    ----------
    features : int
        Entries of what goes in and comes out.
    width : int
        Units between.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed.

    Notes
    -----
    Houlsby et al. (2019), section 2.1. The way up is zero at the start, so that it changes nothing.

    Examples
    --------
    >>> from gru_lib.finetuning import Bottleneck
    >>> import torch
    >>> x = torch.ones(2, 7, 16)
    >>> torch.equal(Bottleneck(16, 3)(x), x)
    True
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.down = nn.Linear(features, require_positive_integer("width", width))
        self.up = nn.Linear(width, features)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        """What was given and the detour, shape (..., features)."""
        return x + self.up(gelu(self.down(x)))


def add_bottleneck(model: nn.Module, width: int) -> int:
    """Put a bottleneck between the recurrent layers and the output, and freeze all the rest.

    Parameters
    ----------
    model : LanguageModel
        Or another with a slot ``adapter`` that is empty.
    width : int
        Units of the bottleneck.

    Returns
    -------
    int
        How many numbers can be trained.

    Raises
    ------
    TypeError, ValueError
        If the model has no such slot, or it is taken, or the width is not allowed.

    Examples
    --------
    >>> from gru_lib.finetuning import add_bottleneck
    >>> from gru_lib.models import LanguageModel
    >>> add_bottleneck(LanguageModel(10, 4, 8), width=2)  # (8 + 1) 2 and (2 + 1) 8
    42
    """
    slot = getattr(model, "adapter", None)
    if not isinstance(slot, nn.Identity):
        raise ValueError(
            f"the slot 'adapter' of {type(model).__name__} holds {type(slot).__name__}; expected "
            "Identity, an empty slot"
        )
    bottleneck = Bottleneck(model.output.in_features, width).to(model.output.weight)
    model.requires_grad_(False)
    model.adapter = bottleneck
    return sum(p.numel() for p in bottleneck.parameters())


def train_only(model: nn.Module, ending: str) -> int:
    """Freeze all parameters but those of one sort, such as the biases.

    Parameters
    ----------
    model : torch.nn.Module
        Any model.
    ending : str
        Part of a parameter's name: ``"bias"`` for all biases (Ben Zaken et al., 2022),
        ``"output."`` for an output layer, ``"weight_hh"`` for all weights of the states.

    Returns
    -------
    int
        How many numbers can be trained.

    Raises
    ------
    ValueError
        If no parameter has it in its name.

    Examples
    --------
    >>> from gru_lib.finetuning import train_only
    >>> import torch
    >>> train_only(torch.nn.GRU(3, 4), "bias")
    24
    """
    chosen = [name for name, _ in model.named_parameters() if ending in name]
    if not chosen:
        raise ValueError(f"no parameter of {type(model).__name__} has {ending!r} in its name")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in chosen)
    return count_trained(model)


def base_fingerprint(model: nn.Module) -> str:
    """The SHA-256 of a model's weights, without adapters: which base it is.

    Parameters
    ----------
    model : torch.nn.Module
        With adapters of :func:`gru_lib.finetuning.add_lora` or without.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> from gru_lib.finetuning import add_lora, base_fingerprint
    >>> import torch
    >>> gru = torch.nn.GRU(3, 4)
    >>> before = base_fingerprint(gru)
    >>> _ = add_lora(gru, "mine", rank=1)
    >>> base_fingerprint(gru) == before
    True
    """
    tensors = {}
    for name, value in model.state_dict().items():
        if ".updates." not in name:
            plain = name.replace("parametrizations.", "").removesuffix(".original")
            tensors[plain] = value.detach().cpu().contiguous()
    return sha256_of(tensors, {})


def save_adapter(
    model: nn.Module, name: str, path: str | os.PathLike, card: Mapping[str, str] | None = None
) -> None:
    """Write an adapter, without its base, to a safetensors file.

    Parameters
    ----------
    model : torch.nn.Module
        With the adapter.
    name : str
        Of the adapter.
    path : path
        The file; one that is there is replaced, once the new one is on the disk.
    card : mapping of str to str, optional
        What a reader of the file should know.

    Raises
    ------
    ValueError
        If the model has no adapter of that name, or the card uses a name of the file's own.
    CheckpointError
        If the file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import torch
    >>> from gru_lib.finetuning import add_lora, load_adapter, save_adapter
    >>> gru = torch.nn.GRU(3, 4)
    >>> other = torch.nn.GRU(3, 4)
    >>> _ = other.load_state_dict(gru.state_dict())
    >>> _ = add_lora(gru, "mine", rank=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "mine.safetensors")
    ...     save_adapter(gru, "mine", path, {"data": "none"})
    ...     load_adapter(other, path)
    {'data': 'none'}
    """
    updates = adapter_updates(model, name)
    card = dict(card or {})
    if used := [key for key in _OWN if key in card]:
        raise ValueError(f"card uses {used}; these names are the file's own")
    one = next(iter(updates.values()))
    tensors = {
        f"{weight}.{letter}": getattr(update, letter).detach().contiguous()
        for weight, update in updates.items()
        for letter in ("A", "B")
    }
    own = {"name": name, "rank": str(one.rank), "alpha": str(one.alpha)}
    own |= {"gates": " ".join(one.gates), "base": base_fingerprint(model)}
    write_sealed(Path(path), tensors, ADAPTER, card | own)


def load_adapter(
    model: nn.Module, path: str | os.PathLike, name: str | None = None
) -> dict[str, str]:
    """Read a file of :func:`save_adapter`, put the adapter on its base, and use it.

    Parameters
    ----------
    model : torch.nn.Module
        The base for which it was trained; it may have other adapters.
    path : path
        The file.
    name : str, optional
        For the adapter; as it was saved if left out.

    Returns
    -------
    dict of str to str
        The card.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If the file is damaged, holds no adapter, or one for another base. The model is then as it
        was.
    ValueError
        If the model has an adapter of that name.

    Examples
    --------
    >>> from gru_lib.finetuning import adapter_names
    >>> from gru_lib.pretrained import load_pretrained, load_pretrained_adapter
    >>> model = load_pretrained().model
    >>> card = load_pretrained_adapter(model)
    >>> adapter_names(model)
    ['numpy']
    """
    tensors, card = read_sealed(Path(path), ADAPTER)
    own = {key: card.pop(key) for key in _OWN}
    base = base_fingerprint(model)
    if own["base"] != base:
        raise CheckpointError(
            f"the adapter {own['name']!r} was trained for the base {own['base'][:12]}; this model "
            f"is {base[:12]}. An update fits the weights that it was learned for and no others"
        )
    name = own["name"] if name is None else name
    require_new_name(name, adapter_names(model))
    updates = {}
    for weight in dict.fromkeys(key.rpartition(".")[0] for key in tensors):
        where, _, target = weight.rpartition(".")
        gru = model.get_submodule(where)
        settings = {"alpha": float(own["alpha"]), "gates": own["gates"].split()}
        original = getattr(gru, target)
        update = LowRank(*original.shape, int(own["rank"]), **settings)
        update.load_state_dict({letter: tensors[f"{weight}.{letter}"] for letter in ("A", "B")})
        updates[gru, target] = update.to(original)
    put_adapter(model, name, updates)
    return card
