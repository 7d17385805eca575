"""What shards brought: records that are taken, parts that are complete, what is refused or missing.

The outcome depends on the set of records alone, not on their order or on how often they come.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from generator.files.results import StoredResult
from generator.files.specs import Specs
from generator.intake.verify import why_refused
from generator.plan import JobKey, result_key
from generator.records.results import Part, Result
from generator.records.shards import Shard, ShardJob

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


def unlike(parts: Sequence[Result]) -> str | None:
    """Why parts cannot become one record: they were not measured with the same software."""
    first = parts[0].environment
    for part in parts[1:]:
        for name in ("packages", "dtype", "device"):
            here, there = getattr(first, name), getattr(part.environment, name)
            if here != there:
                return f"parts differ in {name}; measure them again with the same software"
    return None
