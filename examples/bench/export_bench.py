"""Seconds and memory of all tables of a board of invented models: the goal is 5,000 models × 50
scores × 3 texts × 200 documents in at most 40 s of processor time and 2 GB, and a table of single
documents of at most 40 MB.

Run: python examples/bench/export_bench.py [models]
Prints JSON. The records are made first, as they are read from files; the clock runs from records to
finished files. Peak memory is that of the whole process, records included.
"""

import json
import resource
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime

import numpy as np
from compression_leaderboard.exports.descriptions import export_data
from compression_leaderboard.exports.tables import make_tables
from compression_leaderboard.fits.study import derive_board
from compression_leaderboard.records.calibration import (
    CALIBRATION_SHA256,
    Calibration,
    ModeBits,
    Start,
)
from compression_leaderboard.records.corpora import Corpus, Protocol, Source
from compression_leaderboard.records.models import Dataset, Model, Suite, Task, Weights
from compression_leaderboard.records.results import (
    FORMAT,
    CorpusText,
    Environment,
    Lossless,
    Result,
    Score,
    TaskResult,
)
from compression_leaderboard.repository.contents import Contents
from compression_leaderboard.repository.git import Commit
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs

SCORES, TEXTS, DOCUMENTS = 50, 3, 200
ENVIRONMENT = Environment(
    packages={"torch": "0"},
    python="3",
    machine="none",
    processor="none",
    device="cpu",
    dtype="float32",
    threads=1,
    wall_seconds=1.0,
    peak_memory_bytes=1,
)
CALIBRATION = Calibration(
    sha256=CALIBRATION_SHA256,
    window_tokens=1024,
    tokens=4000,
    start=Start(
        mode="none", default="none", modes=(ModeBits(mode="none", bits=1.0),), revision="invented"
    ),
    future_nats=0.0,
)


def make_tasks() -> tuple[Task, ...]:
    dataset = Dataset(path="invented.jsonl", revision="sha256-" + "b" * 40)
    return tuple(
        Task(task=f"task_{k:02}", label=f"Task {k}", category="any", chance=0.25, dataset=dataset)
        for k in range(SCORES)
    )


def make_corpus(number: int) -> Corpus:
    protocol = Protocol(
        documents=DOCUMENTS,
        document_bytes=5000,
        window_tokens=1024,
        stride_tokens=512,
        positions=100,
    )
    return Corpus(
        name=f"text-{number}",
        title=f"Text {number}",
        domain="invented",
        begins=date(2025, 1, 1),
        ends=date(2025, 12, 31),
        licence="CC0-1.0",
        sha256="c" * 64,
        bytes=DOCUMENTS * 5000,
        source=Source(package="invented==1", files="*.txt"),
        protocol=protocol,
    )


def make_model(number: int, corpora: tuple[str, ...]) -> Model:
    revision = f"sha256-{number:040x}"
    return Model(
        name=f"org{number % 97}/model-{number:04}",
        family=f"Family {number % 97}",
        kind="base",
        parameters=10**6 * (number + 1),
        training_tokens=10**9 * (number + 1),
        released=date(2024, 1, 1),
        licence="Apache-2.0",
        suites=("invented",),
        corpora=corpora,
        weights=Weights(path=f"weights/{number}", revision=revision),
    )


def make_result(model: Model, kind: str, name: str, parts: dict[str, object]) -> Result:
    fields = {
        "format": FORMAT,
        "calibration": CALIBRATION,
        "backend": "hf" if kind == "suite" else None,
        "model": model.id,
        "revision": model.weights.revision,
        "kind": kind,
        "name": name,
        "started": datetime(2026, 1, 1, tzinfo=UTC),
        "environment": ENVIRONMENT,
    }
    return Result(**(fields | parts))


def make_results(
    model: Model, corpora: list[Corpus], tasks: tuple[Task, ...], seed: int
) -> Iterator[Result]:
    generator = np.random.default_rng(seed)
    skill = generator.uniform(0.6, 1.4)
    for number, corpus in enumerate(corpora):
        sizes = np.random.default_rng(number).integers(1000, 5001, DOCUMENTS)  # of the text
        bits = skill * sizes * generator.normal(1, 0.1, DOCUMENTS)
        documents = [
            {
                "document": f"document-{k:03}.txt",
                "bytes": int(size),
                "tokens": int(size / (3 + skill)),
                "bits": float(cost),
                "lossless": True,
            }
            for k, (size, cost) in enumerate(zip(sizes, bits, strict=True))
        ]
        lossless = {
            "bits_per_byte": float(bits.sum() / sizes.sum()),
            "failing_bytes": 0,
            "documents": documents,
            "stretches": [],
        }
        read = Lossless.model_validate_json(json.dumps(lossless))
        yield make_result(
            model, "corpus", corpus.name, {"text": CorpusText.of(corpus), "lossless": read}
        )
    found = []
    for task in tasks:
        value = float(np.clip(generator.normal(1.2 - 0.6 * skill, 0.05), 0, 1))
        score = Score(
            task=task.task, metric="acc", value=value, stderr=0.01, n=1000, higher_is_better=True
        )
        found.append(TaskResult(task=task, version="1", scores=(score,), responses=(), subtasks=()))
    yield make_result(model, "suite", "invented", {"tasks": tuple(found)})


def main(models: int) -> None:
    tasks = make_tasks()
    suite = Suite(
        name="invented", title="Invented", description="Invented.", public=False, tasks=tasks
    )
    corpora = [make_corpus(number) for number in range(TEXTS)]
    names = tuple(corpus.name for corpus in corpora)
    specs = Specs(
        {m.id: m for m in (make_model(k, names) for k in range(models))},
        {"invented": suite},
        {corpus.name: corpus for corpus in corpora},
    )
    stored = []
    for seed, model in enumerate(specs.models.values()):
        for number, result in enumerate(make_results(model, corpora, tasks, seed)):
            folder = f"results/measured/{model.id}/{result.revision}/{result.kind}-{result.name}"
            stored.append(StoredResult(f"{folder}/{number:012}.json", result))
    started = time.process_time()
    contents = Contents(specs, stored, [], [])
    board = derive_board(contents, Commit("0" * 40, "2026-01-01T00:00:00Z"))
    board_seconds = time.process_time() - started
    started = time.process_time()
    files = export_data(board, make_tables(board.cohorts))
    seconds = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    answer = {
        "models": models,
        "seconds_of_board": round(board_seconds, 1),
        "seconds_of_tables": round(seconds, 1),
        "peak_gb": round(peak / 1e9, 2),
        "documents": models * TEXTS * DOCUMENTS,
        "documents_mb": round(len(files["compression_documents.parquet"]) / 1e6, 1),
        "scores": models * (SCORES + TEXTS),
        "all_mb": round(sum(map(len, files.values())) / 1e6, 1),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
