"""`leaderboard collect` and `leaderboard import`: records that were made elsewhere."""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from compression_leaderboard.cli.app import AsJson, Root, Text, align, app, print_answer, refusal
from compression_leaderboard.wording import counted, printable

if TYPE_CHECKING:
    from compression_leaderboard.board.imported import Conflict
    from compression_leaderboard.gate.collect import PartKey
    from compression_leaderboard.records.base import Problem
    from compression_leaderboard.records.imported import Imported
    from compression_leaderboard.records.results import Result
    from compression_leaderboard.repository.specs import Specs

    Parse = Callable[[str, bytes, str | None], Imported]


@app.command()
def collect(
    folders: Annotated[list[Path], typer.Argument(help="Folders that shards wrote.")],
    root: Root = Path(),
    plan: Annotated[Text, typer.Option(help="The whole matrix, to report absent shards.")] = None,
) -> None:
    """Verify and merge what shards measured, and list what is missing.

    Example: `leaderboard collect shards/ --plan matrix.json`
    """
    from compression_leaderboard.cli.reading import (
        latest_day,
        read_commits,
        read_rechecked,
        read_valid,
    )
    from compression_leaderboard.gate.collect import sort_rechecks, sort_records
    from compression_leaderboard.gate.impossible import Known
    from compression_leaderboard.repository.results import (
        RECHECKS,
        read_folders,
        read_shards,
        write_record,
    )
    from compression_leaderboard.repository.specs import read_specs

    specs = read_valid(read_specs, root)
    for folder in folders:
        if not folder.is_dir():
            repair = "give folders that `leaderboard measure --shard … --to` wrote"
            raise refusal(folder, "is not a folder", repair)
    delivery = read_folders(folders)
    committed, earlier = read_rechecked(root)
    known = Known.of([*committed, *delivery.records], latest_day(root))
    planned = delivery.shards if plan is None else read_shards(plan)
    records = sort_records(delivery.records, planned, specs, known)
    there = {entry.run_id: entry.result for entry in committed}
    merged, not_merged = _merge(records.complete, {r.parts for r in there.values()}, specs, root)
    commits = read_commits(root, committed) if delivery.rechecks else {}
    again, refused_again, missing_again = sort_rechecks(
        delivery.rechecks, planned, there, commits, known.latest
    )
    known_rechecks = {entry.recheck.run_id for entry in earlier}
    new = [result for result in (*records.whole, *merged) if result.run_id not in there]
    new_rechecks = [recheck for recheck in again if recheck.run_id not in known_rechecks]
    refused = [*delivery.refused, *records.refused, *not_merged, *refused_again]
    missing = [*records.missing, *missing_again]
    for base, written in (("measured", new), (RECHECKS, new_rechecks)):
        for record in written:
            print(f"→ {write_record(root / 'results' / base, root, record)}", file=sys.stderr)
    for line in (*refused, *(f"missing: {job}" for job in missing)):
        print(line, file=sys.stderr)
    accepted = len(records.whole) + len(records.complete) - len(not_merged) + len(again)
    added = len(new) + len(new_rechecks)
    print(
        f"{added} new, {accepted - added} already there, "
        f"{len(refused)} refused, {len(missing)} missing"
    )
    if refused or missing:
        raise typer.Exit(1)


def _merge(
    complete: Mapping[PartKey, Sequence[Result]],
    known: Collection[tuple[str, ...]],
    specs: Specs,
    root: Path,
) -> tuple[list[Result], list[str]]:
    """Merge the complete parts of each suite into one record, unless that was done before.

    known: run ids of the parts of each merged record.
    """
    from compression_leaderboard.gate.collect import why_not_merged
    from compression_leaderboard.measure.machine import MeasureError

    merged, refused = [], []
    for ((model, revision, _, suite), _), parts in complete.items():
        if tuple(part.run_id for part in parts) in known:
            continue
        from compression_leaderboard.measure.harness import merge_parts

        reason = why_not_merged(parts)
        if reason is None:
            try:
                merged.append(merge_parts(parts, specs.suites[suite], root.resolve()))
            except MeasureError as error:
                reason = error.message
        if reason is not None:
            refused.append(f"{model} at {revision[:14]} suite {suite}: {reason}")
    return merged, refused


