"""results/measured/…/<run id>.json: what was measured, of exactly what, and on what machine."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache, cached_property
from typing import Annotated, Any, Literal, Self, cast

from pydantic import AfterValidator, AwareDatetime, Field, model_validator
from pydantic.dataclasses import dataclass

from compression_leaderboard.records.base import (
    STRICT,
    Amount,
    Count,
    Line,
    LogLikelihood,
    Number,
    Positive,
    Record,
    Words,
    hash_content,
    matching,
    refuse,
)
from compression_leaderboard.records.byte_classes import ByteClass
from compression_leaderboard.records.calibration import Calibration
from compression_leaderboard.records.corpora import Corpus, Protocol
from compression_leaderboard.records.models import Checkpoint, Task
from compression_leaderboard.records.plane import Lossy, Preference
from compression_leaderboard.wording import counted


class Compressor(Record):
    """One compressor and every setting that is not its default."""

    name: str
    settings: dict[str, int]


class Compressors(Record):
    """All compressors as one subject of jobs, in place of a model."""

    id: Literal["classical"] = "classical"  # no model's id, which holds "__"
    compressors: tuple[Compressor, ...]

    @property
    def revision(self) -> str:
        """Hash of names and settings: changed settings are another revision."""
        content = [compressor.model_dump(mode="json") for compressor in self.compressors]
        return f"sha256-{hash_content(content)[:40]}"

    def revisions(self) -> list[Checkpoint]:
        """List what to measure, like that of a model: only this revision."""
        return [Checkpoint(revision=self.revision, tokens_seen=0, path=None)]


CLASSICAL = Compressors(
    compressors=(
        Compressor(name="gzip", settings={"level": 9}),
        Compressor(name="bzip2", settings={"level": 9}),
        Compressor(name="xz", settings={"preset": 9, "extreme": 1}),
        Compressor(
            name="zstd", settings={"level": 22, "window_log": 27, "long_distance_matching": 1}
        ),
        Compressor(name="brotli", settings={"quality": 11, "window_log": 24}),
        Compressor(name="PPMd var.H", settings={"order": 16, "memory_mib": 256}),
    )
)


class DocumentSize(Record):
    """One document and its raw length."""

    document: str
    bytes: Positive


class CompressedText(Record):
    """Sizes of a text under one compressor, each checked by decompressing."""

    name: str
    settings: dict[str, int]
    version: str  # of the package and the library behind it
    whole_bytes: Positive  # all documents as one stream, which shares their context
    document_bytes: tuple[Positive, ...]  # each document as a separate stream, in order


class ClassicalSizes(Record):
    """A text under every compressor."""

    documents: tuple[DocumentSize, ...] = Field(min_length=1)
    compressed: tuple[CompressedText, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _every_document_has_its_sizes(self) -> Self:
        for number, text in enumerate(self.compressed, start=1):
            if len(text.document_bytes) != len(self.documents):
                sizes = counted(len(text.document_bytes), "size")
                wrong = f"{sizes} for {counted(len(self.documents), 'document')}"
                raise refuse(wrong, "measure again", f"compressed.{number}.document_bytes")
        return self


StartToken = Literal["bos", "eos", "uniform"]  # before a document, in format 2


class Proof(Record):
    """A sample of a corpus that an arithmetic coder, driven by the model, reproduced.

    Forward passes in float32, one token at a time, with as many threads as the environment says.
    """

    sample_bytes: Positive  # of raw UTF-8 text
    sample_sha256: str
    tokens: Positive
    start_token: StartToken | None = None  # of format 2; later ones have a calibration
    block_tokens: Positive  # each block of so many tokens is a text by itself
    compressed_bytes: Positive  # the coder's words, without the header
    header_bytes: Positive  # what the decoder needs: model, lengths, hashes
    bits_ideal: Amount  # −log2 p of every token under the softmax
    bits_quantised: Amount  # the same under the coder's whole-numbered weights
    precision_bits: int = Field(gt=0, le=64)  # the weights of a distribution sum to 2 to this power
    encode_seconds: Amount
    decode_seconds: Amount  # in the fresh process, without loading the model
    equal: Literal[True]  # byte for byte; a sample that differed is an error record


# 1: first format, never released.
# 2: labels of bytes, jackknife, convergence, effective rank, bits by place in the document.
# 3: a calibration on every record of a model: the start mode that its bits choose, with the bits
#    of the code's header in every document; causality; the number format, checked against float32.
#    Control tokens in a text are characters. Source of the context length, unlimited contexts,
#    ignored buffers, and the backend of a suite. Bits by class of bytes. Figures of format 2 are
#    history: see `is_history`.
FORMAT: Literal[3] = 3

Kind = Literal["suite", "corpus", "proof"]
JobKey = tuple[str, str, Kind, str]  # model, revision, kind, name
MEASURED = ("tasks", "lossless", "lossy", "classical", "preference", "proof")
# What a record of each kind has unless its job failed.
PARTS: dict[Kind, tuple[str, ...]] = {
    "suite": ("tasks",),
    "corpus": ("text", "lossless"),
    "proof": ("text", "proof"),
}


class Environment(Record):
    """What a figure was measured with. `dtype` is that of the forward pass; sums are float32."""

    packages: dict[str, str]
    python: str
    machine: str
    processor: str
    device: str
    dtype: Words | None = None  # None where nothing passes through a model
    threads: Positive
    wall_seconds: Amount
    peak_memory_bytes: Count
    memory_bytes: Count | None = None  # what the job might use: the machine's memory, or its limit
    batch_divisor: Positive | None = None  # batches began at this fraction after one did not fit


class Subject(Record):
    """Facts read off the loaded model and its tokenizer."""

    architecture: str
    parameters: Positive
    weights_bytes: Positive  # of the file(s) that were loaded
    context_tokens: Positive | None = None  # None: unlimited
    context_source: Line | None = None  # where the length was found, such as a field of the config
    # Tensors of the files that the model computes itself, such as masks and rotary tables.
    ignored_buffers: tuple[Line, ...] = Field((), exclude_if=lambda names: not names)
    vocabulary: Positive  # rows of the softmax, padding included
    layers: Positive
    width: Positive


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Response:
    """One item of a task: log-likelihood (nats) of each choice, and what counts as right."""

    item: Count
    target: int | str
    log_likelihoods: tuple[LogLikelihood, ...]
    metrics: dict[str, Number]


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Score:
    """One metric of one task for one model."""

    task: str
    metric: str
    value: Number  # a fraction in [0, 1]
    stderr: Amount | None = None  # same unit; None when unknown, never 0.0
    n: Positive  # items scored
    higher_is_better: bool


class Subtask(Record):
    """One member of a group such as blimp, with its own metrics and items."""

    name: str
    version: str
    scores: tuple[Score, ...]
    responses: tuple[Response, ...]


@cache
def _shared(task: Task) -> Task:
    """Return the same object for equal tasks, which thousands of records name."""
    return task


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class TaskResult:
    """All metrics of one task, with the items they come from.

    A group has subtasks instead of items; its scores are lm-eval's aggregates over them.
    """

    task: Annotated[Task, AfterValidator(_shared)]
    version: str
    scores: tuple[Score, ...]
    responses: tuple[Response, ...]
    # Not written if empty, so that the hash of a plain task's record does not change.
    subtasks: tuple[Subtask, ...] = Field((), exclude_if=lambda members: not members)

    @model_validator(mode="after")
    def _what_counts_is_a_fraction(self) -> Self:
        for score in self.scores:
            if score.metric == self.task.metric and not 0 <= score.value <= 1:
                wrong = f"{score.value:g} of {self.task.task} is not a fraction in [0, 1]"
                raise refuse(wrong, "a score in per cent is divided by 100", "scores")
        return self


def leaves_of(task: TaskResult) -> list[tuple[str, TaskResult | Subtask]]:
    """List the tasks that have items: the task itself, or the members of a group."""
    return [(s.name, s) for s in task.subtasks] or [(task.task.task, task)]


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class DocumentBits:
    """Cost of one document under the model."""

    document: str
    bytes: Positive
    tokens: Positive
    bits: Amount
    lossless: bool  # decode(encode(text)) == text
    # In the order of the text's classes; None where the tokens do not give the text back, or their
    # bytes are not known. The bits sum to `bits` exactly.
    class_bytes: tuple[Count, ...] | None = None
    class_bits: tuple[Amount, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Stretch:
    """Bits of the tokens that begin in a stretch of their document, summed over documents."""

    from_byte: Count
    bytes: Positive  # of those tokens
    bits: Amount


class Lossless(Record):
    """Bits per byte of a text (lower is better), summed over its documents."""

    bits_per_byte: Amount
    start_token: StartToken | None = None  # of format 2; later ones have a calibration
    failing_bytes: Count  # bytes in documents that the tokenizer does not reproduce
    documents: tuple[DocumentBits, ...] = Field(min_length=1)
    stretches: tuple[Stretch, ...]  # empty where the bytes of tokens are not known
    classes: tuple[ByteClass, ...] | None = None  # that some document has

    @property
    def bytes(self) -> int:
        return sum(document.bytes for document in self.documents)

    @model_validator(mode="after")
    def _every_class_has_its_sums(self) -> Self:
        if len(set(self.classes or ())) < len(self.classes or ()):
            raise refuse("a class occurs twice", "measure again", "classes")
        for number, document in enumerate(self.documents, start=1):
            for name in ("class_bytes", "class_bits"):
                sums = getattr(document, name)
                other = document.class_bits if name == "class_bytes" else document.class_bytes
                if (sums is None) != (other is None):
                    wrong = "has bytes or bits by class, not both"
                    raise refuse(wrong, "measure again", f"documents.{number}.{name}")
                if sums is not None and len(sums) != len(self.classes or ()):
                    classes = counted(len(self.classes or ()), "class", "classes")
                    wrong = f"{counted(len(sums), 'number')} for {classes}"
                    raise refuse(wrong, "measure again", f"documents.{number}.{name}")
        return self


class CorpusText(Record):
    """Identity of the text that was scored."""

    sha256: str
    bytes: Positive
    protocol: Protocol

    @classmethod
    def of(cls, corpus: Corpus) -> Self:
        return cls(sha256=corpus.sha256, bytes=corpus.bytes, protocol=corpus.protocol)


class Part(Record):
    """One of several parts of a suite: a range of items of every task, see `items_of`."""

    number: int = Field(ge=1)
    of: int = Field(ge=2)

    @model_validator(mode="after")
    def _is_one_of_all(self) -> Self:
        if self.number > self.of:
            raise refuse(f"is part {self.number} of {self.of}", "count from 1", "number")
        return self

    def items_of(self, total: int) -> range:
        """Return the items of a task in this part; all parts together have each item once."""
        return range(total * (self.number - 1) // self.of, total * self.number // self.of)


RunId = Annotated[str, matching(r"[0-9a-f]{12}", "is not a run id", "write its 12 hex digits")]

# The `reason` in an error record.
Reason = Literal[
    "architecture",  # the scorer does not know how the model makes its logits
    "context",  # the model reads fewer tokens than the protocol's window
    "corpus",  # the text or the pairs are not those that the spec pins
    "disk",  # no space for temporary files
    "gated",  # the Hub gives the weights or documents only to those who asked for access
    "harness",  # lm-eval, its task or its documents
    "nan",  # the model's output is not a finite number
    "network",  # no connection, a rate limit, an answer cut off
    "not_causal",  # later tokens change the probabilities of earlier ones: no code length
    "out_of_memory",
    "package",  # a package that a spec names is not installed
    "packed",  # a compressed sample cannot be read
    "round_trip",  # what was compressed does not come back the same
    "size",  # a compressed sample is larger than its cost allows
    "timeout",  # longer than the limit of `leaderboard measure`
    "tokenizer",
    "too_large",  # for the memory or disk of the machine; known before anything is fetched
    "unexpected",  # our fault, or a worker that died
    "unsafe_weights",  # a pickle, or code of the model's repository
    "weights",  # missing, or not those that the spec pins
]

# now: at once, after a pause that doubles, and again with every run.
# next_run: with every run; to find out whether it works costs little.
# larger_machine: by a machine with more memory than the one that failed.
# changed: when the model's file, the suite or corpus, or the software has changed.
# never: not even with --again; other weights are another revision, which is another job.
Retry = Literal["now", "next_run", "larger_machine", "changed", "never"]
# All other reasons, and words of earlier versions: changed.
RETRY: dict[Reason, Retry] = {
    "disk": "next_run",
    "gated": "next_run",
    "network": "now",
    "out_of_memory": "larger_machine",
    "package": "next_run",
    "too_large": "larger_machine",
    "unsafe_weights": "never",
    "weights": "next_run",
}


def retry_of(reason: str) -> Retry:
    """Say when a job that failed for this reason is tried again."""
    return RETRY.get(cast(Reason, reason), "changed")


class Failure(Record):
    """Why nothing could be measured."""

    reason: str  # a Reason; earlier records may have other words
    message: Line


class Result(Record):
    """One finished job: a suite, a corpus or a proof, for one revision of one model."""

    format: Literal[2, 3]
    model: str
    revision: str
    tokens_seen: Count | None = None
    kind: Kind
    name: str
    started: AwareDatetime
    environment: Environment
    subject: Subject | None = None
    calibration: Calibration | None = None  # of the weights; formats before 3 have none
    backend: Literal["hf"] | None = None  # what answered a suite's requests; format 2: "hf"
    tasks: tuple[TaskResult, ...] = ()
    text: CorpusText | None = None
    lossless: Lossless | None = None
    lossy: Lossy | None = None
    no_lossy: Line | None = None  # why a text has no lossy side
    classical: ClassicalSizes | None = None
    preference: Preference | None = None
    proof: Proof | None = None
    error: Failure | None = None
    part: Part | None = None  # of a suite that several machines share; it never counts by itself
    parts: tuple[str, ...] = Field((), exclude_if=lambda ids: not ids)  # run ids it was merged from
    asked: str | None = None  # of a failure: hash of the weights' and the suite's or corpus's spec
    replaces: str | None = None  # run id of the record that counted for this job until now
    retracted: Line | None = Field(None, description="why this record no longer counts")

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        if self.error is None:
            needed = PARTS[self.kind]
            if self.model == CLASSICAL.id:
                needed = ("text", "classical")
            if self.preference is not None:
                needed = ("preference",)
            for name in needed:
                if not getattr(self, name):
                    raise refuse("missing", f"measure again: a {self.kind} record needs it", name)
            if self.model != CLASSICAL.id and self.format == FORMAT:
                for name in ("calibration", *(["backend"] if self.kind == "suite" else [])):
                    if getattr(self, name) is None:
                        raise refuse("missing", f"measure again: format {FORMAT} needs it", name)
            allowed = (*needed, "lossy") if "lossless" in needed else needed
            for name in MEASURED:
                if getattr(self, name) and name not in allowed:
                    others = " and ".join(needed)
                    raise refuse(f"cannot be in a record with {others}", "measure again", name)
        return self

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy without the id, since a copy with other fields is another record."""
        copy = super().model_copy(update=update, deep=deep)
        copy.__dict__.pop("run_id", None)
        return copy

    @cached_property
    def run_id(self) -> str:
        """First 12 hex of the content's hash; a later `retracted` mark leaves it as it is."""
        content = {key: value for key, value in self.content.items() if key != "retracted"}
        return hash_content(content)[:12]

    @property
    def key(self) -> JobKey:
        return (self.model, self.revision, self.kind, self.name)

    @property
    def recency(self) -> tuple[datetime, str]:
        """A sort key: of two records that know nothing of each other the larger is the later."""
        return (self.started, self.run_id)

    @property
    def file(self) -> str:
        """The path of this record, relative to its results folder."""
        return f"{self.model}/{self.revision}/{self.kind}-{self.name}/{self.run_id}.json"

    @property
    def is_history(self) -> bool:
        """Whether it was measured under the rules of an earlier format, so that it is unranked.

        Sizes under the classical compressors are the same in every format.
        """
        return self.format != FORMAT and self.model != CLASSICAL.id

    @property
    def counts(self) -> bool:
        """Whether the board may use it: all of a job, neither failed nor retracted."""
        return self.error is None and self.retracted is None and self.part is None
