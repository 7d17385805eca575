"""The classes of bytes that the bits of a document are divided into.

Every byte belongs to exactly one class. The class follows from the text alone, so models share the
bytes of a class whatever their tokenizers. Only "start" has bits and no bytes: the header that
names the start mode, and the cost of a first token without context.
"""

from typing import Literal, get_args

# The scripts that UAX #31 recommends for identifiers, and Common: signs that scripts share.
Script = Literal[
    "Arabic",
    "Armenian",
    "Bengali",
    "Bopomofo",
    "Cyrillic",
    "Devanagari",
    "Ethiopic",
    "Georgian",
    "Greek",
    "Gujarati",
    "Gurmukhi",
    "Han",
    "Hangul",
    "Hebrew",
    "Hiragana",
    "Kannada",
    "Katakana",
    "Khmer",
    "Lao",
    "Latin",
    "Malayalam",
    "Myanmar",
    "Oriya",
    "Sinhala",
    "Tamil",
    "Telugu",
    "Thaana",
    "Thai",
    "Tibetan",
    "Common",
]
Plain = Literal["letters", "digits", "whitespace", "punctuation", "control"]  # of ASCII
ByteClass = Literal[Plain, "identifiers", "keywords", "urls", Script, "other", "start"]

SCRIPTS: tuple[Script, ...] = get_args(Script)
BYTE_CLASSES: tuple[ByteClass, ...] = get_args(ByteClass)  # in the order of records and tables

_LABELS: dict[ByteClass, str] = {
    "letters": "Letters A–Z",
    "digits": "Digits 0–9",
    "whitespace": "Whitespace",
    "punctuation": "Punctuation",
    "control": "Control characters",
    "identifiers": "Identifiers in code",
    "keywords": "Keywords in code",
    "urls": "URLs",
    "Latin": "Latin beyond ASCII",
    "Common": "Symbols beyond ASCII",
    "other": "Other scripts",
    "start": "Start of the document",
}


def class_label(byte_class: ByteClass) -> str:
    """Return the name of a class on pages; that of a script is its name in Unicode."""
    return _LABELS.get(byte_class, byte_class)
