"""Estimate what jobs will cost from the records of jobs that are done, and pack them into shards.

Time of a job, without loading the weights:
- the median of the model's records of this suite or corpus on this kind of device;
- else ln(seconds) = a + b · ln(parameters), least squares over models with records of it, for
  models between a tenth of the smallest and ten times the largest of them.
The error is a factor: seconds are divided and multiplied by it. It is exp of the root mean square
of ln(record / estimate): of a model's own records around their median, of the line for each model
from a line through the others.

Memory of a process: a peak counts the whole process so far, so it can be too high but not too low,
and the smallest peak of several records is taken. The model's own of this suite or corpus; else
the largest over its other ones; else a straight line in parameters through the models' largest,
over the same range as above, with the largest miss of a model left out as its error.

Download: the bytes of the model's weights on the Hub, as its records have them; 0 for weights in a
package or a folder.

What the records do not say is None, never a guess.

Shards are packed to fit a runner. Jobs of one revision stay together as far as they fit, since
they share one load of the weights. A suite that takes longer than a runner may is cut into parts,
each with a range of every task's items. A corpus is never cut: its information plane is estimated
from all positions at once.
"""

import itertools
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from compression_leaderboard.plan.jobs import Job
from compression_leaderboard.records.calibration import (
    CALIBRATION_DOCUMENTS,
    CALIBRATION_TOKENS,
    CAUSAL_COPIES,
    CAUSAL_TOKENS,
    StartMode,
)
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.rechecks import Repeat, Shard, ShardJob
from compression_leaderboard.records.results import (
    CLASSICAL,
    Part,
    Result,
)
from compression_leaderboard.wording import counted

LEAST_MODELS = 3  # a line through fewer has no error
LEAST_SECONDS = 0.001  # records round to it; the least that has a logarithm
REACH = 10  # times smaller or larger than the models that a line is drawn through
BATCH_TOKENS = 4096  # inputs per forward pass, at most, where a window is not longer
PROBED_TOKENS = 8  # read before each text, to compare the scorer's logits with the model's own
SAMPLE_POSITIONS = 2048  # whose states are kept whole, for the effective rank, at most
BYTES_PER_NUMBER = 2  # float16 and bfloat16
FLOP_PER_PARAMETER = 2  # and token: a multiplication and an addition; attention is left out

Point = tuple[float, float]


@dataclass(frozen=True)
class Estimate:
    """Cost of one job; None: the records do not say."""

    seconds: float | None = None
    seconds_factor: float | None = None  # typical error; None: one record has no spread
    memory_bytes: int | None = None
    memory_error_bytes: int | None = None  # None: of the model's own records, or unknown
    download_bytes: int | None = None

    @property
    def likely_seconds(self) -> float | None:
        """Time with its typical error, so that a shard is not cut off when it takes longer."""
        return None if self.seconds is None else self.seconds * (self.seconds_factor or 1.0)


Costed = tuple[Job, Estimate]


