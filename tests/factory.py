"""Valid records and specs that tests change where they need to."""

import hashlib
import json
from datetime import UTC, date, datetime
from statistics import stdev
from typing import Any

from compression_leaderboard.board.derived import DerivedResult
from compression_leaderboard.records.calibration import (
    CALIBRATION_SHA256,
    Calibration,
    ModeBits,
    Start,
)
from compression_leaderboard.records.corpora import (
    Corpus,
    PairSource,
    PreferenceProtocol,
    PreferenceSet,
    Protocol,
    Source,
)
from compression_leaderboard.records.models import Dataset, Model, Suite, Task, Weights
from compression_leaderboard.records.plane import (
    LabelSet,
    Layer,
    LayerInformation,
    Lossy,
    Preference,
    PreferenceLayer,
    Replicates,
    Share,
)
from compression_leaderboard.records.published import Citation, PublishedSource
from compression_leaderboard.records.rechecks import (
    Recheck,
    RepeatedDocument,
    RepeatedTask,
    draw_sample,
)
from compression_leaderboard.records.results import (
    CLASSICAL,
    FORMAT,
    ClassicalSizes,
    CompressedText,
    CorpusText,
    DocumentBits,
    DocumentSize,
    Environment,
    Failure,
    Lossless,
    Proof,
    Response,
    Result,
    Score,
    Stretch,
    Subject,
    TaskResult,
    leaves_of,
)
from compression_leaderboard.repository.specs import Specs

REVISION = "sha256-" + "a" * 40
TASK = Task(
    task="sums",
    label="Sums",
    category="arithmetic",
    chance=0.25,
    dataset=Dataset(path="sums.jsonl", revision="sha256-" + "b" * 40),
)
SUITE = Suite(name="starter", title="Starter", description="Sums.", public=False, tasks=(TASK,))
PROTOCOL = Protocol(
    documents=3,
    document_bytes=100,
    window_tokens=16,
    stride_tokens=8,
    positions=50,
    max_order=1,
    byte_orders=(),
    anchor_seeds=(0, 1),
)
CORPUS = Corpus(
    name="prose",
    title="Prose",
    domain="English prose",
    begins=date(2020, 1, 1),
    ends=date(2020, 12, 31),
    licence="CC0-1.0",
    sha256="c" * 64,
    bytes=300,
    source=Source(package="texts==1.0", files="texts/*.txt"),
    protocol=PROTOCOL,
)
CALIBRATION = Calibration(
    sha256=CALIBRATION_SHA256,
    window_tokens=16,
    tokens=4000,
    start=Start(
        mode="bos",
        token="<s>",
        token_id=1,
        default="bos",
        modes=(
            ModeBits(mode="none", bits=20_500.0),
            ModeBits(mode="bos", bits=20_000.0),
            ModeBits(mode="bos-every-window", bits=20_010.0),
        ),
        revision=REVISION,
    ),
    future_nats=0.0,
)
PAIR_LINES = "".join(
    json.dumps({"prompt": f"Question {k}?", "chosen": "Yes, it is.", "rejected": "It may be."})
    + "\n"
    for k in range(20)
)
PAIRS = PreferenceSet(
    kind="preference",
    name="pairs",
    title="Everyday pairs",
    domain="everyday questions",
    licence="CC0-1.0",
    sha256=hashlib.sha256(PAIR_LINES.encode()).hexdigest(),
    source=PairSource(path="runs/preferences/pairs.jsonl"),
    protocol=PreferenceProtocol(pairs=20, longest_tokens=16, anchor_seeds=(0, 1)),
)
# In runs/models/org/small.toml: what a test measures in no time.
MODEL_FILE = f"""name = "org/small"
family = "Family"
kind = "base"
parameters = 1000
released = 2019-01-01
licence = "Apache-2.0"
suites = []
corpora = ["prose"]

[weights]
path = "weights"
revision = "{REVISION}"
"""
STDERR = stdev([1.0, 0.0, 1.0, 0.0]) / 2  # of the suite's score


def make_model(name: str = "org/small", **changes: Any) -> Model:
    fields: dict[str, object] = {
        "name": name,
        "family": "Family",
        "kind": "base",
        "parameters": 1000,
        "released": date(2019, 1, 1),
        "licence": "Apache-2.0",
        "suites": ("starter",),
        "corpora": ("prose",),
        "weights": Weights(path="weights", revision=REVISION),
    }
    return Model(**(fields | changes))


