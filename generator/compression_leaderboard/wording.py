"""Agree nouns with counts, and quote texts of strangers; every package may import this module."""

import re

SIBILANTS = ("s", "x", "z", "ch", "sh")


def plural(n: int, noun: str, plural_form: str = "") -> str:
    """Inflect a noun for a count: 1 entry, 2 entries, 0 boxes.

    plural_form: for nouns that are irregular or end with a verb, such as "file is", "files are".
    """
    if n == 1:
        return noun
    if plural_form:
        return plural_form
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(SIBILANTS) else f"{noun}s"


def counted(n: int, noun: str, plural_form: str = "") -> str:
    """Write a count with its noun: 1 model, 2 families, 3 files are."""
    return f"{n} {plural(n, noun, plural_form)}"


def printable(text: str, instead: str = "?") -> str:
    """Put any text on one line. instead: what replaces each unprintable character."""
    return "".join(c if c.isprintable() else instead for c in text)


def escaped(text: str) -> str:
    """Put any text on one line; unprintable characters are spelled out, such as \\n."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def as_code(text: object) -> str:
    """Quote any text as a span of code in Markdown, on one line.

    Only inside code does GitHub make nothing of a text: its mentions, references to issues and
    commits, emoji and links are found after the characters of HTML and Markdown were unescaped.
    """
    line = printable(str(text), "\N{REPLACEMENT CHARACTER}")
    mark = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    # One space at either end belongs to the marks, unless there is nothing else.
    pad = " " if not line.strip(" ") or line[0] in " `" or line[-1] in " `" else ""
    return f"{mark}{pad}{line}{pad}{mark}"