class History:
    """What jobs cost, from the records of one kind of device."""

    def __init__(self, results: Iterable[Result], models: Mapping[str, Model], device: str):
        self._weights: dict[str, int] = {}
        # (kind, name) → model → wall seconds; model → (kind, name) → smallest peak in bytes
        self._seconds: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(dict)
        self._peaks: dict[str, dict[tuple[str, str], int]] = defaultdict(dict)
        self._sizes = {name: float(model.parameters) for name, model in models.items()}
        for result in results:
            if not result.counts:
                continue
            if result.subject is not None:
                self._weights[result.model] = result.subject.weights_bytes
            if result.environment.device == device or result.model == CLASSICAL.id:
                task = result.kind, result.name
                seconds = max(result.environment.wall_seconds, LEAST_SECONDS)
                self._seconds[task].setdefault(result.model, []).append(seconds)
                peaks, peak = self._peaks[result.model], result.environment.peak_memory_bytes
                peaks[task] = min(peak, peaks.get(task, peak))

    def estimate(self, job: Job) -> Estimate:
        """Estimate the cost of a job; of a part of a suite: its share of the time."""
        seconds, factor = self._time(job)
        if seconds is not None and job.part is not None:
            seconds /= job.part.of
        memory, miss = self._memory(job)
        download: int | None = 0
        if isinstance(job.model, Model) and job.model.weights.hub:
            download = self._weights.get(job.model.id)
        return Estimate(seconds, factor, memory, miss, download)

    def _time(self, job: Job) -> tuple[float | None, float | None]:
        seconds = self._seconds.get((job.kind, job.name), {})
        if known := seconds.get(job.model.id):
            middle = statistics.median(known)
            return middle, _factor([x / middle for x in known]) if len(known) > 1 else None
        sizes = {model: self._sizes[model] for model in seconds if model in self._sizes}
        size = self._sizes.get(job.model.id)
        if size is None or not _in_reach(size, [*sizes.values()]):
            return None, None
        points = [
            (math.log(sizes[model]), math.log(statistics.median(seconds[model]))) for model in sizes
        ]
        misses = [math.exp(miss) for miss in _left_out(points)]
        return math.exp(_line(points, math.log(size))), _factor(misses)

    def _memory(self, job: Job) -> tuple[int | None, int | None]:
        if peaks := self._peaks.get(job.model.id):
            return peaks.get((job.kind, job.name), max(peaks.values())), None
        points: list[Point] = [
            (self._sizes[model], max(others.values()))
            for model, others in self._peaks.items()
            if model in self._sizes
        ]
        size = self._sizes.get(job.model.id)
        if size is None or not _in_reach(size, [x for x, _ in points]):
            return None, None
        memory = int(_line(points, size))
        if memory <= 0:  # below the smallest model the line may fall through zero
            return None, None
        return memory, int(max(abs(miss) for miss in _left_out(points)))


def _in_reach(size: float, sizes: Sequence[float]) -> bool:
    enough = len(set(sizes)) >= LEAST_MODELS
    return enough and min(sizes) / REACH <= size <= max(sizes) * REACH


def _line(points: Sequence[Point], at: float) -> float:
    slope, intercept = statistics.linear_regression(*zip(*points, strict=True))
    return intercept + slope * at


def _left_out(points: Sequence[Point]) -> list[float]:
    """Measure how far each point is from the line through the others."""
    misses = []
    for k, (x, y) in enumerate(points):
        rest = [*points[:k], *points[k + 1 :]]
        if len({other for other, _ in rest}) > 1:
            misses.append(y - _line(rest, x))
    return misses


def _factor(ratios: Iterable[float]) -> float:
    """Return the typical ratio, at least 1: exp of the root mean square of the logarithms."""
    squares = [math.log(ratio) ** 2 for ratio in ratios]
    return math.exp(math.sqrt(statistics.fmean(squares)))


# Work that is counted, for a model far from all records -------------------------------------------


@dataclass(frozen=True)
class Work:
    """What a stage of measuring makes a model read."""

    tokens: int  # inputs, those that overlapping windows read again included
    passes: int  # forward passes, each of which needs all weights once

    def __add__(self, other: "Work") -> "Work":
        return Work(self.tokens + other.tokens, self.passes + other.passes)

    def flop(self, parameters: float) -> float:
        """Count the floating-point operations of a model of this size."""
        return FLOP_PER_PARAMETER * parameters * self.tokens


