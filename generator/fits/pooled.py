"""Coverage of a cohort's intervals as a whole: of the mean, and of all benchmarks together."""

from collections.abc import Sequence
from dataclasses import dataclass

from generator.fits.coverage import Coverage
from generator.fits.findings import Judgement, Study
from generator.fits.intervals import LEVELS
from generator.fits.table import MEAN


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
    judged = [(one.benchmark.name == MEAN, j) for one in study.benchmarks for j in one.judgements]
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
