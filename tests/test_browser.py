"""The built site in a real browser: it sorts, its links resolve, and it fits a phone."""

import contextlib
import csv
import functools
import http.server
import os
import re
import shutil
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from playwright.sync_api import Page, sync_playwright
from typer.testing import CliRunner

from generator.cli import app
from generator.export.dictionary import make_dictionary
from tests.miniature import HOSTILE, write_miniature

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
PAGES = ("", "predict/", "method/", "add/", "download/", "commands/", "files/")


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
    return build(root)


@pytest.fixture(scope="module")
def miniature(tmp_path_factory) -> Path:
    """The board of the miniature repository, which holds hostile text."""
    root = tmp_path_factory.mktemp("miniature")
    write_miniature(root)
    return build(root)


def build(root: Path) -> Path:
    result = CliRunner().invoke(app, ["build", "--root", str(root)])
    assert result.exit_code == 0, result.exception
    return root / "build" / "html"


@contextlib.contextmanager
def serve(site: Path) -> Iterator[str]:
    handler = functools.partial(QuietHandler, directory=str(site))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="module")
def address(site) -> Iterator[str]:
    with serve(site) as url:
        yield url


@pytest.fixture(scope="module")
def miniature_address(miniature) -> Iterator[str]:
    with serve(miniature) as url:
        yield url


@pytest.fixture(scope="module")
def browser():
    names = ("chromium", "google-chrome", "chrome", "chromium-browser")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=FLAGS)


@pytest.fixture
def page(browser) -> Iterator[Page]:
    """A page on which every console error and every request off the site fails the test."""
    opened = browser.new_page(viewport={"width": 1440, "height": 900})
    faults = watch(opened)
    yield opened
    opened.close()
    assert faults == []


def watch(page: Page) -> list[str]:
    """A list that fills with what must not happen on a page."""
    faults: list[str] = []
    allowed = ("http://127.0.0.1:", "data:")
    page.on("console", lambda m: faults.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(allowed) else faults.append(r.url))
    page.on("dialog", lambda dialog: faults.append(dialog.message))
    return faults


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
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    faults = watch(page)
    models = [f"models/{path.name}/" for path in sorted((site / "models").iterdir())]
    for path in (*PAGES, *models[:2], "published/huang-2024/Qwen__Qwen-7B/"):
        page.goto(address + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.locator("h1").count() == 1, path
    page.close()
    assert faults == []


def test_a_hostile_name_is_only_text(page, miniature_address):
    """Text of records and tables neither runs nor becomes markup, in the body or the title."""
    page.goto(f"{miniature_address}models/org__hostile/")
    assert page.title() == "org/hostile - LLM Compression Leaderboard"
    assert HOSTILE in page.locator("dl.facts").first.inner_text()
    page.goto(miniature_address)
    assert HOSTILE in page.locator("#measured-base-16-8-starter-table").inner_text()
    page.locator("#paper-table a", has_text="<script>").first.click()
    assert page.locator("h1").inner_text() == HOSTILE
    assert page.locator("article script").count() == 0
    assert "49" not in page.locator("h1").inner_text()


def test_a_search_finds_the_method_and_no_model_page(page, miniature_address):
    index = page.request.get(f"{miniature_address}search/search_index.json").json()
    places = [document["location"] for document in index["docs"]]
    assert any(place.startswith("method/") for place in places)
    assert not any(place.startswith(("models/", "published/")) for place in places)


def test_it_works_without_javascript(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert page.locator("#huang-2024-table tbody tr").count() == 28
    assert page.locator(".chart-points path").count() == 23
    page.locator("#huang-2024-table tbody a").first.click()
    assert page.locator("h1").inner_text() in page.title()
    context.close()


class Links(HTMLParser):
    """The links and the ids of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        self.links += [v for k in ("href", "src") if (v := held.get(k))]
        self.ids |= {v for k in ("id", "name") if (v := held.get(k))}


@pytest.mark.parametrize("board", ["site", "miniature"])
def test_every_link_inside_the_site_resolves(board, request):
    folder = request.getfixturevalue(board)
    pages = {
        path.relative_to(folder).as_posix(): Links(path.read_text("utf-8"))
        for path in sorted(folder.rglob("*.html"))
        if path.name != "404.html"
    }
    assert len(pages) > 15
    for name, found in pages.items():
        for link in found.links:
            parts = urlsplit(urljoin(f"http://site/{name}", link))
            if parts.hostname != "site":
                assert parts.scheme in ("http", "https"), (name, link)
                continue
            target = unquote(parts.path).lstrip("/")
            target += "index.html" if target.endswith("/") or not target else ""
            assert (folder / target).is_file(), (name, link)
            if parts.fragment and target in pages and not parts.fragment.startswith("__"):
                assert parts.fragment in pages[target].ids, (name, link)


def test_the_downloads_are_csv(miniature):
    tables = sorted((miniature / "data").glob("*.csv"))
    assert len(tables) == sum("csv" in one.formats for one in make_dictionary([]).values())
    for path in tables:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream, strict=True))
        assert len(rows) > 1, path.name
        assert len({len(row) for row in rows}) == 1, path.name


def test_the_snippets_of_the_download_page_run(miniature_address):
    page = (ROOT / "site/docs/download.md").read_text("utf-8")
    snippets = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, object] = {"SITE": miniature_address}
    for snippet in snippets:
        exec(snippet, names)
    assert len(snippets) == 3
    assert len(names["scores"]) > len(names["leaderboard"]) > 0
    costs = names["costs"].to_pandas()
    best = names["best"].df()
    assert (costs["bits"] / costs["bytes"]).min() == pytest.approx(best["bits_per_byte"][0])


def test_the_miniature_built_twice_gives_the_same_bytes(miniature, tmp_path):
    write_miniature(tmp_path)
    again = build(tmp_path)
    files = [path.relative_to(again) for path in sorted(again.rglob("*")) if path.is_file()]
    assert files
    for name in files:
        assert (again / name).read_bytes() == (miniature / name).read_bytes(), name
