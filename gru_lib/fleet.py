"""Many small recurrent networks of one size, trained side by side.

A comparison needs several settings and several seeds. On one core a small network spends most of
its time on starting operations, so that twenty networks in one operation cost little more than
one. A fleet stacks ordinary PyTorch layers, member by member, along a new first axis; its members
never touch each other.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

_NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


class Fleet(nn.Module):
    """A stack of recurrent layers, each with its readout.

    Parameters
    ----------
    members : sequence of (layer, readout)
        Each a ``torch.nn.RNN`` (tanh), ``torch.nn.GRU`` or ``torch.nn.LSTM`` of one layer, one
        direction and with biases, and a ``torch.nn.Linear`` with bias that reads its state. All of
        one kind and one size. Their values are copied.

    Raises
    ------
    TypeError
        If a member is not such a pair.
    ValueError
        If there is no member, or they differ in kind or size.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from gru_lib.fleet import Fleet
    >>> fleet = Fleet([(nn.GRU(1, 4), nn.Linear(4, 2)) for seed in range(3)])
    >>> output, state = fleet(torch.zeros(5, 3, 8, 1))  # steps, members, batch, inputs
    >>> output.shape, fleet.read(output[-1]).shape
    (torch.Size([5, 3, 8, 4]), torch.Size([3, 8, 2]))
    """

    def __init__(self, members: Sequence[tuple[nn.RNNBase, nn.Linear]]) -> None:
        super().__init__()
        self.kind = _require_alike(members)
        layers, readouts = zip(*members, strict=True)
        self.hidden_size = layers[0].hidden_size
        for name in _NAMES:
            self.register_parameter(name, _stacked(layers, name))
        self.readout_weight = _stacked(readouts, "weight")
        self.readout_bias = _stacked(readouts, "bias")

    def __len__(self) -> int:
        """How many members there are."""
        return len(self.weight_ih_l0)

    def forward(
        self, x: Tensor, state: Tensor | tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor | tuple[Tensor, Tensor]]:
        """Run every member over its own batch of sequences.

        Parameters
        ----------
        x : torch.Tensor, shape (steps, members, batch, input_size)
            One batch for each member.
        state : torch.Tensor, shape (members, batch, hidden_size), optional
            The state before the first step, for an LSTM a pair of them; zeros by default.

        Returns
        -------
        output : torch.Tensor, shape (steps, members, batch, hidden_size)
            The state after each step.
        state : as ``state``
            The state after the last step.
        """
        steps, members, batch, inputs = _require_input(x, self.weight_ih_l0)
        rows = x.transpose(0, 1).reshape(members, steps * batch, inputs)
        seen = torch.baddbmm(self.bias_ih_l0[:, None], rows, self.weight_ih_l0.mT)
        seen = seen.view(members, steps, batch, -1).transpose(0, 1)
        h = c = x.new_zeros(members, batch, self.hidden_size)
        if state is not None:
            h, c = state if self.kind == "LSTM" else (state, c)
        run = {"RNN": self._run_rnn, "GRU": self._run_gru, "LSTM": self._run_lstm}[self.kind]
        output, c = run(seen, h, c)
        last = output[-1]
        return torch.stack(output), (last, c) if self.kind == "LSTM" else last

    def read(self, h: Tensor) -> Tensor:
        """What the readouts make of states.

        Parameters
        ----------
        h : torch.Tensor, shape (members, batch, hidden_size) or (steps, members, ...)

        Returns
        -------
        torch.Tensor, shape (members, batch, outputs) or (steps, members, ...)
        """
        return h @ self.readout_weight.mT + self.readout_bias[:, None]

    def answer(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """What the readouts make of the state after the last step.

        Parameters
        ----------
        x : torch.Tensor, shape (steps, members, batch, input_size)
            One batch for each member.
        lengths : torch.Tensor of int64, shape (members, batch), optional
            Steps of each sequence, from 1; later steps of ``x`` are padding. By default all.

        Returns
        -------
        torch.Tensor, shape (members, batch, outputs)

        Raises
        ------
        ValueError
            If ``lengths`` has another shape or holds a length outside 1 to ``steps``.

        Examples
        --------
        >>> import torch
        >>> from torch import nn
        >>> from gru_lib.fleet import Fleet
        >>> fleet = Fleet([(nn.GRU(1, 4), nn.Linear(4, 2)) for seed in range(3)])
        >>> fleet.answer(torch.zeros(5, 3, 8, 1)).shape
        torch.Size([3, 8, 2])
        """
        output, state = self(x)
        if lengths is None:
            return self.read(state[0] if self.kind == "LSTM" else state)
        if lengths.shape != x.shape[1:3] or lengths.min() < 1 or lengths.max() > len(x):
            raise ValueError(
                f"lengths has shape {tuple(lengths.shape)} and goes from {lengths.min()} to "
                f"{lengths.max()}; expected (members, batch) = {tuple(x.shape[1:3])}, from 1 to "
                f"{len(x)} steps"
            )
        at = (lengths - 1)[None, :, :, None].expand(1, -1, -1, self.hidden_size)
        return self.read(output.gather(0, at)[0])

    def _run_rnn(self, seen: Tensor, h: Tensor, c: Tensor) -> tuple[list[Tensor], Tensor]:
        weight, bias, output = self.weight_hh_l0.mT, self.bias_hh_l0[:, None], []
        for now in (seen + bias).unbind():
            h = torch.tanh(torch.baddbmm(now, h, weight))
            output.append(h)
        return output, c

    def _run_gru(self, seen: Tensor, h: Tensor, c: Tensor) -> tuple[list[Tensor], Tensor]:
        weight, bias, output = self.weight_hh_l0.mT, self.bias_hh_l0[:, None], []
        sizes = (2 * self.hidden_size, self.hidden_size)
        gates, candidates = (part.unbind() for part in seen.split(sizes, dim=-1))
        for gate, candidate in zip(gates, candidates, strict=True):
            past_gate, past = torch.baddbmm(bias, h, weight).split(sizes, dim=-1)
            reset, update = torch.sigmoid(gate + past_gate).chunk(2, dim=-1)
            new = torch.tanh(torch.addcmul(candidate, reset, past))
            h = torch.lerp(new, h, update)  # (1 - update) * new + update * h
            output.append(h)
        return output, c

    def _run_lstm(self, seen: Tensor, h: Tensor, c: Tensor) -> tuple[list[Tensor], Tensor]:
        weight, bias, output = self.weight_hh_l0.mT, self.bias_hh_l0[:, None], []
        for now in (seen + bias).unbind():
            put, keep, new, show = torch.baddbmm(now, h, weight).chunk(4, dim=-1)
            c = torch.sigmoid(keep) * c + torch.sigmoid(put) * torch.tanh(new)
            h = torch.sigmoid(show) * torch.tanh(c)
            output.append(h)
        return output, c


def clip_members_(fleet: nn.Module, max_norm: float | Sequence[float] | Tensor) -> Tensor:
    """Scale the gradient of every member down to a norm, where it is longer.

    ``torch.nn.utils.clip_grad_norm_`` would take one norm over the whole fleet.

    Parameters
    ----------
    fleet : Fleet
        With gradients: call it after ``backward``.
    max_norm : float or one for each member
        Above 0; infinity clips nothing.

    Returns
    -------
    torch.Tensor, shape (members,)
        The norms before clipping.

    Raises
    ------
    ValueError
        If there is no gradient, or a norm is not above 0.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from gru_lib.fleet import Fleet, clip_members_
    >>> fleet = Fleet([(nn.GRU(1, 4), nn.Linear(4, 2)) for seed in range(3)])
    >>> fleet.read(fleet(torch.ones(5, 3, 8, 1))[0][-1]).sum().backward()
    >>> norms = clip_members_(fleet, 1.0)
    >>> (norms > 1).all(), clip_members_(fleet, 1.0).allclose(torch.ones(3))
    (tensor(True), True)
    """
    gradients = [p.grad for p in fleet.parameters()]
    if any(gradient is None for gradient in gradients):
        raise ValueError("fleet has no gradient: call clip_members_ after backward()")
    limit = torch.as_tensor(max_norm, dtype=gradients[0].dtype, device=gradients[0].device)
    if not (limit > 0).all():
        raise ValueError(f"max_norm is {max_norm}; expected numbers above 0")
    norms = sum(g.square().flatten(1).sum(1) for g in gradients).sqrt()
    scale = (limit / (norms + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(_for_each(scale, gradient))
    return norms


class FleetAdam:
    """Adam with a learning rate for each member of a fleet.

    With one rate for all, ``torch.optim.Adam`` does the same.

    Parameters
    ----------
    fleet : Fleet
        What is trained.
    learning_rate : float or one for each member
        Above 0.
    betas : tuple of float
        How slowly the two running means move.
    eps : float
        Keeps the division finite.

    Raises
    ------
    ValueError
        If there are as many rates as members neither once nor one by one, or one is not above 0.

    References
    ----------
    Kingma and Ba (2015), algorithm 1.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from gru_lib.fleet import Fleet, FleetAdam
    >>> fleet = Fleet([(nn.GRU(1, 4), nn.Linear(4, 2)) for seed in range(2)])
    >>> optimizer = FleetAdam(fleet, [1e-3, 1e-1])
    >>> before = fleet.readout_bias.detach().clone()
    >>> fleet.read(fleet(torch.ones(5, 2, 8, 1))[0][-1]).sum().backward()
    >>> optimizer.step()
    >>> [round(v, 4) for v in (before - fleet.readout_bias)[:, 0].tolist()]
    [0.001, 0.1]
    """

    def __init__(
        self,
        fleet: nn.Module,
        learning_rate: float | Sequence[float] | Tensor,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        self.parameters = list(fleet.parameters())
        first = self.parameters[0]
        members = len(first)
        # the rates lie where the members do: a tensor of rates on a CPU moves nothing on a GPU
        rates = torch.as_tensor(learning_rate, dtype=first.dtype, device=first.device)
        if rates.shape not in ((), (members,)) or not (rates > 0).all():
            raise ValueError(
                f"learning_rate is {learning_rate}; expected one number above 0, or {members} of "
                "them, one for each member"
            )
        self.learning_rate = rates.expand(members)
        self.betas, self.eps, self.steps = betas, eps, 0
        self.means = [torch.zeros_like(p) for p in self.parameters]
        self.squares = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self) -> None:
        """Move every parameter by its gradient, and forget the gradient."""
        self.steps += 1
        slow, slower = self.betas
        for p, mean, square in zip(self.parameters, self.means, self.squares, strict=True):
            mean.lerp_(p.grad, 1 - slow)
            square.lerp_(p.grad.square(), 1 - slower)
            size = (square / (1 - slower**self.steps)).sqrt_().add_(self.eps)
            rate = _for_each(self.learning_rate / (1 - slow**self.steps), p)
            p.sub_(rate * mean / size)
            p.grad = None


def _for_each(values: Tensor, like: Tensor) -> Tensor:
    """One number a member, in a shape that multiplies a parameter."""
    return values.view(-1, *(1,) * (like.dim() - 1))


def _stacked(modules: Sequence[nn.Module], name: str) -> nn.Parameter:
    return nn.Parameter(torch.stack([getattr(module, name).detach() for module in modules]))


def _require_alike(members: Sequence[tuple[nn.RNNBase, nn.Linear]]) -> str:
    """The kind of all members, or an error that says which of them is another."""
    if not members:
        raise ValueError("members is empty; expected at least one (layer, readout)")
    expected = None
    for number, member in enumerate(members):
        _require_pair(number, member)
        layer, readout = member
        found = (layer.mode, layer.input_size, layer.hidden_size, readout.out_features)
        expected = expected or found
        if found != expected:
            raise ValueError(
                f"member {number} has (kind, inputs, units, outputs) {found}; expected {expected}, "
                "as member 0"
            )
    return expected[0].removesuffix("_TANH")


def _require_pair(number: int, member: tuple[nn.RNNBase, nn.Linear]) -> None:
    expected = "expected (layer, readout): torch.nn.RNN, GRU or LSTM, and torch.nn.Linear"
    if not isinstance(member, tuple) or len(member) != 2:
        raise TypeError(f"member {number} is a {type(member).__name__}; {expected}")
    layer, readout = member
    if not isinstance(layer, nn.RNNBase) or not isinstance(readout, nn.Linear):
        kinds = f"({type(layer).__name__}, {type(readout).__name__})"
        raise TypeError(f"member {number} is {kinds}; {expected}")
    plain = layer.num_layers == 1 and not layer.bidirectional and layer.bias
    if not plain or layer.mode == "RNN_RELU" or layer.proj_size or readout.bias is None:
        raise TypeError(
            f"member {number} is {layer}, {readout}; expected one layer, one direction, tanh, no "
            "projection, and biases in both"
        )
    if readout.in_features != layer.hidden_size:
        raise ValueError(
            f"member {number} reads {readout.in_features} units; its layer has {layer.hidden_size}"
        )


def _require_input(x: Tensor, weight_ih: Tensor) -> tuple[int, int, int, int]:
    members, _, inputs = weight_ih.shape
    if x.dim() != 4 or x.shape[1] != members or x.shape[3] != inputs or x.shape[0] < 1:
        raise ValueError(
            f"x has shape {tuple(x.shape)}; expected (steps, members, batch, input_size) = "
            f"(1 or more, {members}, any, {inputs})"
        )
    return tuple(x.shape)
