"""Stored results: that they say what they are, agree with the registry, and come again."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.resources import files

import numpy as np
import pytest

from benchmarks import paper_table
from gru_lib.data.music import jsb_chorales
from gru_lib.data.registry import REGISTRY
from gru_lib.data.stored import describe_stored, stored_result, write_result
from gru_lib.training import History
from tools.links import ROOT

NAMES = [
    path.name.removesuffix(".json") for path in files("gru_lib.data").joinpath("results").iterdir()
]
TABLE = stored_result("paper-table")
RUNS = TABLE["results"]["runs"]


#: Computed on texts that come with installed packages, so that nothing was fetched.
OF_PACKAGES = {"fine-tuning-ladder", "forgetting-and-few-labels", "lora", "pretraining"}


@pytest.mark.parametrize("name", sorted(OF_PACKAGES))
def test_a_result_on_texts_of_packages_names_them(name):
    data = stored_result(name)["data"]
    assert set(data) == {"name", "sha256"}
    assert data["name"] and re.fullmatch("[0-9a-f]{64}", data["sha256"])


def test_the_sum_of_texts_is_that_of_all_of_them_in_the_order_of_their_names(tmp_path):
    sums = []
    for number, texts in enumerate(({"a": "x", "b": "y"}, {"b": "y", "a": "x"}, {"a": "x"})):
        path = tmp_path / f"{number}.json"
        write_result(path, data=texts, command="c", seeds=[0], results={})
        sums.append(json.loads(path.read_text())["data"]["sha256"])
    assert sums[0] == sums[1] == hashlib.sha256(b"x\ny").hexdigest()
    assert sums[2] != sums[0]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OF_PACKAGES])
def test_a_result_names_the_data_of_the_registry(name):
    result = stored_result(name)
    entry = REGISTRY[result["data"]["name"]]
    assert result["data"]["sha256"] == entry.sha256
    assert result["data"]["commit"] == entry.commit
    assert result["data"]["repository"] == entry.repository


@pytest.mark.parametrize("name", NAMES)
def test_a_result_says_what_it_is(name):
    result = stored_result(name)
    text = describe_stored(result)
    assert text.startswith("STORED RESULT, not computed on this page")
    assert result["date"] in text and result["command"] in text
    assert {"Python", "numpy", "torch"} <= set(result["versions"])


def test_unknown_results():
    with pytest.raises(ValueError, match=r"no stored result 'papertable'; .*paper-table"):
        stored_result("papertable")


def test_every_setting_was_run_once():
    keys = [(run["model"], run["learning_rate"], run["seed"]) for run in RUNS]
    assert sorted(keys) == sorted(paper_table.settings())
    assert TABLE["seeds"] == list(paper_table.SEEDS)
    assert TABLE["command"] == paper_table.COMMAND


def test_what_was_counted_comes_again(full_tier):
    chorales = jsb_chorales()
    heard = paper_table.heard_tunes(chorales)
    assert TABLE["results"]["test_chorales_with_a_heard_tune"] == heard.sum()
    model = paper_table.CountingPredictor(chorales.train, given_last=True)
    again = paper_table.measured(model, chorales, heard)
    assert again == pytest.approx(TABLE["results"]["counted"]["last frame"], abs=2e-4)


@pytest.mark.parametrize(("name", "rate", "seed"), [("LSTM", 1e-2, 1), ("window", 2e-2, 0)])
def test_a_run_comes_again(full_tier, name, rate, seed):
    chorales = jsb_chorales()
    again = paper_table.one_run(name, chorales, rate, seed, paper_table.heard_tunes(chorales))
    key = (name, rate, seed)
    (then,) = (r for r in RUNS if (r["model"], r["learning_rate"], r["seed"]) == key)
    assert again["parameters"] == then["parameters"]
    # training multiplies what processors round differently; seeds differ by more than this
    assert again["test"] == pytest.approx(then["test"], abs=0.06)
    assert again["valid"] == pytest.approx(then["valid"], abs=0.06)


def test_the_control_is_shuffled(full_tier, monkeypatch):
    chorales = jsb_chorales()
    seen = []

    def note(model, train, valid, **settings):
        seen.append(train)
        return History(train_loss=[1.0], valid_loss=[1.0])

    monkeypatch.setattr(paper_table, "train_frames", note)
    monkeypatch.setattr(paper_table, "measured", lambda *arguments: {})
    paper_table.one_run(paper_table.CONTROL, chorales, 1e-2, 0, np.array([]))
    first, second = chorales.train[0], seen[0][0]
    assert not np.array_equal(first, second)
    assert sorted(map(tuple, first)) == sorted(map(tuple, second))


def test_results_travel_with_the_package(tmp_path):
    copy = tmp_path / "copy"  # building leaves folders behind
    shutil.copytree(ROOT / "gru_lib", copy / "gru_lib")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(tmp_path), str(copy)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    inside = zipfile.ZipFile(wheel).namelist()
    assert {f"gru_lib/data/results/{name}.json" for name in NAMES} <= set(inside)
