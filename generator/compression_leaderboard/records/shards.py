"""shard.jsonl: jobs that fit one run together, as planned."""

from pydantic import Field

from compression_leaderboard.records.base import Commit, Record
from compression_leaderboard.records.results import JobKey, Kind, Part, RunId


class Repeat(Record):
    """The record of which a job measures a sample again."""

    record: RunId
    commit: Commit  # which brought it; the two decide the sample


class ShardJob(Record):
    """One job by name; the specs say the rest."""

    model: str
    revision: str
    kind: Kind
    name: str
    part: Part | None = None
    repeat: Repeat | None = None

    @property
    def key(self) -> JobKey:
        return (self.model, self.revision, self.kind, self.name)

    def __str__(self) -> str:
        shown = f"{self.model} at {self.revision[:14]} {self.kind} {self.name}"
        if self.repeat:
            return f"{shown}, a sample of {self.repeat.record}"
        return f"{shown} part {self.part.number} of {self.part.of}" if self.part else shown


class Shard(Record):
    """Jobs that fit one run together."""

    name: str = Field(min_length=1)
    minutes: float | None = None  # expected; None: not known
    jobs: tuple[ShardJob, ...] = Field(min_length=1)
