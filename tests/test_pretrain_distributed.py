"""Two processes give the weights of one with the same global batch, and a planted defect shows."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gru_lib.models import load_language_model
from gru_lib.pretrain.__main__ import main
from gru_lib.training.checkpoint import read_checkpoint

ROOT = Path(__file__).resolve().parents[1]
# 7 rows do not divide by 2, and the last batch of an epoch holds a single one
OPTIONS = [
    "--epochs",
    "2",
    "--embedding-size",
    "4",
    "--hidden-size",
    "6",
    "--window",
    "10",
    "--batch-size",
    "7",
    "--dropout",
    "0",
]
TEXT = "".join(f"line {i * i % 97} of {i}\n" for i in range(60))

#: Runs the command with a shared loss that never talks to the other processes.
DEFECT = """
import sys
from gru_lib.pretrain import processes
from gru_lib.pretrain.__main__ import main
from gru_lib.training.checkpoint import read_checkpoint
processes.DistributedDataParallel = lambda model: model
sys.exit(main())
"""


def torchrun(*arguments, count=2, node=None):
    """Start the command in several processes of this machine."""
    nodes = ["--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"]
    if node is not None:
        number, port = node
        nodes = ["--nnodes", "2", "--node-rank", str(number), "--master-addr", "127.0.0.1"]
        nodes += ["--master-port", str(port)]
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--nproc-per-node",
            str(count),
            *nodes,
            *map(str, arguments),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finished(process):
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output
    return output


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def alone(text, tmp_path):
    """Weights of one process, in double precision of nothing but the comparison."""
    out = tmp_path / "alone.safetensors"
    assert main(["--text", str(text), "--out", str(out), *OPTIONS]) == 0
    return load_language_model(out).model.state_dict()


def largest_difference(one, path):
    other = load_language_model(path).model.state_dict()
    return max((one[name] - other[name]).abs().max().item() for name in one)


def test_two_processes_give_the_weights_of_one(text, tmp_path, alone):
    out = tmp_path / "two.safetensors"
    output = finished(torchrun("-m", "gru_lib.pretrain", "--text", text, "--out", out, *OPTIONS))
    assert output.count("Written:") == 1  # one process speaks
    assert largest_difference(alone, out) < 1e-6


def test_without_talking_to_each_other_they_do_not(text, tmp_path, alone):
    script, out = tmp_path / "defect.py", tmp_path / "defect.safetensors"
    script.write_text(DEFECT)
    finished(torchrun(script, "--text", text, "--out", out, *OPTIONS))
    assert largest_difference(alone, out) > 1e-3


def test_two_machines_with_one_process_each(text, tmp_path, alone):
    out = tmp_path / "nodes.safetensors"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["-m", "gru_lib.pretrain", "--text", text, "--out", out, *OPTIONS]
    nodes = [torchrun(*arguments, count=1, node=(number, port)) for number in (0, 1)]
    for node in nodes:
        finished(node)
    assert largest_difference(alone, out) < 1e-6


def test_more_processes_than_rows_are_refused(text, tmp_path):
    out = tmp_path / "many.safetensors"
    process = torchrun(
        *("-m", "gru_lib.pretrain", "--text", text, "--out", out, *OPTIONS, "--batch-size", 1)
    )
    output, _ = process.communicate(timeout=240)
    assert process.returncode != 0
    assert "there are 2 processes and batch_size is 1" in output


def test_two_processes_go_on_where_one_was_stopped(text, tmp_path, alone):
    out = tmp_path / "stopped.safetensors"
    checkpoint = Path(f"{out}.checkpoint")
    arguments = ["-m", "gru_lib.pretrain", "--text", text, "--out", out, *OPTIONS]
    one = subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    while not checkpoint.exists() or read_checkpoint(checkpoint)["so_far"]["batches"] < 2:
        assert one.poll() is None
    one.kill()
    one.wait()
    assert not out.exists()
    output = finished(torchrun(*arguments, "--resume"))
    assert output.count("Going on from") == 1
    assert largest_difference(alone, out) < 1e-6
