"""The directive ``{scoreboard-table}``: what the chapters measured, read from their notebooks.

A chapter shows a ``gru_lib.scoreboard.Scoreboard`` as the output of a cell, and the notebook stores
its numbers beside the table. The directive makes one row of each, and counts below how often the
GRU is ahead, level and behind. A table that lacks a row, or was stored by another version, or an
application without a table is a warning, which ends the build.
"""

import json
from collections import Counter
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx import addnodes
from sphinx.util.logging import getLogger

from gru_lib.scoreboard import MEDIA_TYPE, Score, Scoreboard

APPLICATIONS = "notebooks/applications/"
KINDS = {
    "best trivial": ("trivial",),
    "best without a state": ("non-recurrent",),
    "best recurrent rival": ("recurrent rival",),
    "best GRU": ("GRU",),
    "control": ("control",),
}
COLUMNS = ("application", *KINDS, "verdict")
BASELINES = ("trivial", "non-recurrent")
RIVALS = ("recurrent rival",)

log = getLogger(__name__)


def _stored(path: Path) -> list[tuple[dict, Scoreboard | str]]:
    """For each output that holds a scoreboard all it holds, and the board or why it is none."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    found = []
    for data in (output.get("data", {}) for cell in cells for output in cell.get("outputs", ())):
        if MEDIA_TYPE in data:
            try:
                found.append((data, Scoreboard.from_dict(data[MEDIA_TYPE])))
            except (TypeError, ValueError) as error:
                found.append((data, str(error)))
    return found


def boards_of(path: Path) -> list[Scoreboard]:
    """The scoreboards that a notebook stores, in order; without those that give no verdict."""
    boards = [board for _, board in _stored(path) if isinstance(board, Scoreboard)]
    return [board for board in boards if not board.missing_kinds()]


def problems_of(path: Path) -> list[str]:
    """Why the scoreboards of an application cannot stand on the page, one line each."""
    problems = []
    titles = Counter()
    tiers = set()
    for number, (data, board) in enumerate(_stored(path), 1):
        if isinstance(board, str):
            problems.append(f"scoreboard {number} cannot be read: {board}")
            continue
        tiers.add(board.stored)
        title = f"{board.task}, {board.data}, {board.metric}"
        titles[title] += 1
        if board.missing_kinds():
            missing = ", ".join(board.missing_kinds())
            problems.append(f"scoreboard {number} ({title}) has no row of the kind {missing}")
        if "".join(data.get("text/plain", "")) != repr(board):
            problems.append(
                f"scoreboard {number} ({title}) shows another table than its numbers give; "
                "make outputs shows them again"
            )
    problems += [f"two scoreboards are called {title}" for title in titles if titles[title] > 1]
    if False not in tiers:
        problems.append("stores no scoreboard of what the page computes")
    if True not in tiers:
        problems.append("stores no scoreboard with stored=True, on a public data set")
    return problems


def _link(document: str, source: str) -> nodes.Node:
    """A link to a page with its title as text."""
    return addnodes.pending_xref(
        "",
        nodes.inline(),
        refdomain="std",
        reftype="doc",
        reftarget=f"/{document}",
        refdoc=source,
        refexplicit=False,
        refwarn=True,
    )


def _line(*parts: str | nodes.Node, classes: tuple[str, ...] = ()) -> nodes.paragraph:
    texts = [nodes.Text(part) if isinstance(part, str) else part for part in parts]
    return nodes.paragraph("", "", *texts, classes=list(classes))


def _score(board: Scoreboard, row: Score) -> list[nodes.Node]:
    return [_line(board.show_score(row)), _line(row.name, classes=("sb-name",))]


def _cells(document: str, board: Scoreboard, source: str) -> list[list[nodes.Node]]:
    """The cells of one row, one list of paragraphs each."""
    first = [
        _line(_link(document, source)),
        _line(f"{board.task}: {board.data}"),
        _line(f"{board.metric}, {board.better} is better", classes=("sb-name",)),
    ]
    if board.stored:
        first.append(_line("stored result", classes=("sb-stored",)))
    scores = [_score(board, board.best(*kinds)) for kinds in KINDS.values()]
    return [first, *scores, [_line(board.verdict())]]


def _row(cells: list[list[nodes.Node]]) -> nodes.row:
    row = nodes.row()
    for name, cell in zip(COLUMNS, cells, strict=True):
        # stands before the cell where a small screen shows a row as a list; hidden elsewhere
        label = _line(f"{name}: ", classes=("sb-label",))
        row += nodes.entry("", label, *cell, classes=[f"sb-{name.split()[-1]}"])
    return row


def table_of(found: list[tuple[str, Scoreboard]], source: str) -> nodes.table:
    """One row a scoreboard, for the page ``source``."""
    table = nodes.table(classes=["scoreboards"])
    group = nodes.tgroup(cols=len(COLUMNS))
    group += [nodes.colspec(colwidth=1) for _ in COLUMNS]
    head, body = nodes.thead(), nodes.tbody()
    names = nodes.row()
    names += [nodes.entry("", _line(name)) for name in COLUMNS]
    head += names
    body += [_row(_cells(document, board, source)) for document, board in found]
    group += [head, body]
    table += group
    return table


def counts(boards: list[Scoreboard]) -> list[str]:
    """How often the GRU is ahead, level and behind, one sentence each."""
    sentences = []
    for whom, kinds in (("the baselines", BASELINES), ("the recurrent rivals", RIVALS)):
        places = Counter(board.against(*kinds)[0] for board in boards)
        sentences.append(
            f"Against {whom}: ahead in {places['ahead']}, level in {places['level']}, behind in "
            f"{places['behind']} of {len(boards)} tables."
        )
    failed = sum(board.against("control")[0] == "ahead" for board in boards)
    sentences.append(f"The control fails in {failed} of {len(boards)} tables.")
    return sentences


def _lost(found: list[tuple[str, Scoreboard]], source: str) -> list[nodes.Node]:
    """Where the GRU is behind a baseline, as a list with links."""
    items = nodes.bullet_list(bullet="*")
    for document, board in found:
        place, row = board.against(*BASELINES)
        if place == "behind":
            gru = board.best("GRU")
            text = (
                f": {board.task}, {board.data}. {row.name} {board.show_score(row)}, "
                f"{gru.name} {board.show_score(gru)} ({board.metric})."
            )
            items += nodes.list_item("", _line(_link(document, source), text))
    if not items.children:
        return [_line("In no table is a baseline ahead of the GRU.")]
    return [_line("Where a baseline is ahead of the GRU:"), items]


class ScoreboardTable(Directive):
    """The table of all scoreboards, the counts, and where a baseline won."""

    def run(self):
        env = self.state.document.settings.env
        found = []
        for document in sorted(doc for doc in env.found_docs if doc.startswith(APPLICATIONS)):
            path = Path(env.doc2path(document))
            env.note_dependency(str(path))  # a notebook that ran again changes this page
            for problem in problems_of(path):
                log.warning("%s %s", document, problem, location=(env.docname, self.lineno))
            found += [(document, board) for board in boards_of(path)]
        if not found:
            message = "no application has stored a scoreboard"
            log.warning(message, location=(env.docname, self.lineno))
            return [_line(message)]
        numbers = nodes.bullet_list(bullet="*")
        boards = [board for _, board in found]
        numbers += [nodes.list_item("", _line(sentence)) for sentence in counts(boards)]
        return [table_of(found, env.docname), numbers, *_lost(found, env.docname)]


def take_numbers_out(app, document, source):
    """Leave out of a chapter's page what a notebook stores for this one, and MyST does not know."""
    if MEDIA_TYPE in source[0] and app.env.doc2path(document).endswith(".ipynb"):
        notebook = json.loads(source[0])
        for cell in notebook["cells"]:
            for output in cell.get("outputs", ()):
                output.get("data", {}).pop(MEDIA_TYPE, None)
        source[0] = json.dumps(notebook)


def setup(app):
    app.add_directive("scoreboard-table", ScoreboardTable)
    app.connect("source-read", take_numbers_out)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
