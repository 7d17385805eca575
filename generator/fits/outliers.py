"""Models that score other than compression says, by more than a 95 % interval."""

from collections.abc import Sequence
from dataclasses import dataclass

from generator.fits.findings import BenchmarkStudy, LeftOut


@dataclass(frozen=True)
class Outlier:
    """A left-out model whose score lies outside of the 95 % interval made without its group."""

    benchmark: str  # label
    row: LeftOut

    @property
    def excess(self) -> float:
        """Score less prediction, a fraction."""
        return self.row.measured - self.row.predicted


@dataclass(frozen=True)
class Outliers:
    """Those found, largest first, and how many chance alone would bring."""

    found: tuple[Outlier, ...]
    judged: int

    @property
    def expected(self) -> float:
        return 0.05 * self.judged


def find_outliers(studies: Sequence[BenchmarkStudy]) -> Outliers:
    """Over all benchmarks of a cohort, groups left out."""
    found, judged = [], 0
    for study in studies:
        judgement = study.judged("group")
        for row in judgement.rows if judgement else ():
            judged += 1
            low, high = row.intervals[-1]
            if not low <= row.measured <= high:
                found.append(Outlier(study.benchmark.label, row))
    found.sort(key=lambda o: (-abs(o.excess), o.benchmark, o.row.model))
    return Outliers(tuple(found), judged)
