"""A cohort's table: its columns and cells, its controls, and all rows as JSON."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.compressors import CompressorRate, CompressorRow, settings_text
from compression_leaderboard.board.figures import Column, Figure, Key, Row
from compression_leaderboard.fits.findings import Prediction
from compression_leaderboard.pages.text import count, counted, number

Form = Literal["text", "rank", "count", "figure", "seconds"]
Better = Literal["low", "high"] | None
Reading = str | float | tuple[int, int] | Figure | None  # what a row knows of a column

SHOWN_SCORES = 12  # further benchmarks wait in the column chooser


@dataclass(frozen=True, slots=True)
class BoardCell:
    """A cell: the text that readers see, and the numbers behind it.

    value: what the column sorts by; None where that is the text. low, high: the interval, or the
    ends of a rank range. interval: the interval as text. note: small, below the figure.
    """

    text: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    interval: str = ""
    note: str = ""

    @property
    def is_predicted(self) -> bool:
        return self.note.startswith("predicted")

    @property
    def packed(self) -> str | list[Any]:
        """The cell as the page's script reads it: a text, or an array without its empty end."""
        if self.value is None:
            return self.text
        cell = [self.value, self.text, self.low, self.high, self.interval or None, self.note]
        while not cell[-1]:
            cell.pop()
        return cell


@dataclass(frozen=True)
class BoardColumn:
    """A column: its names, how its cells are written, and whether it starts visible."""

    key: str
    label: str
    form: Form
    unit: str = ""
    digits: int = 0
    scale: float = 1.0  # a fraction is shown times 100
    shown: bool = True
    better: Better = None
    read: Callable[[Row], Reading] = lambda row: None

    @property
    def outline(self) -> dict[str, object]:
        """What the page's script must know."""
        names = ("key", "label", "form", "unit", "shown", "better")
        return {name: getattr(self, name) for name in names}

    def cell(self, reading: Reading) -> BoardCell | None:
        """Write a reading for readers; None where nothing is known."""
        match reading:
            case None | "":
                return None
            case str():
                return BoardCell(reading)
            case Figure():
                return self.figure(reading.value, *(reading.interval or ()))
            case (best, worst):
                text = str(best) if best == worst else f"{best}–{worst}"
                return BoardCell(text, best, best, worst)
            case value if not math.isfinite(value):
                return None
            case value if self.form == "figure":
                return self.figure(value)
            case value:
                text = count(value) if self.form == "count" else number(value, 0)
                return BoardCell(text, _rounded(value))

    def figure(
        self, value: float, low: float | None = None, high: float | None = None, note: str = ""
    ) -> BoardCell:
        """A figure with its interval, where that is known."""
        text = self._number(value)
        if note.startswith("predicted"):
            text = f"≈ {text}"
        if low is None or high is None:
            return BoardCell(text, _rounded(value), note=note)
        interval = f"{self._number(low)}–{self._number(high)}"
        return BoardCell(text, _rounded(value), _rounded(low), _rounded(high), interval, note)

    def _number(self, value: float) -> str:
        return number(self.scale * value, self.digits)


@dataclass(frozen=True)
class BoardRow:
    """A row of the table. order: by compression, None last."""

    page: str  # below the site's root; a compressor has no page and leads to its record
    provenance: str
    licence: str | None
    parameters: float | None
    cells: tuple[BoardCell | None, ...]
    order: float | None
    complete: bool  # every text and every score of the cohort is known
    mixture: bool = False  # parameters may not count all weights

    @property
    def name(self) -> str:
        return self.cells[0].text if self.cells[0] else ""

    @property
    def packed(self) -> list[Any]:
        """The row as the page's script reads it."""
        cells = [cell and cell.packed for cell in self.cells]
        return [self.page, self.provenance, self.licence, int(self.complete), *cells]


@dataclass(frozen=True)
class BoardTable:
    """A cohort's table. Rows are in order of compression, the best first."""

    cohort: Cohort
    columns: tuple[BoardColumn, ...]
    rows: tuple[BoardRow, ...]

    @property
    def models(self) -> list[BoardRow]:
        """The rows that are no compressors."""
        return [row for row in self.rows if row.provenance != "classical"]

    @property
    def mean_key(self) -> str:
        """The column by which the table is ordered."""
        compression = self.cohort.compression
        return compression[0].key.id if len(compression) == 1 else self.cohort.mean_compression.id

    def column(self, key: str) -> BoardColumn | None:
        return next((column for column in self.columns if column.key == key), None)

    def cell(self, row: BoardRow, key: str) -> BoardCell | None:
        """What is known of a row in a column; None too where the table lacks the column."""
        cells = zip(self.columns, row.cells, strict=True)
        return next((cell for column, cell in cells if column.key == key), None)


