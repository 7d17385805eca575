"""The home page's parts: what is here, the headline chart, and one table for each cohort."""

from collections.abc import Mapping, Sequence

import pandas as pd

from generator.fits.evidence import Evidence
from generator.publish.chart import Point, draw_scatter
from generator.publish.compressor_rows import COMPRESSOR_NOTE, compressor_cells
from generator.publish.text import (
    count,
    counted,
    decimals,
    escape,
    linked,
    number,
    percent,
    table,
    tag,
    valued,
)
from generator.records.models import Model
from generator.tables.cohorts import Cohort, Column


def render_home(
    cohorts: Sequence[Cohort], evidence: Mapping[str, Evidence], models: Mapping[str, Model]
) -> str:
    """The chart of the first cohort that has a fit, then every cohort's table."""
    fitted = [cohort for cohort in cohorts if evidence[cohort.name].line is not None]
    parts = [_overview(cohorts)]
    parts += [_headline(cohort, evidence[cohort.name]) for cohort in fitted[:1]]
    parts += [_cohort_table(cohort) for cohort in cohorts]
    parts.append(_without_figures(cohorts, models))
    return "\n".join(parts)


def _overview(cohorts: Sequence[Cohort]) -> str:
    """How many models are measured here and how many published; where to find them."""
    items = []
    for provenance in ("measured", "published"):
        own = [cohort for cohort in cohorts if cohort.provenance == provenance]
        sizes = {row["model"]: row["parameters"] for c in own for _, row in c.rows.iterrows()}
        largest = max((p for p in sizes.values() if p == p), default=None)
        if own:
            items.append(
                f'<li>{tag(provenance)} <a href="#{escape(own[0].name)}">'
                f"{counted(len(sizes), 'model')}</a>, up to {count(largest)} parameters</li>"
            )
    return f'<ul class="overview">{"".join(items)}</ul>'


def _without_figures(cohorts: Sequence[Cohort], models: Mapping[str, Model]) -> str:
    """Models that stand in no table: failed, or not measured yet. Their pages say which."""
    shown = {model for cohort in cohorts for model in cohort.rows["model"]}
    missing = sorted(set(models) - shown)
    if not missing:
        return ""
    links = ", ".join(f'<a href="models/{escape(m)}/">{escape(m)}</a>' for m in missing)
    return f"<p>Not in a table yet, failed or not measured: {links}.</p>"


def _headline(cohort: Cohort, found: Evidence) -> str:
    mean = next(c for c in found.correlations if c.score == "score")
    known = cohort.rows.dropna(subset=["compression", "score"])
    unit = cohort.compression[0].unit
    figures = zip(known["name"], known["compression"], known["score"], strict=True)
    points = [
        Point(x, y, f"{name}: {number(x, 3)} {unit}, mean score {percent(y)} %")
        for name, x, y in figures
    ]
    summary = (
        f"{counted(found.n, f'{cohort.provenance} model')}, "
        f"mean of {counted(len(cohort.scores), 'benchmark')}. "
        f"Pearson r = {number(mean.pearson, 2)} (n = {mean.n}; 95 % interval "
        f"{number(mean.low, 2)} to {number(mean.high, 2)} by resampling "
        f"{counted(mean.families, 'family')}). Line: least squares; band: 95 % for the mean."
    )
    chart = draw_scatter(
        points, f"Average {unit} (lower is better)", "Mean score, %", summary, found.line
    )
    more = '<p><a href="predict/">What compression predicts, and where it loses</a></p>'
    heading = f"<h2>Compression against scores {tag(cohort.provenance)}</h2>"
    return f'<section class="card">{heading}{chart}{more}</section>'


def _cohort_table(cohort: Cohort) -> str:
    heading = f'<h2 id="{escape(cohort.name)}">{escape(cohort.title)} {tag(cohort.provenance)}</h2>'
    note = f"<p>{escape(cohort.comparable_with)}</p>"
    header: list[tuple[str, bool]] = [("Model", False), ("Family", False), ("Parameters", True)]
    if measured := cohort.provenance == "measured":
        header += [("Weights", False), ("dtype", False)]
    if has_mean := len(cohort.compression) > 1:
        header.append((f"Average, {cohort.compression[0].unit}", True))
    header += [(f"{c.label}, {c.unit}", True) for c in cohort.compression]
    if measured:
        header += [(f"Optimality, {c.label}", True) for c in cohort.compression]
    header += [(f"Preference information, {c.label}", True) for c in cohort.preferences]
    header += [("Mean score, %", True)] + [(f"{s.label}, %", True) for s in cohort.scores]
    ordered = cohort.rows.sort_values(["compression", "model"], na_position="last")
    rows = [
        (row["compression"], _row(cohort, row, measured, has_mean)) for _, row in ordered.iterrows()
    ]
    caption = f"{cohort.title}: {counted(len(rows), 'row')}"
    if cohort.compressors:
        rows += [(c.average, compressor_cells(cohort, c, has_mean)) for c in cohort.compressors]
        rows.sort(key=_best_first)
        note += COMPRESSOR_NOTE
        caption += f" and {counted(len(cohort.compressors), 'classical compressor')}"
    caption += ", best average compression first"
    return heading + note + table(cohort.name + "-table", caption, header, [c for _, c in rows])


def _best_first(row: tuple[float | None, list[str]]) -> tuple[bool, float]:
    """Unknown averages last; the sort is stable, so that models keep their order."""
    average = row[0]
    known = average is not None and average == average
    return (not known, average if average is not None and known else 0.0)


def _row(cohort: Cohort, row: pd.Series, measured: bool, has_mean: bool) -> list[str]:
    page = str(row["page"])
    cells = [
        f'<a href="{escape(page)}">{escape(row["name"]).replace("/", "/<wbr>")}</a>',
        escape(row["family"]),
        valued(count(row["parameters"]), row["parameters"]),
    ]
    if measured:
        quantization = row["quantization"]
        cells.append(escape(quantization) if isinstance(quantization, str) else "original")
        cells.append(escape(row["dtype"]))
    if has_mean:
        cells.append(linked(number(row["compression"], 3), row["compression"], page))
    cells += [_compression_cell(row, column, page) for column in cohort.compression]
    if measured:
        for column in cohort.compression:
            value = row.get(f"{column.name}_optimality")
            cells.append(linked(number(value, 3), value, f"{page}#corpus-{column.name}"))
    cells += [_preference_cell(row, column, page) for column in cohort.preferences]
    cells.append(linked(percent(row["score"]), row["score"], page))
    return cells + [linked(percent(row[s.name]), row[s.name], page) for s in cohort.scores]


def _compression_cell(row: pd.Series, column: Column, page: str) -> str:
    measured = f"{column.name}_low" in row
    address = f"{page}#corpus-{column.name}" if measured else page
    cell = linked(number(row[column.name], 3), row[column.name], address)
    low, high = row.get(f"{column.name}_low"), row.get(f"{column.name}_high")
    if pd.notna(low) and pd.notna(high):
        cell += f"<small>{number(low, 3)}–{number(high, 3)}</small>"
    return cell


def _preference_cell(row: pd.Series, column: Column, page: str) -> str:
    """The information of a label with two values is small: its interval sets the decimals."""
    address = f"{page}#corpus-{column.name.removesuffix('_preference')}"
    value = row[column.name]
    low, high = row[f"{column.name}_low"], row[f"{column.name}_high"]
    if not high > low:
        return linked(number(value, 6), value, address)
    digits = decimals((high - low) / 2)
    interval = f"<small>{number(low, digits)} to {number(high, digits)}</small>"
    return linked(number(value, digits), value, address) + interval
