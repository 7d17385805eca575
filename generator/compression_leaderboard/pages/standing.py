"""Where a model stands in its tables: tiles, percentile, scores, and the models most like it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compression_leaderboard.board.figures import Key
from compression_leaderboard.fits.findings import Study
from compression_leaderboard.fits.intervals import LEVELS
from compression_leaderboard.pages.board_table import (
    BoardColumn,
    BoardRow,
    BoardTable,
    Cell,
    cell_html,
    is_predicted,
)
from compression_leaderboard.pages.dots import Dot, draw_dots
from compression_leaderboard.pages.glossary import MARK, term
from compression_leaderboard.pages.text import count, counted, escape, number
from compression_leaderboard.pages.unrendered import dots_html

Ends = tuple[float, float, float]  # a prediction and the ends of its interval
NEAR = 3  # models shown on either side, by average compression


@dataclass(frozen=True)
class Standing:
    """One row of one table, with the models of the table in order of compression."""

    board: BoardTable
    row: BoardRow
    ranked: Sequence[BoardRow]  # of all models whose compression is known, the best first
    place: int | None  # of the row among them; None where its own is not known
    model: str  # as its cohort's rows and study name it
    study: Study

    def cell(self, key: str) -> tuple[BoardColumn, Cell] | None:
        for column, cell in zip(self.board.columns, self.row.cells, strict=True):
            if column.key == key and cell is not None:
                return column, cell
        return None

    @property
    def mean_key(self) -> str:
        """The column by which the table is ordered."""
        compression = self.board.cohort.compression
        mean = self.board.cohort.mean_compression
        return mean.id if len(compression) != 1 else compression[0].key.id


def find_standings(
    boards: Sequence[BoardTable], studies: Mapping[str, Study]
) -> Mapping[str, list[Standing]]:
    """Standings by address of the model's page. studies: by cohort."""
    found: dict[str, list[Standing]] = {}
    for board in boards:
        models = [row for row in board.rows if row.provenance != "classical"]
        ranked = [row for row in models if row.order is not None]
        places = {id(row): place for place, row in enumerate(ranked)}
        held = board.cohort.rows
        names = {row.page: row.model for row in held}
        study = studies[board.cohort.name]
        for row in models:
            standing = Standing(board, row, ranked, places.get(id(row)), names[row.page], study)
            found.setdefault(row.page, []).append(standing)
    return found


def render_tiles(standing: Standing, root: str) -> str:
    """The figures that a reader looks for first, each with a link to what it means."""
    compression = standing.board.cohort.compression
    total = len(standing.ranked)
    tiles = [_tile(standing, "rank", term("Rank", root), f"of {counted(total, 'model')}")]
    if compression:
        unit, first = compression[0].unit, compression[0].label
        label = term("Bits per byte", root, unit[:1].upper() + unit[1:])
        texts = f"mean of {counted(len(compression), 'text')}" if len(compression) > 1 else first
        tiles.append(_tile(standing, standing.mean_key, label, texts))
        ratio = compression[0].key._replace(quantity="optimality").id
        tiles.append(_tile(standing, ratio, term("Optimality", root), first))
    tiles.append(_tile(standing, "score", term("Mean score", root, "Mean score, %")))
    note = MARK if standing.row.mixture else ""
    tiles.append(_tile(standing, "parameters", "Parameters", note))
    longest = term("Context", root, "Longest context, tokens")
    tiles.append(_tile(standing, "context_tokens", longest))
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
    better = others - standing.place
    share = f"{number(100 * better / others, 0)} &#37; of the other {others}"
    beaten = f"all {others} other" if better == others else share
    if standing.board.cohort.provenance == "published":
        return f"It compresses better than {beaten} models of this table, by the source's figures."
    return (
        f"It compresses better than {beaten} models of this table, by the figures; the rank range "
        "says which differences are known."
    )


