"""A Hugging Face Hub on loopback: folders served as repositories, each with one commit.

It answers what huggingface_hub asks for: information, listing, and files, whole or from a byte on,
at the commit only. It is as bad as it is told to be: gated, busy, broken, slow, cut off.
"""

import hashlib
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

Answer = tuple[int, bytes, dict[str, str]]  # status, content and headers


@dataclass
class Fault:
    """What goes wrong with the requests whose path has `path` in it."""

    path: str
    method: str = "GET"
    status: int = 0  # 0: the right answer, but for what follows
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None  # bytes of the content, then the connection is closed
    stall: float = 0.0  # seconds of silence in the middle of the content
    download: bool = False  # only where a file is wanted to its end, not a part such as a header
    times: int | None = None  # how often; None: for ever


class Hub:
    """Repositories by kind and name, and every request that came."""

    def __init__(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.clear()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def clear(self) -> None:
        """No repositories, no faults, no requests."""
        self.repositories: dict[str, Path] = {}  # "datasets/org/name" or "models/org/name"
        self.gated: dict[str, int] = {}  # by repository the status that its files are refused with
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.ranges: list[tuple[str, str]] = []  # path and range of every request for a part
        self.answers = True  # False: every connection is closed without an answer

    def add(self, kind: str, name: str, folder: Path) -> str:
        """Serve a folder as a repository; return its commit."""
        self.repositories[f"{kind}/{name}"] = folder
        return commit_of(folder)

    def fail(self, path: str, **fault: Any) -> None:
        self.faults.append(Fault(path, **fault))

    def fault_of(self, method: str, path: str, wanted: str) -> Fault | None:
        """The first fault that applies to a request; it has happened once more then."""
        part = bool(wanted) and not wanted.endswith("-")
        for fault in self.faults:
            applies = fault.path in path and fault.method == method and fault.times != 0
            if applies and not (part and fault.download):
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments: object) -> None:
                pass

            def do_GET(self) -> None:
                self.answer()

            def do_HEAD(self) -> None:
                self.answer()

            def do_POST(self) -> None:
                self.answer()

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                hub.requests.append(self.path)
                if not hub.answers:
                    self.close_connection = True
                    return
                wanted = self.headers.get("Range") or ""
                fault = hub.fault_of(self.command, self.path, wanted)
                if fault is not None and fault.status:
                    self.send(fault.status, b"", fault.headers)
                    return
                code, content, headers = hub.answer(unquote(self.path), body)
                if code == 200 and wanted:
                    hub.ranges.append((self.path, wanted))
                    code, content, headers = _part(wanted, content, headers)
                self.send(code, content, headers, fault)

            def send(
                self, code: int, content: bytes, headers: dict[str, str], fault: Fault | None = None
            ) -> None:
                self.send_response(code)
                for name, value in {"Content-Length": len(content), **headers}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                if self.command == "HEAD":
                    return
                if fault is not None and fault.stall:
                    self.wfile.write(content[: len(content) // 2])
                    self.wfile.flush()
                    time.sleep(fault.stall)
                    self.close_connection = True
                elif fault is not None and fault.cut_after is not None:
                    self.wfile.write(content[: fault.cut_after])
                    self.close_connection = True
                else:
                    self.wfile.write(content)

        return Handler

    def answer(self, path: str, body: bytes) -> Answer:
        """Status, content and headers of one request."""
        parts = urlsplit(path).path.strip("/").split("/")
        api = parts[0] == "api"
        parts = parts[api:]
        if parts[0] not in ("datasets", "models"):
            parts.insert(0, "models")
        repository = "/".join(parts[:3])
        folder = self.repositories.get(repository)
        if folder is None:
            return _error("RepoNotFound")
        action, revision, *rest = [*parts[3:], "", ""][: max(2, len(parts) - 3)]
        commit = commit_of(folder)
        if revision not in ("", "main", commit):
            return _error("RevisionNotFound")
        if repository in self.gated and (action == "auth-check" or not api):
            return _error("GatedRepo", self.gated[repository])
        if not api:
            return _file(folder / "/".join(rest), commit)
        if action in ("", "revision"):
            return _json(_information(folder, "/".join(parts[1:3]), repository in self.gated))
        inside = "/".join(rest)
        listed = [_entry(folder, name) for name in _names(folder) if name.startswith(inside)]
        if action == "paths-info":
            wanted = _wanted(body)
            listed = [entry for entry in listed if entry["path"] in wanted]
        return _json(listed)


def commit_of(folder: Path) -> str:
    """A hash over names and contents, in the form of a commit."""
    lines = [f"{name} {_oid(folder / name)}" for name in _names(folder)]
    return hashlib.sha1("\n".join(lines).encode()).hexdigest()


def _names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def _oid(file: Path) -> str:
    return hashlib.sha1(file.read_bytes()).hexdigest()


def _information(folder: Path, name: str, gated: bool) -> dict[str, Any]:
    """What the Hub tells of a repository, its card among it: the front matter of its README."""
    files = [_sibling(folder, name) for name in _names(folder)]
    readme = folder / "README.md"
    card = yaml.safe_load(readme.read_text().split("---")[1]) if readme.is_file() else None
    return {
        "_id": "0" * 24,
        "id": name,
        "sha": commit_of(folder),
        "gated": "manual" if gated else False,
        "cardData": card,
        "createdAt": "2025-03-04T05:06:07.000Z",
        "siblings": files,
    }


def _sibling(folder: Path, name: str) -> dict[str, Any]:
    """A file of the listing; of weights, which the Hub keeps in LFS, its SHA-256 as well."""
    file = folder / name
    size = file.stat().st_size
    listed: dict[str, Any] = {"rfilename": name, "size": size, "blobId": _oid(file)}
    if name.endswith(".safetensors"):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        listed["lfs"] = {"size": size, "sha256": digest, "pointerSize": 134}
    return listed


def _entry(folder: Path, name: str) -> dict[str, Any]:
    file = folder / name
    return {"type": "file", "path": name, "size": file.stat().st_size, "oid": _oid(file)}


def _wanted(body: bytes) -> list[str]:
    """The paths asked for, as JSON or as a form."""
    try:
        return list(json.loads(body)["paths"])
    except ValueError:
        return parse_qs(body.decode())["paths"]


def _file(file: Path, commit: str) -> Answer:
    if not file.is_file():
        return _error("EntryNotFound")
    headers = {"X-Repo-Commit": commit, "ETag": f'"{_oid(file)}"', "Accept-Ranges": "bytes"}
    return 200, file.read_bytes(), headers


def _part(wanted: str, content: bytes, headers: dict[str, str]) -> Answer:
    """The bytes that a Range header such as bytes=5- or bytes=0-99 asks for."""
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    begin, end = int(first), min(int(last or len(content)), len(content) - 1)
    shown = f"bytes {begin}-{end}/{len(content)}"
    return 206, content[begin : end + 1], {**headers, "Content-Range": shown}


def _json(content: Any) -> Answer:
    return 200, json.dumps(content).encode(), {"Content-Type": "application/json"}


def _error(code: str, status: int = 404) -> Answer:
    return status, b"", {"X-Error-Code": code, "X-Error-Message": code}
