"""The claims page: what the article says, claim by claim, with verdict, truth and proof.

A claim is proved by code cells that name it in a comment (``# C038: ...``), by tests of
``tests/test_claims.py`` that have its number in their names, by cited sources, or by reading the
article. Cells and tests are looked up, so that the page cannot name one that is not there, and a
claim with no proof is a warning, which ends the build. Every cell that names a claim gets an
anchor, ``c038-in-gates`` in chapter ``04-gates``; every margin note that names one gets a link.
"""

import ast
import json
import re
from collections import Counter
from functools import cache
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.util.logging import getLogger

ROOT = Path(__file__).resolve().parents[2]
CHECKS = ROOT / "tests" / "test_claims.py"
PAGE = ROOT / "book" / "claims.md"
VERDICTS = ("right", "misleading", "wrong")
NUMBER = re.compile(r"\bC(\d{3})\b")
COMMENT = re.compile(r"#.*")
ENTRY = re.compile(r"^:{4,}\{claim\} C(\d{3})\n((?::.*\n)*)", re.MULTILINE)

log = getLogger(__name__)


def claims_in(source: str) -> list[str]:
    """The claims that the comments of a code cell name, in order, each once."""
    found = [number for comment in COMMENT.findall(source) for number in NUMBER.findall(comment)]
    return list(dict.fromkeys(found))


def slug(document: str) -> str:
    """``"gates"`` of ``notebooks/background/04-gates``."""
    return Path(document).stem.split("-", 1)[1]


@cache
def cells() -> dict[str, list[tuple[str, str]]]:
    """For each claim the code cells that name it, as (notebook, source)."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted((ROOT / "notebooks").rglob("[0-9]*.ipynb")):
        if ".ipynb_checkpoints" in path.parts:
            continue
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            for claim in claims_in(source) if cell["cell_type"] == "code" else []:
                document = path.relative_to(ROOT).with_suffix("").as_posix()
                found.setdefault(claim, []).append((document, source))
    return found


@cache
def checks() -> dict[str, list[str]]:
    """For each claim the sources of the tests that have its number in their names."""
    text = CHECKS.read_text(encoding="utf-8")
    lines = text.splitlines()
    found: dict[str, list[str]] = {}
    for node in ast.parse(text).body:
        if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
            continue
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        for claim in re.findall(r"_c(\d{3})(?=_)", node.name):
            found.setdefault(claim, []).append("\n".join(lines[first - 1 : node.end_lineno]))
    return found


def entries() -> dict[str, dict[str, str]]:
    """The claims on the page, with their options: section, verdict, sources, read."""
    text = PAGE.read_text(encoding="utf-8")
    return {
        number: dict(re.findall(r"^:(\w+): (.*)$", options, re.MULTILINE))
        for number, options in ENTRY.findall(text)
    }


def proofs(number: str, options: dict[str, str]) -> dict[str, list[str]]:
    """All that a claim's verdict rests on: cells, tests, sources, sections of the article read."""
    return {
        "cell": [document for document, _ in cells().get(number, [])],
        "test": checks().get(number, []),
        "source": (options.get("sources") or "").split(),
        "reading": (options.get("read") or "").split(),
    }


def _links(proof: dict[str, list[str]], number: str) -> str:
    parts = [
        f"[a cell of chapter {Path(document).stem[:2]}](#c{number}-in-{slug(document)})"
        for document in proof["cell"]
    ]
    if proof["test"]:
        parts.append("a test, below")
    keys = [key for key in proof["source"] if "://" not in key]
    parts += [f"{{cite:t}}`{','.join(keys)}`"] if keys else []
    parts += [f"<{key}>" for key in proof["source"] if "://" in key]
    parts += [f"section {section} of the article" for section in proof["reading"]]
    return " · ".join(parts)


def _folded(source: str) -> list[str]:
    """A test, folded away; its title names the command that runs it, if that is another one."""
    elsewhere = source.startswith("@needs_tensorflow")
    title = "The test (with TensorFlow: `make frameworks`)" if elsewhere else "The test"
    return [f":::{{dropdown}} {title}", "```python", *source.splitlines(), "```", ":::", ""]


