"""How the families of a cohort compress: averages, what size saves, what it leaves unexplained."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from compression_leaderboard.board.cohorts import Cohort

FEWEST_FOR_SLOPE = 3  # models of a family with sizes that differ
FEWEST_FOR_LINE = 8  # models of a cohort


@dataclass(frozen=True)
class FamilyText:
    """A family on one text. Bits are those of the text's column."""

    column: str
    n: int  # models with a figure
    mean: float
    best: float
    slope: float | None  # change for ten times the parameters, least squares within the family
    residual: float | None  # mean distance from the cohort's line over log parameters
    residual_range: tuple[float, float] | None  # of its models


@dataclass(frozen=True)
class Family:
    """A family of a cohort."""

    name: str
    n: int
    smallest: float | None  # parameters
    largest: float | None
    texts: tuple[FamilyText, ...]
    score: float | None  # mean of the models' mean scores
    scored: int  # models that have one
    score_residual: float | None  # mean distance of scores from the cohort's line over compression


def compare_families(cohort: Cohort) -> list[Family]:
    """Families in order of name, each text for itself."""
    rows = cohort.rows
    residuals = {c.name: _residuals(rows, "parameters", c.name, True) for c in cohort.compression}
    scores = _residuals(rows, "compression", "score", False)
    found = []
    for name, own in rows.groupby("family", sort=True):
        sizes = own["parameters"].dropna()
        known = own["score"].dropna()
        left = scores.loc[own.index].dropna()
        texts = [
            _text(own, c.name, residuals[c.name]) for c in cohort.compression if own[c.name].count()
        ]
        found.append(
            Family(
                name=str(name),
                n=len(own),
                smallest=float(sizes.min()) if len(sizes) else None,
                largest=float(sizes.max()) if len(sizes) else None,
                texts=tuple(texts),
                score=float(known.mean()) if len(known) else None,
                scored=len(known),
                score_residual=float(left.mean()) if len(left) else None,
            )
        )
    return found


def _text(own: pd.DataFrame, column: str, residuals: pd.Series) -> FamilyText:
    known = own.dropna(subset=[column])
    sized = known.dropna(subset=["parameters"])
    left = residuals.loc[known.index].dropna()
    slope = None
    if len(sized) >= FEWEST_FOR_SLOPE and sized["parameters"].nunique() > 1:
        slope = float(np.polyfit(np.log10(sized["parameters"]), sized[column], 1)[0])
    return FamilyText(
        column=column,
        n=len(known),
        mean=float(known[column].mean()),
        best=float(known[column].min()),
        slope=slope,
        residual=float(left.mean()) if len(left) else None,
        residual_range=(float(left.min()), float(left.max())) if len(left) else None,
    )


def _residuals(rows: pd.DataFrame, x: str, y: str, logarithmic: bool) -> pd.Series:
    """Distances from the cohort's least-squares line; unknown where it has too few models."""
    known = rows.dropna(subset=[x, y])
    empty = pd.Series(np.nan, index=rows.index)
    if len(known) < FEWEST_FOR_LINE or known[x].nunique() < 2:
        return empty
    values = known[x].to_numpy(dtype=np.float64)
    values = np.log10(values) if logarithmic else values
    slope, level = np.polyfit(values, known[y], 1)
    empty.loc[known.index] = known[y] - (slope * values + level)
    return empty
