"""The built site as files: every link inside of it resolves, and no page or total is too large."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from generator.records.base import Problem

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