@dataclass(frozen=True)
class Outcome:
    """The outcome of one file."""

    file: str
    record: Imported | None = None
    is_new: bool = False
    problem: Problem | None = None

    @property
    def word(self) -> str:
        if self.problem is not None:
            return "refused"
        return "imported" if self.is_new else "already imported"

    @property
    def reasons(self) -> dict[str, int]:
        """How many entries were skipped, by reason."""
        return self.record.reasons() if self.record else {}


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="Result files, or folders of them.")],
    root: Root = Path(),
    every_eval_ever: Annotated[
        bool, typer.Option("--every-eval-ever", help="The files are Every Eval Ever records.")
    ] = False,
    model: Annotated[Text, typer.Option(help="The model of files that name none.")] = None,
    as_json: AsJson = False,
) -> None:
    """Import others' results from lm-eval result files of any version.

    Example: `leaderboard import results/ run.json`
    """
    from compression_leaderboard.board.imported import find_conflicts
    from compression_leaderboard.cli.reading import report_unread
    from compression_leaderboard.exchange.every_eval_ever import import_every_eval_ever
    from compression_leaderboard.exchange.lm_eval import import_lm_eval
    from compression_leaderboard.records.base import UserError
    from compression_leaderboard.repository.results import find_sources, read_imported

    parse: Parse = import_every_eval_ever if every_eval_ever else import_lm_eval
    stored, problems = read_imported(root)
    report_unread(problems)
    earlier = [entry.imported for entry in stored]
    sources = list(find_sources(files))
    outcomes = list(_import_all(root, sources, parse, model, earlier))
    hashes = {o.record.source.sha256 for o in outcomes if o.record}
    new = [o.record for o in outcomes if o.record and o.is_new]
    conflicts = [
        conflict
        for conflict in find_conflicts([*earlier, *new])
        if any(reading.imported.source.sha256 in hashes for reading in conflict.readings)
    ]
    print_answer(as_json, _as_json(outcomes, conflicts), _report(outcomes, conflicts))
    if refused := [outcome.problem for outcome in outcomes if outcome.problem]:
        raise UserError(refused)
    if not sources:
        raise refusal(files[0], "has no *.json", "name the files")


def _import_all(
    root: Path,
    sources: Sequence[Path],
    parse: Parse,
    model: str | None,
    earlier: Iterable[Imported],
) -> Iterator[Outcome]:
    """Import files in order; write each record before yielding its outcome."""
    from compression_leaderboard.cli.progress import show_progress
    from compression_leaderboard.cli.reading import latest_day
    from compression_leaderboard.records.base import Problem
    from compression_leaderboard.repository.results import write_imported

    known = {record.source.sha256: record for record in earlier}
    latest = latest_day(root)
    with show_progress() as progress:
        outcomes = (
            _parse(path, parse, model, known, latest)
            for path in progress.track(sources, description="importing")
        )
        pairs = ((o, o.record if o.is_new else None) for o in outcomes)
        for outcome, error in write_imported(root, pairs):
            if error is not None:
                wrong = f"its record cannot be written: {error.strerror}"
                problem = Problem(outcome.file, "", wrong, "free some space and import it again")
                outcome = Outcome(outcome.file, problem=problem)
            yield outcome


