"""A cohort's table: its columns and cells, its controls, and all rows as JSON."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.compressors import CompressorRate, CompressorRow, settings_text
from compression_leaderboard.board.figures import Column, Key, Row
from compression_leaderboard.fits.findings import Prediction
from compression_leaderboard.fits.intervals import LEVELS
from compression_leaderboard.pages.glossary import COMPRESSOR_NOTE, mixture_note, terms_line
from compression_leaderboard.pages.text import UNKNOWN, count, counted, escape, number

Form = Literal["text", "rank", "count", "figure", "seconds"]
Better = Literal["low", "high"] | None
# Text or number; a figure may be [value, low, high] or [value, low, high, mark].
Cell = str | float | list[Any] | None

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
    guessed = {(p.model, p.key.id): p for p in predictions}
    needed = [c.key for c in (*cohort.compression, *cohort.scores)]
    columns = [c for c in _columns(cohort) if any(c.cell(row) is not None for row in cohort.rows)]
    rows = [
        BoardRow(
            page=row.page,
            provenance=cohort.provenance,
            licence=row.licence,
            parameters=_number(row.parameters),
            cells=tuple(_cell(column, row, guessed) for column in columns),
            order=_number(row.value(cohort.mean_compression)),
            complete=all(key in row.figures for key in needed),
            mixture=row.model in cohort.mixtures,
        )
        for row in cohort.rows
    ]
    rows += [_compressor(row, columns, cohort) for row in cohort.compressors]
    rows.sort(key=lambda row: _order(row, cohort.higher_is_better))
    return BoardTable(cohort, tuple(columns), tuple(rows))


def _cell(column: BoardColumn, row: Row, guessed: Mapping[tuple[str, str], Prediction]) -> Cell:
    found = column.cell(row)
    p = guessed.get((row.model, column.key))
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
        BoardColumn("name", "Model", "text", cell=lambda row: row.label),
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
        BoardColumn("wall_seconds", "Cost", "seconds", "seconds", cell=_of("wall_seconds")),
        text("date", "Measured on" if cohort.provenance == "measured" else "Collected on"),
    ]


def _text_column(key: str, label: str, shown: bool = True) -> BoardColumn:
    return BoardColumn(key, label, "text", shown=shown, cell=lambda row: _text(getattr(row, key)))


def _count_column(key: str, label: str, unit: str = "", shown: bool = True) -> BoardColumn:
    return BoardColumn(key, label, "count", unit, shown=shown, cell=_of(key))


def _better(column: Column) -> Better:
    return "high" if column.higher_is_better else "low"


def _figure(key: Key, label: str, unit: str, digits: int, better: Better = None) -> BoardColumn:
    return BoardColumn(key.id, label, "figure", unit, digits, better=better, cell=_cell_of(key))


def _score(key: Key, label: str, shown: bool = True) -> BoardColumn:
    """A fraction as per cent."""
    return BoardColumn(key.id, label, "figure", "%", 1, 100.0, shown, "high", _cell_of(key))


def _cell_of(key: Key) -> Callable[[Row], Cell]:
    """A figure with its interval, where that is known."""

    def cell(row: Row) -> Cell:
        figure = row.figures.get(key)
        if figure is None:
            return None
        if figure.interval is None:
            return _rounded(figure.value)
        return [_rounded(one) for one in (figure.value, *figure.interval)]

    return cell


def _rank(row: Row) -> Cell:
    return None if row.rank is None else list(row.rank)


def _compressor(row: CompressorRow, columns: Sequence[BoardColumn], cohort: Cohort) -> BoardRow:
    """A compressor has rates of texts, and neither size, plane nor scores."""
    rate = next(iter(row.rates.values()))
    cells: dict[str, Cell] = {"name": f"{row.name} ({settings_text(rate.text)})"}
    cells["scored_bytes"] = sum(r.bytes for r in row.rates.values())
    if len(cohort.compression) > 1:
        cells[cohort.mean_compression.id] = _number(row.average)
    rates = {c.key.id: row.rates[c.name] for c in cohort.compression if c.name in row.rates}
    cells |= {key: _rate(one) for key, one in rates.items()}
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
    return lambda row: _number(getattr(row, key))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: object) -> float | None:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return _rounded(float(value))


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


def render_board(board: BoardTable, root: str, date: str) -> str:
    """Controls and table. root: from the page to the site's root, "" or "../../"."""
    name = escape(board.cohort.name)
    all_shown = " hidden" if len(board.rows) <= FIRST_ROWS else ""
    return (
        f'<section class="leaderboard" data-board="{root}boards/{name}.json" data-root="{root}">'
        f"{_controls(board)}{_status(board, root)}{_table(board, root, date)}"
        '<p class="board-more needs-script"><button type="button" data-more'
        f"{all_shown}>Show more rows</button></p></section>{_legend(board, root)}"
    )


