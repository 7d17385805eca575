"""Run jobs one after another, in one watched worker process per revision (the default engine).

On Linux the worker is forked from a server that has the libraries loaded, so that it starts at
once; elsewhere it loads them itself. The driver loads no weights.

The worker dies as soon as the other end of its pipe is closed, and its children with it: it and
they are a process group by themselves.

A worker that crashes is started anew for the next job. Time and memory are watched from outside:
a limit inside the process (RLIMIT_AS) would count address space, of which torch reserves much
more than it uses.
"""

import contextlib
import multiprocessing
import os
import queue
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
import torch
from tqdm import tqdm

from compression_leaderboard.measure.record import (
    COMPRESSOR_PACKAGES,
    MODEL_PACKAGES,
    Report,
    Workplace,
    describe_environment,
    machine_memory,
    make_record,
)
from compression_leaderboard.measure.run import Bench
from compression_leaderboard.measure.weights import suitable_device, suitable_dtype
from compression_leaderboard.plan.jobs import Job
from compression_leaderboard.records.results import Compressors, Failure, Reason, Result, retry_of
from compression_leaderboard.repository.specs import Specs

LINUX = sys.platform == "linux"
OOM_COUNTER = Path("/proc/vmstat")
END_SECONDS = 5  # until a killed process is gone, at most
PROGRESS_SECONDS = 0.2  # between two reports on a job
CHECK_SECONDS = 0.1  # between two checks of a worker's memory and time
PAUSES = (1.0, 4.0)  # seconds before each new attempt, where a reason asks for one
MEMORY_SHARE = 0.95  # of the machine's memory that a worker may use, unless a limit is given
MORE_MEMORY = "measure on a machine with more"

# A lock of threads: tqdm's own is shared by processes, and a killed worker would leave it behind.
tqdm.set_lock(threading.RLock())


@dataclass(frozen=True)
class Hello:
    """What the worker computes with, for records that the driver has to make without it."""

    device: str
    dtype: str
    threads: int


@dataclass(frozen=True)
class Progress:
    """How far a job is."""

    stage: str
    done: int
    total: int


class Worker:
    """One process, for the jobs of one revision of one model."""

    def __init__(self, specs: Specs, place: Workplace):
        self.hello: Hello | None = None
        self._oom_kills = _count_oom_kills()
        handle, log = tempfile.mkstemp(prefix="leaderboard-", suffix=".log")
        os.close(handle)
        self._log = Path(log)
        self.connection, theirs = multiprocessing.Pipe()
        # Not a daemon, which could have no children: lm-eval has some.
        self._process = _context().Process(target=work, args=(theirs, specs, place, log))
        self._process.start()
        theirs.close()

    def resident_bytes(self) -> int:
        """Measure the memory of the worker and its children; shared pages count for each."""
        try:
            worker = psutil.Process(self._process.pid)
            family = [worker, *worker.children(recursive=True)]
            return sum(process.memory_info().rss for process in family)
        except psutil.Error:  # gone meanwhile, or not ours to see
            return 0

    def end(self) -> None:
        """End the worker and everything that it started."""
        if self._process.pid is None:
            return
        if self._process.is_alive():
            self._process.kill()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)  # its group outlives it
        self._process.join(END_SECONDS)
        self.connection.close()
        self._log.unlink(missing_ok=True)

    def why_it_died(self) -> tuple[bool, str]:
        """Explain why the worker ended: whether memory ran out, and what is known in a sentence."""
        self._process.join(END_SECONDS)
        code = self._process.exitcode
        last = (self._log.read_text("utf-8", "replace").strip().splitlines() or [""])[-1][:300]
        if code == -signal.SIGKILL and _count_oom_kills() > self._oom_kills:
            return True, "the system ended the worker because memory ran out"
        if "bad_alloc" in last:
            return True, f"the worker was refused memory: {last}"
        if code is not None and code < 0:
            died = f"the worker was ended by {signal.Signals(-code).name}"
        else:
            died = f"the worker ended with status {code}"
        return False, f"{died}: {last}" if last else died


def _context() -> Any:
    if not LINUX:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["compression_leaderboard.measure.engines.local"])
    # Ask the driver's library for GPUs, since a process that has used CUDA cannot be forked.
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    _start_server()
    return context


