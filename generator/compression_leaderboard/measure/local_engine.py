"""Run jobs one after another, in one watched worker process per revision (the default engine).

On Linux the worker is forked from a server that has the libraries loaded, so that it starts at
once; elsewhere it loads them itself. The driver loads no weights.

The worker dies as soon as the other end of its pipe is closed, and its children with it: they are
a process group by themselves. A worker that crashes is started anew for the next job. Time and
memory are watched from outside: a limit inside the process (RLIMIT_AS) would count address space,
of which torch reserves much more than it uses.
"""

import contextlib
import dataclasses
import multiprocessing
import os
import queue
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
import torch
from tqdm import tqdm

from compression_leaderboard.measure import harness
from compression_leaderboard.measure.calibration import WIDEST, Windows, calibrate_checkpoint
from compression_leaderboard.measure.checkpoint import is_out_of_memory
from compression_leaderboard.measure.compressors import compress_corpus
from compression_leaderboard.measure.documents import read_corpus
from compression_leaderboard.measure.machine import (
    COMPRESSOR_PACKAGES,
    MODEL_PACKAGES,
    PROOF_PACKAGES,
    MeasureError,
    Report,
    describe_environment,
    is_disk_full,
    machine_memory,
)
from compression_leaderboard.measure.preferences import draw_pairs, measure_preference
from compression_leaderboard.measure.text import score_documents, score_text
from compression_leaderboard.measure.weights import (
    Loaded,
    suitable_device,
)
from compression_leaderboard.plan.jobs import Job
from compression_leaderboard.records.base import LONGEST_LINE
from compression_leaderboard.records.calibration import Calibration
from compression_leaderboard.records.corpora import Corpus
from compression_leaderboard.records.rechecks import (
    RECHECK_FORMAT,
    Recheck,
    RepeatedDocument,
    Sample,
)
from compression_leaderboard.records.results import (
    FORMAT,
    Compressors,
    CorpusText,
    Environment,
    Failure,
    Reason,
    Result,
    retry_of,
)
from compression_leaderboard.repository.specs import Specs
from compression_leaderboard.wording import printable

OOM_COUNTER = Path("/proc/vmstat")
END_SECONDS = 5  # until a killed process is gone, at most
PROGRESS_SECONDS = 0.2  # between two reports on a job
CHECK_SECONDS = 0.1  # between two checks of a worker's memory and time
PAUSES = (1.0, 4.0)  # seconds before each new attempt, where a reason asks for one
MEMORY_SHARE = 0.95  # of the machine's memory that a worker may use, unless a limit is given
MORE_MEMORY = "measure on a machine with more"

Measured = Result | Recheck

# A lock of threads: tqdm's own is shared by processes, and a killed worker would leave it behind.
tqdm.set_lock(threading.RLock())


@dataclass(frozen=True)
class Limits:
    """What one job may use; None: all of the machine's memory, any time."""

    memory_bytes: int | None = None
    seconds: float | None = None  # with loading, where the job is the first of its revision

    def known(self, batch_divisor: int) -> dict[str, int]:
        """Return what the environment of a record says of the limit on memory and of batches."""
        known = {"memory_bytes": self.memory_bytes} if self.memory_bytes is not None else {}
        return known | ({"batch_divisor": batch_divisor} if batch_divisor > 1 else {})


def run_local(
    jobs: Iterable[Job], specs: Specs, root: Path, limits: Limits, report: Report
) -> Generator[tuple[Job, Measured]]:
    """Run jobs in order; yield each record as soon as it is made. A failure is a record too.

    After a job that ran out of memory the next ones of the model begin with smaller batches.
    """
    worker: Worker | None = None
    model, batch_divisor = "", 1
    loaded: tuple[str, bool] | None = None  # the worker's revision, and whether it is in float32
    try:
        for job in jobs:
            wanted = (job.checkpoint.revision, job.sample is not None)
            if worker is not None and (job.model.id, wanted) != (model, loaded):
                worker.end()
                worker = None
            if job.model.id != model:
                batch_divisor = 1
            model, loaded = job.model.id, wanted
            for pause in (*PAUSES, None):
                worker = worker or Worker(specs, root, limits)
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
    worker: "Worker", job: Job, batch_divisor: int, limits: Limits, report: Report
) -> tuple[Measured, bool]:
    """Return the record of a job, and whether the worker can go on."""
    began, started, peak = datetime.now(UTC), time.monotonic(), 0
    allowed = limits.memory_bytes or int(MEMORY_SHARE * machine_memory())
    reason: Reason
    try:
        worker.connection.send((job, batch_divisor))
        while True:
            if worker.connection.poll(CHECK_SECONDS):
                message = worker.connection.recv()
                if isinstance(message, Result | Recheck):
                    return message, True
                report(*message)
            used = worker.resident_bytes()
            peak = max(peak, used)
            if used > allowed:
                wrong = f"the worker used {used / 1e9:.2f} GB of memory"
                why = f"{wrong}, it may use {allowed / 1e9:.2f}; {MORE_MEMORY}"
                reason = "out_of_memory"
                break
            if limits.seconds is not None and time.monotonic() - started > limits.seconds:
                wrong = f"not done after {limits.seconds / 60:.1f} minutes"
                reason, why = "timeout", f"{wrong}; raise --timeout and add --again"
                break
    except (EOFError, OSError):
        reason, why = worker.why_it_died()
    failure = Failure(reason=reason, message=_shortened(why))
    parts: dict[str, Any] = {"error": failure}
    known = limits.known(batch_divisor) | {"peak_memory_bytes": peak}
    return make_record(job, began, time.monotonic() - started, parts, known), False


