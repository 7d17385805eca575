"""A shard: jobs for one run of one machine, as a matrix of GitHub Actions hands them on."""

from pydantic import Field

from generator.records.base import Record
from generator.records.results import Kind, Part


class ShardJob(Record):
    """One job by name; the specs say the rest."""

    model: str
    revision: str
    kind: Kind
    name: str
    part: Part | None = None

    @property
    def key(self) -> tuple[str, str, Kind, str]:
        return (self.model, self.revision, self.kind, self.name)

    def __str__(self) -> str:
        shown = f"{self.model} at {self.revision[:14]} {self.kind} {self.name}"
        return f"{shown} part {self.part.number} of {self.part.of}" if self.part else shown


class Shard(Record):
    """Jobs that fit one run together."""

    name: str = Field(min_length=1)
    minutes: float | None = None  # expected; None: not known
    jobs: tuple[ShardJob, ...] = Field(min_length=1)
