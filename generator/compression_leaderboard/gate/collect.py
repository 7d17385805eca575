"""Records that shards bring: verified against the specs, merged, accepted or refused.

That it is well formed, finite and in the file of its own hash has been seen when it was read.

The outcome depends on the set of records alone, not on their order or on how often they come.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from compression_leaderboard.plan import JobKey, result_key, why_due
from compression_leaderboard.records.jobs import Shard, ShardJob
from compression_leaderboard.records.results import (
    CLASSICAL,
    Lossless,
    Part,
    Response,
    Result,
    TaskResult,
)
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs

TOLERANCE = 1e-9  # relative, of sums that are taken anew


def why_refused(result: Result, specs: Specs) -> str | None:
    """Why a record may not stand among the measured ones, or None."""
    if wrong := _why_not_planned(result, specs):
        return wrong
    if result.error is not None:
        return None
    spec = (
        specs.suites.get(result.name)
        if result.kind == "suite"
        else specs.preferences.get(result.name) or specs.corpora[result.name]
    )
    assert spec is not None  # it is planned, so the spec is there
    if stale := why_due(result, spec):
        return f"was measured for another spec ({stale.removeprefix('stale: ')})"
    if result.lossless is not None:
        documents = specs.corpora[result.name].protocol.documents
        return _why_wrong_bits(result.lossless, documents)
    wrongs = (_why_wrong_task(task, result.part is not None) for task in result.tasks)
    return next((wrong for wrong in wrongs if wrong), None)


def _why_not_planned(result: Result, specs: Specs) -> str | None:
    if result.model == CLASSICAL.id:
        known, revisions = list(specs.corpora), [CLASSICAL.revision]
    elif (model := specs.models.get(result.model)) is not None:
        known = list(model.suites if result.kind == "suite" else model.corpora)
        revisions = [checkpoint.revision for checkpoint in model.revisions()]
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
    size = sum(document.bytes for document in lossless.documents)
    if not math.isclose(total / size, lossless.bits_per_byte, rel_tol=TOLERANCE):
        return f"says {lossless.bits_per_byte} bits per byte, its documents say {total / size}"
    return None


def _why_wrong_task(task: TaskResult, is_part: bool) -> str | None:
    name = task.task.task
    leaves = [(s.name, s.scores, s.responses) for s in task.subtasks]
    leaves = leaves or [(name, task.scores, task.responses)]
    for leaf, scores, responses in leaves:
        if wrong := _why_wrong_items(responses):
            return f"{leaf}: {wrong}"
        for score in scores if responses else ():
            if score.n != len(responses):
                return f"{leaf}: scores {score.n} items, holds {len(responses)}"
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
        return "holds an item twice"
    if any(value > 0 for response in responses for value in response.log_likelihoods):
        return "has a log-likelihood above 0"
    return None


PartKey = tuple[JobKey, int]  # the job, and how many parts it was cut into


@dataclass(frozen=True)
class Collected:
    """Records by what becomes of them."""

    whole: list[Result] = field(default_factory=list)  # failures of whole jobs as well
    complete: dict[PartKey, list[Result]] = field(default_factory=dict)  # parts in order
    refused: list[str] = field(default_factory=list)  # one line each
    missing: list[str] = field(default_factory=list)  # planned, with no record that counts


def sort_records(
    stored: Sequence[StoredResult], shards: Iterable[Shard], specs: Specs
) -> Collected:
    """Take, put together, refuse. shards: what was planned; a record of nothing else is taken."""
    planned = {(job.key, job.part): job for shard in shards for job in shard.jobs}
    whole: dict[str, Result] = {}
    parts: dict[PartKey, dict[int, Result]] = defaultdict(dict)
    done: set[tuple[JobKey, Part | None]] = set()
    refused = []
    for entry in sorted(stored, key=lambda e: e.file):
        result, place = entry.result, (result_key(entry.result), entry.result.part)
        wrong = why_refused(result, specs)
        if wrong is None and place not in planned:
            wrong = "no shard was asked for it"
        if wrong is not None:
            refused.append(f"{entry.file}: {wrong}; it is left out")
            continue
        if result.error is None:
            done.add(place)
        if result.part is None:
            whole[result.run_id] = result
        elif result.error is None:
            known = parts[place[0], result.part.of].get(result.part.number)
            if known is None or _age(result) > _age(known):
                parts[place[0], result.part.of][result.part.number] = result
    complete = {key: [found[k] for k in sorted(found)] for key, found in parts.items()}
    return Collected(
        whole=[whole[run_id] for run_id in sorted(whole)],
        complete={key: found for key, found in complete.items() if len(found) == key[1]},
        refused=refused,
        missing=_missing(planned, done, stored),
    )


def _age(result: Result) -> tuple[str, str]:
    return (result.started.isoformat(), result.run_id)


def _missing(
    planned: Mapping[tuple[JobKey, Part | None], ShardJob],
    done: set[tuple[JobKey, Part | None]],
    stored: Sequence[StoredResult],
) -> list[str]:
    failed = {
        (result_key(entry.result), entry.result.part): entry.result.error.reason
        for entry in stored
        if entry.result.error is not None
    }
    lines = []
    for place, job in planned.items():
        if place not in done:
            why = f"failed ({failed[place]})" if place in failed else "no record"
            lines.append(f"{job}: {why}")
    return sorted(lines)


def why_not_merged(parts: Sequence[Result]) -> str | None:
    """Why parts cannot become one record: they were not measured with the same software."""
    first = parts[0].environment
    for part in parts[1:]:
        for name in ("packages", "dtype", "device"):
            here, there = getattr(first, name), getattr(part.environment, name)
            if here != there:
                return f"parts differ in {name}; measure them again with the same software"
    return None
