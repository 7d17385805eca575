"""Agree nouns with counts, and put texts on one line; every package may import this module."""

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
