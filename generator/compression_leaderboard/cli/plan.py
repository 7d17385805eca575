"""`leaderboard plan`, and the jobs that a command selects."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compression_leaderboard.cli.app import (
    AsJson,
    Local,
    Root,
    Text,
    align,
    app,
    print_answer,
    refuse_unknown,
)
from compression_leaderboard.wording import counted

if TYPE_CHECKING:
    from compression_leaderboard.plan.estimates import Estimate, Runner
    from compression_leaderboard.plan.jobs import Job, Machine
    from compression_leaderboard.repository.results import StoredRecheck, StoredResult
    from compression_leaderboard.repository.specs import Specs

ModelFilter = Annotated[
    str | None, typer.Option("--model", help="Only this id, or classical for the compressors.")
]
SuiteFilter = Annotated[Text, typer.Option("--suite", help="Only this suite.")]
CorpusFilter = Annotated[Text, typer.Option("--corpus", help="Only this corpus.")]
ProfileFilter = Annotated[
    str | None, typer.Option("--profile", help="Only what this profile lists.")
]
NOTHING_TO_DO = "nothing to do: every record exists and follows the current protocol"


@app.command()
def plan(
    root: Root = Path(),
    model: ModelFilter = None,
    suite: SuiteFilter = None,
    corpus: CorpusFilter = None,
    profile: ProfileFilter = None,
    local: Local = False,
    sentinel: Annotated[bool, typer.Option("--sentinel", help="Add the sentinel, if due.")] = False,
    rechecks: Annotated[
        bool, typer.Option("--rechecks", help="Add samples of contributed records, if due.")
    ] = False,
    pin: Annotated[bool, typer.Option("--pin", help="Pin datasets that have no revision.")] = False,
    as_json: AsJson = False,
    matrix: Annotated[bool, typer.Option("--matrix", help="Print a workflow matrix.")] = False,
    max_jobs: Annotated[int, typer.Option(min=1, help="Most shards in a matrix.")] = 256,
    max_minutes: Annotated[float, typer.Option(min=1, help="Longest shard, in minutes.")] = 300,
    max_memory: Annotated[float, typer.Option(min=1, help="Memory of a runner, in GB.")] = 16,
    max_disk: Annotated[float, typer.Option(min=1, help="Disk of a runner, in GB.")] = 14,
) -> None:
    """List missing and stale jobs with the reason, and the cost estimated from past records.

    Example: `leaderboard plan --matrix --max-jobs 256 --max-minutes 300`
    """
    from compression_leaderboard.cli.reading import read_readable, read_rechecked, read_valid
    from compression_leaderboard.measure.machine import read_machine
    from compression_leaderboard.plan.estimates import History, Runner, why_too_large
    from compression_leaderboard.plan.jobs import plan_jobs, plan_sentinel
    from compression_leaderboard.repository.specs import read_specs

    specs = read_valid(read_specs, root)
    if pin:
        _pin(root)
        specs = read_valid(read_specs, root)
    stored, samples = (read_readable(root, "local"), []) if local else read_rechecked(root)
    machine = read_machine()
    jobs = plan_jobs(specs, stored, machine=machine)
    jobs = select_jobs(jobs, specs, model, suite, corpus, profile)
    history = History((entry.result for entry in stored), specs.models, machine.device)
    costs = [(job, history.estimate(job)) for job in jobs]
    runner = Runner(max_jobs, max_minutes, max_memory * 1e9, max_disk * 1e9)
    if sentinel:
        beside = any(not job.blocked and not why_too_large(job, c, runner) for job, c in costs)
        if (control := plan_sentinel(specs, stored, machine, beside)) is not None:
            costs.append((control, history.estimate(control)))
    if rechecks:
        costs += _cost_rechecks(root, specs, stored, samples, runner, machine)
    if matrix:
        _print_matrix(costs, runner)
        return
    listed = ("kind", "name", "why", "blocked")
    rows = [
        {"model": job.model.id, "revision": job.checkpoint.revision}
        | {field: getattr(job, field) for field in listed}
        | vars(cost)
        for job, cost in costs
    ]
    print_answer(as_json, rows, _table(costs) if costs else [NOTHING_TO_DO])


def _cost_rechecks(
    root: Path,
    specs: Specs,
    stored: Sequence[StoredResult],
    samples: Sequence[StoredRecheck],
    runner: Runner,
    machine: Machine,
) -> list[tuple[Job, Estimate]]:
    """Plan the re-measurements that are due, with their cost by the board's own records."""
    from compression_leaderboard.measure.machine import mirror_address
    from compression_leaderboard.plan.estimates import History
    from compression_leaderboard.plan.rechecks import (
        choose_rechecks,
        estimate_recheck,
        plan_rechecks,
    )
    from compression_leaderboard.repository.provenance import read_provenance

    additions = read_provenance(root)
    jobs = plan_rechecks(specs, stored, samples, additions, machine)
    own_files = {file for file, a in additions.items() if a.provenance != "contributor"}
    trusted = (entry.result for entry in stored if entry.file in own_files)
    history = History(trusted, specs.models, machine.device)
    if not mirror_address():
        jobs = [_block_mirrored(job, specs) for job in jobs]
    return choose_rechecks([(job, estimate_recheck(history, job)) for job in jobs], runner)


