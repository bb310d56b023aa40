"""What a checkpoint keeps of a run, and how a run goes on from one."""

from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gru_lib.training.batches import fingerprint
from gru_lib.training.checkpoint import read_checkpoint, write_checkpoint
from gru_lib.training.history import EpochSoFar, History
from gru_lib.training.machine import random_state, set_random_state
from gru_lib.training.weights import (
    CheckpointError,
    model_tensors,
    require_fit,
    unfinished_path,
)

if TYPE_CHECKING:
    from gru_lib.training.run import Run


def open_checkpoint(run: "Run", resume: bool) -> None:
    """Continue the run of the checkpoint; or begin one, with a file that shows it can be written.

    Does nothing if the run has no checkpoint.
    """
    if run.checkpoint is None:
        return
    path = Path(run.checkpoint)
    if resume and path.exists():
        _restore(run, read_checkpoint(path))
        if run.writes_checkpoint:  # a run killed while it wrote leaves one
            unfinished_path(path).unlink(missing_ok=True)
    else:
        save_run(run)


def save_run(run: "Run") -> None:
    """Write all that decides how the run goes on to its checkpoint, if it has one to write."""
    if run.checkpoint is None or not run.writes_checkpoint:
        return
    run.require_finite_weights()
    in_an_epoch = run.so_far.batches > 0  # at its start the seed alone decides
    state = {
        "settings": run.settings,
        "seed": run.seed,
        "model": model_tensors(run.model),
        "best": run.best,
        **{name: part.state_dict() for name, part in _parts_with_state(run).items()},
        "history": asdict(run.history),
        "so_far": asdict(run.so_far),
        "last_batch": fingerprint(run.last_batch) if in_an_epoch else None,
        "random": random_state(run.device) if in_an_epoch else None,
    }
    write_checkpoint(Path(run.checkpoint), state)


def _parts_with_state(run: "Run") -> dict[str, Any]:
    """What else has a state: optimizer, scheduler, and a loss that carries something along."""
    parts = {"optimizer": run.optimizer, "scheduler": run.scheduler, "loss": run.loss}
    return {name: part for name, part in parts.items() if hasattr(part, "load_state_dict")}


def settings_of(run: "Run") -> dict[str, str]:
    """What must be the same when a run is continued, by name, as text."""
    settings = {
        "epochs": run.epochs,
        "batches an epoch": run.batches_an_epoch,
        "scheduler_every": run.scheduler_every,
        "valid_batches": "some" if run.valid_batches is not None else None,
        "metrics": "some" if run.metrics is not None else None,
        "patience": run.patience,
        "max_grad_norm": run.max_grad_norm,
        "device": run.device.type,
        "optimizer": type(run.optimizer).__name__,
        "scheduler": type(run.scheduler).__name__,
        "state in the loss": "loss" in _parts_with_state(run),
    }
    for number, group in enumerate(run.optimizer.state_dict()["param_groups"]):
        settings.update({f"optimizer group {number} {name}": group[name] for name in group})
    if run.scheduler is not None:
        state = run.scheduler.state_dict()
        settings.update({f"scheduler {name}": state[name] for name in state})
    return {name: repr(value) for name, value in settings.items()}


def _restore(run: "Run", state: dict[str, Any]) -> None:
    """Go to where the run was when this state was written."""
    require_fit(run.model, state["model"], str(run.checkpoint))
    _require_same_run(run, state)
    run.seed = state["seed"]
    run.model.load_state_dict(state["model"])
    run.best = state["best"]
    for name, part in _parts_with_state(run).items():
        part.load_state_dict(state[name])
    run.history = History(**state["history"])
    run.so_far = EpochSoFar(**state["so_far"])
    if run.so_far.batches:
        run.resumed = {"last_batch": state["last_batch"], "random": state["random"]}


def _require_same_run(run: "Run", state: dict[str, Any]) -> None:
    then = {"seed": str(state["seed"]), **state["settings"]}
    # a seed that was not asked for is the checkpoint's
    now = {"seed": then["seed"] if run.seed_is_drawn else str(run.seed), **run.settings}
    found = [
        f"{name} was {then.get(name, 'not there')}, is {now.get(name, 'not there')}"
        for name in {**then, **now}
        if then.get(name) != now.get(name)
    ]
    if found:
        raise CheckpointError(
            f"{run.checkpoint} belongs to another run: {'; '.join(found)}. To begin anew, pass "
            "resume=False or another path; to continue, build model, optimizer and scheduler "
            "as they were at the start"
        )


def skip_done(run: "Run", batches: Iterator[Any]) -> None:
    """Pass over the batches that the stopped run had done, and take up its random numbers."""
    count = run.so_far.batches
    last = deque(islice(batches, count), maxlen=1)
    if [fingerprint(batch) for batch in last] != [run.resumed["last_batch"]]:
        raise CheckpointError(
            f"batch {count} of epoch {run.epoch} is not the one that the stopped run trained on: "
            "train_batches changed, or gives batches that the seed and the epoch do not decide"
        )
    set_random_state(run.resumed["random"], run.device)
    run.resumed = None
