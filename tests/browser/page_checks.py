"""What must hold for every page of the built book.

Every check returns a list of problems, one sentence each; an empty list is a pass. So the tests
of the book and the test that plants defects use the same code.
"""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
PHONE, DESKTOP = (360, 740), (1280, 900)
MEGABYTE = 1_000_000

# --- what a book holds ----------------------------------------------------------------------


def pages(book: Path) -> list[str]:
    """Every page of a built book, as paths relative to it; the root only leads on to one."""
    found = (path.relative_to(book).as_posix() for path in book.rglob("*.html"))
    return sorted(page for page in found if page != "index.html" and not page.startswith("_static"))


class _Links(HTMLParser):
    """Collects (tag, address) of what a browser fetches to show a page."""

    FETCHED = frozenset({"stylesheet", "icon", "preload", "modulepreload", "preconnect"})

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag in ("script", "img", "iframe", "source", "object", "embed", "video", "audio"):
            self.found += [(tag, attributes[key]) for key in ("src", "data") if attributes.get(key)]
        elif tag == "link" and self.FETCHED & set((attributes.get("rel") or "").split()):
            self.found.append((tag, attributes.get("href") or ""))


def _fetched(page: Path) -> list[tuple[str, str]]:
    links = _Links()
    links.feed(page.read_text(encoding="utf-8"))
    return links.found


# --- checks of the files --------------------------------------------------------------------


def outside_addresses(page: Path) -> list[str]:
    """Scripts, styles, images and frames with an address outside the book."""
    outside = re.compile(r"\s*(https?:)?//", re.IGNORECASE)
    return [
        f"<{tag}> fetches {address}" for tag, address in _fetched(page) if outside.match(address)
    ]


def weight(page: Path) -> int:
    """Bytes of a page and of the files that only it brings along.

    What all pages share is not counted: all in _static, and the index of the search.
    """
    own = {page}
    for _, address in _fetched(page):
        parts = urlsplit(address)
        file = (page.parent / unquote(parts.path)).resolve()
        shared = "_static" in file.parts or file.name == "searchindex.js"
        if not parts.scheme and not parts.netloc and not shared and file.is_file():
            own.add(file)
    return sum(file.stat().st_size for file in own)


# --- checks in the browser ------------------------------------------------------------------

WAIT_FOR_PAGE = """
const done = arguments[arguments.length - 1];
const loaded = new Promise((ok) =>
  document.readyState === "complete" ? ok() : addEventListener("load", ok));
const late = new Promise((_, fail) => setTimeout(fail, 20000, "20 s have passed"));
Promise.race([late, loaded.then(() => window.MathJax?.startup?.promise)])
  .then(() => new Promise((ok) => requestAnimationFrame(() => setTimeout(ok, 0))))
  .then(() => done(null), (error) => done(String(error)));
"""

# MathJax sets what it cannot read as an error, and a macro that it does not know in red.
UNRENDERED = """
const problems = [];
for (const math of document.querySelectorAll(".math")) {
  if (!math.querySelector("mjx-container")) problems.push(["not rendered", math.textContent]);
}
for (const wrong of document.querySelectorAll("[data-mml-node=merror]")) {
  problems.push(["in error", wrong.dataset.mjxError]);
}
for (const unknown of document.querySelectorAll("[data-mml-node=mtext][fill=red]")) {
  const assisting = unknown.closest("mjx-container").querySelector("mjx-assistive-mml");
  problems.push(["with an unknown macro", assisting.textContent]);
}
return problems;
"""

# What is folded away is read by someone, too.
UNFOLD = """
for (const box of document.querySelectorAll("details")) box.open = true;
for (const box of document.querySelectorAll(".toggle-hidden")) {
  box.classList.remove("toggle-hidden");
}
"""

# Boxes that scroll or clip inside themselves may hold wide things: code, tables, formulas.
WIDER_THAN_PAGE = """
const width = document.documentElement.clientWidth;
if (document.documentElement.scrollWidth <= width) return null;
const contained = (node) => {
  for (let box = node.parentElement; box !== document.body && box; box = box.parentElement) {
    if (getComputedStyle(box).overflowX !== "visible") return true;
  }
  return false;
};
const reach = (node) => {
  const box = node.getBoundingClientRect();
  return Math.max(box.right, box.left + node.scrollWidth);
};
const wide = [...document.body.querySelectorAll("*")].filter((node) =>
  node.checkVisibility({visibilityProperty: true}) && reach(node) > width + 1 && !contained(node));
return [document.documentElement.scrollWidth, width,
  wide.reverse().slice(0, 3).map((node) => node.outerHTML.slice(0, 80))];
"""

# A formula in the text that is wider than its line must scroll, not be cut.
CUT_FORMULAS = """
return [...document.querySelectorAll(".math")]
  .filter((box) => box.scrollWidth > box.clientWidth + 1)
  .filter((box) => getComputedStyle(box).overflowX === "hidden")
  .map((box) => (box.querySelector("mjx-assistive-mml") || box).textContent.slice(0, 60));
"""

