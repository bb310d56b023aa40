"""The directive ``{run-table}``: for every notebook, its run time, and when and with what it ran.

The figures are those that ``make outputs`` stored in the notebooks' metadata.
"""

import json
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx import addnodes

COLUMNS = ("Notebook", "Run time", "Outputs made on", "Python", "NumPy", "PyTorch", "Matplotlib")


def row_of(path: Path) -> tuple[str, ...]:
    """What the row of one notebook says behind its link."""
    run = json.loads(path.read_text(encoding="utf-8"))["metadata"]["run"]
    versions = (run[name] for name in ("python", "numpy", "torch", "matplotlib"))
    return (f"{run['seconds']} s", run["date"], *versions)


class RunTable(Directive):
    """A table with one row a notebook; its first column links to the page."""

    def run(self):
        env = self.state.document.settings.env
        notebooks = sorted(doc for doc in env.found_docs if doc.startswith("notebooks/"))
        table = nodes.table(classes=["run-table"])
        group = nodes.tgroup(cols=len(COLUMNS))
        group += [nodes.colspec(colwidth=1) for _ in COLUMNS]
        head, body = nodes.thead(), nodes.tbody()
        head += self._row([nodes.Text(name) for name in COLUMNS])
        for document in notebooks:
            path = env.doc2path(document)
            env.note_dependency(path)  # a notebook that ran again changes this page
            link = addnodes.pending_xref(
                "",
                nodes.inline(),
                refdomain="std",
                reftype="doc",
                reftarget=f"/{document}",
                refdoc=env.docname,
                refexplicit=False,
                refwarn=True,
            )
            body += self._row([link, *(nodes.Text(cell) for cell in row_of(Path(path)))])
        group += [head, body]
        table += group
        return [table]

    @staticmethod
    def _row(cells):
        row = nodes.row()
        for cell in cells:
            row += nodes.entry("", nodes.paragraph("", "", cell))
        return row


def setup(app):
    app.add_directive("run-table", RunTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
