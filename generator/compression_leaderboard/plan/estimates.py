"""What a job will cost, learned from the records of jobs that are done.
Time of a job, without loading the weights:
- the model has records of this suite or corpus on this kind of device: their median;
- else ln(seconds) = a + b · ln(parameters), least squares over models with records of it, for
  models between a tenth of the smallest and ten times the largest of them.
The error is a factor: seconds are divided and multiplied by it. It is exp of the root mean square
of ln(record / estimate): of a model's own records around their median, of the line for each model
from a line through the others.

Memory of a process: a peak counts the whole process so far, so it can be too high but not too low,
and the smallest peak of several records is taken. The model's own of this suite or corpus; else
the largest over its other ones; else a straight line in parameters through the models' largest,
over the same range as above, with the largest miss of a model left out as its error.

Download: the bytes of the model's weights where they are on the Hub, as its records have them; 0
where they are in a package or a folder.

What the records cannot tell is None, never a guess.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from compression_leaderboard.plan.jobs import Job
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.results import CLASSICAL, Result

LEAST_MODELS = 3  # a line through fewer has no error
LEAST_SECONDS = 0.001  # to which records round, so that it has a logarithm
REACH = 10  # times smaller or larger than the models that a line is drawn through


@dataclass(frozen=True)
class Estimate:
    """Cost of one job; None: the records do not tell."""

    seconds: float | None = None
    seconds_factor: float | None = None  # typical error; None: one record tells no spread
    memory_bytes: int | None = None
    memory_error_bytes: int | None = None  # None: of the model's own records, or unknown
    download_bytes: int | None = None


class History:
    """The records of one kind of device, as far as they tell what a job costs."""

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
                of_job = self._seconds[result.kind, result.name]
                seconds = max(result.environment.wall_seconds, LEAST_SECONDS)
                of_job.setdefault(result.model, []).append(seconds)
                peaks, task = self._peaks[result.model], (result.kind, result.name)
                peak = result.environment.peak_memory_bytes
                peaks[task] = min(peak, peaks.get(task, peak))

    def estimate(self, job: Job) -> Estimate:
        """What `job` will cost. Of a part of a suite: its share of the time."""
        seconds, factor = self._time(job)
        if seconds is not None and job.part is not None:
            seconds /= job.part.of
        memory, miss = self._memory(job)
        return Estimate(seconds, factor, memory, miss, self._download(job))

    def _time(self, job: Job) -> tuple[float | None, float | None]:
        known = self._seconds.get((job.kind, job.name), {})
        if own := known.get(job.model.id):
            middle = statistics.median(own)
            return middle, _factor([x / middle for x in own]) if len(own) > 1 else None
        points = [
            (math.log(self._sizes[model]), math.log(statistics.median(seconds)))
            for model, seconds in known.items()
            if model in self._sizes
        ]
        size = self._sizes.get(job.model.id)
        if size is None or not _in_reach(math.log(size), points):
            return None, None
        misses = [math.exp(miss) for miss in _left_out(points)]
        return math.exp(_line(points, math.log(size))), _factor(misses)

    def _memory(self, job: Job) -> tuple[int | None, int | None]:
        if own := self._peaks.get(job.model.id):
            return own.get((job.kind, job.name), max(own.values())), None
        points = [
            (self._sizes[model], max(peaks.values()))
            for model, peaks in self._peaks.items()
            if model in self._sizes
        ]
        size = self._sizes.get(job.model.id)
        logs = [(math.log(x), y) for x, y in points]
        if size is None or not _in_reach(math.log(size), logs):
            return None, None
        found = int(_line(points, size))
        if found <= 0:  # below the smallest model the line may fall through zero
            return None, None
        return found, int(max(abs(miss) for miss in _left_out(points)))

    def _download(self, job: Job) -> int | None:
        if isinstance(job.model, Model) and job.model.weights.hub:
            return self._weights.get(job.model.id)
        return 0


def _in_reach(log_size: float, points: Sequence[tuple[float, float]]) -> bool:
    logs = [x for x, _ in points]
    if len(set(logs)) < LEAST_MODELS:
        return False
    return min(logs) - math.log(REACH) <= log_size <= max(logs) + math.log(REACH)


def _line(points: Sequence[tuple[float, float]], at: float) -> float:
    slope, intercept = statistics.linear_regression(*zip(*points, strict=True))
    return intercept + slope * at


def _left_out(points: Sequence[tuple[float, float]]) -> list[float]:
    """How far each point is from the line through the others."""
    misses = []
    for k, (x, y) in enumerate(points):
        rest = [*points[:k], *points[k + 1 :]]
        if len({other for other, _ in rest}) > 1:
            misses.append(y - _line(rest, x))
    return misses


def _factor(ratios: Iterable[float]) -> float:
    """Typical ratio, at least 1: exp of the root mean square of the logarithms."""
    squares = [math.log(ratio) ** 2 for ratio in ratios]
    return math.exp(math.sqrt(statistics.fmean(squares)))
