"""Every notebook obeys the rules of the book, and every rule sees its defect."""

import copy
import os
import re
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook, new_output

from gru_lib.exercises import registry
from tools import exercise_cells, notebooks
from tools.links import GITHUB, ROOT, setting
from tools.notebook_rules import SMALLEST_SHARE_COMPARED, code_cells, problems_of, share_compared

REPOSITORY = GITHUB + setting(ROOT)
PATHS = notebooks.all_notebooks()
STORED = {path: notebooks.read(path) for path in PATHS}
PATH = next(path for path in PATHS if path.parent.name == "background")
(ELSEWHERE,) = (path for path in PATHS if notebooks.environment_of(path) != "book")


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_obeys_the_rules(path):
    assert problems_of(STORED[path], path, REPOSITORY) == []


def test_most_of_what_is_printed_is_compared():
    assert share_compared(list(STORED.values())) >= SMALLEST_SHARE_COMPARED


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_stands_in_the_contents(path):
    document = path.relative_to(ROOT).with_suffix("").as_posix()
    assert f"- file: {document}\n" in (ROOT / "_toc.yml").read_text(encoding="utf-8")


# --- planted defects --------------------------------------------------------------------------


def first_where(notebook, holds):
    return next(cell for _, cell in code_cells(notebook) if holds(cell))


def printing(cell):
    return "print(" in cell.source and cell.outputs


def drawing(cell):
    return "plt.show()" in cell.source


def strip_one(nb):
    first_where(nb, printing).outputs = []


def strip_all(nb):
    for _, cell in code_cells(nb):
        cell.outputs, cell.execution_count = [], None


def run_out_of_order(nb):
    cells = [cell for _, cell in code_cells(nb)]
    cells[3].execution_count, cells[4].execution_count = 5, 4


def store_an_error(nb):
    error = new_output("error", ename="ValueError", evalue="no such thing", traceback=[])
    first_where(nb, printing).outputs = [error]


def store_a_warning(nb):
    cell = first_where(nb, printing)
    cell.outputs.append(new_output("stream", name="stderr", text="careful!"))


def store_pixels(nb):
    cell = first_where(nb, drawing)
    cell.outputs[0].data = nbformat.from_dict({"image/png": "iVBORw0KGgo="})


def drop_the_figure(nb):
    cell = first_where(nb, drawing)
    cell.outputs[0].data = nbformat.from_dict({"text/plain": "<Figure size 640x320>"})


def drop_the_alt_text(nb):
    del first_where(nb, drawing).metadata["mystnb"]["image"]


def drop_the_caption(nb):
    first_where(nb, drawing).metadata["mystnb"]["figure"]["caption"] = " "


def rename_the_kernel(nb):
    nb.metadata.kernelspec["name"] = "my-kernel"


def leave_editor_metadata(nb):
    nb.cells[0].metadata["collapsed"] = True


def leave_a_progress_bar(nb):
    cell = first_where(nb, printing)
    cell.outputs.append(new_output("stream", name="stdout", text="\r 10%\r100%\n"))


def misspell_a_tag(nb):
    first_where(nb, printing).metadata["tags"] = ["nbval-ignore-ouput"]


def change_the_first_cell(nb):
    first_where(nb, lambda cell: True).source += "\nimport os"


def unfold_the_first_cell(nb):
    first_where(nb, lambda cell: True).metadata["tags"] = []


def drop_the_seed(nb):
    cell = [cell for _, cell in code_cells(nb)][1]
    cell.source = re.sub("(?i)seed", "start", cell.source)


def write_a_long_cell(nb):
    first_where(nb, printing).source += "\nprint(1)" * 21


def write_a_wide_cell(nb):
    first_where(nb, printing).source += f"\nprint('{'wide ' * 20}')"


def write_magic(nb):
    first_where(nb, printing).source = "!pip install gru-lib"


def define_and_forget(nb):
    first_where(nb, printing).source += "\n\n\ndef leftover():\n    return leftover"


def print_a_path(nb):
    cell = first_where(nb, printing)
    cell.outputs[0].text += "/".join(["", "home", "reader", "book", "x.txt"])


def forget_the_run(nb):
    del nb.metadata["run"]


def run_too_long(nb):
    nb.metadata.run["seconds"] = 61