def count_windows(inputs: Iterable[int], window: int, stride: int) -> Work:
    """Count what scoring documents of so many inputs makes a model read, the probe included.

    A forward pass reads windows of one length.
    """
    lengths: Counter[int] = Counter()
    for size in inputs:
        begins = range(0, max(size - window, 0) + stride, stride)
        lengths.update(min(window, size - begin) for begin in begins)
    passes = sum(
        math.ceil(number / max(1, BATCH_TOKENS // length)) for length, number in lengths.items()
    )
    return Work(PROBED_TOKENS + sum(k * lengths[k] for k in lengths), 1 + passes)


def count_calibration(window: int, stride: int) -> tuple[Work, Work]:
    """Count the calibration in float32, and in the fast format; the tokenizer has BOS and EOS."""
    shares = range(CALIBRATION_TOKENS, CALIBRATION_TOKENS + CALIBRATION_DOCUMENTS)
    tokens = [share // CALIBRATION_DOCUMENTS for share in shares]
    once = count_windows(tokens, window, stride)
    causal = min(window, CAUSAL_TOKENS)
    exact = count_windows([causal] * CAUSAL_COPIES, causal, causal)
    for mode in get_args(StartMode):
        exact += once if mode != "none" else count_windows([k - 1 for k in tokens], window, stride)
    return exact, once


def state_bytes(layers: int, width: int, positions: int, assigned: int) -> int:
    """Count the bytes of the files with hidden states of all layers, the embedding included.

    assigned: anchors of all seeds; assignments to them are kept where they are fewer numbers.
    """
    sample = len(range(0, positions, math.ceil(positions / SAMPLE_POSITIONS)))
    return BYTES_PER_NUMBER * layers * (positions * min(width, assigned) + sample * width)


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
    """Pack jobs into shards, in order of size; return the jobs in none with the reason."""
    waiting: list[tuple[Job, str]] = []
    fitting: list[Costed] = []
    for job, cost in jobs:
        if why := why_too_large(job, cost, runner):
            waiting.append((job, why))
        else:
            fitting += _cut(job, cost, runner)
    bins = _fill(_units(fitting, runner), runner)
    for group in bins[runner.shards :]:
        shards = counted(runner.shards, "shard is", "shards are")
        left = f"waits for the next run: {shards} in this one already"
        waiting += [(job, left) for job, _ in group]
    return [_shard(n, group) for n, group in enumerate(bins[: runner.shards], start=1)], waiting


def why_too_large(job: Job, cost: Estimate, runner: Runner) -> str | None:
    """Say why a job fits no runner of this size; None when it fits or its cost is not known."""
    waits = "waits for a larger runner"
    if cost.memory_bytes is not None and cost.memory_bytes > runner.memory_bytes:
        needs = f"needs about {cost.memory_bytes / 1e9:.1f} GB of memory"
        return f"{waits}: {needs}, there are {runner.memory_bytes / 1e9:.1f}"
    if cost.download_bytes is not None and cost.download_bytes > runner.disk_bytes:
        needs = f"has {cost.download_bytes / 1e9:.1f} GB of weights"
        return f"{waits}: {needs}, the disk takes {runner.disk_bytes / 1e9:.1f}"
    if job.kind != "suite" and (cost.likely_seconds or 0.0) > runner.seconds:
        minutes = round((cost.likely_seconds or 0.0) / 60)
        needs = f"takes about {counted(minutes, 'minute')}"
        return f"{waits}: {needs}, there are {runner.minutes:.0f}, and a corpus is not cut"
    return None


def _cut(job: Job, cost: Estimate, runner: Runner) -> list[Costed]:
    """Cut a suite into as many parts as it takes to fit; any other job fits as it is."""
    of = math.ceil((cost.likely_seconds or 0.0) / runner.seconds)
    if of <= 1:
        return [(job, cost)]
    share = replace(cost, seconds=(cost.seconds or 0.0) / of)
    return [(replace(job, part=Part(number=k, of=of)), share) for k in range(1, of + 1)]


def _units(jobs: Sequence[Costed], runner: Runner) -> list[list[Costed]]:
    """Group what stays together: the jobs of a revision, in several units if it takes too long.

    A job of unknown time is a unit by itself.
    """
    units: list[list[Costed]] = []
    for _, group in itertools.groupby(jobs, lambda c: (c[0].model.id, c[0].checkpoint.revision)):
        due = list(group)
        units += [[costed] for costed in due if costed[1].seconds is None]
        units += _fill([[costed] for costed in due if costed[1].seconds is not None], runner)
    return units


def _fill(units: Iterable[list[Costed]], runner: Runner) -> list[list[Costed]]:
    """Fill bins first fit, longest first; ties keep their order. Unknown times stay alone."""
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
    """Sum the seconds of a unit; infinite if one is not known."""
    return math.fsum(math.inf if (s := c.likely_seconds) is None else s for _, c in unit)


def _repeat(job: Job) -> Repeat | None:
    sample = job.sample
    return None if sample is None else Repeat(record=sample.repeats, commit=sample.commit)


def _shard(number: int, group: Sequence[Costed]) -> Shard:
    seconds = _total(group)
    jobs = [
        ShardJob(
            model=job.model.id,
            revision=job.checkpoint.revision,
            kind=job.kind,
            name=job.name,
            part=job.part,
            repeat=_repeat(job),
        )
        for job, _ in group
    ]
    return Shard(
        name=f"shard-{number:03d}",
        minutes=round(seconds / 60, 1) if math.isfinite(seconds) else None,
        jobs=tuple(jobs),
    )
