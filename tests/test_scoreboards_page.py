"""The page of all applications: every scoreboard is there, complete, and typed by nobody."""

import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest
from sphinx.application import Sphinx

from gru_lib.scoreboard import KINDS, MEDIA_TYPE, Scoreboard

ROOT = Path(__file__).resolve().parents[1]
EXTENSIONS = ROOT / "book" / "_ext"
SPEC = importlib.util.spec_from_file_location("scoreboards", EXTENSIONS / "scoreboards.py")
page = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(page)

CHAPTERS = sorted((ROOT / "notebooks" / "applications").glob("[0-9]*.ipynb"))
SCORES = dict(
    zip(KINDS, ([0.5], [0.6], [0.9, 0.8, 0.9], [0.95, 0.92, 0.93], [0.5] * 3), strict=True)
)


# --- the chapters ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_stores_what_the_page_needs(path):
    assert page.problems_of(path) == []
    assert 2 <= len(page.boards_of(path)) <= 4


def test_nobody_typed_a_number_into_the_page():
    text = (ROOT / "book" / "scoreboards.md").read_text(encoding="utf-8")
    assert re.findall(r"\d", text) == []
    assert "```{scoreboard-table}\n```" in text


# --- planted defects ------------------------------------------------------------------------


def board(task="parity", *, stored=False, **scores):
    made = Scoreboard(task, "random bits", "accuracy", "higher", stored=stored)
    for kind, some in {**SCORES, **scores}.items():
        made.add(f"a {kind}", kind, some)
    return made


def output(made):
    shown = made._repr_mimebundle_()
    return {
        "data": {**shown, "text/plain": shown["text/plain"].splitlines(keepends=True)},
        "execution_count": 1,
        "metadata": {},
        "output_type": "execute_result",
    }


