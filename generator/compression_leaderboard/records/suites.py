"""runs/suites, runs/profiles and runs/sentinel.toml: which lm-eval tasks and jobs are run."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from compression_leaderboard.records.base import (
    COMMIT,
    DatasetRevision,
    InsidePath,
    Record,
    Slug,
    Slugs,
    check_distinct,
    refuse,
)

LOCAL_MIRROR: Literal["local mirror"] = "local mirror"


class Dataset(Record):
    """The documents of a task: a dataset on the Hub or in a local mirror, or a repository's file.

    A mirror has no commit of the Hub: its revision is the SHA-256 of the documents.
    """

    path: str = Field(min_length=1, description="dataset on the Hub, or a file in the repository")
    revision: DatasetRevision = Field(
        description='40-hex commit or sha256-…; "" = unpinned until `leaderboard plan --pin`'
    )
    source: Literal["local mirror"] | None = Field(
        None, description='"local mirror" for documents from another server in place of the Hub'
    )
    origin: str | None = Field(
        None, min_length=1, description="where the documents of a local mirror come from"
    )

    @property
    def mirrored(self) -> bool:
        return self.source == LOCAL_MIRROR

    @model_validator(mode="after")
    def _a_mirror_says_what_it_holds(self) -> Self:
        if self.mirrored and COMMIT.fullmatch(self.revision):
            wrong = f'"{self.revision}" is a commit, which a local mirror cannot vouch for'
            raise refuse(wrong, 'write "" and run `leaderboard plan --pin`', "revision")
        if self.mirrored and self.origin is None:
            raise refuse("missing", "add where the mirrored documents come from", "origin")
        if self.origin is not None and not self.mirrored:
            raise refuse('is given without source = "local mirror"', "remove it", "origin")
        return self


class Task(Record):
    """One lm-eval task as this suite runs it."""

    task: str = Field(min_length=1, description="the task's name in lm-eval")
    label: str = Field(min_length=1, description="the name that the board shows")
    category: str = Field(min_length=1, description="what the task tests")
    metric: str = Field("acc", description="the lm-eval metric that counts, such as acc")
    chance: float = Field(ge=0, lt=1, description="score of random answers, a fraction")
    ceiling: float = Field(1.0, gt=0, le=1, description="best score that is possible, a fraction")
    few_shot: int = Field(0, ge=0, description="number of examples in the prompt")
    limit: int | None = Field(
        None, gt=0, description="items run, of a group: in each subtask; all if left out"
    )
    chat_template: bool = Field(False, description="whether the chat template is applied")
    dataset: Dataset = Field(description="a table with path and revision")

    @model_validator(mode="after")
    def _a_mirror_has_no_examples(self) -> Self:
        if self.dataset.mirrored and self.few_shot:
            wrong = "a local mirror has only the items that are asked"
            raise refuse(wrong, "write 0", "few_shot")
        return self


class Suite(Record):
    """A set of tasks whose mean is shown as one score."""

    name: Slug = Field(description="same as the file's name")
    title: str = Field(min_length=1, description="the name that the board shows")
    description: str = Field(min_length=1, description="what the suite is, in a sentence")
    public: bool = Field(description="true for a public benchmark, false for starter tasks")
    tasks_folder: InsidePath | None = Field(
        None, description="folder of the project's own tasks; those not in it are lm-eval's"
    )
    tasks: tuple[Task, ...] = Field(min_length=1, description="at least one [[tasks]]")

    @property
    def mirrored(self) -> list[str]:
        """Datasets that a local mirror must serve."""
        return sorted({task.dataset.path for task in self.tasks if task.dataset.mirrored})

    @property
    def unpinned(self) -> list[str]:
        """Tasks whose dataset revision is not resolved yet."""
        return [task.task for task in self.tasks if not task.dataset.revision]

    @field_validator("tasks")
    @classmethod
    def _tasks_are_distinct(cls, tasks: tuple[Task, ...]) -> tuple[Task, ...]:
        check_distinct(tuple(task.task for task in tasks))
        return tasks


class Profile(Record):
    """A short list of jobs, such as a newcomer's first run."""

    name: Slug = Field(description="same as the file's name")
    description: str = Field(min_length=1, description="what it is for")
    models: Annotated[tuple[str, ...], AfterValidator(check_distinct)] = Field(
        min_length=1, description="model ids"
    )
    suites: Slugs = Field((), description="suites to run")
    corpora: Slugs = Field((), description="corpora to score")


class Sentinel(Record):
    """The model and text that are measured again beside other jobs."""

    model: str = Field(min_length=1, description="id of a model whose file lists the corpus")
    corpus: Slug = Field(description="a text, from runs/corpora")
