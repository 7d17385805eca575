"""The page of the information plane, and the method page's picture of its bias."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from compression_leaderboard.board.derived import over_layers
from compression_leaderboard.board.figures import Column, Key, Quantity, Row
from compression_leaderboard.pages.board_table import BoardTable
from compression_leaderboard.pages.charts import (
    Chart,
    Cloud,
    Point,
    Run,
    Series,
    draw_clouds,
    draw_runs,
)
from compression_leaderboard.pages.record_sections import (
    Part,
    charted,
    layer_values,
    record_link,
    view_convergence,
)
from compression_leaderboard.pages.rendering import Cell, Renderer, Table, headings
from compression_leaderboard.pages.text import UNKNOWN, counted, number
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.plane import Lossy, Share
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs

TABLE_ROWS = 100  # of the table below a chart; the download has all
NAMED = 6  # so many marks or fewer have their names beside them
FIGURES = ("Complexity", "Expressivity", "Optimality", "95 %")


LABELS = ("Complexity I(X;Z)", "Expressivity I(Y;Z)")


def layer_files(
    render: Renderer, entries: Iterable[StoredResult], models: Mapping[str, Model]
) -> dict[str, bytes]:
    """Draw complexity and expressivity layer by layer: one small file per model, charts by text.

    entries: current records of final weights.
    """
    by_model: dict[str, dict[str, str]] = {}
    for entry in entries:
        result = entry.result
        if result.lossy is None:
            continue
        read, follows = layer_values(result.lossy)
        if len(read) == len(follows) > 0:
            table_id = f"layers-{result.name}-{result.model}"
            part = _layers(table_id, models[result.model].title, read, follows)
            by_model.setdefault(result.model, {})[result.name] = render("part.html", part=part)
    return {
        f"docs/plane/{model}.json": json.dumps(charts, sort_keys=True).encode()
        for model, charts in sorted(by_model.items())
    }


def _layers(table_id: str, model: str, read: tuple[float, ...], follows: tuple[float, ...]) -> Part:
    """The path of one model over the plane, from the embedding to the last layer."""
    names = ["the embedding", *(f"layer {k}" for k in range(1, len(read)))]
    caption = f"{model}: the embedding and {counted(len(read) - 1, 'layer')}, joined in order"
    run = Run(f"from the embedding to {names[-1]}", read, follows, tuple(names))
    table = Table(
        table_id,
        caption,
        headings("Layer", figures=LABELS),
        [
            [name, number(x, 4), number(y, 4)]
            for name, x, y in zip(names, read, follows, strict=True)
        ],
    )
    chart = draw_runs([run], LABELS, caption, table_id)
    return Part(table, chart, fold="The figures of this chart")


@dataclass(frozen=True)
class _Plane:
    """The models of one kind on one text, and the table whose data their marks show."""

    board: BoardTable
    kind: str
    text: Column
    rows: tuple[Row, ...]

    def point(self, row: Row) -> tuple[float, float]:
        complexity, expressivity = _keys(self.text)
        return row.figures[complexity].value, row.figures[expressivity].value


@dataclass(frozen=True)
class Section:
    """The chart of one text and kind of model, with the table of its figures."""

    text: str  # its name
    title: str
    kind: str
    board: str  # name of the table with the figures of the marks
    models: Sequence[tuple[str, str]]  # id and title, of which layers can be shown
    chart: Chart
    table: Table


def render_plane_page(render: Renderer, boards: Sequence[BoardTable]) -> Markup:
    """Show a chart for each text and kind of model; where only one model is measured, a row."""
    planes = _planes(boards)
    single = [plane for plane in planes if len(plane.rows) == 1]
    return render(
        "plane.html",
        sections=[_section(plane) for plane in planes if len(plane.rows) > 1],
        single=_single(single) if single else None,
    )


def _planes(boards: Iterable[BoardTable]) -> list[_Plane]:
    """Tables that differ in their benchmarks alone have the same models at the same places."""
    planes: dict[tuple[str, str], _Plane] = {}
    for board in boards:
        if board.cohort.provenance != "measured":
            continue
        for text in board.cohort.compression:
            rows = [r for r in board.cohort.rows if all(key in r.figures for key in _keys(text))]
            for kind in sorted({str(row.kind) for row in rows}):
                of_kind = tuple(row for row in rows if row.kind == kind)
                planes.setdefault((kind, text.name), _Plane(board, kind, text, of_kind))
    return list(planes.values())


def _keys(text: Column) -> tuple[Key, Key]:
    complexity, expressivity = (
        text.key._replace(quantity="complexity"),
        text.key._replace(quantity="expressivity"),
    )
    return complexity, expressivity


def _section(plane: _Plane) -> Section:
    text, rows = plane.text, plane.rows
    places = {row.page: k for k, row in enumerate(plane.board.rows)}
    clouds = []
    for family in sorted({row.family for row in rows}):
        members = [row for row in rows if row.family == family]
        xs, ys = zip(*map(plane.point, members), strict=True)
        clouds.append(Cloud(family, xs, ys, tuple(places[row.page] for row in members)))
    models = counted(len(rows), f"{plane.kind} model")
    table = _table(plane)
    chart = draw_clouds(
        clouds,
        LABELS,
        (f"complexity.{text.name}", f"expressivity.{text.name}"),
        f"{models} on {text.label}: corrected information in ln(bins)",
        table.id,
        bound=True,
        shown_times=1.0,
        named=[Point(*plane.point(row), row.label) for row in rows if len(rows) <= NAMED],
    )
    ids = [(row.model, row.label) for row in rows]
    return Section(text.name, text.label, plane.kind, plane.board.cohort.name, ids, chart, table)


def _table(plane: _Plane) -> Table:
    text, rows = plane.text, plane.rows
    best = text.key._replace(quantity="optimality")
    ordered = sorted(rows, key=lambda row: -(row.value(best) or 0.0))
    caption = f"{text.label}, {counted(len(rows), 'model')}, the highest optimality first"
    if len(rows) > TABLE_ROWS:
        caption += f". The first {TABLE_ROWS} are here, all are in the download"
    return Table(
        f"plane-{plane.kind}-{text.name}",
        caption,
        headings("Model", "Family", figures=FIGURES),
        [[*_identity(row), *_figures(row, text.key)] for row in ordered[:TABLE_ROWS]],
    )


def _single(planes: Sequence[_Plane]) -> Table:
    """The texts on which nothing compares yet, in one table."""
    return Table(
        "plane-single",
        f"Texts of which one model of a kind is measured: {counted(len(planes), 'row')}",
        headings("Model", "Family", "Kind", "Text", figures=FIGURES),
        [
            [*_identity(row), plane.kind, plane.text.label, *_figures(row, plane.text.key)]
            for plane in planes
            for row in plane.rows
        ],
    )


def _identity(row: Row) -> tuple[Cell, str]:
    return Cell(row.label, href=row.page), row.family


def _figures(row: Row, text: Key) -> list[str]:
    quantities: tuple[Quantity, ...] = ("complexity", "expressivity", "optimality")
    figures = [row.figures.get(text._replace(quantity=quantity)) for quantity in quantities]
    values = [number(figure.value if figure else None, 4) for figure in figures]
    ends = figures[-1].interval if figures[-1] else None
    interval = f"{number(ends.low, 3)}–{number(ends.high, 3)}" if ends else UNKNOWN
    return [*values, interval]


def render_bias(render: Renderer, specs: Specs, current: Sequence[StoredResult]) -> Markup:
    """Show plug-in against null, and the optimality that follows, by number of positions."""
    entry = _widest(current)
    if entry is None or entry.result.lossy is None:
        return render("bias.html", record=None)
    result, lossy = entry.result, entry.result.lossy
    return render(
        "bias.html",
        record=record_link(entry),
        model=specs.models[result.model].title,
        corpus=specs.corpora[result.name].title,
        positions=lossy.positions,
        documents=lossy.documents,
        layers=len(lossy.layers) - 1,
        seeds=len(lossy.layers[0].entropy),
        parts=[part for part in (_null_part(lossy), view_convergence("method", lossy)) if part],
    )


def _widest(current: Sequence[StoredResult]) -> StoredResult | None:
    """The record of the most positions, of these that of the largest model."""
    entries = [e for e in current if e.result.lossy and e.result.lossy.convergence]

    def rank(entry: StoredResult) -> tuple[int, int, str]:
        lossy, subject = entry.result.lossy, entry.result.subject
        return lossy.positions if lossy else 0, subject.parameters if subject else 0, entry.file

    return max(entries, key=rank, default=None)


def _null_part(lossy: Lossy) -> Part | None:
    """What labels dealt at random would show, beside what the real ones show."""
    parts = {share.positions: share for share in lossy.convergence if _is_input_token(share)}
    whole = over_layers(lossy, "token", "input", 1)
    if not parts or whole is None:
        return None
    counts = sorted(parts)
    total = float(whole.plug_in.mean())
    plug_in = (*(parts[n].plug_in for n in counts), total)
    null = (*(parts[n].null for n in counts), total - float(whole.corrected.mean()))
    steps = [str(n) for n in (*counts, lossy.positions)]
    table = Table(
        "null-method",
        f"Information about the token read, I(X;Z), from up to {lossy.positions} positions",
        headings(figures=("Positions", "Plug-in", "Null", "Corrected")),
        [
            [step, *(number(value, 4) for value in (shown, chance, shown - chance))]
            for step, shown, chance in zip(steps, plug_in, null, strict=True)
        ],
    )
    note = (
        f"From {counts[0]} positions the plug-in is {number(plug_in[0], 3)}, and "
        f"{number(null[0], 3)} of it is what labels dealt at random would show; from "
        f"{lossy.positions} it is {number(plug_in[-1], 3)}, {number(null[-1], 3)} of it null. The "
        "gap between the lines is the corrected value."
    )
    series = [Series("plug-in", "output", plug_in), Series("null", "input", null)]
    labels = ("Positions used", "I(X;Z), ln(bins)")
    return charted(series, steps, labels, table, note)


def _is_input_token(share: Share) -> bool:
    return (share.unit, share.side, share.order) == ("token", "input", 1)
