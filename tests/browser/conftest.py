"""The built book and a headless Chromium without a network, for the tests of the pages.

Environment: ``BOOK_HTML`` names another built book than ``_build/html``; ``CHROMEWEBDRIVER`` is
the folder of chromedriver on GitHub's runners; with ``CI`` set, a missing browser is a failure.
"""

import os
import shutil
from pathlib import Path

import page_checks
import pytest

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MISSING = "Chromium and chromedriver are not installed"

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # Chromium refuses to start as root otherwise, and containers are root
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",  # small in containers
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",  # as on a phone: 360 px are 360 px
    # no network: a proxy that nobody answers, and no name resolves
    "--proxy-server=127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


def book_path() -> Path:
    return Path(os.environ.get("BOOK_HTML", ROOT / "_build" / "html")).resolve()


def pytest_generate_tests(metafunc):
    """One test a page. Without a book there is one test, which the fixture ``book`` fails."""
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", page_checks.pages(book_path()) or ["no page"])


def pytest_terminal_summary(terminalreporter):
    """Print what the pages weigh; a worker of pytest-xdist has no terminal of its own."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for page, size in dict(report.user_properties).get("page weights", {}).items():
            terminalreporter.write_line(f"{size / 1000:6.0f} kB without the shared files  {page}")


@pytest.fixture(scope="session")
def book() -> Path:
    """Folder of the built HTML."""
    path = book_path()
    if not page_checks.pages(path):
        pytest.fail(f"There is no built book in {path}: run `make book` first.")
    return path


def _find(names, folders=None):
    return next((found for name in names if (found := shutil.which(name, path=folders))), None)


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    """A headless Chromium that reaches nothing but files, and records what it asks for."""
    browser = _find(BROWSERS)
    chromedriver = _find(["chromedriver"], os.environ.get("CHROMEWEBDRIVER")) or _find(
        ["chromedriver"]
    )
    if not (browser and chromedriver):
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(f"{MISSING}: browser tests skipped")

    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in (*ARGUMENTS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
    driver.set_script_timeout(30)
    yield driver
    driver.quit()
