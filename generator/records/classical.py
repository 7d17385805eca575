"""The classical compressors: what they are, and what they make of a text."""

import hashlib
import json
from typing import Literal, Self

from pydantic import Field, model_validator

from generator.records.base import Record, refuse
from generator.records.models import Checkpoint


class Compressor(Record):
    """One compressor and every setting that is not its default."""

    name: str
    settings: dict[str, int]


class Compressors(Record):
    """All compressors as one subject: it stands in a job where a model stands."""

    id: Literal["classical"] = "classical"  # no model's id, which holds "__"
    compressors: tuple[Compressor, ...]

    @property
    def revision(self) -> str:
        """Hash of names and settings: changed settings are another revision."""
        content = [compressor.model_dump(mode="json") for compressor in self.compressors]
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return f"sha256-{hashlib.sha256(canonical.encode()).hexdigest()[:40]}"

    def revisions(self) -> list[Checkpoint]:
        """Everything to measure, as of a model: there is only the one."""
        return [Checkpoint(revision=self.revision, tokens_seen=0, path=None)]


CLASSICAL = Compressors(
    compressors=(
        Compressor(name="gzip", settings={"level": 9}),
        Compressor(name="bzip2", settings={"level": 9}),
        Compressor(name="xz", settings={"preset": 9, "extreme": 1}),
        Compressor(
            name="zstd", settings={"level": 22, "window_log": 27, "long_distance_matching": 1}
        ),
        Compressor(name="brotli", settings={"quality": 11, "window_log": 24}),
        Compressor(name="PPMd var.H", settings={"order": 16, "memory_mib": 256}),
    )
)


class DocumentSize(Record):
    """One document and its raw length."""

    document: str
    bytes: int = Field(gt=0)


class CompressedText(Record):
    """Sizes of a text under one compressor, each checked by decompressing."""

    name: str
    settings: dict[str, int]
    version: str  # of the package and the library behind it
    whole_bytes: int = Field(gt=0)  # all documents as one stream, which shares their context
    document_bytes: tuple[int, ...]  # each document as a stream of its own, in order


class ClassicalSizes(Record):
    """A text under every compressor."""

    documents: tuple[DocumentSize, ...] = Field(min_length=1)
    compressed: tuple[CompressedText, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _every_document_has_its_sizes(self) -> Self:
        for number, text in enumerate(self.compressed, start=1):
            if len(text.document_bytes) != len(self.documents):
                wrong = f"{len(text.document_bytes)} sizes for {len(self.documents)} documents"
                raise refuse(wrong, "measure again", f"compressed.{number}.document_bytes")
        return self
