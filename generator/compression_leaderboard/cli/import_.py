"""`leaderboard import`."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from compression_leaderboard.board.imported import Conflict, find_conflicts
from compression_leaderboard.cli.app import AsJson, Root, app
from compression_leaderboard.exchange.every_eval_ever import import_every_eval_ever
from compression_leaderboard.exchange.lm_eval import import_lm_eval
from compression_leaderboard.exchange.strict_json import LARGEST_BYTES, IntakeError, printable
from compression_leaderboard.pages.text import counted
from compression_leaderboard.records.base import Problem, UserError
from compression_leaderboard.records.imported import Imported
from compression_leaderboard.repository.imported import (
    find_sources,
    read_imported,
    read_source,
    write_imported,
)

Parse = Callable[[str, bytes, str | None], Imported]


@dataclass(frozen=True)
class Outcome:
    """What became of one file."""

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
    model: Annotated[
        str | None, typer.Option("--model", help="The model of files that do not name one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take over results that others have: lm-eval result files of every age.

    Example: `leaderboard import results/ run.json`
    """
    parse: Parse = import_every_eval_ever if every_eval_ever else import_lm_eval
    stored, problems = read_imported(root)
    if problems:
        raise UserError(problems)
    earlier = [entry.imported for entry in stored]
    sources = list(find_sources(files))
    outcomes = list(_import_all(root, sources, parse, model, earlier))
    ours = {o.record.source.sha256 for o in outcomes if o.record}
    new = [o.record for o in outcomes if o.record and o.is_new]
    conflicts = [
        conflict
        for conflict in find_conflicts([*earlier, *new])
        if any(reading.imported.source.sha256 in ours for reading in conflict.readings)
    ]
    if as_json:
        print(json.dumps(_as_json(outcomes, conflicts), indent=1, ensure_ascii=False))
    else:
        print("\n".join(_report(outcomes, conflicts)))
    if refused := [outcome.problem for outcome in outcomes if outcome.problem]:
        raise UserError(refused)
    if not sources:
        raise UserError([Problem(str(files[0]), "", "holds no *.json", "name the files")])


def _import_all(
    root: Path,
    sources: Sequence[Path],
    parse: Parse,
    model: str | None,
    earlier: Iterable[Imported],
) -> Iterator[Outcome]:
    """Every file's outcome, in order; a record is on the disk before its outcome comes."""
    known = {record.source.sha256: record for record in earlier}
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("importing", total=len(sources))

        def parsed() -> Iterator[tuple[Outcome, Imported | None]]:
            for path in sources:
                outcome = _parse(path, parse, model, known)
                yield outcome, outcome.record if outcome.is_new else None

        for outcome, error in write_imported(root, parsed()):
            progress.advance(bar)
            if error is None:
                yield outcome
            else:
                wrong = f"its record cannot be written: {error.strerror}"
                problem = Problem(outcome.file, "", wrong, "make room and import it again")
                yield Outcome(outcome.file, problem=problem)


def _parse(path: Path, parse: Parse, model: str | None, known: dict[str, Imported]) -> Outcome:
    """One file, read and judged. known: what is imported already, by hash; it grows."""
    shown = printable(str(path))
    try:
        content = read_source(path, LARGEST_BYTES)
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
    """A line a file, the sum, why entries were skipped, and what disagrees."""
    from compression_leaderboard.pages.data_pages import describe_conflict

    width = max((len(outcome.file) for outcome in outcomes), default=4)
    yield f"{'file':{width}}  {'outcome':16}  scores kept  entries skipped"
    for outcome in outcomes:
        kept, left = ("–", "–")
        if outcome.record is not None:
            kept, left = str(outcome.record.kept), str(len(outcome.record.skipped))
        yield f"{outcome.file:{width}}  {outcome.word:16}  {kept:>11}  {left:>15}"
        for line in _remarks(outcome):
            yield f"{'':{width}}  {line}"
    words = Counter(outcome.word for outcome in outcomes)
    files = ", ".join(f"{words[word]} {word}" for word in words)
    total, reasons = _sums(outcomes)
    yield f"{counted(len(outcomes), 'file')}: {files or 'none'}"
    skipped = counted(sum(reasons.values()), "entry")
    yield f"{counted(total, 'score')} kept, {skipped} skipped"
    yield from (f"  {count} × {reason}" for reason, count in reasons.most_common())
    for conflict in conflicts:
        yield describe_conflict(conflict)


def _remarks(outcome: Outcome) -> list[str]:
    """Why entries were skipped, and what the reader of a file's figures must know."""
    record = outcome.record
    if record is None:
        return []
    skipped = [f"{count} × {reason}" for reason, count in record.reasons().items()]
    return [*skipped, *record.notes]


def _sums(outcomes: Iterable[Outcome]) -> tuple[int, Counter[str]]:
    """Scores kept and reasons of skipped entries, over all files that are not refused."""
    kept, reasons = 0, Counter[str]()
    for outcome in outcomes:
        if outcome.record is not None:
            kept += outcome.record.kept
            reasons.update(outcome.record.reasons())
    return kept, reasons


def _as_json(outcomes: Sequence[Outcome], conflicts: Sequence[Conflict]) -> dict[str, Any]:
    kept, reasons = _sums(outcomes)
    return {
        "files": [
            {
                "file": outcome.file,
                "outcome": outcome.word,
                "why": str(outcome.problem) if outcome.problem else None,
                "model": outcome.record.model.title if outcome.record else None,
                "record": f"results/imported/{outcome.record.file}" if outcome.record else None,
                "kept": outcome.record.kept if outcome.record else 0,
                "skipped": outcome.record.reasons() if outcome.record else {},
                "notes": list(outcome.record.notes) if outcome.record else [],
            }
            for outcome in outcomes
        ],
        "kept": kept,
        "skipped": dict(reasons),
        "conflicts": [
            {
                "model": conflict.readings[0].imported.model.title,
                "task": conflict.readings[0].task.task,
                "metric": conflict.readings[0].score.metric,
                "filter": conflict.readings[0].score.filter,
                "few_shot": conflict.readings[0].task.few_shot,
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
            for conflict in conflicts
        ],
    }
