"""What a study of a cohort finds: a form for each benchmark, its errors, predictions."""

from collections.abc import Sequence
from dataclasses import dataclass

from compression_leaderboard.board.figures import Key, benchmark_id
from compression_leaderboard.fits.candidates import Candidate
from compression_leaderboard.fits.evaluation import Comparison, Coverage, Judgement
from compression_leaderboard.fits.intervals import LEVELS, Errors
from compression_leaderboard.fits.nested_cv import Chosen, Scaling
from compression_leaderboard.fits.table import Benchmark
from compression_leaderboard.intervals import Interval


@dataclass(frozen=True)
class Prediction:
    """A predicted score of one model, a fraction; intervals in the order of LEVELS."""

    model: str
    key: Key  # of the benchmark
    value: float
    intervals: tuple[tuple[float, float], ...]
    form: str
    predictors: str
    extrapolation: bool  # figures, size or the prediction lie outside of the training rows

    @property
    def benchmark(self) -> str:
        return benchmark_id(self.key)

    def interval(self, level: float = 0.95) -> Interval:
        """The interval of an observed score at 0.8 or 0.95."""
        return Interval(*self.intervals[LEVELS.index(level)])


@dataclass(frozen=True)
class Fit:
    """The form that predicts new models, and everything that its arithmetic needs."""

    candidate: Candidate
    scaling: Scaling
    chosen: Chosen
    errors: Errors
    outer: tuple[tuple[Candidate, Scaling, Chosen], ...]  # the fits that left a group out


@dataclass(frozen=True)
class BenchmarkStudy:
    """What was found for one benchmark; `shortage` says why nothing was, and the rest is empty."""

    benchmark: Benchmark
    shortage: str | None
    fit: Fit | None = None
    judgements: tuple[Judgement, ...] = ()
    comparison: Comparison | None = None
    predictions: tuple[Prediction, ...] = ()

    def judged(self, kind: str) -> Judgement | None:
        return next((j for j in self.judgements if j.kind == kind), None)

    def warnings(self, prediction: Prediction) -> list[str]:
        """What whoever reads this prediction must know."""
        found = []
        if prediction.extrapolation:
            found.append("extrapolation: outside of what the fit was trained on")
        if self.benchmark.negative_control:
            found.append("negative control: compression is expected to tell little")
        if prediction.form == "mean":
            found.append("compression tells nothing here: this is the mean of the other models")
        return found


@dataclass(frozen=True)
class Study:
    """A cohort's benchmarks, the mean first where there are several."""

    cohort: str
    split: str
    benchmarks: tuple[BenchmarkStudy, ...]
    with_compute: Comparison | None = None  # of the first, where only some rows have compute

    @property
    def predictions(self) -> tuple[Prediction, ...]:
        """Of every score that is missing."""
        return tuple(p for one in self.benchmarks for p in one.predictions)

    def of(self, key: Key) -> BenchmarkStudy | None:
        return next((b for b in self.benchmarks if b.benchmark.key == key), None)


@dataclass(frozen=True)
class Pooled:
    """Coverage of one kind of left-out models, over one benchmark or several.

    The share is that of all predictions. Its interval takes as many observations as there are
    models: a model's errors on several benchmarks go together, so counting each prediction would
    make it look far surer than it is. Models of one group go together too, so it is still rather
    too sure.
    """

    kind: str  # what was left out
    is_mean: bool  # of the mean of the benchmarks, else of single benchmarks
    benchmarks: int
    predictions: int
    models: int
    coverage: tuple[Coverage, ...]  # in the order of LEVELS


def pool_coverage(study: Study) -> tuple[Pooled, ...]:
    """For each kind of left-out models, that of the mean and that of the benchmarks."""
    judged = [(one.benchmark.is_mean, j) for one in study.benchmarks for j in one.judgements]
    found = []
    for kind in dict.fromkeys(j.kind for _, j in judged):
        for is_mean in (True, False):
            own = [j for mean, j in judged if j.kind == kind and mean == is_mean]
            if own:
                found.append(_pool(kind, is_mean, own))
    return tuple(found)


def _pool(kind: str, is_mean: bool, judgements: Sequence[Judgement]) -> Pooled:
    predictions = sum(len(j.rows) for j in judgements)
    models = len({model for j in judgements for model in j.rows.models})
    coverage = []
    for k, level in enumerate(LEVELS):
        share = sum(j.coverage[k].held for j in judgements) / predictions
        kinds = sorted({part for j in judgements for part in j.coverage[k].kind.split(" and ")})
        coverage.append(Coverage(level, share * models, models, " and ".join(kinds)))
    return Pooled(kind, is_mean, len(judgements), predictions, models, tuple(coverage))
