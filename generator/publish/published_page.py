"""The page of a model whose figures others published."""

from collections.abc import Sequence

import pandas as pd

from generator.publish.mixture_note import mixture_note
from generator.publish.standing import Standing, render_standing, render_tiles
from generator.publish.text import count, counted, escape, link, number, percent, table, tag
from generator.tables.cohorts import Cohort


def render_published(cohort: Cohort, row: pd.Series, standings: Sequence[Standing]) -> str:
    """Tiles and place in the table first, then every figure with its unit, then the sources."""
    place = "".join(
        render_tiles(standing, "../../../") + render_standing(standing, "../../../")
        for standing in standings
    )
    header = [("Figure", False), ("Unit", False), ("Value", True), ("Chance", True)]
    rows = [
        [escape(c.label), escape(c.unit), number(row[c.name], 3), number(None, 0)]
        for c in cohort.compression
    ]
    unit = cohort.compression[0].unit
    rows.append(["Average of the texts", escape(unit), number(row["compression"], 3), "–"])
    rows += [
        [escape(s.label), "&#37;", percent(row[s.name]), percent(s.chance)] for s in cohort.scores
    ]
    rows.append(["Mean of all benchmarks", "&#37;", percent(row["score"]), "–"])
    sources = "".join(
        f"<li>{escape(c.text)} {link(c.url, 'Source')}, licence {escape(c.licence)}. "
        f"Columns: {escape(c.figures)}.</li>"
        for c in cohort.citations
    )
    figures = counted(len(rows), "published figure")
    caption = f"{figures} of {row['name']} (bits: lower is better; scores: higher)"
    return (
        f"<p>{tag('published')} These figures were published by others; they are not measured "
        f"here. {escape(cohort.comparable_with)}</p>"
        f"<p>Family {escape(row['family'])}, {count(row['parameters'])} parameters, "
        f"{count(row['training_tokens'])} training tokens.</p>"
        + (mixture_note(cohort) if row["model"] in cohort.mixtures else "")
        + place
        + "<h2>All figures</h2>"
        + table("figures", caption, header, rows)
        + f"<h2>Sources</h2><ul>{sources}</ul>"
    )
