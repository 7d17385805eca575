"""Render view models with the templates of site/templates, and write numbers for readers.

Templates come in as text, so nothing here touches the disk, and escape every value. What they make
is finished HTML: it reaches mkdocs as data in front matter, where no template engine parses it.
"""

import math
import re
from collections.abc import Mapping
from statistics import fmean
from typing import Any
from xml.etree.ElementTree import Element

import markupsafe
from jinja2 import DictLoader, Environment, StrictUndefined
from markdown import Markdown
from markdown.treeprocessors import Treeprocessor
from markupsafe import Markup

from compression_leaderboard.wording import counted

UNKNOWN = "–"
INVISIBLE = re.compile(  # control characters, and marks that turn the direction of text
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]"
)


class Renderer:
    """Templates by name, and what all pages of one build have in common: the day of the figures.

    Pages at one depth share an environment, so that components are imported once and not per page.
    """

    def __init__(self, templates: Mapping[str, str], date: str) -> None:
        self._templates = dict(templates)
        self._date = date
        self._environments: dict[str, Environment] = {}

    def __call__(self, template: str, root: str = "../", **view: Any) -> Markup:
        """Render a template. root: the way from the page to the site's root, such as "../../"."""
        if root not in self._environments:
            self._environments[root] = self._environment(root)
        return Markup(_spell_out(self._environments[root].get_template(template).render(**view)))

    def _environment(self, root: str) -> Environment:
        environment = Environment(
            loader=DictLoader(self._templates),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.globals |= {"date": self._date, "UNKNOWN": UNKNOWN, "root": root}
        environment.filters |= {
            "number": number,
            "percent": percent,
            "count": count,
            "counted": counted,
            "significant": significant,
            "with_interval": with_interval,
            "with_spread": with_spread,
            "decimals": decimals,
            "mean": fmean,
            "breakable": breakable,
            "dated": lambda caption: type(caption)(dated(caption, self._date)),
        }
        return environment


def escape(text: str) -> Markup:
    """Return any text as HTML, for what no template of ours writes."""
    return markupsafe.escape(_spell_out(text))


def breakable(name: str) -> Markup:
    """Return a name that may break after its slashes."""
    return Markup("/<wbr>").join(name.split("/"))


class _Links(Treeprocessor):  # type: ignore[misc]  # markdown has no types
    """Leave links to the web and to places of the page, and make text of all others."""

    def run(self, root: Element) -> None:
        for link in root.iter("a"):
            if not link.get("href", "").startswith(("https://", "#")):
                link.attrib.pop("href", None)


# What Markdown lets through as HTML, as an image, or as a character by its number.
NOT_TEXT = ("html", "image_link", "image_reference", "short_image_ref", "automail", "entity")


def markdown_text(source: str) -> Markup:
    """Render Markdown that strangers may change: its HTML and images are text.

    Its headings have ids, by which they can be linked and searched.
    """
    markdown = Markdown(output_format="html", extensions=["toc"])
    markdown.preprocessors.deregister("html_block")
    for pattern in NOT_TEXT:
        markdown.inlinePatterns.deregister(pattern)
    markdown.treeprocessors.register(_Links(markdown), "links", 0)
    return Markup(_spell_out(markdown.convert(source)))


def _spell_out(text: str) -> str:
    """Spell out what no reader sees and what would change the direction of the text around it."""
    return INVISIBLE.sub(lambda mark: f"\\u{ord(mark[0]):04x}", text)


def number(value: float | None, digits: int) -> str:
    """Write a number with so many decimals; an en dash where it is unknown."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    return f"{value:.{digits}f}".replace("-", "−")


def significant(value: float) -> str:
    """Write a figure of unknown unit: six significant digits."""
    return f"{value:.6g}".replace("-", "−")


def with_spread(value: float | None, spread: float | None) -> str:
    """Write a number and its spread, rounded to two significant digits of the spread."""
    if value is None or spread is None or not spread > 0:
        return number(value, 4)
    digits = decimals(spread)
    return f"{number(value, digits)} ± {number(spread, digits)}"


def with_interval(value: float | None, interval: tuple[float, float] | None) -> str:
    """Write a number and its interval, rounded to two significant digits of half its width."""
    if value is None or interval is None or not interval[1] > interval[0]:
        return number(value, 4)
    digits = decimals((interval[1] - interval[0]) / 2)
    low, high = (number(end, digits) for end in interval)
    return f"{number(value, digits)} ({low} to {high})"


def decimals(spread: float) -> int:
    """How many decimals show two significant digits of a spread above 0; six at most."""
    return min(6, max(0, 1 - math.floor(math.log10(spread))))


def percent(value: float | None, digits: int = 1) -> str:
    """Write a fraction as per cent, without the sign."""
    return number(None if value is None else 100 * value, digits)


def count(value: float | None) -> str:
    """Write a large count in the field's short form: 134.5M, 2T."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    for unit, size in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:g}"


def dated(caption: str, day: str) -> str:
    """Say at the end of a caption's first sentence as of which day its figures are."""
    as_of = f"as of {day}"
    if as_of in caption:
        return caption
    first, stop, rest = caption.rstrip().partition(". ")
    if not stop and first.endswith("."):
        first, stop = first[:-1], "."
    return f"{first}, {as_of}{stop}{rest}"
