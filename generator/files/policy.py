"""A Content-Security-Policy in every built page: no script runs but the site's own."""

import base64
import hashlib
import re
from pathlib import Path

SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<body>.*?)</script>", re.DOTALL)
HEAD = re.compile(r'<meta charset="?utf-8"?\s*/?>', re.IGNORECASE)
MARK = '<meta http-equiv="Content-Security-Policy"'
# Styles stand in attributes of charts, so they are allowed inline; scripts are not.
POLICY = (
    "default-src 'none'; script-src 'self'{hashes}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'self'"
)


def add_policies(folder: Path) -> int:
    """Write the policy into every page below `folder` that has none; return how many pages."""
    pages = sorted(folder.rglob("*.html"))
    for path in pages:
        text = path.read_text("utf-8")
        if MARK not in text:
            path.write_text(with_policy(text), "utf-8")
    return len(pages)


def with_policy(page: str) -> str:
    """The page with its policy right after the declaration of its charset.

    The theme's few inline scripts, one of which depends on the depth of the page, are allowed by
    their hashes. Data blocks such as JSON are no scripts and need none.
    """
    hashes = {_hash(match["body"]) for match in SCRIPT.finditer(page) if _runs(match["attributes"])}
    allowed = "".join(f" 'sha256-{digest}'" for digest in sorted(hashes))
    meta = f'{MARK} content="{POLICY.format(hashes=allowed)}">'
    found = HEAD.search(page)
    if found is None:
        raise ValueError("a page of the theme declares its charset; this one does not")
    return f"{page[: found.end()]}{meta}{page[found.end() :]}"


def _runs(attributes: str) -> bool:
    """Whether a script element holds code of its own."""
    kind = re.search(r'\btype="?([^"\s>]+)', attributes)
    is_code = kind is None or kind[1] in ("module", "text/javascript")
    return is_code and re.search(r"\bsrc\s*=", attributes) is None


def _hash(body: str) -> str:
    return base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
