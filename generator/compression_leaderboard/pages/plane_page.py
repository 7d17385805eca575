"""The page of the information plane, and the method page's picture of its bias."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from compression_leaderboard.board.current import current_results
from compression_leaderboard.board.derived import over_layers
from compression_leaderboard.board.figures import Column, Key, Quantity, Row
from compression_leaderboard.pages.board_table import BoardTable
from compression_leaderboard.pages.charts import (
    Cloud,
    Point,
    Series,
    draw_clouds,
    draw_series,
)
from compression_leaderboard.pages.record_sections import (
    layer_values,
    record_path,
    render_convergence,
)
from compression_leaderboard.pages.rendering import Renderer
from compression_leaderboard.pages.text import counted, escape, number, table, tag
from compression_leaderboard.pages.unrendered import chart_html, folded_figures
from compression_leaderboard.records.plane import Lossy
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs

TABLE_ROWS = 100  # of the table below a chart; the download has all
NAMED = 6  # so many marks or fewer have their names beside them
FIGURES = ("Complexity", "Expressivity", "Optimality", "95 %")


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


@dataclass(frozen=True)
class _Plane:
    """The models of one kind on one text, and the table whose data their marks show."""

    board: BoardTable
    kind: str
    text: Column
    rows: tuple[Row, ...]

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.text.name}"

    @property
    def keys(self) -> tuple[Key, Key]:
        return _keys(self.text)

    def point(self, row: Row) -> tuple[float, float]:
        x, y = (row.figures[key].value for key in self.keys)
        return x, y


def render_plane_page(boards: Sequence[BoardTable]) -> str:
    """A chart for each text and kind of model; where there is one model only, a row of a table."""
    planes = _planes(boards)
    found = "".join(_section(plane) for plane in planes if len(plane.rows) > 1)
    found += _single([plane for plane in planes if len(plane.rows) == 1])
    return found or '<p class="notice">No hidden states are measured yet.</p>'


def _planes(boards: Iterable[BoardTable]) -> list[_Plane]:
    """Tables that differ in their benchmarks alone have the same models at the same places."""
    found: dict[tuple[str, str], _Plane] = {}
    for board in boards:
        if board.cohort.provenance != "measured":
            continue
        for text in board.cohort.compression:
            rows = [r for r in board.cohort.rows if all(key in r.figures for key in _keys(text))]
            for kind in sorted({str(row.kind) for row in rows}):
                own = tuple(row for row in rows if row.kind == kind)
                found.setdefault((kind, text.name), _Plane(board, kind, text, own))
    return list(found.values())


def _keys(text: Column) -> tuple[Key, Key]:
    complexity, expressivity = (
        text.key._replace(quantity="complexity"),
        text.key._replace(quantity="expressivity"),
    )
    return complexity, expressivity


def _section(plane: _Plane) -> str:
    board, text, rows = plane.board, plane.text, plane.rows
    keys = (f"complexity.{text.name}", f"expressivity.{text.name}")
    places = {row.page: k for k, row in enumerate(board.rows)}
    clouds = [
        Cloud(
            family,
            tuple(plane.point(row)[0] for row in own),
            tuple(plane.point(row)[1] for row in own),
            tuple(places[row.page] for row in own),
        )
        for family in sorted({row.family for row in rows})
        for own in [[row for row in rows if row.family == family]]
    ]
    summary = (
        f"{counted(len(rows), f'{plane.kind} model')} on {text.label}: corrected information in "
        "units of ln(bins), single tokens, mean over the layers above the embedding. Dashed: the "
        "bound, expressivity = complexity."
    )
    labels = ("Complexity I(X;Z)", "Expressivity I(Y;Z)")
    points = [Point(*plane.point(row), row.label) for row in rows]
    named = points if len(points) <= NAMED else []
    chart = draw_clouds(
        clouds,
        labels,
        keys,
        summary,
        f"plane-{plane.name}",
        bound=True,
        shown_times=1.0,
        named=named,
    )
    options = "".join(
        f'<option value="{escape(row.model)}">{escape(row.label)}</option>' for row in rows
    )
    picker = (
        f'<p class="picker needs-script"><label>Layer by layer <select data-layers="'
        f'{escape(text.name)}"><option value="">choose a model</option>{options}</select></label>'
        '</p><div data-layer-chart aria-live="polite"></div>'
    )
    heading = f"<h2>{escape(text.label)}: {escape(plane.kind)} models {tag('measured')}</h2>"
    data = f"../boards/{escape(board.cohort.name)}.json"
    return (
        f'<section class="plane" data-board="{data}">{heading}'
        f'<div class="card">{chart_html(chart)}{picker}</div>{_figures(plane)}</section>'
    )


def _figures(plane: _Plane) -> str:
    text, rows = plane.text, plane.rows
    header = [("Model", False), ("Family", False), *((label, True) for label in FIGURES)]
    best = text.key._replace(quantity="optimality")
    ordered = sorted(rows, key=lambda row: -(row.value(best) or 0.0))
    lines = [_line(row, text.key) for row in ordered[:TABLE_ROWS]]
    models = counted(len(rows), "model")
    caption = f"{text.label}, {models} as in the chart, the highest optimality first"
    if len(rows) > TABLE_ROWS:
        caption += f". The first {TABLE_ROWS} are here, all are in the download"
    return folded_figures(f"plane-{plane.name}", caption, header, lines)


def _single(planes: Sequence[_Plane]) -> str:
    """The texts on which nothing compares yet, in one table."""
    if not planes:
        return ""
    header = [("Model", False), ("Family", False), ("Kind", False), ("Text", False)]
    header += [(label, True) for label in FIGURES]
    lines = []
    for plane in planes:
        model, family, *figures = _line(plane.rows[0], plane.text.key)
        lines.append([model, family, escape(plane.kind), escape(plane.text.label), *figures])
    caption = (
        f"Texts of which one model of a kind is measured, {counted(len(lines), 'row')}: nothing to "
        "compare yet. Its layers are on its page."
    )
    return (
        f"<h2>One model only {tag('measured')}</h2>{table('plane-single', caption, header, lines)}"
    )


def _line(row: Row, text: Key) -> list[str]:
    shown = escape(row.label).replace("/", "/<wbr>")
    quantities: tuple[Quantity, ...] = ("complexity", "expressivity", "optimality")
    figures = [row.figures.get(text._replace(quantity=quantity)) for quantity in quantities]
    values = [number(figure.value if figure else None, 4) for figure in figures]
    ends = figures[-1].interval if figures[-1] else None
    interval = f"{number(ends.low, 3)}–{number(ends.high, 3)}" if ends else "–"
    link = f'<a href="../{escape(row.page)}">{shown}</a>'
    return [link, escape(row.family), *values, interval]


def render_bias(render: Renderer, specs: Specs, stored: Sequence[StoredResult]) -> str:
    """Plug-in against null, and the optimality that follows, by number of positions."""
    entry = _widest(specs, stored)
    if entry is None or entry.result.lossy is None:
        return "<p>No record with a plane is on the board yet, so there is no picture.</p>"
    result, lossy = entry.result, entry.result.lossy
    model, corpus = specs.models[result.model], specs.corpora[result.name]
    seeds = len(lossy.layers[0].entropy)
    link = f'<a href="../{escape(record_path(entry))}">record {result.run_id}</a>'
    about = (
        f"<p>Measured: {escape(model.title)} on {escape(corpus.title)}, {lossy.positions} "
        f"positions in {lossy.documents} documents and nested parts of them; single tokens as "
        f"labels; means over layers 1 to {len(lossy.layers) - 1} and {seeds} anchor seeds "
        f"({link}).</p>"
    )
    return about + _draw_null(lossy) + str(render_convergence(render, "method", lossy))


def _widest(specs: Specs, stored: Sequence[StoredResult]) -> StoredResult | None:
    """The record of the most positions, of these that of the largest model."""
    found = [
        entry
        for entry in current_results(specs, stored)
        if entry.result.lossy and entry.result.lossy.convergence
        if entry.result.model in specs.models
    ]

    def rank(entry: StoredResult) -> tuple[int, int, str]:
        lossy, subject = entry.result.lossy, entry.result.subject
        return lossy.positions if lossy else 0, subject.parameters if subject else 0, entry.file

    return max(found, key=rank, default=None)


def _draw_null(lossy: Lossy) -> str:
    """What labels dealt at random would show, beside what the real ones show."""
    parts = {s.positions: s for s in lossy.convergence if _is_input_token(s.unit, s.side, s.order)}
    whole = over_layers(lossy, "token", "input", 1)
    if not parts or whole is None:
        return ""
    counts = sorted(parts)
    found = float(whole.plug_in.mean())
    plug_in = (*(parts[n].plug_in for n in counts), found)
    null = (*(parts[n].null for n in counts), found - float(whole.corrected.mean()))
    summary = (
        f"Information about the token read, I(X;Z). From {counts[0]} positions the plug-in is "
        f"{number(plug_in[0], 3)}, and {number(null[0], 3)} of it is what labels dealt at random "
        f"would show; from {lossy.positions} it is {number(plug_in[-1], 3)}, {number(null[-1], 3)} "
        "of it null. The gap between the lines is the corrected value."
    )
    series = [Series("plug-in", "output", plug_in), Series("null", "input", null)]
    steps = [str(n) for n in (*counts, lossy.positions)]
    labels, table_id = ("Positions used", "I(X;Z), ln(bins)"), "null-method"
    chart = draw_series(series, steps, labels, summary, table_id)
    header = [("Positions", True), ("Plug-in", True), ("Null", True), ("Corrected", True)]
    rows = [
        [step, *(number(value, 4) for value in (shown, chance, shown - chance))]
        for step, shown, chance in zip(steps, plug_in, null, strict=True)
    ]
    caption = f"Information about the token read, I(X;Z), from up to {lossy.positions} positions"
    return chart_html(chart) + folded_figures(table_id, caption, header, rows)


def _is_input_token(unit: str, side: str, order: int) -> bool:
    return (unit, side, order) == ("token", "input", 1)
