"""The home page and the page of every cohort: headline chart, what it says, and the table."""

import re
from collections.abc import Mapping, Sequence

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.fits.study import Evidence
from compression_leaderboard.pages.board_table import BoardTable, Cell, cell_html, render_board
from compression_leaderboard.pages.charts import Cloud, draw_clouds
from compression_leaderboard.pages.text import count, counted, escape, link, number, percent, tag
from compression_leaderboard.pages.unrendered import chart_html
from compression_leaderboard.records.models import Model

BEST_SHOWN = 5
CHIPS = 10  # families beside the chart; the filter of the table has all of them


def first_board(
    boards: Sequence[BoardTable], evidence: Mapping[str, Evidence]
) -> BoardTable | None:
    """What the home page shows: the first cohort with enough models for a fit, ours before others'.

    Where none has enough, the first cohort.
    """
    fitted = [board for board in boards if evidence[board.cohort.name].line is not None]
    return next(iter([*fitted, *boards]), None)


def render_home(
    boards: Sequence[BoardTable],
    evidence: Mapping[str, Evidence],
    models: Mapping[str, Model],
    date: str,
) -> str:
    """The first board in full, and links to the others."""
    board = first_board(boards, evidence)
    parts = [_overview(boards)]
    if board is not None:
        parts.append(_board(board, boards, evidence[board.cohort.name], "", date))
    parts.append(_without_figures([board.cohort for board in boards], models))
    return "\n".join(parts)


def render_cohort(
    board: BoardTable, boards: Sequence[BoardTable], evidence: Mapping[str, Evidence], date: str
) -> str:
    """The page of one cohort: the same parts, and the sources of published figures."""
    page = _board(board, boards, evidence[board.cohort.name], "../../", date)
    sources = "".join(
        f"<li>{escape(c.text)} {link(c.url, 'Source')}, licence {escape(c.licence)}. "
        f"Columns: {escape(c.figures)}.</li>"
        for c in board.cohort.citations
    )
    return page + (f"<h2>Sources</h2><ul>{sources}</ul>" if sources else "")


def _overview(boards: Sequence[BoardTable]) -> str:
    """How many models are measured here and how many published; where to find them."""
    items = []
    for provenance in ("measured", "published"):
        own = [b for b in boards if b.cohort.provenance == provenance]
        mixed = {(b.cohort.name, model) for b in own for model in b.cohort.mixtures}
        sizes = {
            (b.cohort.name if provenance == "published" else "", model): parameters
            for b in own
            for model, parameters in ((row.model, row.parameters) for row in b.cohort.rows)
        }
        whole = [p for key, p in sizes.items() if key not in mixed and p is not None]
        aside = ", mixtures of experts aside" if mixed else ""
        if own:
            items.append(
                f"<li><strong>{len(sizes):,}</strong> models {tag(provenance)} "
                f"in {counted(len(own), 'table')}, up to "
                f"{count(max(whole, default=None))} parameters{aside}</li>"
            )
    return f'<ul class="overview">{"".join(items)}</ul>'


def _without_figures(cohorts: Sequence[Cohort], models: Mapping[str, Model]) -> str:
    """Models that stand in no table: failed, or not measured yet. Their pages say which."""
    shown = {row.model for cohort in cohorts for row in cohort.rows}
    missing = sorted(set(models) - shown)
    if not missing:
        return ""
    links = ", ".join(
        f'<a href="models/{escape(m)}/">{escape(models[m].title)}</a>' for m in missing
    )
    return f"<p>Not in a table yet, failed or not measured: {links}.</p>"


def _board(
    board: BoardTable, boards: Sequence[BoardTable], found: Evidence, root: str, date: str
) -> str:
    cohort = board.cohort
    switch = _switch(board, boards, root)
    chart = _headline(board, found) if found.line is not None else ""
    cards = f'<div class="cards">{chart}{_minute(board, found, root)}</div>'
    note = f"<p>{escape(cohort.comparable_with)}</p>"
    heading = f'<h2 id="table">All rows {tag(cohort.provenance)}</h2>'
    return f"{switch}{cards}{heading}{note}{render_board(board, root, date)}"


def _switch(board: BoardTable, boards: Sequence[BoardTable], root: str) -> str:
    """Tables are switched, never mixed: each has a page of its own."""
    links = []
    for other in boards:
        cohort = other.cohort
        current = ' aria-current="page"' if other is board else ""
        words = re.sub(r"^(Measured here|Published): ", "", cohort.title)
        words = words[:1].upper() + words[1:]
        links.append(
            f'<li><a href="{root}boards/{cohort.name}/"{current}>{escape(words)} '
            f"<small>{cohort.provenance}, {counted(len(cohort.rows), 'row')}</small></a></li>"
        )
    return f'<nav class="switch" aria-label="Tables"><ul>{"".join(links)}</ul></nav>'


