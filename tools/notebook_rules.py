"""What every notebook of the book must obey, beyond what nbval compares.

nbval runs a notebook and compares outputs, but passes one whose outputs were stripped, whose
figures are stored as pixels, or whose metadata names another kernel. Each rule here takes a
notebook and returns its problems in words, with the cell named; a test runs them on every notebook
and, with a defect planted in a copy, on themselves.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import nbformat

from tools.notebook_template import FIRST_CELL_METADATA, first_cell
from tools.notebooks import KERNEL, is_compared, normalise

LONGEST_CELL = 20
MEDIAN_CELL = 6
LONGEST_LINE = 84  # a longer one has to be scrolled on the page
SMALLEST_SHARE_COMPARED = 0.8
RUN_LIMIT_S = {"background": 60, "math": 60}
OTHER_RUN_LIMIT_S = 180
KNOWN_TAGS = {"nbval-ignore-output", "hide-input", "gpu", "full-tier"}
PRINTING = {"print", "check", "hint", "solution", "progress", "display"}
MACHINE_PATH = re.compile(
    r"(/home/[\w.-]+/|/(?:root)/|/Users/[\w.-]+/|/tmp/\S+|[A-Z]:\\Users\\|site-packages/)"
)
RASTER = {"image/png", "image/jpeg", "image/gif"}

Notebook = nbformat.NotebookNode


def code_cells(notebook: Notebook) -> Iterator[tuple[int, Notebook]]:
    """(number, cell) for every code cell; numbers as nbval gives them, from 0."""
    yield from enumerate(cell for cell in notebook.cells if cell.cell_type == "code")


def calls_of(cell: Notebook) -> set[str]:
    """Names of all functions and methods that a cell calls."""
    return {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Call)
    }


def draws(cell: Notebook) -> bool:
    """Whether a cell shows a figure."""
    return "show" in calls_of(cell)


def first_cells(notebook: Notebook, repository: str) -> list[str]:
    """The first code cell makes gru_lib importable; the second imports and sets the seed."""
    cells = [cell for _, cell in code_cells(notebook)]
    if len(cells) < 2:
        return ["it has fewer than two code cells"]
    problems = []
    if cells[0].source != first_cell(repository).strip():
        problems.append("its first code cell is not the template of tools/notebook_template.py")
    if cells[0].metadata != FIRST_CELL_METADATA:
        problems.append(f"the metadata of its first code cell is not {FIRST_CELL_METADATA}")
    if "import" not in cells[1].source or "seed" not in cells[1].source.lower():
        problems.append("its second code cell does not import and set the seed")
    return problems


def executed_in_order(notebook: Notebook) -> list[str]:
    """Cells were run once each, from top to bottom, in one kernel."""
    return [
        f"cell {number}: execution count is {cell.execution_count}, expected {number + 1}"
        for number, cell in code_cells(notebook)
        if cell.execution_count != number + 1
    ]


def outputs_stored(notebook: Notebook) -> list[str]:
    """A cell that prints or draws has stored what it printed or drew, and no error or warning."""
    problems = []
    for number, cell in code_cells(notebook):
        prints = calls_of(cell) & PRINTING or draws(cell)
        if prints and not cell.outputs:
            problems.append(f"cell {number}: it prints, and no output is stored")
        for output in cell.outputs:
            if output.output_type == "error":
                problems.append(f"cell {number}: it raised {output.ename}: {output.evalue}")
            if output.get("name") == "stderr":
                problems.append(f"cell {number}: it stores stderr: {output.text.strip()[:80]}")
    return problems


def figures_described(notebook: Notebook) -> list[str]:
    """A figure is stored as SVG, once, with alt text, a caption and a name."""
    problems = []
    for number, cell in code_cells(notebook):
        kinds = [kind for output in cell.outputs for kind in output.get("data", {})]
        if RASTER & set(kinds):
            problems.append(f"cell {number}: a figure is stored as pixels; SVG can be compared")
        if not draws(cell) and "image/svg+xml" not in kinds:
            continue
        if kinds.count("image/svg+xml") != 1:
            problems.append(f"cell {number}: it stores {kinds.count('image/svg+xml')} SVG figures")
        described = cell.metadata.get("mystnb", {})
        if not described.get("image", {}).get("alt", "").strip():
            problems.append(f"cell {number}: its figure lacks alt text (mystnb.image.alt)")
        for key in ("caption", "name"):
            if not described.get("figure", {}).get(key, "").strip():
                problems.append(f"cell {number}: its figure lacks a {key} (mystnb.figure.{key})")
    return problems


def metadata_normal(notebook: Notebook) -> list[str]:
    """Metadata and outputs are in the form that `make outputs` writes; tags are known ones."""
    problems = []
    if notebook.metadata.get("kernelspec") != KERNEL:
        problems.append(f"its kernel is {notebook.metadata.get('kernelspec')}, expected {KERNEL}")
    if notebook != normalise(notebook):
        problems.append("it is not normalised: run make outputs")
    for number, cell in code_cells(notebook):
        unknown = set(cell.metadata.get("tags", [])) - KNOWN_TAGS
        if unknown:
            problems.append(f"cell {number}: unknown tags {sorted(unknown)}")
    return problems


def cells_short(notebook: Notebook) -> list[str]:
    """No code cell is longer than 20 lines that hold something, or wider than the page."""
    lengths = {
        number: sum(1 for line in cell.source.splitlines() if line.strip())
        for number, cell in list(code_cells(notebook))[2:]
    }
    problems = [
        f"cell {number}: {lines} lines, at most {LONGEST_CELL}"
        for number, lines in lengths.items()
        if lines > LONGEST_CELL
    ]
    problems += [
        f"cell {number}: a line of {len(line)} characters, at most {LONGEST_LINE}: {line.strip()}"
        for number, cell in list(code_cells(notebook))[2:]
        for line in cell.source.splitlines()
        if len(line) > LONGEST_LINE
    ]
    if lengths and median(lengths.values()) > MEDIAN_CELL:
        problems.append(f"the median cell has {median(lengths.values())} lines")
    return problems


def names_used(notebook: Notebook) -> list[str]:
    """Every name that a cell defines is read somewhere outside its own definition."""
    defined: dict[str, int] = {}
    read: set[str] = set()
    for number, cell in code_cells(notebook):
        for statement in ast.parse(cell.source).body:
            own = _names_bound(statement)
            for name in own:
                defined.setdefault(name, number)
            is_definition = isinstance(statement, ast.FunctionDef | ast.ClassDef)
            read |= _names_read(statement) - (set(own) if is_definition else set())
    return [
        f"cell {number}: {name} is defined and never used"
        for name, number in defined.items()
        if name not in read and not name.startswith("_")
    ]


def _names_bound(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).split(".")[0] for alias in statement.names]
    return [
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]


def _names_read(statement: ast.stmt) -> set[str]:
    return {
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def no_machine_paths(notebook: Notebook) -> list[str]:
    """No output tells where on whose machine the notebook ran."""
    problems = []
    for number, cell in code_cells(notebook):
        for output in cell.outputs:
            # figures are drawings: letters in their path data spell anything
            texts = [output.get("text", ""), output.get("data", {}).get("text/plain", "")]
            for found in MACHINE_PATH.findall("\n".join(texts)):
                problems.append(f"cell {number}: its output holds a path of a machine: {found}")
    return problems


def run_in_time(notebook: Notebook, part: str) -> list[str]:
    """The run that made the outputs is recorded and kept to the part's limit."""
    run = notebook.metadata.get("run")
    if run is None:
        return ["it holds no record of its run: run make outputs"]
    limit = RUN_LIMIT_S.get(part, OTHER_RUN_LIMIT_S)
    if run["seconds"] > limit:
        return [f"its run took {run['seconds']} s; {part} allows {limit} s"]
    return []


def plain_python(notebook: Notebook) -> list[str]:
    """Cells hold Python and nothing else, so that any tool can read them."""
    problems = []
    for number, cell in code_cells(notebook):
        try:
            ast.parse(cell.source)
        except SyntaxError as error:
            problems.append(f"cell {number}: it is not plain Python ({error.msg})")
    return problems


def problems_of(notebook: Notebook, path: Path, repository: str) -> list[str]:
    """All that is wrong with one notebook, each line starting with its name."""
    # the other rules read the cells as Python, so this one goes first
    found = plain_python(notebook) or [
        *first_cells(notebook, repository),
        *executed_in_order(notebook),
        *outputs_stored(notebook),
        *figures_described(notebook),
        *metadata_normal(notebook),
        *cells_short(notebook),
        *names_used(notebook),
        *no_machine_paths(notebook),
        *run_in_time(notebook, path.parent.name),
    ]
    return [f"{path.name}: {problem}" for problem in found]


def share_compared(notebooks: list[Notebook]) -> float:
    """Of all code cells with an output, the share that nbval truly compares."""
    printing = [cell for nb in notebooks for _, cell in code_cells(nb) if cell.outputs]
    return sum(map(is_compared, printing)) / len(printing)