def make_source(**changes: Any) -> PublishedSource:
    """Describe a table of published figures, to which tests add the columns."""
    fields: dict[str, object] = {
        "format": 1,
        "name": "paper",
        "title": "Paper",
        "comparable_with": "Only with each other.",
        "collected": date(2026, 1, 1),
        "key": "model",
        "group": "family",
        "citations": (Citation(text="A", url="https://a.example", licence="MIT", figures="all"),),
    }
    return PublishedSource(**(fields | changes))


def make_specs(*models: Model) -> Specs:
    by_id = {m.id: m for m in models}
    return Specs(by_id, {"starter": SUITE}, {"prose": CORPUS}, {}, {"pairs": PAIRS})


def _environment() -> Environment:
    return Environment(
        packages={"torch": "2.13.0"},
        python="3.11.0",
        machine="x86_64",
        processor="a processor",
        device="cpu",
        dtype="float32",
        threads=2,
        wall_seconds=1.5,
        peak_memory_bytes=1000,
    )


def make_result(model: Model, kind: str = "corpus", **changes: Any) -> Result:
    """A finished job of `model`; bits per byte follows from the documents."""
    fields: dict[str, object] = {
        "format": FORMAT,
        "calibration": CALIBRATION,
        "model": model.id,
        "revision": model.weights.revision,
        "tokens_seen": None,
        "kind": kind,
        "name": "prose" if kind == "corpus" else "starter",
        "started": datetime(2026, 1, 1, tzinfo=UTC),
        "environment": _environment(),
    }
    if kind == "corpus":
        fields |= _corpus_parts()
    else:
        fields |= {"tasks": (_task_result(),), "backend": "hf"}
    return Result(**(fields | changes))


def make_classical(**changes: Any) -> Result:
    """The compressors on the corpus of three documents: 100 bytes each, 75 or 80 compressed."""
    compressed = tuple(
        CompressedText(
            name=compressor.name,
            settings=compressor.settings,
            version="1.0",
            whole_bytes=150 + 10 * number,
            document_bytes=(75, 75, 80),
        )
        for number, compressor in enumerate(CLASSICAL.compressors)
    )
    documents = tuple(DocumentSize(document=f"d{i}", bytes=100) for i in range(3))
    fields: dict[str, object] = {
        "format": FORMAT,
        "model": CLASSICAL.id,
        "revision": CLASSICAL.revision,
        "tokens_seen": None,
        "kind": "corpus",
        "name": "prose",
        "started": datetime(2026, 1, 1, tzinfo=UTC),
        "environment": _environment().model_copy(update={"dtype": None}),
        "text": CorpusText.of(CORPUS),
        "classical": ClassicalSizes(documents=documents, compressed=compressed),
    }
    return Result(**(fields | changes))


def make_preference(model: Model, **changes: Any) -> Result:
    """A finished job of preference pairs: corrected values 0.01, 0.03 and 0.05 by layer."""
    layers = tuple(
        PreferenceLayer(
            layer=k,
            plug_in=(0.02 + 0.02 * k, 0.04 + 0.02 * k),
            null=(0.02, 0.02),
            null_deviation=(0.001, 0.001),
            replicates=tuple(0.01 + 0.02 * k + 0.001 * k * (-1) ** g for g in range(20)),
        )
        for k in range(3)
    )
    preference = Preference(
        sha256=PAIRS.sha256,
        revision=None,
        protocol=PAIRS.protocol,
        pairs=20,
        left_out=0,
        completion_tokens=200,
        scale=0.1,
        layers=layers,
    )
    parts: dict[str, Any] = {"name": "pairs", "text": None, "lossless": None, "lossy": None}
    return make_result(model, **(parts | {"preference": preference} | changes))


def lower_bits(record: Result, share: float) -> Result:
    """Forge the record of a text: fewer bits in every document, with sums that agree."""
    content = record.content
    lossless = content["lossless"]
    lossless["bits_per_byte"] *= 1 - share
    lossless.pop("classes", None)
    for document in lossless["documents"]:
        document.pop("class_bytes", None)
        document.pop("class_bits", None)
    for entry in (*lossless["documents"], *lossless["stretches"]):
        entry["bits"] *= 1 - share
    return Result.model_validate_json(json.dumps(content))