def _headline(board: BoardTable, found: Evidence) -> str:
    cohort = board.cohort
    clouds = _clouds(board)
    unit = cohort.compression[0].unit
    axes = (f"Average {unit} (lower is better)", "Mean score, %")
    mean = cohort.mean_compression
    keys = (mean.id if len(cohort.compression) > 1 else cohort.compression[0].key.id, "score")
    summary, table_id = _chart_summary(cohort, found), f"{cohort.name}-table"
    chart = chart_html(draw_clouds(clouds, axes, keys, summary, table_id, found.line))
    families = sorted(clouds, key=lambda cloud: (-len(cloud.rows), cloud.label))[:CHIPS]
    chips = "".join(
        f'<button type="button" aria-pressed="false" data-highlight="{escape(cloud.label)}">'
        f"{escape(cloud.label)}</button>"
        for cloud in families
    )
    chips = f'<p class="chips needs-script"><span>Highlight</span>{chips}</p>'
    heading = f"<h2>Compression against scores {tag(cohort.provenance)}</h2>"
    return f'<section class="card chart-card">{heading}{chart}{chips}</section>'


def _clouds(board: BoardTable) -> list[Cloud]:
    """Marks by family; places are those of the rows in the table's data."""
    places = {row.page: k for k, row in enumerate(board.rows)}
    cohort = board.cohort
    marks: dict[str, list[tuple[float, float, int]]] = {}
    for row in cohort.rows:
        x, y = row.value(cohort.mean_compression), row.value(cohort.mean_score)
        if x is not None and y is not None:
            marks.setdefault(row.family, []).append((x, y, places[row.page]))
    return [
        Cloud(
            label=family,
            xs=tuple(x for x, _, _ in own),
            ys=tuple(y for _, y, _ in own),
            rows=tuple(place for _, _, place in own),
        )
        for family, own in sorted(marks.items())
    ]


def _chart_summary(cohort: Cohort, found: Evidence) -> str:
    mean = next(c for c in found.correlations if c.score == "score")
    total = len(cohort.rows)
    rest = "" if found.n == total else f" of {total}; the others lack a figure"
    return (
        f"{counted(found.n, f'{cohort.provenance} row')}{rest}. Score: "
        f"mean of {counted(sum(s.in_mean for s in cohort.scores), 'benchmark')}. "
        f"Pearson r = {number(mean.pearson, 2)} (n = {mean.n}; 95 % interval "
        f"{number(mean.low, 2)} to {number(mean.high, 2)} by resampling "
        f"{counted(mean.families, 'family')}). Line: least squares; band: 95 % for the mean. "
        "The figures stand in the table below."
    )


def _minute(board: BoardTable, found: Evidence, root: str) -> str:
    """What a reader takes away within a minute: what it means, and who leads."""
    cohort = board.cohort
    heading = "<h2>In one minute</h2>"
    lines = [_meaning(cohort, found)]
    more = (
        f'<p><a href="{root}predict/#{escape(cohort.name)}">What compression predicts, and where '
        "it loses</a></p>"
    )
    return f'<section class="card">{heading}{"".join(lines)}{_best(board, root)}{more}</section>'


def _meaning(cohort: Cohort, found: Evidence) -> str:
    mean = next((c for c in found.correlations if c.score == "score"), None)
    if mean is None or found.line is None:
        reason = found.shortage or "no fit"
        return (
            f"<p>{escape(reason[:1].upper() + reason[1:])}. The figures stand for themselves.</p>"
        )
    rise = found.line.y[0] - found.line.y[-1]
    reach = found.line.x[-1] - found.line.x[0]
    unit = cohort.compression[0].unit
    direction = "higher" if rise > 0 else "lower"
    points = percent(abs(rise) / reach / 10)
    return (
        f"<p>Here, models that need <strong>0.1 {escape(unit)}</strong> less score about "
        f"<strong>{points} points</strong> {direction} on average "
        f"(straight line, {mean.n} models). A relation among models, no promise for one.</p>"
    )


def _best(board: BoardTable, root: str) -> str:
    """The rows that compress best, with their rank ranges."""
    keys = {column.key: (k, column) for k, column in enumerate(board.columns)}
    if "rank" not in keys:
        return ""
    name = "compression" if "compression" in keys else board.cohort.compression[0].key.id
    place, column = keys[name]
    lines = []
    models = [row for row in board.rows if row.provenance != "classical"]
    for row in models[:BEST_SHOWN]:
        rank = cell_html(row.cells[keys["rank"][0]], keys["rank"][1])
        title = escape(row.cells[0]).replace("/", "/<wbr>")
        lines.append(
            f'<tr><td class="n">{rank}</td>'
            f'<th scope="row"><a href="{root}{escape(row.page)}">{title}</a></th>'
            f'<td class="n">{_point(row.cells[place], column.digits)}</td></tr>'
        )
    return (
        f'<table class="plain"><caption>Compress best: {len(lines)} of '
        f"{counted(len(models), 'model')}</caption>"
        '<thead><tr><th scope="col" class="n">Rank</th><th scope="col">Model</th>'
        f'<th scope="col" class="n">{escape(column.unit)}</th></tr>'
        f"</thead><tbody>{''.join(lines)}</tbody></table>"
    )


def _point(cell: Cell, digits: int) -> str:
    value = cell[0] if isinstance(cell, list) else cell
    return number(value if isinstance(value, int | float) else None, digits)
