"""The built API pages: every public name can be found, and leads to its source."""

import inspect

import pytest
from sphinx.util.inventory import InventoryFile

from tests.test_api_page import module_of, page_of, public_names, public_objects, rooms


@pytest.fixture(scope="session")
def inventory(book):
    """Where every documented name lies: name -> address in the book."""
    with (book / "objects.inv").open("rb") as file:
        kinds = InventoryFile.load(file, "", lambda base, address: address)
    return {
        name: entry[2]
        for kind, entries in kinds.items()
        if kind.startswith("py:")
        for name, entry in entries.items()
    }


@pytest.mark.parametrize("room", rooms())
def test_every_public_name_is_on_the_page_of_its_room(book, inventory, room):
    html = (book / f"{page_of(room)}.html").read_text(encoding="utf-8")
    for name in public_names(module_of(room)):
        full = f"gru_lib.{room}.{name}"
        assert inventory.get(full) == f"{page_of(room)}.html#{full}"
        assert f'id="{full}"' in html


@pytest.mark.parametrize("room", rooms())
def test_the_page_links_to_sources_that_are_in_the_book(book, room):
    html = (book / f"{page_of(room)}.html").read_text(encoding="utf-8")
    parts = html.split('href="../../_modules/')[1:]
    with_source = [
        inspect.isfunction(t) or inspect.isclass(t) for t in public_objects(room).values()
    ]
    assert bool(parts) == any(with_source)  # Sphinx links no constant to its source
    for address in (part.split('"')[0] for part in parts):
        file, place = address.split("#")
        source = (book / "_modules" / file).read_text(encoding="utf-8")
        assert f'id="{place}"' in source
