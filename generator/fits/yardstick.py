"""What an error of bits per byte means for a predicted score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot

from generator.fits.evidence import Evidence
from generator.tables.cohorts import Cohort

UNIT = "bits per byte"


@dataclass(frozen=True)
class Yardstick:
    """A fit of the mean score on average bits per byte, all as fractions of the score.

    slope: of the straight line, a byte's bit costs so much score. rmse: of the chosen form on
    left-out groups. own_texts: whether it was learned from the text in question, under its
    protocol; else it shows the size of the error and no more.
    """

    cohort: str
    title: str
    slope: float
    rmse: float
    own_texts: bool

    def from_text(self, error: float) -> float:
        """Error of the prediction that a standard error of bits per byte brings."""
        return abs(self.slope) * error

    def in_all(self, error: float) -> float:
        """Root mean square error of a prediction from a text that is known so well."""
        return hypot(self.rmse, self.from_text(error))


def find_yardstick(
    corpus: str, cohorts: Sequence[Cohort], evidence: Mapping[str, Evidence]
) -> Yardstick | None:
    """That of a cohort that has the text; else of the first other in bits per byte.

    Figures in other units are no yardstick, as they cannot be converted exactly.
    """
    found = []
    for cohort in cohorts:
        line = evidence[cohort.name].line
        mean = next(iter(evidence[cohort.name].study.benchmarks), None)
        judged = mean.judged("group") if mean else None
        units = {column.unit for column in cohort.compression}
        if line is None or judged is None or units != {UNIT}:
            continue
        slope = (line.y[-1] - line.y[0]) / (line.x[-1] - line.x[0])
        own = corpus in {column.name for column in cohort.compression}
        found.append(Yardstick(cohort.name, cohort.title, slope, judged.accuracy.rmse.value, own))
    return min(found, key=lambda one: not one.own_texts, default=None)
