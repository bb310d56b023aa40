"""Scripts of weights: what a page reads in them is what PyTorch has, to half a step of a code."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from gru_lib.data.characters import Vocabulary
from gru_lib.finetuning import adapter_updates, add_lora, save_adapter
from gru_lib.models import LanguageModel, save_language_model
from gru_lib.page_weights import FORMAT, adapter_script, model_script, read_script
from gru_lib.quantisation import LARGEST

PRETRAINED = Path(__file__).resolve().parents[1] / "gru_lib" / "pretrained"
REFERENCE, NUMPY = PRETRAINED / "reference.safetensors", PRETRAINED / "numpy-lora.safetensors"


@pytest.fixture
def base(tmp_path):
    """A small language model with odd sizes, and its file."""
    torch.manual_seed(0)
    model = LanguageModel(5, 3, 7, num_layers=2).eval()
    save_language_model(model, Vocabulary("\nabcd"), tmp_path / "base.safetensors")
    return model, tmp_path / "base.safetensors"


@pytest.fixture
def adapter(base, tmp_path):
    model, _ = base
    add_lora(model, "small", rank=2, alpha=6.0, seed=1)
    with torch.no_grad():
        for update in adapter_updates(model, "small").values():
            update.B.normal_()
    save_adapter(model, "small", tmp_path / "small.safetensors")
    return tmp_path / "small.safetensors"


def off_by_at_most_half_a_step(read, original):
    """A matrix may be off by half a step of its row, a vector not at all."""
    original = np.asarray(original, dtype=np.float32)
    if original.ndim == 1:
        return (read == original).all()
    step = np.abs(original).max(axis=1, keepdims=True) / LARGEST
    return (np.abs(read - original) <= 0.501 * step).all()


def test_a_model_comes_back(base):
    model, path = base
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    header, tensors = read_script(model_script(path, "small"))
    assert tensors.keys() == before.keys()
    for name, read in tensors.items():
        assert read.dtype == np.float32 and read.shape == before[name].shape
        assert off_by_at_most_half_a_step(read, before[name]), name
    assert {**header, "sha256": ""} == {
        "format": FORMAT,
        "name": "small",
        "vocabulary_size": 5,
        "embedding_size": 3,
        "hidden_size": 7,
        "num_layers": 2,
        "characters": "\nabcd",
        "sha256": "",
        "bytes": header["bytes"],
    }
    assert header["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    codes = sum(value.size for value in before.values() if value.ndim == 2)
    assert header["bytes"] == codes + 4 * sum(len(value) for value in before.values())


def test_an_adapter_comes_back(base, adapter):
    model, path = base
    header, tensors = read_script(adapter_script(adapter, path, "small"))
    assert (header["rank"], header["alpha"]) == (2, 6.0)
    assert header["base"] == read_script(model_script(path)).header["sha256"]
    updates = adapter_updates(model, "small")
    assert len(tensors) == 2 * len(updates) == 8
    for name, update in updates.items():
        for factor in ("A", "B"):
            wanted = getattr(update, factor).detach().numpy()
            assert off_by_at_most_half_a_step(tensors[f"{name}.{factor}"], wanted)


def test_the_same_file_gives_the_same_ascii_text():
    texts = {model_script(REFERENCE), model_script(REFERENCE)}
    assert len(texts) == 1 and texts.pop().isascii()


def test_the_course_s_model_and_its_adapter_weigh_less_than_400_kb_together():
    scripts = model_script(REFERENCE), adapter_script(NUMPY, REFERENCE)
    assert sum(map(len, scripts)) <= 400_000


def test_a_script_is_one_assignment_that_no_html_can_end():
    script = model_script(REFERENCE)
    comment, assignment, end = script.split("\n")
    assert comment.startswith("// ") and assignment.endswith(";") and end == ""
    content = assignment.partition(" = ")[2].removesuffix(";")
    assert json.loads(content)["name"] == "base"
    assert not {'"', "\\", "'"} & set(json.loads(content)["data"])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda script: "let a = 1;", "its format is None"),
        (lambda script: script[:300], "its format is None"),
        (lambda script: script.replace('"format":1', '"format":2'), "its format is 2"),
        (lambda script: script.replace('"};', '00000"};'), r"holds \d+ bytes; its header asks"),
    ],
    ids=["something else", "cut short", "format", "too long"],
)
def test_what_is_no_script_of_weights_is_refused(base, spoil, message):
    with pytest.raises(ValueError, match=message):
        read_script(spoil(model_script(base[1])))


def test_files_of_another_kind_are_refused(base, adapter, tmp_path):
    _, path = base
    with pytest.raises(ValueError, match="does not say vocabulary_size, embedding_size"):
        model_script(adapter)
    with pytest.raises(ValueError, match="no low-rank factors for all gates: it says gates = None"):
        adapter_script(path, path)
    with pytest.raises(ValueError, match="the weight of the base has shape"):
        adapter_script(NUMPY, path)
    with pytest.raises(FileNotFoundError):
        model_script(tmp_path / "nothing")
    (tmp_path / "text").write_text("no weights")
    with pytest.raises(ValueError, match="is no safetensors file"):
        model_script(tmp_path / "text")
    lstm = LanguageModel(5, 3, 7, cell="LSTM")
    save_language_model(lstm, Vocabulary("\nabcd"), tmp_path / "lstm")
    with pytest.raises(ValueError, match="cell is LSTM"):
        model_script(tmp_path / "lstm")
    save_file({"a": np.zeros((2, 2), np.float32)}, tmp_path / "bare")
    with pytest.raises(ValueError, match="does not say"):
        model_script(tmp_path / "bare")
