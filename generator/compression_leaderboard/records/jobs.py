"""Reasons why jobs fail and whether to retry them, and the shards that carry jobs to machines."""

from typing import Literal, get_args

from pydantic import Field

from compression_leaderboard.records.base import Record
from compression_leaderboard.records.results import Kind, Part

# What stands as `reason` in an error record. Records made earlier may hold other words, which are
# treated like `unexpected`.
Reason = Literal[
    "architecture",  # the scorer does not know how the model makes its logits
    "context",  # the model reads fewer tokens than the protocol's window
    "corpus",  # the text or the pairs are not those that the spec pins
    "disk",  # no space for temporary files
    "gated",  # the Hub gives the weights or documents only to those who asked for access
    "harness",  # lm-eval, its task or its documents
    "nan",  # the model's output is not a finite number
    "network",  # no connection, a rate limit, an answer cut off
    "out_of_memory",
    "package",  # a package that a spec names is not installed
    "packed",  # a compressed sample cannot be read
    "round_trip",  # what was compressed does not come back the same
    "size",  # a compressed sample is larger than its cost allows
    "timeout",  # longer than the limit of `leaderboard measure`
    "tokenizer",
    "too_large",  # for the memory or disk of the machine, told before anything is fetched
    "unexpected",  # our fault, or a worker that died
    "unsafe_weights",  # a pickle, or code of the model's repository
    "weights",  # missing, or not those that the spec pins
]
REASONS: tuple[Reason, ...] = get_args(Reason)

# now: at once, after a pause that doubles, and again with every run.
# next_run: with every run; to find out whether it works costs little.
# larger_machine: by a machine with more memory than the one that failed.
# changed: when the model's file, the suite or corpus, or the software is another one.
# never: not even with --again; other weights are another revision, which is a job of its own.
Retry = Literal["now", "next_run", "larger_machine", "changed", "never"]

RETRY: dict[Reason, Retry] = {
    "architecture": "changed",
    "context": "changed",
    "corpus": "changed",
    "disk": "next_run",
    "gated": "next_run",
    "harness": "changed",
    "nan": "changed",
    "network": "now",
    "out_of_memory": "larger_machine",
    "package": "next_run",
    "packed": "changed",
    "round_trip": "changed",
    "size": "changed",
    "timeout": "changed",
    "tokenizer": "changed",
    "too_large": "larger_machine",
    "unexpected": "changed",
    "unsafe_weights": "never",
    "weights": "next_run",
}


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
