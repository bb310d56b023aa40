"""The directive ``{run-table}``: for every notebook, its run time, and when and with what it ran.

The figures are those that ``make outputs`` stored in the notebooks' metadata.
"""

import json
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx import addnodes

COLUMNS = ("Notebook", "Run time", "Outputs made on", "Python", "NumPy", "PyTorch", "Matplotlib")


def rows_of(root: Path) -> list[tuple[str, tuple[str, ...]]]:
    """(document, cells of the row) for every notebook below a folder's ``notebooks/``."""
    rows = []
    for path in sorted((root / "notebooks").rglob("*.ipynb")):
        if ".ipynb_checkpoints" in path.parts:
            continue
        run = json.loads(path.read_text(encoding="utf-8"))["metadata"]["run"]
        cells = (
            f"{run['seconds']} s",
            run["date"],
            *(run[name] for name in ("python", "numpy", "torch", "matplotlib")),
        )
        rows.append((path.relative_to(root).with_suffix("").as_posix(), cells))
    return rows


class RunTable(Directive):
    """A table with one row a notebook; its first column links to the page."""

    def run(self):
        root = Path(self.state.document.settings.env.srcdir)
        table = nodes.table(classes=["run-table"])
        group = nodes.tgroup(cols=len(COLUMNS))
        group += [nodes.colspec(colwidth=1) for _ in COLUMNS]
        head, body = nodes.thead(), nodes.tbody()
        head += self._row([nodes.Text(name) for name in COLUMNS])
        for document, cells in rows_of(root):
            link = addnodes.pending_xref(
                "",
                nodes.inline(),
                refdomain="std",
                reftype="doc",
                reftarget=f"/{document}",
                refdoc=self.state.document.settings.env.docname,
                refexplicit=False,
                refwarn=True,
            )
            body += self._row([link, *(nodes.Text(cell) for cell in cells)])
        group += [head, body]
        table += group
        return [table]

    @staticmethod
    def _row(cells):
        row = nodes.row()
        for cell in cells:
            row += nodes.entry("", nodes.paragraph("", "", cell))
        return row


def mark_stale(app, env, added, changed, removed):
    """Read the pages with a run table again at every build: their figures lie in other files."""
    return [doc for doc in env.found_docs if doc.endswith("/runs")]


def setup(app):
    app.add_directive("run-table", RunTable)
    app.connect("env-get-outdated", mark_stale)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
