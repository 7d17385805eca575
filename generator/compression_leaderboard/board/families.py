"""How the families of a cohort compress: averages, what size saves, what it leaves unexplained."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.figures import PARAMETERS, Key

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

FEWEST_FOR_SLOPE = 3  # models of a family with sizes that differ
FEWEST_FOR_LINE = 8  # models of a cohort


@dataclass(frozen=True)
class FamilyText:
    """A family on one text. Bits are those of the text's column."""

    key: Key
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
    """Compare families in order of name, each text for itself."""
    sizes = cohort.values(PARAMETERS)
    compression, scores = (cohort.values(k) for k in (cohort.mean_compression, cohort.mean_score))
    score_residuals = _residuals(compression, scores)
    texts = {column.key: cohort.values(column.key) for column in cohort.compression}
    residuals = {key: _residuals(np.log10(sizes), bits) for key, bits in texts.items()}
    names = np.array([row.family for row in cohort.rows])
    families = []
    for name in sorted(set(names.tolist())):
        members: Mask = names == name
        known_sizes, known_scores = _known(sizes[members]), _known(scores[members])
        left = _known(score_residuals[members])
        families.append(
            Family(
                name=name,
                n=int(members.sum()),
                smallest=float(known_sizes.min()) if len(known_sizes) else None,
                largest=float(known_sizes.max()) if len(known_sizes) else None,
                texts=tuple(
                    _text(key, bits[members], sizes[members], residuals[key][members])
                    for key, bits in texts.items()
                    if np.isfinite(bits[members]).any()
                ),
                score=float(known_scores.mean()) if len(known_scores) else None,
                scored=len(known_scores),
                score_residual=float(left.mean()) if len(left) else None,
            )
        )
    return families


def _known(numbers: Array) -> Array:
    return numbers[np.isfinite(numbers)]


def _text(key: Key, bits: Array, sizes: Array, residuals: Array) -> FamilyText:
    known, left = _known(bits), _known(residuals)
    sized = np.isfinite(bits) & np.isfinite(sizes)
    slope = None
    if sized.sum() >= FEWEST_FOR_SLOPE and len(set(sizes[sized].tolist())) > 1:
        slope = float(np.polyfit(np.log10(sizes[sized]), bits[sized], 1)[0])
    return FamilyText(
        key=key,
        n=len(known),
        mean=float(known.mean()),
        best=float(known.min()),
        slope=slope,
        residual=float(left.mean()) if len(left) else None,
        residual_range=(float(left.min()), float(left.max())) if len(left) else None,
    )


def _residuals(x: Array, y: Array) -> Array:
    """Distances from the least-squares line; NaN where it has too few models."""
    known = np.isfinite(x) & np.isfinite(y)
    residuals = np.full(len(x), np.nan)
    if known.sum() >= FEWEST_FOR_LINE and len(set(x[known].tolist())) > 1:
        slope, level = np.polyfit(x[known], y[known], 1)
        residuals[known] = y[known] - (slope * x[known] + level)
    return residuals