def _controls(board: BoardTable) -> str:
    parts = [
        '<label class="wide">Search<input type="search" name="find" autocomplete="off" '
        'placeholder="name or family"></label>',
        _choice("family", "Family", _values(board, "family")),
        _choice("kind", "Kind", _values(board, "kind")),
        _select("size", "Size", SIZES),
        _choice("licence", "Licence", sorted({row.licence for row in board.rows if row.licence})),
        _select("provenance", "Figures", _provenances(board)),
        '<label class="check"><input type="checkbox" name="complete"> Complete rows only</label>',
        _chooser(board.columns),
        '<button type="reset">Reset</button>',
    ]
    return (
        '<form class="board-controls needs-script" role="search" '
        f'aria-label="Filter the table">{"".join(parts)}</form>'
    )


def _values(board: BoardTable, key: str) -> list[str]:
    place = next((k for k, column in enumerate(board.columns) if column.key == key), None)
    if place is None:
        return []
    return sorted({str(row.cells[place]) for row in board.rows if row.cells[place] is not None})


def _choice(name: str, label: str, values: Sequence[str]) -> str:
    """A choice among values; nothing where none is known."""
    if not values:
        return ""
    return _select(name, label, [("", "All"), *((value, value) for value in values)])


def _select(name: str, label: str, options: Sequence[tuple[str, str]]) -> str:
    shown = "".join(f'<option value="{escape(v)}">{escape(text)}</option>' for v, text in options)
    return f'<label>{label}<select name="{name}">{shown}</select></label>'


def _provenances(board: BoardTable) -> list[tuple[str, str]]:
    found = {row.provenance for row in board.rows}
    if any(_mark(cell).startswith("predicted") for row in board.rows for cell in row.cells):
        found.add("predicted")
    return [("", "All"), *((key, text) for key, text in PROVENANCES.items() if key in found)]


def _chooser(columns: Sequence[BoardColumn]) -> str:
    boxes = "".join(
        f'<label><input type="checkbox" name="column" value="{escape(column.key)}"'
        f"{' checked' if column.shown else ''}> {escape(column.label)}</label>"
        for column in columns[1:]
    )
    return (
        '<details class="chooser"><summary>Columns</summary>'
        f'<fieldset><legend class="hidden-text">Columns of the table</legend>{boxes}</fieldset>'
        "</details>"
    )


def _status(board: BoardTable, root: str) -> str:
    models = sum(row.provenance != "classical" for row in board.rows)
    compressors = len(board.rows) - models
    words = counted(models, "model")
    if compressors:
        words += f" and {counted(compressors, 'compressor')}"
    if len(board.rows) > FIRST_ROWS:
        words += f", the first {FIRST_ROWS} rows shown"
    return (
        f'<div class="board-status"><p aria-live="polite" data-status>{words}</p><p>'
        f'<a href="{root}data/leaderboard.csv" download data-download>Download what I see (CSV)</a>'
        ' <button type="button" class="needs-script" data-copy>Copy link</button></p></div>'
    )


