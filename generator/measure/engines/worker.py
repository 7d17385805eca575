"""The process that holds a model: it gets jobs through a pipe and sends their records back.

It dies as soon as the other end of the pipe is gone, and its children with it: they share a
process group that nobody else is in.
"""

import os
import queue
import signal
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

import torch
from tqdm import tqdm

from generator.files.specs import Specs
from generator.measure.engines.watched import Hello, Progress
from generator.measure.record import Workplace
from generator.measure.run import Bench
from generator.measure.weights import suitable_device, suitable_dtype
from generator.plan import Job

# A lock of threads: tqdm's own is shared by processes, and a killed worker would leave it behind.
tqdm.set_lock(threading.RLock())

PROGRESS_SECONDS = 0.2  # between two reports on a job


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
