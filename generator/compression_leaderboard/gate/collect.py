"""Verify the records of shards against the specs, and sort them for merging.

Reading has already checked that a record is well formed, finite and in the file of its hash. The
outcome depends on the set of records alone, not on their order or number of copies.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from compression_leaderboard.plan.jobs import why_due
from compression_leaderboard.records.results import (
    CLASSICAL,
    JobKey,
    Lossless,
    Part,
    Response,
    Result,
    Shard,
    ShardJob,
    TaskResult,
)
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs
from compression_leaderboard.wording import counted

TOLERANCE = 1e-9  # relative, of sums that are computed again

PartKey = tuple[JobKey, int]  # the job, and into how many parts it was cut
Place = tuple[JobKey, Part | None]


def why_refused(result: Result, specs: Specs) -> str | None:
    """Why a record is not accepted as measured, or None."""
    if reason := _why_not_planned(result, specs):
        return reason
    if result.error is not None:
        return None
    spec = specs.find(result.kind, result.name)
    if spec is not None and (stale := why_due(result, spec)):
        return f"was measured for another spec ({stale.removeprefix('stale: ')})"
    if result.lossless is not None:
        documents = specs.corpora[result.name].protocol.documents
        return _why_wrong_bits(result.lossless, documents)
    reasons = (_why_wrong_task(task, result.part is not None) for task in result.tasks)
    return next(filter(None, reasons), None)


def _why_not_planned(result: Result, specs: Specs) -> str | None:
    if result.model == CLASSICAL.id:
        known, revisions = list(specs.corpora), {CLASSICAL.revision}
    elif (model := specs.models.get(result.model)) is not None:
        known = list(model.suites if result.kind == "suite" else model.corpora)
        revisions = model.revision_ids
    else:
        return f'model "{result.model}" is not in runs/models'
    if result.revision not in revisions:
        return f"revision {result.revision} is not in the model's file"
    if result.kind == "proof" or result.name not in known:
        return f"the model's file does not ask for {result.kind} {result.name}"
    return None


def _why_wrong_bits(lossless: Lossless, documents: int) -> str | None:
    if len(lossless.documents) != documents:
        return f"has {len(lossless.documents)} documents, the protocol {documents}"
    if any(document.bits < 0 for document in lossless.documents):
        return "has a document of fewer than 0 bits"
    total = math.fsum(document.bits for document in lossless.documents)
    rate = total / lossless.bytes
    if not math.isclose(rate, lossless.bits_per_byte, rel_tol=TOLERANCE):
        return f"has {lossless.bits_per_byte} bits per byte, its documents {rate}"
    return None


def _why_wrong_task(task: TaskResult, is_part: bool) -> str | None:
    name = task.task.task
    leaves = [(s.name, s.scores, s.responses) for s in task.subtasks]
    for leaf, scores, responses in leaves or [(name, task.scores, task.responses)]:
        if reason := _why_wrong_items(responses):
            return f"{leaf}: {reason}"
        for score in scores if responses else ():
            if score.n != len(responses):
                return f"{leaf}: scores {counted(score.n, 'item')}, has {len(responses)}"
    if is_part:
        return None
    if all(score.metric != task.task.metric for score in task.scores):
        return f"{name}: has no {task.task.metric}"
    if any(score.stderr is not None and score.stderr < 0 for score in task.scores):
        return f"{name}: has a standard error below 0"
    return None


def _why_wrong_items(responses: tuple[Response, ...]) -> str | None:
    items = [response.item for response in responses]
    if len(set(items)) != len(items):
        return "has an item twice"
    if any(value > 0 for response in responses for value in response.log_likelihoods):
        return "has a log-likelihood above 0"
    return None


@dataclass(frozen=True)
class Collected:
    """Records by their outcome."""

    whole: list[Result] = field(default_factory=list)  # failures of whole jobs as well
    complete: dict[PartKey, list[Result]] = field(default_factory=dict)  # parts in order
    refused: list[str] = field(default_factory=list)  # one line each
    missing: list[str] = field(default_factory=list)  # planned, with no record that counts


def sort_records(
    stored: Sequence[StoredResult], shards: Iterable[Shard], specs: Specs
) -> Collected:
    """Accept or refuse records, and put the parts of a job together. shards: the plan."""
    planned = {(job.key, job.part): job for shard in shards for job in shard.jobs}
    whole: dict[str, Result] = {}
    parts: dict[PartKey, dict[int, Result]] = defaultdict(dict)
    done: set[Place] = set()
    refused = []
    for entry in sorted(stored, key=lambda e: e.file):
        result, place = entry.result, (entry.result.key, entry.result.part)
        reason = why_refused(result, specs)
        if reason is None and place not in planned:
            reason = "no shard planned it"
        if reason is not None:
            refused.append(f"{entry.file}: {reason}; it is left out")
            continue
        if result.error is None:
            done.add(place)
        if result.part is None:
            whole[result.run_id] = result
        elif result.error is None:
            numbered = parts[place[0], result.part.of]
            newest = max(numbered.get(result.part.number, result), result, key=lambda r: r.recency)
            numbered[result.part.number] = newest
    return Collected(
        whole=[whole[run_id] for run_id in sorted(whole)],
        complete={
            key: [numbered[k] for k in sorted(numbered)]
            for key, numbered in parts.items()
            if len(numbered) == key[1]
        },
        refused=refused,
        missing=_missing(planned, done, stored),
    )


def _missing(
    planned: Mapping[Place, ShardJob], done: set[Place], stored: Sequence[StoredResult]
) -> list[str]:
    failed = {
        (entry.result.key, entry.result.part): f"failed ({entry.result.error.reason})"
        for entry in stored
        if entry.result.error is not None
    }
    return sorted(
        f"{job}: {failed.get(place, 'no record')}"
        for place, job in planned.items()
        if place not in done
    )


def why_not_merged(parts: Sequence[Result]) -> str | None:
    """Why parts cannot become one record, or None: their software must be the same."""
    first = parts[0].environment
    for part in parts[1:]:
        for name in ("packages", "dtype", "device"):
            here, there = getattr(first, name), getattr(part.environment, name)
            if here != there:
                return f"parts differ in {name}; measure them again with the same software"
    return None
