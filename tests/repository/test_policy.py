"""Pages allow the theme's inline scripts by hash, and nothing else that a page may contain."""

import base64
import hashlib
import re

import pytest
from compression_leaderboard.repository.site import (
    SCOPE,
    add_policies,
    path_to_root,
    script_hashes,
    with_policy,
)

from tests.built_pages import outline

PAGE = '<html><head><meta charset="utf-8"></head><body>{}</body></html>'


def allowed_by(page: str) -> set[str]:
    """The hashes that the page's policy allows."""
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)[1]
    sources = re.search(r"script-src ([^;]+);", policy)[1].split()
    assert sources[0] == "'self'"
    return {source.strip("'") for source in sources[1:]}


def digest(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@pytest.mark.browser  # needs no browser, but the site that those tests build
@pytest.mark.parametrize("which", ["site", "miniature_site"])
def test_every_inline_script_of_every_page_is_the_themes(request, which):
    folder = request.getfixturevalue(which)
    for path in sorted(folder.rglob("*.html")):
        text = path.read_text("utf-8")
        name = path.relative_to(folder).as_posix()
        inline = set(map(digest, outline(text).scripts))
        assert inline == allowed_by(text) == set(script_hashes(path_to_root(name))), name


@pytest.mark.parametrize("attributes", ["", " type=module", ' type="text/javascript"'])
def test_a_foreign_inline_script_gets_no_hash(tmp_path, attributes):
    path = tmp_path / "models" / "x" / "index.html"
    path.parent.mkdir(parents=True)
    path.write_text(PAGE.format(f"<script{attributes}>alert(1)</script>"), "utf-8")
    assert add_policies(tmp_path) == 1
    allowed = allowed_by(path.read_text("utf-8"))
    assert digest("alert(1)") not in allowed
    assert allowed == set(script_hashes("../.."))


def test_a_page_that_claims_to_be_elsewhere_gets_the_hashes_of_its_place():
    scope = SCOPE.replace("BASE", "https://example.org")
    page = with_policy(PAGE.format(f"<script>{scope}</script>"), "..")
    assert digest(scope) in script_hashes("https://example.org")
    assert allowed_by(page) == set(script_hashes(".."))


@pytest.mark.parametrize(
    ("page", "site_url", "base"),
    [
        ("index.html", "", "."),
        ("method/index.html", "https://example.org/repo/", ".."),
        ("published/paper/x/index.html", "", "../../.."),
        ("404.html", "", "/"),
        ("404.html", "https://example.org", "/"),
        ("404.html", "https://example.org/repo", "/repo/"),
        ("404.html", "https://example.org/repo/", "/repo/"),
    ],
)
def test_the_way_to_the_root_follows_from_the_pages_place(page, site_url, base):
    assert path_to_root(page, site_url) == base


def test_a_page_without_a_charset_is_refused():
    with pytest.raises(ValueError, match="charset"):
        with_policy("<html></html>", ".")
