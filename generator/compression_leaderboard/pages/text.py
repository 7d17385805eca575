"""Text that is safe in HTML, numbers as readers want them, and dated captions."""

import math
import re
from collections.abc import Iterable
from datetime import date

from compression_leaderboard.wording import counted as counted  # the pages import it from here

UNKNOWN = "–"
# Braces and pipes too: an included partial is parsed as a template, where they would run code.
ENTITIES = {ord(c): f"&#{ord(c)};" for c in "&<>\"'{}|%#`"}
# Marks that turn the direction of what follows, the page's own words among it, are spelt out.
TURNS = (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
ENTITIES |= {turn: f"\\u{turn:04x}" for turn in TURNS}
SPECIAL = re.compile("[" + re.escape("".join(map(chr, ENTITIES))) + "]")
TAGS = {
    "measured": "Figures measured by this project; every one leads to its record",
    "published": "Figures published by others, with citation and licence",
    "imported": "Result files of others, taken over as they are; never ranked or fitted with ours",
    "classical": "A classical compressor: no model, no parameters, no scores, part of no fit",
}


def escape(text: object) -> str:
    """Any text as HTML character data; nothing in it is markup, template or attribute end."""
    shown = str(text)
    return shown.translate(ENTITIES) if SPECIAL.search(shown) else shown  # few hold any


def number(value: float | None, digits: int) -> str:
    """A number with so many decimals; an en dash where it is unknown."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    return f"{value:.{digits}f}".replace("-", "−")


def with_spread(value: float | None, spread: float | None) -> str:
    """A number and its spread, rounded to two significant digits of the spread."""
    if value is None or spread is None or not spread > 0:
        return number(value, 4)
    digits = decimals(spread)
    return f"{number(value, digits)} ± {number(spread, digits)}"


def with_interval(value: float | None, interval: tuple[float, float] | None) -> str:
    """A number and its interval, rounded to two significant digits of half its width."""
    if value is None or interval is None or not interval[1] > interval[0]:
        return number(value, 4)
    digits = decimals((interval[1] - interval[0]) / 2)
    low, high = (number(end, digits) for end in interval)
    return f"{number(value, digits)} ({low} to {high})"


def decimals(spread: float) -> int:
    """How many decimals show two significant digits of a spread above 0; six at most."""
    return min(6, max(0, 1 - math.floor(math.log10(spread))))


def day(moment: date | None) -> str:
    """A day, never broken over two lines; an en dash where it is unknown."""
    return f"<time>{moment:%Y-%m-%d}</time>" if moment else UNKNOWN


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction as per cent, without the sign."""
    return number(None if value is None else 100 * value, digits)


def count(value: float | None) -> str:
    """A large count in the field's short form: 134.5M, 2T."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    for unit, size in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:g}"


def tag(provenance: str) -> str:
    """The mark that says whose figures these are."""
    return f'<span class="tag tag-{provenance}" title="{TAGS[provenance]}">{provenance}</span>'


def link(url: str, text: str) -> str:
    """A link to another site; an address that is not of the web stays text."""
    if not url.startswith(("https://", "http://")):
        return escape(f"{text}: {url}")
    return f'<a href="{escape(url)}" rel="noopener">{escape(text)}</a>'


def table(
    name: str, caption: str, header: Iterable[tuple[str, bool]], rows: Iterable[Iterable[str]]
) -> str:
    """An HTML table; cells are HTML already. header: label and whether the column is numeric.

    Numeric cells may be (shown text) with a `data-value`; scripts sort by it.
    """
    labels = list(header)
    head = "".join(
        f'<th scope="col"{" class=n" if numeric else ""}>{escape(label)}</th>'
        for label, numeric in labels
    )
    lines = [
        f'<div class="board-scroll" tabindex="0" role="group" aria-label="{escape(caption)}">',
        f'<table class="board" id="{escape(name)}">',
        f"<caption><span>{escape(caption)}</span></caption>",
        f"<thead><tr>{head}</tr></thead><tbody>",
    ]
    for row in rows:
        cells = list(row)
        first = f'<th scope="row">{cells[0]}</th>'
        rest = "".join(
            f"<td{' class=n' if numeric else ''}>{cell}</td>"
            for cell, (_, numeric) in zip(cells[1:], labels[1:], strict=True)
        )
        lines.append(f"<tr>{first}{rest}</tr>")
    lines.append("</tbody></table></div>")
    return "\n".join(lines) + "\n"


def valued(shown: str, value: float | None) -> str:
    """A cell's text with the number that it sorts by."""
    if value is None or not math.isfinite(value):
        return shown
    return f'<span data-value="{value:.9g}">{shown}</span>'


# Captions are escaped text, so none can end or begin inside another's.
CAPTION = re.compile(r"(<(?:fig)?caption>(?:<span>)?)([^<]*)")


def date_captions(page: str, day: str) -> str:
    """A page whose every caption of a table or chart says as of which day its figures are.

    page: HTML. day: ISO, such as 2026-11-27; it stands at the end of the first sentence. A caption
    that says it already is left as it is.
    """
    said = f"as of {day}"

    def dated(found: re.Match[str]) -> str:
        start, text = found.groups()
        if said in text:
            return found[0]
        first, stop, rest = text.rstrip().partition(". ")
        if not stop and first.endswith("."):
            first, stop = first[:-1], "."
        return f"{start}{first}, {said}{stop}{rest}"

    return CAPTION.sub(dated, page)
