"""The first cell of every notebook: it makes gru_lib importable wherever the notebook runs."""

FIRST_CELL = """\
# Makes gru_lib importable: installed already, in your clone of the book, or fetched from GitHub.
import importlib.util
import subprocess
import sys
from pathlib import Path

if importlib.util.find_spec("gru_lib") is None:
    sys.path += [str(p) for p in Path.cwd().parents if (p / "gru_lib/__init__.py").exists()]
if importlib.util.find_spec("gru_lib") is None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    package = "gru-lib[notebooks] @ git+{repository}"
    subprocess.run([*pip, package], check=True)
    importlib.invalidate_caches()"""

# Pages fold it: it is the same everywhere and teaches nothing about GRUs.
FIRST_CELL_METADATA = {
    "mystnb": {
        "code_prompt_show": "Show how gru_lib is found",
        "code_prompt_hide": "Hide how gru_lib is found",
    },
    "tags": ["hide-input"],
}


def first_cell(repository: str) -> str:
    """The source of the first cell, for a repository's address (https://github.com/owner/name)."""
    return FIRST_CELL.format(repository=repository)
