"""A cohort's table on its page: controls, the first rows in HTML, and all rows as JSON."""

import json
from collections.abc import Sequence

from generator.publish.board_columns import BoardColumn, BoardRow, BoardTable, Cell, is_predicted
from generator.publish.compressor_rows import COMPRESSOR_NOTE
from generator.publish.glossary import terms_line
from generator.publish.mixture_note import mixture_note
from generator.publish.text import UNKNOWN, count, counted, escape, number

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
