"""Run jobs on the nodes of a Ray cluster, one task for each revision of a model.

A task is the local engine on its node: a worker process, watched, one load of the weights. Its
records stream back and are written by the driver. When a node or its worker dies, what the task
had not delivered is given to another node. Every node needs this repository at the same path.
"""

import itertools
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError

from compression_leaderboard.measure.local_engine import (
    Limits,
    Measured,
    make_record,
    run_local,
)
from compression_leaderboard.plan.estimates import Estimate
from compression_leaderboard.plan.jobs import Job
from compression_leaderboard.records.results import Failure
from compression_leaderboard.repository.specs import Specs

ATTEMPTS = 3  # nodes that a job may take with it before it counts as failed
WAIT_SECONDS = 1.0  # so that Ctrl-C is heard


@dataclass
class _Task:
    """The jobs of one revision that have no record yet, and the Ray task that runs them."""

    left: list[Job]
    deaths: int = 0  # of nodes or workers since a record came
    stream: Any = None


def run_ray(
    jobs: Iterable[Job],
    specs: Specs,
    root: Path,
    limits: Limits,
    cost: Callable[[Job], Estimate],
) -> Generator[tuple[Job, Measured]]:
    """Run jobs on the cluster of RAY_ADDRESS, else one on this machine; yield records as they come.

    A failure is a record too; the death of a node is none, unless it happens again and again.
    """
    mine = not ray.is_initialized()
    if mine:
        ray.init(log_to_driver=False, logging_level="ERROR")
    tasks: dict[Any, _Task] = {}

    def submit(task: _Task) -> None:
        remote = ray.remote(_run).options(
            num_returns="streaming", max_retries=0, **_resources(task.left, cost)
        )
        task.stream = remote.remote(task.left, specs, root, limits)
        tasks[task.stream] = task

    try:
        for _, group in itertools.groupby(jobs, lambda j: (j.model.id, j.checkpoint.revision)):
            submit(_Task(list(group)))
        while tasks:
            ready, _ = ray.wait(list(tasks), num_returns=1, timeout=WAIT_SECONDS)
            for stream in ready:
                task = tasks[stream]
                try:
                    result = ray.get(next(stream))
                except StopIteration:
                    assert not task.left  # the local engine gives a record for every job
                    del tasks[stream]
                    continue
                except RayError as error:
                    del tasks[stream]
                    yield from _after_death(task, error)
                    if task.left:
                        submit(task)
                    continue
                task.deaths = 0
                yield task.left.pop(0), result
    finally:
        for stream in tasks:
            ray.cancel(stream, force=True)
        if mine:
            ray.shutdown()


def _run(jobs: list[Job], specs: Specs, root: Path, limits: Limits) -> Iterator[Measured]:
    """Yield the records of the jobs, in order, on a node."""
    for _, result in run_local(jobs, specs, root, limits, lambda *_: None):
        yield result


def _after_death(task: _Task, error: RayError) -> Iterator[tuple[Job, Measured]]:
    """Yield nothing, so that the jobs are tried again; a record after enough attempts."""
    task.deaths += 1
    if task.deaths >= ATTEMPTS:
        job = task.left.pop(0)
        task.deaths = 0
        wrong = f"its worker or node died {ATTEMPTS} times: {type(error).__name__}"
        parts = {"error": Failure(reason="unexpected", message=wrong)}
        known = {"device": "unknown", "dtype": None, "threads": 1}  # the node is gone
        yield job, make_record(job, datetime.now(UTC), 0.0, parts, known)


def _resources(jobs: Iterable[Job], cost: Callable[[Job], Estimate]) -> dict[str, float]:
    """Return what Ray is asked for: a processor, a GPU if the cluster has any, the known memory.

    Never more memory than the largest node has: the job would wait for ever, whereas its own limit
    says within minutes that it does not fit.
    """
    total = ray.cluster_resources()
    asked: dict[str, float] = {"num_cpus": 1, "num_gpus": 1 if total.get("GPU") else 0}
    known = [cost(job).memory_bytes for job in jobs]
    largest = max((node["Resources"].get("memory", 0) for node in ray.nodes()), default=0)
    if needed := max((memory for memory in known if memory is not None), default=0):
        asked["memory"] = min(needed, largest)
    return asked
