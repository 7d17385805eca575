"""Jobs that are missing or stale, retries of failed ones, and the sentinel's repetitions.

The sentinel is one model on one text. It is due beside other jobs, so that whatever a cycle adds
to the board has a control measured with the same software, and by itself when the software has
changed since its newest record. Both follow from runs/, results/ and this machine, never from the
clock: with nothing else to do and unchanged software, the same bits through the same programs
would tell nothing new. The processor is no reason, since the machine that plans is not the one
that measures; it is shown beside the readings.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from compression_leaderboard.records.base import Record, hash_content
from compression_leaderboard.records.corpora import Corpus, PreferenceSet
from compression_leaderboard.records.models import Checkpoint, Model, Suite, Task
from compression_leaderboard.records.plane import Preference
from compression_leaderboard.records.rechecks import Sample
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
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs

Entry = TypeVar("Entry", bound=StoredResult)


@dataclass(frozen=True)
class Machine:
    """What a run may use. None and an empty mapping: not known."""

    device: str = "cpu"
    memory_bytes: int | None = None
    packages: Mapping[str, str] = field(default_factory=dict)  # name → version, as installed


@dataclass(frozen=True)
class Job:
    """One suite or corpus to measure for one revision of one model, and why.

    For the classical compressors, every corpus is due.
    """

    model: Model | Compressors
    checkpoint: Checkpoint  # of a model without checkpoints: its final weights
    kind: Kind
    name: str
    why: str  # "missing", "stale: …", "failed before: …" or "asked for"
    blocked: str | None = None  # why it cannot run; None when it can
    asked: str | None = None  # hash of its weights and spec, see hash_asked
    replaces: str | None = None  # run id of the record that counts until this job is done
    part: Part | None = None  # None: all of it
    sample: Sample | None = None  # of a record that is measured again

    @property
    def key(self) -> JobKey:
        return (self.model.id, self.checkpoint.revision, self.kind, self.name)


def plan_jobs(
    specs: Specs,
    stored: Iterable[StoredResult],
    again: bool = False,
    machine: Machine | None = None,
) -> list[Job]:
    """List every job without a valid record under today's protocol (`again`: every job).

    A job that failed before is blocked until its reason's policy lets it run.
    """
    stored, machine = list(stored), machine or Machine()
    latest = latest_results(stored)
    tried = (entry.result for entry in stored)
    failures = newest(r for r in tried if r.error and r.retracted is None and r.part is None)
    jobs = []
    for job in _wanted(specs):
        known = latest[job.key].result if job.key in latest else None
        spec = specs.find(job.kind, job.name)
        assert spec is not None  # reading reports names without a file
        asked = hash_asked(job.model, spec)
        why, blocked = why_due(known, spec), None
        if not isinstance(spec, Corpus) and spec.unpinned:
            blocked = f"unpinned: {', '.join(spec.unpinned)}; run `leaderboard plan --pin`"
        failed = failures.get(job.key)
        if failed and failed.error and why and _is_newer(failed, known):
            why = f"failed before: {failed.error.reason}"
            blocked = blocked or _why_wait(failed, failed.error.reason, asked, machine, again)
        if why or again:
            replaces = known.run_id if known else None
            why = why or job.why
            jobs.append(replace(job, why=why, blocked=blocked, asked=asked, replaces=replaces))
    return jobs


def _wanted(specs: Specs) -> Iterator[Job]:
    """Yield every job that the specs ask for."""
    for model in specs.models.values():
        for checkpoint in model.revisions():
            for name in model.suites:
                yield Job(model, checkpoint, "suite", name, "asked for")
            for name in model.corpora:
                yield Job(model, checkpoint, "corpus", name, "asked for")
    for name in specs.corpora:
        yield Job(CLASSICAL, CLASSICAL.revisions()[0], "corpus", name, "asked for")


def hash_asked(model: Model | Compressors, spec: Record) -> str:
    """Hash what a job depends on, to 12 hex: the weights, and the suite or corpus."""
    weights = model.weights.model_dump(mode="json") if isinstance(model, Model) else model.revision
    return hash_content([weights, spec.model_dump(mode="json")])[:12]


def why_due(known: Result | None, spec: Suite | Corpus | PreferenceSet) -> str | None:
    """Say why a job is due, or None when its record is of today's suite or protocol."""
    if known is None:
        return "missing"
    if known.is_history:
        return f"stale: measured under the rules of format {known.format}"
    if isinstance(spec, Suite):
        asked = [result.task for result in known.tasks]
        same = len(asked) == len(spec.tasks) and all(map(_is_same_task, asked, spec.tasks))
        return None if same else "stale: the suite's tasks changed"
    if isinstance(spec, PreferenceSet):
        return why_pairs(known.preference, spec)
    today, text = CorpusText.of(spec), known.text
    if text is None or text.sha256 != today.sha256:
        return "stale: the corpus text changed"
    if known.model == CLASSICAL.id:  # compressors know documents, not windows or positions
        same = text.protocol.selection == spec.protocol.selection
    else:
        same = text == today
    return None if same else "stale: the protocol changed"


