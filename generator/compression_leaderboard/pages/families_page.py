"""The page of families: averages by text, what size saves, and residuals."""

from collections.abc import Sequence
from dataclasses import dataclass

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.families import (
    FEWEST_FOR_LINE,
    FEWEST_FOR_SLOPE,
    Family,
    FamilyText,
    compare_families,
)
from compression_leaderboard.board.figures import Column
from compression_leaderboard.pages.glossary import mixture_note
from compression_leaderboard.pages.text import (
    count,
    counted,
    escape,
    number,
    percent,
    table,
    tag,
    valued,
)


@dataclass(frozen=True)
class _Gap:
    """How far two families are apart on a text at equal size, in the text's unit."""

    width: float
    column: Column
    best: str
    worst: str


def render_families(cohorts: Sequence[Cohort]) -> str:
    """One table a cohort and text, the family that needs fewest bits for its size first.

    The first text of a cohort is open, the others are folded. Cohorts in which no two families
    compare at equal size come last, in a list that says why.
    """
    found, rest = "", ""
    for cohort in cohorts:
        if cohort.compression:
            families = compare_families(cohort)
            gaps = _gaps(cohort, families)
            if gaps:
                found += _cohort(cohort, families, gaps)
            else:
                rest += _without_gap(cohort, families)
    if rest:
        found += f"<h2>Tables without a comparison at equal size</h2><ul>{rest}</ul>"
    return found or '<p class="notice">No text is measured yet.</p>'


def _cohort(cohort: Cohort, families: Sequence[Family], gaps: Sequence[_Gap]) -> str:
    heading = f'<h2 id="{escape(cohort.name)}">{escape(cohort.title)} {tag(cohort.provenance)}</h2>'
    parts = [_table(cohort, families, c) for c in cohort.compression]
    parts.append(_scores(cohort, families))
    folded = _folded(parts[1:], "more table", "other texts, and scores")
    return f"{heading}{_words(gaps)}{parts[0]}{mixture_note(cohort)}{folded}"


def _without_gap(cohort: Cohort, families: Sequence[Family]) -> str:
    """Which cohort, and what it lacks; of its tables those that say more than averages."""
    sized = [row for row in cohort.rows if row.parameters is not None]
    n = max(sum(c.key in row.figures for row in sized) for c in cohort.compression)
    if n < FEWEST_FOR_LINE:
        reason = f"{counted(n, 'model')} of known size; a line over size needs {FEWEST_FOR_LINE}"
    elif len({row.parameters for row in sized}) < 2:
        reason = "all models are of one size"
    else:
        reason = "fewer than two families have two models of known size"
    title = f'<a href="../boards/{escape(cohort.name)}/">{escape(cohort.title)}</a>'
    saved = [
        _table(cohort, families, c)
        for c in cohort.compression
        if any(t.key == c.key and t.slope is not None for f in families for t in f.texts)
    ]
    if any(family.score_residual is not None for family in families):
        saved.append(_scores(cohort, families))
    folded = _folded(saved, "table", "within families")
    return f'<li id="{escape(cohort.name)}">{title}: {reason}.{folded}</li>'


def _folded(tables: Sequence[str], noun: str, what: str) -> str:
    """Further tables of a cohort, so that the next one is not far down the page."""
    shown = [one for one in tables if one]
    if not shown:
        return ""
    summary = f"<summary>{counted(len(shown), noun)}: {what}</summary>"
    return f"<details>{summary}{''.join(shown)}</details>"


def _gaps(cohort: Cohort, families: Sequence[Family]) -> list[_Gap]:
    """On each text, the families furthest apart by mean residuals of at least two models."""
    gaps = []
    for column in cohort.compression:
        known = [
            (text.residual, family.name)
            for family in families
            for text in family.texts
            if text.key == column.key and text.residual is not None and text.n > 1
        ]
        if len(known) > 1:
            (low, best), (high, worst) = min(known), max(known)
            gaps.append(_Gap(high - low, column, best, worst))
    return gaps


def _words(gaps: Sequence[_Gap]) -> str:
    """The widest gap between families that size does not explain, in a sentence."""
    gap = max(gaps, key=lambda found: found.width)
    return (
        f"<p>At equal size families differ most on <strong>{escape(gap.column.label)}</strong>: "
        f"{escape(gap.best)} needs {number(gap.width, 3)} {escape(gap.column.unit)} less than "
        f"{escape(gap.worst)}, by mean residuals of families with at least two models. Size, "
        "data and tokenizer are not told apart here.</p>"
    )


def _table(cohort: Cohort, families: Sequence[Family], column: Column) -> str:
    """Without residuals where there is no line that they could be distances from."""
    header = [("Family", False), ("Models", True), ("Sizes", False), (f"Mean, {column.unit}", True)]
    header += [("Best", True), ("Ten times the size", True)]
    held = [(f, text) for f in families for text in f.texts if text.key == column.key]
    held.sort(key=lambda one: (one[1].residual is None, one[1].residual or 0.0, one[0].name))
    caption = (
        f"{column.label} by family: {counted(sum(text.n for _, text in held), 'model')}. "
        f"Mean and best in {column.unit}; what ten times the parameters "
        f"change within the family (least squares, from {FEWEST_FOR_SLOPE} models on)"
    )
    rows = [_row(family, text) for family, text in held]
    if any(text.residual is not None for _, text in held):
        sized = sum(column.key in row.figures and row.parameters is not None for row in cohort.rows)
        header.append(("Residual given size", True))
        caption += (
            f"; mean distance from the line of all {counted(sized, 'model')} of known size over "
            "log parameters, with the range of the family's models; below 0 the family needs less "
            "than its size leads to expect"
        )
        rows = [[*row, _residual(text)] for row, (_, text) in zip(rows, held, strict=True)]
    return table(f"families-{cohort.name}-{column.name}", caption, header, rows)


def _residual(text: FamilyText) -> str:
    shown = valued(number(text.residual, 3), text.residual)
    if text.residual_range is not None and text.n > 1:
        low, high = text.residual_range
        shown += f"<small>{number(low, 3)} to {number(high, 3)}</small>"
    return shown


def _row(family: Family, text: FamilyText) -> list[str]:
    return [
        escape(family.name),
        str(text.n),
        _sizes(family),
        valued(number(text.mean, 3), text.mean),
        valued(number(text.best, 3), text.best),
        valued(number(text.slope, 3), text.slope),
    ]


def _sizes(family: Family) -> str:
    if family.smallest is None or family.smallest == family.largest:
        return count(family.smallest)
    return f"{count(family.smallest)} to {count(family.largest)}"


def _scores(cohort: Cohort, families: Sequence[Family]) -> str:
    scored = [family for family in families if family.scored]
    if not scored:
        return ""
    header = [("Family", False), ("Models scored", True), ("Mean score, %", True)]
    header.append(("Residual given compression, points", True))
    rows = [
        [
            escape(family.name),
            str(family.scored),
            valued(percent(family.score), family.score),
            valued(percent(family.score_residual), family.score_residual),
        ]
        for family in sorted(scored, key=lambda f: (-(f.score_residual or 0.0), f.name))
    ]
    caption = (
        f"Scores by family: {counted(sum(f.scored for f in scored), 'model')}. "
        "Mean over a family's models, and the mean distance from the cohort's straight "
        "line of mean score over average compression, in points; above 0 the family scores higher "
        "than its compression leads to expect"
    )
    return table(f"families-{cohort.name}-scores", caption, header, rows)
