"""`leaderboard import`."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from compression_leaderboard.board.imported import Conflict, find_conflicts
from compression_leaderboard.cli.app import AsJson, Root, app, print_json, read_valid, show_progress
from compression_leaderboard.exchange.every_eval_ever import import_every_eval_ever
from compression_leaderboard.exchange.lm_eval import import_lm_eval
from compression_leaderboard.exchange.strict_json import LARGEST_BYTES, IntakeError, printable
from compression_leaderboard.records.base import Problem, UserError
from compression_leaderboard.records.imported import Imported
from compression_leaderboard.repository.results import find_sources, read_imported, write_imported
from compression_leaderboard.wording import counted

Parse = Callable[[str, bytes, str | None], Imported]


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


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="Result files, or folders of them.")],
    root: Root = Path(),
    every_eval_ever: Annotated[
        bool, typer.Option("--every-eval-ever", help="The files are Every Eval Ever records.")
    ] = False,
    model: Annotated[str | None, typer.Option(help="The model of files that name none.")] = None,
    as_json: AsJson = False,
) -> None:
    """Import others' results from lm-eval result files of any version.

    Example: `leaderboard import results/ run.json`
    """
    parse: Parse = import_every_eval_ever if every_eval_ever else import_lm_eval
    earlier = [entry.imported for entry in read_valid(read_imported, root)]
    sources = list(find_sources(files))
    outcomes = list(_import_all(root, sources, parse, model, earlier))
    hashes = {o.record.source.sha256 for o in outcomes if o.record}
    new = [o.record for o in outcomes if o.record and o.is_new]
    conflicts = [
        conflict
        for conflict in find_conflicts([*earlier, *new])
        if any(reading.imported.source.sha256 in hashes for reading in conflict.readings)
    ]
    if as_json:
        print_json(_as_json(outcomes, conflicts))
    else:
        print("\n".join(_report(outcomes, conflicts)))
    if refused := [outcome.problem for outcome in outcomes if outcome.problem]:
        raise UserError(refused)
    if not sources:
        raise UserError([Problem(str(files[0]), "", "has no *.json", "name the files")])


def _import_all(
    root: Path,
    sources: Sequence[Path],
    parse: Parse,
    model: str | None,
    earlier: Iterable[Imported],
) -> Iterator[Outcome]:
    """Import files in order; each record is written before its outcome is yielded."""
    known = {record.source.sha256: record for record in earlier}
    with show_progress() as progress:
        bar = progress.add_task("importing", total=len(sources))

        def parsed() -> Iterator[tuple[Outcome, Imported | None]]:
            for path in sources:
                outcome = _parse(path, parse, model, known)
                yield outcome, outcome.record if outcome.is_new else None

        for outcome, error in write_imported(root, parsed()):
            progress.advance(bar)
            if error is not None:
                wrong = f"its record cannot be written: {error.strerror}"
                problem = Problem(outcome.file, "", wrong, "free some space and import it again")
                outcome = Outcome(outcome.file, problem=problem)
            yield outcome


def _parse(path: Path, parse: Parse, model: str | None, known: dict[str, Imported]) -> Outcome:
    """Read one file. known: records of files by their hash; a new one is added."""
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
    known[record.source.sha256] = record
    return Outcome(shown, record, is_new=True)


def _report(outcomes: Sequence[Outcome], conflicts: Sequence[Conflict]) -> Iterator[str]:
    """Report a line per file, the totals, why entries were skipped, and conflicts."""
    from compression_leaderboard.pages.reference import describe_conflict

    width = max((len(outcome.file) for outcome in outcomes), default=4)
    yield f"{'file':{width}}  {'outcome':16}  scores kept  entries skipped"
    for outcome in outcomes:
        record = outcome.record
        scores, skipped = ("–", "–") if record is None else (record.kept, len(record.skipped))
        yield f"{outcome.file:{width}}  {outcome.word:16}  {scores:>11}  {skipped:>15}"
        if record is not None:
            lines = [f"{count} × {reason}" for reason, count in record.reasons().items()]
            yield from (f"{'':{width}}  {line}" for line in (*lines, *record.notes))
    words = Counter(outcome.word for outcome in outcomes)
    files = ", ".join(f"{words[word]} {word}" for word in words)
    total, reasons = _totals(outcomes)
    yield f"{counted(len(outcomes), 'file')}: {files or 'none'}"
    entries = counted(reasons.total(), "entry")
    yield f"{counted(total, 'score')} kept, {entries} skipped"
    yield from (f"  {count} × {reason}" for reason, count in reasons.most_common())
    for conflict in conflicts:
        yield describe_conflict(conflict)


def _totals(outcomes: Iterable[Outcome]) -> tuple[int, Counter[str]]:
    """Count scores and reasons of skipped entries in all files that are not refused."""
    records = [outcome.record for outcome in outcomes if outcome.record is not None]
    reasons = Counter[str]()
    for record in records:
        reasons.update(record.reasons())
    return sum(record.kept for record in records), reasons


def _as_json(outcomes: Sequence[Outcome], conflicts: Sequence[Conflict]) -> dict[str, Any]:
    total, reasons = _totals(outcomes)
    return {
        "files": [_outcome_json(outcome) for outcome in outcomes],
        "kept": total,
        "skipped": dict(reasons),
        "conflicts": [_conflict_json(conflict) for conflict in conflicts],
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
        "skipped": record.reasons() if record else {},
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
