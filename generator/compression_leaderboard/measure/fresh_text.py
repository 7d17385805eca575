"""Fetch fresh text from openly licensed sources, politely, for a new corpus.

Known gaps: recent changes of Wikipedia reach back 90 days; a new article may be a translation or
a draft that is older; the first commit of a repository may hold code that is older.
"""

import base64
import json
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlencode

from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.records.corpora import TextDocument

LARGEST_ANSWER = 20_000_000  # bytes
TRIES = 3
BUSY = {429, 500, 502, 503, 504}
AGENT = "llm-compression-leaderboard (leaderboard corpus propose)"


@dataclass(frozen=True)
class Web:
    """The address of a source's interface; tests put a loopback server there."""

    address: str
    pause_seconds: float = 1.0  # before each request
    headers: dict[str, str] = field(default_factory=dict, repr=False)

    def get(self, path: str, **parameters: str | int) -> bytes:
        """Return an answer's content. Raises MeasureError when three tries give none."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        headers = {"User-Agent": AGENT, **self.headers}
        request = urllib.request.Request(f"{self.address}{path}{query}", headers=headers)
        why = ""
        for attempt in range(TRIES):
            time.sleep(self.pause_seconds * 2**attempt)
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    content: bytes = answer.read(LARGEST_ANSWER + 1)
            except urllib.error.HTTPError as error:
                why = f"answered {error.code}"
                if error.code not in BUSY:
                    break
            except OSError as error:
                why = f"cannot be reached: {error}"
            else:
                if len(content) > LARGEST_ANSWER:
                    wrong = f"{self.address}{path}: the answer is too large"
                    raise MeasureError("network", f"{wrong}; check --address")
                return content
        raise MeasureError("network", f"{self.address}{path} {why}; try again later")


ATOM = "{http://www.w3.org/2005/Atom}"
PERMISSIVE = {"MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "0BSD"}
PAGE = 100  # items per request
FILES_OF_REPOSITORY = 2  # so that no project makes up the corpus
TAGS = ("id", "published", "title", "summary")


@dataclass(frozen=True)
class FreshSource:
    """An openly licensed source, and what its documents have in common."""

    find: Callable[[Web, date, date], Iterator[TextDocument]]
    address: str
    pause_seconds: float
    title: str
    domain: str
    licence: str
    language: str  # "en" or "python"


def find_wikipedia(web: Web, begins: date, ends: date) -> Iterator[TextDocument]:
    """Find articles of the English Wikipedia created inside the dates, the newest first."""
    asked: dict[str, str | int] = {
        "action": "query", "format": "json", "formatversion": 2, "list": "recentchanges",
        "rctype": "new", "rcnamespace": 0, "rcshow": "!redirect|!bot", "rclimit": PAGE,
        "rcprop": "title|ids|timestamp",
        "rcstart": f"{ends}T23:59:59Z", "rcend": f"{begins}T00:00:00Z",
    }  # fmt: skip
    while True:
        answer = _json(web, "/w/api.php", **asked)
        for change in answer["query"]["recentchanges"]:
            text = _article(web, change["pageid"])
            if text:
                yield TextDocument(
                    name=f"wikipedia/{change['pageid']}",
                    url=f"https://en.wikipedia.org/w/index.php?curid={change['pageid']}",
                    date=date.fromisoformat(change["timestamp"][:10]),
                    licence="CC-BY-SA-4.0",
                    text=text,
                )
        if "continue" not in answer:
            return
        asked |= answer["continue"]


def _article(web: Web, page: int) -> str:
    """Return the plain text of an article; empty when it has been deleted since."""
    answer = _json(
        web, "/w/api.php", action="query", format="json", formatversion=2, prop="extracts",
        explaintext=1, exsectionformat="plain", pageids=page,
    )  # fmt: skip
    (article,) = answer["query"]["pages"]
    return str(article.get("extract", "")).strip()


def find_arxiv(web: Web, begins: date, ends: date) -> Iterator[TextDocument]:
    """Find titles and abstracts of articles whose first version was submitted inside the dates."""
    window = f"submittedDate:[{begins:%Y%m%d}0000 TO {ends:%Y%m%d}2359]"
    start = 0
    while True:
        content = web.get(
            "/api/query", search_query=window, start=start, max_results=PAGE,
            sortBy="submittedDate", sortOrder="ascending",
        )  # fmt: skip
        if b"<!DOCTYPE" in content:
            wrong = f"{web.address}: the feed declares a document type"
            raise MeasureError("network", f"{wrong}; check --address")
        entries = ET.fromstring(content).findall(f"{ATOM}entry")
        for entry in entries:
            part = {tag: " ".join((entry.findtext(ATOM + tag) or "").split()) for tag in TAGS}
            published = date.fromisoformat(part["published"][:10])
            if begins <= published <= ends and part["summary"]:
                yield TextDocument(
                    name=f"arxiv/{part['id'].rpartition('/abs/')[2]}",
                    url=part["id"].replace("http://", "https://"),
                    date=published,
                    licence="CC0-1.0",
                    text=f"{part['title']}\n\n{part['summary']}\n",
                )
        if len(entries) < PAGE:
            return
        start += PAGE


def find_code(web: Web, begins: date, ends: date) -> Iterator[TextDocument]:
    """Find permissively licensed Python files of repositories created inside the dates."""
    query = f"created:{begins}..{ends} language:python fork:false license:"
    for licence in sorted(PERMISSIVE):
        answer = _json(
            web, "/search/repositories", q=query + licence.lower(), sort="stars", per_page=PAGE
        )
        for item in answer["items"]:
            if item["license"] and item["license"]["spdx_id"] in PERMISSIVE:
                yield from _files_of(web, item, ends)


def _files_of(web: Web, item: dict[str, Any], ends: date) -> Iterator[TextDocument]:
    """Yield the first files of a repository at its newest commit up to the end of the dates."""
    repository = item["full_name"]
    until = f"{ends}T23:59:59Z"
    commits = _json(web, f"/repos/{repository}/commits", until=until, per_page=1)
    if not commits:
        return
    commit = commits[0]["sha"]
    tree = _json(web, f"/repos/{repository}/git/trees/{commit}", recursive=1)["tree"]
    code = [file for file in tree if file["type"] == "blob" and file["path"].endswith(".py")]
    big = [file for file in code if 2_000 <= file["size"] <= 100_000]
    for file in sorted(big, key=lambda file: str(file["path"]))[:FILES_OF_REPOSITORY]:
        blob = _json(web, f"/repos/{repository}/git/blobs/{file['sha']}")
        yield TextDocument(
            name=f"code/{repository}/{file['path']}",
            url=f"https://github.com/{repository}/blob/{commit}/{file['path']}",
            date=date.fromisoformat(item["created_at"][:10]),
            licence=item["license"]["spdx_id"],
            text=base64.b64decode(blob["content"]).decode("utf-8", errors="replace"),
        )


def _json(web: Web, path: str, **parameters: str | int) -> Any:
    try:
        return json.loads(web.get(path, **parameters))
    except ValueError as error:
        raise MeasureError("network", f"{web.address}{path}: not JSON; try again later") from error


SOURCES = {
    "wikipedia": FreshSource(
        find_wikipedia, "https://en.wikipedia.org", 1.0, "New Wikipedia articles",
        "English encyclopedia", "CC-BY-SA-4.0", "en",
    ),
    "arxiv": FreshSource(
        find_arxiv, "https://export.arxiv.org", 3.0, "New arXiv abstracts",
        "English scientific abstracts", "CC0-1.0", "en",
    ),
    "code": FreshSource(
        find_code, "https://api.github.com", 1.0, "Python of new repositories",
        "Python code", "permissive, named with each document", "python",
    ),
}  # fmt: skip