def make_board_table(cohort: Cohort, predictions: Iterable[Prediction] = ()) -> BoardTable:
    """Make all columns in which something is known, and all rows, compressors among them.

    A score that is missing and predicted is a cell marked "predicted", with a 95 % interval too.
    """
    predicted = {(p.model, p.key.id): p for p in predictions}
    required = [c.key for c in (*cohort.compression, *cohort.scores)]
    columns = [c for c in _columns(cohort) if any(c.cell(c.read(row)) for row in cohort.rows)]
    rows = [
        BoardRow(
            page=row.page,
            provenance=cohort.provenance,
            licence=row.licence,
            parameters=row.parameters,
            cells=tuple(_cell(column, row, predicted) for column in columns),
            order=row.value(cohort.mean_compression),
            complete=all(key in row.figures for key in required),
            mixture=row.model in cohort.mixtures,
        )
        for row in cohort.rows
    ]
    rows += [_compressor(row, columns, cohort) for row in cohort.compressors]
    rows.sort(key=lambda row: _order(row, cohort.higher_is_better))
    return BoardTable(cohort, tuple(columns), tuple(rows))


def _cell(
    column: BoardColumn, row: Row, predicted: Mapping[tuple[str, str], Prediction]
) -> BoardCell | None:
    cell = column.cell(column.read(row))
    prediction = predicted.get((row.model, column.key))
    if cell is not None or prediction is None:
        return cell
    low, high = prediction.interval()
    note = "predicted, extrapolation" if prediction.extrapolation else "predicted"
    return column.figure(prediction.value, low, high, note)


def _order(row: BoardRow, upwards: bool) -> tuple[bool, float]:
    """Unknown last; the sort is stable, so that equal rows stay in order of their names."""
    if row.order is None:
        return True, 0.0
    return False, -row.order if upwards else row.order


def _columns(cohort: Cohort) -> list[BoardColumn]:
    text, size = _text_column, _count_column
    columns = [
        BoardColumn("name", "Model", "text", read=lambda row: row.label),
        BoardColumn("rank", "Rank", "rank", read=lambda row: row.rank),
        text("family", "Family"),
        text("kind", "Kind"),
        size("parameters", "Parameters"),
        text("quantization", "Weights"),
        text("dtype", "Number format"),
        size("context_tokens", "Context", "tokens"),
    ]
    if len(cohort.compression) > 1:
        first = cohort.compression[0]
        mean = cohort.mean_compression
        columns.append(_figure(mean, "Average", first.unit, 3, _better(first)))
    columns += [_figure(c.key, c.label, c.unit, 3, _better(c)) for c in cohort.compression]
    columns += [
        _figure(c.key._replace(quantity="optimality"), f"Optimality, {c.label}", "ratio", 3, "high")
        for c in cohort.compression
    ]
    columns += [
        _figure(c.key, f"Preference information, {c.label}", c.unit, 5) for c in cohort.preferences
    ]
    columns.append(_score(cohort.mean_score, "Mean score"))
    columns += [
        _score(c.key, c.label, shown=index < SHOWN_SCORES) for index, c in enumerate(cohort.scores)
    ]
    return [
        *columns,
        size("training_tokens", "Training tokens", shown=cohort.provenance == "published"),
        text("licence", "Licence", shown=False),
        text("released", "Released", shown=False),
        size("scored_bytes", "Text scored", "bytes"),
        BoardColumn(
            "wall_seconds", "Cost", "seconds", "seconds", read=lambda row: row.wall_seconds
        ),
        text("date", "Measured on" if cohort.provenance == "measured" else "Collected on"),
    ]


def _text_column(key: str, label: str, shown: bool = True) -> BoardColumn:
    return BoardColumn(key, label, "text", shown=shown, read=lambda row: getattr(row, key))


def _count_column(key: str, label: str, unit: str = "", shown: bool = True) -> BoardColumn:
    return BoardColumn(key, label, "count", unit, shown=shown, read=lambda row: getattr(row, key))


def _better(column: Column) -> Better:
    return "high" if column.higher_is_better else "low"


def _figure(key: Key, label: str, unit: str, digits: int, better: Better = None) -> BoardColumn:
    return BoardColumn(
        key.id, label, "figure", unit, digits, better=better, read=lambda row: row.figures.get(key)
    )


def _score(key: Key, label: str, shown: bool = True) -> BoardColumn:
    """A fraction as per cent."""
    return BoardColumn(
        key.id, label, "figure", "%", 1, 100.0, shown, "high", lambda row: row.figures.get(key)
    )


