"""While private text is scored, this process talks to no other machine."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_closed: list[str | None] = []  # the one host allowed, innermost last; None: no host at all
_hooked: list[bool] = []


@contextmanager
def no_network(allowed: str | None = None) -> Iterator[None]:
    """Every connection and every look-up of a name is refused, whatever library asks for it.

    allowed: the host of an endpoint that the user named, if any. Sockets that stay inside this
    machine's kernel (Unix sockets) are not touched.
    """
    if not _hooked:
        sys.addaudithook(_refuse)  # can't be taken back, so it looks at _closed
        _hooked.append(True)
    _closed.append(allowed)
    try:
        yield
    finally:
        _closed.pop()


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if not _closed or event not in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        return
    place = arguments[0] if event == "socket.getaddrinfo" else arguments[-1]
    host = place[0] if isinstance(place, tuple) else place
    if event != "socket.getaddrinfo" and not isinstance(place, tuple):
        return  # a path: a Unix socket
    if host != _closed[-1]:
        raise PermissionError(f"{event}: refused; your text stays on this machine")
