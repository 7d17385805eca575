"""runs/corpora/<name>.toml of kind `preference`: pairs of completions, how they are measured."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from compression_leaderboard.records import names
from compression_leaderboard.records.base import Record, refuse
from compression_leaderboard.records.models import InsidePath, Slug
from compression_leaderboard.records.suites import DatasetRevision

JACKKNIFE_GROUPS = 20  # groups of pairs; fewer pairs have no interval and are refused


class Pair(Record):
    """One line of a file of pairs: two completions of a prompt, of which people prefer one."""

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

    path: InsidePath | None = Field(None, description="a file of JSON lines in the repository")
    hub: Annotated[str, AfterValidator(names.check_model_name)] | None = Field(
        None, description="org/name of a dataset on the Hugging Face Hub"
    )
    split: str | None = Field(None, min_length=1, description="split of the dataset")
    revision: DatasetRevision | None = Field(
        None, description='40-hex commit; "" = unpinned until `leaderboard plan --pin`'
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.path is None) == (self.hub is None):
            found = "none" if self.path is None else "path, hub"
            raise refuse(f"needs exactly one source, found {found}", "give path or hub")
        for name in ("split", "revision"):
            if self.hub and getattr(self, name) is None:
                raise refuse("missing", f"add the dataset's {name}", name)
            if self.path and getattr(self, name) is not None:
                raise refuse("stands without hub", "remove it", name)
        return self


class PreferenceProtocol(Record):
    """How pairs are measured. Only figures under an equal protocol are ranked together.

    Prompt and completion are plain text, a line end between them, without chat template. A pair
    of which either side is longer than `longest_tokens` under the model's tokenizer is left out
    and counted.
    """

    pairs: int = Field(
        ge=JACKKNIFE_GROUPS, description="pairs measured, spread evenly over the source"
    )
    longest_tokens: int = Field(gt=1, description="of prompt and completion; also the window")
    bins: int = Field(100, ge=2, description="anchors of the soft entropy")
    anchor_seeds: Annotated[tuple[int, ...], AfterValidator(names.check_distinct)] = Field(
        tuple(range(8)), min_length=1, description="seeds of the anchors"
    )
    swaps: int = Field(200, ge=200, description="random swaps of labels that make up the null")
    swap_seed: int = Field(0, ge=0, description="seed of the swaps and of the groups of pairs")


class PreferenceSet(Record):
    """Preference pairs with their licence and hash."""

    kind: Literal["preference"]
    name: Slug = Field(description="same as the file's name")
    title: str = Field(min_length=1, description="the name that the board shows")
    domain: str = Field(min_length=1, description="such as everyday instructions in English")
    licence: str = Field(min_length=1, description="licence of the pairs")
    note: str | None = Field(None, description="what a reader must know")
    sha256: Annotated[str, AfterValidator(names.check_sha256)] | None = Field(
        None,
        description="of the file; of a dataset on the Hub: of the drawn pairs as JSON lines",
    )
    source: PairSource = Field(description="a table with path; or hub, split and revision")
    protocol: PreferenceProtocol = Field(description="a table with pairs, longest_tokens, …")

    @model_validator(mode="after")
    def _a_file_has_a_hash(self) -> Self:
        """A commit pins a dataset of the Hub; a file of the repository can change unseen."""
        if self.source.path is not None and self.sha256 is None:
            raise refuse("missing", f"add the SHA-256 of {self.source.path}", "sha256")
        return self

    @property
    def unpinned(self) -> list[str]:
        """The dataset, as long as its revision is not resolved."""
        return [self.source.hub] if self.source.hub and not self.source.revision else []


class PreferenceLayer(Record):
    """I(Z; preferred or rejected) of one layer, in units of ln(bins); one number per anchor seed.

    Layer 0 is the embedding: its value is what the words alone give away.
    """

    layer: int
    plug_in: tuple[float, ...]
    null: tuple[float, ...]  # mean over swaps of the labels within pairs
    null_deviation: tuple[float, ...]  # standard deviation of the swaps
    # plug_in − null, mean over seeds, without one group of pairs; the same groups in every layer
    replicates: tuple[float, ...] = Field(min_length=JACKKNIFE_GROUPS, max_length=JACKKNIFE_GROUPS)


class Preference(Record):
    """What the hidden states at completion tokens tell about people's preference."""

    sha256: str  # of the file; of a dataset on the Hub: of the drawn pairs as JSON lines
    revision: str | None = None  # commit of a dataset on the Hub
    protocol: PreferenceProtocol
    pairs: int
    left_out: int  # pairs that are too long, or of the Hub unusable
    completion_tokens: int  # of both sides of all pairs
    scale: float  # ε of the soft assignment
    layers: tuple[PreferenceLayer, ...] = Field(min_length=2)  # the embedding and those above
