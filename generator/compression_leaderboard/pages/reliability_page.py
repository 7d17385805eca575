"""The generated parts of the pages Reliability and Changelog."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from itertools import pairwise
from typing import get_args

from markupsafe import Markup

from compression_leaderboard.board.derived import is_current, mean_score
from compression_leaderboard.operations.health import VERDICTS, list_readings, sentinel_title
from compression_leaderboard.pages.rendering import Renderer, number, percent
from compression_leaderboard.plan.jobs import latest_results
from compression_leaderboard.records.base import Problem
from compression_leaderboard.records.results import CLASSICAL, Result
from compression_leaderboard.repository.provenance import MeasuredBy
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs
from compression_leaderboard.wording import escaped


@dataclass(frozen=True)
class Age:
    """The records of one text or suite that count."""

    name: str
    kind: str
    models: int
    records: int
    oldest: datetime
    newest: datetime
    days: int  # from the oldest to the build
    seconds: float  # of computing


@dataclass(frozen=True)
class Measurer:
    """The records of the workflow, of maintainers or of contributors. None: not known."""

    measured_by: MeasuredBy | None
    records: int
    current: int
    models: int


@dataclass(frozen=True)
class Move:
    """A figure that a later record replaced: both values as pages show them."""

    entry: StoredResult  # the later record
    figure: str
    before: str
    after: str
    why: str


def render_reliability(
    render: Renderer,
    specs: Specs,
    stored: Sequence[StoredResult],
    commit_date: str,
    unread: Sequence[Problem] = (),
) -> Markup:
    """Show how many records count, the last run, ages by text and suite, drift, and faults.

    unread: of files that are left out.
    """
    counting = latest_results(stored).values()
    current = [entry for entry in counting if is_current(entry.result, specs)]
    faults = [entry for entry in stored if not entry.counts]
    faults.sort(key=lambda entry: (entry.result.started, entry.file), reverse=True)
    return render(
        "reliability.html",
        records=len(stored),
        current=len(current),
        earlier=len(counting) - len(current),
        failed=sum(entry.result.error is not None for entry in faults),
        retracted=sum(entry.result.retracted is not None for entry in faults),
        differing=sum(entry.differs is not None for entry in faults),
        last_run=max((entry.result.started for entry in stored), default=None),
        measurers=_measurers(stored, current),
        ages=_ages(current, datetime.fromisoformat(commit_date)),
        sentinel=sentinel_title(specs) if specs.sentinel else None,
        readings=list_readings(specs, stored),
        verdicts=VERDICTS,
        faults=faults,
        unread=[tuple(map(escaped, astuple(problem))) for problem in unread],
        unread_files=len({problem.file for problem in unread}),
    )


def _measurers(stored: Sequence[StoredResult], current: Sequence[StoredResult]) -> list[Measurer]:
    measurers = []
    for name in (*reversed(get_args(MeasuredBy)), None):
        entries = [entry for entry in stored if entry.measured_by == name]
        counting = sum(entry.measured_by == name for entry in current)
        models = len({entry.result.model for entry in entries} - {CLASSICAL.id})
        if entries:
            measurers.append(Measurer(name, len(entries), counting, models))
    return measurers


def _ages(entries: Sequence[StoredResult], built: datetime) -> list[Age]:
    by_job: dict[tuple[str, str], list[Result]] = {}
    for entry in entries:
        by_job.setdefault((entry.result.kind, entry.result.name), []).append(entry.result)
    ages = []
    for (kind, name), results in sorted(by_job.items()):
        oldest, newest = min(r.started for r in results), max(r.started for r in results)
        models = len({result.model for result in results})
        seconds = sum(result.environment.wall_seconds for result in results)
        days = (built - oldest).days
        ages.append(Age(name, kind, models, len(results), oldest, newest, days, seconds))
    return ages


def render_moves(render: Renderer, specs: Specs, stored: Sequence[StoredResult]) -> Markup:
    """Show the figures that a later record replaced, the newest first, and why."""
    histories: dict[tuple[str, str, str, str], list[StoredResult]] = {}
    for entry in sorted(stored, key=lambda entry: (entry.result.started, entry.file)):
        if entry.result.error is None:
            histories.setdefault(entry.result.key, []).append(entry)
    moves = [
        move
        for history in histories.values()
        for old, new in pairwise(history)
        if (move := _move(old.result, new, specs))
    ]
    moves.sort(key=lambda move: move.entry.result.started.date(), reverse=True)
    return render("moves.html", moves=moves)


def _move(old: Result, entry: StoredResult, specs: Specs) -> Move | None:
    """Compare two records; return None if their figures have the same digits as shown."""
    before, after = _figure(old), _figure(entry.result)
    if before is None or after is None or before[1] == after[1]:
        return None
    return Move(entry, before[0], before[1], after[1], _why(old, specs))


def _figure(result: Result) -> tuple[str, str] | None:
    """Return the name of a record's main figure, and the figure as shown."""
    if result.lossless is not None:
        return "bits per byte", number(result.lossless.bits_per_byte, 5)
    if result.tasks:
        return "mean score, %", percent(mean_score(result.tasks)[0], 2)
    return None


def _why(old: Result, specs: Specs) -> str:
    if old.retracted is not None:
        return f"the earlier record was retracted: {old.retracted}"
    if old.is_history:
        return f"the rules of measuring changed (records of format {old.format})"
    if not is_current(old, specs):
        return "the suite or the protocol of the text changed"
    return "measured again"
