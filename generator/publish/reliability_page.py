"""The pages Reliability and Changelog: ages, faults, and figures that moved."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from generator.files.results import StoredResult
from generator.files.specs import Specs
from generator.plan import latest_results, result_key
from generator.publish.measured_parts import listed_record
from generator.publish.sentinel_parts import render_sentinel
from generator.publish.text import counted, day, escape, number, percent, table, valued
from generator.records.results import Result
from generator.tables.derive import mean_score
from generator.tables.drift import read_sentinel
from generator.tables.measured import is_current


def render_reliability(specs: Specs, stored: Sequence[StoredResult], commit_date: str) -> str:
    """How many records count, the last run, ages by text and suite, drift, and every fault."""
    counting = latest_results(stored).values()
    stale = [entry for entry in counting if not is_current(entry.result, specs)]
    faults = [entry for entry in stored if not entry.result.counts]
    tiles = [
        ("Records", str(len(stored))),
        ("That count", str(len(counting) - len(stale))),
        ("Of an earlier protocol", str(len(stale))),
        ("Failed", str(sum(e.result.error is not None for e in faults))),
        ("Retracted", str(sum(e.result.retracted is not None for e in faults))),
        ("Last run", day(max((e.result.started for e in stored), default=None))),
    ]
    shown = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in tiles)
    ages = _ages([e for e in counting if is_current(e.result, specs)], commit_date)
    sentinel = render_sentinel(specs, read_sentinel(specs, stored))
    return f'<dl class="tiles">{shown}</dl>{ages}{sentinel}{_faults(faults)}'


def _ages(entries: Sequence[StoredResult], commit_date: str) -> str:
    if not entries:
        return "<p>Nothing is measured yet.</p>"
    built = datetime.fromisoformat(commit_date)
    held: dict[tuple[str, str], list[Result]] = {}
    for entry in entries:
        held.setdefault((entry.result.kind, entry.result.name), []).append(entry.result)
    rows = []
    for (kind, name), results in sorted(held.items()):
        first, last = min(r.started for r in results), max(r.started for r in results)
        seconds = sum(r.environment.wall_seconds for r in results)
        models = len({r.model for r in results})
        days = f"{(built - first).days}"
        cells = [escape(name), kind, str(models), str(len(results)), day(first), day(last)]
        rows.append([*cells, days, valued(number(seconds / 3600, 2), seconds)])
    labels = ("Models", "Records", "Oldest", "Newest", "Days to this build", "Hours of computing")
    header = [("Text or suite", False), ("Kind", False)] + [(label, True) for label in labels]
    records = counted(len(entries), "record")
    caption = f"Age of the records that count, by text and suite: {records}. Days from the oldest"
    return "<h2>Data age</h2>" + table("ages", caption, header, rows)


def _faults(entries: Sequence[StoredResult]) -> str:
    heading = '<h2 id="failed">Failed and retracted records</h2>'
    if not entries:
        return f"{heading}<p>No record failed or was retracted.</p>"
    rows = []
    for entry in sorted(entries, key=lambda e: (e.result.started, e.file), reverse=True):
        result = entry.result
        if result.error is not None:
            state, why = "failed", f"{result.error.reason}: {result.error.message}"
        else:
            state, why = "retracted", str(result.retracted)
        rows.append(
            [
                listed_record(entry),
                day(result.started),
                escape(result.model),
                escape(f"{result.kind} {result.name}"),
                state,
                escape(why),
            ]
        )
    labels = ("Record", "Date", "Model", "Job", "State", "Why")
    caption = f"Records that do not count: {counted(len(rows), 'record')}, the newest first"
    return heading + table("fault-table", caption, [(label, False) for label in labels], rows)


def render_moves(specs: Specs, stored: Sequence[StoredResult]) -> str:
    """Figures that a later record replaced: from what to what, and why."""
    held: dict[tuple[str, str, str, str], list[StoredResult]] = {}
    for entry in sorted(stored, key=lambda e: (e.result.started, e.file)):
        if entry.result.error is None:
            held.setdefault(result_key(entry.result), []).append(entry)
    rows = []
    for entries in held.values():
        for old, new in pairwise(entries):
            before, after = _figure(old.result), _figure(new.result)
            if before is None or after is None or _shown(before) == _shown(after):
                continue  # measured again, with the same digits as far as they are shown
            job = escape(f"{new.result.kind} {new.result.name}")
            why = escape(_why(old.result, specs))
            shown = [escape(new.result.model), job, before[0], _shown(before), _shown(after), why]
            rows.append([day(new.result.started), *shown, listed_record(new)])
    rows.sort(key=lambda row: row[0], reverse=True)
    heading = '<h2 id="moves">Figures that moved</h2>'
    if not rows:
        return f"{heading}<p>No record has replaced another with other figures yet.</p>"
    labels = ("Date", "Model", "Job", "Figure")
    header = [(label, False) for label in labels] + [("Before", True), ("After", True)]
    header += [("Why", False), ("Record", False)]
    figures = counted(len(rows), "figure")
    caption = f"Figures that a later record replaced: {figures}, the newest first"
    return heading + table("moves-table", caption, header, rows)


def _figure(result: Result) -> tuple[str, float] | None:
    if result.lossless is not None:
        return "bits per byte", result.lossless.bits_per_byte
    if result.tasks:
        return "mean score, &#37;", mean_score(result.tasks)[0]
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
