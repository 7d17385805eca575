"""The columns of a cohort's table and the cells of its rows, shared by the page and its script."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from generator.fits.findings import Prediction
from generator.fits.intervals import LEVELS
from generator.tables.classical import CompressorRate, CompressorRow, settings_text
from generator.tables.cohorts import Cohort, Column

Form = Literal["text", "rank", "count", "figure", "seconds"]
Better = Literal["low", "high"] | None
# Text or number; a figure may be [value, low, high] or [value, low, high, mark].
Cell = str | float | list[Any] | None
Row = Mapping[str, Any]

SHOWN_SCORES = 12  # further benchmarks wait in the column chooser


@dataclass(frozen=True)
class BoardColumn:
    """One column: what it is called, how its cells are written, and whether it starts visible."""

    key: str
    label: str
    form: Form
    unit: str = ""
    digits: int = 0
    scale: float = 1.0  # a fraction is shown times 100
    shown: bool = True
    better: Better = None
    cell: Callable[[Row], Cell] = lambda row: None

    @property
    def outline(self) -> dict[str, object]:
        """What the page's script must know."""
        names = ("key", "label", "form", "unit", "digits", "scale", "shown", "better")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class BoardRow:
    """One line of the table. order: by compression, None last."""

    page: str  # below the site's root; a compressor has no page and leads to its record
    provenance: str
    licence: str | None
    parameters: float | None
    cells: tuple[Cell, ...]
    order: float | None
    complete: bool  # every text and every score of the cohort is known
    mixture: bool = False  # parameters may not count all weights

    @property
    def packed(self) -> list[Any]:
        """The row as the page's script reads it."""
        return [self.page, self.provenance, self.licence, int(self.complete), *self.cells]


@dataclass(frozen=True)
class BoardTable:
    """A cohort's table. Rows are in order of compression, the best first."""

    cohort: Cohort
    columns: tuple[BoardColumn, ...]
    rows: tuple[BoardRow, ...]


def make_board_table(cohort: Cohort, predictions: Iterable[Prediction] = ()) -> BoardTable:
    """All columns in which something is known, and all rows, compressors among them.

    A score that is missing and predicted is a cell marked "predicted", with a 95 % interval too.
    """
    held: list[dict[str, Any]] = cohort.rows.to_dict("records")  # type: ignore[assignment]
    guessed = {(p.model, p.benchmark): p for p in predictions}
    upwards = bool(cohort.compression) and cohort.compression[0].higher_is_better
    needed = [c.name for c in (*cohort.compression, *cohort.scores)]
    columns = [c for c in _columns(cohort) if any(c.cell(row) is not None for row in held)]
    rows = [
        BoardRow(
            page=str(row["page"]),
            provenance=cohort.provenance,
            licence=_text(row.get("licence")),
            parameters=_number(row["parameters"]),
            cells=tuple(_cell(column, row, guessed) for column in columns),
            order=_number(row["compression"]),
            complete=all(_number(row.get(name)) is not None for name in needed),
            mixture=row["model"] in cohort.mixtures,
        )
        for row in held
    ]
    rows += [_compressor(row, columns, cohort) for row in cohort.compressors]
    rows.sort(key=lambda row: _order(row, upwards))
    return BoardTable(cohort, tuple(columns), tuple(rows))


def _cell(column: BoardColumn, row: Row, guessed: Mapping[tuple[str, str], Prediction]) -> Cell:
    found = column.cell(row)
    p = guessed.get((str(row["model"]), column.key))
    if found is not None or p is None:
        return found
    low, high = p.intervals[LEVELS.index(0.95)]
    mark = "predicted, extrapolation" if p.extrapolation else "predicted"
    return [_rounded(p.value), _rounded(low), _rounded(high), mark]


def is_predicted(cell: Cell) -> bool:
    return isinstance(cell, list) and str(cell[-1]).startswith("predicted")


def _order(row: BoardRow, upwards: bool) -> tuple[bool, float]:
    """Unknown last; the sort is stable, so that equal rows stay in order of their names."""
    if row.order is None:
        return True, 0.0
    return False, -row.order if upwards else row.order


