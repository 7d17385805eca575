"""results/imported/<model>/<source hash>.json: the content of a result file of another's run."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, field_validator

from compression_leaderboard.records.base import (
    MODEL_NAME,
    QUANTIZATION,
    Amount,
    Count,
    Number,
    Record,
    Sha256,
    Words,
    model_id,
    refuse,
)

# 1: first format.
FORMAT: Literal[1] = 1

LONGEST_NAME = 500  # characters of a name of a model, task or metric

Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]


SourceKind = Literal["lm-eval", "every-eval-ever"]


class Source(Record):
    """The file that was imported; its name without the folders of another machine."""

    kind: SourceKind
    name: Words
    sha256: Sha256
    bytes: Count


class Harness(Record):
    """What made the figures, if the file says so."""

    name: Words
    version: Words | None = None
    # `git describe` in the folder where it was run, which need not be the harness's.
    git_hash: Words | None = None


class ImportedModel(Record):
    """What was evaluated, as the file says.

    An adapter or a quantization makes it another model, as everywhere on the board.
    """

    name: Name  # a name on the Hub, a path of another machine, or an API's name
    named_by: Literal["file", "importer"]
    adapter: Words | None = None  # LoRA, delta or steering vectors on top of the named weights
    quantization: Words | None = None  # None: the arguments state none
    revision: Words | None = None  # branch, tag or step as stated
    commit: Words | None = None  # of the named weights, 40 hex
    backend: Words | None = None  # such as hf or vllm
    args: dict[str, str] = Field(default_factory=dict)  # all else that it was loaded with

    @property
    def id(self) -> str:
        """The board's id for a plain name of the Hub, else a name made unique by a hash."""
        if MODEL_NAME.fullmatch(self.name) and self.adapter is None:
            plain = model_id(self.name, None)
            if self.quantization is None:
                return plain
            if QUANTIZATION.fullmatch(self.quantization):
                return model_id(self.name, self.quantization)
        identity = "\n".join((self.name, self.adapter or "", self.quantization or ""))
        readable = re.sub(r"[^A-Za-z0-9._-]+", "_", self.name).strip("._-")[-80:] or "model"
        return f"{readable}-{hashlib.sha256(identity.encode()).hexdigest()[:8]}"

    @property
    def title(self) -> str:
        more = f" + {self.adapter}" if self.adapter else ""
        return f"{self.name}{more}" + (f" ({self.quantization})" if self.quantization else "")


class Bounds(Record):
    """Two ends with an optional confidence level; None: not stated or not bounded."""

    low: Number | None = None
    high: Number | None = None
    level: Number | None = None


class ImportedScore(Record):
    """One number as the file has it: neither rescaled nor rounded."""

    metric: Name
    filter: Name = "none"  # how answers were read out of texts; none before lm-eval had filters
    value: Number
    stderr: Amount | None = Field(None, gt=0)  # None when unknown, never 0.0
    n: Count | None = None  # items scored; None when unknown
    higher_is_better: bool | None = None  # None when the file does not say
    unit: Words | None = None  # None: the file does not say
    bounds: Bounds | None = None  # least and greatest possible value, where stated
    interval: Bounds | None = None  # confidence interval, where stated


class ImportedTask(Record):
    """One task, or a group of tasks, with its scores."""

    task: Name
    alias: Words | None = None
    prompt: Words | None = None  # if a task was asked under several named prompts
    version: Words | None = None
    few_shot: Count | None = None  # None when the file does not say
    members: tuple[str, ...] = ()  # of a group: its tasks
    dataset: Words | None = None
    dataset_config: Words | None = None
    dataset_revision: Words | None = None
    scores: tuple[ImportedScore, ...]


def score_key(task: ImportedTask, score: ImportedScore) -> tuple[object, ...]:
    """Return what a figure is of; a file has each only once."""
    return task.task, task.prompt, task.dataset, task.few_shot, score.metric, score.filter


class Skipped(Record):
    """An entry of the file that was not kept, and why."""

    place: str
    reason: str


class Imported(Record):
    """One imported file."""

    format: Literal[1]
    provenance: Literal["imported"]
    source: Source
    harness: Harness
    reported_by: Words | None = None  # organisation and its relation to the model, where stated
    model: ImportedModel
    date: AwareDatetime | None = None  # when it was run; None when the file does not say
    limit: Amount | None = None  # items (or their share) that every task was limited to
    chat_template: bool | None = None  # None when the file does not say
    chat_template_sha256: Words | None = None
    tasks: tuple[ImportedTask, ...]
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()  # what a reader of the figures must know

    @field_validator("tasks")
    @classmethod
    def _figures_are_distinct(cls, tasks: tuple[ImportedTask, ...]) -> tuple[ImportedTask, ...]:
        counts = Counter(score_key(task, score) for task in tasks for score in task.scores)
        if repeated := [key for key, count in counts.items() if count > 1]:
            raise refuse(f"{repeated[0][0]} has a figure twice", "import the source again")
        return tasks

    @property
    def file(self) -> str:
        """The path of this record, relative to results/imported."""
        return f"{self.model.id}/{self.source.sha256[:12]}.json"

    def readings(self) -> Iterator[tuple[ImportedTask, ImportedScore]]:
        for task in self.tasks:
            for score in task.scores:
                yield task, score

    @property
    def kept(self) -> int:
        return sum(len(task.scores) for task in self.tasks)

    def reasons(self) -> dict[str, int]:
        """Count the reasons for skipping entries, the commonest first."""
        return dict(Counter(skipped.reason for skipped in self.skipped).most_common())
