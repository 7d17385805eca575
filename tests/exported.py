"""Boards as tests want them, and exports as files."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from compression_leaderboard.fits.study import StudiedBoard as Board
from compression_leaderboard.fits.study import derive_board
from compression_leaderboard.pages.rendering import Renderer
from compression_leaderboard.pages.site import Sources
from compression_leaderboard.pages.site import render_site as render_sources
from compression_leaderboard.repository.contents import Contents, read_contents
from compression_leaderboard.repository.git import Commit
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.site import read_sources
from compression_leaderboard.repository.specs import Specs
from jinja2 import Environment

from tests import ROOT

COMMIT = Commit("0123456789abcdef0123456789abcdef01234567", "2026-01-02T03:04:05+00:00")


@cache
def site_sources() -> Sources:
    """Templates, pages and changelog of this repository."""
    return Sources(*read_sources(ROOT))


def renderer(date: str = COMMIT.date[:10]) -> Renderer:
    """Renders with the templates of this repository."""
    return Renderer(site_sources().templates, date)


def render_source(source: str, **view: Any) -> str:
    """A few lines that use the components and charts of this repository."""
    imports = "".join(
        f'{{% import "{name}.html" as {alias} %}}'
        for name, alias in (("components", "ui"), ("charts", "charts"))
    )
    templates = {**site_sources().templates, "source.html": imports + source}
    return Renderer(templates, COMMIT.date[:10])("source.html", **view)


@cache
def glossary_headings() -> dict[str, str]:
    """The words that pages link to the glossary, each with its heading there."""
    source = site_sources().templates["glossary.html"]
    return dict(vars(Environment().from_string(source).module)["headings"])


def board_of(specs: Specs, stored: Sequence[StoredResult], commit: Commit = COMMIT) -> Board:
    """The board of records that stand in no folder."""
    return derive_board(Contents(specs, list(stored), [], []), commit)


def read_board(root: Path) -> Board:
    """The board of a repository, which must be without problems."""
    contents, problems = read_contents(root)
    assert problems == []
    return derive_board(contents, COMMIT)


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def page_text(files: dict[str, bytes], name: str) -> str:
    """The generated HTML of a page, which is in its front matter; "" where there is none."""
    return str(page_matter(files, name).get("html", ""))


def page_matter(files: dict[str, bytes], name: str) -> dict[str, Any]:
    """The front matter of a page."""
    name = {"home": "index"}.get(name, name)
    matter = files[f"docs/{name}.md"].decode().removeprefix("---\n").partition("\n---\n")[0]
    return dict(yaml.safe_load(matter))


def render_site(board: Board) -> dict[str, bytes]:
    """The site of a board, with the site's own templates and pages."""
    return render_sources(board, site_sources())
