"""Run notebooks in place and store their outputs in one normal form.

``python -m tools.notebooks [notebook ...]`` runs the notebooks named, or all of them. A notebook
whose sources, compared outputs and versions are what they were is left alone, so that a second run
changes nothing in git. A notebook that belongs to another environment is run there.
"""

import argparse
import copy
import datetime
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from tqdm import tqdm

from tools import environment

ROOT = Path(__file__).resolve().parent.parent
CELL_LIMIT_S = 180
VARYING = "nbval-ignore-output"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"}
CELL_METADATA = ("cellView", "jupyter", "mystnb", "tags")
README_FIGURE = "fig-parity"
VERSIONS_OF = ("numpy", "torch", "matplotlib")
# The environments of tools/environment.py by the folders that hold them; make test runs the
# notebooks of "book", make frameworks those of "frameworks".
FOLDERS = {name: ROOT / folder for name, (folder, *_) in environment.ENVIRONMENTS.items()}
RUNS_IN = {"11-frameworks": "frameworks"}  # all others: "book"


def all_notebooks(root: Path = ROOT) -> list[Path]:
    """Every notebook of the book, in the order of its name."""
    return sorted(
        path
        for path in (root / "notebooks").rglob("*.ipynb")
        if ".ipynb_checkpoints" not in path.parts
    )


def environment_of(path: Path) -> str:
    """The environment that a notebook runs in: "book" or "frameworks"."""
    return RUNS_IN.get(path.stem, "book")


def this_environment() -> str:
    """The environment that this Python is: "frameworks" in .venv-frameworks, else "book"."""
    return "frameworks" if Path(sys.prefix).name == FOLDERS["frameworks"].name else "book"


def read(path: Path) -> nbformat.NotebookNode:
    """The notebook in a file."""
    return nbformat.read(path, as_version=4)


def write(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write a notebook the way git likes it: one space of indent, letters as they are."""
    path.write_text(nbformat.writes(notebook), encoding="utf-8")


def normalise(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy without what differs from run to run or from editor to editor."""
    notebook = copy.deepcopy(notebook)
    run = notebook.metadata.get("run")
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": LANGUAGE})
    if run is not None:
        notebook.metadata["run"] = run
    for cell in notebook.cells:
        kept = {key: cell.metadata[key] for key in CELL_METADATA if key in cell.metadata}
        cell.metadata = nbformat.from_dict(kept)
        if cell.cell_type == "code":
            cell.outputs = _normal_outputs(cell.outputs)
    return notebook


def _normal_outputs(outputs: list) -> list:
    merged = []
    for output in outputs:
        if output.output_type == "stream" and merged and merged[-1].get("name") == output.name:
            merged[-1].text += output.text
        else:
            merged.append(output)
    for output in merged:
        if output.output_type == "stream":
            output.text = _as_a_terminal_shows(output.text)
        elif "metadata" in output:
            output.metadata = nbformat.from_dict({})
    return [o for o in merged if o.output_type != "stream" or o.text.strip()]


def _as_a_terminal_shows(text: str) -> str:
    """The text after every carriage return has overwritten what stood on its line."""
    lines = []
    for line in text.split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown.rstrip() if "\r" in line else shown)
    return "\n".join(lines)


def is_compared(cell: nbformat.NotebookNode) -> bool:
    """Whether nbval compares what this cell prints."""
    tags = cell.metadata.get("tags", [])
    return VARYING not in tags and "nbval-skip" not in tags


def _what_counts(notebook: nbformat.NotebookNode) -> list:
    """Sources, metadata and compared outputs: all that a second run must reproduce."""
    versions = dict(notebook.metadata.get("run", {}))
    versions.pop("seconds", None)
    versions.pop("date", None)
    cells = [
        (
            cell.cell_type,
            cell.source,
            cell.metadata,
            cell.get("execution_count"),
            cell.get("outputs", []) if is_compared(cell) else None,
        )
        for cell in notebook.cells
    ]
    return [notebook.metadata.get("kernelspec"), versions, cells]


def run_record(seconds: float) -> dict:
    """When, with what and how long a notebook ran."""
    versions = {name: importlib.metadata.version(name).split("+")[0] for name in VERSIONS_OF}
    return {
        "date": datetime.date.today().isoformat(),
        "seconds": round(seconds),
        "python": re.match(r"\d+\.\d+", platform.python_version()).group(),
        **versions,
    }


def execute(path: Path) -> nbformat.NotebookNode:
    """Run a notebook from top to bottom in a fresh kernel and return it normalised.

    Raises
    ------
    CellExecutionError, CellTimeoutError
        If a cell raises or runs over its limit.
    """
    notebook = read(path)
    bar = tqdm(total=len(notebook.cells), desc=path.stem, unit="cell")
    client = NotebookClient(
        notebook,
        timeout=CELL_LIMIT_S,
        kernel_name=KERNEL["name"],
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_complete=lambda cell, cell_index: bar.update(),
    )
    started = time.monotonic()
    with bar:
        client.execute()
    notebook.metadata["run"] = run_record(time.monotonic() - started)
    return normalise(notebook)


def refresh(path: Path) -> bool:
    """Run one notebook and store it if anything that counts has changed; say whether it has."""
    before = read(path)
    after = execute(path)
    if _what_counts(before) == _what_counts(after) and before == normalise(before):
        return False
    write(after, path)
    return True


def refresh_elsewhere(path: Path) -> int:
    """Have the environment that a notebook belongs to run and store it; return 0 if it did."""
    name = environment_of(path)
    python = FOLDERS[name] / "bin" / "python"
    if not python.exists():
        target = "env" if name == "book" else name
        print(
            f"make outputs: {path} runs in {FOLDERS[name].name}, which is not there yet; "
            f"make {target} makes it",
            file=sys.stderr,
        )
        return 1
    command = [str(python), "-m", "tools.notebooks", str(path.resolve())]
    return subprocess.run(command, cwd=ROOT).returncode


def figure(notebook: nbformat.NotebookNode, name: str) -> str | None:
    """The SVG of the figure of that name, if the notebook holds it."""
    for cell in notebook.cells:
        if cell.metadata.get("mystnb", {}).get("figure", {}).get("name") == name:
            return cell.outputs[0].data["image/svg+xml"]
    return None


def store_readme_figure() -> None:
    """Copy the figure that the README shows out of the notebook that drew it."""
    for path in all_notebooks():
        svg = figure(read(path), README_FIGURE)
        if svg is not None:
            (ROOT / f"book/_static/{README_FIGURE}.svg").write_text(svg, encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    # make exports it; without it the exercises' checkers would draw cases that nbval never sees
    os.environ.setdefault("GRU_CHECK_SEED", "0")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path)
    for path in parser.parse_args(arguments).notebooks or all_notebooks():
        if not path.is_file():
            known = ", ".join(p.relative_to(ROOT).as_posix() for p in all_notebooks())
            print(f"make outputs: there is no {path}; there are: {known}", file=sys.stderr)
            return 1
        if environment_of(path) != this_environment():
            if refresh_elsewhere(path):
                return 1
            continue
        try:
            changed = refresh(path)
        except (CellExecutionError, CellTimeoutError) as error:
            print(f"make outputs: {path}: {error}", file=sys.stderr)
            return 1
        print(f"{path}: {'outputs stored' if changed else 'nothing changed'}")
    store_readme_figure()
    return 0


if __name__ == "__main__":
    sys.exit(main())
