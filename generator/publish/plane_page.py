"""The page of the information plane: all models of a table, and the layers of chosen ones."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from generator.files.results import StoredResult
from generator.publish.board_columns import BoardTable
from generator.publish.chart import Cloud, draw_clouds
from generator.publish.plane_parts import layer_values
from generator.publish.text import counted, escape, number, table, tag
from generator.tables.cohorts import Cohort, Column

TABLE_ROWS = 100  # of the table below a chart; the download has all


def layer_files(entries: Iterable[StoredResult]) -> dict[str, bytes]:
    """Complexity and expressivity layer by layer: one small file a model, by text.

    entries: current records of final weights.
    """
    held: dict[str, dict[str, Any]] = {}
    for entry in entries:
        result = entry.result
        if result.lossy is None:
            continue
        read, follows = layer_values(result.lossy)
        if len(read) == len(follows) > 0:
            pairs = [[round(x, 6), round(y, 6)] for x, y in zip(read, follows, strict=True)]
            held.setdefault(result.model, {})[result.name] = pairs
    return {
        f"docs/plane/{model}.json": json.dumps(texts, sort_keys=True).encode()
        for model, texts in sorted(held.items())
    }


def render_plane_page(boards: Sequence[BoardTable]) -> str:
    """One chart for each table and text of which hidden states were measured."""
    parts = [
        _section(board, column)
        for board in boards
        if board.cohort.provenance == "measured"
        for column in board.cohort.compression
    ]
    found = "".join(part for part in parts if part)
    return found or '<p class="notice">No hidden states are measured yet.</p>'


def _section(board: BoardTable, text: Column) -> str:
    cohort = board.cohort
    keys = (f"{text.name}_complexity", f"{text.name}_expressivity")
    if not set(keys) <= set(cohort.rows.columns):
        return ""
    rows = cohort.rows.dropna(subset=list(keys))
    if rows.empty:
        return ""
    places = {row.page: k for k, row in enumerate(board.rows)}
    clouds = [
        Cloud(
            str(family),
            tuple(own[keys[0]]),
            tuple(own[keys[1]]),
            tuple(places[page] for page in own["page"]),
        )
        for family, own in rows.groupby("family", sort=True)
    ]
    summary = (
        f"{counted(len(rows), 'model')} on {text.label}: corrected information in units of "
        "ln(bins), single tokens, mean over the layers above the embedding. Dashed: the bound, "
        "expressivity = complexity."
    )
    labels = ("Complexity I(X;Z)", "Expressivity I(Y;Z)")
    chart = draw_clouds(clouds, labels, keys, summary, bound=True, shown_times=1.0)
    options = "".join(
        f'<option value="{escape(model)}">{escape(name)}</option>'
        for model, name in zip(rows["model"], rows["name"], strict=True)
    )
    name = f"{cohort.name}-{text.name}"
    picker = (
        f'<p class="picker needs-script"><label>Layer by layer <select data-layers="'
        f'{escape(text.name)}"><option value="">choose a model</option>{options}</select></label>'
        '</p><div data-layer-chart aria-live="polite"></div>'
    )
    heading = f"<h2>{escape(text.label)}: {escape(cohort.title)} {tag('measured')}</h2>"
    return (
        f'<section class="plane" data-board="../boards/{escape(cohort.name)}.json">{heading}'
        f'<div class="card">{chart}{picker}</div>{_figures(cohort, rows, text, name)}</section>'
    )


def _figures(cohort: Cohort, rows: pd.DataFrame, text: Column, name: str) -> str:
    header = [("Model", False), ("Family", False)]
    header += [(label, True) for label in ("Complexity", "Expressivity", "Optimality", "95 %")]
    best = f"{text.name}_optimality"
    ordered = rows.sort_values(best, ascending=False) if best in rows else rows
    lines = [_line(row, text.name) for _, row in ordered.head(TABLE_ROWS).iterrows()]
    caption = f"{text.label}, as in the chart, the highest optimality first"
    if len(rows) > TABLE_ROWS:
        caption += f"; the first {TABLE_ROWS} of {len(rows)}, all are in the download"
    body = table(f"plane-{name}", caption, header, lines)
    return f"<details><summary>The figures of this chart</summary>{body}</details>"


def _line(row: pd.Series, text: str) -> list[str]:
    shown = escape(row["name"]).replace("/", "/<wbr>")
    figures = [
        number(row.get(f"{text}_{key}"), 4) for key in ("complexity", "expressivity", "optimality")
    ]
    low, high = row.get(f"{text}_optimality_low"), row.get(f"{text}_optimality_high")
    interval = f"{number(low, 3)}–{number(high, 3)}" if low == low and low is not None else "–"
    link = f'<a href="../{escape(row["page"])}">{shown}</a>'
    return [link, escape(row["family"]), *figures, interval]
