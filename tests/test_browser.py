"""The built site in a real browser: it sorts, its links resolve, and it fits a phone."""

import csv
import functools
import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Page, sync_playwright
from typer.testing import CliRunner

from generator.cli import app

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parent.parent
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PAGES = ("", "predict/", "method/", "add/", "download/")


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The real board, built from a copy of the repository."""
    root = tmp_path_factory.mktemp("repository")
    for name in ("runs", "results", "site"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("local"))
    shutil.copy(ROOT / "mkdocs.yml", root)
    result = CliRunner().invoke(app, ["build", "--root", str(root)])
    assert result.exit_code == 0, result.exception
    return root / "build" / "html"


@pytest.fixture(scope="module")
def address(site) -> Iterator[str]:
    handler = functools.partial(QuietHandler, directory=str(site))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="module")
def browser():
    names = ("chromium", "google-chrome", "chrome", "chromium-browser")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=FLAGS)


@pytest.fixture
def page(browser, address) -> Iterator[Page]:
    """A page on which every console error and every request off the site fails the test."""
    opened = browser.new_page(viewport={"width": 1440, "height": 900})
    faults: list[str] = []
    opened.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on(
        "request", lambda r: None if r.url.startswith((address, "data:")) else faults.append(r.url)
    )
    yield opened
    opened.close()
    assert faults == []


def column_texts(page: Page, table: str, column: int) -> list[str]:
    return page.locator(f"#{table} tbody tr > :nth-child({column})").all_inner_texts()


def test_columns_sort_as_numbers_both_ways_and_by_keyboard(page, address):
    page.goto(address)
    heading = page.locator("#huang-2024-table thead th").nth(2)
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    sizes = [float(text.rstrip("B")) for text in column_texts(page, "huang-2024-table", 3)]
    assert sizes == sorted(sizes)
    heading.get_by_role("button").press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    sizes = [float(text.rstrip("B")) for text in column_texts(page, "huang-2024-table", 3)]
    assert sizes == sorted(sizes, reverse=True)


def test_unknown_values_stay_last(page, address):
    page.goto(address)
    heading = page.locator("#huang-2024-table thead th", has_text="HumanEval").first
    heading.get_by_role("button").click()
    column = heading.evaluate("cell => cell.cellIndex + 1")
    texts = column_texts(page, "huang-2024-table", column)
    assert texts[-3:] == ["–"] * 3


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_the_screen(browser, address, site, width, scheme):
    model = next(path.name for path in sorted((site / "models").iterdir()))
    for path in (*PAGES, f"models/{model}/"):
        page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
        page.goto(address + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        page.close()


def test_it_works_without_javascript(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert page.locator("#huang-2024-table tbody tr").count() == 28
    assert page.locator(".chart-points path").count() == 23
    context.close()


def test_every_link_inside_the_site_resolves(page, address, site):
    seen, waiting = set(), [address]
    while waiting:
        url = waiting.pop()
        if url in seen:
            continue
        seen.add(url)
        target = site / urlsplit(url).path.lstrip("/")
        if url.endswith("/"):
            target = target / "index.html"
        assert target.is_file(), url
        if target.suffix == ".html":
            page.goto(url)
            for link in page.locator("a[href]").evaluate_all("all => all.map(a => a.href)"):
                whole = urljoin(url, link).split("#")[0]
                if whole.startswith(address):
                    waiting.append(whole)
    assert len(seen) > 30


def test_the_downloads_are_csv(site):
    for path in sorted((site / "data").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream, strict=True))
        assert len(rows) > 1, path.name
        assert len({len(row) for row in rows}) == 1, path.name