class Worker:
    """One process, for the jobs of one revision of one model."""

    def __init__(self, specs: Specs, root: Path, limits: Limits):
        self._oom_kills = _count_oom_kills()
        handle, log = tempfile.mkstemp(prefix="leaderboard-", suffix=".log")
        os.close(handle)
        self._log = Path(log)
        self.connection, theirs = multiprocessing.Pipe()
        # Not a daemon, which could have no children: lm-eval has some.
        self._process = _context().Process(target=work, args=(theirs, specs, root, limits, log))
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

    def why_it_died(self) -> tuple[Reason, str]:
        """Explain why the worker ended, with what is known in a sentence."""
        self._process.join(END_SECONDS)
        code = self._process.exitcode
        last = (self._log.read_text("utf-8", "replace").strip().splitlines() or [""])[-1][:300]
        if code == -signal.SIGKILL and _count_oom_kills() > self._oom_kills:
            why = "the worker was ended while the system ended processes for lack of memory"
            return "out_of_memory", f"{why}; {MORE_MEMORY}"
        if "bad_alloc" in last:
            return "out_of_memory", f"the worker was refused memory: {last}; {MORE_MEMORY}"
        if code is not None and code < 0:
            died = f"the worker was ended by {signal.Signals(-code).name}"
        else:
            died = f"the worker ended with status {code}"
        return "unexpected", f"{died}: {last}" if last else died


def _context() -> Any:
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
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
    """Count what the kernel has ended for lack of memory on the whole machine, where it counts."""
    try:
        lines = OOM_COUNTER.read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def work(connection: Connection, specs: Specs, root: Path, limits: Limits, log: str) -> None:
    """Run the jobs that come through the connection, one at a time, until it closes.

    log: a file that takes all chatter; its last line tells why a worker crashed.
    """
    os.setsid()
    handle = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    orders: queue.SimpleQueue[tuple[Job, int]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, orders), daemon=True).start()
    reported = 0.0

    def report(stage: str, done: int, total: int) -> None:
        nonlocal reported
        if time.monotonic() - reported >= PROGRESS_SECONDS:
            connection.send((stage, done, total))
            reported = time.monotonic()

    bench = Bench(specs, root)
    while True:
        job, batch_divisor = orders.get()
        measure = partial(bench.measure, job, batch_divisor, report)
        load = partial(bench.load, job, report)
        connection.send(record_job(job, measure, load, limits.known(batch_divisor)))


def _listen(connection: Connection, orders: "queue.SimpleQueue[Any]") -> None:
    while True:
        try:
            orders.put(connection.recv())
        except (EOFError, OSError):
            os.killpg(0, signal.SIGKILL)


class Bench:
    """One revision of one model, loaded for its first job and kept while the window stays."""

    def __init__(self, specs: Specs, root: Path):
        self.specs, self.root = specs, root
        self._loaded: Loaded | None = None
        self._loaded_for: tuple[Windows, torch.dtype | None] = WIDEST, None

    def load(self, job: Job, report: Report) -> None:
        """Load and calibrate the model of a job, unless that is done or there is no model.

        What is measured again is measured in float32.
        """
        if isinstance(job.model, Compressors):
            return
        windows, dtype = self._windows_of(job), torch.float32 if job.sample else None
        if self._loaded is not None and (windows, dtype) == self._loaded_for:
            return
        self._loaded = None  # makes room
        place = job.model, job.checkpoint, self.root
        self._loaded = calibrate_checkpoint(*place, report, windows, dtype)
        self._loaded_for = windows, dtype

    def _windows_of(self, job: Job) -> Windows:
        """Return the longest context that a job asks for."""
        if job.kind == "suite":
            return WIDEST
        if job.name in self.specs.preferences:
            return Windows(self.specs.preferences[job.name].protocol.longest_tokens)
        return Windows(self.specs.corpora[job.name].protocol.window_tokens)

    def measure(self, job: Job, batch_divisor: int, report: Report) -> dict[str, Any]:
        """Measure what the job names; return the fields of its record.

        Batches are 1/batch_divisor of their usual size.
        """
        if self._loaded is None:
            corpus = self.specs.corpora[job.name]
            sizes = compress_corpus(read_corpus(corpus, self.root), report)
            return {"text": CorpusText.of(corpus), "classical": sizes}
        loaded = dataclasses.replace(self._loaded, batch_divisor=batch_divisor)
        if job.sample is not None:
            return self._repeat(loaded, job, job.sample)
        described = {"subject": loaded.subject, "calibration": loaded.calibration}
        if job.kind == "suite":
            tasks = harness.run_suite(loaded, self.specs.suites[job.name], self.root, job.part)
            return described | {"backend": "hf", "tasks": tasks}
        if job.name in self.specs.preferences:
            spec = self.specs.preferences[job.name]
            pairs = draw_pairs(spec, self.root)
            return described | {"preference": measure_preference(loaded, pairs, spec, report)}
        corpus = self.specs.corpora[job.name]
        documents = read_corpus(corpus, self.root)
        lossless, lossy = score_text(loaded, documents, corpus.protocol, report)
        name = "no_lossy" if isinstance(lossy, str) else "lossy"
        text = CorpusText.of(corpus)
        return described | {"text": text, "lossless": lossless, name: lossy}

    def _repeat(self, loaded: Loaded, job: Job, sample: Sample) -> dict[str, Any]:
        """Measure a sample again; return the fields of its record."""
        if job.kind == "suite":
            suite = self.specs.suites[job.name]
            return {"tasks": harness.repeat_items(loaded, suite, self.root, sample.items)}
        return {
            "documents": repeat_documents(loaded, self.specs.corpora[job.name], self.root, sample)
        }