def write(path, *outputs):
    """A notebook with these outputs, one a cell."""
    cells = [{"cell_type": "markdown", "id": "title", "metadata": {}, "source": f"# {path.stem}"}]
    cells += [
        {
            "cell_type": "code",
            "execution_count": 1,
            "id": f"cell-{number}",
            "metadata": {},
            "outputs": [one],
            "source": "board",
        }
        for number, one in enumerate(outputs)
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    notebook = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def both(**scores):
    return output(board(**scores)), output(board("recall", stored=True, **scores))


def test_nothing_planted_nothing_seen(tmp_path):
    path = write(tmp_path / "01-a.ipynb", *both())
    assert page.problems_of(path) == []
    assert [one.task for one in page.boards_of(path)] == ["parity", "recall"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_scoreboard_without_a_kind_is_seen(tmp_path, kind):
    lacking = board()
    lacking.rows = [row for row in lacking.rows if row.kind != kind]
    path = write(tmp_path / "01-a.ipynb", output(lacking), both()[1])
    assert page.problems_of(path) == [
        f"scoreboard 1 (parity, random bits, accuracy) has no row of the kind {kind}"
    ]
    assert [one.task for one in page.boards_of(path)] == ["recall"]


def test_a_stale_or_typed_table_is_seen(tmp_path):
    first, second = both()
    first["data"]["text/plain"] = [first["data"]["text/plain"][0], "GRU 1.000\n"]
    second["data"][MEDIA_TYPE]["rows"][3]["scores"][0] = 0.99
    problems = page.problems_of(write(tmp_path / "01-a.ipynb", first, second))
    assert len(problems) == 2
    assert all("shows another table than its numbers give" in problem for problem in problems)


@pytest.mark.parametrize(
    ("outputs", "problem"),
    [
        ([], "stores no scoreboard of what the page computes"),
        ([both()[1]], "stores no scoreboard of what the page computes"),
        ([both()[0]], "stores no scoreboard with stored=True, on a public data set"),
        ([*both(), both()[0]], "two scoreboards are called parity, random bits, accuracy"),
        ([*both(), {"data": {MEDIA_TYPE: {}}}], "scoreboard 3 cannot be read: stored has the ke"),
        ([*both(), {"data": {MEDIA_TYPE: "GRU"}}], "scoreboard 3 cannot be read: stored is 'GR"),
    ],
)
def test_what_else_is_seen(tmp_path, outputs, problem):
    problems = page.problems_of(write(tmp_path / "01-a.ipynb", *outputs))
    assert any(one.startswith(problem) for one in problems), problems


def test_outputs_of_all_kinds_are_passed_over(tmp_path):
    stream = {"name": "stdout", "output_type": "stream", "text": "GRU 0.9"}
    assert len(page.boards_of(write(tmp_path / "01-a.ipynb", stream, *both()))) == 2


def test_the_counts():
    ahead, level, behind = board(), board(trivial=[0.93]), board(trivial=[0.99])
    no_control = board(control=[0.97, 0.97, 0.97])
    assert page.counts([ahead, level, behind, no_control]) == [
        "Against the baselines: ahead in 2, level in 1, behind in 1 of 4 tables.",
        "Against the recurrent rivals: ahead in 4, level in 0, behind in 0 of 4 tables.",
        "The control fails in 3 of 4 tables.",
    ]


# --- the built page -------------------------------------------------------------------------

PAGE = (
    "# All\n\n```{scoreboard-table}\n```\n\n```{toctree}\n:glob:\nnotebooks/applications/*\n```\n"
)


@pytest.fixture
def build(tmp_path, monkeypatch, capfd):
    """Build a small book of this page and some notebooks; gives its text and the warnings."""
    monkeypatch.syspath_prepend(str(EXTENSIONS))
    (tmp_path / "index.md").write_text(PAGE, encoding="utf-8")

    def run():
        warnings = tmp_path / "warnings.txt"
        with warnings.open("w", encoding="utf-8") as file:
            out = tmp_path / "out"
            app = Sphinx(
                str(tmp_path),
                None,
                str(out),
                str(tmp_path / "trees"),
                "html",
                confoverrides={
                    "extensions": ["myst_nb", "scoreboards"],
                    "nb_execution_mode": "off",
                    "exclude_patterns": ["out", "trees"],
                },
                status=None,
                warning=file,
                freshenv=True,
            )
            app.build()
        html = (out / "index.html").read_text(encoding="utf-8")
        return html, warnings.read_text(encoding="utf-8")

    yield run
    sys.modules.pop("scoreboards", None)


def words(html):
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_the_page_shows_every_table_and_links_to_its_chapter(build, tmp_path):
    write(tmp_path / "notebooks/applications/01-light.ipynb", *both())
    write(tmp_path / "notebooks/applications/02-recall.ipynb", *both(trivial=[0.99]))
    html, warnings = build()
    assert warnings == ""
    assert "vnd.gru-lib" not in (tmp_path / "out/notebooks/applications/01-light.html").read_text()
    table = html[html.index("<table") : html.index("</table>")]
    rows = [words(row) for row in table.split("<tr")[2:]]
    assert len(rows) == 4
    assert html.count('href="notebooks/applications/01-light.html"') >= 2
    assert "01-light parity: random bits accuracy, higher is better best trivial: 0.500" in rows[0]
    assert "stored result" not in rows[0] and "is better stored result best" in rows[1]
    assert "best GRU: 0.933 (0.920 to 0.950) a GRU control: 0.500 (0.500 to 0.500)" in rows[0]
    assert rows[2].endswith("a GRU behind a trivial, ahead of a recurrent rival; the control fails")
    text = words(html)
    assert "Against the baselines: ahead in 2, level in 0, behind in 2 of 4 tables." in text
    assert "Where a baseline is ahead of the GRU: 02-recall : parity, random bits. a tri" in text


def test_where_no_baseline_won_the_page_says_so(build, tmp_path):
    write(tmp_path / "notebooks/applications/01-light.ipynb", *both())
    assert "In no table is a baseline ahead of the GRU." in words(build()[0])


def test_a_book_without_scoreboards_is_a_warning(build):
    html, warnings = build()
    assert "no application has stored a scoreboard" in words(html)
    assert "no application has stored a scoreboard" in warnings


def test_a_chapter_with_a_problem_is_a_warning(build, tmp_path):
    write(tmp_path / "notebooks/applications/01-light.ipynb", *both())
    write(tmp_path / "notebooks/applications/02-recall.ipynb", both()[0])
    warnings = build()[1]
    assert "notebooks/applications/02-recall stores no scoreboard with stored=True" in warnings
    assert "01-light" not in warnings