class Claim(Directive):
    """``{claim} C038``: what is said, a line of dashes, what is true."""

    required_arguments = 1
    has_content = True
    option_spec = {  # noqa: RUF012
        "section": directives.unchanged_required,
        "verdict": lambda value: directives.choice(value, VERDICTS),
        "sources": directives.unchanged,
        "read": directives.unchanged,
    }

    def run(self):
        number = self.arguments[0].removeprefix("C")
        proof = proofs(number, self.options)
        if not any(proof.values()):
            log.warning("claim C%s has neither proof nor source", number)
        where, verdict = self.options["section"], self.options["verdict"]
        said, true = "\n".join(self.content).split("\n---\n")
        lines = [
            f"::::{{admonition}} C{number} · {where} · {verdict}",
            f":class: claim claim-{verdict}",
            f":name: c{number}",
            "",
            f"**Said:** {said.strip()}",
            "",
            f"**True:** {true.strip()}",
            "",
            f"**Proof:** {_links(proof, number)}",
            "",
            *(line for source in proof["test"] for line in _folded(source)),
            "::::",
        ]
        holder = nodes.Element()
        self.state.nested_parse(StringList("\n".join(lines).splitlines()), 0, holder)
        return holder.children


class ClaimCounts(Directive):
    """``{claim-counts}``: how many claims have which verdict, and what proves them."""

    def run(self):
        found = entries()
        rows = Counter(options["verdict"] for options in found.values())
        by = Counter()
        for number, options in found.items():
            by.update(kind for kind, proof in proofs(number, options).items() if proof)
        verdicts = ", ".join(f"{rows[verdict]} {verdict}" for verdict in VERDICTS)
        text = (
            f"**{len(found)} claims: {verdicts}.** Proved by a cell of a chapter: {by['cell']}; "
            f"by a test: {by['test']}; by a source: {by['source']}; by reading the article: "
            f"{by['reading']}. Many are proved in more than one way."
        )
        holder = nodes.Element()
        self.state.nested_parse(StringList([text]), 0, holder)
        return holder.children


def mark_cells(app, doctree):
    """Give each code cell that names a claim an anchor that any page can link to."""
    document = app.env.docname
    if document == "book/claims":
        for path in (CHECKS, *(ROOT / "notebooks").rglob("[0-9]*.ipynb")):
            app.env.note_dependency(str(path))
    if not document.startswith("notebooks/"):
        return
    labels = app.env.get_domain("std").anonlabels
    named = set()
    for cell in doctree.findall(nodes.container):
        if cell.get("nb_element") != "cell_code":
            continue
        for claim in claims_in(next(cell.findall(nodes.literal_block)).astext()):
            if claim in named:
                log.warning("%s: two code cells name C%s", document, claim)
            named.add(claim)
            anchor = f"c{claim}-in-{slug(document)}"
            cell["ids"].append(anchor)
            labels[anchor] = (document, anchor)


def link_notes(app, doctree):
    """Link the claims that a chapter's margin notes name to the claims page."""
    if not app.env.docname.startswith("notebooks/"):
        return
    for bold in list(doctree.findall(nodes.strong)):
        text = bold.astext()
        if NUMBER.search(text):
            pieces = re.split(r"(C\d{3})", text)
            bold.clear()
            bold += [_reference(piece, app.env.docname) for piece in pieces if piece]


def _reference(piece: str, document: str) -> nodes.Node:
    if not NUMBER.fullmatch(piece):
        return nodes.Text(piece)
    return addnodes.pending_xref(
        "",
        nodes.inline("", piece),
        refdomain="std",
        reftype="ref",
        reftarget=piece.lower(),
        refexplicit=True,
        refwarn=True,
        refdoc=document,
    )


def forget(app):
    """Look cells and tests up anew at each build."""
    cells.cache_clear()
    checks.cache_clear()


def setup(app):
    app.add_directive("claim", Claim)
    app.add_directive("claim-counts", ClaimCounts)
    app.connect("builder-inited", forget)
    app.connect("doctree-read", mark_cells)
    app.connect("doctree-read", link_notes)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
