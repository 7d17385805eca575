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
from compression_leaderboard.pages.rendering import Renderer
from compression_leaderboard.wording import counted


@dataclass(frozen=True)
class Gap:
    """How far two families are apart on a text at equal size, in the text's unit."""

    width: float
    column: Column
    best: str
    worst: str


@dataclass(frozen=True)
class TextTable:
    """Families on one text, the smallest residual first."""

    column: Column
    rows: Sequence[tuple[Family, FamilyText]]

    @property
    def has_residuals(self) -> bool:
        """Whether there is a line over size that they could be distances from."""
        return any(text.residual is not None for _, text in self.rows)

    @property
    def gap(self) -> Gap | None:
        """The families furthest apart, by mean residuals of at least two models."""
        residuals = [
            (text.residual, family.name)
            for family, text in self.rows
            if text.residual is not None and text.n > 1
        ]
        if len(residuals) < 2:
            return None
        (low, best), (high, worst) = min(residuals), max(residuals)
        return Gap(high - low, self.column, best, worst)


@dataclass(frozen=True)
class Section:
    """The tables of one cohort. reason: why no two families compare at equal size, or None."""

    cohort: Cohort
    texts: Sequence[TextTable]
    scored: Sequence[Family]
    gap: Gap | None
    reason: str | None


def render_families(render: Renderer, cohorts: Sequence[Cohort]) -> Markup:
    """Show one table per cohort and text, the family that needs fewest bits for its size first.

    Cohorts in which no two families compare at equal size come last, with the reason.
    """
    sections = [_section(cohort) for cohort in cohorts if cohort.compression]
    return render("families.html", sections=sections, fewest_for_slope=FEWEST_FOR_SLOPE)


def _section(cohort: Cohort) -> Section:
    """View a cohort. Without a gap, leave out tables that need more figures than it has."""
    families = compare_families(cohort)
    texts = [_text_table(families, column) for column in cohort.compression]
    gaps = [gap for text in texts if (gap := text.gap)]
    gap = max(gaps, key=lambda gap: gap.width, default=None)
    scored = [family for family in families if family.scored]
    if gap is None:
        texts = [t for t in texts if any(text.slope is not None for _, text in t.rows)]
        if all(family.score_residual is None for family in scored):
            scored = []
    return Section(cohort, texts, scored, gap, _why_no_gap(cohort) if gap is None else None)


def _why_no_gap(cohort: Cohort) -> str:
    sized = [row for row in cohort.rows if row.parameters is not None]
    n = max(sum(column.key in row.figures for row in sized) for column in cohort.compression)
    if n < FEWEST_FOR_LINE:
        return f"{counted(n, 'model')} of known size; a line over size needs {FEWEST_FOR_LINE}"
    if len({row.parameters for row in sized}) < 2:
        return "all models are of one size"
    return "fewer than two families have two models of known size"


def _text_table(families: Sequence[Family], column: Column) -> TextTable:
    rows = [(f, text) for f in families for text in f.texts if text.key == column.key]
    rows.sort(key=lambda row: (row[1].residual is None, row[1].residual or 0.0, row[0].name))
    return TextTable(column, rows)
