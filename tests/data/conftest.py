"""The data of the full tier, where they lie beside the clone."""

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture
def full_tier(monkeypatch):
    """The folder with the full tier's data, as GRU_DATA_DIR; a test without it is skipped."""
    folder = Path(os.environ.get("GRU_DATA_DIR") or BESIDE)
    if not folder.is_dir():
        pytest.skip(f"needs the data of the full tier: GRU_DATA_DIR, or {BESIDE}")
    monkeypatch.setenv("GRU_DATA_DIR", str(folder))
    return folder