def make_recheck(
    record: Result, commit: str, truth: Result | None = None, error: Failure | None = None
) -> Recheck:
    """Measure the sample of a record again: with the figures of another record, or in vain."""
    sample = draw_sample(record, commit)
    documents: list[RepeatedDocument] = []
    tasks: list[RepeatedTask] = []
    if truth is not None and truth.lossless is not None:
        documents = [
            RepeatedDocument(document=d.document, bytes=d.bytes, bits=d.bits, lossless=d.lossless)
            for d in truth.lossless.documents
            if d.document in sample.documents
        ]
    for task in truth.tasks if truth is not None else ():
        for name, leaf in leaves_of(task):
            asked = tuple(r for r in leaf.responses if r.item in sample.items.get(name, ()))
            tasks.append(RepeatedTask(task=name, items=len(leaf.responses), responses=asked))
    return Recheck(
        format=1,
        model=record.model,
        revision=record.revision,
        kind="suite" if record.kind == "suite" else "corpus",
        name=record.name,
        repeats=record.run_id,
        commit=commit,
        started=datetime(2026, 3, 1, tzinfo=UTC),
        environment=_environment(),
        documents=tuple(documents),
        tasks=tuple(tasks),
        error=error,
    )


def make_proof(model: Model) -> Result:
    """A sample of 256 bytes in 100 bytes, with 0.5 bits lost by rounding over 100 tokens."""
    fields: dict[str, object] = {
        "kind": "proof",
        "lossless": None,
        "lossy": None,
        "proof": Proof(
            sample_bytes=256,
            sample_sha256="f" * 64,
            tokens=100,
            block_tokens=16,
            compressed_bytes=100,
            header_bytes=300,
            bits_ideal=780.0,
            bits_quantised=780.5,
            precision_bits=24,
            encode_seconds=1.25,
            decode_seconds=2.5,
            equal=True,
        ),
    }
    return Result(**(dict(make_result(model)) | fields))


def _corpus_parts() -> dict[str, object]:
    documents = tuple(
        DocumentBits(
            document=f"d{i}",
            bytes=100,
            tokens=40,
            bits=100.0 + 10 * i,
            lossless=True,
            class_bytes=(80, 20, 0),
            class_bits=(70.0 + 8 * i, 28.0 + 2 * i, 2.0),
        )
        for i in range(3)
    )
    information = tuple(
        LayerInformation(
            unit="token",
            side=side,
            order=1,
            plug_in=plug_in,
            null=(0.1, 0.1),
            null_deviation=(0.001, 0.001),
            null_error=(0.0001, 0.0001),
            standard_error=0.01,
        )
        for side, plug_in in (("input", (0.5, 0.52)), ("output", (0.3, 0.31)))
    )
    layers = tuple(
        Layer(
            layer=k,
            entropy=(0.9, 0.91),
            ceiling=(0.7, 0.7),
            effective_rank=5.0,
            information=information,
        )
        for k in range(3)
    )
    labels = tuple(
        LabelSet(unit="token", side=side, order=1, distinct=10, singleton_mass=0.1)
        for side in ("input", "output")
    )
    lossy = Lossy(
        positions=50,
        documents=3,
        group_positions=(20, 20, 10),
        scale=0.1,
        labels=labels,
        layers=layers,
        replicates=(
            Replicates(unit="token", side="input", order=1, corrected=(0.40, 0.42, 0.41)),
            Replicates(unit="token", side="output", order=1, corrected=(0.20, 0.21, 0.205)),
        ),
        convergence=(
            Share(positions=25, unit="token", side="input", order=1, plug_in=0.6, null=0.2),
            Share(positions=25, unit="token", side="output", order=1, plug_in=0.45, null=0.2),
        ),
    )
    return {
        "text": CorpusText.of(CORPUS),
        "lossless": Lossless(
            bits_per_byte=330 / 300,
            failing_bytes=0,
            documents=documents,
            stretches=(
                Stretch(from_byte=0, bytes=192, bits=240.0),
                Stretch(from_byte=64, bytes=108, bits=90.0),
            ),
            classes=("letters", "whitespace", "start"),
        ),
        "lossy": lossy,
        "subject": Subject(
            architecture="Made",
            parameters=1000,
            weights_bytes=4000,
            context_tokens=1024,
            vocabulary=256,
            layers=2,
            width=64,
        ),
    }


def _task_result() -> TaskResult:
    responses = tuple(
        Response(item=i, target=i % 2, log_likelihoods=(-1.0, -2.0), metrics={"acc": 1.0 - i % 2})
        for i in range(4)
    )
    score = Score(task="sums", metric="acc", value=0.5, stderr=STDERR, n=4, higher_is_better=True)
    return TaskResult(task=TASK, version="1.0", scores=(score,), responses=responses, subtasks=())


def store(*results: Result) -> list[DerivedResult]:
    return [DerivedResult(f"results/measured/{r.file}", r) for r in results]
