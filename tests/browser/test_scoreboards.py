"""The page of all applications on a desktop and on a phone, beside what the notebooks store."""

import json
import re

import page_checks
import pytest
from selenium.webdriver.common.by import By

from gru_lib.scoreboard import MEDIA_TYPE
from tools.links import ROOT

PAGE = "book/scoreboards.html"


@pytest.fixture
def table(driver, book):
    """The table of a freshly opened page."""
    page_checks.visit(driver, book / PAGE)
    return driver.find_element(By.CSS_SELECTOR, "table.scoreboards")


def stored_in(page):
    """The scoreboards that the notebook of a page stores, in order."""
    cells = json.loads((ROOT / page).with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
    outputs = [output.get("data", {}) for cell in cells for output in cell.get("outputs", ())]
    return [data[MEDIA_TYPE] for data in outputs if MEDIA_TYPE in data]


def words(text):
    return re.findall(r"\w+", text)


def cells_of(row):
    return row.find_elements(By.TAG_NAME, "td")


def test_on_a_desktop_it_is_a_table_that_needs_no_scrolling(driver, table):
    page_checks.resize(driver, (1400, 900))
    assert table.find_element(By.TAG_NAME, "thead").is_displayed()
    assert not any(label.is_displayed() for label in table.find_elements(By.CLASS_NAME, "sb-label"))
    room = driver.find_element(By.CSS_SELECTOR, ".bd-article h1").size["width"]
    assert table.size["width"] <= room + 1
    for row in table.find_elements(By.CSS_SELECTOR, "tbody tr"):
        assert len({cell.location["y"] for cell in cells_of(row)}) == 1


def test_on_a_phone_a_row_is_a_list(driver, table):
    page_checks.resize(driver, page_checks.PHONE)
    assert not table.find_element(By.TAG_NAME, "thead").is_displayed()
    for row in table.find_elements(By.CSS_SELECTOR, "tbody tr"):
        cells = cells_of(row)
        heights = [cell.location["y"] for cell in cells]
        assert heights == sorted(set(heights))  # one below the other
        for cell in cells[1:]:
            assert cell.find_element(By.CLASS_NAME, "sb-label").is_displayed()
        assert cells[-1].text.startswith("verdict: ")
        assert all(cell.size["width"] <= page_checks.PHONE[0] for cell in cells)


def test_every_stored_scoreboard_has_its_row_and_its_link(book, driver, table):
    rows = {}
    for row in table.find_elements(By.CSS_SELECTOR, "tbody tr"):
        address = row.find_element(By.TAG_NAME, "a").get_attribute("href")
        page = address.removeprefix(f"{book.as_uri()}/").removesuffix(".html")
        rows.setdefault(page, []).append(cells_of(row)[0].text)
    built = (book / "notebooks" / "applications").glob("*.html")
    assert set(rows) == {page.relative_to(book).with_suffix("").as_posix() for page in built}
    for page, texts in rows.items():
        for text, stored in zip(texts, stored_in(page), strict=True):
            # a page turns straight quotes and three dots into typographic ones
            said = words(f"{stored['task']}: {stored['data']}")
            shown = words(text)
            assert said in [shown[at : at + len(said)] for at in range(len(shown))]
            assert ("stored result" in text) == stored["stored"]


def test_a_chapter_shows_its_scoreboard_in_both_themes(driver, book, table):
    link = table.find_element(By.TAG_NAME, "a").get_attribute("href")
    driver.get(link)
    shown = driver.find_element(By.CSS_SELECTOR, "table.scoreboard")
    colours = set()
    for theme in ("light", "dark"):
        driver.execute_script(page_checks.SET_THEME, theme)
        colours.add(shown.value_of_css_property("color"))
        assert shown.find_element(By.TAG_NAME, "caption").text
    assert len(colours) == 2