def select_jobs(
    jobs: list[Job],
    specs: Specs,
    model: str | None,
    suite: str | None,
    corpus: str | None,
    profile: str | None,
) -> list[Job]:
    """Filter jobs; an unknown name is an error that lists the known ones."""
    from compression_leaderboard.measure.machine import mirror_address
    from compression_leaderboard.records.results import CLASSICAL

    refuse_unknown(
        {
            "--model": ("model", model, {*specs.models, CLASSICAL.id}),
            "--suite": ("suite", suite, specs.suites),
            "--corpus": ("corpus", corpus, {**specs.corpora, **specs.preferences}),
            "--profile": ("profile", profile, specs.profiles),
        }
    )
    if model:
        jobs = [job for job in jobs if job.model.id == model]
    if suite or corpus:
        jobs = [job for job in jobs if job.name == (suite if job.kind == "suite" else corpus)]
    if profile:
        listed = specs.profiles[profile]
        names = {"suite": listed.suites, "corpus": listed.corpora}
        jobs = [j for j in jobs if j.model.id in listed.models and j.name in names[j.kind]]
    return jobs if mirror_address() else [_block_mirrored(job, specs) for job in jobs]


def _block_mirrored(job: Job, specs: Specs) -> Job:
    """Block a job whose documents come from a local mirror."""
    mirrored = specs.suites[job.name].mirrored if job.kind == "suite" else []
    if not mirrored or job.blocked:
        return job
    needs = f"needs a local mirror of {', '.join(mirrored)}"
    return replace(job, blocked=f"{needs}; set HF_ENDPOINT to its address")


def job_name(job: Job) -> str:
    place = job.model.id
    if len(job.model.revisions()) > 1:
        place += f" at {counted(job.checkpoint.tokens_seen, 'token')}"
    part = f" part {job.part.number} of {job.part.of}" if job.part else ""
    if job.sample:
        part = f", a sample of {job.sample.repeats}"
    return f"{place} {job.kind} {job.name}{part}"


def _print_matrix(costs: Sequence[tuple[Job, Estimate]], runner: Runner) -> None:
    """Print shards on one line of stdout, for fromJSON, and the jobs in none on stderr."""
    from compression_leaderboard.plan.estimates import pack_shards

    shards, waiting = pack_shards([(j, cost) for j, cost in costs if not j.blocked], runner)
    include = {"include": [shard.content for shard in shards]}
    print(json.dumps(include, separators=(",", ":")))
    blocked = [(job, f"blocked: {job.blocked}") for job, _ in costs if job.blocked]
    for job, why in [*waiting, *blocked]:
        print(f"{job_name(job)}: {why}", file=sys.stderr)


def _table(costs: Sequence[tuple[Job, Estimate]]) -> list[str]:
    """Lay out one line per job: what and why, time with its typical error, memory, download."""
    rows = []
    for job, cost in costs:
        time = memory = download = "–"
        if cost.seconds is not None:
            factor = f" ×÷ {cost.seconds_factor:.1f}" if cost.seconds_factor else ""
            time = f"{cost.seconds:.0f} s{factor}"
        if cost.memory_bytes is not None:
            memory = f"{cost.memory_bytes / 1e9:.1f} GB"
        if cost.download_bytes is not None:
            download = f"{cost.download_bytes / 1e9:.1f} GB to fetch" if cost.download_bytes else ""
        blocked = f"blocked: {job.blocked}" if job.blocked else ""
        rows.append((f"{job_name(job)}: {job.why}", time, memory, download, blocked))
    ready = [cost.seconds for job, cost in costs if not job.blocked]
    known = [seconds for seconds in ready if seconds is not None]
    total = f"{counted(len(ready), 'job')} can run"
    if known:
        total += (
            f", {len(known)} of them in about {sum(known) / 60:.0f} min without loading weights"
        )
    return [*align(rows, right=(1, 2, 3)), total]


def _pin(root: Path) -> None:
    from compression_leaderboard.measure.harness import hash_mirrored
    from compression_leaderboard.measure.hub import resolve_dataset
    from compression_leaderboard.measure.machine import mirror_address
    from compression_leaderboard.repository.specs import pin_spec

    source = f" (from {address}, not from the Hub)" if (address := mirror_address()) else ""
    folders = [root / "runs" / kind for kind in ("suites", "corpora")]
    for path in sorted(path for folder in folders for path in folder.glob("*.toml")):
        pinned = pin_spec(root, path, resolve_dataset, lambda name: hash_mirrored(name)[1])
        for name, revision in pinned:
            print(f"{path.name}: {name} → {revision}{source}", file=sys.stderr)
