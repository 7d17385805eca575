"""runs/suites/<suite>.toml: the lm-eval tasks of a suite; runs/profiles: a short run."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from generator.records import names
from generator.records.base import Record, refuse
from generator.records.models import InsidePath, Slug, Slugs

DatasetRevision = Annotated[str, AfterValidator(names.check_dataset_revision)]


class Dataset(Record):
    """The documents of a task: a dataset on the Hub, or a file of this repository."""

    path: str = Field(min_length=1, description="dataset on the Hub, or a file in the repository")
    revision: DatasetRevision = Field(
        description='40-hex commit or sha256-…; "" = unpinned until `leaderboard plan --pin`'
    )


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


class Suite(Record):
    """A set of tasks whose mean is shown as one score."""

    name: Slug = Field(description="same as the file's name")
    title: str = Field(min_length=1, description="the name that the board shows")
    description: str = Field(min_length=1, description="what the suite is, in a sentence")
    public: bool = Field(description="true for a public benchmark, false for starter tasks")
    tasks_folder: InsidePath | None = Field(
        None, description="folder of the project's own tasks; without it they are lm-eval's"
    )
    tasks: tuple[Task, ...] = Field(min_length=1, description="at least one [[tasks]]")

    @property
    def unpinned(self) -> list[str]:
        """Tasks whose dataset revision is not resolved yet."""
        return [task.task for task in self.tasks if not task.dataset.revision]

    @model_validator(mode="after")
    def _tasks_are_distinct(self) -> Self:
        given = [task.task for task in self.tasks]
        if doubled := sorted({name for name in given if given.count(name) > 1}):
            shown = ", ".join(f'"{name}"' for name in doubled)
            raise refuse(f"{shown} occurs twice", "remove one", "tasks")
        return self


class Profile(Record):
    """A short list of jobs, such as the quick one that a newcomer runs first."""

    name: Slug = Field(description="same as the file's name")
    description: str = Field(min_length=1, description="what it is for")
    models: Annotated[tuple[str, ...], AfterValidator(names.check_distinct)] = Field(
        min_length=1, description="model ids"
    )
    suites: Slugs = Field((), description="suites to run")
    corpora: Slugs = Field((), description="corpora to score")
