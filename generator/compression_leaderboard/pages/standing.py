"""A model's place in its tables: tiles, percentile, scores, and the models most like it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from compression_leaderboard.board.figures import Key
from compression_leaderboard.fits.findings import Study
from compression_leaderboard.fits.intervals import LEVELS
from compression_leaderboard.pages.board_table import BoardCell, BoardColumn, BoardRow, BoardTable
from compression_leaderboard.pages.dots import Dot, Dots, draw_dots
from compression_leaderboard.pages.glossary import TERMS
from compression_leaderboard.pages.text import UNKNOWN, counted, number

NEAR = 3  # models shown on either side, by average compression


@dataclass(frozen=True)
class Standing:
    """A row of a table, with the models of the table in order of compression."""

    board: BoardTable
    row: BoardRow
    ranked: Sequence[BoardRow]  # of all models whose compression is known, the best first
    place: int | None  # of the row among them; None where its compression is not known
    model: str  # as its cohort's rows and study name it
    study: Study

    def cell(self, key: str) -> BoardCell | None:
        return self.board.cell(self.row, key)


@dataclass(frozen=True)
class Tile:
    """A figure that a reader looks for first. term: its heading in the glossary."""

    label: str
    term: str | None
    column: BoardColumn
    cell: BoardCell
    note: str = ""


@dataclass(frozen=True)
class Neighbour:
    """A model near the page's model in order of compression. cells: average and mean score."""

    row: BoardRow
    cells: Sequence[str]


@dataclass(frozen=True)
class Scores:
    """The chart of benchmarks, and what its marks are."""

    chart: Dots
    explanation: str


@dataclass(frozen=True)
class StandingView:
    """What a page shows of a standing; parts that lack figures are None or empty."""

    standing: Standing
    tiles: Sequence[Tile]
    percentile: str
    scores: Scores | None
    neighbours: Sequence[Neighbour]
    headings: Sequence[str]  # of the neighbours' cells
    caption: str


def find_standings(
    boards: Sequence[BoardTable], studies: Mapping[str, Study]
) -> Mapping[str, list[Standing]]:
    """Find standings by address of the model's page. studies: by cohort."""
    standings: dict[str, list[Standing]] = {}
    for board in boards:
        ranked = [row for row in board.models if row.order is not None]
        places = {id(row): place for place, row in enumerate(ranked)}
        names = {row.page: row.model for row in board.cohort.rows}
        study = studies[board.cohort.name]
        for row in board.models:
            standing = Standing(board, row, ranked, places.get(id(row)), names[row.page], study)
            standings.setdefault(row.page, []).append(standing)
    return standings


def view_standing(standing: Standing) -> StandingView:
    """Tiles, percentile, scores with intervals and the nearest models, for `standing.html`."""
    neighbours = _neighbours(standing)
    headings = [standing.board.cohort.unit or ""]
    if standing.board.column("score"):
        headings.append("Mean score, %")
    return StandingView(
        standing,
        _tiles(standing),
        _percentile(standing),
        _scores(standing),
        neighbours,
        headings,
        f"Most similar in compression: {len(neighbours)} of "
        f"{counted(len(standing.ranked), 'model')}",
    )


def _tiles(standing: Standing) -> list[Tile]:
    """Tiles of the figures that are known."""
    compression = standing.board.cohort.compression
    tiles = [("rank", "Rank", "Rank", f"of {counted(len(standing.ranked), 'model')}")]
    if compression:
        unit, text = compression[0].unit, compression[0].label
        texts = f"mean of {counted(len(compression), 'text')}" if len(compression) > 1 else text
        key = standing.board.mean_key
        tiles.append((key, unit[:1].upper() + unit[1:], "Bits per byte", texts))
        optimality = compression[0].key._replace(quantity="optimality").id
        tiles.append((optimality, "Optimality", "Optimality", text))
    note = "may not count all weights" if standing.row.mixture else ""
    tiles += [
        ("score", "Mean score, %", "Mean score", ""),
        ("parameters", "Parameters", "", note),
        ("context_tokens", "Longest context, tokens", "Context", ""),
    ]
    return [
        Tile(label, TERMS.get(term), column, cell, note)
        for key, label, term, note in tiles
        if (column := standing.board.column(key)) and (cell := standing.cell(key))
    ]


