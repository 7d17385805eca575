"""`leaderboard measure`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from generator.cli.app import Root, app, valid_specs
from generator.cli.jobs import (
    CorpusFilter,
    ModelFilter,
    ProfileFilter,
    SuiteFilter,
    job_name,
    select_jobs,
)
from generator.files.results import read_results, write_result
from generator.plan import latest_results, plan_jobs
from generator.records.results import Lossless, Result
from generator.tables.preferences import preference_figure

progress_console = Console(stderr=True)


@app.command()
def measure(
    root: Root = Path(),
    model: ModelFilter = None,
    suite: SuiteFilter = None,
    corpus: CorpusFilter = None,
    profile: ProfileFilter = None,
    local: Annotated[bool, typer.Option("--local", help="Write to results/local.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also what has a record.")] = False,
) -> None:
    """Measure what is missing; killed and run again, it goes on.

    Example: `leaderboard measure --profile quick --local`
    """
    from generator.measure.run import Workplace, run_jobs

    specs = valid_specs(root)
    folder = "local" if local else "measured"
    stored, _ = read_results(root, folder)
    committed = latest_results(read_results(root, "measured")[0]) if local else {}
    planned = plan_jobs(specs, stored, again=again)
    jobs = select_jobs(planned, specs, model, suite, corpus, profile)
    for job in jobs:
        if job.blocked:
            print(f"{job_name(job)}: left out, {job.blocked}", file=sys.stderr)
    jobs = [job for job in jobs if not job.blocked]
    if not jobs:
        print("nothing to do: every record is there and of today's protocol")
        return
    failures = 0
    place = Workplace(root.resolve(), root.resolve() / "build" / "cache")
    quiet = not progress_console.is_terminal
    with Progress(console=progress_console, transient=True, disable=quiet) as progress:
        bar = progress.add_task("loading", total=None)

        def report(stage: str, done: int, total: int) -> None:
            progress.update(bar, description=stage, completed=done, total=total)

        for number, (job, result) in enumerate(run_jobs(jobs, specs, place, report), start=1):
            file = write_result(root, folder, result)
            failures += result.error is not None
            line = f"[{number}/{len(jobs)}] {job_name(job)}: {_summary(result)} → {file}"
            print(line, file=sys.stderr)
            if result.lossless is not None and result.lossless.failing_bytes:
                print(f"{job_name(job)}: {_not_ranked(result.lossless)}", file=sys.stderr)
            if known := committed.get(job.key):
                print(_comparison(result, known.result))
    print(f"{len(jobs) - failures} measured, {failures} failed")
    if failures:
        raise typer.Exit(1)


def _summary(result: Result) -> str:
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
    main = [_main_score(task) for task in result.tasks]
    return sum(main) / len(main), "mean score", 4


def _main_score(task: Any) -> float:
    return next(float(s.value) for s in task.scores if s.metric == task.task.metric)


def _not_ranked(lossless: Lossless) -> str:
    scored = sum(document.bytes for document in lossless.documents)
    wrong = "the tokenizer does not give the text back"
    return f"{wrong} ({lossless.failing_bytes} of {scored} bytes); kept, but not ranked"


def _comparison(result: Result, record: Result) -> str:
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
