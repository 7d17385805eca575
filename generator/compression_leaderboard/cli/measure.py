"""`leaderboard measure`."""

import dataclasses
import signal
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import Progress

from compression_leaderboard.board.derived import preference_figure
from compression_leaderboard.cli.app import Root, app, valid_specs
from compression_leaderboard.cli.plan import (
    CorpusFilter,
    ModelFilter,
    ProfileFilter,
    SuiteFilter,
    job_name,
    select_jobs,
)
from compression_leaderboard.plan.estimates import Estimate, History
from compression_leaderboard.plan.jobs import Job, JobKey, latest_results, plan_jobs, result_key
from compression_leaderboard.records.base import UserError
from compression_leaderboard.records.jobs import Shard
from compression_leaderboard.records.results import Lossless, Result
from compression_leaderboard.repository.results import (
    JobLocks,
    StoredResult,
    list_records,
    read_records,
    read_results,
    read_shards,
    write_record,
    write_shard,
    written_since,
)
from compression_leaderboard.repository.specs import Specs

if TYPE_CHECKING:
    from compression_leaderboard.measure.engines.local import Limits


def summary(result: Result) -> str:
    if result.error is not None:
        return f"failed ({result.error.reason}): {result.error.message}"
    value, unit, digits = _headline(result)
    return f"{value:.{digits}f} {unit}, {result.environment.wall_seconds:.0f} s"


def _headline(result: Result) -> tuple[float, str, int]:
    """The one figure that stands for a record on the terminal, its unit and its decimals."""
    if result.lossless is not None:
        return result.lossless.bits_per_byte, "bits/byte", 4
    if result.preference is not None:
        return preference_figure(result.preference).value, "ln(bins) of preference information", 6
    if result.classical is not None:
        raw = sum(document.bytes for document in result.classical.documents)
        best = min(result.classical.compressed, key=lambda text: text.whole_bytes)
        return 8 * best.whole_bytes / raw, f"bits/byte ({best.name}, the smallest)", 4
    if result.part is not None:
        leaves = [leaf for task in result.tasks for leaf in (task.subtasks or (task,))]
        return float(sum(len(leaf.responses) for leaf in leaves)), "items", 0
    main = [_main_score(task) for task in result.tasks]
    return sum(main) / len(main), "mean score", 4


def _main_score(task: Any) -> float:
    return next(float(s.value) for s in task.scores if s.metric == task.task.metric)


def not_ranked(lossless: Lossless) -> str:
    scored = sum(document.bytes for document in lossless.documents)
    wrong = "the tokenizer does not give the text back"
    return f"{wrong} ({lossless.failing_bytes} of {scored} bytes); kept, but not ranked"


def comparison(result: Result, record: Result) -> str:
    """One line that holds a local figure against the committed one."""
    if result.error is not None:
        return f"{result.name}: your machine failed, nothing to compare"
    (ours, unit, digits), (theirs, *_) = _headline(result), _headline(record)
    here, there = result.environment.dtype, record.environment.dtype
    formats = f" ({here} here, {there} there)" if here else ""
    return (
        f"{result.name}: your machine: {ours:.{digits}f} {unit}, "
        f"record {theirs:.{digits}f}, difference {ours - theirs:+.{digits}f}{formats}"
    )


progress_console = Console(stderr=True)
INTERRUPTED = 130  # exit status of a program that Ctrl-C ended


@app.command()
def measure(
    root: Root = Path(),
    model: ModelFilter = None,
    suite: SuiteFilter = None,
    corpus: CorpusFilter = None,
    profile: ProfileFilter = None,
    local: Annotated[bool, typer.Option("--local", help="Write to results/local.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also what has a record.")] = False,
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="Where jobs run: on this machine or on Ray.")
    ] = "local",
    memory: Annotated[
        float | None, typer.Option(help="GB that a job may use; all there is if left out.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(help="Minutes that a job may take; no limit if left out.")
    ] = None,
    shard: Annotated[
        str | None, typer.Option(help="Only the jobs of this shard: a file, or JSON itself.")
    ] = None,
    to: Annotated[Path | None, typer.Option(help="Folder for the records of a shard.")] = None,
) -> None:
    """Measure what is missing; killed and run again, it goes on.

    Example: `leaderboard measure --profile quick --local`
    """
    from compression_leaderboard.measure.engines.local import Limits
    from compression_leaderboard.measure.record import read_machine

    if (shard is None) != (to is None):
        raise UserError(["--shard and --to belong together; give both or neither"])
    specs = valid_specs(root)
    folder = "local" if local else "measured"
    base = to or root / "results" / folder
    before = list_records(base)
    stored, _ = read_results(root, folder)
    committed = latest_results(read_results(root, "measured")[0]) if local else {}
    limits = Limits(int(memory * 1e9) if memory else None, timeout * 60 if timeout else None)
    machine = read_machine(limits.memory_bytes)
    planned = plan_jobs(specs, stored, again or shard is not None, machine)
    if shard is not None:
        jobs = _of_shards(read_shards(shard), planned, base)
    else:
        jobs = select_jobs(planned, specs, model, suite, corpus, profile)
    for job in jobs:
        if job.blocked:
            print(f"{job_name(job)}: left out, {job.blocked}", file=sys.stderr)
    jobs = [job for job in jobs if not job.blocked]
    if not jobs:
        print("nothing to do: every record is there and of today's protocol")
        return
    history = History((entry.result for entry in stored), specs.models, machine.device)
    run = Run(root, base, specs, limits, before, committed)
    failures = _run(jobs, run, engine, history.estimate)
    if failures:
        raise typer.Exit(1)


