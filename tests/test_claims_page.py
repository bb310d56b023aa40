"""The claims page: all 146 claims, each with a verdict and a proof that is really there."""

import ast
import importlib.util
import re
from collections import Counter
from pathlib import Path

import pytest

from tools.notebooks import is_compared, read

ROOT = Path(__file__).resolve().parents[1]
SPEC = importlib.util.spec_from_file_location("claims", ROOT / "book" / "_ext" / "claims.py")
page = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(page)

ENTRIES = page.entries()
PROOFS = {number: page.proofs(number, options) for number, options in ENTRIES.items()}
BIB = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
KEYS = set(re.findall(r"^@\w+\{(\w+),", BIB, re.MULTILINE))

# What the audit of the article marked as decided by running something.
# fmt: off
RUN = [
    1, 2, 7, 8, 10, 11, 15, 16, 20, 22, 24, 26, 29, 30, 31, 32, 33, 36, 37, 38, 41, 43, 44, 46,
    48, 49, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 67, 69, 71, 72, 73, 74, 75, 76, 77,
    78, 79, 80, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 94, 95, 96, 97, 98, 99, 101, 102,
    103, 105, 106, 107, 108, 111, 112, 113, 116, 131, 132, 134, 136, 137, 138, 139, 142, 143,
    144, 146,
]
# fmt: on


def test_the_page_holds_every_claim_once_and_in_order():
    assert list(ENTRIES) == [f"{number:03}" for number in range(1, 147)]
    text = page.PAGE.read_text(encoding="utf-8")
    assert text.count("{claim} C") == len(ENTRIES)


def test_the_verdicts_are_those_of_the_audit():
    verdicts = Counter(options["verdict"] for options in ENTRIES.values())
    assert verdicts == {"right": 38, "misleading": 38, "wrong": 70}


@pytest.mark.parametrize("number", ENTRIES)
def test_a_claim_has_a_proof_or_a_source(number):
    assert any(PROOFS[number].values())


@pytest.mark.parametrize("number", RUN)
def test_a_claim_that_running_decides_is_run(number):
    proof = PROOFS[f"{number:03}"]
    assert proof["cell"] or proof["test"]


def test_a_claim_without_proof_is_seen():
    assert not any(page.proofs("999", {"section": "1", "verdict": "wrong"}).values())


def test_sources_are_in_the_bibliography_or_addresses():
    for number, proof in PROOFS.items():
        keys = {key for key in proof["source"] if not key.startswith("https://")}
        assert keys <= KEYS, f"C{number}: {keys - KEYS}"


def test_tests_and_cells_name_claims_that_exist():
    assert set(page.checks()) <= set(ENTRIES)
    assert set(page.cells()) <= set(ENTRIES)


def test_every_test_of_the_claims_has_a_number():
    tree = ast.parse(page.CHECKS.read_text(encoding="utf-8"))
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    tests = [name for name in names if name.startswith("test_")]
    assert tests
    assert [name for name in tests if not re.match(r"test_(c\d{3}_)+[a-z]", name)] == []


def cells_that_name_claims():
    for document in sorted({doc for found in page.cells().values() for doc, _ in found}):
        for cell in read(ROOT / f"{document}.ipynb").cells:
            if cell.cell_type == "code" and page.claims_in(cell.source):
                label = f"{Path(document).stem}: C{page.claims_in(cell.source)[0]}"
                yield pytest.param(cell, id=label)


@pytest.mark.parametrize("cell", list(cells_that_name_claims()))
def test_a_cell_that_names_a_claim_proves_something(cell):
    asserts = any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(cell.source)))
    assert asserts or (cell.outputs and is_compared(cell))


def test_a_chapter_names_a_claim_in_one_cell_only():
    for number, found in page.cells().items():
        documents = [document for document, _ in found]
        assert len(documents) == len(set(documents)), f"C{number}: {documents}"


def test_claims_are_found_in_comments_only():
    assert page.claims_in("x = 'C001'  # C002 and C003: shown here\n# C002") == ["002", "003"]
    assert page.claims_in("C001 = 1") == []


def test_a_margin_note_names_only_claims_that_its_verdict_fits():
    note = re.compile(r":::\{margin\}\n(.*?)\n:::", re.DOTALL)
    told = 0
    for path in sorted((ROOT / "notebooks").rglob("[0-9]*.ipynb")):
        for cell in read(path).cells:
            for text in note.findall(cell.source) if cell.cell_type == "markdown" else []:
                numbers = page.NUMBER.findall(text)
                assert set(numbers) <= set(ENTRIES), f"{path.name}: {numbers}"
                if len(numbers) == 1 and "**The article" in text:
                    told += 1
                    assert ENTRIES[numbers[0]]["verdict"] in text.lower(), f"{path.name}: {text}"
    assert told
