"""The default engine: jobs one after another, in one worker process for each revision.

A worker that crashes is started anew for the next job. Time and memory are watched from outside:
a limit inside the process (RLIMIT_AS) would count address space, of which torch reserves much
more than it uses.
"""

import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from generator.files.specs import Specs
from generator.measure.engines.watched import Hello, Progress, Worker
from generator.measure.machine import (
    COMPRESSOR_PACKAGES,
    MODEL_PACKAGES,
    describe_environment,
    machine_memory,
)
from generator.measure.record import Report, Workplace, make_record
from generator.plan import Job, policy_of
from generator.records.classical import Compressors
from generator.records.failures import Reason
from generator.records.results import Failure, Result

LOOK_SECONDS = 0.1  # between two looks at a worker's memory and time
PAUSES = (1.0, 4.0)  # seconds before each new attempt, where a reason asks for one
MORE_MEMORY = "measure on a machine with more"
SHARE = 0.95  # of the machine's memory that a worker may use, unless a limit is given


@dataclass(frozen=True)
class Limits:
    """What one job may use; None: all of the machine's memory, any time."""

    memory_bytes: int | None = None
    seconds: float | None = None  # with loading, where the job is the first of its revision


def run_local(
    jobs: Iterable[Job], specs: Specs, place: Workplace, limits: Limits, report: Report
) -> Generator[tuple[Job, Result]]:
    """Run jobs in order; yield each record as soon as it is there. A failure is a record too.

    After a job that ran out of memory the next ones of the model begin with smaller batches.
    """
    worker: Worker | None = None
    model, revision, batch_divisor = "", "", 1
    try:
        for job in jobs:
            if worker is not None and (job.model.id, job.checkpoint.revision) != (model, revision):
                worker.end()
                worker = None
            if job.model.id != model:
                batch_divisor = 1
            model, revision = job.model.id, job.checkpoint.revision
            for pause in (*PAUSES, None):
                worker = worker or Worker(specs, place)
                result, alive = _watch(worker, job, batch_divisor, limits, report)
                if not alive:
                    worker.end()
                    worker = None
                if pause is None or not _again_now(result):
                    break
                time.sleep(pause)
            if result.error is not None and result.error.reason == "out_of_memory":
                batch_divisor *= 2
            yield job, result
    finally:
        if worker is not None:
            worker.end()


def _again_now(result: Result) -> bool:
    return result.error is not None and policy_of(result.error.reason) == "now"


def _watch(
    worker: Worker, job: Job, batch_divisor: int, limits: Limits, report: Report
) -> tuple[Result, bool]:
    """The record of a job, and whether the worker can go on."""
    watch = _Watch(worker, job, batch_divisor, limits)
    try:
        worker.connection.send((job, batch_divisor))
        while True:
            if worker.connection.poll(LOOK_SECONDS):
                message = worker.connection.recv()
                if isinstance(message, Result):
                    return watch.complete(message), True
                if isinstance(message, Progress):
                    report(message.stage, message.done, message.total)
                elif isinstance(message, Hello):
                    worker.hello = message
            if (stopped := watch.over_limit()) is not None:
                return stopped, False
    except (EOFError, OSError):
        return watch.died(), False


class _Watch:
    """A look at one job from outside: its time, its memory, and its record when it cannot."""

    def __init__(self, worker: Worker, job: Job, batch_divisor: int, limits: Limits):
        self._worker, self._job = worker, job
        self._batch_divisor, self._limits = batch_divisor, limits
        self._began, self._started = datetime.now(UTC), time.monotonic()
        self._looked = self._started
        self._peak = 0
        self._memory = limits.memory_bytes or int(SHARE * machine_memory())

    def over_limit(self) -> Result | None:
        """The record of a job that takes too much, or None."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return None
        self._looked = now
        used = self._worker.resident_bytes()
        self._peak = max(self._peak, used)
        if used > self._memory:
            wrong = f"the worker used {used / 1e9:.2f} GB of memory"
            allowed = f"it may use {self._memory / 1e9:.2f}"
            return self._failed("out_of_memory", f"{wrong}, {allowed}; {MORE_MEMORY}")
        seconds = self._limits.seconds
        if seconds is not None and now - self._started > seconds:
            wrong = f"not done after {seconds / 60:.1f} minutes"
            return self._failed("timeout", f"{wrong}; raise --timeout and add --again")
        return None

    def died(self) -> Result:
        """The record of a job whose worker is gone."""
        out_of_memory, why = self._worker.why_it_died()
        if out_of_memory:
            return self._failed("out_of_memory", f"{why}; {MORE_MEMORY}")
        return self._failed("unexpected", why)

    def complete(self, result: Result) -> Result:
        """A record with what only the driver knows: a limit on memory, smaller batches."""
        changes: dict[str, int] = {}
        if self._limits.memory_bytes is not None:
            changes["memory_bytes"] = self._limits.memory_bytes
        if self._batch_divisor > 1:
            changes["batch_divisor"] = self._batch_divisor
        if not changes:
            return result
        environment = result.environment.model_copy(update=changes)
        return result.model_copy(update={"environment": environment})

    def _failed(self, reason: Reason, message: str) -> Result:
        seconds = time.monotonic() - self._started
        result = failure_outside(self._job, self._began, seconds, reason, message)
        known: dict[str, object] = {"peak_memory_bytes": self._peak}
        if (hello := self._worker.hello) is not None:
            known |= {"device": hello.device, "threads": hello.threads}
            if not isinstance(self._job.model, Compressors):
                known["dtype"] = hello.dtype
        environment = result.environment.model_copy(update=known)
        return self.complete(result.model_copy(update={"environment": environment}))


def failure_outside(
    job: Job, began: datetime, seconds: float, reason: Reason, message: str
) -> Result:
    """The record of a job whose worker can make none; what it computed with is not known here."""
    classical = isinstance(job.model, Compressors)
    packages = COMPRESSOR_PACKAGES if classical else MODEL_PACKAGES
    environment = describe_environment("unknown", None, 1, packages, seconds)
    error = Failure(reason=reason, message=message)
    return make_record(job, began, environment, {"error": error, "asked": job.asked})