def _compressor(row: CompressorRow, columns: Sequence[BoardColumn], cohort: Cohort) -> BoardRow:
    """A compressor has rates of texts, and neither size, plane nor scores."""
    rate = next(iter(row.rates.values()))
    readings: dict[str, Reading] = {
        "name": f"{row.name} ({settings_text(rate.text)})",
        "scored_bytes": sum(r.bytes for r in row.rates.values()),
    }
    if len(cohort.compression) > 1:
        readings[cohort.mean_compression.id] = row.average
    rates = {c.key.id: row.rates[c.name] for c in cohort.compression if c.name in row.rates}
    cells = tuple(
        _rate(column, rates[column.key])
        if column.key in rates
        else column.cell(readings.get(column.key))
        for column in columns
    )
    return BoardRow(f"records/{rate.record}", "classical", None, None, cells, row.average, False)


def _rate(column: BoardColumn, rate: CompressorRate) -> BoardCell:
    """The whole text as one stream; the note has the figure that compares with models."""
    note = f"alone {rate.alone:.3f}"
    if rate.interval is not None:
        note += f" ({rate.interval.low:.3f}–{rate.interval.high:.3f})"
    return column.figure(rate.whole, note=note)


def _rounded(value: float) -> float:
    """Six significant digits; a whole number in full."""
    return int(value) if value == int(value) else float(f"{value:.6g}")


FIRST_ROWS = 50  # in the page itself; the script fetches the others when they are asked for
SIZES = (
    ("", "Any size"),
    ("0-1e9", "below 1B"),
    ("1e9-3e9", "1B to 3B"),
    ("3e9-1e10", "3B to 10B"),
    ("1e10-4e10", "10B to 40B"),
    ("4e10-1e99", "40B and more"),
)
PROVENANCES = {
    "measured": "measured",
    "published": "published",
    "predicted": "with predicted scores",
    "classical": "compressors",
}


def board_json(board: BoardTable, date: str) -> bytes:
    """Columns and rows as arrays. date: of the data, for the names of files."""
    content = {
        "cohort": board.cohort.name,
        "date": date,
        "columns": [column.outline for column in board.columns],
        "rows": [row.packed for row in board.rows],
    }
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode()


@dataclass(frozen=True)
class Choice:
    """A filter of the table. options: value and text."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class BoardView:
    """What a page shows of a table. columns: place among a row's cells, and the column."""

    board: BoardTable
    choices: Sequence[Choice]
    status: str
    caption: str
    explanation: str
    columns: Sequence[tuple[int, BoardColumn]]
    rows: Sequence[BoardRow]  # the first


def view_board(board: BoardTable) -> BoardView:
    """The table with its controls, for `board.html`."""
    return BoardView(
        board=board,
        choices=_choices(board),
        status=_status(board),
        caption=f"{board.cohort.title}: {counted(len(board.rows), 'row')}",
        explanation=_explanation(board),
        columns=[(k, column) for k, column in enumerate(board.columns) if column.shown],
        rows=board.rows[:FIRST_ROWS],
    )


def _choices(board: BoardTable) -> list[Choice]:
    """Filters with something to choose."""
    licences = {row.licence for row in board.rows if row.licence}
    choices = [
        _choice("family", "Family", _texts(board, "family")),
        _choice("kind", "Kind", _texts(board, "kind")),
        Choice("size", "Size", SIZES),
        _choice("licence", "Licence", licences),
        Choice("provenance", "Figures", _provenances(board)),
    ]
    return [choice for choice in choices if len(choice.options) > 1]


def _texts(board: BoardTable, key: str) -> set[str]:
    cells = (board.cell(row, key) for row in board.rows)
    return {cell.text for cell in cells if cell}


def _choice(name: str, label: str, values: Iterable[str]) -> Choice:
    return Choice(name, label, [("", "All"), *((value, value) for value in sorted(values))])


def _provenances(board: BoardTable) -> list[tuple[str, str]]:
    shown = {row.provenance for row in board.rows}
    if any(cell and cell.is_predicted for row in board.rows for cell in row.cells):
        shown.add("predicted")
    return [("", "All"), *((key, text) for key, text in PROVENANCES.items() if key in shown)]


def _status(board: BoardTable) -> str:
    models = len(board.models)
    status = counted(models, "model")
    if compressors := len(board.rows) - models:
        status += f" and {counted(compressors, 'compressor')}"
    if len(board.rows) > FIRST_ROWS:
        status += f", the first {FIRST_ROWS} rows shown"
    return status


def _explanation(board: BoardTable) -> str:
    """What the order and the ranks mean."""
    order = "Best compression first; click a heading to sort."
    if board.cohort.provenance == "published":
        return (
            f"{order} The source gives no error for its compression, so ranks are those of the "
            "figures."
        )
    ranks = [board.cell(row, "rank") for row in board.rows]
    if not any(rank and rank.low != rank.high for rank in ranks):
        return order
    return (
        f"{order} A rank of 2–4: one model is known to need fewer bits and all but three others "
        "more, the rest is a tie (95 % paired intervals over documents, pair by pair)."
    )
