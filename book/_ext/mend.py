"""Mends of the theme and of what other extensions write: without them a page fails its tests.

Each was found by ``tests/browser``. A mend that no longer finds its fault does nothing.
"""

import re

# Without a stored choice the theme starts with the mode "", complains about it in the console, and
# shows the page in no theme until its script at the end of the page has run.
START_MODE = """
(({ dataset }) => {
  dataset.mode ||= "auto";
  dataset.theme ||= matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
})(document.documentElement);
"""

# A formula wider than the screen scrolls in its own box, which a keyboard has to reach. The theme
# cares for code and tables in the same way, and forgets formulas.
REACH_WIDE_FORMULAS = """
addEventListener("load", async () => {
  await window.MathJax?.startup?.promise;
  const watch = new ResizeObserver((changes) => {
    for (const { target } of changes) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  const boxes = document.querySelectorAll("div.math mjx-container, span.math");
  for (const box of boxes) watch.observe(box);
});
"""

MENDS = tuple(
    (re.compile(fault), mended)
    for fault, mended in (
        # A name that leaves out the text on the button ("Ctrl+K"): its text is name enough.
        (r'(<button class="[^"]*search-button-field[^>]*?) aria-label="[^"]*"', r"\1"),
        # A name that tells neither what unfolds nor what the text says ("Show the code ...").
        (r'<summary aria-label="[^"]*">', "<summary>"),
        # What unfolds a page's subpages in the contents has no name: it gets the page's.
        (
            r'(<a class="[^"]*" href="[^"]*">([^<"]*)</a><details[^>]*>)<summary>',
            r'\1<summary aria-label="\2">',
        ),
        # The titles of three icons, shown or not, that the name of their button leaves out.
        (r'(<i class="theme-switch [^>]*?)\s+title="[^"]*"', r"\1"),
        # An entry of a list has to be a list item; ARIA took doc-biblioentry back.
        ('role="doc-biblioentry"', 'role="listitem"'),
    )
)


def mend(html: str) -> str:
    for fault, mended in MENDS:
        html = fault.sub(mended, html)
    return html


def mend_pages(app, exception):
    """Rewrite the built pages: only there the theme's templates have become text."""
    if exception or app.builder.format != "html":
        return
    for path in app.outdir.rglob("*.html"):
        html = path.read_text(encoding="utf-8")
        if (mended := mend(html)) != html:
            path.write_text(mended, encoding="utf-8")


def setup(app):
    app.add_js_file(None, body=START_MODE)
    app.add_js_file(None, body=REACH_WIDE_FORMULAS)
    app.connect("build-finished", mend_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
