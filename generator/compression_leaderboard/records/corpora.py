"""runs/corpora/<corpus>.toml: a text, where it comes from, and the protocol it is scored under."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from compression_leaderboard.records import names
from compression_leaderboard.records.base import Record, refuse
from compression_leaderboard.records.models import InsidePath, PackagePin, Slug


class TextDocument(Record):
    """One line of a file of documents: a text, where it stands, since when, and its licence."""

    name: str = Field(min_length=1)  # unlike that of any other document of the file
    url: str = Field(pattern=r"^https://")  # of this version of the text
    date: date
    licence: str = Field(min_length=1)  # SPDX id
    text: str = Field(min_length=1)


class Source(Record):
    """Files of an installed PyPI package, or a file of documents here; in order of name."""

    package: PackagePin | None = Field(None, description="package==version; each file a document")
    files: InsidePath | None = Field(
        None, description="pattern of names inside the package, such as dspy/*.py; * also matches /"
    )
    path: InsidePath | None = Field(
        None,
        exclude_if=lambda path: path is None,  # the hashes of older specs stay as they were
        description="instead of a package: JSON lines with name, url, date, licence and text",
    )
    first: str | None = Field(None, description="file names before this one are left out")
    at_least_bytes: int = Field(1, gt=0, description="shorter files are left out")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.package is None) == (self.path is None):
            raise refuse("needs one of package and path", "give one of the two", "package")
        if (self.package is None) != (self.files is None):
            raise refuse("goes with package", "give both, or path alone", "files")
        return self

    @property
    def place(self) -> str:
        """What a reader needs to have: the pinned package, or the file."""
        return self.package or self.path or ""


class Protocol(Record):
    """How a text is scored. Only scores under an equal protocol are ranked or fitted together.

    A document longer than `window_tokens` is scored in windows that advance by `stride_tokens`;
    only new tokens are scored. Start policy: BOS, else EOS, else uniform for the first token.
    """

    documents: int = Field(gt=0, description="documents scored, spread evenly over the source")
    document_bytes: int = Field(gt=0, description="of longer documents this many first bytes count")
    window_tokens: int = Field(gt=1, description="longest context, in tokens")
    stride_tokens: int = Field(gt=0, description="advance of the window, in tokens")
    start: Literal["bos-eos-uniform"] = Field(
        "bos-eos-uniform", description="context of the first token: BOS, else EOS, else none"
    )
    positions: int = Field(gt=0, description="positions whose hidden states are analysed")
    max_order: int = Field(4, ge=1, le=4, description="longest n-gram label, in tokens")
    byte_orders: Annotated[tuple[int, ...], AfterValidator(names.check_byte_orders)] = Field(
        (1, 2, 4, 8), description="lengths of the labels that are cut by bytes, ascending"
    )
    position_seed: int = Field(0, ge=0, description="seed of the draw of positions")
    bins: int = Field(100, ge=2, description="anchors of the soft entropy")
    anchor_seeds: Annotated[tuple[int, ...], AfterValidator(names.check_distinct)] = Field(
        tuple(range(8)), min_length=1, description="seeds of the anchors"
    )

    @model_validator(mode="after")
    def _stride_fits(self) -> Self:
        if self.stride_tokens > self.window_tokens:
            wrong = f"{self.stride_tokens} exceeds window_tokens, {self.window_tokens}"
            raise refuse(wrong, "lower it, or tokens are left out", "stride_tokens")
        return self


class Corpus(Record):
    """A dated text with its licence and hash."""

    kind: Literal["text"] = Field("text", description="text; preference pairs have other fields")
    name: Slug = Field(description="same as the file's name")
    title: str = Field(min_length=1, description="the name that the board shows")
    domain: str = Field(min_length=1, description="such as English prose")
    begins: date = Field(description="date of the oldest text")
    ends: date = Field(description="date of the newest text")
    licence: str = Field(min_length=1, description="licence of the text")
    note: str | None = Field(None, description="what a reader must know")
    sha256: Annotated[str, AfterValidator(names.check_sha256)] = Field(
        description="of exactly the bytes scored, documents in order"
    )
    bytes: int = Field(gt=0, description="number of bytes scored")
    source: Source = Field(description="a table with package and files, or path")
    protocol: Protocol = Field(description="a table with documents, window_tokens, …")

    @model_validator(mode="after")
    def _dates_in_order(self) -> Self:
        if self.ends < self.begins:
            raise refuse(f"{self.ends} is before begins, {self.begins}", "swap them", "ends")
        return self
