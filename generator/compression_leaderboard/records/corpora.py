"""runs/corpora/<corpus>.toml: a text or preference pairs, with source, licence and protocol."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from compression_leaderboard.records.base import (
    LARGEST,
    CohortSlug,
    Count,
    DatasetRevision,
    InsidePath,
    ModelName,
    PackagePin,
    Positive,
    Record,
    RunsPath,
    Seeds,
    Sha256,
    Url,
    refuse,
)


class TextDocument(Record):
    """One line of a file of documents: a text with its address, date and licence."""

    name: str = Field(min_length=1)  # unlike that of any other document of the file
    url: Url  # of this version of the text
    date: date
    licence: str = Field(min_length=1)  # SPDX id
    text: str = Field(min_length=1)


class Source(Record):
    """Files of an installed PyPI package, or a file of documents here, in order of name."""

    package: PackagePin | None = Field(None, description="package==version; each file a document")
    files: InsidePath | None = Field(
        None, description="pattern of names inside the package, such as dspy/*.py; * also matches /"
    )
    path: RunsPath | None = Field(
        None,
        exclude_if=lambda path: path is None,  # the hashes of older specs stay as they were
        description="instead of a package: JSON lines with name, url, date, licence and text",
    )
    first: str | None = Field(None, description="file names before this one are left out")
    at_least_bytes: Positive = Field(1, description="shorter files are left out")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.package is None) == (self.path is None):
            raise refuse("needs one of package and path", "give one of the two", "package")
        if (self.package is None) != (self.files is None):
            raise refuse("goes with package", "give both, or path alone", "files")
        return self

    @property
    def place(self) -> str:
        """The pinned package, or the file."""
        return self.package or self.path or ""


def _check_byte_orders(orders: tuple[int, ...]) -> tuple[int, ...]:
    if list(orders) != sorted(set(orders)) or not all(1 <= order <= 8 for order in orders):
        raise refuse(f"{list(orders)} is not ascending within 1 to 8", "write such as [1, 2, 4, 8]")
    return orders


class Protocol(Record):
    """How a text is scored. Only scores under an equal protocol are ranked or fitted together.

    A document longer than `window_tokens` is scored in windows that advance by `stride_tokens`;
    only new tokens are scored. What stands before a window belongs to the weights: see Start.
    """

    documents: Positive = Field(description="documents scored, spread evenly over the source")
    document_bytes: Positive = Field(description="of longer documents this many first bytes count")
    window_tokens: int = Field(gt=1, lt=LARGEST, description="longest context, in tokens")
    stride_tokens: Positive = Field(description="advance of the window, in tokens")
    start: Literal["bos-eos-uniform"] | None = Field(
        None,
        exclude_if=lambda start: start is None,
        description="of records of format 2 only; a text does not choose what stands before it",
    )
    positions: Positive = Field(description="positions whose hidden states are analysed")
    max_order: int = Field(4, ge=1, le=4, description="longest n-gram label, in tokens")
    byte_orders: Annotated[tuple[int, ...], AfterValidator(_check_byte_orders)] = Field(
        (1, 2, 4, 8), description="lengths of the labels that are cut by bytes, ascending"
    )
    position_seed: Count = Field(0, description="seed of the draw of positions")
    bins: int = Field(100, ge=2, lt=10**5, description="anchors of the soft entropy")
    anchor_seeds: Seeds = Field(tuple(range(8)), min_length=1, description="seeds of the anchors")

    @model_validator(mode="after")
    def _stride_fits(self) -> Self:
        if self.stride_tokens > self.window_tokens:
            wrong = f"{self.stride_tokens} exceeds window_tokens, {self.window_tokens}"
            raise refuse(wrong, "lower it, or tokens are left out", "stride_tokens")
        return self

    @property
    def selection(self) -> tuple[int, int]:
        """Which bytes of the source are scored."""
        return self.documents, self.document_bytes

    @property
    def window(self) -> tuple[int, int]:
        """Window and stride, in tokens."""
        return self.window_tokens, self.stride_tokens


class Corpus(Record):
    """A dated text with its licence and hash."""

    kind: Literal["text"] = Field("text", description="text; preference pairs have other fields")
    name: CohortSlug = Field(description="same as the file's name")
    title: str = Field(min_length=1, description="the name that the board shows")
    domain: str = Field(min_length=1, description="such as English prose; Python code has keywords")
    begins: date = Field(description="date of the oldest text")
    ends: date = Field(description="date of the newest text")
    licence: str = Field(min_length=1, description="licence of the text")
    note: str | None = Field(None, description="what a reader must know")
    ranked: bool = Field(True, description="false: a quick check, in no leaderboard and no fit")
    sha256: Sha256 = Field(description="of exactly the bytes scored, documents in order")
    bytes: Positive = Field(description="number of bytes scored")
    source: Source = Field(description="a table with package and files, or path")
    protocol: Protocol = Field(description="a table with documents, window_tokens, …")

    @model_validator(mode="after")
    def _dates_in_order(self) -> Self:
        if self.ends < self.begins:
            raise refuse(f"{self.ends} is before begins, {self.begins}", "swap them", "ends")
        return self


JACKKNIFE_GROUPS = 20  # of documents or of pairs; fewer pairs are refused


class Pair(Record):
    """One line of a file of pairs: a prompt, and the completion that people prefer to another.

    Further fields are for readers.
    """

    model_config = ConfigDict(extra="ignore")

    prompt: str = Field(min_length=1, description="what is asked")
    chosen: str = Field(min_length=1, description="the completion that is preferred")
    rejected: str = Field(min_length=1, description="the completion that is not")

    @model_validator(mode="after")
    def _completions_differ(self) -> Self:
        if self.chosen == self.rejected:
            raise refuse("chosen and rejected are equal", "change one of them, or remove the pair")
        return self


class PairSource(Record):
    """Where the pairs are. Exactly one source: `path`, or `hub` + `split` + `revision`."""

    path: RunsPath | None = Field(None, description="a file of JSON lines in the repository")
    hub: ModelName | None = Field(None, description="org/name of a dataset on the Hugging Face Hub")
    split: str | None = Field(None, min_length=1, description="split of the dataset")
    revision: DatasetRevision | None = Field(
        None, description='40-hex commit; "" = unpinned until `leaderboard plan --pin`'
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.path is None) == (self.hub is None):
            given = "none" if self.path is None else "path, hub"
            raise refuse(f"needs exactly one source, found {given}", "give path or hub")
        for name in ("split", "revision"):
            if self.hub and getattr(self, name) is None:
                raise refuse("missing", f"add the dataset's {name}", name)
            if self.path and getattr(self, name) is not None:
                raise refuse("is given without hub", "remove it", name)
        return self


class PreferenceProtocol(Record):
    """How pairs are measured. Only figures under an equal protocol are ranked together.

    Prompt and completion are plain text, joined by a line end, without chat template. A pair with
    a side longer than `longest_tokens` under the model's tokenizer is left out and counted.
    """

    pairs: int = Field(
        ge=JACKKNIFE_GROUPS, lt=LARGEST, description="pairs measured, spread evenly over the source"
    )
    longest_tokens: int = Field(
        gt=1, lt=LARGEST, description="of prompt and completion; also the window"
    )
    bins: int = Field(100, ge=2, description="anchors of the soft entropy")
    anchor_seeds: Seeds = Field(tuple(range(8)), min_length=1, description="seeds of the anchors")
    swaps: int = Field(200, ge=200, description="random swaps of labels that make up the null")
    swap_seed: int = Field(0, ge=0, description="seed of the swaps and of the groups of pairs")


class PreferenceSet(Record):
    """Preference pairs with their licence and hash."""

    kind: Literal["preference"]
    name: CohortSlug = Field(description="same as the file's name")
    title: str = Field(min_length=1, description="the name that the board shows")
    domain: str = Field(min_length=1, description="such as everyday instructions in English")
    licence: str = Field(min_length=1, description="licence of the pairs")
    note: str | None = Field(None, description="what a reader must know")
    sha256: Sha256 | None = Field(
        None,
        description="of the file; of a dataset on the Hub: of the drawn pairs as JSON lines",
    )
    source: PairSource = Field(description="a table with path; or hub, split and revision")
    protocol: PreferenceProtocol = Field(description="a table with pairs, longest_tokens, …")

    @model_validator(mode="after")
    def _a_file_has_a_hash(self) -> Self:
        if self.source.path is not None and self.sha256 is None:
            raise refuse("missing", f"add the SHA-256 of {self.source.path}", "sha256")
        return self

    @property
    def unpinned(self) -> list[str]:
        """The dataset, while its revision is not resolved."""
        return [self.source.hub] if self.source.hub and not self.source.revision else []
