"""The pages Reliability and Changelog, and the sentinel's readings."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from compression_leaderboard.board.current import is_current
from compression_leaderboard.board.derived import mean_score
from compression_leaderboard.operations.drift import Reading, read_sentinel
from compression_leaderboard.pages.record_sections import listed_record
from compression_leaderboard.pages.text import (
    UNKNOWN,
    counted,
    day,
    escape,
    number,
    percent,
    table,
    valued,
    with_interval,
)
from compression_leaderboard.plan.jobs import latest_results, result_key
from compression_leaderboard.records.results import Result
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs

NONE = "no sentinel is named: write runs/sentinel.toml"
WORDS = {
    "first": "the first",
    "equal": "equal to the last bit",
    "rounding": "within rounding",
    "moved": "moved, within the noise of the text",
    "moved beyond noise": "moved beyond the noise of the text",
}


def render_sentinel(specs: Specs, readings: Sequence[Reading]) -> str:
    """The heading and the table, or why there is none."""
    heading = '<h2 id="sentinel">Sentinel</h2>'
    if specs.sentinel is None:
        return f"{heading}<p>This board names no sentinel.</p>"
    if not readings:
        return f"{heading}<p>The sentinel is not measured yet.</p>"
    header = [("Record", False), ("Date", True), ("Number format", False)]
    header += [("Bits per byte", True), ("Less the first", True), ("Verdict", False)]
    header += [("Changed since the first", False)]
    caption = (
        f"{_title(specs)}: {counted(len(readings), 'record')}. Each against the first in its "
        "number format; difference in bits per byte, with the 95 % interval of a paired bootstrap "
        "over documents"
    )
    return heading + table("sentinel-table", caption, header, map(_row, readings))


def _row(reading: Reading) -> list[str]:
    result = reading.entry.result
    moved = with_interval(reading.difference, reading.interval)
    return [
        listed_record(reading.entry),
        day(result.started),
        escape(result.environment.dtype or UNKNOWN),
        valued(number(reading.bits_per_byte, 5), reading.bits_per_byte),
        valued(moved, reading.difference),
        escape(WORDS[reading.verdict]),
        escape("; ".join(reading.changed)) or UNKNOWN,
    ]


def _title(specs: Specs) -> str:
    assert specs.sentinel is not None  # its readings are being shown
    model, corpus = specs.models[specs.sentinel.model], specs.corpora[specs.sentinel.corpus]
    return f"{model.title} on {corpus.title}"


def drift_text(specs: Specs, readings: Sequence[Reading]) -> str:
    """One line a reading below a line that names the sentinel."""
    if specs.sentinel is None:
        return f"{NONE}\n"
    lines = [f"sentinel: {_title(specs)}", *map(_line, readings)]
    if not readings:
        lines.append("not measured yet")
    return "".join(f"{_plain(line)}\n" for line in lines)


def _line(reading: Reading) -> str:
    result = reading.entry.result
    parts = [f"{result.started:%Y-%m-%d} {result.run_id} {result.environment.dtype}"]
    parts.append(f"{reading.bits_per_byte:.6f} bits/byte")
    if reading.difference is not None:
        parts.append(f"{reading.difference:+.3g}")
    return "  ".join([*parts, WORDS[reading.verdict], *reading.changed])


def drift_markdown(specs: Specs, readings: Sequence[Reading]) -> str:
    """The text as a block of code, in which nothing is markup."""
    return f"### Sentinel\n\n```text\n{drift_text(specs, readings)}```\n"


def _plain(line: str) -> str:
    """No line end, and no end of a block of code."""
    return "".join(c if c.isprintable() else " " for c in line).replace("`", "'")


def drift_json(readings: Sequence[Reading]) -> list[dict[str, Any]]:
    """A reading each; what is not known is null."""
    return [
        {
            "record": reading.entry.file,
            "started": reading.entry.result.started.isoformat(),
            "dtype": reading.entry.result.environment.dtype,
            "bits_per_byte": reading.bits_per_byte,
            "difference": reading.difference,
            "low95": reading.interval.low if reading.interval else None,
            "high95": reading.interval.high if reading.interval else None,
            "verdict": reading.verdict,
            "changed": list(reading.changed),
        }
        for reading in readings
    ]


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
