"""The home page's parts: the headline chart and one table for each cohort."""

from collections.abc import Mapping, Sequence

import pandas as pd

from generator.fits.evidence import Evidence
from generator.publish.chart import Point, draw_scatter
from generator.publish.text import count, escape, number, percent, table, valued
from generator.tables.cohorts import Cohort


def render_home(cohorts: Sequence[Cohort], evidence: Mapping[str, Evidence]) -> str:
    """The chart of the first cohort that has a fit, then every cohort's table."""
    fitted = [cohort for cohort in cohorts if evidence[cohort.name].line is not None]
    parts = [_headline(cohort, evidence[cohort.name]) for cohort in fitted[:1]]
    parts += [_cohort_table(cohort) for cohort in cohorts]
    return "\n".join(parts)


def _headline(cohort: Cohort, found: Evidence) -> str:
    mean = found.correlations[0]
    known = cohort.rows.dropna(subset=["compression", "score"])
    unit = cohort.compression[0].unit
    figures = zip(known["name"], known["compression"], known["score"], strict=True)
    points = [
        Point(x, y, f"{name}: {number(x, 3)} {unit}, mean score {percent(y)} %")
        for name, x, y in figures
    ]
    summary = (
        f"{found.n} published models, mean of {len(cohort.scores)} benchmarks. "
        f"Pearson r = {number(mean.pearson, 2)} (95 % interval {number(mean.low, 2)} to "
        f"{number(mean.high, 2)} by resampling {mean.families} families). Line: least squares; "
        "band: 95 % for the mean."
    )
    chart = draw_scatter(
        points, f"Average {unit} (lower is better)", "Mean score, %", summary, found.line
    )
    return f'<section class="card"><h2>Compression against scores</h2>{chart}</section>'


def _cohort_table(cohort: Cohort) -> str:
    tag = f'<span class="tag tag-{cohort.provenance}">{cohort.provenance}</span>'
    heading = f'<h2 id="{cohort.name}">{escape(cohort.title)} {tag}</h2>'
    note = f"<p>{escape(cohort.comparable_with)}</p>"
    header: list[tuple[str, bool]] = [("Model", False), ("Family", False), ("Parameters", True)]
    if measured := cohort.provenance == "measured":
        header += [("Weights", False), ("dtype", False)]
    header += [(f"{c.label}, {c.unit}", True) for c in cohort.compression]
    if measured:
        header += [(f"Optimality, {c.label}", True) for c in cohort.compression]
    header += [("Mean score, %", True)] + [(f"{s.label}, %", True) for s in cohort.scores]
    ordered = cohort.rows.sort_values(["compression", "model"], na_position="last")
    rows = [_row(cohort, row, measured) for _, row in ordered.iterrows()]
    caption = f"{cohort.title}: {len(rows)} models, best compression first"
    return heading + note + table(cohort.name + "-table", caption, header, rows)


def _row(cohort: Cohort, row: pd.Series, measured: bool) -> list[str]:
    cells = [
        f'<a href="{escape(row["page"])}">{escape(row["name"])}</a>',
        escape(row["family"]),
        valued(count(row["parameters"]), row["parameters"]),
    ]
    if measured:
        quantization = row["quantization"]
        cells.append(escape(quantization) if isinstance(quantization, str) else "original")
        cells.append(escape(row["dtype"]))
    for column in cohort.compression:
        cells.append(_compression_cell(row, column.name))
    if measured:
        for column in cohort.compression:
            value = row.get(f"{column.name}_optimality")
            cells.append(valued(number(value, 3), value))
    cells.append(valued(percent(row["score"]), row["score"]))
    cells += [valued(percent(row[s.name]), row[s.name]) for s in cohort.scores]
    return cells


def _compression_cell(row: pd.Series, name: str) -> str:
    shown = number(row[name], 3)
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    if low is not None and high is not None and low == low:
        shown += f" <small>{number(low, 3)}–{number(high, 3)}</small>"
    return valued(shown, row[name])
