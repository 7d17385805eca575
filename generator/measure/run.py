"""Run jobs: one load of the weights for all jobs of a revision, one record for each job."""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch

from generator.files.specs import Specs
from generator.measure import harness
from generator.measure.classical import compress_corpus
from generator.measure.corpora import read_corpus
from generator.measure.failures import MeasureError
from generator.measure.machine import (
    COMPRESSOR_PACKAGES,
    MODEL_PACKAGES,
    PROOF_PACKAGES,
    describe_environment,
)
from generator.measure.pairs import draw_pairs
from generator.measure.preferences import measure_preference
from generator.measure.text import score_text
from generator.measure.weights import Loaded, load_model, suitable_device, suitable_dtype
from generator.plan import Job
from generator.records.classical import Compressors
from generator.records.corpora import Corpus
from generator.records.preferences import PreferenceSet
from generator.records.results import FORMAT, CorpusText, Environment, Failure, Result
from generator.records.suites import Suite

Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Workplace:
    """Where weights are looked for and cached."""

    root: Path
    cache: Path


def run_jobs(
    jobs: Iterable[Job], specs: Specs, place: Workplace, report: Report
) -> Iterator[tuple[Job, Result]]:
    """Run jobs in order; yield each record as soon as it is there. A failure is a record too."""
    by_revision = itertools.groupby(jobs, key=lambda job: (job.model.id, job.checkpoint.revision))
    for _, group in by_revision:
        due = list(group)
        started = time.monotonic()
        try:
            loaded = _load(due[0], place)
        except Exception as error:
            for job in due:
                yield job, _failed(job, error, datetime.now(UTC), time.monotonic() - started)
            continue
        for job in due:
            yield job, record_job(job, partial(_measure, job, loaded, specs, place, report))
        del loaded


def _load(job: Job, place: Workplace) -> Loaded | None:
    """The model of a job; None for the classical compressors, which need none."""
    if isinstance(job.model, Compressors):
        return None
    return load_model(job.model, job.checkpoint, place.root, place.cache)


def record_job(job: Job, work: Callable[[], dict[str, Any]]) -> Result:
    """The record of a job: the parts of it that `work` returns, or why it failed."""
    began, started = datetime.now(UTC), time.monotonic()
    try:
        parts = work()
    except Exception as error:
        return _failed(job, error, began, time.monotonic() - started)
    return _record(job, began, time.monotonic() - started, parts)


def _measure(
    job: Job, loaded: Loaded | None, specs: Specs, place: Workplace, report: Report
) -> dict[str, Any]:
    if loaded is None:
        return _compress_corpus(specs.corpora[job.name], report)
    if job.kind == "suite":
        return _run_suite(loaded, specs.suites[job.name], place.root)
    if job.name in specs.preferences:
        return _run_preference(loaded, specs.preferences[job.name], place.root, report)
    return _run_corpus(loaded, specs.corpora[job.name], report)


def _run_suite(loaded: Loaded, suite: Suite, root: Path) -> dict[str, Any]:
    return {"subject": loaded.subject, "tasks": harness.run_suite(loaded, suite, root)}


def _run_corpus(loaded: Loaded, corpus: Corpus, report: Report) -> dict[str, Any]:
    documents = read_corpus(corpus)
    lossless, lossy = score_text(loaded, documents, corpus.protocol, report)
    parts = {"subject": loaded.subject, "lossless": lossless, "lossy": lossy}
    return {"text": CorpusText.of(corpus), **parts}


def _compress_corpus(corpus: Corpus, report: Report) -> dict[str, Any]:
    sizes = compress_corpus(read_corpus(corpus), report)
    return {"text": CorpusText.of(corpus), "classical": sizes}


def _run_preference(
    loaded: Loaded, spec: PreferenceSet, root: Path, report: Report
) -> dict[str, Any]:
    return {"preference": measure_preference(loaded, draw_pairs(spec, root), spec, report)}


def _failed(job: Job, error: Exception, began: datetime, seconds: float) -> Result:
    if isinstance(error, MeasureError):
        failure = Failure(reason=error.reason, message=error.message)
    else:
        failure = Failure(reason="unexpected", message=f"{type(error).__name__}: {error}")
    return _record(job, began, seconds, {"error": failure})


def _record(job: Job, began: datetime, seconds: float, parts: dict[str, Any]) -> Result:
    """The record of a job: identity and environment, and the parts that were measured."""
    return Result(
        format=FORMAT,
        model=job.model.id,
        revision=job.checkpoint.revision,
        tokens_seen=job.checkpoint.tokens_seen or None,
        kind=job.kind,
        name=job.name,
        started=began.replace(microsecond=0),
        environment=_environment(job, seconds),
        **parts,
    )


def _environment(job: Job, seconds: float) -> Environment:
    if isinstance(job.model, Compressors):
        return describe_environment("cpu", None, 1, COMPRESSOR_PACKAGES, seconds)
    threads, device = torch.get_num_threads(), suitable_device()
    if job.kind == "proof":
        return describe_environment(device, "float32", threads, PROOF_PACKAGES, seconds)
    dtype = str(suitable_dtype()).removeprefix("torch.")
    return describe_environment(device, dtype, threads, MODEL_PACKAGES, seconds)