def repeat_documents(
    loaded: Loaded, corpus: Corpus, root: Path, sample: Sample
) -> tuple[RepeatedDocument, ...]:
    """Score the documents of a sample again. Raises MeasureError."""
    documents = [d for d in read_corpus(corpus, root) if d.name in sample.documents]
    window = corpus.protocol.window
    scored = score_documents(loaded, documents, *window).documents if documents else ()
    fields = ("document", "bytes", "bits", "lossless")
    known = {d.document: {name: getattr(d, name) for name in fields} for d in scored}
    names = sample.documents  # a forger's may be in no text
    return tuple(RepeatedDocument(**known.get(name, {"document": name})) for name in names)


def record_job(
    job: Job,
    measure: Callable[[], dict[str, Any]],
    load: Callable[[], None] = lambda: None,
    known: dict[str, int] | None = None,
) -> Measured:
    """Record the parts that `measure` returns, or why it failed. Loading counts as no time of it.

    known: fields of the environment beside those that are found out here.
    """
    began, started = datetime.now(UTC), time.monotonic()
    try:
        load()
        began, started = datetime.now(UTC), time.monotonic()
        parts = measure()
    except Exception as error:
        parts = {"error": _failure(error)}
    return make_record(job, began, time.monotonic() - started, parts, known)


def _failure(error: Exception) -> Failure:
    """Return why a job failed, as records/results.py names the reasons."""
    if isinstance(error, MeasureError):
        return Failure(reason=error.reason, message=_shortened(error.message))
    reason: Reason = "unexpected"
    if is_out_of_memory(error):
        reason = "out_of_memory"
    elif is_disk_full(error):
        reason = "disk"
    return Failure(reason=reason, message=_shortened(f"{type(error).__name__}: {error}"))


def _shortened(message: str) -> str:
    """Put a message of any library on one line that a record may hold."""
    return printable(message, " ")[:LONGEST_LINE]


def make_record(
    job: Job,
    began: datetime,
    seconds: float,
    parts: dict[str, Any],
    known: dict[str, Any] | None = None,
) -> Measured:
    """Make the record of a job: its identity and environment, and what was measured, or its error.

    known: fields of the environment that are not those of this process.
    """
    identity = {
        "model": job.model.id,
        "revision": job.checkpoint.revision,
        "kind": job.kind,
        "name": job.name,
        "started": began.replace(microsecond=0),
        "environment": _environment(job, seconds, parts.get("calibration")).model_copy(
            update=known
        ),
    }
    if (sample := job.sample) is not None:
        of = {"repeats": sample.repeats, "commit": sample.commit}
        return Recheck(format=RECHECK_FORMAT, **identity, **of, **parts)
    return Result(
        format=FORMAT,
        tokens_seen=job.checkpoint.tokens_seen or None,
        asked=job.asked if "error" in parts else None,
        part=job.part,
        replaces=job.replaces,
        **identity,
        **parts,
    )


def _environment(job: Job, seconds: float, calibration: Calibration | None) -> Environment:
    if isinstance(job.model, Compressors):
        return describe_environment("cpu", None, 1, COMPRESSOR_PACKAGES, seconds)
    threads, device = torch.get_num_threads(), suitable_device()
    if job.kind == "proof":
        return describe_environment(device, "float32", threads, PROOF_PACKAGES, seconds)
    dtype = calibration.dtype if calibration else None  # None: it failed before that was known
    if job.sample:
        dtype = "float32"
    return describe_environment(device, dtype, threads, MODEL_PACKAGES, seconds)
