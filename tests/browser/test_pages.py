"""Every page of the built book in a browser, and proof that the checks see planted defects."""

import page_checks
import pytest
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.ui import WebDriverWait

from tools.links import ROOT, setting

FRONT_PAGE = "book/index.html"
# for a front page without formulas; MathJax must not be there twice
MATHJAX = """<script>
if (!window.MathJax) {
  window.MathJax = {options: {enableMenu: false}};
  document.write('<script src="../_static/vendor/mathjax/tex-svg.js"><\\/script>');
}
</script>"""

DEFECTS = {
    "console error": ('<script>console.error("planted")</script>', "planted"),
    "outside image": (
        '<img src="https://example.com/x.png" alt="">',
        "request to the network: https://example.com/x.png",
    ),
    "outside image, in the file": (
        '<img src="https://example.com/x.png" alt="">',
        "<img> fetches https://example.com/x.png",
    ),
    "missing file": (
        '<script src="missing.js"></script>',
        "request for a file that is not there: file://",
    ),
    "file of the reader's disk": (
        '<iframe title="planted" src="file:///etc/hostname"></iframe>',
        "request outside the book's folder: file:///etc/hostname",
    ),
    "unrendered formula": (
        '<span class="math">planted^2</span>',
        "formula not rendered: planted^2",
    ),
    "formula in error": (
        f'{MATHJAX}<span class="math">\\(x^1^2\\)</span>',
        "formula in error: Double exponent",
    ),
    "formula with an unknown macro": (
        f'{MATHJAX}<span class="math">\\(1 + \\planted\\)</span>',
        r"formula with an unknown macro: 1+\planted",
    ),
    "formula cut off": (
        '<span class="math" style="overflow: hidden; white-space: nowrap">'
        f"{'planted + ' * 90}</span>",
        "formula cut off on a phone: planted",
    ),
    "image without alt": (
        '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">',
        "critical, image-alt",
    ),
    "pale text": ('<p style="color: #999; background: #ccc">planted</p>', "color-contrast"),
    "wide box": (
        '<div id="planted" style="width: 900px">x</div>',
        "px wide on a screen of 360 px: ",
    ),
}


def test_page(driver, book, page):
    problems = page_checks.page_problems(driver, book, book / page)
    assert not problems, f"{page}\n" + "\n".join(problems)


def test_root_leads_to_the_front_page(driver, book):
    driver.get((book / "index.html").as_uri())
    WebDriverWait(driver, 10).until(expected_conditions.url_contains(FRONT_PAGE))
    assert driver.current_url == (book / FRONT_PAGE).as_uri()


def test_page_weights(book, record_property):
    weights = {page: page_checks.weight(book / page) for page in page_checks.pages(book)}
    record_property("page weights", weights)  # conftest.py prints them
    heavy = {page: size for page, size in weights.items() if size >= page_checks.MEGABYTE}
    assert not heavy, f"1 MB and more: {heavy}"


def test_notebook_pages_can_be_launched(book):
    repository = setting(ROOT)
    notebooks = [page for page in page_checks.pages(book) if page.startswith("notebooks/")]
    assert notebooks
    for page in notebooks:
        html = (book / page).read_text(encoding="utf-8")
        source = page.removesuffix(".html") + ".ipynb"
        colab = f"https://colab.research.google.com/github/{repository}/blob/main/{source}"
        binder = f"https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/{source}"
        assert f'href="{colab}"' in html
        assert f'href="{binder}"' in html


@pytest.fixture
def copy_with(book, tmp_path):
    """Makes a small book: a copy of the front page with HTML added, beside the shared files."""

    def copy(html):
        page = tmp_path / FRONT_PAGE
        page.parent.mkdir()
        for shared in ("_static", "searchindex.js"):
            (tmp_path / shared).symlink_to(book / shared)
        text = (book / FRONT_PAGE).read_text(encoding="utf-8")
        page.write_text(text.replace("</article>", f"{html}</article>"), encoding="utf-8")
        return page

    return copy


def test_nothing_planted_nothing_seen(driver, tmp_path, copy_with):
    assert page_checks.page_problems(driver, tmp_path, copy_with("")) == []


@pytest.mark.parametrize("defect", DEFECTS)
def test_planted_defect_is_seen(driver, tmp_path, copy_with, defect):
    html, message = DEFECTS[defect]
    problems = page_checks.page_problems(driver, tmp_path, copy_with(html))
    assert any(message in problem for problem in problems), f"{message!r} not in {problems}"


def test_a_log_without_a_request_is_a_problem(driver, book):
    page_checks.visit(driver, book / FRONT_PAGE)
    assert page_checks.request_problems(driver, book) == []
    driver.get("about:blank")  # asks for nothing more, so that the log stays empty once read
    driver.get_log("performance")
    problems = page_checks.request_problems(driver, book)
    assert problems == ["the browser's log holds no request, not even for the page"]
