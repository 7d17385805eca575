"""The home page and the page of every cohort: headline chart, findings, and the table."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from markupsafe import Markup

from compression_leaderboard.board.figures import Key, Provenance, Row
from compression_leaderboard.fits.correlations import Correlation
from compression_leaderboard.fits.study import Evidence
from compression_leaderboard.pages.board_table import BoardTable
from compression_leaderboard.pages.charts import Chart, Mark, draw_marks
from compression_leaderboard.pages.rendering import Renderer
from compression_leaderboard.records.models import Model

CHIPS = 10  # families beside the chart; the filter of the table has all of them


@dataclass(frozen=True)
class CohortView:
    """What a page shows of a cohort. boards: all tables, to switch between.

    mean: the correlation of compression and mean score. slope: how much the mean score rises where
    a tenth of a unit less is needed, in a straight line through the models. Both, as the chart and
    its largest families, are None or empty without a fit.
    """

    board: BoardTable
    boards: Sequence[BoardTable]
    evidence: Evidence
    mean: Correlation | None = None
    slope: float | None = None
    chart: Chart | None = None
    families: Sequence[str] = ()


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


def _totals(boards: Sequence[BoardTable]) -> list[dict[str, Any]]:
    """Count the models of each provenance; a model measured in several cohorts counts once."""
    totals = []
    for provenance in get_args(Provenance):
        cohorts = [b.cohort for b in boards if b.cohort.provenance == provenance]
        sizes = {
            row.page: None if row.model in cohort.mixtures else row.parameters
            for cohort in cohorts
            for row in cohort.rows
        }
        if cohorts:
            totals.append(
                {
                    "provenance": provenance,
                    "models": len(sizes),
                    "tables": len(cohorts),
                    "largest": max((size for size in sizes.values() if size), default=None),
                    "mixtures": any(cohort.mixtures for cohort in cohorts),
                }
            )
    return totals


def _view(board: BoardTable, boards: Sequence[BoardTable], evidence: Evidence) -> CohortView:
    cohort, line = board.cohort, evidence.line
    if line is None:
        return CohortView(board, boards, evidence)
    marks = make_marks(board, cohort.rows, cohort.mean_compression, cohort.mean_score)
    models = Counter(mark.family for mark in marks)
    return CohortView(
        board,
        boards,
        evidence,
        mean=next(c for c in evidence.correlations if c.score == "score"),
        slope=(line.y[0] - line.y[-1]) / (line.x[-1] - line.x[0]) / 10,
        chart=draw_marks(marks, line),
        families=sorted(models, key=lambda family: (-models[family], family))[:CHIPS],
    )


def make_marks(
    board: BoardTable, rows: Sequence[Row], x: Key, y: Key, with_names: bool = False
) -> list[Mark]:
    """Mark the rows with both figures, at their places in the table's data."""
    places = {row.page: place for place, row in enumerate(board.rows)}
    return [
        Mark(a, b, row.family, places[row.page], row.label if with_names else "")
        for row in rows
        if (a := row.value(x)) is not None and (b := row.value(y)) is not None
    ]
