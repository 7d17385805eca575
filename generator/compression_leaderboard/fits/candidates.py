"""What may predict a score and by which form, and the rule that chooses one."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.figures import PARAMETERS, TRAINING_FLOP, Key, Quantity
from compression_leaderboard.fits.curves import Form, count_parameters
from compression_leaderboard.fits.table import ScoreTable

Array = NDArray[np.float64]

PLANE: tuple[Quantity, ...] = ("optimality", "complexity", "expressivity")
FEW_TEXTS = 4  # up to so many, pairs of texts and each with log parameters are predictors too
PER_PARAMETER = 3  # a form needs so many training rows for each number it fits
RESERVED = (
    "mean",
    "average",
    "all texts",
    "optimality",
    "log parameters",
    "log training compute",
)


@dataclass(frozen=True)
class Predictor:
    """One column or its logarithm. rises: whether larger values mean a better model."""

    key: Key
    label: str
    log: bool = False
    rises: bool = False

    def values(self, table: ScoreTable) -> Array:
        raw = table.column(self.key)
        if not self.log:
            return raw
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(raw > 0, np.log(raw), np.nan)


SIZE = Predictor(PARAMETERS, "parameters", log=True, rises=True)
COMPUTE = Predictor(TRAINING_FLOP, "training compute", log=True, rises=True)
FLAT: tuple[Form, ...] = ("line", "logistic")


@dataclass(frozen=True)
class Candidate:
    """Predictors and a form. source: the family of candidates that it is compared within."""

    source: str  # such as "bpc_python" or "log parameters"; what the tables call it
    predictors: tuple[Predictor, ...]
    form: Form
    is_baseline: bool = False
    is_first: bool = False  # preferred among equally simple ones: the average of the texts

    @property
    def parameters(self) -> int:
        return count_parameters(self.form, len(self.predictors))

    @property
    def label(self) -> str:
        names = [f"log {p.label}" if p.log else p.label for p in self.predictors]
        return " + ".join(names) if names else "none"

    def design(self, table: ScoreTable) -> Array:
        """Values of the predictors, (rows, predictors); NaN where one is unknown."""
        columns = [predictor.values(table) for predictor in self.predictors]
        return np.column_stack(columns) if columns else np.empty((len(table.rows), 0))


def list_candidates(cohort: Cohort, table: ScoreTable) -> tuple[Candidate, ...]:
    """Every candidate whose columns the table has. The mean of the training rows comes first."""
    candidates = [Candidate("mean", (), "mean", is_baseline=True)]
    for sizes in ((SIZE,), (COMPUTE,), (SIZE, COMPUTE)):
        source = " + ".join(f"log {size.label}" for size in sizes)
        candidates += [Candidate(source, sizes, form, is_baseline=True) for form in FLAT]
    for source, predictors in _compression(cohort, table):
        candidates += _with_forms(source, predictors)
        if len(table.texts) <= FEW_TEXTS or source in ("average", "all texts"):
            both = f"{source} + log parameters"
            candidates += [Candidate(both, (*predictors, SIZE), form) for form in FLAT]
    known = {key for row in table.rows for key in row.figures} | {PARAMETERS, TRAINING_FLOP}
    return tuple(c for c in candidates if all(p.key in known for p in c.predictors))


def _with_forms(source: str, predictors: tuple[Predictor, ...]) -> Iterator[Candidate]:
    """One text may have any form, and its logarithm too; several predictors a flat one."""
    text, first = predictors[0], source == "average"
    if len(predictors) > 1 or text.rises:
        for form in FLAT:
            yield Candidate(source, predictors, form)
        return
    for predictor in (text, replace(text, log=True)):
        for form in (*FLAT, "floor"):
            yield Candidate(source, (predictor,), form, is_first=first)
    yield Candidate(source, (text,), "monotone", is_first=first)


def _compression(cohort: Cohort, table: ScoreTable) -> Iterator[tuple[str, tuple[Predictor, ...]]]:
    """Return the predictors that stand for compression, by the name of their source."""
    columns = {column.key: column for column in cohort.compression}
    texts = [
        Predictor(key, columns[key].label, rises=columns[key].higher_is_better)
        for key in table.texts
    ]
    if len(texts) > 1:
        yield "average", (Predictor(table.mean_text, "average"),)
    for text in texts:
        yield source_name(text.key), (text,)
    if 2 < len(texts) <= FEW_TEXTS:
        for pair in combinations(texts, 2):
            yield " + ".join(source_name(p.key) for p in pair), pair
    if len(texts) > 1:
        yield "all texts", tuple(texts)
    for text in texts:
        name = source_name(text.key)
        optimality, complexity, expressivity = (
            Predictor(text.key._replace(quantity=quantity), f"{quantity}, {text.label}", rises=True)
            for quantity in PLANE
        )
        yield f"optimality, {name}", (optimality,)
        yield f"complexity + expressivity, {name}", (complexity, expressivity)
        yield f"{name} + optimality", (text, optimality)
    for column in cohort.preferences:
        preference = Predictor(column.key, column.label, rises=True)
        yield f"preference information, {source_name(column.key)}", (preference,)


def source_name(key: Key) -> str:
    """Name a text among the sources: quoted where it could be taken for another one."""
    ambiguous = key.name in RESERVED or any(mark in key.name for mark in (" + ", ", ", '"'))
    return f"text {json.dumps(key.name, ensure_ascii=False)}" if ambiguous else key.name


def choose(candidates: Sequence[Candidate], losses: Array) -> int | None:
    """Index of the chosen candidate; None where none could be validated.

    losses: (candidates, cells), mean squared error over each group that was left out; NaN where a
    candidate could not be fitted. The standard error is that of the best one's mean over the cells
    (Breiman et al. 1984). Simplest: fewest fitted numbers, then the average of the texts before
    single ones, then the smaller error.
    """
    means = losses.mean(axis=1)  # NaN where a cell is missing
    possible = np.flatnonzero(np.isfinite(means))
    if len(possible) == 0:
        return None
    best = possible[np.argmin(means[possible])]
    cells = losses.shape[1]
    allowed = losses[best].std(ddof=1) / np.sqrt(cells) if cells > 1 else 0.0
    near = possible[means[possible] <= means[best] + allowed]
    return int(
        min(near, key=lambda k: (candidates[k].parameters, not candidates[k].is_first, means[k]))
    )