def _scores(standing: Standing) -> str:
    """Every benchmark: what was measured, and what a fit without the model's group predicted."""
    cohort = standing.board.cohort
    shown = [(score.key, score.label, score.chance) for score in cohort.scores]
    if len(shown) > 1:
        shown.insert(0, (cohort.mean_score, "Mean score", None))
    dots = []
    for key, label, chance in shown:
        value, low, high, guess = None, None, None, _without_its_group(standing, key)
        found = standing.cell(key.id)
        if found is not None and is_predicted(found[1]):
            guess = _interval(found[1])
        elif found is not None:
            value, low, high = _interval(found[1])
        if value is not None or guess is not None:
            dots.append(Dot(label, value, low, high, chance, guess))
    if not dots:
        return ""
    caption = (
        f"{counted(len(dots), 'score')} in per cent, {cohort.provenance}. Bars: 95 % intervals "
        f"where the error is known; thin line: chance. {_prediction_words(standing)}"
    )
    drawn = dots_html(draw_dots(dots, caption, f"scores-{cohort.name}"))
    return f'<section class="card"><h3>Benchmarks</h3>{drawn}</section>'


def _without_its_group(standing: Standing, benchmark: Key) -> Ends | None:
    """Prediction and 95 % interval of a fit to the other groups."""
    one = standing.study.of(benchmark)
    judged = one.judged("group") if one is not None else None
    found = judged.rows.of(standing.model) if judged is not None else None
    if found is None:
        return None
    low, high = found.intervals[LEVELS.index(0.95)]
    return found.predicted, low, high


def _prediction_words(standing: Standing) -> str:
    fitted = [one for one in standing.study.benchmarks if one.fit is not None]
    if not fitted:
        shortage = next((one.shortage for one in standing.study.benchmarks), None) or "no score"
        return f"Nothing is predicted: {shortage}."
    return (
        "Hollow, with ≈: predicted from compression by fits that have seen no model of its family, "
        "with the 95 % interval dashed."
    )


def _interval(cell: Any) -> tuple[Any, Any, Any]:
    """Value and interval of a figure."""
    value, low, high = [*(cell if isinstance(cell, list) else [cell]), None, None][:3]
    return value, low, high


def _similar(standing: Standing, root: str) -> str:
    """The models around it in order of compression, itself among them."""
    if standing.place is None or len(standing.ranked) < 2:
        return ""
    first = max(0, min(standing.place - NEAR, len(standing.ranked) - 2 * NEAR - 1))
    keys = {column.key: k for k, column in enumerate(standing.board.columns)}
    lines = ""
    near = standing.ranked[first : first + 2 * NEAR + 1]
    for row in near:
        name = escape(row.cells[0]).replace("/", "/<wbr>")
        if row is not standing.row:
            name = f'<a href="{root}{escape(row.page)}">{name}</a>'
        cells = ""
        for key in (standing.mean_key, "score"):
            if key in keys:
                column = standing.board.columns[keys[key]]
                cell = row.cells[keys[key]]
                value = None if is_predicted(cell) else _interval(cell)[0]
                shown = number(None if value is None else column.scale * value, column.digits)
                cells += f'<td class="n">{shown}</td>'
        own = ' class="own"' if row is standing.row else ""
        mark = f"<small>{MARK}</small>" if row.mixture else ""
        lines += f'<tr{own}><th scope="row">{name}</th>'
        lines += f'<td class="n roomy">{count(row.parameters)}{mark}</td>{cells}</tr>'
    unit = standing.board.cohort.compression[0].unit
    heads = '<th scope="col" class="n roomy">Parameters</th>'
    heads += f'<th scope="col" class="n">{escape(unit)}</th>'
    if "score" in keys:
        heads += '<th scope="col" class="n">Mean score, &#37;</th>'
    return (
        '<section class="card"><table class="plain"><caption>Most similar in compression: '
        f"{len(near)} of {counted(len(standing.ranked), 'model')}</caption>"
        f'<thead><tr><th scope="col">Model</th>{heads}</tr></thead><tbody>{lines}</tbody></table>'
        "</section>"
    )
