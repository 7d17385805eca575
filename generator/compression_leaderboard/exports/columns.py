"""What a column of a table is, and the columns that several tables share."""

from dataclasses import dataclass, replace
from typing import Literal

Type = Literal["string", "number", "integer", "boolean", "date"]
Direction = Literal["lower", "higher"]
Origin = Literal["declared", "record", "derived"]

ORIGINS: dict[Origin, str] = {
    "declared": "stated by people, in runs/ or in a published source",
    "record": "stands so in a record of results/",
    "derived": "computed from records by `leaderboard build`",
}
FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")  # text cells of CSV that begin so are guarded


@dataclass(frozen=True)
class Field:
    """One column: its type, unit, which direction is better, meaning, and where it comes from."""

    name: str
    type: Type
    unit: str | None  # None for what has none, such as a name
    description: str
    origin: Origin
    nullable: bool = False
    better: Direction | None = None  # None where neither direction is

    @property
    def guarded(self) -> bool:
        """Whether a cell of CSV may begin with an apostrophe that is no part of the text."""
        return self.type == "string"


@dataclass(frozen=True)
class Table:
    """One table: its columns in order and the ones that name a row (never null together twice)."""

    name: str
    title: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    formats: tuple[str, ...] = ("csv", "json", "parquet")

    @property
    def paths(self) -> dict[str, str]:
        """File by format, below the folder of the data."""
        return {form: f"{self.name}.{form}" for form in self.formats}


def text(name: str, description: str, origin: Origin = "declared", *, null: bool = False) -> Field:
    return Field(name, "string", None, description, origin, null)


def count(name: str, unit: str, description: str, origin: Origin = "record") -> Field:
    return Field(name, "integer", unit, description, origin)


def figure(
    name: str,
    unit: str,
    description: str,
    better: Direction | None = None,
    origin: Origin = "derived",
    *,
    null: bool = False,
) -> Field:
    return Field(name, "number", unit, description, origin, null, better)


def maybe(field: Field) -> Field:
    """The same column where the figure may be unknown."""
    return replace(field, nullable=True)


def interval(name: str, unit: str, of: str) -> tuple[Field, Field]:
    """Ends of a 95 % interval. name: prefix of both columns, "" for none."""
    low, high = (f"{name}_low95", f"{name}_high95") if name else ("low95", "high95")
    return (
        figure(low, unit, f"lower end of {of}", null=True),
        figure(high, unit, "upper end of it", null=True),
    )


INFORMATION = "ln(bins)"
COHORT = text("cohort", "the set of models that the row may be compared within", "derived")
PROVENANCE = text("provenance", "measured here or published by others", "derived")
MODEL = text("model", "the model's id; @ and a quantization mark weights that are not original")
NAME = text("name", "the model's name")
FAMILY = text("family", "models trained in the same way by the same team")
PARAMETERS = maybe(
    count(
        "parameters", "parameters", "number of parameters; of a published mixture of experts the "
        "figure of the source, which may count only what is active for a token", "declared",
    )
)  # fmt: skip
TRAINING_TOKENS = maybe(count("training_tokens", "tokens", "tokens seen in training", "declared"))
TRAINING_FLOP = figure(
    "training_flop", "FLOP", "training compute; 6 · parameters · tokens where no source gives it",
    null=True,
)  # fmt: skip
QUANTIZATION = text("quantization", "null: the original weights", null=True)
KIND = text("kind", "base or instruct; null where a published source does not say", null=True)
RELEASED = Field("released", "date", "date", "date of release", "declared", True)
PAGE = text("page", "address of the model's page on this site", "derived")
REVISION = text("revision", "commit, or sha256- and 40 hex of the weights' hash", "record")
TOKENS_SEEN = maybe(count("tokens_seen", "tokens", "training tokens at this checkpoint"))
CORPUS = text("corpus", "the text", "record")
PAIR_SET = text("corpus", "the set of preference pairs", "record")
DTYPE = text("dtype", "number format of the forward pass", "record")
DOCUMENTS = count("documents", "documents", "number of documents scored")
BYTES = count("bytes", "bytes", "UTF-8 bytes scored")
BITS_PER_BYTE = figure("bits_per_byte", "bits/byte", "cost of the text", "lower", "record")
RECORD = text("record", "the record that the row comes from, below records/", "derived")
DATA_LICENCE = text(
    "data_licence",
    "licence of the row's figures: CC-BY-4.0 for ours, that of the source for published ones; "
    "not stated for imported files",
    "derived",
)