def _parse(
    path: Path, parse: Parse, model: str | None, known: dict[str, Imported], latest: date
) -> Outcome:
    """Read one file. known: records of files by their hash; a new one is added.

    latest: nothing was run after it; a later date is left out.
    """
    from compression_leaderboard.exchange.strict_json import LARGEST_BYTES, IntakeError
    from compression_leaderboard.gate.impossible import EARLIEST
    from compression_leaderboard.records.base import Problem

    shown = printable(str(path))
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_BYTES + 1)  # enough to see that it is too large
        if before := known.get(hashlib.sha256(content).hexdigest()):
            return Outcome(shown, before)
        record = parse(path.name, content, model)
    except OSError as error:
        wrong, repair = f"cannot be read: {error.strerror}", "put a readable file there"
        return Outcome(shown, problem=Problem(shown, "", wrong, repair))
    except IntakeError as refusal:
        problem = Problem(shown, refusal.field, refusal.wrong, refusal.repair)
        return Outcome(shown, problem=problem)
    if record.date is not None and not EARLIEST <= record.date.date() <= latest:
        note = f"the date {record.date:%Y-%m-%d} is not possible and is left out"
        record = record.model_copy(update={"date": None, "notes": (*record.notes, note)})
    known[record.source.sha256] = record
    return Outcome(shown, record, is_new=True)


def _report(outcomes: Sequence[Outcome], conflicts: Sequence[Conflict]) -> Iterator[str]:
    """Report a line per file, the totals, why entries were skipped, and conflicts."""
    from compression_leaderboard.pages.reference import describe_conflict

    rows = [("file", "outcome", "scores kept", "entries skipped")]
    for outcome in outcomes:
        counts = ("–", "–")
        if (record := outcome.record) is not None:
            counts = (str(record.kept), str(len(record.skipped)))
        rows.append((outcome.file, outcome.word, *counts))
    heading, *lines = align(rows, right=(2, 3))
    yield heading
    for line, outcome in zip(lines, outcomes, strict=True):
        yield line
        yield from (f"    {count} × {reason}" for reason, count in outcome.reasons.items())
        yield from (f"    {note}" for note in (outcome.record.notes if outcome.record else ()))
    words = Counter(outcome.word for outcome in outcomes)
    files = ", ".join(f"{words[word]} {word}" for word in words)
    total, reasons = _totals(outcomes)
    yield f"{counted(len(outcomes), 'file')}: {files or 'none'}"
    entries = counted(reasons.total(), "entry")
    yield f"{counted(total, 'score')} kept, {entries} skipped"
    yield from (f"  {count} × {reason}" for reason, count in reasons.most_common())
    yield from map(describe_conflict, conflicts)


def _totals(outcomes: Iterable[Outcome]) -> tuple[int, Counter[str]]:
    """Count scores and reasons of skipped entries in all files that are not refused."""
    reasons = Counter[str]()
    for outcome in outcomes:
        reasons.update(outcome.reasons)
    return sum(outcome.record.kept for outcome in outcomes if outcome.record), reasons


def _as_json(outcomes: Sequence[Outcome], conflicts: Sequence[Conflict]) -> dict[str, Any]:
    total, reasons = _totals(outcomes)
    return {
        "files": list(map(_outcome_json, outcomes)),
        "kept": total,
        "skipped": dict(reasons),
        "conflicts": list(map(_conflict_json, conflicts)),
    }


def _outcome_json(outcome: Outcome) -> dict[str, Any]:
    record = outcome.record
    return {
        "file": outcome.file,
        "outcome": outcome.word,
        "why": str(outcome.problem) if outcome.problem else None,
        "model": record.model.title if record else None,
        "record": f"results/imported/{record.file}" if record else None,
        "kept": record.kept if record else 0,
        "skipped": outcome.reasons,
        "notes": list(record.notes) if record else [],
    }


def _conflict_json(conflict: Conflict) -> dict[str, Any]:
    first = conflict.readings[0]
    return {
        "model": first.imported.model.title,
        "task": first.task.task,
        "metric": first.score.metric,
        "filter": first.score.filter,
        "few_shot": first.task.few_shot,
        "standard_errors": conflict.standard_errors,
        "differs": list(conflict.differs),
        "readings": [
            {
                "value": reading.score.value,
                "stderr": reading.score.stderr,
                "source": reading.imported.source.name,
                "sha256": reading.imported.source.sha256,
            }
            for reading in conflict.readings
        ],
    }