def _columns(cohort: Cohort) -> list[BoardColumn]:
    text, size = _text_column, _count_column
    columns = [
        BoardColumn("name", "Model", "text", cell=lambda row: str(row["label"])),
        BoardColumn("rank", "Rank", "rank", cell=_rank),
        text("family", "Family"),
        text("kind", "Kind"),
        size("parameters", "Parameters"),
        text("quantization", "Weights"),
        text("dtype", "Number format"),
        size("context_tokens", "Context", "tokens"),
    ]
    if len(cohort.compression) > 1:
        first = cohort.compression[0]
        columns.append(_figure("compression", "Average", first.unit, 3, _better(first)))
    columns += [_figure(c.name, c.label, c.unit, 3, _better(c)) for c in cohort.compression]
    columns += [
        _figure(f"{c.name}_optimality", f"Optimality, {c.label}", "ratio", 3, "high")
        for c in cohort.compression
    ]
    columns += [
        _figure(c.name, f"Preference information, {c.label}", c.unit, 5) for c in cohort.preferences
    ]
    columns.append(_score("score", "Mean score"))
    columns += [
        _score(c.name, c.label, shown=index < SHOWN_SCORES) for index, c in enumerate(cohort.scores)
    ]
    return [
        *columns,
        size("training_tokens", "Training tokens", shown=cohort.provenance == "published"),
        text("licence", "Licence", shown=False),
        text("released", "Released", shown=False),
        size("scored_bytes", "Text scored", "bytes"),
        BoardColumn("wall_seconds", "Cost", "seconds", "seconds", cell=_of("wall_seconds")),
        text("date", "Measured on" if cohort.provenance == "measured" else "Collected on"),
    ]


def _text_column(key: str, label: str, shown: bool = True) -> BoardColumn:
    return BoardColumn(key, label, "text", shown=shown, cell=lambda row: _text(row.get(key)))


def _count_column(key: str, label: str, unit: str = "", shown: bool = True) -> BoardColumn:
    return BoardColumn(key, label, "count", unit, shown=shown, cell=_of(key))


def _better(column: Column) -> Better:
    return "high" if column.higher_is_better else "low"


def _figure(key: str, label: str, unit: str, digits: int, better: Better = None) -> BoardColumn:
    def cell(row: Row) -> Cell:
        value = _number(row.get(key))
        low, high = _number(row.get(f"{key}_low")), _number(row.get(f"{key}_high"))
        return [value, low, high] if low is not None and value is not None else value

    return BoardColumn(key, label, "figure", unit, digits, better=better, cell=cell)


def _score(key: str, label: str, shown: bool = True) -> BoardColumn:
    """A fraction as per cent, with a 95 % interval from its standard error where that is known."""

    def cell(row: Row) -> Cell:
        value, error = _number(row.get(key)), _number(row.get(f"{key}_stderr"))
        if value is None or error is None:
            return value
        low, high = max(0.0, value - 1.96 * error), min(1.0, value + 1.96 * error)
        return [value, _rounded(low), _rounded(high)]

    return BoardColumn(key, label, "figure", "%", 1, 100.0, shown, "high", cell)


def _rank(row: Row) -> Cell:
    low, high = _number(row.get("rank_low")), _number(row.get("rank_high"))
    return None if low is None or high is None else [int(low), int(high)]


def _compressor(row: CompressorRow, columns: Sequence[BoardColumn], cohort: Cohort) -> BoardRow:
    """A compressor has rates of texts, and neither size, plane nor scores."""
    rate = next(iter(row.rates.values()))
    cells: dict[str, Cell] = {"name": f"{row.name} ({settings_text(rate.text)})"}
    cells["scored_bytes"] = sum(r.bytes for r in row.rates.values())
    if len(cohort.compression) > 1:
        cells["compression"] = _number(row.average)
    cells |= {name: _rate(one) for name, one in row.rates.items()}
    found = tuple(cells.get(column.key) for column in columns)
    record = f"records/{rate.record}"
    return BoardRow(record, "classical", None, None, found, row.average, False)


def _rate(rate: CompressorRate) -> Cell:
    """The whole text as one stream; the mark tells the figure that compares with models."""
    mark = f"alone {rate.alone:.3f}"
    if rate.interval is not None:
        mark += f" ({rate.interval.low:.3f}–{rate.interval.high:.3f})"
    return [_rounded(rate.whole), None, None, mark]


def _of(key: str) -> Callable[[Row], Cell]:
    return lambda row: _number(row.get(key))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: object) -> float | None:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return _rounded(float(value))


def _rounded(value: float) -> float:
    """Six significant digits; a whole number in full."""
    return int(value) if value == int(value) else float(f"{value:.6g}")
