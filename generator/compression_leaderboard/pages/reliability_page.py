"""The pages Reliability and Changelog: ages, the sentinel's readings, and figures that moved."""

from collections.abc import Sequence
from datetime import datetime
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
from compression_leaderboard.pages.record_sections import record_path
from compression_leaderboard.pages.rendering import Cell, Heading, Renderer, Table, day, headings
from compression_leaderboard.pages.text import UNKNOWN, counted, number, percent, with_interval
from compression_leaderboard.plan import latest_results, result_key
from compression_leaderboard.records.results import Result
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs


def render_reliability(
    render: Renderer, specs: Specs, stored: Sequence[StoredResult], commit_date: str
) -> Markup:
    """How many records count, the last run, ages by text and suite, drift, and every fault."""
    counting = latest_results(stored).values()
    stale = [entry for entry in counting if not is_current(entry.result, specs)]
    faults = [entry for entry in stored if not entry.result.counts]
    tiles = [
        ("Records", str(len(stored))),
        ("That count", str(len(counting) - len(stale))),
        ("Of an earlier protocol", str(len(stale))),
        ("Failed", str(sum(entry.result.error is not None for entry in faults))),
        ("Retracted", str(sum(entry.result.retracted is not None for entry in faults))),
        ("Last run", day(max((entry.result.started for entry in stored), default=None))),
    ]
    current = [entry for entry in counting if is_current(entry.result, specs)]
    return render(
        "reliability.html",
        tiles=tiles,
        ages=_ages(current, commit_date) if current else None,
        names_sentinel=specs.sentinel is not None,
        sentinel=_sentinel(specs, read_sentinel(specs, stored)),
        faults=_faults(faults) if faults else None,
    )


def _record(entry: StoredResult) -> Cell:
    return Cell(entry.result.run_id, href=record_path(entry))


def _sentinel(specs: Specs, readings: Sequence[Reading]) -> Table | None:
    if not readings:
        return None
    header = [
        Heading("Record"),
        Heading("Date", numeric=True),
        Heading("Number format"),
        *headings(figures=("Bits per byte", "Less the first")),
        *headings("Verdict", "Changed since the first"),
    ]
    rows: list[list[Cell | str]] = [
        [
            _record(reading.entry),
            day(reading.entry.result.started),
            reading.entry.result.environment.dtype or UNKNOWN,
            Cell(number(reading.bits_per_byte, 5), reading.bits_per_byte),
            Cell(with_interval(reading.difference, reading.interval), reading.difference),
            VERDICTS[reading.verdict],
            "; ".join(reading.changed) or UNKNOWN,
        ]
        for reading in readings
    ]
    records = counted(len(readings), "record")
    caption = f"{sentinel_title(specs)}: {records}. Each against the first in its number format"
    return Table("sentinel-table", caption, header, rows)


def _ages(entries: Sequence[StoredResult], commit_date: str) -> Table:
    built = datetime.fromisoformat(commit_date)
    jobs: dict[tuple[str, str], list[Result]] = {}
    for entry in entries:
        jobs.setdefault((entry.result.kind, entry.result.name), []).append(entry.result)
    rows: list[list[Cell | str]] = []
    for (kind, name), results in sorted(jobs.items()):
        first, last = min(r.started for r in results), max(r.started for r in results)
        seconds = sum(r.environment.wall_seconds for r in results)
        models = len({r.model for r in results})
        cells: list[Cell | str] = [
            name,
            kind,
            str(models),
            str(len(results)),
            day(first),
            day(last),
        ]
        rows.append([*cells, f"{(built - first).days}", Cell(number(seconds / 3600, 2), seconds)])
    labels = ("Models", "Records", "Oldest", "Newest", "Days to this build", "Hours of computing")
    caption = f"Age of {counted(len(entries), 'record')} that count, by text and suite"
    return Table("ages", caption, headings("Text or suite", "Kind", figures=labels), rows)


def _faults(entries: Sequence[StoredResult]) -> Table:
    rows: list[list[Cell | str]] = []
    for entry in sorted(entries, key=lambda e: (e.result.started, e.file), reverse=True):
        result = entry.result
        if result.error is not None:
            state, why = "failed", f"{result.error.reason}: {result.error.message}"
        else:
            state, why = "retracted", str(result.retracted)
        job = f"{result.kind} {result.name}"
        rows.append([_record(entry), day(result.started), result.model, job, state, why])
    caption = f"{counted(len(rows), 'record')} that do not count, the newest first"
    header = headings("Record", "Date", "Model", "Job", "State", "Why")
    return Table("fault-table", caption, header, rows)


def render_moves(render: Renderer, specs: Specs, stored: Sequence[StoredResult]) -> Markup:
    """Figures that a later record replaced: from what to what, and why."""
    histories: dict[tuple[str, str, str, str], list[StoredResult]] = {}
    for entry in sorted(stored, key=lambda e: (e.result.started, e.file)):
        if entry.result.error is None:
            histories.setdefault(result_key(entry.result), []).append(entry)
    moves = [
        move
        for entries in histories.values()
        for old, new in pairwise(entries)
        if (move := _move(old.result, new, specs)) is not None
    ]
    moves.sort(key=lambda move: move[0], reverse=True)
    header = [
        *headings("Date", "Model", "Job", "Figure", figures=("Before", "After")),
        *headings("Why", "Record"),
    ]
    caption = f"{counted(len(moves), 'figure')} that a later record replaced, the newest first"
    table = Table("moves-table", caption, header, [cells for _, cells in moves])
    return render("moves.html", table=table if moves else None)


def _move(old: Result, entry: StoredResult, specs: Specs) -> tuple[str, list[Cell | str]] | None:
    """A row, and the day by which it is ordered; None when the shown digits are the same."""
    new = entry.result
    before, after = _figure(old), _figure(new)
    if before is None or after is None or _shown(before) == _shown(after):
        return None
    return f"{new.started:%Y-%m-%d}", [
        day(new.started),
        new.model,
        f"{new.kind} {new.name}",
        before[0],
        _shown(before),
        _shown(after),
        _why(old, specs),
        _record(entry),
    ]


def _figure(result: Result) -> tuple[str, float] | None:
    if result.lossless is not None:
        return "bits per byte", result.lossless.bits_per_byte
    if result.tasks:
        return "mean score, %", mean_score(result.tasks)[0]
    return None


def _shown(figure: tuple[str, float]) -> str:
    name, value = figure
    return percent(value, 2) if "score" in name else number(value, 5)


def _why(old: Result, specs: Specs) -> str:
    if old.retracted is not None:
        return f"the earlier record was retracted: {old.retracted}"
    if not is_current(old, specs):
        return "the suite or the protocol of the text changed"
    return "measured again"
