"""Train under a hail of SIGKILL: run by test_training.py, in a process of its own.

    python tests/training_run.py <name of a run> <checkpoint> <kills> <seed>

A child trains with a checkpoint after every second batch and is killed at a random moment, again
and again; the last child may finish. Children are forks, so that PyTorch is imported only once.
Prints one line per kill: the epochs, and the batches of the next one, that were done at the last
checkpoint before it.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

from gru_lib.training import Batches, fit
from gru_lib.training.checkpoint import read_checkpoint

SECONDS_A_BATCH = 0.004  # slow enough for a kill to fall between any two batches


class Tagger(torch.nn.Module):
    """A small model with all that could be forgotten: dropout, tied weights, a buffer."""

    def __init__(self):
        super().__init__()
        self.gru = torch.nn.GRU(3, 4, num_layers=2, dropout=0.3, batch_first=True)
        self.norm = torch.nn.BatchNorm1d(4)
        self.first, self.second = torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, x):
        _, h = self.gru(x)
        h = self.norm(torch.nn.functional.dropout(h[-1], 0.2, self.training))
        return self.second(torch.tanh(self.first(h)))


class SlowLoss:
    """Squared error against a target that moves with what the loss carries along."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.carried = torch.zeros(4)

    def __call__(self, model, batch):
        inputs, targets = batch
        if self.seconds:
            time.sleep(self.seconds)
        outputs = model(inputs)
        if model.training:
            self.carried = 0.9 * self.carried + outputs.detach().mean(dim=0)
        return (outputs - targets - 0.1 * self.carried).square().mean(), len(inputs)

    def state_dict(self):
        return {"carried": self.carried}

    def load_state_dict(self, state):
        self.carried = state["carried"]


def arguments(name, seconds=SECONDS_A_BATCH):
    """The arguments of fit for the runs "one-cycle" and "early-stopping", made anew."""
    torch.manual_seed(1)
    model = Tagger()
    inputs = torch.randn(26, 5, 3)
    targets = inputs.sum(dim=1) @ torch.randn(3, 4)
    common = {
        "model": model,
        "loss": SlowLoss(seconds),
        "train_batches": Batches(inputs, targets, batch_size=4, shuffle=True),
        "valid_batches": Batches(inputs[:7], targets[:7] + torch.randn(7, 4), batch_size=4),
        "max_grad_norm": 0.5,
        "seed": 3,
        "progress": False,
    }
    if name == "one-cycle":
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=7 * 8)
        special = {"epochs": 8, "scheduler_every": "batch"}
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [6, 9])
        special = {"epochs": 40, "patience": 3}
    return {**common, **special, "optimizer": optimizer, "scheduler": scheduler}


def kill_after_a_while(child, seconds):
    """Kill a child unless it ends first; say whether it was killed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
        time.sleep(0.0005)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def main(name, checkpoint, kills, seed):
    """Kill a run so often, then let it end."""
    torch.set_num_threads(1)  # a fork inherits no threads
    fit(**{**arguments(name, seconds=0), "epochs": 1})  # what is imported late is imported now
    rng = random.Random(int(seed))
    left = int(kills)
    while True:
        child = os.fork()
        if child == 0:
            fit(**arguments(name), checkpoint=checkpoint, checkpoint_every=2)
            os._exit(0)
        if left == 0:
            _, status = os.waitpid(child, 0)
            return status
        if kill_after_a_while(child, rng.uniform(0.05, 0.15)):
            left -= 1
            state = read_checkpoint(Path(checkpoint))
            print(len(state["history"]["train_loss"]), state["so_far"]["batches"])
        else:
            return 3  # it ended before it could be killed often enough


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
