"""Lay out build/docs and build/theme for mkdocs, run it, and check the built site."""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from datetime import datetime
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit

from compression_leaderboard.records.base import Problem
from compression_leaderboard.repository.files import write_atomically

INPUTS = ("runs", "results", "site", "mkdocs.yml", "CHANGELOG.md")  # of a build, below the root
COPIES = {"docs": "site/docs", "theme": "site/theme"}
DATA_FOLDERS = ("api", "badges", "compare", "plane", "records")  # below docs/, without pages
DATA = tuple(f"docs/{folder}/" for folder in DATA_FOLDERS)
PROGRAM = Path(__file__).parent.parent
Layout = dict[str, bytes | Path]  # content, or the file that holds it, by path below build/
PACKAGES = ("mkdocs", "mkdocs-material", "numpy", "pandas", "scipy", "statsmodels")


def hash_inputs(root: Path, commit: str) -> str:
    """Hash what a build depends on: records, pages, this program, packages, commit and address."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        digest.update(f"{package} {version(package)}\n".encode())
    digest.update(f"{commit} {os.environ.get('SITE_URL', '')}\n".encode())
    for base, names in ((root, INPUTS), (PROGRAM, (".",))):
        for name in names:
            for path in _files(base / name):
                if "__pycache__" not in path.parts and "local" not in path.parts:
                    content = _hash_file(path)
                    digest.update(os.fsencode(f"{path.relative_to(base)} {content}\n"))
    return digest.hexdigest()


def _hash_file(path: Path) -> str:
    """Hash a file's content; one that cannot be read has the name of the fault as its hash."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return str(error.strerror)


def _files(place: Path) -> Iterable[Path]:
    if place.is_file():
        return [place]
    # Several times as fast as rglob, which asks of every path whether it is a file.
    return [
        Path(folder, name) for folder, _, names in sorted(os.walk(place)) for name in sorted(names)
    ]


def is_built(root: Path, inputs: str) -> bool:
    """Tell whether build/html was made from these inputs and is whole."""
    stamp = root / "build" / "html.stamp"
    return stamp.is_file() and stamp.read_text() == f"{inputs} {_outline(root)}"


def mark_built(root: Path, inputs: str) -> None:
    write_atomically(root / "build" / "html.stamp", f"{inputs} {_outline(root)}".encode())


def _outline(root: Path) -> str:
    """Hash the names and sizes of the built files, so that a missing one is noticed."""
    html = root / "build" / "html"
    base = str(html)
    lines = [f"{str(path).removeprefix(base)} {path.stat().st_size}" for path in _files(html)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def read_sources(root: Path) -> tuple[dict[str, str], dict[str, str], str, str, str]:
    """Read templates and hand-written pages by name, the changelog, and what the tests write."""
    templates = {p.name: p.read_text("utf-8") for p in sorted(root.glob("site/templates/*.html"))}
    pages = {p.name: p.read_text("utf-8") for p in sorted(root.glob("site/docs/*.md"))}
    names = ("CHANGELOG.md", "site/architectures.toml", "site/conventions.toml")
    others = [root / name for name in names]
    changelog, architectures, conventions = (
        p.read_text("utf-8") if p.is_file() else "" for p in others
    )
    return templates, pages, changelog, architectures, conventions


def lay_out(root: Path, made: dict[str, bytes], records: Iterable[str]) -> Layout:
    """Map paths of build/docs and build/theme to the files made, records and those of COPIES.

    records: files of results/measured, relative to the repository.
    """
    wanted: Layout = dict(made)
    for file in records:
        wanted[f"docs/records/{file.split('/', 2)[2]}"] = root / file
    for target, source in COPIES.items():
        base = str(root / source)
        for path in _files(root / source):
            wanted.setdefault(f"{target}{str(path).removeprefix(base)}", path)
    return wanted


def write_site(root: Path, wanted: Layout) -> None:
    """Write build/docs and build/theme, on which mkdocs can be run."""
    _remove_others(root, wanted)
    _write(root / "build", wanted)


def build_html(root: Path, wanted: Layout, commit_date: str) -> None:
    """Write build/docs and build/theme, run mkdocs, give pages their Content-Security-Policy.

    Folders of data, which are most of the files, are written while mkdocs makes the pages, then
    linked into the site. Dates come from the commit, so bytes do not change.
    """
    epoch = int(datetime.fromisoformat(commit_date).timestamp())
    environment = {
        **os.environ,
        "SOURCE_DATE_EPOCH": str(epoch),
        "NO_MKDOCS_2_WARNING": "1",
        "NOT_BY_MKDOCS": "".join(f"/{folder}/\n" for folder in DATA_FOLDERS),
    }
    build, html = root / "build", root / "build" / "html"
    data = {name: content for name, content in wanted.items() if name.startswith(DATA)}
    _remove_others(root, wanted)
    _write(build, {name: content for name, content in wanted.items() if name not in data})
    shutil.rmtree(html, ignore_errors=True)
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet"]
    with subprocess.Popen([*command, "-f", str(root / "mkdocs.yml")], env=environment) as mkdocs:
        _write(build, data)
    if mkdocs.returncode:
        raise subprocess.CalledProcessError(mkdocs.returncode, command)
    links = {f"{html}/{name.removeprefix('docs/')}": f"{build}/{name}" for name in data}
    _make_folders(links)
    for path, name in links.items():
        try:
            os.link(name, path)  # several times as fast as to write it again
        except OSError:  # not every file system has links
            shutil.copyfile(name, path)
    add_policies(html, environment.get("SITE_URL", ""))


def _remove_others(root: Path, wanted: Layout) -> None:
    """Remove files that are no longer made."""
    for folder in ("docs", "theme"):
        for path in _files(root / "build" / folder):
            if str(path.relative_to(root / "build")) not in wanted:
                path.unlink()


def _write(folder: Path, files: Layout) -> None:
    paths = {f"{folder}/{name}": content for name, content in files.items()}
    _make_folders(paths)
    for path, content in paths.items():
        made = content if isinstance(content, bytes) else content.read_bytes()
        if os.path.exists(path):
            if Path(path).read_bytes() == made:
                continue
            os.unlink(path)  # the site may link to the same file
        with open(path, "wb") as file:  # derived: what a crash leaves is written again
            file.write(made)


def _make_folders(paths: Iterable[str]) -> None:
    for folder in sorted({os.path.dirname(path) for path in paths}):
        os.makedirs(folder, exist_ok=True)


# The Content-Security-Policy allows the inline scripts of mkdocs-material 9.8.1 by hash, whatever a
# page contains: a script that ends up in a page by mistake gets no hash. A test compares the hashes
# with the scripts of built pages. SCOPE is the one script that differs between
# pages: by BASE, the way to the root.
SCOPE = (
    '__md_scope=new URL("BASE",location),'
    "__md_hash=e=>[...e].reduce(((e,_)=>(e<<5)-e+_.charCodeAt(0)),0),"
    '__md_get=(e,_=localStorage,t=__md_scope)=>JSON.parse(_.getItem(t.pathname+"."+e)),'
    "__md_set=(e,_,t=localStorage,a=__md_scope)=>"
    '{try{t.setItem(a.pathname+"."+e,JSON.stringify(_))}catch(e){}}'
)
PALETTE_HASH = "sha256-DrEMJJ29sL7vIloQzly+VUGMxKcBTMII+OfW7Y8AkG4="
TABS_HASH = "sha256-/8wPdzX9q0NNJXyA5lzsLojXFpkeaXVxhbfkUOQaWy8="
CHARSET = re.compile(r'<meta charset="?utf-8"?\s*/?>', re.IGNORECASE)
# Charts have styles in attributes, so styles are allowed inline; scripts are not. Data blocks such
# as JSON are no scripts and need no hash.
POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="'
    "default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'self'\">"
)