def _is_same_task(asked: Task, today: Task) -> bool:
    """Compare two tasks. Records before `definition` do not say what files they ran."""
    if asked.definition is None:
        today = today.model_copy(update={"definition": None})
    return asked == today


def why_pairs(known: Preference | None, spec: PreferenceSet) -> str | None:
    """Say why pairs are to be measured again; None for those of today's source and protocol.

    A dataset of the Hub without a hash is known by its commit.
    """
    if known is None or known.revision != (spec.source.revision or None):
        return "stale: the pairs changed"
    if spec.sha256 is not None and known.sha256 != spec.sha256:
        return "stale: the pairs changed"
    return None if known.protocol == spec.protocol else "stale: the protocol changed"


def _is_newer(failure: Result, known: Result | None) -> bool:
    return known is None or failure.replaces == known.run_id or failure.recency > known.recency


def _why_wait(failed: Result, reason: str, asked: str, machine: Machine, again: bool) -> str | None:
    """Say why a failed job is not run now, or None when it is tried again."""
    policy = retry_of(reason)
    if policy == "never":
        return "never run again; pin another revision"
    if again or policy in ("now", "next_run") or asked != failed.asked:
        return None
    if policy == "larger_machine":
        needed, here = failed.environment.memory_bytes, machine.memory_bytes
        if needed is None or (here is not None and here > needed):
            return None
        return f"waits for a machine with more than {needed / 1e9:.1f} GB of memory"
    if software_changes(failed.environment.packages, machine.packages):
        return None
    return "nothing has changed since; fix it, or run `leaderboard measure --again`"


def software_changes(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Describe packages whose version changed; those not installed now are left out."""
    changed = {name: version for name, version in then.items() if now.get(name, version) != version}
    return [f"{name} {version} → {now[name]}" for name, version in sorted(changed.items())]


def latest_results(stored: Iterable[Entry]) -> dict[JobKey, Entry]:
    """Return for each job the record that counts: the latest valid one; older ones are history.

    A record is later than the one that it replaces, whatever their clocks say. The clock decides
    only between records of two machines that know nothing of each other.
    """
    stored = list(stored)
    replaced = _replaced(stored)
    latest: dict[JobKey, Entry] = {}
    for entry in stored:
        result = entry.result
        if entry.counts and not (replaced and result.run_id in replaced):
            before = latest.get(result.key)
            if before is None or result.recency > before.result.recency:
                latest[result.key] = entry
    return latest


def _replaced(stored: Iterable[StoredResult]) -> set[str]:
    """Collect the run ids that a valid record replaces, directly or through others."""
    stored = list(stored)
    if all(entry.result.replaces is None for entry in stored):
        return set()  # spares the hash of every record
    before = {entry.result.run_id: entry.result.replaces for entry in stored}
    replaced: set[str] = set()
    for entry in stored:
        older = entry.result.replaces if entry.counts else None
        while older is not None and older not in replaced:
            replaced.add(older)
            older = before.get(older)
    return replaced


def newest(results: Iterable[Result]) -> dict[JobKey, Result]:
    """Return the newest record of each job."""
    latest: dict[JobKey, Result] = {}
    for result in results:
        if result.key not in latest or result.recency > latest[result.key].recency:
            latest[result.key] = result
    return latest


def plan_sentinel(
    specs: Specs, stored: Iterable[StoredResult], machine: Machine, beside: bool
) -> Job | None:
    """Return the sentinel's job when it is due for being the sentinel, else None.

    beside: whether other jobs will be measured. Without a record of today's protocol the job is
    due like any other, and None here.
    """
    sentinel, stored = specs.sentinel, list(stored)
    if sentinel is None:
        return None
    model = specs.models[sentinel.model]
    key: JobKey = (model.id, model.weights.revision, "corpus", sentinel.corpus)
    known = latest_results(stored).get(key)
    jobs = plan_jobs(specs, stored, again=True, machine=machine)
    job = next(job for job in jobs if job.key == key)
    if known is None or job.why != "asked for":  # due without being the sentinel
        return None
    if changes := software_changes(known.result.environment.packages, machine.packages):
        return replace(job, why=f"sentinel: {', '.join(changes)}")
    return replace(job, why="sentinel: beside the others") if beside else None
