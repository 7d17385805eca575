"""Name what a file is when it is not UTF-8 text, and say how to convert it."""

import codecs

Fault = tuple[str, str]  # what is wrong, and the repair

HEAD_BYTES = 1 << 12
UNPACK = "unpack it with `{}`"
# Longer marks first: that of UTF-16LE begins that of UTF-32LE.
MARKS: tuple[tuple[bytes, str, str], ...] = (
    (codecs.BOM_UTF32_LE, "UTF-32", ""),
    (codecs.BOM_UTF32_BE, "UTF-32", ""),
    (codecs.BOM_UTF16_LE, "UTF-16", ""),
    (codecs.BOM_UTF16_BE, "UTF-16", ""),
    (b"\x1f\x8b", "gzip", UNPACK.format("gunzip")),
    (b"BZh", "bzip2", UNPACK.format("bunzip2")),
    (b"\xfd7zXZ\0", "xz", UNPACK.format("unxz")),
    (b"\x28\xb5\x2f\xfd", "zstd", UNPACK.format("unzstd")),
    (b"7z\xbc\xaf\x27\x1c", "7z", UNPACK.format("7z x")),
    (b"PAR1", "Parquet", "name it .parquet"),
    (b"%PDF-", "PDF", "extract its text with `pdftotext`"),
    (b"\xd0\xcf\x11\xe0", "an old Office file", "save its text as .txt"),
    (b"SQLite format 3\0", "an SQLite database", "export its text as .jsonl"),
    (b"\x89PNG", "a PNG image", "name a file with text"),
    (b"\xff\xd8\xff", "a JPEG image", "name a file with text"),
    (b"\x7fELF", "a program", "name a file with text"),
)
IN_ZIP = (
    (b"word/", "Word (docx)", "convert it with `pandoc -t plain`"),
    (b"ppt/", "PowerPoint (pptx)", "save its text as .txt"),
    (b"xl/", "Excel (xlsx)", "save its sheet as .csv"),
    (b"opendocument", "OpenDocument", "convert it with `pandoc -t plain`"),
    (b"epub+zip", "EPUB", "convert it with `pandoc -t plain`"),
    (b"", "zip", UNPACK.format("unzip")),
)
SPACES = frozenset(b" \t\r\n")
TEXT = SPACES | frozenset(range(33, 127))


def foreign_kind(head: bytes) -> Fault | None:
    """Recognize a file that is not UTF-8 text by its first bytes; None where it may be."""
    for mark, name, repair in MARKS:
        if head.startswith(mark):
            return _is(name, repair or _convert(name))
    if head.startswith(b"PK\x03\x04"):
        return next(_is(name, repair) for mark, name, repair in IN_ZIP if mark in head)
    encoding = _wide_encoding(head)
    return _is(encoding, _convert(encoding)) if encoding else None


def not_utf8(byte: int, value: int, line: int | None) -> Fault:
    """Say where the first byte is that is not UTF-8; line: None where it is unknown."""
    place = f"byte {byte}" if line is None else f"byte {byte} (line {line})"
    wrong = f"{place} is not UTF-8 (0x{value:02x}); it may be Latin-1 or Windows-1252"
    return wrong, f"{_convert('WINDOWS-1252')}, or pass --leave-out"


def _is(name: str, repair: str) -> Fault:
    return f"looks like {name}, not UTF-8 text", f"{repair}, or pass --leave-out"


def _convert(encoding: str) -> str:
    return f"convert it with `iconv -f {encoding} -t UTF-8`"


def _wide_encoding(head: bytes) -> str | None:
    """Recognize UTF-16 and UTF-32 without a byte order mark.

    Of a character of ASCII all bytes but one are 0, always on the same side. Of other scripts,
    spaces and ends of lines show it; UTF-16 with less than two of them is not recognized.
    """
    size = len(head) - len(head) % 4
    if size < 4:
        return None
    zeros = [head[k:size:4].count(0) / (size // 4) for k in range(4)]
    if min(zeros[2:]) > 0.9 and zeros[0] < 0.1:
        return "UTF-32LE"
    if min(zeros[:2]) > 0.9 and zeros[3] < 0.1:
        return "UTF-32BE"
    low, high = zeros[0] + zeros[2], zeros[1] + zeros[3]  # halves of units, twice the share of 0
    if max(low, high) > 0.8 and min(low, high) < 0.1:
        return "UTF-16LE" if high > low else "UTF-16BE"
    if _is_utf8(head) and not head.isascii():
        return None
    units = list(zip(head[:size:2], head[1:size:2], strict=True))
    if sum(a in TEXT and b in TEXT for a, b in units) > len(units) / 2:
        return None
    little = sum(b == 0 and a in SPACES for a, b in units)
    big = sum(a == 0 and b in SPACES for a, b in units)
    if max(little, big) < max(2, len(units) / 500) or min(little, big) > max(little, big) / 20:
        return None
    return "UTF-16LE" if little > big else "UTF-16BE"


def _is_utf8(head: bytes) -> bool:
    try:
        codecs.utf_8_decode(head, "strict", False)
    except UnicodeDecodeError:
        return False
    return True
