"""Lay out build/docs and build/theme for mkdocs, run it, and check the built site."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urljoin, urlsplit

from compression_leaderboard.records.base import Problem
from compression_leaderboard.repository.policy import add_policies
from compression_leaderboard.repository.results import write_atomically

INPUTS = ("runs", "results", "site", "mkdocs.yml", "CHANGELOG.md")  # of a build, below the root
COPIES = {"docs": "site/docs", "theme": "site/theme", "docs/records": "results/measured"}
DATA_FOLDERS = ("api", "badges", "compare", "plane", "records")  # below docs/: no page stands there
DATA = tuple(f"docs/{folder}/" for folder in DATA_FOLDERS)
PROGRAM = Path(__file__).parent.parent
T = TypeVar("T")
Layout = dict[str, bytes | Path]  # content, or the file that holds it, by path below build/
PACKAGES = ("mkdocs", "mkdocs-material", "numpy", "pandas", "scipy", "statsmodels")


def hash_inputs(root: Path, commit: str) -> str:
    """What a build depends on: records, pages, this program, its packages, commit and address."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        digest.update(f"{package} {version(package)}\n".encode())
    digest.update(f"{commit} {os.environ.get('SITE_URL', '')}\n".encode())
    for base, names in ((root, INPUTS), (PROGRAM, (".",))):
        for name in names:
            for path in _files(base / name):
                if "__pycache__" not in path.parts and "local" not in path.parts:
                    content = hashlib.sha256(path.read_bytes()).hexdigest()
                    digest.update(f"{path.relative_to(base)} {content}\n".encode())
    return digest.hexdigest()


def _files(place: Path) -> Iterable[Path]:
    if place.is_file():
        return [place]
    # Several times as fast as rglob, which asks of every path whether it is a file.
    return [
        Path(folder, name) for folder, _, names in sorted(os.walk(place)) for name in sorted(names)
    ]


def is_built(root: Path, inputs: str) -> bool:
    """Whether build/html was made from these inputs and is whole."""
    stamp = root / "build" / "html.stamp"
    return stamp.is_file() and stamp.read_text() == f"{inputs} {_outline(root)}"


def mark_built(root: Path, inputs: str) -> None:
    write_atomically(root / "build" / "html.stamp", f"{inputs} {_outline(root)}".encode())


