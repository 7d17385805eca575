"""The real board and the miniature one, built once and served on loopback, and a browser."""

import contextlib
import functools
import http.server
import importlib.resources
import os
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from compression_leaderboard.cli import app
from playwright.sync_api import Page, sync_playwright
from typer.testing import CliRunner

from tests import ROOT
from tests.miniature import write_miniature
from tests.siblings import write_siblings

SCREENSHOTS = ROOT / "build" / "screenshots"  # artefacts of a run, never committed
AXE = (importlib.resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Like the host of a static site it gives parts of a file, which readers of Parquet want."""

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        path = Path(self.translate_path(self.path))
        if asked is None or not path.is_file():
            super().do_GET()
            return
        content = path.read_bytes()
        first, last = asked.groups()
        begin = int(first) if first else max(0, len(content) - int(last))
        end = min(int(last), len(content) - 1) if first and last else len(content) - 1
        part = content[begin : end + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {begin}-{end}/{len(content)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """The real board, built from a copy of the repository."""
    root = tmp_path_factory.mktemp("repository")
    copy_repository(root)
    return build(root)


@pytest.fixture(scope="session")
def siblings_site(tmp_path_factory) -> Path:
    """The board with four measured base models of one table and three training runs."""
    root = tmp_path_factory.mktemp("siblings")
    copy_repository(root)
    write_siblings(root)
    for folder in sorted((root / "results/published").iterdir()):
        if folder.name != "huang-2024":  # one is enough here, and is built in a third of the time
            shutil.rmtree(folder)
    return build(root)


def copy_repository(root: Path) -> None:
    for name in ("runs", "results", "site"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("local"))
    for name in ("mkdocs.yml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, root)


@pytest.fixture(scope="session")
def miniature_site(tmp_path_factory) -> Path:
    """The board of the miniature repository, which holds hostile text."""
    root = tmp_path_factory.mktemp("miniature")
    write_miniature(root)
    return build(root)


def build(root: Path) -> Path:
    result = CliRunner().invoke(app, ["build", "--root", str(root)])
    assert result.exit_code == 0, result.exception
    return root / "build" / "html"


def label_of(row: Mapping[str, str | None]) -> str:
    """The name of a row of the downloads as pages show it."""
    mark = row["quantization"]
    return f"{row['name']} ({mark})" if mark else str(row["name"])


@contextlib.contextmanager
def serve(site: Path) -> Iterator[str]:
    handler = functools.partial(QuietHandler, directory=str(site))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="session")
def address(site) -> Iterator[str]:
    with serve(site) as url:
        yield url


@pytest.fixture(scope="session")
def siblings_address(siblings_site) -> Iterator[str]:
    with serve(siblings_site) as url:
        yield url


@pytest.fixture(scope="session")
def miniature_address(miniature_site) -> Iterator[str]:
    with serve(miniature_site) as url:
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


def keep_screenshot(page: Page, path: str, scheme: str, width: int) -> None:
    """The page as it is, in build/screenshots/<page>-<scheme>-<width>.png, for eyes to look at.

    path: below the site's root, "" for the home page; a query is no part of the name.
    """
    name = re.sub(r"[^A-Za-z0-9.@]+", "-", path.partition("?")[0]).strip("-") or "home"
    page.screenshot(path=SCREENSHOTS / f"{name}-{scheme}-{width}.png", full_page=True)


def faults_of(page: Page) -> list[str]:
    """What axe-core finds wrong, in short."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{fault['id']}: {node['html'][:160]}"
        for fault in found["violations"]
        for node in fault["nodes"][:3]
    ]
