"""What pytest needs to know about the whole repository."""

import os
from pathlib import Path

import pytest

from tools.notebooks import environment_of, this_environment

BESIDE = Path(__file__).resolve().parents[1] / "shared" / "data"


def pytest_ignore_collect(collection_path):
    """nbval runs a notebook in the environment that it belongs to, and in no other."""
    if collection_path.suffix == ".ipynb" and environment_of(collection_path) != this_environment():
        return True
    return None  # whatever pytest decides


@pytest.fixture
def full_tier(monkeypatch):
    """The folder with the full tier's data, as GRU_DATA_DIR; a test without it is skipped."""
    folder = Path(os.environ.get("GRU_DATA_DIR") or BESIDE)
    if not folder.is_dir():
        pytest.skip(f"needs the data of the full tier: GRU_DATA_DIR, or {BESIDE}")
    monkeypatch.setenv("GRU_DATA_DIR", str(folder))
    return folder
