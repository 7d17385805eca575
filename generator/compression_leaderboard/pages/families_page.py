"""The page of families: averages by text, what size saves, and residuals."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.families import (
    FEWEST_FOR_LINE,
    FEWEST_FOR_SLOPE,
    Family,
    FamilyText,
    compare_families,
)
from compression_leaderboard.board.figures import Column
from compression_leaderboard.pages.rendering import Cell, Heading, Renderer, Table
from compression_leaderboard.pages.text import count, counted, number, percent


@dataclass(frozen=True)
class Gap:
    """How far two families are apart on a text at equal size, in the text's unit."""

    width: float
    column: Column
    best: str
    worst: str


@dataclass(frozen=True)
class Section:
    """The tables of one cohort. reason: why no two families compare at equal size, or None."""

    cohort: Cohort
    tables: Sequence[Table]
    gap: Gap | None
    reason: str | None = None


def render_families(render: Renderer, cohorts: Sequence[Cohort]) -> Markup:
    """Show one table per cohort and text, the family that needs fewest bits for its size first.

    Cohorts in which no two families compare at equal size come last, with the reason.
    """
    sections = [_section(cohort) for cohort in cohorts if cohort.compression]
    return render("families.html", sections=sections)


def _section(cohort: Cohort) -> Section:
    families = compare_families(cohort)
    gaps = _gaps(cohort, families)
    if gaps:
        tables = [_table(cohort, families, column) for column in cohort.compression]
        return Section(
            cohort, [*tables, *_scores(cohort, families)], max(gaps, key=lambda gap: gap.width)
        )
    tables = [
        _table(cohort, families, column)
        for column in cohort.compression
        if any(t.key == column.key and t.slope is not None for f in families for t in f.texts)
    ]
    if any(family.score_residual is not None for family in families):
        tables += _scores(cohort, families)
    return Section(cohort, tables, None, _why_no_gap(cohort))


def _why_no_gap(cohort: Cohort) -> str:
    sized = [row for row in cohort.rows if row.parameters is not None]
    n = max(sum(column.key in row.figures for row in sized) for column in cohort.compression)
    if n < FEWEST_FOR_LINE:
        return f"{counted(n, 'model')} of known size; a line over size needs {FEWEST_FOR_LINE}"
    if len({row.parameters for row in sized}) < 2:
        return "all models are of one size"
    return "fewer than two families have two models of known size"


def _gaps(cohort: Cohort, families: Sequence[Family]) -> list[Gap]:
    """On each text, the families furthest apart by mean residuals of at least two models."""
    gaps = []
    for column in cohort.compression:
        residuals = [
            (text.residual, family.name)
            for family in families
            for text in family.texts
            if text.key == column.key and text.residual is not None and text.n > 1
        ]
        if len(residuals) > 1:
            (low, best), (high, worst) = min(residuals), max(residuals)
            gaps.append(Gap(high - low, column, best, worst))
    return gaps


def _table(cohort: Cohort, families: Sequence[Family], column: Column) -> Table:
    """Without residuals where there is no line that they could be distances from."""
    texts = [(f, text) for f in families for text in f.texts if text.key == column.key]
    texts.sort(key=lambda pair: (pair[1].residual is None, pair[1].residual or 0.0, pair[0].name))
    header = [
        Heading("Family"),
        Heading("Models", numeric=True),
        Heading("Sizes"),
        Heading(f"Mean, {column.unit}", numeric=True),
        Heading("Best", numeric=True),
        Heading("Ten times the size", numeric=True),
    ]
    rows = [_row(family, text) for family, text in texts]
    if any(text.residual is not None for _, text in texts):
        header.append(Heading("Residual given size", numeric=True))
        rows = [[*row, _residual(text)] for row, (_, text) in zip(rows, texts, strict=True)]
    models = counted(sum(text.n for _, text in texts), "model")
    return Table(
        f"families-{cohort.name}-{column.name}",
        f"{column.label} by family: {models}. Slopes need {FEWEST_FOR_SLOPE} models",
        header,
        rows,
    )


def _row(family: Family, text: FamilyText) -> list[Cell | str]:
    return [
        family.name,
        str(text.n),
        _sizes(family),
        *(Cell(number(value, 3), value) for value in (text.mean, text.best, text.slope)),
    ]


def _residual(text: FamilyText) -> Cell:
    note = ""
    if text.residual_range is not None and text.n > 1:
        low, high = text.residual_range
        note = f"{number(low, 3)} to {number(high, 3)}"
    return Cell(number(text.residual, 3), text.residual, note)


def _sizes(family: Family) -> str:
    if family.smallest is None or family.smallest == family.largest:
        return count(family.smallest)
    return f"{count(family.smallest)} to {count(family.largest)}"


def _scores(cohort: Cohort, families: Sequence[Family]) -> list[Table]:
    """Mean scores by family; none where no model has one."""
    scored = [family for family in families if family.scored]
    if not scored:
        return []
    rows: list[list[Cell | str]] = [
        [
            family.name,
            str(family.scored),
            Cell(percent(family.score), family.score),
            Cell(percent(family.score_residual), family.score_residual),
        ]
        for family in scored
    ]
    header = [
        Heading("Family"),
        Heading("Models", numeric=True),
        Heading("Mean score, %", numeric=True),
        Heading("Residual given compression, points", numeric=True),
    ]
    caption = f"Mean score by family: {counted(sum(f.scored for f in scored), 'model')}"
    return [Table(f"families-{cohort.name}-scores", caption, header, rows)]
