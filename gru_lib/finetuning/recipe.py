"""One way to fine-tune a classifier, with what ULMFiT adds to it as choices."""

import torch
from torch import nn

from gru_lib._checks import require_positive_integer
from gru_lib.finetuning.groups import discriminative_groups, layer_groups, trained_groups
from gru_lib.finetuning.schedules import slanted_triangular
from gru_lib.models import LabelledSequences
from gru_lib.models.classifiers import in_order, labelled_loss, require_heard_classes, shuffled
from gru_lib.training import fit

_SCHEDULES = ("constant", "slanted")


def fine_tune_classifier(
    model: nn.Module,
    train: LabelledSequences,
    valid: LabelledSequences,
    *,
    seed: int,
    epochs: int = 15,
    learning_rate: float = 3e-3,
    factor: float = 1.0,
    schedule: str = "constant",
    gradual: bool = False,
    batch_size: int = 16,
    progress: bool = True,
) -> list[str]:
    """Train a classifier from where it is, and keep the epoch with the lowest validation loss.

    Adam, gradients of norm at most 1, batches in a new order each epoch. What is frozen stays
    frozen.

    Parameters
    ----------
    model : torch.nn.Module
        ``model(x, lengths)`` gives logits; as :func:`layer_groups` takes it.
    train, valid : LabelledSequences
        What to learn from, and what to choose the epoch by.
    seed : int
        Decides the order of batches and what is dropped.
    epochs : int
        In all, those of gradual unfreezing included.
    learning_rate : float
        Of the answer, at its highest.
    factor : float, default 1.0
        What the rate is divided by from group to group (discriminative rates); 1 for one rate.
    schedule : str, default "constant"
        ``"constant"`` or ``"slanted"``, see :func:`slanted_triangular`.
    gradual : bool, default False
        Train the answer alone in the first epoch, and one group more in each of the next ones.
    batch_size : int
        Sequences in a batch.
    progress : bool
        Show a progress bar, on a terminal and in a notebook.

    Returns
    -------
    list of str
        What was trained in each epoch: the name of the group nearest to the input.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed, a class of ``valid`` has no sequence in ``train``, or there
        are fewer epochs than groups to unfreeze.

    Examples
    --------
    >>> from gru_lib.finetuning import fine_tune_classifier
    >>> from gru_lib.models import LanguageClassifier, LanguageModel, label_sequences
    >>> data = label_sequences([[1, 1], [2, 3], [3, 2, 3], [1]], [0, 1, 1, 0])
    >>> model = LanguageClassifier(LanguageModel(4, 3, 5), classes=2)
    >>> fine_tune_classifier(
    ...     model, data, data, seed=0, epochs=4, gradual=True, progress=False
    ... )
    ['answer', 'recurrent.0', 'embedding', 'embedding']
    """
    epochs = require_positive_integer("epochs", epochs)
    batch_size = require_positive_integer("batch_size", batch_size)
    if schedule not in _SCHEDULES:
        raise ValueError(f"schedule is {schedule!r}; expected 'constant' or 'slanted'")
    require_heard_classes(train, valid)
    names = trained_groups(model)
    if gradual and epochs < len(names):
        raise ValueError(
            f"epochs is {epochs}; gradual unfreezing of {len(names)} groups needs more"
        )
    optimizer = torch.optim.Adam(discriminative_groups(model, learning_rate, factor))
    steps = epochs * -(-len(train.y) // batch_size)
    scheduler = slanted_triangular(optimizer, steps) if schedule == "slanted" else None
    # (how many groups are trained, for how many epochs)
    stages = [(count, 1) for count in range(1, len(names))] if gradual else []
    stages.append((len(names), epochs - len(stages)))
    groups = layer_groups(model)
    trained = {name: [p for p in groups[name] if p.requires_grad] for name in names}
    history = []
    for number, (count, stage_epochs) in enumerate(stages):
        for position, name in enumerate(names):
            for parameter in trained[name]:
                parameter.requires_grad_(position < count)
        fit(
            model,
            labelled_loss,
            lambda epoch: shuffled(train, batch_size),
            epochs=stage_epochs,
            optimizer=optimizer,
            scheduler=scheduler,
            scheduler_every="batch",
            valid_batches=in_order(valid),
            patience=stage_epochs,  # never stops early, but takes the best epoch's weights
            max_grad_norm=1.0,
            seed=seed + number,
            progress=progress,
        )
        history += [names[count - 1]] * stage_epochs
    return history