def _table(board: BoardTable, root: str, date: str) -> str:
    columns = [column for column in board.columns if column.shown]
    places = [k for k, column in enumerate(board.columns) if column.shown]
    cohort = board.cohort
    caption = (
        f"{cohort.title}: {counted(len(board.rows), 'row')}, as of {date}. Best compression first; "
        f"click a heading to sort. {_rank_words(board)}"
    )
    head = "".join(_heading(column) for column in columns)
    body = "".join(
        _line(row, [row.cells[k] for k in places], columns, root) for row in board.rows[:FIRST_ROWS]
    )
    return (
        f'<div class="board-scroll tall" tabindex="0" role="region" '
        f'aria-label="{escape(cohort.title)}">'
        f'<table class="board wide" id="{escape(cohort.name)}-table">'
        f"<caption><span>{escape(caption)}</span></caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _rank_words(board: BoardTable) -> str:
    if board.cohort.provenance == "measured":
        place = next((k for k, column in enumerate(board.columns) if column.form == "rank"), None)
        ranks = [] if place is None else [row.cells[place] for row in board.rows]
        if not any(isinstance(rank, list) and rank[0] != rank[1] for rank in ranks):
            return ""
        return (
            "A rank of 2–4: one model is known to need fewer bits and all but three others more, "
            "the rest is a tie (95 % paired bootstrap over documents, pair by pair)."
        )
    return "The source gives no error for its compression, so ranks are those of the figures."


def _heading(column: BoardColumn) -> str:
    unit = f"<small>{escape(column.unit)}</small>" if column.unit else ""
    numeric = "" if column.form == "text" else " class=n"
    label = escape(column.label)
    return (
        f'<th scope="col" data-key="{escape(column.key)}" data-label="{label}"{numeric}>'
        f'<button type="button">{label}</button>{unit}</th>'
    )


def _line(row: BoardRow, cells: Sequence[Cell], columns: Sequence[BoardColumn], root: str) -> str:
    name = escape(cells[0]).replace("/", "/<wbr>")
    name = f'<a href="{root}{escape(row.page)}">{name}</a>'
    rest = "".join(
        f"<td{'' if c.form == 'text' else ' class=n'}>{cell_html(cell, c)}</td>"
        for cell, c in zip(cells[1:], columns[1:], strict=True)
    )
    return f'<tr class="{row.provenance}"><th scope="row">{name}</th>{rest}</tr>'


def cell_html(cell: Cell, column: BoardColumn) -> str:
    """A cell as readers see it; cellHtml in cells.js writes the same."""
    if cell is None:
        return UNKNOWN
    if column.form == "rank" and isinstance(cell, list):
        return str(cell[0]) if cell[0] == cell[1] else f"{cell[0]}–{cell[1]}"
    if column.form in ("count", "seconds") and isinstance(cell, int | float):
        return count(cell) if column.form == "count" else number(cell, 0)
    if column.form == "text" or isinstance(cell, str):
        return escape(cell)
    return _figure_html(cell if isinstance(cell, list) else [cell], column)


def _figure_html(figure: Sequence[float | str | None], column: BoardColumn) -> str:
    value, low, high, mark = [*figure, None, None, None][:4]

    def shown(one: float | str | None) -> str:
        known = one if isinstance(one, int | float) else None
        return number(None if known is None else column.scale * known, column.digits)

    text = f"<span>{shown(value)}</span>"
    if is_predicted(list(figure)):
        text = f'<span class="predicted">≈ {shown(value)}</span>'
    if low is not None:
        text += f"<small>{shown(low)}–{shown(high)}</small>"
    return text + (f"<small>{escape(mark)}</small>" if mark else "")


def _mark(cell: Cell) -> str:
    return cell[3] if isinstance(cell, list) and len(cell) > 3 else ""


def _legend(board: BoardTable, root: str) -> str:
    """What the three styles of figures mean, and what the compressors' rows are."""
    note = COMPRESSOR_NOTE.replace('href="', f'href="{root}') if board.cohort.compressors else ""
    return (
        '<ul class="board-legend"><li><span>45.6</span> measured here: upright</li>'
        '<li class="published"><span>45.6</span> published by others: slanted and underlined</li>'
        '<li><span class="predicted">≈ 45.6</span> predicted from compression: boxed, with ≈</li>'
        f"<li>{UNKNOWN} not known</li><li>Small figures: 95 &#37; interval</li></ul>"
        f"{mixture_note(board.cohort)}{terms_line(root)}{note}"
    )