def add_policies(folder: Path, site_url: str = "") -> int:
    """Write the policy into every page below `folder`; return how many pages."""
    pages = sorted(folder.rglob("*.html"))
    for path in pages:
        base = path_to_root(path.relative_to(folder).as_posix(), site_url)
        path.write_text(with_policy(path.read_text("utf-8"), base), "utf-8")
    return len(pages)


def path_to_root(page: str, site_url: str = "") -> str:
    """Return the way from a page to the site's root, as the theme writes it: such as "../..".

    404.html is served at any address, so there it is the path of the site's address.
    """
    if page == "404.html":
        return f"{urlsplit(site_url).path.rstrip('/')}/"
    return os.path.relpath(".", PurePosixPath(page).parent)


def with_policy(page: str, base: str) -> str:
    """Insert the policy right after the page's charset. base: from the page to the root."""
    hashes = " ".join(f"'{script}'" for script in script_hashes(base))
    charset = CHARSET.search(page)
    if charset is None:
        raise ValueError("a page of the theme declares its charset; this one does not")
    return f"{page[: charset.end()]}{POLICY.format(hashes=hashes)}{page[charset.end() :]}"


def script_hashes(base: str) -> tuple[str, ...]:
    """Hash the inline scripts that the theme writes into a page. base: see with_policy."""
    scope = hashlib.sha256(SCOPE.replace("BASE", base).encode()).digest()
    return f"sha256-{base64.b64encode(scope).decode()}", PALETTE_HASH, TABS_HASH


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
        self.links += [value for name, value in attrs if value and name in ("href", "src")]
        self.ids |= {value for name, value in attrs if value and name in ("id", "name")}


def check_links(folder: Path) -> list[Problem]:
    """Report links that lead to no file or to no place in it. Other sites are not asked."""
    pages = {
        path.relative_to(folder).as_posix(): _Page(path.read_text("utf-8"))
        for path in sorted(folder.rglob("*.html"))
        if path.name != "404.html"  # served at any address, so its links begin with the site's path
    }
    return [
        Problem(name, link, wrong, "fix the page that holds it, or what it leads to")
        for name, page in pages.items()
        for link in dict.fromkeys(page.links)
        if (wrong := _wrong(name, link, folder, pages))
    ]


def _wrong(name: str, link: str, folder: Path, pages: dict[str, _Page]) -> str | None:
    """Return what is wrong with a link of the page `name`; None for a good one."""
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
    """Return the bytes of the whole site, and report what is over its budget."""
    problems, total = [], 0
    for path in _files(folder):
        size = path.stat().st_size
        total += size
        if path.suffix == ".html" and size > page_bytes:
            wrong = f"has {size:,} bytes, the budget of a page is {page_bytes:,}"
            page = path.relative_to(folder).as_posix()
            problems.append(Problem(page, "", wrong, "fold or split what it shows"))
    if total > site_bytes:
        wrong = f"has {total:,} bytes, the budget of the site is {site_bytes:,}"
        problems.append(Problem(str(folder), "", wrong, "keep large data in a release"))
    return total, problems