def _start_server() -> None:
    """Start the server so that Ctrl-C, which a terminal sends to every process, leaves it alone."""
    if threading.current_thread() is not threading.main_thread():
        forkserver.ensure_running()
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a new process inherits this
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)


def _count_oom_kills() -> int:
    """Count the processes that the kernel has ended for lack of memory, where it counts them."""
    try:
        lines = OOM_COUNTER.read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def work(connection: Connection, specs: Specs, place: Workplace, log: str) -> None:
    """Run the jobs that come through the connection, one at a time, until it closes.

    log: a file that takes all chatter; its last line tells why a worker crashed.
    """
    os.setsid()
    _redirect_output(log)
    orders: queue.SimpleQueue[tuple[Job, int]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, orders), daemon=True).start()
    bench = Bench(specs, place)
    dtype = str(suitable_dtype()).removeprefix("torch.")
    connection.send(Hello(suitable_device(), dtype, torch.get_num_threads()))
    while True:
        job, batch_divisor = orders.get()
        connection.send(bench.run(job, batch_divisor, _Reporter(connection)))


def _redirect_output(log: str) -> None:
    handle = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(handle, 1)
    os.dup2(handle, 2)


def _listen(connection: Connection, orders: "queue.SimpleQueue[Any]") -> None:
    while True:
        try:
            orders.put(connection.recv())
        except (EOFError, OSError):
            os.killpg(0, signal.SIGKILL)


class _Reporter:
    """Sends progress, not too often."""

    def __init__(self, connection: Connection):
        self._connection = connection
        self._last = 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        if time.monotonic() - self._last >= PROGRESS_SECONDS:
            self._connection.send(Progress(stage, done, total))
            self._last = time.monotonic()


@dataclass(frozen=True)
class Limits:
    """What one job may use; None: all of the machine's memory, any time."""

    memory_bytes: int | None = None
    seconds: float | None = None  # with loading, where the job is the first of its revision


def run_local(
    jobs: Iterable[Job], specs: Specs, place: Workplace, limits: Limits, report: Report
) -> Generator[tuple[Job, Result]]:
    """Run jobs in order; yield each record as soon as it is made. A failure is a record too.

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
                if pause is None or not result.error or retry_of(result.error.reason) != "now":
                    break
                time.sleep(pause)
            if result.error is not None and result.error.reason == "out_of_memory":
                batch_divisor *= 2
            yield job, result
    finally:
        if worker is not None:
            worker.end()


def _watch(
    worker: Worker, job: Job, batch_divisor: int, limits: Limits, report: Report
) -> tuple[Result, bool]:
    """The record of a job, and whether the worker can go on."""
    watch = _Watch(worker, job, batch_divisor, limits)
    try:
        worker.connection.send((job, batch_divisor))
        while True:
            if worker.connection.poll(CHECK_SECONDS):
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
    """Watch one job from outside: its time, its memory, and its record when the worker cannot."""

    def __init__(self, worker: Worker, job: Job, batch_divisor: int, limits: Limits):
        self._worker, self._job = worker, job
        self._batch_divisor, self._limits = batch_divisor, limits
        self._began, self._started = datetime.now(UTC), time.monotonic()
        self._checked = self._started
        self._peak = 0
        self._memory = limits.memory_bytes or int(MEMORY_SHARE * machine_memory())

    def over_limit(self) -> Result | None:
        """Record a job that takes too much time or memory; None while it does not."""
        now = time.monotonic()
        if now - self._checked < CHECK_SECONDS:
            return None
        self._checked = now
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
        """Record a job whose worker is gone."""
        out_of_memory, why = self._worker.why_it_died()
        if out_of_memory:
            return self._failed("out_of_memory", f"{why}; {MORE_MEMORY}")
        return self._failed("unexpected", why)

    def complete(self, result: Result) -> Result:
        """Add what only the driver knows: a limit on memory, smaller batches."""
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
    """Record a job whose worker cannot; what it computed with is unknown here."""
    classical = isinstance(job.model, Compressors)
    packages = COMPRESSOR_PACKAGES if classical else MODEL_PACKAGES
    environment = describe_environment("unknown", None, 1, packages, seconds)
    error = Failure(reason=reason, message=message)
    return make_record(job, began, environment, {"error": error, "asked": job.asked})
