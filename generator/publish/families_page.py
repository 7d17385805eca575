"""The page of families: averages by text, what size saves, and residuals."""

from collections.abc import Sequence

from generator.publish.mixture_note import mixture_note
from generator.publish.text import count, counted, escape, number, percent, table, tag, valued
from generator.tables.cohorts import Cohort
from generator.tables.families import Family, FamilyText, compare_families


def render_families(cohorts: Sequence[Cohort]) -> str:
    """One table a cohort and text, the family that needs fewest bits for its size first.

    The first text of a cohort is open, the others are folded.
    """
    return "".join(_cohort(cohort) for cohort in cohorts if cohort.compression)


def _cohort(cohort: Cohort) -> str:
    families = compare_families(cohort)
    heading = f'<h2 id="{escape(cohort.name)}">{escape(cohort.title)} {tag(cohort.provenance)}</h2>'
    parts = [_table(cohort, families, c.name, c.label, c.unit) for c in cohort.compression]
    parts.append(_scores(cohort, families))
    words = _words(cohort, families)
    return f"{heading}{words}{parts[0]}{mixture_note(cohort)}{_folded(parts[1:])}"


def _folded(tables: Sequence[str]) -> str:
    """The further tables of a cohort, so that the next one is not far down the page."""
    shown = [one for one in tables if one]
    if not shown:
        return ""
    summary = f"<summary>{counted(len(shown), 'more table')}: other texts, and scores</summary>"
    return f"<details>{summary}{''.join(shown)}</details>"


def _words(cohort: Cohort, families: Sequence[Family]) -> str:
    """The widest gap between families that size does not explain, in a sentence."""
    gaps = []
    for column in cohort.compression:
        known = [
            (text.residual, family)
            for family in families
            for text in family.texts
            if text.column == column.name and text.residual is not None and text.n > 1
        ]
        if len(known) > 1:
            low, high = min(known, key=lambda k: k[0]), max(known, key=lambda k: k[0])
            gaps.append((high[0] - low[0], column, low[1], high[1]))
    if not gaps:
        return "<p>Too few models of known size for a line over size.</p>"
    gap, column, best, worst = max(gaps, key=lambda found: found[0])
    return (
        f"<p>At equal size families differ most on <strong>{escape(column.label)}</strong>: "
        f"{escape(best.name)} needs {number(gap, 3)} {escape(column.unit)} less than "
        f"{escape(worst.name)}, by mean residuals of families with at least two models. Size, "
        "data and tokenizer are not told apart here.</p>"
    )


def _table(cohort: Cohort, families: Sequence[Family], column: str, label: str, unit: str) -> str:
    header = [("Family", False), ("Models", True), ("Sizes", False), (f"Mean, {unit}", True)]
    header += [("Best", True), ("Ten times the size", True), ("Residual given size", True)]
    held = [(f, text) for f in families for text in f.texts if text.column == column]
    held.sort(key=lambda one: (one[1].residual is None, one[1].residual or 0.0, one[0].name))
    caption = (
        f"{label} by family: mean and best in {unit}; what ten times the parameters change within "
        "the family (least squares, from 3 models on); mean distance from the line of all "
        f"{counted(int(cohort.rows[column].count()), 'model')} over log parameters, with the range "
        "of the family's models; below 0 the family needs less than its size leads to expect"
    )
    rows = [_row(family, text) for family, text in held]
    return table(f"families-{cohort.name}-{column}", caption, header, rows)


def _row(family: Family, text: FamilyText) -> list[str]:
    residual = valued(number(text.residual, 3), text.residual)
    if text.residual_range is not None and text.n > 1:
        low, high = text.residual_range
        residual += f"<small>{number(low, 3)} to {number(high, 3)}</small>"
    return [
        escape(family.name),
        str(text.n),
        _sizes(family),
        valued(number(text.mean, 3), text.mean),
        valued(number(text.best, 3), text.best),
        valued(number(text.slope, 3), text.slope),
        residual,
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
        "Scores by family: mean over its models, and the mean distance from the cohort's straight "
        "line of mean score over average compression, in points; above 0 the family scores higher "
        "than its compression leads to expect"
    )
    return table(f"families-{cohort.name}-scores", caption, header, rows)
