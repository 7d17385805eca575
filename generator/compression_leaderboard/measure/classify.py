"""Divide the bits of a document among the classes of its bytes.

ASCII has letters, digits, whitespace, punctuation and control characters. Any other character
belongs to its Unicode script, also where it is a digit or a letter there. A mark without a script
(a combining accent, a joiner of emoji) has that of the character before it. A URL is a class of its
own wherever it occurs. In a corpus of the domain "Python code", words outside strings and comments
are keywords or identifiers, digits and underscores included; the rest has the classes of prose.

The bits of a token are spread evenly over its bytes. What a token costs belongs to the token as a
whole, so every division is a convention; this one needs no rule for what a tokenizer joins to a
word. It decides the level of whitespace, which is mostly the first byte of a word: under SmolLM2,
letters and whitespace of the State of the Union have 75 and 18 % of the bits. They would have 92
and 1 % if a space before a word cost nothing or the last byte paid for the token, 4 and 89 % if the
first one did. Digits and symbols stay as they are, and so does the sign of the difference to
Gemma 3 270M in letters and in whitespace.

Known gaps: an f-string with quotes of its own kind inside ends too early, soft keywords such as
`match` are identifiers, and a URL ends before its first character outside ASCII.
"""

import math
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import regex
from numpy.typing import NDArray

from compression_leaderboard.records.byte_classes import BYTE_CLASSES, SCRIPTS, ByteClass

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]

CODE = "python code"  # the domain, in lower case, whose keywords are known
# Reserved words of Python 3.7 and later: written down, since a record must not depend on ours.
RESERVED = (
    "False None True and as assert async await break class continue def del elif else except "
    "finally for from global if import in is lambda nonlocal not or pass raise return try while "
    "with yield"
)
KEYWORDS = frozenset(RESERVED.split())
NUMBER_OF = {byte_class: number for number, byte_class in enumerate(BYTE_CLASSES)}
ROUNDING = 1e-9  # relative, of sums of many costs; in bits, of less than one bit
INHERITED = -1  # marks that have the script of the character before them

# Of RFC 3986, without the apostrophe, which quotes URLs more often than it is part of one.
URL = re.compile(
    r"(?<![a-z0-9])(?:(?:https?|ftp)://|www\.)[a-z0-9\[%][a-z0-9\-._~:/?#\[\]@!$&()*+,;=%]*",
    re.IGNORECASE | re.ASCII,
)
AFTER_URL = ".,;:!?*_~"  # ends a sentence or a mark-up, not a URL
CLOSED_BY = {"(": ")", "[": "]"}

PYTHON = regex.compile(
    r"""
    \#[^\n]*                                                    # comment
    | (?:[rbuftRBUFT]{1,2})?                                    # string
      (?: \"{3}(?:\\.|[^\\])*?(?:\"{3}|\Z) | '{3}(?:\\.|[^\\])*?(?:'{3}|\Z)
        | "(?:\\.|[^"\\\n])*"? | '(?:\\.|[^'\\\n])*'? )
    | [0-9]\w*                                                  # number
    | (?P<word>[_\p{XID_Start}]\p{XID_Continue}*)
    """,
    regex.VERBOSE | regex.DOTALL,
)


def classify_bytes(text: str, domain: str = "") -> IntArray:
    """Return the place in BYTE_CLASSES of every UTF-8 byte of a text, (bytes,).

    domain: that of the corpus; only "Python code" has keywords and identifiers.
    """
    characters = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    classes = _classify_characters(characters)
    if domain.casefold() == CODE:
        for word in PYTHON.finditer(text):
            if word["word"] is not None:
                kind: ByteClass = "keywords" if word["word"] in KEYWORDS else "identifiers"
                classes[word.start() : word.end()] = NUMBER_OF[kind]
    for begin, end in find_urls(text):
        classes[begin:end] = NUMBER_OF["urls"]
    lengths = 1 + sum(characters >= first for first in (0x80, 0x800, 0x10000))
    return np.repeat(classes, lengths)


