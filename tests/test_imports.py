"""What importing the library loads, and what the library may not import."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "gru_lib").rglob("*.py"))


def loaded_after(code):
    """Names of the modules that a fresh Python has loaded after running some code."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules, sep='\\n')"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("code", "never"),
    [
        ("import gru_lib", {"torch", "matplotlib", "numpy", "IPython", "babel"}),
        ("import gru_lib.numpy_gru", {"torch", "matplotlib", "IPython", "babel"}),
        ("import gru_lib.numpy_nn", {"torch", "matplotlib", "IPython", "babel"}),
        ("import gru_lib.interop", {"torch", "matplotlib", "IPython", "babel", "onnx", "keras"}),
        ("import gru_lib.torch_gru", {"matplotlib", "IPython", "babel"}),
        ("import gru_lib.min_gru", {"matplotlib", "IPython", "babel"}),
        ("import gru_lib.initialisation", {"matplotlib", "IPython", "babel"}),
        ("import gru_lib.fleet", {"matplotlib", "IPython", "babel"}),
        ("import gru_lib.training", {"matplotlib", "IPython", "babel", "onnx"}),
        ("import gru_lib.models", {"matplotlib", "IPython", "babel", "music21", "pooch"}),
        ("import gru_lib.data", {"torch", "matplotlib", "IPython", "babel", "music21", "pooch"}),
        ("import gru_lib.data.music", {"torch", "matplotlib", "IPython", "music21", "pooch"}),
        ("import gru_lib.data.motion", {"torch", "matplotlib", "IPython", "sktime", "pooch"}),
        ("import gru_lib.data.docstrings", {"torch", "pandas", "sklearn", "sympy", "pydoc_data"}),
        ("import gru_lib.data.questions", {"torch", "pandas", "sklearn", "sympy", "pooch"}),
        ("import gru_lib.finetuning", {"matplotlib", "IPython", "babel", "sklearn"}),
        ("import gru_lib.pretrain", {"matplotlib", "IPython", "babel", "sklearn", "pydoc_data"}),
        ("import gru_lib.pretrained", {"matplotlib", "IPython", "babel", "sklearn"}),
        ("import gru_lib.quantisation", {"torch", "matplotlib", "IPython", "babel"}),
        ("import gru_lib.page_weights", {"torch", "matplotlib", "IPython", "babel"}),
        ("import gru_lib.dtw", {"torch", "matplotlib", "IPython", "babel"}),
        ("import gru_lib.data.series", {"torch", "matplotlib", "pandas", "sktime", "pooch"}),
        ("import gru_lib.data.registry", {"torch", "numpy", "matplotlib", "music21", "pooch"}),
        ("import gru_lib.data.stored", {"torch", "numpy", "matplotlib", "music21", "pooch"}),
        ("import gru_lib.data.reviews", {"torch", "matplotlib", "sklearn", "pandas", "pooch"}),
        ("import gru_lib.data.speech", {"torch", "matplotlib", "IPython", "sktime", "pooch"}),
        ("import gru_lib.data.synthetic", {"torch", "matplotlib", "IPython", "babel"}),
        ("import gru_lib.data.text", {"torch", "matplotlib", "IPython", "babel"}),
        ("import gru_lib.data.translation", {"torch", "matplotlib", "IPython", "babel", "pooch"}),
        ("import gru_lib.data.characters", {"torch", "matplotlib", "IPython", "pydoc_data"}),
        ("import gru_lib.baselines", {"torch", "matplotlib", "IPython", "babel"}),
        ("import gru_lib.data.article", {"torch", "numpy", "matplotlib", "IPython", "babel"}),
        ("import gru_lib.exercises", {"torch", "matplotlib", "IPython", "babel"}),
        (
            "import gru_lib.exercises; assert gru_lib.exercises.registry()",
            {"torch", "matplotlib", "IPython", "babel"},
        ),
        ("import gru_lib.plots", {"torch", "IPython", "babel"}),
        ("import gru_lib.scoreboard", {"torch", "numpy", "matplotlib", "IPython", "babel"}),
        ("import gru_lib.spectra", {"torch", "matplotlib", "IPython", "scipy"}),
        ("import gru_lib.timing", {"torch", "numpy", "matplotlib", "IPython", "babel"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_import_stays_cheap(code, never):
    loaded = loaded_after(code)
    assert "gru_lib" in loaded
    assert loaded.isdisjoint(never), sorted(loaded & never)


def imported_names(path):
    """The full names that a source file imports, at any depth, absolute imports only."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module


def test_the_walk_sees_the_library():
    assert ROOT / "gru_lib" / "exercises" / "checker.py" in SOURCES
    assert "numpy" in set(imported_names(ROOT / "gru_lib" / "numpy_gru.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_library_imports_nothing_that_is_not_shipped(path):
    first_parts = {name.split(".")[0] for name in imported_names(path)}
    assert first_parts.isdisjoint({"tests", "tools", "notebooks", "book", "pytest", "hypothesis"})