# Without transitions: a colour half way between light and dark is nobody's colour.
SET_THEME = """
const still = document.createElement("style");
still.textContent = "* { transition: none !important; animation: none !important; }";
document.head.append(still);
document.documentElement.dataset.mode = arguments[0];
document.documentElement.dataset.theme = arguments[0];
"""

# Without preload: axe would read style sheets by XMLHttpRequest, which file:// forbids.
# A change of width takes a frame or two until wide formulas can be reached by keyboard, and the
# theme takes 300 ms to do it for wide code, which only a phone's width makes scroll.
RUN_AXE = """
const done = arguments[arguments.length - 1];
const options = {resultTypes: ["violations"], preload: false};
const still = new Promise((ok) => setTimeout(ok, arguments[0]));
still.then(() => axe.run(document, options)).then(
  (result) => done(result.violations
    .filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => [one.impact, one.id, one.help, one.nodes.map((node) =>
      `${node.target.join(" ")} (${node.failureSummary.split("\\n").pop().trim()})`)])),
  (error) => done([["critical", "axe", String(error), []]]));
"""


def resize(driver, size: tuple[int, int]) -> None:
    """Give the page exactly this many CSS pixels, narrower than any window can be."""
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def visit(driver, page: Path, size: tuple[int, int] = DESKTOP) -> list[str]:
    """Open a page and wait until it stands still. Logs of earlier pages are thrown away."""
    for log in ("browser", "performance"):
        driver.get_log(log)
    # Every page is met as by a first visitor, without a stored choice of light or dark.
    stored = {"origin": "file://", "storageTypes": "local_storage"}
    driver.execute_cdp_cmd("Storage.clearDataForOrigin", stored)
    resize(driver, size)
    driver.get(page.as_uri())
    error = driver.execute_async_script(WAIT_FOR_PAGE)
    return [f"the page does not come to rest: {error}"] if error else []


def console_problems(driver) -> list[str]:
    """Errors and warnings in the console since ``visit``."""
    return [
        f"console {entry['level']}: {entry['message']}"
        for entry in driver.get_log("browser")
        if entry["level"] in ("SEVERE", "WARNING")
    ]


def request_problems(driver, book: Path) -> list[str]:
    """Requests since ``visit`` that leave the book's folder or name a file that is not there.

    A page asks for itself at least; a log without a request is a log that somebody switched off.
    """
    messages = (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
    asked = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    if not asked:
        return ["the browser's log holds no request, not even for the page"]
    problems = (_problem_of_request(urldefrag(url).url, book) for url in asked)
    return [problem for problem in problems if problem]


def _problem_of_request(url: str, book: Path) -> str | None:
    parts = urlsplit(url)
    if parts.scheme in ("data", "blob", "about", "chrome", "devtools"):
        return None
    if parts.scheme != "file":
        return f"request to the network: {url}"
    file = Path(unquote(parts.path))
    if not file.is_relative_to(book):
        return f"request outside the book's folder: {url}"
    return None if file.is_file() else f"request for a file that is not there: {url}"


def formula_problems(driver) -> list[str]:
    """Formulas that MathJax left as they were or could not read."""
    return [
        f"formula {what}: {text.strip()[:100]}" for what, text in driver.execute_script(UNRENDERED)
    ]


def overflow_problems(driver) -> list[str]:
    """A page on a phone must not scroll sideways, and show its formulas whole."""
    resize(driver, PHONE)
    cut = driver.execute_script(CUT_FORMULAS)
    problems = [f"formula cut off on a phone: {text}" for text in cut]
    if found := driver.execute_script(WIDER_THAN_PAGE):
        wide, width, nodes = found
        problems.append(f"the page is {wide} px wide on a screen of {width} px: {nodes}")
    return problems


def access_problems(driver) -> list[str]:
    """Serious and critical findings of axe-core, in both themes and on a phone."""
    driver.execute_script(AXE)
    problems = []
    for name, size, theme in (
        ("light", DESKTOP, "light"),
        ("dark", DESKTOP, "dark"),
        ("phone", PHONE, "dark"),
    ):
        resize(driver, size)
        driver.execute_script(SET_THEME, theme)
        milliseconds = 400 if size == PHONE else 50
        for impact, rule, text, nodes in driver.execute_async_script(RUN_AXE, milliseconds):
            problems.append(f"axe, {name}, {impact}, {rule} ({text}): " + " | ".join(nodes[:6]))
    return problems


def page_problems(driver, book: Path, page: Path) -> list[str]:
    """Everything that is wrong with one page, by all checks."""
    problems = outside_addresses(page)
    problems += visit(driver, page)
    driver.execute_script(UNFOLD)
    problems += formula_problems(driver)
    problems += overflow_problems(driver)
    problems += access_problems(driver)
    problems += console_problems(driver)
    problems += request_problems(driver, book)
    return problems
