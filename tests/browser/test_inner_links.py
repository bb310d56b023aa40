"""Every link of the built book that stays inside it leads to a page and a place that are there."""

from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest


class _Anchors(HTMLParser):
    """Collects where links lead, and the places that links can lead to."""

    def __init__(self):
        super().__init__()
        self.links, self.places = [], {""}

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.places |= {attributes[key] for key in ("id", "name") if attributes.get(key)}
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])


@cache
def anchors(page: Path) -> _Anchors:
    found = _Anchors()
    found.feed(page.read_text(encoding="utf-8"))
    return found


def broken_links(page: Path) -> list[str]:
    """Links of a page to a file, or a place in it, that is not there."""
    broken = []
    for link in anchors(page).links:
        address, place = urldefrag(link)
        if urlsplit(link).scheme or link.startswith("//"):
            continue
        target = (page.parent / unquote(address)).resolve() if address else page
        is_page = target.suffix == ".html" and target.is_file()
        if not target.exists() or (is_page and unquote(place) not in anchors(target).places):
            broken.append(link)
    return broken


def test_links_resolve(book, page):
    assert broken_links(book / page) == []


def test_the_claims_page_leads_to_cells_of_every_chapter(book):
    links = anchors(book / "book" / "claims.html").links
    chapters = sorted(path.name for path in (book / "notebooks").rglob("*.html"))
    assert chapters
    for chapter in chapters:
        assert any(f"{chapter}#c" in link for link in links), chapter


@pytest.mark.parametrize("link", ["missing.html", "#nowhere", "other.html#nowhere"])
def test_a_broken_link_is_seen(tmp_path, link):
    (tmp_path / "other.html").write_text('<p id="here">x</p>', encoding="utf-8")
    page = tmp_path / "page.html"
    page.write_text(f'<a href="{link}">x</a><a href="other.html#here">y</a>', encoding="utf-8")
    assert broken_links(page) == [link]
