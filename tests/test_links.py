"""One setting says where the book lives, and every address in the book agrees with it."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tools import links
from tools.notebook_template import first_cell

pytestmark = pytest.mark.skipif(
    not (links.ROOT / ".git").exists(), reason="needs a git clone: it asks git which files count"
)

OTHER = "some-body/another.book"
MADE_UP = {
    "README.md": "[Colab](https://colab.research.google.com/github/{0}/blob/main/n.ipynb),\r\n"
    "git clone https://github.com/{0}.git or see https://github.com/{0}.\n",
    "CITATION.cff": "repository-code: https://github.com/{0}\n",
    "book/page.md": "[Binder](https://mybinder.org/v2/gh/{0}/main) https://github.com/{0}-old\n",
    "notebooks/part/01-page.ipynb": '{{"source": ["git+https://github.com/{0}\\""]}}\n',
}


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A small clone: the book's own settings, and made-up pages with every kind of address."""
    for name in ("_config.yml", "pyproject.toml"):
        shutil.copy(links.ROOT / name, tmp_path)
    for name, text in MADE_UP.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.format(links.setting(links.ROOT)).encode())
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in links.tracked_files(root)}


def test_every_place_changes_and_changes_back(book):
    before = contents(book)
    old = links.setting(book)

    changed = links.set_repository(book, OTHER)

    assert {str(path.relative_to(book)) for path in changed} == set(before)
    assert links.setting(book) == OTHER
    assert links.disagreements(book) == []
    for name, template in MADE_UP.items():
        expected = template.format(OTHER).replace(f"{OTHER}-old", f"{old}-old")
        assert (book / name).read_bytes() == expected.encode(), name

    links.set_repository(book, old)
    assert contents(book) == before


def test_the_same_name_changes_nothing(book):
    before = contents(book)
    assert links.set_repository(book, links.setting(book)) == []
    assert contents(book) == before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CONTRIBUTING.md", "https://github.com/a-fork/{name}"),
        ("notebooks/part/02-page.ipynb", "git+https://github.com/{elsewhere}"),
        ("book/page.md", "https://colab.research.google.com/github/{elsewhere}/blob"),
        ("README.md", "https://mybinder.org/v2/gh/{elsewhere}/main"),
        ("pyproject.toml", "https://github.com/{elsewhere}"),
    ],
)
def test_a_leftover_is_found(book, name, text):
    name_alone = links.setting(book).split("/")[1]
    text = text.format(name=name_alone, elsewhere="old-owner/old-name")
    (book / name).write_text(text, encoding="utf-8")
    assert links.disagreements(book) == [book / name]


def test_an_address_of_another_project_is_no_leftover(book):
    (book / "book" / "page.md").write_text("https://github.com/pytorch/pytorch", encoding="utf-8")
    assert links.disagreements(book) == []


@pytest.mark.parametrize(
    "name",
    ["", "book", "a/b/c", "-a/b", "a-/b", "a--b/c", "a/", "/b", "a b/c", "a/b.git", "a/..", "ä/b"],
)
def test_a_malformed_name_is_refused(book, name):
    before = contents(book)
    with pytest.raises(ValueError, match="not the name of a GitHub repository") as refusal:
        links.set_repository(book, name)
    assert "letters, digits" in str(refusal.value)
    assert contents(book) == before


def test_a_name_may_not_be_too_long():
    assert links.ALLOWED.fullmatch("o" * 39 + "/" + "n" * 100)
    assert not links.ALLOWED.fullmatch("o" * 40 + "/n")
    assert not links.ALLOWED.fullmatch("o/" + "n" * 101)


def test_command_line(book, monkeypatch, capsys):
    monkeypatch.setattr(links, "ROOT", book)
    assert links.main([]) == 0
    said = capsys.readouterr().out
    assert links.setting(book) in said
    assert "usage: make links REPO=owner/name" in said

    assert links.main([OTHER]) == 0
    said = capsys.readouterr().out
    assert "README.md" in said
    assert f"{OTHER}: {len(MADE_UP) + 2} files changed" in said

    assert links.main(["not a name"]) == 2
    assert "'not a name' is not the name of a GitHub repository" in capsys.readouterr().err


def test_the_book_agrees_with_itself():
    assert links.disagreements(links.ROOT) == []
    named = {str(path.relative_to(links.ROOT)) for path in links.places(links.ROOT)}
    assert {"_config.yml", "pyproject.toml"} <= named


def test_launch_buttons():
    config = yaml.safe_load((links.ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert config["launch_buttons"]["colab_url"] == "https://colab.research.google.com"
    assert config["launch_buttons"]["binderhub_url"] == "https://mybinder.org"
    assert config["repository"]["branch"] == "main"


def test_the_first_cell_installs_from_the_repository():
    cell = first_cell("https://github.com/" + OTHER)
    assert links.addresses(cell) == [("git+https://github.com/", OTHER)]
    assert len(cell.splitlines()) <= 14
