"""What a trusted worker signs and sends: the jobs that it was asked for, and their records."""

from typing import Self

from pydantic import Field, model_validator

from generator.records.base import Record, refuse
from generator.records.results import Result
from generator.records.shards import ShardJob


class AskedJob(ShardJob):
    """A job, and what it was told when it was planned."""

    asked: str = Field(pattern=r"^[0-9a-f]{12}$")  # hash of the weights' and the text's spec


class Bundle(Record):
    """The payload of a signed bundle."""

    jobs: tuple[AskedJob, ...] = Field(min_length=1)
    records: tuple[Result, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _holds_no_other_records(self) -> Self:
        listed = {(job.key, job.part) for job in self.jobs}
        for record in self.records:
            key = (record.model, record.revision, record.kind, record.name)
            if (key, record.part) not in listed:
                wrong = f"{record.run_id} is of no job of this bundle"
                raise refuse(wrong, "make it with `leaderboard bundle`", "records")
        return self
