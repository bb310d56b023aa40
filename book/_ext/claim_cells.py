"""Code cells that prove a claim of the article can be linked to.

A code cell names the claims that it proves in a comment (``# C038: ...``). On the page it gets an
anchor for each, ``c038-in-gates`` in chapter ``04-gates``, which the claims page links to as
``[...](#c038-in-gates)``.
"""

import re

from docutils import nodes
from sphinx.util.logging import getLogger

CLAIM = re.compile(r"#.*?\bC\d{3}\b.*")
NUMBER = re.compile(r"\bC(\d{3})\b")

log = getLogger(__name__)


def claims_in(source: str) -> list[str]:
    """The claims that the comments of a cell name, in order, each once."""
    comments = CLAIM.findall(source)
    return list(dict.fromkeys(n for comment in comments for n in NUMBER.findall(comment)))


def anchor(claim: str, document: str) -> str:
    """The anchor of a claim's cell: ``"038"`` in ``notebooks/background/04-gates``."""
    return f"c{claim}-in-{document.rsplit('/', 1)[1].split('-', 1)[1]}"


def mark_cells(app, doctree):
    """Give each code cell that names a claim an anchor that any page can link to."""
    document = app.env.docname
    if not document.startswith("notebooks/"):
        return
    domain = app.env.get_domain("std")
    for cell in doctree.findall(nodes.container):
        if cell.get("nb_element") != "cell_code":
            continue
        source = next(cell.findall(nodes.literal_block)).astext()
        for claim in claims_in(source):
            name = anchor(claim, document)
            if name in domain.anonlabels and domain.anonlabels[name][0] == document:
                log.warning("%s: two code cells name C%s", document, claim)
            cell["ids"].append(name)
            domain.anonlabels[name] = (document, name)


def setup(app):
    app.connect("doctree-read", mark_cells)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
