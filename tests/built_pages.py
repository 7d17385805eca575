"""What a browser would make of a built page: elements, attributes, scripts and addresses."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

ADDRESSES = ("href", "src", "action", "formaction", "data", "xlink:href", "srcdoc")


@dataclass
class Outline:
    """Of one page or several."""

    attributes: set[tuple[str, str]] = field(default_factory=set)  # of elements; "" for none
    scripts: list[str] = field(default_factory=list)  # inline, as they run
    schemes: set[str] = field(default_factory=set)  # of addresses
    titles: list[str] = field(default_factory=list)  # title, then og:title
    text: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.outline = Outline()
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.outline.attributes |= {(tag, ""), *((tag, name) for name in values)}
        self.outline.ids += [values["id"] or ""] if "id" in values else []
        for name in ADDRESSES:
            address = "".join((values.get(name) or "").split()).lower()
            if ":" in address.partition("/")[0]:
                self.outline.schemes.add(address.partition(":")[0])
        if values.get("property") == "og:title":
            self.outline.titles.append(values.get("content") or "")
        runs = values.get("type") in (None, "module", "text/javascript") and "src" not in values
        self._inside = tag if tag != "script" or runs else "data"
        if self._inside == "script":
            self.outline.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.outline.scripts[-1] += data
        elif self._inside == "title":
            self.outline.titles.append(data)
        elif self._inside != "data":
            self.outline.text.append(data)


def outline(page: str) -> Outline:
    parser = _Parser()
    parser.feed(page)
    parser.close()
    return parser.outline
