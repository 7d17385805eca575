"""Verify the records of shards against the specs, and sort them for merging.

Reading has already checked that a record is well formed, finite and in the file of its hash. The
outcome depends on the set of records alone, not on their order or number of copies.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import get_args

from compression_leaderboard.gate.impossible import (
    Known,
    why_impossible,
    why_impossible_recheck,
)
from compression_leaderboard.plan.jobs import why_due
from compression_leaderboard.records.models import Suite
from compression_leaderboard.records.rechecks import Recheck, Shard
from compression_leaderboard.records.results import CLASSICAL, JobKey, Reason, Result
from compression_leaderboard.repository.results import StoredRecheck, StoredResult
from compression_leaderboard.repository.specs import Specs

PartKey = tuple[JobKey, int]  # the job, and into how many parts it was cut


def why_refused(result: Result, specs: Specs, known: Known) -> str | None:
    """Return why a record is not accepted as one that the specs ask for, or None."""
    if reason := _why_not_planned(result, specs):
        return reason
    if result.error is not None:
        if result.error.reason not in get_args(Reason):  # as earlier records may have it
            return f'failed for the unknown reason "{result.error.reason}"'
    else:
        if (spec := specs.find(result.kind, result.name)) is None:
            return f"the file of {result.kind} {result.name} has a problem"
        if stale := why_due(result, spec):
            return f"was measured for another spec ({stale.removeprefix('stale: ')})"
        if isinstance(spec, Suite) and tuple(task.task for task in result.tasks) != spec.tasks:
            return "does not say which files of its tasks it ran"
    return why_impossible(result, known)


def _why_not_planned(result: Result, specs: Specs) -> str | None:
    if result.model == CLASSICAL.id:
        listed, revisions = list(specs.corpora), {CLASSICAL.revision}
    elif (model := specs.models.get(result.model)) is not None:
        listed = list(model.suites if result.kind == "suite" else model.corpora)
        revisions = model.revision_ids
    else:
        return f'model "{result.model}" is not in runs/models'
    if result.revision not in revisions:
        return f"revision {result.revision} is not in the model's file"
    if result.name not in listed:
        return f"the model's file does not ask for {result.kind} {result.name}"
    return None


@dataclass(frozen=True)
class Collected:
    """Records by their outcome."""

    whole: list[Result]  # failures of whole jobs as well
    complete: dict[PartKey, list[Result]]  # parts in order
    refused: list[str]  # one line each
    missing: list[str]  # planned, with no record that counts


def sort_records(
    stored: Sequence[StoredResult], shards: Iterable[Shard], specs: Specs, known: Known
) -> Collected:
    """Accept or refuse records, and put the parts of a job together. shards: the plan."""
    jobs = (job for shard in shards for job in shard.jobs if job.repeat is None)
    planned = {(job.key, job.part): job for job in jobs}
    accepted: dict[str, Result] = {}
    refused = []
    for entry in sorted(stored, key=lambda e: e.file):
        result = entry.result
        reason = why_refused(result, specs, known)
        if reason is None and (result.key, result.part) not in planned:
            reason = "no shard planned it"
        if reason is None:
            accepted[result.run_id] = result
        else:
            refused.append(f"{entry.file}: {reason}; it is left out")
    parts: dict[PartKey, dict[int, Result]] = defaultdict(dict)
    done = set()
    for result in sorted(accepted.values(), key=lambda r: r.recency):
        if result.error is None:
            done.add((result.key, result.part))
            if result.part is not None:  # the newest counts
                parts[result.key, result.part.of][result.part.number] = result
    failed = {
        (entry.result.key, entry.result.part): f"failed ({entry.result.error.reason})"
        for entry in stored
        if entry.result.error is not None
    }
    return Collected(
        whole=[result for _, result in sorted(accepted.items()) if result.part is None],
        complete={
            key: [numbered[k] for k in sorted(numbered)]
            for key, numbered in parts.items()
            if len(numbered) == key[1]
        },
        refused=refused,
        missing=sorted(
            f"{job}: {failed.get(place, 'no record')}"
            for place, job in planned.items()
            if place not in done
        ),
    )


def why_recheck_refused(
    recheck: Recheck, originals: Mapping[str, Result], commits: Mapping[str, str], latest: date
) -> str | None:
    """Return why a new re-measurement is not accepted, or None.

    originals, commits: records by run id, and the commits that brought them. latest: the last day.
    """
    if recheck.error is not None and recheck.error.reason not in get_args(Reason):
        return f'failed for the unknown reason "{recheck.error.reason}"'
    return why_impossible_recheck(recheck, originals, commits, latest)


def sort_rechecks(
    rechecks: Iterable[StoredRecheck],
    shards: Iterable[Shard],
    originals: Mapping[str, Result],
    commits: Mapping[str, str],
    latest: date,
) -> tuple[list[Recheck], list[str], list[str]]:
    """Accept or refuse re-measurements; return these, a line for each refused and each missing."""
    planned = {job.repeat.record: job for s in shards for job in s.jobs if job.repeat is not None}
    accepted: dict[str, Recheck] = {}
    refused: list[str] = []
    for entry in sorted(rechecks, key=lambda e: e.file):
        recheck = entry.recheck
        reason = why_recheck_refused(recheck, originals, commits, latest)
        if reason is None and recheck.repeats not in planned:
            reason = "no shard planned it"
        if reason is None:
            accepted[recheck.run_id] = recheck
        else:
            refused.append(f"{entry.file}: {reason}; it is left out")
    done = {recheck.repeats for recheck in accepted.values()}
    missing = sorted(f"{job}: no record" for run, job in planned.items() if run not in done)
    return list(accepted.values()), refused, missing


def why_not_merged(parts: Sequence[Result]) -> str | None:
    """Return why parts cannot become one record, or None: their software must be the same."""
    first = parts[0].environment
    for part in parts[1:]:
        for name in ("packages", "dtype", "device"):
            if getattr(first, name) != getattr(part.environment, name):
                return f"parts differ in {name}; measure them again with the same software"
    return None
