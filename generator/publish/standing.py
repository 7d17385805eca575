"""Where a model stands in its tables: tiles, percentile, scores, and the models most like it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.publish.board_columns import BoardColumn, BoardRow, BoardTable, Cell, is_predicted
from generator.publish.board_table import cell_html
from generator.publish.dots import Dot, draw_dots
from generator.publish.glossary import term
from generator.publish.mixture_note import MARK
from generator.publish.text import count, counted, escape, number

NEAR = 3  # models shown on either side, by average compression


@dataclass(frozen=True)
class Standing:
    """One row of one table, with the models of the table in order of compression."""

    board: BoardTable
    row: BoardRow
    ranked: Sequence[BoardRow]  # of all models whose compression is known, the best first
    place: int | None  # of the row among them; None where its own is not known

    def cell(self, key: str) -> tuple[BoardColumn, Cell] | None:
        for column, cell in zip(self.board.columns, self.row.cells, strict=True):
            if column.key == key and cell is not None:
                return column, cell
        return None

    @property
    def mean_key(self) -> str:
        """The column by which the table is ordered."""
        compression = self.board.cohort.compression
        return "compression" if len(compression) != 1 else compression[0].name


def find_standings(boards: Sequence[BoardTable]) -> Mapping[str, list[Standing]]:
    """Standings by address of the model's page."""
    found: dict[str, list[Standing]] = {}
    for board in boards:
        models = [row for row in board.rows if row.provenance != "classical"]
        ranked = [row for row in models if row.order is not None]
        places = {id(row): place for place, row in enumerate(ranked)}
        for row in models:
            standing = Standing(board, row, ranked, places.get(id(row)))
            found.setdefault(row.page, []).append(standing)
    return found


def render_tiles(standing: Standing, root: str) -> str:
    """The figures that a reader looks for first, each with a link to what it means."""
    compression = standing.board.cohort.compression
    total = len(standing.ranked)
    tiles = [_tile(standing, "rank", term("Rank", root), f"of {counted(total, 'model')}")]
    if compression:
        unit = compression[0].unit
        label = f"{'Average' if len(compression) > 1 else compression[0].label}, {unit}"
        tiles.append(_tile(standing, standing.mean_key, term("Bits per byte", root, label)))
        ratio = f"{compression[0].name}_optimality"
        tiles.append(_tile(standing, ratio, term("Optimality", root)))
    tiles.append(_tile(standing, "score", term("Mean score", root, "Mean score, %")))
    note = MARK if standing.row.mixture else ""
    tiles.append(_tile(standing, "parameters", "Parameters", note))
    tiles.append(_tile(standing, "context_tokens", term("Context", root, "Context, tokens")))
    return f'<dl class="tiles">{"".join(tiles)}</dl>'


def _tile(standing: Standing, key: str, label: str, note: str = "") -> str:
    """label: HTML."""
    found = standing.cell(key)
    if found is None:
        return ""
    shown = cell_html(found[1], found[0])
    small = f"<small>{escape(note)}</small>" if note else ""
    return f"<div><dt>{label}</dt><dd>{shown}{small}</dd></div>"


def render_standing(standing: Standing, root: str) -> str:
    """Percentile in the table, scores with intervals, and the nearest models."""
    cohort = standing.board.cohort
    address = f"{root}boards/{escape(cohort.name)}/"
    heading = f'<h2 id="{escape(cohort.name)}">In its table: {escape(cohort.title)}</h2>'
    return (
        f"{heading}<p>{_percentile(standing)} "
        f'<a href="{address}">The whole table</a></p>'
        f'<div class="cards two">{_scores(standing)}{_similar(standing, root)}</div>'
    )


def _percentile(standing: Standing) -> str:
    """The share of the table's other models that need more bits."""
    if standing.place is None:
        return "Not every text of this table is known, so the model has no rank in it."
    others = len(standing.ranked) - 1
    if others == 0:
        return "No other model stands in this table yet."
    share = 100 * (others - standing.place) / others
    return (
        f"It compresses better than {number(share, 0)} &#37; of the other {others} models of "
        "this table (by the figures; the rank range says which differences are known)."
    )


def _scores(standing: Standing) -> str:
    cohort = standing.board.cohort
    chance = {score.name: score.chance for score in cohort.scores}
    dots = []
    for name, level in chance.items():
        if (found := standing.cell(name)) is not None:
            column, cell = found
            value, low, high = _figure(cell)
            if value is not None:
                dots.append(Dot(column.label, value, low, high, level))
    if not dots:
        return ""
    caption = (
        f"Scores in per cent, {cohort.provenance}; bars: 95 % intervals where the error is known; "
        "thin line: chance"
    )
    return f'<section class="card"><h3>Benchmarks</h3>{draw_dots(dots, caption)}</section>'


def _figure(cell: Any) -> tuple[float | None, float | None, float | None]:
    """Value and interval; none of a prediction, which is no figure of the model's."""
    if is_predicted(cell):
        return None, None, None
    value, low, high = [*(cell if isinstance(cell, list) else [cell]), None, None][:3]
    return value, low, high


def _similar(standing: Standing, root: str) -> str:
    """The models around it in order of compression, itself among them."""
    if standing.place is None or len(standing.ranked) < 2:
        return ""
    first = max(0, min(standing.place - NEAR, len(standing.ranked) - 2 * NEAR - 1))
    keys = {column.key: k for k, column in enumerate(standing.board.columns)}
    lines = ""
    for row in standing.ranked[first : first + 2 * NEAR + 1]:
        name = escape(row.cells[0]).replace("/", "/<wbr>")
        if row is not standing.row:
            name = f'<a href="{root}{escape(row.page)}">{name}</a>'
        cells = ""
        for key in (standing.mean_key, "score"):
            if key in keys:
                column = standing.board.columns[keys[key]]
                value = _figure(row.cells[keys[key]])[0]
                shown = number(None if value is None else column.scale * value, column.digits)
                cells += f'<td class="n">{shown}</td>'
        own = ' class="own"' if row is standing.row else ""
        mark = f"<small>{MARK}</small>" if row.mixture else ""
        lines += f'<tr{own}><th scope="row">{name}</th>'
        lines += f'<td class="n">{count(row.parameters)}{mark}</td>{cells}</tr>'
    unit = standing.board.cohort.compression[0].unit
    heads = (
        f'<th scope="col" class="n">Parameters</th><th scope="col" class="n">{escape(unit)}</th>'
    )
    if "score" in keys:
        heads += '<th scope="col" class="n">Mean score, &#37;</th>'
    return (
        '<section class="card"><table class="plain"><caption>Most similar in compression</caption>'
        f'<thead><tr><th scope="col">Model</th>{heads}</tr></thead><tbody>{lines}</tbody></table>'
        "</section>"
    )
