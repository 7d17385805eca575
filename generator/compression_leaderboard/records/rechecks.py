"""results/rechecks/…/<id>.json: a sample of a contributed record, measured again by the board.

Which documents or items are in the sample follows from two hashes: the commit that brought the
record into the board's history, which its contributor did not know when they measured, and the
record's own run id. Names are put into the order of the SHA-256 of both hashes and the name; the
first ones are the sample. So nobody chooses it, and anyone can draw it again.

What a forger risks. Of a text, DOCUMENTS are drawn without replacement. If 4 of 40 documents are
forged, one of them is in the sample with a probability of 95 %, if 6 are, with 99 %; of texts with
many more documents, 14 % forged documents are found with 95 % and 21 % with 99 %. A text whose bits
are lowered by a share s has at least that share of forged documents, since no document costs less
than nothing. Of a suite, ITEMS are drawn, equally many of each task, so that no small task of the
mean escapes. If the mean is raised by d, the forged shares of the T tasks sum to at least T·d, and
all samples miss them with a probability of at most exp(−ITEMS·d): 5 % for a mean raised by 1.25
points, 1 % for 1.9. Forging below the tolerance of a number format is limited by plan/rechecks.py.

Known gaps: of a text, only bits are measured again, not the information plane; preference pairs and
proofs have no figures by pair or document and are not measured again; of a suite, only items with
log-likelihoods are compared, since a generated answer may change with any rounding. A contributor
whose commit is put on the main branch as it is, by a fast-forward, could have chosen its id: merge
pull requests with a merge commit or squash them.

shard.jsonl, the jobs and repeats that are planned for one run, is described here as well.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from compression_leaderboard.records.base import (
    Amount,
    Commit,
    Count,
    Positive,
    Record,
    hash_content,
    refuse,
)
from compression_leaderboard.records.results import (
    Environment,
    Failure,
    JobKey,
    Kind,
    Part,
    Response,
    Result,
    RunId,
    leaves_of,
)
from compression_leaderboard.wording import counted

DOCUMENTS = 20
ITEMS = 240

# 1: first format.
RECHECK_FORMAT: Literal[1] = 1


class RepeatedDocument(Record):
    """What one document costs in the re-measurement; nothing but its name if the text has none."""

    document: str
    bytes: Positive | None = None
    bits: Amount | None = None
    lossless: bool | None = None  # decode(encode(text)) == text


class RepeatedTask(Record):
    """The sampled items of one task or subtask in the re-measurement, as far as it has them."""

    task: str
    items: Count  # of the whole task; 0: the suite has no such task
    responses: tuple[Response, ...]


@dataclass(frozen=True)
class Sample:
    """What is measured again of one record: documents of its text, or items of its tasks."""

    repeats: str  # run id of the record
    commit: str
    documents: tuple[str, ...] = ()  # by name
    # By task or subtask, ascending.
    items: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    share: float = 1.0  # of all documents or items


class Recheck(Record):
    """A sample of one record, measured again in float32, or why it could not be."""

    format: Literal[1]
    model: str
    revision: str
    kind: Literal["corpus", "suite"]
    name: str
    repeats: RunId  # the record
    commit: Commit  # which brought the record; with `repeats` it decides the sample
    started: AwareDatetime
    environment: Environment
    documents: tuple[RepeatedDocument, ...] = ()
    tasks: tuple[RepeatedTask, ...] = ()
    error: Failure | None = None

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        needed = "error" if self.error else {"corpus": "documents", "suite": "tasks"}[self.kind]
        for name in ("documents", "tasks", "error"):
            if name == needed and not getattr(self, name):
                raise refuse("missing", "measure it again", name)
            if name != needed and getattr(self, name):
                raise refuse(f"cannot be in a record with {needed}", "measure it again", name)
        return self

    @cached_property
    def run_id(self) -> str:
        """First 12 hex of the content's hash."""
        return hash_content(self.content)[:12]

    @property
    def key(self) -> JobKey:
        return (self.model, self.revision, self.kind, self.name)

    @property
    def file(self) -> str:
        """The path of this record, relative to its folder."""
        return f"{self.model}/{self.revision}/{self.kind}-{self.name}/{self.run_id}.json"

    @property
    def amount(self) -> str:
        """How much was measured again, in words."""
        if self.documents:
            return counted(len(self.documents), "document")
        return counted(sum(len(task.responses) for task in self.tasks), "item")

    def is_of(self, sample: Sample) -> bool:
        """Whether it is the re-measurement of this sample, as far as text and tasks have it."""
        documents = tuple(sorted(document.document for document in self.documents))
        asked = sorted((task.task, tuple(r.item for r in task.responses)) for task in self.tasks)
        totals = {task.task: task.items for task in self.tasks}
        wanted = sorted(
            (name, tuple(item for item in items if item < totals.get(name, 0)))
            for name, items in sample.items.items()
        )
        return documents == sample.documents and asked == wanted


def draw_sample(result: Result, commit: str) -> Sample:
    """Draw what is measured again. commit: the one that brought the record."""
    if result.lossless is not None:
        names = [document.document for document in result.lossless.documents]
        drawn = _draw(names, DOCUMENTS, commit, result.run_id)
        return Sample(result.run_id, commit, tuple(sorted(drawn)), share=len(drawn) / len(names))
    items: dict[str, tuple[int, ...]] = {}
    total = 0
    for task in result.tasks:
        places = {
            f"{name} {response.item}": (name, response.item)
            for name, leaf in leaves_of(task)
            for response in leaf.responses
        }
        total += len(places)
        drawn = _draw(places, max(1, ITEMS // len(result.tasks)), commit, result.run_id)
        for name, item in sorted(places[place] for place in drawn):
            items[name] = (*items.get(name, ()), item)
    share = sum(map(len, items.values())) / total if total else 1.0
    return Sample(result.run_id, commit, items=items, share=share)


def _draw(names: Iterable[str], wanted: int, commit: str, run_id: str) -> list[str]:
    def place(name: str) -> bytes:
        return hashlib.sha256(f"{commit}\n{run_id}\n{name}".encode()).digest()

    return sorted(names, key=place)[:wanted]


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
