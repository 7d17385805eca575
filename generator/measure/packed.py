"""The file of a compressed text: a line of JSON that says what a decoder must know, then words."""

import hashlib
from typing import Literal

from pydantic import Field, ValidationError

from generator.measure.failures import MeasureError
from generator.records.base import Record


class Header(Record):
    """What a decoder must know beside the coder's words."""

    format: Literal[1]
    model: str
    revision: str
    threads: int = Field(gt=0)  # another number may give other last bits
    block_tokens: int = Field(gt=0)
    tokens: int = Field(gt=0)
    bytes: int = Field(gt=0)
    text_sha256: str
    words_sha256: str


def pack(header: Header, words: bytes) -> bytes:
    return header_line(header) + words


def header_line(header: Header) -> bytes:
    return header.model_dump_json().encode() + b"\n"


def unpack(content: bytes) -> tuple[Header, bytes]:
    """Header and words. Raises MeasureError where they are not what was written."""
    line, _, words = content.partition(b"\n")
    try:
        header = Header.model_validate_json(line)
    except ValidationError:
        wrong = "the compressed file has no valid header"
        raise MeasureError("packed", f"{wrong}; compress the text anew") from None
    if hashlib.sha256(words).hexdigest() != header.words_sha256:
        wrong = "the compressed bytes differ from those that were written"
        raise MeasureError("packed", f"{wrong}; compress the text anew")
    return header, words
