"""Render view models with the templates of site/templates; every value is escaped there.

Templates come in as text, so nothing here touches the disk. What they make is finished HTML: it
reaches mkdocs as data in front matter, where no template engine parses it again.
"""

from collections.abc import Mapping
from statistics import fmean
from typing import Any

import markupsafe
from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from compression_leaderboard.board.derived import record_of
from compression_leaderboard.pages import text

# Marks that change the direction of the text that follows are spelled out.
DIRECTION_MARKS = (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
SPELLED_OUT = {mark: f"\\u{mark:04x}" for mark in DIRECTION_MARKS}


class Renderer:
    """Templates by name, and what all pages of one build have in common: the day of the figures."""

    def __init__(self, templates: Mapping[str, str], date: str) -> None:
        self._environment = Environment(
            loader=DictLoader(dict(templates)),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_spell_out,
        )
        self._environment.globals |= {"date": date, "UNKNOWN": text.UNKNOWN}
        self._environment.filters |= {
            "number": text.number,
            "percent": text.percent,
            "count": text.count,
            "counted": text.counted,
            "significant": text.significant,
            "with_interval": text.with_interval,
            "with_spread": text.with_spread,
            "decimals": text.decimals,
            "mean": fmean,
            "record_path": record_of,
            "breakable": breakable,
            "dated": lambda caption: type(caption)(text.dated(caption, date)),
        }

    def __call__(self, template: str, root: str = "../", **view: Any) -> Markup:
        """Render a template. root: the way from the page to the site's root, such as "../../"."""
        return Markup(self._environment.get_template(template).render(root=root, **view))


def escape(text: str) -> Markup:
    """Any text as HTML, for what no template of ours writes."""
    return markupsafe.escape(_spell_out(text))


def breakable(name: str) -> Markup:
    """A name that may break after its slashes."""
    return Markup("/<wbr>").join(str(_spell_out(name)).split("/"))


def _spell_out(value: object) -> object:
    if isinstance(value, str) and not value.isascii() and not isinstance(value, Markup):
        return value.translate(SPELLED_OUT)  # slow, and no mark of these is in ASCII
    return value
