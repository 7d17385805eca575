"""A cohort's table: its columns, its cells, and all rows as JSON."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from compression_leaderboard.board.cohorts import Cohort, CompressorRow
from compression_leaderboard.board.derived import CompressorRate
from compression_leaderboard.board.figures import Column, Figure, Key, Row
from compression_leaderboard.fits.evaluation import Prediction
from compression_leaderboard.pages.rendering import count, number

Form = Literal["text", "rank", "count", "figure", "seconds"]
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
    """A column: its names, how its cells are written, and whether it starts visible.

    figure: what a row is asked for; None where the column has the key of a row's attribute.
    """

    key: str
    label: str
    form: Form
    unit: str = ""
    digits: int = 0
    scale: float = 1.0  # a fraction is shown times 100
    shown: bool = True
    better: Literal["low", "high"] | None = None
    figure: Key | None = None

    @property
    def outline(self) -> dict[str, object]:
        """What the page's script must know."""
        names = ("key", "label", "form", "unit", "shown", "better")
        return {name: getattr(self, name) for name in names}

    def read(self, row: Row) -> Reading:
        if self.figure is not None:
            return row.figures.get(self.figure)
        reading: Reading = getattr(row, "label" if self.key == "name" else self.key)
        return reading

    def cell(self, reading: Reading) -> BoardCell | None:
        """Write a reading for readers; None where nothing is known."""
        match reading:
            case None | "":
                return None
            case str():
                return BoardCell(reading)
            case Figure():
                return self.write(reading.value, *(reading.interval or ()))
            case (best, worst):
                text = str(best) if best == worst else f"{best}–{worst}"
                return BoardCell(text, best, best, worst)
            case value if not math.isfinite(value):
                return None
            case value if self.form == "figure":
                return self.write(value)
            case value:
                text = count(value) if self.form == "count" else number(value, 0)
                return BoardCell(text, _rounded(value))

    def write(
        self, value: float, low: float | None = None, high: float | None = None, note: str = ""
    ) -> BoardCell:
        """Write a figure with its interval, where that is known."""
        text = self._number(value)
        if note.startswith("predicted"):
            text = f"≈ {text}"
        if low is None or high is None:
            return BoardCell(text, _rounded(value), note=note)
        interval = f"{self._number(low)}–{self._number(high)}"
        return BoardCell(text, _rounded(value), _rounded(low), _rounded(high), interval, note)

    def _number(self, value: float) -> str:
        return number(self.scale * value, self.digits)


FIRST_COLUMNS = (
    BoardColumn("name", "Model", "text"),
    BoardColumn("rank", "Rank", "rank"),
    BoardColumn("family", "Family", "text"),
    BoardColumn("kind", "Kind", "text"),
    BoardColumn("parameters", "Parameters", "count"),
    BoardColumn("quantization", "Weights", "text"),
    BoardColumn("dtype", "Number format", "text"),
    BoardColumn("context_tokens", "Context", "count", "tokens"),
)
LAST_COLUMNS = (
    BoardColumn("licence", "Licence", "text", shown=False),
    BoardColumn("released", "Released", "text", shown=False),
    BoardColumn("scored_bytes", "Text scored", "count", "bytes"),
    BoardColumn("wall_seconds", "Cost", "seconds", "seconds"),
)
TRAINING_TOKENS = BoardColumn("training_tokens", "Training tokens", "count")


@dataclass(frozen=True)
class BoardRow:
    """A row of the table. order: by compression, None last."""

    page: str  # below the site's root; a compressor has no page and leads to its record
    provenance: str  # of the cohort, or "classical" or "contributed"
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

    @property
    def has_ties(self) -> bool:
        """Whether a row has a range of ranks."""
        ranks = [self.cell(row, "rank") for row in self.rows]
        return any(rank and rank.low != rank.high for rank in ranks)

    @property
    def has_predictions(self) -> bool:
        return any(cell and cell.is_predicted for row in self.rows for cell in row.cells)

    def column(self, key: str) -> BoardColumn | None:
        return next((column for column in self.columns if column.key == key), None)

    def cell(self, row: BoardRow, key: str) -> BoardCell | None:
        """Return what is known of a row in a column; None too where the table lacks the column."""
        cells = zip(self.columns, row.cells, strict=True)
        return next((cell for column, cell in cells if column.key == key), None)

    def texts(self, key: str) -> list[str]:
        """Return the different texts of a column, in order."""
        cells = [self.cell(row, key) for row in self.rows]
        return sorted({cell.text for cell in cells if cell})


