"""Jobs that are missing or stale, retries of failed ones, and the sentinel's repetitions.

The sentinel is one model on one text. It is due beside other jobs, so that whatever a cycle adds
to the board has a control that was measured with the same software, and by itself when the
software has changed since its newest record. Both follow from runs/, results/ and this machine,
never from the clock: a cycle that finds nothing else to do, with the software of the last one,
leaves it alone, since the same bits through the same programs tell nothing new. The kind of
processor is no reason: the machine that plans is not the one that measures. It is shown beside
the readings all the same.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from compression_leaderboard.records.base import Record, hash_content
from compression_leaderboard.records.corpora import Corpus, PreferenceSet, Protocol
from compression_leaderboard.records.models import Checkpoint, Model
from compression_leaderboard.records.plane import Preference
from compression_leaderboard.records.results import (
    CLASSICAL,
    Compressors,
    CorpusText,
    JobKey,
    Kind,
    Part,
    Result,
    retry_of,
)
from compression_leaderboard.records.suites import Suite
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs


@dataclass(frozen=True)
class Machine:
    """What a run may use. None and an empty mapping: not known."""

    device: str = "cpu"
    memory_bytes: int | None = None
    packages: Mapping[str, str] = field(default_factory=dict)  # name → version, as installed


def hash_asked(model: Model | Compressors, spec: Record) -> str:
    """First 12 hex of a hash over what a job is told: the weights, and the suite or corpus."""
    weights = model.weights.model_dump(mode="json") if isinstance(model, Model) else model.revision
    content: Any = [weights, spec.model_dump(mode="json")]
    return hash_content(content)[:12]


def why_wait(failed: Result, asked: str, machine: Machine, again: bool) -> str | None:
    """Why a failed job is not run now, or None when it is tried again."""
    assert failed.error is not None  # the caller has a record of a failure
    policy = retry_of(failed.error.reason)
    if policy == "never":
        return "never run again; pin another revision"
    if again or policy in ("now", "next_run") or asked != failed.asked:
        return None
    if policy == "larger_machine":
        return _why_too_small(failed.environment.memory_bytes, machine.memory_bytes)
    if software_changes(failed.environment.packages, machine.packages):
        return None
    return "nothing has changed since; repair it, or run `leaderboard measure --again`"


def _why_too_small(needed: int | None, here: int | None) -> str | None:
    if needed is None or (here is not None and here > needed):
        return None
    return f"waits for a machine with more than {needed / 1e9:.1f} GB of memory"


def software_changes(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Packages of another version now, in words. One that is not installed says nothing."""
    changed = {name: version for name, version in then.items() if now.get(name, version) != version}
    return [f"{name} {version} → {now[name]}" for name, version in sorted(changed.items())]


@dataclass(frozen=True)
class Job:
    """One suite or corpus to measure for one revision of one model, and why.

    The classical compressors stand in a model's place: every corpus is due for them.
    """

    model: Model | Compressors
    checkpoint: Checkpoint  # of a model without checkpoints: its final weights
    kind: Kind
    name: str
    why: str  # "missing", "stale: …", "failed before: …" or "asked for"
    blocked: str | None = None  # why it cannot run; None when it can
    asked: str | None = None  # hash of what it is told, see hash_asked
    replaces: str | None = None  # run id of the record that counts until this job is done
    part: Part | None = None  # None: all of it

    @property
    def key(self) -> JobKey:
        return (self.model.id, self.checkpoint.revision, self.kind, self.name)


def latest_results(stored: Iterable[StoredResult]) -> dict[JobKey, StoredResult]:
    """For each job the record that counts: the latest valid one; older ones are history.

    A record is later than the one that it replaces, whatever their clocks say. Only between
    records that know nothing of each other, of two machines, does the clock decide.
    """
    stored = list(stored)
    replaced = _replaced(entry.result for entry in stored)
    latest: dict[JobKey, StoredResult] = {}
    for entry in stored:
        if entry.result.counts and not (replaced and entry.result.run_id in replaced):
            key = entry.result.key
            if key not in latest or entry.result.recency > latest[key].result.recency:
                latest[key] = entry
    return latest


def _replaced(results: Iterable[Result]) -> set[str]:
    """Run ids of all records that a valid one replaces, directly or by way of others."""
    results = list(results)
    if all(result.replaces is None for result in results):
        return set()  # spares the hash of every record
    before = {result.run_id: result.replaces for result in results}
    gone: set[str] = set()
    for result in results:
        older = result.replaces if result.counts else None
        while older is not None and older not in gone:
            gone.add(older)
            older = before.get(older)
    return gone


