"""Numbers and texts as nobody expects them, edits of nested values, and TOML."""

import copy
import json
import math
import re
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

from hypothesis import strategies as st

# As Python and pandas write a number that is none; no text that is drawn looks like it.
NOT_A_NUMBER = re.compile(r"(?<![\w./-])[-+−]?(nan|NaN|inf)(?![\w-])")

Content = dict[str, Any]
Draw = st.DrawFn

LATEST = "2026-06-02"
DAYS = ["2015-01-01", "2019-12-31", "2026-01-01", LATEST]
MOMENTS = [f"{day}T{time}" for day in DAYS for time in ("00:00:00Z", "23:59:59.999999+14:00")]
EVER = ["0001-01-01", "1970-01-01", "2014-12-31", "2026-06-03", "9998-12-31", "9999-12-31", "2026"]
WHOLE = [0, 1, 2, 3, 20, 2**31, 10**13 + 1, 10**15 - 1]
WILD = [-1, 10**15, 2**63 - 1, 2**63, 2**64, 10**1100]
REAL = [0.0, 5e-324, 1e-9, 0.1, 1.0, 250.0, 250.00000000000003, 1e6, 999_999_999_999_999.0]
RAW = [-0.0, -1.0, -5e-324, 1e15, 1e30, 1e308, -1e308, math.inf, -math.inf, math.nan]
ODD: list[Any] = [None, True, [], {}, "", [[]], {"": 0}, [None]]
WORDS = [
    *("a", "A", "a ", " a", "a\u200b", "\u0430", "å", "a\u030a", "small", "Small", "smalL"),
    *("score", "parameters", "mean", "benchmark:score", "text:parameters", "compression.prose"),
    *("index", "README", "CON", "a.json", "..", "../a", "a/b", "a//b", "/", "#", "?", "%2e", "@"),
    *("=1+1", "+1", "-1", "'", '"', '","', "\\", "\n", "\r", "\r\n", "\t", "\0", "\x1b[2J", "\x7f"),
    *(
        "<b>",
        "</script>",
        "<!--",
        "]]>",
        "&amp;",
        "&",
        "{{ 7 * 7 }}",
        "{% x %}",
        "{#",
        "---",
        "...",
    ),
    *("\u2028", "\u202e", "\ufeff", "\ufffe", "\U0001f642", "\U0010ffff", "שלום", "ﬁ", "١٢٣"),
    *("1", "1e5", "true", "null", "~", "2026-01-01", "x" * 90, "long word " * 9),
]

texts = (
    st.sampled_from(WORDS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
).filter(lambda text: not NOT_A_NUMBER.search(text.lower()))  # some pages lower their case
names = texts.filter(bool)
counts = st.sampled_from(WHOLE[1:])
sizes = st.sampled_from(WHOLE) | st.integers(0, 10**15 - 1)
lengths = st.sampled_from([1, 2, 3, 100, 10**13])  # of documents: their sum is a count as well
amounts = st.sampled_from(REAL) | st.floats(0, 1e15, exclude_max=True)
fractions = st.sampled_from([0.0, 5e-324, 1e-9, 0.25, 0.5, 1.0]) | st.floats(0, 1)
shares = st.sampled_from([-1.0, -1e-9, 0.0, 5e-324, 1e-3, 0.5, 1.0]) | st.floats(-1, 1.001)
likelihoods = st.sampled_from([-5e-324, -1e-3, -1.0, -2.0, -9.9e8]) | st.floats(-9.9e8, 0)
numbers = st.sampled_from([-9e14, -1.0, 0.0, 5e-324, 9e14]) | st.floats(-9e14, 9e14)
anything = st.one_of(
    st.sampled_from([*WHOLE, *WILD]),
    st.sampled_from([*REAL, *RAW]),
    st.sampled_from(ODD),
    st.sampled_from([*DAYS, *EVER, *MOMENTS]),
    st.floats(),
    texts,
)
often = st.sampled_from([True, True, True, False])
seldom = st.sampled_from([False] * 7 + [True])
ROOMS = st.sampled_from([(0.0, 1.0), (0.25, 1.0), (0.99, 1.0), (0.0, 0.01), (0.5, 0.75)])
ODD_TASKS = st.sampled_from(["sums", "score", "parameters", "Sums", "sums,none"]) | names


class Palette:
    """The numbers of a repository: a few of each kind, taken again and again in their order.

    So a draw has few choices, and many figures are equal or tied.
    """

    def __init__(self, draw: Draw):
        def some(values: st.SearchStrategy[Any]) -> Iterator[Any]:
            return cycle(draw(st.lists(values, min_size=1, max_size=7)))

        self.counts, self.sizes, self.amounts = some(counts), some(sizes), some(amounts)
        self.fractions, self.shares = some(fractions), some(shares)
        self.likelihoods, self.numbers = some(likelihoods), some(numbers)
        self.texts, self.names = some(texts), some(names)


def take(values: Iterator[Any], n: int) -> list[Any]:
    return list(islice(values, n))


def several(values: st.SearchStrategy[Any], n: int) -> st.SearchStrategy[list[Any]]:
    """So many values: all equal, or each drawn."""
    return values.map(lambda value: [value] * n) | st.lists(values, min_size=n, max_size=n)


def _nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in nested values: what holds it, and its key or index."""
    pairs = list(value.items() if isinstance(value, dict) else enumerate(value))
    for key, inner in pairs:
        if isinstance(key, str) and key.startswith("_"):
            continue
        yield value, key
        if isinstance(inner, dict | list):
            yield from _nodes(inner)


def edit(draw: Draw, content: Content) -> None:
    """Change one place, or all places of one name, to anything."""
    places = list(_nodes(content))
    if not places:
        return
    holder, key = draw(st.sampled_from(range(len(places))).map(places.__getitem__))
    match draw(st.sampled_from(["set", "set", "all", "drop", "twice", "more", "swap", "empty"])):
        case "set":
            holder[key] = draw(anything)
        case "all":
            value = draw(anything)
            for other, name in places:
                if name == key and (isinstance(other, dict) or name < len(other)):
                    other[name] = value
        case "drop":
            del holder[key]
        case "twice" if isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        case "twice" | "more" if isinstance(holder, dict):
            holder[draw(texts)] = draw(anything)
        case "swap":
            other, name = draw(st.sampled_from(range(len(places))).map(places.__getitem__))
            holder[key] = copy.deepcopy(other[name])
        case _:
            holder[key] = type(holder[key])()


def toml(record: Content) -> str:
    """TOML with inner tables on one line; names that begin with _ and None are left out."""
    return "".join(f"{cell}\n" for cell in _cells(record))


def _cells(record: Content) -> Iterator[str]:
    for key, value in record.items():
        if value is not None and not key.startswith("_"):
            yield f"{_toml_text(key)} = {_toml(value)}"


def _toml(value: Any) -> str:
    match value:
        case str():
            return _toml_text(value)
        case dict():
            return "{" + ", ".join(_cells(value)) + "}"
        case list():
            return "[" + ",\n".join(_toml(item) for item in value) + "]"
        case bool() | None:
            return str(bool(value)).lower()
    return repr(value)


def _toml_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