@dataclass(frozen=True)
class Run:
    """What all jobs of one command share."""

    root: Path
    base: Path  # folder of the records
    specs: Specs
    limits: "Limits"
    before: frozenset[Path]  # files of records when the jobs were planned
    committed: Mapping[JobKey, StoredResult]  # what a local run is compared with


def _of_shards(shards: Sequence[Shard], planned: Sequence[Job], base: Path) -> list[Job]:
    """The jobs of shards that have no record in their folder yet."""
    by_key = {job.key: job for job in planned}
    wanted = [asked for shard in shards for asked in shard.jobs]
    if unknown := [str(asked) for asked in wanted if asked.key not in by_key]:
        raise UserError(f"--shard: {name}: is not in runs/; plan again" for name in unknown)
    for shard in shards:
        write_shard(base, shard)
    here = [entry.result for entry in read_records(base, base)[0] if entry.result.error is None]
    done = {(result_key(result), result.part) for result in here}
    return [
        dataclasses.replace(by_key[asked.key], part=asked.part)
        for asked in wanted
        if (asked.key, asked.part) not in done
    ]


def _run(jobs: Sequence[Job], run: Run, engine: str, costs: Callable[[Job], Estimate]) -> int:
    """Run jobs, write each record as it comes, and say so; the number of failures."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what a scheduler sends first
    done = failures = 0
    locks = JobLocks(run.root, run.base)
    due = _locked(jobs, locks, run.base, run.before)
    quiet = not progress_console.is_terminal
    try:
        with Progress(console=progress_console, transient=True, disable=quiet) as progress:
            bar = progress.add_task("loading", total=None)

            def report(stage: str, done: int, total: int) -> None:
                progress.update(bar, description=stage, completed=done, total=total)

            with closing(_start(due, run, engine, costs, report)) as results:
                for job, result in results:
                    file = write_record(run.base, _shown_from(run), result)
                    locks.release(_lock_name(job))
                    done += 1
                    failures += result.error is not None
                    line = f"[{done}/{len(jobs)}] {job_name(job)}: {summary(result)} → {file}"
                    print(line, file=sys.stderr)
                    _remark(job, result, run)
    except KeyboardInterrupt:
        print(f"stopped: {done} of {len(jobs)} jobs are done and kept", file=sys.stderr)
        print("`leaderboard measure` with the same options goes on", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    print(f"{done - failures} measured, {failures} failed")
    return failures


def _start(
    jobs: Iterator[Job],
    run: Run,
    engine: str,
    costs: Callable[[Job], Estimate],
    report: Callable[[str, int, int], None],
) -> Generator[tuple[Job, Result]]:
    """Records of the jobs, by the engine that was asked for, as they come."""
    from compression_leaderboard.measure.engines.local import run_local
    from compression_leaderboard.measure.record import Workplace

    place = Workplace(run.root.resolve(), run.root.resolve() / "build" / "cache")
    if engine == "local":
        return run_local(jobs, run.specs, place, run.limits, report)
    try:
        from compression_leaderboard.measure.engines.ray import run_ray
    except ImportError:
        raise UserError(["--engine: ray is not installed; pip install '.[ray]'"]) from None
    return run_ray(jobs, run.specs, place, run.limits, costs)


def _remark(job: Job, result: Result, run: Run) -> None:
    """What a reader of the terminal must know about a record beyond its figure."""
    if result.lossless is not None and result.lossless.failing_bytes:
        print(f"{job_name(job)}: {not_ranked(result.lossless)}", file=sys.stderr)
    if known := run.committed.get(job.key):
        print(comparison(result, known.result))


def _shown_from(run: Run) -> Path:
    """Paths of records are shown from the repository, or from where --to stands."""
    return run.root if run.base.is_relative_to(run.root) else run.base.parent


def _locked(
    jobs: Iterable[Job], locks: JobLocks, base: Path, before: frozenset[Path]
) -> Iterator[Job]:
    """Jobs that no other run is at or has done since `before`; locked one by one."""
    for job in jobs:
        if not locks.acquire(_lock_name(job)):
            print(f"{job_name(job)}: left to another run, which is at it", file=sys.stderr)
        elif job.part in {result.part for result in written_since(before, base, *job.key)}:
            locks.release(_lock_name(job))
            print(f"{job_name(job)}: left out, another run has just done it", file=sys.stderr)
        else:
            yield job


def _lock_name(job: Job) -> str:
    return f"{'/'.join(job.key)}/{job.part}"
