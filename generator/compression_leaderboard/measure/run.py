"""Run a job, and record what it measured or why it failed."""

import dataclasses
import errno
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import torch

from compression_leaderboard.measure import harness
from compression_leaderboard.measure.compressors import compress_corpus
from compression_leaderboard.measure.corpora import read_corpus
from compression_leaderboard.measure.forward import is_out_of_memory
from compression_leaderboard.measure.preferences import draw_pairs, measure_preference
from compression_leaderboard.measure.record import (
    COMPRESSOR_PACKAGES,
    MODEL_PACKAGES,
    PROOF_PACKAGES,
    MeasureError,
    Report,
    Workplace,
    describe_environment,
    make_record,
)
from compression_leaderboard.measure.text import score_text
from compression_leaderboard.measure.weights import (
    Loaded,
    load_model,
    suitable_device,
    suitable_dtype,
)
from compression_leaderboard.plan.jobs import Job
from compression_leaderboard.records.results import (
    Compressors,
    CorpusText,
    Environment,
    Failure,
    Reason,
    Result,
    retry_of,
)
from compression_leaderboard.repository.specs import Specs


class Bench:
    """One revision of one model, loaded for its first job and kept for the ones that follow."""

    def __init__(self, specs: Specs, place: Workplace):
        self.specs, self.place = specs, place
        self._loaded: Loaded | None = None
        self._refused: Exception | None = None

    def run(self, job: Job, batch_divisor: int, report: Report) -> Result:
        """Record a job, or its failure. Batches are 1/batch_divisor of their usual size."""
        began, started = datetime.now(UTC), time.monotonic()
        try:
            loaded = self._load(job)
        except Exception as error:
            return _record(job, began, started, _failed(job, error))
        if loaded is not None:
            loaded = dataclasses.replace(loaded, batch_divisor=batch_divisor)
        work = partial(_measure, job, loaded, self.specs, self.place, report)
        return record_job(job, work)

    def _load(self, job: Job) -> Loaded | None:
        """Load the model of a job; None for the classical compressors, which need none.

        Weights that were refused once are refused again, unless a retry may help.
        """
        if isinstance(job.model, Compressors):
            return None
        if self._refused is not None:
            raise self._refused
        if self._loaded is None:
            try:
                self._loaded = load_model(
                    job.model, job.checkpoint, self.place.root, self.place.cache
                )
            except Exception as error:
                if retry_of(_failure(error).reason) != "now":
                    self._refused = error
                raise
        return self._loaded


def record_job(job: Job, work: Callable[[], dict[str, Any]]) -> Result:
    """Record the parts that `work` returns, or why it failed."""
    began, started = datetime.now(UTC), time.monotonic()
    try:
        parts = work()
    except Exception as error:
        parts = _failed(job, error)
    return _record(job, began, started, parts)


def _measure(
    job: Job, loaded: Loaded | None, specs: Specs, place: Workplace, report: Report
) -> dict[str, Any]:
    """Measure what the job names; return the fields of its record."""
    if loaded is not None and job.kind == "suite":
        tasks = harness.run_suite(loaded, specs.suites[job.name], place.root, job.part)
        return {"subject": loaded.subject, "tasks": tasks}
    if loaded is not None and job.name in specs.preferences:
        spec = specs.preferences[job.name]
        pairs = draw_pairs(spec, place.root)
        return {"preference": measure_preference(loaded, pairs, spec, report)}
    corpus = specs.corpora[job.name]
    text, documents = CorpusText.of(corpus), read_corpus(corpus, place.root)
    if loaded is None:
        return {"text": text, "classical": compress_corpus(documents, report)}
    lossless, lossy = score_text(loaded, documents, corpus.protocol, report)
    return {"text": text, "subject": loaded.subject, "lossless": lossless, "lossy": lossy}


def _failed(job: Job, error: Exception) -> dict[str, Any]:
    return {"error": _failure(error), "asked": job.asked}


def _failure(error: Exception) -> Failure:
    """Why a job failed, as records/results.py names the reasons."""
    if isinstance(error, MeasureError):
        return Failure(reason=error.reason, message=error.message)
    reason: Reason = "unexpected"
    if is_out_of_memory(error):
        reason = "out_of_memory"
    elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        reason = "disk"
    return Failure(reason=reason, message=f"{type(error).__name__}: {error}")


def _record(job: Job, began: datetime, started: float, parts: dict[str, Any]) -> Result:
    """Make the record of a job that just ended. started: on the monotonic clock."""
    return make_record(job, began, _environment(job, time.monotonic() - started), parts)


def _environment(job: Job, seconds: float) -> Environment:
    if isinstance(job.model, Compressors):
        return describe_environment("cpu", None, 1, COMPRESSOR_PACKAGES, seconds)
    threads, device = torch.get_num_threads(), suitable_device()
    if job.kind == "proof":
        return describe_environment(device, "float32", threads, PROOF_PACKAGES, seconds)
    dtype = str(suitable_dtype()).removeprefix("torch.")
    return describe_environment(device, dtype, threads, MODEL_PACKAGES, seconds)