def find_urls(text: str) -> Iterator[tuple[int, int]]:
    """Yield where URLs begin and end, without the punctuation of the sentence around them."""
    at = 0
    while (match := URL.search(text, at)) is not None:
        at = _close_brackets(text, match.start(), match.end())
        yield match.start(), match.start() + len(text[match.start() : at].rstrip(AFTER_URL))


def _close_brackets(text: str, begin: int, end: int) -> int:
    """Return where the first bracket closes that was opened before `begin`; `end` without one."""
    awaited: list[str] = []
    for place in range(begin, end):
        if text[place] in CLOSED_BY:
            awaited.append(CLOSED_BY[text[place]])
        elif text[place] in CLOSED_BY.values() and (not awaited or awaited.pop() != text[place]):
            return place
    return end


def _classify_characters(characters: NDArray[np.uint32]) -> IntArray:
    """Return the class of each character by itself, (characters,)."""
    distinct, place = np.unique(characters, return_inverse=True)
    classes = np.array([_class_of(chr(code)) for code in distinct.tolist()], dtype=np.int64)[place]
    if (classes == INHERITED).any():
        # The nearest character before that has a script; ASCII letters are Latin.
        scripts = np.where(classes == NUMBER_OF["letters"], NUMBER_OF["Latin"], classes)
        scripts[(characters < 0x80) & (scripts != NUMBER_OF["Latin"])] = NUMBER_OF["Common"]
        before = np.where(classes == INHERITED, -1, np.arange(len(classes)))
        before = np.maximum.accumulate(before)
        inherited = np.where(before < 0, NUMBER_OF["Common"], scripts[before])
        classes = np.where(classes == INHERITED, inherited, classes)
    return classes


@cache
def _class_of(character: str) -> int:
    if character.isascii():
        if character.isalpha():
            return NUMBER_OF["letters"]
        if character.isdigit():
            return NUMBER_OF["digits"]
        if character in " \t\n\r\v\f":
            return NUMBER_OF["whitespace"]
        return NUMBER_OF["punctuation" if character.isprintable() else "control"]
    return next(
        (number for number, script in _scripts() if script.match(character)), NUMBER_OF["other"]
    )


@cache
def _scripts() -> list[tuple[int, Any]]:
    """Compile what tells whether a character belongs to a script."""
    names = [(NUMBER_OF[script], script) for script in SCRIPTS] + [(INHERITED, "Inherited")]
    return [(number, regex.compile(rf"\p{{Script={name}}}")) for number, name in names]


def divide_bits(
    classes: IntArray, ends: IntArray, bits: Array, start_bits: float, total: float
) -> Array:
    """Divide the bits of a document among the classes of its bytes, (BYTE_CLASSES,).

    classes: of every byte. ends: bytes of the text up to the end of each token. bits: of each
    token, 0 for a first token without context, whose cost is in start_bits. total: bits of the
    document; math.fsum of the result is exactly this number.

    A token without bytes of its own, such as all but the last of those that spell one character,
    shares the bytes of the next one that has some, at the end of the text those of the last.
    """
    lengths: IntArray = np.diff(np.concatenate([[0], ends]))
    filled = np.flatnonzero(lengths)
    if lengths.min() < 0 or lengths.sum() != len(classes):
        raise ValueError(f"divide_bits: tokens of {lengths.sum()} bytes, a text of {len(classes)}")
    owner = np.minimum(np.searchsorted(filled, np.arange(len(lengths))), len(filled) - 1)
    shares = np.bincount(owner, bits) / lengths[filled]
    per_byte = np.repeat(shares, lengths[filled])
    divided = np.bincount(classes, per_byte, len(BYTE_CLASSES)).astype(np.float64)
    divided[NUMBER_OF["start"]] = start_bits
    return _with_sum(divided, total)


def _with_sum(divided: Array, total: float) -> Array:
    """Move what rounding left over to the largest class, so that the sum is exact.

    If the largest is too coarse for half a unit in the last place, the next one takes it.
    """
    for number in divided.argsort()[::-1]:
        apart = math.fsum((total, *-divided))
        if abs(apart) > ROUNDING * max(total, 1):
            break
        divided[number] += max(apart, -divided[number])
        if math.fsum(divided) == total:
            return divided
    raise ValueError(f"divide_bits: classes of {math.fsum(divided)} bits, not {total}")
