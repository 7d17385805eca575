"""The home page and the page of every cohort: headline chart, findings, and the table."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.figures import Provenance
from compression_leaderboard.fits.study import Evidence
from compression_leaderboard.pages.board_table import (
    BoardCell,
    BoardRow,
    BoardTable,
    BoardView,
    view_board,
)
from compression_leaderboard.pages.charts import Chart, Mark, draw_marks
from compression_leaderboard.pages.rendering import Renderer
from compression_leaderboard.pages.text import counted, number
from compression_leaderboard.records.models import Model

BEST_SHOWN = 5
CHIPS = 10  # families beside the chart; the filter of the table has all of them


@dataclass(frozen=True)
class Total:
    """Models and tables of one provenance. mixtures: whether `largest` leaves some models out."""

    provenance: Provenance
    models: int
    tables: int
    largest: float | None
    mixtures: bool


@dataclass(frozen=True)
class Headline:
    """The chart of compression and scores. statistics: a sentence about it."""

    chart: Chart
    models: int  # that have both figures
    statistics: str
    families: Sequence[str]


@dataclass(frozen=True)
class Slope:
    """How many points a tenth of a unit less is worth, in a straight line through the models."""

    points: float  # a fraction; negative where fewer bits go with lower scores
    models: int


@dataclass(frozen=True)
class Best:
    """The models that compress best, with rank and point estimate. unit: of the estimate."""

    rows: Sequence[tuple[BoardRow, BoardCell | None, BoardCell | None]]
    models: int
    unit: str


@dataclass(frozen=True)
class CohortView:
    """What a page shows of a cohort. shortage: why there is no fit, or None."""

    cohort: Cohort
    switch: Sequence[tuple[Cohort, str]]  # all cohorts, with short titles
    headline: Headline | None
    slope: Slope | None
    shortage: str | None
    best: Best | None
    table: BoardView


def first_board(
    boards: Sequence[BoardTable], evidence: Mapping[str, Evidence]
) -> BoardTable | None:
    """Choose the table of the home page: the first cohort with enough models for a fit.

    Measured cohorts come before published ones. Where none has enough, the first cohort.
    """
    fitted = [board for board in boards if evidence[board.cohort.name].line is not None]
    return next(iter([*fitted, *boards]), None)


def render_home(
    render: Renderer,
    boards: Sequence[BoardTable],
    evidence: Mapping[str, Evidence],
    models: Mapping[str, Model],
) -> Markup:
    """Show the first board in full, and links to the others."""
    board = first_board(boards, evidence)
    shown = {row.model for board in boards for row in board.cohort.rows}
    return render(
        "index.html",
        root="",
        totals=_totals(boards),
        view=board and _view(board, boards, evidence[board.cohort.name]),
        missing=[models[name] for name in sorted(set(models) - shown)],
    )


def render_cohort(
    render: Renderer,
    board: BoardTable,
    boards: Sequence[BoardTable],
    evidence: Mapping[str, Evidence],
) -> Markup:
    """Show one cohort: the same parts, and the sources of published figures."""
    view = _view(board, boards, evidence[board.cohort.name])
    return render("cohort.html", root="../../", view=view)


def _totals(boards: Sequence[BoardTable]) -> list[Total]:
    """Count models; a model measured in several cohorts counts once."""
    totals = []
    provenances: tuple[Provenance, ...] = ("measured", "published")
    for provenance in provenances:
        cohorts = [b.cohort for b in boards if b.cohort.provenance == provenance]
        sizes = {
            (cohort.name if provenance == "published" else "", row.model): (
                None if row.model in cohort.mixtures else row.parameters
            )
            for cohort in cohorts
            for row in cohort.rows
        }
        if cohorts:
            largest = max((size for size in sizes.values() if size is not None), default=None)
            mixtures = any(cohort.mixtures for cohort in cohorts)
            totals.append(Total(provenance, len(sizes), len(cohorts), largest, mixtures))
    return totals


def _view(board: BoardTable, boards: Sequence[BoardTable], evidence: Evidence) -> CohortView:
    slope = _slope(board.cohort, evidence)
    return CohortView(
        cohort=board.cohort,
        switch=[(other.cohort, _short_title(other.cohort)) for other in boards],
        headline=_headline(board, evidence),
        slope=slope,
        shortage=None if slope else evidence.shortage or "no fit",
        best=_best(board),
        table=view_board(board),
    )


def _short_title(cohort: Cohort) -> str:
    title = re.sub(r"^(Measured here|Published): ", "", cohort.title)
    return title[:1].upper() + title[1:]


def _headline(board: BoardTable, evidence: Evidence) -> Headline | None:
    """Draw compression against scores; None without a fit."""
    if evidence.line is None:
        return None
    marks = _marks(board)
    families = Counter(mark.family for mark in marks)
    largest = sorted(families, key=lambda family: (-families[family], family))[:CHIPS]
    chart = draw_marks(marks, evidence.line)
    return Headline(chart, evidence.n, _statistics(board.cohort, evidence), largest)


def _marks(board: BoardTable) -> list[Mark]:
    """Mark the rows with both figures, at their places in the table's data."""
    places = {row.page: place for place, row in enumerate(board.rows)}
    cohort = board.cohort
    marks = []
    for row in cohort.rows:
        x, y = row.value(cohort.mean_compression), row.value(cohort.mean_score)
        if x is not None and y is not None:
            marks.append(Mark(x, y, row.family, places[row.page]))
    return marks


def _statistics(cohort: Cohort, evidence: Evidence) -> str:
    mean = next(c for c in evidence.correlations if c.score == "score")
    return (
        f"Pearson r = {number(mean.pearson, 2)} (n = {mean.n}; 95 % interval "
        f"{number(mean.low, 2)} to {number(mean.high, 2)} by resampling "
        f"{counted(mean.families, 'family')}). Score: mean of "
        f"{counted(sum(score.in_mean for score in cohort.scores), 'benchmark')}. "
        "Line: least squares; band: 95 % for the mean. The table has all figures."
    )


def _slope(cohort: Cohort, evidence: Evidence) -> Slope | None:
    mean = next((c for c in evidence.correlations if c.score == "score"), None)
    line = evidence.line
    if mean is None or line is None:
        return None
    return Slope((line.y[0] - line.y[-1]) / (line.x[-1] - line.x[0]) / 10, mean.n)


def _best(board: BoardTable) -> Best | None:
    column = board.column(board.mean_key)
    if board.column("rank") is None or column is None:
        return None
    models = board.models
    rows = [(r, board.cell(r, "rank"), board.cell(r, column.key)) for r in models[:BEST_SHOWN]]
    return Best(rows, len(models), column.unit)
