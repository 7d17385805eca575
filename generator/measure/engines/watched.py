"""A worker process as its driver sees it: started, watched from outside, ended.

On Linux it is forked from a server that has the libraries loaded, so that a new one is there at
once; elsewhere it starts from nothing. The driver itself loads neither torch nor weights.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

from generator.files.specs import Specs
from generator.measure.record import Workplace

LINUX = sys.platform == "linux"
OOM_COUNTER = Path("/proc/vmstat")
END_SECONDS = 5  # until a killed process is gone, at most


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
        self._process = _context().Process(target=_enter, args=(theirs, specs, place, log))
        self._process.start()
        theirs.close()

    def resident_bytes(self) -> int:
        """Memory of the worker and its children now; pages that they share count for each."""
        try:
            worker = psutil.Process(self._process.pid)
            family = [worker, *worker.children(recursive=True)]
            return sum(process.memory_info().rss for process in family)
        except psutil.NoSuchProcess:
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
        """Of a worker that is gone: whether memory ran out, and what is known in a sentence."""
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
    context.set_forkserver_preload(["generator.measure.engines.worker"])
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


def _enter(connection: Connection, specs: Specs, place: Workplace, log: str) -> None:
    """Of the new process: only there is the worker's module imported, which loads torch."""
    from generator.measure.engines.worker import work

    work(connection, specs, place, log)


def _count_oom_kills() -> int:
    """Processes that this system's kernel has ended for lack of memory, as far as it says so."""
    try:
        lines = OOM_COUNTER.read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
