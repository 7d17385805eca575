"""Jobs packed into shards that fit a runner, and for those that do not fit, why.
Jobs of one revision stay together as far as they fit, since they share one load of the weights.
A suite that takes longer than a runner may is cut into parts, each with a range of every task's
items. A corpus is never cut: its information plane is estimated from all positions at once.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from compression_leaderboard.plan.estimates import Estimate
from compression_leaderboard.plan.jobs import Job
from compression_leaderboard.records.results import Part, Shard, ShardJob

Costed = tuple[Job, Estimate]


@dataclass(frozen=True)
class Runner:
    """What one run may use, and how many runs there may be. Defaults: GitHub's own runners."""

    shards: int = 256
    minutes: float = 300.0
    memory_bytes: float = 16e9
    disk_bytes: float = 14e9

    @property
    def seconds(self) -> float:
        return 60 * self.minutes


def pack_shards(
    jobs: Iterable[Costed], runner: Runner
) -> tuple[list[Shard], list[tuple[Job, str]]]:
    """Shards in order of size, and the jobs that are in none with the reason."""
    waiting: list[tuple[Job, str]] = []
    fitting: list[Costed] = []
    for job, cost in jobs:
        if why := why_too_large(job, cost, runner):
            waiting.append((job, why))
        else:
            fitting += _cut(job, cost, runner)
    bins = _fill(_units(fitting, runner), runner)
    for group in bins[runner.shards :]:
        left = f"waits for the next run: there are {runner.shards} shards already"
        waiting += [(job, left) for job, _ in group]
    return [_shard(n, group) for n, group in enumerate(bins[: runner.shards], start=1)], waiting


def why_too_large(job: Job, cost: Estimate, runner: Runner) -> str | None:
    """Why a job fits no runner of this size; None when it fits or its cost is not known."""
    waits = "waits for a larger runner"
    if cost.memory_bytes is not None and cost.memory_bytes > runner.memory_bytes:
        needs = f"needs about {cost.memory_bytes / 1e9:.1f} GB of memory"
        return f"{waits}: {needs}, there are {runner.memory_bytes / 1e9:.1f}"
    if cost.download_bytes is not None and cost.download_bytes > runner.disk_bytes:
        needs = f"has {cost.download_bytes / 1e9:.1f} GB of weights"
        return f"{waits}: {needs}, the disk takes {runner.disk_bytes / 1e9:.1f}"
    if job.kind != "suite" and (seconds := _seconds(cost)) and seconds > runner.seconds:
        needs = f"takes about {seconds / 60:.0f} minutes"
        return f"{waits}: {needs}, there are {runner.minutes:.0f}, and a corpus is not cut"
    return None


def _seconds(cost: Estimate) -> float | None:
    """Time with its typical error, so that a shard is not cut off when it takes a bit longer."""
    return None if cost.seconds is None else cost.seconds * (cost.seconds_factor or 1.0)


def _cut(job: Job, cost: Estimate, runner: Runner) -> list[Costed]:
    """A suite in as many parts as it takes to fit; any other job as it is."""
    seconds = _seconds(cost)
    if seconds is None or seconds <= runner.seconds:
        return [(job, cost)]
    of = math.ceil(seconds / runner.seconds)
    share = dataclasses.replace(cost, seconds=(cost.seconds or 0.0) / of)
    parts = [Part(number=k, of=of) for k in range(1, of + 1)]
    return [(dataclasses.replace(job, part=part), share) for part in parts]


def _units(jobs: Sequence[Costed], runner: Runner) -> list[list[Costed]]:
    """What is never torn apart: the jobs of a revision, in several units where one is too long.

    A job of unknown time is a unit of its own.
    """
    units: list[list[Costed]] = []
    for _, group in itertools.groupby(jobs, lambda c: (c[0].model.id, c[0].checkpoint.revision)):
        due = list(group)
        units += [[costed] for costed in due if costed[1].seconds is None]
        units += _fill([[costed] for costed in due if costed[1].seconds is not None], runner)
    return units


def _fill(units: Iterable[list[Costed]], runner: Runner) -> list[list[Costed]]:
    """First fit, longest first; ties keep their order. What has no known time stays alone."""
    bins: list[list[Costed]] = []
    room: list[float] = []
    for unit in sorted(units, key=lambda u: -_total(u)):
        size = _total(unit)
        place = next((k for k, left in enumerate(room) if size <= left), None)
        if place is None:
            bins.append(list(unit))
            room.append(runner.seconds - size if math.isfinite(size) else 0.0)
        else:
            bins[place] += unit
            room[place] -= size
    return bins


def _total(unit: Sequence[Costed]) -> float:
    """Seconds of a unit; infinite where one is not known."""
    seconds = [_seconds(cost) for _, cost in unit]
    return math.inf if None in seconds else math.fsum(s for s in seconds if s is not None)


def _shard(number: int, group: Sequence[Costed]) -> Shard:
    seconds = _total(group)
    return Shard(
        name=f"shard-{number:03d}",
        minutes=round(seconds / 60, 1) if math.isfinite(seconds) else None,
        jobs=tuple(_shard_job(job) for job, _ in group),
    )


def _shard_job(job: Job) -> ShardJob:
    return ShardJob(
        model=job.model.id,
        revision=job.checkpoint.revision,
        kind=job.kind,
        name=job.name,
        part=job.part,
    )
