"""Low-rank adaptation of a GRU's weights: W stays, and B A is learned beside it.

The weight that the network computes with is W + (alpha / rank) B A, where A has as many rows, and
B as many columns, as the rank says. ``torch.nn.utils.parametrize`` puts the sum in the place of W,
so that the network does not know of it. Several adapters can lie on one base; at most one is in
use.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from numbers import Real

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gru_lib import torch_gru
from gru_lib._checks import require_positive_integer

#: Whose rows come first, second and third in a weight of a GRU: reset, update, candidate.
GATES = ("r", "z", "n")
#: The weights of a layer: for its input, and for its state.
WEIGHTS = ("weight_ih", "weight_hh")


class LowRank(nn.Module):
    """An update of a few directions: (alpha / rank) B A, for the rows of some gates.

    Parameters
    ----------
    rows, columns : int
        Of the weight; ``rows`` is 3 * hidden_size.
    rank : int
        Rows of A and columns of B; at most the smaller side of the update.
    alpha : float, optional
        The update is B A times alpha / rank; the rank itself if left out.
    gates : sequence of str, default ("r", "z", "n")
        Whose rows are updated.
    generator : torch.Generator, optional
        Draws A.

    Attributes
    ----------
    A : torch.nn.Parameter, shape (rank, columns)
        Normal with variance 1 / columns at the start.
    B : torch.nn.Parameter, shape (len(gates) * hidden_size, rank)
        Zero at the start, so that the update is nothing.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed.

    Notes
    -----
    Hu et al. (2022), section 4.1.

    Examples
    --------
    >>> from gru_lib.finetuning import LowRank
    >>> import torch
    >>> update = LowRank(rows=12, columns=5, rank=2, gates=("z",))
    >>> update.A.shape, update.B.shape
    (torch.Size([2, 5]), torch.Size([4, 2]))
    >>> weight = torch.ones(12, 5)
    >>> torch.equal(update(weight), weight)
    True
    """

    def __init__(
        self,
        rows: int,
        columns: int,
        rank: int,
        *,
        alpha: float | None = None,
        gates: Sequence[str] = GATES,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.gates = require_gates(gates)
        updated = rows // len(GATES) * len(self.gates)
        self.rank = require_positive_integer("rank", rank)
        if self.rank > min(updated, columns):
            raise ValueError(
                f"rank is {rank}; the update has shape {(updated, columns)}, so its rank is at "
                f"most {min(updated, columns)}"
            )
        self.alpha = float(self.rank) if alpha is None else _require_alpha(alpha)
        start = torch.randn(self.rank, columns, generator=generator) / math.sqrt(columns)
        self.A = nn.Parameter(start)
        self.B = nn.Parameter(torch.zeros(updated, self.rank))

    def update(self) -> Tensor:
        """What is added to the rows of the gates, shape (len(gates) * hidden_size, columns).

        Examples
        --------
        >>> from gru_lib.finetuning import LowRank
        >>> LowRank(rows=12, columns=5, rank=2).update().shape
        torch.Size([12, 5])
        """
        return self.alpha / self.rank * (self.B @ self.A)

    def forward(self, weight: Tensor) -> Tensor:
        """The weight with the update, shape (rows, columns)."""
        if self.gates == GATES:
            return weight + self.update()
        blocks = list(weight.chunk(len(GATES)))
        for gate, block in zip(self.gates, self.update().chunk(len(self.gates)), strict=True):
            blocks[GATES.index(gate)] = blocks[GATES.index(gate)] + block
        return torch.cat(blocks)


class _Adapters(nn.Module):
    """The adapters of one weight by name; the one in use makes the weight."""

    def __init__(self) -> None:
        super().__init__()
        self.updates = nn.ModuleDict()
        self.used: str | None = None

    def forward(self, weight: Tensor) -> Tensor:
        # an adapter may leave this weight alone
        return self.updates[self.used](weight) if self.used in self.updates else weight


def add_lora(
    model: nn.Module,
    name: str,
    rank: int,
    *,
    alpha: float | None = None,
    weights: Sequence[str] = WEIGHTS,
    gates: Sequence[str] = GATES,
    layers: Sequence[int] | None = None,
    seed: int = 0,
) -> int:
    """Put a new adapter on every GRU of a model, use it, and freeze all the rest.

    At the start it changes nothing: B is zero.

    Parameters
    ----------
    model : torch.nn.Module
        Has a ``torch.nn.GRU`` or a ``gru_lib.torch_gru.GRU``, or is one.
    name : str
        Of the adapter.
    rank : int
        Of each update.
    alpha : float, optional
        The updates are B A times alpha / rank; the rank itself if left out.
    weights : sequence of str, default ("weight_ih", "weight_hh")
        Which weights of a layer.
    gates : sequence of str, default ("r", "z", "n")
        Whose rows of them.
    layers : sequence of int, optional
        Which layers, counted from 0; all if left out.
    seed : int, default 0
        Decides the start of A.

    Returns
    -------
    int
        How many numbers the adapter has.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed, the model has no GRU, or it has an adapter of that name.
        The model is then as it was.

    Notes
    -----
    Make the optimizer after this: one that was made before does not know A and B.

    While the last pass of a ``torch.nn.GRU`` is remembered for its gradient, it cannot be copied
    with ``copy.deepcopy``.

    Examples
    --------
    >>> from gru_lib.finetuning import add_lora
    >>> import torch
    >>> gru = torch.nn.GRU(3, 4)
    >>> add_lora(gru, "mine", rank=1)  # 1 (3 + 12) and 1 (4 + 12)
    31
    >>> [name for name, p in gru.named_parameters() if p.requires_grad][0]
    'parametrizations.weight_ih_l0.0.updates.mine.A'
    """
    require_new_name(name, adapter_names(model))
    generator = torch.Generator().manual_seed(seed)
    options = {"alpha": alpha, "gates": gates, "generator": generator}
    updates = {}
    for gru, target in _targets(model, weights, layers):  # all of them, before the model is touched
        weight = getattr(gru, target)
        try:
            update = LowRank(*weight.shape, rank, **options)
        except ValueError as error:
            raise ValueError(f"{target}: {error}") from error
        updates[gru, target] = update.to(weight)
    put_adapter(model, name, updates)
    return sum(p.numel() for update in updates.values() for p in update.parameters())


def put_adapter(model: nn.Module, name: str, updates: dict[tuple[nn.Module, str], LowRank]) -> None:
    """Lay updates, by GRU and weight, on a model as one adapter, and use it."""
    for (gru, target), update in updates.items():
        if not parametrize.is_parametrized(gru, target):
            parametrize.register_parametrization(gru, target, _Adapters())
        gru.parametrizations[target][0].updates[name] = update
    model.requires_grad_(False)
    use_adapter(model, name)


def adapter_names(model: nn.Module) -> list[str]:
    """Names of the adapters on a model, in the order in which they came.

    Parameters
    ----------
    model : torch.nn.Module
        Any model.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from gru_lib.finetuning import adapter_names, add_lora
    >>> import torch
    >>> gru = torch.nn.GRU(3, 4)
    >>> _ = add_lora(gru, "numpy", rank=1), add_lora(gru, "pandas", rank=2)
    >>> adapter_names(gru)
    ['numpy', 'pandas']
    """
    return list(dict.fromkeys(name for _, _, place in _places(model) for name in place.updates))


def adapter_updates(model: nn.Module, name: str) -> dict[str, LowRank]:
    """The updates of an adapter, by the names of the weights in the model.

    Parameters
    ----------
    model : torch.nn.Module
        With the adapter.
    name : str
        Of the adapter.

    Returns
    -------
    dict of str to LowRank

    Raises
    ------
    ValueError
        If the model has no adapter of that name.

    Examples
    --------
    >>> from gru_lib.finetuning import adapter_updates, add_lora
    >>> import torch
    >>> gru = torch.nn.GRU(3, 4)
    >>> _ = add_lora(gru, "mine", rank=1, weights=["weight_hh"])
    >>> adapter_updates(gru, "mine")["weight_hh_l0"].B.shape
    torch.Size([12, 1])
    """
    _require_known_name(name, model)
    found = {}
    for prefix, module in model.named_modules():
        for target, place in _places_of(module):
            if name in place.updates:
                found[f"{prefix}.{target}" if prefix else target] = place.updates[name]
    return found


def use_adapter(model: nn.Module, name: str | None) -> None:
    """Compute with one of the adapters, which alone can then be trained, or with none.

    Parameters
    ----------
    model : torch.nn.Module
        With adapters.
    name : str or None
        None for the base as it was.

    Raises
    ------
    ValueError
        If the model has no adapter of that name.

    Examples
    --------
    >>> from gru_lib.finetuning import add_lora, use_adapter
    >>> import torch
    >>> gru = torch.nn.GRU(3, 4)
    >>> before = gru.weight_hh_l0.clone()
    >>> _ = add_lora(gru, "mine", rank=1)
    >>> use_adapter(gru, None)
    >>> torch.equal(gru.weight_hh_l0, before)
    True
    """
    if name is not None:
        _require_known_name(name, model)
    for _, _, place in _places(model):
        place.used = name
        for other, update in place.updates.items():
            update.requires_grad_(other == name)


def merge_lora(model: nn.Module) -> None:
    """Write the adapter in use into the weights, and take all adapters off.

    The model has then the modules, the names and the speed of the base. All its parameters are
    frozen still: ``model.requires_grad_(True)`` changes that.

    Parameters
    ----------
    model : torch.nn.Module
        With an adapter in use.

    Raises
    ------
    ValueError
        If no adapter is in use.

    Examples
    --------
    >>> from gru_lib.finetuning import add_lora, merge_lora
    >>> import torch
    >>> gru = torch.nn.GRU(3, 4)
    >>> _ = add_lora(gru, "mine", rank=1)
    >>> merge_lora(gru)
    >>> len(list(gru.parameters()))
    4
    """
    names = adapter_names(model)
    if not any(place.used in place.updates for _, _, place in _places(model)):
        have = f"of {', '.join(names)}, none is in use" if names else "it has none"
        raise ValueError(f"the model has no adapter to merge: {have}")
    _take_off(model, leave_parametrized=True)


def remove_lora(model: nn.Module) -> None:
    """Take all adapters off: the weights of the base are there again, to the bit.

    Parameters
    ----------
    model : torch.nn.Module
        With adapters.

    Raises
    ------
    ValueError
        If the model has none.

    Examples
    --------
    >>> from gru_lib.finetuning import add_lora, remove_lora
    >>> import torch
    >>> gru = torch.nn.GRU(3, 4)
    >>> before = gru.weight_hh_l0.clone()
    >>> _ = add_lora(gru, "mine", rank=1)
    >>> remove_lora(gru)
    >>> torch.equal(gru.weight_hh_l0, before)
    True
    """
    if not adapter_names(model):
        raise ValueError("the model has no adapter to remove")
    _take_off(model, leave_parametrized=False)


def require_gates(gates: Iterable[str]) -> tuple[str, ...]:
    """The gates in the order of their rows, or an error that lists what is allowed."""
    given = list(gates)
    if not given or len({*given}) < len(given) or not {*given} <= {*GATES}:
        raise ValueError(
            f"gates is {given}; expected one or more of {', '.join(map(repr, GATES))}, each once"
        )
    return tuple(gate for gate in GATES if gate in given)


# --- where adapters are and may be ------------------------------------------------------------


def grus_of(model: nn.Module) -> list[nn.Module]:
    """The GRUs of a model, or an error if it has none."""
    found = [m for m in model.modules() if isinstance(m, nn.GRU | torch_gru.GRU)]
    if not found:
        raise ValueError(
            f"{type(model).__name__} has no GRU; expected a torch.nn.GRU or gru_lib.torch_gru.GRU"
        )
    return found


def _targets(
    model: nn.Module, weights: Iterable[str], layers: Iterable[int] | None
) -> Iterator[tuple[nn.Module, str]]:
    """Each GRU with the name of each of its weights that is meant."""
    given = list(weights)
    if not given or len({*given}) < len(given) or not {*given} <= {*WEIGHTS}:
        raise ValueError(
            f"weights is {given}; expected one or more of {', '.join(map(repr, WEIGHTS))}, each "
            "once"
        )
    for gru in grus_of(model):
        some = list(range(gru.num_layers) if layers is None else layers)
        if not some or len({*some}) < len(some) or not {*some} <= {*range(gru.num_layers)}:
            raise ValueError(f"layers is {some}; expected some of 0 to {gru.num_layers - 1}")
        for layer in some:
            for weight in given:
                for direction in ("", "_reverse") if gru.bidirectional else ("",):
                    yield gru, f"{weight}_l{layer}{direction}"


def _places(model: nn.Module) -> Iterator[tuple[nn.Module, str, _Adapters]]:
    for module in model.modules():
        for target, place in _places_of(module):
            yield module, target, place


def _places_of(module: nn.Module) -> Iterator[tuple[str, _Adapters]]:
    """Which weights of a module have adapters; other parametrizations are not ours."""
    if parametrize.is_parametrized(module):
        for target, chain in module.parametrizations.items():
            if isinstance(chain[0], _Adapters):
                yield target, chain[0]


def _take_off(model: nn.Module, leave_parametrized: bool) -> None:
    for module, target, _ in list(_places(model)):
        parametrize.remove_parametrizations(module, target, leave_parametrized)


def _require_alpha(alpha: float) -> float:
    if isinstance(alpha, bool) or not isinstance(alpha, Real):
        raise TypeError(f"alpha is {alpha!r}; expected a number above 0")
    if not 0 < alpha < math.inf:
        raise ValueError(f"alpha is {alpha}; expected a finite number above 0")
    return float(alpha)


def require_new_name(name: str, taken: Sequence[str]) -> None:
    if not isinstance(name, str) or not name or "." in name:
        raise ValueError(f"name is {name!r}; expected text without a dot")
    if name in taken:
        raise ValueError(f"the model has an adapter {name!r} already; choose another name")


def _require_known_name(name: str, model: nn.Module) -> None:
    names = adapter_names(model)
    if name not in names:
        have = f"one of {', '.join(map(repr, names))}" if names else "none: it has no adapters"
        raise ValueError(f"the model has no adapter {name!r}; expected {have}")