PLANTED = {
    strip_one: "it prints, and no output is stored",
    strip_all: "execution count is None, expected 1",
    run_out_of_order: "execution count is 5, expected 4",
    store_an_error: "it raised ValueError: no such thing",
    store_a_warning: "it stores stderr: careful!",
    store_pixels: "a figure is stored as pixels",
    drop_the_figure: "it stores 0 SVG figures",
    drop_the_alt_text: "its figure lacks alt text",
    drop_the_caption: "its figure lacks a caption",
    rename_the_kernel: "its kernel is",
    leave_editor_metadata: "it is not normalised",
    leave_a_progress_bar: "it is not normalised",
    misspell_a_tag: "unknown tags ['nbval-ignore-ouput']",
    change_the_first_cell: "its first code cell is not the template",
    unfold_the_first_cell: "the metadata of its first code cell is not",
    drop_the_seed: "does not import and set the seed",
    write_a_long_cell: "lines, at most 20",
    write_a_wide_cell: "characters, at most 84",
    write_magic: "it is not plain Python",
    define_and_forget: "leftover is defined and never used",
    print_a_path: "its output holds a path of a machine",
    forget_the_run: "it holds no record of its run",
    run_too_long: "its run took 61 s; background allows 60 s",
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_defect_is_seen_and_named(plant):
    notebook = copy.deepcopy(STORED[PATH])
    plant(notebook)
    problems = problems_of(notebook, PATH, REPOSITORY)
    assert any(PLANTED[plant] in problem for problem in problems), problems
    assert all(problem.startswith(PATH.name) for problem in problems)


def test_too_few_compared_cells_are_seen():
    notebook = copy.deepcopy(STORED[PATH])
    for _, cell in code_cells(notebook):
        if "check(" in cell.source:
            cell.metadata["tags"] = [notebooks.VARYING]
    assert share_compared([notebook]) < SMALLEST_SHARE_COMPARED


# --- exercises in notebooks -------------------------------------------------------------------


def exercise_cells_of(notebook):
    """Name of an exercise: places of its stub, its solution and its second check."""
    places = {}
    for place, cell in enumerate(notebook.cells):
        for name in re.findall(r'^check\("([^"]+)"', cell.source, re.MULTILINE):
            places.setdefault(name, []).append(place)
    return places


def test_every_exercise_stands_in_its_chapter_once():
    found = {
        name: path.stem.split("-", 1)[1]
        for path, notebook in STORED.items()
        for name in exercise_cells_of(notebook)
    }
    assert found == {name: exercise.chapter for name, exercise in registry().items()}


@pytest.mark.parametrize("name", registry())
def test_the_cells_of_an_exercise_are_made_from_the_library(name):
    exercise = registry()[name]
    (notebook,) = (nb for nb in STORED.values() if name in exercise_cells_of(nb))
    stub, again = exercise_cells_of(notebook)[name]
    solution = notebook.cells[stub + 1]
    assert again == stub + 2
    assert notebook.cells[stub].source == exercise_cells.stub_source(exercise)
    assert solution.source == exercise_cells.solution_source(exercise)
    assert solution.metadata == exercise_cells.SOLUTION_METADATA
    assert notebook.cells[again].source == exercise_cells.check_source(exercise)
    assert notebook.cells[stub - 1].cell_type == "markdown"
    assert notebook.cells[stub].outputs[0].text.startswith(f"✗ {name}: not yet.")
    assert notebook.cells[again].outputs[0].text == f"✓ {name}: solved.\n"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_chapter_has_three_exercises_or_more_and_ends_with_its_progress(path):
    notebook = STORED[path]
    assert len(exercise_cells_of(notebook)) >= 3
    *_, (_, last) = code_cells(notebook)
    assert last.source == f'progress("{path.stem.split("-", 1)[1]}")'


def test_the_readme_shows_the_stored_figure():
    (svg,) = filter(None, (notebooks.figure(nb, notebooks.README_FIGURE) for nb in STORED.values()))
    shown = ROOT / f"book/_static/{notebooks.README_FIGURE}.svg"
    assert shown.read_text(encoding="utf-8") == svg
    assert shown.relative_to(ROOT).as_posix() in (ROOT / "README.md").read_text(encoding="utf-8")


# --- make outputs -----------------------------------------------------------------------------

SMALL = (
    "print('two and two:', 2 + 2)",
    "from matplotlib import pyplot as plt\n\nfrom gru_lib.plots import use_book_style\n\n"
    "use_book_style()",
    "plt.plot([1, 2, 4])\nplt.show()",
    "from IPython.display import HTML\n\nHTML('<b>bold</b>')",
    "import time\n\nprint(f'at {time.time()}')",
)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small notebook, run and stored."""
    path = tmp_path_factory.mktemp("small") / "small.ipynb"
    notebook = new_notebook(cells=[new_code_cell(source) for source in SMALL])
    notebook.cells[-1].metadata["tags"] = [notebooks.VARYING]
    notebook.cells[0].metadata["ExecuteTime"] = "editors write such things"
    notebooks.write(notebook, path)
    assert notebooks.refresh(path)
    return path


def test_a_second_run_changes_nothing(small):
    before = small.read_bytes()
    assert not notebooks.refresh(small)
    assert small.read_bytes() == before


def test_a_changed_cell_is_stored_anew(small, tmp_path):
    notebook = notebooks.read(small)
    notebook.cells[0].source = "print('two and three:', 2 + 3)"
    path = tmp_path / "changed.ipynb"
    notebooks.write(notebook, path)
    assert notebooks.refresh(path)
    assert notebooks.read(path).cells[0].outputs[0].text == "two and three: 5\n"


def test_stored_runs_name_their_versions(small):
    run = notebooks.read(small).metadata.run
    assert {"date", "seconds", "python", "numpy", "torch", "matplotlib"} == set(run)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\rb\n", "b\n"),
        ("long\rab\n", "abng\n"),
        ("bar 10%\rbar 100%\r         \r", ""),
        ("no return \n", "no return \n"),
    ],
)
def test_carriage_returns_overwrite(text, shown):
    notebook = new_notebook(cells=[new_code_cell("pass")])
    halves = (text[: len(text) // 2], text[len(text) // 2 :])
    notebook.cells[0].outputs = [new_output("stream", name="stdout", text=t) for t in halves]
    outputs = notebooks.normalise(notebook).cells[0].outputs
    assert "".join(output.text for output in outputs) == shown


def test_outputs_are_made_with_the_cases_that_nbval_sees(monkeypatch, tmp_path):
    monkeypatch.setenv("GRU_CHECK_SEED", "1")  # so that it is put back afterwards
    assert notebooks.main([str(tmp_path / "nothing.ipynb")]) == 1
    assert os.environ["GRU_CHECK_SEED"] == "1"
    monkeypatch.delenv("GRU_CHECK_SEED")
    assert notebooks.main([str(tmp_path / "nothing.ipynb")]) == 1
    assert os.environ["GRU_CHECK_SEED"] == "0"


def test_outputs_of_a_notebook_that_is_not_there(capsys):
    assert notebooks.main(["notebooks/background/00-nothing.ipynb"]) == 1
    assert "there is no notebooks/background/00-nothing.ipynb" in capsys.readouterr().err


def test_outputs_of_a_notebook_that_raises(tmp_path, capsys):
    path = tmp_path / "raises.ipynb"
    notebooks.write(new_notebook(cells=[new_code_cell("1 / 0")]), path)
    assert notebooks.main([str(path)]) == 1
    said = capsys.readouterr().err
    assert "raises.ipynb" in said and "ZeroDivisionError" in said


def test_outputs_are_made_in_the_environment_that_a_notebook_belongs_to(monkeypatch, tmp_path):
    ran = []
    monkeypatch.setattr(notebooks, "refresh", lambda path: ran.append(["here", path]))
    monkeypatch.setattr(notebooks, "store_readme_figure", lambda: None)
    monkeypatch.setattr(
        notebooks.subprocess, "run", lambda command, cwd: ran.append(command) or FakeDone(0)
    )
    monkeypatch.setitem(notebooks.FOLDERS, "frameworks", tmp_path / ".venv-frameworks")
    python = tmp_path / ".venv-frameworks" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    assert notebooks.main([str(PATH), str(ELSEWHERE)]) == 0
    assert ran == [["here", PATH], [str(python), "-m", "tools.notebooks", str(ELSEWHERE)]]


class FakeDone:
    """What subprocess.run returns."""

    def __init__(self, returncode):
        self.returncode = returncode


def test_outputs_without_that_environment_are_left_alone(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(notebooks.FOLDERS, "frameworks", tmp_path / ".venv-frameworks")
    before = ELSEWHERE.read_bytes()
    assert notebooks.main([str(ELSEWHERE)]) == 1
    said = capsys.readouterr().err
    assert "runs in .venv-frameworks, which is not there yet; make frameworks makes it" in said
    assert ELSEWHERE.read_bytes() == before


# --- what nbval sees --------------------------------------------------------------------------


def nbval(folder):
    """Run nbval over a folder as make test does, with a short limit; return what it prints."""
    command = [sys.executable, "-m", "pytest", str(folder), "--nbval", "--nbval-current-env"]
    command += ["--nbval-sanitize-with", str(ROOT / "tools/nbval-pinned.cfg"), "-q", "-rf"]
    command += ["--nbval-cell-timeout", "8", "-c", os.devnull, "-p", "no:cacheprovider"]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder).stdout


def collected_in(environment):
    """The notebooks that nbval collects in an environment of that folder's name."""
    code = (
        f"import sys; sys.prefix = {environment!r}; import pytest; "
        "pytest.main(['--collect-only', '-q', '--nbval', '-p', 'no:cacheprovider', 'notebooks'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    return set(re.findall(r"(\S+\.ipynb)", done.stdout))


def test_every_notebook_is_run_by_make_test_or_by_make_frameworks():
    every = {path.relative_to(ROOT).as_posix() for path in PATHS}
    book, frameworks = collected_in("/any/.venv"), collected_in("/any/.venv-frameworks")
    assert frameworks == {ELSEWHERE.relative_to(ROOT).as_posix()}
    assert book == every - frameworks


@pytest.mark.parametrize(
    ("target", "python"),
    [("test", ".venv/bin/python"), ("frameworks", ".venv-frameworks/bin/python")],
)
def test_the_two_commands_run_nbval_in_their_environments(target, python):
    command = ["make", "-n", "--no-print-directory", target]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    last = done.stdout.replace("\\\n", " ").splitlines()[-1]
    assert last.startswith(f"{python} -m pytest ") and " --nbval " in last


# --- a reader without the frameworks ----------------------------------------------------------


def test_a_reader_without_the_frameworks_sees_one_line():
    hide = "import sys\nsys.modules.update(tensorflow=None, jax=None)\n"
    notebook = copy.deepcopy(STORED[ELSEWHERE])
    cells = [cell for _, cell in code_cells(notebook)]
    cells[0].source = hide + cells[0].source
    for cell in cells:
        cell.execution_count = None
    client = NotebookClient(notebook, timeout=60, kernel_name="python3")
    with pytest.raises(CellExecutionError):
        client.execute(env={**os.environ, "PYTHONPATH": str(ROOT)})
    [output] = cells[1].outputs
    assert output.output_type == "error"
    [line] = output.traceback
    assert line.startswith("This notebook needs tensorflow, jax. The stored outputs show")
    assert "\n" not in line and "make frameworks" in line
    assert [cell.execution_count for cell in cells[:3]] == [1, 2, None]  # the run has stopped


def test_nbval_passes_what_was_stored(small):
    assert "5 passed" in nbval(small.parent)


def test_nbval_sees_what_a_notebook_must_not_do(small, tmp_path):
    changes = {
        "raises": (0, "print('two and two:', 2 + 2)\n1 / 0"),
        "hangs": (0, "while True:\n    pass"),
        "other-text": (0, "print('two and two:', 5)"),
        "other-figure": (2, "plt.plot([1, 3, 4])\nplt.show()"),
        "other-html": (3, "from IPython.display import HTML\n\nHTML('<i>bold</i>')"),
    }
    for name, (place, source) in changes.items():
        notebook = notebooks.read(small)
        notebook.cells[place].source = source
        notebooks.write(notebook, tmp_path / f"{name}.ipynb")
    said = nbval(tmp_path)
    for name, (place, _) in changes.items():
        assert f"FAILED {name}.ipynb::Cell {place}" in said, said[-3000:]