def _outline(root: Path) -> str:
    """Names and sizes of the built files, so that a missing one is noticed."""
    html = root / "build" / "html"
    base = str(html)
    lines = [f"{str(path).removeprefix(base)} {path.stat().st_size}" for path in _files(html)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def read_sources(root: Path) -> tuple[dict[str, str], dict[str, str], str]:
    """Read the templates and the hand-written pages of the site by name, and the changelog."""
    templates = {p.name: p.read_text("utf-8") for p in sorted(root.glob("site/templates/*.html"))}
    pages = {p.name: p.read_text("utf-8") for p in sorted(root.glob("site/docs/*.md"))}
    changelog = root / "CHANGELOG.md"
    return templates, pages, changelog.read_text("utf-8") if changelog.is_file() else ""


def lay_out(root: Path, made: dict[str, bytes]) -> Layout:
    """What build/docs and build/theme shall hold: what was made, and the folders of COPIES."""
    wanted: Layout = dict(made)
    for target, source in COPIES.items():
        base = str(root / source)
        for path in _files(root / source):
            wanted.setdefault(f"{target}{str(path).removeprefix(base)}", path)
    return wanted


def write_site(root: Path, wanted: Layout) -> None:
    """Write build/docs and build/theme, so that mkdocs can be run over them."""
    _remove_others(root, wanted)
    _write(root / "build", wanted)


def build_html(root: Path, wanted: Layout, commit_date: str) -> None:
    """Write build/docs and build/theme, run mkdocs, give pages their Content-Security-Policy.

    Folders of data, which are most of the files, are written while mkdocs makes the pages.
    Dates come from the commit, so bytes do not change.
    """
    epoch = int(datetime.fromisoformat(commit_date).timestamp())
    environment = {
        **os.environ,
        "SOURCE_DATE_EPOCH": str(epoch),
        "NO_MKDOCS_2_WARNING": "1",
        "NOT_BY_MKDOCS": "".join(f"/{folder}/\n" for folder in DATA_FOLDERS),
    }
    html, beside = root / "build" / "html", root / "build" / "beside"
    data = {name: made for name, made in wanted.items() if name.startswith(DATA)}
    _remove_others(root, wanted)
    _write(root / "build", {name: made for name, made in wanted.items() if name not in data})
    for folder in (html, beside):
        shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet"]
    with subprocess.Popen([*command, "-f", str(root / "mkdocs.yml")], env=environment) as mkdocs:
        _write(root / "build", data)
        _link(root / "build", beside, data)
    if mkdocs.returncode:
        raise subprocess.CalledProcessError(mkdocs.returncode, command)
    for folder in (beside / "docs").glob("*"):
        (html / folder.name).mkdir(exist_ok=True)
        for path in folder.iterdir():
            path.rename(html / folder.name / path.name)
    shutil.rmtree(beside)
    add_policies(html, environment.get("SITE_URL", ""))


def _remove_others(root: Path, wanted: Layout) -> None:
    """Files that are no longer made go."""
    for folder in ("docs", "theme"):
        for path in _files(root / "build" / folder):
            if str(path.relative_to(root / "build")) not in wanted:
                path.unlink()


def _write(base: Path, files: Layout) -> None:
    for name, content in _in_folders(base, files).items():
        made = content if isinstance(content, bytes) else content.read_bytes()
        if os.path.exists(name):
            if Path(name).read_bytes() == made:
                continue
            os.unlink(name)  # the same file may stand in the site
        with open(name, "wb") as file:  # derived: what a crash leaves is written again
            file.write(made)


def _link(base: Path, target: Path, names: Iterable[str]) -> None:
    """The same files below another folder, several times as fast as to write them again."""
    for path, name in _in_folders(target, {name: name for name in names}).items():
        try:
            os.link(f"{base}/{name}", path)
        except OSError:  # not every file system has links
            shutil.copyfile(f"{base}/{name}", path)


def _in_folders(base: Path, files: Mapping[str, T]) -> dict[str, T]:
    """By path below `base`, where all folders are there."""
    by_path = {f"{base}/{name}": content for name, content in files.items()}
    for folder in sorted({os.path.dirname(path) for path in by_path}):
        os.makedirs(folder, exist_ok=True)
    return by_path


HOST = "site"  # any name: what stays on it is a link inside the site
PAGE_BYTES = 3_000_000  # of one page: GitHub serves it compressed, a phone still has to lay it out
SITE_BYTES = 900_000_000  # GitHub Pages refuses a site of more than 1 GB


class _Page(HTMLParser):
    """The links and the ids of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        self.links += [value for name in ("href", "src") if (value := held.get(name))]
        self.ids |= {value for name in ("id", "name") if (value := held.get(name))}


def check_links(folder: Path) -> list[Problem]:
    """Links that lead to no file or to no place in it. Addresses elsewhere are not asked."""
    pages = {
        path.relative_to(folder).as_posix(): _Page(path.read_text("utf-8"))
        for path in sorted(folder.rglob("*.html"))
        if path.name != "404.html"  # served at any address, so its links begin with the site's path
    }
    return [
        Problem(name, link, wrong, "mend the page that holds it, or what it leads to")
        for name, page in pages.items()
        for link in dict.fromkeys(page.links)
        if (wrong := _wrong(name, link, folder, pages))
    ]


def _wrong(name: str, link: str, folder: Path, pages: dict[str, _Page]) -> str | None:
    parts = urlsplit(urljoin(f"http://{HOST}/{name}", link))
    if parts.hostname != HOST:
        known = parts.scheme in ("http", "https")
        return None if known else f"leads to the scheme {parts.scheme!r}"
    target = unquote(parts.path).lstrip("/")
    target += "index.html" if target.endswith("/") or not target else ""
    if not (folder / target).is_file():
        return f"there is no {target}"
    inner = parts.fragment if target in pages else ""
    if inner and not inner.startswith("__") and inner not in pages[target].ids:
        return f"{target} has no place of this name"
    return None


def check_sizes(
    folder: Path, page_bytes: int = PAGE_BYTES, site_bytes: int = SITE_BYTES
) -> tuple[int, list[Problem]]:
    """Bytes of the whole site, and what is over its budget."""
    sizes = {path: path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()}
    problems = [
        Problem(
            path.relative_to(folder).as_posix(),
            "",
            f"has {size:,} bytes, the budget of a page is {page_bytes:,}",
            "fold or split what it shows",
        )
        for path, size in sizes.items()
        if path.suffix == ".html" and size > page_bytes
    ]
    total = sum(sizes.values())
    if total > site_bytes:
        wrong = f"has {total:,} bytes, the budget of the site is {site_bytes:,}"
        problems.append(Problem(str(folder), "", wrong, "keep large data in a release"))
    return total, problems
