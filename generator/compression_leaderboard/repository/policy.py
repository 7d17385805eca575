"""The Content-Security-Policy of built pages, which allows the theme's inline scripts by hash.

The hashes never come from the page at hand: a script that ends up in a page by mistake gets none.
"""

import base64
import hashlib
import os
import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

# The inline scripts of mkdocs-material 9.8.1, as it writes them; tests/test_policy.py compares them
# with those of built pages. BASE: the way from a page to the site's root.
SCOPE = (
    '__md_scope=new URL("BASE",location),'
    "__md_hash=e=>[...e].reduce(((e,_)=>(e<<5)-e+_.charCodeAt(0)),0),"
    '__md_get=(e,_=localStorage,t=__md_scope)=>JSON.parse(_.getItem(t.pathname+"."+e)),'
    "__md_set=(e,_,t=localStorage,a=__md_scope)=>"
    '{try{t.setItem(a.pathname+"."+e,JSON.stringify(_))}catch(e){}}'
)
PALETTE = (
    'var palette=__md_get("__palette");if(palette&&palette.color)'
    '{if("(prefers-color-scheme)"===palette.color.media)'
    '{var media=matchMedia("(prefers-color-scheme: light)"),'
    "input=document.querySelector(media.matches"
    "?\"[data-md-color-media='(prefers-color-scheme: light)']\""
    ":\"[data-md-color-media='(prefers-color-scheme: dark)']\");"
    'palette.color.media=input.getAttribute("data-md-color-media"),'
    'palette.color.scheme=input.getAttribute("data-md-color-scheme"),'
    'palette.color.primary=input.getAttribute("data-md-color-primary"),'
    'palette.color.accent=input.getAttribute("data-md-color-accent")}'
    "for(var[key,value]of Object.entries(palette.color))"
    'document.body.setAttribute("data-md-color-"+key,value)}'
)
TARGET = (
    "var target=document.getElementById(location.hash.slice(1));"
    'target&&target.name&&(target.checked=target.name.startsWith("__tabbed_"))'
)

CHARSET = re.compile(r'<meta charset="?utf-8"?\s*/?>', re.IGNORECASE)
MARK = '<meta http-equiv="Content-Security-Policy"'
# Charts have styles in attributes, so styles are allowed inline; scripts are not.
POLICY = (
    "default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'self'"
)


def add_policies(folder: Path, site_url: str = "") -> int:
    """Write the policy into every page below `folder` that has none; return how many pages."""
    pages = sorted(folder.rglob("*.html"))
    for path in pages:
        text = path.read_text("utf-8")
        if MARK not in text:
            base = path_to_root(path.relative_to(folder).as_posix(), site_url)
            path.write_text(with_policy(text, base), "utf-8")
    return len(pages)


def path_to_root(page: str, site_url: str = "") -> str:
    """The way from a page to the site's root, as the theme writes it: such as "../..".

    404.html is served at any address, so there it is the path of the site's address.
    """
    if page == "404.html":
        return f"{urlsplit(site_url).path.rstrip('/')}/"
    return os.path.relpath(".", PurePosixPath(page).parent)


def with_policy(page: str, base: str) -> str:
    """The page with its policy right after the declaration of its charset. base: to the root.

    Data blocks such as JSON are no scripts and need no hash.
    """
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in theme_scripts(base))
    meta = f'{MARK} content="{POLICY.format(hashes=hashes)}">'
    charset = CHARSET.search(page)
    if charset is None:
        raise ValueError("a page of the theme declares its charset; this one does not")
    return f"{page[: charset.end()]}{meta}{page[charset.end() :]}"


def theme_scripts(base: str) -> tuple[str, ...]:
    """The inline scripts that the theme writes into a page. base: from the page to the root."""
    return SCOPE.replace("BASE", base), PALETTE, TARGET


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
