"""The command that pretrains: the same bits however it was run, and clear errors."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from gru_lib.data.characters import (
    CHARACTERS,
    Vocabulary,
    paragraph_key,
    paragraph_keys,
    python_reference,
    split_as_named,
)
from gru_lib.models import (
    LanguageModel,
    bits_per_character,
    load_language_model,
    train_language_model,
)
from gru_lib.pretrain import (
    Processes,
    Recipe,
    SharedLoss,
    card_as_markdown,
    count_operations,
    file_corpus,
    pretrain,
    reference_corpus,
)
from gru_lib.pretrain.__main__ import main
from gru_lib.pretrained import PRETRAINED, load_pretrained, pretrained_text
from gru_lib.training import CheckpointError

ROOT = Path(__file__).resolve().parents[1]
TINY = Recipe(
    epochs=2, embedding_size=4, hidden_size=6, num_layers=2, window=10, batch_size=4, dropout=0.2
)
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
    "4",
    "--dropout",
    "0.2",
]
TEXT = "".join(f"line {i * i % 97} of {i}\n" for i in range(120))


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def command(*arguments):
    return [sys.executable, "-m", "gru_lib.pretrain", *map(str, arguments)]


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def weights_of(path):
    return load_language_model(path).model.state_dict()


def same_bits(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


# --- the recipe ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shuffled", [False, True])
def test_the_command_makes_the_bits_of_the_plain_recipe(text, tmp_path, shuffled):
    out = tmp_path / "model.safetensors"
    flags = ["--shuffled"] if shuffled else []
    assert main(["--text", str(text), "--out", str(out), *OPTIONS, *flags]) == 0
    codes = Vocabulary(CHARACTERS).encode(TEXT)
    tenth = len(codes) // 10
    train, valid = codes[: -2 * tenth], codes[-2 * tenth : -tenth]
    if shuffled:
        rng = np.random.default_rng(0)
        train, valid = rng.permutation(train), rng.permutation(valid)
    torch.manual_seed(0)
    model = LanguageModel(96, 4, 6, num_layers=2, dropout=0.2)
    train_language_model(
        model,
        train,
        valid,
        seed=0,
        epochs=2,
        learning_rate=4e-3,
        window=10,
        batch_size=4,
        progress=False,
    )
    assert same_bits(weights_of(out), model.state_dict())
    assert not Path(f"{out}.checkpoint").exists()  # done: nothing to go on from


def test_the_options_without_any_are_the_recipe_of_the_committed_models():
    for name in PRETRAINED:
        told = json.loads(load_pretrained(name).card["recipe"])
        expected = Recipe(shuffled=name == "shuffled")
        assert {key: str(value) for key, value in told.items()} == expected.describe()


def test_a_card_says_what_can_be_checked(text, tmp_path):
    out = tmp_path / "model.safetensors"
    history = pretrain(file_corpus(text), TINY, out, progress=False)
    model, vocabulary, card = load_language_model(out)
    corpus = file_corpus(text)
    bits = json.loads(card["bits a character"])
    assert bits["test"] == pytest.approx(bits_per_character(model, corpus.test), abs=6e-4)
    assert card["sha256 of the text"] == hashlib.sha256(TEXT.encode()).hexdigest()
    windows = (len(corpus.train) - 1) // TINY.window - 1
    assert int(card["characters read"]) == 2 * windows * TINY.window
    operations = count_operations(int(card["parameters"]), int(card["characters read"]))
    assert card["operations"] == f"{operations:.2e}"
    assert card["best epoch"] == f"{history.best_epoch} of 2"
    assert out.with_suffix(".md").read_text() == card_as_markdown("model", card)
    assert len(vocabulary) == 96


# --- killed and continued -----------------------------------------------------------------------


def steps_in(checkpoint):
    """Batches done, by the checkpoint that a run keeps; it may be written this moment."""
    from gru_lib.training.checkpoint import read_checkpoint

    state = read_checkpoint(checkpoint)
    return len(state["history"]["train_loss"]), state["so_far"]["batches"]


def start_and_end(text, out, how):
    """Start the command, wait until it is in the middle of its second epoch, and end it."""
    checkpoint = Path(f"{out}.checkpoint")
    running = subprocess.Popen(
        command("--text", text, "--out", out, *OPTIONS, "--epochs", 40),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # what a shell starts in the background ignores Ctrl-C, and so would this process
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while not checkpoint.exists() or steps_in(checkpoint) < (1, 3):
        assert time.monotonic() < deadline and running.poll() is None
        time.sleep(0.01)
    running.send_signal(how)
    output = running.communicate(timeout=60)
    assert not out.exists()
    return running.returncode, output


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_killed_run_goes_on_and_ends_with_the_same_bits(text, tmp_path):
    whole, killed = tmp_path / "whole.safetensors", tmp_path / "killed.safetensors"
    options = [*OPTIONS, "--epochs", "40"]
    assert main(["--text", str(text), "--out", str(whole), *options]) == 0
    code, _ = start_and_end(text, killed, signal.SIGKILL)
    assert code == -signal.SIGKILL
    again = subprocess.run(
        command("--text", text, "--out", killed, *options, "--resume"),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert again.stdout.startswith("Going on from ")
    assert same_bits(weights_of(whole), weights_of(killed))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_says_in_one_line_how_to_go_on(text, tmp_path, how):
    code, (_, said) = start_and_end(text, tmp_path / "m.safetensors", how)
    assert code == 130
    assert re.fullmatch(r"Stopped; the same command goes on from \S+ \(.*\)\.", said.strip())


# --- what is not allowed ------------------------------------------------------------------------


def refused(capsys, *arguments):
    """What the command says when it refuses."""
    assert main(list(map(str, arguments))) == 2
    return capsys.readouterr().err


def test_an_empty_text(tmp_path, capsys):
    path = tmp_path / "empty.txt"
    path.write_text("")
    assert "is empty; expected text to learn from" in refused(capsys, "--text", path)
    corpus = reference_corpus()._replace(train=np.array([], dtype=np.int64))
    with pytest.raises(ValueError, match="train text is empty; expected text"):
        pretrain(corpus, TINY, tmp_path / "out.safetensors", progress=False)


def test_a_text_shorter_than_a_window(tmp_path, capsys):
    path = tmp_path / "short.txt"
    path.write_text("short " * 40)
    said = refused(capsys, "--text", path, "--out", tmp_path / "o.safetensors")
    assert "the valid text has 24 characters; a window of 100 needs at least 101" in said


def test_a_character_outside_the_vocabulary(tmp_path, capsys):
    path = tmp_path / "foreign.txt"
    path.write_text(TEXT + "naïve\n", encoding="utf-8")
    said = refused(capsys, "--text", path, "--out", tmp_path / "o.safetensors")
    assert "holds 'ï' at position" in said and "--own-characters" in said
    out = tmp_path / "own.safetensors"
    assert main(["--text", str(path), "--own-characters", "--out", str(out), *OPTIONS]) == 0
    assert "ï" in load_language_model(out).vocabulary


def test_a_checkpoint_of_another_architecture_or_recipe(text, tmp_path, capsys):
    out = tmp_path / "model.safetensors"
    code, _ = start_and_end(text, out, signal.SIGTERM)
    assert code == 130
    options = ["--text", text, "--out", out, *OPTIONS, "--epochs", 40]
    said = refused(capsys, *options, "--hidden-size", 7)
    assert "belongs to another model" in said and "in the file" in said
    assert "dropout was 0.2, is 0.1" in refused(capsys, *options, "--dropout", 0.1)
    assert "seed was 0, is 1" in refused(capsys, *options, "--seed", 1)
    assert "epochs was 40, is 2" in refused(capsys, *options, "--epochs", 2)
    text.write_text(TEXT.replace("line", "lime"))
    assert "text was" in refused(capsys, *options)
    assert main([*map(str, options), "--restart", "--epochs", "1"]) == 0


def test_nothing_to_go_on_from(tmp_path, capsys):
    out = tmp_path / "model.safetensors"
    assert "there is no checkpoint" in refused(capsys, "--resume", "--out", out)
    assert "goes with --text" in refused(capsys, "--own-characters", "--out", out)


def test_a_file_that_cannot_be_written_is_told_before_the_training(text, tmp_path, capsys):
    said = refused(capsys, "--text", text, *OPTIONS, "--out", tmp_path / "nowhere" / "m")
    assert "cannot write" in said and "there is no folder" in said
    said = refused(capsys, "--text", text, *OPTIONS, "--out", tmp_path)
    assert "is a folder; expected the name of a file" in said


def test_more_processes_than_rows(text, tmp_path):
    processes = Processes()
    processes.count = 5
    with pytest.raises(ValueError, match="5 processes and batch_size is 4; expected at least one"):
        pretrain(file_corpus(text), TINY, tmp_path / "m", processes=processes, progress=False)


def test_a_device_that_is_not_there(tmp_path, capsys):
    out = tmp_path / "m.safetensors"
    assert "ValueError: device" in refused(capsys, "--device", "cuda:99", "--out", out)


# --- the text of the card -----------------------------------------------------------------------


def test_the_text_of_the_course_is_the_one_that_was_pretrained_on():
    text, now = pretrained_text(), python_reference()
    card = load_pretrained().card
    seen = set(card["trained on"].split())
    for part in (text.valid, text.test):
        assert seen.isdisjoint(paragraph_keys(part))
    if reference_corpus().origin["sha256 of the text"] == card["sha256 of the text"]:
        assert text == now  # on the Python that the model was trained with
    assert set(text.topics["test"]) <= set(json.loads(card["test topics"]))


def test_on_another_edition_nothing_that_was_trained_on_is_tested_on():
    rng = np.random.default_rng(0)
    topics = {"a": "one\n\ntwo two\n", "b": "three\n", "c": "four\n", "new": "five\n"}
    seen = {paragraph_key("two  two"), paragraph_key("four")}  # moved from c to a meanwhile
    text = split_as_named(topics, ["b", "gone"], ["a"], seen, rng)
    assert text.test == "one\n" and text.valid == "three\n"
    assert set(text.topics["train"]) == {"c", "new"}
    with pytest.raises(ValueError, match="nothing is left of the test text"):
        split_as_named(topics, ["b"], ["c"], seen, rng)


def test_a_card_of_another_text_has_no_reference():
    with pytest.raises(ValueError, match="card does not say valid topics, test topics, trained"):
        pretrained_text({"data": "the file a.txt"})


def test_reloaded_logits_are_the_same(text, tmp_path):
    out = tmp_path / "model.safetensors"
    pretrain(file_corpus(text), TINY, out, progress=False)
    codes = torch.from_numpy(file_corpus(text).test)[None]
    one, other = (load_language_model(out).model(codes)[0] for _ in range(2))
    assert torch.equal(one, other)


# --- the shared loss ----------------------------------------------------------------------------


def test_one_process_alone_has_the_plain_loss():
    from gru_lib.models import next_code_loss

    torch.manual_seed(0)
    model, windows = LanguageModel(5, 2, 3), torch.randint(5, (4, 7))
    loss = SharedLoss(model, Processes(), {"seed": "0"})
    assert torch.equal(loss(model, windows)[0], next_code_loss(model, windows)[0])
    assert loss.state_dict() == {"seed": "0"}
    with pytest.raises(CheckpointError, match="seed was 1, is 0"):
        loss.load_state_dict({"seed": "1"})
