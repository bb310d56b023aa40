"""Which part of a network is trained: its layers in order, frozen or not, each at its rate."""

import re
from typing import Any

from torch import nn

_LAYER = re.compile(r"(?:weight|bias)_[ih]h_l(\d+)")


def layer_groups(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    """The parameters of a recurrent network by layer, from the answer back to the input.

    Parameters
    ----------
    model : torch.nn.Module
        With one recurrent layer or stack of layers, PyTorch's or this library's, and perhaps an
        embedding; everything else is taken for a part of the answer.

    Returns
    -------
    dict of str to list of torch.nn.Parameter
        ``"answer"``, then ``"recurrent.1"``, ``"recurrent.0"`` (the last layer first), then
        ``"embedding"`` if there is one. Every parameter of the model is in exactly one group.

    Raises
    ------
    ValueError
        If the model has no recurrent layer.

    Examples
    --------
    >>> from gru_lib.finetuning import layer_groups
    >>> from gru_lib.models import LanguageModel
    >>> groups = layer_groups(LanguageModel(96, 8, 16, num_layers=2))
    >>> {name: len(parameters) for name, parameters in groups.items()}
    {'answer': 2, 'recurrent.1': 4, 'recurrent.0': 4, 'embedding': 1}
    """
    embedded = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, nn.Embedding)
        for parameter in module.parameters()
    }
    answer: list[nn.Parameter] = []
    embedding: list[nn.Parameter] = []
    layers: dict[int, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if layer := _LAYER.search(name):
            layers.setdefault(int(layer[1]), []).append(parameter)
        else:
            (embedding if id(parameter) in embedded else answer).append(parameter)
    if not layers:
        raise ValueError(
            f"model is a {type(model).__name__} without a recurrent layer; expected one with "
            "weights such as weight_hh_l0"
        )
    groups = {"answer": answer}
    groups |= {f"recurrent.{layer}": layers[layer] for layer in sorted(layers, reverse=True)}
    groups["embedding"] = embedding
    return {name: parameters for name, parameters in groups.items() if parameters}


def freeze(model: nn.Module, *groups: str) -> None:
    """Keep groups of layers as they are: no optimiser moves them any more.

    Build the optimiser afterwards, over the parameters that are left.

    Parameters
    ----------
    model : torch.nn.Module
        As :func:`layer_groups` takes it.
    *groups : str
        Names of groups; without any, all of them.

    Raises
    ------
    ValueError
        If there is no group of a name; the message lists those there are.

    Examples
    --------
    >>> from gru_lib.finetuning import freeze, trained_groups
    >>> from gru_lib.models import LanguageModel
    >>> model = LanguageModel(96, 8, 16)
    >>> freeze(model, "embedding", "recurrent.0")
    >>> trained_groups(model)
    ['answer']
    """
    _set_trained(model, groups, False)


def unfreeze(model: nn.Module, *groups: str) -> None:
    """Let groups of layers be trained again.

    Parameters
    ----------
    model : torch.nn.Module
        As :func:`layer_groups` takes it.
    *groups : str
        Names of groups; without any, all of them.

    Raises
    ------
    ValueError
        If there is no group of a name; the message lists those there are.

    Examples
    --------
    >>> from gru_lib.finetuning import freeze, trained_groups, unfreeze
    >>> from gru_lib.models import LanguageModel
    >>> model = LanguageModel(96, 8, 16)
    >>> freeze(model)
    >>> unfreeze(model, "answer", "recurrent.0")
    >>> trained_groups(model)
    ['answer', 'recurrent.0']
    """
    _set_trained(model, groups, True)


def _set_trained(model: nn.Module, names: tuple[str, ...], trained: bool) -> None:
    groups = layer_groups(model)
    unknown = [name for name in names if name not in groups]
    if unknown:
        raise ValueError(f"there is no group {unknown[0]!r}; this model has {', '.join(groups)}")
    for name in names or groups:
        for parameter in groups[name]:
            parameter.requires_grad_(trained)


def trained_groups(model: nn.Module) -> list[str]:
    """Names of the groups that are not frozen, from the answer back to the input.

    Parameters
    ----------
    model : torch.nn.Module
        As :func:`layer_groups` takes it.

    Returns
    -------
    list of str
        Groups of which at least one parameter is trained.

    Examples
    --------
    >>> from gru_lib.finetuning import trained_groups
    >>> from gru_lib.models import LanguageModel
    >>> trained_groups(LanguageModel(96, 8, 16))
    ['answer', 'recurrent.0', 'embedding']
    """
    groups = layer_groups(model)
    return [name for name, some in groups.items() if any(p.requires_grad for p in some)]


def count_trained(model: nn.Module) -> int:
    """How many numbers are trained: those of the parameters that are not frozen.

    Parameters
    ----------
    model : torch.nn.Module
        Any model.

    Returns
    -------
    int

    Examples
    --------
    >>> from gru_lib.finetuning import count_trained, freeze
    >>> from gru_lib.models import LanguageModel
    >>> model = LanguageModel(10, 2, 3)
    >>> freeze(model, "embedding", "recurrent.0")
    >>> count_trained(model)
    40
    """
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def discriminative_groups(
    model: nn.Module, learning_rate: float, factor: float = 2.6
) -> list[dict[str, Any]]:
    """Parameter groups for an optimiser: the further from the answer, the smaller the rate.

    Parameters
    ----------
    model : torch.nn.Module
        As :func:`layer_groups` takes it.
    learning_rate : float
        Of the answer, above 0.
    factor : float, default 2.6
        What the rate is divided by from one group to the next; at least 1.

    Returns
    -------
    list of dict
        One for each group that has trained parameters, with ``"params"``, ``"lr"`` and
        ``"name"``. A frozen group counts as a step of the ladder all the same.

    Raises
    ------
    ValueError
        If the rate is not above 0 or the factor below 1, or nothing is trained.

    Notes
    -----
    Howard and Ruder (2018), section 3.2, who divide by 2.6.

    Examples
    --------
    >>> from gru_lib.finetuning import discriminative_groups
    >>> from gru_lib.models import LanguageModel
    >>> for group in discriminative_groups(LanguageModel(96, 8, 16), 0.01, factor=2.0):
    ...     print(group["name"], group["lr"])
    answer 0.01
    recurrent.0 0.005
    embedding 0.0025
    """
    if not learning_rate > 0:
        raise ValueError(f"learning_rate is {learning_rate}; expected above 0")
    if not factor >= 1:
        raise ValueError(f"factor is {factor}; expected at least 1")
    groups = [
        {
            "params": [parameter for parameter in parameters if parameter.requires_grad],
            "lr": learning_rate / factor**depth,
            "name": name,
        }
        for depth, (name, parameters) in enumerate(layer_groups(model).items())
    ]
    groups = [group for group in groups if group["params"]]
    if not groups:
        raise ValueError("every group of the model is frozen; unfreeze what is to be trained")
    return groups
