"""The day on captions: put in once for whole pages, so that what draws a table needs no day."""

import re

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