def _percentile(standing: Standing) -> str:
    """The share of the table's other models that need more bits."""
    if standing.place is None:
        return "Some texts of this table are not known for this model, so it has no rank."
    others = len(standing.ranked) - 1
    if others == 0:
        return "It is the only model of this table so far."
    worse = others - standing.place
    share = f"{number(100 * worse / others, 0)} % of the other {others}"
    beaten = f"all {others} other" if worse == others else share
    if standing.board.cohort.provenance == "published":
        return f"It compresses better than {beaten} models of this table, by the source's figures."
    return (
        f"It compresses better than {beaten} models of this table, by point estimates; the rank "
        "range shows which differences are known."
    )


def _scores(standing: Standing) -> Scores | None:
    """Every benchmark: what was measured, and what a fit without the model's group predicted."""
    cohort = standing.board.cohort
    shown = [(score.key, score.label, score.chance) for score in cohort.scores]
    if len(shown) > 1:
        shown.insert(0, (cohort.mean_score, "Mean score", None))
    dots = [dot for key, label, chance in shown if (dot := _dot(standing, key, label, chance))]
    if not dots:
        return None
    caption = f"{counted(len(dots), 'score')} in per cent, {cohort.provenance}"
    return Scores(
        draw_dots(dots, caption, f"scores-{cohort.name}"),
        "Bars: 95 % intervals where the error is known; thin line: chance. "
        + _explain_predictions(standing.study),
    )


def _dot(standing: Standing, key: Key, label: str, chance: float | None) -> Dot | None:
    """A score and its prediction; None where neither is known."""
    cell = standing.cell(key.id)
    predicted = _predict_without_group(standing, key)
    if cell and not cell.is_predicted:
        return Dot(label, cell.value, cell.low, cell.high, chance, predicted)
    if cell and cell.value is not None and cell.low is not None and cell.high is not None:
        predicted = cell.value, cell.low, cell.high
    return Dot(label, None, None, None, chance, predicted) if predicted else None


def _predict_without_group(standing: Standing, benchmark: Key) -> tuple[float, float, float] | None:
    """Prediction and 95 % interval of a fit to the other groups."""
    fitted = standing.study.of(benchmark)
    evaluation = fitted.judged("group") if fitted else None
    row = evaluation.rows.of(standing.model) if evaluation else None
    if row is None:
        return None
    low, high = row.intervals[LEVELS.index(0.95)]
    return row.predicted, low, high


def _explain_predictions(study: Study) -> str:
    if all(benchmark.fit is None for benchmark in study.benchmarks):
        shortage = next((b.shortage for b in study.benchmarks), None) or "no score"
        return f"Nothing is predicted: {shortage}."
    return (
        "Hollow, with ≈: predicted from compression by fits that have seen no model of its family, "
        "with the 95 % interval dashed."
    )


def _neighbours(standing: Standing) -> list[Neighbour]:
    """The models around it in order of compression, itself among them; none where it is alone."""
    if standing.place is None or len(standing.ranked) < 2:
        return []
    board = standing.board
    first = max(0, min(standing.place - NEAR, len(standing.ranked) - 2 * NEAR - 1))
    keys = [key for key in (board.mean_key, "score") if board.column(key)]
    return [
        Neighbour(row, [_measured(board.cell(row, key)) for key in keys])
        for row in standing.ranked[first : first + 2 * NEAR + 1]
    ]


def _measured(cell: BoardCell | None) -> str:
    return UNKNOWN if cell is None or cell.is_predicted else cell.text
