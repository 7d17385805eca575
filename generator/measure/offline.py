"""While private text is scored, this process talks to no other machine."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_allowed: list[frozenset[str]] = []  # hosts and their addresses; innermost last
_hooked: list[bool] = []


@contextmanager
def no_network(host: str | None = None) -> Iterator[None]:
    """Every connection and every look-up of a name is refused, whatever library asks for it.

    host: the one that the user named, if any. Sockets that stay inside this machine's kernel (Unix
    sockets) are not touched.
    """
    if not _hooked:
        sys.addaudithook(_refuse)  # can't be taken back, so it looks at _allowed
        _hooked.append(True)
    _allowed.append(_names(host) if host else frozenset())
    try:
        yield
    finally:
        _allowed.pop()


def _names(host: str) -> frozenset[str]:
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        return frozenset({host})  # whoever connects to it says what is wrong
    return frozenset({host, *(str(address[4][0]) for address in found)})


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if not _allowed or event not in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        return
    place = arguments[0] if event == "socket.getaddrinfo" else arguments[-1]
    if event != "socket.getaddrinfo":
        if not isinstance(place, tuple):
            return  # a path: a Unix socket
        place = place[0]
    if place not in _allowed[-1]:
        raise PermissionError(f"{event}: refused; your text stays on this machine")