def make_board_table(cohort: Cohort, predictions: Iterable[Prediction] = ()) -> BoardTable:
    """Make all columns in which something is known, and all rows, compressors among them.

    A score that is missing and predicted is a cell marked "predicted", with a 95 % interval too.
    """
    predicted: dict[tuple[str, Key | None], Prediction] = {(p.model, p.key): p for p in predictions}
    required = [c.key for c in (*cohort.compression, *cohort.scores)]
    columns = [c for c in _columns(cohort) if any(c.cell(c.read(row)) for row in cohort.rows)]
    rows = [
        BoardRow(
            page=row.page,
            provenance=_provenance(row, cohort),
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
    sign = -1 if cohort.higher_is_better else 1
    rows.sort(key=lambda row: math.inf if row.order is None else sign * row.order)  # stable
    return BoardTable(cohort, tuple(columns), tuple(rows))


def _provenance(row: Row, cohort: Cohort) -> str:
    """Name whose figures a row has; those of a contributor are marked until measured again."""
    return "contributed" if row.measured_by == "contributor" else cohort.provenance


def _cell(
    column: BoardColumn, row: Row, predicted: Mapping[tuple[str, Key | None], Prediction]
) -> BoardCell | None:
    cell = column.cell(column.read(row))
    prediction = predicted.get((row.model, column.figure))
    if cell is not None or prediction is None:
        return cell
    low, high = prediction.interval()
    note = "predicted, extrapolation" if prediction.extrapolation else "predicted"
    return column.write(prediction.value, low, high, note)


def _columns(cohort: Cohort) -> list[BoardColumn]:
    compression = [_figure(c.key, c) for c in cohort.compression]
    if len(compression) > 1:
        mean = _figure(cohort.mean_compression, cohort.compression[0])
        compression.insert(0, replace(mean, label="Average"))
    optimality = [c.key._replace(quantity="optimality") for c in cohort.compression]
    scores = [(cohort.mean_score, "Mean score"), *((c.key, c.label) for c in cohort.scores)]
    published = cohort.provenance == "published"
    return [
        *FIRST_COLUMNS,
        *compression,
        *(
            replace(_figure(key, c), label=f"Optimality, {c.label}", unit="ratio", better="high")
            for key, c in zip(optimality, cohort.compression, strict=True)
        ),
        *(
            BoardColumn(
                c.key.id, f"Preference information, {c.label}", "figure", c.unit, 5, figure=c.key
            )
            for c in cohort.preferences
        ),
        *(
            BoardColumn(key.id, label, "figure", "%", 1, 100.0, k <= SHOWN_SCORES, "high", key)
            for k, (key, label) in enumerate(scores)
        ),
        replace(TRAINING_TOKENS, shown=published),
        *LAST_COLUMNS,
        BoardColumn("date", "Collected on" if published else "Measured on", "text"),
    ]


def _figure(key: Key, of: Column) -> BoardColumn:
    better: Literal["low", "high"] = "high" if of.higher_is_better else "low"
    return BoardColumn(key.id, of.label, "figure", of.unit, 3, better=better, figure=key)


def _compressor(row: CompressorRow, columns: Sequence[BoardColumn], cohort: Cohort) -> BoardRow:
    """Make the row of a compressor, which has rates of texts and no other figures."""
    rate = next(iter(row.rates.values()))
    readings: dict[str, Reading] = {
        "name": f"{row.name} ({rate.settings})",
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
    """Write the rate of the text as one stream, and in the note that of separate documents."""
    note = f"alone {rate.alone:.3f}"
    if rate.interval is not None:
        note += f" ({rate.interval.low:.3f}–{rate.interval.high:.3f})"
    return column.write(rate.whole, note=note)


def _rounded(value: float) -> float:
    """Six significant digits; a whole number in full."""
    return int(value) if value == int(value) else float(f"{value:.6g}")


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
