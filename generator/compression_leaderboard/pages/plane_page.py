"""The page of the information plane, and the method page's picture of its bias."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from compression_leaderboard.board.current import current_results
from compression_leaderboard.board.derived import over_layers
from compression_leaderboard.board.figures import Column, Key, Quantity, Row
from compression_leaderboard.pages.board_table import BoardTable
from compression_leaderboard.pages.charts import (
    Chart,
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
from compression_leaderboard.pages.rendering import Cell, Renderer, Table, headings
from compression_leaderboard.pages.text import UNKNOWN, counted, number
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
class Plane:
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


@dataclass(frozen=True)
class Section:
    """The chart of one plane, the models whose layers it can show, and its figures."""

    plane: Plane
    chart: Chart
    table: Table


def render_plane_page(render: Renderer, boards: Sequence[BoardTable]) -> Markup:
    """Draw a chart for each text and kind of model; a single model is a row of a table."""
    planes = _planes(boards)
    alone = [plane for plane in planes if len(plane.rows) == 1]
    return render(
        "plane.html",
        sections=[_section(plane) for plane in planes if len(plane.rows) > 1],
        single=_single(alone) if alone else None,
    )


def _planes(boards: Iterable[BoardTable]) -> list[Plane]:
    """Tables that differ in their benchmarks alone have the same models at the same places."""
    found: dict[tuple[str, str], Plane] = {}
    for board in boards:
        if board.cohort.provenance != "measured":
            continue
        for text in board.cohort.compression:
            rows = [r for r in board.cohort.rows if all(key in r.figures for key in _keys(text))]
            for kind in sorted({str(row.kind) for row in rows}):
                own = tuple(row for row in rows if row.kind == kind)
                found.setdefault((kind, text.name), Plane(board, kind, text, own))
    return list(found.values())


def _keys(text: Column) -> tuple[Key, Key]:
    complexity, expressivity = (
        text.key._replace(quantity="complexity"),
        text.key._replace(quantity="expressivity"),
    )
    return complexity, expressivity


def _section(plane: Plane) -> Section:
    text, rows = plane.text, plane.rows
    places = {row.page: k for k, row in enumerate(plane.board.rows)}
    clouds = [
        Cloud(
            family,
            tuple(plane.point(row)[0] for row in members),
            tuple(plane.point(row)[1] for row in members),
            tuple(places[row.page] for row in members),
        )
        for family in sorted({row.family for row in rows})
        for members in [[row for row in rows if row.family == family]]
    ]
    summary = (
        f"{counted(len(rows), f'{plane.kind} model')} on {text.label}: corrected information in "
        "units of ln(bins), single tokens, mean over the layers above the embedding. Dashed: the "
        "bound, expressivity = complexity."
    )
    points = [Point(*plane.point(row), row.label) for row in rows]
    chart = draw_clouds(
        clouds,
        ("Complexity I(X;Z)", "Expressivity I(Y;Z)"),
        (f"complexity.{text.name}", f"expressivity.{text.name}"),
        summary,
        f"plane-{plane.name}",
        bound=True,
        shown_times=1.0,
        named=points if len(points) <= NAMED else [],
    )
    return Section(plane, chart, _figures(plane))


def _figures(plane: Plane) -> Table:
    text, rows = plane.text, plane.rows
    best = text.key._replace(quantity="optimality")
    ordered = sorted(rows, key=lambda row: -(row.value(best) or 0.0))
    caption = f"{text.label}, {counted(len(rows), 'model')}, the highest optimality first"
    if len(rows) > TABLE_ROWS:
        caption += f". The first {TABLE_ROWS} are here, all are in the download"
    header = headings("Model", "Family", figures=FIGURES)
    lines = [_cells(row, text.key) for row in ordered[:TABLE_ROWS]]
    return Table(f"plane-{plane.name}", caption, header, lines)


def _single(planes: Sequence[Plane]) -> Table:
    """The texts on which nothing compares yet."""
    rows = []
    for plane in planes:
        model, family, *figures = _cells(plane.rows[0], plane.text.key)
        rows.append([model, family, plane.kind, plane.text.label, *figures])
    caption = f"Texts with one model of a kind, {counted(len(rows), 'row')}: nothing to compare yet"
    header = headings("Model", "Family", "Kind", "Text", figures=FIGURES)
    return Table("plane-single", caption, header, rows)


def _cells(row: Row, text: Key) -> list[Cell | str]:
    quantities: tuple[Quantity, ...] = ("complexity", "expressivity", "optimality")
    figures = [row.figures.get(text._replace(quantity=quantity)) for quantity in quantities]
    values = [number(figure.value if figure else None, 4) for figure in figures]
    ends = figures[-1].interval if figures[-1] else None
    interval = f"{number(ends.low, 3)}–{number(ends.high, 3)}" if ends else UNKNOWN
    return [Cell(row.label, href=row.page), row.family, *values, interval]


def render_bias(render: Renderer, specs: Specs, stored: Sequence[StoredResult]) -> Markup:
    """Plug-in against null, and the optimality that follows, by number of positions."""
    entry = _widest(specs, stored)
    if entry is None or entry.result.lossy is None:
        return render("bias.html", lossy=None)
    result, lossy = entry.result, entry.result.lossy
    chart, table = _draw_null(lossy) or (None, None)
    return render(
        "bias.html",
        lossy=lossy,
        model=specs.models[result.model],
        corpus=specs.corpora[result.name],
        seeds=len(lossy.layers[0].entropy),
        run_id=result.run_id,
        record=record_path(entry),
        chart=chart,
        table=table,
        convergence=render_convergence(render, "method", lossy),
    )


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


def _draw_null(lossy: Lossy) -> tuple[Chart, Table] | None:
    """What labels dealt at random would show, beside what the real ones show."""
    parts = {s.positions: s for s in lossy.convergence if _is_input_token(s.unit, s.side, s.order)}
    whole = over_layers(lossy, "token", "input", 1)
    if not parts or whole is None:
        return None
    counts = sorted(parts)
    most = float(whole.plug_in.mean())
    plug_in = (*(parts[n].plug_in for n in counts), most)
    null = (*(parts[n].null for n in counts), most - float(whole.corrected.mean()))
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
    header = headings(figures=("Positions", "Plug-in", "Null", "Corrected"))
    rows: list[list[Cell | str]] = [
        [step, *(number(value, 4) for value in (shown, chance, shown - chance))]
        for step, shown, chance in zip(steps, plug_in, null, strict=True)
    ]
    caption = f"Information about the token read, I(X;Z), from up to {lossy.positions} positions"
    return chart, Table(table_id, caption, header, rows)


def _is_input_token(unit: str, side: str, order: int) -> bool:
    return (unit, side, order) == ("token", "input", 1)