def plan_jobs(
    specs: Specs,
    stored: Iterable[StoredResult],
    again: bool = False,
    machine: Machine | None = None,
) -> list[Job]:
    """Every job without a valid record under today's protocol (`again`: every job there is).

    A job that failed before is blocked until its reason's policy lets it run.
    """
    stored = list(stored)
    latest = latest_results(stored)
    failed = _latest_failures(stored)
    machine = machine or Machine()
    jobs = []
    subjects: list[Model | Compressors] = [*specs.models.values(), CLASSICAL]
    for model in subjects:
        for checkpoint in model.revisions():
            for kind, name in _wanted(model, specs):
                key = (model.id, checkpoint.revision, kind, name)
                known = latest[key].result if key in latest else None
                spec = _spec(specs, kind, name)
                asked = hash_asked(model, spec)
                why, blocked = why_due(known, spec), _blocked(spec)
                failure = failed.get(key)
                if failure and failure.error and why and _is_newer(failure, known):
                    why = f"failed before: {failure.error.reason}"
                    blocked = blocked or why_wait(failure, asked, machine, again)
                if again and why is None:
                    why = "asked for"
                if why is not None:
                    replaces = known.run_id if known else None
                    jobs.append(Job(model, checkpoint, kind, name, why, blocked, asked, replaces))
    return jobs


def _latest_failures(stored: Iterable[StoredResult]) -> dict[JobKey, Result]:
    results = (entry.result for entry in stored)
    return newest(r for r in results if r.error and r.retracted is None and r.part is None)


def newest(results: Iterable[Result]) -> dict[JobKey, Result]:
    """The newest record of each job."""
    found: dict[JobKey, Result] = {}
    for result in results:
        key = result.key
        if key not in found or result.recency > found[key].recency:
            found[key] = result
    return found


def _is_newer(failure: Result, known: Result | None) -> bool:
    return known is None or failure.replaces == known.run_id or failure.recency > known.recency


def _wanted(model: Model | Compressors, specs: Specs) -> list[tuple[Kind, str]]:
    if isinstance(model, Compressors):
        return [("corpus", name) for name in specs.corpora]
    suites: list[tuple[Kind, str]] = [("suite", name) for name in model.suites]
    return suites + [("corpus", name) for name in model.corpora]


def _spec(specs: Specs, kind: Kind, name: str) -> Suite | Corpus | PreferenceSet:
    if kind == "suite":
        return specs.suites[name]
    return specs.preferences.get(name) or specs.corpora[name]


def _blocked(spec: Suite | Corpus | PreferenceSet) -> str | None:
    if not isinstance(spec, Corpus) and spec.unpinned:
        return f"unpinned datasets: {', '.join(spec.unpinned)}; run `leaderboard plan --pin`"
    return None


def why_due(known: Result | None, spec: Suite | Corpus | PreferenceSet) -> str | None:
    """Why a job is due, or None when its record is of today's suite or protocol."""
    if known is None:
        return "missing"
    if isinstance(spec, Suite):
        asked = tuple(result.task for result in known.tasks)
        return None if asked == spec.tasks else "stale: the suite's tasks changed"
    if isinstance(spec, PreferenceSet):
        return why_pairs(known.preference, spec)
    today = CorpusText.of(spec)
    if known.text is None or known.text.sha256 != today.sha256:
        return "stale: the corpus text changed"
    if known.model == CLASSICAL.id:  # compressors know documents, not windows or positions
        same = _documents(known.text.protocol) == _documents(spec.protocol)
    else:
        same = known.text == today
    return None if same else "stale: the protocol changed"


def _documents(protocol: Protocol) -> tuple[int, int]:
    return protocol.documents, protocol.document_bytes


def why_pairs(known: Preference | None, spec: PreferenceSet) -> str | None:
    """Why pairs are to be measured again; None for those of today's source and protocol.

    A dataset of the Hub without a hash is known by its commit.
    """
    if known is None or known.revision != (spec.source.revision or None):
        return "stale: the pairs changed"
    if spec.sha256 is not None and known.sha256 != spec.sha256:
        return "stale: the pairs changed"
    return None if known.protocol == spec.protocol else "stale: the protocol changed"


def plan_sentinel(
    specs: Specs, stored: Iterable[StoredResult], machine: Machine, beside: bool
) -> Job | None:
    """The sentinel's job where it is due for being the sentinel; None where it is not.

    beside: whether other jobs will be measured. Without a record of today's protocol the job is
    due like any other, and None here.
    """
    sentinel, stored = specs.sentinel, list(stored)
    if sentinel is None:
        return None
    model = specs.models[sentinel.model]
    key: JobKey = (model.id, model.weights.revision, "corpus", sentinel.corpus)
    known = latest_results(stored).get(key)
    if known is None:
        return None
    jobs = plan_jobs(specs, stored, again=True, machine=machine)
    job = next(job for job in jobs if job.key == key)
    if job.why != "asked for":  # due without being the sentinel
        return None
    changed = software_changes(known.result.environment.packages, machine.packages)
    if not changed and not beside:
        return None
    why = f"sentinel: {', '.join(changed)}" if changed else "sentinel: beside the others"
    return replace(job, why=why)
