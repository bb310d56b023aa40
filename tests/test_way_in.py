"""One notebook alone, on a machine that has PyTorch but not this book: what Colab gives a reader.

A fresh virtual environment gets NumPy, PyTorch, Matplotlib and the kernel from the environment
that runs this test, and nothing of the book; GitHub is a bare clone of the working tree. Then the
notebook must run from top to bottom: its first cell installs the rest.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.links import GITHUB, ROOT, setting, tracked_files

NOTEBOOK = ROOT / "notebooks" / "background" / "01-sequences.ipynb"
COLAB_HAS = ("numpy", "torch", "matplotlib", "ipykernel")
CELL_SECONDS = 300
PROBE = "import gru_lib\nprint(gru_lib.__file__)"

pytestmark = pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="needs a git clone: it clones the working tree"
)


def closure(names) -> set[str]:
    """The installed distributions that these need, themselves included."""
    found, waiting = set(), list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        try:
            needs = distribution(name).requires or []
        except PackageNotFoundError:  # a need of another platform or of an extra
            continue
        if name not in found:
            found.add(name)
            requirements = [Requirement(need) for need in needs]
            waiting += [
                need.name
                for need in requirements
                if need.marker is None or need.marker.evaluate({"extra": ""})
            ]
    return found


def link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another disk
        shutil.copy2(source, target)


def give(names: set[str], site_packages: Path) -> None:
    """Link the modules of these distributions into a virtual environment; leave out scripts."""
    for name in names:
        owner = distribution(name)
        for file in owner.files:
            source, target = Path(owner.locate_file(file)), site_packages / file
            if ".." not in file.parts and source.is_file() and not target.exists():
                link(source, target)


def stand_in_for_github(folder: Path) -> Path:
    """Clone the working tree, bare; return a git configuration that sends GitHub's address there.

    The clone holds what git would hold if everything were committed now.
    """
    tree, bare, configuration = folder / "tree", folder / "bare.git", folder / "gitconfig"
    configuration.write_text(
        "[user]\nname = nobody\nemail = nobody@example.org\n"
        f'[url "file://{bare}"]\ninsteadOf = {GITHUB}{setting(ROOT)}\n',
        encoding="utf-8",
    )
    for path in tracked_files(ROOT):
        link(path, tree / path.relative_to(ROOT))
    for command in (
        ["init", "--quiet"],
        ["add", "--all"],
        ["commit", "--quiet", "--message", "the working tree"],
        ["clone", "--quiet", "--bare", str(tree), str(bare)],
    ):
        git_env = {**os.environ, "GIT_CONFIG_GLOBAL": str(configuration)}
        subprocess.run(["git", *command], cwd=tree, env=git_env, check=True)
    return configuration


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """The Python of a fresh machine, and the variables that its programs see."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    give(closure(COLAB_HAS), tmp_path / "venv" / "lib" / version / "site-packages")
    outer = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    env = {name: value for name, value in os.environ.items() if name not in outer}
    env["PYTHONNOUSERSITE"] = "1"
    env["GIT_CONFIG_GLOBAL"] = str(stand_in_for_github(tmp_path))
    yield python, env
    shutil.rmtree(tmp_path / "venv")  # a gigabyte where files could not be linked


def can_import(module: str, machine: tuple[Path, dict[str, str]], folder: Path) -> bool:
    python, env = machine
    command = [str(python), "-c", f"import {module}"]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    missing = f"No module named '{module}'" in done.stderr
    assert missing or done.returncode == 0, done.stderr
    return not missing


def skip_without_a_registry(machine: tuple[Path, dict[str, str]], folder: Path) -> None:
    """Skip where pip cannot reach its registry, but never on a CI machine."""
    python, env = machine
    options = ["--quiet", "--no-deps", "--retries", "0", "--dest", str(folder / "wheels")]
    command = [str(python), "-m", "pip", "download", *options, "tqdm"]
    if subprocess.run(command, env=env, capture_output=True).returncode != 0:
        assert "CI" not in os.environ, "pip cannot download here"
        pytest.skip("pip cannot download here, and the first cell has to install gru_lib's needs")


def run_notebook(path: Path, machine: tuple[Path, dict[str, str]]) -> nbformat.NotebookNode:
    """Run a notebook and a last cell that tells where gru_lib is, on the machine's kernel."""
    python, env = machine

    class Specs(KernelSpecManager):
        def get_kernel_spec(self, kernel_name):
            argv = [str(python), "-m", "ipykernel", "-f", "{connection_file}"]
            return KernelSpec(argv=argv, display_name=kernel_name, language="python")

    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(PROBE))
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        notebook,
        km=AsyncKernelManager(kernel_spec_manager=Specs()),
        timeout=CELL_SECONDS,
        resources={"metadata": {"path": str(path.parent)}},
    )
    return client.execute(env=env)


def test_a_notebook_alone_finds_its_way(machine, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    skip_without_a_registry(machine, tmp_path)
    assert all(can_import(module, machine, alone) for module in COLAB_HAS)
    assert not can_import("gru_lib", machine, alone)
    assert not can_import("babel", machine, alone)

    notebook = run_notebook(Path(shutil.copy(NOTEBOOK, alone)), machine)

    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code if cell.source.strip())
    outputs = [output for cell in code for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    where = Path(code[-1].outputs[0].text.strip())
    assert where.is_relative_to(tmp_path / "venv" / "lib")
    assert where.parent.parent.name == "site-packages"
    assert can_import("babel", machine, alone)
