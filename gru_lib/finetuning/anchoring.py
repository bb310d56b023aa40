"""What keeps a fine-tuned model near to what it was: replay, a pull, and a mix of weights."""

import math
from collections.abc import Iterator, Mapping
from numbers import Real

import torch
from torch import Tensor, nn

from gru_lib.models.language_model import TextWindows


def pull_towards(
    model: nn.Module, reference: Mapping[str, Tensor], strength: float, *, leave_out: str = ""
) -> Tensor:
    """What it costs to be far from the weights that training began with.

    strength / 2 times the sum of (weight - reference weight)^2, to be added to a loss.

    Parameters
    ----------
    model : torch.nn.Module
        That is trained.
    reference : mapping of str to Tensor
        Copies of its parameters from before, by name.
    strength : float
        At least 0.
    leave_out : str, optional
        Parameters whose names begin so are free, such as ``"head"``: a new layer has no weights
        from before.

    Returns
    -------
    Tensor, shape ()

    Raises
    ------
    TypeError, ValueError
        If the strength is not allowed, or the weights are those of another model.

    Notes
    -----
    L2-SP of Li, Grandvalet and Davoine (2018). Weight decay is the same with zeros for reference.

    Examples
    --------
    >>> from gru_lib.finetuning import pull_towards
    >>> import torch
    >>> layer = torch.nn.Linear(2, 1)
    >>> start = {name: p.detach().clone() for name, p in layer.named_parameters()}
    >>> with torch.no_grad():
    ...     _ = layer.bias.add_(3.0)
    >>> pull_towards(layer, start, strength=0.5).item()
    2.25
    """
    strength = _require_number("strength", strength)
    if not 0 <= strength < math.inf:
        raise ValueError(f"strength is {strength}; expected a finite number, at least 0")
    mine = {
        name: p
        for name, p in model.named_parameters()
        if not (leave_out and name.startswith(leave_out))
    }
    _require_same("reference", reference, "the model", mine, extra_allowed=bool(leave_out))
    distance = sum((p - reference[name]).square().sum() for name, p in mine.items())
    return strength / 2 * distance


class ReplayWindows:
    """Batches of a new text, with windows of an old one among them.

    Parameters
    ----------
    new : TextWindows
        Decides how many batches there are; each of its windows is read once an epoch.
    old : TextWindows
        With as long windows; from where and in which order is drawn anew each time.
    share : float in [0, 1]
        Old windows for each new one: with 0.25, one old window comes with four new ones. What is
        left over in one batch is carried to the next.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed, or the windows have another length.

    Examples
    --------
    >>> from gru_lib.finetuning import ReplayWindows
    >>> from gru_lib.models import TextWindows
    >>> new, old = TextWindows(range(100), 9, 4), TextWindows(range(200, 300), 9, 4)
    >>> [len(batch) for batch in new], [len(batch) for batch in ReplayWindows(new, old, 0.4)]
    ([4, 4, 2], [5, 6, 3])
    """

    def __init__(self, new: TextWindows, old: TextWindows, share: float) -> None:
        for name, windows in (("new", new), ("old", old)):
            if not isinstance(windows, TextWindows):
                raise TypeError(f"{name} is of type {type(windows).__name__}; expected TextWindows")
        if new.window != old.window:
            raise ValueError(
                f"old has windows of {old.window} predictions; expected {new.window}, as new has"
            )
        self.new, self.old = new, old
        self.share = _require_share(share)

    def __len__(self) -> int:
        """How many batches there are: as many as of the new text."""
        return len(self.new)

    def __iter__(self) -> Iterator[Tensor]:
        """Give the batches once, each a tensor of shape (windows, window + 1)."""
        old = _one_by_one(self.old)
        read = replayed = 0
        for batch in self.new:
            read += len(batch)
            due = math.floor(self.share * read + 1e-9) - replayed
            replayed += due
            yield torch.cat([batch, *(next(old) for _ in range(due))])


def replay_windows(new: TextWindows, old: TextWindows, share: float) -> TextWindows | ReplayWindows:
    """The batches of a new text with old ones among them; without any if the share is 0.

    Parameters
    ----------
    new, old, share
        As :class:`ReplayWindows` takes them.

    Returns
    -------
    TextWindows or ReplayWindows
        For :func:`gru_lib.training.fit`, which seeds the order.

    Raises
    ------
    TypeError, ValueError
        As :class:`ReplayWindows`.

    Examples
    --------
    >>> from gru_lib.finetuning import replay_windows
    >>> from gru_lib.models import TextWindows
    >>> text = TextWindows(range(100), 9, 4)
    >>> len(replay_windows(text, text, 0.5)) == len(text)
    True
    """
    mixed = ReplayWindows(new, old, share)
    return mixed if mixed.share > 0 else new


def mix_weights(
    base: Mapping[str, Tensor], tuned: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    """Weights on the straight line from a model to what fine-tuning has made of it.

    Parameters
    ----------
    base, tuned : mapping of str to Tensor
        State dicts of the model before and after.
    share : float in [0, 1]
        0 gives the base, 1 the tuned model.

    Returns
    -------
    dict of str to Tensor
        (1 - share) base + share tuned, for ``load_state_dict``.

    Raises
    ------
    TypeError, ValueError
        If the share is not allowed, or the weights are those of two models.

    Notes
    -----
    WiSE-FT of Wortsman et al. (2022).

    Examples
    --------
    >>> from gru_lib.finetuning import mix_weights
    >>> import torch
    >>> mix_weights({"bias": torch.tensor([0.0, 4.0])}, {"bias": torch.tensor([8.0, 4.0])}, 0.25)
    {'bias': tensor([2., 4.])}
    """
    share = _require_share(share)
    _require_same("tuned", tuned, "base", base)
    return {name: torch.lerp(base[name], tuned[name], share) for name in base}


def _one_by_one(windows: TextWindows) -> Iterator[Tensor]:
    while True:  # from the front again, in a new order, when the text is through
        for batch in windows:
            yield from batch.split(1)


def _require_number(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} is {value!r}; expected a number")
    return float(value)


def _require_share(share: float) -> float:
    share = _require_number("share", share)
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share}; expected 0 to 1")
    return share


def _require_same(
    name: str,
    given: Mapping[str, Tensor],
    owner: str,
    expected: Mapping[str, Tensor],
    extra_allowed: bool = False,
) -> None:
    missing = [key for key in expected if key not in given]
    extra = [] if extra_allowed else [key for key in given if key not in expected]
    if missing or extra:
        words = [f"lacks {', '.join(missing)}"] * bool(missing)
        words += [f"has {', '.join(extra)}"] * bool(extra)
        raise ValueError(f"{name} {' and '.join(words)}; expected the names of {owner}")
    for key, value in expected.items():
        if given[key].shape != value.shape:
            raise ValueError(
                f"{name} has {key} of shape {tuple(given[key].shape)}; expected "
                f"{tuple(value.shape)}, as {owner} has"
            )
