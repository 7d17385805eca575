"""A Hugging Face Hub on loopback: folders served as repositories, each with one commit.

It answers what huggingface_hub asks for: information, listing, and files, at the commit only.
"""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


class Hub:
    """Repositories by kind and name, and every request that came."""

    def __init__(self) -> None:
        self.repositories: dict[str, Path] = {}  # "datasets/org/name" or "models/org/name"
        self.requests: list[str] = []
        self.answers = True  # False: every connection is closed without an answer
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def add(self, kind: str, name: str, folder: Path) -> str:
        """Serve a folder as a repository; return its commit."""
        self.repositories[f"{kind}/{name}"] = folder
        return commit_of(folder)

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
                code, content, headers = hub.answer(unquote(self.path), body)
                self.send_response(code)
                for name, value in {"Content-Length": len(content), **headers}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

        return Handler

    def answer(self, path: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        """Status, content and headers of one request."""
        parts = urlsplit(path).path.strip("/").split("/")
        api = parts[0] == "api"
        parts = parts[api:]
        if parts[0] not in ("datasets", "models"):
            parts.insert(0, "models")
        folder = self.repositories.get("/".join(parts[:3]))
        if folder is None:
            return _error("RepoNotFound")
        action, revision, *rest = [*parts[3:], "", ""][: max(2, len(parts) - 3)]
        commit = commit_of(folder)
        if revision not in ("", "main", commit):
            return _error("RevisionNotFound")
        if not api:
            return _file(folder / "/".join(rest), commit)
        if action in ("", "revision"):
            names = [{"rfilename": name} for name in _names(folder)]
            name = "/".join(parts[1:3])
            return _json({"_id": "0" * 24, "id": name, "sha": commit, "siblings": names})
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


def _entry(folder: Path, name: str) -> dict[str, Any]:
    file = folder / name
    return {"type": "file", "path": name, "size": file.stat().st_size, "oid": _oid(file)}


def _wanted(body: bytes) -> list[str]:
    """The paths asked for, as JSON or as a form."""
    try:
        return list(json.loads(body)["paths"])
    except ValueError:
        return parse_qs(body.decode())["paths"]


def _file(file: Path, commit: str) -> tuple[int, bytes, dict[str, str]]:
    if not file.is_file():
        return _error("EntryNotFound")
    return 200, file.read_bytes(), {"X-Repo-Commit": commit, "ETag": f'"{_oid(file)}"'}


def _json(content: Any) -> tuple[int, bytes, dict[str, str]]:
    return 200, json.dumps(content).encode(), {"Content-Type": "application/json"}


def _error(code: str) -> tuple[int, bytes, dict[str, str]]:
    return 404, b"", {"X-Error-Code": code, "X-Error-Message": code}
