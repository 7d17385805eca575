"""`leaderboard measure` and `leaderboard verify`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from compression_leaderboard.cli.app import (
    Local,
    Number,
    Place,
    Root,
    Text,
    app,
    positive,
    refusal,
    refuse_unknown,
)
from compression_leaderboard.cli.plan import (
    NOTHING_TO_DO,
    CorpusFilter,
    ModelFilter,
    ProfileFilter,
    SuiteFilter,
    job_name,
    select_jobs,
)
from compression_leaderboard.wording import counted, plural

if TYPE_CHECKING:
    from compression_leaderboard.measure.local_engine import Limits
    from compression_leaderboard.measure.machine import Report
    from compression_leaderboard.plan.estimates import Estimate
    from compression_leaderboard.plan.jobs import Job
    from compression_leaderboard.records.rechecks import Recheck, Shard, ShardJob
    from compression_leaderboard.records.results import JobKey, Part, Result
    from compression_leaderboard.repository.files import JobLocks
    from compression_leaderboard.repository.results import StoredResult
    from compression_leaderboard.repository.specs import Specs

    Measured = Result | Recheck
    Start = Callable[[Iterator[Job], Report], Generator[tuple[Job, Measured]]]

INTERRUPTED = 130  # exit status of a program that Ctrl-C ended


@app.command()
def measure(
    root: Root = Path(),
    model: ModelFilter = None,
    suite: SuiteFilter = None,
    corpus: CorpusFilter = None,
    profile: ProfileFilter = None,
    local: Local = False,
    again: Annotated[bool, typer.Option("--again", help="Also measure what has a record.")] = False,
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="Where to run jobs: on this machine or on Ray.")
    ] = "local",
    memory: Annotated[Number, positive("Memory per job, in GB. Default: all.")] = None,
    timeout: Annotated[Number, positive("Minutes per job. Default: no limit.")] = None,
    shard: Annotated[Text, typer.Option(help="Only jobs of this shard: a file or JSON.")] = None,
    to: Annotated[Place, typer.Option(help="Folder for the records of a shard.")] = None,
    recheck: Annotated[Text, typer.Option(help="Repeat a sample of this record (run id).")] = None,
) -> None:
    """Measure what is missing; run it again to continue after an interruption.

    Example: `leaderboard measure --profile quick --local`
    """
    from compression_leaderboard.cli.reading import read_readable, read_rechecked, read_valid
    from compression_leaderboard.measure.local_engine import Limits
    from compression_leaderboard.measure.machine import read_machine
    from compression_leaderboard.plan.estimates import History
    from compression_leaderboard.plan.jobs import latest_results, plan_jobs
    from compression_leaderboard.records.base import UserError
    from compression_leaderboard.repository.results import RECHECKS, read_shards
    from compression_leaderboard.repository.specs import read_specs

    if (shard is None) != (to is None):
        raise UserError(["--shard and --to belong together; give both or neither"])
    if recheck is not None and (local or shard is not None):
        raise refusal("--recheck", "is given beside --local or --shard", "leave out one of the two")
    specs = read_valid(read_specs, root)
    base = to or root / "results" / ("local" if local else "measured")
    rechecks = to / RECHECKS if to else root / "results" / RECHECKS
    target = Target(root, base, rechecks, frozenset(base.rglob("*.json")))
    stored = read_readable(root, "local") if local else read_rechecked(root)[0]
    limits = Limits(int(memory * 1e9) if memory else None, timeout and timeout * 60)
    machine = read_machine(limits.memory_bytes)
    every = again or shard is not None or recheck is not None
    jobs = plan_jobs(specs, stored, every, machine)
    if shard is not None:
        jobs = _of_shards(read_shards(shard), jobs, stored, target)
    elif recheck is not None:
        jobs = [_of_record(recheck, jobs, stored, specs, root)]
    else:
        jobs = select_jobs(jobs, specs, model, suite, corpus, profile)
    for job in jobs:
        if job.blocked:
            print(f"{job_name(job)}: skipped: {job.blocked}", file=sys.stderr)
    jobs = [job for job in jobs if not job.blocked]
    if not jobs:
        print(NOTHING_TO_DO)
        return
    estimate = History((entry.result for entry in stored), specs.models, machine.device).estimate
    start = partial(_start, engine, specs, root.resolve(), limits, estimate)
    committed = latest_results(read_rechecked(root)[0]) if local else {}
    originals = {entry.run_id: entry.result for entry in stored}
    if _run(jobs, start, target, committed, originals):
        raise typer.Exit(1)


@dataclass(frozen=True)
class Target:
    """Where records go."""

    root: Path  # of the repository
    base: Path  # the folder of records
    rechecks: Path  # the folder of re-measurements
    before: frozenset[Path]  # files of records when the jobs were planned

    def write(self, result: Measured) -> str:
        """Write a record; return its path as shown."""
        from compression_leaderboard.records.results import Result
        from compression_leaderboard.repository.results import write_record

        base = self.base if isinstance(result, Result) else self.rechecks
        inside = base.is_relative_to(self.root)
        return write_record(base, self.root if inside else self.base.parent, result)


def _of_shards(
    shards: Sequence[Shard],
    planned: Sequence[Job],
    stored: Sequence[StoredResult],
    target: Target,
) -> list[Job]:
    """Select the jobs of shards that have no record in their folder yet."""
    from compression_leaderboard.cli.reading import report_unread
    from compression_leaderboard.plan.rechecks import recheck_job
    from compression_leaderboard.records.base import UserError
    from compression_leaderboard.repository.results import (
        RECHECKS,
        read_rechecks,
        read_records,
        write_shard,
    )

    by_key = {job.key: job for job in planned}
    originals = {entry.run_id: entry for entry in stored}
    listed = [job for shard in shards for job in shard.jobs]
    if unknown := [str(job) for job in listed if not _is_known(job, by_key, originals)]:
        raise UserError(f"--shard: {name}: is not in runs/; plan again" for name in unknown)
    for shard in shards:
        write_shard(target.base, shard)
    records, problems = read_records(target.base)
    rechecks, of_rechecks = read_rechecks(target.base, RECHECKS)
    report_unread([*problems, *of_rechecks])
    done: set[object] = {(e.result.key, e.result.part) for e in records if not e.result.error}
    done |= {entry.recheck.repeats for entry in rechecks if not entry.recheck.error}
    jobs: list[Job] = []
    for job in listed:
        if job.repeat is not None:
            if job.repeat.record not in done:
                entry = originals[job.repeat.record]
                jobs.append(recheck_job(by_key[job.key], entry, job.repeat.commit))
        elif (job.key, job.part) not in done:
            jobs.append(replace(by_key[job.key], part=job.part))
    return jobs


def _is_known(
    job: ShardJob, by_key: Mapping[JobKey, Job], originals: Mapping[str, StoredResult]
) -> bool:
    if job.repeat is None:
        return job.key in by_key
    original = originals.get(job.repeat.record)
    return job.key in by_key and original is not None and original.result.key == job.key


def _of_record(
    run_id: str,
    planned: Sequence[Job],
    stored: Sequence[StoredResult],
    specs: Specs,
    root: Path,
) -> Job:
    """Make the job that measures a sample of a record again."""
    from compression_leaderboard.plan.jobs import why_due
    from compression_leaderboard.plan.rechecks import recheck_job
    from compression_leaderboard.repository.provenance import read_provenance

    entry = next((entry for entry in stored if entry.run_id == run_id), None)
    if entry is None:
        raise refusal("--recheck", f"no record has the run id {run_id}", "see its page for the id")
    result = entry.result
    job = next((job for job in planned if job.key == result.key), None)
    spec = specs.find(result.kind, result.name)
    if job is None or spec is None or not result.counts or why_due(result, spec):
        repair = "measure it again as a whole with `leaderboard measure`"
        raise refusal("--recheck", f"{entry.file} is not of today's specs", repair)
    if (addition := read_provenance(root).get(entry.file)) is None:
        repair = "commit the record, or fetch the whole history"
        raise refusal("--recheck", f"no commit is known that brought {entry.file}", repair)
    return recheck_job(job, entry, addition.commit)


def _run(
    jobs: Sequence[Job],
    start: Start,
    target: Target,
    committed: Mapping[JobKey, StoredResult],
    originals: Mapping[str, Result],
) -> int:
    """Run jobs, write and report each record as it comes, and count the failures.

    committed: records that those of a local run are compared with. originals: records by run id,
    which re-measurements are compared with.
    """
    from compression_leaderboard.cli.progress import show_stages
    from compression_leaderboard.records.results import Result
    from compression_leaderboard.repository.files import JobLocks

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what a scheduler sends first
    done = failures = 0
    locks = JobLocks(target.root, target.base)
    due = _locked(jobs, locks, target)
    try:
        with show_stages() as report, closing(start(due, report)) as results:
            for job, result in results:
                file = target.write(result)
                locks.release(_lock_name(job))
                done += 1
                failures += result.error is not None
                line = f"[{done}/{len(jobs)}] {job_name(job)}: {_describe(result)} → {file}"
                print(line, file=sys.stderr)
                if isinstance(result, Result):
                    _remark(job, result, committed.get(job.key))
                else:
                    _compare(result, originals[result.repeats])
    except KeyboardInterrupt:
        print(
            f"stopped: {done} of {counted(len(jobs), 'job')} done and recorded; "
            "run `leaderboard measure` with the same options to continue",
            file=sys.stderr,
        )
        raise typer.Exit(INTERRUPTED) from None
    print(f"{done - failures} measured, {failures} failed")
    return failures


def _start(
    engine: str,
    specs: Specs,
    root: Path,
    limits: Limits,
    estimate: Callable[[Job], Estimate],
    jobs: Iterator[Job],
    report: Report,
) -> Generator[tuple[Job, Measured]]:
    """Measure jobs on an engine; yield each record as it comes."""
    from compression_leaderboard.records.base import UserError

    if engine == "local":
        from compression_leaderboard.measure.local_engine import run_local

        return run_local(jobs, specs, root, limits, report)
    try:
        from compression_leaderboard.measure.ray_engine import run_ray
    except ImportError:
        raise UserError(["--engine: ray is not installed; run `pip install '.[ray]'`"]) from None
    return run_ray(jobs, specs, root, limits, estimate)


def _locked(jobs: Iterable[Job], locks: JobLocks, target: Target) -> Iterator[Job]:
    """Lock jobs one by one, without those that another run measures or has just measured."""
    for job in jobs:
        if not locks.acquire(_lock_name(job)):
            print(f"{job_name(job)}: skipped: another run is measuring it", file=sys.stderr)
        elif job.sample is None and job.part in _parts_since(job, target):
            locks.release(_lock_name(job))
            print(f"{job_name(job)}: skipped: another run has just measured it", file=sys.stderr)
        else:
            yield job


def _parts_since(job: Job, target: Target) -> set[Part | None]:
    from compression_leaderboard.repository.results import written_since

    return {result.part for result in written_since(target.before, target.base, *job.key)}


def _lock_name(job: Job) -> str:
    return f"{'/'.join(job.key)}/{job.sample.repeats if job.sample else job.part}"


def _describe(result: Measured) -> str:
    from compression_leaderboard.records.rechecks import Recheck

    if result.error is not None:
        return f"failed ({result.error.reason}): {result.error.message}"
    if isinstance(result, Recheck):
        return f"{result.amount}, {result.environment.wall_seconds:.0f} s"
    value, unit, digits = _main_figure(result)
    return f"{value:.{digits}f} {unit}, {result.environment.wall_seconds:.0f} s"


def _main_figure(result: Result) -> tuple[float, str, int]:
    """Return the figure that the terminal shows for a record, its unit and its decimals."""
    from compression_leaderboard.board.derived import mean_score, preference_figure

    if result.lossless is not None:
        return result.lossless.bits_per_byte, "bits/byte", 4
    if result.preference is not None:
        return preference_figure(result.preference).value, "ln(bins) of preference information", 6
    if result.classical is not None:
        size = sum(document.bytes for document in result.classical.documents)
        best = min(result.classical.compressed, key=lambda text: text.whole_bytes)
        return 8 * best.whole_bytes / size, f"bits/byte ({best.name}, the smallest)", 4
    if result.part is not None:
        leaves = [leaf for task in result.tasks for leaf in (task.subtasks or (task,))]
        items = sum(len(leaf.responses) for leaf in leaves)
        return float(items), plural(items, "item"), 0
    return mean_score(result.tasks)[0], "mean score", 4


def _compare(recheck: Recheck, original: Result) -> None:
    """Print whether a record agrees with its re-measurement."""
    from compression_leaderboard.plan.rechecks import compare_recheck

    if (outcome := compare_recheck(original, recheck)) is not None:
        print(f"{original.model} {original.kind} {original.name}: {outcome}")


def _remark(job: Job, result: Result, committed: StoredResult | None) -> None:
    """Print a loss of text, and compare a local record with the committed one."""
    if (lossless := result.lossless) is not None and lossless.failing_bytes:
        lost = f"{lossless.failing_bytes} of {counted(lossless.bytes, 'byte')}"
        wrong = f"the tokenizer does not reproduce the text ({lost})"
        print(f"{job_name(job)}: {wrong}; kept, but not ranked", file=sys.stderr)
    if committed is None:
        return
    if result.error is not None:
        print(f"{result.name}: your machine failed, nothing to compare")
        return
    record = committed.result
    (here, unit, digits), (there, *_) = _main_figure(result), _main_figure(record)
    ours, theirs = result.environment.dtype, record.environment.dtype
    formats = f" ({ours} here, {theirs} there)" if ours else ""
    print(
        f"{result.name}: your machine: {here:.{digits}f} {unit}, "
        f"record {there:.{digits}f}, difference {here - there:+.{digits}f}{formats}"
    )


@app.command()
def verify(
    model: Annotated[str, typer.Argument(help="The id of a model.")],
    corpus: Annotated[str, typer.Argument(help="The corpus from which the sample is taken.")],
    root: Root = Path(),
    sample_bytes: Annotated[int, typer.Option("--bytes", min=1, help="Size of the sample.")] = 4096,
    local: Local = False,
) -> None:
    """Compress a sample with a model, decompress it in a fresh process, and record the proof.

    Example: `leaderboard verify HuggingFaceTB__SmolLM2-135M-Instruct@Q4_1 sotu --local`
    """
    from compression_leaderboard.cli.progress import show_stages
    from compression_leaderboard.cli.reading import read_valid
    from compression_leaderboard.measure.proof import prove_model
    from compression_leaderboard.repository.results import write_record
    from compression_leaderboard.repository.specs import read_specs

    specs = read_valid(read_specs, root)
    refuse_unknown(
        {"model": ("model", model, specs.models), "corpus": ("corpus", corpus, specs.corpora)}
    )
    with show_stages() as report:
        text = specs.corpora[corpus]
        result = prove_model(specs.models[model], text, sample_bytes, root.resolve(), report)
    base = root / "results" / ("local" if local else "measured")
    file = write_record(base, root, result)
    if (proof := result.proof) is None:
        print(f"{_describe(result)} → {file}")
        raise typer.Exit(1)
    sample = counted(proof.sample_bytes, "byte")
    rate = 8 * proof.compressed_bytes / proof.sample_bytes
    lost = (proof.bits_quantised - proof.bits_ideal) / proof.tokens
    print(
        f"{sample} of {result.name} → {counted(proof.compressed_bytes, 'byte')} "
        f"({rate:.4f} bits/byte, without the header of {counted(proof.header_bytes, 'byte')}) → "
        f"{sample}, equal\n"
        f"cost {proof.bits_ideal:.1f} bits by the model's probabilities, "
        f"{proof.bits_quantised:.1f} by the coder's weights ({lost:+.4f} bits per token) → {file}"
    )
