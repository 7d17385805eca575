"""The generated parts of the pages Reliability and Changelog."""

from collections.abc import Sequence
from datetime import date, datetime
from itertools import pairwise

from markupsafe import Markup

from compression_leaderboard.board.current import is_current
from compression_leaderboard.board.derived import mean_score
from compression_leaderboard.operations.drift import (
    VERDICTS,
    Reading,
    read_sentinel,
    sentinel_title,
)
from compression_leaderboard.pages.record_sections import record_link
from compression_leaderboard.pages.rendering import Cell, Renderer, Table, day, headings
from compression_leaderboard.pages.text import UNKNOWN, counted, number, percent, with_interval
from compression_leaderboard.plan import latest_results, result_key
from compression_leaderboard.records.results import Result
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs

Row = list[Cell | str]


def render_reliability(
    render: Renderer, specs: Specs, stored: Sequence[StoredResult], commit_date: str
) -> Markup:
    """Show how many records count, the last run, ages by text and suite, drift, and faults."""
    counting = latest_results(stored).values()
    current = [entry for entry in counting if is_current(entry.result, specs)]
    faults = [entry for entry in stored if not entry.result.counts]
    tiles = [
        ("Records", str(len(stored))),
        ("That count", str(len(current))),
        ("Of an earlier protocol", str(len(counting) - len(current))),
        ("Failed", str(sum(e.result.error is not None for e in faults))),
        ("Retracted", str(sum(e.result.retracted is not None for e in faults))),
        ("Last run", day(max((e.result.started for e in stored), default=None))),
    ]
    return render(
        "reliability.html",
        tiles=tiles,
        ages=_ages(current, datetime.fromisoformat(commit_date)) if current else None,
        has_sentinel=specs.sentinel is not None,
        readings=_readings(specs, read_sentinel(specs, stored)),
        faults=_faults(faults) if faults else None,
    )


def _ages(entries: Sequence[StoredResult], built: datetime) -> Table:
    by_job: dict[tuple[str, str], list[Result]] = {}
    for entry in entries:
        by_job.setdefault((entry.result.kind, entry.result.name), []).append(entry.result)
    rows: list[Row] = []
    for (kind, name), results in sorted(by_job.items()):
        first, last = min(r.started for r in results), max(r.started for r in results)
        seconds = sum(r.environment.wall_seconds for r in results)
        models = str(len({r.model for r in results}))
        row: Row = [name, kind, models, str(len(results)), day(first), day(last)]
        rows.append([*row, str((built - first).days), Cell(number(seconds / 3600, 2), seconds)])
    figures = ("Models", "Records", "Oldest", "Newest", "Days to this build", "Hours of computing")
    records = counted(len(entries), "record")
    return Table(
        "ages",
        f"Age of the records that count, by text and suite: {records}",
        headings("Text or suite", "Kind", figures=figures),
        rows,
    )


def _readings(specs: Specs, readings: Sequence[Reading]) -> Table | None:
    """The sentinel's table; None where nothing of it is measured."""
    if not readings:
        return None
    header = headings("Record", figures=["Date"]) + headings("Number format")
    header += headings(figures=("Bits per byte", "Less the first"))
    header += headings("Verdict", "Changed since the first")
    rows = [_reading(reading) for reading in readings]
    caption = f"{sentinel_title(specs)}: {counted(len(rows), 'record')}"
    return Table("sentinel-table", caption, header, rows)


def _reading(reading: Reading) -> Row:
    result = reading.entry.result
    return [
        _record(reading.entry),
        day(result.started),
        result.environment.dtype or UNKNOWN,
        Cell(number(reading.bits_per_byte, 5), reading.bits_per_byte),
        Cell(with_interval(reading.difference, reading.interval), reading.difference),
        VERDICTS[reading.verdict],
        "; ".join(reading.changed) or UNKNOWN,
    ]


def _record(entry: StoredResult) -> Cell:
    link = record_link(entry)
    return Cell(link.run_id, href=link.path)


def _faults(entries: Sequence[StoredResult]) -> Table:
    ordered = sorted(entries, key=lambda e: (e.result.started, e.file), reverse=True)
    rows = [_fault(entry) for entry in ordered]
    caption = f"Records that do not count: {counted(len(rows), 'record')}, the newest first"
    header = headings("Record", "Date", "Model", "Job", "State", "Why")
    return Table("fault-table", caption, header, rows)


def _fault(entry: StoredResult) -> Row:
    result = entry.result
    state, why = "retracted", str(result.retracted)
    if result.error is not None:
        state, why = "failed", f"{result.error.reason}: {result.error.message}"
    job = f"{result.kind} {result.name}"
    return [_record(entry), day(result.started), result.model, job, state, why]


def render_moves(render: Renderer, specs: Specs, stored: Sequence[StoredResult]) -> Markup:
    """Show the figures that a later record replaced: from what to what, and why."""
    histories: dict[tuple[str, str, str, str], list[StoredResult]] = {}
    for entry in sorted(stored, key=lambda e: (e.result.started, e.file)):
        if entry.result.error is None:
            histories.setdefault(result_key(entry.result), []).append(entry)
    moves: list[tuple[date, Row]] = []
    for history in histories.values():
        for old, new in pairwise(history):
            if row := _move(old.result, new, specs):
                moves.append((new.result.started.date(), row))
    moves.sort(key=lambda move: move[0], reverse=True)
    header = headings("Date", "Model", "Job", "Figure", figures=("Before", "After"))
    header += headings("Why", "Record")
    caption = f"Figures that a later record replaced: {counted(len(moves), 'figure')}"
    table = Table("moves-table", f"{caption}, the newest first", header, [row for _, row in moves])
    return render("moves.html", table=table)


def _move(old: Result, entry: StoredResult, specs: Specs) -> Row | None:
    """A row; None where the record was measured again with the same digits, as they are shown."""
    new = entry.result
    before, after = _figure(old), _figure(new)
    if before is None or after is None or before[1] == after[1]:
        return None
    name, was = before
    job = f"{new.kind} {new.name}"
    return [
        day(new.started), new.model, job, name, was, after[1], _why(old, specs), _record(entry)
    ]  # fmt: skip


def _figure(result: Result) -> tuple[str, str] | None:
    """The name of a record's main figure, and the figure as it is shown."""
    if result.lossless is not None:
        return "bits per byte", number(result.lossless.bits_per_byte, 5)
    if result.tasks:
        return "mean score, %", percent(mean_score(result.tasks)[0], 2)
    return None


def _why(old: Result, specs: Specs) -> str:
    if old.retracted is not None:
        return f"the earlier record was retracted: {old.retracted}"
    if not is_current(old, specs):
        return "the suite or the protocol of the text changed"
    return "measured again"
