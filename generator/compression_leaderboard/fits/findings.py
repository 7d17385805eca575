"""What a study of a cohort finds: a form for each benchmark, its errors, predictions."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from compression_leaderboard.fits.candidates import Candidate
from compression_leaderboard.fits.curves import Form
from compression_leaderboard.fits.evaluation import Accuracy, Comparison, Coverage
from compression_leaderboard.fits.intervals import Errors
from compression_leaderboard.fits.nested_cv import Chosen, Scaling
from compression_leaderboard.fits.table import Benchmark


@dataclass(frozen=True)
class Prediction:
    """A predicted score of one model, a fraction; intervals in the order of LEVELS."""

    model: str
    benchmark: str
    value: float
    intervals: tuple[tuple[float, float], ...]
    form: str
    predictors: str
    extrapolation: bool  # figures, size or the prediction lie outside of the training rows


@dataclass(frozen=True)
class LeftOut:
    """A model that a fit had not seen: what it scored and what was predicted."""

    model: str
    measured: float
    predicted: float
    intervals: tuple[tuple[float, float], ...]
    form: str
    predictors: str


@dataclass(frozen=True)
class LeftOutColumns:
    """Left-out models by column, since a board has hundreds of thousands."""

    models: tuple[str, ...]
    measured: "array[float]"
    predicted: "array[float]"
    ends: "array[float]"  # of a row's intervals, one row after the other
    fits: tuple[tuple[Form, str], ...]  # form and predictors

    def __iter__(self) -> Iterator[LeftOut]:
        return map(self._at, range(len(self.models)))

    def __len__(self) -> int:
        return len(self.models)

    def of(self, model: str) -> LeftOut | None:
        place = self._places.get(model)
        return None if place is None else self._at(place)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {model: k for k, model in enumerate(self.models)}

    def _at(self, k: int) -> LeftOut:
        count = len(self.ends) // len(self.models)
        own = self.ends[k * count : (k + 1) * count]
        intervals = tuple(zip(own[::2], own[1::2], strict=True))
        return LeftOut(
            self.models[k], self.measured[k], self.predicted[k], intervals, *self.fits[k]
        )


@dataclass(frozen=True)
class Judgement:
    """Left-out rows of one kind of fold, with their accuracy and the coverage of the intervals."""

    kind: str  # "group", "larger" or "later"
    rows: LeftOutColumns
    accuracy: Accuracy
    coverage: tuple[Coverage, ...]
    chosen: tuple[tuple[str, Form, int], ...]  # predictors, form, number of folds that chose them


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

    def of(self, name: str) -> BenchmarkStudy | None:
        return next((b for b in self.benchmarks if b.benchmark.name == name), None)
